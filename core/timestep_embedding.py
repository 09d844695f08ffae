"""Sinusoidal embeddings of a timestep: the two conventions of the released code.

With half = dim // 2 and i = 0..half - 1:

    DDPM   [sin(t f_0), ..., cos(t f_0), ...],   f_i = max_period^(-i / (half - 1))
    iDDPM  [cos(t f_0), ..., sin(t f_0), ...],   f_i = max_period^(-i / half)

Neither is a permutation of the other: only DDPM's slowest frequency reaches 1 / max_period.  A
checkpoint works with its own convention alone.  t is the number that the network is shown, which
for released checkpoints is the paper's t minus 1, and may be real-valued (rescaled timesteps).
Computed in float64 and rounded once to float32.  Errors are ValueErrors: t not one-dimensional,
boolean or complex, NaN or infinity; dim too small; max_period not positive.
"""

import math

import torch
from torch import Tensor

from core.checks import require_count, require_finite, require_number


def timestep_embedding_ddpm(t: Tensor, dim: int, max_period: float = 10000.0) -> Tensor:
    """The embedding of the DDPM code: sines first, frequencies down to 1 / max_period.

    t: (N,) -> (N, dim) float32; an odd dim ends in a zero column.  dim >= 4, because half - 1
    divides: with one frequency the spacing is undefined.
    Source: the code released with DDPM (appendix B: the Transformer position embedding).
    """
    require_count("dim", dim, least=4)
    half = dim // 2
    angle = _angles(t, half, half - 1, max_period)
    return _pad(torch.cat([angle.sin(), angle.cos()], dim=1), dim)


def timestep_embedding_improved(t: Tensor, dim: int, max_period: float = 10000.0) -> Tensor:
    """The embedding of the iDDPM code: cosines first, frequencies above 1 / max_period.

    t: (N,) -> (N, dim) float32; an odd dim ends in a zero column, so dim = 1 is that column.
    Source: the code released with iDDPM.
    """
    require_count("dim", dim)
    half = dim // 2
    angle = _angles(t, half, half, max_period)
    return _pad(torch.cat([angle.cos(), angle.sin()], dim=1), dim)


def _angles(t: Tensor, half: int, spacing: int, max_period: float) -> Tensor:
    """t * exp(-log(max_period) i / spacing), i = 0..half - 1: float64, (N, half)."""
    if not isinstance(t, Tensor) or t.dtype == torch.bool or t.is_complex() or t.ndim != 1:
        got = f"{t.dtype} {tuple(t.shape)}" if isinstance(t, Tensor) else repr(t)
        raise ValueError(f"t must be a real or integer tensor of shape (N,); got {got}")
    t = t.double()
    require_finite("t", t)
    require_number("max_period", max_period, 0, math.inf)
    i = torch.arange(half, dtype=torch.float64, device=t.device)
    frequency = torch.exp(-math.log(max_period) * i / spacing)
    return t[:, None] * frequency


def _pad(embedding: Tensor, dim: int) -> Tensor:
    """Zero columns up to dim, and the one rounding to float32."""
    zeros = embedding.new_zeros(embedding.shape[0], dim - embedding.shape[1])
    return torch.cat([embedding, zeros], dim=1).float()
