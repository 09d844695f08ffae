"""Errors of a sum of terms that may cancel, measured by the largest of its terms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import torch
from hypothesis import strategies as st

from audit.comparison import Bench
from audit.precision import ulp

# The most that (a - c b) / d can be off where c and d are roots of table entries, in units of the
# larger term: 1.5 for c, 1 for the product; then 1 for the difference, 1.5 for d and 1 for the
# quotient, each of a result of up to twice that term.
ROUNDINGS = 10
# What terms are drawn from.  A bound in units in the last place ends where float32 runs out of
# small numbers: what passed through a subnormal one is as far off as the factor after it is large.
PIXEL = st.floats(-4, 4, width=32).map(lambda x: x if abs(x) > 1e-30 else 0.0)
IMAGE = st.lists(PIXEL, min_size=4, max_size=4)


def within_terms(
    bench: Bench, got: torch.Tensor, parts: Sequence[Sequence[Fraction]], ulps: float, what: str
) -> None:
    """got[i] is the sum of the exact terms parts[i], within ``ulps`` of the largest of them.

    A sum of terms that cancel has no relative accuracy, so its own ulp would be the wrong measure.
    """
    values = got.detach().to("cpu", torch.float64).flatten().tolist()
    bench.require(len(values) == len(parts), f"{what}: {len(values)} values, not {len(parts)}")
    label = f"{what} {str(got.dtype).removeprefix('torch.')}"
    for value, terms in zip(values, parts, strict=True):
        bench.require(math.isfinite(value), f"{label} is {value!r}")
        unit = ulp(max(map(abs, terms)), got.dtype)
        try:
            error = float(abs(Fraction(value) - sum(terms)) / unit)
        except OverflowError:  # an exact 0 missed by more units than a float can count
            error = math.inf
        bench.require(error <= ulps, f"{label} is {value!r}: {error:.3g} ulp of its terms off")
        bench.worst[label] = max(bench.worst.get(label, 0.0), error)
