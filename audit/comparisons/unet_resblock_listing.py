"""The construction of the residual block in torch, on small blocks of our own."""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import nn

from audit.comparison import Bench, Subject, compares
from audit.comparisons.unet_listing import CORRECTS, REFUTES, TORCH
from derivations.prover.execution import Raises, outcome_of


def _block(initialise_first: bool) -> Callable[..., Any]:
    class Block(nn.Module):
        def __init__(self) -> None:
            if initialise_first:
                super().__init__()
            self.layer = nn.Linear(2, 3)

    return Block


@compares(
    "unet.resblock-super",
    subject=_block(True),
    wrong={"not initialised": _block(False)},
    **TORCH,
)
def resblock_super(bench: Bench, subject: Subject) -> None:
    """After the base's initialiser a stored layer is registered; without it storing fails."""
    found = outcome_of(lambda: len(list(subject().parameters())))
    bench.require(found == 2, f"{found}")


class _RateOnly(nn.Module):
    def __init__(self, rate: float) -> None:
        super().__init__()
        self.dropout = rate
        self.path = nn.Sequential(nn.SiLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return cast(torch.Tensor, self.path(x))


class _RateAsLayer(_RateOnly):
    def __init__(self, rate: float) -> None:
        super().__init__(rate)
        self.path = nn.Sequential(nn.SiLU(), nn.Dropout(rate))


def _dropped(block: Callable[..., Any]) -> int:
    """How many of 1000 equal features a block in training sets to zero."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20200619)
        return int((block(0.5).train()(torch.ones(1000)) == 0).sum())


@compares(
    "unet.resblock-dropout",
    subject=_RateOnly,
    wrong={"a dropout layer": _RateAsLayer},
    **REFUTES,
)
def dropout_missing(bench: Bench, subject: Subject) -> None:
    """A block that only stores the rate drops nothing in training."""
    bench.require(_dropped(subject) == 0, f"{_dropped(subject)} of 1000 features dropped")


@compares(
    "unet.resblock-dropout",
    subject=_RateAsLayer,
    wrong={"the rate alone": _RateOnly},
    **CORRECTS,
)
def dropout_present(bench: Bench, subject: Subject) -> None:
    """With a layer, about half of 1000 features are dropped at rate 0.5 (within 6 sd)."""
    bench.within(_dropped(subject), 500, 6 * 16, "features dropped")


@compares(
    "unet.group-norm",
    subject=64,
    wrong={"48 channels": 48, "33 channels": 33},
    **TORCH,
)
def group_norm(bench: Bench, subject: int) -> None:
    """A group norm of 32 groups accepts a multiple of 32 channels and centres every group."""
    norm: Any = outcome_of(lambda: nn.GroupNorm(32, subject))
    bench.require(isinstance(norm, nn.GroupNorm), f"{subject} channels: {norm}")
    x = torch.arange(2.0 * subject * 16).reshape(2, subject, 4, 4).sin()
    grouped = norm(x).detach().double().reshape(2, 32, -1)
    bench.within(grouped.mean(-1).abs().max(), 0, 1e-6, "mean of a group")


@compares(
    "unet.group-norm",
    subject=48,
    wrong={"64 channels": 64, "32 channels": 32},
    **REFUTES,
)
def group_norm_rejects(bench: Bench, subject: int) -> None:
    """48 channels do not go into 32 groups: ValueError."""
    found = outcome_of(lambda: nn.GroupNorm(32, subject))
    bench.require(found == Raises("ValueError"), f"{type(found).__name__}")


def _without_convolution(channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(nn.GroupNorm(32, channels), nn.SiLU())


def _with_convolution(channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.GroupNorm(32, channels), nn.SiLU(), nn.Conv2d(channels, out_channels, 3, padding=1)
    )


@compares(
    "unet.in-convolution-missing",
    subject=_without_convolution,
    wrong={"with a convolution": _with_convolution},
    **REFUTES,
)
def in_convolution_missing(bench: Bench, subject: Subject) -> None:
    """Without it 64 channels stay 64 where 96 are asked for, and adding 96 numbers fails."""
    h = subject(64, 96)(torch.zeros(2, 64, 8, 8))
    bench.require(h.shape == (2, 64, 8, 8), f"shape {tuple(h.shape)}")
    found = outcome_of(lambda: h + torch.zeros(2, 96, 1, 1))
    bench.require(found == Raises("RuntimeError"), f"{type(found).__name__}")


@compares(
    "unet.in-convolution-missing",
    subject=_with_convolution,
    wrong={"without": _without_convolution},
    **CORRECTS,
)
def in_convolution_present(bench: Bench, subject: Subject) -> None:
    """With a 3x3 convolution, padding 1, the channels change and the image size does not."""
    h = subject(64, 96)(torch.zeros(2, 64, 8, 8))
    bench.require(h.shape == (2, 96, 8, 8), f"shape {tuple(h.shape)}")
