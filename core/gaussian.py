"""Gaussian densities, sums and entropy, one dimension at a time.

Arguments are floating-point tensors that broadcast together, or Python numbers (taken as float64,
or in the dtype of the tensors that they meet).  Results follow torch's promotion of dtypes.
Errors are ValueErrors: NaN or infinity, an integer tensor, shapes that do not broadcast, a
variance out of range.
"""

import math

import torch
from torch import Tensor

from core.checks import (
    require_broadcastable,
    require_non_negative,
    require_positive,
    require_real,
    values_are_readable,
)


def log_density(x: Tensor | float, mean: Tensor | float, variance: Tensor | float) -> Tensor:
    """log N(x; mean, variance), in nats, per dimension: sum over dimensions for a vector.

    -(log(2 pi) + log(variance) + (x - mean)^2 / variance) / 2; variance > 0.
    """
    x = require_real("x", x)
    mean = require_real("mean", mean)
    variance = require_positive("variance", variance)
    require_broadcastable(x=x, mean=mean, variance=variance)
    return -(math.log(2 * math.pi) + variance.log() + (x - mean) ** 2 / variance) / 2


def linear_combination(
    a: Tensor | float,
    mean_x: Tensor | float,
    var_x: Tensor | float,
    b: Tensor | float,
    mean_y: Tensor | float,
    var_y: Tensor | float,
    covariance: Tensor | float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Mean and variance of a X + b Y.

    mean = a mean_x + b mean_y, variance = a^2 var_x + b^2 var_y + 2 a b covariance.
    Gaussian if X and Y are jointly so; independent X and Y have covariance 0.  Errors also for
    a negative variance, and covariance^2 > var_x var_y beyond rounding.
    """
    a = require_real("a", a)
    mean_x = require_real("mean_x", mean_x)
    var_x = require_non_negative("var_x", var_x)
    b = require_real("b", b)
    mean_y = require_real("mean_y", mean_y)
    var_y = require_non_negative("var_y", var_y)
    covariance = require_real("covariance", covariance)
    require_broadcastable(
        a=a, mean_x=mean_x, var_x=var_x, b=b, mean_y=mean_y, var_y=var_y, covariance=covariance
    )
    _require_cauchy_schwarz(var_x, var_y, covariance)
    mean = a * mean_x + b * mean_y
    variance = a**2 * var_x + b**2 * var_y + 2 * a * b * covariance
    return mean, variance


def entropy(variance: Tensor | float) -> Tensor:
    """Differential entropy of N(., variance), in nats, per dimension: log(2 pi e variance) / 2."""
    variance = require_positive("variance", variance)
    return (math.log(2 * math.pi * math.e) + variance.log()) / 2


def _require_cauchy_schwarz(var_x: Tensor, var_y: Tensor, covariance: Tensor) -> None:
    """|covariance| <= sd_x sd_y, up to the rounding of a covariance that meets the bound."""
    bound = var_x.sqrt() * var_y.sqrt()
    excess = covariance.abs() - bound
    slack = 8 * torch.finfo(excess.dtype).eps * bound
    if values_are_readable(excess) and bool((excess > slack).any()):
        raise ValueError(
            f"covariance must be at most sqrt(var_x var_y) in size; "
            f"got a covariance that exceeds it by {excess.max().item()}"
        )
