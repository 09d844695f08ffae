"""Laws of statistics of random draws, with ranges that are left with a stated probability.

    SumOfNormals   sum of n standard normals, N(0, n)
    SumOfSquares   of n standard normals, chi-square with n degrees of freedom
    Count          of n independent events of probability p, binomial
    Distance       sup |F_n - F| of n draws: P(> e) <= 2 exp(-2 n e^2), Dvoretzky-Kiefer-Wolfowitz
                   with Massart's constant, a bound for every n
    QuadraticForm  sum a_i z_i^2 with a_i > 0: P(> |a|_1 + 2 |a|_2 sqrt(x) + 2 max(a) x) <= e^-x and
                   P(< |a|_1 - 2 |a|_2 sqrt(x)) <= e^-x, Laurent and Massart 2000, lemma 1

``alarm`` is the probability that a right statistic is refused: exact for the first two, at most
that for the others.  Nothing is an approximation for large n.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from scipy import stats


def _require(n: int, alarm: float) -> None:
    if n < 1:
        raise ValueError(f"n must be 1 or more; got {n}")
    if not 0 < alarm < 1:
        raise ValueError(f"alarm must lie in (0, 1); got {alarm}")


class Between(ABC):
    """A law whose statistic is accepted strictly between two numbers."""

    @property
    @abstractmethod
    def range(self) -> tuple[float, float]:
        """What is accepted lies between."""

    def accepts(self, total: float) -> bool:
        """Whether a statistic is within the range; NaN is not."""
        low, high = self.range
        return low < total < high


@dataclass(frozen=True)
class SumOfNormals(Between):
    """Half of the alarm on either side."""

    n: int
    alarm: float

    def __post_init__(self) -> None:
        _require(self.n, self.alarm)

    @cached_property
    def range(self) -> tuple[float, float]:
        """What is accepted lies between."""
        bound = float(math.sqrt(self.n) * stats.norm.isf(self.alarm / 2))
        return -bound, bound

    def power(self, shift: float = 0.0, scale: float = 1.0) -> float:
        """P(refused) where each term has this mean and standard deviation: exact."""
        low, high = self.range
        law = stats.norm(self.n * shift, scale * math.sqrt(self.n))
        return float(law.cdf(low) + law.sf(high))


@dataclass(frozen=True)
class SumOfSquares(Between):
    """Half of the alarm on either side."""

    n: int
    alarm: float

    def __post_init__(self) -> None:
        _require(self.n, self.alarm)

    @cached_property
    def range(self) -> tuple[float, float]:
        """What is accepted lies between."""
        law = stats.chi2(self.n)
        return float(law.ppf(self.alarm / 2)), float(law.isf(self.alarm / 2))

    def power(self, variance: float) -> float:
        """P(refused) where each term has this variance: exact."""
        (low, high), law = self.range, stats.chi2(self.n)
        return float(law.cdf(low / variance) + law.sf(high / variance))


@dataclass(frozen=True)
class Count:
    """Half of the alarm on either side, or less: a count moves in steps."""

    n: int
    p: float
    alarm: float

    def __post_init__(self) -> None:
        _require(self.n, self.alarm)
        if not 0 < self.p < 1:
            raise ValueError(f"p must lie in (0, 1); got {self.p}")

    @cached_property
    def range(self) -> tuple[float, float]:
        """The least and the greatest count that is accepted."""
        law = stats.binom(self.n, self.p)
        return float(law.ppf(self.alarm / 2)), float(law.isf(self.alarm / 2))

    def accepts(self, count: int) -> bool:
        """Whether a count is within the range."""
        low, high = self.range
        return low <= count <= high

    def power(self, p: float) -> float:
        """P(refused) where the events have this probability: exact."""
        (low, high), law = self.range, stats.binom(self.n, p)
        return float(law.cdf(low - 1) + law.sf(high))


@dataclass(frozen=True)
class Distance:
    """sup |F_n - F|, at both sides of every jump."""

    n: int
    alarm: float

    def __post_init__(self) -> None:
        _require(self.n, self.alarm)

    @property
    def bound(self) -> float:
        """The greatest distance that is accepted."""
        return math.sqrt(math.log(2 / self.alarm) / (2 * self.n))

    def accepts(self, distance: float) -> bool:
        """Whether a distance is within the bound; NaN is not."""
        return distance < self.bound

    def power(self, distance: float) -> float:
        """At least P(refused) where the true law is so far from the expected one.

        The sample is within e of its own law but for 2 exp(-2 n e^2), so that it is refused where
        e is the true distance less the bound.
        """
        room = distance - self.bound
        return 1 - 2 * math.exp(-2 * self.n * room**2) if room > 0 else 0.0


@dataclass(frozen=True)
class QuadraticForm(Between):
    """sum a_i z_i^2, half of the alarm on either side."""

    weights: Sequence[float]
    alarm: float

    def __post_init__(self) -> None:
        _require(len(self.weights), self.alarm)
        if not min(self.weights) > 0:
            raise ValueError(f"weights must be positive; got {min(self.weights)}")

    @cached_property
    def range(self) -> tuple[float, float]:
        """What is accepted lies between."""
        x = math.log(2 / self.alarm)
        total, norm = math.fsum(self.weights), math.sqrt(math.fsum(a * a for a in self.weights))
        low = total - 2 * norm * math.sqrt(x)
        return low, total + 2 * norm * math.sqrt(x) + 2 * max(self.weights) * x
