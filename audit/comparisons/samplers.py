"""core.samplers: each method's step read off by probes, and the last step as `sample` takes it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, cast

import torch
from hypothesis import strategies as st
from sympy import sqrt

from audit.adapters.core import (
    DDIM,
    Ancestral,
    Denoiser,
    ReverseVariance,
    SamplerState,
    sample,
    schedule_from_betas,
)
from audit.comparison import Bench, Subject, compares
from audit.comparisons.ddim import BETA, COEFFICIENTS, ETA, POSTERIOR, exact, levels_of
from audit.comparisons.reverse import MEANS, tilde_at
from audit.comparisons.reverse_places import says
from audit.oracles.terms import PIXEL, ROUNDINGS, within_terms
from audit.precision import exact_value
from derivations.ddim.ddim import (
    alpha_bar_s,
    alpha_bar_t,
    direction,
    family_mean,
    sigma_of_eta,
    x_t,
)
from derivations.ddim.ddim_step import coefficients
from derivations.reverse.conversions import eps_from_v, eps_from_x_0, x_0_from_eps, x_0_from_v
from derivations.reverse.reverse_mean import mean_from_eps
from derivations.symbols import real

STEP_BETA, A, BAR, X_0, X_T, GUESS, V = real("beta alpha_bar_s alpha_bar_t x_0 x_t guess v")
BETAS = st.lists(st.one_of(st.floats(1e-6, 0.9), BETA), min_size=2, max_size=5)
DTYPES = (torch.float64, torch.float32)
EDGES = ((1e-4, 0.02), (0.02, 1e-9), (0.5, 1 - 2.0**-20), (1e-4, 0.5, 0.02))
KINDS = {"beta": lambda betas, t: Fraction(betas[t - 1]), "beta_tilde": tilde_at}


PREDICTS = st.sampled_from(("eps", "x_0", "v"))


def each_step(bench: Bench, body: Callable[..., Any], **more: Any) -> None:
    """Run body(betas, t, ...) for t >= 2: at the edges, then at drawn chains; more is drawn too."""
    for betas in EDGES if not more else ():
        body(betas, len(betas))

    def drawn(betas: Sequence[float], share: float, **values: str | float) -> None:
        body(betas, 2 + round(share * (len(betas) - 2)), **values)

    bench.forall(betas=BETAS, share=st.floats(0, 1), **more)(drawn)


def probed(
    bench: Bench, subject: Subject, method: DDIM | Ancestral, predicts: str,
    betas: Sequence[float], t: int, parts: Sequence[Sequence[Fraction]], ulps: int,
) -> None:
    """subject's answers to a unit x_t, a unit prediction and a unit z, each within its terms."""
    for device in bench.devices:
        schedule = schedule_from_betas(torch.tensor(betas, dtype=torch.float64, device=device))
        for dtype in DTYPES:
            unit = torch.ones(1, 1, 2, dtype=dtype, device=device)
            for k, name in enumerate(("of x_t", "of the prediction", "of z")):
                probe = [unit if i == k else torch.zeros_like(unit) for i in range(3)]
                if max(map(abs, parts[k])) > 2**100:
                    continue  # beyond what float32 holds to its last place
                got = subject(method, says(probe[1], schedule, predicts), probe[0], t, probe[2])
                bench.require(got.shape == unit.shape and got.dtype == dtype, "shape or dtype")
                within_terms(bench, got, [parts[k]] * 2, ulps, name)


def with_method(change: Callable[..., Any]) -> Callable[..., Any]:
    """The step of another method; change(method) makes it."""
    return lambda method, denoiser, x, t, z: type(method).step(
        change(method), denoiser, x, t, z)


def with_result(change: Callable[..., Any]) -> Callable[..., Any]:
    """The step's result and arguments, changed: change(result, denoiser, x, t, z)."""
    return lambda method, denoiser, x, t, z: change(
        type(method).step(method, denoiser, x, t, z), denoiser, x, t, z)


def at_other_t(
    method: DDIM | Ancestral, denoiser: Denoiser, x: torch.Tensor, t: int, z: torch.Tensor
) -> torch.Tensor:
    """The step of t - 1."""
    return method.step(denoiser, x, t - 1, z)


def other_kind(method: Ancestral) -> Ancestral:
    """Ancestral with the other of the two fixed variances."""
    kind = "beta" if method.variance.kind == "beta_tilde" else "beta_tilde"
    return replace(method, variance=ReverseVariance(kind))


@compares("reverse.sampling.step", subject=Ancestral.step, wrong={
    "the other variance": with_method(other_kind),
    "the variance as a deviation": with_result(lambda result, d, x, t, z: (
        result - z * (d.schedule.beta[t].sqrt() - d.schedule.beta[t]).to(x.dtype))),
    "no noise": with_result(lambda result, d, x, t, z: result - z * result.abs()),
    "off by one in t": at_other_t,
})
def ancestral_step(bench: Bench, subject: Subject) -> None:
    """a, b and c of x_{t-1} = a x_t + b prediction + c z, for each prediction and variance."""
    def body(betas: Sequence[float], t: int, predicts: str, kind: str) -> None:
        levels = levels_of(betas)
        at = {STEP_BETA: Fraction(betas[t - 1]), A: levels[t - 1], BAR: levels[t]}
        noise = exact_value(sqrt(V), {V: KINDS[kind](betas, t)})
        mean = mean_from_eps(X_T, GUESS, STEP_BETA, BAR)  # Algorithm 2 itself
        mean = mean if predicts == "eps" else MEANS[predicts]
        slopes = [exact_value(mean, {**at, X_T: a, GUESS: b}) for a, b in ((1, 0), (0, 1))]
        probed(bench, subject, Ancestral(ReverseVariance(kind)), predicts, betas, t,
               [(slopes[0],), (slopes[1],), (noise,)], 8)

    for betas in EDGES:
        for predicts in MEANS:
            body(betas, len(betas), predicts, "beta")
            body(betas, 2, predicts, "beta_tilde")
    each_step(bench, body, predicts=PREDICTS, kind=st.sampled_from(sorted(KINDS)))


# DDIM (12) with its three terms, the clean image and the noise as each prediction implies them.
SIGMA = sigma_of_eta(real("eta"), alpha_bar_s, alpha_bar_t)
IMPLIED = {
    "x_0": (GUESS, eps_from_x_0(x_t, GUESS, alpha_bar_t)),
    "v": (x_0_from_v(x_t, GUESS, alpha_bar_t), eps_from_v(x_t, GUESS, alpha_bar_t)),
}


def ddim_terms(
    predicts: str, levels: list[Fraction], t: int, eta: float
) -> list[tuple[Fraction, ...]]:
    """What multiplies x_t, the prediction and z, each as its exact terms."""
    s = t - 1
    sigma = exact(SIGMA, levels, s, t, eta)
    if predicts == "eps":
        a, b = (exact(c, levels, s, t, eta) for c in COEFFICIENTS[:2])
        return [(a,), (b,), (sigma,)]
    x, e = sqrt(alpha_bar_s) * IMPLIED[predicts][0], direction(alpha_bar_s, SIGMA)
    e = e * IMPLIED[predicts][1]
    return [
        tuple(exact(part.subs({x_t: a, GUESS: b}), levels, s, t, eta) for part in (x, e))
        for a, b in ((1, 0), (0, 1))
    ] + [(sigma,)]


DDIM_WRONG = {
    "eta multiplies the variance": with_method(lambda m: replace(m, eta=math.sqrt(m.eta))),
    "the mean of eta = 0": with_result(lambda result, d, x, t, z: (
        DDIM(0.0).step(d, x, t, None) + z * result.abs())),
    "sign of the step": with_result(lambda result, d, x, t, z: -result),
    "off by one in t": at_other_t,
}


@compares("ddim.step.coefficients", subject=DDIM.step, wrong=DDIM_WRONG)
def ddim_step_of_predictions(bench: Bench, subject: Subject) -> None:
    """a, b and c of DDIM's step as the sampler takes it, from eps, from x_0 and from v."""
    def body(betas: Sequence[float], t: int, eta: float, predicts: str) -> None:
        probed(bench, subject, DDIM(eta), predicts, betas, t,
               ddim_terms(predicts, levels_of(betas), t, eta), 10)

    for betas in EDGES:
        for predicts in MEANS:
            for eta in (0.0, 0.5, 1.0):
                body(betas, len(betas), eta, predicts)
    each_step(bench, body, eta=ETA, predicts=PREDICTS)


@compares("ddim.eta-one.kernel", subject=DDIM.step, wrong={
    "eta = 0": with_method(lambda m: DDIM(0.0)),
    "eta = 1/2": with_method(lambda m: DDIM(0.5)),
    "off by one in t": at_other_t,
})
def ddim_at_one_is_ancestral(bench: Bench, subject: Subject) -> None:
    """The sampler's step with eta = 1 against DDPM's posterior at the implied clean image."""
    def body(betas: Sequence[float], t: int) -> None:
        levels = levels_of(betas)
        parts = [(exact(c, levels, t - 1, t, 1.0),) for c in POSTERIOR]
        probed(bench, subject, DDIM(1.0), "eps", betas, t, parts, 8)

    each_step(bench, body)


def sample_wrong(change: Callable[..., Any]) -> Callable[..., torch.Tensor]:
    """sample with its result changed by change(result, denoiser, state)."""
    def variant(
        denoiser: Denoiser, method: Ancestral, seeds: torch.Tensor, shape: tuple[int, ...],
        **options: Any,
    ) -> torch.Tensor:
        result = sample(denoiser, method, seeds, shape, **options)
        return cast(torch.Tensor, change(result, denoiser, options["state"]))
    return variant


@compares("reverse.sampling.last-step", "ddim.step.last", subject=sample, wrong={
    "noise in the last step": sample_wrong(lambda x, d, state: (
        x + d.schedule.beta[1].sqrt().to(x.dtype))),
    "x_1 itself": sample_wrong(lambda x, d, state: state.x),
    "x_1 scaled": sample_wrong(lambda x, d, state: (
        state.x / d.schedule.alpha[1].sqrt().to(x.dtype))),
})
def last_step(bench: Bench, subject: Subject) -> None:
    """From x_1 both samplers return the clean image that the noise implies, and no noise."""
    a, b, _ = coefficients(1, alpha_bar_t, 0)

    def body(betas: Sequence[float], x: float, e: float) -> None:
        at = {alpha_bar_t: levels_of(betas)[1]}
        parts = [(exact_value(a, at) * Fraction(x), exact_value(b, at) * Fraction(e))] * 4
        for device in bench.devices:
            schedule = schedule_from_betas(torch.tensor(betas, dtype=torch.float64, device=device))
            seeds = torch.arange(2, device=device)
            for dtype in DTYPES:
                image = torch.full((2, 1, 2), x, dtype=dtype, device=device)
                denoiser = says(torch.full_like(image, e), schedule)
                for method in (Ancestral(ReverseVariance("beta")), DDIM(1.0), DDIM()):
                    got = subject(denoiser, method, seeds, (1, 2), dtype=dtype,
                                  state=SamplerState(image, 1))
                    within_terms(bench, got, parts, ROUNDINGS, "image")

    for betas in ((1e-4,), (1 - 2.0**-20,), (1e-12, 0.5)):
        body(betas, 1.5, -0.75)
    bench.forall(betas=st.lists(BETA, min_size=1, max_size=2), x=PIXEL, e=PIXEL)(body)


def clipped_differently(clip: str) -> Callable[..., Any]:
    """The step with another treatment of clean images outside the range."""
    return with_method(lambda method: replace(method, clip=clip))


@compares("ddim.predicted-clean-image", subject=DDIM.step, wrong={
    "never clipped": clipped_differently("off"),
    "eps always as predicted": clipped_differently("x_0"),
    "eps always derived anew": clipped_differently("x_0_and_eps"),
})
def clipped_step(bench: Bench, subject: Subject) -> None:
    """Clean images clipped to [-1, 1]: with eps as it was, or as the unit direction to x_t."""
    level_s, level_t = Fraction(3, 4), Fraction(1, 2)
    schedule = schedule_from_betas([0.25, 1 / 3])
    at = {alpha_bar_s: level_s, alpha_bar_t: level_t, x_t: Fraction(3, 2)}
    image = torch.full((1, 1, 1), 1.5, dtype=torch.float64)
    z = torch.zeros_like(image)
    for eta in (0.0, 0.5, 1.0):
        sigma = SIGMA.subs(real("eta"), Fraction(eta))
        for said in (-1.0, 0.0, 0.5, 4.0):
            implied = exact_value(x_0_from_eps(x_t, GUESS, alpha_bar_t), {**at, GUESS: said})
            clean = min(max(implied, Fraction(-1)), Fraction(1))
            wants = {
                "x_0": sqrt(alpha_bar_s) * X_0 + direction(alpha_bar_s, sigma) * GUESS,
                "x_0_and_eps": family_mean(X_0, x_t, alpha_bar_s, alpha_bar_t, sigma),
            }
            for clip, want in wants.items():
                value = exact_value(want, {**at, X_0: clean, GUESS: Fraction(said)})
                got = subject(DDIM(eta, clip), says(torch.full_like(image, said), schedule),
                              image, 2, z)
                bench.within(got, float(value), 1e-14, f"x_s, clip {clip}")
