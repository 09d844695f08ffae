"""Second opinions in a run: recorded, outside the digest where optional, said where missing."""

import copy

import pytest

from audit import comparisons, runner
from audit.status import own_problems
from audit.summary import digest, summarise
from derivations.claim import Decision, Outcome
from derivations.second import coq, opinions

ID = "marginal.squares.sum-one"
WHERE = {"devices": ["cpu"], "seconds": 1.0}


@pytest.fixture
def entry_claim(ledger):
    """A claim with a second opinion and nothing that takes long."""
    comparisons.load()
    return ledger[ID]


@pytest.fixture
def nothing_installed(monkeypatch):
    monkeypatch.setattr(opinions, "missing",
                        lambda kind: "not here" if kind in opinions.OPTIONAL else "")


@pytest.fixture
def all_installed(monkeypatch):
    """Every optional engine present, and agreeing."""
    monkeypatch.setattr(opinions, "missing", lambda kind: "")
    monkeypatch.setattr(opinions.smtlib, "ask_cvc5", opinions.smtlib.ask_z3)

    def agree(theorem, predicate):
        wrong = "_wrong_" in theorem.name
        return Decision(Outcome.REFUTED if wrong else Outcome.PROVED, "agreed")

    monkeypatch.setattr(coq, "decide", agree)


def summary_of(ledger, record):
    return summarise({ID: ledger[ID]}, {ID: record}, {}, WHERE)


def test_without_the_engines_it_is_said_and_nothing_fails(entry_claim, nothing_installed):
    record = runner.run_claim(entry_claim, runner.Effort(points=2))
    assert own_problems(entry_claim, record) == []
    assert record.not_run == ("SMT-LIB script by cvc5: not here", "Coq proof: not here")
    assert [e.kind for e in record.evidence][-1] == "SMT-LIB script by z3"


def test_with_the_engines_each_is_evidence_with_controls(entry_claim, all_installed):
    record = runner.run_claim(entry_claim, runner.Effort(points=2))
    assert own_problems(entry_claim, record) == []
    assert record.not_run == ()
    last = record.evidence[-3:]
    assert [(e.kind, e.optional, e.passed) for e in last] == [
        ("SMT-LIB script by z3", False, True), ("SMT-LIB script by cvc5", True, True),
        ("Coq proof", True, True)]
    for step in range(len(record.evidence) - 2, len(record.evidence) + 1):
        assert [c.rejected for c in record.controls if c.step == step]


def test_the_digest_is_the_same_with_and_without_them(ledger, entry_claim, monkeypatch, request):
    request.getfixturevalue("all_installed")
    with_all = summary_of(ledger, runner.run_claim(entry_claim, runner.Effort(points=2)))
    request.getfixturevalue("nothing_installed")
    without = summary_of(ledger, runner.run_claim(entry_claim, runner.Effort(points=2)))
    assert with_all["digest"] == without["digest"]
    assert with_all["totals"]["second_opinions"]["Coq proof"] == 1
    assert without["totals"]["second_opinions"]["Coq proof"] == 0
    assert with_all["entries"][0]["trust"]["lines"][-1] == ["Python", "Coq"]
    assert with_all["entries"][0]["grades"] == without["entries"][0]["grades"]


def test_what_every_machine_can_run_is_in_the_digest(ledger, entry_claim, nothing_installed):
    summary = summary_of(ledger, runner.run_claim(entry_claim, runner.Effort(points=2)))
    changed = copy.deepcopy(summary)
    changed["entries"][0]["evidence"][-1]["passed"] = False
    assert digest(changed) != digest(summary)


def test_an_engine_that_disagrees_fails_the_claim(entry_claim, all_installed, monkeypatch):
    monkeypatch.setattr(coq, "decide", lambda *_: Decision(Outcome.UNKNOWN, "Coq rejects it"))
    record = runner.run_claim(entry_claim, runner.Effort(points=2))
    problems = own_problems(entry_claim, record)
    assert any("Coq rejects it" in p for p in problems)
    assert any("control 'first left out' was not rejected" in p for p in problems)


def test_an_engine_that_breaks_fails_the_claim(entry_claim, all_installed, monkeypatch):
    def broken(*_):
        raise OSError("no such engine")

    monkeypatch.setattr(coq, "decide", broken)
    record = runner.run_claim(entry_claim, runner.Effort(points=2))
    assert any("OSError: no such engine" in p for p in own_problems(entry_claim, record))
