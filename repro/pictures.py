"""Pictures of a run: sample grids, learning curves, FID against steps, rate and distortion.

Every function returns a picture, and `write_png` alone writes one.  Measured values are filled
and drawn first, published ones hollow and over them.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator
from PIL import Image
from torch import Tensor

from repro.errors import ReproError
from repro.files import write_file

Points = Iterable[tuple[float, float]]
SEPARATOR = 255  # white
# Okabe and Ito's colours, told apart by the colour-blind; a marker each, for print.
STYLES = (("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "^"), ("#CC79A7", "D"),
          ("#E69F00", "v"), ("#56B4E9", "P"))
SMOOTHED_OVER = 50  # a learning curve is averaged over a fiftieth of its entries


def grid(images: Tensor, levels: int = 256, columns: int | None = None, scale: int | None = None
         ) -> Image.Image:
    """Images side by side, row by row, one white pixel around each; grey or RGB.

    images: uint8 (N, C, H, W), C of 1 or 3, values below levels, which are spread over 0..255.
    columns: None for a square.  scale: each pixel becomes scale x scale; None for the one that
    makes an image about 64 pixels high.
    Errors: ReproError for images of another kind, columns or scale below 1.
    """
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3) \
            or images.numel() == 0:
        raise ReproError(f"images must be uint8 (N, C, H, W), one or more, C of 1 or 3; got "
                         f"{images.dtype}, {tuple(images.shape)}")
    if int(images.max()) >= levels:
        raise ReproError(f"images must hold values below levels = {levels}; "
                         f"got {int(images.max())}")
    count, channels, height, width = images.shape
    columns = min(count, round(count**0.5) if columns is None else columns)
    scale = max(1, 64 // height) if scale is None else scale
    for name, value in (("columns", columns), ("scale", scale)):
        if value < 1:
            raise ReproError(f"{name} must be 1 or more; got {value}")
    bright = (images.cpu().double() * (255 / (levels - 1))).round().to(torch.uint8)
    bright = bright.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    rows = -(-count // columns)
    down, across = height * scale + 1, width * scale + 1
    canvas = torch.full((channels, rows * down + 1, columns * across + 1), SEPARATOR,
                        dtype=torch.uint8)
    for k, image in enumerate(bright):
        top, left = k // columns * down + 1, k % columns * across + 1
        canvas[:, top:top + down - 1, left:left + across - 1] = image
    array = canvas.permute(1, 2, 0).contiguous().numpy()
    return Image.fromarray(array[..., 0] if channels == 1 else array)


def learning_curve(
    entries: Points, published: Points = (), *, quantity: str = "training loss",
    smooth: bool = True,
) -> Figure:
    """A quantity against training steps, with its running mean, and published values over it.

    entries, published: (step, value).  smooth: no for values that are few, and joined then.
    Errors: ReproError for no entry, and for a step or value that is not finite.
    """
    steps, values = _columns("entries", entries)
    published = list(published)
    figure, axes = _figure()
    colour, marker = STYLES[0]
    window = max(1, len(values) // SMOOTHED_OVER)
    if smooth and window > 1:
        axes.plot(steps, values, color=colour, alpha=0.25, linewidth=0.8, label="measured")
        mean = np.convolve(values, np.full(window, 1 / window), mode="valid")
        axes.plot(steps[window - 1:], mean, color=colour,
                  label=f"mean of the last {window} entries")
        _frame(axes, mean, published)
    else:
        axes.plot(steps, values, color=colour, marker=marker, markersize=4, label="measured")
    _published(axes, published, STYLES[1], "published")
    axes.set_xlabel("training steps")
    axes.set_ylabel(quantity)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
    axes.legend()
    return figure


def fid_against_steps(
    measured: Mapping[str, Points], published: Mapping[str, Points] | None = None
) -> Figure:
    """FID against the steps of a sampler, both logarithmic; a curve for each named sampler.

    measured, published: (steps, FID); equal names have equal colours.
    Errors: ReproError for no point, and values that are not finite or not positive.
    """
    published = published or {}
    names = list(dict.fromkeys([*measured, *published]))
    if not names:
        raise ReproError("measured must have a sampler or more; got none")
    figure, axes = _figure()
    ticks = set()
    for k, name in enumerate(names):
        colour, marker = STYLES[k % len(STYLES)]
        if name in measured:
            steps, values = _columns(name, measured[name], positive=True)
            ticks.update(steps.tolist())
            axes.plot(steps, values, color=colour, marker=marker, label=name)
        if name in published:
            steps, values = _columns(name, published[name], positive=True)
            ticks.update(steps.tolist())
            axes.plot(steps, values, color=colour, marker=marker, markersize=9,
                      markerfacecolor="none", linestyle=":", label=f"{name}, published")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(sorted(ticks), [f"{step:g}" for step in sorted(ticks)])
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda fid, _: f"{fid:g}"))
    axes.minorticks_off()
    axes.set_xlabel("sampling steps")
    axes.set_ylabel("FID (lower is better)")
    axes.legend()
    return figure


def rate_distortion(
    rates: Sequence[float], rmse: Sequence[float], published: Points = (), *, levels: int = 256
) -> Figure:
    """Distortion against rate as x_T, ..., x_1 arrive: DDPM figure 5, right, and table 4.

    The axis of rates is logarithmic, as most of the distortion goes while the rate is small, but
    linear below 1e-4, where it has 0.  rates, rmse: at t = 0..T, as `evaluation.LikelihoodResult`
    has them; t = 0, the whole image without distortion, is not drawn.  published: (rate, RMSE).
    Errors: ReproError for sequences unlike each other, or without a t = 1, and values that are
    not finite.
    """
    if len(rates) != len(rmse) or len(rates) < 2:
        raise ReproError(f"rates and rmse must be of one length, 2 or more; got {len(rates)} and "
                         f"{len(rmse)}")
    x, y = _columns("rates and rmse", list(zip(rates, rmse, strict=True))[1:])
    figure, axes = _figure()
    colour, _ = STYLES[0]
    axes.plot(x, y, color=colour, label="measured")
    _published(axes, published, STYLES[1], "published")
    axes.set_xscale("symlog", linthresh=1e-4)
    axes.set_xlim(left=-1e-5)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda rate, _: f"{rate:g}"))
    axes.set_ylim(bottom=0)
    axes.set_xlabel("rate (bits per dimension)")
    axes.set_ylabel(f"distortion (RMSE, on the scale 0 to {levels - 1})")
    axes.legend()
    return figure


def write_png(picture: Image.Image | Figure, path: Path) -> None:
    """Write a picture, atomically.  Errors: ReproError where that fails; an old one is kept."""
    content = io.BytesIO()
    if isinstance(picture, Figure):
        picture.savefig(content, format="png", dpi=150, metadata={"Software": None})
    else:
        picture.save(content, format="PNG", optimize=True)
    write_file(path, content.getvalue())


def _figure() -> tuple[Figure, Axes]:
    """A figure of its own: pyplot would keep every one of them, and its state is global."""
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.add_subplot()
    axes.grid(True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _frame(axes: Axes, values: np.ndarray, published: Points) -> None:
    """Show 0 to twice the 90th percentile, where the first values of a loss are far above."""
    top = max(2 * float(np.percentile(values, 90)), *(1.1 * value for _, value in published), 0)
    if values.min() >= 0 and 0 < top < values.max():
        axes.set_ylim(0, top)


def _published(axes: Axes, points: Points, style: tuple[str, str], name: str) -> None:
    points = list(points)
    if points:
        x, y = _columns("published", points)
        axes.plot(x, y, color=style[0], marker=style[1], markersize=7, markerfacecolor="none",
                  linestyle="none", label=name)


def _columns(name: str, points: Points, positive: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Points as two arrays, in the order of x."""
    array = np.array(sorted(points), dtype=float)
    if array.size == 0:
        raise ReproError(f"{name} must have a point or more; got none")
    if not np.isfinite(array).all() or (positive and (array <= 0).any()):
        right = "finite and positive" if positive else "finite"
        raise ReproError(f"{name} must be {right}; got {array.tolist()}")
    return array[:, 0], array[:, 1]
