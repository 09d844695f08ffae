"""Timestep embeddings: core against the exact rows, at every width and for every real t."""

import math
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from typing import Any

import torch
from hypothesis import strategies as st
from sympy import Symbol

from audit.adapters.core import timestep_embedding_ddpm, timestep_embedding_improved
from audit.comparison import Bench, Means, Subject, compares
from audit.precision import exact_value
from derivations.claim import Grade
from derivations.listings.timestep_embedding import (
    frequency_ddpm,
    frequency_improved,
    half,
    i,
    period,
    row_ddpm,
    row_improved,
    t,
)

DIMS = (4, 5, 7, 32, 128)
TIMES = (0, 1, 22, 710, 999, 1000, 3999, 4000, 0.5, 123.25)
TORCH: Means = {"kind": "execution in torch", "grade": Grade.EXECUTION}


IMPROVED = (frequency_improved, row_improved)
DDPM = (frequency_ddpm, row_ddpm)


@cache
def exact_row(
    convention: tuple[Callable[..., Any], Callable[..., Any]], time: float, dim: int,
    base: int = 10000,
) -> tuple[Fraction, ...]:
    """One row as exact fractions; ``convention`` is IMPROVED or DDPM."""
    frequency, row = convention
    values: dict[Symbol, Fraction | float] = {t: Fraction(time), half: dim // 2, period: base}
    # One symbol for every angle, so that a column is told by its place in the row alone.
    columns = row([t * frequency(i, half, period)] * (dim // 2), dim)
    places = [*range(dim // 2)] * 2 + [0] * (dim % 2)
    return tuple(exact_value(c, {**values, i: k}) for c, k in zip(columns, places, strict=True))


def _hold_against(
    bench: Bench, subject: Subject, convention: tuple[Callable[..., Any], Callable[..., Any]]
) -> None:
    for device in bench.devices:
        for dim in DIMS:
            times = torch.tensor(TIMES, dtype=torch.float64, device=device)
            found = subject(times, dim)
            bench.require(found.dtype == torch.float32, f"dtype {found.dtype}")
            bench.require(found.shape == (len(TIMES), dim), f"shape {tuple(found.shape)}")
            for row, time in zip(found, TIMES, strict=True):
                bench.within_ulps(row, exact_row(convention, time, dim), 0.51, "embedding")
    whole = subject(torch.tensor([3, 1000]), 6, 100.0)
    for row, time in zip(whole, (3, 1000), strict=True):
        bench.within_ulps(row, exact_row(convention, time, 6, 100), 0.51, "embedding")

    @bench.forall(time=st.floats(0, 4000), dim=st.integers(4, 9))
    def any_real_timestep(time: float, dim: int) -> None:
        row = subject(torch.tensor([time], dtype=torch.float64), dim)
        bench.within_ulps(row, exact_row(convention, time, dim), 0.51, "embedding")


def in_float32(
    times: torch.Tensor, dim: int, max_period: float = 10000.0, spacing: int = 0,
    sines_first: bool = False,
) -> torch.Tensor:
    """The released arithmetic, in our own words: frequencies and angles in float32."""
    count = dim // 2
    exponent = torch.arange(count, dtype=torch.float32) / (count - spacing)
    angle = times.float()[:, None] * torch.exp(-math.log(max_period) * exponent)
    parts = [angle.sin(), angle.cos()] if sines_first else [angle.cos(), angle.sin()]
    return torch.cat([*parts, torch.zeros(len(times), dim % 2)], dim=1)


def _swapped(embed: Callable[..., Any]) -> Callable[..., torch.Tensor]:
    def swap(times: torch.Tensor, dim: int, max_period: float = 10000.0) -> torch.Tensor:
        row = embed(times, dim, max_period)
        n = dim // 2
        return torch.cat([row[:, n : 2 * n], row[:, :n], row[:, 2 * n :]], dim=1)

    return swap


def _late(embed: Callable[..., Any]) -> Callable[..., Any]:
    return lambda times, dim, max_period=10000.0: embed(times + 1, dim, max_period)


@compares(
    "embedding.frequencies",
    subject=timestep_embedding_improved,
    wrong={
        "DDPM's spacing": _swapped(timestep_embedding_ddpm),
        "sines first": _swapped(timestep_embedding_improved),
        "t one too large": _late(timestep_embedding_improved),
        "angles in float32": in_float32,
        "padded in front": lambda times, dim, max_period=10000.0: timestep_embedding_improved(
            times, dim, max_period).roll(dim % 2, 1),
    },
)
def improved_against_exact(bench: Bench, subject: Subject) -> None:
    """Within 0.51 ulp of the exact row: even and odd widths, t up to 4000 and fractional t."""
    _hold_against(bench, subject, IMPROVED)


@compares(
    "embedding.spacing-convention",
    subject=timestep_embedding_ddpm,
    wrong={
        "iDDPM's spacing": _swapped(timestep_embedding_improved),
        "cosines first": _swapped(timestep_embedding_ddpm),
        "t one too large": _late(timestep_embedding_ddpm),
        "angles in float32": lambda times, dim, max_period=10000.0: in_float32(
            times, dim, max_period, spacing=1, sines_first=True),
    },
)
def ddpm_against_exact(bench: Bench, subject: Subject) -> None:
    """Within 0.51 ulp of the exact row: even and odd widths, t up to 4000 and fractional t."""
    _hold_against(bench, subject, DDPM)


def _norm_is_half(bench: Bench, subject: Subject) -> None:
    @bench.forall(time=st.floats(0, 1e6), dim=st.integers(4, 300))
    def square_of_norm(time: float, dim: int) -> None:
        row = subject(torch.tensor([time], dtype=torch.float64), dim).double()
        bench.require(row.shape == (1, dim), f"shape {tuple(row.shape)}")
        bench.within((row**2).sum(), dim // 2, dim * 2**-24, "squared norm")


@compares(
    "embedding.norm",
    subject=timestep_embedding_improved,
    wrong={"cosines twice": lambda times, dim: timestep_embedding_improved(times, dim)[
        :, list(range(dim // 2)) * 2 + [-1] * (dim % 2)]},
)
def improved_norm(bench: Bench, subject: Subject) -> None:
    """The squared length is half the even part of the width, to rounding."""
    _norm_is_half(bench, subject)


@compares(
    "embedding.norm",
    subject=timestep_embedding_ddpm,
    wrong={"one in the last column": lambda times, dim: torch.cat(
        [timestep_embedding_ddpm(times, dim)[:, :-1], torch.ones(len(times), 1)], dim=1)},
)
def ddpm_norm(bench: Bench, subject: Subject) -> None:
    """The squared length is half the even part of the width, to rounding."""
    _norm_is_half(bench, subject)


@compares(
    "embedding.injective",
    subject=lambda times: timestep_embedding_improved(times, 4),
    wrong={
        "half the sampling": lambda times: timestep_embedding_improved(times // 2, 4),
        "angles that repeat": lambda times: timestep_embedding_improved(times % 628, 4),
    },
)
def injective(bench: Bench, subject: Subject) -> None:
    """All 4000 rows of width 4 are distinct in float32, too."""
    rows = subject(torch.arange(4000))
    bench.require(len(torch.unique(rows, dim=0)) == 4000, "two timesteps share a row")


@compares(
    "embedding.shift-invariance",
    subject=timestep_embedding_improved,
    wrong={
        "sum of sines and cosines": lambda times, dim: torch.cat(
            [timestep_embedding_improved(times, dim)[:, : dim // 2]] * 2, dim=1),
        "unit of time changed": lambda times, dim: timestep_embedding_improved(
            times**2 / 1000, dim),
    },
)
def shift_invariance(bench: Bench, subject: Subject) -> None:
    """Inner products at equal time differences are equal, to rounding."""
    @bench.forall(
        first=st.integers(0, 1000), second=st.integers(0, 1000), by=st.integers(300, 3000)
    )
    def shifted(first: int, second: int, by: int) -> None:
        times = torch.tensor([first, second, first + by, second + by], dtype=torch.float64)
        e = subject(times, 64).double()
        bench.within(e[0] @ e[1], e[2] @ e[3], 1e-5, "inner product")


@compares(
    "embedding.angles",
    subject=lambda times, frequencies: times[:, None].float() * frequencies[None],
    wrong={
        "without the new axis": lambda times, frequencies: times.float() * frequencies,
        "axis in front": lambda times, frequencies: times[None].float() * frequencies[:, None],
    },
    **TORCH,
)
def angles(bench: Bench, subject: Subject) -> None:
    """A column times a row broadcasts to (N, half), entry (n, i) being t_n f_i."""
    for rows, columns in ((3, 3), (4, 4)):
        times, frequencies = torch.arange(1, rows + 1), 2.0 ** -torch.arange(columns)
        found = subject(times, frequencies)
        want = [[n * 2.0**-k for k in range(columns)] for n in range(1, rows + 1)]
        bench.require(found.tolist() == want, f"{found.tolist()}")
