"""The forward process: noise is added, in one step or in many at once.

    q(x_t | x_{t-1}) = N(sqrt(1 - beta_t) x_{t-1}, beta_t)                  DDPM (2)
    q(x_t | x_0)     = N(sqrt(alpha_bar_t) x_0, 1 - alpha_bar_t)            DDPM (4)
    q(x_t | x_s)     = N(sqrt(alpha_bar_t / alpha_bar_s) x_s, 1 - alpha_bar_t / alpha_bar_s)

In every function: images are floating-point tensors (B, ...) and keep their dtype and device;
t is an int or an integer tensor (B,); coefficients are float64 and cast last; a variance is the
same for every dimension and is returned in the dtype of the images, with shape (B, 1, ..., 1),
or (1, ..., 1) for an int.  Errors are ValueErrors: a shape, dtype or device that does not match,
an integer image, NaN or infinity, a timestep outside its range.
"""

from typing import NamedTuple

from torch import Tensor

from core.checks import require_finite, require_like, require_pair, require_timesteps
from core.schedule import NoiseSchedule, cast_like


def q_step(schedule: NoiseSchedule, x_prev: Tensor, t: Tensor | int, z: Tensor) -> Tensor:
    """x_t drawn from q(x_t | x_{t-1}), given standard normal z.

    x_t = sqrt(1 - beta_t) x_{t-1} + sqrt(beta_t) z.  x_prev is x_{t-1}; x_prev, z and the result
    have one shape and dtype; t in 1..T.  Source: DDPM (2).
    """
    t = require_timesteps("t", t, schedule.beta)
    require_finite("x_prev", x_prev)
    require_like("z", z, "x_prev", x_prev)
    signal = cast_like(schedule.alpha[t].sqrt(), x_prev)
    noise = cast_like(schedule.beta[t].sqrt(), x_prev)
    return signal * x_prev + noise * z


def q_sample(schedule: NoiseSchedule, x_0: Tensor, t: Tensor | int, eps: Tensor) -> Tensor:
    """x_t drawn from q(x_t | x_0), given standard normal eps.

    x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) eps.  x_0, eps and the result have one
    shape and dtype; t in 1..T.  Source: DDPM (4).
    """
    t = require_timesteps("t", t, schedule.beta)
    require_finite("x_0", x_0)
    require_like("eps", eps, "x_0", x_0)
    signal = cast_like(schedule.alpha_bar[t].sqrt(), x_0)
    noise = cast_like(schedule.one_minus_alpha_bar[t].sqrt(), x_0)
    return signal * x_0 + noise * eps


def q_marginal(schedule: NoiseSchedule, x_0: Tensor, t: Tensor | int) -> tuple[Tensor, Tensor]:
    """Mean (B, ...) and variance (B, 1, ..., 1) of q(x_t | x_0).

    mean = sqrt(alpha_bar_t) x_0, variance = 1 - alpha_bar_t; t in 1..T.  Source: DDPM (4).
    """
    t = require_timesteps("t", t, schedule.beta)
    require_finite("x_0", x_0)
    mean = cast_like(schedule.alpha_bar[t].sqrt(), x_0) * x_0
    variance = cast_like(schedule.one_minus_alpha_bar[t], x_0)
    return mean, variance


def q_transition(
    schedule: NoiseSchedule, x_s: Tensor, s: Tensor | int, t: Tensor | int
) -> tuple[Tensor, Tensor]:
    """Mean (B, ...) and variance (B, 1, ..., 1) of q(x_t | x_s), 0 <= s < t <= T.

    mean = sqrt(alpha_bar_t / alpha_bar_s) x_s, variance = 1 - alpha_bar_t / alpha_bar_s.
    Accuracy of the coefficients: see `transition`.
    Source: DDPM (2) applied t - s times; s = t - 1 is (2) itself and s = 0 is (4).
    """
    pair = transition(schedule, s, t)
    require_finite("x_s", x_s)
    mean = cast_like(pair.ratio.sqrt(), x_s) * x_s
    variance = cast_like(pair.one_minus_ratio, x_s)
    return mean, variance


class Transition(NamedTuple):
    """What a step between s < t is made of: float64, each of shape () or (B,)."""

    alpha_bar_s: Tensor
    one_minus_alpha_bar_s: Tensor
    one_minus_alpha_bar_t: Tensor
    ratio: Tensor  # alpha_bar_t / alpha_bar_s
    one_minus_ratio: Tensor


def transition(schedule: NoiseSchedule, s: Tensor | int, t: Tensor | int) -> Transition:
    """The quantities of the pair 0 <= s < t <= T, without cancellation.

    1 - ratio = (alpha_bar_s - alpha_bar_t) / alpha_bar_s, whose numerator is a difference of two
    106-bit table entries, of alpha_bar or of 1 - alpha_bar, whichever is smaller at s.
    Accuracy: ratio 3 ulp; 1 - ratio 3 ulp, plus 1e-32 / (1 - ratio) relative, the tables' own
    end.  At s = 0 both are the table's entries at t.  Errors: ValueError unless 0 <= s < t <= T.
    """
    s, t = require_pair(s, t, schedule.beta)
    alpha_bar_s = schedule.alpha_bar[s]
    one_minus_s = schedule.one_minus_alpha_bar[s]
    fall = _difference(schedule.alpha_bar, schedule.alpha_bar_tail, s, t)
    rise = _difference(schedule.one_minus_alpha_bar, schedule.one_minus_alpha_bar_tail, t, s)
    difference = fall.where(alpha_bar_s < one_minus_s, rise)
    return Transition(
        alpha_bar_s=alpha_bar_s,
        one_minus_alpha_bar_s=one_minus_s,
        one_minus_alpha_bar_t=schedule.one_minus_alpha_bar[t],
        ratio=schedule.alpha_bar[t] / alpha_bar_s,
        one_minus_ratio=difference / alpha_bar_s,
    )


def _difference(table: Tensor, tail: Tensor, i: Tensor, j: Tensor) -> Tensor:
    """table[i] - table[j] of two-part entries.  The leading parts cancel exactly where they are
    close (Sterbenz), so the tails then supply the digits that one float64 table lacks.
    """
    return (table[i] - table[j]) + (tail[i] - tail[j])
