"""Hugging Face diffusers: DDPMScheduler, DDIMScheduler, their parallel kin and DDIM's inverse.

Their timestep i is the paper's t = i + 1.  Every documented option is varied.  Clipping x_0 is on
by default and stays on: the probes keep x_0 inside it.  The inverse scheduler is examined upwards,
from the level below a visited timestep to that timestep.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from itertools import product
from typing import Any, cast

import torch
from diffusers import (
    DDIMInverseScheduler,
    DDIMParallelScheduler,
    DDIMScheduler,
    DDPMParallelScheduler,
    DDPMScheduler,
)
from torch import Tensor

from audit.conformance.context import tilde
from audit.conformance.implementation import At, Choice, Implementation, NotOffered
from audit.conformance.levels import Levels, cosine, linear, rescaled, root_linear, sigmoid
from audit.conformance.noise import given_noise

T = 1000
Options = dict[str, Sequence[Any]]

SCHEDULES = {"linear": linear, "scaled_linear": root_linear, "squaredcos_cap_v2": cosine,
             "sigmoid": sigmoid}
PREDICTS = {"epsilon": "eps", "sample": "x_0", "v_prediction": "v"}
SPACINGS = ("leading", "trailing", "linspace")
TABLE_2 = "timestep_spacing refers to table 2 of arXiv 2305.08891, where 'leading' leaves T out"
LEADING = (
    Choice("chain.start", TABLE_2, "timestep_spacing='trailing'"),
)
NOT_ONE = "set_alpha_to_one=False is documented to use the alpha of step 0 for the final step"
LAST_ALPHA = (
    Choice("chain.end", NOT_ONE, "set_alpha_to_one=True"),
    Choice("chain.twice", NOT_ONE, "set_alpha_to_one=True"),
)


def _levels(config: Mapping[str, Any]) -> Levels:
    made = SCHEDULES[config.get("beta_schedule", "linear")](T)
    return rescaled(made) if config.get("rescale_betas_zero_snr") else made


class _Scheduler(Implementation):
    """What all of them share."""

    kind: type[Any]  # a scheduler of diffusers, which is not there when types are checked
    version = version("diffusers")

    def __init__(self, light: bool = False, **config: Any) -> None:
        self.made = self.kind(num_train_timesteps=T, **config)
        self.options, self.light = config, light
        self.levels = _levels(config)
        self.predicts = PREDICTS[config.get("prediction_type", "epsilon")]
        self.steps = 0
        self.choices = LEADING if config.get("timestep_spacing", "leading") == "leading" else ()
        if not config.get("set_alpha_to_one", True):
            self.choices += LAST_ALPHA

    def tables(self) -> Mapping[str, Tensor]:
        return {"beta": self.made.betas, "alpha_bar": self.made.alphas_cumprod}

    def q_sample(self, x_0: Tensor, t: int, eps: Tensor) -> Tensor:
        if not hasattr(self.made, "add_noise"):
            raise NotOffered
        return cast(Tensor, self.made.add_noise(x_0, eps, torch.full((x_0.shape[0],), t - 1)))

    def indices(self, steps: int) -> list[int]:
        """The timesteps that are visited, as the scheduler counts them."""
        if steps != self.steps:
            self.steps = 0
            self.made.set_timesteps(steps)
            self.steps = steps
        return cast(list[int], self.made.timesteps.tolist())

    def last(self) -> int:
        """The t of the level after the last visited timestep."""
        final = getattr(self.made, "final_alpha_cumprod", torch.tensor(1.0))
        return 0 if float(final) == 1 else 1

    def chain(self, steps: int) -> Sequence[int]:
        return [i + 1 for i in self.indices(steps)] + [self.last()]


class DDIM(_Scheduler):
    """DDIMScheduler.step."""

    name = "diffusers DDIMScheduler"
    kind: type[Any] = DDIMScheduler

    def step(self, at: At, x_t: Tensor, prediction: Tensor, z: Tensor, eta: float) -> Tensor:
        self.indices(at.steps)
        noise = z if eta > 0 else None
        return cast(Tensor, self.made.step(
            prediction, at.t - 1, x_t, eta=eta, variance_noise=noise, return_dict=False)[0])


class DDIMParallel(DDIM):
    """DDIMParallelScheduler.step."""

    name, kind = "diffusers DDIMParallelScheduler.step", DDIMParallelScheduler


class DDIMBatch(_Scheduler):
    """DDIMParallelScheduler.batch_step_no_noise."""

    name, kind = "diffusers DDIMParallelScheduler.batch_step_no_noise", DDIMParallelScheduler

    def step(self, at: At, x_t: Tensor, prediction: Tensor, z: Tensor, eta: float) -> Tensor:
        if eta > 0:
            raise NotOffered
        self.indices(at.steps)
        index = torch.full((x_t.shape[0],), at.t - 1)
        return cast(Tensor, self.made.batch_step_no_noise(prediction, index, x_t))


class DDIMInverse(_Scheduler):
    """DDIMInverseScheduler.step."""

    name, kind = "diffusers DDIMInverseScheduler", DDIMInverseScheduler

    def last(self) -> int:
        return 0 if float(self.made.initial_alpha_cumprod) == 1 else 1

    def chain(self, steps: int) -> Sequence[int]:
        return [i + 1 for i in reversed(self.indices(steps))] + [self.last()]

    def invert(self, at: At, x_s: Tensor, prediction: Tensor) -> Tensor:
        self.indices(at.steps)
        return cast(Tensor, self.made.step(prediction, at.t - 1, x_s, return_dict=False)[0])


VARIANCES = {"fixed_small": ("beta_tilde",), "fixed_small_log": ("beta_tilde",),
             "fixed_large": ("beta",), "fixed_large_log": ("beta",),
             "learned": ("beta_tilde", "beta"), "learned_range": ("beta_tilde", "beta")}


class DDPM(_Scheduler):
    """DDPMScheduler.step."""

    name = "diffusers DDPMScheduler"
    kind: type[Any] = DDPMScheduler

    def ancestral(
        self, at: At, x_t: Tensor, prediction: Tensor, z: Tensor, variance: str
    ) -> Tensor:
        kind = str(self.options.get("variance_type", "fixed_small"))
        if variance not in VARIANCES[kind]:
            raise NotOffered
        self.indices(at.steps)
        if kind.startswith("learned"):
            said = self._said(kind, variance, at)
            prediction = torch.cat([prediction, torch.full_like(prediction, said)], dim=1)
        with given_noise(z):
            return cast(Tensor, self.made.step(prediction, at.t - 1, x_t, return_dict=False)[0])

    def _said(self, kind: str, variance: str, at: At) -> float:
        """What a network says that learned this variance."""
        if kind == "learned_range":  # between the logarithms of beta_tilde and beta
            return 1.0 if variance == "beta" else -1.0
        low, high = self.levels.floats[at.s], self.levels.floats[at.t]
        return 1 - high / low if variance == "beta" else tilde(low, high)


class DDPMParallel(DDPM):
    """DDPMParallelScheduler.step."""

    name, kind = "diffusers DDPMParallelScheduler.step", DDPMParallelScheduler


class DDPMBatch(_Scheduler):
    """DDPMParallelScheduler.batch_step_no_noise: the mean; the noise is its caller's."""

    name, kind = "diffusers DDPMParallelScheduler.batch_step_no_noise", DDPMParallelScheduler
    adds_noise = False

    def ancestral(
        self, at: At, x_t: Tensor, prediction: Tensor, z: Tensor, variance: str
    ) -> Tensor:
        if variance == "beta":
            raise NotOffered
        self.indices(at.steps)
        index = torch.full((x_t.shape[0],), at.t - 1)
        return cast(Tensor, self.made.batch_step_no_noise(prediction, index, x_t))


def _varied(options: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    for values in product(*options.values()):
        yield dict(zip(options, values, strict=True))


# steps_offset acts with leading spacing only; BASES vary it with every spacing all the same.
SPACED = (("leading", 0), ("leading", 1), ("trailing", 0), ("linspace", 0))
COMMON: Options = {"prediction_type": tuple(PREDICTS), "rescale_betas_zero_snr": (False, True),
          "beta_schedule": ("linear", "squaredcos_cap_v2")}
# One option at a time where the code is a copy of the scheduler that is examined in full.
FEW: Options = {"timestep_spacing": SPACINGS, "prediction_type": tuple(PREDICTS)}
BASES = tuple(_varied({"timestep_spacing": SPACINGS, "steps_offset": (0, 1)}))


def configurations() -> Iterator[Implementation]:
    """Every documented option: in full for the two main schedulers, singly for their copies."""
    ends: Options = {"set_alpha_to_one": (True, False)}
    kinds: Options = {"variance_type": tuple(VARIANCES)}
    yield from (DDIM(**b, **e) for b in BASES for e in _varied(ends))
    yield from (DDPM(**b) for b in BASES)
    yield from (kind(beta_schedule=name) for kind in (DDIM, DDPM) for name in SCHEDULES
                if kind is DDPM or name != "sigmoid")
    yield from (kind(rescale_betas_zero_snr=True, beta_schedule=name, timestep_spacing="trailing",
                     prediction_type="v_prediction")
                for kind in (DDIM, DDPM) for name in ("linear", "squaredcos_cap_v2"))
    for spacing, offset in SPACED:
        spaced: Options = {"timestep_spacing": (spacing,), "steps_offset": (offset,)}
        yield from (DDIM(light=True, **c) for c in _varied(spaced | COMMON | ends))
        yield from (DDPM(light=True, **c) for c in _varied(spaced | COMMON | kinds))
    inverse: Options = {**FEW, **ends, "timestep_spacing": ("leading", "trailing")}
    for kind, options in ((DDIMParallel, FEW | ends), (DDIMBatch, FEW | ends),
                          (DDIMInverse, inverse), (DDPMParallel, FEW | kinds), (DDPMBatch, FEW)):
        yield kind(timestep_spacing="trailing")
        yield from (kind(light=True, **c) for c in _varied(options))
