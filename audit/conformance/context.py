"""Plain float64 formulas in which wrong variants of a formula are written: for searches only."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from audit.conformance.levels import Levels


def root(x: float) -> float:
    """The square root, NaN below 0."""
    return math.sqrt(x) if x >= 0 else math.nan


def over(x: float, y: float) -> float:
    """x / y, NaN where y is 0."""
    return x / y if y else math.nan


@dataclass(frozen=True)
class Context:
    """A place as the variants see it; levels outside 0..T are NaN."""

    levels: Levels
    t: int
    s: int
    weight: float | str
    predicts: str

    def level(self, t: int) -> float:
        """alpha_bar_t."""
        return self.levels.floats[t] if 0 <= t <= self.levels.T else math.nan

    def alpha(self, t: int) -> float:
        """alpha_t = alpha_bar_t / alpha_bar_{t-1}."""
        return over(self.level(t), self.level(t - 1))

    @property
    def eta(self) -> float:
        """The weight of a DDIM step, which is a number."""
        return cast(float, self.weight)

    @property
    def high(self) -> float:
        """alpha_bar_t."""
        return self.level(self.t)

    @property
    def low(self) -> float:
        """alpha_bar_s."""
        return self.level(self.s)

    @property
    def tilde(self) -> float:
        """The posterior variance of the pair."""
        return tilde(self.low, self.high)


def tilde(low: float, high: float) -> float:
    """(1 - alpha_bar_s) / (1 - alpha_bar_t) (1 - alpha_bar_t / alpha_bar_s)."""
    return over(1 - low, 1 - high) * (1 - over(high, low))


def affine(signal: float, turned: float, noise: float, level: float, predicts: str,
           removed: float | None = None) -> tuple[float, float, float]:
    """signal x_0 + turned eps + noise z as coefficients of x, the prediction and z.

    ``removed`` stands for sqrt(1 - level) where eps is removed from x.
    """
    base, hidden = root(level), root(1 - level) if removed is None else removed
    if predicts == "eps":
        return over(signal, base), turned - over(signal, base) * hidden, noise
    if predicts == "x_0":
        return over(turned, hidden), signal - over(turned * base, hidden), noise
    return signal * base + turned * hidden, turned * base - signal * hidden, noise


Coefficients = tuple[float, ...]


@dataclass(frozen=True)
class Variant:
    """A wrong formula: how a finding names it, what it computes, and what would mend it."""

    key: str
    says: str
    mend: str
    compute: Callable[..., Coefficients]  # of a Context
