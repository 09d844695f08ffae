"""Mutation scores are shown as measured, in audit.json and AUDIT.md."""

import json

import pytest

from audit import ledger_tables, mutation
from audit.site import result
from audit.summary import digest

ROW = {"module": "core.kl", "mutants": 232, "drawn": 30, "killed": 28, "equivalent": 1,
       "survived": 1, "score": 0.9655, "at_least": 0.8466}
SURVIVOR = {"file": "core/kl.py", "line": 7, "text": "return a + b", "change": "a < b -> (a <= b)"}
MEASURED = {
    "date": "2026-11-25", "commit": "ab" * 20, "changed": [], "python": "3.11.7", "processes": 2,
    "seed": 0, "seconds": 1510, "modules": [ROW], "survivors": [SURVIVOR], "equivalents": [],
}


def shown():
    return {name: MEASURED[name] for name in mutation.KEPT}


def test_what_is_read(tmp_path):
    path = tmp_path / "mutation.json"
    assert mutation.read(path) is None
    path.write_text(json.dumps(MEASURED))
    assert mutation.read(path) == shown()
    assert "equivalents" not in mutation.read(path)


def test_a_share_is_cut_and_not_rounded():
    assert mutation.percent(0.9996) == "99.9 %"
    assert mutation.percent(1.0) == "100.0 %"
    assert mutation.percent(0.9499) == "94.9 %"


def test_where_it_was_measured():
    assert mutation.where(MEASURED) == (
        "Measured on 2026-11-25 at commit abababababab, in 25 minutes on 2 processes, seed 0.")
    assert "of which 2 files were changed" in mutation.where({**MEASURED, "changed": ["a", "b"]})


def test_the_committed_file_adds_up():
    found = mutation.read()
    assert found is not None
    for r in found["modules"]:
        assert r["killed"] + r["equivalent"] + r["survived"] == r["drawn"] <= r["mutants"]
        assert r["at_least"] <= r["score"] <= 1
    assert len(found["survivors"]) == sum(r["survived"] for r in found["modules"])
    assert {f"core.{name}" for name in ("schedule", "posterior", "ddim", "kl")} <= {
        r["module"] for r in found["modules"]}


def test_audit_md_has_the_table(monkeypatch):
    monkeypatch.setattr(mutation, "read", shown)
    text = ledger_tables.markdown({})
    assert "| `core.kl` | 232 | 30 | 28 | 1 | 1 | 96.5 % | 84.6 % |" in text
    assert "commit abababababab" in text
    monkeypatch.setattr(mutation, "read", lambda: None)
    assert "Mutation scores" not in ledger_tables.markdown({})


def schema_error(content):
    with pytest.raises(result.Unreadable) as found:
        result.parse(json.dumps(content))
    return str(found.value)


def minimal(**changes):
    entry = {
        "id": "a.b", "section": "", "title": "", "lines": [[1, 1]], "verdict": "holds",
        "severity": "none", "statement": "", "assumptions": [], "witness": {}, "correction": "",
        "depends_on": [], "supplied_by": [], "code": [], "sources": [], "module": "derivations.a",
        "status": "confirmed", "problems": [], "grades": [], "not_run": [], "evidence": [],
        "trust": {"lines": [], "refuting": [], "besides": []}, "controls": [],
    }
    content = {
        "schema": 2, "document": {"sha256": "", "lines": 1}, "entries": [entry],
        "coverage": {"assigned": 1, "total": 1, "unassigned": []},
        "totals": {"entries": 1, "confirmed": 1, "failed": 0, "second_opinions": {}},
        "provenance": {"commit": "", "dirty": False, "python": "", "packages": {}, "platform": "",
                       "devices": [], "seconds": 1},
        "mutation": shown(), **changes,
    }
    return {**content, "digest": digest(content)}


def test_scores_are_of_no_digest_and_may_be_absent():
    with_scores, without = minimal(), minimal(mutation=None)
    assert with_scores["digest"] == without["digest"]
    assert result.parse(json.dumps(with_scores))["mutation"] == shown()
    assert result.parse(json.dumps(without))["mutation"] is None
    del without["mutation"]
    assert "mutation" not in result.parse(json.dumps(without))


@pytest.mark.parametrize(("change", "said"), [
    ({"score": 1.5}, "score: 1.5 is greater than the maximum"),
    ({"killed": "28"}, "killed: '28' is not of type 'integer'"),
])
def test_malformed_scores_are_named(change, said):
    content = minimal(mutation={**shown(), "modules": [{**ROW, **change}]})
    assert said in schema_error(content)
    content = minimal(mutation={**shown(), "commit": "HEAD"})
    assert "mutation.commit: 'HEAD' does not match" in schema_error(content)
