"""One file for each finished run: what was run, on what, for how long, and every number.

    records/<profile>-seed<seed>-<run>.json

A run that is evaluated again has the same name: it is one run, and is counted once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from repro.comparison import Measurement
from repro.errors import ReproError
from repro.files import write_file

FOLDER = Path(__file__).parent / "records"
CURVE_POINTS = 200


@dataclass(frozen=True)
class Record:
    """A finished run.

    profile, title, seed: of the settings.  run: SHA-256 over the settings, the images, the steps,
    and the weights where they were given.  command: that a person typed.  commit: of the
    project.  finished: ISO 8601, UTC.  seconds: of training, sampling and evaluation, by name.
    hardware, versions: see `machine`.  dataset: name, fingerprint, complete.  training: steps,
    images a second and devices; empty where weights were given.  curve: [step, loss].  numbers:
    the measurements.  baselines: [name, bits per dimension].  unmeasured: what could not be.
    """

    profile: str
    title: str
    seed: int
    run: str
    command: str
    commit: str
    finished: str
    seconds: Mapping[str, float]
    hardware: Mapping[str, Any]
    versions: Mapping[str, str]
    dataset: Mapping[str, Any]
    training: Mapping[str, Any]
    numbers: tuple[Measurement, ...]
    curve: tuple[tuple[int, float], ...] = ()
    baselines: tuple[tuple[str, float], ...] = ()
    unmeasured: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.profile}-seed{self.seed}-{self.run[:8]}.json"


def write(record: Record, folder: Path = FOLDER) -> Path:
    """Keep a record.  Errors: ReproError where it cannot be written."""
    content = asdict(record)
    # A number and its protocol in one flat row: so it is read, and so the site shows it.
    content["numbers"] = [_flat(number) for number in record.numbers]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReproError(f"{folder} cannot be made: {error}") from error
    path = folder / record.name
    write_file(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return path


def load(folder: Path = FOLDER) -> tuple[Record, ...]:
    """All records of a folder, oldest first.  Errors: ReproError that names the file."""
    found = [read(path) for path in sorted(folder.glob("*.json"))]
    return tuple(sorted(found, key=lambda record: record.finished))


def read(path: Path) -> Record:
    """One record.  Errors: ReproError for a file that is not one, naming what is wrong in it."""
    try:
        content = json.loads(path.read_text("utf-8"))
        if not isinstance(content, dict):
            raise ReproError(f"must be an object; got {type(content).__name__}")
        known = {field.name for field in fields(Record)}
        wrong = sorted(known ^ content.keys())
        if wrong:
            raise ReproError(f"must have the fields of a record; {wrong[0]} is missing or unknown")
        numbers = tuple(_measurement(row) for row in content["numbers"])
        lists = {name: tuple(tuple(v) if isinstance(v, list) else v for v in content[name])
                 for name in ("curve", "baselines", "unmeasured")}
        record = Record(**{**content, **lists, "numbers": numbers})
        for name in ("profile", "title", "run", "command", "commit", "finished"):
            if not isinstance(getattr(record, name), str):
                raise ReproError(f"{name} must be text; got {getattr(record, name)!r}")
        return record
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise ReproError(f"{path} must be a record of a run: {error}") from error


def thinned(entries: Sequence[Mapping[str, Any]]) -> tuple[tuple[int, float], ...]:
    """At most 200 points of a log: the mean loss of equal stretches of steps."""
    if not entries:
        return ()
    per_point = -(-len(entries) // CURVE_POINTS)
    groups = [entries[i:i + per_point] for i in range(0, len(entries), per_point)]
    return tuple((group[-1]["step"], sum(e["loss"] for e in group) / len(group))
                 for group in groups)


def _flat(number: Measurement) -> dict[str, Any]:
    row = asdict(number)
    return {**{k: v for k, v in row.items() if k != "protocol"}, **number.protocol}


def _measurement(row: Any) -> Measurement:
    if not isinstance(row, dict):
        raise ReproError(f"numbers must be objects; got {row!r}")
    own = {field.name for field in fields(Measurement)} - {"protocol"}
    missing = sorted(own - row.keys())
    if missing:
        raise ReproError(f"a number must have {missing[0]}")
    protocol = {name: value for name, value in row.items() if name not in own}
    return Measurement(protocol=protocol, **{name: row[name] for name in own})
