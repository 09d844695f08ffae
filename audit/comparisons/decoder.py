"""core.decoder against the normal distribution function in ball arithmetic, level by level."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import torch
from flint import arb, fmpq
from hypothesis import strategies as st

from audit.adapters.core import discretised_gaussian_log_likelihood
from audit.comparison import Bench, Subject, compares
from audit.precision import fraction_of, ulp
from derivations.prover.balls import precision

HALF_BIN = Fraction(1, 255)
DTYPES = (torch.float64, torch.float32)
BITS, FARTHEST = 600, 30  # bits of a ball; standard deviations to the farthest mean drawn
EDGES = (
    (0, -1.0, 1e-2), (255, 1.0, 1e-2), (0, 0.9, 0.05), (255, -0.9, 0.05), (1, -1.0, 1e-4),
    (254, 0.5, 0.04), (128, 0.0, 1.0), (128, 0.00390625, 1e-7), (127, 0.25, 100.0), (7, 0.5, 1e-3),
)


def level(k: int, dtype: torch.dtype) -> torch.Tensor:
    """The level of the byte k as core is given it."""
    return (torch.tensor([k], dtype=torch.float64) / 127.5 - 1).to(dtype)


def to_ball(value: Fraction | float) -> arb:
    """An exact number as a ball."""
    exact = Fraction(value)
    return arb(fmpq(exact.numerator, exact.denominator))


def normal_cdf(z: arb) -> arb:
    """Phi, from the complementary error function."""
    return (-z / arb(2).sqrt()).erfc() / 2


def tanh_cdf(z: arb) -> arb:
    """What the released code takes for Phi; its 0.044715 is the decimal number."""
    cubic = z + to_ball(Fraction(44715, 10**6)) * z**3
    return (1 + ((2 / arb.pi()).sqrt() * cubic).tanh()) / 2


def bin_masses(
    k: int, x: Fraction | float, mean: Fraction | float, variance: Fraction | float,
    cdf: Callable[..., Any],
) -> tuple[arb | None, arb]:
    """The masses below the upper and below the lower edge of the bin of level k, DDPM (13).

    Reflected so that the bin lies in the lower tail, where erfc is small with all its digits; the
    mass below the upper edge is None where there is no upper edge.
    """
    if x > mean:
        k, x, mean = 255 - k, -x, -mean
    with precision(BITS):
        deviation, centre = to_ball(variance).sqrt(), Fraction(x) - Fraction(mean)
        upper = cdf(to_ball(centre + HALF_BIN) / deviation) if k < 255 else None
        lower = cdf(to_ball(centre - HALF_BIN) / deviation) if k > 0 else arb(0)
    return upper, lower


def log_probability(
    k: int, x: Fraction | float, mean: Fraction | float, variance: Fraction | float
) -> Fraction:
    """log P(level k), to 150 bits, at the exact values of the numbers given."""
    upper, lower = bin_masses(k, x, mean, variance, normal_cdf)
    with precision(BITS):
        return fraction_of((-lower).log1p() if upper is None else (upper - lower).log())


def tanh_probability(k: int, x: float, mean: float, variance: float) -> float:
    """P(level k) with the tanh form, as a float."""
    upper, lower = bin_masses(k, x, mean, variance, tanh_cdf)
    with precision(BITS):
        return float((1 if upper is None else upper) - lower)


def each_point(bench: Bench, body: Callable[..., Any]) -> None:
    """Run body(k, mean, variance) at the edges and at drawn points within the farthest tail."""
    for k, mean, variance in EDGES:
        body(k, mean, variance)

    def drawn(k: int, where: float, variance: float) -> None:
        # A mean that lies so many standard deviations away, if not beyond the images by far.
        mean = k / 127.5 - 1 + where * math.sqrt(variance)
        body(k, max(-1.5, min(1.5, mean)), variance)

    bench.forall(k=st.one_of(st.integers(0, 255), st.sampled_from([0, 1, 254, 255])),
                 where=st.floats(-FARTHEST, FARTHEST),
                 variance=st.floats(-14, 2).map(math.exp))(drawn)


def without_open_ends(
    x_0: torch.Tensor, mean: torch.Tensor, variance: torch.Tensor, cdf: str = "exact"
) -> torch.Tensor:
    """Bins of half width 1/255 at both ends of the range, too."""
    inner = torch.full_like(x_0, 1 / 255)  # the level of 128, and everything moved there
    return discretised_gaussian_log_likelihood(inner, mean - x_0 + inner, variance, cdf)


DECODER_WRONG = {
    "closed ends": without_open_ends,
    "the deviation for the variance": lambda x_0, mean, variance, cdf="exact": (
        discretised_gaussian_log_likelihood(x_0, mean, variance**2, cdf)),
    "the density": lambda x_0, mean, variance, cdf="exact": (
        -((x_0 - mean) ** 2) / (2 * variance) - (2 * math.pi * variance).log() / 2
        + math.log(2 / 255)),
    "the tanh approximation": lambda x_0, mean, variance, cdf="exact": (
        discretised_gaussian_log_likelihood(x_0, mean, variance, "tanh")),
    "one level up": lambda x_0, mean, variance, cdf="exact": (
        discretised_gaussian_log_likelihood(
            torch.where(x_0 < 0.999, x_0 + 1 / 127.5, x_0), mean, variance, cdf)),
}


@compares("bound.decoder", subject=discretised_gaussian_log_likelihood, wrong=DECODER_WRONG)
def log_probability_of_levels(bench: Bench, subject: Subject) -> None:
    """log p of a level against erfc in balls, within 8 roundings times 1 + |log p| + h z."""
    def body(k: int, mean: float, variance: float) -> None:
        for device in bench.devices:
            for dtype in DTYPES:
                x_0 = level(k, dtype)
                # In the dtype both numbers round; the reference takes what core is given.
                at, spread = (torch.tensor([v], dtype=dtype) for v in (mean, variance))
                want = log_probability(k, x_0.item(), at.item(), spread.item())
                z = max(abs(x_0.item() - at.item()) - 1 / 255, 0) / math.sqrt(variance)
                h = 1 / (255 * math.sqrt(variance))
                unit = float(ulp(Fraction(1), dtype))
                got = subject(x_0.to(device), at.to(device), spread.to(device))
                bench.require(got.dtype == dtype, "dtype")
                scale = 1 + abs(float(want)) + h * z
                bench.within(got.item() / scale, float(want) / scale, 8 * unit,
                             f"log p, in its scale, {str(dtype)[6:]}")

    each_point(bench, body)


@compares("bound.decoder", subject=discretised_gaussian_log_likelihood, kind="released formula",
          wrong={
    "the exact distribution function": lambda x_0, mean, variance, cdf: (
        discretised_gaussian_log_likelihood(x_0, mean, variance)),
    "closed ends": without_open_ends,
    "no floor": lambda x_0, mean, variance, cdf: torch.where(
        discretised_gaussian_log_likelihood(x_0, mean, variance, cdf) < math.log(1.1e-12),
        -math.inf, discretised_gaussian_log_likelihood(x_0, mean, variance, cdf)),
})
def tanh_form(bench: Bench, subject: Subject) -> None:
    """The tanh form against its own formula in balls, p within 4 roundings, and its floor."""
    def body(k: int, mean: float, variance: float) -> None:
        for dtype in DTYPES:
            x_0 = level(k, dtype)
            at, spread = (torch.tensor([v], dtype=dtype) for v in (mean, variance))
            want = max(tanh_probability(k, x_0.item(), at.item(), spread.item()), 1e-12)
            got = subject(x_0, at, spread, "tanh").exp().item()
            # Rounded arguments move a distribution function by its slope times them: below 1.
            unit = float(ulp(Fraction(1), dtype))
            bench.within(got, want, 4 * unit + 40 * unit * want, f"p, tanh, {str(dtype)[6:]}")
            if want == 1e-12:
                floor = subject(x_0, at, spread, "tanh").item()
                bench.within(floor, math.log(1e-12), 30 * unit, "the floor")

    body(0, 1.5, 1e-4)
    each_point(bench, body)


@compares("bound.decoder", subject=discretised_gaussian_log_likelihood, kind="sum of 256 levels",
          wrong={
    "closed ends": without_open_ends,
    "half width 1/256": lambda x_0, mean, variance, cdf: discretised_gaussian_log_likelihood(
        x_0, mean, variance, cdf) + math.log(255 / 256),
    "densities": DECODER_WRONG["the density"],
})
def levels_sum_to_one(bench: Bench, subject: Subject) -> None:
    """The 256 probabilities sum to 1, exact and tanh, for means inside and outside the range."""
    for mean in (-1.5, -1.0, -0.3, 0.0, 0.99, 1.2):
        for variance in (1e-8, 1e-4, 0.05, 1.0, 30.0):
            for cdf in ("exact", "tanh"):
                x_0 = torch.arange(256, dtype=torch.float64) / 127.5 - 1
                got = subject(x_0, torch.full_like(x_0, mean),
                              torch.full_like(x_0, variance), cdf)
                # The floor of the tanh form adds at most 256e-12.
                bound = 1e-12 if cdf == "exact" else 3e-10
                bench.within(got.exp().sum(), 1, bound, f"sum, {cdf}")
