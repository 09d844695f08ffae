"""``python -m audit``: the commands of the audit."""

from __future__ import annotations

import argparse
import signal
import sys
import time

INTERRUPTED = 130
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
    from audit import verify

    verify.add_arguments(commands.add_parser(
        "verify", help="prove or refute every claim of the document and hold core against them"
    ))
    return verify.main(parser.parse_args(arguments))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, interrupt)
    try:
        status = main()
    except KeyboardInterrupt:  # before the run began, while modules were being imported
        print("audit: interrupted; nothing was written", file=sys.stderr)
        status = INTERRUPTED
    sys.exit(status)
