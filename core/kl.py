"""KL divergences between Gaussians, in nats: KL(N_1 || N_2) = E_1[log N_1 - log N_2].

    KL = (r - 1 - log r + (mean_1 - mean_2)^2 / variance_2) / 2,   r = variance_1 / variance_2

per dimension.  Both summands are non-negative, and r - 1 - log r is about (r - 1)^2 / 2 near
r = 1, where the bare formula would cancel: a KL between nearly equal Gaussians keeps its digits.
Arguments broadcast; dtypes and Python numbers as in `gaussian`.  Range: r must neither overflow
nor underflow its dtype.  Errors are ValueErrors: NaN or infinity, an integer tensor, shapes that
do not match, a variance that is not positive, a covariance that is not symmetric positive
definite.  A posterior at t = 1 has variance 0, and no KL.
"""

import torch
from torch import Tensor

from core.checks import (
    require_broadcastable,
    require_finite,
    require_positive,
    require_real,
    values_are_readable,
)


def kl_standard(mean: Tensor | float, variance: Tensor | float) -> Tensor:
    """KL(N(mean, variance) || N(0, 1)), nats per dimension.

    (mean^2 + variance - 1 - log(variance)) / 2.  With mean = sqrt(alpha_bar_T) x_0 and variance =
    1 - alpha_bar_T it is L_T of DDPM (5).
    """
    mean = require_real("mean", mean)
    variance = require_positive("variance", variance)
    require_broadcastable(mean=mean, variance=variance)
    return (_excess(variance - 1, variance) + mean**2) / 2


def kl_gaussian(
    mean_1: Tensor | float,
    variance_1: Tensor | float,
    mean_2: Tensor | float,
    variance_2: Tensor | float,
) -> Tensor:
    """KL(N(mean_1, variance_1) || N(mean_2, variance_2)), nats per dimension.

    (log(variance_2 / variance_1) + (variance_1 + (mean_1 - mean_2)^2) / variance_2 - 1) / 2.
    L_{t-1} of DDPM (5) is this, between the posterior and the model's step.
    """
    mean_1 = require_real("mean_1", mean_1)
    variance_1 = require_positive("variance_1", variance_1)
    mean_2 = require_real("mean_2", mean_2)
    variance_2 = require_positive("variance_2", variance_2)
    require_broadcastable(
        mean_1=mean_1, variance_1=variance_1, mean_2=mean_2, variance_2=variance_2
    )
    ratio = variance_1 / variance_2
    ratio_minus_1 = (variance_1 - variance_2) / variance_2
    # Divided first: the square alone may overflow or underflow where the quotient does not.
    return (_excess(ratio_minus_1, ratio) + ((mean_1 - mean_2) / variance_2.sqrt()) ** 2) / 2


def kl_multivariate(mean_1: Tensor, cov_1: Tensor, mean_2: Tensor, cov_2: Tensor) -> Tensor:
    """KL(N(mean_1, cov_1) || N(mean_2, cov_2)) in d dimensions, nats in total.

    (tr(cov_2^-1 cov_1) + (mean_1 - mean_2)' cov_2^-1 (mean_1 - mean_2) - d
     + log det cov_2 - log det cov_1) / 2.  means (..., d), covs (..., d, d), one dtype; returns
    (...).  With Cholesky factors L_1, L_2 and the triangular E = L_2^-1 (L_1 - L_2) it is
    (sum_i (r_i - 1 - log r_i) + sum_{i>j} E_ij^2 + |L_2^-1 (mean_1 - mean_2)|^2) / 2 with
    r_i = (1 + E_ii)^2: every term is non-negative, so nothing cancels after the factorisation.
    """
    _require_gaussian("mean_1", mean_1, "cov_1", cov_1)
    _require_gaussian("mean_2", mean_2, "cov_2", cov_2)
    require_broadcastable(mean_1=mean_1, mean_2=mean_2)
    require_broadcastable(cov_1=cov_1, cov_2=cov_2)
    L_1 = _cholesky("cov_1", cov_1)
    L_2 = _cholesky("cov_2", cov_2)
    E = torch.linalg.solve_triangular(L_2, L_1 - L_2, upper=False)
    shift = (mean_1 - mean_2).unsqueeze(-1)
    whitened = torch.linalg.solve_triangular(L_2, shift, upper=False).squeeze(-1)
    e = E.diagonal(dim1=-2, dim2=-1)
    diagonal = _excess(e * (2 + e), (1 + e) ** 2).sum(-1)
    below = (E.tril(-1) ** 2).sum((-2, -1))
    divergence: Tensor = (diagonal + below + (whitened**2).sum(-1)) / 2
    return divergence


def _excess(d: Tensor, ratio: Tensor) -> Tensor:
    """ratio - 1 - log(ratio), where d = ratio - 1 is known to full relative accuracy.

    Near 1, with z = d / (2 + d): log(1 + d) = 2 (z + z^3/3 + z^5/5 + ...) and d - 2 z = d z, so
    d - log(1 + d) = z (d - 2 (z^2/3 + z^4/5 + ...)), whose second term is small beside d.
    Twelve terms reach float64 for |d| < 0.3.  Farther away the logarithm is that of 1 + d: what d
    was rounded by moves both terms alike, and hardly their difference.  Only towards ratio 0, where
    1 + d runs out of digits, it is that of the ratio.  Accuracy: 12 roundings at any ratio.
    """
    z = d / (2 + d)
    series = torch.zeros_like(z)
    for k in range(12, 0, -1):
        series = z**2 * (1 / (2 * k + 1) + series)
    # Clamped, so that its derivative is finite where it is not taken.
    log = torch.where(d > -0.75, d.clamp(min=-0.75).log1p(), ratio.log())
    return torch.where(d.abs() < 0.3, z * (d - 2 * series), d - log)


def _require_gaussian(mean_name: str, mean: Tensor, cov_name: str, cov: Tensor) -> None:
    """mean is (..., d) and cov (..., d, d), symmetric."""
    require_finite(mean_name, mean)
    require_finite(cov_name, cov)
    if mean.ndim < 1:
        raise ValueError(f"{mean_name} must have shape (..., d); got {tuple(mean.shape)}")
    if tuple(cov.shape[-2:]) != (mean.shape[-1], mean.shape[-1]):
        raise ValueError(
            f"{cov_name} must have shape (..., d, d) with d = {mean.shape[-1]} of {mean_name}; "
            f"got {tuple(cov.shape)}"
        )
    if cov.dtype != mean.dtype:
        raise ValueError(f"{cov_name} must have the dtype of {mean_name}; got {cov.dtype}")
    # A Cholesky factorisation reads one triangle only, and would not notice.
    asymmetric = (cov - cov.mT).abs() > 1e-5 * cov.abs().amax((-2, -1), keepdim=True)
    if values_are_readable(cov) and bool(asymmetric.any()):
        raise ValueError(f"{cov_name} must be symmetric; got {cov.tolist()}")


def _cholesky(name: str, cov: Tensor) -> Tensor:
    factor: Tensor
    factor, info = torch.linalg.cholesky_ex(cov)
    if values_are_readable(cov) and bool((info != 0).any()):
        raise ValueError(f"{name} must be positive definite; got {cov.tolist()}")
    return factor
