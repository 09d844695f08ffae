"""Rounding along the schedule: errors of alpha_bar and of 1 - alpha_bar, in ulps.

The reference is a product of fractions, and no other; core comes through the audit's adapter.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import torch
from matplotlib import pyplot
from matplotlib.figure import Figure as Drawing

from audit.adapters.core import linear_schedule
from audit.precision import error_in_ulps
from audit.site.figures.plot import Figure, save

STEPS = 1000
# Of 1000 times those that a logarithmic axis can tell apart.
TIMES = sorted({round(10 ** (3 * i / 160)) for i in range(161)})
FIGURE = Figure(
    "rounding", "Rounding along the schedule",
    r"Error against the exact product of fractions of the same variances, in units in the last "
    r"place of each format. Running products in float32 or float64 lose digits in "
    r"$\bar\alpha_t$ slowly; subtracting them from 1 loses hundreds to thousands of units at "
    r"small $t$. The tables of core stay within half a unit (dotted) everywhere. An error of "
    r"exactly 0 is drawn at the lower edge.",
    "Two charts over t on logarithmic scales. Running products in float32 and float64 are off by "
    "up to some dozen units, one minus them by thousands at small t; core stays below one half.",
    ("noising.cancellation", "noising.float32-spacing", "schedule.tables.one-minus-alpha-bar"),
)


def exact_levels(betas: list[float]) -> list[Fraction]:
    """alpha_bar_1..alpha_bar_T of these betas, without rounding."""
    level, made = Fraction(1), []
    for beta in betas:
        level *= 1 - Fraction(beta)
        made.append(level)
    return made


def errors(values: list[float], exact: list[Fraction], dtype: torch.dtype) -> list[float]:
    """The errors at the times that are drawn."""
    return [max(error_in_ulps(values[i], exact[i], dtype), 0.02)
            for i in (t - 1 for t in TIMES)]


def measured() -> dict[str, list[tuple[str, str, list[float]]]]:
    """For both tables the curves: label, colour, errors."""
    schedule = linear_schedule(STEPS)
    betas = schedule.beta.tolist()[1:]
    levels = exact_levels(betas)
    rest = [1 - level for level in levels]
    double = torch.tensor(betas, dtype=torch.float64)
    running = torch.cumprod(1 - double, 0)
    single = torch.cumprod(1 - double.to(torch.float32), 0)
    rounded = [Fraction(b) for b in double.to(torch.float32).tolist()]
    single_levels = exact_levels([float(b) for b in rounded])
    single_rest = [1 - level for level in single_levels]
    return {
        r"$\bar\alpha_t$": [
            ("float32, running product", "orange",
             errors(single.tolist(), single_levels, torch.float32)),
            ("float64, running product", "sky", errors(running.tolist(), levels, torch.float64)),
            ("core", "green", errors(schedule.alpha_bar.tolist()[1:], levels, torch.float64)),
        ],
        r"$1-\bar\alpha_t$": [
            ("float32, subtracted", "orange",
             errors((1 - single).tolist(), single_rest, torch.float32)),
            ("float64, subtracted", "sky", errors((1 - running).tolist(), rest, torch.float64)),
            ("core", "green",
             errors(schedule.one_minus_alpha_bar.tolist()[1:], rest, torch.float64)),
        ],
    }


def draw(folder: Path) -> Figure:
    """Draw the figure in both themes; the errors are measured once."""
    found = measured()

    def paint(colours: dict[str, str]) -> Drawing:
        figure, axes = pyplot.subplots(1, 2, figsize=(10.5, 3.8), sharey=True)
        for panel, (title, curves) in zip(axes, found.items(), strict=True):
            for label, colour, values in curves:
                panel.loglog(TIMES, values, color=colours[colour], lw=1.5, label=label)
            panel.axhline(0.5, color=colours["ink"], lw=0.8, ls=":")
            panel.set(title=title, xlabel="t")
            panel.grid(alpha=0.5)
            panel.legend(fontsize=8.5)
        axes[0].set_ylabel("error (ulp)")
        figure.tight_layout()
        return figure

    return save(FIGURE, folder, paint)
