"""What is measured of a trained network besides its samples: likelihood and DDIM round trips.

    bits per dimension    the bound on -log2 p(x_0) / d, with L_T, L_0, and the rate and distortion
                          of progressive coding at every t                 DDPM (5), section 4.3
    round trip            mean of (x_0 - decode(encode(x_0)))^2, for images scaled to [0, 1]
                                                                           DDIM section 5.4, table 2

Means over images, each with its standard error.  The noise of image i is that of seed i, so that
a result does not depend on the batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from core.denoiser import Denoiser, respace
from core.encoding import decode, encode
from core.likelihood import likelihood
from core.noise import standard_normal
from core.variational_bound import Bound
from repro import processes
from repro.dataset import to_unit
from repro.errors import ReproError

Progress = Callable[[float, int], None]  # images done, a fraction of one counting steps; of all


@dataclass(frozen=True)
class Estimate:
    """A mean over images, and its standard error: sd / sqrt(images), NaN for one image."""

    mean: float
    error: float
    images: int

    @classmethod
    def of(cls, values: Tensor) -> Estimate:
        """The estimate from a value for each image, (N,)."""
        moments = Moments.of(values.double()[:, None])
        return cls(moments.mean.item(), moments.error.item(), moments.count)


@dataclass(frozen=True, eq=False)
class Moments:
    """Count, mean and summed squared deviations of rows, (K,) float64; two sets add up to one.

    Source: Chan, Golub and LeVeque 1983: no large squares are subtracted.
    """

    count: int
    mean: Tensor
    squares: Tensor

    @classmethod
    def of(cls, rows: Tensor) -> Moments:
        """The moments of rows (N, K)."""
        mean = rows.mean(0)
        return cls(len(rows), mean, ((rows - mean) ** 2).sum(0))

    def __add__(self, other: Moments) -> Moments:
        count = self.count + other.count
        shift = other.mean - self.mean
        return Moments(
            count,
            self.mean + shift * (other.count / count),
            self.squares + other.squares + shift**2 * (self.count * other.count / count),
        )

    @property
    def error(self) -> Tensor:
        """The standard errors of the means, (K,)."""
        if self.count == 1:
            return torch.full_like(self.mean, math.nan)
        return (self.squares / (self.count - 1) / self.count).sqrt()


@dataclass(frozen=True)
class LikelihoodResult:
    """The bound in bits per dimension, and the curve of progressive coding.

    total = L_T + ... + L_1 + L_0.  rate[t] = L_T + ... + L_t for t = 0..T, so rate[1] is the
    published rate and rate[0] the total.  rmse[t]: the root of the mean over all images of the
    squared error of x_0_hat at x_t, on the scale 0..levels - 1; rmse[0] = 0.  The errors beside
    them are standard errors; that of a root is the error of the mean square over twice the root.
    """

    total: Estimate
    L_T: Estimate
    L_0: Estimate
    rate: tuple[float, ...]
    rate_error: tuple[float, ...]
    rmse: tuple[float, ...]
    rmse_error: tuple[float, ...]
    protocol: dict[str, Any]


@dataclass(frozen=True)
class EncodingResult:
    """The mean squared error of the DDIM round trip per dimension, for images in [0, 1]."""

    error: Estimate
    protocol: dict[str, Any]


def measure_likelihood(
    denoiser: Denoiser,
    bound: Bound,
    images: Tensor,
    *,
    batch: int,
    precision: str = "float32",
    progress: Progress | None = None,
) -> LikelihoodResult:
    """The bound of images, uint8 (N, C, H, W) below bound.levels, with T network calls each.

    denoiser: on the device that computes; images may lie on another.  Each term takes one draw
    of noise, draw t of `standard_normal` for the seed i of images[i].
    Errors: ReproError for images of another kind, batch below 1, and what `processes.evaluated`
    refuses; ValueError where a term is not finite.
    """
    ready = processes.evaluated(denoiser, precision)
    T, moments = denoiser.schedule.T, None
    for start, x_0, seeds in _batches(images, bound.levels, batch, denoiser):

        def noise(t: int, seeds: Tensor = seeds, shape: torch.Size = x_0.shape[1:]) -> Tensor:
            return standard_normal(seeds, t, shape)

        def tell(t: int, start: int = start, count: int = len(x_0)) -> None:
            if progress is not None:
                progress(start + count * (T + 1 - t) / T, len(images))

        found = likelihood(ready, bound, x_0, noise, callback=tell)
        columns = [found.rate, found.squared_error, found.L_T[:, None], found.L_0[:, None]]
        new = Moments.of(torch.cat(columns, dim=1).cpu())
        moments = new if moments is None else moments + new

    assert moments is not None  # `_batches` refuses an empty set
    count, mean, error = moments.count, moments.mean.tolist(), moments.error.tolist()
    rate, square, rest = slice(0, T + 1), slice(T + 1, 2 * T + 2), 2 * T + 2
    half = (bound.levels - 1) / 2
    roots = [math.sqrt(value) for value in mean[square]]
    spreads = [0.0 if root == 0 else half * spread / (2 * root)
               for root, spread in zip(roots, error[square], strict=True)]
    return LikelihoodResult(
        total=Estimate(mean[0], error[0], count),
        L_T=Estimate(mean[rest], error[rest], count),
        L_0=Estimate(mean[rest + 1], error[rest + 1], count),
        rate=tuple(mean[rate]),
        rate_error=tuple(error[rate]),
        rmse=tuple(half * root for root in roots),
        rmse_error=tuple(spreads),
        protocol={
            "count": count, "T": T, "variance": bound.variance.kind,
            "first": bound.variance.first, "cdf": bound.cdf, "clip": bound.clip,
            "levels": bound.levels, "precision": precision,
        },
    )


def measure_encoding(
    denoiser: Denoiser,
    images: Tensor,
    levels: int,
    steps: int,
    *,
    batch: int,
    tau: str = "quadratic",
    precision: str = "float32",
    progress: Progress | None = None,
) -> EncodingResult:
    """The round trip of images, uint8 (N, C, H, W), by steps of DDIM there and as many back.

    tau: of both ways, a name of `processes.chain`; appendix D.2 of DDIM has "quadratic" for
    CIFAR-10, and table 2 names none.  Nothing is clipped.  The first step there shows the image
    itself as x_1 (`core.encoding`).
    Errors: ReproError for images of another kind, batch below 1, a tau or steps that are none;
    FloatingPointError where a round trip is not finite.
    """
    visited = processes.chain(tau, steps, denoiser.schedule.T)
    ready = processes.evaluated(respace(denoiser, visited), precision)
    steps_taken = len(visited) - 1
    errors = []
    for start, x_0, _ in _batches(images, levels, batch, denoiser):

        def tell(taken: int, start: int = start, count: int = len(x_0)) -> None:
            if progress is not None:
                progress(start + count * taken / (2 * steps_taken), len(images))

        x_T = encode(ready, x_0, callback=lambda state: tell(state.t))
        back = decode(ready, x_T, callback=lambda state: tell(2 * steps_taken - state.t))
        # Half of a difference in [-1, 1] is one in [0, 1].
        errors.append((((back - x_0).double() / 2) ** 2).flatten(1).mean(1).cpu())
    return EncodingResult(
        Estimate.of(torch.cat(errors)),
        {"count": len(images), "T": denoiser.schedule.T, "sampler": "ddim", "eta": 0.0,
         "steps": steps, "tau": tau, "clip": "off", "levels": levels, "precision": precision},
    )


def _batches(
    images: Tensor, levels: int, batch: int, denoiser: Denoiser
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """(index of the first, images in [-1, 1] as float32, seeds) on the device of the denoiser."""
    if batch < 1:
        raise ReproError(f"batch must be 1 or more; got {batch}")
    if images.dtype != torch.uint8 or images.ndim != 4 or len(images) == 0:
        raise ReproError(f"images must be uint8 of shape (N, C, H, W), one or more; got "
                         f"{images.dtype}, {tuple(images.shape)}")
    if int(images.max()) >= levels:
        raise ReproError(f"images must hold values below levels = {levels}; "
                         f"got {int(images.max())}")
    device = denoiser.schedule.beta.device
    for start in range(0, len(images), batch):
        few = images[start:start + batch]
        seeds = torch.arange(start, start + len(few), device=device)
        yield start, to_unit(few.to(device), levels), seeds
