"""Training objectives: what a step of training minimises, for each image of a batch.

    L_simple = E ||target - prediction||^2, the target being eps, x_0 or v           DDPM (14)
    L_vlb    = L_0 + L_1 + ... + L_{T-1} = T E_t L_{t-1}, t uniform                  DDPM (5)
    L_hybrid = L_simple + 0.001 L_vlb, where L_vlb sees only the variance            iDDPM (16)

An objective is a frozen dataclass, called as objective(denoiser, x_0, t, eps): it returns the loss
of each image, (B,), of which the mean is to be minimised, weighted where t was not uniform
(`timestep_sampling`).  x_0, eps: (B, C, ...) of one dtype; t in 1..T, an int or an integer tensor
(B,).  Losses are float32 (float64 for float64 images), whatever dtype the network computes in;
nothing reads a value but the checks, which do not while compiling.  Errors are ValueErrors: images
as in `forward`, t outside 1..T, and what an objective names.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from core.checks import require_finite, require_number, require_timesteps
from core.conversions import v_from_x_0
from core.denoiser import Denoiser
from core.forward import q_sample
from core.schedule import cast_like
from core.variational_bound import Bound, bound_term
from core.weightings import Weighting


@dataclass(frozen=True, eq=False)
class Simple:
    """L_simple: the squared error of the prediction, a mean over the dimensions of each image.

    weighting: one of `weightings`, for the kind that the denoiser predicts; None is the weight 1.
    A learned variance gets no gradient: use `Hybrid`.
    Errors: ValueError for a weighting that is infinite somewhere, or of another kind or another T
    than the denoiser.  Source: DDPM (14).
    """

    weighting: Weighting | None = None

    def __post_init__(self) -> None:
        if self.weighting is not None:
            require_finite("weighting", self.weighting.weight)

    def __call__(self, denoiser: Denoiser, x_0: Tensor, t: Tensor | int, eps: Tensor) -> Tensor:
        """The loss of each image, (B,)."""
        x_t = q_sample(denoiser.schedule, x_0, t, eps)
        prediction, _ = denoiser.output(x_t, t)
        error = squared_error(training_target(denoiser, x_0, t, eps), prediction)
        if self.weighting is None:
            return error
        _require_weighting(self.weighting, denoiser)
        weight = self.weighting.weight[require_timesteps("t", t, self.weighting.weight)]
        return error * cast_like(weight, error)


@dataclass(frozen=True)
class Variational:
    """L_vlb, in bits per dimension: T L_{t-1} / log(2), whose mean over t is the bound less L_T.

    L_T has no parameters.  Mean and variance are both trained.  x_0 must be float32 or float64, on
    the levels of `decoder`.  Source: DDPM (5), and in bits the code released with iDDPM.
    """

    bound: Bound

    def __call__(self, denoiser: Denoiser, x_0: Tensor, t: Tensor | int, eps: Tensor) -> Tensor:
        """The loss of each image, (B,)."""
        term = bound_term(denoiser, self.bound, x_0, t, eps)
        return denoiser.schedule.T / math.log(2) * term.nats


@dataclass(frozen=True)
class Hybrid:
    """L_simple + share L_vlb for a learned variance: the mean learns from L_simple alone.

    The network is called once; L_vlb sees its prediction without a gradient.  share = 0.001 with
    L_vlb in bits per dimension is the released code's L_simple + (T / 1000) L_{t-1}.
    Errors: ValueError for a bound whose variance is not "learned", a share below 0, and a
    denoiser that learns none.  x_0 as for `Variational`.  Source: iDDPM (16), section 3.1.
    """

    bound: Bound
    share: float = 0.001

    def __post_init__(self) -> None:
        require_number("share", self.share, 0, math.inf, ends="[)")
        if self.bound.variance.kind != "learned":
            raise ValueError(
                f"bound must have a variance of kind 'learned'; got {self.bound.variance.kind!r}"
            )

    def __call__(self, denoiser: Denoiser, x_0: Tensor, t: Tensor | int, eps: Tensor) -> Tensor:
        """The loss of each image, (B,)."""
        x_t = q_sample(denoiser.schedule, x_0, t, eps)
        prediction, v = denoiser.output(x_t, t)
        if v is None:
            raise ValueError("denoiser must have learns_variance=True for Hybrid; got False")
        simple = squared_error(training_target(denoiser, x_0, t, eps), prediction)
        seen = torch.cat([prediction.detach(), v], dim=1)
        frozen = replace(denoiser, network=lambda x_t, shown: seen)
        return simple + self.share * Variational(self.bound)(frozen, x_0, t, eps)


def training_target(denoiser: Denoiser, x_0: Tensor, t: Tensor | int, eps: Tensor) -> Tensor:
    """What the network should predict at x_t: eps, x_0 or v, (B, C, ...)."""
    if denoiser.predicts == "v":
        return v_from_x_0(denoiser.schedule, x_0, t, eps)
    return {"eps": eps, "x_0": x_0}[denoiser.predicts]


def squared_error(target: Tensor, prediction: Tensor) -> Tensor:
    """The mean of (target - prediction)^2 over the dimensions of each image, (B,).

    Taken in float32, or in the dtype of target where that is wider.
    """
    dtype = torch.promote_types(target.dtype, torch.float32)
    return ((target.to(dtype) - prediction.to(dtype)) ** 2).flatten(1).mean(1)


def _require_weighting(weighting: Weighting, denoiser: Denoiser) -> None:
    """The weighting is made for this kind of prediction and this T."""
    if weighting.predicts != denoiser.predicts:
        raise ValueError(
            f"weighting must be for predicts={denoiser.predicts!r}, as the denoiser; "
            f"got {weighting.predicts!r}: see convert_weighting"
        )
    if weighting.weight.shape != denoiser.schedule.beta.shape:
        raise ValueError(
            f"weighting must have a weight of shape (T + 1,) = "
            f"{tuple(denoiser.schedule.beta.shape)}; got {tuple(weighting.weight.shape)}"
        )
