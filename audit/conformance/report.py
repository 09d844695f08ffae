"""The findings for a terminal of 100 columns, as JSON and as Markdown."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from audit.conformance import known
from audit.conformance.finding import WRONG, Class, Finding

if TYPE_CHECKING:  # which imports this module
    from audit.conformance.run import Subject

STYLE = {Class.CONVENTION: "cyan", Class.PRECISION: "yellow", Class.CONTRADICTS: "red",
         Class.BROKEN: "bold red"}
SCHEMA = 1


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _options(options: Mapping[str, object]) -> str:
    return ", ".join(f"{k}={v!r}" for k, v in options.items())


def _size(finding: Finding) -> list[str]:
    """Measured, exact, absolute, relative and grey levels, those that there are."""
    lines = []
    if finding.got is not None:
        exact = "" if finding.want is None else f" for {_number(finding.want)}"
        lines.append(f"{_number(finding.got)}{exact}")
    if finding.absolute is not None:
        relative = "" if finding.relative is None else f", {finding.relative:.1%}"
        lines.append(f"off by {_number(finding.absolute)}{relative}")
    grey = finding.effect
    if grey.point_mass is not None:
        lines.append(f"grey levels: {grey.point_mass:.3g} point mass, {grey.gaussian:.3g} Gaussian")
    return lines


def _story(finding: Finding, name: str) -> Text:
    """What, why it is or is not an error, and what mends it."""
    text = Text(finding.says)
    if finding.documented:
        text.append(f"\ndocumented: {finding.documented}", style="dim")
    if finding.mend:
        text.append(f"\nmend: {finding.mend}")
    if finding.options:
        text.append(f"\noptions: {_options(finding.options)}", style="dim")
    script = known.script(name, finding) if finding.kind in WRONG else ""
    if script:
        text.append(f"\nshown by: {script}", style="dim")
    return text


def show(
    out: Console, subjects: Sequence[Subject], missing: Sequence[str], seconds: float
) -> None:
    """One table for each implementation, and a line of totals for each."""
    for subject in subjects:
        heading = f"{subject.name} {subject.version}".strip()
        out.print(Text(f"\n{heading}", style="bold"))
        out.print(Text(f"{subject.configurations} configurations, {subject.probed} checks; "
                       f"offered: {', '.join(subject.offered) or 'nothing'}; not offered: "
                       f"{', '.join(subject.not_offered) or 'nothing'}", style="dim"))
        if not subject.findings:
            out.print(Text("conforms: no deviation", style="green"))
            continue
        table = Table(box=None, pad_edge=False, padding=(0, 1, 1, 0), width=100)
        for column, width in (("class", 16), ("what", None), ("where and how large", 30)):
            table.add_column(column, width=width, overflow="fold",
                             ratio=1 if width is None else None)
        for finding in subject.findings:
            where = [f"{finding.part} {finding.where}".strip(),
                     f"{finding.places} of {finding.of} places, "
                     f"{finding.configurations} configurations", *_size(finding)]
            table.add_row(Text(finding.kind.value, style=STYLE[finding.kind]),
                          _story(finding, subject.name), "\n".join(where))
        out.print(table)
    _totals(out, subjects, missing, seconds)


def _totals(
    out: Console, subjects: Sequence[Subject], missing: Sequence[str], seconds: float
) -> None:
    counts = Counter(f.kind for s in subjects for f in s.findings)
    out.print(Text("\nTotals", style="bold"))
    for kind in Class:
        out.print(f"{counts[kind]:4d} {kind.value}")
    for subject in subjects:
        for finding in subject.unrecorded:
            out.print(Text(f"NOT CONFORMING {subject.name}: {finding.says}", style="red"))
    for absent in missing:
        out.print(Text(f"not examined: {absent}", style="yellow"))
    out.print(f"{seconds:.1f} s")


def _finite(value: float | None) -> float | str | None:
    """JSON has no NaN and no infinity."""
    return value if value is None or math.isfinite(value) else str(value)


def _entry(finding: Finding, name: str) -> dict[str, object]:
    return {
        "key": finding.key, "class": finding.kind.value, "part": finding.part,
        "says": finding.says, "where": finding.where, "formula": finding.formula,
        "measured": _finite(finding.got), "exact": _finite(finding.want),
        "absolute": _finite(finding.absolute), "relative": _finite(finding.relative),
        "grey_levels": {"point_mass": _finite(finding.effect.point_mass),
                        "gaussian": _finite(finding.effect.gaussian)},
        "places": finding.places, "of": finding.of, "configurations": finding.configurations,
        "options": {k: str(v) for k, v in finding.options.items()},
        "documented": finding.documented, "mend": finding.mend,
        "script": known.script(name, finding) if finding.kind in WRONG else "",
    }


def as_data(
    subjects: Sequence[Subject], missing: Sequence[str], seconds: float
) -> dict[str, object]:
    """Schema 1: two runs give the same but for ``seconds``."""
    return {
        "schema": SCHEMA,
        "implementations": [
            {"name": s.name, "version": s.version, "configurations": s.configurations,
             "checks": s.probed, "offered": list(s.offered), "not_offered": list(s.not_offered),
             "conforms": not any(f.kind in WRONG for f in s.findings),
             "findings": [_entry(f, s.name) for f in s.findings]}
            for s in subjects
        ],
        "not_examined": list(missing),
        "seconds": round(seconds, 3),
    }


def as_markdown(subjects: Sequence[Subject], missing: Sequence[str]) -> str:
    """A table for each implementation, most serious first."""
    lines = ["# Conformance", ""]
    for subject in subjects:
        lines += [f"## {subject.name} {subject.version}".rstrip(), "",
                  f"{subject.configurations} configurations, {subject.probed} checks. Offered: "
                  f"{', '.join(subject.offered) or 'nothing'}. Not offered: "
                  f"{', '.join(subject.not_offered) or 'nothing'}.", ""]
        if not subject.findings:
            lines += ["Conforms: no deviation.", ""]
            continue
        lines += ["| class | what | where | how large | mend |", "|---|---|---|---|---|"]
        for f in subject.findings:
            what = f.says + (f" Documented: {f.documented}." if f.documented else "")
            options = f" ({_options(f.options)})" if f.options else ""
            cells = (f.kind.value, what, f"{f.part} {f.where}{options}", "; ".join(_size(f)),
                     f.mend)
            lines.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
        lines.append("")
    lines += [f"Not examined: {absent}" for absent in missing]
    return "\n".join(lines).rstrip() + "\n"
