"""One process for each device, as torchrun starts them; a single process needs no setting.

    torchrun --nproc-per-node 8 -m repro ddpm-cifar10              one machine, eight GPUs
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True)
class World:
    """This process among all: rank in 0..size - 1, and the device that it computes on."""

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def leads(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its mean over the processes, in one exchange."""
        if self.size == 1:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        dist.all_reduce(flat)
        parts = (flat / self.size).split([tensor.numel() for tensor in tensors])
        means = [part.view(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]
        torch._foreach_copy_(list(tensors), means)

    def max(self, mine: int) -> int:
        """The largest of the processes' numbers."""
        if self.size == 1:
            return mine
        told = torch.tensor(mine, device=self.device)
        dist.all_reduce(told, op=dist.ReduceOp.MAX)
        return int(told.item())

    def wait(self) -> None:
        """Until every process is here."""
        if self.size > 1:
            dist.barrier()


@contextmanager
def join(device: str | None = None) -> Iterator[World]:
    """The world that torchrun describes in the environment; device: "cpu", "cuda", or what is here.

    Errors: those of torch.distributed, where other processes do not come.
    """
    kind = device or ("cuda" if torch.cuda.is_available() else "cpu")
    size = int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_RANK", "0"))
    place = torch.device(kind, local) if kind == "cuda" else torch.device(kind)
    if kind == "cuda":
        torch.cuda.set_device(place)
    if size == 1:
        yield World(device=place)
        return
    # The others wait while one evaluates, for hours.
    dist.init_process_group("nccl" if kind == "cuda" else "gloo", timeout=timedelta(days=2))
    try:
        yield World(dist.get_rank(), size, place)
    finally:
        dist.destroy_process_group()
