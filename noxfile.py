"""Every command a person runs.

    nox -s verify                 prove or refute every claim of the document, write audit.json
    nox -s verify -- kl --deep    one section, harder; --help shows all options
    nox -s tests                  the test suite, in parallel
    nox -s mutation               break it and see: verify must notice
    nox -s lint                   style and import order

Both of the first two install what they need into environments of their own, from constraints.txt.
"""

import sys

import nox
from nox.command import CommandFailed

nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["verify"]

PINS = ("-c", "constraints.txt")


def run_and_keep_status(session: nox.Session, *command: str) -> None:
    """Run a command whose exit status means something (1: not confirmed, 2: bad usage)."""
    try:
        session.run(*command)
    except CommandFailed as failure:
        sys.exit(failure.return_code or 1)


@nox.session
def verify(session: nox.Session) -> None:
    """Run the ledger: every proof, every negative control, every comparison with core."""
    session.install("-q", *PINS, "-e", ".[audit]")
    run_and_keep_status(session, "python", "-m", "audit", "verify", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests on all cores; arguments after -- go to pytest."""
    session.install("-q", *PINS, "-e", ".[audit,tests]")
    run_and_keep_status(session, "pytest", "-n", "auto", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style."""
    session.install("-q", *PINS, "ruff")
    session.run("ruff", "check", ".", *session.posargs)


@nox.session
def mutation(session: nox.Session) -> None:
    """Change one thing in core or a proof at a time; verify must notice. Minutes."""
    session.install("-q", *PINS, "-e", ".[audit]")
    run_and_keep_status(session, "python", "tests/mutation.py", *session.posargs)
