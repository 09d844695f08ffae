"""One step of training, and all that a run must keep to go on.

    loss      the mean of the objective over the batch                         core.objectives
    gradient  averaged over devices, clipped in norm
    weights   Adam, its rate warmed up; then the moving average                core.ema

Nothing is read from the device in a step: a loss or gradient that is not finite is remembered
there and found when the loss is next logged, always before a checkpoint is written.
"""

import math
from collections.abc import Mapping
from contextlib import nullcontext
from typing import cast

import torch
from torch import Tensor, nn

from core.checks import trusted
from core.ema import EMA
from core.unet import UNet
from repro import processes
from repro.batches import Batch, Batches, draw
from repro.dataset import Dataset
from repro.distributed import World
from repro.errors import ReproError
from repro.profile import Profile, Training

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


class Trainer:
    """A network in training.

    compiled: whether the loss is compiled, which pays on a GPU.
    Errors: ReproError where the images are not those that the network takes.
    """

    def __init__(self, profile: Profile, dataset: Dataset, world: World, *, compiled: bool = False):
        self.profile, self.world = profile, world
        network = profile.network
        expected = (network.image_channels, network.image_size, network.image_size)
        if dataset.shape != expected:
            raise ReproError(f"the network takes images of shape {expected}; {dataset.name} has "
                             f"{dataset.shape}")
        drawn = UNet(profile.network, draw(profile.seed, "weights", 0, "cpu"))
        drawn.to(world.device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks memory_format
        self.network = drawn.train()
        self.ema = EMA(self.network, profile.training.ema_decay, profile.training.ema_kind)
        self.parameters = list(self.network.parameters())
        self.optimiser = torch.optim.Adam(
            self.parameters, lr=0.0, betas=(BETA_1, BETA_2), eps=EPSILON, fused=True
        )
        self.batches = Batches(dataset, profile, world)
        schedule = processes.schedule(profile.process, world.device)
        self.denoiser = processes.denoiser(self.network, profile, schedule)
        self.objective = processes.objective(profile, dataset.levels)
        self.loss = torch.compile(self._loss) if compiled else self._loss
        self.step = 0
        # Since the loss was last read: its sum, and the first step that was not finite, or 0.
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=world.device)
        self.broken = torch.zeros((), dtype=torch.int64, device=world.device)

    def advance(self) -> None:
        """One step."""
        step, training = self.step + 1, self.profile.training
        batch = self.batches(step)
        # Dropout draws from torch's own generator: for this step, and differently on each device.
        dropout = draw(self.profile.seed, f"dropout {self.world.rank}", step, "cpu")
        torch.manual_seed(dropout.initial_seed())
        loss, norm = self._gradient(batch)
        (group,) = self.optimiser.param_groups
        group["lr"], group["eps"] = learning_rate(training, step), epsilon(training, step)
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.ema.update()
        self.loss_sum += loss
        sound = torch.isfinite(loss) & torch.isfinite(norm)
        self.broken = torch.where((self.broken == 0) & ~sound, step, self.broken)
        self.step = step

    def read_loss(self, steps: int) -> float:
        """The mean loss, over all devices, of the last steps: those since it was read last.

        Errors: ReproError as of `require_finite`.
        """
        self.require_finite()
        total = self.loss_sum.clone()
        self.world.average([total])
        self.loss_sum.zero_()
        return total.item() / steps

    def require_finite(self) -> None:
        """Errors: ReproError where a loss or gradient was not finite: the weights are spoilt."""
        step = self.world.max(int(self.broken))
        if step:
            raise ReproError(
                f"loss or gradient was not finite at step {step}, at the learning rate "
                f"{learning_rate(self.profile.training, step):.3g}"
            )

    def _gradient(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The loss of this device's images, and the norm of the gradient, left in the parameters.

        Where shards are clipped apart, the gradient is the mean of the clipped ones.
        """
        training, world = self.profile.training, self.world
        if training.clip_shards == 1:
            loss = self._backward(batch)
            world.average(self._gradients())
            return loss, nn.utils.clip_grad_norm_(self.parameters, training.clip)
        shards = training.clip_shards // world.size
        parts = [Batch(*part) for part in zip(*(x.chunk(shards) for x in batch), strict=True)]
        losses, norms = [], []
        total = [torch.zeros_like(p) for p in self.parameters]
        for part in parts:
            self.optimiser.zero_grad()
            losses.append(self._backward(part))
            norms.append(nn.utils.clip_grad_norm_(self.parameters, training.clip))
            torch._foreach_add_(total, self._gradients(), alpha=1 / shards)
        world.average(total)
        for parameter, gradient in zip(self.parameters, total, strict=True):
            parameter.grad = gradient
        return torch.stack(losses).mean(), torch.stack(norms).max()

    def _gradients(self) -> list[Tensor]:
        """Those that `_backward` left: every parameter has one."""
        return [cast(Tensor, p.grad) for p in self.parameters]

    def _backward(self, batch: Batch) -> Tensor:
        with trusted():  # outside of what is compiled: a compiler cannot look into it
            loss = self.loss(*batch)
        loss.backward()
        return loss.detach()

    def _loss(self, x_0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        half = self.profile.training.precision == "bfloat16"
        place = torch.autocast(x_0.device.type, torch.bfloat16) if half else nullcontext()
        with place:
            loss = self.objective(self.denoiser, x_0, t, eps).mean()
        return loss * x_0[0].numel() if self.profile.objective.reduction == "sum" else loss

    def state(self) -> dict[str, dict[str, Tensor]]:
        """All tensors of the run, by file and name: copies are not taken."""
        moments = {}
        for (name, parameter) in self.network.named_parameters():
            for key, value in self.optimiser.state[parameter].items():
                moments[f"{key}.{name}"] = value
        return {
            "network": dict(self.network.state_dict()),
            "ema": self.ema.state_dict(),
            "optimiser": moments | {"loss_sum": self.loss_sum, "broken": self.broken},
        }

    @torch.no_grad()
    def restore(self, step: int, state: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Continue after a step, from `state`.

        Errors: ReproError where the tensors are not those of this network.
        """
        moments = dict(state["optimiser"])
        try:
            self.network.load_state_dict(state["network"])
            self.ema.load_state_dict(state["ema"])
            for name in ("loss_sum", "broken"):
                getattr(self, name).copy_(moments.pop(name))
            for name, parameter in self.network.named_parameters():
                # In the parameter's own memory order, which the fused optimiser takes for granted.
                self.optimiser.state[parameter] = {
                    "step": moments.pop(f"step.{name}").to(self.world.device, copy=True),
                    **{key: torch.empty_like(parameter).copy_(moments.pop(f"{key}.{name}"))
                       for key in ("exp_avg", "exp_avg_sq")},
                }
        except (KeyError, RuntimeError, ValueError) as error:
            raise ReproError(f"the checkpoint must be one of this network: {error}") from error
        if moments:
            raise ReproError(f"the checkpoint must be one of this network; it also holds "
                             f"{sorted(moments)[0]}")
        self.step = step


def learning_rate(training: Training, step: int) -> float:
    """Of step 1, 2, ...: linear from 0 over the warm-up, then constant.

    The released code multiplies by min(k / warmup, 1) with k counted from 0, so that its first
    step changes nothing; here the first is 1 / warmup.
    """
    return training.learning_rate * min(step / training.warmup, 1) if training.warmup else (
        training.learning_rate)


def epsilon(training: Training, step: int) -> float:
    """What Adam adds to its corrected root.

    TensorFlow adds 1e-8 to the uncorrected root sqrt(v), which is 1e-8 / sqrt(1 - beta_2^k) on the
    corrected one.
    """
    if training.adam_epsilon == "torch":
        return EPSILON
    return EPSILON / math.sqrt(1 - BETA_2**step)
