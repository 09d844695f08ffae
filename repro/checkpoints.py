"""Checkpoints: written whole or not at all, checked by hash, the newest sound one is continued.

    checkpoints/step-00010000/network.safetensors, ema.safetensors, optimiser.safetensors
                              state.json       the step, and what the run was
                              checksums.json   SHA-256 of each of the others

A checkpoint appears under its name when it is complete and on the disk.  One that was truncated,
emptied or changed since is named and passed over, and stays where it is.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from repro.errors import ReproError
from repro.files import sha256, write_folder

CHECKSUMS, STATE = "checksums.json", "state.json"
State = Mapping[str, Mapping[str, Tensor]]


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a checkpoint holds.  tensors: by file and name, on the CPU; state: from state.json."""

    path: Path
    step: int
    state: Mapping[str, Any]
    tensors: State


def write(folder: Path, step: int, state: Mapping[str, Any], tensors: State, keep: int) -> Path:
    """A checkpoint of a step, and the removal of all but the newest `keep`.

    A sound one of that step stays as it is; one that was passed over is replaced.
    Errors: ReproError where the disk is full; older checkpoints are still there then.
    """
    path = folder / name(step)

    def fill(place: Path) -> None:
        for file, part in tensors.items():
            try:
                save_file({k: v.detach().cpu().contiguous() for k, v in part.items()},
                          place / f"{file}.safetensors")
            except SafetensorError as error:
                raise OSError(str(error)) from error
        (place / STATE).write_text(json.dumps({"step": step, **state}, indent=2) + "\n", "utf-8")
        sums = {p.name: sha256(p) for p in sorted(place.iterdir())}
        (place / CHECKSUMS).write_text(json.dumps(sums, indent=2) + "\n", "utf-8")

    folder.mkdir(parents=True, exist_ok=True)
    if path.exists() and _is_sound(path):
        return path
    shutil.rmtree(path, ignore_errors=True)
    write_folder(path, fill)
    for old in _all(folder)[keep:]:
        shutil.rmtree(old, ignore_errors=True)
    return path


def newest_sound(folder: Path) -> tuple[Checkpoint | None, tuple[str, ...]]:
    """The newest checkpoint that can be trusted, or None; and why newer ones cannot."""
    passed_over: list[str] = []
    for path in _all(folder):
        try:
            return read(path), tuple(passed_over)
        except ReproError as error:
            passed_over.append(str(error))
    return None, tuple(passed_over)


def read(path: Path) -> Checkpoint:
    """One checkpoint.  Errors: ReproError that names the file that is missing or has changed."""
    try:
        sums = json.loads((path / CHECKSUMS).read_text("utf-8"))
        if not isinstance(sums, dict) or STATE not in sums:
            raise ValueError(f"{CHECKSUMS} lists no {STATE}")
        for file, digest in sums.items():
            if sha256(path / Path(file).name) != digest:
                raise ValueError(f"{file} has changed since it was written")
        state = json.loads((path / STATE).read_text("utf-8"))
        tensors = {Path(file).stem: load_file(path / Path(file).name)
                   for file in sums if file != STATE}
        return Checkpoint(path, int(state["step"]), state, tensors)
    except (OSError, ValueError, LookupError, TypeError, OverflowError, RecursionError,
            SafetensorError) as error:
        raise ReproError(f"{path.name} is not sound: {error}") from error


def name(step: int) -> str:
    """The folder of a step's checkpoint."""
    return f"step-{step:08d}"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Nobody else runs in this folder meanwhile; what a killed run left half-written is removed.

    The kernel lets go of the lock when the process ends, however it ends.
    Errors: ReproError that names the other process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise ReproError(f"{folder} must have no other run in it; process "
                             f"{lock.read().strip() or 'of unknown number'} is there") from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        for partial in folder.rglob(".*.partial"):
            shutil.rmtree(partial, ignore_errors=True) if partial.is_dir() else partial.unlink()
        yield


def _is_sound(path: Path) -> bool:
    try:
        read(path)
    except ReproError:
        return False
    return True


def _all(folder: Path) -> list[Path]:
    """Newest first."""
    return sorted(folder.glob("step-*"), reverse=True)
