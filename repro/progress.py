"""How far a long step has come: a bar in a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

QUIET_SECONDS = 10.0  # between two lines where the output is no terminal

Tell = Callable[[float, float], None]
Show = Callable[[float, float, str, Callable[[], str]], None]


@contextmanager
def bar(console: Console, title: str) -> Iterator[Show]:
    """A function that is called with what is done, the total, what to say beside the bar, and a
    line to print now and then where there is no bar.
    """
    last = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"),
               TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True,
                  disable=not console.is_terminal) as shown:
        task = shown.add_task(title, total=None, said="")

        def show(done: float, total: float, said: str, line: Callable[[], str]) -> None:
            nonlocal last
            shown.update(task, completed=done, total=total, said=said)
            now = time.monotonic()
            if not console.is_terminal and now - last >= QUIET_SECONDS and done > 0:
                last = now
                console.print(line())

        yield show


@contextmanager
def told(console: Console, title: str, unit: str = "images") -> Iterator[Tell]:
    """A function that is called with what is done, and the total."""
    begin = time.monotonic()
    with bar(console, title) as show:

        def tell(done: float, total: float) -> None:
            said = f"{done:,.0f} of {total:,.0f} {unit}"

            def line() -> str:
                left = (time.monotonic() - begin) * (total - done) / done
                return f"{title}: {said}, {duration(left)} left"

            show(done, total, said, line)

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
