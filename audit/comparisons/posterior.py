"""core.posterior against the proved formulas and against the joint Gaussian of the whole chain."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import torch
from hypothesis import strategies as st

from audit.adapters.core import (
    NoiseSchedule,
    posterior_coefficients,
    posterior_mean_from_eps,
    q_posterior,
    q_posterior_pair,
    schedule_from_betas,
)
from audit.comparison import Bench, Subject, compares
from audit.oracles.joint_gaussian import posterior
from audit.oracles.terms import IMAGE, within_terms
from audit.precision import exact_value
from derivations.reverse import posterior as proved
from derivations.reverse.conversions import x_0_from_eps
from derivations.schedule.published_schedule import published_beta
from derivations.symbols import real

# Near 0, near 1 and everything between; the joint oracle has bits enough for all of it.
BETA = st.one_of(
    st.floats(1e-6, 0.999), st.floats(1e-40, 1e-6), st.sampled_from([1e-300, 0.5, 1 - 2.0**-53])
)
BETAS = st.lists(BETA, min_size=1, max_size=6)
EPS, BETA_S, BAR_S, BAR_T = real("eps beta alpha_bar_s alpha_bar_t")
_IMPLIED = x_0_from_eps(proved.x_t, EPS, BAR_T)
MEAN = (
    proved.posterior_coefficient_x_0(BETA_S, BAR_S, BAR_T) * _IMPLIED
    + proved.posterior_coefficient_x_t(1 - BETA_S, BAR_S, BAR_T) * proved.x_t
)

EXTREMES = ((1e-4,), (1 - 2.0**-53,), (1e-300, 1e-300), (0.5, 1e-20, 1 - 2.0**-53), (1e-4, 0.02))
DTYPES = (torch.float64, torch.float32)


def steps(bench: Bench, body: Callable[..., Any]) -> None:
    """Run body(betas, t) at the edges, then at drawn chains: t = 1, t = T and between."""
    for betas in EXTREMES:
        for t in (1, len(betas)):
            body(betas, t)

    def drawn(betas: Sequence[float], share: float) -> None:
        body(betas, 1 + round(share * (len(betas) - 1)))

    bench.forall(betas=BETAS, share=st.floats(0, 1))(drawn)


def swapped(schedule: NoiseSchedule, t: int) -> tuple[torch.Tensor, ...]:
    """The two coefficients exchanged."""
    c_x0, c_xt, variance = posterior_coefficients(schedule, t)
    return c_xt, c_x0, variance


def beta_as_variance(schedule: NoiseSchedule, t: int) -> tuple[torch.Tensor, ...]:
    """beta in the place of beta_tilde."""
    c_x0, c_xt, _ = posterior_coefficients(schedule, t)
    return c_x0, c_xt, schedule.beta[t]


def rootless(schedule: NoiseSchedule, t: int) -> tuple[torch.Tensor, ...]:
    """No square root of alpha in the coefficient of x_t."""
    c_x0, c_xt, variance = posterior_coefficients(schedule, t)
    return c_x0, c_xt * schedule.alpha[t].sqrt(), variance


def one_step_late(schedule: NoiseSchedule, t: int) -> tuple[torch.Tensor, ...]:
    """The tables read at t where t - 1 is meant."""
    return posterior_coefficients(schedule, max(t - 1, 1))


def naive(schedule: NoiseSchedule, t: int) -> tuple[torch.Tensor, ...]:
    """1 - alpha_bar formed by subtraction in float64."""
    alpha_bar, beta = schedule.alpha_bar, schedule.beta[t]
    one_minus_t = 1 - alpha_bar[t] + torch.finfo(torch.float64).tiny
    return (alpha_bar[t - 1].sqrt() * beta / one_minus_t,
            schedule.alpha[t].sqrt() * (1 - alpha_bar[t - 1]) / one_minus_t,
            beta * (1 - alpha_bar[t - 1]) / one_minus_t)


COEFFICIENTS_WRONG = {
    "coefficients exchanged": swapped, "beta for beta_tilde": beta_as_variance,
    "alpha for its root": rootless, "off by one in t": one_step_late,
    "1 - alpha_bar by subtraction": naive,
}


@compares("posterior.mean", "posterior.variance", subject=posterior_coefficients,
          wrong=COEFFICIENTS_WRONG)
def coefficients_from_joint_covariance(bench: Bench, subject: Subject) -> None:
    """The coefficients are those of the Schur complement of the joint covariance of the chain."""
    def body(betas: Sequence[float], t: int) -> None:
        for device in bench.devices:
            schedule = schedule_from_betas(torch.tensor(betas, dtype=torch.float64, device=device))
            got = subject(schedule, t)
            for part, want, name in zip(got, posterior(betas, t - 1, t),
                                        ("c_x0", "c_xt", "beta_tilde"), strict=True):
                bench.within_ulps(part, want, 4, name)

    steps(bench, body)


@compares("posterior.variance.second-step", "posterior.variance.last-step",
          subject=posterior_coefficients,
          wrong={"beta for beta_tilde": beta_as_variance, "off by one in t": one_step_late})
def published_variances(bench: Bench, subject: Subject) -> None:
    """beta_tilde of the published schedule against the proved formula at the exact betas."""
    betas = [float(published_beta(t)) for t in range(1, 1001)]
    bars = [Fraction(1)]
    for beta in betas[:3]:
        bars.append(bars[-1] * (1 - Fraction(beta)))
    for device in bench.devices:
        schedule = schedule_from_betas(torch.tensor(betas, dtype=torch.float64, device=device))
        for t in (1, 2, 3):
            want = proved.posterior_variance(Fraction(betas[t - 1]), bars[t - 1], bars[t])
            bench.within_ulps(subject(schedule, t)[2], want, 0.5 + 1e-9, f"beta_tilde at {t}")
        ratio = float(subject(schedule, 2)[2] / schedule.beta[2])
        bench.within(ratio, 0.454735765746, 1e-12, "ratio at t = 2")
        bench.within(float(subject(schedule, 1000)[2]), 1.99999835266e-2, 1e-13, "beta_tilde at T")


@compares("posterior.mean", "posterior.variance", subject=q_posterior, wrong={
    "images exchanged": lambda schedule, x_0, x_t, t: q_posterior(schedule, x_t, x_0, t),
    "the noisy image of t + 1": lambda schedule, x_0, x_t, t: q_posterior(
        schedule, x_0, x_t, min(t + 1, schedule.T) if schedule.T > 1 else t),
    "beta for beta_tilde": lambda schedule, x_0, x_t, t: (
        q_posterior(schedule, x_0, x_t, t)[0],
        schedule.beta[t].reshape(1, 1, 1).to(x_0.dtype)),
})
def posterior_of_images(bench: Bench, subject: Subject) -> None:
    """Mean and variance for images of shape (2, 1, 2), each dtype, against the joint covariance."""
    def body(
        betas: Sequence[float], t: int, x_0: Sequence[float] = (0.5, -1.0, 0.0, 1.0),
        x_t: Sequence[float] = (1.5, 0.25, -2.0, 0.0),
    ) -> None:
        c_x0, c_xt, variance = posterior(betas, t - 1, t)
        for device in bench.devices:
            schedule = schedule_from_betas(torch.tensor(betas, dtype=torch.float64, device=device))
            for dtype in DTYPES:
                clean, noisy = (torch.tensor(x, dtype=dtype, device=device).reshape(2, 1, 2)
                                for x in (x_0, x_t))
                mean, spread = subject(schedule, clean, noisy, t)
                bench.require(mean.shape == clean.shape and mean.dtype == dtype, "shape or dtype")
                bench.require(spread.shape == (1, 1, 1), "one variance for all coordinates")
                parts = [(c_x0 * Fraction(a), c_xt * Fraction(b))
                         for a, b in zip(x_0, x_t, strict=True)]
                within_terms(bench, mean, parts, 6, "mean")
                bench.within_ulps(spread, variance, 1, "variance")

    for betas in EXTREMES:
        body(betas, len(betas))

    def drawn(
        betas: Sequence[float], share: float, x_0: Sequence[float], x_t: Sequence[float]
    ) -> None:
        body(betas, 1 + round(share * (len(betas) - 1)), x_0, x_t)

    bench.forall(betas=BETAS, share=st.floats(0, 1), x_0=IMAGE, x_t=IMAGE)(drawn)


@compares("posterior.first-step", subject=q_posterior, wrong={
    "the scaled noisy image": lambda schedule, x_0, x_t, t: (
        x_t / schedule.alpha[1].sqrt().to(x_t.dtype), q_posterior(schedule, x_0, x_t, t)[1]),
    "variance beta": lambda schedule, x_0, x_t, t: (
        x_0, schedule.beta[1].reshape(1, 1, 1).to(x_0.dtype)),
})
def first_step_is_exact(bench: Bench, subject: Subject) -> None:
    """At t = 1 the mean is x_0 bit for bit and the variance is 0 exactly, for every beta."""
    def body(beta: float, x_0: Sequence[float]) -> None:
        for device in bench.devices:
            schedule = schedule_from_betas(torch.tensor([beta], dtype=torch.float64, device=device))
            for dtype in DTYPES:
                clean = torch.tensor(x_0, dtype=dtype, device=device).reshape(2, 1, 2)
                mean, variance = subject(schedule, clean, 1 + clean.flip(0), 1)
                bench.require(bool((mean == clean).all()), "the mean at t = 1 is not x_0")
                bench.require(bool((variance == 0).all()), "the variance at t = 1 is not 0")

    bench.forall(beta=BETA, x_0=IMAGE)(body)


@compares("posterior.pair", subject=q_posterior_pair, wrong={
    "s and t - 1 confused": lambda schedule, x_0, x_t, s, t: q_posterior_pair(
        schedule, x_0, x_t, t - 1, t),
    "variance of the transition": lambda schedule, x_0, x_t, s, t: (
        q_posterior_pair(schedule, x_0, x_t, s, t)[0],
        (1 - schedule.alpha_bar[t] / schedule.alpha_bar[s]).reshape(1, 1, 1).to(x_0.dtype)),
    "images exchanged": lambda schedule, x_0, x_t, s, t: q_posterior_pair(
        schedule, x_t, x_0, s, t),
})
def posterior_of_pairs(bench: Bench, subject: Subject) -> None:
    """The posterior of x_s for every kind of pair s < t, s = 0 included."""
    def body(
        betas: Sequence[float], s: int, t: int, x_0: Sequence[float] = (0.5, -1.0, 0.0, 1.0),
        x_t: Sequence[float] = (1.5, 0.25, -2.0, 0.0),
    ) -> None:
        c_x0, c_xt, variance = posterior(betas, s, t)
        for device in bench.devices:
            schedule = schedule_from_betas(torch.tensor(betas, dtype=torch.float64, device=device))
            for dtype in DTYPES:
                clean, noisy = (torch.tensor(x, dtype=dtype, device=device).reshape(2, 1, 2)
                                for x in (x_0, x_t))
                mean, spread = subject(schedule, clean, noisy, s, t)
                parts = [(c_x0 * Fraction(a), c_xt * Fraction(b))
                         for a, b in zip(x_0, x_t, strict=True)]
                within_terms(bench, mean, parts, 12, "mean")
                bench.within_ulps(spread, variance, 8, "variance")

    for betas in EXTREMES:
        body(betas, 0, len(betas))

    def drawn(
        betas: Sequence[float], first: int, second: int, x_0: Sequence[float],
        x_t: Sequence[float],
    ) -> None:
        s, t = sorted((first % (len(betas) + 1), second % (len(betas) + 1)))
        if s < t:
            body(betas, s, t, x_0, x_t)
        else:
            body(betas, 0, len(betas), x_0, x_t)

    bench.forall(betas=st.lists(st.floats(1e-6, 0.99), min_size=1, max_size=5),
                 first=st.integers(0, 5), second=st.integers(0, 5), x_0=IMAGE, x_t=IMAGE)(drawn)


@compares("reverse.mean.eps-form", subject=posterior_mean_from_eps, wrong={
    "one forward step undone": lambda schedule, x_t, t, eps: (
        (x_t - schedule.beta[t].sqrt().to(x_t.dtype) * eps) / schedule.alpha[t].sqrt().to(x_t.dtype)
    ),
    "sign of the noise": lambda schedule, x_t, t, eps: posterior_mean_from_eps(
        schedule, x_t, t, -eps),
    "divided by alpha": lambda schedule, x_t, t, eps: posterior_mean_from_eps(
        schedule, x_t, t, eps) / schedule.alpha[t].sqrt().to(x_t.dtype),
    "no root of 1 - alpha_bar": lambda schedule, x_t, t, eps: (
        x_t - (schedule.beta[t] / schedule.one_minus_alpha_bar[t]).to(x_t.dtype) * eps
    ) / schedule.alpha[t].sqrt().to(x_t.dtype),
})
def mean_from_noise_is_mean_from_image(bench: Bench, subject: Subject) -> None:
    """The mean from the noise is the proved posterior mean at the image that the noise implies."""
    def body(
        betas: Sequence[float], share: float, x_t: Sequence[float], eps: Sequence[float]
    ) -> None:
        t = 1 + round(share * (len(betas) - 1))
        bars = [Fraction(1)]
        for beta in betas:
            bars.append(bars[-1] * (1 - Fraction(beta)))
        terms = []
        for a, e in zip(x_t, eps, strict=True):
            at = {proved.x_t: Fraction(a), EPS: Fraction(e), BETA_S: Fraction(betas[t - 1]),
                  BAR_S: bars[t - 1], BAR_T: bars[t]}
            # The two summands of the mean, from DDPM (7) with x_0 put in, never from DDPM (11).
            of_x_t, of_eps = ({**at, EPS: Fraction(0)}, {**at, proved.x_t: Fraction(0)})
            terms.append((exact_value(MEAN, of_x_t), exact_value(MEAN, of_eps)))
        for device in bench.devices:
            schedule = schedule_from_betas(torch.tensor(betas, dtype=torch.float64, device=device))
            for dtype in DTYPES:
                noisy, noise = (torch.tensor(x, dtype=dtype, device=device).reshape(2, 1, 2)
                                for x in (x_t, eps))
                within_terms(bench, subject(schedule, noisy, t, noise), terms, 8, "mean from eps")

    bench.forall(betas=st.lists(st.floats(1e-9, 0.99), min_size=1, max_size=5),
                 share=st.floats(0, 1), x_t=IMAGE, eps=IMAGE)(body)
