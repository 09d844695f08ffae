"""Modulation and residual sum in torch, on tensors of our own."""

from collections.abc import Callable, Sequence

import torch
from torch import nn
from torch.nn import functional

from audit.comparison import Bench, Subject, compares
from audit.comparisons.unet_listing import CORRECTS, REFUTES, TORCH
from derivations.prover.execution import Raises, outcome_of


def _shape(construct: Callable[[], object]) -> object:
    found = outcome_of(construct)
    return tuple(found.shape) if isinstance(found, torch.Tensor) else found


@compares(
    "unet.chunk",
    subject=lambda e: torch.chunk(e, 2, dim=1),
    wrong={
        "batch axis": lambda e: torch.chunk(e, 2, dim=0),
        "blocks of two": lambda e: torch.split(e, 2, dim=1)[:2],
        "even and odd channels": lambda e: (e[:, ::2], e[:, 1::2]),
    },
    **TORCH,
)
def chunk(bench: Bench, subject: Subject) -> None:
    """2C channels are split into the first C and the last C."""
    e = torch.arange(24.0).reshape(2, 12, 1, 1)
    first, second = subject(e)
    bench.require(torch.equal(first, e[:, :6]) and torch.equal(second, e[:, 6:]), "other blocks")


@compares(
    "unet.chunk",
    subject=7,
    wrong={"an even width": 8},
    **REFUTES,
)
def chunk_odd(bench: Bench, subject: int) -> None:
    """An odd width gives blocks of different size, without an error."""
    first, second = torch.chunk(torch.zeros(1, subject), 2, dim=1)
    bench.require(first.shape[1] != second.shape[1], "equal blocks")


def _pixels(channels: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(20200619)
    return torch.randn(2, channels, 4, 4, generator=generator, dtype=torch.float64)


@compares(
    "unet.scale-shift",
    subject=lambda h, scale, shift: h * (1 + scale) + shift,
    wrong={
        "without the 1": lambda h, scale, shift: h * scale + shift,
        "shift scaled": lambda h, scale, shift: (h + shift) * (1 + scale),
        "exchanged": lambda h, scale, shift: h * (1 + shift) + scale,
    },
    **TORCH,
)
def scale_shift(bench: Bench, subject: Subject) -> None:
    """A normalised channel gets the mean and the standard deviation that are asked for."""
    h = functional.group_norm(_pixels(4), 4, eps=0)
    scale = torch.tensor([0.0, 0.5, -0.25, 2.0], dtype=torch.float64).reshape(1, 4, 1, 1)
    shift = torch.tensor([0.0, -1.0, 3.0, 0.125], dtype=torch.float64).reshape(1, 4, 1, 1)
    found = subject(h, scale, shift)
    error = (found.mean((2, 3), keepdim=True) - shift).abs().max()
    bench.within(error, 0, 1e-12, "mean")
    spread = found.std((2, 3), keepdim=True, unbiased=False)
    bench.within((spread - (1 + scale)).abs().max(), 0, 1e-12, "standard deviation")


def _effect_of_addition(channels: int) -> float:
    """The largest change of a 32-group norm's output when each channel gets its own number."""
    h = _pixels(channels)
    numbers = torch.linspace(-3, 3, channels, dtype=torch.float64).reshape(1, -1, 1, 1)
    change = functional.group_norm(h + numbers, 32) - functional.group_norm(h, 32)
    return change.abs().max().item()


@compares(
    "unet.additive-embedding",
    subject=64,
    wrong={"32 channels": 32},
    **TORCH,
)
def additive_embedding(bench: Bench, subject: int) -> None:
    """At 64 channels the added numbers change the output of a norm with 32 groups."""
    bench.require(_effect_of_addition(subject) > 0.01, "no effect")


@compares(
    "unet.additive-embedding",
    subject=32,
    wrong={"64 channels": 64},
    **REFUTES,
)
def additive_embedding_lost(bench: Bench, subject: int) -> None:
    """At 32 channels they cancel: the norm's output is the same to 1e-12."""
    bench.within(_effect_of_addition(subject), 0, 1e-12, "effect")


@compares(
    "unet.skip-missing",
    subject=nn.Module,
    wrong={"an identity": lambda: nn.ModuleDict({"skip": nn.Identity()})},
    **REFUTES,
)
def skip_missing(bench: Bench, subject: Subject) -> None:
    """Reading a path that was never stored on a module is an AttributeError."""
    found = outcome_of(lambda: subject().skip)
    bench.require(found == Raises("AttributeError"), f"{found}")


@compares(
    "unet.skip-missing",
    subject=lambda c, out: nn.Identity() if c == out else nn.Conv2d(c, out, 1),
    wrong={
        "always the identity": lambda c, out: nn.Identity(),
        "always a convolution": lambda c, out: nn.Conv2d(c, out, 1),
    },
    **CORRECTS,
)
def skip_present(bench: Bench, subject: Subject) -> None:
    """Equal channels pass unchanged; different ones are projected to the channels out."""
    x = torch.ones(1, 3, 4, 4)
    bench.require(torch.equal(subject(3, 3)(x), x), "the identity changes its input")
    bench.require(_shape(lambda: subject(3, 5)(x)) == (1, 5, 4, 4), "channels not projected")


@compares(
    "unet.residual-sum",
    subject=lambda x, h: x + h,
    wrong={
        "concatenated": lambda x, h: torch.cat([x, h], dim=1),
        "the branch alone": lambda x, h: h,
    },
    **TORCH,
)
def residual_sum(bench: Bench, subject: Subject) -> None:
    """Equal shapes add entry by entry."""
    x, h = torch.full((2, 3, 4, 4), 2.0), torch.full((2, 3, 4, 4), 0.5)
    found = subject(x, h)
    bench.require(torch.equal(found, torch.full((2, 3, 4, 4), 2.5)), "another sum")


@compares(
    "unet.residual-sum",
    subject=(1, 3),
    wrong={"equal channels": (3, 3)},
    **REFUTES,
)
def residual_broadcast(bench: Bench, subject: Sequence[int]) -> None:
    """One channel against three is repeated without an error; two against three fails."""
    skip, out = (torch.zeros(1, c, 4, 4) for c in subject)
    bench.require(skip.shape != out.shape, "the shapes are equal")
    bench.require(_shape(lambda: skip + out) == (1, 3, 4, 4), "not repeated")
    found = _shape(lambda: torch.zeros(1, 2, 4, 4) + out)
    bench.require(found == Raises("RuntimeError"), f"{found}")


def _branch(zero: Sequence[str]) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20200619)
        branch = nn.Sequential(nn.GroupNorm(2, 4), nn.SiLU(), nn.Conv2d(4, 4, 3, padding=1))
    for name in zero:
        nn.init.zeros_(getattr(branch[-1], name))
    return branch


@compares(
    "unet.zero-start-identity",
    subject=("weight", "bias"),
    wrong={"bias left": ("weight",), "weights left": ("bias",), "nothing": ()},
    **TORCH,
)
def zero_start_identity(bench: Bench, subject: Sequence[str]) -> None:
    """With weight and bias of the last convolution at 0, three blocks return their input."""
    x = _pixels(4).float()
    found, branch = x, _branch(subject)
    for _ in range(3):
        found = found + branch(found)
    bench.require(torch.equal(found, x), "the input is changed")
