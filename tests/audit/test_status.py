"""Status follows from records alone, and every way to fall short is named."""

from dataclasses import replace

import pytest

from audit.evidence import Control, Evidence
from audit.status import Record, grades, judge, own_problems
from derivations.claim import Claim, Decision, Grade, Outcome, Role, Severity, Verdict


def claim(id="a.b", verdict="holds", severity="none", **fields):
    wrong = verdict in ("false", "misprint", "code-defect", "holds-if")
    basic = {
        "id": id, "lines": ((1, 1),), "verdict": Verdict(verdict), "severity": Severity(severity),
        "title": "t", "statement": "s", "assumptions": (), "witness": {},
        "correction": "c" if wrong else "", "sources": (), "code": (), "depends_on": (),
        "supplied_by": (), "module": "m", "proof": lambda: iter(()),
    }
    return Claim(**{**basic, **fields})


def evidence(role=Role.ESTABLISHES, passed=True, grade=Grade.EXACT, subject=""):
    return Evidence("a.b", "kind", grade, role, passed, 0.0, "reason", "detail", subject)


REJECTED = Control("a.b", "variant", True, "")
FINE = Decision(Outcome.PROVED)


def record(*evidence, controls=(REJECTED,), witness=FINE):
    return Record("a.b", witness, tuple(evidence), tuple(controls), 0.0)


def test_a_proved_claim_with_a_rejected_control_is_confirmed():
    assert own_problems(claim(), record(evidence())) == []


@pytest.mark.parametrize(("entry", "found", "fragment"), [
    (claim(), record(), "nothing establishes"),
    (claim(), record(evidence(passed=False)), "reason - detail"),
    (claim(), record(evidence(), controls=()), "no negative control"),
    (claim(), record(evidence(), controls=(replace(REJECTED, rejected=False),)), "not rejected"),
    (claim(), record(evidence(), evidence(Role.REFUTES)), "yet a check refutes it"),
    (claim(), record(evidence(), witness=Decision(Outcome.REFUTED, "no point")), "no point"),
    (claim(), record(evidence(), witness=Decision(Outcome.UNKNOWN, "undecided")), "undecided"),
    (claim(code=("core.kl.f",)), record(evidence()), "core.kl.f was not compared"),
    (claim(code=("core.kl.f",)), record(evidence(), evidence(passed=False, subject="core.kl.f")),
     "core.kl.f was not compared"),
    (claim(verdict="holds-if", severity="cosmetic"), record(evidence()), "as it stands"),
    (claim(verdict="false", severity="wrong-result"), record(evidence(Role.CORRECTS)),
     "as it stands"),
    (claim(verdict="false", severity="misleading"), record(evidence(Role.REFUTES), controls=()),
     "no negative control"),
])
def test_what_falls_short_is_named(entry, found, fragment):
    assert fragment in " ".join(own_problems(entry, found))


def test_a_claim_falls_with_what_it_rests_on():
    ledger = {"a.b": claim("a.b", depends_on=("a.c",)), "a.c": claim("a.c", depends_on=("a.d",)),
              "a.d": claim("a.d")}
    good = record(evidence())
    assert judge(ledger, {id: good for id in ledger}, {}) == {id: [] for id in ledger}
    problems = judge(ledger, {"a.b": good, "a.c": good, "a.d": record()}, {})
    assert all(problems.values())
    assert "rests on a.c" in problems["a.b"][0]


def test_what_was_not_run_supports_nothing():
    ledger = {"a.b": claim("a.b", depends_on=("a.c",)), "a.c": claim("a.c")}
    assert judge(ledger, {"a.b": record(evidence())}, {})["a.b"]


def test_incomplete_stands_only_on_what_supplies_it():
    gap = claim("a.gap", "incomplete", "misleading", supplied_by=("a.b",))
    ledger = {"a.gap": gap, "a.b": claim()}
    empty = record(controls=())
    assert judge(ledger, {"a.gap": empty, "a.b": record(evidence())}, {})["a.gap"] == []
    assert judge(ledger, {"a.gap": empty, "a.b": record()}, {})["a.gap"]


def test_a_misquoted_token_fails_the_claim():
    assert judge({"a.b": claim()}, {"a.b": record(evidence())}, {"a.b": ["line 1"]})["a.b"]


def test_grades_count_passing_evidence_only_strongest_first():
    found = (evidence(grade=Grade.PROPERTY), evidence(grade=Grade.EXACT),
             evidence(grade=Grade.SMT, passed=False))
    assert grades(found) == ["exact", "property"]


@pytest.mark.parametrize(("fields", "fragment"), [
    ({"id": "nodot"}, "section.subject"),
    ({"severity": "cosmetic"}, "'none' goes with 'holds'"),
    ({"verdict": "false", "severity": "cosmetic", "correction": ""}, "needs a correction"),
    ({"verdict": "incomplete", "severity": "cosmetic"}, "supplied_by"),
    ({"supplied_by": ("x.y",)}, "supplied_by"),
    ({"depends_on": ("a.b",)}, "cannot depend on itself"),
    ({"title": " "}, "must not be empty"),
])
def test_a_claim_validates_itself(fields, fragment):
    with pytest.raises(ValueError, match=fragment):
        claim(**fields)
