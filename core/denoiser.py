"""The denoiser: what a network says of x_t, as x_0 and as eps.

A network predicts eps (DDPM (11)), x_0 or v (2202.00512 section 4); given x_t each determines the
others (`conversions`).  Samplers, objectives and likelihoods see a `Denoiser` only, so they do not
know which one it was.  This is the one place where the papers' t becomes the number that the
network is shown: t - 1, as in every released checkpoint, unless `shown` says otherwise.

A sub-sequence of timesteps is a shorter schedule: `respace` gives the denoiser of that schedule,
and everything that runs over t = 1..T then runs on the sub-sequence.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, cast

import torch
from torch import Tensor

from core.checks import require_choice, require_finite, require_timesteps
from core.conversions import eps_from_v, eps_from_x_0, x_0_from_eps, x_0_from_v
from core.forward import transition
from core.schedule import NoiseSchedule
from core.timesteps import require_chain

PREDICTIONS = ("eps", "x_0", "v")
CLIPS = ("off", "x_0", "x_0_and_eps")


class Prediction(NamedTuple):
    """What the network says of x_t.  Images (B, C, ...), in the dtype of x_t."""

    x_0: Tensor
    eps: Tensor
    fraction: Tensor | None  # of the way from log beta_tilde to log beta, iDDPM (15); else None


@dataclass(frozen=True, eq=False)
class Denoiser:
    """A network, the schedule it was trained for, and what its output means.

    network: called with x_t (B, C, ...) and the shown timestep (B,); returns (B, C, ...), or
    (B, 2C, ...) where it learns the variance too: then the second half of the channels is v of
    iDDPM (15), in [-1, 1] for a variance between beta_tilde and beta.
    predicts: "eps", "x_0" or "v".  shown: (T,), the number the network is shown at t = 1..T;
    None means t - 1.  iDDPM's rescaled timesteps are (t - 1) * 1000 / T.
    Errors: ValueError for another name or shape.
    """

    network: Callable[[Tensor, Tensor], Tensor]
    schedule: NoiseSchedule
    predicts: str = "eps"
    learns_variance: bool = False
    shown: Tensor | None = None  # which __post_init__ replaces

    def __post_init__(self) -> None:
        require_choice("predicts", self.predicts, PREDICTIONS)
        if self.shown is None:
            steps = torch.arange(self.schedule.T, device=self.schedule.beta.device)
            object.__setattr__(self, "shown", steps)
        elif self.shown.shape != (self.schedule.T,):
            raise ValueError(
                f"shown must have shape (T,) = ({self.schedule.T},), a number for each of t = 1..T;"
                f" got {tuple(self.shown.shape)}"
            )

    def output(self, x_t: Tensor, t: Tensor | int) -> tuple[Tensor, Tensor | None]:
        """The network's prediction (B, C, ...), and its v of iDDPM (15) or None; t in 1..T."""
        t = require_timesteps("t", t, self.schedule.beta)
        require_finite("x_t", x_t)
        shown = cast(Tensor, self.shown)[t - 1]
        raw = self.network(x_t, shown.expand(x_t.shape[0]))
        channels = 2 * x_t.shape[1] if self.learns_variance else x_t.shape[1]
        expected = (x_t.shape[0], channels, *x_t.shape[2:])
        if tuple(raw.shape) != expected:
            raise ValueError(
                f"network must return shape {expected} for x_t of shape {tuple(x_t.shape)} with "
                f"learns_variance={self.learns_variance}; got {tuple(raw.shape)}"
            )
        if not self.learns_variance:
            return raw, None
        prediction, v = raw.chunk(2, dim=1)
        return prediction, v

    def __call__(self, x_t: Tensor, t: Tensor | int, clip: str = "off") -> Prediction:
        """x_0 and eps at x_t (B, C, ...), t in 1..T an int or an integer tensor (B,).

        clip: "off"; "x_0" clamps x_0 to [-1, 1] and leaves eps as it was; "x_0_and_eps" then
        derives eps anew from the clamped x_0, so that the two agree on x_t again.
        Errors: ValueError for images as in `conversions`, t outside 1..T, another clip, an output
        of another shape, and a predicted eps at t = T where alpha_bar_T = 0.
        """
        require_choice("clip", clip, CLIPS)
        prediction, v = self.output(x_t, t)
        prediction = prediction.to(x_t.dtype)
        x_0, eps = self.interpret(x_t, t, prediction)
        if clip != "off":
            x_0 = x_0.clamp(-1, 1)
        if clip == "x_0_and_eps":
            eps = eps_from_x_0(self.schedule, x_t, t, x_0)
        return Prediction(x_0, eps, None if v is None else (v.to(x_t.dtype) + 1) / 2)

    def interpret(self, x_t: Tensor, t: Tensor | int, prediction: Tensor) -> tuple[Tensor, Tensor]:
        """(x_0, eps) that a prediction of this denoiser's kind implies at x_t."""
        if self.predicts == "eps":
            return x_0_from_eps(self.schedule, x_t, t, prediction), prediction
        if self.predicts == "x_0":
            return prediction, eps_from_x_0(self.schedule, x_t, t, prediction)
        return (
            x_0_from_v(self.schedule, x_t, t, prediction),
            eps_from_v(self.schedule, x_t, t, prediction),
        )


def respaced_schedule(schedule: NoiseSchedule, chain: Sequence[int]) -> NoiseSchedule:
    """The schedule of the chain that visits only these timesteps.

    chain: strictly decreasing from at most T to 0, as the functions of `timesteps` return it.
    alpha_bar, snr and their like at the new t are those at the visited timestep, bit for bit;
    beta of the pair s < t is 1 - alpha_bar_t / alpha_bar_s, within 3 ulp, and so may round to 1.
    Source: DDIM section 4.2; the code released with iDDPM.
    """
    rising = torch.tensor(require_chain(chain, schedule.T)[::-1], device=schedule.beta.device)
    pair = transition(schedule, rising[:-1], rising[1:])
    visited = {name: table[rising] for name, table in vars(schedule).items()}
    beta_tilde = pair.one_minus_alpha_bar_s * pair.one_minus_ratio / pair.one_minus_alpha_bar_t
    changed = {"beta": pair.one_minus_ratio, "alpha": pair.ratio, "beta_tilde": beta_tilde}
    ends = {name: torch.cat([visited[name][:1], table]) for name, table in changed.items()}
    return NoiseSchedule.of_tables(visited | ends)


def respace(denoiser: Denoiser, chain: Sequence[int]) -> Denoiser:
    """The denoiser on the shorter schedule of `respaced_schedule`.

    Its t = 1..len(chain) - 1 counts the visited timesteps from the least noisy; the network is
    shown what it was shown at each of them before.
    """
    schedule = respaced_schedule(denoiser.schedule, chain)
    shown = cast(Tensor, denoiser.shown)
    visited = torch.tensor([t - 1 for t in chain[-2::-1]], device=shown.device)
    return replace(denoiser, schedule=schedule, shown=shown[visited])
