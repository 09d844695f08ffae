"""The Frechet distance between two sets of features seen as Gaussians: the arithmetic of FID.

    d^2 = |m_a - m_b|^2 + Tr C_a + Tr C_b - 2 Tr (C_a^1/2 C_b C_a^1/2)^1/2       Dowson, Landau 1982

FID is d^2 (Heusel et al. 2017, arXiv 1706.08500), m and C the mean and covariance of features.

The last trace is the sum of the singular values of A^T B, where C_a = A A^T and C_b = B B^T come
from symmetric eigen-decompositions.  A square root of the product C_a C_b, which is not symmetric,
fails or turns complex where a covariance is singular, as it is whenever n <= D.  The eigenvalues of
C_a^1/2 C_b C_a^1/2 would be real, but each is only known to eps |C_a| |C_b|, and its root to
sqrt(eps); the singular values are those roots themselves, known to eps |A| |B|.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from repro.errors import ReproError


@dataclass(frozen=True, eq=False)
class Moments:
    """Number, mean and scatter of n features of D numbers.

    mean: (D,) float64.  scatter: (D, D) float64, sum over i of (x_i - mean)(x_i - mean)^T, from
    which the covariance follows and which, unlike it, exists for n = 1.
    Errors: ReproError for n below 1, another dtype or shape, numbers that are not finite.
    """

    n: int
    mean: Tensor
    scatter: Tensor

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ReproError(f"n must be 1 or more; got {self.n}")
        if self.mean.ndim != 1 or self.scatter.shape != (*self.mean.shape, *self.mean.shape):
            raise ReproError("mean and scatter must have the shapes (D,) and (D, D); got "
                             f"{tuple(self.mean.shape)} and {tuple(self.scatter.shape)}")
        if self.mean.dtype != torch.float64 or self.scatter.dtype != torch.float64:
            raise ReproError("mean and scatter must be float64; got "
                             f"{self.mean.dtype} and {self.scatter.dtype}")
        if not bool(torch.isfinite(self.scatter).all() and torch.isfinite(self.mean).all()):
            raise ReproError("features must be finite numbers; got NaN or infinity, or numbers so "
                             "large that their squares overflow")

    @staticmethod
    def of(features: Tensor) -> "Moments":
        """The moments of (n, D) features, n >= 1, taken to float64 first.

        Errors: ReproError for another shape, an integer dtype, and what is not finite.
        """
        if features.ndim != 2 or 0 in features.shape or not features.is_floating_point():
            raise ReproError("features must be floating-point numbers of shape (n, D), n >= 1; got "
                             f"{features.dtype}, {tuple(features.shape)}")
        features = features.double()
        mean = features.mean(0)
        deviations = features - mean
        return Moments(features.shape[0], mean, deviations.mT @ deviations)

    @property
    def covariance(self) -> Tensor:
        """The unbiased covariance (D, D).  Errors: ReproError for n = 1, which has none."""
        if self.n < 2:
            raise ReproError(f"n must be 2 or more for a covariance; got {self.n}")
        return self.scatter / (self.n - 1)

    def merge(self, other: "Moments") -> "Moments":
        """The moments of both sets together: of two batches, or of two devices.

        Chan, Golub, LeVeque 1979: no sum of squares is formed, from which the mean would have to
        be subtracted.  Over k merges and N features, an entry S_ij differs from that of one batch
        by at most (N + 4 k) eps (1 + |mean| / s) sqrt(S_ii S_jj), with s the standard deviation
        and the larger |mean| / s of the two; in practice by a few eps (1 + |mean| / s).
        Errors: ReproError for another D.
        """
        if self.mean.shape != other.mean.shape:
            raise ReproError(f"features must have one length; got {self.mean.shape[0]} and "
                             f"{other.mean.shape[0]}")
        n = self.n + other.n
        delta = other.mean - self.mean
        return Moments(
            n,
            self.mean + delta * (other.n / n),
            self.scatter + other.scatter + torch.outer(delta, delta) * (self.n * other.n / n),
        )


def moments(batches: Iterable[Tensor]) -> Moments:
    """The moments of features that come in batches (n_i, D).  Errors: ReproError for none."""
    total = None
    for batch in batches:
        total = Moments.of(batch) if total is None else total.merge(Moments.of(batch))
    if total is None:
        raise ReproError("features must come in one batch or more; got none")
    return total


def frechet_distance(a: Moments, b: Moments) -> float:
    """d^2 of the module's formula, never negative, symmetric up to rounding.

    Against the exact value d^2 for the moments given, the error is at most

        2 d h + h^2 + 4 D eps (Tr C_a + Tr C_b + |m_a - m_b|^2),   h = h_a + h_b,
        h_x = D sqrt(2 eps lambda_max(C_x))

    for any covariance: the eigen-decomposition is exact for a C_x + E_x whose E_x has trace norm
    below h_x^2, d is a metric, and the distance between C_x and C_x + E_x is at most the root of
    that norm (Powers, Stormer 1970).  Well-conditioned covariances do far better: a few eps times
    the traces.  The computation runs on the CPU, so that every machine gives the same digits but
    for the last; D = 2048 takes seconds.  Errors: ReproError for n = 1 and different D.
    """
    if a.mean.shape != b.mean.shape:
        raise ReproError(f"features must have one length; got {a.mean.shape[0]} and "
                         f"{b.mean.shape[0]}")
    means = (a.mean.cpu() - b.mean.cpu()).square().sum()
    factor_a, factor_b = _factor(a.covariance.cpu()), _factor(b.covariance.cpu())
    traces = factor_a.square().sum() + factor_b.square().sum()
    root = torch.linalg.svdvals(factor_a.mT @ factor_b).sum()
    # Rounding may leave the covariances' part of equal sets below 0; the distance is not.
    return float(means + (traces - 2 * root).clamp(min=0))


def _factor(covariance: Tensor) -> Tensor:
    """A (D, r) with A A^T = covariance.

    Eigenvalues below D eps lambda_max are the rounding of zeros: their roots, sqrt(eps) large,
    would be the greatest error of all, so these directions are left out.
    """
    values: Tensor
    vectors: Tensor
    values, vectors = torch.linalg.eigh(covariance)
    cut = covariance.shape[0] * torch.finfo(torch.float64).eps * values[-1]
    kept = values > cut.clamp(min=0)
    return vectors[:, kept] * values[kept].sqrt()
