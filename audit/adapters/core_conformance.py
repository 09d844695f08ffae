"""core as the first implementation that the conformance kit examines.

Its samplers run over a respaced denoiser, whose t = 1..S counts the visited timesteps; the
denoiser's network is whatever the probe says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from torch import Tensor

from audit.conformance.implementation import At, Implementation, NotOffered
from audit.conformance.levels import Levels, cosine, from_betas, linear, rescaled, scaled_linear
from core.ddim import ddim_encode_step
from core.denoiser import Denoiser, respace
from core.forward import q_sample
from core.posterior import q_posterior
from core.reverse import ReverseVariance
from core.samplers import DDIM, Ancestral
from core.schedule import (
    NoiseSchedule,
    cosine_schedule,
    linear_schedule,
    scaled_linear_schedule,
)
from core.timesteps import uniform_chain
from core.weightings import min_snr_weighting, snr_weighting, uniform_weighting
from core.zero_terminal_snr import zero_terminal_snr

WEIGHTINGS = {"simple": uniform_weighting, "eps": snr_weighting, "min_snr_5": min_snr_weighting}


class CoreImplementation(Implementation):
    """core with one schedule, one kind of prediction and one weighting."""

    name = "core"

    def __init__(self, schedule: NoiseSchedule | None = None, levels: Levels | None = None,
                 predicts: str = "eps", loss: str = "simple") -> None:
        self.schedule = linear_schedule() if schedule is None else schedule
        self.levels = linear() if levels is None else levels
        self.predicts, self.loss = predicts, loss
        self.options = {"schedule": self.levels.name, "predicts": predicts, "loss": loss}
        self.denoisers = lru_cache(maxsize=64)(self._respaced)

    def tables(self) -> Mapping[str, Tensor]:
        names = ("beta", "alpha", "alpha_bar", "one_minus_alpha_bar", "beta_tilde")
        return {name: getattr(self.schedule, name) for name in names} | {
            "snr": self.schedule.snr[1:]}

    def q_sample(self, x_0: Tensor, t: int, eps: Tensor) -> Tensor:
        return q_sample(self.schedule, x_0, t, eps)

    def posterior(self, x_0: Tensor, x_t: Tensor, t: int) -> tuple[Tensor, Tensor]:
        return q_posterior(self.schedule, x_0, x_t, t)

    def chain(self, steps: int) -> Sequence[int]:
        return uniform_chain(self.schedule.T, steps)

    def step(self, at: At, x_t: Tensor, prediction: Tensor, z: Tensor, eta: float) -> Tensor:
        return self._sampled(DDIM(eta), at, x_t, prediction, z)

    def ancestral(
        self, at: At, x_t: Tensor, prediction: Tensor, z: Tensor, variance: str
    ) -> Tensor:
        return self._sampled(Ancestral(ReverseVariance(variance)), at, x_t, prediction, z)

    def invert(self, at: At, x_s: Tensor, prediction: Tensor) -> Tensor:
        if self.predicts != "eps" and at.s == 0:
            raise NotOffered  # core shows the network x_0 as x_1: the prediction is made at 1
        denoiser = Denoiser(lambda *_: prediction, self.schedule, self.predicts)
        eps = prediction if at.s == 0 else denoiser(x_s, at.s).eps
        return ddim_encode_step(self.schedule, x_s, eps, at.s, at.t)

    def loss_weight(self, t: int) -> float:
        return WEIGHTINGS[self.loss](self.schedule, self.predicts).weight[t].item()

    def _respaced(self, chain: tuple[int, ...]) -> Denoiser:
        return respace(Denoiser(self._network, self.schedule, self.predicts), chain)

    def _network(self, *_: object) -> Tensor:
        return self.prediction

    def _sampled(
        self, method: DDIM | Ancestral, at: At, x_t: Tensor, prediction: Tensor, z: Tensor
    ) -> Tensor:
        """One step of a sampler on the chain that visits t and s; the last one adds no noise."""
        denoiser = self.denoisers((at.t, at.s, 0) if at.s > 0 else (at.t, 0))
        self.prediction = prediction
        if at.s == 0:
            return denoiser(x_t, 1, method.clip).x_0
        return method.step(denoiser, x_t, 2, z)


def configurations() -> list[CoreImplementation]:
    """The published schedules, every kind of prediction, every weighting."""
    made = [CoreImplementation(predicts=p, loss=loss)
            for p, loss in (("eps", "simple"), ("x_0", "eps"), ("v", "min_snr_5"))]
    made.append(CoreImplementation(cosine_schedule(1000), cosine(1000)))
    made.append(CoreImplementation(scaled_linear_schedule(4000), scaled_linear(4000)))
    short = linear_schedule(10)
    made.append(CoreImplementation(short, from_betas(short.beta[1:].tolist(), "linear, T = 10")))
    made.append(CoreImplementation(
        zero_terminal_snr(linear_schedule()), rescaled(linear()), predicts="v"))
    return made
