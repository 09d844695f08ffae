"""DDIM against ancestral chains on a mixture of normals in the plane, with the exact denoiser."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy
from matplotlib import pyplot
from matplotlib.figure import Figure as Drawing

from audit.site.figures.plot import Figure, save
from audit.site.figures.schedules import STEPS, levels

COUNT, PATHS = 400, 4
NEAR = 3  # standard deviations
CENTRES = numpy.array([[numpy.cos(a), numpy.sin(a)] for a in numpy.arange(5) * 2 * numpy.pi / 5])
SPREAD = 0.12
FIGURE = Figure(
    "chains", "DDIM and ancestral chains from the same noise",
    r"Data (grey): five normals on a circle, for which the best noise prediction is known in "
    r"closed form. Dots: 400 samples, all panels from the same $x_T$; lines: four of the chains. "
    r"With $\eta=0$ the chain is a function of $x_T$ and its paths are smooth; with $\eta=1$ noise "
    r"enters at every step but the last. The share is that of samples within three standard "
    r"deviations of a centre, 98.9 percent for the data: with few steps both samplers leave some "
    r"between the centres.",
    "Four panels: DDIM and ancestral sampling in 100 and in 10 steps on five clusters. DDIM paths "
    "are smooth, ancestral paths are jagged; with 10 steps some samples lie between the clusters.",
    ("ddim.step.coefficients", "ddim.eta-zero.deterministic", "ddim.eta-one.kernel",
     "ddim.sigma.eta", "conversions.tweedie.points"),
)


def predicted_noise(x: numpy.ndarray, level: float) -> numpy.ndarray:
    """The conditional mean of the noise given x_t: -sqrt(1 - alpha_bar) times the score."""
    variance = level * SPREAD**2 + 1 - level
    gap = x[:, None] - numpy.sqrt(level) * CENTRES
    weight = numpy.exp(-((gap**2).sum(-1) - (gap**2).sum(-1).min(1, keepdims=True))
                       / (2 * variance))
    weight /= weight.sum(1, keepdims=True)
    mean: numpy.ndarray = (
        numpy.sqrt(1 - level) * (weight[..., None] * gap).sum(1) / variance)
    return mean


def chain(start: numpy.ndarray, steps: int, eta: float) -> numpy.ndarray:
    """x along an evenly spaced chain from T to 0, DDIM (12) with sigma of (16)."""
    level = levels(numpy.linspace(1e-4, 0.02, STEPS))
    times = numpy.linspace(STEPS, 0, steps + 1).round().astype(int)
    random = numpy.random.default_rng(1)
    x, path = start, [start]
    for t, s in pairwise(times):
        a_t, a_s = level[t], level[s]
        sigma = eta * numpy.sqrt((1 - a_s) / (1 - a_t) * (1 - a_t / a_s))
        eps = predicted_noise(x, a_t)
        x_0 = (x - numpy.sqrt(1 - a_t) * eps) / numpy.sqrt(a_t)
        x = numpy.sqrt(a_s) * x_0 + numpy.sqrt(numpy.maximum(1 - a_s - sigma**2, 0)) * eps
        x = x + sigma * random.standard_normal(x.shape)
        path.append(x)
    return numpy.stack(path)


def paint(colours: dict[str, str]) -> Drawing:
    """Four panels: both samplers, many steps and few."""
    random = numpy.random.default_rng(0)
    start = random.standard_normal((COUNT, 2))
    data = CENTRES[random.integers(5, size=1500)] + SPREAD * random.standard_normal((1500, 2))
    figure, axes = pyplot.subplots(1, 4, figsize=(10.5, 3.0), sharex=True, sharey=True)
    panels = [(0.0, 100), (1.0, 100), (0.0, 10), (1.0, 10)]
    for panel, (eta, steps) in zip(axes, panels, strict=True):
        path = chain(start, steps, eta)
        panel.scatter(*data.T, s=2, color=colours["rule"], linewidths=0, rasterized=True)
        panel.scatter(*path[-1].T, s=4, color=colours["blue"], linewidths=0, alpha=0.8,
                      rasterized=True)
        for k in range(PATHS):
            panel.plot(*path[:, k].T, color=colours["orange"], lw=0.8)
        panel.scatter(*start[:PATHS].T, s=12, color=colours["pink"], zorder=3)
        name = "DDIM" if eta == 0 else "ancestral"
        panel.set_title(rf"{name} ($\eta={eta:g}$), {steps} steps", fontsize=9.5)
        gap = numpy.linalg.norm(path[-1][:, None] - CENTRES, axis=-1).min(1)
        panel.text(0.5, 0.02, f"{(gap < NEAR * SPREAD).mean():.0%} near a centre",
                   transform=panel.transAxes, ha="center", fontsize=9)
        panel.set(xlim=(-2.4, 2.4), ylim=(-2.4, 2.4), aspect="equal", xticks=[], yticks=[])
    figure.tight_layout(pad=0.5)
    return figure


def draw(folder: Path) -> Figure:
    """Draw the figure in both themes."""
    return save(FIGURE, folder, paint)
