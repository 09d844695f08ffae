"""`nox -s bench`: the same work by every contender in turn, several times over, and the ratios.

Rounds are interleaved (core, diffusers, ..., core, diffusers, ...), so that a machine that changes
speed changes it for all.  A ratio is formed within a round; the table states the median of the
rounds and their range.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from pathlib import Path

import pytest
import torch
from rich.console import Console
from rich.table import Table

# All contenders are compiled through one function, more often than torch's limit of 8; beyond it
# they would quietly run uncompiled, and be raced under a false name.
torch._dynamo.config.recompile_limit = 100
torch._dynamo.config.fail_on_recompile_limit_hit = True

HERE = Path(__file__).parent
SPEEDS: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
NOTES: list[str] = []


def pytest_addoption(parser):
    parser.addoption("--rounds", type=int, default=5, help="interleaved rounds")
    parser.addoption("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.addoption("--batch", type=int, default=16, help="images a call")


def pytest_generate_tests(metafunc):
    if "round_number" in metafunc.fixturenames:
        metafunc.parametrize("round_number", range(metafunc.config.getoption("rounds")))


def pytest_collection_modifyitems(items):
    """All contenders of one workload side by side, round after round."""
    if not all(item.path.is_relative_to(HERE) for item in items):
        return  # pytest shows a conftest all tests of a run, and other tests have an order too

    def key(item):
        params = item.callspec.params if hasattr(item, "callspec") else {}
        return item.function.__name__, params.get("dtype", ""), params.get("round_number", 0)

    items.sort(key=key)


@pytest.fixture
def device(request):
    return request.config.getoption("device")


@pytest.fixture
def batch(request):
    return request.config.getoption("batch")


@pytest.fixture
def record():
    def keep(workload, dtype, contender, images_per_second):
        SPEEDS[workload, dtype][contender].append(images_per_second)

    return keep


@pytest.fixture
def note():
    return NOTES.append


def pytest_terminal_summary():
    out = Console(width=100, highlight=False)
    if SPEEDS:
        out.print(_speeds())
    for line in NOTES:
        out.print(line)


def _speeds():
    table = Table(title="images/s, and core's speed over the contender's: median (range) of rounds")
    for heading in ("work", "dtype", "contender", "images/s", "core / contender"):
        table.add_column(heading, justify="right" if "/" in heading else "left")
    for (workload, dtype), contenders in SPEEDS.items():
        for name, speeds in contenders.items():
            ratios = [a / b for a, b in zip(contenders["core"], speeds, strict=False)]
            table.add_row(workload, dtype, name, f"{statistics.median(speeds):.2f}",
                          _spread(ratios) if name != "core" and ratios else "")
        table.add_section()
    return table


def _spread(values):
    return f"{statistics.median(values):.3f} ({min(values):.3f}-{max(values):.3f})"
