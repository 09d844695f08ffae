r"""KL divergence of N(mu, sigma^2) from N(0, 1): what the derivation starts from.

    p(x) = exp(-(x - mu)^2 / (2 sigma^2)) / sqrt(2 pi sigma^2),   q(x) = exp(-x^2/2) / sqrt(2 pi)

(Kingma & Welling 2013, arXiv 1312.6114, appendix B.)  The steps stand in `kl_standard_steps`, the
result in `kl_standard_result`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flint import arb
from sympy import Eq, Expr, Rational, S, Symbol, exp, log, pi, sqrt

from derivations.claim import Checks, Premises, claim, corrects, refutes
from derivations.gaussian.gaussian import density
from derivations.kl.kl import divergence_of_normals, log_density, x
from derivations.prover.balls import ball, encloses, gaussian_integral, lies_within
from derivations.prover.counterexample import counterexample, differs
from derivations.prover.execution import token
from derivations.prover.gaussian_forms import expectation
from derivations.prover.normal_form import identity
from derivations.symbols import real

mu, sigma = real("mu sigma")
POSITIVE: Premises = {"assumptions": (sigma > 0,), "witness": {mu: 1, sigma: 2}}
DEPENDS = ("gaussian.density", "kl.continuous")
# Narrow, moderate and wide: a quadrature on a fixed grid would miss the first.
POINTS = (
    {mu: -2, sigma: Rational(1, 10000)}, {mu: Rational(1, 2), sigma: Rational(3, 10)},
    {mu: 3, sigma: 100},
)
SOURCES = ("arXiv 1312.6114, appendix B",)


def standardised(x: Expr, mean: Expr, sd: Expr) -> Expr:
    """phi((x - mean) / sd) / sd: the normal density from that of Z, by change of variable."""
    return exp(-(((x - mean) / sd) ** 2) / 2) / sqrt(2 * pi) / sd


def misread(x: Expr, mean: Expr, variance: Expr) -> Expr:
    """The density with its exponent read from left to right: (.)^2 / 2, then times the variance."""
    return exp(-((x - mean) ** 2) / 2 * variance) / sqrt(2 * pi * variance)


def integral_under_p(
    integrand: Expr, mean: Expr = mu, variance: Expr = sigma**2
) -> Callable[..., arb]:
    """The ball of int p(x) integrand(x) dx at a point, p as the document prints it."""

    def enclosure(point: Mapping[Symbol, Expr]) -> arb:
        at = [e.subs(point) for e in (integrand, mean, variance)]
        return gaussian_integral(at[0], x, at[1], at[2], density)

    return enclosure


def sum_over_integers(mean_1: Expr, sd_1: Expr, mean_2: Expr, sd_2: Expr, last: int = 30) -> arb:
    """The ball of sum_k p(k) log(p(k)/q(k)) over all integers k, for means in [-1, 1].

    Beyond ``last`` a term is at most b(|k|) = N(|k| - 1; 0, sd_1^2) (L + A (|k| + 1)^2), with
    L = |log(sd_2/sd_1)| and A = (1/sd_1^2 + 1/sd_2^2)/2.  The quotient b(k+1)/b(k) falls with k,
    so a geometric series bounds the tail.
    """
    log_ratio = log_density(x, mean_1, sd_1) - log_density(x, mean_2, sd_2)
    term = density(x, mean_1, sd_1**2) * log_ratio
    total = sum((ball(term.subs(x, k)) for k in range(-last, last + 1)), arb(0))
    spread = (1 / sd_1**2 + 1 / sd_2**2) / 2

    def bound(k: int) -> arb:
        factor = abs(ball(log(sd_2 / sd_1))) + ball(spread * (k + 1) ** 2)
        return ball(density(k - 1, 0, sd_1**2)) * factor

    ratio = bound(last + 2) / bound(last + 1)
    return total + arb(0, (2 * bound(last + 1) / (1 - ratio)).abs_upper())


@claim(
    "kl.standard.heading",
    lines="67",
    verdict="definition",
    severity="cosmetic",
    title="The heading does not say which distribution comes first",
    statement=r"The heading names $\mathcal{N}(\mu,\sigma^2)$ and $\mathcal{N}(0,1)$ without an "
    r"order; line 82 makes the standard normal the second argument. The other order has another "
    r"value: for $\mu=0$, $\sigma=2$, $\tfrac32-\log2$ against $\log2-\tfrac38$.",
    correction=r"KL divergence of $\mathcal{N}(\mu,\sigma^2)$ from $\mathcal{N}(0,1)$",
)
def heading() -> Checks:
    first = divergence_of_normals(mu, sigma, 0, 1)
    yield counterexample(
        "the two orders differ",
        Eq(first, divergence_of_normals(0, 1, mu, sigma), evaluate=False),
        given=(sigma > 0,), at={mu: 0, sigma: 2}, wrong={"the order of line 82": Eq(
            first, Rational(3, 2) - log(2), evaluate=False)},
    )


@claim(
    "kl.standard.same-variable",
    lines="69, 75",
    verdict="misprint",
    severity="misleading",
    title="One X with two distributions",
    statement=r"The same $X$ is given the law $\mathcal{N}(\mu,\sigma^2)$ and the law "
    r"$\mathcal{N}(0,1)$. It cannot have both unless $\mu=0$ and $\sigma^2=1$.",
    correction=r"Two densities on $\mathbb{R}$: $p$ of $\mathcal{N}(\mu,\sigma^2)$ and $q$ of "
    r"$\mathcal{N}(0,1)$; no common $X$.",
    depends_on=("moments.stein",),
)
def same_variable() -> Checks:
    second = expectation(x**2, x, mu, sigma**2)
    yield refutes(differs(
        "one X would have two second moments, 1 and mu^2 + sigma^2", second, 1,
        given=(sigma > 0,), at={mu: 1, sigma: 1}, wrong={"its own": mu**2 + sigma**2},
    ))
    yield corrects(identity(
        "each density has its own second moment",
        (second, expectation(x**2, x, 0, 1)), (mu**2 + sigma**2, 1),
        wrong={"the same": (mu**2 + sigma**2, mu**2 + sigma**2)},
    ))


@claim(
    "kl.standard.density-p",
    lines="69, 72",
    verdict="holds-if",
    severity="cosmetic",
    title="Density of the first normal distribution",
    statement=r"$p(x)=\frac{1}{\sqrt{2\pi\sigma^2}}e^{-(x-\mu)^2/(2\sigma^2)}$ is the density of "
    r"$\mathcal{N}(\mu,\sigma^2)$ if $\sigma>0$; for $\sigma=0$, which the line allows, it divides "
    r"by 0.",
    **POSITIVE,
    correction=r"Add $\sigma>0$.",
    sources=SOURCES,
    depends_on=("gaussian.density",),
)
def density_p() -> Checks:
    yield identity(
        "the density of mu + sigma Z by change of variable",
        standardised(x, mu, sigma), density(x, mu, sigma**2), given=(sigma > 0,),
        wrong={"sd for variance": density(x, mu, sigma),
               "no variance under the root": density(x, mu, sigma**2) * sqrt(sigma**2)},
    )
    yield encloses("its total mass is 1", integral_under_p(S.One), S.One, points=POINTS,
                   wrong={"mass 1/sigma": 1 / sigma})
    yield refutes(counterexample(
        "at sigma = 0 the number under the root is not positive", 2 * pi * sigma**2 > 0,
        at={sigma: 0}, wrong={"one more": 2 * pi * (sigma**2 + 1) > 0},
    ))


@claim(
    "kl.standard.exponent-order",
    lines="72, 84-86",
    verdict="misprint",
    severity="cosmetic",
    title="The exponent needs parentheses around its divisor",
    statement=r"The exponent is printed as $-(x-\mu)^2/2\sigma^2$. By the usual convention the "
    r"divisor is $2\sigma^2$; taken literally, from left to right, it is "
    r"$-\tfrac{(x-\mu)^2}{2}\sigma^2$, and the function has total mass $1/\sigma^2$ instead of 1.",
    **POSITIVE,
    correction=r"$e^{-(x-\mu)^2/(2\sigma^2)}$",
    depends_on=("gaussian.density",),
)
def exponent_order() -> Checks:
    read = misread(x, mu, sigma**2)
    yield identity(
        "as read, the function is a density of variance 1/sigma^2, divided by sigma^2",
        read, density(x, mu, 1 / sigma**2) / sigma**2, given=(sigma > 0,),
        wrong={"a density": density(x, mu, 1 / sigma**2)},
    )
    yield refutes(counterexample(
        "as read, it is not the density", Eq(read, standardised(x, mu, sigma), evaluate=False),
        given=(sigma > 0,), at={mu: 0, sigma: 2, x: 1},
        wrong={"with parentheses": Eq(
            density(x, mu, sigma**2), standardised(x, mu, sigma), evaluate=False)},
    ))
    yield corrects(identity(
        "with parentheses it is the density", standardised(x, mu, sigma),
        density(x, mu, sigma**2), given=(sigma > 0,), wrong={"without": read},
    ))


@claim(
    "kl.standard.density-q",
    lines="75, 77",
    verdict="holds",
    title="Density of the standard normal distribution",
    statement=r"$q(x)=\frac{1}{\sqrt{2\pi}}e^{-x^2/2}$ is the density of $\mathcal{N}(0,1)$.",
    sources=SOURCES,
    depends_on=("gaussian.density",),
)
def density_q() -> Checks:
    q = exp(-(x**2) / 2) / sqrt(2 * pi)
    yield identity(
        "the case mu = 0, sigma = 1", standardised(x, mu, sigma).subs({mu: 0, sigma: 1}), q,
        wrong={"no half": exp(-(x**2)) / sqrt(2 * pi), "no 2": exp(-(x**2) / 2) / sqrt(pi)},
    )
    yield encloses(
        "its total mass is 1",
        lambda point: gaussian_integral(S.One, x, S.Zero, S.One, lambda *_: q),
        S.One, points=[{mu: 0}], wrong={"mass sqrt 2": sqrt(2)},
    )


@claim(
    "kl.standard.operator-name",
    lines="82",
    verdict="misprint",
    severity="cosmetic",
    title="KL is set as a product of two letters",
    statement=r"Lines 59 and 64 set KL as an operator name; here it is the product $K\cdot L$.",
    correction=r"$\operatorname{KL}$",
)
def operator_name() -> Checks:
    yield refutes(token("italic letters", 82, r"KL\left", r"\operatorname{KL}\left"))


@claim(
    "kl.standard.delimiters",
    lines="82",
    verdict="misprint",
    severity="cosmetic",
    title="Delimiters are paired with the wrong partners",
    statement=r"The double bar opens a group that the closing parenthesis ends, and an empty "
    r"delimiter ends the group of the opening parenthesis.",
    correction=r"$\operatorname{KL}\left(\mathcal{N}(\mu,\sigma^2)\,\middle\Vert\,"
    r"\mathcal{N}(0,1)\right)$",
)
def delimiters() -> Checks:
    yield refutes(token("the bar opens a group", 82, r"\left\Vert", r"\middle\Vert"))


@claim(
    "kl.standard.sum-for-integral",
    lines="83",
    verdict="misprint",
    severity="misleading",
    title="A sum stands where an integral is meant",
    statement=r"For continuous distributions the line prints $\sum p(x)\log\frac{p(x)}{q(x)}$. "
    r"Over the integers, with $\mu=\tfrac12$, $\sigma=\tfrac3{10}$, it is about 0.043; the "
    r"divergence is about 0.874.",
    correction=r"$\int_{\mathbb{R}}p(x)\log\frac{p(x)}{q(x)}\,dx$",
    depends_on=DEPENDS,
)
def sum_for_integral() -> Checks:
    m, s = Rational(1, 2), Rational(3, 10)
    low, high = (Rational(4, 100), Rational(5, 100)), (Rational(87, 100), Rational(88, 100))
    yield refutes(lies_within(
        "the sum over the integers, with a bound of its tail",
        lambda: sum_over_integers(m, s, S.Zero, S.One), low, wrong={"the divergence": high},
    ))
    log_ratio = log_density(x, m, s) - log_density(x, 0, 1)
    yield corrects(lies_within(
        "the integral of the same function", lambda: integral_under_p(log_ratio, m, s**2)({}), high,
        wrong={"the sum over the integers": low},
    ))
