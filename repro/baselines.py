"""What a trained model must beat: bits per dimension of simple models of the same levels.

    uniform      log2 levels
    histogram    (n_k + 1) / (N + levels) for each pixel apart, n_k its training images of level k
    pixel        N(mean, variance + ridge) for each pixel apart, its probability of each level
    gaussian     N(mean, S + ridge I), S the covariance of all pixels

All are fitted to training images, and judged on test images.  Ridges are chosen among RIDGES,
in units of w^2 / 12, by the bits of a fifth of the training images under the fit to the others;
test images have no part in it.  w = 2 / (levels - 1) is the distance of levels in [-1, 1], and
w^2 / 12 the variance of what rounding to them takes away.

The probability of an image under the last model is the integral of its density over the cells of
all pixels at once.  One pixel after another, with L L' = C, x = m + L e and the cell of pixel i
from a_i to b_i in units of its standard deviation, given e_1..e_{i-1},

    P = E prod_i (Phi(b_i) - Phi(a_i)),   e_i ~ N(0, 1) cut off outside (a_i, b_i)

(Geweke, Hajivassiliou and Keane; Genz 1992).  The logarithm of one draw is below log P on
average (Jensen), so the bits of `gaussian` are an upper bound on its own, as a diffusion model's
are; both take cells as DDPM (13) does, those at the ends reaching to infinity.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from core.decoder import discretised_gaussian_log_likelihood
from core.noise import standard_normal
from repro.dataset import to_unit
from repro.errors import ReproError
from repro.evaluation import Estimate

RIDGES = tuple(4.0**k for k in range(-4, 7))
HELD_OUT = 5  # one in five training images
CHOSEN_BY = 1000  # of these, at most, for the last model


@dataclass(frozen=True)
class Baseline:
    """Bits per dimension of test images under a model, and how it was fitted.

    ridge: in units of w^2 / 12; None where there is none.  is_bound: whether bits are an upper
    bound on the model's own.
    """

    name: str
    bits: Estimate
    ridge: float | None = None
    is_bound: bool = False


def baselines(train: Tensor, test: Tensor, levels: int) -> tuple[Baseline, ...]:
    """All four, for images uint8 (N, C, H, W) below levels.

    Errors: ReproError for images of another kind or unlike each other, and fewer than 10 training
    images, of which a fifth could not choose anything.
    """
    return (
        Baseline("uniform", Estimate(uniform_bits(levels), 0.0, len(test))),
        histogram_bits(train, test, levels),
        pixel_gaussian_bits(train, test, levels),
        gaussian_bits(train, test, levels),
    )


def uniform_bits(levels: int) -> float:
    """Bits per dimension where every level is equally likely."""
    return math.log2(levels)


def histogram_bits(train: Tensor, test: Tensor, levels: int) -> Baseline:
    """A histogram for each pixel, one added to every level (Laplace's rule of succession)."""
    _require_images(train, test, levels)
    log_p = ((_counts(train, levels) + 1.0) / (len(train) + levels)).log()
    return Baseline("histogram of each pixel", Estimate.of(_table_bits(log_p, test)))


def pixel_gaussian_bits(train: Tensor, test: Tensor, levels: int) -> Baseline:
    """A Gaussian for each pixel, discretised as the decoder of DDPM (13) is: exact bits."""
    _require_images(train, test, levels)
    fitted, held_out = split(train)

    def fit(images: Tensor) -> Callable[[float], Tensor]:
        mean, variance = _pixel_moments(_counts(images, levels), levels)
        return lambda ridge: _level_table(mean, variance + ridge * _rounding(levels), levels)

    table = fit(fitted)
    ridge = min(RIDGES, key=lambda ridge: _table_bits(table(ridge), held_out).mean().item())
    bits = _table_bits(fit(train)(ridge), test)
    return Baseline("Gaussian of each pixel", Estimate.of(bits), ridge)


def gaussian_bits(train: Tensor, test: Tensor, levels: int) -> Baseline:
    """A Gaussian of all pixels at once: an upper bound on its bits, one draw for each image."""
    _require_images(train, test, levels)
    fitted, held_out = split(train)

    def fit(images: Tensor, judged: Tensor) -> Callable[[float], Tensor]:
        mean, covariance = _moments(images, levels)
        unit = torch.eye(len(mean), dtype=torch.float64) * _rounding(levels)
        return lambda ridge: -gaussian_log_probability(
            mean, covariance + ridge * unit, judged, levels
        ) / (len(mean) * math.log(2))

    chosen_by = fit(fitted, held_out[:CHOSEN_BY])
    ridge = min(RIDGES, key=lambda ridge: chosen_by(ridge).mean().item())
    bits = fit(train, test)(ridge)
    return Baseline("Gaussian of all pixels", Estimate.of(bits), ridge, is_bound=True)


def gaussian_log_probability(
    mean: Tensor, covariance: Tensor, images: Tensor, levels: int
) -> Tensor:
    """One draw of the log probability of each image, (N,) float64, nats; its exp is unbiased.

    mean: (d,), covariance: (d, d), positive definite, float64, for images in [-1, 1]; images:
    uint8 (N, C, H, W).  Image i draws from the seed i.
    """
    factor = torch.linalg.cholesky(covariance)
    x, half = to_unit(images, levels).flatten(1).double() - mean, _width(levels) / 2
    lower = torch.where(images.flatten(1) == 0, -torch.inf, x - half)
    upper = torch.where(images.flatten(1) == levels - 1, torch.inf, x + half)
    uniform = torch.special.ndtr(
        standard_normal(torch.arange(len(images)), 0, (len(mean),), torch.float64))
    e, log_p = torch.zeros_like(x), x.new_zeros(len(images))
    for i in range(len(mean)):
        known, sd = e[:, :i] @ factor[i, :i], factor[i, i]
        e[:, i], log_mass = cut_off_normal(
            (lower[:, i] - known) / sd, (upper[:, i] - known) / sd, uniform[:, i])
        log_p += log_mass
    return log_p


def cut_off_normal(a: Tensor, b: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
    """N(0, 1) inside (a, b) at the quantile uniform, and log(Phi(b) - Phi(a)); float64.

    Far from 0 as well: the interval is mirrored into the lower tail, and log Phi is inverted.
    """
    mirrored = a + b > 0
    low, high = torch.where(mirrored, -b, a), torch.where(mirrored, -a, b)
    log_low, log_high = torch.special.log_ndtr(low), torch.special.log_ndtr(high)
    log_mass = log_high + torch.log1p(-torch.exp(log_low - log_high))
    share = torch.where(mirrored, 1 - uniform, uniform)
    goal = torch.logaddexp(log_low, log_mass + share.log())
    # Newton's method, from below 0 always: of 1 - Phi where the goal is above 1/2.
    beyond = goal > -math.log(2)
    goal = torch.where(beyond, torch.log1p(-goal.exp()), goal)
    z = torch.where(goal > -5, torch.special.ndtri(goal.exp()), -(-2 * goal).sqrt())
    for _ in range(5):
        log_cdf = torch.special.log_ndtr(z)
        slope = torch.exp(-(z**2) / 2 - math.log(2 * math.pi) / 2 - log_cdf)
        z = z - (log_cdf - goal) / slope
    z = torch.where(beyond, -z, z).clamp(low, high)
    return torch.where(mirrored, -z, z), log_mass


def _moments(images: Tensor, levels: int) -> tuple[Tensor, Tensor]:
    """Mean (d,) and covariance (d, d), divided by N, in [-1, 1], float64."""
    x = to_unit(images, levels).flatten(1).double()
    mean = x.mean(0)
    x -= mean
    return mean, x.mT @ x / len(x)


def _counts(images: Tensor, levels: int) -> Tensor:
    """How many images have each level at each pixel: int64 (levels, d)."""
    return torch.stack([(images == level).flatten(1).sum(0) for level in range(levels)])


def _pixel_moments(counts: Tensor, levels: int) -> tuple[Tensor, Tensor]:
    """Mean and variance of each pixel in [-1, 1], (d,) float64."""
    x = to_unit(torch.arange(levels), levels).double()[:, None]
    share = counts / counts.sum(0).double()
    mean = (share * x).sum(0)
    return mean, (share * (x - mean) ** 2).sum(0)


def _level_table(mean: Tensor, variance: Tensor, levels: int) -> Tensor:
    """log probability of each level at each pixel, (levels, d)."""
    x = to_unit(torch.arange(levels), levels).double()[:, None].expand(levels, len(mean))
    return discretised_gaussian_log_likelihood(
        x, mean.expand_as(x), variance.expand_as(x), levels=levels
    )


def _table_bits(log_p: Tensor, images: Tensor) -> Tensor:
    """Bits per dimension of each image, (N,), from a table of log probabilities (levels, d)."""
    return -log_p.gather(0, images.flatten(1).long()).mean(1) / math.log(2)


def split(train: Tensor) -> tuple[Tensor, Tensor]:
    """Training images to fit, and a fifth to choose by: shuffled, the same way each time.

    Shuffled, because files have an order: the digits' runs through the classes, over and over.
    """
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))
    held_out = len(train) // HELD_OUT
    return train[order[held_out:]], train[order[:held_out]]


def _width(levels: int) -> float:
    return 2 / (levels - 1)


def _rounding(levels: int) -> float:
    return _width(levels) ** 2 / 12


def _require_images(train: Tensor, test: Tensor, levels: int) -> None:
    for name, images, least in (("train", train, 2 * HELD_OUT), ("test", test, 1)):
        if images.dtype != torch.uint8 or images.ndim != 4 or len(images) < least:
            raise ReproError(f"{name} must be uint8 images (N, C, H, W), {least} or more; got "
                             f"{images.dtype}, {tuple(images.shape)}")
        if int(images.max()) >= levels:
            raise ReproError(f"{name} must hold values below levels = {levels}; "
                             f"got {int(images.max())}")
    if train.shape[1:] != test.shape[1:]:
        raise ReproError(f"test must have images like train, {tuple(train.shape[1:])}; "
                         f"got {tuple(test.shape[1:])}")
