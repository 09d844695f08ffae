"""The ledger as a whole: complete, consistent, and free of the document's own words."""

import dataclasses
import re

import pytest

from audit.comparison import COMPARISONS
from audit.comparisons import load as load_comparisons
from audit.status import TRUE, needs_control
from derivations.claim import Claim, Severity, Verdict, parse_lines
from derivations.ledger import LedgerError, closure, unassigned_lines, validate
from derivations.prover.execution import Token


def test_every_line_is_assigned(ledger):
    assert unassigned_lines(ledger.values()) == []


def test_a_missing_line_is_noticed(ledger):
    fewer = [c for c in ledger.values() if not c.id.startswith("document.")]
    assert unassigned_lines(fewer)


def test_there_are_at_least_180_entries(ledger):
    assert len(ledger) >= 180


def test_titles_fit_and_say_something(ledger):
    for claim in ledger.values():
        assert 3 <= len(claim.title) <= 90, claim.id


def test_latex_is_balanced(ledger):
    for claim in ledger.values():
        for text in (claim.statement, claim.correction):
            assert text.count("$") % 2 == 0, f"{claim.id}: unbalanced $ in {text!r}"
            bare = re.sub(r"\\[{}]", "", text)
            assert bare.count("{") == bare.count("}"), f"{claim.id}: braces in {text!r}"
            assert not set("\t\f\r\b\a") & set(text), f"{claim.id}: a backslash was swallowed"


def test_code_names_exist_and_are_compared(ledger):
    load_comparisons()
    for claim in ledger.values():
        compared = {c.code for c in COMPARISONS.get(claim.id, ())}
        assert set(claim.code) <= compared, f"{claim.id}: {set(claim.code) - compared}"


def test_every_comparison_belongs_to_a_claim(ledger):
    load_comparisons()
    assert set(COMPARISONS) <= set(ledger)


def test_every_formula_of_core_is_named_by_a_claim(ledger):
    from audit.adapters import core

    named = {name.rsplit(".", 1)[1] for claim in ledger.values() for name in claim.code}
    offered = {name for name in core.__all__ if name[0].islower()}
    assert offered - named == set()


def test_wrong_lines_come_with_a_correction(ledger):
    for claim in ledger.values():
        serious = claim.severity in (Severity.MISLEADING, Severity.WRONG_RESULT)
        if serious and claim.verdict is not Verdict.NOT_MATHEMATICAL:
            assert claim.correction or claim.supplied_by, claim.id


def test_assumptions_of_true_claims_are_satisfiable(ledger):
    for claim in ledger.values():
        if claim.symbolic_assumptions:
            assert claim.decide_witness().outcome == "proved", claim.id


def test_some_true_claims_need_controls(ledger):
    assert all(needs_control(c) for c in ledger.values() if c.verdict in TRUE)


def variant(claim: Claim, **changes) -> Claim:
    return dataclasses.replace(claim, **changes)


def test_a_reference_to_nothing_is_an_error(ledger):
    claim = ledger["document.blank-lines"]
    with pytest.raises(LedgerError, match=r"no\.such"):
        validate({claim.id: variant(claim, depends_on=("no.such",))})


def test_a_circle_is_an_error(ledger):
    first, second = (ledger[i] for i in ("document.blank-lines", "document.delimiters"))
    with pytest.raises(LedgerError, match="circular"):
        validate({first.id: variant(first, depends_on=(second.id,)),
                  second.id: variant(second, depends_on=(first.id,))})


def test_closure_contains_what_a_claim_rests_on(ledger):
    gap = next(c for c in ledger.values() if c.supplied_by)
    assert {gap.id, *gap.supplied_by} <= set(closure(ledger, [gap.id]))


@pytest.mark.parametrize(("text", "fragment"), [
    ("", "write"), ("0", "not within"), ("456", "not within"), ("9-3", "not within"),
    ("5, 4", "rise"), ("1-5, 5", "rise"), ("one", "write"),
])
def test_line_ranges_are_read_strictly(text, fragment):
    with pytest.raises(ValueError, match=fragment):
        parse_lines(text)


def test_tokens_stand_where_the_ledger_says(ledger, document):
    missing = {id: found for id, c in ledger.items() if (found := document.missing_tokens(c))}
    assert missing == {}


def test_blank_lines_and_delimiters_are_what_they_are_called(ledger, document):
    def texts(id):
        return [document.lines[n - 1].strip() for a, b in ledger[id].lines for n in range(a, b + 1)]

    assert set(texts("document.blank-lines")) == {""}
    marks = {r"$$", r"\begin{aligned}", r"\end{aligned}", "```", "```python"}
    assert set(texts("document.delimiters")) <= marks


def test_no_sentence_of_the_document_is_copied(ledger, document):
    prose = [s for line in document.lines for s in re.split(r"[，。；：,;:（）()]", line)]
    sentences = {s.strip() for s in prose if len(re.findall(r"[\u4e00-\u9fff]", s)) >= 12}
    for claim in ledger.values():
        text = claim.statement + claim.correction + claim.title
        assert not [s for s in sentences if s in text], claim.id


def test_no_line_of_code_of_the_document_is_copied(document):
    from pathlib import Path

    root = Path(__file__).resolve().parents[2]
    code = {line.strip() for line in document.lines[284:441] if len(line.strip()) > 40}
    for path in [*root.glob("derivations/**/*.py"), *root.glob("audit/**/*.py"),
                 *root.glob("core/**/*.py")]:
        text = path.read_text(encoding="utf-8")
        assert not [line for line in code if line in text], path


def test_tokens_are_short(ledger):
    for claim in ledger.values():
        for check in claim.proof():
            if isinstance(check.statement, Token):
                assert len(check.statement.text) <= 60, claim.id
