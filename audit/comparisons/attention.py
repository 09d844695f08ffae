"""Attention in torch against the exact formula, by independent routes."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import torch
from torch.nn import functional

from audit.comparison import Bench, Subject, compares
from audit.comparisons.chance import QuadraticForm, SumOfSquares
from audit.comparisons.unet_listing import REFUTES, TORCH
from audit.precision import exact_value
from derivations.claim import Grade
from derivations.listings.attention import attention
from derivations.symbols import real

# Two queries, three keys of width 2, one value a key: quarters, so that nothing is rounded.
QUERIES = ((Fraction(1, 2), Fraction(-3, 4)), (Fraction(2), Fraction(1, 4)))
KEYS = (
    (Fraction(1), Fraction(0)), (Fraction(-1, 2), Fraction(5, 4)), (Fraction(1, 4), Fraction(2)),
)
VALUES = (Fraction(1), Fraction(-2), Fraction(1, 2))


def _exact(query: Sequence[Fraction]) -> Fraction:
    names = real("q_a q_b k_a k_b k_c k_d k_e k_f u_a u_b u_c")
    keys = [names[2:4], names[4:6], names[6:8]]
    formula = attention(names[:2], keys, names[8:])
    numbers = [*query, *(x for key in KEYS for x in key), *VALUES]
    return exact_value(formula, dict(zip(names, numbers, strict=True)))


def _tensors() -> tuple[torch.Tensor, ...]:
    def tensor(rows: Sequence[Sequence[Fraction]]) -> torch.Tensor:
        return torch.tensor([[float(x) for x in row] for row in rows], dtype=torch.float64)

    return tensor(QUERIES), tensor(KEYS), tensor([[v] for v in VALUES])


def _with_logits(scale: Callable[..., Any], axis: int = -1) -> Callable[..., Any]:
    return lambda q, k, v: torch.softmax(q @ k.T * scale(k.shape[1]), dim=axis) @ v


def _both_sides(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    fourth = q.shape[1] ** -0.25
    return torch.softmax((q * fourth) @ (k * fourth).T, dim=-1) @ v


def _library(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    return functional.scaled_dot_product_attention(q[None], k[None], v[None])[0]


WRONG = {
    "not scaled": _with_logits(lambda d: 1),
    "divided by the width": _with_logits(lambda d: 1 / d),
    "softmax over the queries": _with_logits(lambda d: d**-0.5, axis=0),
}


@compares("unet.attention-scale", subject=_both_sides, wrong=WRONG, **TORCH)
def scaled_on_both_sides(bench: Bench, subject: Subject) -> None:
    """Fourth roots on queries and keys give the exact attention, within 16 ulps of float64."""
    bench.within_ulps(subject(*_tensors()), [_exact(q) for q in QUERIES], 16, "attention")


@compares("unet.attention-definition", subject=_library, wrong=WRONG, **TORCH)
def library(bench: Bench, subject: Subject) -> None:
    """torch's own attention is the exact formula, within 16 ulps of float64."""
    bench.within_ulps(subject(*_tensors()), [_exact(q) for q in QUERIES], 16, "attention")


@compares(
    "unet.attention-rows",
    subject=lambda logits: torch.softmax(logits, dim=-1),
    wrong={
        "over the queries": lambda logits: torch.softmax(logits, dim=0),
        "not normalised": torch.exp,
        "sigmoid": torch.sigmoid,
    },
    **TORCH,
)
def rows(bench: Bench, subject: Subject) -> None:
    """Rows of weights sum to 1 and do not change when a row of logits is shifted."""
    logits = _tensors()[0] @ _tensors()[1].T
    weights = subject(logits)
    bench.within((weights.sum(-1) - 1).abs().max(), 0, 1e-15, "sum of a row")
    shifted = subject(logits + torch.tensor([[3.0], [-5.0]]))
    bench.within((shifted - weights).abs().max(), 0, 1e-15, "after a shift")


def _heads(count: int) -> Callable[..., torch.Tensor]:
    def run(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        parts = [t.unflatten(1, (count, -1)).transpose(0, 1) for t in (q, k, v)]
        return functional.scaled_dot_product_attention(*parts).transpose(0, 1).flatten(1)

    return run


@compares(
    "unet.attention-heads",
    subject=_heads(2),
    wrong={"one head": _heads(1)},
    **REFUTES,
)
def heads(bench: Bench, subject: Subject) -> None:
    """Two heads give another result than the one head to which the fragment amounts."""
    generator = torch.Generator().manual_seed(20200619)
    q, k, v = torch.randn(3, 5, 4, generator=generator, dtype=torch.float64)
    difference = (subject(q, k, v) - _heads(1)(q, k, v)).abs().max().item()
    bench.require(difference > 0.01, f"they differ by {difference:.2g}")


# Given the queries, logit i is normal with variance |q_i|^2 / 64; 64 times these sum to chi-square.
PAIRS, WIDTH, ALARM = 20000, 64, 1e-9
LENGTHS = SumOfSquares(PAIRS * WIDTH, ALARM)


@compares(
    "unet.attention-variance",
    subject=lambda q, k: (q * k).sum(-1) / q.shape[-1] ** 0.5,
    wrong={
        "not scaled": lambda q, k: (q * k).sum(-1),
        "divided by the width": lambda q, k: (q * k).sum(-1) / q.shape[-1],
    },
    kind="statistical",
    grade=Grade.STATISTICAL,
)
def variance(bench: Bench, subject: Subject) -> None:
    """20000 random pairs of width 64: variance 1, by proven bounds (false alarm 2e-9)."""
    generator = torch.Generator().manual_seed(20200619)
    hold_variance(bench, subject, generator)


def hold_variance(bench: Bench, subject: Subject, generator: torch.Generator) -> None:
    """The two halves of the statement: E |q|^2 is the width, and logits vary as |q|^2 / width."""
    q, k = torch.randn(2, PAIRS, WIDTH, generator=generator, dtype=torch.float64)
    squares = (q**2).sum(-1)
    bench.require(LENGTHS.accepts(squares.sum().item()), "the queries are not standard normal")
    law = QuadraticForm((squares / WIDTH).tolist(), ALARM)
    found = (subject(q, k) ** 2).sum().item()
    bench.require(law.accepts(found), f"variance {found / PAIRS:.4g} where 1 is expected")
