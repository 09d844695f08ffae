r"""Moments of the normal distribution, which the document uses and does not derive.

    phi(u) = exp(-u^2/2) / sqrt(2 pi),  phi'(u) = -u phi(u)
    d/du [u^(n-1) phi(u)] = (n-1) u^(n-2) phi(u) - u^n phi(u),   n >= 2       (Stein's recursion)
    E Z^n = (n-1) E Z^(n-2)
    X ~ N(mu, sigma^2): E X^0 = 1, E X = mu, E X^2 = mu^2 + sigma^2,
                        E X^4 = mu^4 + 6 mu^2 sigma^2 + 3 sigma^4

Source: Stein 1972 (Proc. Sixth Berkeley Symposium, vol. 2, 583-602); Casella & Berger, section 3.3.
"""

from collections.abc import Callable
from typing import Any

import sympy
from sympy import Expr, Rational, pi

from derivations.claim import Checks, claim
from derivations.prover.balls import encloses, gaussian_integral
from derivations.prover.gaussian_forms import expectation
from derivations.prover.induction import Recursion, invariant
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import Quantity, real

u, v, m, power, lower, slope, phi = real("u v m power lower slope phi")
x, mu, sigma, r = real("x mu sigma r")
POINTS = (
    {mu: 0, sigma: 1},
    {mu: 3, sigma: Rational(1, 100)},
    {mu: Rational(-7, 3), sigma: 20},
)


def normal_density(at: Expr, mean: Expr, variance: Expr) -> Expr:
    """The density of N(mean, variance)."""
    return sympy.exp(-((at - mean) ** 2) / (2 * variance)) / sympy.sqrt(2 * pi * variance)


def normal_second_moment(mean: Quantity, variance: Quantity) -> Quantity:
    """E X^2."""
    return mean**2 + variance


def normal_fourth_moment(mean: Quantity, variance: Quantity) -> Quantity:
    """E X^4."""
    return mean**4 + 6 * mean**2 * variance + 3 * variance**2


def enclosed_moment(order: int) -> Callable[..., Any]:
    """E X^order as a ball, from the density as written."""
    return lambda at: gaussian_integral(x**order, x, at[mu], at[sigma] ** 2, normal_density)


@claim(
    "moments.normal-orders",
    lines="92",
    verdict="incomplete", severity="misleading",
    title="Moments of order 0, 1 and 2 under the normal distribution",
    statement="The subsection belongs to the divergence from a normal distribution, where the "
    "second "
    "moment of the normal is needed; it computes no moment of the normal.",
    supplied_by=("gaussian.density", "gaussian.mean", "moments.normal-second"),
)
def normal_orders() -> Checks:
    yield from ()


@claim(
    "moments.stein",
    lines="92",
    verdict="holds",
    title="Stein's recursion for the moments of the standard normal (supplied)",
    statement=r"$E Z^n=(n-1)\,E Z^{n-2}$ for every $n\ge2$, $Z\sim\mathcal N(0,1)$: integrate "
    r"$\frac{d}{du}[u^{n-1}\varphi(u)]=(n-1)u^{n-2}\varphi(u)-u^n\varphi(u)$ over the line; the "
    r"boundary terms vanish, as $e^{v/N}\ge1+v/N$ gives $e^v\ge(v/N)^N$ for $v\ge0$ and every "
    r"$N\ge1$.",
    assumptions=("n an integer, n >= 2",),
    sources=("Stein 1972, Proc. Sixth Berkeley Symposium 2, 583-602",),
    depends_on=("gaussian.density", "kl.log-bound"),
)
def stein() -> Checks:
    density = normal_density(u, 0, 1)
    yield identity("the density's own equation", sympy.diff(density, u), -u * density,
                   wrong={"no sign": u * density})
    # State: m, u^(m-1), u^m and the derivative of u^m, which the product rule carries along.
    yield invariant(
        "for every m >= 1 the derivative of u^m is m u^(m-1), by the product rule",
        Recursion(
            start={m: sympy.S.One, lower: sympy.S.One, slope: sympy.S.One},
            step={m: m + 1, lower: u * lower, slope: u * lower + u * slope},
        ),
        {slope: m * lower},
        wrong={"off by one": {slope: (m - 1) * lower}, "no factor": {slope: lower}},
    )
    n = real("n")
    yield identity(
        "with m = n - 1: derivative of u^(n-1) phi, where u^(n-1) = u * u^(n-2)",
        (n - 1) * lower * phi + (u * lower) * (-u * phi),
        (n - 1) * lower * phi - (u * (u * lower)) * phi,
        wrong={"factor n": n * lower * phi - (u * (u * lower)) * phi,
               "sum for difference": (n - 1) * lower * phi + (u * (u * lower)) * phi},
    )
    # With v = u^2/2: u^m e^(-v) <= (2N)^N u^m / u^(2N), at most a constant over u once 2N > m.
    yield implies(
        "boundary terms, induction over the powers: e^(jv/N) >= (v/N)^j, up to j = N",
        (r >= 1 + v, v >= 0, power >= lower, lower >= 0), power * r >= lower * v,
        wrong={"strictly": power * r > lower * v},
    )
    yield implies(
        "and over 2N, from m + 1 on: u^(2N) >= u^(m+1) for u >= 1",
        (u >= 1, power >= lower, lower >= 0), power * u >= lower,
        wrong={"strictly": power * u > lower},
    )
    yield implies(
        "boundary term for m = 3: r = e^(v/2) >= 1 + v/2 with v = u^2/2 gives u^3/e^v <= 16/u",
        (u > 0, r >= 1 + u**2 / 4), u**3 / r**2 <= 16 / u,
        wrong={"a smaller constant": u**3 / r**2 <= 1 / u},
    )
    for order in (2, 3, 4, 8):
        yield encloses(
            f"n = {order}: enclosed over the line, the two sides cancel",
            lambda at, k=order: gaussian_integral(
                (k - 1) * u ** (k - 2) - u**k, u, sympy.S.Zero, sympy.S.One, normal_density
            ),
            sympy.S.Zero, points=({},),
            wrong={"one standard deviation left over": sympy.S.One},
        )


@claim(
    "moments.normal-second",
    lines="92",
    verdict="holds",
    title="Second moment of the normal distribution about 0 (supplied)",
    statement=r"$E X^2=\mu^2+\sigma^2$ for $X\sim\mathcal N(\mu,\sigma^2)$: the variance and the "
    r"square of the mean.",
    assumptions=(sigma > 0,), witness={sigma: 1},
    sources=("Casella & Berger, Statistical inference, section 3.3",),
    depends_on=("moments.stein", "gaussian.mean", "gaussian.variance"),
)
def normal_second() -> Checks:
    yield identity(
        "E(mu + sigma Z)^2 with E Z = 0, E Z^2 = 1", expectation(x**2, x, mu, sigma**2),
        normal_second_moment(mu, sigma**2),
        wrong={"the central moment": sigma**2, "sd for variance": mu**2 + sigma,
               "square of the sum": (mu + sigma) ** 2},
    )
    yield encloses(
        "the integral as a ball", enclosed_moment(2), normal_second_moment(mu, sigma**2),
        points=POINTS, wrong={"sd for variance": mu**2 + sigma},
    )


@claim(
    "moments.normal-fourth",
    lines="92",
    verdict="holds",
    title="Fourth moment of the normal distribution (supplied)",
    statement=r"$E X^4=\mu^4+6\mu^2\sigma^2+3\sigma^4$; $E(X-\mu)^4=3\sigma^4$.",
    assumptions=(sigma > 0,), witness={sigma: 1},
    sources=("Casella & Berger, Statistical inference, section 3.3",),
    depends_on=("moments.stein",),
)
def normal_fourth() -> Checks:
    density = normal_density(u, 0, 1)
    yield identity("-u^3 phi is a primitive of u^4 phi - 3 u^2 phi, so E Z^4 = 3",
                   sympy.diff(-(u**3) * density, u), u**4 * density - 3 * u**2 * density,
                   wrong={"factor 2": u**4 * density - 2 * u**2 * density})
    yield identity(
        "binomially, with E Z^2 = 1, E Z^4 = 3", expectation(x**4, x, mu, sigma**2),
        normal_fourth_moment(mu, sigma**2),
        wrong={"second moment squared": normal_second_moment(mu, sigma**2) ** 2},
    )
    yield encloses(
        "the integral as a ball", enclosed_moment(4), normal_fourth_moment(mu, sigma**2),
        points=POINTS, wrong={"factor 1 on sigma^4": mu**4 + 6 * mu**2 * sigma**2 + sigma**4},
    )
