"""Plain numerical evidence for the moments: quadrature, sums and exact enumeration."""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st
from scipy.integrate import quad

from audit.comparison import Bench, Subject, compares
from derivations.moments.moments import moment
from derivations.moments.moments_joint import mixed_moment
from derivations.moments.moments_normal import normal_fourth_moment, normal_second_moment

MEAN = st.floats(-20, 20)
SD = st.floats(1e-4, 1e4)


def standard_density(u: float) -> float:
    """The standard normal density, in floats."""
    return math.exp(-u * u / 2) / math.sqrt(2 * math.pi)


def integrated(function: Callable[..., Any], mean: float, sd: float) -> float:
    """E function(X) by quadrature, standardised: a narrow peak is missed otherwise."""
    return float(quad(lambda u: function(mean + sd * u) * standard_density(u), -12, 12,
                      epsabs=0.0, epsrel=1e-12, limit=200)[0])


def _compare_power(bench: Bench, subject: Subject, order: int) -> None:
    @bench.forall(mean=MEAN, sd=SD)
    def _(mean: float, sd: float) -> None:
        want = integrated(lambda x: x**order, mean, sd)
        bench.within(subject(mean, sd * sd) / want, 1.0, 1e-9, f"order {order}, relative")


@compares("moments.normal-second", subject=normal_second_moment, kind="quadrature", wrong={
    "standard deviation for variance": lambda mean, variance: mean**2 + math.sqrt(variance),
    "central moment": lambda mean, variance: variance,
})
def second(bench: Bench, subject: Subject) -> None:
    """The second moment against quadrature, sd from 1e-4 to 1e4."""
    _compare_power(bench, subject, 2)


@compares("moments.normal-fourth", subject=normal_fourth_moment, kind="quadrature", wrong={
    "factor 2 for 3": lambda mean, variance: mean**4 + 6 * mean**2 * variance + 2 * variance**2,
    "second moment squared": lambda mean, variance: normal_second_moment(mean, variance) ** 2,
})
def fourth(bench: Bench, subject: Subject) -> None:
    """The fourth moment against quadrature, sd from 1e-4 to 1e4."""
    _compare_power(bench, subject, 4)


def next_moment(n: int, before: float) -> float:
    """Stein's recursion: E Z^n from E Z^(n-2)."""
    return (n - 1) * before


@compares("moments.stein", subject=next_moment, kind="quadrature", wrong={
    "factor n": lambda n, before: n * before,
    "factor n - 2": lambda n, before: (n - 2) * before,
})
def stein(bench: Bench, subject: Subject) -> None:
    """The recursion run up to order 12, against quadrature at each even order."""
    value = 1.0
    for n in range(2, 14, 2):
        value = subject(n, value)
        want = integrated(lambda u, n=n: u**n, 0.0, 1.0)
        bench.within(value / want, 1.0, 1e-9, "relative")
        bench.ran += 1


LAWS = st.lists(st.tuples(st.integers(1, 9), st.integers(-9, 9)), min_size=1, max_size=6)


@compares("moments.essence", subject=moment, kind="exact enumeration", wrong={
    "absolute moment": lambda law, order, centre: sum(q * abs(x - centre) ** order for q, x in law),
    "about 0": lambda law, order, centre: moment(law, order),
})
def enumerated(bench: Bench, subject: Subject) -> None:
    """E (X - c)^k as the average over equally likely outcomes of a finite sample space."""

    @bench.forall(law=LAWS, order=st.integers(0, 5), centre=st.integers(-3, 3))
    def _(law: Sequence[Sequence[int]], order: int, centre: int) -> None:
        outcomes = [x for count, x in law for _ in range(count)]
        want = Fraction(sum((x - centre) ** order for x in outcomes), len(outcomes))
        weighted = [(Fraction(count, len(outcomes)), x) for count, x in law]
        bench.require(subject(weighted, order, centre) == want, f"{law} order {order}")


@compares("moments.joint.central", subject=mixed_moment, kind="exact enumeration", wrong={
    "absolute values": lambda law, p, q, a, b: sum(
        w * abs(x - a) ** p * abs(y - b) ** q for w, x, y in law),
    "raw": lambda law, p, q, a, b: mixed_moment(law, p, q),
})
def covariance(bench: Bench, subject: Subject) -> None:
    """Half the mean of (x - x')(y - y') over all pairs of outcomes is the covariance."""

    @bench.forall(points=st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)),
                                  min_size=1, max_size=8))
    def _(points: Sequence[Sequence[int]]) -> None:
        n = len(points)
        pairs = Fraction(sum((x - u) * (y - v) for x, y in points for u, v in points), 2 * n * n)
        law = [(Fraction(1, n), x, y) for x, y in points]
        means = (Fraction(sum(x for x, _ in points), n), Fraction(sum(y for _, y in points), n))
        bench.require(subject(law, 1, 1, *means) == pairs, f"covariance of {points}")
