"""``site``, ``cite`` and ``write``: the audit as pages, as BibTeX, and as committed files."""

from __future__ import annotations

import argparse
import difflib
import time
from pathlib import Path

from audit import citation, errata, files, terminal
from audit.provenance import ROOT
from audit.verify import CONFIRMED, INTERRUPTED, NOT_CONFIRMED, OUTPUT, USAGE
from derivations import ledger as ledgers

SITE = Path("build/site")


def add_site(parser: argparse.ArgumentParser) -> None:
    """The options of ``site``."""
    parser.add_argument("--json", type=Path, default=OUTPUT, metavar="PATH",
                        help=f"the result to show (default: {OUTPUT})")
    parser.add_argument("--out", type=Path, default=SITE, metavar="FOLDER",
                        help=f"where the pages go (default: {SITE})")
    parser.add_argument("--no-figures", action="store_true", help="leave the figures out")


def add_cite(parser: argparse.ArgumentParser) -> None:
    """The options of ``cite``."""
    parser.add_argument("claim", nargs="?", metavar="CLAIM", help="a claim; the audit by default")
    parser.add_argument("--json", type=Path, metavar="PATH",
                        help=f"the run to cite (default: {OUTPUT}, where it exists)")


def _complain(command: str, message: str, status: int) -> int:
    terminal.console(stderr=True).print(f"{command}: {message}", style="red", soft_wrap=True,
                                        markup=False)
    return status


def site(options: argparse.Namespace) -> int:
    """Build the site; 0 where it shows a confirmed audit, 1 where it does not, 2 on bad usage."""
    from audit.site import build, result

    start = time.perf_counter()
    try:
        build.check_place(options.out)
        ledger = ledgers.load()
        try:
            found = result.read(options.json, ledger)
        except result.Unreadable as error:
            build.refuse(options.out, str(error))
            return _complain("site", f"{error}; {options.out / 'index.html'} says so",
                             NOT_CONFIRMED)
        build.build(options.out, found, ledger, with_figures=not options.no_figures)
    except (result.Missing, files.Unwritable) as error:
        return _complain("site", str(error), USAGE)
    except ledgers.LedgerError as error:
        return _complain("site", f"the ledger contradicts itself: {error}", NOT_CONFIRMED)
    except KeyboardInterrupt:
        return _complain("site", "interrupted; nothing was changed", INTERRUPTED)
    made = [p for p in options.out.rglob("*") if p.is_file()]
    size = sum(p.stat().st_size for p in made) / 1e6
    print(f"written    {options.out / 'index.html'} ({len(made)} files, {size:.1f} MB, "
          f"{time.perf_counter() - start:.1f} s)")
    for problem in found.problems:
        _complain("site", f"FAILED {problem}", NOT_CONFIRMED)
    return NOT_CONFIRMED if found.problems else CONFIRMED


def cite(options: argparse.Namespace) -> int:
    """Print BibTeX for the audit or for one claim."""
    from audit.site import result

    path = options.json or OUTPUT
    try:
        summary = result.parse(path.read_text("utf-8"), path.name)
    except (OSError, UnicodeDecodeError, result.Unreadable) as error:
        if options.json:
            return _complain("cite", f"{path}: {error}", USAGE)
        summary = None
    edition = citation.edition(summary)
    if not options.claim:
        print(citation.audit(edition), end="")
        return CONFIRMED
    ledger = ledgers.load()
    if options.claim not in ledger:
        near = difflib.get_close_matches(options.claim, ledger, n=3, cutoff=0.3)
        return _complain("cite", f"no claim {options.claim!r}; nearest: "
                                 f"{', '.join(near) or 'none'}", USAGE)
    print(citation.claim(edition, ledger[options.claim]), end="")
    return CONFIRMED


def generated() -> dict[Path, str]:
    """The committed files that are written from the ledger, with what they must hold."""
    from audit import comparisons, ledger_tables

    ledger = ledgers.load()
    comparisons.load()
    found = errata.collect(ledger)
    return {
        ROOT / "AUDIT.md": ledger_tables.markdown(ledger),
        ROOT / "ERRATA.md": errata.english_markdown(found),
        ROOT / "ERRATA.zh.md": errata.chinese_markdown(found),
    }


def write(options: argparse.Namespace) -> int:
    """Write AUDIT.md, ERRATA.md and ERRATA.zh.md."""
    try:
        for path, text in generated().items():
            files.write_atomically(path, text)
            print(f"written    {path.relative_to(ROOT)}")
    except ledgers.LedgerError as error:
        return _complain("write", str(error), NOT_CONFIRMED)
    except files.Unwritable as error:
        return _complain("write", str(error), USAGE)
    return CONFIRMED
