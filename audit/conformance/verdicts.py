"""From readings to findings: what is rounding, what lost digits, and what is wrong and how."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch

from audit.conformance import diagnosis, parts
from audit.conformance.attempts import Failure
from audit.conformance.finding import Class, Finding
from audit.conformance.implementation import Implementation
from audit.conformance.probes import Place, Reading
from audit.conformance.rounding import judge

FINE = (torch.float64, torch.float32)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def of_failure(implementation: Implementation, place: Place, failure: Failure) -> Finding:
    """A call that gave no image."""
    return Finding(
        f"{place.part}.{failure.kind}", Class.BROKEN, place.part, failure.says,
        f"{place}, {_name(place.dtype)}", diagnosis.FORMULA[place.part],
        parts.MENDS.get(failure.kind, ""), context=(implementation, place),
    )


def of_readings(
    implementation: Implementation, readings: Sequence[Reading]
) -> Iterator[tuple[Finding, float]]:
    """Findings of one part, each with its weight; nothing for rounding."""
    lost, wrong = [], []
    for reading in readings:
        kinds = [judge(m) for m in reading.coefficients]
        if Class.CONTRADICTS in kinds:
            wrong.append(reading)
        elif any(kinds):
            lost.append(reading)
        elif not reading.straight:
            yield _finding(implementation, reading, "not-linear", Class.CONTRADICTS,
                           "the result is not a linear combination of the inputs",
                           "look for a clip, or an input that is used twice")
    # Where a formula is wrong, coarse formats only blur it.
    fine = [r for r in wrong if r.place.dtype in FINE]
    if wrong:
        levels, predicts = implementation.levels, implementation.predicts
        for variant, reading in diagnosis.explain(levels, predicts, fine or wrong):
            extra = diagnosis.where_it_lands(levels, predicts, reading, variant)
            yield _finding(implementation, reading, variant.key, Class.CONTRADICTS,
                           variant.says + extra, variant.mend)
        lost = [r for r in lost if r.place.dtype in FINE]
    for reading in lost:
        key = "precision" if reading.place.dtype in FINE else "precision-half"
        yield _finding(implementation, reading, key, Class.PRECISION,
                       f"{parts.LOST} ({_name(reading.place.dtype)} images)", parts.KEEP)


def _finding(
    implementation: Implementation, reading: Reading, key: str, kind: Class, says: str, mend: str
) -> tuple[Finding, float]:
    """The finding with the coefficient that is furthest off."""
    place = reading.place
    weights = [m.error / m.want.size for m in reading.coefficients]
    worst = max(range(len(weights)), key=weights.__getitem__)
    m = reading.coefficients[worst]
    finding = Finding(
        f"{place.part}.{key}", kind, place.part, says, str(place),
        diagnosis.FORMULA[place.part], mend, m.got, m.want.value,
        context=(implementation, place),
    )
    return finding, weights[worst] if math.isfinite(weights[worst]) else 1e300
