"""Trying many mutants: worker processes, each with a tree of its own and a group of files."""

from __future__ import annotations

import io
import multiprocessing
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import covering
import farm
from mutants import Mutant
from rich.console import Console

BATCH = 30  # mutants given to a worker at once
_tree: Path


def checkout(repository: Path, commit: str, folder: Path) -> Path:
    """The files of a commit, without touching the working tree."""
    done = subprocess.run(["git", "archive", commit], cwd=repository, capture_output=True,
                          check=True)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def _own_tree(source: str, folders: str) -> None:
    """Each worker changes files in a copy of its own."""
    global _tree
    _tree = farm.copy_tree(Path(source), Path(tempfile.mkdtemp(dir=folders)))
    os.chdir(_tree)
    covering.imports()  # once, for all files


def _work(group: dict[str, list[Mutant]]) -> list[tuple[Mutant, farm.Fate]]:
    """What a worker does with a few files: see that their checks pass, then try their mutants."""
    found = []
    for items, mine in zip(farm.plan(_tree, list(group)), group.values(), strict=True):
        found += zip(mine, farm.try_all(_tree, items, mine), strict=True)
    return found


def _in_groups(drawn: list[Mutant]) -> Iterator[dict[str, list[Mutant]]]:
    """A file of many mutants alone, files of few together: they share the time of loading."""
    by_path: dict[str, list[Mutant]] = {}
    for mutant in drawn:
        by_path.setdefault(mutant.path, []).append(mutant)
    group: dict[str, list[Mutant]] = {}
    for path, mine in by_path.items():
        for i in range(0, len(mine), BATCH):
            group[path] = mine[i:i + BATCH]
            if len(group[path]) == BATCH or sum(map(len, group.values())) >= BATCH:
                yield group
                group = {}
    if group:
        yield group


def try_mutants(
    drawn: list[Mutant], root: Path, processes: int, out: Console
) -> dict[Mutant, farm.Fate]:
    """The fate of every mutant; RuntimeError where the checks fail before anything is changed."""
    farm.import_heavy()
    fates: dict[Mutant, farm.Fate] = {}
    with tempfile.TemporaryDirectory() as folders, ProcessPoolExecutor(
        processes, mp_context=multiprocessing.get_context("fork"),
        initializer=_own_tree, initargs=(str(root), folders),
    ) as pool:
        waiting = [pool.submit(_work, group) for group in _in_groups(drawn)]
        for future in as_completed(waiting):
            if future.exception():
                pool.shutdown(wait=False, cancel_futures=True)
            fates |= future.result()
            _report(out, future.result())
            out.print(f"{len(fates)} of {len(drawn)}")
    return fates


def _report(out: Console, found: list[tuple[Mutant, farm.Fate]]) -> None:
    for mutant, fate in found:
        if fate.outcome == "survived":
            out.print(f"survived: {mutant.path}:{mutant.line}: {mutant.change}", soft_wrap=True)
