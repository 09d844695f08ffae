r"""KL divergence of N(mu, sigma^2) from N(0, 1): the three integrals and the result.

    KL(N(mu, sigma^2) || N(0, 1)) = (mu^2 + sigma^2 - log sigma^2 - 1) / 2

(Kingma & Welling 2013, arXiv 1312.6114, appendix B; it is L_T of DDPM, arXiv 2006.11239, eq. (5),
per dimension.)
"""

from __future__ import annotations

from sympy import Eq, Expr, Rational, log

from derivations.claim import Checks, claim, refutes
from derivations.kl.kl import divergence_of_normals, excess, x
from derivations.kl.kl_standard import POINTS, POSITIVE, SOURCES, integral_under_p, mu, sigma
from derivations.kl.kl_standard_steps import BRACKET
from derivations.prover.balls import encloses
from derivations.prover.counterexample import differs
from derivations.prover.execution import token
from derivations.prover.gaussian_forms import expectation
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import real


def kl_standard(mean: Expr, variance: Expr) -> Expr:
    """KL(N(mean, variance) || N(0, 1)) in nats."""
    return (mean**2 + variance - log(variance) - 1) / 2


STEPS = ("kl.standard.abbreviation", "moments.stein")
VALUES = (-log(sigma**2), mu**2 + sigma**2, -1)


def under_p(integrand: Expr) -> Expr:
    """E_p[integrand] by Stein's recursion."""
    return expectation(integrand, x, mu, sigma**2)


@claim(
    "kl.standard.split",
    lines="90",
    verdict="holds",
    title="The integral splits into three",
    statement=r"$\int p\,[-\log\sigma^2+x^2-(x-\mu)^2/\sigma^2]\,dx$ is the sum of the integrals "
    r"of the three summands; each is finite, since all moments of a normal law are.",
    **POSITIVE,
    depends_on=STEPS,
)
def split() -> Checks:
    parts = (-log(sigma**2), x**2, -((x - mu) ** 2) / sigma**2)
    yield identity(
        "the three expectations add up to that of the bracket",
        under_p(BRACKET), sum(map(under_p, parts)), given=(sigma > 0,),
        wrong={"third with the wrong sign": under_p(parts[0]) + under_p(parts[1])
               - under_p(parts[2]), "two of them": under_p(parts[0]) + under_p(parts[1])},
    )
    yield encloses(
        "the three integrals, each enclosed, against the integral of the whole",
        lambda point: sum((integral_under_p(part)(point) for part in parts[1:]),
                          integral_under_p(parts[0])(point)),
        sum(VALUES), points=POINTS, wrong={"half of it": sum(VALUES) / 2},
    )


@claim(
    "kl.standard.first-integral",
    lines="90",
    verdict="holds",
    title="First integral: a constant times the total mass",
    statement=r"$\int p(x)\,(-\log\sigma^2)\,dx=-\log\sigma^2\int p(x)\,dx=-\log\sigma^2$.",
    **POSITIVE,
    depends_on=STEPS,
)
def first_integral() -> Checks:
    first = VALUES[0]
    yield encloses(
        "the integral", integral_under_p(first), first, points=POINTS,
        wrong={"log of sigma": first / 2, "sign": -first},
    )
    yield identity(
        "what a constant leaves when its mean is taken", under_p(first), -2 * log(sigma),
        given=(sigma > 0,), wrong={"one logarithm of sigma": -log(sigma)},
    )


@claim(
    "kl.standard.second-integral",
    lines="90",
    verdict="holds",
    title="Second integral: the second moment about 0",
    statement=r"$\int p(x)\,x^2\,dx=\mu^2+\sigma^2$.",
    **POSITIVE,
    sources=SOURCES,
    depends_on=(*STEPS, "moments.normal-second"),
)
def second_integral() -> Checks:
    value = mu**2 + sigma**2
    wrong = {"about the mean": sigma**2, "sd for variance": mu**2 + sigma,
             "square of the mean": mu**2}
    yield identity("by Stein's recursion", under_p(x**2), value, wrong=wrong)
    yield encloses("the integral", integral_under_p(x**2), value, points=POINTS, wrong=wrong)


@claim(
    "kl.standard.third-integral",
    lines="90",
    verdict="holds",
    title="Third integral: minus one",
    statement=r"$-\int p(x)\,\frac{(x-\mu)^2}{\sigma^2}\,dx=-\frac{\sigma^2}{\sigma^2}=-1$.",
    **POSITIVE,
    sources=SOURCES,
    depends_on=STEPS,
)
def third_integral() -> Checks:
    third = -((x - mu) ** 2) / sigma**2
    yield identity(
        "by Stein's recursion", under_p(third), -1, given=(sigma > 0,),
        wrong={"minus the variance": -(sigma**2), "minus sd over variance": -1 / sigma},
    )
    yield encloses("the integral", integral_under_p(third), -1, points=POINTS,
                   wrong={"plus one": 1})


@claim(
    "kl.standard.second-moment-unproved",
    lines="90",
    verdict="incomplete",
    severity="cosmetic",
    title="The second moment is called well known",
    statement=r"The value $\mu^2+\sigma^2$ is given as familiar, without proof and without the "
    r"point it is taken about: it is the moment about 0; about the mean it is $\sigma^2$.",
    supplied_by=("kl.standard.second-integral",),
)
def second_moment_unproved() -> Checks:
    yield from ()


@claim(
    "kl.standard.factor-half",
    lines="90",
    verdict="incomplete",
    severity="wrong-result",
    title="The common factor one half is left out of the three terms",
    statement=r"The whole result is said to consist of three integrals worth $-\log\sigma^2$, "
    r"$\mu^2+\sigma^2$ and $-1$. Their sum is twice the divergence: the factor $\tfrac12$ of "
    r"line 87 is not mentioned.",
    **POSITIVE,
    supplied_by=("kl.standard.closed-form",),
)
def factor_half() -> Checks:
    yield refutes(differs(
        "the sum of the three values is not the divergence",
        divergence_of_normals(mu, sigma, 0, 1), sum(VALUES), given=(sigma > 0,),
        wrong={"half their sum": sum(VALUES) / 2},
    ))


@claim(
    "kl.standard.result-missing",
    lines="90",
    verdict="incomplete",
    severity="misleading",
    title="The result is announced and missing",
    statement="After the three terms the line announces the total and ends with a colon; a new "
    "heading follows. The formula, which is the aim of the section, is not in the document.",
    supplied_by=("kl.standard.closed-form",),
)
def result_missing() -> Checks:
    yield from ()


@claim(
    "kl.standard.log-letters",
    lines="90",
    verdict="misprint",
    severity="cosmetic",
    title="log is set as a product of three letters",
    statement=r"Twice the logarithm is set in italic letters, as $l\cdot o\cdot g$.",
    correction=r"$-\log\sigma^2$",
)
def log_letters() -> Checks:
    yield refutes(token("italic letters", 90, "-log", r"-\log"))


@claim(
    "kl.standard.closed-form",
    lines="90",
    verdict="holds",
    title="KL divergence of a normal distribution from the standard normal (supplied)",
    statement=r"$\mathrm{KL}(\mathcal{N}(\mu,\sigma^2)\,\|\,\mathcal{N}(0,1))="
    r"\tfrac12\left(\mu^2+\sigma^2-\log\sigma^2-1\right)$ in nats: the formula that the line "
    r"announces.",
    **POSITIVE,
    sources=(*SOURCES, "arXiv 2006.11239, eq. (5), the term L_T"),
    code=("core.kl.kl_standard",),
    depends_on=("kl.standard.split", "kl.standard.first-integral", "kl.standard.second-integral",
                "kl.standard.third-integral"),
)
def closed_form() -> Checks:
    result = kl_standard(mu, sigma**2)
    wrong = {"no half": 2 * result, "log of sigma": result + log(sigma**2) / 4,
             "sd for variance": kl_standard(mu, sigma),
             "the reverse divergence": divergence_of_normals(0, 1, mu, sigma)}
    yield identity(
        "the mean of log p - log q under p",
        divergence_of_normals(mu, sigma, 0, 1), result, given=(sigma > 0,), wrong=wrong,
    )
    yield encloses(
        "half the integral of line 87", integral_under_p(BRACKET / 2), result,
        points=POINTS, wrong=wrong,
    )


@claim(
    "kl.standard.zero",
    lines="90",
    verdict="holds",
    title="The result vanishes only for the standard normal (supplied)",
    statement=r"$\tfrac12\left(\mu^2+\sigma^2-\log\sigma^2-1\right)\ge0$, and it is 0 only for "
    r"$\mu=0$, $\sigma=1$: it is $\tfrac12[f(\sigma^2)+\mu^2]$ with $f(r)=r-1-\log r\ge0$.",
    **POSITIVE,
    depends_on=("kl.standard.closed-form", "kl.log-bound"),
)
def zero() -> Checks:
    f = real("f")
    yield identity(
        "the two summands", kl_standard(mu, sigma**2), (excess(sigma**2) + mu**2) / 2,
        given=(sigma > 0,),
        wrong={"f of sigma": (excess(sigma) + mu**2) / 2,
               "f of 1/sigma^2": (excess(1 / sigma**2) + mu**2) / 2},
    )
    yield implies(
        "a sum of two non-negative summands is 0 only if both are, with f > 0 unless sigma^2 = 1",
        (f >= 0, Eq(f + mu**2, 0)), Eq(f, 0) & Eq(mu, 0), wrong={"mu may differ": mu > 0},
    )
    yield identity(
        "it is 0 for the standard normal", kl_standard(mu, sigma**2).subs({mu: 0, sigma: 1}), 0,
        wrong={"minus one half, without the constant": -Rational(1, 2)},
    )
