"""Gaussian data, where the optimal denoiser is known: its formulas, and whole chains with it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import torch
from hypothesis import strategies as st
from sympy import Expr, sqrt

from audit.adapters.core import (
    DDIM,
    Ancestral,
    Denoiser,
    DiagonalGaussian,
    GaussianMixture,
    NoiseSchedule,
    ReverseVariance,
    exact_denoiser,
    respace,
    reverse_covariance,
    sample,
    schedule_from_betas,
)
from audit.comparison import Bench, Subject, compares
from audit.comparisons.ddim import COEFFICIENTS, POSTERIOR, exact, levels_of
from audit.comparisons.samplers import BETAS, KINDS
from audit.oracles.plain_normal import log_pdf
from audit.precision import exact_value
from derivations.ddim.ddim import alpha_bar_t, x_0, x_t
from derivations.reverse.reverse_variance import gaussian_data_variance
from derivations.reverse.tweedie import tweedie
from derivations.symbols import real

STEP_BETA, A, V = real("beta alpha_bar_s v")


def carried(
    schedule_betas: Sequence[float], mean: float, variance: float, x: float,
    noise: Mapping[int, float], slopes: Mapping[int, Sequence[Fraction | float]],
) -> float:
    """x_0 of a chain on N(mean, variance) data, step by step from the exact slopes of each step.

    slopes[t] is (a, b, c) of x_{t-1} = a x_t + b E[eps | x_t] + c z; E[eps | x_t] is Tweedie's.
    """
    bars = levels_of(schedule_betas)
    for t in range(len(schedule_betas), 0, -1):
        bar = float(bars[t])
        spread = bar * variance + float(1 - bars[t])
        eps = math.sqrt(float(1 - bars[t])) * (x - math.sqrt(bar) * mean) / spread
        a, b, c = (float(k) for k in slopes[t])
        x = a * x + b * eps + (c * noise.get(t, 0.0) if t > 1 else 0.0)
    return x


CHAINS: dict[str, tuple[Ancestral | DDIM, float]] = {
    "beta": (Ancestral(ReverseVariance("beta")), 1.0),
    "beta_tilde": (Ancestral(ReverseVariance("beta_tilde")), 1.0),
    "eta": (DDIM(0.5), 0.5),
    "eta = 0": (DDIM(), 0.0),
}


def chain_slopes(betas: Sequence[float], name: str) -> Callable[..., list[Fraction | float]]:
    """The exact slopes of a step of the named sampler."""
    levels, (method, eta) = levels_of(betas), CHAINS[name]

    def at(s: int, t: int) -> list[Fraction | float]:
        if isinstance(method, DDIM):
            return [exact(c, levels, s, t, eta) for c in COEFFICIENTS]
        posterior = [exact(c, levels, s, t, 1.0) for c in POSTERIOR]
        variance = KINDS[name](betas, t)
        return [*posterior[:2], math.sqrt(variance)]

    return at


class Recorded:
    """A method that keeps the noise handed to each of its steps."""

    def __init__(self, method: DDIM | Ancestral) -> None:
        self.method, self.clip, self.adds_noise = method, "off", method.adds_noise
        self.noise: dict[int, torch.Tensor] = {}

    def step(
        self, denoiser: Denoiser, x_t: torch.Tensor, t: int, z: torch.Tensor | None
    ) -> torch.Tensor:
        """The method's own step."""
        self.noise[t] = torch.zeros_like(x_t) if z is None else z
        return self.method.step(denoiser, x_t, t, z)


def other_method(method: DDIM | Ancestral) -> Callable[..., torch.Tensor]:
    """sample by another method, which is handed the same noise."""
    def variant(
        denoiser: Denoiser, recorded: Any, seeds: torch.Tensor, shape: tuple[int, ...],
        **options: Any,
    ) -> torch.Tensor:
        recorded.method = method
        return sample(denoiser, recorded, seeds, shape, **options)
    return variant


@compares("variance.gaussian-data.law", "ddim.marginal.every-step", subject=sample,
          kind="whole chains", wrong={
    "one step too few": lambda denoiser, method, seeds, shape, **o: sample(
        respace(denoiser, tuple(range(max(denoiser.schedule.T - 1, 1), -1, -1))),
        method, seeds, shape, dtype=o["dtype"]),
    "always eta = 1/2": other_method(DDIM(0.5)),
    "always beta": other_method(Ancestral(ReverseVariance("beta"))),
    "noise in the last step": lambda denoiser, method, seeds, shape, **o: sample(
        denoiser, method, seeds, shape, **o) + denoiser.schedule.beta[1].sqrt(),
})
def gaussian_chain(bench: Bench, subject: Subject) -> None:
    """Every sampler on Gaussian data against its exact affine steps, same noise, T = 1..5."""
    def body(betas: Sequence[float], mean: float, variance: float) -> None:
        schedule, seeds = schedule_from_betas(betas), torch.arange(3)
        data = DiagonalGaussian(torch.full((1,), mean), torch.full((1,), variance))
        exact_one = exact_denoiser(data, schedule)
        for name, (method, _) in CHAINS.items():
            recorded = Recorded(method)
            seen: list[torch.Tensor] = []
            reached: list[int] = []

            def network(
                x: torch.Tensor, shown: torch.Tensor, seen: list[torch.Tensor] = seen
            ) -> torch.Tensor:
                seen.append(x)
                return exact_one.network(x, shown)

            got = subject(replace(exact_one, network=network), recorded, seeds, (1,),
                          dtype=torch.float64,
                          callback=lambda state, reached=reached: reached.append(state.t))
            slopes = {t: chain_slopes(betas, name)(t - 1, t) for t in range(1, len(betas) + 1)}
            for i in range(3):
                noise = {t: z[i].item() for t, z in recorded.noise.items()}
                want = carried(betas, mean, variance, seen[0][i].item(), noise, slopes)
                bound = 1e-13 * (1 + abs(mean)) / math.sqrt(float(levels_of(betas)[-1]))
                bench.within(got[i].item(), want, bound, f"image of {name}")
            bench.require(reached == list(range(len(betas) - 1, -1, -1)), f"told {reached}")

    body((0.5,), 0.25, 0.5)
    body((1e-4, 0.02, 0.5, 0.9), -0.5, 2.0)
    bench.examples = max(bench.examples // 8, 5)
    bench.forall(betas=st.lists(st.floats(1e-6, 0.9), min_size=2, max_size=4),
                 mean=st.floats(-1, 1, width=32), variance=st.floats(0.125, 4, width=32))(body)


@compares("variance.gaussian-data", subject=reverse_covariance, wrong={
    "beta": lambda data, schedule, t: schedule.beta[t] * torch.eye(1, dtype=torch.float64),
    "beta_tilde": lambda data, schedule, t: (
        schedule.beta_tilde[t] * torch.eye(1, dtype=torch.float64)),
    "the data's deviation": lambda data, schedule, t: reverse_covariance(
        DiagonalGaussian(data.mean, data.variance.sqrt()), schedule, t),
    "off by one in t": lambda data, schedule, t: reverse_covariance(
        data, schedule, t % schedule.T + 1),
})
def covariance_of_gaussian_data(bench: Bench, subject: Subject) -> None:
    """Var(x_{t-1} | x_t) of Gaussian data in ulps, from no variance to much, t = 1 included."""
    formula = gaussian_data_variance(STEP_BETA, A, V)

    def body(betas: Sequence[float], share: float, variance: float) -> None:
        t = 1 + round(share * (len(betas) - 1))
        at = {STEP_BETA: Fraction(betas[t - 1]), A: levels_of(betas)[t - 1], V: Fraction(variance)}
        data = DiagonalGaussian(torch.zeros(1), torch.full((1,), variance))
        got = subject(data, schedule_from_betas(betas), t)
        bench.within_ulps(got, exact_value(formula, at), 8, "variance")

    for betas, share in (((0.5, 0.25), 0), ((1e-4, 0.02), 1), ((0.5, 1 - 2.0**-20), 1)):
        for variance in (0.0, 1.0, 2.0):
            body(betas, share, variance)
    bench.forall(betas=BETAS, share=st.floats(0, 1),
                 variance=st.floats(0.0078125, 16, width=32))(body)


def tweedie_of_gaussian(x: Expr, mean: Expr, variance: Expr) -> Expr:
    """E[x_0 | x_t] for x_0 ~ N(mean, variance), by Tweedie's formula."""
    slope = -(x - sqrt(alpha_bar_t) * mean) / (alpha_bar_t * variance + 1 - alpha_bar_t)
    return tweedie(x, slope, alpha_bar_t)


@compares("conversions.tweedie.gaussian", subject=exact_denoiser, wrong={
    "the data's deviation": lambda data, schedule, predicts: exact_denoiser(
        DiagonalGaussian(data.mean, data.variance.sqrt()), schedule, predicts),
    "the mean left out": lambda data, schedule, predicts: exact_denoiser(
        DiagonalGaussian(0 * data.mean, data.variance), schedule, predicts),
    "one kind for another": lambda data, schedule, predicts: replace(
        exact_denoiser(data, schedule, predicts), predicts="v" if predicts == "eps" else "eps"),
})
def denoiser_of_gaussian_data(bench: Bench, subject: Subject) -> None:
    """E[x_0 | x_t] of Gaussian data, through each of the three predictions, within 1e-13."""
    formula = tweedie_of_gaussian(x_t, x_0, V)

    def body(betas: Sequence[float], share: float, mean: float, variance: float, x: float) -> None:
        t = 1 + round(share * (len(betas) - 1))
        bar = levels_of(betas)[t]
        want = exact_value(formula, {alpha_bar_t: bar, x_t: Fraction(x), x_0: Fraction(mean),
                                     V: Fraction(variance)})
        data = DiagonalGaussian(torch.full((1,), mean), torch.full((1,), variance))
        image = torch.full((1, 1), x, dtype=torch.float64)
        for predicts in ("eps", "x_0", "v"):
            got = subject(data, schedule_from_betas(betas), predicts)(image, t).x_0
            bench.within(got, float(want), 1e-13 * (1 + abs(x)) / math.sqrt(float(bar)), predicts)

    bench.forall(
        betas=st.lists(st.floats(1e-6, 0.9), min_size=1, max_size=4), share=st.floats(0, 1),
        mean=st.floats(-1, 1, width=32), variance=st.floats(0.125, 4, width=32),
        x=st.floats(-3, 3, width=32))(body)


PIXELS = 4  # two channels of two
IMAGE = st.lists(st.floats(-1, 1, width=32), min_size=PIXELS, max_size=PIXELS)


def given_image(
    weights: Sequence[float], points: Sequence[Sequence[float]], bar: float, noisy: Sequence[float]
) -> list[float]:
    """The probability of each point of several pixels given x_t, by the rule of Bayes."""
    logs = [math.log(w) + sum(log_pdf(x, math.sqrt(bar) * a, math.sqrt(1 - bar))
                              for x, a in zip(noisy, point, strict=True))
            for w, point in zip(weights, points, strict=True)]
    sizes = [math.exp(one - max(logs)) for one in logs]
    return [size / sum(sizes) for size in sizes]


def one_density_a_pixel(
    data: GaussianMixture, schedule: NoiseSchedule, predicts: str
) -> Denoiser:
    """The density of a point as the geometric mean over its pixels, not their product."""
    def network(x: torch.Tensor, shown: torch.Tensor) -> torch.Tensor:
        bar = schedule.alpha_bar[shown + 1].reshape(-1, 1, 1, 1, 1)
        gaps = (x[:, None] - bar.sqrt() * data.means) ** 2 / (1 - bar)
        share = torch.softmax(data.weights.log() - gaps.mean((2, 3, 4)) / 2, dim=1)
        return torch.einsum("bk,kchw->bchw", share, data.means)
    return replace(exact_denoiser(data, schedule, "x_0"), network=network)


@compares("conversions.tweedie.points", subject=exact_denoiser, wrong={
    "one density a pixel": one_density_a_pixel,
    "all points alike": lambda data, schedule, predicts: exact_denoiser(
        replace(data, weights=torch.full_like(data.weights, 1 / len(data.weights))),
        schedule, predicts),
    "points with a spread": lambda data, schedule, predicts: exact_denoiser(
        replace(data, variances=data.variances + 0.125), schedule, predicts),
})
def denoiser_of_points(bench: Bench, subject: Subject) -> None:
    """E[x_0 | x_t] of three images of four pixels in two channels, by Bayes in plain numbers."""
    def body(
        beta: float, raw: Sequence[float], points: Sequence[Sequence[float]],
        noisy: Sequence[float],
    ) -> None:
        weights, bar = [w / sum(raw) for w in raw], 1 - beta
        share = given_image(weights, points, bar, noisy)
        want = [sum(k * point[i] for k, point in zip(share, points, strict=True))
                for i in range(PIXELS)]
        shape = (2, 1, 2)
        data = GaussianMixture(
            torch.tensor(weights, dtype=torch.float64),
            torch.tensor(points, dtype=torch.float64).reshape(3, *shape),
            torch.zeros(3, dtype=torch.float64))
        x_t = torch.tensor(noisy, dtype=torch.float64).reshape(1, *shape)
        got = subject(data, schedule_from_betas([beta]), "x_0")(x_t, 1).x_0
        for value, target in zip(got.flatten().tolist(), want, strict=True):
            bench.within(value, target, 1e-12 / beta, "pixel")

    body(0.5, (1, 2, 5), ((1, -1, 0.5, 0), (-1, 1, 0.25, 0.5), (0.5, 0.5, -1, 1)), (0.25, 1, 0, -1))
    body(1 - 2.0**-20, (1, 2, 5), ((1, 1, 1, 1), (-1, 1, 0.25, 0.5), (0, 0, 0, 0)), (4, 4, 4, 4))
    bench.forall(beta=st.floats(1e-3, 0.999), raw=st.lists(st.floats(0.125, 1), min_size=3,
                                                          max_size=3),
                 points=st.lists(IMAGE, min_size=3, max_size=3), noisy=IMAGE)(body)
