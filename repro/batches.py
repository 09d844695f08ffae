"""What step k trains on: a function of the seed and k alone, so that nothing hidden is resumed.

    images   the order of epoch e is a permutation drawn for (seed, e); step k takes the next batch
    t, eps   drawn for (seed, k), for the whole batch; a device keeps its own slice of them
    flips    of half of the images, drawn for (seed, k)

So the global batch of step k is the same on any number of devices.  Its bits are those of the kind
of device, since torch draws other numbers on a GPU than on a CPU.
"""

import hashlib
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from core.timestep_sampling import antithetic_timesteps, uniform_timesteps
from repro.dataset import Dataset, to_unit
from repro.distributed import World
from repro.errors import ReproError
from repro.profile import Profile


class Batch(NamedTuple):
    """x_0, eps: (B, C, H, W) float32, x_0 in [-1, 1]; t: (B,) int64 in 1..T; B images a device."""

    x_0: Tensor
    t: Tensor
    eps: Tensor


def draw(seed: int, purpose: str, number: int, device: torch.device | str) -> torch.Generator:
    """A generator for one purpose and one number (of a step, of an epoch).

    The CPU's generator keeps 32 bits of its seed: two of 800,000 steps may share their draws.
    """
    digest = hashlib.sha256(f"{seed} {purpose} {number}".encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:8], "big"))


class Batches:
    """The batches of a run, one for each step 1, 2, ...

    Errors: ReproError where the devices do not divide the batch, or its clipped shards.
    """

    def __init__(self, dataset: Dataset, profile: Profile, world: World):
        shards, batch = profile.training.clip_shards, profile.training.batch
        if batch % world.size or (shards > 1 and shards % world.size):
            raise ReproError(
                f"the number of devices must divide batch = {batch}"
                + (f" and clip_shards = {shards}" if shards > 1 else "") + f"; got {world.size}"
            )
        self.images = dataset.train.to(world.device)
        self.levels, self.profile, self.world = dataset.levels, profile, world
        share = batch // world.size
        self.mine = slice(world.rank * share, (world.rank + 1) * share)
        self.order = lru_cache(maxsize=2)(self._order)

    def __call__(self, step: int) -> Batch:
        """The batch of a step, this device's slice of it."""
        training, T = self.profile.training, self.profile.process.T
        generator = draw(self.profile.seed, "step", step, self.world.device)
        timesteps = {"uniform": uniform_timesteps, "antithetic": antithetic_timesteps}
        t = timesteps[self.profile.objective.timesteps](T, training.batch, generator)
        eps = torch.randn(training.batch, *self.images.shape[1:], generator=generator,
                          device=self.world.device)
        flips = torch.rand(training.batch, generator=generator, device=self.world.device) < 0.5
        x_0 = to_unit(self.images[self._indices(step)[self.mine]], self.levels)
        if training.flip:
            x_0 = torch.where(flips[self.mine, None, None, None], x_0.flip(3), x_0)
        layout = {"memory_format": torch.channels_last}
        return Batch(x_0.contiguous(**layout), t[self.mine], eps[self.mine].contiguous(**layout))

    def _indices(self, step: int) -> Tensor:
        """The images of a step's global batch; an epoch ends where all were seen, mid-batch too."""
        n, batch = self.images.shape[0], self.profile.training.batch
        begin, end = (step - 1) * batch, step * batch
        return torch.cat([
            self.order(epoch)[max(begin - epoch * n, 0):end - epoch * n]
            for epoch in range(begin // n, (end - 1) // n + 1)
        ])

    def _order(self, epoch: int) -> Tensor:
        generator = draw(self.profile.seed, "epoch", epoch, "cpu")
        return torch.randperm(self.images.shape[0], generator=generator).to(self.world.device)
