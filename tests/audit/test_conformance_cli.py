"""``python -m audit conformance`` as a person meets it, and the guide's own example."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from audit.conformance import known
from audit.conformance.implementation import Implementation

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "check-your-own.md"


def conformance(*arguments, cwd=ROOT, start=("-m", "audit")):
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *start, "conformance", *arguments], cwd=cwd, env=env,
        capture_output=True, text=True, timeout=240, check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return done


@pytest.fixture
def package(tmp_path):
    """my_package, as the guide prints it."""
    blocks = re.findall(r"```python\n# (my_package/\w+\.py)\n(.*?)```", GUIDE.read_text(), re.S)
    assert [name for name, _ in blocks] == ["my_package/scheduler.py", "my_package/my_adapter.py"]
    (tmp_path / "my_package").mkdir()
    (tmp_path / "my_package" / "__init__.py").write_text("")
    for name, text in blocks:
        (tmp_path / name).write_text(text)
    return tmp_path


def change(package, old, new):
    path = package / "my_package" / "scheduler.py"
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


TARGET = "my_package.my_adapter:MyScheduler"


def test_the_guide_s_adapter_conforms(package):
    done = conformance(TARGET, "--json", "found.json", "--markdown", "found.md", cwd=package)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "conforms: no deviation" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert "\x1b" not in done.stdout
    (entry,) = json.loads((package / "found.json").read_text())["implementations"]
    assert entry["conforms"] is True
    assert entry["offered"] == ["tables", "q_sample", "chain", "step"]
    assert "Conforms" in (package / "found.md").read_text()


def test_the_guide_s_two_mistakes_are_named(package):
    change(package, "* (1 - level / after)).sqrt()", "* (1 - level / after))")
    change(package, "[-(-T * k // steps) - 1 for", "[-(-T * k // steps) - 2 for")
    done = conformance(TARGET, "--json", "found.json", cwd=package)
    assert done.returncode == 1
    (entry,) = json.loads((package / "found.json").read_text())["implementations"]
    said = {f["key"]: f for f in entry["findings"]}
    assert "the variance stands for the standard deviation" in said["step.variance-for-deviation"][
        "says"]
    assert said["step.variance-for-deviation"]["grey_levels"]["gaussian"] > 0.1
    assert "does not start at t = T" in said["chain.start"]["says"]


def test_two_runs_write_the_same(package):
    change(package, "eta * (", "eta**0.5 * (")
    written = []
    for name in ("one.json", "two.json"):
        conformance(TARGET, "--json", name, cwd=package)
        data = json.loads((package / name).read_text())
        data.pop("seconds")
        written.append(data)
    assert written[0] == written[1]


@pytest.mark.parametrize(("target", "words"), [
    ("difusers", "neither one of core, diffusers"),
    ("no_such_module:Name", "ModuleNotFoundError"),
    ("my_package.my_adapter:Mine", "adapters there: Implementation, MyScheduler"),
])
def test_a_target_that_does_not_exist(package, target, words):
    done = conformance(target, cwd=package)
    assert done.returncode == 2
    assert words in done.stderr


def test_an_adapter_that_cannot_be_made_is_a_finding(package):
    change(package, "T=1000):", "T):")
    done = conformance(TARGET, cwd=package)
    assert done.returncode == 1
    assert "missing 1 required positional" in " ".join(done.stdout.split())


def test_a_place_that_cannot_be_written_is_told_first(package):
    (package / "file").write_text("")
    done = conformance(TARGET, "--json", "file/found.json", cwd=package)
    assert done.returncode == 2
    assert "cannot write" in done.stderr
    assert done.stdout == ""


def test_a_peer_that_is_not_installed_is_told():
    hidden = ("import runpy, sys; sys.modules['k_diffusion'] = None; "
              "runpy.run_module('audit', run_name='__main__', alter_sys=True)")
    done = conformance("k-diffusion", start=("-c", hidden))
    assert done.returncode == 2
    assert "is not installed" in done.stderr


def test_every_deviation_on_record_has_its_script():
    scripts = {file for _, _, file in known.KNOWN}
    folder = ROOT / known.SCRIPTS
    assert scripts == {path.name for path in folder.glob("*.py")}
    for name in scripts:
        text = (folder / name).read_text()
        compile(text, name, "exec")
        code = text.split('"""', 2)[2].strip().splitlines()
        assert len([line for line in code if line.strip()]) <= 15


def test_every_documented_method_exists():
    methods = re.findall(r"^\| `(\w+)\(", GUIDE.read_text(), re.M)
    assert len(methods) == 8
    assert all(hasattr(Implementation, name) for name in methods)
