"""core.ddim's coefficients against the exact formulas: sigma, a, b and c, and their ends.

Schedules are drawn with one to six betas between 1e-12 and 1 - 1e-6, timesteps and eta over their
whole range, ends included.  Oracles are the formulas of derivations at the exact float64 betas.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import torch
from hypothesis import strategies as st
from sympy import Expr, sqrt

from audit.adapters.core import (
    NoiseSchedule,
    ddim_coefficients,
    ddim_sigma,
    q_transition,
    schedule_from_betas,
)
from audit.comparison import Bench, Subject, compares
from audit.precision import exact_value
from derivations.ddim.ddim import alpha_bar_s, alpha_bar_t, eta, pair_variance, sigma_of_eta
from derivations.ddim.ddim_step import coefficients
from derivations.schedule.schedule import alpha_bars

SIGMA = sigma_of_eta(eta, alpha_bar_s, alpha_bar_t)
COEFFICIENTS = coefficients(alpha_bar_s, alpha_bar_t, SIGMA)

# DDPM's posterior of the pair, (7) with 1 - alpha_bar_t/alpha_bar_s for beta_t, at the clean image
# that x_t and eps imply: a second oracle that shares nothing with DDIM's formulas.
RATIO = alpha_bar_t / alpha_bar_s
C_X0 = sqrt(alpha_bar_s) * (1 - RATIO) / (1 - alpha_bar_t)
C_XT = sqrt(RATIO) * (1 - alpha_bar_s) / (1 - alpha_bar_t)
POSTERIOR = (
    C_XT + C_X0 / sqrt(alpha_bar_t),
    -C_X0 * sqrt(1 - alpha_bar_t) / sqrt(alpha_bar_t),
    sqrt((1 - alpha_bar_s) * (1 - RATIO) / (1 - alpha_bar_t)),
)

BETA = st.one_of(
    st.floats(1e-12, 1 - 1e-6), st.floats(1e-12, 1e-3), st.sampled_from([1e-4, 0.02, 0.5, 0.999])
)
ETA = st.one_of(st.sampled_from([0.0, 1.0, 0.5]), st.floats(1e-6, 1.0))
PAIRS = {"betas": st.lists(BETA, min_size=1, max_size=6), "data": st.data(), "eta_value": ETA}
ULPS = 6


def levels_of(betas: Sequence[float]) -> list[Fraction]:
    """alpha_bar_0..alpha_bar_T of the float64 betas, exactly."""
    return alpha_bars([Fraction(b) for b in betas])


def draw_pair(data: st.DataObject, last: int) -> tuple[int, int]:
    """0 <= s < t <= T, both ends included."""
    t = data.draw(st.integers(1, last))
    return data.draw(st.integers(0, t - 1)), t


def exact(formula: Expr, levels: list[Fraction], s: int, t: int, eta_value: float) -> Fraction:
    """A formula of the pair at the exact levels."""
    return exact_value(
        formula, {alpha_bar_s: levels[s], alpha_bar_t: levels[t], eta: Fraction(eta_value)}
    )


def eta_scales_the_variance(schedule: NoiseSchedule, t: int, s: int, eta: float) -> torch.Tensor:
    return ddim_sigma(schedule, t, s, math.sqrt(eta))


def beta_for_beta_tilde(schedule: NoiseSchedule, t: int, s: int, eta: float) -> torch.Tensor:
    one = torch.ones(1, 1, dtype=torch.float64)
    return eta * q_transition(schedule, one, s, t)[1].sqrt().reshape(())


def the_step_before(schedule: NoiseSchedule, t: int, s: int, eta: float) -> torch.Tensor:
    return ddim_sigma(schedule, t, max(s - 1, 0), eta)


@compares(
    "ddim.sigma.eta",
    subject=ddim_sigma,
    wrong={
        "eta multiplies the variance": eta_scales_the_variance,
        "beta in place of beta_tilde": beta_for_beta_tilde,
        "s off by one": the_step_before,
    },
)
def sigma_is_exact(bench: Bench, subject: Subject) -> None:
    """sigma(eta) of drawn schedules, pairs and eta, in units in the last place."""

    @bench.forall(**PAIRS)
    def _(betas: Sequence[float], data: st.DataObject, eta_value: float) -> None:
        s, t = draw_pair(data, len(betas))
        want = exact(SIGMA, levels_of(betas), s, t, eta_value)
        got = subject(schedule_from_betas(betas), t, s, eta_value)
        bench.within_ulps(got, want, ULPS, "sigma")


@compares(
    "ddim.eta-one.variance",
    subject=ddim_sigma,
    wrong={
        "beta in place of beta_tilde": beta_for_beta_tilde,
        "half the noise": lambda schedule, t, s, eta: ddim_sigma(schedule, t, s, eta / 2),
    },
)
def sigma_at_one_is_posterior(bench: Bench, subject: Subject) -> None:
    """sigma(1) squared against the posterior variance of DDPM's chain, a rational number."""

    @bench.forall(betas=PAIRS["betas"], data=PAIRS["data"])
    def _(betas: Sequence[float], data: st.DataObject) -> None:
        s, t = draw_pair(data, len(betas))
        levels = levels_of(betas)
        want = pair_variance(levels[s], levels[t])
        got = subject(schedule_from_betas(betas), t, s, 1.0)
        bench.within_ulps(got**2, Fraction(want), 2 * ULPS, "sigma squared")


def direction_ignores_sigma(
    schedule: NoiseSchedule, t: torch.Tensor | int, s: torch.Tensor | int, eta: float
) -> tuple[torch.Tensor, ...]:
    a, b, _ = ddim_coefficients(schedule, t, s, 0.0)
    return a, b, ddim_sigma(schedule, t, s, eta)


def ratio_without_root(
    schedule: NoiseSchedule, t: torch.Tensor | int, s: torch.Tensor | int, eta: float
) -> tuple[torch.Tensor, ...]:
    a, b, c = ddim_coefficients(schedule, t, s, eta)
    return a**2, b, c


def sign_of_b(
    schedule: NoiseSchedule, t: torch.Tensor | int, s: torch.Tensor | int, eta: float
) -> tuple[torch.Tensor, ...]:
    a, b, c = ddim_coefficients(schedule, t, s, eta)
    return a, -b, c


def cancelling_b(schedule: NoiseSchedule, t: int, s: int, eta: float) -> tuple[torch.Tensor, ...]:
    """b as (12) is written, in float64: right on paper, wrong by many units for close levels."""
    a, _, c = ddim_coefficients(schedule, t, s, eta)
    kept = (1 - schedule.alpha_bar[s] - c**2).clamp(min=0).sqrt()
    return a, kept - a * (1 - schedule.alpha_bar[t]).sqrt(), c


WRONG_COEFFICIENTS = {
    "the direction ignores sigma": direction_ignores_sigma,
    "the ratio without its root": ratio_without_root,
    "b with the other sign": sign_of_b,
    "the variance as a deviation": lambda schedule, t, s, eta: (
        *ddim_coefficients(schedule, t, s, eta)[:2],
        ddim_coefficients(schedule, t, s, eta)[2] ** 2,
    ),
}


@compares(
    "ddim.step.coefficients",
    "ddim.step.without-cancellation",
    subject=ddim_coefficients,
    wrong={**WRONG_COEFFICIENTS, "b with cancellation": cancelling_b},
)
def coefficients_are_exact(bench: Bench, subject: Subject) -> None:
    """a, b and c of drawn schedules, pairs and eta, in units in the last place."""

    @bench.forall(**PAIRS)
    def _(betas: Sequence[float], data: st.DataObject, eta_value: float) -> None:
        s, t = draw_pair(data, len(betas))
        levels = levels_of(betas)
        got = subject(schedule_from_betas(betas), t, s, eta_value)
        for name, value, formula in zip("abc", got, COEFFICIENTS, strict=True):
            bench.within_ulps(value, exact(formula, levels, s, t, eta_value), ULPS, name)


@compares(
    "ddim.eta-one.kernel",
    subject=ddim_coefficients,
    wrong={
        "eta = 0": lambda schedule, t, s, eta: ddim_coefficients(schedule, t, s, 0.0),
        "the direction ignores sigma": direction_ignores_sigma,
    },
)
def eta_one_is_posterior(bench: Bench, subject: Subject) -> None:
    """The step with eta = 1 against DDPM's posterior at the implied clean image, mean and noise."""

    @bench.forall(betas=PAIRS["betas"], data=PAIRS["data"])
    def _(betas: Sequence[float], data: st.DataObject) -> None:
        s, t = draw_pair(data, len(betas))
        levels = levels_of(betas)
        got = subject(schedule_from_betas(betas), t, s, 1.0)
        for name, value, formula in zip("abc", got, POSTERIOR, strict=True):
            bench.within_ulps(value, exact(formula, levels, s, t, 1.0), ULPS, name)


@compares(
    "ddim.step.last",
    subject=ddim_coefficients,
    wrong={
        "the last level is alpha_bar_1": lambda schedule, t, s, eta: ddim_coefficients(
            schedule, t, min(1, t - 1), eta),
        "noise in the last step": lambda schedule, t, s, eta: (
            *ddim_coefficients(schedule, t, s, eta)[:2], schedule.beta[1].sqrt()),
    },
)
def last_step_is_clean(bench: Bench, subject: Subject) -> None:
    """At s = 0 the coefficients are those of the predicted clean image, and c is exactly 0."""

    @bench.forall(betas=PAIRS["betas"], data=PAIRS["data"], eta_value=ETA)
    def _(betas: Sequence[float], data: st.DataObject, eta_value: float) -> None:
        t = data.draw(st.integers(1, len(betas)))
        level = {alpha_bar_t: levels_of(betas)[t]}
        a, b, c = subject(schedule_from_betas(betas), t, 0, eta_value)
        bench.within_ulps(a, exact_value(1 / sqrt(alpha_bar_t), level), ULPS, "a")
        clean = -sqrt(1 - alpha_bar_t) / sqrt(alpha_bar_t)
        bench.within_ulps(b, exact_value(clean, level), ULPS, "b")
        bench.require(c.item() == 0, f"c is {c.item()}, not 0")
