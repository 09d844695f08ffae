"""Every command a person runs.

    nox -s verify                 prove or refute every claim of the document, write audit.json
    nox -s verify -- kl --deep    one section, harder; --help shows all options
    nox -s site                   the result of verify as pages: build/site/index.html
    nox -s conformance            other implementations of DDPM and DDIM held against the proofs
    nox -s conformance -- pkg.mod:Name    your own; docs/check-your-own.md
    nox -s repro                  retrain, and hold every number against its published value
    nox -s repro -- --plan        what that will cost on this machine; --help shows all options
    nox -s tests                  the test suite, in parallel
    nox -s mutation               break it and see: a check must notice
    nox -s fuzz -- --minutes 60   every property with fresh seeds, and broken files
    nox -s supply-chain           licences and known vulnerabilities of what is installed
    nox -s bench                  core against its peers: speed and memory; many minutes
    nox -s lint                   style, import order and types

Both of the first two install what they need into environments of their own, from constraints.txt.
"""

import shutil
import sys

import nox
from nox.command import CommandFailed

nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["verify"]

PINS = ("-c", "constraints.txt")


def run_and_keep_status(session: nox.Session, *command: str, **env: str) -> None:
    """Run a command whose exit status means something (1: not confirmed, 2: bad usage)."""
    try:
        session.run(*command, env=env)
    except CommandFailed as failure:
        sys.exit(failure.return_code or 1)


def install_peers(session: nox.Session) -> None:
    """Other implementations, without their dependencies: those would bring another torch along.

    What the code in question needs is pinned beside them; audit/adapters/standins.py says what is
    not there.
    """
    session.install("-q", "--no-deps", "-r", "constraints-peers.txt")


@nox.session
def verify(session: nox.Session) -> None:
    """Run the ledger: every proof, every negative control, every comparison with core."""
    session.install("-q", *PINS, "-e", ".[audit]")
    run_and_keep_status(session, "python", "-m", "audit", "verify", *session.posargs)


@nox.session
def site(session: nox.Session) -> None:
    """Turn build/audit/audit.json into pages under build/site that open from the file system."""
    session.install("-q", *PINS, "-e", ".[audit,site]")
    run_and_keep_status(session, "python", "-m", "audit", "site", *session.posargs)


@nox.session
def conformance(session: nox.Session) -> None:
    """Hold implementations against the proven formulas: all peers, one, or module:Name."""
    session.install("-q", *PINS, "-e", ".[audit]")
    install_peers(session)
    run_and_keep_status(session, "python", "-m", "audit", "conformance", *session.posargs)


@nox.session
def repro(session: nox.Session) -> None:
    """Train, sample, evaluate and compare: CIFAR-10 with a GPU, handwritten digits without."""
    session.install("-q", *PINS, "-e", ".[repro]")
    if shutil.which("nvidia-smi"):  # FID needs them; torchvision must be the one made for torch
        session.install("-q", *PINS, "torch-fidelity==0.4.0", "torchvision==0.28.0")
    run_and_keep_status(session, "python", "-m", "repro", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests on all cores; arguments after -- go to pytest."""
    session.install("-q", *PINS, "-e", ".[audit,repro,site,tests]")
    install_peers(session)
    # Every core has a worker: threads of one would only wait for those of the other.
    run_and_keep_status(session, "pytest", "-n", "auto", *session.posargs, OMP_NUM_THREADS="1")


@nox.session
def bench(session: nox.Session) -> None:
    """Race core against its peers on this machine, which should do nothing else meanwhile."""
    session.install("-q", *PINS, "-e", ".[audit,bench,repro]")
    install_peers(session)
    run_and_keep_status(
        session, "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/bench",
        "-o", "python_files=bench_*.py", "-W", "default",
        "--benchmark-disable-gc", "--benchmark-columns=median,iqr",
        *session.posargs,
    )


@nox.session
def fuzz(session: nox.Session) -> None:
    """Run every property with fresh seeds and broken files for --minutes; failures are kept."""
    session.install("-q", *PINS, "-e", ".[audit,repro,site,tests]")
    install_peers(session)
    run_and_keep_status(session, "python", "tests/fuzz.py", *session.posargs)


@nox.session(name="supply-chain")
def supply_chain(session: nox.Session) -> None:
    """Licences of all that is installed, and known vulnerabilities where a network allows it."""
    session.install("-q", *PINS, "-e", ".[audit,repro,site,tests]", "pip-audit")
    install_peers(session)
    run_and_keep_status(session, "python", "tests/supply_chain.py", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and types; types need the libraries, so that theirs are known."""
    session.install("-q", *PINS, "-e", ".[audit,repro,site]", "mypy", "ruff")
    session.run("ruff", "check", ".", *session.posargs)
    session.run("mypy")


@nox.session
def mutation(session: nox.Session) -> None:
    """Change one thing in core or a proof at a time; a check must notice. Many minutes."""
    session.install("-q", *PINS, "-e", ".[audit,repro,site,tests]")
    install_peers(session)
    run_and_keep_status(session, "python", "tests/mutation", *session.posargs, OMP_NUM_THREADS="1")
