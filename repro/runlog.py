"""What a run says of itself: a line of JSON a log step, TensorBoard, and a line in the terminal.

    log.jsonl    {"step": 100, "loss": 0.0312, "learning_rate": 4e-06, "images_per_second": 812.4}

A run that continues after step k drops what was logged beyond k: it will be said again.
"""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from torch.utils.tensorboard import SummaryWriter

from repro.files import write_file
from repro.progress import bar


def read(path: Path) -> list[dict[str, Any]]:
    """The entries of a log.  A line that was cut short, by kill -9, or is none, is left out."""
    entries = []
    for line in path.read_bytes().splitlines() if path.exists() else ():
        try:
            entry = json.loads(line.decode("utf-8"))
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict) and isinstance(entry.get("step"), int):
            entries.append(entry)
    return entries


class RunLog:
    """Writes the log of a run from the step after `done` on."""

    def __init__(self, folder: Path, console: Console, *, done: int, steps: int):
        self.console, self.steps = console, steps
        path = folder / "log.jsonl"
        kept = [entry for entry in read(path) if entry["step"] <= done]
        write_file(path, "".join(json.dumps(entry) + "\n" for entry in kept))
        self.file = path.open("a", encoding="utf-8")
        self.board = SummaryWriter(str(folder / "tensorboard"), purge_step=done + 1)
        self.open = ExitStack()

    def __enter__(self) -> Self:
        self.show = self.open.enter_context(bar(self.console, "training"))
        self.open.callback(self.board.close)
        self.open.callback(self.file.close)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.open.close()

    def add(self, entry: Mapping[str, Any]) -> None:
        """An entry: "step", "loss", "learning_rate", "images_per_second", "steps_per_second"."""
        self.file.write(json.dumps(entry) + "\n")
        self.file.flush()
        for name, value in entry.items():
            if name != "step":
                self.board.add_scalar(name, value, entry["step"])
        said = (f"loss {entry['loss']:.4f}, {entry['images_per_second']:,.0f} images/s, "
                f"{entry['steps_per_second']:.3g} steps/s")
        left = (self.steps - entry["step"]) / entry["steps_per_second"] / 60
        self.show(entry["step"], self.steps, said, lambda: (
            f"step {entry['step']:,} of {self.steps:,}, {said}, {left:.1f} minutes left"))
