"""Timesteps for training: uniform, antithetic, or by importance.

    t uniform in 1..T                                                       DDPM, algorithm 1
    t and T + 1 - t in pairs                                                the code of DDIM
    t with p_t proportional to sqrt(E[L_t^2]), its loss weighted 1 / (T p_t)    iDDPM (18)

In every case the weighted mean of the losses has the expectation (L(1) + ... + L(T)) / T.  Draws
come from a torch.Generator and lie on its device: int64, (B,).
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from core.checks import require_count, require_finite, require_number, require_timesteps


def uniform_timesteps(T: int, batch: int, generator: torch.Generator) -> Tensor:
    """(batch,) independent draws from 1..T.  Source: DDPM, algorithm 1."""
    require_count("T", T)
    require_count("batch", batch)
    return torch.randint(1, T + 1, (batch,), generator=generator, device=generator.device)


def antithetic_timesteps(T: int, batch: int, generator: torch.Generator) -> Tensor:
    """(batch,) draws from 1..T in pairs t, T + 1 - t: each is uniform, and a pair's mean is fixed.

    The first half is independent and the second its mirror image; an odd batch leaves out the
    last mirror image.  Source: the training code released with DDIM.
    """
    require_count("batch", batch)
    half = uniform_timesteps(T, (batch + 1) // 2, generator)
    return torch.cat([half, T + 1 - half])[:batch]


@dataclass(frozen=True, eq=False)
class LossHistory:
    """The last n losses at each timestep: plain tensors, to be saved as they are.

    losses: (T + 1, n) float64, in no particular order within a row, row 0 unused; seen: (T + 1,)
    int64, how many losses each t has had.  Errors: ValueError for other shapes or dtypes.
    """

    losses: Tensor
    seen: Tensor

    def __post_init__(self) -> None:
        require_finite("losses", self.losses)
        if self.losses.ndim != 2 or self.losses.shape[0] < 2 or self.losses.shape[1] < 1:
            raise ValueError(
                f"losses must have shape (T + 1, n), T >= 1, n >= 1; got {tuple(self.losses.shape)}"
            )
        if self.losses.dtype != torch.float64:
            raise ValueError(f"losses must be float64; got {self.losses.dtype}")
        if self.seen.dtype != torch.int64 or self.seen.shape != self.losses.shape[:1]:
            raise ValueError(
                f"seen must be int64 of shape (T + 1,) = ({self.losses.shape[0]},); "
                f"got {self.seen.dtype} {tuple(self.seen.shape)}"
            )


def empty_history(T: int, n: int = 10, device: torch.device | str = "cpu") -> LossHistory:
    """A history of no losses yet, which will hold n for each of 1..T.

    Source of n = 10: iDDPM section 3.3.
    """
    require_count("T", T)
    require_count("n", n)
    losses = torch.zeros(T + 1, n, dtype=torch.float64, device=device)
    return LossHistory(losses, torch.zeros(T + 1, dtype=torch.int64, device=device))


def record_losses(history: LossHistory, t: Tensor, losses: Tensor) -> LossHistory:
    """The history after a batch: t (B,) in 1..T, losses (B,), unweighted.

    The oldest losses of each t make room; the batch counts from its first image to its last.
    Nothing waits for the device but the checks.  Errors: ValueError for t outside 1..T, shapes
    that differ, NaN or infinity.
    """
    t = require_timesteps("t", t, history.seen)
    require_finite("losses", losses)
    if t.ndim != 1 or losses.shape != t.shape:
        raise ValueError(
            f"t and losses must have one shape (B,); got {tuple(t.shape)}, {tuple(losses.shape)}"
        )
    n = history.losses.shape[1]
    t, order = torch.sort(t, stable=True)
    added = torch.zeros_like(history.seen).index_add(0, t, torch.ones_like(t))
    rank = torch.arange(t.shape[0], device=t.device) - (added.cumsum(0) - added)[t]
    # More than n of one t: the early ones go to row 0, which holds nothing.
    row = torch.where(rank < added[t] - n, 0, t)
    slot = (history.seen[t] + rank) % n
    values = losses.detach()[order].to(history.losses)
    table = history.losses.index_put((row, slot), values)
    table[0] = 0
    return LossHistory(table, history.seen + added)


def importance_probabilities(history: LossHistory, uniform_share: float = 0.001) -> Tensor:
    """p_t as a table (T + 1,) float64, p_0 = 0: proportional to sqrt(mean of the losses squared).

    Uniform until every t has n losses, and where all losses are 0.  uniform_share of the
    probability is always uniform, so that no t dies out: 0.001 in the released code, 0 in the
    paper.  Source: iDDPM (18).
    """
    require_number("uniform_share", uniform_share, 0, 1, ends="[]")
    T, n = history.losses.shape[0] - 1, history.losses.shape[1]
    root = (history.losses[1:] ** 2).mean(1).sqrt()
    is_warm = (history.seen[1:] >= n).all() & (root.sum() > 0)
    p = torch.where(is_warm, root / root.sum(), 1 / T)
    p = (1 - uniform_share) * p + uniform_share / T
    return torch.cat([p.new_zeros(1), p])


class WeightedTimesteps(NamedTuple):
    """t: (B,) int64; weight: (B,) float64, 1 / (T p_t)."""

    t: Tensor
    weight: Tensor


def importance_timesteps(
    history: LossHistory, batch: int, generator: torch.Generator, uniform_share: float = 0.001
) -> WeightedTimesteps:
    """Draws from `importance_probabilities` with the weights that keep the mean loss unbiased.

    The generator lies on the device of the history.  Minimise (weight * loss).mean(); record the
    loss without its weight.  Source: iDDPM (18).
    """
    require_count("batch", batch)
    p = importance_probabilities(history, uniform_share)
    t = torch.multinomial(p, batch, replacement=True, generator=generator)
    return WeightedTimesteps(t, 1 / ((p.shape[0] - 1) * p[t]))
