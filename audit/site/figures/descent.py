"""Coordinate descent: stuck on a ridge, and at work on smooth and on separable functions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy
from matplotlib import pyplot
from matplotlib.figure import Figure as Drawing

from audit.site.figures.plot import Figure, save

SWEEPS = 8
FIGURE = Figure(
    "descent", "Where coordinate descent stops",
    r"Each path minimises exactly along $x$, then along $y$. Left: $2|x-y|+|x|$ is convex, and no "
    r"step along an axis improves $(1,1)$, yet the minimum is at the origin: descent is "
    r"stuck. Middle: smooth, $x^2+xy+y^2$. Right: the same with the separable $|x|+|y|$ added, not "
    r"smooth: descent arrives in both. The document's own figure for the left case is lost.",
    "Three contour plots. On the left a path stays at the point (1, 1) of a sharp ridge, away from "
    "the minimum at the origin; in the middle and on the right staircase paths reach the minimum.",
    ("convex.nonsmooth.answer", "convex.nonsmooth.strict", "convex.figure", "convex.smooth",
     "convex.composite.theorem", "descent.stuck"),
)

Path2 = list[tuple[float, float]]
Step = Callable[[float], float]
Function = Callable[[numpy.ndarray, numpy.ndarray], numpy.ndarray]


def descend(start: tuple[float, float], best_x: Step, best_y: Step) -> Path2:
    """The corners of the path that minimises in x, then in y, some sweeps long."""
    x, y = start
    path = [(x, y)]
    for _ in range(SWEEPS):
        x = best_x(y)
        path.append((x, y))
        y = best_y(x)
        path.append((x, y))
    return path


def ridge(x: numpy.ndarray, y: numpy.ndarray) -> numpy.ndarray:
    """Convex, not smooth, not separable."""
    value: numpy.ndarray = 2 * abs(x - y) + abs(x)
    return value


def smooth(x: numpy.ndarray, y: numpy.ndarray) -> numpy.ndarray:
    """Convex and smooth."""
    value: numpy.ndarray = x**2 + x * y + y**2
    return value


def composite(x: numpy.ndarray, y: numpy.ndarray) -> numpy.ndarray:
    """Smooth plus separable."""
    value: numpy.ndarray = smooth(x, y) + abs(x) + abs(y)
    return value


def shrink(value: float) -> float:
    """The minimiser of t^2 - value t + |t|."""
    return float(numpy.sign(value) * max(abs(value) - 1, 0) / 2)


PANELS: tuple[tuple[str, Function, Path2], ...] = (
    # Along x the ridge is least at x = y (slope 2 of one part beats 1 of the other), so in y.
    ("nonsmooth: stuck at (1, 1)", ridge, descend((1.0, 1.0), lambda y: y, lambda x: x)),
    ("smooth: arrives", smooth, descend((1.3, 1.0), lambda y: -y / 2, lambda x: -x / 2)),
    ("smooth + separable: arrives", composite,
     descend((-1.3, 1.7), lambda y: shrink(-y), lambda x: shrink(-x))),
)


def paint(colours: dict[str, str]) -> Drawing:
    """Three contour plots with their paths."""
    grid = numpy.linspace(-1.8, 1.8, 181)
    x, y = numpy.meshgrid(grid, grid)
    figure, axes = pyplot.subplots(1, 3, figsize=(10.5, 3.7), sharex=True, sharey=True)
    for panel, (title, function, path) in zip(axes, PANELS, strict=True):
        value = function(x, y)
        panel.contour(x, y, value, levels=numpy.linspace(0, value.max(), 16)[1:],
                      colors=colours["rule"], linewidths=0.8)
        points = numpy.array(path)
        panel.plot(*points.T, "-o", color=colours["blue"], ms=3.2, lw=1.5)
        panel.plot(*points[0], "o", color=colours["orange"], ms=8, label="start")
        panel.plot(0, 0, "*", color=colours["green"], ms=13, label="minimum")
        panel.set_title(title)
        panel.set(aspect="equal", xlabel="x")
    for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        axes[0].annotate("", (1 + 0.5 * dx, 1 + 0.5 * dy), (1, 1), arrowprops={
            "arrowstyle": "->", "color": colours["red"], "lw": 1.2})
    axes[0].annotate("down, but along\nno axis", (0.55, 0.55), (-1.65, 1.2), fontsize=8.5,
                     arrowprops={"arrowstyle": "->", "color": colours["ink"]})
    axes[0].set_ylabel("y")
    axes[2].legend(fontsize=8.5, loc="lower right")
    figure.tight_layout(pad=0.6)
    return figure


def draw(folder: Path) -> Figure:
    """Draw the figure in both themes."""
    return save(FIGURE, folder, paint)
