"""Samplers: from noise to images, ancestrally (DDPM) or by DDIM, for a batch at once.

    x_T ~ N(0, I)
    x_{t-1} ~ p(x_{t-1} | x_t), t = T..2                              DDPM algorithm 2, or DDIM (12)
    the image is x_0_hat(x_1)                                         both, at t = 1

Both algorithms end in the predicted x_0 with no noise added: DDPM because z = 0 at t = 1, DDIM
because s = 0.  To visit fewer timesteps, sample from `respace(denoiser, chain)`: its t counts the
visited ones.  Of DDIM's table 1, eta in [0, 1] is `DDIM(eta)`, and the row sigma-hat is
`Ancestral(ReverseVariance("beta"))` on a chain: the mean of eta = 1 with the larger variance
1 - alpha_bar_t / alpha_bar_s.

Randomness is `standard_normal(seeds, draw, shape)`: draw 0 makes x_T, draw t the noise of the step
from t.  So an image depends on its own seed alone, not on its batch, and is resumed from (x_t, t).

Arguments are checked once, before the loop; inside it no value is read, so that a GPU never waits.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, cast

import torch
from torch import Tensor

from core.checks import (
    require_choice,
    require_finite,
    require_number,
    require_signal,
    require_timesteps,
    trusted,
)
from core.ddim import ddim_step, ddim_step_to
from core.denoiser import CLIPS, Denoiser
from core.noise import require_seeds, standard_normal
from core.reverse import ReverseVariance, p_mean_variance


@dataclass(frozen=True)
class Ancestral:
    """The ancestral sampler: x_{t-1} = mean + sqrt(variance) z.  Source: DDPM algorithm 2.

    clip: "off", as in the paper's algorithm, or "x_0", which clamps x_0 before the mean is formed,
    as the released code does.  eps does not enter the mean, so there is no third way.
    """

    variance: ReverseVariance = field(default_factory=ReverseVariance)
    clip: str = "off"
    adds_noise: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_choice("clip", self.clip, ("off", "x_0"))

    def step(self, denoiser: Denoiser, x_t: Tensor, t: int, z: Tensor | None) -> Tensor:
        """x_{t-1} (B, C, ...) from x_t, t in 2..T, given standard normal z like x_t."""
        reverse = p_mean_variance(denoiser, x_t, t, self.variance, self.clip)
        return reverse.mean + reverse.variance.sqrt() * cast(Tensor, z)


@dataclass(frozen=True)
class DDIM:
    """The DDIM sampler: eta = 0 is deterministic, eta = 1 is `Ancestral` with "beta_tilde".

    clip as in `Denoiser`; the released code does not clip.  Clipping "x_0" leaves eps as it was
    predicted; "x_0_and_eps" keeps the two consistent with x_t.  Source: DDIM (12), (16).
    Errors: ValueError for eta outside [0, 1] and another name.
    """

    eta: float = 0.0
    clip: str = "off"

    def __post_init__(self) -> None:
        require_number("eta", self.eta, 0, 1, ends="[]")
        require_choice("clip", self.clip, CLIPS)

    @property
    def adds_noise(self) -> bool:
        return self.eta > 0

    def step(self, denoiser: Denoiser, x_t: Tensor, t: int, z: Tensor | None) -> Tensor:
        """x_{t-1} (B, C, ...) from x_t, t in 2..T; z like x_t, or None where eta = 0."""
        x_0, eps, _ = denoiser(x_t, t, self.clip)
        # An x_0 that follows from eps goes into the coefficients, where nothing cancels; one
        # that was clipped, or predicted itself, is used as it is.
        if self.clip == "off" and denoiser.predicts == "eps":
            return ddim_step(denoiser.schedule, x_t, eps, t, t - 1, self.eta, z)
        return ddim_step_to(denoiser.schedule, x_0, eps, t, t - 1, self.eta, z)


@dataclass(frozen=True, eq=False)
class SamplerState:
    """x_t (B, C, ...) and its t: all that a sampler needs, with the seeds, to go on."""

    x: Tensor
    t: int


@torch.no_grad()
def sample(
    denoiser: Denoiser,
    method: Ancestral | DDIM,
    seeds: Tensor,
    shape: tuple[int, ...],
    *,
    dtype: torch.dtype = torch.float32,
    state: SamplerState | None = None,
    callback: Callable[[SamplerState], None] | None = None,
) -> Tensor:
    """Images (B, *shape) in dtype, one for each seed, on the device of seeds and schedule.

    seeds: int64 (B,).  shape: (C, ...) of one image.  dtype: of x_t between the steps; the
    network may compute in another one, and its predictions are cast.  state: continue from here
    instead of from x_T; a sampler that is stopped and continued with the same arguments returns
    the same bits.  callback: called after each step with the state reached, t = T - 1..0; it must
    not change x.  No gradient is recorded.
    Errors: ValueError for seeds on another device than the schedule or as in `standard_normal`,
    a state that does not match shape, dtype or the number of seeds, is not finite, or has t
    outside 0..T, and a denoiser that predicts eps where alpha_bar_T = 0; FloatingPointError where
    x is no longer finite, naming the first step of which that is so.
    """
    T = denoiser.schedule.T
    require_seeds(seeds)
    if seeds.device != denoiser.schedule.beta.device:
        raise ValueError(
            f"seeds must lie on the device of the schedule, {denoiser.schedule.beta.device}; got "
            f"{seeds.device}"
        )
    if state is None:
        state = SamplerState(standard_normal(seeds, 0, shape, dtype), T)
    _require_state(state, (seeds.shape[0], *shape), dtype, denoiser)
    x, broken = state.x, torch.zeros((), dtype=torch.int64, device=seeds.device)
    for t in range(state.t, 0, -1):
        with trusted():
            if t > 1:
                z = standard_normal(seeds, t, shape, dtype) if method.adds_noise else None
                x = method.step(denoiser, x, t, z)
            else:
                x = denoiser(x, 1, method.clip).x_0
            # The first step that led to a non-finite x, without waiting to know.
            broken = torch.maximum(broken, ~torch.isfinite(x).all() * t)
        if callback is not None:
            callback(SamplerState(x, t - 1))
    if broken > 0:
        raise FloatingPointError(
            f"the step from t = {broken.item()} gave NaN or infinity: the network's prediction, or "
            f"its arithmetic in {dtype}, is not finite there"
        )
    return x


def _require_state(
    state: SamplerState, shape: tuple[int, ...], dtype: torch.dtype, denoiser: Denoiser
) -> None:
    """The state fits the images asked for, and the first step can be taken from it."""
    schedule = denoiser.schedule
    require_finite("state.x", state.x)
    right = f"{shape} of {dtype} on {schedule.beta.device}"
    got = f"{tuple(state.x.shape)} of {state.x.dtype} on {state.x.device}"
    if got != right:
        raise ValueError(f"state.x must be {right}, as seeds, shape and dtype say; got {got}")
    if not isinstance(state.t, int) or isinstance(state.t, bool):
        raise ValueError(f"state.t must be an int in 0..{schedule.T}; got {state.t!r}")
    t = require_timesteps("state.t", state.t, schedule.beta, first=0)
    if denoiser.predicts == "eps":
        require_signal(t, schedule.alpha_bar)
