"""``verify``: run the ledger, show it, write audit.json, and answer with an exit status."""

from __future__ import annotations

import argparse
import difflib
import fnmatch
import json
import os
import time
from collections.abc import Mapping
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from audit import document as documents
from audit import files, provenance, runner, terminal
from audit.status import Record, judge
from audit.summary import summarise
from derivations import ledger as ledgers
from derivations.claim import Claim

OUTPUT = Path("build/audit/audit.json")
CONFIRMED, NOT_CONFIRMED, USAGE, INTERRUPTED = 0, 1, 2, 130


class Usage(ValueError):
    """What was asked for cannot be done; the message says what can."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``verify``."""
    parser.add_argument("claims", nargs="*", metavar="CLAIM",
                        help="ids, sections or patterns such as 'kl.*'; all claims by default")
    parser.add_argument("--list", action="store_true", help="list the claims and stop")
    parser.add_argument("--explain", metavar="ID", help="run and print one claim step by step")
    parser.add_argument("--deep", action="store_true",
                        help="25 times the examples and four times the bits; minutes")
    parser.add_argument("--device", default="auto", metavar="DEVICE",
                        help="where core runs: cpu, cuda, or auto (default: both if present)")
    parser.add_argument("--document", type=Path, metavar="PATH",
                        default=os.environ.get("AUDIT_DOCUMENT") or None,
                        help="quote the audited document beside each entry "
                             "(default: the environment variable AUDIT_DOCUMENT)")
    parser.add_argument("--json", type=Path, metavar="PATH",
                        help=f"where to write the result (default: {OUTPUT}, for a full run)")


def _unknown(ledger: Mapping[str, Claim], pattern: str) -> Usage:
    near = difflib.get_close_matches(pattern, ledger, n=3, cutoff=0.3)
    return Usage(f"no claim matches {pattern!r}; nearest: {', '.join(near) or 'none'} "
                 "(--list shows all)")


def select(ledger: Mapping[str, Claim], patterns: list[str]) -> list[str]:
    """The ids that the patterns name: an id, a section, or a shell pattern."""
    chosen: list[str] = []
    for pattern in patterns:
        hits = [id for id in ledger if id == pattern or id.startswith(f"{pattern}.")
                or fnmatch.fnmatchcase(id, pattern)]
        if not hits:
            raise _unknown(ledger, pattern)
        chosen += hits
    return [id for id in ledger if id in set(chosen)] if patterns else list(ledger)


def devices_for(wish: str) -> tuple[str, ...]:
    """The devices that core is run on."""
    if wish == "cpu":
        return ("cpu",)
    import torch

    present = torch.cuda.is_available()
    if wish == "auto":
        return ("cpu", "cuda") if present else ("cpu",)
    if wish == "cuda" and present:
        return ("cuda",)
    if wish == "cuda":
        raise Usage("--device cuda: torch sees no CUDA device here; use cpu or auto")
    raise Usage(f"--device is {wish!r}: use cpu, cuda or auto")


def _run(ids: list[str], effort: runner.Effort) -> dict[str, Record]:
    """Run with a progress bar on standard error; a line every few seconds in a pipe."""
    err = terminal.console(stderr=True)
    if err.is_terminal:
        columns = (TextColumn("{task.description:<40.40}"), BarColumn(), MofNCompleteColumn(),
                   TimeElapsedColumn())
        with Progress(*columns, console=err, transient=True) as bar:
            task = bar.add_task("starting", total=len(ids))
            return runner.run(
                ids, effort, lambda r: bar.update(task, advance=1, description=r.claim)
            )
    done, last = 0, time.monotonic()

    def report(_: Record) -> None:
        nonlocal done, last
        done += 1
        if time.monotonic() - last > 5:
            last = time.monotonic()
            err.print(f"{done} of {len(ids)} claims")

    return runner.run(ids, effort, report)


def _explain(
    ledger: Mapping[str, Claim], id: str, effort: runner.Effort,
    document: documents.Document | None,
) -> int:
    if id not in ledger:
        raise _unknown(ledger, id)
    records = _run(ledgers.closure(ledger, [id]), effort)
    misquoted = {id: document.missing_tokens(ledger[id])} if document else {}
    problems = judge(ledger, records, misquoted)[id]
    terminal.show_claim(terminal.console(), ledger[id], records[id], problems, document)
    return NOT_CONFIRMED if problems else CONFIRMED


def verify(options: argparse.Namespace) -> int:
    """Run what the options ask for; Usage and Unwritable carry what a person must mend."""
    out = terminal.console()
    ledger = ledgers.load()
    if options.list:
        terminal.show_list(out, [ledger[id] for id in select(ledger, options.claims)])
        return CONFIRMED
    chosen = select(ledger, options.claims)
    document = documents.read(Path(options.document)) if options.document else None
    devices = devices_for(options.device)
    effort = runner.Effort(devices=devices, **(runner.DEEP if options.deep else {}))
    if options.explain:
        return _explain(ledger, options.explain, effort, document)
    output = options.json or (OUTPUT if not options.claims else None)
    if output:
        files.check_writable(output)

    start = time.perf_counter()
    records = _run(ledgers.closure(ledger, chosen), effort)
    misquoted = {id: document.missing_tokens(ledger[id]) for id in records} if document else {}
    where = provenance.collect(devices, time.perf_counter() - start)
    summary = summarise(ledger, records, misquoted, where)
    terminal.show_table(out, ledger, records, summary["entries"], document)
    terminal.show_errata(out, [ledger[id] for id in records])
    terminal.show_totals(out, summary, records)
    if output:
        files.write_atomically(output, json.dumps(summary, indent=1, ensure_ascii=False) + "\n")
        out.print(f"written    {output}", soft_wrap=True)
    incomplete = not options.claims and summary["coverage"]["unassigned"]
    if incomplete:
        out.print(f"FAILED coverage: no entry covers lines {incomplete}", style="red")
    return NOT_CONFIRMED if summary["totals"]["failed"] or incomplete else CONFIRMED


def main(options: argparse.Namespace) -> int:
    """``verify`` with every foreseeable mistake turned into one clear line."""
    err = terminal.console(stderr=True)

    def complain(message: str, status: int) -> int:
        err.print(f"verify: {message}", style="red", soft_wrap=True)
        return status

    try:
        return verify(options)
    except (Usage, documents.WrongDocument, files.Unwritable) as error:
        return complain(str(error), USAGE)
    except ledgers.LedgerError as error:
        return complain(f"the ledger contradicts itself: {error}", NOT_CONFIRMED)
    except BrokenProcessPool:
        return complain("a worker process died (out of memory?); nothing was written",
                        NOT_CONFIRMED)
    except KeyboardInterrupt:
        return complain("interrupted; nothing was written", INTERRUPTED)
