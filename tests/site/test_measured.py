"""Findings and records beside the site are shown as they are; what cannot be read is named."""

import json

from audit.site import measured


def findings(root, **files):
    folder = root / measured.CONFORMANCE
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / f"{name}.json").write_text(text)


def test_nothing_there(tmp_path):
    for found in (measured.conformance(tmp_path), measured.records(tmp_path),
                  measured.published(tmp_path)):
        assert found == measured.Found()


def test_lists_become_tables(tmp_path):
    findings(tmp_path, peer=json.dumps({
        "seconds": 2.5, "findings": [{"key": "chain.end", "size": 1e-3}, {"key": "eta", "t": None}],
    }))
    plain, listed = measured.conformance(tmp_path).tables
    assert plain.rows == ({"field": "seconds", "value": "2.5"},)
    assert listed.title == "peer: findings" and listed.columns == ("key", "size", "t")
    assert listed.rows[1] == {"key": "eta", "size": "", "t": "-"}


def test_findings_within_implementations_get_tables_of_their_own(tmp_path):
    findings(tmp_path, peers=json.dumps({"implementations": [
        {"name": "core", "findings": []},
        {"name": "peer", "findings": [{"key": "chain.end"}, {"key": "eta"}]},
    ]}))
    outer, inner = measured.conformance(tmp_path).tables
    assert outer.rows == ({"name": "core", "findings": ""}, {"name": "peer", "findings": "2"})
    assert inner.title == "peer: findings" and len(inner.rows) == 2


def test_a_broken_file_is_named_and_the_others_are_shown(tmp_path):
    findings(tmp_path, good="[1]", broken="{")
    found = measured.conformance(tmp_path)
    assert len(found.tables) == 1
    assert found.unreadable[0].startswith("broken.json: ")


def test_published_numbers(tmp_path):
    path = tmp_path / measured.PUBLISHED
    path.parent.mkdir(parents=True)
    path.write_text('[[row]]\nquantity = "FID"\nvalue = 3.17\n')
    (table,) = measured.published(tmp_path).tables
    assert table.rows == ({"quantity": "FID", "value": "3.17"},)
