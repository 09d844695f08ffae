"""DDIM encoding: from an image to the x_T that DDIM turns into it again.

    x_t = sqrt(alpha_bar_t) x_0_hat + sqrt(1 - alpha_bar_t) eps_hat,  both at (x_s, s),  s = t - 1
                                                                           DDIM (14), section 5.4
This is Euler's method for the ODE of eta = 0, run from data to noise; decoding is the same ODE
from noise to data.  Each evaluates eps at the beginning of a step, so the round trip is exact for
infinitely many steps only: the error falls like the step (DDIM table 2).

At s = 0 there is no timestep to show to the network, which was trained on t = 1..T; the paper does
not say what to do.  Here it is given the image itself as x_1, the least noisy timestep of its
schedule (index 0 of a released checkpoint, if the chain visits it), while the step is still taken
from alpha_bar_0 = 1.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from core.checks import require_finite, trusted
from core.ddim import ddim_encode_step
from core.denoiser import Denoiser
from core.samplers import DDIM, SamplerState, sample


@torch.no_grad()
def encode(
    denoiser: Denoiser, x_0: Tensor, *, callback: Callable[[SamplerState], None] | None = None
) -> Tensor:
    """x_T (B, C, ...) of the images x_0 (B, C, ...), in their dtype, in T evaluations.

    For fewer, encode with `respace(denoiser, chain)`.  callback: called after each step with the
    state reached, t = 1..T.  No gradient is recorded and no value read inside the loop.  Any
    prediction will do where alpha_bar_T = 0, as the network is not evaluated at T.
    Source: DDIM (14), section 5.4.  Errors: ValueError for an integer image, NaN or infinity;
    FloatingPointError where the result is not finite.
    """
    require_finite("x_0", x_0)
    x = x_0
    for s in range(denoiser.schedule.T):
        with trusted():
            eps = denoiser(x, max(s, 1)).eps
            x = ddim_encode_step(denoiser.schedule, x, eps, s, s + 1)
        if callback is not None:
            callback(SamplerState(x, s + 1))
    if not torch.isfinite(x).all():
        raise FloatingPointError(
            f"x_T is NaN or infinite: so is a prediction, or {x.dtype} is too narrow"
        )
    return x


def decode(
    denoiser: Denoiser, x_T: Tensor, *, callback: Callable[[SamplerState], None] | None = None
) -> Tensor:
    """The image (B, C, ...) that DDIM with eta = 0 makes of x_T (B, C, ...); see `sample`."""
    require_finite("x_T", x_T)
    no_seeds = torch.zeros(x_T.shape[0], dtype=torch.int64, device=x_T.device)  # no noise is drawn
    state = SamplerState(x_T, denoiser.schedule.T)
    shape = tuple(x_T.shape[1:])
    return sample(
        denoiser, DDIM(), no_seeds, shape, dtype=x_T.dtype, state=state, callback=callback
    )
