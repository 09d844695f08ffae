"""The forward process on a real image, and what the document's listing would save."""

from __future__ import annotations

import os
from pathlib import Path

import numpy
from matplotlib import pyplot
from matplotlib.figure import Figure as Drawing
from sklearn.datasets import load_sample_image

from audit.site.figures.plot import Figure, save
from audit.site.figures.schedules import STEPS, levels

SIZE = 128
TIMES = (0, 100, 250, 500, 750, 1000)
LISTED = (0, 1, 4, 8, 12, 15)
CIFAR_RECORD = 1 + 3 * 32 * 32
FIGURE = Figure(
    "noising", "The forward process on a real image",
    r"Top: $x_t=\sqrt{\bar\alpha_t}\,x_0+\sqrt{1-\bar\alpha_t}\,\epsilon$ with the published "
    r"variances and pixels in $[-1,1]$: at $t=1000$ the picture is gone. Below: what the listing "
    r"of lines 281-310 makes, variances reversed and pixels in $[0,1]$, up to its last tile: it "
    r"never comes near noise. All values are cut to black and white for display, as line 309 does "
    r"in silence. The photograph ships with scikit-learn.",
    "Two rows of six pictures of a flower. In the upper row it fades into pure noise at t = 1000; "
    "in the lower row, made as the document's listing does, it stays visible up to t = 15.",
    ("marginal.density", "noising.fifteen-steps", "noising.beta-reversed", "noising.range",
     "noising.clipped", "noising.fifteen-published"),
    "webp",
)


def photograph() -> numpy.ndarray:
    """A square part of scikit-learn's flower, at the size of a tile, pixels in [0, 1]."""
    image = load_sample_image("flower.jpg").astype(float) / 255
    side = (min(image.shape[:2]) // SIZE) * SIZE
    top, start = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    square = image[top:top + side, start:start + side]
    block = side // SIZE
    tiles: numpy.ndarray = square.reshape(SIZE, block, SIZE, block, 3).mean((1, 3))
    return tiles


def cifar(folder: Path) -> numpy.ndarray | None:
    """The first image of a CIFAR-10 batch in the official binary layout, where there is one."""
    found = sorted(folder.rglob("data_batch_1.bin"))
    if not found:
        return None
    with found[0].open("rb") as stream:
        record = stream.read(CIFAR_RECORD)
    if len(record) != CIFAR_RECORD:
        return None
    pixels = numpy.frombuffer(record[1:], numpy.uint8).reshape(3, 32, 32)
    return pixels.transpose(1, 2, 0) / 255


def noised(
    image: numpy.ndarray, level: numpy.ndarray, times: tuple[int, ...], signed: bool
) -> list[numpy.ndarray]:
    """The pictures at these times; each has noise of its own, drawn with a fixed seed."""
    random = numpy.random.default_rng(0)
    x_0 = 2 * image - 1 if signed else image
    made = []
    for t in times:
        x_t = numpy.sqrt(level[t]) * x_0
        x_t = x_t + numpy.sqrt(1 - level[t]) * random.standard_normal(x_0.shape)
        made.append(numpy.clip((x_t + 1) / 2 if signed else x_t, 0, 1))
    return made


def paint(colours: dict[str, str]) -> Drawing:
    """One row as published, one as listed, and one of a CIFAR-10 image where there is one."""
    published = levels(numpy.linspace(1e-4, 0.02, STEPS))
    listed = levels(numpy.linspace(0.02, 1e-4, STEPS))
    image = photograph()
    rows = [("published", TIMES, noised(image, published, TIMES, signed=True)),
            ("as listed", LISTED, noised(image, listed, LISTED, signed=False))]
    small = cifar(Path(os.environ["CIFAR10_DIR"])) if os.environ.get("CIFAR10_DIR") else None
    if small is not None:
        rows.append(("CIFAR-10", TIMES, noised(small, published, TIMES, signed=True)))
    figure, axes = pyplot.subplots(
        len(rows), len(TIMES), figsize=(10.5, 1.95 * len(rows)), squeeze=False
    )
    for line, (label, times, pictures) in zip(axes, rows, strict=True):
        for cell, t, picture in zip(line, times, pictures, strict=True):
            cell.imshow(picture, interpolation="nearest")
            cell.set_title(f"t = {t}", fontsize=9.5, pad=3)
            cell.set_xticks([])
            cell.set_yticks([])
            for spine in cell.spines.values():
                spine.set_visible(False)
        line[0].set_ylabel(label)
    figure.tight_layout(pad=0.4)
    return figure


def draw(folder: Path) -> Figure:
    """Draw the figure in both themes."""
    return save(FIGURE, folder, paint)
