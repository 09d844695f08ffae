"""The model's reverse step p(x_{t-1} | x_t): its mean and its variance.

    p(x_{t-1} | x_t) = N(mean, variance)                                            DDPM (1)
    mean     = c_x0 x_0_hat + c_xt x_t, the posterior mean at the predicted x_0    DDPM (7), (11)
    variance = beta_t, or beta_tilde_t                                             DDPM section 3.2
             = exp(f log beta_t + (1 - f) log beta_tilde_t), f predicted           iDDPM (15)

At t = 1 beta_tilde is 0.  `first` names what stands in for it there: the released code takes
beta_tilde_2, for a decoder with a density ("fixedlarge" does the same with beta_1).
"""

from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from torch import Tensor

from core.checks import require_choice, require_timesteps
from core.denoiser import Denoiser
from core.posterior import posterior_coefficients
from core.schedule import NoiseSchedule, cast_like

KINDS = ("beta", "beta_tilde", "learned")
FIRSTS = ("own", "beta_tilde_2")


@dataclass(frozen=True)
class ReverseVariance:
    """Which variance the reverse step has.

    kind: "beta" is right for x_0 ~ N(0, I), "beta_tilde" for a single x_0 (DDPM section 3.2);
    "learned" lies between their logarithms.  first: what takes the place of beta_1 or
    beta_tilde_1 at t = 1: "own" nothing, "beta_tilde_2" the value at t = 2, as released.
    Errors: ValueError for another name, and for "learned" with "own", whose log beta_tilde_1
    is minus infinity.
    """

    kind: str = "beta"
    first: str = "own"

    def __post_init__(self) -> None:
        require_choice("kind", self.kind, KINDS)
        require_choice("first", self.first, FIRSTS)
        if self.kind == "learned" and self.first == "own":
            raise ValueError(
                "first must be 'beta_tilde_2' for kind 'learned', because beta_tilde_1 = 0 has no "
                "logarithm; got 'own'"
            )


class ReverseStep(NamedTuple):
    """p(x_{t-1} | x_t).  mean, x_0, eps: (B, C, ...); variance and its logarithm broadcast."""

    mean: Tensor
    variance: Tensor
    log_variance: Tensor
    x_0: Tensor
    eps: Tensor


def p_mean_variance(
    denoiser: Denoiser, x_t: Tensor, t: Tensor | int, variance: ReverseVariance, clip: str = "off"
) -> ReverseStep:
    """Mean and variance of the reverse step from x_t (B, C, ...), t in 1..T.

    clip acts on x_0 before the mean is formed (see `Denoiser`).  variance and log_variance are
    (B, 1, ..., 1), or (B, C, ...) where learned, and (1, ..., 1) for an int t; with kind
    "beta_tilde" and first "own" they are 0 and -inf at t = 1.  Source: DDPM (7), (11), section
    3.2; iDDPM (15).  Errors: ValueError for t outside 1..T, images as in `forward`, and a kind
    "learned" where the denoiser learns no variance.
    """
    learned = variance.kind == "learned"
    if learned and not denoiser.learns_variance:
        raise ValueError("variance must be 'beta' or 'beta_tilde' for a denoiser with "
                         "learns_variance=False; got 'learned'")
    x_0, eps, fraction = denoiser(x_t, t, clip)
    c_x0, c_xt, _ = posterior_coefficients(denoiser.schedule, t)
    mean = cast_like(c_x0, x_t) * x_0 + cast_like(c_xt, x_t) * x_t
    if learned:
        schedule = denoiser.schedule
        high = cast_like(fixed_variances(schedule, "beta", "own", t).log(), x_t)
        low = cast_like(fixed_variances(schedule, "beta_tilde", variance.first, t).log(), x_t)
        log_variance = low + cast(Tensor, fraction) * (high - low)
        return ReverseStep(mean, log_variance.exp(), log_variance, x_0, eps)
    fixed = fixed_variances(denoiser.schedule, variance.kind, variance.first, t)
    return ReverseStep(mean, cast_like(fixed, x_t), cast_like(fixed.log(), x_t), x_0, eps)


def fixed_variances(schedule: NoiseSchedule, kind: str, first: str, t: Tensor | int) -> Tensor:
    """beta_t or beta_tilde_t, float64, () or (B,), with `first` applied at t = 1.

    Entries of the schedule's tables, correctly rounded as they are.
    """
    t = require_timesteps("t", t, schedule.beta)
    table = schedule.beta if kind == "beta" else schedule.beta_tilde
    if first == "beta_tilde_2":
        if schedule.T == 1:
            raise ValueError("first must be 'own' where T = 1, which has no beta_tilde_2; got "
                             "'beta_tilde_2'")
        # Put into the table, not chosen by t == 1: a t on the CPU would be sent to the GPU.
        table = torch.cat([table[:1], schedule.beta_tilde[2:3], table[2:]])
    return table[t]
