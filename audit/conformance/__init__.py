"""The conformance kit: hold anybody's DDPM or DDIM against the proven formulas.

Write an adapter (a subclass of ``Implementation`` that overrides what your code offers), then

    nox -s conformance -- my_package.my_adapter:MyScheduler

docs/check-your-own.md shows a complete one.  These are the names that an adapter needs.
"""

from audit.conformance.implementation import At, Choice, Implementation, NotOffered
from audit.conformance.levels import (
    Levels,
    cosine,
    from_alpha_bars,
    from_betas,
    linear,
    rescaled,
    root_linear,
    scaled_linear,
    sigmoid,
)
from audit.conformance.noise import given_noise

__all__ = [
    "At",
    "Choice",
    "Implementation",
    "Levels",
    "NotOffered",
    "cosine",
    "from_alpha_bars",
    "from_betas",
    "given_noise",
    "linear",
    "rescaled",
    "root_linear",
    "scaled_linear",
    "sigmoid",
]
