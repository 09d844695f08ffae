"""audit.json: the ledger, what a run found, and a digest over all that does not depend on the run.

Schema 2.  Two runs of one commit give the same file but for ``seconds`` and ``provenance``; the
digest covers neither these nor the free-text details, nor what was measured elsewhere (mutation
scores), nor what only some machines can run (second opinions whose engine is not everywhere, marked
``optional``), so that two machines can agree on it.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import sympy

from audit import mutation, trust
from audit.evidence import Evidence
from audit.status import CONFIRMED, FAILED, TRUE, Record, grades, judge
from derivations.claim import DOCUMENT_LINES, DOCUMENT_SHA256, Assumption, Claim
from derivations.ledger import section_title, unassigned_lines

SCHEMA = 2
RUN_DEPENDENT = ("seconds", "detail", "problems", "not_run", "trust", "second_opinions")


def assumption_text(a: Assumption) -> str:
    """An assumption as prose; symbols become LaTeX."""
    if isinstance(a, str):
        return a
    names = {symbol: _symbol_latex(symbol.name) for symbol in a.free_symbols}
    return f"${sympy.latex(a, symbol_names=names)}$"


def _symbol_latex(name: str) -> str:
    r"""The papers' way of writing a symbol: alpha_bar_t is \bar{\alpha}_{t}."""
    if name.startswith("one_minus_"):
        return rf"\left(1 - {_symbol_latex(name.removeprefix('one_minus_'))}\right)"
    base, *rest = name.split("_")
    letter = {"eps": r"\epsilon"}.get(base) or sympy.latex(sympy.Symbol(base))
    for accent in ("bar", "tilde", "hat"):
        if accent in rest:
            rest.remove(accent)
            letter = rf"\{accent}{{{letter}}}"
    return f"{letter}_{{{','.join(rest)}}}" if rest else letter


def trust_of(evidence: Iterable[Evidence]) -> trust.Trust:
    """What a claim's passed evidence rests on."""
    return trust.of((e.kind, e.grade, e.role) for e in evidence if e.passed)


def _entry(claim: Claim, record: Record, problems: list[str]) -> dict[str, Any]:
    optional = {n for n, e in enumerate(record.evidence, 1) if e.optional}
    trusted = trust_of(record.evidence)
    return {
        "id": claim.id,
        "section": section_title(claim),
        "title": claim.title,
        "lines": [list(r) for r in claim.lines],
        "verdict": claim.verdict.value,
        "severity": claim.severity.value,
        "statement": claim.statement,
        "assumptions": [assumption_text(a) for a in claim.assumptions],
        "witness": {str(s): str(v) for s, v in claim.witness.items()},
        "correction": claim.correction,
        "depends_on": list(claim.depends_on),
        "supplied_by": list(claim.supplied_by),
        "code": list(claim.code),
        "sources": list(claim.sources),
        "module": claim.module,
        "status": FAILED if problems else CONFIRMED,
        "problems": problems,
        "grades": grades(e for e in record.evidence if not e.optional),
        "trust": trusted.as_json(),
        "not_run": list(record.not_run),
        "evidence": [
            {
                "kind": e.kind, "grade": e.grade.value, "role": e.role.value, "passed": e.passed,
                "seconds": round(e.seconds, 4), "reason": e.reason, "detail": e.detail,
                "subject": e.subject, "optional": e.optional,
            }
            for e in record.evidence
        ],
        "controls": [
            {"name": c.name, "step": c.step, "rejected": c.rejected, "detail": c.detail,
             "optional": c.step in optional}
            for c in record.controls
        ],
    }


def _totals(entries: list[dict[str, Any]]) -> dict[str, Any]:
    true = [e for e in entries if e["verdict"] in TRUE]
    evidence = [e for entry in entries for e in entry["evidence"] if not e["optional"]]
    controls = [c for entry in entries for c in entry["controls"] if not c["optional"]]
    seconds = Counter(e["kind"] for entry in entries for e in entry["evidence"]
                      if e["kind"] in trust.SECOND and e["passed"])
    return {
        "entries": len(entries),
        "confirmed": sum(e["status"] == CONFIRMED for e in entries),
        "failed": sum(e["status"] == FAILED for e in entries),
        "by_verdict": dict(sorted(Counter(e["verdict"] for e in entries).items())),
        "by_severity": dict(sorted(Counter(e["severity"] for e in entries).items())),
        "nothing_to_prove": sum(not e["evidence"] for e in entries),
        "true": len(true),
        "true_with_two_grades": sum(len(e["grades"]) >= 2 for e in true),
        "evidence": len(evidence),
        "evidence_passed": sum(e["passed"] for e in evidence),
        "controls": len(controls),
        "controls_rejected": sum(c["rejected"] for c in controls),
        "second_opinions": {kind: seconds[kind] for kind in trust.SECOND},
    }


def digest(summary: Mapping[str, Any]) -> str:
    """SHA-256 over document, entries and coverage, without times, details and what is optional."""

    def stable(value: object) -> object:
        if isinstance(value, dict):
            return {k: stable(v) for k, v in value.items() if k not in RUN_DEPENDENT}
        if isinstance(value, list):
            return [stable(v) for v in value if not (isinstance(v, dict) and v.get("optional"))]
        return value

    kept = {k: stable(summary[k]) for k in ("schema", "document", "entries", "coverage", "totals")}
    text = json.dumps(kept, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def summarise(
    ledger: Mapping[str, Claim],
    records: Mapping[str, Record],
    misquoted: Mapping[str, list[str]],
    provenance: Mapping[str, object],
) -> dict[str, Any]:
    """The content of audit.json for the claims that were run."""
    problems = judge(ledger, records, misquoted)
    entries = [_entry(ledger[id], record, problems[id]) for id, record in records.items()]
    unassigned = unassigned_lines(ledger[id] for id in records)
    summary: dict[str, object] = {
        "schema": SCHEMA,
        "document": {"sha256": DOCUMENT_SHA256, "lines": DOCUMENT_LINES},
        "entries": entries,
        "coverage": {
            "assigned": DOCUMENT_LINES - len(unassigned), "total": DOCUMENT_LINES,
            "unassigned": unassigned,
        },
        "totals": _totals(entries),
        "provenance": dict(provenance),
        "mutation": mutation.read(),
    }
    return {**summary, "digest": digest(summary)}
