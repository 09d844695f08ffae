"""What the schedule listing calls: numpy's functions, run; and what core refuses in its place."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from audit.adapters.core import (
    NoiseSchedule,
    linear_schedule,
    scaled_linear_schedule,
    schedule_from_betas,
)
from audit.comparison import Bench, Mismatch, Subject, compares
from derivations.claim import Grade, Role
from derivations.schedule.schedule import linear_betas, linear_end, scaled_linear_betas


def refuses(build: Callable[..., Any], *arguments: object) -> bool:
    """Whether the call is refused by a ValueError."""
    try:
        build(*arguments)
    except ValueError:
        return True
    return False


def accepts_anything(betas: Sequence[float]) -> NoiseSchedule:
    return schedule_from_betas([min(max(float(b), 1e-3), 0.5) for b in betas])


@compares(
    "schedule.listing.no-floor",
    "schedule.tables.decreasing",
    subject=schedule_from_betas,
    wrong={
        "no check": accepts_anything,
        "checked above only": lambda betas: (
            schedule_from_betas(betas) if max(betas) >= 1 else accepts_anything(betas)),
        "checked below only": lambda betas: (
            schedule_from_betas(betas) if min(betas) <= 0 else accepts_anything(betas)),
    },
)
def invalid_betas_are_refused(bench: Bench, subject: Subject) -> None:
    """A beta that is 0, 1, negative, above 1, infinite or not a number is refused at any place."""

    @bench.forall(
        betas=st.lists(st.floats(1e-6, 0.9), min_size=0, max_size=4), place=st.integers(0, 4),
        bad=st.sampled_from([0.0, 1.0, -1e-9, -220.7, -6.5e26, 1 + 1e-9, 20.0, math.inf, math.nan]),
    )
    def _(betas: Sequence[float], place: int, bad: float) -> None:
        spoilt = [*betas[:place], bad, *betas[place:]]
        bench.require(refuses(subject, spoilt), f"beta = {bad} was accepted")
        if betas:
            bench.require(not refuses(subject, betas), f"{betas} was refused")


@compares(
    "schedule.listing.few-steps",
    "schedule.listing.single-step",
    "schedule.linear.alpha-bar-end",
    subject=scaled_linear_schedule,
    wrong={
        "no lower limit for T": lambda T: (
            scaled_linear_schedule(T) if T > 20 else linear_schedule(T)),
        "not rescaled": linear_schedule,
        "the first end 1e-5": lambda T: linear_schedule(T, 0.01 / T, 20 / T)
        if T > 20 else scaled_linear_schedule(T),
    },
)
def scaled_linear_is_exact(bench: Bench, subject: Subject) -> None:
    """T = 1 to 20 are refused; above, betas and the last level agree with the exact ones."""
    for T in range(1, 21):
        bench.require(refuses(subject, T), f"T = {T} was accepted")
    for T in (21, 22, 100, 333):
        bench.within_ulps(subject(T).beta[1:], scaled_linear_betas(T), 4, "beta")
    got = subject(4000).alpha_bar[4000].item()
    bench.within(got / float(linear_end(4000, True)), 1.0, 4e-15, "alpha_bar_4000, relative")


@compares(
    "schedule.listing.even-spacing",
    "schedule.linear.definition",
    subject=np.linspace,
    kind="execution in numpy",
    grade=Grade.EXECUTION,
    wrong={
        "the end left out": partial(np.linspace, endpoint=False),
        "logarithmic spacing": lambda a, b, n, dtype=None: np.geomspace(a, b, n, dtype=dtype),
    },
)
def linspace_includes_both_ends(bench: Bench, subject: Subject) -> None:
    """A linspace has T values, both ends to the bit, the others within 4 units of exact ones."""
    for T in (2, 3, 21, 1000):
        first, last = 1e-4 * (1000 / T), 0.02 * (1000 / T)
        got = subject(first, last, T, dtype=np.float64)
        bench.require(got.shape == (T,), f"shape {got.shape}")
        bench.require(got[0] == first and got[-1] == last, "an end is missed")
        exact = linear_betas(T, Fraction(first), Fraction(last))
        bench.within_ulps(torch.from_numpy(got.copy()), exact, 4, "linspace")


@compares(
    "schedule.listing.single-step",
    subject=np.linspace,
    kind="execution in numpy",
    grade=Grade.EXECUTION,
    role=Role.REFUTES,
    wrong={
        "the last end": lambda a, b, n, dtype=None: np.array([b], dtype=dtype),
        "both ends": lambda a, b, n, dtype=None: np.array([a, b], dtype=dtype),
    },
)
def linspace_of_one_point(bench: Bench, subject: Subject) -> None:
    """A linspace of one point holds the first end only."""
    got = subject(1000 * 1e-5, 1000 * 0.02, 1, dtype=np.float64)
    bench.require(got.tolist() == [1000 * 1e-5], f"it holds {got.tolist()}")


@compares(
    "schedule.listing.double-precision",
    subject=np.linspace,
    kind="execution in numpy",
    grade=Grade.EXECUTION,
    wrong={"single precision": lambda a, b, n, dtype=None: np.linspace(a, b, n, dtype=np.float32)},
)
def linspace_in_double(bench: Bench, subject: Subject) -> None:
    """The requested 64-bit type is what the array has."""
    bench.require(subject(1e-4, 0.02, 10, dtype=np.float64).dtype == np.float64, "another dtype")


@compares(
    "schedule.listing.array",
    subject=np.array,
    kind="execution in numpy",
    grade=Grade.EXECUTION,
    wrong={
        "single precision": partial(np.array, dtype=np.float32),
        "one row": lambda values: np.array([values]),
    },
)
def array_of_doubles(bench: Bench, subject: Subject) -> None:
    """A list of T Python floats becomes an array of shape (T,) and 64 bits, values unchanged."""
    for T in (1, 2, 1000):
        values = [1e-4 + k / 3 for k in range(T)]
        got = subject(values)
        bench.require(got.dtype == np.float64 and got.shape == (T,), f"{got.dtype}, {got.shape}")
        if got.tolist() != values:
            raise Mismatch("the values changed")


@compares(
    "schedule.listing.cosine-rises",
    "schedule.listing.cosine-blow-up",
    subject=np.sqrt,
    kind="execution in numpy",
    grade=Grade.EXECUTION,
    role=Role.REFUTES,
    wrong={"of the magnitude": lambda x: np.sqrt(np.abs(x))},
)
def root_of_negative_beta(bench: Bench, subject: Subject) -> None:
    """The root of the last printed beta, a negative double, is not a number."""
    f = [math.cos((t + 0.08) / 1.008 * math.pi / 2) ** 2 for t in (0.999, 1.0)]
    with np.errstate(invalid="ignore"):
        root = subject(np.array([1 - f[1] / f[0]]))
    bench.require(bool(np.isnan(root[0])), f"it is {root[0]}")
