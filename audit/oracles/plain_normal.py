"""The normal density in plain floats: what quadrature calls many thousand times."""

import math


def log_pdf(x: float, mean: float = 0.0, sd: float = 1.0) -> float:
    """log N(x; mean, sd^2)."""
    u = (x - mean) / sd
    return -0.5 * u * u - math.log(sd) - 0.5 * math.log(2 * math.pi)


def pdf(x: float, mean: float = 0.0, sd: float = 1.0) -> float:
    """N(x; mean, sd^2)."""
    return math.exp(log_pdf(x, mean, sd))
