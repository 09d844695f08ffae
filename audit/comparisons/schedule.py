"""core.schedule against exact tables and published values."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import torch
from hypothesis import strategies as st
from sympy import Rational, log

from audit.adapters.core import (
    NoiseSchedule,
    cosine_schedule,
    linear_schedule,
    schedule_from_betas,
)
from audit.comparison import Bench, Subject, compares
from audit.precision import exact_value, fraction_of
from derivations.claim import Role
from derivations.prover.balls import ball, precision
from derivations.schedule.schedule import (
    alpha_bars,
    cosine_f,
    linear_betas,
    snr,
)
from derivations.symbols import real

BETAS = st.lists(
    st.one_of(st.floats(1e-12, 1 - 1e-6), st.sampled_from([1e-12, 1e-4, 0.5, 0.999])),
    min_size=1, max_size=8,
)
HALF = 0.5 + 1e-9  # rounded once: half a unit, and what 25 decimal digits or more leave


def tampered(**changes: Callable[..., Any]) -> Callable[..., NoiseSchedule]:
    """schedule_from_betas with some of its tables replaced by a plain float64 computation."""

    def build(betas: Sequence[float]) -> NoiseSchedule:
        schedule = schedule_from_betas(betas)
        for name, compute in changes.items():
            object.__setattr__(schedule, name, compute(schedule))
        return schedule

    return build


def shifted(table: torch.Tensor) -> torch.Tensor:
    return torch.cat([table[1:], table[-1:]])


@compares(
    "schedule.tables.decreasing",
    "schedule.tables.one-minus-alpha-bar",
    "schedule.tables.log-snr",
    subject=schedule_from_betas,
    wrong={
        "1 - alpha_bar as a difference": tampered(one_minus_alpha_bar=lambda s: 1 - s.alpha_bar),
        "alpha_bar off by one": tampered(alpha_bar=lambda s: shifted(s.alpha_bar)),
        "beta for beta_tilde": tampered(beta_tilde=lambda s: s.beta),
        "log of the rounded ratio": tampered(log_snr=lambda s: s.alpha_bar.log()),
    },
)
def tables_are_exact(bench: Bench, subject: Subject) -> None:
    """Every table of drawn betas, correctly rounded to half a unit in the last place."""

    @bench.forall(betas=BETAS)
    def _(betas: Sequence[float]) -> None:
        schedule = subject(betas)
        exact = [Fraction(b) for b in betas]
        levels = alpha_bars(exact)
        ratios = [snr(a) for a in levels[1:]]
        bench.within_ulps(schedule.beta[1:], exact, 0, "beta")
        bench.within_ulps(schedule.alpha, [Fraction(1), *(1 - b for b in exact)], HALF, "alpha")
        bench.within_ulps(schedule.alpha_bar, levels, HALF, "alpha_bar")
        bench.within_ulps(
            schedule.one_minus_alpha_bar, [1 - a for a in levels], HALF, "1 - alpha_bar"
        )
        bench.within_ulps(schedule.snr[1:], ratios, HALF, "snr")
        tilde = [(1 - p) / (1 - a) * b for p, a, b in zip(levels, levels[1:], exact, strict=False)]
        bench.within_ulps(schedule.beta_tilde[1:], tilde, HALF, "beta_tilde")
        ratio = real("ratio")
        logs = [exact_value(log(ratio), {ratio: r}) for r in ratios]
        bench.within_ulps(schedule.log_snr[1:], logs, HALF, "log_snr")
        falling = schedule.alpha_bar.diff()
        bench.require(bool((falling <= 0).all()), "alpha_bar rises")


def released(first: float, last: float) -> Callable[..., Any]:
    """linear_schedule with other end points."""
    return lambda T=1000, beta_first=first, beta_last=last: linear_schedule(
        T, beta_first, beta_last)


@compares(
    "schedule.linear.alpha-bar-values",
    "schedule.linear.alpha-bar-end",
    subject=linear_schedule,
    wrong={
        "the first end 1e-5": released(1e-5, 0.02),
        "T - 1 steps": lambda T=1000, *ends: linear_schedule(T - 1, *ends),
        "roots evenly spaced": lambda T=1000, *ends: schedule_from_betas(
            torch.linspace(1e-2, 0.02**0.5, T, dtype=torch.float64) ** 2),
    },
)
def linear_is_published(bench: Bench, subject: Subject) -> None:
    """The default schedule against the exact rational one: every beta and every tenth level."""
    schedule = subject()
    exact = linear_betas(1000)
    bench.require(schedule.T == 1000, f"T is {schedule.T}")
    # The float ends 1e-4 and 0.02 are themselves half a unit off, hence 2 and not 1/2.
    bench.within_ulps(schedule.beta[1:], exact, 2, "beta")
    levels = alpha_bars(exact)[::10]
    for got, want in zip(schedule.alpha_bar[::10].tolist(), levels, strict=True):
        bench.within(got / float(want), 1.0, 4e-15, "alpha_bar, relative")


WRONG_LINEAR = {
    "spacing of T intervals": lambda T, a, b: schedule_from_betas(
        [a + (b - a) * k / T for k in range(T)]),
    "the ends exchanged": lambda T, a, b: linear_schedule(T, b, a),
    "the first end a tenth": lambda T, a, b: linear_schedule(T, a / 10, b),
}


@compares("schedule.linear.definition", subject=linear_schedule, wrong=WRONG_LINEAR)
@compares(
    "schedule.listing.first-beta", subject=linear_schedule, role=Role.CORRECTS, wrong=WRONG_LINEAR
)
def linear_is_exact(bench: Bench, subject: Subject) -> None:
    """Drawn ends and T, T = 1 included: every beta rounded once from the exact value."""

    @bench.forall(T=st.integers(1, 30), first=st.floats(1e-9, 0.4), last=st.floats(0.41, 0.99))
    def _(T: int, first: float, last: float) -> None:
        exact = linear_betas(T, Fraction(first), Fraction(last))
        bench.within_ulps(subject(T, first, last).beta[1:], exact, HALF, "beta")


def exact_cosine(T: int, steps: range, s: Rational, largest: Fraction) -> list[Fraction]:
    """The clipped cosine betas of these steps from the definition, as ratios of exact levels."""
    with precision(256):
        levels = {k: ball(cosine_f(Rational(k), T, s)) for k in {*steps, *(k - 1 for k in steps)}}
        betas = [fraction_of(1 - levels[k] / levels[k - 1]) for k in steps]
    return [min(beta, largest) for beta in betas]


@compares(
    "schedule.cosine.difference",
    "schedule.cosine.values",
    "schedule.listing.cap",
    "schedule.listing.ratio",
    "schedule.cosine.normalisation",
    subject=cosine_schedule,
    wrong={
        "an offset of 0.08": lambda T, s, cap: cosine_schedule(T, 10 * s + 0.01, cap),
        "no cap": lambda T, s, cap: cosine_schedule(T, s, 1 - 1e-9),
        "a difference of rounded cosines": lambda T, s, cap: schedule_from_betas([
            min(1 - (math.cos((t / T + s) / (1 + s) * math.pi / 2)
                     / math.cos(((t - 1) / T + s) / (1 + s) * math.pi / 2)) ** 2, cap)
            for t in range(1, T + 1)]),
        "the cosine not squared": lambda T, s, cap: schedule_from_betas([
            min(1 - math.cos((t / T + s) / (1 + s) * math.pi / 2)
                / math.cos(((t - 1) / T + s) / (1 + s) * math.pi / 2), cap)
            for t in range(1, T + 1)]),
    },
)
def cosine_is_exact(bench: Bench, subject: Subject) -> None:
    """Drawn T, s and cap: betas within a few units of the exact ones, T = 1 and s = 0 included."""

    @bench.forall(  # enough of them for any number of examples
        T=st.integers(1, 12),
        s=st.sampled_from([0.0, 0.008, 0.5]) | st.integers(0, 500).map(lambda n: n / 1000),
        cap=st.sampled_from([0.999, 0.5]),
    )
    def _(T: int, s: float, cap: float) -> None:
        exact = exact_cosine(T, range(1, T + 1), Rational(Fraction(s)), Fraction(cap))
        bench.within_ulps(subject(T, s, cap).beta[1:], exact, 8, "beta")

    # Late in T = 1000 the levels are small; early, close to 1: both ends, and the middle.
    schedule = subject(1000, 0.008, 0.999)
    exact_s = Rational(Fraction(0.008))
    for steps in (range(1, 6), range(500, 503), range(996, 1001)):
        exact = exact_cosine(1000, steps, exact_s, Fraction(0.999))
        bench.within_ulps(schedule.beta[steps.start:steps.stop], exact, 8, "beta of 1000")


WRONG_COSINE = {
    "an offset of 0.08": lambda T: cosine_schedule(T, 0.08),
    "no offset": lambda T: cosine_schedule(T, 0.0),
    "a cap of 0.9999": lambda T: cosine_schedule(T, 0.008, 0.9999),
}


@compares(
    "schedule.cosine.clipped-end",
    "schedule.cosine.values",
    subject=cosine_schedule,
    wrong=WRONG_COSINE,
)
@compares(
    "schedule.listing.cosine-offset",
    subject=cosine_schedule,
    role=Role.CORRECTS,
    wrong=WRONG_COSINE,
)
def cosine_is_published(bench: Bench, subject: Subject) -> None:
    """Levels at the quarters, the last level and the number of clipped betas, as published."""
    for T, end in ((1000, "2.428766907e-9"), (4000, "1.517980469e-10")):
        schedule = subject(T)
        for quarter, level in ((1, 0.847012161327), (2, 0.493843590441), (3, 0.144272102386)):
            got = schedule.alpha_bar[quarter * T // 4].item()
            bench.within(got, level, 6e-13, f"alpha_bar at {quarter}/4")
        got = schedule.alpha_bar[T].item() / float(end)
        bench.within(got, 1.0, 3e-10, "the last alpha_bar, relative")
        bench.require(int((schedule.beta >= 0.999).sum()) == 1, "not one beta is clipped")
