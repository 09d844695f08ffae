r"""The normal distribution: density, moments, entropy, and its shape up to a constant.

    N(x; mu, sigma^2) = exp(-(x - mu)^2 / (2 sigma^2)) / sqrt(2 pi sigma^2)     Bishop 2006, (1.46)
    E X = mu, Var X = sigma^2                                                  (1.49), (1.51)
    H   = (1 + log(2 pi sigma^2)) / 2                                          (1.110)

Total mass: in polar coordinates the square of the integral of exp(-u^2/2) is 2 pi times the
integral of r exp(-r^2/2), which has the antiderivative -exp(-r^2/2).  Mean and variance: the
integrands are derivatives of functions that vanish at infinity.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from sympy import Expr, Matrix, Rational, S, cos, exp, log, pi, sin, sqrt

from derivations.claim import Checks, claim, refutes
from derivations.prover.balls import encloses, gaussian_integral
from derivations.prover.execution import Raises, executes
from derivations.prover.gaussian_forms import expectation
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import real


def density(x: Expr, mean: Expr, variance: Expr) -> Expr:
    """N(x; mean, variance); variance > 0."""
    return exp(-((x - mean) ** 2) / (2 * variance)) / sqrt(2 * pi * variance)


def log_density(x: Expr, mean: Expr, variance: Expr) -> Expr:
    """log N(x; mean, variance); variance > 0."""
    return -(log(2 * pi) + log(variance) + (x - mean) ** 2 / variance) / 2


def entropy(variance: Expr) -> Expr:
    """Differential entropy of a normal distribution, in nats."""
    return (1 + log(2 * pi * variance)) / 2


x, mu, sigma = real("x mu sigma")
POSITIVE = (sigma > 0,)
WITNESS = {sigma: Rational(1, 2)}
POINTS = (
    {mu: 0, sigma: 1},
    {mu: Rational(-7, 3), sigma: Rational(1, 10000)},
    {mu: 12, sigma: 300},
)
Q = density(x, mu, sigma**2)
PRML = "Bishop 2006, PRML, section 1.2.4"


def enclosed(integrand: Expr, law: Callable[..., Any] = density) -> Callable[..., Any]:
    """E[integrand(X)] as a function of a point (mu, sigma), enclosed in a ball."""
    return lambda p: gaussian_integral(
        integrand.subs(p), x, mu.subs(p), (sigma**2).subs(p), law)


@claim(
    "gaussian.notation",
    lines="37, 43, 46",
    verdict="definition",
    severity="cosmetic",
    title="N(mu, sigma^2): the second argument is the variance",
    statement=(
        r"$\mathcal N(\mu, \sigma^2)$ is the normal distribution with mean $\mu$ and variance "
        r"$\sigma^2$; $\sigma$ is its standard deviation."
    ),
    assumptions=POSITIVE,
    witness=WITNESS,
    sources=(PRML,),
)
def notation() -> Checks:
    yield identity(
        "the second central moment of the density is the second argument",
        expectation((x - mu) ** 2, x, mu, sigma**2), sigma**2,
        wrong={"the second argument as standard deviation": sigma**4, "sigma": sigma},
    )


@claim(
    "gaussian.combination.weights",
    lines="43, 46",
    verdict="definition",
    severity="cosmetic",
    title="The weights a and b are not introduced",
    statement=(
        r"The weights $a$ and $b$ occur without a word. They are real constants: for random ones "
        r"the rule fails. Let $a$ be 0 or 1, a fair coin independent of $X \sim \mathcal N(0, 1)$, "
        r"and $b = 0$: $aX$ has variance $\tfrac12$ and fourth moment $\tfrac32$, where "
        r"$\mathcal N(0, \tfrac12)$ has $\tfrac34$."
    ),
    correction=r"for real constants $a$ and $b$",
    sources=("Casella & Berger 2002, Statistical Inference, theorem 4.5.6",),
)
def weights() -> Checks:
    half = Rational(1, 2)

    def thinned_moment(k: int) -> Expr:
        return sum(half * coin**k * expectation(x**k, x, 0, 1) for coin in (0, 1))

    yield identity(
        "the coin times X: variance and fourth moment; fourth moment of a normal law like it",
        [thinned_moment(2), thinned_moment(4), expectation(x**4, x, 0, half)],
        [half, Rational(3, 2), Rational(3, 4)],
        wrong={"equal fourth moments": [half, Rational(3, 4), Rational(3, 4)],
               "the mean of the coin as a constant weight": [half**2, 3 * half**4, Rational(3, 4)]},
    )


@claim(
    "gaussian.density-missing",
    lines="37",
    verdict="incomplete",
    severity="misleading",
    title="The announced density is not given",
    statement=(
        "The line announces the density of the normal distribution and ends with a colon; no "
        "formula follows, though line 39 speaks of its factor in front."
    ),
    correction=(
        r"$q(x) = \dfrac{1}{\sqrt{2\pi\sigma^2}}"
        r"\exp\!\left(-\dfrac{(x-\mu)^2}{2\sigma^2}\right)$, $\sigma > 0$."
    ),
    supplied_by=("gaussian.density",),
)
def density_missing() -> Checks:
    yield from ()


@claim(
    "gaussian.density",
    lines="37",
    verdict="holds",
    title="Density of the normal distribution (supplied)",
    statement=(
        r"$\mathcal N(x; \mu, \sigma^2) = \dfrac{1}{\sqrt{2\pi\sigma^2}}"
        r"\exp\!\left(-\dfrac{(x-\mu)^2}{2\sigma^2}\right)$ is positive and has total mass 1."
    ),
    assumptions=POSITIVE,
    witness=WITNESS,
    sources=(PRML, "Casella & Berger 2002, section 3.3"),
    code=("core.gaussian.log_density",),
)
def density_of_the_normal() -> Checks:
    u, r, phi = real("u r phi")
    standard = exp(-(u**2) / 2) / sqrt(2 * pi)
    yield identity(
        "with x = mu + sigma u and dx = sigma du it is the standard density of u",
        Q.subs(x, mu + sigma * u) * sigma, standard, given=POSITIVE,
        wrong={"sqrt(2 pi) left out": standard * sqrt(2 * pi), "sigma squared": standard * sigma},
    )
    place = Matrix([r * cos(phi), r * sin(phi)])
    yield identity(
        "polar coordinates: squared distance and area element",
        [place.dot(place), place.jacobian([r, phi]).det()], [r**2, r],
        wrong={"no factor r in the area element": [r**2, 1], "r for its square": [r, r]},
    )
    mass = -exp(-(r**2) / 2)
    yield identity(
        "-exp(-r^2/2), which rises from -1 to 0, is an antiderivative of r exp(-r^2/2)",
        [mass.diff(r), mass.subs(r, 0)], [r * exp(-(r**2) / 2), -1],
        wrong={"without the r": [exp(-(r**2) / 2), -1], "starts at 0": [r * exp(-(r**2) / 2), 0]},
    )
    yield identity(
        "so the square of the mass of exp(-u^2/2) / sqrt(2 pi) is 2 pi / (2 pi)",
        2 * pi * (0 - mass.subs(r, 0)) * (standard / exp(-(u**2) / 2)) ** 2, 1,
        wrong={"half of the circle": Rational(1, 2)},
    )
    yield encloses(
        "total mass", enclosed(S.One), S.One, points=POINTS,
        wrong={"sqrt(2 pi) left out": sqrt(2 * pi), "sigma left out": sigma},
    )
    yield identity(
        "logarithm of the density",
        log(1 / sqrt(2 * pi * sigma**2)) - (x - mu) ** 2 / (2 * sigma**2),
        log_density(x, mu, sigma**2), given=POSITIVE,
        wrong={"log sigma for log sigma^2": log_density(x, mu, sigma**2) + log(sigma) / 2,
               "standard deviation for variance": log_density(x, mu, sigma)},
    )


@claim(
    "gaussian.positive-variance",
    lines="37, 41",
    verdict="holds-if",
    severity="cosmetic",
    title="A density exists only for sigma > 0",
    statement=(
        r"For given $\mu$ and $\sigma^2$ a density is announced. For $\sigma^2 = 0$ the "
        r"distribution is the point mass at $\mu$, and no density exists; line 41 divides by 0."
    ),
    assumptions=POSITIVE,
    witness=WITNESS,
    correction=r"Add: $\sigma > 0$.",
    sources=("Feller 1971, An Introduction to Probability Theory and Its Applications II, III.6",),
)
def positive_variance() -> Checks:
    yield implies(
        "for sigma > 0 the density at its peak is defined and positive", POSITIVE,
        density(mu, mu, sigma**2) > 0,
        wrong={"a density never exceeds 1": density(mu, mu, sigma**2) <= 1},
    )
    yield refutes(executes(
        "for sigma = 0 the exponent divides by 0",
        lambda: Fraction((0 - 1) ** 2, 2 * 0**2), Raises("ZeroDivisionError"),
        wrong={"for sigma = 1": lambda: Fraction((0 - 1) ** 2, 2 * 1**2)},
    ))


@claim(
    "gaussian.mean",
    lines="37",
    verdict="holds",
    title="Mean of the normal distribution (supplied)",
    statement=r"The mean of $\mathcal N(\mu, \sigma^2)$ is $\mu$.",
    assumptions=POSITIVE,
    witness=WITNESS,
    sources=("Bishop 2006, PRML, eq. (1.49)",),
    depends_on=("gaussian.density",),
)
def mean() -> Checks:
    yield identity(
        "(x - mu) q is the derivative of -sigma^2 q, which vanishes at both ends",
        (-(sigma**2) * Q).diff(x), (x - mu) * Q, given=POSITIVE,
        wrong={"other sign": (mu - x) * Q, "x q": x * Q},
    )
    yield encloses("first moment", enclosed(x), mu, points=POINTS,
                   wrong={"sigma": sigma, "other sign": -mu})


@claim(
    "gaussian.variance",
    lines="37",
    verdict="holds",
    title="Variance of the normal distribution (supplied)",
    statement=r"The variance of $\mathcal N(\mu, \sigma^2)$ is $\sigma^2$.",
    assumptions=POSITIVE,
    witness=WITNESS,
    sources=("Bishop 2006, PRML, eq. (1.51)",),
    depends_on=("gaussian.density", "gaussian.mean"),
)
def variance() -> Checks:
    yield identity(
        "((x - mu)^2 - sigma^2) q is the derivative of -sigma^2 (x - mu) q",
        (-(sigma**2) * (x - mu) * Q).diff(x), ((x - mu) ** 2 - sigma**2) * Q, given=POSITIVE,
        wrong={"sigma for sigma^2": ((x - mu) ** 2 - sigma) * Q, "about 0": (x**2 - sigma**2) * Q},
    )
    yield encloses("second central moment", enclosed((x - mu) ** 2), sigma**2, points=POINTS,
                   wrong={"sigma": sigma, "second raw moment": sigma**2 + mu**2})


@claim(
    "gaussian.entropy",
    lines="37",
    verdict="holds",
    title="Differential entropy of the normal distribution (supplied)",
    statement=(
        r"$-\int q \log q\,dx = \tfrac12\log(2\pi e\,\sigma^2)$ for "
        r"$q = \mathcal N(\mu, \sigma^2)$."
    ),
    assumptions=POSITIVE,
    witness=WITNESS,
    sources=("Bishop 2006, PRML, eq. (1.110)", "Shannon 1948, section 20"),
    code=("core.gaussian.entropy",),
    depends_on=("gaussian.density", "gaussian.variance"),
)
def entropy_of_the_normal() -> Checks:
    surprise = -log_density(x, mu, sigma**2)
    yield identity(
        "mean of -log q by the moments of the normal distribution",
        log(2 * pi * sigma**2) / 2 + expectation((x - mu) ** 2, x, mu, sigma**2) / (2 * sigma**2),
        entropy(sigma**2), given=POSITIVE,
        wrong={"no factor one half": 2 * entropy(sigma**2),
               "standard deviation for variance": entropy(sigma),
               "without the 1": log(2 * pi * sigma**2) / 2},
    )
    yield encloses(
        "the integral itself", enclosed(surprise), entropy(sigma**2), points=POINTS,
        wrong={"without the 1": log(2 * pi * sigma**2) / 2, "bits": entropy(sigma**2) / log(2)},
    )
