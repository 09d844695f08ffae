"""The coefficient tables of the noising demonstration in torch, against exact products."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import torch

from audit.comparison import Bench, Subject, compares
from audit.comparisons.chance import SumOfSquares
from audit.comparisons.noising_listing import spaced_in_double, spaced_then_cast
from derivations.claim import Grade, Role
from derivations.listings.noising_coefficients import covariance_of_chain, covariance_of_listing
from derivations.listings.noising_listing import T, listed, published


@compares(
    "noising.alpha",
    subject=lambda beta: 1.0 - beta,
    wrong={"1 + beta": lambda beta: 1.0 + beta, "in float32": lambda beta: (1 - beta.float())},
    kind="execution in torch",
    grade=Grade.EXECUTION,
)
def alpha(bench: Bench, subject: Subject) -> None:
    """The subtraction is exact here: the variances carry 24 bits, float64 has room for the rest."""
    beta = spaced_then_cast(0.02, 1e-4, T)
    exact = [1 - Fraction(b) for b in beta.tolist()]
    bench.require([Fraction(a) for a in subject(beta).tolist()] == exact, "rounded or wrong")


@compares(
    "noising.cumulative-product",
    subject=lambda alpha: torch.cumprod(alpha, dim=0),
    wrong={
        "cumulative sum": lambda alpha: torch.cumsum(alpha, dim=0),
        "one entry late": lambda alpha: torch.cumprod(alpha, dim=0).roll(1),
        "powers of one factor": lambda alpha: alpha ** torch.arange(1, len(alpha) + 1),
    },
    kind="execution in torch",
    grade=Grade.EXECUTION,
)
def cumulative_product(bench: Bench, subject: Subject) -> None:
    """torch.cumprod holds alpha_bar_{i+1} at index i, within 200 ulps of the exact product."""
    for betas, exact in (((0.02, 1e-4), listed()), ((1e-4, 0.02), published())):
        alpha_bar = subject(1 - spaced_in_double(*betas, T))
        bench.within_ulps(alpha_bar, exact[1:], 200, "alpha_bar")


@compares(
    "noising.sqrt-alpha-bar", "noising.sqrt-one-minus-alpha-bar",
    subject=torch.sqrt,
    wrong={"no root": lambda x: x, "half": lambda x: x / 2},
    kind="execution in torch",
    grade=Grade.EXECUTION,
)
def roots(bench: Bench, subject: Subject) -> None:
    """The squares of the computed roots return alpha_bar and 1 - alpha_bar, and add up to 1."""
    alpha_bar = torch.cumprod(1 - spaced_then_cast(0.02, 1e-4, T), 0)
    signal, noise = subject(alpha_bar), subject(1 - alpha_bar)
    bench.require(bool((signal > 0).all() and (noise > 0).all()), "a root is not positive")
    bench.within((signal**2 / alpha_bar - 1).abs().max(), 0, 1e-15, "signal")
    bench.within((signal**2 + noise**2 - 1).abs().max(), 0, 1e-15, "sum of squares")


def _difference_in(dtype: torch.dtype) -> Callable[..., torch.Tensor]:
    def one_minus(first: float, last: float) -> torch.Tensor:
        beta = torch.linspace(first, last, T, dtype=dtype)
        return 1 - torch.cumprod(1 - beta, 0)

    return one_minus


@compares(
    "noising.cancellation",
    subject=_difference_in(torch.float64),
    wrong={"float32": _difference_in(torch.float32)},
    kind="execution in torch",
    grade=Grade.EXECUTION,
)
def cancellation(bench: Bench, subject: Subject) -> None:
    """In float64 the difference is within 2e-12 relative in either order; float32 is not."""
    for betas, exact in (((0.02, 1e-4), listed()), ((1e-4, 0.02), published())):
        found = subject(*betas).tolist()
        worst = max(
            abs(Fraction(v) / (1 - want) - 1) for v, want in zip(found, exact[1:], strict=True)
        )
        bench.within(float(worst), 0, 2e-12, "1 - alpha_bar, relative")


def _one_noise(
    signal: torch.Tensor, scale: torch.Tensor, count: int, generator: torch.Generator
) -> list[torch.Tensor]:
    eps = torch.randn(count, dtype=torch.float64, generator=generator)
    return [scale[k] * eps for k in range(len(signal))]


def _fresh_noise(
    signal: torch.Tensor, scale: torch.Tensor, count: int, generator: torch.Generator
) -> list[torch.Tensor]:
    x, tiles = torch.zeros(count, dtype=torch.float64), []
    previous = 1.0
    for level in (signal**2).tolist():
        z = torch.randn(count, dtype=torch.float64, generator=generator)
        x = math.sqrt(level / previous) * x + math.sqrt(1 - level / previous) * z
        previous = level
        tiles.append(x)
    return tiles


PIXELS = 20000
SQUARES = SumOfSquares(PIXELS, 1e-9)


def hold_covariance(
    bench: Bench, subject: Subject, formula: Callable[..., Any], generator: torch.Generator
) -> None:
    """Sum and difference of the unit tiles are normal with variances 2 + 2 rho and 2 - 2 rho.

    A quarter of the difference of these variances is rho, the covariance over both deviations.
    """
    levels = [listed()[1], listed()[15]]
    alpha_bar = torch.tensor([float(a) for a in levels], dtype=torch.float64)
    scale = (1 - alpha_bar).sqrt()
    early, late = subject(alpha_bar.sqrt(), scale, PIXELS, generator)
    rho = float(formula(*levels)) / float(scale.prod())
    for sign in (1, -1):
        found = ((early / scale[0] + sign * late / scale[1]) ** 2).sum().item()
        want = 2 + 2 * sign * rho
        if want < 1e-9:  # one noise image: the difference is rounding alone
            bench.within(found / PIXELS, 0, 1e-9, "variance of the difference")
        else:
            bench.require(SQUARES.accepts(found / want),
                          f"variance {found / PIXELS:.4g} where {want:.4g} is expected")


def _hold_covariance(bench: Bench, subject: Subject, formula: Callable[..., Any]) -> None:
    hold_covariance(bench, subject, formula, torch.Generator().manual_seed(20200619))


@compares(
    "noising.shared-noise",
    subject=_one_noise,
    wrong={"fresh noise at each step": _fresh_noise},
    kind="statistical",
    grade=Grade.STATISTICAL,
    role=Role.REFUTES,
)
def shared_noise(bench: Bench, subject: Subject) -> None:
    """Tiles from one noise image have its covariance (20000 pixels: false alarm 1e-9)."""
    _hold_covariance(bench, subject, covariance_of_listing)


@compares(
    "noising.shared-noise",
    subject=_fresh_noise,
    wrong={"one noise image": _one_noise},
    kind="statistical",
    grade=Grade.STATISTICAL,
    role=Role.CORRECTS,
)
def fresh_noise(bench: Bench, subject: Subject) -> None:
    """Tiles stepped with fresh noise have the chain's (20000 pixels: false alarm 2e-9)."""
    _hold_covariance(bench, subject, covariance_of_chain)
