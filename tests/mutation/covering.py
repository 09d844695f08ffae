"""Which checks cover a file, in the order in which they are cheap; run inside a forked child.

A file of core is covered by the comparisons of the claims that name it in ``code``, and by its
tests.  A file of derivations is covered by the claims that it holds or serves (those of the modules
that import it), and by the comparisons that are computed from it.  Proofs do not import core, so a
change of core cannot disturb them.
"""

from __future__ import annotations

import ast
import gc
import importlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# Tests of a file that has no file of tests of its own name.
# Where it is not the file of the module's name alone.
TESTS = {
    "samplers": ("samplers", "samplers_running"),
    "unet": ("unet", "diffusers_layout"),
    "unet_blocks": ("unet_blocks", "winograd", "unet", "diffusers_layout"),
    "unet_config": ("unet_config", "unet", "diffusers_layout"),
}
LEFT_TO_COMPARISONS = ("nothing establishes the statement", "no negative control",
                       "nothing shows the line to fail as it stands", "was not compared")
ROOMS = ("audit", "core", "derivations")


@dataclass(frozen=True)
class Item:
    """One check, or one file of tests, and the CPU seconds it takes on the unchanged file."""

    kind: str  # "claim", "comparison", "controls" or "tests"
    name: str
    seconds: float = 0.0
    known: tuple[str, ...] = ()  # what the claim leaves to its comparisons


def module_of(path: str) -> str:
    """core/kl.py is core.kl."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@cache
def imports() -> dict[str, set[str]]:
    """For each module of the rooms the modules that it names in an import; the tree is the cwd."""
    files = {module_of(str(p)): p for room in ROOMS for p in Path(room).rglob("*.py")}
    found: dict[str, set[str]] = {}
    for module, file in files.items():
        found[module] = set()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found[module] |= {a.name for a in node.names}
            elif isinstance(node, ast.ImportFrom):
                found[module] |= {node.module, *(f"{node.module}.{a.name}" for a in node.names)}
    return {module: names & set(files) for module, names in found.items()}


def users(module: str) -> set[str]:
    """The module and all that rest on it through imports."""
    found, waiting = {module}, [module]
    while waiting:
        name = waiting.pop()
        new = {m for m, names in imports().items() if name in names} - found
        found |= new
        waiting += new
    return found


def preload(path: str) -> None:
    """Import what a change of this file cannot touch, once for all its mutants."""
    touched = users(module_of(path))
    for module in imports():
        # Left to the child: what rests on the file, and the commands, which would load all.
        if module.startswith(("derivations.", "audit.comparison")) and module not in touched \
                and module != "derivations.ledger":
            importlib.import_module(module)
    gc.collect()
    gc.freeze()  # a child that collects would copy all memory that it shares


def load_all() -> None:
    """Import everything."""
    from audit import comparisons
    from derivations import ledger

    comparisons.load()
    ledger.load()


def items(path: str) -> list[Item]:
    """The checks that cover a file, after `load_all`."""
    from audit.comparison import COMPARISONS
    from derivations import ledger

    claims = ledger.load()
    module = module_of(path)
    touched = users(module)
    if path.startswith("core/"):
        named = [c.id for c in claims.values() if any(n.startswith(f"{module}.") for n in c.code)]
        chosen = {_key(c): c for id in named for c in COMPARISONS.get(id, ())}
        chosen |= {_key(c): c for cs in COMPARISONS.values() for c in cs
                   if c.code.startswith(f"{module}.")}
        stem = Path(path).stem
        tests = [Path(f"tests/core/test_{name}.py") for name in TESTS.get(stem, (stem,))]
        found = [Item("tests", str(path)) for path in tests if path.exists()]
    else:
        serving = {m for m in imports() if module in imports()[m]} | {module}
        found = [Item("claim", c.id) for c in claims.values() if c.module in serving]
        chosen = {_key(c): c for cs in COMPARISONS.values() for c in cs
                  if c.run.__module__ in touched}
    return found + [Item(kind, name) for kind in ("comparison", "controls") for name in chosen]


def _key(comparison: object) -> str:
    return f"{comparison.run.__module__}:{comparison.run.__qualname__}"


def run_item(item: Item) -> Iterator[str]:
    """What this check finds wrong; nothing where it accepts."""
    if item.kind == "claim":
        yield from _claim(item.name)
    elif item.kind == "tests":
        yield from _tests(item.name)
    else:
        yield from _comparison(item)


def _comparison(item: Item) -> Iterator[str]:
    from audit.comparison import COMPARISONS, Bench

    importlib.import_module(item.name.split(":")[0])
    comparison = next(c for cs in COMPARISONS.values() for c in cs if _key(c) == item.name)
    if item.kind == "comparison":
        comparison.run(Bench(shrink=False), comparison.subject)
        return
    for name, variant in comparison.wrong.items():
        try:
            comparison.run(Bench(shrink=False), variant)
        except Exception:  # noqa: BLE001 - rejected or broken: no sign that the file is wrong
            continue
        yield f"control {name!r} was not rejected"


def _claim(id: str) -> Iterator[str]:
    """All steps of a claim but second opinions: their scripts and proofs are files of their own."""
    from audit import identities
    from audit.runner import run_check
    from audit.status import Record, own_problems
    from derivations.claim import LEDGER

    claim = LEDGER[id]
    evidence, controls = [], []
    for check in claim.proof():
        pairs = [run_check(id, check)]
        if check.kind == "normal form":
            pairs.append(identities.examine(id, check, 12))
        for found, variants in pairs:
            evidence.append(found)
            controls += variants
            if not found.passed:
                yield f"{id}: {found.reason}: {found.detail}"
            yield from (f"{id}: control {c.name!r} was not rejected" for c in variants
                        if not c.rejected)
    # Comparisons are items of their own.
    record = Record(id, claim.decide_witness(), tuple(evidence), tuple(controls), 0.0)
    yield from (f"{id}: {p}" for p in own_problems(claim, record))


class _Fast:
    """A pytest plugin: a failure need not be shrunk to be one."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    def pytest_configure(self) -> None:
        from hypothesis import Phase, settings

        settings.register_profile("mutation", settings(), phases=(Phase.explicit, Phase.generate),
                                  report_multiple_bugs=False)
        settings.load_profile("mutation")

    def pytest_runtest_logreport(self, report: object) -> None:
        if report.failed:
            self.failed.append(report.nodeid)


def _tests(path: str) -> Iterator[str]:
    import pytest

    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    fast = _Fast()
    # Compiling takes as long as everything else, and only three modules have formulas of its own.
    status = pytest.main(
        ["-x", "-q", "--tb=no", "-p", "no:cacheprovider", "-p", "_hypothesis_pytestplugin",
         "-k", "group_norm or upsample or winograd or not compile", path], plugins=[fast],
    )
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        yield fast.failed[0] if fast.failed else f"{path}: {pytest.ExitCode(status).name}"


def timed(item: Item) -> tuple[Item, list[str]]:
    """The item with its CPU time, and what it finds wrong with the unchanged file."""
    start = time.process_time()
    problems = problems_of(item)
    seconds = time.process_time() - start
    known = tuple(p for p in problems if p.endswith(LEFT_TO_COMPARISONS))
    return (Item(item.kind, item.name, seconds, known),
            [p for p in problems if p not in known])


def problems_of(item: Item, all: bool = True) -> list[str]:
    """What is wrong, errors included; only the first unless ``all``."""
    found: list[str] = []
    try:
        for problem in run_item(item):
            if problem in item.known:
                continue
            found.append(problem)
            if not all:
                break
    except BaseException as error:  # noqa: BLE001 - whatever ends a check, it did not accept
        found.append(f"{item.name}: {type(error).__name__}: {error}")
    return found
