r"""KL divergence of two normal distributions: the result and what follows from it.

    KL(N(mu_1, sigma_1^2) || N(mu_2, sigma_2^2))
        = (log sigma_2^2 - log sigma_1^2 + (sigma_1^2 + (mu_1 - mu_2)^2) / sigma_2^2 - 1) / 2

For equal variances sigma^2 it is (mu_1 - mu_2)^2 / (2 sigma^2), from which DDPM, arXiv 2006.11239,
obtains eq. (8).
"""

from __future__ import annotations

from sympy import And, Eq, Expr, Rational, log

from derivations.claim import Checks, claim, refutes
from derivations.kl.kl import excess
from derivations.kl.kl_gaussian import GIVEN, POINTS, POSITIVE, mu_1, mu_2, sigma_1, sigma_2
from derivations.kl.kl_gaussian_steps import BRACKET, FORWARD, REVERSE, integral_under_first
from derivations.kl.kl_standard import mu, sigma
from derivations.kl.kl_standard_result import kl_standard
from derivations.prover.balls import encloses
from derivations.prover.counterexample import counterexample
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import real


def kl_gaussian(mean_1: Expr, variance_1: Expr, mean_2: Expr, variance_2: Expr) -> Expr:
    """KL(N(mean_1, variance_1) || N(mean_2, variance_2)) in nats."""
    return (
        log(variance_2) - log(variance_1)
        + (variance_1 + (mean_1 - mean_2) ** 2) / variance_2 - 1
    ) / 2


RESULT = kl_gaussian(mu_1, sigma_1**2, mu_2, sigma_2**2)
CLOSED = ("kl.gaussian.closed-form",)


@claim(
    "kl.gaussian.closed-form",
    lines="149",
    verdict="holds-if",
    severity="cosmetic",
    title="KL divergence of two normal distributions",
    statement=r"$\mathrm{KL}(\mathcal{N}(\mu_1,\sigma_1^2)\,\|\,\mathcal{N}(\mu_2,\sigma_2^2))="
    r"\tfrac12\left(\log\sigma_2^2-\log\sigma_1^2+\frac{\sigma_1^2+(\mu_1-\mu_2)^2}{\sigma_2^2}-1"
    r"\right)$ in nats if $\sigma_1,\sigma_2>0$, which the section does not say: with "
    r"$\sigma_1\to0$ it exceeds every bound.",
    **POSITIVE,
    correction=r"Add $\sigma_1>0$ and $\sigma_2>0$, and that $\log$ is the natural logarithm.",
    sources=("arXiv 1312.6114, appendix B (the case of a standard normal)",
             "arXiv 2006.11239, eq. (5), the terms L_{t-1}"),
    code=("core.kl.kl_gaussian",),
    depends_on=("kl.gaussian.split", "kl.gaussian.first-integral", "kl.gaussian.second-integral",
                "kl.gaussian.foreign-moment", "kl.gaussian.fourth-integral"),
)
def closed_form() -> Checks:
    wrong = {"no half": 2 * RESULT, "the reverse divergence": REVERSE,
             "divided by the first variance": RESULT + (sigma_1**2 + (mu_1 - mu_2) ** 2) * (
                 1 / sigma_1**2 - 1 / sigma_2**2) / 2,
             "sum of the means": kl_gaussian(mu_1, sigma_1**2, -mu_2, sigma_2**2)}
    yield identity("the mean of log p - log q under p", FORWARD, RESULT, given=GIVEN, wrong=wrong)
    yield encloses(
        "half the integral of line 141", integral_under_first(BRACKET / 2), RESULT,
        points=POINTS, wrong=wrong,
    )
    yield refutes(counterexample(
        "with sigma_1 = 0 a logarithm of 0 would be taken", And(sigma_1**2 > 0, sigma_2**2 > 0),
        at={sigma_1: 0, sigma_2: 1}, wrong={"a larger variance": sigma_1**2 + sigma_2**2 > 0},
    ))
    yield refutes(counterexample(
        "with sigma_1 = 2^-40 it is more than 20 nats, and no finite value fits sigma_1 = 0",
        RESULT <= 20, at={mu_1: 0, sigma_1: Rational(1, 2**40), mu_2: 0, sigma_2: 1},
        wrong={"a bound of 28 nats": RESULT <= 28},
    ))


@claim(
    "kl.gaussian.reduces-to-standard",
    lines="149",
    verdict="holds",
    title="With a standard normal as second argument the first result returns (supplied)",
    statement=r"For $\mu_2=0$, $\sigma_2=1$ the formula is "
    r"$\tfrac12(\mu^2+\sigma^2-\log\sigma^2-1)$.",
    assumptions=(sigma > 0,),
    witness={mu: 1, sigma: 2},
    depends_on=(*CLOSED, "kl.standard.closed-form"),
)
def reduces_to_standard() -> Checks:
    special = kl_gaussian(mu, sigma**2, 0, 1)
    yield identity(
        "substitution", special, kl_standard(mu, sigma**2), given=(sigma > 0,),
        wrong={"sd for variance": kl_standard(mu, sigma),
               "the standard normal first": kl_gaussian(0, 1, mu, sigma**2)},
    )
    yield encloses(
        "the integral of the general case with these parameters",
        lambda p: integral_under_first((BRACKET / 2).subs({mu_2: 0, sigma_2: 1}))(
            {mu_1: p[mu], sigma_1: p[sigma]}),
        kl_standard(mu, sigma**2), points=[{mu: 3, sigma: 100}, {mu: -1, sigma: Rational(1, 7)}],
        wrong={"no half": 2 * kl_standard(mu, sigma**2)},
    )


@claim(
    "kl.gaussian.nonnegative",
    lines="149",
    verdict="holds",
    title="The formula is not negative, and 0 only for equal distributions (supplied)",
    statement=r"The formula is $\tfrac12\left[f(r)+\frac{(\mu_1-\mu_2)^2}{\sigma_2^2}\right]$ with "
    r"$r=\sigma_1^2/\sigma_2^2$ and $f(r)=r-1-\log r\ge0$: it vanishes only for $r=1$ and "
    r"$\mu_1=\mu_2$.",
    **POSITIVE,
    depends_on=(*CLOSED, "kl.log-bound"),
)
def nonnegative() -> Checks:
    f = real("f")
    shift = (mu_1 - mu_2) ** 2 / sigma_2**2
    yield identity(
        "the two summands", RESULT, (excess(sigma_1**2 / sigma_2**2) + shift) / 2, given=GIVEN,
        wrong={"quotient inverted": (excess(sigma_2**2 / sigma_1**2) + shift) / 2,
               "quotient of the sds": (excess(sigma_1 / sigma_2) + shift) / 2},
    )
    yield implies(
        "a sum of two non-negative summands",
        (f >= 0, sigma_2 > 0), f + shift >= 0, wrong={"positive": f + shift > 0},
    )
    yield implies(
        "is 0 only if both are; f > 0 unless r = 1",
        (f >= 0, sigma_2 > 0, Eq(f + shift, 0)), And(Eq(f, 0), Eq(mu_1, mu_2)),
        wrong={"both means 0": Eq(mu_1, 0)},
    )


@claim(
    "kl.gaussian.equal-variances",
    lines="149",
    verdict="holds",
    title="With equal variances only the distance of the means remains (supplied)",
    statement=r"For $\sigma_1=\sigma_2=\sigma$ the formula is $(\mu_1-\mu_2)^2/(2\sigma^2)$: a "
    r"squared error, the form in which the bound of DDPM uses it.",
    assumptions=(sigma > 0,),
    witness={sigma: 2},
    sources=("arXiv 2006.11239, eq. (8)",),
    depends_on=CLOSED,
)
def equal_variances() -> Checks:
    special = kl_gaussian(mu_1, sigma**2, mu_2, sigma**2)
    value = (mu_1 - mu_2) ** 2 / (2 * sigma**2)
    yield identity(
        "substitution", special, value, given=(sigma > 0,),
        wrong={"no half": 2 * value, "sd for variance": value * sigma},
    )
    yield encloses(
        "the integral of the general case with these parameters",
        lambda p: integral_under_first((BRACKET / 2).subs(
            {mu_2: p[mu_2], sigma_2: p[sigma]}))({mu_1: p[mu_1], sigma_1: p[sigma]}),
        value, points=[{mu_1: 3, mu_2: Rational(-1, 2), sigma: Rational(1, 10000)}],
        wrong={"no half": 2 * value},
    )


@claim(
    "kl.gaussian.affine-invariance",
    lines="149",
    verdict="holds",
    title="The divergence does not depend on origin or unit (supplied)",
    statement=r"If both variables are transformed to $aX+b$ with $a\ne0$, of either sign, the "
    r"divergence stays the same.",
    assumptions=(*GIVEN, "a is not 0"),
    witness={sigma_1: 1, sigma_2: 2},
    depends_on=(*CLOSED, "gaussian.density"),
)
def affine_invariance() -> Checks:
    a, b = real("a b")
    moved = kl_gaussian(a * mu_1 + b, (a * sigma_1) ** 2, a * mu_2 + b, (a * sigma_2) ** 2)
    for sign, condition in (("positive", a > 0), ("negative", a < 0)):
        yield identity(
            f"the formula after the transformation, a {sign}", moved, FORWARD,
            given=(*GIVEN, condition),
            wrong={"means moved, variances kept":
                   kl_gaussian(a * mu_1 + b, sigma_1**2, a * mu_2 + b, sigma_2**2),
                   "scaled by a": a * FORWARD, "the reverse divergence": REVERSE},
        )
    yield encloses(
        "milli units against kilo units",
        lambda p: integral_under_first(BRACKET / 2)(
            {s: p[s] * 10**6 for s in (mu_1, sigma_1, mu_2, sigma_2)}),
        RESULT, points=POINTS, wrong={"scaled by the unit": 10**6 * RESULT},
    )
