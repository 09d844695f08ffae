"""The mutation tool: what it changes, that it finds a weak check, and that nothing else is touched.
"""

import ast
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOL = ROOT / "tests" / "mutation"
sys.path.append(str(TOOL))

import farm  # noqa: E402
import scores  # noqa: E402
from farm import Fate  # noqa: E402
from mutants import mutants  # noqa: E402
from scores import Equivalent, ListError  # noqa: E402


def changes(source, path="core/x.py"):
    return [m.change for m in mutants(path, source)]


@pytest.mark.parametrize(("source", "change"), [
    ("a + b", "a + b -> (a - b)"),
    ("a + b", "a + b -> b"),
    ("a * b", "a * b -> a"),
    ("a / b", "a / b -> (b / a)"),
    ("a ** 2", "a ** 2 -> a"),
    ("a ** 2", "a ** 2 -> (a * 2)"),
    ("x.sqrt()", "x.sqrt() -> x"),
    ("torch.sqrt(x)", "torch.sqrt(x) -> x"),
    ("f(a, b)", "f(a, b) -> f(b, a)"),
    ("-a", "-a -> a"),
    ("0.5", "0.5 -> 1.5"),
    ("a < b", "a < b -> (a <= b)"),
    ("a >= b", "a >= b -> (a > b)"),
    ("table[t]", "table[t] -> table[t - 1]"),
    ("eta", "eta -> (eta ** 2)"),
    ("schedule.beta_tilde", "schedule.beta_tilde -> schedule.beta"),
    ("beta_tilde + beta", "beta_tilde -> beta"),
    ("x.clamp(min=a)", "x.clamp(min=a) -> x.clamp(max=a)"),
    ("torch.maximum(a, b)", "torch.maximum -> torch.minimum"),
    ("not a", "not a -> a"),
])
def test_every_kind_of_change(source, change):
    assert change in changes(f"y = {source}\n")


@pytest.mark.parametrize("source", [
    '"""1 + 1"""', "raise ValueError(1 + n)", "require_number('eta', n, 0, 1)", "import a1",
    "f'{1 + n}'", "zip(a, b, strict=True)",
])
def test_what_is_left_alone(source):
    assert changes(f"{source}\n") == []


def test_wrong_variants_are_left_alone_in_proofs_only():
    source = "prove(a + b, wrong={'sign': a - b})\n"
    assert not any("a - b ->" in c for c in changes(source, "derivations/kl/kl.py"))
    assert any("a - b ->" in c for c in changes(source))


def test_only_one_place_changes_and_lines_stay():
    source = "é = 1\ny = (a +\n     b)\nz = a + b\n"
    for mutant in mutants("core/x.py", source):
        got, before = mutant.source.splitlines(), source.splitlines()
        assert ast.dump(ast.parse(mutant.source)) != ast.dump(ast.parse(source))
        assert got[:mutant.line - 1] == before[:mutant.line - 1]
        assert mutant.source.count("é") == 1
    (swap,) = [m for m in mutants("core/x.py", source)
               if m.line == 4 and m.change == "a + b -> (a - b)"]
    assert swap.source == "é = 1\ny = (a +\n     b)\nz = (a - b)\n"


def test_the_same_change_twice_in_a_line_has_two_names():
    found = changes("y = f(1) * 3 + g(1)\n")
    assert {"1 -> 2", "1 -> 2 #2"} <= set(found)
    assert len(found) == len(set(found))


# -- scores ------------------------------------------------------------------------------------

SOURCE = "def f(a, b):\n    return a + b\n"


def listed(**changes):
    return Equivalent(**{"file": "core/x.py", "text": "return a + b",
                         "change": "a + b -> (a - b)", "reason": "b is 0", **changes})


def test_equivalents_are_matched_by_line_and_change():
    found = mutants("core/x.py", SOURCE)
    (equal,) = scores.match([listed()], found)
    assert equal.change == "a + b -> (a - b)"
    assert scores.match([listed(file="core/other.py")], found) == set()


@pytest.mark.parametrize("stale", [{"text": "return b + a"}, {"change": "a + b -> (a * b)"}])
def test_an_entry_without_a_mutant_is_an_error(stale):
    with pytest.raises(ListError, match=r"has no mutant .* take it off the list"):
        scores.match([listed(**stale)], mutants("core/x.py", SOURCE))


def test_an_entry_needs_a_reason():
    with pytest.raises(ListError, match="reason is empty: say why"):
        listed(reason=" ")


def test_a_list_with_an_entry_twice_or_a_field_too_few(tmp_path):
    entry = '[[equivalent]]\nfile = "a"\ntext = "b"\nchange = "c"\nreason = "d"\n'
    path = tmp_path / "equivalent.toml"
    path.write_text(entry * 2)
    with pytest.raises(ListError, match="lists a: c twice"):
        scores.read_equivalents(path)
    path.write_text(entry.replace('reason = "d"\n', ""))
    with pytest.raises(ListError, match=r"entry 1 has .* write file, text, change and reason"):
        scores.read_equivalents(path)


def test_an_equivalent_that_was_noticed_counts_as_noticed_and_is_named():
    found = mutants("core/x.py", SOURCE)
    fates = {m: Fate("killed", "some test") for m in found}
    (row,), survivors, equivalents = scores.results({"core.x": found}, fates, {found[0]})
    assert (row["killed"], row["equivalent"]) == (len(found), 0)
    assert survivors == equivalents == []
    (said,) = scores.contradicted(fates, {found[0]})
    assert "core/x.py" in said and found[0].change in said
    assert "noticed by some test: take it off the list" in said
    assert not list(scores.contradicted({found[0]: Fate("survived", "")}, {found[0]}))


def test_scores_and_the_bound_of_a_sample():
    found = mutants("core/x.py", SOURCE)
    fates = dict(zip(found, map(Fate, ("survived", "crashed", "survived")), strict=True))
    (row,), survivors, equivalents = scores.results({"core.x": found}, fates, {found[0]})
    assert (row["killed"], row["equivalent"], row["survived"]) == (1, 1, 1)
    assert row["score"] == row["at_least"] == 0.5  # all were tried: nothing to bound
    assert [s["change"] for s in survivors] == [found[2].change]
    assert [s["change"] for s in equivalents] == [found[0].change]
    # 30 of 30 noticed: the rate p with p**30 = 0.05.
    assert scores.row("core.x", 400, 30, 30, 0)["at_least"] == round(0.05 ** (1 / 30), 4)
    assert scores.row("core.x", 400, 30, 29, 0)["at_least"] < 0.05 ** (1 / 30)


def result_of(module, **changes):
    file = f"core/{module.split('.')[1]}.py"
    survivor = {"file": file, "line": 2, "text": "return a + b", "change": "a + b -> b"}
    return {"commit": "a", "changed": [], "seed": 0, "seconds": 60, "survivors": [survivor],
            "modules": [scores.row(module, 100, 30, 29, 0)], "equivalents": [], **changes}


def test_a_survivor_that_is_listed_afterwards_is_equivalent():
    before = result_of("core.x")
    after = scores.rescore(before, [listed(change="a + b -> b")])
    assert after["survivors"] == [] and after["equivalents"] == before["survivors"]
    assert after["modules"] == [scores.row("core.x", 100, 30, 29, 1)]
    assert scores.rescore(after, []) == before


def test_modules_measured_again_replace_the_others_stay():
    old = scores.merge(result_of("core.y"), result_of("core.x"))
    new = result_of("core.y", survivors=[], modules=[scores.row("core.y", 100, 30, 30, 0)])
    found = scores.merge(old, new)
    assert [(r["module"], r["killed"]) for r in found["modules"]] == [
        ("core.x", 29), ("core.y", 30)]
    assert [s["file"] for s in found["survivors"]] == ["core/x.py"]
    assert found["seconds"] == 180
    with pytest.raises(ValueError, match="has commit 'a', this run 'b': measure all modules"):
        scores.merge(old, result_of("core.y", commit="b"))


def test_a_draw_is_the_same_for_the_same_seed_only():
    found = mutants("core/x.py", "y = " + " + ".join(f"f({n})" for n in range(20)) + "\n")
    assert scores.draw(found, 10, 0) == scores.draw(found, 10, 0)
    assert scores.draw(found, 10, 0) != scores.draw(found, 10, 1)
    assert len(set(scores.draw(found, 10, 0))) == 10
    assert scores.draw(found, None, 0) == found


def test_the_committed_list_agrees_with_the_sources():
    entries = scores.read_equivalents(TOOL / "equivalent.toml")
    assert entries
    for file in sorted({e.file for e in entries}):
        mine = [e for e in entries if e.file == file]
        found = mutants(file, (ROOT / file).read_text(encoding="utf-8"))
        assert len(scores.match(mine, found)) == len(mine)


# -- the farm ----------------------------------------------------------------------------------

TREE = {
    "core/__init__.py": "",
    "core/strong.py": "def half(a):\n    return a / 2\n",
    "core/weak.py": "def half(a):\n    return a / 2\n",
    "core/looping.py": "def count(n):\n    while n != 0:\n        n = n - 1\n    return 0\n",
    "core/sleeping.py": "NAP = 0\n",
    "core/crashing.py": "def size(n):\n    return n + 0\n",
    "tests/core/test_strong.py":
        "from core.strong import half\n\n\ndef test_half():\n    assert half(6) == 3\n",
    # Holds for a / 2 and for 2 / a alike.
    "tests/core/test_weak.py":
        "from core.weak import half\n\n\ndef test_half():\n    assert half(2) == 1\n",
    "tests/core/test_looping.py":
        "from core.looping import count\n\n\ndef test_count():\n    assert count(3) == 0\n",
    "tests/core/test_sleeping.py":
        "import time\n\nfrom core.sleeping import NAP\n\n\ndef test_nap():\n"
        "    time.sleep(max(NAP, 0) * 100)\n",
    "tests/core/test_crashing.py":
        "import os\n\nfrom core.crashing import size\n\n\ndef test_size():\n"
        "    if size(1) != 1:\n        os.abort()\n",
    "core/failing.py": "def half(a):\n    return a / 2\n",
    "tests/core/test_failing.py":
        "from core.failing import half\n\n\ndef test_half():\n    assert half(6) == 4\n",
    "core/uncovered.py": "def half(a):\n    return a / 2\n",
    "audit/__init__.py": "",
    "audit/comparison.py": "COMPARISONS = {}\n",
    "audit/comparisons/__init__.py": "def load():\n    pass\n",
    "derivations/__init__.py": "",
    "derivations/ledger.py": "def load():\n    return {}\n",
    "derivations/prover/__init__.py": "",
    "derivations/prover/balls.py": "",
    "pyproject.toml": "[tool.pytest.ini_options]\naddopts = '--import-mode=importlib'\n",
}
# In a process of its own: here the rooms have been imported already.
DRIVER = """
import json, sys, tempfile
from dataclasses import asdict
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import farm
from mutants import mutants
import hypothesis, pytest
farm.CPU_SECONDS, farm.CLOCK_SECONDS, farm.CLOCK_FACTOR = 1.0, 2.0, 1.0
source, found = Path(sys.argv[2]), {}
with tempfile.TemporaryDirectory() as folder:
    tree = farm.copy_tree(source, Path(folder))
    for path in sorted(p.relative_to(source).as_posix() for p in source.glob("core/[!_]*.py")):
        (items,) = farm.plan(tree, [path])
        batch = mutants(path, (source / path).read_text())
        try:
            fates = farm.try_all(tree, items, batch)
        except RuntimeError as error:
            found[path] = str(error)
            continue
        found[path] = {m.change: asdict(f) for m, f in zip(batch, fates)}
        assert (tree / path).read_text() == (source / path).read_text()
print(json.dumps(found))
"""


def fingerprint(folder):
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def fates(tmp_path_factory):
    """The fates of all mutants of TREE, by file and change."""
    folder = tmp_path_factory.mktemp("tree")
    for name, text in TREE.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    before = fingerprint(folder)
    done = subprocess.run([sys.executable, "-c", DRIVER, str(TOOL), str(folder)],
                          capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert fingerprint(folder) == before, "the tree that mutants are made of was changed"
    return json.loads(done.stdout)


def test_a_strong_check_kills_all(fates):
    assert {f["outcome"] for f in fates["core/strong.py"].values()} == {"killed"}
    assert "test_half" in fates["core/strong.py"]["a / 2 -> a"]["by"]


def test_a_weak_check_is_found(fates):
    mine = fates["core/weak.py"]
    assert mine["a / 2 -> (2 / a)"]["outcome"] == "survived"
    assert mine["a / 2 -> a"]["outcome"] == "killed"


def test_checks_that_fail_anyway_are_no_evidence(fates):
    assert fates["core/failing.py"].startswith("core/failing.py: RuntimeError: checks fail before")
    assert "no check covers the file" in fates["core/uncovered.py"]


def test_a_mutant_that_hangs_is_stopped(fates):
    assert fates["core/looping.py"]["n - 1 -> (n + 1)"]["outcome"] == "timeout"  # computes
    assert fates["core/sleeping.py"]["0 -> 1"]["outcome"] == "timeout"  # sleeps
    assert fates["core/sleeping.py"]["0 -> (-1)"]["outcome"] == "survived"


def test_a_mutant_that_ends_the_interpreter_is_noticed(fates):
    assert fates["core/crashing.py"]["n + 0 -> (n - 0)"]["outcome"] == "survived"
    assert fates["core/crashing.py"]["0 -> 1"]["outcome"] == "crashed"


def test_a_child_that_cannot_answer_says_why():
    def breaks():
        raise KeyError("no such thing")

    assert farm.isolated(breaks) == ("failed", "KeyError: 'no such thing'")
    assert farm.isolated(lambda: [1, "a"]) == ("done", [1, "a"])
