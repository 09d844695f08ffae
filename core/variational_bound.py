"""The variational bound on -log p(x_0), term by term.

    -log p(x_0) <= L_T + sum over t > 1 of L_{t-1} + L_0                                DDPM (5)
    L_T     = KL(q(x_T | x_0) || N(0, 1))
    L_{t-1} = E KL(q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t))
            = (r - 1 - log r) / 2 + E ||c_x0 (x_0 - x_0_hat)||^2 / (2 variance)     DDPM (8), (12)
    L_0     = E -log p(x_0 | x_1), the decoder                                          DDPM (13)

with r = beta_tilde_t / variance; E is over eps, of which one draw is an argument here, so that an
average over eps is exact where it is a quadrature.  Each term is per image, in nats per
dimension: the mean over the dimensions of an image, (B,).  Bits are nats / log(2).
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from core.checks import require_choice, require_finite
from core.decoder import CDFS, discretised_gaussian_log_likelihood, require_level_count
from core.denoiser import CLIPS, Denoiser
from core.forward import q_sample
from core.kl import kl_gaussian, kl_standard
from core.posterior import posterior_coefficients
from core.reverse import ReverseStep, ReverseVariance, p_mean_variance
from core.schedule import NoiseSchedule, cast_like


@dataclass(frozen=True)
class Bound:
    """What the bound is evaluated with: the reverse step's variance and clip, and the decoder.

    clip as in `Denoiser`, cdf and levels as in `decoder`.  The code released with DDPM evaluates
    its NLL with Bound(ReverseVariance("beta", "beta_tilde_2"), clip="x_0", cdf="tanh").
    Errors: ValueError for another name, for levels outside 2..256, and for the variance
    beta_tilde with its own first value 0, for which L_0 is infinite.
    """

    variance: ReverseVariance
    clip: str = "off"
    cdf: str = "exact"
    levels: int = 256

    def __post_init__(self) -> None:
        require_choice("clip", self.clip, CLIPS)
        require_choice("cdf", self.cdf, CDFS)
        require_level_count(self.levels)
        if self.variance == ReverseVariance("beta_tilde", "own"):
            raise ValueError(
                "variance must have first='beta_tilde_2' for kind 'beta_tilde', because with "
                "beta_tilde_1 = 0 the decoder has no density; got first='own'"
            )


class BoundTerm(NamedTuple):
    """L_{t-1} of one draw of eps, nats per dimension, (B,); and the step that it judges."""

    nats: Tensor
    step: ReverseStep


def prior_term(schedule: NoiseSchedule, x_0: Tensor) -> Tensor:
    """L_T: KL(q(x_T | x_0) || N(0, 1)), nats per dimension, (B,), in the dtype of x_0.

    x_0: (B, C, ...).  (alpha_bar_T x_0^2 - alpha_bar_T - log(1 - alpha_bar_T)) / 2, averaged over
    the dimensions in float64; accuracy 16 float64 roundings, and cast last.
    Errors: ValueError for an integer image, NaN or infinity.  Source: DDPM (5).
    """
    require_finite("x_0", x_0)
    alpha_bar, variance = schedule.alpha_bar[-1], schedule.one_minus_alpha_bar[-1]
    mean_square = alpha_bar * (x_0.double() ** 2).flatten(1).mean(1)
    # What rounding took from the variance, times the derivative (1 - 1 / variance) / 2 of the KL:
    # for a small alpha_bar_T the KL has digits that the rounded variance has lost.
    lost = -schedule.snr[-1] * schedule.one_minus_alpha_bar_tail[-1] / 2
    return (kl_standard(mean_square.sqrt(), variance) + lost).to(x_0.dtype)


def bound_term(
    denoiser: Denoiser, bound: Bound, x_0: Tensor, t: Tensor | int, eps: Tensor
) -> BoundTerm:
    """L_{t-1} at x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) eps; L_0 at t = 1.

    x_0, eps: (B, C, ...), float32 or float64, of one dtype, x_0 on the levels of the bound; t in
    1..T.  The result keeps that dtype and has gradients with respect to mean and variance; what
    the network computes in is its own affair.  A tensor t costs both kinds of term, and no look
    at its values; an int only its own.
    Errors: ValueError for images as in `forward` and `decoder`, t outside 1..T, and a bound with
    a learned variance where the denoiser learns none.  Source: DDPM (5), (8), (13).
    """
    x_t = q_sample(denoiser.schedule, x_0, t, eps)
    step = p_mean_variance(denoiser, x_t, t, bound.variance, bound.clip)
    if isinstance(t, int):
        per_dimension = _decoder(bound, x_0, step) if t == 1 else _kl(denoiser, x_0, t, step)
    else:
        is_first = (t == 1).to(x_0.device).reshape(t.shape + (1,) * (x_0.ndim - t.ndim))
        per_dimension = torch.where(
            is_first, _decoder(bound, x_0, step), _kl(denoiser, x_0, t, step)
        )
    return BoundTerm(per_dimension.flatten(1).mean(1), step)


def _decoder(bound: Bound, x_0: Tensor, step: ReverseStep) -> Tensor:
    return -discretised_gaussian_log_likelihood(
        x_0, step.mean, step.variance, bound.cdf, bound.levels
    )


def _kl(denoiser: Denoiser, x_0: Tensor, t: Tensor | int, step: ReverseStep) -> Tensor:
    """The KL per dimension.  Both means hold the same multiple of x_t, and a KL depends on their
    difference alone: c_x0 (x_0 - x_0_hat), formed without the cancellation of c_xt x_t.
    """
    c_x0, _, beta_tilde = posterior_coefficients(denoiser.schedule, t)
    difference = cast_like(c_x0, x_0) * (x_0 - step.x_0)
    # beta_tilde_1 = 0 has no KL: where t = 1 the decoder is taken, and any variance will do here.
    beta_tilde = torch.where(beta_tilde > 0, beta_tilde, 1)
    return kl_gaussian(difference, cast_like(beta_tilde, x_0), 0.0, step.variance)
