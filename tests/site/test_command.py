"""``site`` and ``cite`` as a person meets them: exit statuses, one line each, what is written."""

import argparse
import json
from pathlib import Path

import pytest

from audit.site import command


@pytest.fixture
def run(tmp_path, capsys):
    """Call ``site`` without figures; the status, what was printed, and the folder."""

    def call(path, out=None):
        target = out or tmp_path / "pages"
        status = command.site(argparse.Namespace(json=path, out=target, no_figures=True))
        said = capsys.readouterr()
        return status, said.out, said.err, target

    return call


def test_a_confirmed_run(run, as_file, summary):
    status, out, err, target = run(as_file(summary))
    assert (status, err) == (0, "") and "index.html" in out
    assert 'class="state good"' in (target / "index.html").read_text()


def test_a_failed_run_is_shown_and_told(run, as_file, summary):
    summary["entries"][0]["status"] = "failed"
    status, _, err, target = run(as_file(summary))
    assert status == 1
    assert f"FAILED 1 of {len(summary['entries'])} claims" in err
    assert 'class="state bad"' in (target / "index.html").read_text()


def test_a_truncated_result_leaves_a_red_page(run, as_file, summary_text):
    status, _, err, target = run(as_file(summary_text[:1000]))
    assert status == 1 and "not complete JSON" in err
    assert "nothing is confirmed" in (target / "index.html").read_text()


def test_a_missing_result_writes_nothing(run, tmp_path):
    status, _, err, target = run(tmp_path / "none.json")
    assert status == 2 and "run nox -s verify first" in err
    assert not target.exists()


def test_a_folder_with_other_files_is_refused_before_anything_is_done(run, as_file, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("x")
    status, _, err, _ = run(tmp_path / "none.json", tmp_path / "mine")
    assert status == 2 and "holds other files" in err


@pytest.fixture
def cite(capsys):
    """Call ``cite``; the status and what was printed."""

    def call(claim=None, path=None):
        status = command.cite(argparse.Namespace(claim=claim, json=path))
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


def test_cite_names_the_run(cite, as_file, summary):
    path = as_file(summary)
    status, out, _ = cite(path=path)
    assert status == 0 and json.loads(path.read_text())["digest"] in out


def test_cite_one_claim_with_its_papers(cite, as_file, summary):
    status, out, _ = cite("kl.standard.closed-form", as_file(summary))
    assert status == 0
    assert "audit:kl.standard.closed-form" in out and "@misc{arxiv:1312.6114" in out


def test_cite_an_unknown_claim_names_the_nearest(cite):
    status, out, err = cite("kl.standard.closed-forms")
    assert (status, out) == (2, "") and "kl.standard.closed-form" in err


def test_cite_without_a_run(cite, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, _ = cite()
    assert status == 0 and "run nox -s verify" in out


def test_cite_a_result_that_cannot_be_read(cite, tmp_path):
    status, _, err = cite(path=Path(tmp_path / "none.json"))
    assert status == 2 and "none.json" in err
