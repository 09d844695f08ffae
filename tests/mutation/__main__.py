"""Break it and see: change one thing in core or in a proof, and a check must notice.

    nox -s mutation                       a sample of every module's mutants; audit/mutation.json
    nox -s mutation -- core/kl.py         every mutant of one file, or of one folder
    nox -s mutation -- --all              every mutant there is: many hours
    nox -s mutation -- --commit HEAD      a commit, not the files as they are
    nox -s mutation -- --rescore          the last result again, after a change of equivalent.toml

A mutant is killed where a check that covers its file fails, breaks, or does not end in time.
Survivors are listed; those that change nothing, or that turn a proof into one of another true
statement, stand in equivalent.toml with a reason, and count as neither.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import measuring
import scores
from mutants import Mutant, mutants
from rich.console import Console

ROOT = Path(__file__).resolve().parents[2]
RESULT = ROOT / "audit" / "mutation.json"
EQUIVALENT = Path(__file__).with_name("equivalent.toml")
DRAWN = 60  # of each: without a survivor, 95 % or more are noticed, with 95 % confidence
NOT_MUTATED = {"derivations/prover", "derivations/second"}  # checkers: tests/derivations


def files(root: Path) -> list[str]:
    """Files with formulas: core, and the subjects of derivations."""
    found = [*sorted((root / "core").glob("*.py")), *sorted((root / "derivations").glob("*/*.py"))]
    paths = [p.relative_to(root).as_posix() for p in found if p.name != "__init__.py"]
    return [p for p in paths if str(Path(p).parent) not in NOT_MUTATED]


def chosen(root: Path, wanted: Iterable[str]) -> list[str]:
    """The files that are named, alone or by their folder; all where none is."""
    known, found = files(root), []
    for name in wanted:
        name = name.removeprefix(f"{ROOT}/").rstrip("/")
        mine = [p for p in known if p == name or p.startswith(f"{name}/")]
        if not mine:
            raise SystemExit(f"mutation: {name} has no formulas: name a file of core, or a file or "
                             "folder of derivations")
        found += mine
    return list(dict.fromkeys(found)) or known


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True,
                          check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def changed_files() -> list[str]:
    """Files of the rooms and tests that differ from the commit, of which the result is then also.
    """
    status = _git("status", "--porcelain", "--", "core", "derivations", "audit", "tests")
    return sorted({line[3:].split(" -> ")[-1] for line in status.splitlines()}
                  - {RESULT.relative_to(ROOT).as_posix()})


def _grouped(found: list[Mutant]) -> dict[str, list[Mutant]]:
    groups: dict[str, list[Mutant]] = {}
    for mutant in found:
        groups.setdefault(scores.group_of(mutant.path), []).append(mutant)
    return groups


def main() -> int:
    """Try mutants, show and write the scores; 1 where one survived or the list is contradicted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", help="only these, every mutant without --draw")
    parser.add_argument("--all", action="store_true", help="all mutants instead of a sample")
    parser.add_argument("--seed", type=int, default=0, help="of the sample (default: 0)")
    parser.add_argument("--draw", type=int, metavar="N", help="mutants of each module or subject")
    parser.add_argument("--commit", help="measure this commit, not the files as they are")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path, metavar="PATH",
                        help="where the result goes (default: audit/mutation.json, without FILES)")
    parser.add_argument("--merge", action="store_true",
                        help="replace the modules of FILES in the result that is there")
    parser.add_argument("--rescore", action="store_true", help="try nothing: score again")
    options = parser.parse_args()
    target = options.json or (RESULT if options.merge or not options.files else None)
    out = Console(width=100, highlight=False, markup=False, emoji=False)
    contradictions: list[str] = []
    if options.rescore:
        result = scores.rescore(_read(target), scores.read_equivalents(EQUIVALENT))
    else:
        with tempfile.TemporaryDirectory() as folder:
            root = ROOT
            if options.commit:
                root = measuring.checkout(ROOT, options.commit, Path(folder))
            result, contradictions = measure(options, root, out)
        if options.merge:
            result = scores.merge(_read(target), result)
    for line in scores.table(result["modules"]):
        out.print(line)
    for s in result["survivors"]:
        out.print(f"survived: {s['file']}:{s['line']}: {s['change']}", soft_wrap=True)
    if target:
        target.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", "utf-8")
        out.print(f"written {target}", soft_wrap=True)
    for contradiction in contradictions:
        out.print(contradiction, soft_wrap=True)
    return 1 if result["survivors"] or contradictions else 0


def _read(path: Path) -> dict[str, object]:
    return json.loads(path.read_text("utf-8"))


def measure(
    options: argparse.Namespace, root: Path, out: Console
) -> tuple[dict[str, object], list[str]]:
    """Try what the options ask for, of the files under ``root``; and what contradicts the list."""
    paths = chosen(root, options.files)
    groups = _grouped([m for p in paths for m in mutants(p, (root / p).read_text("utf-8"))])
    equal = scores.match(scores.read_equivalents(EQUIVALENT),
                         [m for group in groups.values() for m in group])
    whole = options.all or (bool(options.files) and options.draw is None)
    drawn = [m for group in groups.values() for m in scores.draw(
        group, None if whole else options.draw or DRAWN, options.seed)]
    where = {"commit": _git("rev-parse", options.commit or "HEAD"),
             "changed": [] if options.commit else changed_files()}
    start = time.monotonic()
    fates = measuring.try_mutants(drawn, root, options.processes, out)
    rows, survivors, equivalents = scores.results(groups, fates, equal)
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        **where, "python": platform.python_version(), "processes": options.processes,
        "seed": options.seed, "seconds": round(time.monotonic() - start),
        "modules": rows, "survivors": survivors, "equivalents": equivalents,
    }, list(scores.contradicted(fates, equal))


if __name__ == "__main__":
    os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")  # before torch is imported
    sys.exit(main())
