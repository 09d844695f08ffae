"""Measured against published, as a table in the terminal, as Markdown, as JSON, and as pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from repro import comparison, pictures, published
from repro.comparison import State, Verdict
from repro.files import write_file
from repro.records import Record

COLOURS = {State.CONSISTENT: "green", State.INCONSISTENT: "red", State.NOT_COMPARABLE: "yellow",
           State.NOT_MEASURED: "dim"}


@dataclass(frozen=True)
class Report:
    """Records, and a verdict for each published row."""

    records: tuple[Record, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def measured(self) -> tuple[Verdict, ...]:
        """The verdicts on rows that some record bears on."""
        return tuple(v for v in self.verdicts if v.state is not State.NOT_MEASURED)


def make(found: Sequence[Record]) -> Report:
    """Every published row against all numbers of the records together."""
    numbers = [number for record in found for number in record.numbers]
    return Report(tuple(found), comparison.compare(published.load(), numbers))


def show(report: Report, console: Console) -> None:
    """The rows that something was measured for, and how many there are for which nothing was."""
    table = Table(title="measured against published", title_justify="left")
    for heading, how in (("published", {}), ("", {"justify": "right"}),
                         ("measured", {"justify": "right"}), ("verdict", {"ratio": 1})):
        table.add_column(heading, **how)
    for verdict in report.measured:
        colour = COLOURS[verdict.state]
        table.add_row(verdict.row.id, verdict.row.value, _values(verdict),
                      f"[{colour}]{verdict.state.value}[/]: {verdict.reason}")
    if report.measured:
        console.print(table)
    left = len(report.verdicts) - len(report.measured)
    console.print(f"{len(report.records)} record(s); of {len(report.verdicts)} published numbers "
                  f"{left} were not measured by any of them")


def write(report: Report, folder: Path) -> tuple[Path, ...]:
    """report.md, report.json and the pictures of each profile's newest record."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [_row(verdict) for verdict in report.verdicts]
    write_file(folder / "report.json", json.dumps(
        {"records": [record.name for record in report.records], "rows": rows}, indent=1) + "\n")
    write_file(folder / "report.md", _markdown(report))
    written = [folder / "report.md", folder / "report.json"]
    newest = {record.profile: record for record in report.records if record.curve}
    for profile, record in newest.items():
        path = folder / f"{profile}-learning-curve.png"
        pictures.write_png(
            pictures.learning_curve(record.curve, _published_losses(report, record)), path)
        written.append(path)
    path = folder / "fid-against-steps.png"
    curves = _fid_curves(report.records)
    if curves:
        pictures.write_png(pictures.fid_against_steps(curves), path)
        written.append(path)
    return tuple(written)


def _values(verdict: Verdict) -> str:
    return ", ".join(f"{value:.4g}" for value in verdict.measured)


def _row(verdict: Verdict) -> dict[str, object]:
    return {
        "id": verdict.row.id, "quantity": verdict.row.quantity, "published": verdict.row.value,
        "measured": list(verdict.measured), "verdict": verdict.state.value,
        "reason": verdict.reason, "interval": verdict.interval, "source": verdict.row.source,
        "differences": {d.field: [d.published, d.own] for d in verdict.differences},
    }


def _markdown(report: Report) -> str:
    lines = ["# Measured against published", "",
             f"{len(report.records)} record(s). A verdict is stated only under equal protocols; "
             f"see repro/comparison.py for the intervals.", "",
             "| published number | value | measured | verdict | reason | source |",
             "|---|---|---|---|---|---|"]
    for verdict in report.verdicts:
        cells = (verdict.row.id, verdict.row.value, _values(verdict) or "-", verdict.state.value,
                 verdict.reason, verdict.row.source)
        lines.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _published_losses(report: Report, record: Record) -> list[tuple[float, float]]:
    """The published training losses of the record's own recipe."""
    own = next((n.protocol for n in record.numbers), {})
    return [(float(v.row.protocol["training_steps"]), float(v.row.value)) for v in report.verdicts
            if v.row.quantity == "loss" and "training_steps" in v.row.protocol
            and v.row.protocol.get("dataset") == own.get("dataset")
            and v.row.protocol.get("network") == own.get("network")]


def _fid_curves(found: Sequence[Record]) -> dict[str, list[tuple[float, float]]]:
    """FID against the training set by steps, for each sampler of which several steps were run."""
    curves: dict[str, dict[int, float]] = {}
    for record in found:
        for number in record.numbers:
            own = number.protocol
            if number.quantity == "FID" and own.get("of") == "samples" and (
                    own.get("reference") == "train"):
                kind = f"eta = {own['eta']:g}" if "eta" in own else own["variance"]
                name = f"{record.profile}, {own['sampler']}, {kind}"
                curves.setdefault(name, {})[own["steps"]] = number.value
    return {name: sorted(points.items()) for name, points in curves.items() if len(points) > 1}

