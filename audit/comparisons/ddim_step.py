"""core.ddim's step, run: read off by probes, without noise, and carried along whole chains."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, cast

import torch
from hypothesis import strategies as st

from audit.adapters.core import NoiseSchedule, ddim_step, q_transition, schedule_from_betas
from audit.comparison import Bench, Mismatch, Subject, compares
from audit.comparisons.ddim import (
    BETA,
    COEFFICIENTS,
    ETA,
    ULPS,
    WRONG_COEFFICIENTS,
    direction_ignores_sigma,
    draw_pair,
    exact,
    levels_of,
)

GENTLE = st.floats(1e-6, 0.9)


def step_with(change: Callable[..., Any]) -> Callable[..., torch.Tensor]:
    """core's step, its coefficients changed: a wrong variant of the step."""

    def changed(
        schedule: NoiseSchedule, x_t: torch.Tensor, eps: torch.Tensor, t: torch.Tensor | int,
        s: torch.Tensor | int, eta: float, z: torch.Tensor,
    ) -> torch.Tensor:
        a, b, c = change(schedule, t, s, eta)
        shape = (-1,) + (1,) * (x_t.ndim - 1)
        a, b, c = (k.to(x_t.dtype).to(x_t.device).reshape(shape) for k in (a, b, c))
        return cast(torch.Tensor, a * x_t + b * eps + (0 if z is None else c * z))

    return changed


@compares(
    "ddim.step.coefficients",
    subject=ddim_step,
    wrong={
        **{name: step_with(variant) for name, variant in WRONG_COEFFICIENTS.items()},
        "noise and prediction exchanged": lambda schedule, x_t, eps, t, s, eta, z: ddim_step(
            schedule, x_t, z, t, s, eta, eps),
    },
)
def step_is_affine(bench: Bench, subject: Subject) -> None:
    """Three probes read a, b and c off the step, for each image of a batch with its own t and s."""

    @bench.forall(betas=st.lists(BETA, min_size=2, max_size=5), data=st.data(), eta_value=ETA)
    def _(betas: Sequence[float], data: st.DataObject, eta_value: float) -> None:
        pairs = [draw_pair(data, len(betas)) for _ in range(2)]
        levels = levels_of(betas)
        for device in bench.devices:
            schedule = schedule_from_betas(betas).to(device)
            s, t = (torch.tensor(column, device=device) for column in zip(*pairs, strict=True))
            for dtype in (torch.float32, torch.float64):
                unit = torch.ones(2, 1, 2, dtype=dtype, device=device)
                none = torch.zeros_like(unit)
                for k, name in enumerate("abc"):
                    probe = [unit if i == k else none for i in range(3)]
                    want = [exact(COEFFICIENTS[k], levels, *p, eta_value) for p in pairs]
                    if any(w and not 2**-100 < abs(w) < 2**100 for w in want):
                        continue  # beyond what float32 holds to its last place
                    got = subject(schedule, probe[0], probe[1], t, s, eta_value, probe[2])
                    each = [w for w in want for _ in range(2)]
                    bench.within_ulps(got, each, ULPS, name)


def adds_noise(
    schedule: NoiseSchedule, x_t: torch.Tensor, eps: torch.Tensor, t: int, s: int, eta: float,
    z: torch.Tensor | None,
) -> torch.Tensor:
    return ddim_step(schedule, x_t, eps, t, s, 0.5, torch.ones_like(x_t) if z is None else z)


@compares(
    "ddim.eta-zero.deterministic",
    subject=ddim_step,
    wrong={
        "noise at eta = 0": adds_noise,
        "silent without z at eta > 0": lambda schedule, x_t, eps, t, s, eta, z: ddim_step(
            schedule, x_t, eps, t, s, eta, torch.zeros_like(x_t) if z is None else z),
    },
)
def eta_zero_ignores_noise(bench: Bench, subject: Subject) -> None:
    """At eta = 0 the step is the same for every z and without one; at eta > 0 it demands z."""

    @bench.forall(betas=st.lists(GENTLE, min_size=2, max_size=5), data=st.data(),
                  x=st.floats(-3, 3), e=st.floats(-3, 3))
    def _(betas: Sequence[float], data: st.DataObject, x: float, e: float) -> None:
        t = data.draw(st.integers(2, len(betas)))
        s = data.draw(st.integers(1, t - 1))
        schedule = schedule_from_betas(betas)
        x_t, eps = (torch.full((1, 3), v, dtype=torch.float64) for v in (x, e))
        steps = [
            subject(schedule, x_t, eps, t, s, 0.0, z)
            for z in (None, torch.zeros_like(x_t), torch.full_like(x_t, 2.0))
        ]
        bench.require(all(torch.equal(steps[0], other) for other in steps), "z changes the step")
        try:
            subject(schedule, x_t, eps, t, s, 0.5, None)
        except ValueError:
            return
        raise Mismatch("a step with eta = 0.5 ran without z")


@compares(
    "ddim.eta-zero.constant-eps",
    subject=ddim_step,
    wrong={
        "eta = 1 without noise": lambda schedule, x_t, eps, t, s, eta, z: ddim_step(
            schedule, x_t, eps, t, s, 1.0, torch.zeros_like(x_t)),
        "s off by one": lambda schedule, x_t, eps, t, s, eta, z: ddim_step(
            schedule, x_t, eps, t, max(s - 1, 0), eta, z),
    },
)
def constant_noise_is_exact(bench: Bench, subject: Subject) -> None:
    """With one noise throughout, a drawn chain from T to 0 returns x_0, whatever it visits."""

    @bench.forall(betas=st.lists(GENTLE, min_size=2, max_size=6), data=st.data(),
                  x=st.floats(-3, 3), e=st.floats(-3, 3))
    def _(betas: Sequence[float], data: st.DataObject, x: float, e: float) -> None:
        last = len(betas)
        visited = data.draw(st.sets(st.integers(1, last - 1)))
        chain = [last, *sorted(visited, reverse=True), 0]
        schedule = schedule_from_betas(betas)
        end = levels_of(betas)[last]
        start = math.sqrt(end) * x + math.sqrt(1 - end) * e
        eps = torch.full((1, 1), e, dtype=torch.float64)
        state = torch.full((1, 1), start, dtype=torch.float64)
        for t, s in pairwise(chain):
            state = subject(schedule, state, eps, t, s, 0.0, None)
        # An error in x_T reaches x_0 multiplied by 1 / sqrt(alpha_bar_T).
        bound = 1e-14 * (1 + abs(x) + abs(e)) / math.sqrt(end)
        bench.within(state.item(), x, bound, "x_0")


def larger_noise(
    schedule: NoiseSchedule, x_t: torch.Tensor, eps: torch.Tensor, t: int, s: int, eta: float,
    z: torch.Tensor,
) -> torch.Tensor:
    """DDPM's larger noise on top of the mean of eta = 1."""
    mean = ddim_step(schedule, x_t, eps, t, s, 1.0, torch.zeros_like(x_t))
    one = torch.ones_like(x_t)
    return mean + q_transition(schedule, one, s, t)[1].sqrt() * z


@compares(
    "ddim.marginal.step",
    "ddim.marginal.every-step",
    "ddim.marginal.sub-sequence",
    subject=ddim_step,
    wrong={
        "the direction ignores sigma": step_with(direction_ignores_sigma),
        "sigma-hat": larger_noise,
        "s off by one": lambda schedule, x_t, eps, t, s, eta, z: ddim_step(
            schedule, x_t, eps, t, max(s - 1, 0), eta, z),
    },
)
def marginals_are_kept(bench: Bench, subject: Subject) -> None:
    """Mean and variance of x given x_0, carried through a drawn chain with a drawn eta a step."""

    @bench.forall(betas=st.lists(GENTLE, min_size=2, max_size=6), data=st.data())
    def _(betas: Sequence[float], data: st.DataObject) -> None:
        last = len(betas)
        visited = data.draw(st.sets(st.integers(1, last - 1), min_size=1))
        chain = [last, *sorted(visited, reverse=True)]
        schedule, levels = schedule_from_betas(betas), levels_of(betas)
        one, none = torch.ones(1, 1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
        mean, variance = math.sqrt(levels[last]), float(1 - levels[last])
        for t, s in pairwise(chain):
            eta_value = data.draw(ETA)
            probes = ((one, none, none), (none, one, none), (none, none, one))
            a, b, c = (subject(schedule, x, e, t, s, eta_value, z).item() for x, e, z in probes)
            # eps is the unit direction (x - sqrt(alpha_bar_t) x_0) / sqrt(1 - alpha_bar_t).
            gain = a + b / math.sqrt(1 - levels[t])
            mean = gain * mean - b * math.sqrt(levels[t]) / math.sqrt(1 - levels[t])
            variance = gain**2 * variance + c**2
            bound = 1e-11 * (1 + a) ** 2
            bench.within(mean, math.sqrt(levels[s]), bound, "mean")
            bench.within(variance, float(1 - levels[s]), bound, "variance")
