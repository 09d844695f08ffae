"""What ``nox -s mutation`` measured: how many wrong variants of the sources the checks noticed.

The file is measured apart from verify, at the commit that it names, and is part of no digest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RESULT = Path(__file__).with_name("mutation.json")
KEPT = ("date", "commit", "changed", "python", "processes", "seed", "seconds", "modules",
        "survivors")


def read(path: Path = RESULT) -> dict[str, Any] | None:
    """The last result, or None where nothing has been measured."""
    if not path.exists():
        return None
    found = json.loads(path.read_text(encoding="utf-8"))
    return {name: found[name] for name in KEPT}


def percent(share: float) -> str:
    """A share as a reader sees it, cut and not rounded: 99.96 % is no 100 %."""
    return f"{int(share * 1000) / 10:.1f} %"


def where(result: Mapping[str, Any]) -> str:
    """When and on what it was measured, in one sentence."""
    changed = len(result["changed"])
    besides = f", of which {changed} files were changed" if changed else ""
    return (f"Measured on {result['date']} at commit {result['commit'][:12]}{besides}, in "
            f"{result['seconds'] / 60:.0f} minutes on {result['processes']} processes, seed "
            f"{result['seed']}.")
