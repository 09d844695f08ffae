"""Misprints of the formulas in public writing and code: each must be rejected by the kit.

Every entry was read at its source: a thread in which it is reported, most often admitted, or the
code itself.  Formulas are restated with alpha_bar, at the paper's t; A_t is alpha_bar_t.  An entry
is the plain implementation with the one formula changed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from torch import Tensor

from audit.conformance.implementation import At, Implementation
from audit.conformance.plain import Plain


@dataclass(frozen=True)
class Misprint:
    """A wrong formula from the wild, the right one beside it, and where it was seen."""

    id: str
    source: str
    wrong: str
    right: str
    made: type[Implementation]
    found: str  # the key of the finding that rejects it


class VarianceForDeviation(Plain):
    def q_sample(self, x_0: Tensor, t: int, eps: Tensor) -> Tensor:
        return math.sqrt(self.level(t)) * x_0 + (1 - self.level(t)) * eps


class DeviationForVariance(Plain):
    def q_sample(self, x_0: Tensor, t: int, eps: Tensor) -> Tensor:
        return cast(Tensor, math.sqrt(self.level(t)) * x_0 + (1 - self.level(t)) ** 0.25 * eps)


class SignalForNoise(Plain):
    def q_sample(self, x_0: Tensor, t: int, eps: Tensor) -> Tensor:
        return math.sqrt(self.level(t)) * (x_0 + eps)


class StepsWithBeta(Plain):
    """x_t = sqrt(1 - beta) x_{t-1} + beta eps, t times: the deviation follows by recursion."""

    def q_sample(self, x_0: Tensor, t: int, eps: Tensor) -> Tensor:
        variance = 0.0
        for i in range(1, t + 1):
            variance = (1 - self.beta(i)) * variance + self.beta(i) ** 2
        return math.sqrt(self.level(t)) * x_0 + math.sqrt(variance) * eps


class FromPreviousImage(Plain):
    """The mean sqrt(A_t) x_{t-1}, applied t times."""

    def q_sample(self, x_0: Tensor, t: int, eps: Tensor) -> Tensor:
        signal = math.prod(math.sqrt(self.level(i)) for i in range(1, t + 1))
        return signal * x_0 + math.sqrt(1 - self.level(t)) * eps


class OneStepTooNoisy(Plain):
    def q_sample(self, x_0: Tensor, t: int, eps: Tensor) -> Tensor:
        return super().q_sample(x_0, min(t + 1, self.levels.T), eps)


class NoiseTimesImage(Plain):
    def q_sample(self, x_0: Tensor, t: int, eps: Tensor) -> Tensor:
        return math.sqrt(self.level(t)) * x_0 + math.sqrt(1 - self.level(t)) * x_0 * eps


class ProductOfBetas(Plain):
    def tables(self) -> Mapping[str, Sequence[float]]:
        products, product = [], 1.0
        for t in range(1, self.levels.T + 1):
            product *= self.beta(t)
            products.append(product)
        return {"alpha_bar": products}


class PaddedOnTheRight(Plain):
    """A_{t-1} read from a table padded at the wrong end: it holds A_t there."""

    def posterior(self, x_0: Tensor, x_t: Tensor, t: int) -> tuple[Tensor, float]:
        high, beta = self.level(t), self.beta(t)
        low = high if t < self.levels.T else 1.0
        on_x_0 = math.sqrt(low) * beta / (1 - high)
        on_x_t = math.sqrt(1 - beta) * (1 - low) / (1 - high)
        return on_x_0 * x_0 + on_x_t * x_t, beta * (1 - low) / (1 - high)


class PreviousTable(Plain):
    """DDIM's levels from the table of A_{t-1}."""

    def step(self, at: At, x_t: Tensor, prediction: Tensor, z: Tensor, eta: float) -> Tensor:
        low = At(max(at.t - 1, 1), max(at.s - 1, 0), at.steps)
        return super().step(low, x_t, prediction, z, eta)


class _Step(Plain):
    """DDIM (12) with sigma^2 under the root and the deviation of z to be given."""

    def under(self, at: At, eta: float) -> float:
        return self.sigma(at, eta) ** 2

    def deviation_of_z(self, at: At, eta: float) -> float:
        return self.sigma(at, eta)

    def step(self, at: At, x_t: Tensor, prediction: Tensor, z: Tensor, eta: float) -> Tensor:
        low, high = self.level(at.s), self.level(at.t)
        x_0 = (x_t - math.sqrt(1 - high) * prediction) / math.sqrt(high)
        turned = math.sqrt(max(1 - low - self.under(at, eta), 0.0))
        return math.sqrt(low) * x_0 + turned * prediction + self.deviation_of_z(at, eta) * z


class EtaUnderTheRoot(_Step):
    def under(self, at: At, eta: float) -> float:
        return eta * self.sigma(at, 1.0) ** 2


class SigmaOfTheImage(_Step):
    def under(self, at: At, eta: float) -> float:
        return self.deviation_of_z(at, eta) ** 2

    def deviation_of_z(self, at: At, eta: float) -> float:
        return eta * math.sqrt(1 - self.level(at.t))


class NotScaledBack(Plain):
    """x_s = x_t / sqrt(A_t) + (g_s - g_t) eps, g = sqrt(1 / A - 1): x_s / sqrt(A_s) is meant."""

    def step(self, at: At, x_t: Tensor, prediction: Tensor, z: Tensor, eta: float) -> Tensor:
        right = super().step(at, x_t, prediction, z, 0.0)
        return right / math.sqrt(self.level(at.s))


class MinusOneOutside(Plain):
    """sqrt(1 / A_s) - 1 where sqrt(1 / A_s - 1) is meant."""

    def step(self, at: At, x_t: Tensor, prediction: Tensor, z: Tensor, eta: float) -> Tensor:
        low, high = self.level(at.s), self.level(at.t)
        change = math.sqrt(1 / low) - 1 - math.sqrt(1 / high - 1)
        return math.sqrt(low) * (x_t / math.sqrt(high) + change * prediction)


class EndsAtFirstLevel(Plain):
    """The last target is entry 0 of a table that starts at t = 1."""

    def chain(self, steps: int) -> Sequence[int]:
        return [*super().chain(steps)[:-1], 1]


class BetaForBetaTilde(Plain):
    def deviation(self, at: At, variance: str) -> float:
        return super().deviation(at, "beta")


class VarianceTimesNoise(Plain):
    def deviation(self, at: At, variance: str) -> float:
        return super().deviation(at, variance) ** 2


class FixedStride(Plain):
    """The target is t - T // S, whatever the chain says."""

    def ancestral(
        self, at: At, x_t: Tensor, prediction: Tensor, z: Tensor, variance: str
    ) -> Tensor:
        target = max(at.t - self.levels.T // at.steps, 0) if at.s else 0
        return super().ancestral(At(at.t, target, at.steps), x_t, prediction, z, variance)


class SingleStepBeta(Plain):
    """beta_t of the full chain as the variance of a step that skips levels."""

    def deviation(self, at: At, variance: str) -> float:
        return math.sqrt(self.beta(at.t)) if at.s and variance == "beta" else super().deviation(
            at, variance)


class TwoMinus(Implementation):
    """sqrt(A) / (2 * 1 - A) / 2 as a weight of the bound on x_0."""

    predicts, loss = "x_0", "bound"

    def loss_weight(self, t: int) -> float:
        level = self.levels.floats[t]
        return 0.5 * math.sqrt(level) / (2.0 * 1 - level)


MISPRINTS = (
    Misprint("csdi-equation", "ermongroup/CSDI issue 9: the authors say that the paper has typos",
             "x_t = sqrt(A_t) x_0 + (1 - A_t) eps", "sqrt(1 - A_t) eps", VarianceForDeviation,
             "q_sample.variance-for-deviation"),
    Misprint("course-variance-notation",
             "huggingface/diffusion-models-class issues 18 (fixed) and 63",
             "q(x_t | x_0) has variance sqrt(1 - A_t)", "variance 1 - A_t", DeviationForVariance,
             "q_sample.wrong.eps"),
    Misprint("course-noise-scaled-by-beta",
             "huggingface/diffusion-models-class issue 63; acids-ircam/diffusion_models issue 1",
             "x_t = sqrt(1 - beta_t) x_{t-1} + beta_t eps", "sqrt(beta_t) eps", StepsWithBeta,
             "q_sample.wrong.eps"),
    Misprint("labml-sqrt", "labmlai/annotated_deep_learning_paper_implementations issue 152 "
             "(fixed); the old line read in the code",
             "sqrt(1 - A) stored as sqrt(A)", "sqrt(1 - A)", SignalForNoise, "q_sample.wrong.eps"),
    Misprint("nsdiff-previous-image", "wwy155/NsDiff issue 4 (fixed by the authors)",
             "q(x_t | x_0) has mean sqrt(A_t) x_{t-1}", "sqrt(A_t) x_0", FromPreviousImage,
             "q_sample.wrong.x_0"),
    Misprint("ilvr-t-for-t-1", "jychoi118/ilvr_adm issue 13 (admitted)",
             "the reference is noised to t where t - 1 is meant", "q(x_{t-1} | x_0)",
             OneStepTooNoisy, "q_sample.index"),
    Misprint("twisted-noise-times-image", "blt2114/twisted_diffusion_sampler issue 3 (fixed)",
             "the deviation is sqrt(1 - A_t) x_0", "sqrt(1 - A_t)", NoiseTimesImage,
             "q_sample.wrong.eps"),
    Misprint("dpm-solver-product", "LuChengTHU/dpm-solver issue 13 (fixed); the old comment read "
             "in copies of the file", "A = product of the betas", "product of 1 - beta",
             ProductOfBetas, "tables.alpha_bar"),
    Misprint("lucidrains-padding", "lucidrains/denoising-diffusion-pytorch issue 18 (fixed); the "
             "old line read in the code",
             "the table of A_{t-1} is padded at its right end", "1, A_1, ..., A_{T-1}",
             PaddedOnTheRight, "posterior.t-for-t-1"),
    Misprint("lucidrains-ddim-table",
             "lucidrains/denoising-diffusion-pytorch issue 81, pull request 83 (merged)",
             "DDIM's step reads its levels from the table of A_{t-1}", "from the table of A_t",
             PreviousTable, "step.index"),
    Misprint("inversion-eta", "inbarhub/DDPM_inversion issue 12; the line read in the code",
             "sqrt(1 - A_s - eta beta_tilde) beside eta sqrt(beta_tilde) z",
             "sqrt(1 - A_s - eta^2 beta_tilde)", EtaUnderTheRoot, "step.eta-under-root"),
    Misprint("course-ddim-sigma", "jsboige/CoursIA pull request 16158 (fixed there)",
             "sigma = eta sqrt(1 - A_t)",
             "eta sqrt((1 - A_s) / (1 - A_t)) sqrt(1 - A_t / A_s)", SigmaOfTheImage,
             "step.wrong.z"),
    Misprint("lucid-dreamer-11", "EnVision-Research/LucidDreamer issue 15 (admitted)",
             "x_s = x_t / sqrt(A_t) + (g_s - g_t) eps", "x_s / sqrt(A_s) on the left",
             NotScaledBack, "step.not-scaled-back"),
    Misprint("blog-minus-one", "rsq0504.github.io/blog/2025/Diffusion_Inversion, second line of "
             "the first formula", "sqrt(1 / A_s) - 1", "sqrt(1 / A_s - 1)", MinusOneOutside,
             "step.wrong.prediction"),
    Misprint("course-last-level", "rohitg00/ai-engineering-from-scratch pull request 43, review of "
             "lesson 10", "the last step goes to A_1, entry 0 of the table", "to A_0 = 1",
             EndsAtFirstLevel, "chain.end"),
    Misprint("physics-informed-beta",
             "jhbastek/PhysicsInformedDiffusionModels issue 4 (admitted)",
             "sigma^2 = beta where the paper has beta_tilde", "beta_tilde", BetaForBetaTilde,
             "ancestral.beta-for-beta-tilde"),
    Misprint("diffusion-ts-8", "Y-debug-sys/Diffusion-TS issue 135 (reported, not answered)",
             "beta_tilde z", "sqrt(beta_tilde) z", VarianceTimesNoise,
             "ancestral.variance-for-deviation"),
    Misprint("diffusers-fixed-stride",
             "huggingface/diffusers issue 9261, pull request 9384 (merged)",
             "DDPM's step goes to t - T // S", "to the next visited t", FixedStride,
             "ancestral.lands-elsewhere"),
    Misprint("diffusers-single-beta", "huggingface/diffusers pull request 3006 (merged)",
             "log beta_t of the full chain bounds the variance of a step that skips levels",
             "1 - A_t / A_s", SingleStepBeta, "ancestral.single-step-variance"),
    Misprint("compvis-precedence", "CompVis/stable-diffusion pull request 907; the line read in "
             "the code", "sqrt(A) / (2 * 1 - A)", "sqrt(A) / (2 (1 - A))", TwoMinus,
             "loss_weight"),
)
