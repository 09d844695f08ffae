"""What a deviation does to the image: the whole chain run on two kinds of data with known answer.

    point mass at m:     E[x_0 | x_t] = m
    N(m, d^2):           E[x_0 | x_t] = m + sqrt(A) d^2 (x_t - sqrt(A) m) / (A d^2 + 1 - A),
                         A = alpha_bar_t

Steps are affine and these denoisers too, so the result is normal, and its mean and variance follow
from the coefficients alone: nothing is sampled.  The size is the 2-Wasserstein distance between
the results of the coefficients that were read off and of the exact ones, sqrt of the squared
difference of means plus that of deviations, in grey levels: 127.5 to one unit of [-1, 1].
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import cast

import torch

from audit.conformance import reference
from audit.conformance.attempts import Failure
from audit.conformance.finding import Effect
from audit.conformance.implementation import At, Implementation
from audit.conformance.levels import Levels, uniform_chain
from audit.conformance.probes import Place, read

MEAN, DEVIATION = 0.3, 0.5
GREY = 127.5
Step = tuple[int, Sequence[float]]  # t, and (a, b, c) at it
Law = tuple[float, float]  # mean and variance


def final_law(levels: Levels, predicts: str, steps: Iterable[Step], deviation: float) -> Law:
    """Mean and variance of the result, started from N(0, 1)."""
    mean, variance = 0.0, 1.0
    for t, (a, b, c) in steps:
        slope, offset = _prediction(levels.floats[t], predicts, deviation)
        gain = a + b * slope
        mean, variance = gain * mean + b * offset, gain**2 * variance + c**2
    return mean, variance


def _prediction(level: float, predicts: str, deviation: float) -> tuple[float, float]:
    """The ideal network's output as slope x + offset."""
    root, noise = math.sqrt(level), math.sqrt(1 - level)
    gain = root * deviation**2 / (level * deviation**2 + 1 - level)
    x_0 = gain, MEAN - gain * root * MEAN
    if predicts == "x_0":
        return x_0
    eps = (1 - root * x_0[0]) / noise, -root * x_0[1] / noise
    if predicts == "eps":
        return eps
    return root * eps[0] - noise * x_0[0], root * eps[1] - noise * x_0[1]


def distance(one: Law, other: Law) -> float:
    """The 2-Wasserstein distance of two normal laws in grey levels; inf where one is none."""
    if not all(map(math.isfinite, (*one, *other))):
        return math.inf
    between = math.hypot(one[0] - other[0], math.sqrt(one[1]) - math.sqrt(other[1]))
    return GREY * between


def _both(levels: Levels, predicts: str, one: Sequence[Step], other: Sequence[Step]) -> Effect:
    sizes = [distance(final_law(levels, predicts, one, d), final_law(levels, predicts, other, d))
             for d in (0.0, DEVIATION)]
    return Effect(*sizes)


def of_steps(
    implementation: Implementation, part: str, pairs: Sequence[tuple[int, int]],
    weight: float | str, dtype: torch.dtype,
) -> Effect | None:
    """The effect of the coefficients read off along one chain; None where a step cannot be read."""
    levels, predicts = implementation.levels, implementation.predicts
    measured, exact = [], []
    for t, s in pairs:
        reading = read(implementation, Place(part, At(t, s, len(pairs)), weight, dtype))
        if isinstance(reading, Failure):
            return None
        right = _exact(levels, predicts, part, t, s, weight)
        got = [m.got for m in reading.coefficients]
        measured.append((t, (got + right[len(got):])))
        exact.append((t, right))
    return _both(levels, predicts, measured, exact)


def _exact(
    levels: Levels, predicts: str, part: str, t: int, s: int, weight: float | str
) -> list[float]:
    pair = reference.pair_at(levels, s, t)
    found = (reference.step(pair, cast(float, weight), predicts) if part == "step"
             else reference.ancestral(pair, cast(str, weight), predicts))
    return [e.value for e in found]


def of_chain(levels: Levels, chain: Sequence[int]) -> Effect | None:
    """The effect of visiting this chain, with exact steps at eta = 0, instead of an even one."""
    def steps(visited: Sequence[int]) -> list[Step]:
        return [(t, _exact(levels, "v", "step", t, s, 0.0))
                for t, s in pairwise(visited) if 0 <= s < t <= levels.T]

    even = uniform_chain(levels.T, max(len(chain) - 1, 1))
    return _both(levels, "v", steps(chain), steps(even))
