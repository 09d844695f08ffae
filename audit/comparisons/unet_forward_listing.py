"""The forward of the residual block in torch: checkpointing, casts, axes, containers, gaps."""

import inspect
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint as torch_checkpoint

from audit.comparison import Bench, Subject, compares
from audit.comparisons.unet_listing import CORRECTS, REFUTES, TORCH
from derivations.prover.execution import Raises, outcome_of


def _product(x: float, embedding: float) -> float:
    return x * embedding


def _handed_over(*given: Any) -> Any:
    """What torch's checkpoint calls its function with, read off its signature.

    The call itself would import torch's compiler, which takes seconds.
    """
    return inspect.signature(torch_checkpoint).bind(*given, use_reentrant=False).arguments["args"]


FOUR: tuple[Any, ...] = (_product, (2.0, 3.0), [], False)
ONE_BY_ONE: tuple[Any, ...] = (_product, 2.0, 3.0)


@compares(
    "unet.checkpoint-call",
    subject=FOUR,
    wrong={"inputs one by one": ONE_BY_ONE},
    **REFUTES,
)
def checkpoint_rejects(bench: Bench, subject: tuple[Any, ...]) -> None:
    """torch's checkpoint hands all that follows the function on to it: three of these four."""
    found = outcome_of(lambda: _product(*_handed_over(*subject)))
    bench.require(found == Raises("TypeError"), f"{found}")


@compares(
    "unet.checkpoint-call",
    subject=ONE_BY_ONE,
    wrong={"one input": (_product, 2.0), "four": FOUR},
    **CORRECTS,
)
def checkpoint_works(bench: Bench, subject: tuple[Any, ...]) -> None:
    """With the inputs one by one, the function receives them."""
    found = outcome_of(lambda: _product(*_handed_over(*subject)))
    bench.require(found == 6.0, f"{found}")


def _block(**layers: nn.Module) -> nn.Module:
    """A module with these layers, whose forward reads one more by name."""
    block = nn.Module()
    for name, layer in layers.items():
        setattr(block, name, layer)
    return block


def _reads(bench: Bench, found: nn.Module, name: str) -> None:
    missing = outcome_of(lambda: getattr(found, name))
    bench.require(missing == Raises("AttributeError"), f"{name} is set")


@compares(
    "unet.embedding-layers-missing",
    subject=lambda: _block(in_layers=nn.SiLU()),
    wrong={"set": lambda: _block(emb_layers=nn.Sequential(nn.SiLU(), nn.Linear(4, 16)))},
    **REFUTES,
)
def embedding_layers_missing(bench: Bench, subject: Subject) -> None:
    """Reading layers that were never stored on a module is an AttributeError."""
    _reads(bench, subject(), "emb_layers")


@compares(
    "unet.embedding-layers-missing",
    subject=lambda width: nn.Sequential(nn.SiLU(), nn.Linear(4, width)),
    wrong={"not doubled": lambda width: nn.Sequential(nn.SiLU(), nn.Linear(4, width // 2))},
    **CORRECTS,
)
def embedding_layers_present(bench: Bench, subject: Subject) -> None:
    """SiLU and a linear layer of width 2C give scale and shift of C features each."""
    scale, shift = subject(16)(torch.zeros(3, 4)).chunk(2, dim=1)
    bench.require(scale.shape == shift.shape == (3, 8), f"{tuple(scale.shape)}")


@compares(
    "unet.out-layers-missing",
    subject=lambda: _block(in_layers=nn.SiLU()),
    wrong={"set": lambda: _block(out_layers=nn.Sequential(nn.GroupNorm(2, 8), nn.SiLU()))},
    **REFUTES,
)
def out_layers_missing(bench: Bench, subject: Subject) -> None:
    """Reading layers that were never stored on a module is an AttributeError."""
    _reads(bench, subject(), "out_layers")


@compares(
    "unet.embedding-cast",
    subject=lambda embedding, h: embedding.type(h.dtype),
    wrong={
        "left as it is": lambda embedding, h: embedding,
        "always float32": lambda embedding, h: embedding.float(),
        "reinterpreted": lambda embedding, h: embedding.double().view(torch.int64).type(h.dtype),
    },
    **TORCH,
)
def embedding_cast(bench: Bench, subject: Subject) -> None:
    """The dtype of the features is taken, values are kept; the sum stays in that dtype."""
    embedding = torch.tensor([[0.5, -2.0]])
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        h = torch.ones(1, 2, dtype=dtype)
        found = subject(embedding, h)
        bench.require((found + h).dtype == dtype, f"{dtype} became {(found + h).dtype}")
        bench.require(found.tolist() == [[0.5, -2.0]], f"{found.tolist()}")


def _append_axes(embedding: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
    while embedding.ndim < h.ndim:
        embedding = embedding[..., None]
    return embedding


def _prepend_axes(embedding: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
    while embedding.ndim < h.ndim:
        embedding = embedding[None]
    return embedding


@compares(
    "unet.embedding-axes",
    subject=_append_axes,
    wrong={"in front": _prepend_axes, "none": lambda embedding, h: embedding},
    **TORCH,
)
def embedding_axes(bench: Bench, subject: Subject) -> None:
    """In 0, 1, 2 and 3 spatial dimensions each channel gets its own number at every pixel."""
    for space in ((), (6,), (6, 6), (6, 6, 6)):
        h, embedding = torch.zeros(6, 6, *space), torch.arange(36.0).reshape(6, 6)
        found = h + subject(embedding, h)
        bench.require(found.shape == h.shape, f"shape {tuple(found.shape)}")
        for n in range(6):
            for c in range(6):
                bench.require(bool((found[n, c] == embedding[n, c]).all()), f"entry {n}, {c}")


def _layers() -> nn.Sequential:
    return nn.Sequential(nn.GroupNorm(2, 4, affine=False), nn.SiLU(), nn.Flatten())


@compares(
    "unet.split-layers",
    subject=lambda layers: (layers[0], layers[1:]),
    wrong={
        "one layer short": lambda layers: (layers[0], layers[2:]),
        "a plain list of layers": lambda layers: (layers[0], nn.ModuleList(layers)[1:]),
        "rest first": lambda layers: (layers[1:], layers[0]),
    },
    **TORCH,
)
def split_layers(bench: Bench, subject: Subject) -> None:
    """First layer and slice, called in turn, equal the whole container."""
    layers, x = _layers(), torch.arange(32.0).reshape(2, 4, 2, 2)
    first, rest = subject(layers)
    found = outcome_of(lambda: rest(first(x)))
    same = isinstance(found, torch.Tensor) and torch.equal(found, layers(x))
    bench.require(same, "not the whole container")
