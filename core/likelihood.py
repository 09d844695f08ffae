"""The likelihood of images in bits per dimension, and progressive coding.

    bits  = (L_T + sum over t > 1 of L_{t-1} + L_0) / log(2), an upper bound on -log2 p(x_0) / d
    rate at t       = (L_T + L_{T-1} + ... + L_t) / log(2), what x_t costs to send  DDPM section 4.3
    distortion at t = (levels - 1) / 2 sqrt(||x_0 - x_0_hat(x_t)||^2 / d)           DDPM section 4.3

with d the number of dimensions of an image, and levels that of its values: 256, which makes the
published factor 127.5.  Each L takes one draw of eps, which the caller supplies; the draws of
different t may be independent, as in the released code.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from core.checks import require_finite, require_floating, trusted
from core.decoder import require_level_count, require_levels
from core.denoiser import Denoiser
from core.variational_bound import Bound, bound_term, prior_term


@dataclass(frozen=True, eq=False)
class Likelihood:
    """The bound of each image, term by term.

    terms: (B, T + 1) float64, bits per dimension; terms[:, t] is L_t, so 0 is the decoder's and T
    the prior's.  squared_error: (B, T + 1) float64, the mean of (x_0 - x_0_hat)^2 over the
    dimensions of an image at x_t, for images in [-1, 1]; 0 at t = 0, which is the image itself.
    levels: of the images.  Errors: ValueError for other shapes, NaN or infinity, other levels.
    """

    terms: Tensor
    squared_error: Tensor
    levels: int = 256

    def __post_init__(self) -> None:
        require_finite("terms", self.terms)
        require_finite("squared_error", self.squared_error)
        require_level_count(self.levels)
        if self.terms.ndim != 2 or self.terms.shape[1] < 2:
            raise ValueError(
                f"terms must have shape (B, T + 1), T >= 1; got {tuple(self.terms.shape)}"
            )
        if self.squared_error.shape != self.terms.shape:
            raise ValueError(
                f"squared_error must have the shape of terms, {tuple(self.terms.shape)}; "
                f"got {tuple(self.squared_error.shape)}"
            )

    @property
    def L_0(self) -> Tensor:
        """The decoder's term, bits per dimension, (B,)."""
        return self.terms[:, 0]

    @property
    def L_T(self) -> Tensor:
        """The prior's term, bits per dimension, (B,)."""
        return self.terms[:, -1]

    @property
    def total(self) -> Tensor:
        """The bound on the negative log-likelihood, bits per dimension, (B,)."""
        return self.terms.sum(1)

    @property
    def rate(self) -> Tensor:
        """(B, T + 1), bits per dimension to send x_t; at t = 0 the whole of `total`."""
        return self.terms.flip(1).cumsum(1).flip(1)

    @property
    def distortion(self) -> Tensor:
        """(B, T + 1), root mean squared error of x_0_hat at x_t, on the scale 0..levels - 1.

        Of each image; for a whole set take the root of the mean of `squared_error`, times
        (levels - 1) / 2.
        """
        return (self.levels - 1) / 2 * self.squared_error.sqrt()


@torch.no_grad()
def likelihood(
    denoiser: Denoiser,
    bound: Bound,
    x_0: Tensor,
    noise: Callable[[int], Tensor],
    *,
    callback: Callable[[int], None] | None = None,
) -> Likelihood:
    """Every term of the bound for the images x_0 (B, C, ...), by T calls of the network.

    x_0: float32 or float64, on the levels of the bound.  noise(t) returns eps for x_t, like x_0;
    it is asked for t = T, T - 1, ..., 1 in this order.  `noise_from` draws it from a generator;
    standard_normal(seeds, t, shape) of `noise` gives an image the same bits in any batch.
    callback: called with t after the term at t.  For fewer terms pass `respace(denoiser, chain)`.
    No gradient is recorded and no value read inside the loop.  Errors: those of `bound_term`,
    but that NaN, of noise or network, is found in the finished terms only.
    Source: DDPM (5), (13), section 4.3.
    """
    T = denoiser.schedule.T
    require_levels(x_0, bound.levels)
    terms = x_0.new_zeros(x_0.shape[0], T + 1, dtype=torch.float64)
    squared_error = torch.zeros_like(terms)
    terms[:, T] = prior_term(denoiser.schedule, x_0.double())
    for t in range(T, 0, -1):
        eps = noise(t)
        with trusted():
            nats, step = bound_term(denoiser, bound, x_0, t, eps)
        terms[:, t - 1] = nats
        squared_error[:, t] = ((x_0 - step.x_0).double() ** 2).flatten(1).mean(1)
        if callback is not None:
            callback(t)
    return Likelihood(terms / math.log(2), squared_error, bound.levels)


def noise_from(generator: torch.Generator, x_0: Tensor) -> Callable[[int], Tensor]:
    """Standard normal noise like x_0, drawn anew from the generator at every call.

    The generator lies on the device of x_0.
    """
    require_floating("x_0", x_0)
    return lambda t: torch.randn(
        x_0.shape, generator=generator, dtype=x_0.dtype, device=x_0.device
    )
