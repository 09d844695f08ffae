"""Measured against published: consistent, inconsistent, not comparable, or not measured.

With n own runs and k published ones of one protocol, normal with one variance s^2, the difference
of their means lies in

    +- t_{n+k-2, 0.975} s_p sqrt(1/n + 1/k),    s_p^2 = (SS_own + SS_published) / (n + k - 2)

with probability 0.95, SS being summed squared deviations from the mean.  k = 1 gives the usual
prediction interval of one figure from n runs, 15.6, 4.97 and 3.04 standard deviations for n = 2, 3
and 5; n = 1 that of one run from k replications.  n = k = 1 gives none: then there is no verdict.
To this is added half a unit of the last printed digit, and the own sampling error where it is
stated, so that at most 5 % of sound runs are called inconsistent.

Consistent is not equivalent: equivalence is shown by `equivalent`, within a margin stated first.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from scipy.special import stdtrit

from repro.errors import ReproError
from repro.published import UNITS, Row, half_unit, require_protocol

# What was measured; a row that differs here is another quantity.  Every other field is a condition
# under which it was measured.
SUBJECT = ("dataset", "network", "objective", "sampler", "steps", "eta", "variance", "of",
           "reference", "split", "reverse_time")

# The bias of FID is c / N, with c about 25,000 from what iDDPM reports for 10,000 and 50,000
# samples: a thousandth of N moves it by a thousandth of 0.5, less than is printed.
SAMPLES_ALIKE = 1e-3


class State(StrEnum):
    CONSISTENT = "consistent"
    INCONSISTENT = "inconsistent"
    NOT_COMPARABLE = "not comparable"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Measurement:
    """One number of one run.  Two measurements of one protocol count as two independent runs.

    unit: that of the quantity.  protocol: every field of `published.PROTOCOL` that is known.
    error: half-width of the 95 % interval of its own sampling, as of a mean over images, or its
    rounding; 0 where neither is known.  not_comparable: why no published number may be set
    against it, such as a partial data set; empty if nothing stands against it.
    Errors: ReproError for an unknown quantity or field, another unit, what is not finite.
    """

    quantity: str
    value: float
    protocol: Mapping[str, Any]
    unit: str = ""
    error: float = 0.0
    not_comparable: str = ""

    def __post_init__(self) -> None:
        if self.quantity not in UNITS:
            raise ReproError(f"quantity must be one of {', '.join(UNITS)}; got {self.quantity!r}")
        if self.unit != UNITS[self.quantity]:
            raise ReproError(f"unit of {self.quantity} must be {UNITS[self.quantity]!r}; got "
                             f"{self.unit!r}")
        if not math.isfinite(self.value):
            raise ReproError(f"value of {self.quantity} must be a finite number; got {self.value}")
        if not 0 <= self.error < math.inf:
            raise ReproError(f"error of {self.quantity} must be 0 or more and finite; got "
                             f"{self.error}")
        require_protocol(self.protocol, self.quantity)


@dataclass(frozen=True)
class Difference:
    """A field of the protocol, with both values; own is None where it was not stated."""

    field: str
    published: Any
    own: Any

    def __str__(self) -> str:
        own = "not stated" if self.own is None else repr(self.own)
        return f"{self.field} is {self.published!r}, here {own}"


@dataclass(frozen=True)
class Verdict:
    """What the measurements say about a row.

    measured: the values that bear on it.  interval: where their mean lies if it is consistent, or
    None where nothing can be said.
    """

    row: Row
    state: State
    reason: str
    measured: tuple[float, ...] = ()
    interval: tuple[float, float] | None = None
    differences: tuple[Difference, ...] = ()


def compare(rows: Sequence[Row], measurements: Sequence[Measurement]) -> tuple[Verdict, ...]:
    """A verdict for each row, in their order."""
    return tuple(_verdict(row, measurements) for row in rows)


def prediction_half_width(own: Sequence[float], published: Sequence[float]) -> float:
    """The 95 % half-width of the module's formula for the difference of the two means.

    Errors: ReproError for an empty side, and for one value on each, from which no spread follows.
    """
    if not own or not published or len(own) + len(published) < 3:
        raise ReproError("own and published must be one value or more each, and three together; "
                         f"got {len(own)} and {len(published)}")
    return _standard_error(own, published) * float(
        stdtrit(len(own) + len(published) - 2, 0.975))


@dataclass(frozen=True)
class Equivalence:
    """The difference of two means, own less other, with its 90 % interval, and the margin.

    Two one-sided tests at 5 % reject a difference of margin or more, on either side, exactly
    where the 90 % interval lies inside the margin (Schuirmann 1987).
    """

    difference: float
    interval: tuple[float, float]
    margin: float

    @property
    def equivalent(self) -> bool:
        """True where it is shown; False where it is not, which does not show a difference."""
        return -self.margin < self.interval[0] and self.interval[1] < self.margin


def equivalent(own: Sequence[float], other: Sequence[float], margin: float) -> Equivalence:
    """Whether two sets of runs agree within a margin that was stated before they were seen.

    Independent runs, normal with one variance.  For power 0.9 at equal means, margins of 0.5, 1,
    2 and 3 standard deviations need 88, 23, 7 and 4 runs on each side.
    Errors: ReproError for fewer than two runs on a side, what is not finite, a margin of 0.
    """
    for name, runs in (("own", own), ("other", other)):
        if len(runs) < 2 or not all(map(math.isfinite, runs)):
            raise ReproError(f"{name} must be two finite values or more; got {list(runs)}")
    if not 0 < margin < math.inf:
        raise ReproError(f"margin must be above 0 and finite; got {margin}")
    difference = _mean(own) - _mean(other)
    half = _standard_error(own, other) * float(stdtrit(len(own) + len(other) - 2, 0.95))
    return Equivalence(difference, (difference - half, difference + half), margin)


def _verdict(row: Row, measurements: Sequence[Measurement]) -> Verdict:
    found = [m for m in measurements if m.quantity == row.quantity
             and not any(d.field in SUBJECT for d in _differences(row, m))]
    if not found:
        return Verdict(row, State.NOT_MEASURED, "not measured")
    sound = [m for m in found if not m.not_comparable and not _differences(row, m)]
    if sound:
        return _judged(row, sound)
    nearest = min(found, key=lambda m: (len(_differences(row, m)), bool(m.not_comparable)))
    differences = _differences(row, nearest)
    reasons = [nearest.not_comparable] if nearest.not_comparable else []
    return Verdict(row, State.NOT_COMPARABLE, "; ".join([*reasons, *map(str, differences)]),
                   (nearest.value,), None, differences)


def _differences(row: Row, measurement: Measurement) -> tuple[Difference, ...]:
    """The fields that the row states and the measurement does not fulfil."""
    own = measurement.protocol
    return tuple(Difference(field, value, own.get(field)) for field, value in row.protocol.items()
                 if not _agree(field, value, own.get(field)))


def _agree(field: str, published: Any, own: Any) -> bool:
    if field == "samples" and own is not None:
        return bool(abs(own - published) <= SAMPLES_ALIKE * published)
    return bool(own == published)


def _judged(row: Row, sound: Sequence[Measurement]) -> Verdict:
    """Own runs under the protocol of the row."""
    own = tuple(m.value for m in sound)
    printed = row.replications or (row.value,)
    published = [float(value) for value in printed]
    tolerance = _mean([half_unit(value) for value in printed]) + _mean([m.error for m in sound])
    runs = f"{len(own)} run{'s' if len(own) > 1 else ''} here, {len(published)} published"
    if row.exact:
        runs = "nothing about it is random"
    elif len(own) + len(published) < 3:
        return Verdict(row, State.NOT_COMPARABLE, "one run, and no spread is known", own)
    else:
        tolerance += prediction_half_width(own, published)
    centre, mean = _mean(published), _mean(own)
    within = abs(mean - centre) <= tolerance
    return Verdict(
        row, State.CONSISTENT if within else State.INCONSISTENT,
        f"{mean:.9g} lies {'within' if within else 'outside'} {centre:.9g} +- {tolerance:.2g} "
        f"({runs})", own, (centre - tolerance, centre + tolerance),
    )


def _standard_error(first: Sequence[float], second: Sequence[float]) -> float:
    """s_p sqrt(1/n + 1/k), the standard error of the difference of two means."""
    n, k = len(first), len(second)
    squares = _squares(first) + _squares(second)
    return math.sqrt(squares / (n + k - 2) * (1 / n + 1 / k))


def _squares(values: Sequence[float]) -> float:
    """SS, the squared deviations from the mean, summed."""
    mean = _mean(values)
    return math.fsum((v - mean) ** 2 for v in values)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
