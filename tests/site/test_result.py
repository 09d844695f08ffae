"""A result that is cut off, of another schema, changed, partial or failed is never green."""

import json

import pytest

from audit.site import result

CLAIM = "kl.standard.closed-form"


def read(path, ledger):
    return result.read(path, ledger)


def entry(summary, id=CLAIM):
    return next(e for e in summary["entries"] if e["id"] == id)


def test_a_confirmed_run_has_no_problems(as_file, summary, ledger):
    found = read(as_file(summary), ledger)
    assert found.problems == () and found.good
    assert list(found.entries) == list(ledger)


@pytest.mark.parametrize("keep", [0, 1, 100, -2])
def test_a_truncated_file(as_file, summary_text, ledger, keep):
    with pytest.raises(result.Unreadable, match=r"not complete JSON .* line 1"):
        read(as_file(summary_text[:keep]), ledger)


def test_a_missing_file(tmp_path, ledger):
    with pytest.raises(result.Missing, match="run nox -s verify first"):
        read(tmp_path / "audit.json", ledger)


def test_another_schema(as_file, summary, ledger):
    summary["schema"] = 1
    with pytest.raises(result.Unreadable, match="has schema 1, this site reads schema 2"):
        read(as_file(summary), ledger)


@pytest.mark.parametrize("text", ["[]", "null", "{}", '{"entries": []}'])
def test_another_file(as_file, ledger, text):
    with pytest.raises(result.Unreadable, match="names no schema"):
        read(as_file(text), ledger)


def test_a_missing_field_is_named(as_file, summary, ledger):
    del entry(summary)["statement"]
    with pytest.raises(result.Unreadable, match="statement"):
        read(as_file(summary), ledger)


def test_an_unknown_verdict_is_named(as_file, summary, ledger):
    entry(summary)["verdict"] = "likely"
    with pytest.raises(result.Unreadable, match="likely"):
        read(as_file(summary), ledger)


def test_a_reference_to_nothing(as_file, summary, ledger):
    summary["entries"] = [e for e in summary["entries"] if e["id"] != CLAIM]
    with pytest.raises(result.Unreadable, match=f"rests on {CLAIM}, which is not in the file"):
        read(as_file(summary), ledger)


def test_an_entry_twice(as_file, summary, ledger):
    summary["entries"].append(entry(summary))
    with pytest.raises(result.Unreadable, match=f"lists a claim twice: {CLAIM}"):
        read(as_file(summary), ledger)


def test_a_line_outside_the_document(as_file, summary, ledger):
    entry(summary)["lines"] = [[1, 456]]
    with pytest.raises(result.Unreadable, match="covers line 456, the document has 455"):
        read(as_file(summary), ledger)


def broken_status(e):
    e["status"] = "failed"


def broken_evidence(e):
    e["evidence"][0]["passed"] = False


def broken_control(e):
    e["controls"][0]["rejected"] = False


def broken_problems(e):
    e["problems"] = ["something"]


@pytest.mark.parametrize(
    "harm", [broken_status, broken_evidence, broken_control, broken_problems],
    ids=lambda f: f.__name__,
)
def test_a_failed_claim_is_named_whatever_its_status_says(as_file, summary, ledger, harm):
    harm(entry(summary))
    problems = read(as_file(summary), ledger).problems
    assert problems == (f"1 of {len(ledger)} claims are not confirmed: {CLAIM}",)


def test_a_partial_run(as_file, summary, ledger):
    leaf = next(id for id in reversed(ledger) if not any(
        id in c.depends_on + c.supplied_by for c in ledger.values()))
    summary["entries"] = [e for e in summary["entries"] if e["id"] != leaf]
    (problem,) = read(as_file(summary), ledger).problems
    assert "the run was partial" in problem and leaf in problem


def test_lines_left_out(as_file, summary, ledger):
    summary["coverage"]["unassigned"] = [7, 8]
    (problem,) = read(as_file(summary), ledger).problems
    assert problem == "lines that no entry covers: 7, 8"


def test_a_result_of_another_ledger(as_file, summary, ledger):
    entry(summary)["correction"] = "x"
    (problem,) = read(as_file(summary), ledger).problems
    assert "another state of the ledger" in problem and CLAIM in problem


def test_a_changed_file(tmp_path, summary, ledger):
    entry(summary)["sources"] = ["nowhere"]
    path = tmp_path / "audit.json"
    path.write_text(json.dumps(summary))  # with the digest of the unchanged content
    (problem,) = read(path, ledger).problems
    assert "the digest does not agree" in problem


def test_trust_that_does_not_follow_from_the_evidence(as_file, summary, ledger):
    entry(summary)["trust"]["lines"] = [["Python"]]
    (problem,) = read(as_file(summary), ledger).problems
    assert problem == f"what must be trusted does not follow from the evidence: {CLAIM}"


def test_evidence_of_a_kind_that_is_not_known(as_file, summary, ledger):
    entry(summary)["evidence"][0]["kind"] = "tea leaves"
    (problem,) = read(as_file(summary), ledger).problems
    assert "what must be trusted does not follow" in problem and CLAIM in problem


def test_evidence_cannot_be_taken_out_of_the_digest(tmp_path, summary, ledger):
    entry(summary)["evidence"][0]["optional"] = True
    path = tmp_path / "audit.json"
    path.write_text(json.dumps(summary))
    (problem,) = read(path, ledger).problems
    assert "the digest does not agree" in problem


def test_another_document(as_file, summary, ledger):
    summary["document"]["sha256"] = "0" * 64
    assert read(as_file(summary), ledger).problems == ("the run is about another document",)
