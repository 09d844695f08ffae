"""The lock file is whole and names no index; a licence that is not on the list is seen."""

import re
from email.message import Message
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).resolve().parent.parent
LOCKED = (ROOT / "requirements-audit.txt").read_text(encoding="utf-8")


def test_every_locked_package_is_pinned_as_in_constraints_and_hashed():
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8").lower().replace("_", "-")
    entry = r"^([a-z0-9-]+==\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}.*\n)+)"
    entries = re.findall(entry, LOCKED, re.MULTILINE)
    assert len(entries) == LOCKED.count("==") >= 25
    assert {pin for pin, _ in entries if not pin.startswith("setuptools=")} <= set(
        constraints.split())
    assert "://" not in LOCKED and "index" not in LOCKED and "torch==" not in LOCKED


def test_licences_by_expression_by_classifier_and_none(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tests"))
    import supply_chain

    def package(name, field, value):
        about = Message()
        about["Name"] = name
        about[field] = value
        return SimpleNamespace(metadata=about, version="1")

    here = [package("a", "License-Expression", "MIT AND (GPL-3.0-only OR Apache-2.0)"),
            package("b", "Classifier", "License :: OSI Approved :: MIT License"),
            package("c", "Summary", "no licence"), package("d", "License", "MIT\nand the text")]
    allowed = {"licences": ["MIT", "MIT License", "Apache-2.0"], "packages": {}}
    assert supply_chain.licence_problems(here, allowed) == ["a 1: GPL-3.0-only", "c 1: nothing"]


def test_a_package_that_was_passed_over_is_not_called_sound(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tests"))
    import supply_chain

    packages = [
        {"name": "sound", "version": "1", "vulns": []},
        {"name": "weak", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]},
                                                  {"id": "CVE-2", "fix_versions": []}]},
        {"name": "unknown", "skip_reason": "not found"},
        {"name": "Diffusion_Audit", "skip_reason": "editable"},
    ]
    assert supply_chain.known(packages) == [
        "weak 2: CVE-1, mended in ['3']", "weak 2: CVE-2, mended in nothing yet"]
    assert supply_chain.skipped(packages) == ["unknown: not found"]
