"""Status, computed from records: what a run must have shown for a recorded verdict to stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from audit.evidence import Control, Evidence
from derivations.claim import Claim, Decision, Grade, Outcome, Role, Severity, Verdict

CONFIRMED, FAILED = "confirmed", "failed"
TRUE = (Verdict.HOLDS, Verdict.HOLDS_IF)
WRONG = (Verdict.FALSE, Verdict.MISPRINT, Verdict.CODE_DEFECT)


@dataclass(frozen=True)
class Record:
    """Everything that a run found about one claim."""

    claim: str
    witness: Decision
    evidence: tuple[Evidence, ...]
    controls: tuple[Control, ...]
    seconds: float
    not_run: tuple[str, ...] = ()  # second opinions whose engine is not installed here


def needs_control(claim: Claim) -> bool:
    """True statements, and errors that mislead, must come with a variant that was rejected."""
    serious = claim.severity in (Severity.MISLEADING, Severity.WRONG_RESULT)
    mathematical = claim.verdict not in (Verdict.INCOMPLETE, Verdict.NOT_MATHEMATICAL)
    return claim.verdict in TRUE or (serious and mathematical)


def own_problems(claim: Claim, record: Record) -> list[str]:
    """What keeps the record from confirming the verdict, dependencies left aside."""
    problems = []
    if record.witness.outcome is not Outcome.PROVED:
        problems.append(f"witness: {record.witness.detail}")
    problems += [f"{e.kind}: {e.reason} - {e.detail}" for e in record.evidence if not e.passed]
    problems += [
        f"control {c.name!r} was not rejected: {c.detail}"
        for c in record.controls if not c.rejected
    ]
    roles = {e.role for e in record.evidence if e.passed}
    if claim.verdict in TRUE and Role.ESTABLISHES not in roles:
        problems.append("nothing establishes the statement")
    if claim.verdict is Verdict.HOLDS and Role.REFUTES in roles:
        problems.append("recorded as true, yet a check refutes it")
    if claim.verdict in (Verdict.HOLDS_IF, *WRONG) and Role.REFUTES not in roles:
        problems.append("nothing shows the line to fail as it stands")
    if needs_control(claim) and not record.controls:
        problems.append("no negative control")
    compared = {e.subject for e in record.evidence if e.passed}
    problems += [f"{name} was not compared" for name in claim.code if name not in compared]
    return problems


def judge(
    ledger: Mapping[str, Claim],
    records: Mapping[str, Record],
    misquoted: Mapping[str, list[str]],
) -> dict[str, list[str]]:
    """For each claim that was run, the reasons why its verdict is not confirmed (none: it is).

    ``misquoted`` lists, by claim, tokens that the document at hand does not have where the ledger
    says; it is empty where there is no document.
    """
    problems = {
        id: own_problems(ledger[id], record) + misquoted.get(id, [])
        for id, record in records.items()
    }
    failed = {id for id, found in problems.items() if found}
    while True:
        fallen = {
            id: other for id in records if id not in failed
            for other in ledger[id].depends_on + ledger[id].supplied_by
            if other in failed or other not in records
        }
        if not fallen:
            return problems
        for id, other in fallen.items():
            problems[id].append(f"rests on {other}, which is not confirmed")
        failed |= set(fallen)


def grades(evidence: Iterable[Evidence]) -> list[str]:
    """The grades among passing evidence, strongest first."""
    held = {e.grade for e in evidence if e.passed}
    return [grade.value for grade in Grade if grade in held]
