"""The training run: step after step until the end, a signal, or a fault; then continued.

    folder/run.json       what is trained: only the same is continued
    folder/checkpoints/   the last few
    folder/log.jsonl, tensorboard/, grids/
"""

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import torch
from rich.console import Console

from repro import checkpoints
from repro.dataset import Dataset
from repro.distributed import World
from repro.errors import ReproError
from repro.files import write_file
from repro.grids import write_grid
from repro.profile import Profile, Training
from repro.runlog import RunLog
from repro.trainer import Trainer, learning_rate


class Stop:
    """Whether the process was asked to end, and by which signal."""

    def __init__(self) -> None:
        self.signal = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        signal.signal(number, signal.SIG_DFL)  # asked twice, it ends at once


@contextmanager
def asked_to_stop() -> Iterator[Stop]:
    """SIGINT and SIGTERM end the run after the present step, with a checkpoint."""
    stop = Stop()
    before = {n: signal.signal(n, stop) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(frozen=True, eq=False)
class Outcome:
    """How a call of `train` ended.

    trainer: after its last step.  began: the step that it continued from, 0 for none.  seconds:
    of this call, with its checkpoints.  signal: which signal ended it early, or 0.
    """

    trainer: Trainer
    began: int
    seconds: float
    signal: int


def train(
    profile: Profile, dataset: Dataset, folder: Path, world: World, console: Console, *,
    compiled: bool = False, on_candidate: Callable[[Trainer], None] | None = None,
) -> Outcome:
    """Train until profile.training.steps, from the newest sound checkpoint in folder if there is.

    on_candidate: called by the leading process after every profile.selection.every steps, and the
    last.

    Errors: ReproError where folder holds another run, a checkpoint cannot be written, the loss or
    a gradient is not finite; what is on the disk can be continued in each case.
    """
    begun = read = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(profile, dataset, world, compiled=compiled)
    _require_same_run(folder, trainer, dataset)
    world.wait()
    last = _resume(trainer, folder / "checkpoints", console)
    began, training, stopping = trainer.step, profile.training, 0
    with asked_to_stop() as stop, ExitStack() as stack:
        log = stack.enter_context(
            RunLog(folder, console, done=began, steps=training.steps)) if world.leads else None
        while trainer.step < training.steps and not stopping:
            trainer.advance()
            step, ends = trainer.step, trainer.step == training.steps
            logs = ends or step % training.log_every == 0
            # Processes tell one another of a signal only when they look up, to stop at one step.
            if logs or world.size == 1:
                stopping = world.max(stop.signal)
            try:
                if logs:
                    since = step - (step - 1) // training.log_every * training.log_every
                    loss, now = trainer.read_loss(since), time.monotonic()
                    speed = min(since, step - began) / (now - read)
                    if log:
                        log.add(_entry(training, step, loss, speed))
                    read = now
                if stopping or ends or step % training.checkpoint_every == 0:
                    last = _save(trainer, folder / "checkpoints")
            except ReproError as error:
                raise ReproError(f"{error}; the last good checkpoint is "
                                 f"{last or 'none: there was no earlier one'}") from error
            if profile.selection and (ends or step % profile.selection.every == 0):
                if world.leads and on_candidate:
                    on_candidate(trainer)
                world.wait()
            if ends or step % training.grid_every == 0:
                if world.leads:
                    write_grid(trainer, dataset, folder / "grids" / f"step-{step:08d}.png")
                world.wait()
    return Outcome(trainer, began, time.monotonic() - begun, stopping)


def _entry(training: Training, step: int, loss: float, speed: float) -> dict[str, float]:
    """A line of the log; speed in steps/s."""
    return {"step": step, "loss": loss, "learning_rate": learning_rate(training, step),
            "steps_per_second": speed, "images_per_second": speed * training.batch}


def _save(trainer: Trainer, folder: Path) -> str:
    """Write a checkpoint, from the leading process; the others wait.  Its name."""
    trainer.require_finite()
    if trainer.world.leads:
        state = {"devices": trainer.world.size, "kind": trainer.world.device.type,
                 "torch": torch.__version__}
        checkpoints.write(folder, trainer.step, state, trainer.state(),
                          trainer.profile.training.keep)
    trainer.world.wait()
    return checkpoints.name(trainer.step)


def _resume(trainer: Trainer, folder: Path, console: Console) -> str | None:
    """Go on from the newest sound checkpoint, and say so.  Its name, or None."""
    found, passed_over = checkpoints.newest_sound(folder)
    said: Callable[[str], None] = console.print if trainer.world.leads else (lambda line: None)
    for reason in passed_over:
        said(f"passed over: {reason}")
    if found is None:
        return None
    trainer.restore(found.step, found.tensors)
    said(f"continuing after step {found.step:,}, from {found.path}")
    then = (found.state.get("devices"), found.state.get("kind"))
    now = (trainer.world.size, trainer.world.device.type)
    if then != now:
        said(f"it was written by {then[0]} {then[1]} device(s) and goes on with {now[0]} {now[1]}: "
             f"the same batches where the kind is the same, but other dropout masks")
    return found.path.name


def _require_same_run(folder: Path, trainer: Trainer, dataset: Dataset) -> None:
    """What the folder holds is this run, or nothing yet: then it is said there."""
    path, profile = folder / "run.json", trainer.profile
    this = {"profile": profile.name, "digest": profile.digest, "dataset": dataset.name,
            "fingerprint": dataset.fingerprint}
    try:
        held = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if trainer.world.leads:
            write_file(path, json.dumps(this, indent=2) + "\n")
        return
    except ValueError as error:
        raise ReproError(f"{path} must be what an earlier run wrote: {error}") from error
    for name in ("digest", "fingerprint"):
        if not isinstance(held, dict) or held.get(name) != this[name]:
            what = "settings" if name == "digest" else "images"
            raise ReproError(f"{folder} must hold a run of the same {what}, to be continued; "
                             f"choose another --folder for this one")
