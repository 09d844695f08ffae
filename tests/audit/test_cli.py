"""The command line as a person meets it: tables, errors of one line, exit statuses."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest

ROOT = Path(__file__).resolve().parents[2]
SMALL = "document"  # a section that runs in no time


def audit(*arguments, cwd=ROOT, **environment):
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    env.pop("AUDIT_DOCUMENT", None)
    done = subprocess.run(
        [sys.executable, "-m", "audit", *arguments], cwd=cwd, env=env, capture_output=True,
        text=True, timeout=240, check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr
    return done


def one_line(text):
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    return lines[0]


def test_an_unknown_claim_names_the_nearest():
    done = audit("verify", "document.blank-line")
    assert done.returncode == 2
    assert "document.blank-lines" in one_line(done.stderr)


def test_an_unknown_claim_to_explain():
    done = audit("verify", "--explain", "document.blank-line")
    assert done.returncode == 2
    assert "document.blank-lines" in one_line(done.stderr)


@pytest.mark.parametrize("option", [["--no-such-option"], ["--device", "abacus"]])
def test_bad_options(option):
    done = audit("verify", *option)
    assert done.returncode == 2
    assert option[-1] in done.stderr


def test_another_document_is_refused(tmp_path):
    other = tmp_path / "other.md"
    other.write_text("# not it\n")
    done = audit("verify", SMALL, "--document", str(other))
    assert done.returncode == 2
    assert "line numbers" in one_line(done.stderr)


def test_a_missing_document(tmp_path):
    done = audit("verify", SMALL, "--document", str(tmp_path / "none.md"))
    assert done.returncode == 2
    assert "none.md" in one_line(done.stderr)


def test_an_output_that_cannot_be_written_is_told_before_the_run(tmp_path):
    (tmp_path / "file").write_text("")
    done = audit("verify", "--json", str(tmp_path / "file" / "audit.json"))
    assert done.returncode == 2
    assert "cannot write" in one_line(done.stderr)
    assert done.stdout == ""


def test_the_list_fits_and_names_every_claim(ledger):
    done = audit("verify", "--list")
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= 100
    listed = set(re.findall(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+", done.stdout))
    assert len(set(ledger) - listed) <= len(ledger) // 10  # long ids are folded over two rows


def test_a_claim_is_explained_step_by_step(ledger):
    done = audit("verify", "--explain", "gaussian.density")
    assert done.returncode == 0
    for word in ("statement", "passed", "Wrong variants", "rejected", "status: confirmed"):
        assert word in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100


SCHEMA = {
    "type": "object",
    "required": ["schema", "document", "entries", "coverage", "totals", "provenance", "digest"],
    "properties": {
        "schema": {"const": 2},
        "document": {"type": "object", "required": ["sha256", "lines"]},
        "entries": {"type": "array", "minItems": 1, "items": {
            "type": "object",
            "required": ["id", "lines", "verdict", "severity", "statement", "assumptions",
                         "correction", "depends_on", "code", "sources", "status", "evidence",
                         "controls"],
            "properties": {
                "lines": {"type": "array", "minItems": 1, "items": {
                    "type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "integer"}}},
                "verdict": {"enum": ["holds", "holds-if", "false", "misprint", "incomplete",
                                     "code-defect", "definition", "not-mathematical"]},
                "severity": {"enum": ["none", "cosmetic", "misleading", "wrong-result"]},
                "status": {"enum": ["confirmed", "failed"]},
                "evidence": {"type": "array", "items": {
                    "type": "object",
                    "required": ["kind", "grade", "passed", "seconds", "detail"]}},
                "controls": {"type": "array", "items": {
                    "type": "object", "required": ["name", "rejected"]}},
            },
        }},
        "coverage": {"type": "object", "required": ["assigned", "total", "unassigned"]},
        "provenance": {"type": "object", "required": [
            "commit", "dirty", "python", "packages", "platform", "devices", "seed"]},
        "digest": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    },
}


def without_times(value):
    if isinstance(value, dict):
        return {k: without_times(v) for k, v in value.items() if k not in ("seconds", "provenance")}
    return [without_times(v) for v in value] if isinstance(value, list) else value


def test_two_runs_of_a_section_write_the_same(tmp_path):
    written = []
    for name in ("one.json", "two.json"):
        done = audit("verify", "markov", "--json", str(tmp_path / name))
        assert done.returncode == 0, done.stdout + done.stderr
        written.append(json.loads((tmp_path / name).read_text()))
    jsonschema.validate(written[0], SCHEMA)
    assert without_times(written[0]) == without_times(written[1])
    assert written[0]["digest"] in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100 + len(str(tmp_path))
    assert "\x1b" not in done.stdout


def test_a_section_alone_does_not_overwrite_the_full_result(tmp_path):
    assert audit("verify", SMALL, cwd=tmp_path).returncode == 0
    assert not (tmp_path / "build").exists()


def test_a_wrong_core_fails_and_names_the_claim(tmp_path):
    for room in ("audit", "core", "derivations"):
        (tmp_path / room).symlink_to(ROOT / room)
    (tmp_path / "core").unlink()
    import shutil

    shutil.copytree(ROOT / "core", tmp_path / "core", ignore=shutil.ignore_patterns("__pycache__"))
    kl = tmp_path / "core" / "kl.py"
    text = kl.read_text()
    assert "+ mean**2) / 2" in text
    kl.write_text(text.replace("+ mean**2) / 2", "- mean**2) / 2"))
    done = audit("verify", "kl.standard.closed-form", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert "FAILED kl.standard.closed-form" in done.stdout


def test_ctrl_c_is_one_line_and_writes_nothing(tmp_path):
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-m", "audit", "verify", "--json", str(tmp_path / "audit.json")],
        cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )
    time.sleep(6)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, (out, err)
    assert "Traceback" not in out + err
    assert "interrupted; nothing was written" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["cite", "write"])
def test_a_reader_that_leaves_early_is_no_error_to_show(command, tmp_path):
    """As `| head` does: here one that never reads."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "audit", command], cwd=tmp_path, stdout=closed,
            env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True,
            timeout=60, check=False,
        )
    assert (done.returncode, done.stderr) == (141, "")
