"""What a person sees: the table of claims, the errata, the totals, and one claim explained.

At most 100 columns; colour only where the terminal has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

import sympy
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from audit.document import Document
from audit.evidence import Control
from audit.status import CONFIRMED, Record
from audit.summary import trust_of
from derivations.claim import Claim, Severity, Verdict

WIDTH = 100
_STYLE = {
    Verdict.HOLDS: "green", Verdict.HOLDS_IF: "yellow", Verdict.FALSE: "red",
    Verdict.MISPRINT: "magenta", Verdict.CODE_DEFECT: "red", Verdict.INCOMPLETE: "cyan",
}
_SEVERE_FIRST = (Severity.WRONG_RESULT, Severity.MISLEADING, Severity.COSMETIC)


def console(stderr: bool = False) -> Console:
    """A console of at most 100 columns, whatever the window, and plain text in a pipe."""
    probe = Console(stderr=stderr)
    return Console(stderr=stderr, width=min(probe.width, WIDTH) if probe.is_terminal else WIDTH,
                   highlight=False)


def lines_of(claim: Claim) -> str:
    """The lines as written in the ledger: 24, 31-32."""
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in claim.lines)


def _verdict(claim: Claim) -> Text:
    return Text(claim.verdict.value, style=_STYLE.get(claim.verdict, ""))


def _columns(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), width=WIDTH)
    widths = {"id": 37, "lines": 11, "verdict": 16, "grade": 11, "evidence": 11, "time": 7,
              "severity": 13, "title": None}
    for name in names:
        table.add_column(
            name, width=widths[name], overflow="ellipsis" if name == "lines" else "fold",
            justify="right" if name == "time" else "left", no_wrap=name == "lines",
            ratio=1 if widths[name] is None else None,
        )
    return table


def show_table(
    out: Console, ledger: Mapping[str, Claim], records: Mapping[str, Record],
    entries: list[dict[str, Any]], document: Document | None,
) -> None:
    """The claims by section: id, lines, verdict, strongest grade, evidence, seconds."""
    found = {entry["id"]: entry for entry in entries}
    for section, group in groupby(records, key=lambda id: found[id]["section"]):
        out.print(Text(f"\n{section}", style="bold"))
        table = _columns("id", "lines", "verdict", "grade", "evidence", "time")
        table.show_header = section == entries[0]["section"]
        for id in group:
            claim, record, entry = ledger[id], records[id], found[id]
            good = entry["status"] == CONFIRMED
            passed = sum(e.passed for e in record.evidence)
            rejected = sum(c.rejected for c in record.controls)
            table.add_row(
                Text(id if good else f"FAILED {id}", style="" if good else "bold red"),
                lines_of(claim), _verdict(claim), (entry["grades"] or ["-"])[0],
                f"{passed}/{len(record.evidence)} {rejected}/{len(record.controls)}",
                f"{record.seconds:.2f} s",
            )
            if document:
                for number, text in document.quote(claim):
                    table.add_row(Text(f"  {number}: {text}", style="dim", no_wrap=True,
                                       overflow="ellipsis"))
        out.print(table)


def show_errata(out: Console, claims: list[Claim]) -> None:
    """Everything but true, well-defined and non-mathematical lines, most severe first."""
    skipped = (Verdict.HOLDS, Verdict.DEFINITION, Verdict.NOT_MATHEMATICAL)
    wrong = [c for c in claims if c.verdict not in skipped]
    if not wrong:
        return
    out.print(Text("\nErrata, most severe first", style="bold"))
    table = _columns("severity", "lines", "verdict", "title")
    for severity in _SEVERE_FIRST:
        for claim in sorted((c for c in wrong if c.severity is severity), key=lambda c: c.lines):
            style = "red" if severity is Severity.WRONG_RESULT else ""
            table.add_row(Text(severity.value, style=style), lines_of(claim), _verdict(claim),
                          claim.title)
    out.print(table)


def show_totals(
    out: Console, summary: Mapping[str, Any], records: Mapping[str, Record]
) -> None:
    """Coverage, counts, wall time, slowest claim, digest; then what failed, by name."""
    totals, coverage = summary["totals"], summary["coverage"]
    out.print(Text("\nTotals", style="bold"))
    verdicts = ", ".join(f"{n} {verdict}" for verdict, n in totals["by_verdict"].items())
    severities = ", ".join(f"{n} {s}" for s, n in totals["by_severity"].items() if s != "none")
    slowest = max(records.values(), key=lambda r: r.seconds)
    rows = [
        ("claims", f"{totals['confirmed']} of {totals['entries']} confirmed; "
                   f"{totals['nothing_to_prove']} of them have nothing to prove of their own"),
        ("verdicts", verdicts),
        ("severity", severities),
        ("coverage", f"{coverage['assigned']} of {coverage['total']} lines"),
        ("evidence", f"{totals['evidence_passed']} of {totals['evidence']} passed"),
        ("controls", f"{totals['controls_rejected']} of {totals['controls']} wrong variants "
                     "rejected"),
        ("second", ", ".join(f"{n} claims: {kind}" for kind, n in
                             totals["second_opinions"].items() if n)),
        *(("not run", reason) for reason in sorted({r for x in records.values()
                                                    for r in x.not_run})),
        ("two grades", f"{totals['true_with_two_grades']} of {totals['true']} true claims"),
        ("slowest", f"{slowest.claim}, {slowest.seconds:.2f} s"),
        ("wall time", f"{summary['provenance']['seconds']:.1f} s on "
                      f"{', '.join(summary['provenance']['devices'])}"),
        ("digest", summary["digest"]),
    ]
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 1))
    table.add_column(style="dim", width=10)
    table.add_column(overflow="fold")
    for name, value in rows:
        if value:
            table.add_row(name, value)
    out.print(table)
    for entry in summary["entries"]:
        for problem in entry["problems"]:
            out.print(Text(f"FAILED {entry['id']}: {problem}", style="red"))


def show_list(out: Console, claims: list[Claim]) -> None:
    """Ids, lines, verdicts and titles, nothing run."""
    table = _columns("id", "lines", "verdict", "title")
    for claim in claims:
        table.add_row(claim.id, lines_of(claim), _verdict(claim), claim.title)
    out.print(table)


def show_claim(
    out: Console, claim: Claim, record: Record, problems: list[str], document: Document | None
) -> None:
    """One claim with its statement, its proof step by step, and what its controls met."""
    out.print(Text(f"{claim.id}  {claim.title}", style="bold"))
    fields = [
        ("lines", lines_of(claim)),
        ("verdict", f"{claim.verdict} ({claim.severity})" if claim.severity is not Severity.NONE
         else claim.verdict.value),
        ("statement", claim.statement),
        ("assumes", "; ".join(a if isinstance(a, str) else sympy.sstr(a)
                              for a in claim.assumptions)),
        ("witness", record.witness.detail if claim.witness else ""),
        ("correction", claim.correction),
        ("rests on", ", ".join(claim.depends_on)),
        ("supplied by", ", ".join(claim.supplied_by)),
        ("code", ", ".join(claim.code)),
        ("sources", "; ".join(claim.sources)),
        ("trusts", str(trust_of(record.evidence))),
        ("besides", ", ".join(trust_of(record.evidence).besides)),
        ("not run", "; ".join(record.not_run)),
    ]
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 1), width=WIDTH)
    table.add_column(style="dim", width=11)
    table.add_column(overflow="fold", ratio=1)
    for name, value in fields:
        if value:
            table.add_row(name, value)
    if document:
        for number, text in document.quote(claim):
            table.add_row(f"line {number}", text)
    out.print(table)
    if record.evidence:
        out.print(Text("\nProof and evidence", style="bold"))
    for number, e in enumerate(record.evidence, 1):
        mark = Text("passed" if e.passed else "FAILED", style="green" if e.passed else "red")
        out.print(Text(f"{number}. {e.reason}"))
        out.print(Padding(Text.assemble(f"{e.role}, {e.kind}, {e.grade}: ", mark, f" - {e.detail}"),
                          (0, 0, 0, 3)))
        _show_controls(out, [c for c in record.controls if c.step == number])
    _show_controls(out, [c for c in record.controls if not 1 <= c.step <= len(record.evidence)])
    out.print(Text(f"\nstatus: {'failed' if problems else 'confirmed'}, {record.seconds:.2f} s",
                   style="bold red" if problems else "bold green"))
    for problem in problems:
        out.print(Text(f"  {problem}", style="red"))


def _show_controls(out: Console, controls: list[Control]) -> None:
    """The wrong variants that one check was given."""
    if controls:
        rejected = sum(c.rejected for c in controls)
        out.print(Padding(Text(f"Wrong variants: {rejected} of {len(controls)} rejected by this "
                               "check", style="dim"), (0, 0, 0, 3)))
    for c in controls:
        mark = ("rejected", "green") if c.rejected else ("ACCEPTED", "red")
        out.print(Padding(Text.assemble("- ", c.name, ": ", mark, f" - {c.detail}"), (0, 0, 0, 5)))
