"""core.forward against the exact law of the process: one step, and one jump.

Schedules are drawn with a few betas between 1e-12 and 1 - 1e-9, images with several dimensions
and every t from 1 to T in one batch.  Oracles are the formulas of derivations at the exact float64
betas.  A result a*x + b*z is allowed the rounding of its two coefficients (half a unit in the dtype
of the images and one in float64, for the table and its root), of its two products and of its sum.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, cast

import torch
from hypothesis import strategies as st
from sympy import sqrt

from audit.adapters.core import NoiseSchedule, q_marginal, q_sample, q_step, schedule_from_betas
from audit.comparison import Bench, Subject, compares
from audit.precision import exact_value, ulp
from derivations.forward.forward import BETA, kernel_mean, kernel_variance
from derivations.forward.marginal import A, marginal_mean, marginal_variance, sample

BETA_VALUE = st.one_of(
    st.floats(1e-12, 0.5), st.floats(0.5, 1 - 1e-9), st.sampled_from([1e-12, 1e-4, 0.02, 1 - 1e-9])
)
BETAS = st.lists(BETA_VALUE, min_size=1, max_size=4)
# Numbers of 16 bits are exact in every dtype below, so that inputs carry no rounding of their own.
VALUE = st.floats(-4, 4, width=16)
DTYPES = (torch.float64, torch.float32)
HALF = st.sampled_from([torch.float16, torch.bfloat16])
EIGHTHS = 8
SHAPE = (2, 2)


def exact_levels(betas: Sequence[float]) -> list[Fraction]:
    """alpha_bar_0..alpha_bar_T of the float64 betas."""
    levels = [Fraction(1)]
    for beta in betas:
        levels.append(levels[-1] * (1 - Fraction(beta)))
    return levels


def image(values: list[float], batch: int, dtype: torch.dtype, device: str) -> torch.Tensor:
    """A batch of small images whose elements are the values over and over, in eighths."""
    wanted = batch * math.prod(SHAPE)
    pattern = [round(values[i % len(values)] * EIGHTHS) / EIGHTHS for i in range(wanted)]
    return torch.tensor(pattern, dtype=dtype, device=device).reshape(batch, *SHAPE)


def require_affine(
    bench: Bench, got: torch.Tensor, x: torch.Tensor, z: torch.Tensor,
    coefficients: Sequence[Sequence[Fraction]], what: str,
) -> None:
    """Every element of got is a*x + b*z within the roundings that the module names."""
    bench.require(got.shape == x.shape and got.dtype == x.dtype, f"{what}: shape or dtype changed")
    bench.require(bool(torch.isfinite(got).all()), f"{what}: not finite")
    rows = zip(got.cpu().double().flatten(1).tolist(), x.cpu().double().flatten(1).tolist(),
               z.cpu().double().flatten(1).tolist(), coefficients, strict=True)
    for t, (results, xs, zs, pair) in enumerate(rows, start=1):
        rounding = [ulp(c, got.dtype) / 2 + ulp(c, torch.float64) for c in pair]
        for r, *values in zip(results, xs, zs, strict=True):
            values = [Fraction(v) for v in values]
            products = [c * v for c, v in zip(pair, values, strict=True)]
            total = sum(products)
            allowed = sum(e * abs(v) for e, v in zip(rounding, values, strict=True))
            # A rounded coefficient can carry a result into the next binade: units are taken there.
            allowed += sum(ulp(2 * y, got.dtype) / 2 for y in (*products, total))
            bench.require(abs(Fraction(r) - total) <= allowed,
                          f"{what}, t = {t}, {got.dtype}: {r} for {float(total)}")


def drawn_by(signal: Callable[..., Any], noise: Callable[..., Any]) -> Callable[..., torch.Tensor]:
    """A wrong variant: signal(schedule, t) * x + noise(schedule, t) * z, shaped as core does it."""

    def wrong(
        schedule: NoiseSchedule, x: torch.Tensor, t: torch.Tensor | int, z: torch.Tensor
    ) -> torch.Tensor:
        t = torch.as_tensor(t, device=schedule.beta.device)
        shape = (-1, *[1] * (x.ndim - 1))
        a = signal(schedule, t).reshape(shape).to(x.dtype)
        b = noise(schedule, t).reshape(shape).to(x.dtype)
        return cast(torch.Tensor, a * x + b * z)

    return wrong


def compare_draws(
    bench: Bench, subject: Subject, exact_coefficients: Callable[..., Any], what: str
) -> None:
    """One drawing function over the whole domain, every t at once and each end as a plain int."""

    @bench.forall(betas=BETAS, xs=st.lists(VALUE, min_size=1, max_size=4),
                  zs=st.lists(VALUE, min_size=1, max_size=3), half=HALF)
    def body(
        betas: Sequence[float], xs: Sequence[float], zs: Sequence[float], half: torch.dtype
    ) -> None:
        T = len(betas)
        coefficients = exact_coefficients(betas)
        for device in bench.devices:
            schedule = schedule_from_betas(betas).to(device)
            for dtype in (*DTYPES, half):
                x = image([1.0, *xs], T, dtype, device)
                z = image([*zs, 1.0, -1.0], T, dtype, device)
                got = subject(schedule, x, torch.arange(1, T + 1, device=device), z)
                require_affine(bench, got, x, z, coefficients, what)
                for t in {1, T}:
                    alone = subject(schedule, x[t - 1:t], t, z[t - 1:t])
                    bench.require(bool((alone == got[t - 1:t]).all()),
                                  f"{what}: t = {t} as an int differs from t in a batch")


def step_coefficients(betas: Sequence[float]) -> list[tuple[Fraction, Fraction]]:
    return [
        (exact_value(kernel_mean(BETA, 1), {BETA: Fraction(b)}),
         exact_value(sqrt(kernel_variance(BETA)), {BETA: Fraction(b)}))
        for b in betas
    ]


@compares(
    "forward.step.definition", subject=q_step,
    wrong={
        "alpha for its root": drawn_by(lambda s, t: s.alpha[t], lambda s, t: s.beta[t].sqrt()),
        "beta for its root": drawn_by(lambda s, t: s.alpha[t].sqrt(), lambda s, t: s.beta[t]),
        "rate of the step before": drawn_by(
            lambda s, t: s.alpha[t - 1].sqrt(), lambda s, t: s.beta[t - 1].sqrt()),
        "image not shrunk": drawn_by(
            lambda s, t: torch.ones_like(s.alpha[t]), lambda s, t: s.beta[t].sqrt()),
    },
)
def one_step(bench: Bench, subject: Subject) -> None:
    """q_step is sqrt(1 - beta_t) x + sqrt(beta_t) z at every t, in four dtypes, for images."""
    compare_draws(bench, subject, step_coefficients, "q_step")


def jump_coefficients(betas: Sequence[float]) -> list[tuple[Fraction, Fraction]]:
    levels = exact_levels(betas)[1:]
    return [
        (exact_value(sample(A, 1, 0), {A: level}), exact_value(sample(A, 0, 1), {A: level}))
        for level in levels
    ]


@compares(
    "marginal.closed-form", subject=q_sample,
    wrong={
        "alpha_bar for its root": drawn_by(
            lambda s, t: s.alpha_bar[t], lambda s, t: s.one_minus_alpha_bar[t].sqrt()),
        "one step instead of t": drawn_by(
            lambda s, t: s.alpha[t].sqrt(), lambda s, t: s.beta[t].sqrt()),
        "t - 1 for t": drawn_by(
            lambda s, t: s.alpha_bar[t - 1].sqrt(),
            lambda s, t: s.one_minus_alpha_bar[t - 1].sqrt()),
        "1 - sqrt(alpha_bar) for the noise": drawn_by(
            lambda s, t: s.alpha_bar[t].sqrt(), lambda s, t: 1 - s.alpha_bar[t].sqrt()),
        "1 - alpha_bar formed in float32": drawn_by(
            lambda s, t: s.alpha_bar[t].sqrt(), lambda s, t: (1 - s.alpha_bar[t].float()).sqrt()),
    },
)
def one_jump(bench: Bench, subject: Subject) -> None:
    """q_sample is sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) eps at every t, in four dtypes."""
    compare_draws(bench, subject, jump_coefficients, "q_sample")


def law_by(
    signal: Callable[..., Any], variance: Callable[..., Any]
) -> Callable[..., tuple[torch.Tensor, torch.Tensor]]:
    """A wrong variant of q_marginal."""

    def wrong(
        schedule: NoiseSchedule, x_0: torch.Tensor, t: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        shape = (-1, *[1] * (x_0.ndim - 1))
        mean = signal(schedule, t).reshape(shape).to(x_0.dtype) * x_0
        return mean, variance(schedule, t).reshape(shape).to(x_0.dtype)

    return wrong


@compares(
    "marginal.density", subject=q_marginal,
    wrong={
        "standard deviation for variance": law_by(
            lambda s, t: s.alpha_bar[t].sqrt(), lambda s, t: s.one_minus_alpha_bar[t].sqrt()),
        "alpha_bar for its root": law_by(
            lambda s, t: s.alpha_bar[t], lambda s, t: s.one_minus_alpha_bar[t]),
        "variance of one step": law_by(lambda s, t: s.alpha_bar[t].sqrt(), lambda s, t: s.beta[t]),
        "variance formed as 1 - alpha_bar": law_by(
            lambda s, t: s.alpha_bar[t].sqrt(), lambda s, t: 1 - s.alpha_bar[t]),
    },
)
def marginal_law(bench: Bench, subject: Subject) -> None:
    """q_marginal has mean sqrt(alpha_bar_t) x_0 and variance 1 - alpha_bar_t, rounded once."""

    @bench.forall(betas=BETAS, xs=st.lists(VALUE, min_size=1, max_size=4), half=HALF)
    def body(betas: Sequence[float], xs: Sequence[float], half: torch.dtype) -> None:
        T, levels = len(betas), exact_levels(betas)[1:]
        for device in bench.devices:
            schedule = schedule_from_betas(betas).to(device)
            for dtype in (*DTYPES, half):
                x_0 = image([1.0, *xs], T, dtype, device)
                mean, variance = subject(schedule, x_0, torch.arange(1, T + 1, device=device))
                bench.require(variance.shape == (T, 1, 1), f"variance has shape {variance.shape}")
                bench.require(variance.dtype == dtype, f"variance is {variance.dtype}")
                bench.within_ulps(
                    variance, [exact_value(marginal_variance(A), {A: v}) for v in levels], 0.51,
                    "variance",
                )
                exact = [(exact_value(marginal_mean(A, 1), {A: v}), Fraction(0)) for v in levels]
                require_affine(bench, mean, x_0, torch.zeros_like(x_0), exact, "mean")
