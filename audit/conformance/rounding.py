"""Rounding, cancellation or a wrong formula: how an error of a coefficient is judged.

Rounding.  Forming a sum of terms of total size m in a format of unit u costs a few u m.  An error
below 8 u m, or below 2^-22 m (no float32 image shows it), is none.

Cancellation.  Levels that were rounded to unit u before 1 - alpha_bar or 1 - alpha_bar_t /
alpha_bar_s is formed move the coefficient like levels off by k u: an error within that reach has
the right formula and lost digits.  float64 images are given float32's u, because tables are often
stored so; float16 and bfloat16 their own.

Detour.  A prediction of x_0 or v that is turned into eps first, and then into an image, passes
through terms 1 / sqrt(alpha_bar_t) times as large: rounding of that size is a loss too.

Anything larger is a wrong formula.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch

from audit.conformance.finding import Class
from audit.conformance.reference import Exact

UNIT = {torch.float64: 2.0**-53, torch.float32: 2.0**-24, torch.float16: 2.0**-11,
        torch.bfloat16: 2.0**-8}
ROUNDINGS = 8
INVISIBLE = 2.0**-22
# The unit in which levels are stored, and the smallest number of that format.
STORED = {torch.float64: (2.0**-24, 0.0), torch.float32: (2.0**-24, 0.0),
          torch.float16: (2.0**-11, 2.0**-24), torch.bfloat16: (2.0**-8, 0.0)}


@dataclass(frozen=True)
class Measured:
    """A coefficient as read off, beside its exact value, and how that answers to its levels.

    moved(which, by, smallest): the exact coefficient with level ``which`` multiplied by 1 + by and
    raised by smallest.  spread: by how many units each of the two levels may be rounded.
    """

    got: float
    want: Exact
    dtype: torch.dtype
    moved: Callable[[int, float, float], Exact]
    spread: tuple[float, float] = (0.0, 0.0)
    floor: float = 0.0  # what the format's smallest number is worth in this coefficient

    @property
    def error(self) -> float:
        """|got - want|; inf where got is not a number."""
        error = abs(self.got - self.want.value)
        return math.inf if math.isnan(error) else error

    @cached_property
    def reach(self) -> float:
        """How far the coefficient moves when its levels are off by their rounding."""
        unit, smallest = STORED[self.dtype]
        fine = unit == 2.0**-24
        size, detour = self.want.size, self.want.detour
        total = self.floor + ROUNDINGS * unit * size
        total += ROUNDINGS * (unit if fine else UNIT[self.dtype]) * detour
        for which in (0, 1):
            # Rounding a finished level to a coarse format costs one unit, however it was formed.
            by = (self.spread[which] if fine else 1.0) * unit
            reaches = [abs(self.moved(which, sign * by, sign * smallest).value - self.want.value)
                       for sign in (1, -1)]
            if any(math.isnan(r) for r in reaches):
                # Levels so close that, rounded, they coincide: the difference is lost.
                return total + 0.1 * size if fine else math.inf
            total += max(reaches)
        return total


def judge(measured: Measured) -> Class | None:
    """None where the error is rounding; otherwise its class."""
    unit, size = UNIT[measured.dtype], measured.want.size
    if measured.error <= max(ROUNDINGS * unit, INVISIBLE) * size + measured.floor:
        return None
    return Class.PRECISION if measured.error <= measured.reach else Class.CONTRADICTS
