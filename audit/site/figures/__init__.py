"""The figures of the site: each is drawn twice, for light and for dark pages.

Nothing here is evidence.  What is drawn is computed with the formulas that claims prove.
"""

from __future__ import annotations

from pathlib import Path

from audit.site.figures.plot import Figure

__all__ = ["Figure", "draw_all"]


def draw_all(folder: Path) -> tuple[Figure, ...]:
    """Draw every figure into a folder, light and dark."""
    from audit.site.figures import chains, densities, descent, noising, rounding, schedules

    made = (schedules, noising, densities, chains, descent, rounding)
    folder.mkdir(parents=True, exist_ok=True)
    return tuple(module.draw(folder) for module in made)
