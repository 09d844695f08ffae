"""``conformance``: hold implementations against the proven formulas; answer with an exit status.

0: no deviation of the last two classes but those on record with a script.  1: one or more.
2: bad usage: an unknown target, a module that cannot be imported, a place that cannot be written.
Deviations by convention and losses of precision are told and do not change the status.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from audit import files, terminal

USAGE, INTERRUPTED = 2, 130
TARGETS = "core, diffusers, azula, denoising-diffusion-pytorch, k-diffusion"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``conformance``."""
    parser.add_argument("targets", nargs="*", metavar="TARGET",
                        help=f"{TARGETS}, or module:Name of your own adapter; "
                             "all that are installed by default")
    parser.add_argument("--json", type=Path, metavar="PATH",
                        help="where to write the findings as JSON (default, for a full run: "
                             "build/conformance/findings.json, which the site shows)")
    parser.add_argument("--markdown", type=Path, metavar="PATH",
                        help="write the findings as Markdown")


def main(options: argparse.Namespace) -> int:
    """``conformance`` with every foreseeable mistake turned into one clear line."""
    err = terminal.console(stderr=True)

    def complain(message: str, status: int) -> int:
        err.print(f"conformance: {message}", style="red", soft_wrap=True, markup=False)
        return status

    try:
        from audit.conformance import peers, run

        try:
            return run.conformance(options)
        except (peers.Unknown, peers.NotInstalled, files.Unwritable) as error:
            return complain(str(error), USAGE)
    except KeyboardInterrupt:
        return complain("interrupted; nothing was written", INTERRUPTED)
