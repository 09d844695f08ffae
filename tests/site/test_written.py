"""AUDIT.md, the errata and citations agree with the ledger, and two languages with each other."""

import json
import re
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
import yaml

from audit import citation, errata, ledger_tables
from audit.errata import Chinese
from audit.site import command, prose

ROOT = Path(__file__).resolve().parents[2]
CJK = r"[\u4e00-\u9fff]"


def test_committed_files_are_those_that_the_ledger_gives():
    for path, text in command.generated().items():
        assert path.read_text(encoding="utf-8") == text, (
            f"{path.name} is out of date: run python -m audit write"
        )


def test_every_erratum_has_its_chinese(ledger):
    assert errata.stale(ledger, errata.chinese()) == []


def test_the_chinese_is_chinese_and_its_formulas_are_set(ledger):
    for entry in errata.collect(ledger):
        assert re.search(CJK, entry.wrong_zh), entry.claim.id
        assert "⟨" not in entry.right_zh and entry.right_zh.strip(), entry.claim.id
        for text in (entry.wrong_zh, entry.right_zh):
            shown = re.sub(r"<code>.*?</code>", "", prose.prose(text))
            assert "$" not in shown, entry.claim.id
        formulas = errata.FORMULA.findall(entry.claim.correction)
        assert set(formulas) <= set(errata.FORMULA.findall(entry.right_zh)), entry.claim.id


def row(**changes):
    return replace(Chinese("错", "⟨1⟩", "0" * 8), **changes)


def test_a_stale_chinese_is_named(ledger):
    claim = ledger["bayes.bar"]
    good = row(english=errata.fingerprint(claim))
    only = {"bayes.bar": claim}
    assert errata.stale(only, {"bayes.bar": good}) == []
    assert "has no Chinese" in errata.stale(only, {})[0]
    assert "is no erratum" in errata.stale(only, {"bayes.bar": good, "kl.other": good})[0]
    assert "has 1 formulas" in errata.stale(only, {"bayes.bar": row(right="x")})[0]
    assert "the correction was changed" in errata.stale(only, {"bayes.bar": row()})[0]


def test_the_document_is_not_quoted(document):
    """No run of ten Chinese characters of the document stands in what we wrote."""
    runs = re.findall(f"{CJK}{{10,}}", "\n".join(document.lines))
    theirs = {run[i:i + 10] for run in runs for i in range(len(run) - 9)}
    ours = re.findall(f"{CJK}{{10,}}", errata.CHINESE.read_text(encoding="utf-8"))
    assert not theirs & {run[i:i + 10] for run in ours for i in range(len(run) - 9)}


def test_tables_keep_their_columns():
    text = (ROOT / "AUDIT.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) > 600
    for line in rows:
        assert len(re.split(r"(?<!\\)\|", line)) in (4, 6, 7, 10, 12), line[:120]
    assert text.count("$`") == text.count("`$")


@pytest.mark.parametrize("text, cell", [
    (r"$P(A|B)$ or $\|x\|$", r"$`P(A\vert B)`$ or $`\Vert x\Vert `$"),
    (r"a|b and \texttt{x\_y}", r"a\|b and `x_y`"),
    ("a < b", "a &lt; b"),
])
def test_cells(text, cell):
    assert ledger_tables.cell(text) == cell


EDITION = citation.Edition("1.0", "c" * 40, False, "d" * 64)


def fields(entry):
    return dict(re.findall(r"^  (\w+)\s+= \{(.*)\},$", entry, re.M))


def test_the_audit_is_cited_with_version_commit_and_digest():
    note = fields(citation.audit(EDITION))["note"]
    assert "version 1.0" in note and "c" * 12 in note and "d" * 64 in note


def test_without_a_run_the_citation_says_how_to_get_the_digest():
    assert "nox -s verify" in citation.audit(citation.Edition("1.0"))


def test_local_changes_are_not_hidden():
    assert "with local changes" in citation.audit(replace(EDITION, dirty=True))


def test_every_claim_is_cited_with_its_sources(ledger):
    for claim in ledger.values():
        text = citation.claim(EDITION, claim)
        assert text.count("{") == text.count("}"), claim.id
        keys = re.findall(r"^@\w+\{(.+),$", text, re.M)
        assert keys[0] == f"audit:{claim.id}" and len(set(keys)) == len(keys), claim.id
        assert bool(claim.sources) == (len(keys) > 1), claim.id
        for number in citation.ARXIV.findall(" ".join(claim.sources)):
            assert f"arxiv:{number}" in keys


def test_citation_cff_is_valid():
    schema = json.loads(Path(__file__).with_name("cff-1.2.0.schema.json").read_text())
    loaded = yaml.load((ROOT / "CITATION.cff").read_text(), Loader=yaml.BaseLoader)
    jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker()).validate(loaded)
    assert loaded["date-released"] == citation.RELEASED
    project = (ROOT / "pyproject.toml").read_text()
    assert f'version = "{loaded["version"]}"' in project
    assert f'license = "{loaded["license"]}"' in project


def test_an_invalid_citation_file_is_seen():
    schema = json.loads(Path(__file__).with_name("cff-1.2.0.schema.json").read_text())
    with pytest.raises(jsonschema.ValidationError, match="authors"):
        jsonschema.Draft7Validator(schema).validate(
            {"cff-version": "1.2.0", "message": "x", "title": "x"})
