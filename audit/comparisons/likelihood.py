"""core's variational bound and likelihood against L_T, L_{t-1} and L_0 at exact arguments."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import torch
from hypothesis import strategies as st
from sympy import Integer, log, sqrt

from audit.adapters.core import (
    Bound,
    BoundTerm,
    Denoiser,
    Likelihood,
    ReverseVariance,
    bound_term,
    likelihood,
    linear_schedule,
    prior_term,
    schedule_from_betas,
)
from audit.comparison import Bench, Subject, compares
from audit.comparisons.decoder import level, log_probability
from audit.comparisons.reverse import tilde_at
from audit.comparisons.reverse_places import BAR, BETA, A, says
from audit.precision import exact_value
from derivations.reverse import prior_term as proved
from derivations.reverse.conversions import noised
from derivations.reverse.optimal_variance import learned_variance
from derivations.reverse.posterior import posterior_variance
from derivations.reverse.reverse_mean import mean_from_eps
from derivations.reverse.training_objective import kl_of_step
from derivations.schedule.schedule import alpha_bars
from derivations.symbols import real

X_0, EPS, GUESS, SPREAD, MOMENT = real("x_0 eps eps_hat spread second_moment")
X_T = noised(X_0, EPS, BAR)
# The KL divergence of DDPM (5) with both means by DDPM (10), (11), at the true and a guessed noise.
TERM = kl_of_step(
    mean_from_eps(X_T, EPS, BETA, BAR), posterior_variance(BETA, A, BAR),
    mean_from_eps(X_T, GUESS, BETA, BAR), SPREAD,
)
FACTOR = sqrt((1 - BAR) / BAR)  # of the error of the noise in that of the image
VARIANCES = (ReverseVariance("beta"), ReverseVariance("beta_tilde", "beta_tilde_2"),
             ReverseVariance("learned", "beta_tilde_2"))
BETAS = st.lists(st.floats(1e-4, 0.9), min_size=2, max_size=4)
LEVEL = st.integers(0, 255)
PIXEL = LEVEL.map(lambda k: k / 127.5 - 1)
NOISE = st.floats(-2, 2, width=32)
GAP = st.floats(0.125, 2, width=32)
EDGES = ((1e-4, 0.02), (0.5, 0.999), (1e-4, 0.5, 1e-4))
SHARE = 0.25  # of the way from log beta_tilde to log beta, where the variance is learned


def spread_at(betas: Sequence[float], t: int, variance: ReverseVariance) -> Fraction:
    """The variance of the model's step."""
    low, high = tilde_at(betas, max(t, 2)), Fraction(betas[t - 1])
    if variance.kind == "learned":
        return exact_value(learned_variance(BETA, A, BAR), {
            BETA: high, A: low, BAR: Fraction(SHARE)})
    return high if variance.kind == "beta" else low


def exact_term(
    betas: Sequence[float], t: int, k: int, eps: float, guess: float, variance: ReverseVariance
) -> Fraction:
    """L_{t-1} of one pixel at level k, or L_0 at t = 1, in nats."""
    bars = alpha_bars([Fraction(b) for b in betas])
    x_0 = Fraction(level(k, torch.float64).item())
    at = {BETA: Fraction(betas[t - 1]), A: bars[t - 1], BAR: bars[t], X_0: x_0,
          EPS: Fraction(eps), GUESS: Fraction(guess), SPREAD: spread_at(betas, t, variance)}
    if t == 1:
        mean = x_0 - exact_value(FACTOR, at) * (at[GUESS] - at[EPS])
        return -log_probability(k, x_0, mean, at[SPREAD])
    return exact_value(TERM, at)


def tolerance(betas: Sequence[float], t: int, gap: float, spread: Fraction) -> float:
    """The relative error allowed: x_0_hat comes back from a rounded x_t, whose last place counts
    for 1 / sqrt(1 - alpha_bar_t) of the gap in the noise, and in a bin for z / sd as well.
    """
    noise = math.sqrt(-math.expm1(sum(math.log1p(-b) for b in betas[:t])))
    far = 1 / math.sqrt(spread) if t == 1 else 0
    return 2e-15 * (20 + 8 / (noise * gap) + far)


def of_one_pixel(
    betas: Sequence[float], k: int, eps: float, guess: float, variance: ReverseVariance
) -> tuple[Denoiser, torch.Tensor, torch.Tensor]:
    """A denoiser that guesses this noise throughout; two images of such pixels; noise.

    Two channels of three pixels: what is to be a mean over both cannot be a sum over one.
    """
    schedule = schedule_from_betas(betas)
    x_0 = level(k, torch.float64).expand(12).reshape(2, 2, 3).clone()
    share = SHARE if variance.kind == "learned" else None
    denoiser = says(torch.full_like(x_0, guess), schedule, fraction=share)
    return denoiser, x_0, torch.full_like(x_0, eps)


def term_wrong(change: Callable[..., Any]) -> Callable[..., BoundTerm]:
    """bound_term with nats changed by change(nats, denoiser, t)."""
    def variant(
        denoiser: Denoiser, bound: Bound, x_0: torch.Tensor, t: int, eps: torch.Tensor
    ) -> BoundTerm:
        term = bound_term(denoiser, bound, x_0, t, eps)
        return term._replace(nats=change(term.nats, denoiser, int(torch.as_tensor(t).flatten()[0])))
    return variant


TERM_WRONG = {
    "off by one in t": lambda denoiser, bound, x_0, t, eps: bound_term(
        denoiser, bound, x_0, torch.as_tensor(t) % denoiser.schedule.T + 1, eps),
    "bits": term_wrong(lambda nats, d, t: nats / math.log(2)),
    "a sum over channels": term_wrong(lambda nats, d, t: 2 * nats),
    "the other variance": lambda denoiser, bound, x_0, t, eps: bound_term(
        denoiser, replace(bound, variance=VARIANCES[bound.variance.kind == "beta"]), x_0, t, eps),
}


def terms(bench: Bench, subject: Subject, only_first: bool) -> None:
    """subject's nats at t = 1 only, or at t > 1 only, for t an int and a tensor."""
    def body(
        betas: Sequence[float], t: int, k: int, eps: float, gap: float, variance: ReverseVariance
    ) -> None:
        guess = eps + gap
        want = float(exact_term(betas, t, k, eps, guess, variance))
        denoiser, x_0, noise = of_one_pixel(betas, k, eps, guess, variance)
        bound = tolerance(betas, t, gap, spread_at(betas, t, variance))
        for form in (t, torch.tensor([t, t])):
            got = subject(denoiser, Bound(variance), x_0, form, noise).nats
            bench.require(got.shape == (2,) and got.dtype == torch.float64, "shape or dtype")
            scale = max(abs(want), 1e-6)  # a bin of nearly all the probability costs nothing
            for value in got.tolist():
                bench.within(value / scale, want / scale, bound, "relative error")

    for betas in EDGES:
        for variance in VARIANCES:
            body(betas, 1 if only_first else len(betas), 0, 0.5, 1.0, variance)
            body(betas, 1 if only_first else 2, 255, -0.25, 1.0, variance)

    def drawn(betas: Sequence[float], share: float, **rest: Any) -> None:
        body(betas, 1 if only_first else 2 + round(share * (len(betas) - 2)), **rest)

    bench.forall(betas=BETAS, share=st.floats(0, 1), k=LEVEL, eps=NOISE, gap=GAP,
                 variance=st.sampled_from(VARIANCES))(drawn)


@compares("reverse.objective.mean-matching", subject=bound_term, wrong=TERM_WRONG)
def terms_of_bound(bench: Bench, subject: Subject) -> None:
    """L_{t-1} of t > 1 against the KL divergence of the two steps, for the three variances."""
    terms(bench, subject, only_first=False)


@compares("reverse.objective.first-term", subject=bound_term, wrong={
    **TERM_WRONG,
    "the density": term_wrong(lambda nats, d, t: nats + math.log(2 / 255)),
})
def decoder_term(bench: Bench, subject: Subject) -> None:
    """L_0 against the probability of the bin about the predicted clean image, three variances."""
    terms(bench, subject, only_first=True)


@compares("bound.prior-term", subject=prior_term, wrong={
    "the root of alpha_bar": lambda schedule, x_0: prior_term(schedule, x_0) + (
        schedule.alpha_bar[-1].sqrt() - schedule.alpha_bar[-1]) * (x_0**2).flatten(1).mean(1) / 2,
    "the square of the mean": lambda schedule, x_0: prior_term(
        schedule, x_0.flatten(1).mean(1).reshape(-1, 1, 1).expand_as(x_0)),
    "alpha_bar at T - 1": lambda schedule, x_0: prior_term(
        schedule_from_betas(schedule.beta[1:-1] if schedule.T > 1 else [0.9]), x_0),
    "a sum over pixels": lambda schedule, x_0: 2 * prior_term(schedule, x_0),
})
def prior_of_images(bench: Bench, subject: Subject) -> None:
    """L_T of images of two levels, in ulps, down to alpha_bar_T of 1e-12; of 0 at larger ones.

    Of an image that is 0 everywhere, which has no level, L_T is near alpha_bar_T^2 / 4, and core
    keeps fewer digits of it the smaller it is.
    """
    def body(betas: Sequence[float], first: float, second: float) -> None:
        x_0 = torch.tensor([[[first, second], [second, first]]], dtype=torch.float64)
        bar = alpha_bars([Fraction(b) for b in betas])[-1]
        moment = (Fraction(first) ** 2 + Fraction(second) ** 2) / 2
        want = exact_value(proved.prior_term(BAR, MOMENT), {BAR: bar, MOMENT: moment})
        bench.within_ulps(subject(schedule_from_betas(betas), x_0), want, 16, "L_T")

    for betas in ((0.5,), (1e-4,), (1 - 2.0**-20,), (0.999,) * 4, (1e-12,)):
        body(betas, 1.0, -1.0)
        body(betas, 1 / 255, -1 / 255)
    for beta in (0.5, 1e-4, 1e-12, 0.9999):
        body((beta,), 0.0, 0.0)
    bench.forall(betas=st.lists(st.floats(1e-4, 0.999), min_size=1, max_size=4),
                 first=PIXEL, second=PIXEL)(body)


@compares("bound.prior-term.value", subject=prior_term, wrong={
    "one step short": lambda schedule, x_0: prior_term(
        schedule_from_betas(schedule.beta[1:-1]), x_0),
    "pixels on 0..1": lambda schedule, x_0: prior_term(schedule, (x_0 + 1) / 2),
})
def prior_of_cifar(bench: Bench, subject: Subject) -> None:
    """L_T in bits of an image with the mean square of CIFAR-10: the twelve printed digits."""
    moment = proved.scaled_mean_square(proved.CIFAR_10)
    for square, printed in ((float(moment), 7.45293815863e-6), (1.0, 2.91129454203e-5)):
        x_0 = torch.full((1, 1, 2), math.sqrt(square), dtype=torch.float64)
        bits = subject(linear_schedule(), x_0).item() / math.log(2)
        bench.within(bits / printed, 1, 1e-12, "relative difference")


def likelihood_wrong(change: Callable[..., Any]) -> Callable[..., Likelihood]:
    """likelihood with terms and squared error changed by change(found) -> dict."""
    def variant(
        denoiser: Denoiser, bound: Bound, x_0: torch.Tensor, noise: Callable[..., Any]
    ) -> Likelihood:
        found = likelihood(denoiser, bound, x_0, noise)
        return replace(found, **change(found))
    return variant


@compares("bound.decomposition", "bound.bits-per-dimension", subject=likelihood, wrong={
    "nats": likelihood_wrong(lambda found: {"terms": found.terms * math.log(2)}),
    "no term for x_T": likelihood_wrong(lambda found: {
        "terms": torch.cat([found.terms[:, :-1], 0 * found.terms[:, -1:]], 1)}),
    "the terms in the other order": likelihood_wrong(lambda found: {
        "terms": found.terms.flip(1), "squared_error": found.squared_error}),
    "the noise of another timestep": lambda denoiser, bound, x_0, noise: likelihood(
        denoiser, bound, x_0, lambda t: noise(denoiser.schedule.T + 1 - t) + 0.125),
    "the root of the error": likelihood_wrong(lambda found: {
        "squared_error": found.squared_error.sqrt()}),
})
def whole_likelihood(bench: Bench, subject: Subject) -> None:
    """Every term in bits, their sums from T down, and the distortion, noise of each t its own."""
    def body(
        betas: Sequence[float], k: int, eps: float, gap: float, variance: ReverseVariance
    ) -> None:
        T, guess = len(betas), eps + gap
        denoiser, x_0, noise = of_one_pixel(betas, k, eps, guess, variance)
        # Noise falls with t, away from the guess, so that no two terms see the same.
        each = {t: eps - (t - 1) / 8 for t in range(1, T + 1)}
        found = subject(denoiser, Bound(variance), x_0, lambda t: torch.full_like(noise, each[t]))
        bars = alpha_bars([Fraction(b) for b in betas])
        pixel = Fraction(level(k, torch.float64).item())
        bit = exact_value(log(Integer(2)), {})
        wants = [exact_term(betas, t, k, each[t], guess, variance) / bit for t in range(1, T + 1)]
        wants.append(exact_value(proved.prior_term(BAR, MOMENT), {
            BAR: bars[T], MOMENT: pixel**2}) / bit)
        for t, want in enumerate(wants):
            bound = 1e-14 if t == T else tolerance(
                betas, t + 1, gap, spread_at(betas, t + 1, variance))
            for row in found.terms[:, t].tolist():
                scale = max(abs(float(want)), 1e-9)
                bench.within(row / scale, float(want) / scale, bound, "term, relative")
            rate = float(sum(wants[t:]))
            size = float(sum(map(abs, wants[t:])))
            for row in found.rate[:, t].tolist():
                bench.within(row / size, rate / size, 1e-10, "rate, relative")
        for row in found.total.tolist():
            bench.within(row / size_of(wants), float(sum(wants)) / size_of(wants), 1e-10, "total")
        for t in range(1, T + 1):
            grey = 127.5 * float(exact_value(FACTOR, {BAR: bars[t]})) * abs(guess - each[t])
            bench.within(found.distortion[0, t] / grey, 1, 1e-10, "distortion, relative")
        bench.require(bool((found.distortion[:, 0] == 0).all()), "distortion of the image itself")
        bench.require(torch.equal(found.L_0, found.terms[:, 0]), "L_0 is another term")
        bench.require(torch.equal(found.L_T, found.terms[:, T]), "L_T is another term")

    body((0.25, 0.5), 100, 0.5, 1.0, VARIANCES[0])
    bench.examples = max(bench.examples // 4, 8)
    bench.forall(betas=BETAS, k=LEVEL, eps=NOISE, gap=GAP,
                 variance=st.sampled_from(VARIANCES))(body)


def size_of(values: Sequence[Fraction]) -> float:
    """The sum of the absolute values."""
    return float(sum(map(abs, values)))
