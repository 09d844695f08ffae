"""The kernel distance between two sets of features: the arithmetic of KID.

    MMD^2 = mean_{i != j} k(x_i, x_j) + mean_{i != j} k(y_i, y_j) - 2 mean_{i, j} k(x_i, y_j)
    k(x, y) = (x . y / D + 1)^3                                     Binkowski et al. 2018

This estimate is unbiased at every n (arXiv 1801.01401, section 4 and appendix D), unlike FID's;
it is negative about half the time where both sets come from one distribution.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from repro.errors import ReproError

ROWS = 1024  # of the kernel matrix at a time: a full one of 50,000 x 50,000 would take 20 GB


@dataclass(frozen=True)
class KernelDistance:
    """Mean and standard deviation of the estimates from subsets, the latter as a population."""

    mean: float
    deviation: float
    subsets: int
    size: int


def kernel_distance(x: Tensor, y: Tensor, generator: torch.Generator, subsets: int = 100,
                    size: int = 1000) -> KernelDistance:
    """KID of (N, D) and (M, D) features: `mmd2` of random subsets, without replacement in each.

    100 subsets of 1,000 are the published convention.  generator: on the CPU; it alone decides
    the subsets.  Errors: ReproError for a size outside 2..min(N, M), no subset, and those of mmd2.
    """
    _require_features(x, y)
    if subsets < 1:
        raise ReproError(f"subsets must be 1 or more; got {subsets}")
    if not 2 <= size <= min(len(x), len(y)):
        raise ReproError(f"size must be in 2..{min(len(x), len(y))}, the smaller set; got {size}")
    estimates = torch.tensor([
        mmd2(*(z[torch.randperm(len(z), generator=generator)[:size].to(z.device)] for z in (x, y)))
        for _ in range(subsets)
    ], dtype=torch.float64)
    return KernelDistance(float(estimates.mean()), float(estimates.std(correction=0)), subsets,
                          size)


def mmd2(x: Tensor, y: Tensor) -> float:
    """The unbiased estimate from all pairs of (n, D) and (m, D) features, n and m >= 2.

    float64, and exact to about (n + m) eps times the largest kernel value.
    Errors: ReproError for other shapes, an integer dtype, and what is not finite.
    """
    _require_features(x, y)
    x, y = x.double(), y.double()
    n, m = len(x), len(y)
    within_x = (_sum(x, x) - _diagonal(x)) / (n * (n - 1))
    within_y = (_sum(y, y) - _diagonal(y)) / (m * (m - 1))
    return float(within_x + within_y - 2 * _sum(x, y) / (n * m))


def _sum(x: Tensor, y: Tensor) -> Tensor:
    """k(x_i, y_j) summed over all i and j."""
    return torch.stack([(rows @ y.mT / x.shape[1] + 1).pow(3).sum() for rows in x.split(ROWS)]
                       ).sum()


def _diagonal(x: Tensor) -> Tensor:
    """k(x_i, x_i) summed over i."""
    return (x.square().sum(1) / x.shape[1] + 1).pow(3).sum()


def _require_features(x: Tensor, y: Tensor) -> None:
    for name, z in (("x", x), ("y", y)):
        if z.ndim != 2 or len(z) < 2 or z.shape[1] < 1 or not z.is_floating_point():
            raise ReproError(f"{name} must be floating-point numbers of shape (n, D), n >= 2; got "
                             f"{z.dtype}, {tuple(z.shape)}")
        if not bool(torch.isfinite(z).all()):
            raise ReproError(f"{name} must hold finite features; got NaN or infinity")
    if x.shape[1] != y.shape[1]:
        raise ReproError(f"x and y must have features of one length; got {x.shape[1]} and "
                         f"{y.shape[1]}")
