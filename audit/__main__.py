"""``python -m audit``: the commands of the audit."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time

INTERRUPTED = 130
READER_LEFT = 141  # what a shell gives a command whose output nobody reads any more
_answered = -1.0


def interrupt(*_: object) -> None:
    """Raise KeyboardInterrupt once for a burst of signals, so that tidying up is not broken into.

    One press of Ctrl-C can arrive twice, from the terminal and from a parent such as nox.
    """
    global _answered
    now = time.monotonic()
    if _answered < 0 or now - _answered > 2:
        _answered = now
        raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and answer with an exit status: 0 confirmed, 1 not, 2 bad usage."""
    parser = argparse.ArgumentParser(
        prog="python -m audit", description="An audited reference for DDPM and DDIM."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    from audit import conform, verify
    from audit.site import command

    verify.add_arguments(commands.add_parser(
        "verify", help="prove or refute every claim of the document and hold core against them"
    ))
    command.add_site(commands.add_parser("site", help="turn a result of verify into pages"))
    command.add_cite(commands.add_parser("cite", help="BibTeX for the audit or for one claim"))
    commands.add_parser("write", help="write AUDIT.md, ERRATA.md and ERRATA.zh.md")
    conform.add_arguments(commands.add_parser(
        "conformance", help="hold implementations of DDPM and DDIM against the proven formulas"
    ))
    options = parser.parse_args(arguments)
    run = {"verify": verify.main, "conformance": conform.main, "site": command.site,
           "cite": command.cite, "write": command.write}
    return run[options.command](options)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, interrupt)
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has what it wanted; Python would try to write the rest
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = READER_LEFT
    except KeyboardInterrupt:  # before the run began, while modules were being imported
        print("audit: interrupted; nothing was written", file=sys.stderr)
        status = INTERRUPTED
    sys.exit(status)
