"""core.forward's transitions and draws against the exact formulas, images of any shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import torch
from hypothesis import strategies as st

from audit.adapters.core import NoiseSchedule, q_sample, q_transition, schedule_from_betas
from audit.comparison import Bench, Subject, compares
from audit.precision import exact_value
from derivations.ddim.transition import (
    alpha_bar_s,
    alpha_bar_t,
    noised,
    transition_mean,
    transition_variance,
)
from derivations.schedule.schedule import alpha_bars

MEAN = transition_mean(1, alpha_bar_s, alpha_bar_t)
SIGNAL, NOISE = noised(1, 0, alpha_bar_t), noised(0, 1, alpha_bar_t)
BETA = st.one_of(
    st.floats(1e-12, 1 - 1e-6), st.sampled_from([1e-12, 1e-4, 0.02, 0.5, 0.999])
)
# Chains that leave little of the image: there 1 - alpha_bar is close to 1 and alpha_bar is small.
LATE = st.lists(st.sampled_from([0.999, 1 - 1e-6]), min_size=6, max_size=8)
ULPS = 5


def levels_of(betas: Sequence[float]) -> list[Fraction]:
    """alpha_bar_0..alpha_bar_T of the float64 betas, exactly."""
    return alpha_bars([Fraction(b) for b in betas])


def pair_of(data: st.DataObject, last: int) -> tuple[int, int]:
    """0 <= s < t <= T, both ends included."""
    t = data.draw(st.integers(1, last))
    return data.draw(st.integers(0, t - 1)), t


def changed(
    mean: Callable[..., Any] = lambda m, v: m, variance: Callable[..., Any] = lambda m, v: v
) -> Callable[..., tuple[torch.Tensor, torch.Tensor]]:
    """q_transition with its mean or variance changed: a wrong variant."""

    def variant(
        schedule: NoiseSchedule, x_s: torch.Tensor, s: torch.Tensor | int, t: torch.Tensor | int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        m, v = q_transition(schedule, x_s, s, t)
        return mean(m, v), variance(m, v)

    return variant


def cancelling(
    schedule: NoiseSchedule, x_s: torch.Tensor, s: torch.Tensor, t: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The variance as a difference from 1: right on paper, wrong for close levels."""
    m, _ = q_transition(schedule, x_s, s, t)
    v = 1 - schedule.alpha_bar[t] / schedule.alpha_bar[s]
    return m, v.reshape((-1,) + (1,) * (x_s.ndim - 1)).to(x_s.dtype)


def marginal_variance(
    schedule: NoiseSchedule, x_s: torch.Tensor, s: torch.Tensor | int, t: torch.Tensor | int
) -> tuple[torch.Tensor, torch.Tensor]:
    m, v = q_transition(schedule, x_s, s, t)
    return m, schedule.one_minus_alpha_bar[t].reshape(v.shape).to(v.dtype)


@compares(
    "multistep.transition",
    "multistep.without-cancellation",
    "multistep.neighbours",
    subject=q_transition,
    wrong={
        "no square root in the mean": changed(mean=lambda m, v: m * m),
        "a standard deviation": changed(variance=lambda m, v: v.sqrt()),
        "the variance given x_0": marginal_variance,
        "a difference from 1": cancelling,
    },
)
def transition_is_exact(bench: Bench, subject: Subject) -> None:
    """Mean coefficient and variance for each image's own s < t, both ends of the chain included."""

    @bench.forall(betas=st.lists(BETA, min_size=2, max_size=6) | LATE, data=st.data())
    def _(betas: Sequence[float], data: st.DataObject) -> None:
        # The last step and the whole chain always, so that neither is left to chance.
        last = len(betas)
        pairs = [pair_of(data, last), (last - 1, last), (0, last)]
        levels = levels_of(betas)
        at = [{alpha_bar_s: levels[s], alpha_bar_t: levels[t]} for s, t in pairs]
        for device in bench.devices:
            schedule = schedule_from_betas(betas).to(device)
            s, t = (torch.tensor(column, device=device) for column in zip(*pairs, strict=True))
            for dtype in (torch.float32, torch.float64):
                unit = torch.ones(3, 2, 1, dtype=dtype, device=device)
                mean, variance = subject(schedule, unit, s, t)
                bench.require(mean.shape == unit.shape, f"mean has shape {tuple(mean.shape)}")
                bench.require(tuple(variance.shape) == (3, 1, 1), "the variance's shape")
                each = [exact_value(MEAN, values) for values in at for _ in range(2)]
                bench.within_ulps(mean, each, ULPS, "mean")
                exact = [Fraction(transition_variance(levels[i], levels[j])) for i, j in pairs]
                bench.within_ulps(variance, exact, ULPS, "variance")


@compares(
    "multistep.composition",
    subject=q_transition,
    wrong={
        "the variance given x_0": marginal_variance,
        "a standard deviation": changed(variance=lambda m, v: v.sqrt()),
        "t off by one": lambda schedule, x_s, s, t: q_transition(
            schedule, x_s, s, max(t - 1, s + 1)),
    },
)
def transitions_compose(bench: Bench, subject: Subject) -> None:
    """s -> r -> t has the mean and variance of s -> t, for drawn schedules and s < r < t."""

    @bench.forall(betas=st.lists(BETA, min_size=3, max_size=6), data=st.data())
    def _(betas: Sequence[float], data: st.DataObject) -> None:
        t = data.draw(st.integers(2, len(betas)))
        r = data.draw(st.integers(1, t - 1))
        s = data.draw(st.integers(0, r - 1))
        schedule, levels = schedule_from_betas(betas), levels_of(betas)
        one = torch.ones(1, 1, dtype=torch.float64)
        (m_1, v_1), (m_2, v_2) = subject(schedule, one, s, r), subject(schedule, one, r, t)
        at = {alpha_bar_s: levels[s], alpha_bar_t: levels[t]}
        bench.within_ulps(m_1 * m_2, exact_value(MEAN, at), 3 * ULPS, "mean")
        want = Fraction(transition_variance(levels[s], levels[t]))
        bench.within_ulps(m_2**2 * v_1 + v_2, want, 3 * ULPS, "variance")


def of_first_image(
    schedule: NoiseSchedule, x_0: torch.Tensor, t: torch.Tensor, eps: torch.Tensor
) -> torch.Tensor:
    return q_sample(schedule, x_0, t[:1].expand(t.shape), eps)


def variance_as_deviation(
    schedule: NoiseSchedule, x_0: torch.Tensor, t: torch.Tensor, eps: torch.Tensor
) -> torch.Tensor:
    signal = q_sample(schedule, x_0, t, torch.zeros_like(x_0))
    noise = q_sample(schedule, torch.zeros_like(x_0), t, torch.ones_like(x_0))
    return signal + noise**2 * eps


@compares(
    "multistep.q-sample",
    subject=q_sample,
    wrong={
        "the t of the first image for all": of_first_image,
        "the variance as a deviation": variance_as_deviation,
        "0-based t": lambda schedule, x_0, t, eps: q_sample(
            schedule, x_0, (t + 1).clamp(max=schedule.T), eps),
        "image and noise exchanged": lambda schedule, x_0, t, eps: q_sample(
            schedule, eps, t, x_0),
    },
)
def draw_is_exact(bench: Bench, subject: Subject) -> None:
    """Both coefficients of the draw, for each image's own t, t = 1 and t = T included."""

    @bench.forall(betas=st.lists(BETA, min_size=2, max_size=6), data=st.data())
    def _(betas: Sequence[float], data: st.DataObject) -> None:
        steps = [1, len(betas), data.draw(st.integers(1, len(betas)))]
        levels = levels_of(betas)
        for device in bench.devices:
            schedule = schedule_from_betas(betas).to(device)
            t = torch.tensor(steps, device=device)
            for dtype in (torch.float32, torch.float64):
                unit = torch.ones(3, 1, 2, dtype=dtype, device=device)
                none = torch.zeros_like(unit)
                for name, formula, probe in (
                    ("signal", SIGNAL, (unit, none)), ("noise", NOISE, (none, unit))
                ):
                    got = subject(schedule, probe[0], t, probe[1])
                    bench.require(got.shape == unit.shape, f"shape {tuple(got.shape)}")
                    want = [exact_value(formula, {alpha_bar_t: levels[k]}) for k in steps]
                    bench.within_ulps(got, [w for w in want for _ in range(2)], 2, name)
