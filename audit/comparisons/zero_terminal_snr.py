"""core.zero_terminal_snr against the exact rescaling of the roots of alpha_bar."""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import torch
from hypothesis import strategies as st
from sympy import sqrt

from audit.adapters.core import (
    NoiseSchedule,
    cosine_schedule,
    linear_schedule,
    schedule_from_betas,
    zero_terminal_snr,
)
from audit.comparison import Bench, Subject, compares
from audit.precision import exact_value
from derivations.schedule.schedule import alpha_bars
from derivations.schedule.zero_terminal_snr import rescaled_beta, rescaled_root
from derivations.symbols import real

FIRST, BEFORE, AFTER, LAST = real("alpha_bar_1 alpha_bar_s alpha_bar_t alpha_bar_T")
ROOT = rescaled_root(sqrt(AFTER), sqrt(FIRST), sqrt(LAST))
STEP = rescaled_beta(sqrt(BEFORE), sqrt(AFTER), sqrt(LAST))
BETAS = st.lists(
    st.one_of(st.floats(1e-9, 0.9), st.floats(1e-5, 0.05), st.sampled_from([0.5, 0.999])),
    min_size=1, max_size=5,
)


def rebuilt(change: Callable[..., Any]) -> Callable[..., NoiseSchedule]:
    """A schedule of roots changed by change(roots), its last beta 1 as in the algorithm."""
    def variant(schedule: NoiseSchedule) -> NoiseSchedule:
        roots = change(schedule.alpha_bar[1:].sqrt())
        squares = torch.cat([torch.ones(1, dtype=torch.float64), roots**2])
        beta = torch.cat([torch.zeros(1, dtype=torch.float64), 1 - squares[1:] / squares[:-1]])
        beta[1:] = beta[1:].clamp(1e-9, 0.999999)
        beta[-1] = 1
        return NoiseSchedule(beta)
    return variant


WRONG = {
    "shifted, not scaled": rebuilt(lambda r: r - r[-1]),
    "alpha_bar in place of its root": rebuilt(lambda r: (
        (r**2 - r[-1] ** 2) * r[0] ** 2 / (r[0] ** 2 - r[-1] ** 2)).sqrt()),
    "the first root becomes 1": rebuilt(lambda r: (r - r[-1]) / (1 - r[-1])),
    "only the last beta is 1": lambda schedule: NoiseSchedule(
        torch.cat([schedule.beta[:-1], torch.ones(1, dtype=torch.float64)])),
}


def each_schedule(bench: Bench, body: Callable[..., Any]) -> None:
    """Run body(schedule, betas, indices) on two steps, on the published schedules, and on drawn."""
    for betas in ((0.5, 0.5), (1e-4, 0.02), (1e-9, 0.999, 0.999), (0.999, 1e-9)):
        body(schedule_from_betas(betas), range(1, len(betas) + 1))
    for schedule in (linear_schedule(), cosine_schedule(50)):
        T = schedule.T
        body(schedule, (1, 2, T // 2, T - 1, T))
    # A last step that hardly changes anything leaves beta' of the step before it nearer to 1 than
    # a float tells: core refuses what rounds to 1, so the last beta is drawn apart.
    bench.forall(betas=BETAS, last=st.floats(1e-4, 0.9))(
        lambda betas, last: body(schedule_from_betas([*betas, last]), range(1, len(betas) + 2)))


@compares("schedule.zero-terminal.betas", subject=zero_terminal_snr, wrong=WRONG)
def betas_are_exact(bench: Bench, subject: Subject) -> None:
    """Every rescaled beta within half an ulp; the first bit for bit, the last 1 exactly."""
    def body(schedule: NoiseSchedule, steps: Sequence[int]) -> None:
        bars = alpha_bars([Fraction(b) for b in schedule.beta[1:].tolist()])
        got = subject(schedule)
        bench.require(got.T == schedule.T, "another number of steps")
        bench.require(bool(got.beta[1] == schedule.beta[1]), "beta_1 has changed")
        bench.require(bool(got.beta[-1] == 1), "beta_T is not 1")
        for t in steps:
            if 1 < t < schedule.T:
                want = exact_value(STEP, {BEFORE: bars[t - 1], AFTER: bars[t], LAST: bars[-1]})
                bench.within_ulps(got.beta[t], want, 0.501, "beta")

    each_schedule(bench, body)


@compares("schedule.zero-terminal.roots", subject=zero_terminal_snr, wrong=WRONG)
def roots_are_rescaled(bench: Bench, subject: Subject) -> None:
    """sqrt(alpha_bar') against the affine map, to what rounded betas allow; the end is 0."""
    def body(schedule: NoiseSchedule, steps: Sequence[int]) -> None:
        bars = alpha_bars([Fraction(b) for b in schedule.beta[1:].tolist()])
        got = subject(schedule)
        bench.require(bool(got.alpha_bar[-1] == 0) and bool(got.snr[-1] == 0), "signal is left")
        bench.require(bool(got.log_snr[-1] == -math.inf), "log snr at the end")
        for t in steps:
            if t < schedule.T:
                want = exact_value(ROOT, {FIRST: bars[1], AFTER: bars[t], LAST: bars[-1]})
                # A beta off by half an ulp moves 1 - beta, relatively, by more where it is small.
                beta = got.beta[1:t + 1]
                bound = 2.0**-53 * (2 + float((beta / (1 - beta)).sum()))
                bench.within(got.alpha_bar[t].sqrt() / float(want), 1, bound, "root, relative")

    each_schedule(bench, body)
