"""The variances of the noising demonstration in torch: float32 spacing against exact values."""

from collections.abc import Sequence
from fractions import Fraction

import torch

from audit.comparison import Bench, Subject, compares
from audit.precision import error_in_ulps
from derivations.claim import Grade, Role
from derivations.listings.noising_listing import LARGE, SMALL, T, evenly_spaced, listed


def _exact_betas(first: Fraction, last: Fraction) -> list[Fraction]:
    return [evenly_spaced(first, last, Fraction(k), T) for k in range(T)]


def _worst_ulps(values: torch.Tensor, exact: Sequence[Fraction]) -> float:
    pairs = zip(values.tolist(), exact, strict=True)
    return max(error_in_ulps(value, want, torch.float64) for value, want in pairs)


def spaced_then_cast(first: float, last: float, count: int) -> torch.Tensor:
    return torch.linspace(first, last, count).double()


def spaced_in_double(first: float, last: float, count: int) -> torch.Tensor:
    return torch.linspace(first, last, count, dtype=torch.float64)


@compares(
    "noising.even-spacing",
    subject=spaced_in_double,
    wrong={
        "open right end": lambda a, b, n: spaced_in_double(a, b, n + 1)[:-1],
        "arange": lambda a, b, n: a + torch.arange(n, dtype=torch.float64) * (b - a) / n,
    },
    kind="execution in torch",
    grade=Grade.EXECUTION,
)
def even_spacing(bench: Bench, subject: Subject) -> None:
    """torch.linspace includes both ends and is within one ulp of the exact spacing."""
    for first, last in ((LARGE, SMALL), (SMALL, LARGE)):
        found = subject(float(first), float(last), T)
        bench.require(found.shape == (T,), f"shape {tuple(found.shape)}")
        bench.within_ulps(found, _exact_betas(first, last), 2, "beta")


@compares(
    "noising.float32-spacing",
    subject=spaced_then_cast,
    wrong={"float64 throughout": spaced_in_double},
    kind="execution in torch",
    grade=Grade.EXECUTION,
    role=Role.REFUTES,
)
def float32_spacing(bench: Bench, subject: Subject) -> None:
    """A float32 spacing cast to float64 stays wrong by hundreds of millions of float64 ulps."""
    found = subject(0.02, 1e-4, T)
    bench.require(found.dtype == torch.float64, f"dtype {found.dtype}")
    worst = _worst_ulps(found, _exact_betas(LARGE, SMALL))
    bench.notes.append(f"worst error {worst:.3g} ulp")
    bench.require(worst > 1e8, f"only {worst:.3g} ulp")
    relative = abs(Fraction(torch.cumprod(1 - found, 0)[-1].item()) / listed()[T] - 1)
    betas = zip(found.tolist(), _exact_betas(LARGE, SMALL), strict=True)
    largest = max(abs(Fraction(got) / want - 1) for got, want in betas)
    bench.require(0.9e-7 < largest < 1.2e-7, f"beta is off by {float(largest):.2g}")
    bench.require(1e-7 < relative < 4e-7, f"alpha_bar_T is off by {float(relative):.2g}")


@compares(
    "noising.float32-spacing",
    subject=spaced_in_double,
    wrong={"cast afterwards": spaced_then_cast},
    kind="execution in torch",
    grade=Grade.EXECUTION,
    role=Role.CORRECTS,
)
def float64_spacing(bench: Bench, subject: Subject) -> None:
    """With the dtype given to linspace itself, every variance is within two ulps."""
    bench.within_ulps(subject(0.02, 1e-4, T), _exact_betas(LARGE, SMALL), 2, "beta")
