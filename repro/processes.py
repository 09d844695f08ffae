"""From the settings of a profile to the objects of core: the one place where names become these.

What decides the weights is read from `process`, `objective` and `network` alone, never from
`evaluation`, which may change without another training.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from core.denoiser import Denoiser
from core.objectives import Hybrid, Simple, Variational
from core.reverse import ReverseVariance
from core.samplers import DDIM, Ancestral
from core.schedule import NoiseSchedule, cosine_schedule, scaled_linear_schedule
from core.timesteps import (
    Chain,
    quadratic_chain,
    released_quadratic_chain,
    released_uniform_chain,
    uniform_chain,
)
from core.variational_bound import Bound
from repro.errors import ReproError
from repro.profile import Process, Profile, Sampling

CHAINS = {
    "uniform": uniform_chain,
    "quadratic": quadratic_chain,
    "released-uniform": released_uniform_chain,
    "released-quadratic": released_quadratic_chain,
}
PRECISIONS = ("float32", "bfloat16")


def schedule(process: Process, device: torch.device | str = "cpu") -> NoiseSchedule:
    """The noise schedule of a profile, on a device.

    Errors: ReproError for a T that the schedule does not allow.
    """
    build = {"linear": scaled_linear_schedule, "cosine": cosine_schedule}[process.schedule]
    try:
        return build(process.T).to(device)
    except ValueError as error:
        raise ReproError(f"process.T: {error}") from error


def denoiser(network: nn.Module, profile: Profile, schedule: NoiseSchedule) -> Denoiser:
    """The network as the profile means it; network and schedule lie on one device.

    "rescaled" shows 1000 (t - 1) / T, float32, as the code released with iDDPM.  `respace` picks
    the numbers shown at the visited timesteps, so a shorter chain shows what training showed.
    """
    shown = None
    if profile.process.shown == "rescaled":
        t = torch.arange(1, schedule.T + 1, dtype=torch.float64, device=schedule.beta.device)
        shown = (1000 * (t - 1) / schedule.T).float()
    return Denoiser(
        network, schedule, profile.process.predicts, profile.network.learns_variance, shown
    )


def chain(tau: str, steps: int, T: int) -> Chain:
    """The timesteps that a sampler visits, from the first to 0; tau as in `profile.Sampling`.

    Errors: ReproError for a tau that is none, steps outside 1..T, and steps below T for "all".
    """
    if tau == "all" and steps == T:
        return tuple(range(T, -1, -1))
    if tau == "all":
        raise ReproError(f"steps must be T = {T} for tau 'all'; got {steps}")
    if tau not in CHAINS:
        raise ReproError(f"tau must be one of 'all', {', '.join(map(repr, CHAINS))}; got {tau!r}")
    try:
        return CHAINS[tau](T, steps)
    except ValueError as error:
        raise ReproError(f"steps: {error}") from error


def method(sampling: Sampling) -> Ancestral | DDIM:
    """The sampler of a profile.  Its last step adds no noise, so `first` reaches no image."""
    if sampling.sampler == "ddim":
        return DDIM(sampling.eta, sampling.clip)
    # "learned" alone needs a logarithm of beta_tilde at t = 1.
    first = "beta_tilde_2" if sampling.variance == "learned" else "own"
    return Ancestral(ReverseVariance(sampling.variance, first), sampling.clip)


def bound(profile: Profile, levels: int) -> Bound:
    """The bound that the likelihood of a trained network is evaluated with.

    Errors: ReproError for a variance that has no density at t = 1.
    """
    try:
        variance = ReverseVariance(profile.objective.variance, profile.evaluation.first)
        return Bound(variance, profile.evaluation.clip, profile.evaluation.cdf, levels=levels)
    except ValueError as error:
        raise ReproError(f"evaluation and objective do not fit: {error}") from error


def objective(profile: Profile, levels: int) -> Simple | Variational | Hybrid:
    """What training minimises, of each image.

    Its bound is that of both released codes: x_0 is not clipped, since a clipped one has no
    gradient; the decoder has the variance beta_tilde_2 and the tanh CDF.  `objective.timesteps`
    and `objective.reduction` are the training loop's.
    """
    if profile.objective.kind == "simple":
        return Simple()
    variance = ReverseVariance(profile.objective.variance, "beta_tilde_2")
    trained = Bound(variance, clip="off", cdf="tanh", levels=levels)
    return Hybrid(trained) if profile.objective.kind == "hybrid" else Variational(trained)


def evaluated(denoiser: Denoiser, precision: str) -> Denoiser:
    """The denoiser as it is sampled from: without dropout, its network in a precision.

    precision: "float32", or "bfloat16" for autocast of the network alone; x_t and what is
    predicted of it stay float32.  Errors: ReproError for another name, and a network in training
    mode, whose dropout would reach the images.
    """
    if precision not in PRECISIONS:
        raise ReproError(f"precision must be one of {', '.join(map(repr, PRECISIONS))}; "
                         f"got {precision!r}")
    if getattr(denoiser.network, "training", False):
        raise ReproError("network must be in evaluation mode, or its dropout is active: "
                         "call network.eval()")
    if precision == "float32":
        return denoiser
    return replace(denoiser, network=partial(_in_bfloat16, denoiser.network))


def _in_bfloat16(
    network: Callable[[Tensor, Tensor], Tensor], x_t: Tensor, shown: Tensor
) -> Tensor:
    with torch.autocast(x_t.device.type, torch.bfloat16):
        return network(x_t, shown)
