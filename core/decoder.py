"""The decoder of DDPM: the probability that N(mean, variance) gives one of L levels.

    p(x_0 | x_1) = Phi((x_0 + half - mean) / sd) - Phi((x_0 - half - mean) / sd)        DDPM (13)

per dimension, Phi the normal CDF, sd^2 = variance, levels x_0 = 2 k / (L - 1) - 1, k = 0..L - 1,
half = 1 / (L - 1).  As published L is 256: levels k / 127.5 - 1, half = 1/255.  The bin of the
level 1 reaches to infinity and that of -1 to minus infinity, so that the L probabilities sum to
1.  The level of a byte k is the number above: no noise is added to images.
"""

import math

import torch
from torch import Tensor

from core.checks import (
    require_broadcastable,
    require_choice,
    require_floating,
    require_like,
    require_positive,
    values_are_readable,
)

CDFS = ("exact", "tanh")

# Gauss-Legendre nodes in (0, 1) and weights on [-1, 1]; the eight-point rule is even.
_NODES = (0.1834346424956498, 0.5255324099163290, 0.7966664774136267, 0.9602898564975363)
_WEIGHTS = (0.3626837833783620, 0.3137066458778873, 0.2223810344533745, 0.1012285362903763)


def discretised_gaussian_log_likelihood(
    x_0: Tensor, mean: Tensor, variance: Tensor | float, cdf: str = "exact", levels: int = 256
) -> Tensor:
    """log p(x_0 | x_1), in nats, per dimension: the shape and dtype of x_0.

    x_0, mean: float32 or float64, of one shape; variance > 0 broadcasts with them.  x_0 lies on
    the levels, which the released code does not ask for: an image that was dequantised, scaled
    to [0, 1] or resized is refused.  Where values cannot be read (while compiling) such an image
    is given the probability of the bin of width 2 half around it.
    cdf: "exact", or "tanh" for the approximation of the released code, whose probabilities are
    raised to 1e-12 at least.  levels: L in 2..256; of 2 both have an open bin.
    Accuracy of "exact": 8 roundings of the dtype times 1 + |log p| + h z, where h = half / sd and
    z is the distance from the mean to the nearer edge of the bin in units of sd.  Range: z^2 must
    not overflow the dtype.
    Errors: ValueError for another dtype (half precision cannot tell the levels apart), another
    name or number of levels, and a variance that is not positive, such as beta_tilde_1.
    Source: DDPM (13).
    """
    require_choice("cdf", cdf, CDFS)
    require_levels(x_0, levels)
    require_like("mean", mean, "x_0", x_0)
    variance = require_positive("variance", variance)
    require_broadcastable(x_0=x_0, variance=variance)
    if torch.broadcast_shapes(x_0.shape, variance.shape) != x_0.shape:
        raise ValueError(
            f"variance must broadcast to the shape of x_0, {tuple(x_0.shape)}; "
            f"got {tuple(variance.shape)}"
        )
    offset, sd, half = x_0 - mean, variance.to(x_0.dtype).sqrt(), 1 / (levels - 1)
    if cdf == "tanh":
        return _tanh_log_probability(x_0, offset, sd, half)
    # An end bin reaches outward from half a bin before its level.
    outward = torch.where(x_0 > 0, offset, -offset)
    end = _log_normal_cdf((half - outward) / sd)
    inner = _inner_log_probability(offset.abs(), sd, half)
    return torch.where(x_0.abs() > 1 - half, end, inner)


def _inner_log_probability(distance: Tensor, sd: Tensor, half: float) -> Tensor:
    """log(Phi(c + h) - Phi(c - h)), c = distance / sd >= 0, h = half / sd, two ways.

    Wide bins: with near = h - c and far = -h - c, both in the lower tail or about 0,
    log Phi(near) + log(1 - Phi(far) / Phi(near)), where the quotient is at most 0.45.
    Narrow bins, where that quotient nears 1: the integral of the density over the bin,
    phi(c) h * the integral over -1..1 of exp(-(h u)^2 / 2) cosh(c h u), by Gauss-Legendre, whose
    error is below 1e-16 for h <= 1/2 and c h <= 1/2.
    """
    c, h = distance / sd, (half / sd).expand_as(distance)
    is_narrow = (h < 0.5) & (c * h < 0.5)
    # Each formula sees harmless numbers where the other is taken, or its gradient would be NaN.
    near = torch.where(is_narrow, 0, (half - distance) / sd)
    far = torch.where(is_narrow, -1, -(half + distance) / sd)
    log_near = _log_normal_cdf(near)
    wide = log_near + torch.log1p(-torch.exp(_log_normal_cdf(far) - log_near))
    c, h = torch.where(is_narrow, c, 0), torch.where(is_narrow, h, 0.5)
    integral = sum(
        weight * torch.exp(-((h * u) ** 2) / 2) * torch.cosh(c * h * u)
        for u, weight in zip(_NODES, _WEIGHTS, strict=True)
    )
    narrow = torch.log(2 * h * integral) - (c**2 + math.log(2 * math.pi)) / 2
    return torch.where(is_narrow, narrow, wide)


def _log_normal_cdf(z: Tensor) -> Tensor:
    """log Phi(z), as torch's log_ndtr computes it, with the gradient of these very operations.

    log_ndtr takes its gradient phi / Phi as exp of the difference of z^2 / 2 and what it returned:
    in float32 nothing of it is left where z is below -1,000, and it overflows below -30,000.
    """
    is_tail = z < -1
    tail = torch.where(is_tail, z, -1) * math.sqrt(0.5)
    log_tail = torch.log(torch.special.erfcx(-tail) / 2) - tail * tail
    return torch.where(is_tail, log_tail, torch.special.log_ndtr(torch.where(is_tail, 0, z)))


def _tanh_log_probability(x_0: Tensor, offset: Tensor, sd: Tensor, half: float) -> Tensor:
    """As released: Phi(z) is taken for (1 + tanh(sqrt(2/pi) (z + 0.044715 z^3))) / 2."""
    upper, lower = (
        (1 + torch.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3))) / 2
        for z in ((offset + half) / sd, (offset - half) / sd)
    )
    upper = torch.where(x_0 > 1 - half, 1, upper)
    lower = torch.where(x_0 < -1 + half, 0, lower)
    return (upper - lower).clamp(min=1e-12).log()


def require_level_count(levels: int) -> None:
    """levels is how many values a pixel can have, all of them bytes: an integer in 2..256."""
    if not isinstance(levels, int) or not 2 <= levels <= 256:
        raise ValueError(
            f"levels must be an integer in 2..256, the values that a byte can hold; got {levels!r}"
        )


def require_levels(x_0: Tensor, levels: int = 256) -> None:
    """x_0 is float32 or float64 and lies on the levels, to a thousandth of their distance."""
    require_level_count(levels)
    require_floating("x_0", x_0)
    if x_0.dtype not in (torch.float32, torch.float64):
        raise ValueError(
            f"x_0 must be float32 or float64, because half precision cannot tell neighbouring "
            f"levels apart; got {x_0.dtype}"
        )
    if values_are_readable(x_0):
        scale = (levels - 1) / 2
        level = (x_0 + 1) * scale
        inside = (level > -0.5) & (level < levels - 0.5)
        on_grid = ((level - level.round()).abs() < 1e-3) & inside
        if not bool(on_grid.all()):
            raise ValueError(
                f"x_0 must lie on the levels k / {scale:g} - 1, k = 0..{levels - 1}, for "
                f"levels = {levels}; got {x_0[~on_grid][0].item()}"
            )
