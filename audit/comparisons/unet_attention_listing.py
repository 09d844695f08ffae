"""The attention block in torch: construction, projection and shapes, on blocks of our own."""

from typing import cast

import torch
from torch import nn

from audit.comparison import Bench, Subject, compares
from audit.comparisons.unet_listing import CORRECTS, REFUTES, TORCH
from derivations.prover.execution import Raises, outcome_of


class _NoParentheses(nn.Module):
    def __init__(self) -> None:
        super.__init__()  # type: ignore[call-overload]  # what is shown
        self.layer = nn.Identity()


class _Parentheses(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Identity()


class _Mentioned(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer  # noqa: B018 - the attribute that is read and not set is what is shown


@compares(
    "unet.attention-super",
    subject=_NoParentheses,
    wrong={"with parentheses": _Parentheses},
    **REFUTES,
)
def attention_super(bench: Bench, subject: Subject) -> None:
    """A module whose initialiser leaves out the parentheses cannot be made."""
    found = outcome_of(subject)
    bench.require(found == Raises("TypeError"), f"{found}")


@compares(
    "unet.attention-projection",
    subject=_Mentioned,
    wrong={"assigned": _Parentheses},
    **REFUTES,
)
def attention_projection(bench: Bench, subject: Subject) -> None:
    """A module whose initialiser mentions a layer that was not set cannot be made."""
    found = outcome_of(subject)
    bench.require(found == Raises("AttributeError"), f"{found}")


def _pointwise(kernel: int) -> nn.Conv1d:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20200619)
        return nn.Conv1d(4, 12, kernel, padding=kernel // 2).double()


@compares(
    "unet.attention-qkv",
    subject=_pointwise(1),
    wrong={"kernel size 3": _pointwise(3)},
    **TORCH,
)
def attention_qkv(bench: Bench, subject: nn.Conv1d) -> None:
    """The convolution applies one matrix at each position; its output has 3C channels."""
    generator = torch.Generator().manual_seed(20200619)
    x = torch.randn(2, 4, 6, generator=generator, dtype=torch.float64)
    matrix = subject.weight[:, :, subject.kernel_size[0] // 2]
    want = torch.einsum("oc,ncp->nop", matrix, x) + cast(torch.Tensor, subject.bias)[:, None]
    found = subject(x)
    bench.require(found.shape == (2, 12, 6), f"shape {tuple(found.shape)}")
    bench.within((found - want).abs().max(), 0, 1e-14, "difference")
    parts = found.chunk(3, dim=1)
    bench.require(all(part.shape == (2, 4, 6) for part in parts), "blocks differ")


@compares(
    "unet.attention-reshape",
    subject=lambda flat, b, c, *space: flat.reshape(b, c, *space),
    wrong={
        "space exchanged": lambda flat, b, c, *space: flat.reshape(
            b, c, *space[::-1]).transpose(-1, -2),
        "channels last": lambda flat, b, c, *space: flat.reshape(b, *space, c).movedim(-1, 1),
    },
    **TORCH,
)
def attention_reshape(bench: Bench, subject: Subject) -> None:
    """Flattening and reshaping with the starred sizes is the identity."""
    x = torch.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    b, c, *space = x.shape
    found = subject(x.reshape(b, c, -1), b, c, *space)
    bench.require(torch.equal(found, x), "positions moved")


def _sum_of(x: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
    b, c, *space = x.shape
    return (x + h).reshape(b, c, *space)


@compares(
    "unet.attention-reshape",
    subject=lambda x, h: _sum_of(x, h),
    wrong={"input flattened, too": lambda x, h: (x.flatten(2) + h).reshape(x.shape)},
    **REFUTES,
)
def attention_reshape_unflattened(bench: Bench, subject: Subject) -> None:
    """An image plus a flattened result does not broadcast."""
    found = outcome_of(lambda: subject(torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 16)))
    bench.require(found == Raises("RuntimeError"), f"{type(found).__name__}")


@compares(
    "unet.attention-body",
    subject=lambda x, h: (x.flatten(2) + h).reshape(x.shape),
    wrong={"branch alone": lambda x, h: h.reshape(x.shape)},
    **CORRECTS,
)
def attention_body(bench: Bench, subject: Subject) -> None:
    """Flattened input plus branch, reshaped: with a zero branch the block returns its input."""
    x = torch.arange(2.0 * 3 * 4 * 4).reshape(2, 3, 4, 4)
    bench.require(torch.equal(subject(x, torch.zeros(2, 3, 16)), x), "the input is changed")
