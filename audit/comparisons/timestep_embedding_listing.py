"""What torch does with the constructs of the timestep embedding, on tensors of our own."""

import math
from collections.abc import Callable

import torch

from audit.comparison import Bench, Means, Subject, compares
from audit.comparisons.timestep_embedding import IMPROVED, exact_row, in_float32
from audit.precision import error_in_ulps
from derivations.claim import Grade, Role
from derivations.prover.execution import Raises, outcome_of

TORCH: Means = {"kind": "execution in torch", "grade": Grade.EXECUTION}
REFUTES: Means = {**TORCH, "role": Role.REFUTES}
CORRECTS: Means = {**TORCH, "role": Role.CORRECTS}


def shape_or_error(construct: Callable[..., object]) -> object:
    """The shape that a construct returns, or what it raises."""
    found = outcome_of(construct)
    return tuple(found.shape) if isinstance(found, torch.Tensor) else found


def _exact_in_float64(times: torch.Tensor, dim: int) -> torch.Tensor:
    rows = [exact_row(IMPROVED, time, dim) for time in times.tolist()]
    return torch.tensor([[float(v) for v in row] for row in rows], dtype=torch.float64)


@compares(
    "embedding.integer-cast",
    subject=lambda n: n.float(),
    wrong={"half precision": lambda n: n.half(), "brain float": lambda n: n.bfloat16()},
    **TORCH,
)
def integer_cast(bench: Bench, subject: Subject) -> None:
    """Every integer timestep up to 4000, and 2^24, is unchanged by the cast; 2^24 + 1 is not."""
    times = torch.cat([torch.arange(4001), torch.tensor([2**24])])
    bench.require(torch.equal(subject(times).long(), times), "a timestep was rounded")
    lost = torch.tensor([2**24 + 1])
    bench.require(not torch.equal(subject(lost).long(), lost), "2^24 + 1 survived")


@compares(
    "embedding.single-precision-angle",
    subject=in_float32,
    wrong={"rounded once": lambda times, dim: _exact_in_float64(times, dim).float()},
    **REFUTES,
)
def single_precision_angle(bench: Bench, subject: Subject) -> None:
    """Up to t = 999 a float32 evaluation is off by more than 1e-5 and by hundreds of ulps."""
    times = torch.tensor([965, 999])
    found, exact = subject(times, 128), _exact_in_float64(times, 128)
    worst = (found.double() - exact).abs().max().item()
    units = max(
        error_in_ulps(value, want, torch.float32)
        for row, time in zip(found.tolist(), times.tolist(), strict=True)
        for value, want in zip(row, exact_row(IMPROVED, time, 128), strict=True)
    )
    bench.notes.append(f"largest error {worst:.2g}, {units:.3g} ulp")
    bench.require(worst > 1e-5 and units > 200, f"only {worst:.2g}, {units:.3g} ulp")


@compares(
    "embedding.one-dimensional",
    subject=lambda times: times.reshape(-1)[:, None],
    wrong={"no axis checked": lambda times: times[None], "two new axes": lambda times: times[
        :, None, None]},
    **TORCH,
)
def one_dimensional(bench: Bench, subject: Subject) -> None:
    """N timesteps become a column."""
    shape = shape_or_error(lambda: subject(torch.arange(3)) * torch.ones(1, 4))
    bench.require(shape == (3, 4), f"{shape}")


@compares(
    "embedding.one-dimensional",
    subject=lambda: torch.tensor(7),
    wrong={"shape (1,)": lambda: torch.tensor([7]), "repeated": lambda: torch.full((4,), 7)},
    **REFUTES,
)
def zero_dimensional(bench: Bench, subject: Subject) -> None:
    """A tensor without axes cannot be given a second one by that index."""
    found = shape_or_error(lambda: subject()[:, None])
    bench.require(found == Raises("IndexError"), f"{found}")


@compares(
    "embedding.width",
    subject=lambda a, b: torch.cat([a, b], dim=-1),
    wrong={
        "first axis": lambda a, b: torch.cat([a, b], dim=0),
        "stacked": lambda a, b: torch.stack([a, b], dim=-1),
        "interleaved": lambda a, b: torch.stack([a, b], dim=-1).flatten(1),
    },
    **TORCH,
)
def width(bench: Bench, subject: Subject) -> None:
    """Two (N, half) blocks give (N, 2 half), the first block on the left."""
    a, b = torch.zeros(3, 5), torch.ones(3, 5)
    found = subject(a, b)
    bench.require(found.shape == (3, 10), f"shape {tuple(found.shape)}")
    bench.require(found[0].tolist() == [0.0] * 5 + [1.0] * 5, "blocks mixed")


@compares(
    "embedding.pad-keyword",
    subject=lambda block: torch.zeros_like(  # type: ignore[call-arg]  # what is shown
        block[:, :1], dim=-1),
    wrong={"without the keyword": lambda block: torch.zeros_like(block[:, :1])},
    **REFUTES,
)
def pad_keyword(bench: Bench, subject: Subject) -> None:
    """torch.zeros_like has no argument for an axis."""
    found = shape_or_error(lambda: subject(torch.ones(3, 4)))
    bench.require(found == Raises("TypeError"), f"{found}")


@compares(
    "embedding.pad-axis",
    subject=lambda block, zeros: torch.cat([block, zeros]),
    wrong={"last axis": lambda block, zeros: torch.cat([block, zeros], dim=-1)},
    **REFUTES,
)
def pad_axis(bench: Bench, subject: Subject) -> None:
    """Without an axis the blocks are put below each other, and their widths do not agree."""
    found = shape_or_error(lambda: subject(torch.ones(3, 4), torch.zeros(3, 1)))
    bench.require(found == Raises("RuntimeError"), f"{found}")


@compares(
    "embedding.pad-axis", "embedding.pad-keyword",
    subject=lambda block, zeros: torch.cat([block, zeros], dim=-1),
    wrong={"left out": lambda block, zeros: block,
           "zeros first": lambda block, zeros: torch.cat([zeros, block], dim=-1)},
    **CORRECTS,
)
def padded(bench: Bench, subject: Subject) -> None:
    """With the axis on the concatenation, one zero column is appended."""
    found = subject(torch.ones(3, 4), torch.zeros(3, 1))
    bench.require(found.tolist() == [[1.0] * 4 + [0.0]] * 3, f"{found.tolist()}")


def _padded_by_slice(times: torch.Tensor, dim: int) -> torch.Tensor:
    half = dim // 2
    angle = times[:, None].float() * torch.exp(-math.log(10000) * torch.arange(half) / half)
    row = torch.cat([angle.cos(), angle.sin()], dim=-1)
    return torch.cat([row, torch.zeros_like(row[:, :1])], dim=-1) if dim % 2 else row


def _padded_by_shape(times: torch.Tensor, dim: int) -> torch.Tensor:
    row = _padded_by_slice(times, dim - dim % 2) if dim > 1 else torch.zeros(len(times), 0)
    return torch.cat([row, torch.zeros(len(times), dim % 2)], dim=-1)


@compares(
    "embedding.narrow-width",
    subject=_padded_by_slice,
    wrong={"zeros of their own shape": _padded_by_shape},
    **REFUTES,
)
def narrow_width(bench: Bench, subject: Subject) -> None:
    """With the padding copied from a slice, width 1 gives no column; width 3 is right."""
    shapes = [shape_or_error(lambda d=d: subject(torch.arange(2), d)) for d in (3, 1)]
    bench.require(shapes == [(2, 3), (2, 0)], f"{shapes}")


@compares(
    "embedding.narrow-width",
    subject=_padded_by_shape,
    wrong={"padding from a slice": _padded_by_slice},
    **CORRECTS,
)
def narrow_width_mended(bench: Bench, subject: Subject) -> None:
    """With zeros of shape (N, 1) every width from 1 has its columns."""
    shapes = [shape_or_error(lambda d=d: subject(torch.arange(2), d)) for d in (1, 2, 3, 4)]
    bench.require(shapes == [(2, d) for d in (1, 2, 3, 4)], f"{shapes}")
