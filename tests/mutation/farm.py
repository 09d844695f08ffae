"""A process that has imported the heavy libraries, forked for every mutant.

Starting Python with torch and sympy takes seconds, a fork milliseconds.  A child sees a copy of the
tree first on its path; the working tree is only read.  Time is limited by what the child computes,
so that a busy machine fails nobody, and by the clock for one that sleeps.
"""

from __future__ import annotations

import ast
import importlib
import json
import os
import resource
import select
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import covering
from covering import Item
from mutants import Mutant

HEAVY = ("torch", "numpy", "sympy", "flint", "z3", "scipy.stats", "scipy.integrate",
         "scipy.special", "sklearn.linear_model", "hypothesis", "hypothesis.strategies",
         "hypothesis.extra.numpy", "pytest", "jsonschema",
         "rich.console", "torch.nn.functional", "torch.utils.checkpoint")
MEMORY_BYTES = 6 * 2**30
CPU_FACTOR, CPU_SECONDS = 3.0, 10.0
CLOCK_FACTOR, CLOCK_SECONDS = 8.0, 60.0


@dataclass(frozen=True)
class Fate:
    """What became of a mutant: how it was noticed, or ``survived``."""

    outcome: str  # "killed", "timeout", "crashed" or "survived"
    by: str = ""
    seconds: float = 0.0


def import_heavy() -> None:
    """Import what every child needs and no mutant changes."""
    os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
    for name in HEAVY:
        importlib.import_module(name)
    import torch

    torch.set_num_threads(1)


def isolated(
    work: Callable[[], object], cpu: float | None = None, clock: float | None = None
) -> tuple[str, object]:
    """Run in a forked child: ``("done", its answer)``, or how else it ended, and why if known."""
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _child(work, writer, cpu)
    os.close(writer)
    try:
        answer = _read(reader, clock)
    finally:
        _kill_group(child)
        _, status = os.waitpid(child, 0)
        os.close(reader)
    if answer is None:
        return "timeout", None
    try:
        return tuple(json.loads(answer))
    except ValueError:
        ended = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        return ("timeout" if ended == signal.SIGXCPU else "crashed"), None


def _child(work: Callable[[], object], writer: int, cpu: float | None) -> None:
    try:
        os.setpgid(0, 0)
        quiet = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(quiet, stream)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if cpu is not None:
            limit = int(cpu) + 1
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
        try:
            text = json.dumps(("done", work())).encode()
        except Exception as error:  # noqa: BLE001 - the parent says what became of it
            text = json.dumps(("failed", f"{type(error).__name__}: {error}")).encode()
        while text:
            text = text[os.write(writer, text):]
    finally:
        os._exit(0)


def _read(reader: int, clock: float | None) -> bytes | None:
    """All that the child writes until it ends; None where the clock runs out."""
    end = None if clock is None else time.monotonic() + clock
    chunks = []
    while True:
        left = None if end is None else end - time.monotonic()
        if (left is not None and left <= 0) or not select.select([reader], [], [], left)[0]:
            return None
        chunk = os.read(reader, 65536)
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)


def _kill_group(child: int) -> None:
    for kill, target in ((os.killpg, child), (os.kill, child)):
        try:
            kill(target, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def enter(tree: Path) -> None:
    """Make the copy what this process imports from and works in."""
    loaded = [m for m in sys.modules if m.split(".")[0] in covering.ROOMS]
    if loaded:
        raise RuntimeError(f"modules of the rooms are already imported: {loaded[:3]}")
    os.chdir(tree)
    sys.path.insert(0, str(tree))
    importlib.invalidate_caches()


def _prepare() -> None:
    from audit import comparison
    from derivations.prover import balls

    inside = str(Path.cwd())
    for module in (comparison, balls):
        if not module.__file__.startswith(inside):
            raise RuntimeError(f"{module.__name__} comes from {module.__file__}, not from the copy")


def plan(tree: Path, paths: Sequence[str]) -> list[list[Item]]:
    """For each file the checks that cover it."""

    def list_them() -> object:
        enter(tree)
        covering.load_all()
        return [list(map(asdict, covering.items(path))) for path in paths]

    ended, answer = isolated(list_them)
    if ended != "done":
        raise RuntimeError(f"the checks of {', '.join(paths)} cannot be loaded: {answer or ended}")
    return [[Item(**item) for item in items] for items in answer]


def try_all(tree: Path, items: Sequence[Item], batch: Sequence[Mutant]) -> list[Fate]:
    """The fates of mutants of one file; ``tree`` belongs to this process while it runs.

    RuntimeError where a check fails before anything is changed: that mutant would be no evidence.
    """
    path = batch[0].path
    file = tree / path
    original = file.read_text(encoding="utf-8")
    for cached in (file.parent / "__pycache__").glob(f"{file.stem}.*.pyc"):
        cached.unlink()  # it could be taken for that of a mutant of the same length

    def all_of_them() -> object:
        enter(tree)
        covering.preload(path)
        order = _in_order(path, items)
        sys.dont_write_bytecode = True
        return [asdict(_try(file, order, mutant)) for mutant in batch]

    try:
        ended, answer = isolated(all_of_them)
    finally:
        file.write_text(original, encoding="utf-8")
    if ended != "done":
        raise RuntimeError(f"{path}: {answer or ended}")
    return [Fate(**fate) for fate in answer]


def _in_order(path: str, items: Sequence[Item]) -> list[Item]:
    """The checks of the unchanged file, all of which must pass, with their times, cheap first.

    Tests stop at the first failure, which comes early as a rule; wrong variants are rarely
    accepted all of a sudden, and come last.
    """

    def measure() -> object:
        sys.dont_write_bytecode = True
        _import(path)
        sys.dont_write_bytecode = False  # tests are compiled once, by this run
        return [(asdict(item), problems) for item, problems in map(covering.timed, items)]

    ended, answer = isolated(measure)
    if ended != "done":
        raise RuntimeError(f"the checks of the unchanged file {ended}: {answer}")
    if not answer:
        raise RuntimeError("no check covers the file")
    if problems := [p for _, problems in answer for p in problems]:
        raise RuntimeError(f"checks fail before anything is changed: {problems[:3]}")
    measured = [Item(**{**item, "known": tuple(item["known"])}) for item, _ in answer]
    return sorted(measured, key=lambda i: (
        i.kind == "controls", i.seconds / 3 if i.kind == "tests" else i.seconds))


def _import(path: str) -> None:
    """Import the changed file and the proofs that rest on it, and see that all is of the copy."""
    from audit import comparison
    from derivations.prover import balls

    inside = str(Path.cwd())
    for module in (comparison, balls, importlib.import_module(covering.module_of(path))):
        if not module.__file__.startswith(inside):
            raise RuntimeError(f"{module.__name__} comes from {module.__file__}, not from the copy")
    for name in sorted(covering.users(covering.module_of(path))):
        if name.startswith("derivations."):
            importlib.import_module(name)


def _try(file: Path, order: Sequence[Item], mutant: Mutant) -> Fate:
    ast.parse(mutant.source)  # a mutant that is no Python would be no test
    file.write_text(mutant.source, encoding="utf-8")
    cpu = CPU_SECONDS + CPU_FACTOR * sum(item.seconds for item in order)

    def first_failure() -> object:
        try:
            _import(mutant.path)
        except BaseException as error:  # noqa: BLE001 - a module that cannot be imported is noticed
            return f"import: {type(error).__name__}: {error}"
        for item in order:
            if problems := covering.problems_of(item, all=False):
                return problems[0]
        return ""

    start = time.monotonic()
    ended, by = isolated(first_failure, cpu, CLOCK_SECONDS + CLOCK_FACTOR * cpu)
    seconds = round(time.monotonic() - start, 2)
    if ended != "done":
        return Fate(ended, f"within {cpu:.0f} CPU seconds" if ended == "timeout" else "", seconds)
    return Fate("killed" if by else "survived", str(by)[:300], seconds)


def copy_tree(source: Path, target: Path) -> Path:
    """The rooms and their tests, compiled, so that a child need not compile them."""
    import compileall

    for name in (*covering.ROOMS, "repro", "tests"):
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name, ignore=shutil.ignore_patterns(
                "__pycache__", ".*", "fuzz_findings", "*.png"))
    for name in ("pyproject.toml", "README.md"):
        if (source / name).exists():
            shutil.copy(source / name, target / name)
    for name in covering.ROOMS:
        compileall.compile_dir(target / name, quiet=1)
    return target
