"""What all figures share: the two themes, the colours, and saving so that two builds agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot
from matplotlib.figure import Figure as Drawing

# After Okabe and Ito, told apart with every kind of colour vision; one set for each ground.
LIGHT = {"ink": "#1b1f24", "rule": "#c3cad2", "blue": "#0072b2", "orange": "#c05a00",
         "green": "#00795a", "pink": "#a8487f", "sky": "#2b87b8", "red": "#a30f1b"}
DARK = {"ink": "#e4e8ec", "rule": "#4a535d", "blue": "#6cb7ee", "orange": "#f0a35c",
        "green": "#58cfa8", "pink": "#e6a1c6", "sky": "#9bd3f2", "red": "#ff9aa2"}
THEMES = {"light": LIGHT, "dark": DARK}


@dataclass(frozen=True)
class Figure:
    """What a page says of a figure, and the claims that it shows."""

    name: str
    title: str
    caption: str
    alt: str
    claims: tuple[str, ...]
    suffix: str = "svg"


Paint = Callable[[dict[str, str]], Drawing]


def style(colours: dict[str, str]) -> dict[Any, Any]:
    """Settings under which a figure is drawn; its ground is that of the page."""
    ink, rule = colours["ink"], colours["rule"]
    return {
        "figure.facecolor": "none", "axes.facecolor": "none", "savefig.facecolor": "none",
        "text.color": ink, "axes.labelcolor": ink, "axes.edgecolor": rule, "xtick.color": ink,
        "ytick.color": ink, "grid.color": rule, "legend.frameon": False, "font.size": 10,
        "axes.titlesize": 10.5, "axes.spines.top": False, "axes.spines.right": False,
        "svg.hashsalt": "audit", "svg.fonttype": "path", "path.simplify": True,
        "mathtext.fontset": "dejavusans", "font.family": "DejaVu Sans",
    }


def save(figure: Figure, folder: Path, paint: Paint) -> Figure:
    """Draw a figure once for each theme."""
    for theme, colours in THEMES.items():
        with pyplot.rc_context(style(colours)):
            drawn = paint(colours)
            how = {"metadata": {"Date": None}} if figure.suffix == "svg" else {
                "pil_kwargs": {"quality": 82}}
            drawn.savefig(folder / f"{figure.name}-{theme}.{figure.suffix}", dpi=110,
                          bbox_inches="tight", pad_inches=0.05, **how)
            pyplot.close(drawn)
    return figure
