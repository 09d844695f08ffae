"""Schedules: the published ones, and what the document's own numbers would give."""

from __future__ import annotations

from pathlib import Path

import numpy
from matplotlib import pyplot
from matplotlib.figure import Figure as Drawing

from audit.site.figures.plot import Figure, save

STEPS = 1000
TIMES = numpy.arange(STEPS + 1)
FIGURE = Figure(
    "schedules", "Schedules, as published and as printed",
    r"Left: how much of the image is left, $\bar\alpha_t$; right: the variance $\beta_t$ of each "
    r"step. With the range of line 250 more than a third of the variance of $x_T$ is still image. "
    r"The order of line 290 removes the image early. The first end of line 416 shows in the "
    r"first steps only. The cosine of line 427 reaches zero at $t=928$ and rises again: from there "
    r"$\beta_t$ would be negative and is not drawn.",
    "Two charts over time steps 0 to 1000. The published linear and cosine schedules fall to zero; "
    "the range printed in line 250 ends near 0.35; the reversed order of line 290 falls early; the "
    "cosine printed in line 427 touches zero at 928 and rises again.",
    ("limit.constants.beta-range", "limit.constants.end-of-chain", "noising.beta-reversed",
     "noising.alpha-bar-reversed", "schedule.listing.first-beta", "schedule.listing.cosine-rises",
     "schedule.listing.cosine-offset", "schedule.listing.cosine-divisor"),
)


def levels(beta: numpy.ndarray) -> numpy.ndarray:
    """alpha_bar_0..alpha_bar_T."""
    return numpy.concatenate([[1.0], numpy.cumprod(1 - beta)])


def cosine(offset: float, divisor: float) -> numpy.ndarray:
    """f(t) / f(0), unclipped."""
    f: numpy.ndarray = numpy.cos((TIMES / STEPS + offset) / divisor * numpy.pi / 2) ** 2
    normalised: numpy.ndarray = f / f[0]
    return normalised


def paint(colours: dict[str, str]) -> Drawing:
    """Both panels."""
    linear = {
        "published linear": (numpy.linspace(1e-4, 0.02, STEPS), "blue", "-", 2.2),
        "line 250: up to 0.002": (numpy.linspace(1e-4, 0.002, STEPS), "orange", "--", 1.6),
        "line 290: from 0.02 down": (numpy.linspace(0.02, 1e-4, STEPS), "pink", "-.", 1.6),
        "line 416: from 0.00001": (numpy.linspace(1e-5, 0.02, STEPS), "red", ":", 2.4),
    }
    curved = {
        "published cosine": (cosine(0.008, 1.008), "green", "-", 2.2),
        "line 427: printed cosine": (cosine(0.08, 1.008), "sky", "--", 1.6),
    }
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10.5, 4.1))
    for label, (beta, colour, line, width) in linear.items():
        drawn = {"color": colours[colour], "ls": line, "lw": width, "label": label}
        left.plot(TIMES[::5], levels(beta)[::5], **drawn)
        right.semilogy(TIMES[1::5], beta[::5], **drawn)
    for label, (level, colour, line, width) in curved.items():
        drawn = {"color": colours[colour], "ls": line, "lw": width, "label": label}
        left.plot(TIMES[::5], level[::5], **drawn)
        beta = 1 - level[1:] / level[:-1]
        shown = numpy.where((beta > 0) & (beta <= 1), numpy.minimum(beta, 0.999), numpy.nan)
        right.semilogy(TIMES[1:][::5], shown[::5], **drawn)
    left.set(xlabel="t", ylabel=r"$\bar\alpha_t$", xlim=(0, STEPS), ylim=(0, 1.02))
    right.set(xlabel="t", ylabel=r"$\beta_t$", xlim=(0, STEPS))
    left.legend(fontsize=8.5, loc="upper right")
    for axes in (left, right):
        axes.grid(alpha=0.5)
    figure.tight_layout()
    return figure


def draw(folder: Path) -> Figure:
    """Draw the figure in both themes."""
    return save(FIGURE, folder, paint)
