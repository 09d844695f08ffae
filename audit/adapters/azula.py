"""azula: its DDPM, DDIM and Euler samplers on the published schedules, and its own schedules.

Its time runs over [0, 1] and its networks return E[x_0 | x_t].  The samplers take any schedule;
here it is that of the paper, tabulated, so that t = 1..T is the time t / T.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version
from typing import cast

import torch
from azula.denoise import Denoiser, DiracPosterior
from azula.noise import CosineSchedule, Schedule, VPSchedule
from azula.sample import DDIMSampler, DDPMSampler, EulerSampler
from flint import arb
from torch import Tensor

from audit.conformance.implementation import At, Choice, Implementation, NotOffered
from audit.conformance.levels import BITS, Levels, cosine, linear
from audit.conformance.noise import given_noise
from derivations.prover.balls import precision

ETA = Choice(
    "step.eta-on-variance",
    "DDIMSampler's docstring has eta tau under the root, so eta multiplies the variance; the "
    "paper that it cites multiplies the deviation, (16)",
    "pass the square of the paper's eta",
)


class Tabulated(Schedule):  # type: ignore[misc]  # azula is not there when types are checked
    """A discrete schedule as azula takes one: (sqrt(alpha_bar), sqrt(1 - alpha_bar)) at t / T."""

    def __init__(self, levels: Levels) -> None:
        self.levels = levels

    def __call__(self, t: Tensor) -> tuple[Tensor, Tensor]:
        level = self.levels.floats[round(float(t) * self.levels.T)]
        return (torch.tensor(math.sqrt(level), dtype=torch.float64),
                torch.tensor(math.sqrt(1 - level), dtype=torch.float64))


class Says(Denoiser):  # type: ignore[misc]  # as above
    """A network that says what the probe wants."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__()
        self.schedule = schedule
        self.said: Tensor | None = None

    def forward(self, x_t: Tensor, t: Tensor, **_: object) -> DiracPosterior:
        return DiracPosterior(mean=self.said)


class _Sampler(Implementation):
    version = version("azula")
    predicts = "x_0"
    kind: type

    def __init__(self, levels: Levels) -> None:
        self.levels, self.options = levels, {"schedule": levels.name}
        self.network = Says(Tabulated(levels))

    def chain(self, steps: int) -> Sequence[float]:
        visited = []
        for t in self.kind(self.network, steps=steps, silent=True).timesteps.tolist():
            nearest = round(t * self.levels.T)
            exact = abs(t * self.levels.T - nearest) < 1e-3
            visited.append(nearest if exact else t * self.levels.T)
        return visited

    def taken(self, at: At, x_t: Tensor, said: Tensor, z: Tensor, **options: float) -> Tensor:
        """One step of the sampler."""
        self.network.said = said
        t, s = (torch.tensor(k / self.levels.T, dtype=torch.float64) for k in (at.t, at.s))
        with given_noise(z):
            return cast(Tensor, self.kind(self.network, silent=True, **options).step(x_t, t, s))


class DDIM(_Sampler):
    """DDIMSampler."""

    name, kind, choices = "azula DDIMSampler", DDIMSampler, (ETA,)

    def step(self, at: At, x_t: Tensor, prediction: Tensor, z: Tensor, eta: float) -> Tensor:
        return self.taken(at, x_t, prediction, z, eta=eta)


class DDPM(_Sampler):
    """DDPMSampler."""

    name, kind = "azula DDPMSampler", DDPMSampler

    def ancestral(
        self, at: At, x_t: Tensor, prediction: Tensor, z: Tensor, variance: str
    ) -> Tensor:
        if variance == "beta":
            raise NotOffered
        return self.taken(at, x_t, prediction, z)


class Euler(_Sampler):
    """EulerSampler: Euler's method for the probability-flow ODE, which is DDIM at eta = 0."""

    name, kind = "azula EulerSampler", EulerSampler

    def step(self, at: At, x_t: Tensor, prediction: Tensor, z: Tensor, eta: float) -> Tensor:
        if eta > 0:
            raise NotOffered
        return self.taken(at, x_t, prediction, z)


SMALLEST = Choice(
    "tables.one_minus_alpha_bar",
    "sigma_t = sqrt(1 - alpha_t^2 + sigma_min^2) is documented: alpha^2 + sigma^2 is a little "
    "above 1, and sigma is sigma_min at t = 0",
    "sigma_min close to 0",
)


@lru_cache(maxsize=2)
def own_levels(kind: type) -> Levels:
    """The documented alpha_t^2 at t = k / 1000, alpha_min = 1/1000."""
    with precision(BITS):
        smallest = arb(1) / 1000
        times = [arb(k) / 1000 for k in range(1, 1001)]
        if kind is VPSchedule:
            alphas = [(t**2 * smallest.log()).exp() for t in times]
        else:
            alphas = [(t * smallest.acos()).cos() for t in times]
        return Levels(f"azula {kind.__name__}", (arb(1), *(a**2 for a in alphas)))


class Own(Implementation):
    """One of azula's own variance-preserving schedules, tabulated at t = k / 1000."""

    version = version("azula")
    choices = (SMALLEST,)

    def __init__(self, kind: type) -> None:
        self.name = f"azula {kind.__name__}"
        self.made, self.levels = kind(), own_levels(kind)

    def tables(self) -> Mapping[str, Tensor]:
        alpha, sigma = self.made(torch.arange(1, 1001, dtype=torch.float64) / 1000)
        return {"alpha_bar": alpha**2, "one_minus_alpha_bar": sigma**2}


def configurations() -> Iterator[Implementation]:
    """Three samplers on two schedules, and two schedules of its own."""
    yield from (kind(levels) for kind in (DDIM, DDPM, Euler) for levels in (linear(), cosine()))
    yield from (Own(kind) for kind in (VPSchedule, CosineSchedule))
