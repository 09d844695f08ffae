"""Affine probes: what multiplies each input of a part, read off with one call.

A step x' = a x + b prediction + c z is linear, so a batch of inputs (p, 0, 0), (0, p, 0),
(0, 0, p) and (p, -p/2, p/4) shows a, b and c, and that nothing else is going on.  p is a power of
two, so that dividing by it rounds nothing, and small enough that the implied x_0 stays within
+-1/2: an implementation that clips x_0 at +-1 by default is probed as its users have it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
from torch import Tensor

from audit.conformance import reference
from audit.conformance.attempts import NOT_OFFERED, Failure, attempt, image_like
from audit.conformance.implementation import At, Implementation
from audit.conformance.levels import Levels
from audit.conformance.rounding import UNIT, Measured

SHAPE = (3, 2, 2)
SMALLEST = {torch.float16: 2.0**-24}
NAMES = {
    "q_sample": ("x_0", "eps"), "posterior": ("x_0", "x_t"), "invert": ("x", "prediction"),
    "step": ("x", "prediction", "z"), "ancestral": ("x", "prediction", "z"),
}
# At alpha_bar_t = 0 eps says nothing about x_0, and at alpha_bar_s = 1 x_0 says nothing about eps.
NO_VALUE = ("returns NaN or infinity: at this level the prediction does not determine both x_0 and "
            "eps, and the code divides by 0")


@dataclass(frozen=True)
class Place:
    """Where a part was probed."""

    part: str
    at: At
    weight: float | str  # eta of a DDIM step, the kind of an ancestral one, otherwise 0
    dtype: torch.dtype

    def __str__(self) -> str:
        if self.part in ("q_sample", "posterior"):
            return f"t={self.at.t}"
        extra = {"step": f", eta={self.weight}", "ancestral": f", {self.weight}"}
        return f"{self.at}{extra.get(self.part, '')}"


@dataclass(frozen=True)
class Reading:
    """The coefficients of a part at one place; ``straight`` is False where it is not linear."""

    place: Place
    coefficients: tuple[Measured, ...]
    straight: bool = True


def read(implementation: Implementation, place: Place) -> Reading | Failure:
    """Probe one part at one place."""
    levels, at = implementation.levels, place.at
    spread, floor = (levels.spread[at.s], levels.spread[at.t]), 4 * SMALLEST.get(place.dtype, 0.0)
    predicts = implementation.predicts
    wanted = reference.at(levels, place.part, at.s, at.t, place.weight, predicts)

    moved = reference.answering(levels, place.part, at.s, at.t, place.weight, predicts)
    size = _amplitude(levels, at, predicts, place.part)
    count = len(NAMES[place.part])
    inputs = _inputs(count, size, place.dtype)
    result = attempt(lambda: _call(implementation, place, inputs))
    if result is NOT_OFFERED:
        return NOT_OFFERED
    variance = None
    if place.part == "posterior":
        if isinstance(result, Failure):
            return result
        if not (isinstance(result, Sequence) and len(result) == 2):
            return Failure("type", "the posterior is not a pair of a mean and a variance")
        result, variance = result
    image = image_like(result, inputs[0], "the result" if variance is None else "the mean")
    unvalued = not all(w.finite for w in wanted)
    if isinstance(image, Failure):
        return Failure("no-value", NO_VALUE) if unvalued and image.kind == "not-finite" else image
    if unvalued:  # the formula has no value here, and the code gives some number of its own
        return NOT_OFFERED
    rows = image.double().flatten(1) / size
    measured: list[Measured] = []
    silent = count == 3 and not implementation.adds_noise
    for k in range(count - silent):
        got = max(rows[k].tolist(), key=partial(_distance, wanted[k].value))
        measured.append(Measured(got, wanted[k], place.dtype, lambda *by, k=k: moved(*by)[k],
                                 spread, floor / size))
    if variance is not None:
        worst = attempt(lambda: _scalar(variance, wanted[2].value))
        if isinstance(worst, Failure):
            return Failure("type", "the variance of the posterior is not a number or a tensor")
        if not math.isfinite(worst):
            return Failure("not-finite", "the variance of the posterior is not finite")
        measured.append(Measured(worst, wanted[2], place.dtype, lambda *by: moved(*by)[2],
                                 spread, floor))
    return Reading(place, tuple(measured), _is_straight(rows, count, place.dtype, measured))


def _distance(want: float, got: float) -> float:
    return abs(got - want)


def _scalar(variance: Tensor | float, want: float) -> float:
    values = torch.as_tensor(variance).double().flatten().tolist()
    return float(max(values, key=lambda v: math.inf if math.isnan(v) else abs(v - want)))


def _amplitude(levels: Levels, at: At, predicts: str, part: str) -> float:
    """The largest power of two that keeps the implied x_0 of every row within 1/2."""
    level = levels.floats[at.s if part == "invert" else at.t]
    room = 0.25 * math.sqrt(level) if predicts == "eps" and level > 0 else 0.25
    return 2.0 ** math.floor(math.log2(room))


def _inputs(count: int, size: float, dtype: torch.dtype) -> list[Tensor]:
    inputs = []
    for k in range(count):
        column = torch.zeros(count + 1, dtype=torch.float64)
        column[k] = size
        column[count] = size * (1.0, -0.5, 0.25)[k]
        inputs.append(column.reshape(-1, 1, 1, 1).expand(-1, *SHAPE).contiguous().to(dtype))
    return inputs


def _call(implementation: Implementation, place: Place, inputs: list[Tensor]) -> object:
    at, inputs = place.at, [x.clone() for x in inputs]  # code that writes in place spoils nothing
    calls: dict[str, Callable[[], object]] = {
        "q_sample": lambda: implementation.q_sample(inputs[0], at.t, inputs[1]),
        "posterior": lambda: implementation.posterior(inputs[0], inputs[1], at.t),
        "step": lambda: implementation.step(
            at, inputs[0], inputs[1], inputs[2], cast(float, place.weight)),
        "ancestral": lambda: implementation.ancestral(
            at, inputs[0], inputs[1], inputs[2], cast(str, place.weight)),
        "invert": lambda: implementation.invert(at, inputs[0], inputs[1]),
    }
    return calls[place.part]()


def _is_straight(rows: Tensor, count: int, dtype: torch.dtype, measured: list[Measured]) -> bool:
    """Whether the row with all inputs is the combination of the others, up to rounding."""
    weights = (1.0, -0.5, 0.25)[:count]
    total = sum(w * rows[k] for k, w in enumerate(weights))
    unit = max(UNIT[dtype], 2.0**-24)
    size = sum(m.want.size + abs(m.got) for m in measured if math.isfinite(m.want.size))
    allowed = 64 * unit * (size + 1) + measured[0].floor
    return bool(((rows[count] - total).abs() <= allowed).all())
