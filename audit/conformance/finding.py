"""What the kit found: one deviation, in words, with its place, its size and its class.

    differs by convention        documented as a choice, or another published convention
    loses precision              the formula is right; digits are lost in forming its terms
    contradicts the cited formula
    broken for some inputs       it raises, hangs, or returns NaN, another shape or another dtype
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any


class Class(enum.StrEnum):
    """What kind of deviation it is; only the last two say that something is wrong."""

    CONVENTION = "differs by convention"
    PRECISION = "loses precision"
    CONTRADICTS = "contradicts the cited formula"
    BROKEN = "broken for some inputs"


WRONG = (Class.CONTRADICTS, Class.BROKEN)


@dataclass(frozen=True)
class Effect:
    """Root mean square change of the final image, in grey levels of 255."""

    point_mass: float | None = None
    gaussian: float | None = None


@dataclass(frozen=True)
class Finding:
    """One deviation of one configuration, or of several that share it (``configurations``)."""

    key: str  # what deviates and how: "step.eta-on-variance", "chain.start", ...
    kind: Class
    part: str
    says: str  # what deviates, in words
    where: str
    formula: str  # what it was held against
    mend: str = ""
    got: float | None = None
    want: float | None = None
    places: int = 1
    of: int = 1
    documented: str = ""
    effect: Effect = Effect()
    options: Mapping[str, object] = field(default_factory=dict)
    configurations: int = 1
    # (implementation, the place or S): what the effect is run on.
    context: tuple[Any, ...] | None = None

    def __post_init__(self) -> None:
        if not self.says.strip():
            raise ValueError(f"{self.key}: says is empty: name what deviates in words")

    @property
    def absolute(self) -> float | None:
        """|got - want|."""
        return None if self.got is None or self.want is None else abs(self.got - self.want)

    @property
    def relative(self) -> float | None:
        """|got / want - 1|; None beside an exact 0."""
        return None if self.absolute is None or not self.want else abs(self.absolute / self.want)


def weight(finding: Finding) -> float:
    """How much worse one place of the same deviation is than another."""
    size = finding.relative if finding.relative is not None else finding.absolute
    return -1.0 if size is None or size != size else size


def common_options(findings: Iterable[Finding]) -> dict[str, object]:
    """The options that all of these findings share."""
    findings = list(findings)
    first = dict(findings[0].options)
    return {k: v for k, v in first.items() if all(f.options.get(k) == v for f in findings)}


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """One finding for each key and class: the worst, with the options that all occurrences share.

    The order is that of severity, then of first appearance, so two runs print the same.
    """
    groups: dict[tuple[str, Class], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.key, finding.kind), []).append(finding)
    result = [
        replace(max(group, key=weight), configurations=len({id(f.context[0]) if f.context
                else i for i, f in enumerate(group)}), options=common_options(group),
                places=sum(f.places for f in group), of=sum(f.of for f in group))
        for group in groups.values()
    ]
    order = list(Class)[::-1]
    return sorted(result, key=lambda f: order.index(f.kind))
