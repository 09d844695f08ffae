"""Weights of the squared error as tables over t, for each kind of prediction.

An error in the prediction of one kind is an error in the others, at a fixed x_t:

    ||eps - eps_hat||^2 = snr_t ||x_0 - x_0_hat||^2,
    ||v - v_hat||^2     = (snr_t + 1) ||x_0 - x_0_hat||^2,       snr_t + 1 = 1 / (1 - alpha_bar_t)

so that one loss has a different weight for each kind.  Every weight here is written for its kind
in a form that has a value wherever the weight has: at snr_T = 0 (zero terminal SNR) too.  There
eps says nothing of x_0, and a weight that asks it to is infinite.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.checks import require_choice, require_floating, require_number
from core.denoiser import PREDICTIONS
from core.reverse import ReverseVariance, fixed_variances
from core.schedule import NoiseSchedule


@dataclass(frozen=True, eq=False)
class Weighting:
    """weight[t] of the squared error of one kind of prediction.

    weight: (T + 1,), float64; weight[t] belongs to the paper's t and weight[0] = 0 to no step.
    predicts: the kind, as in `Denoiser`.  Errors: ValueError for another name, dtype or shape.
    """

    weight: Tensor
    predicts: str

    def __post_init__(self) -> None:
        require_choice("predicts", self.predicts, PREDICTIONS)
        require_floating("weight", self.weight)
        if self.weight.dtype != torch.float64:
            raise ValueError(f"weight must be float64; got {self.weight.dtype}")
        if self.weight.ndim != 1 or self.weight.shape[0] < 2:
            raise ValueError(
                f"weight must have shape (T + 1,), T >= 1; got {tuple(self.weight.shape)}"
            )


def uniform_weighting(schedule: NoiseSchedule, predicts: str) -> Weighting:
    """1: L_simple, a different loss for each kind: of x_0 it is 1, of eps snr, of v snr + 1.

    Source: DDPM (14), for eps.
    """
    return _weighting(predicts, **{kind: torch.ones_like(schedule.snr) for kind in PREDICTIONS})


def snr_weighting(schedule: NoiseSchedule, predicts: str) -> Weighting:
    """snr of the error of x_0, which is 1 of eps and alpha_bar of v: L_simple of eps.

    Source: 2202.00512 section 4.
    """
    return _weighting(
        predicts, x_0=schedule.snr, eps=torch.ones_like(schedule.snr), v=schedule.alpha_bar
    )


def truncated_snr_weighting(schedule: NoiseSchedule, predicts: str) -> Weighting:
    """max(snr, 1) of the error of x_0; of eps max(1, 1/snr), infinite at snr = 0.

    Source: 2202.00512 section 4.
    """
    return _weighting(
        predicts,
        x_0=schedule.snr.clamp(min=1),
        eps=(1 / schedule.snr).clamp(min=1),
        v=torch.maximum(schedule.alpha_bar, schedule.one_minus_alpha_bar),
    )


def min_snr_weighting(schedule: NoiseSchedule, predicts: str, gamma: float = 5.0) -> Weighting:
    """min(snr, gamma) of the error of x_0; of eps min(1, gamma / snr), which is 1 at snr = 0.

    Errors: ValueError for gamma <= 0.  Source: 2303.09556 (min-SNR-gamma).
    """
    require_number("gamma", gamma, 0, float("inf"))
    return _weighting(
        predicts,
        x_0=schedule.snr.clamp(max=gamma),
        eps=(gamma / schedule.snr).clamp(max=1),
        v=torch.minimum(schedule.alpha_bar, gamma * schedule.one_minus_alpha_bar),
    )


def bound_weighting(
    schedule: NoiseSchedule, predicts: str, variance: ReverseVariance
) -> Weighting:
    """The weight that makes the error L_{t-1} of the bound, less its constant; nats per dimension.

    Of eps beta_t^2 / (2 sigma_t^2 alpha_t (1 - alpha_bar_t)), of x_0 c_x0^2 / (2 sigma_t^2); at
    t = 1 it is the weight of the density that the decoder integrates over a bin.
    variance: "beta" or "beta_tilde", whose first value must not be 0.
    Errors: ValueError for a learned variance, which is no table, and for beta_tilde_1 = 0.
    Source: DDPM (8), (12).
    """
    if variance.kind == "learned" or variance == ReverseVariance("beta_tilde", "own"):
        raise ValueError(
            f"variance must be 'beta', or 'beta_tilde' with first='beta_tilde_2': a table of "
            f"positive values; got {variance}"
        )
    t = torch.arange(1, schedule.T + 1, device=schedule.beta.device)
    sigma_2 = fixed_variances(schedule, variance.kind, variance.first, t)
    beta, one_minus = schedule.beta[1:], schedule.one_minus_alpha_bar[1:]
    common = beta**2 / (2 * sigma_2 * one_minus)
    eps, v = common / schedule.alpha[1:], common * schedule.alpha_bar[:-1]
    return _weighting(predicts, x_0=_from_1(v / one_minus), eps=_from_1(eps), v=_from_1(v))


def convert_weighting(
    schedule: NoiseSchedule, weighting: Weighting, predicts: str
) -> Weighting:
    """The weight of the error of another kind of prediction that gives the same loss.

    weight_x_0 = snr weight_eps = weight_v / (1 - alpha_bar).  From x_0 or v to eps it is
    infinite at snr_T = 0, whatever the weight there (and has no value where that is 0).
    Errors: ValueError for another name, and a weighting of another T.
    """
    if weighting.weight.shape != schedule.snr.shape:
        raise ValueError(
            f"weighting must have a weight of shape (T + 1,) = {tuple(schedule.snr.shape)}, as "
            f"the schedule's tables; got {tuple(weighting.weight.shape)}"
        )
    snr, alpha_bar, one_minus = schedule.snr, schedule.alpha_bar, schedule.one_minus_alpha_bar
    factor = {
        ("eps", "x_0"): snr, ("x_0", "eps"): 1 / snr,
        ("v", "x_0"): 1 / one_minus, ("x_0", "v"): one_minus,
        ("eps", "v"): alpha_bar, ("v", "eps"): 1 / alpha_bar,
    }.get((weighting.predicts, predicts), torch.ones_like(snr))  # fmt: skip
    return Weighting(_from_1((weighting.weight * factor)[1:]), predicts)


def _weighting(predicts: str, **weight_of: Tensor) -> Weighting:
    """The weight of this kind out of all kinds' weights, with weight[0] = 0."""
    require_choice("predicts", predicts, PREDICTIONS)
    return Weighting(_from_1(weight_of[predicts][1:]), predicts)


def _from_1(values: Tensor) -> Tensor:
    """A table (T + 1,) from its values at t = 1..T."""
    return torch.cat([values.new_zeros(1), values])
