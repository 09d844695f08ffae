"""From numbers to words: which known mistake explains the coefficients that were read off.

A variant of the catalogue explains a place if it gives all coefficients that were read there, far
closer than the right formula does.  Of the variants the one that explains most places names them,
then the one that explains most of the rest, and so on.  A search over the levels competes with
them: does the step land on, or start from, another level than the chain says?  What is left is
described by the coefficient that is off.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from audit.conformance import catalogue_parts, catalogue_steps
from audit.conformance.context import Coefficients, Context, Variant
from audit.conformance.levels import Levels
from audit.conformance.probes import NAMES, Place, Reading
from audit.conformance.rounding import Measured

CATALOGUE = {
    "step": catalogue_steps.STEP, "ancestral": catalogue_steps.ANCESTRAL,
    "q_sample": catalogue_parts.FORWARD, "posterior": catalogue_parts.POSTERIOR,
    "invert": catalogue_parts.INVERSION,
}
FORMULA = {
    "step": "DDIM (12), (16)", "ancestral": "DDPM (7), (11), algorithm 2", "q_sample": "DDPM (4)",
    "posterior": "DDPM (6), (7)", "invert": "DDIM (12) read upwards, eta = 0",
}
WEIGHT_OF = {"x_0": "x_0", "x_t": "x_t", "eps": "eps", "x": "x_t", "z": "the noise",
             "prediction": "the prediction", "variance": "the variance"}
ENDS = {
    "lands": ("does not land on the level where the next step starts",
              "compute the step between the two levels that the chain visits"),
    "starts": ("does not start from the level of its input",
               "look the level of the input up at its own t"),
}


def _matches(measured: Sequence[Measured], values: Coefficients) -> bool:
    """Whether a variant gives what was read off, far closer than the right formula does."""
    if not values or any(math.isnan(v) for v in values):
        return False
    # Levels stored in float32 move every coefficient within its reach, whatever the formula.
    allowed = 0.01 * max(m.error for m in measured)
    for m, value in zip(measured, values, strict=False):
        off = abs(m.got - value)
        if off > allowed and off > (m.reach if m.error <= m.reach else min(m.reach, m.error / 5)):
            return False
    return True


def explain(
    levels: Levels, predicts: str, readings: Sequence[Reading]
) -> list[tuple[Variant, Reading]]:
    """A variant for each reading of one part, the same for as many as can be."""
    part = readings[0].place.part
    contexts = [Context(levels, r.place.at.t, r.place.at.s, r.place.weight, predicts)
                for r in readings]
    explained: list[tuple[Variant, set[int]]] = [
        (v, {i for i, r in enumerate(readings) if _matches(r.coefficients, v.compute(contexts[i]))})
        for v in CATALOGUE[part]
    ]
    named: dict[int, Variant] = {}
    # A step to or from another level can look like an index error, and says more.
    plain = [pair for pair in explained if not pair[0].key.startswith("index")]
    shifted = [pair for pair in explained if pair[0].key.startswith("index")]
    explained = [*plain, *_elsewhere(contexts, readings), *shifted]
    while len(named) < len(readings):
        variant, places = max(explained, key=lambda pair: len(pair[1] - named.keys()))
        fresh = places - named.keys()
        if not fresh:
            break
        named |= dict.fromkeys(fresh, variant)
    return [(named.get(i) or _unexplained(r.place, r.coefficients), r)
            for i, r in enumerate(readings)]


def _elsewhere(
    contexts: Sequence[Context], readings: Sequence[Reading]
) -> list[tuple[Variant, set[int]]]:
    """Places where the step is exact between other levels than the chain's, by search."""
    part = readings[0].place.part
    if part not in ("step", "ancestral", "invert"):
        return []
    found = []
    for end, (says, mend) in ENDS.items():
        levels = [_nearest(c, r, end) for c, r in zip(contexts, readings, strict=True)]
        for last, suffix in ((False, ""), (True, "-last")):
            places = {i for i, level in enumerate(levels)
                      if level is not None and (readings[i].place.at.s <= 1) is last}
            if places:
                which = "the last step" if last else "the step"
                found.append((Variant(f"{end}-elsewhere{suffix}", f"{which} {says}", mend,
                                      lambda c, end=end: ()), places))
    return found


def _nearest(c: Context, reading: Reading, end: str) -> int | None:
    """The level at one end with which the step is exact, if there is one and it is another."""
    levels = torch.tensor(c.levels.floats, dtype=torch.float64)
    lands = end == "lands"
    low_at, high_at = (c.s, c.t)
    if reading.place.part == "invert":
        low, high = (levels[low_at], levels) if lands else (levels, levels[high_at])
    else:
        low, high = (levels, levels[high_at]) if lands else (levels[low_at], levels)
    values = _right(c, reading.place.part, low, high)
    worst = max(m.error for m in reading.coefficients)
    distance = torch.zeros_like(levels)
    for m, value in zip(reading.coefficients, values, strict=False):
        off = (m.got - value).abs() - min(m.reach, worst / 5)
        distance = torch.maximum(distance, off.expand_as(levels))
    distance = torch.where(torch.isnan(distance), math.inf, distance)
    best = int(distance.argmin())
    usual = c.t if (reading.place.part == "invert") == lands else c.s
    return best if float(distance[best]) <= 0.02 * worst and best != usual else None


def _right(c: Context, part: str, low: torch.Tensor, high: torch.Tensor) -> list[torch.Tensor]:
    """The right coefficients between levels, one of the two a whole table of them."""
    if part == "invert":
        return list(_affine(high.sqrt(), (1 - high).sqrt(), low, c.predicts))
    beta = (1 - high / low).clamp(min=0)
    variance = torch.where(low == 1, 0.0, (1 - low) / (1 - high) * beta)
    weight = c.eta if part == "step" else 1.0
    sigma = weight * variance.sqrt()
    a, b = _affine(low.sqrt(), (1 - low - sigma**2).clamp(min=0).sqrt(), high, c.predicts)
    if part == "ancestral" and c.weight == "beta":
        sigma = torch.where(low == 1, 0.0, beta.sqrt())
    return [a, b, sigma]


def _affine(
    signal: torch.Tensor, turned: torch.Tensor, level: torch.Tensor, predicts: str
) -> tuple[torch.Tensor, torch.Tensor]:
    root, noise = level.sqrt(), (1 - level).sqrt()
    if predicts == "eps":
        return signal / root, turned - signal / root * noise
    if predicts == "x_0":
        return turned / noise, signal - turned * root / noise
    return signal * root + turned * noise, turned * root - signal * noise


def where_it_lands(levels: Levels, predicts: str, reading: Reading, variant: Variant) -> str:
    """The level that a search found, for the message."""
    end = variant.key.split("-")[0]
    if end not in ENDS:
        return ""
    at = reading.place.at
    context = Context(levels, at.t, at.s, reading.place.weight, predicts)
    level = _nearest(context, reading, end)
    usual = at.t if (reading.place.part == "invert") == (end == "lands") else at.s
    return f": it is exact for t = {level}, not {usual}"


def _unexplained(place: Place, measured: Sequence[Measured]) -> Variant:
    names = NAMES[place.part] if len(measured) <= len(NAMES[place.part]) else (
        *NAMES[place.part], "variance")
    off = [(m.error / m.want.size, names[k]) for k, m in enumerate(measured)]
    name = max(off)[1]
    what = name if name == "variance" else f"what multiplies {WEIGHT_OF[name]}"
    return Variant(f"wrong.{name}", f"{what} is not that of {FORMULA[place.part]}",
                   f"compare with {FORMULA[place.part]}", lambda _: ())


