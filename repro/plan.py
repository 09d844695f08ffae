"""What a run will cost on this machine, measured on a few steps of it before it starts."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from core.unet import UNet
from repro import machine
from repro.dataset import Dataset
from repro.distributed import World
from repro.profile import Profile
from repro.trainer import Trainer

CPU_PIXELS = 16 * 32 * 32  # at a time: a step of 128 images of CIFAR-10 takes many seconds there
SECONDS = 5.0  # of measuring, at least one step


@dataclass(frozen=True)
class Plan:
    """Costs of a whole run.

    training_speed, sampling_speed: images/s through a training step, and through the network
    alone; batch: images a device that they were measured with.  disk, memory: bytes; memory is
    the peak so far, of the device.
    """

    profile: Profile
    devices: int
    batch: int
    training_speed: float
    sampling_speed: float
    memory: int

    @property
    def training_seconds(self) -> float:
        """Of all steps."""
        training = self.profile.training
        return training.steps * training.batch / self.training_speed

    @property
    def sampling_seconds(self) -> float:
        """Of every set of samples, those of candidates included."""
        calls = sum(s.count * s.steps for s in self.profile.sampling)
        if self.profile.selection:
            each = self.profile.selection.sampling
            calls += self.candidates * each.count * each.steps
        return calls / self.sampling_speed

    @property
    def candidates(self) -> int:
        """Averages that are kept and sampled from to choose one."""
        selection = self.profile.selection
        return -(-self.profile.training.steps // selection.every) if selection else 0

    @property
    def evaluation_seconds(self) -> float:
        """Of the likelihood, T calls an image, and the round trips, two a step."""
        evaluation = self.profile.evaluation
        calls = (evaluation.likelihood + evaluation.train) * self.profile.process.T
        calls += 2 * evaluation.encoded * sum(evaluation.encoding)
        return calls / self.sampling_speed

    @property
    def seconds(self) -> float:
        """Of it all."""
        return self.training_seconds + self.sampling_seconds + self.evaluation_seconds

    @property
    def disk(self) -> int:
        """Bytes of the checkpoints that are kept at once, and of the samples."""
        with torch.device("meta"):
            parameters = sum(p.numel() for p in UNet(self.profile.network).parameters())
        network = self.profile.network
        image = network.image_channels * network.image_size**2
        images = sum(s.count for s in self.profile.sampling)
        if self.profile.selection:
            images += self.candidates * self.profile.selection.sampling.count
        # Weights, their average, and Adam's two moments; one more checkpoint while it is written.
        floats = 4 * (self.profile.training.keep + 1) + self.candidates
        return 4 * parameters * floats + image * images


def measure(profile: Profile, world: World, *, compiled: bool) -> Plan:
    """Train on noise for a few seconds, and call the network alone as long."""
    share = profile.training.batch // world.size
    size, channels = profile.network.image_size, profile.network.image_channels
    few = max(1, CPU_PIXELS // size**2)
    batch = min(share, few) if world.device.type == "cpu" else share
    shape = (batch * world.size, channels, size, size)
    images = torch.randint(0, 2, shape, dtype=torch.uint8)
    training = replace(profile.training, batch=batch * world.size, clip_shards=1)
    trainer = Trainer(replace(profile, training=training), Dataset("noise", images, images, 2),
                      world, compiled=compiled)
    training_speed = _speed(trainer.advance, world.device) * batch * world.size
    x = torch.zeros(batch, *shape[1:], device=world.device)
    t = torch.zeros(batch, dtype=torch.int64, device=world.device)
    trainer.network.eval()
    half = training.precision == "bfloat16"
    network = torch.compile(trainer.network) if compiled else trainer.network

    @torch.no_grad()
    def call() -> None:
        with torch.autocast(world.device.type, torch.bfloat16, enabled=half):
            network(x, t)

    sampling_speed = _speed(call, world.device) * batch * world.size
    return Plan(profile, world.size, batch, training_speed, sampling_speed,
                machine.peak_memory(world.device))


def _speed(work: Callable[[], object], device: torch.device) -> float:
    """Calls a second, after one that is not counted."""

    def finish() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    work()
    finish()
    calls, begin = 0, time.perf_counter()
    while calls == 0 or time.perf_counter() - begin < SECONDS:
        work()
        finish()
        calls += 1
    return calls / (time.perf_counter() - begin)
