"""The density of x_t turning Gaussian."""

from __future__ import annotations

from pathlib import Path

import numpy
from matplotlib import pyplot
from matplotlib.figure import Figure as Drawing

from audit.site.figures.plot import Figure, save
from audit.site.figures.schedules import STEPS, levels

WEIGHTS = numpy.array([0.35, 0.2, 0.45])
MEANS = numpy.array([-1.4, 0.1, 1.1])
DEVIATION = 0.12
SHOWN = (0, 100, 250, 400, 1000)
X = numpy.linspace(-3.2, 3.2, 321)
FIGURE = Figure(
    "densities", "The density turns Gaussian",
    r"Data with three narrow peaks, published variances. The law of $x_t$ is exact, a mixture of "
    r"normals with means $\sqrt{\bar\alpha_t}\,\mu_k$ and variances "
    r"$\bar\alpha_ts^2+1-\bar\alpha_t$; at $t=1000$ it cannot be told from "
    r"$\mathcal{N}(0,1)$ (dotted) by eye. Right: all times.",
    "Left: densities of x_t at five times, from three sharp peaks to the standard normal curve. "
    "Right: the same as an image over all times.",
    ("limit.standard-normal", "limit.alpha-bar", "limit.published-gap", "marginal.density"),
)


def density(level: float) -> numpy.ndarray:
    """The density of x_t on the grid."""
    variance = level * DEVIATION**2 + 1 - level
    gap = X[:, None] - numpy.sqrt(level) * MEANS
    found: numpy.ndarray = (WEIGHTS * numpy.exp(-gap**2 / (2 * variance))).sum(1) / numpy.sqrt(
        2 * numpy.pi * variance)
    return found


def paint(colours: dict[str, str]) -> Drawing:
    """Curves at some times, and an image over all of them."""
    level = levels(numpy.linspace(1e-4, 0.02, STEPS))
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10.5, 3.8))
    for t, name in zip(SHOWN, ("pink", "orange", "green", "sky", "blue"), strict=True):
        left.plot(X, density(level[t]), color=colours[name], lw=1.8, label=f"t = {t}")
    normal = numpy.exp(-X**2 / 2) / numpy.sqrt(2 * numpy.pi)
    left.plot(X, normal, color=colours["ink"], ls=":", lw=1.6, label=r"$\mathcal{N}(0,1)$")
    left.set(xlabel=r"$x_t$", ylabel="density", ylim=(0, 1.6), xlim=(X[0], X[-1]))
    left.legend(fontsize=8.5)
    image = numpy.stack([density(level[t]) for t in range(0, STEPS + 1, 5)], 1)
    right.imshow(image, origin="lower", aspect="auto", extent=(0, STEPS, X[0], X[-1]),
                 vmax=1.0, cmap="viridis", interpolation="bilinear")
    right.set(xlabel="t", ylabel=r"$x_t$")
    figure.tight_layout()
    return figure


def draw(folder: Path) -> Figure:
    """Draw the figure in both themes."""
    return save(FIGURE, folder, paint)
