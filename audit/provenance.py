"""Where and with what a run was made."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from pathlib import Path

from derivations.second import coq

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (
    "hypothesis", "numpy", "python-flint", "rich", "scikit-learn", "scipy", "sympy", "torch",
    "z3-solver",
)
SEED = 0  # Hypothesis runs derandomised and z3 with this seed: two runs draw the same examples.


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _optional() -> dict[str, str]:
    """The engines of second opinions that are installed here."""
    found = {"cvc5": _version("cvc5"), "coq": coq.version()}
    return {name: version for name, version in found.items() if version}


def collect(devices: tuple[str, ...], seconds: float) -> dict[str, object]:
    """Commit, interpreter, packages, platform, devices, seed and wall time of this run."""
    status = _git("status", "--porcelain")
    return {
        "commit": _git("rev-parse", "HEAD"),
        "dirty": None if status is None else bool(status),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES} | _optional(),
        "platform": platform.platform(),
        "devices": list(devices),
        "seed": SEED,
        "seconds": round(seconds, 3),
    }
