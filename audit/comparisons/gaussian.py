"""core.gaussian against exact values, quadrature and scipy's own normal distributions.

Rounding bounds: a result that is a sum of terms is off by at most a few units of rounding (eps) of
the sum of the terms' absolute values, however much they cancel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import torch
from hypothesis import strategies as st
from scipy import integrate, stats
from sympy import Expr

from audit.adapters.core import entropy, linear_combination, log_density
from audit.comparison import Bench, Subject, compares
from audit.precision import exact_value
from derivations.gaussian import gaussian as exact
from derivations.gaussian.gaussian_sums import combination_mean, combination_variance
from derivations.symbols import real

DTYPES = (torch.float32, torch.float64)
X, M, V = real("x m v")
LOG_DENSITY: Expr = exact.log_density(X, M, V)
ENTROPY: Expr = exact.entropy(V)

# Every value is a float of 11 bits, so it is the same number in both formats.
SIGNED = st.builds(
    lambda n, k: math.ldexp(n, k), st.integers(-1024, 1024), st.integers(-30, 10))
VARIANCE = st.builds(lambda n, k: math.ldexp(n, k), st.integers(1, 1024), st.integers(-70, 60))
CORRELATION = st.sampled_from((-1.0, -0.5, 0.0, 0.25, 0.984375, 1.0))


def _tensor(value: float, dtype: torch.dtype, device: str) -> torch.Tensor:
    return torch.tensor([value], dtype=dtype, device=device)


def _combined(
    terms: Sequence[torch.Tensor], change: Callable[..., torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """The right combination with one argument changed, for the wrong variants."""
    a, mean_x, var_x, b, mean_y, var_y, covariance = terms
    return (a * mean_x + b * mean_y, change(a, var_x, b, var_y, covariance))


@compares(
    "gaussian.density",
    subject=log_density,
    wrong={
        "log of the standard deviation": lambda x, m, v: log_density(x, m, v) + v.log() / 2,
        "standard deviation taken for variance": lambda x, m, v: log_density(x, m, v**2),
        "2 pi left out": lambda x, m, v: log_density(x, m, v) + math.log(2 * math.pi) / 2,
        "no one half in the exponent": lambda x, m, v: log_density(x, m, v) - (x - m) ** 2 / v / 2,
    },
)
def log_density_exact(bench: Bench, subject: Subject) -> None:
    """Logarithm of the density within 4 eps of the sum of its terms, variances 1e-21 to 1e21."""

    @bench.forall(x=SIGNED, m=SIGNED, v=VARIANCE)
    def _(x: float, m: float, v: float) -> None:
        square = Fraction(x - m) ** 2 / Fraction(v)
        want = exact_value(LOG_DENSITY, {X: Fraction(x), M: Fraction(m), V: Fraction(v)})
        scale = float(math.log(2 * math.pi) + abs(math.log(v)) + square) / 2
        for dtype in DTYPES:
            eps = torch.finfo(dtype).eps
            for device in bench.devices:
                got = subject(*(_tensor(e, dtype, device) for e in (x, m, v)))
                bench.require(got.dtype == dtype and got.shape == (1,), f"{got.dtype} {got.shape}")
                error = abs(float(Fraction(got.item()) - want)) if got.isfinite() else math.inf
                bench.within(error / (scale * eps), 0, 4, f"eps of the terms, {dtype}")


@compares(
    "gaussian.density", "gaussian.mean", "gaussian.variance", "gaussian.entropy",
    subject=log_density, kind="quadrature",
    wrong={
        "2 pi left out": lambda x, m, v: log_density(x, m, v) + math.log(2 * math.pi) / 2,
        "standard deviation taken for variance": lambda x, m, v: log_density(x, m, v**0.5),
        "other mean": lambda x, m, v: log_density(x, -m, v),
    },
)
def moments_by_quadrature(bench: Bench, subject: Subject) -> None:
    """Mass, mean, variance and entropy of exp(log_density), integrated with standardised steps."""
    for m, v in ((0.5, 4.0), (-3.0, 1e-8), (7.0, 1e6)):
        sd = math.sqrt(v)

        def law(u: float, m: float = m, v: float = v, sd: float = sd) -> float:
            point = (torch.tensor(e, dtype=torch.float64) for e in (m + sd * u, m, v))
            return float(subject(*point).item())

        def integral(
            function: Callable[..., Any], law: Callable[..., Any] = law, sd: float = sd
        ) -> float:
            return float(integrate.quad(
                lambda u: function(u, law(u)) * sd * math.exp(law(u)), -12, 12, epsabs=1e-12)[0])

        at = f"at {m}, {v:g}"
        bench.within(integral(lambda u, _: 1.0), 1, 1e-9, f"mass {at}")
        bench.within(integral(lambda u, _: u), 0, 1e-9, f"standardised mean {at}")
        bench.within(integral(lambda u, _: u * u), 1, 1e-9, f"standardised variance {at}")
        want = float(exact_value(ENTROPY, {V: Fraction(v)}))
        bench.within(integral(lambda u, logarithm: -logarithm), want, 1e-8, f"entropy {at}")


@compares(
    "gaussian.isotropic",
    subject=lambda x, m, v: log_density(x, m, v).sum(-1), kind="independent solver",
    wrong={
        "mean over the dimensions": lambda x, m, v: log_density(x, m, v).mean(-1),
        "one factor in front": lambda x, m, v: log_density(x, m, v).sum(-1) + (
            x.shape[-1] - 1) * torch.log(2 * math.pi * v).squeeze(-1) / 2,
    },
)
def isotropic_against_scipy(bench: Bench, subject: Subject) -> None:
    """Sum over the dimensions against scipy's density of a normal vector, d = 1 to 17."""
    generator = torch.Generator().manual_seed(7)
    for d in (1, 2, 3, 17):
        for variance in (1e-3, 1.0, 250.0):
            x, m = torch.randn(2, d, generator=generator, dtype=torch.float64)
            got = subject(x, m, torch.tensor([variance], dtype=torch.float64)).item()
            want = stats.multivariate_normal(m.numpy(), variance).logpdf(x.numpy())
            bench.within(got / want, 1, 1e-12, f"d = {d}")


@compares(
    "gaussian.entropy",
    subject=entropy,
    wrong={
        "standard deviation taken for variance": lambda v: entropy(v**0.5),
        "without the 1": lambda v: entropy(v) - 0.5,
        "bits": lambda v: entropy(v) / math.log(2),
    },
)
def entropy_exact(bench: Bench, subject: Subject) -> None:
    """Entropy within 3 eps of the sum of its terms, variances 1e-21 to 1e21."""

    @bench.forall(v=VARIANCE)
    def _(v: float) -> None:
        want = exact_value(ENTROPY, {V: Fraction(v)})
        scale = (1 + math.log(2 * math.pi) + abs(math.log(v))) / 2
        for dtype in DTYPES:
            for device in bench.devices:
                got = subject(_tensor(v, dtype, device))
                bench.require(got.dtype == dtype and got.shape == (1,), f"{got.dtype} {got.shape}")
                error = abs(float(Fraction(got.item()) - want)) if got.isfinite() else math.inf
                bench.within(
                    error / (scale * torch.finfo(dtype).eps), 0, 3, f"eps of the terms, {dtype}")


@compares(
    "gaussian.combination.mean", "gaussian.combination.covariance",
    subject=linear_combination,
    wrong={
        "covariance left out": lambda *e: _combined(
            e, lambda a, v, b, w, c: a**2 * v + b**2 * w),
        "ab for 2ab": lambda *e: _combined(
            e, lambda a, v, b, w, c: a**2 * v + b**2 * w + a * b * c),
        "weights not squared": lambda *e: _combined(
            e, lambda a, v, b, w, c: a * v + b * w + 2 * a * b * c),
        "means not weighted": lambda a, m, v, b, n, w, c: (
            m + n, linear_combination(a, m, v, b, n, w, c)[1]),
    },
)
def combination_exact(bench: Bench, subject: Subject) -> None:
    """Mean and variance with covariance, correlations of -1, 0 and 1 in, weights of 0 in."""

    @bench.forall(a=SIGNED, m=SIGNED, s=SIGNED, b=SIGNED, n=SIGNED, r=SIGNED, rho=CORRELATION)
    def _(a: float, m: float, s: float, b: float, n: float, r: float, rho: float) -> None:
        # s and r are standard deviations up to sign; s^2, r^2 and s r rho are floats without
        # rounding where their bits fit, so they are rounded first and taken as they are.
        covariance = rho * abs(s) * abs(r)
        for dtype in DTYPES:
            eps = torch.finfo(dtype).eps
            drawn = [torch.tensor(e, dtype=dtype).item() for e in (
                a, m, s * s, b, n, r * r, covariance)]
            fa, fm, fv, fb, fn, fw, fc = map(Fraction, drawn)
            mean = combination_mean(fa, fm, fb, fn)
            variance = combination_variance(fa, fv, fb, fw, fc)
            for device in bench.devices:
                got = subject(*(_tensor(e, dtype, device) for e in drawn))
                for value, want, scale, what in (
                    (got[0], mean, abs(fa * fm) + abs(fb * fn), "mean"),
                    (got[1], variance, fa**2 * fv + fb**2 * fw + 2 * abs(fa * fb * fc), "variance"),
                ):
                    bench.require(value.dtype == dtype and value.shape == (1,), f"{what} {value}")
                    bench.require(bool(value.isfinite().all()), f"{what} is {value.item()}")
                    error = abs(Fraction(value.item()) - want)
                    if scale == 0:
                        bench.require(error == 0, f"{what} is {value.item()} where 0 is exact")
                    else:
                        bench.within(float(error / scale) / eps, 0, 4, f"{what} in eps, {dtype}")


@compares(
    "gaussian.combination.variance", "gaussian.combination.law", "gaussian.combination.convolution",
    subject=linear_combination, kind="quadrature",
    wrong={
        "weights not squared": lambda a, m, v, b, n, w: (
            a * m + b * n, abs(a) * v + abs(b) * w),
        "standard deviations added": lambda a, m, v, b, n, w: (
            a * m + b * n, (abs(a) * v**0.5 + abs(b) * w**0.5) ** 2),
        "weights left out of the mean": lambda a, m, v, b, n, w: (m + n, a * a * v + b * b * w),
    },
)
def convolution_by_quadrature(bench: Bench, subject: Subject) -> None:
    """The convolved densities of aX and bY against the normal density of core's mean, variance."""
    cases = ((1, 0, 1, 1, 0, 3), (-2, 1, 0.25, 0.5, -3, 4), (0.1, 5, 2, 3, 1, 0.01))
    for a, m, v, b, n, w in cases:
        arguments = [torch.tensor(float(e), dtype=torch.float64) for e in (a, m, v, b, n, w)]
        mean, variance = (e.item() for e in subject(*arguments))
        first = stats.norm(a * m, abs(a) * math.sqrt(v))
        second = stats.norm(b * n, abs(b) * math.sqrt(w))
        middle, reach = a * m, 10 * abs(a) * math.sqrt(v)
        for z in (a * m + b * n, a * m + b * n + 0.7):
            want = integrate.quad(
                lambda x, z=z, f=first, g=second: f.pdf(x) * g.pdf(z - x),
                middle - reach, middle + reach, epsabs=1e-12, points=[middle, z - b * n])[0]
            got = stats.norm(mean, math.sqrt(variance)).pdf(z)
            bench.within(got, want, 1e-9, "density of the sum")
