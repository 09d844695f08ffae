"""What a claim is: its statement, its verdict, and the checks from which its status is computed.

A claim is written as one decorated generator.  The decorator carries what a reader wants to know
(lines, verdict, statement, assumptions, correction, sources); the body yields the proof, one
:class:`Check` a step.  Nothing here runs a check: that is the audit's part.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, TypeAlias, TypedDict

from sympy import S, Symbol, sympify
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

DOCUMENT_LINES = 455
DOCUMENT_SHA256 = "7628a2f2c9eeb6d92a40b95097d0a04cfa5c26ab7d8463076fd5e1642fe43ed8"


class Verdict(enum.StrEnum):
    """What the audit says of a line of the document."""

    HOLDS = "holds"
    HOLDS_IF = "holds-if"
    FALSE = "false"
    MISPRINT = "misprint"
    INCOMPLETE = "incomplete"
    CODE_DEFECT = "code-defect"
    DEFINITION = "definition"
    NOT_MATHEMATICAL = "not-mathematical"


class Severity(enum.StrEnum):
    """What a reader loses by believing the line as it stands; ``none`` goes with ``holds``."""

    NONE = "none"
    COSMETIC = "cosmetic"
    MISLEADING = "misleading"
    WRONG_RESULT = "wrong-result"


class Grade(enum.StrEnum):
    """How far a piece of evidence can be trusted, strongest first."""

    EXACT = "exact"
    SMT = "SMT"
    ENCLOSURE = "enclosure"
    EXECUTION = "execution"
    PROPERTY = "property"
    STATISTICAL = "statistical"
    CITED = "cited"


class Role(enum.StrEnum):
    """What a check does for its claim; the computed status follows from the roles that passed."""

    ESTABLISHES = "establishes"
    REFUTES = "refutes"
    CORRECTS = "corrects"


class Outcome(enum.StrEnum):
    """Three-valued on purpose: a check passes only on PROVED, a control only on REFUTED."""

    PROVED = "proved"
    REFUTED = "refuted"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Decision:
    """What a checker found for one statement, with the reason that a reader is shown."""

    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True)
class Check:
    """One step of a proof: a checker, the statement it must prove, the variants it must refute."""

    reason: str
    kind: str
    grade: Grade
    decide: Callable[[Any], Decision]
    statement: Any
    wrong: Mapping[str, Any] = field(default_factory=dict)
    role: Role = Role.ESTABLISHES

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise ValueError("reason is empty: say in one sentence what the step shows")


def refutes(check: Check) -> Check:
    """Mark a check that shows the document's line to fail (or a missing condition to matter)."""
    return replace(check, role=Role.REFUTES)


def corrects(check: Check) -> Check:
    """Mark a check that proves the corrected statement."""
    return replace(check, role=Role.CORRECTS)


Checks = Iterator[Check]
Proof = Callable[[], Checks]
Lines = tuple[tuple[int, int], ...]
Assumption: TypeAlias = str | Relational | Boolean

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)+")


def parse_lines(text: str) -> Lines:
    """Read ``"24, 31-32"`` as ``((24, 24), (31, 32))``; 1-based, sorted, without overlap."""
    ranges = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", part)
        if not match:
            raise ValueError(f"lines is {text!r}: write '24, 31-32'")
        first = int(match[1])
        last = int(match[2] or first)
        if not 1 <= first <= last <= DOCUMENT_LINES:
            raise ValueError(f"lines is {text!r}: {part.strip()} is not within 1-{DOCUMENT_LINES}")
        ranges.append((first, last))
    if any(after[0] <= before[1] for before, after in pairwise(ranges)):
        raise ValueError(f"lines is {text!r}: ranges must rise and not overlap")
    return tuple(ranges)


@dataclass(frozen=True)
class Claim:
    """One entry of the ledger.  Fields are documented in CONTRIBUTING ("How to add a claim")."""

    id: str
    lines: Lines
    verdict: Verdict
    severity: Severity
    title: str
    statement: str
    assumptions: tuple[Assumption, ...]
    witness: Mapping[Symbol, Any]
    correction: str
    sources: tuple[str, ...]
    code: tuple[str, ...]
    depends_on: tuple[str, ...]
    supplied_by: tuple[str, ...]
    module: str
    proof: Proof

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise ValueError(f"id is {self.id!r}: write 'section.subject', lower case, hyphens")
        if (self.verdict is Verdict.HOLDS) != (self.severity is Severity.NONE):
            raise ValueError(
                f"{self.id}: severity is {self.severity} for verdict {self.verdict}: "
                "'none' goes with 'holds' and with nothing else"
            )
        if not self.statement.strip() or not self.title.strip():
            raise ValueError(f"{self.id}: title and statement must not be empty")
        faulty = (Verdict.FALSE, Verdict.MISPRINT, Verdict.CODE_DEFECT, Verdict.HOLDS_IF)
        if self.verdict in faulty and not self.correction.strip():
            raise ValueError(f"{self.id}: verdict {self.verdict} needs a correction")
        if (self.verdict is Verdict.INCOMPLETE) != bool(self.supplied_by):
            raise ValueError(f"{self.id}: supplied_by goes with 'incomplete' and only with it")
        if self.symbolic_assumptions and not self.witness:
            raise ValueError(f"{self.id}: assumptions without a witness that they can hold")
        if self.id in self.depends_on + self.supplied_by:
            raise ValueError(f"{self.id}: a claim cannot depend on itself")

    @property
    def section(self) -> str:
        """The first word of the id."""
        return self.id.split(".")[0]

    @property
    def symbolic_assumptions(self) -> tuple[Relational | Boolean, ...]:
        """Assumptions that a witness can be substituted into; the others are prose."""
        return tuple(a for a in self.assumptions if not isinstance(a, str))

    def decide_witness(self) -> Decision:
        """Substitute the witness: every symbolic assumption must become literally true."""
        values = {symbol: sympify(value) for symbol, value in self.witness.items()}
        for assumption in self.symbolic_assumptions:
            if assumption.subs(values) is not S.true:
                return Decision(Outcome.REFUTED, f"the witness does not satisfy {assumption}")
        return Decision(Outcome.PROVED, ", ".join(f"{s} = {v}" for s, v in values.items()))


class Premises(TypedDict):
    """What several claims assume alike, for ``@claim(..., **premises)``."""

    assumptions: tuple[Assumption, ...]
    witness: Mapping[Symbol, Any]


LEDGER: dict[str, Claim] = {}


def claim(
    id: str,
    *,
    lines: str,
    verdict: str,
    severity: str = "none",
    title: str,
    statement: str,
    assumptions: Iterable[Assumption] = (),
    witness: Mapping[Symbol, Any] | None = None,
    correction: str = "",
    sources: Iterable[str] = (),
    code: Iterable[str] = (),
    depends_on: Iterable[str] = (),
    supplied_by: Iterable[str] = (),
) -> Callable[[Proof], Proof]:
    """Enter the decorated generator of checks into the ledger under a permanent id."""

    def enter(proof: Proof) -> Proof:
        if id in LEDGER:
            raise ValueError(f"id is {id!r}: already used in {LEDGER[id].module}")
        LEDGER[id] = Claim(
            id=id, lines=parse_lines(lines), verdict=Verdict(verdict), severity=Severity(severity),
            title=title, statement=statement, assumptions=tuple(assumptions),
            witness=dict(witness or {}), correction=correction, sources=tuple(sources),
            code=tuple(code), depends_on=tuple(depends_on), supplied_by=tuple(supplied_by),
            module=proof.__module__, proof=proof,
        )
        return proof

    return enter
