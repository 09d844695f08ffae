"""How far a long step has come: a bar in a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

QUIET_SECONDS = 10.0  # between two lines where the output is no terminal

Tell = Callable[[float, float], None]


@contextmanager
def told(console: Console, title: str, unit: str = "images") -> Iterator[Tell]:
    """A function that is called with what is done, and the total."""
    begin = last = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"),
               TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True,
                  disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=None, said="")

        def tell(done: float, total: float) -> None:
            nonlocal last
            said = f"{done:,.0f} of {total:,.0f} {unit}"
            bar.update(task, completed=done, total=total, said=said)
            now = time.monotonic()
            if not console.is_terminal and now - last >= QUIET_SECONDS and done > 0:
                last = now
                left = (now - begin) * (total - done) / done
                console.print(f"{title}: {said}, {duration(left)} left")

        yield tell


def duration(seconds: float) -> str:
    """Seconds as a person says them: 12 s, 3.4 min, 10.6 h, 4.2 days."""
    for unit, size, until in (("s", 1, 100), ("min", 60, 100), ("h", 3600, 48)):
        if seconds < until * size:
            return f"{seconds / size:.0f} s" if unit == "s" else f"{seconds / size:.1f} {unit}"
    return f"{seconds / 86400:,.1f} days"


def size(count: float) -> str:
    """Bytes as a person says them: 12 MB, 3.4 GB."""
    return f"{count / 1e6:,.0f} MB" if count < 1e9 else f"{count / 1e9:,.1f} GB"
