"""core.reverse's mean and variances against the proved formulas, at exact arguments."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, cast

import torch

from audit.adapters.core import (
    Denoiser,
    ReverseStep,
    ReverseVariance,
    p_mean_variance,
    schedule_from_betas,
)
from audit.comparison import Bench, Subject, compares
from audit.comparisons.reverse_places import BAR, BETA, GUESS, X_T, A, each_step, says, values_at
from audit.oracles.terms import ROUNDINGS, within_terms
from audit.precision import exact_value, ulp
from derivations.reverse import conversions, posterior, reverse_mean
from derivations.reverse.optimal_variance import learned_variance

# The mean of DDPM (7) at the clean image that each kind of prediction implies.
_OF_X_0 = posterior.posterior_coefficient_x_0(BETA, A, BAR)
_OF_X_T = posterior.posterior_coefficient_x_t(1 - BETA, A, BAR)
MEANS = {
    "eps": _OF_X_0 * conversions.x_0_from_eps(X_T, GUESS, BAR) + _OF_X_T * X_T,
    "x_0": _OF_X_0 * GUESS + _OF_X_T * X_T,
    "v": _OF_X_0 * conversions.x_0_from_v(X_T, GUESS, BAR) + _OF_X_T * X_T,
}
DTYPES = (torch.float64, torch.float32)


def mean(bench: Bench, subject: Subject, predicts: str) -> None:
    """subject's mean is DDPM (7) at the clean image implied, for t an int and a tensor."""
    formula = MEANS[predicts]

    def body(betas: Sequence[float], t: int, x_t: Sequence[float], guess: Sequence[float]) -> None:
        at = values_at(betas, t)
        slopes = [exact_value(formula, {**at, X_T: a, GUESS: b}) for a, b in ((1, 0), (0, 1))]
        parts = [(slopes[0] * Fraction(a), slopes[1] * Fraction(b))
                 for a, b in zip(x_t, guess, strict=True)]
        for device in bench.devices:
            schedule = schedule_from_betas(torch.tensor(betas, dtype=torch.float64, device=device))
            for dtype in DTYPES:
                noisy, said = (torch.tensor(x, dtype=dtype, device=device).reshape(2, 1, 2)
                               for x in (x_t, guess))
                denoiser = says(said, schedule, predicts)
                got = subject(denoiser, noisy, t, ReverseVariance("beta")).mean
                bench.require(got.shape == noisy.shape and got.dtype == dtype, "shape or dtype")
                within_terms(bench, got, parts, 8, f"mean from {predicts}")
                batch = torch.full((2,), t, device=device)
                again = subject(denoiser, noisy, batch, ReverseVariance("beta")).mean
                bench.require(torch.equal(again, got), "t as a tensor gives another mean")

    each_step(bench, body)


def with_mean(change: Callable[..., Any]) -> Callable[..., ReverseStep]:
    """p_mean_variance, its mean made anew from (schedule, step, x_t, t)."""
    def variant(
        denoiser: Denoiser, x_t: torch.Tensor, t: torch.Tensor | int, variance: ReverseVariance
    ) -> ReverseStep:
        step = p_mean_variance(denoiser, x_t, t, variance)
        t = int(torch.as_tensor(t).flatten()[0])
        return step._replace(mean=change(denoiser.schedule, step, x_t, t).to(x_t.dtype))
    return variant


def other_kind(predicts: str) -> Callable[..., Any]:
    """The prediction taken for one of another kind."""
    return lambda denoiser, x_t, t, variance: p_mean_variance(
        replace(denoiser, predicts=predicts), x_t, t, variance)


MEAN_WRONG = {
    "the clean image itself": with_mean(lambda schedule, step, x_t, t: step.x_0),
    "one forward step undone": with_mean(lambda schedule, step, x_t, t: (
        x_t - schedule.beta[t].sqrt() * step.eps) / schedule.alpha[t].sqrt()),
    "divided by alpha": with_mean(lambda schedule, step, x_t, t: (
        step.mean / schedule.alpha[t].sqrt())),
    "off by one in t": lambda denoiser, x_t, t, variance: p_mean_variance(
        denoiser, x_t, torch.as_tensor(t) % denoiser.schedule.T + 1, variance),
}


@compares("reverse.mean.eps-form", subject=p_mean_variance,
          wrong={**MEAN_WRONG, "eps taken for v": other_kind("v")})
def mean_of_noise(bench: Bench, subject: Subject) -> None:
    """The mean of the step from a predicted noise, float64 and float32, in ulps of its terms."""
    mean(bench, subject, "eps")


@compares("posterior.mean", subject=p_mean_variance,
          wrong={**MEAN_WRONG, "x_0 taken for v": other_kind("v")})
def mean_of_image(bench: Bench, subject: Subject) -> None:
    """The mean of the step from a predicted clean image, in ulps of its terms."""
    mean(bench, subject, "x_0")


@compares("reverse.mean.v-form", subject=p_mean_variance,
          wrong={**MEAN_WRONG, "v taken for x_0": other_kind("x_0")})
def mean_of_v(bench: Bench, subject: Subject) -> None:
    """The mean of the step from a predicted v, in ulps of its terms."""
    mean(bench, subject, "v")


def variance_and_log(
    bench: Bench, step: ReverseStep, want: Fraction, dtype: torch.dtype, spread: float
) -> None:
    """A variance that is an exponential: the error of its logarithm, times its size, comes in.

    ``spread`` bounds the logarithms that are added: each carries a rounding or two of the dtype.
    """
    relative = 4 * (1 + spread) * (ulp(Fraction(1), dtype) / 2)
    for value in step.variance.double().flatten().tolist():
        bench.within(value / float(want), 1, float(relative), f"variance {str(dtype)[6:]}")
    for value in step.log_variance.double().flatten().tolist():
        bench.within(value, math.log(want), float(relative), f"log variance {str(dtype)[6:]}")


def with_variance(change: Callable[..., Any]) -> Callable[..., ReverseStep]:
    """p_mean_variance with another variance and its logarithm."""
    def variant(
        denoiser: Denoiser, x_t: torch.Tensor, t: torch.Tensor | int, variance: ReverseVariance
    ) -> ReverseStep:
        step = p_mean_variance(denoiser, x_t, t, variance)
        value = change(denoiser, step, t, variance)
        return step._replace(variance=value, log_variance=value.log())
    return variant


def of_kind(kind: str, first: str) -> Callable[..., Any]:
    """p_mean_variance with the variance of another kind."""
    return lambda denoiser, x_t, t, variance: p_mean_variance(
        denoiser, x_t, t, ReverseVariance(kind, first))


def fixed_variance(
    bench: Bench, subject: Subject, variance: ReverseVariance, want_at: Callable[..., Any]
) -> None:
    """subject's fixed variance at every t of chains with T >= 2, and its logarithm."""
    def body(betas: Sequence[float], t: int, x_t: Sequence[float], guess: Sequence[float]) -> None:
        if len(betas) == 1:
            betas = (*betas, 0.25)
        want = want_at(betas, t)
        for device in bench.devices:
            schedule = schedule_from_betas(torch.tensor(betas, dtype=torch.float64, device=device))
            for dtype in DTYPES:
                x = torch.zeros(2, 1, 2, dtype=dtype, device=device)
                for step in (subject(says(x, schedule), x, t, variance),
                             subject(says(x, schedule), x, torch.full((2,), t, device=device),
                                     variance)):
                    bench.require(step.variance.dtype == dtype, "dtype")
                    if want == 0:
                        bench.require(bool((step.variance == 0).all()), "variance is not 0")
                        bench.require(bool((step.log_variance == -math.inf).all()), "not -inf")
                    else:
                        variance_and_log(bench, step, want, dtype, abs(math.log(want)))

    each_step(bench, body)


def tilde_at(betas: Sequence[float], t: int) -> Fraction:
    """beta_tilde_t, exactly."""
    at = values_at(betas, t)
    return cast(Fraction, posterior.posterior_variance(at[BETA], at[A], at[BAR]))


@compares("reverse.model", subject=p_mean_variance, wrong={
    "beta_tilde": of_kind("beta_tilde", "own"),
    "the deviation": with_variance(lambda d, step, t, _: step.variance.sqrt()),
    "off by one in t": lambda denoiser, x_t, t, variance: p_mean_variance(
        denoiser, x_t, torch.as_tensor(t) % denoiser.schedule.T + 1, variance),
    "beta_tilde_2 at t = 1": of_kind("beta", "beta_tilde_2"),
})
def variance_beta(bench: Bench, subject: Subject) -> None:
    """The fixed variance beta, t = 1 included."""
    fixed_variance(bench, subject, ReverseVariance("beta"), lambda b, t: Fraction(b[t - 1]))


@compares("posterior.variance", subject=p_mean_variance, wrong={
    "beta": of_kind("beta", "own"),
    "the deviation": with_variance(lambda d, step, t, _: step.variance.sqrt()),
    "beta_tilde_2 at t = 1": of_kind("beta_tilde", "beta_tilde_2"),
})
def variance_beta_tilde(bench: Bench, subject: Subject) -> None:
    """The fixed variance beta_tilde; at t = 1 it is 0 and its logarithm minus infinity."""
    fixed_variance(bench, subject, ReverseVariance("beta_tilde"), tilde_at)


@compares("reverse.model", "posterior.variance", subject=p_mean_variance, wrong={
    "of the variance as rounded": with_variance(lambda d, step, t, _: step.variance),
    "of the deviation": lambda *a: (step := p_mean_variance(*a))._replace(
        log_variance=step.log_variance / 2),
})
def logarithm_of_lost_variance(bench: Bench, subject: Subject) -> None:
    """A variance too small for the images' dtype is 0 there, and has its logarithm to a rounding.
    """
    for dtype, beta in ((torch.float16, 1e-9), (torch.bfloat16, 1e-50), (torch.float32, 1e-50)):
        betas = (beta, 2 * beta, 3 * beta)
        for kind, want_at in (("beta", lambda b, t: Fraction(b[t - 1])), ("beta_tilde", tilde_at)):
            for t in (2, 3):
                x = torch.zeros(2, 1, 2, dtype=dtype)
                step = subject(says(x, schedule_from_betas(betas)), x, t, ReverseVariance(kind))
                bench.require(bool((step.variance == 0).all()), "the dtype holds this variance")
                log = math.log(float(want_at(betas, t)))
                bound = float(abs(log) * ulp(Fraction(1), dtype))
                bench.within(step.log_variance.double().max(), log, bound, f"log {str(dtype)[6:]}")


@compares("posterior.variance.second-step", subject=p_mean_variance, wrong={
    "its own value at t = 1": of_kind("beta_tilde", "own"),
    "beta": of_kind("beta", "beta_tilde_2"),
})
def variance_of_first_step(bench: Bench, subject: Subject) -> None:
    """beta_tilde with beta_tilde_2 in the place of the value at t = 1."""
    fixed_variance(bench, subject, ReverseVariance("beta_tilde", "beta_tilde_2"),
                   lambda b, t: tilde_at(b, max(t, 2)))


@compares("variance.log-interpolation", subject=p_mean_variance, wrong={
    "ends exchanged": lambda denoiser, x_t, t, variance: p_mean_variance(
        replace(denoiser, network=lambda x, s: -denoiser.network(x, s)), x_t, t, variance),
    "the fraction from -1 to 1": lambda denoiser, x_t, t, variance: p_mean_variance(
        replace(denoiser, network=lambda x, s: 2 * denoiser.network(x, s) + 1), x_t, t, variance),
    "always beta": of_kind("beta", "own"),
    "always beta_tilde": of_kind("beta_tilde", "beta_tilde_2"),
})
def variance_learned(bench: Bench, subject: Subject) -> None:
    """The learned variance at fractions of the way from log beta_tilde to log beta, ends too."""
    def body(
        betas: Sequence[float], t: int, x_t: Sequence[float] | None, guess: Sequence[float]
    ) -> None:
        if len(betas) == 1:
            betas = (*betas, 0.25)
        low, high = tilde_at(betas, max(t, 2)), Fraction(betas[t - 1])
        share = abs(Fraction(guess[0])) / 4
        want = exact_value(learned_variance(BETA, A, BAR), {BETA: high, A: low, BAR: share})
        spread = abs(math.log(high)) + abs(math.log(low))
        for device in bench.devices:
            schedule = schedule_from_betas(torch.tensor(betas, dtype=torch.float64, device=device))
            for dtype in DTYPES:
                x = torch.zeros(2, 1, 2, dtype=dtype, device=device)
                denoiser = says(x, schedule, fraction=float(share))
                step = subject(denoiser, x, t, ReverseVariance("learned", "beta_tilde_2"))
                # The network's number is 2 share - 1: where that rounds, the share moves.
                variance_and_log(bench, step, want, dtype, spread)

    for share in (0, 4, 2, -1):
        body((1e-4, 0.02), 1, None, (share,))
        body((1e-4, 0.02), 2, None, (share,))
    each_step(bench, body)


def keeps_noise(
    denoiser: Denoiser, x_t: torch.Tensor, t: int, variance: ReverseVariance
) -> ReverseStep:
    """The released code's habit for a density at t = 1, in a sampler: the mean with noise."""
    step = p_mean_variance(denoiser, x_t, t, ReverseVariance("beta"))
    return step._replace(mean=step.mean + step.variance.sqrt())


@compares("reverse.sampling.last-step", subject=p_mean_variance, wrong={
    "noise of variance beta_1 stays": keeps_noise,
    "the noisy image scaled": with_mean(lambda schedule, step, x_t, t: (
        x_t / schedule.alpha[1].sqrt())),
    "variance beta": of_kind("beta", "own"),
})
def last_mean_is_clean(bench: Bench, subject: Subject) -> None:
    """At t = 1 the mean is the clean image that the noise implies and beta_tilde is exactly 0."""
    formula = conversions.x_0_from_eps(X_T, GUESS, BAR)

    def body(betas: Sequence[float], _: int, x_t: Sequence[float], guess: Sequence[float]) -> None:
        bar = 1 - Fraction(betas[0])
        parts = [tuple(exact_value(formula, {BAR: bar, X_T: a, GUESS: b})
                       for a, b in ((Fraction(x), 0), (0, Fraction(e))))
                 for x, e in zip(x_t, guess, strict=True)]
        for device in bench.devices:
            schedule = schedule_from_betas(torch.tensor(betas, dtype=torch.float64, device=device))
            for dtype in DTYPES:
                noisy, said = (torch.tensor(x, dtype=dtype, device=device).reshape(2, 1, 2)
                               for x in (x_t, guess))
                step = subject(says(said, schedule), noisy, 1, ReverseVariance("beta_tilde"))
                within_terms(bench, step.mean, parts, ROUNDINGS, "mean at t = 1")
                bench.require(bool((step.variance == 0).all()), "the variance is not 0")

    each_step(bench, body)


@compares("reverse.mean.error", subject=p_mean_variance, wrong={
    "the slope of the other sign": with_mean(lambda schedule, step, x_t, t: -step.mean),
    "the slope of x_0": with_mean(lambda schedule, step, x_t, t: step.x_0),
})
def slope_in_noise(bench: Bench, subject: Subject) -> None:
    """How a unit of predicted noise moves the mean, at every step of drawn chains."""
    slope = reverse_mean.mean_from_eps(0, GUESS, BETA, BAR)

    def body(betas: Sequence[float], t: int, x_t: Sequence[float], guess: Sequence[float]) -> None:
        want = exact_value(slope, {**values_at(betas, t), GUESS: Fraction(1)})
        schedule = schedule_from_betas(betas)
        one = torch.ones(1, 1, 1, dtype=torch.float64)
        got = subject(says(one, schedule), torch.zeros_like(one), t, ReverseVariance("beta")).mean
        bench.within_ulps(got, want, 8, "slope")

    each_step(bench, body)
