"""k-diffusion: the ancestral Euler sampler over its wrappers of discrete DDPM networks.

It works on x_t / sqrt(alpha_bar_t), whose noise level is sigma_t = sqrt((1 - alpha_bar_t) /
alpha_bar_t); the adapter goes there and back.  The package's __init__ imports training helpers
that are not installed here, so its modules are loaded one by one, as released.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import cast

import torch
from torch import Tensor

from audit.adapters.standins import bare_package, standing_in
from audit.conformance.implementation import At, Implementation
from audit.conformance.levels import Levels, cosine, linear

bare_package("k_diffusion")
with standing_in("torchvision", "torchvision.transforms", "torchvision.transforms.functional",
                 "torchdiffeq", "torchsde"):
    from k_diffusion import external, sampling

WRAPPERS = {"eps": external.DiscreteEpsDDPMDenoiser, "v": external.DiscreteVDDPMDenoiser}


class EulerAncestral(Implementation):
    """sample_euler_ancestral with a wrapped network that predicts eps or v."""

    name = "k-diffusion sample_euler_ancestral"
    version = version("k-diffusion")
    dtypes = (torch.float64, torch.float32)

    def __init__(self, levels: Levels, predicts: str) -> None:
        self.levels, self.predicts = levels, predicts
        self.options = {"schedule": levels.name, "predicts": predicts}
        # Both wrappers of released networks hand the levels over in float32.
        table = torch.tensor(levels.floats[1:], dtype=torch.float32)
        self.made = WRAPPERS[predicts](self._network, table, quantize=False)

    def _network(self, *_: object, **__: object) -> Tensor:
        return self.said

    def chain(self, steps: int) -> Sequence[float]:
        wanted, table = self.made.get_sigmas(steps)[:-1].log(), self.made.log_sigmas
        above = torch.searchsorted(table, wanted).clamp(1, len(table) - 1)
        share = (wanted - table[above - 1]) / (table[above] - table[above - 1])
        visited = []
        for t in (above + share).tolist():  # index above - 1 + share, counted from 1
            nearest = round(t)
            visited.append(nearest if abs(t - nearest) < 1e-2 else t)
        return [*visited, 0]

    def step(self, at: At, x_t: Tensor, prediction: Tensor, z: Tensor, eta: float) -> Tensor:
        self.said = prediction
        sigmas = torch.stack([self.made.sigmas[at.t - 1],
                              self.made.sigmas[at.s - 1] if at.s > 0 else torch.tensor(0.0)])
        high, low = (math.sqrt(self.levels.floats[t]) for t in (at.t, at.s))
        scaled = sampling.sample_euler_ancestral(
            self.made, x_t / high, sigmas, disable=True, eta=eta, noise_sampler=lambda *_: z)
        return cast(Tensor, scaled * low)


def configurations() -> Iterator[EulerAncestral]:
    """Two schedules, two kinds of prediction."""
    for levels in (linear(), cosine()):
        for predicts in WRAPPERS:
            yield EulerAncestral(levels, predicts)
