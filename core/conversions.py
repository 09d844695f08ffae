"""x_0, eps, v and the score: given x_t, each determines the others.

    x_t   = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) eps               DDPM (4)
    v     = sqrt(alpha_bar_t) eps - sqrt(1 - alpha_bar_t) x_0               2202.00512 section 4
    score = -eps / sqrt(1 - alpha_bar_t)                                    DDPM section 3.2

(x_t, v) is (x_0, eps) turned by the angle arccos(sqrt(alpha_bar_t)), so v inverts without a
division.  In every function: images are floating-point tensors (B, ...) of one shape, dtype and
device, and so is the result; t is in 1..T, an int or an integer tensor (B,); coefficients are
float64 and cast last.  Errors are ValueErrors: images that do not match, an integer image, NaN
or infinity, t outside 1..T.
"""

from torch import Tensor

from core.checks import require_finite, require_like, require_signal, require_timesteps
from core.schedule import NoiseSchedule, cast_like


def x_0_from_eps(schedule: NoiseSchedule, x_t: Tensor, t: Tensor | int, eps: Tensor) -> Tensor:
    """The clean image that eps implies: (x_t - sqrt(1 - alpha_bar_t) eps) / sqrt(alpha_bar_t).

    An error in eps is multiplied by sqrt(1 / snr_t), 157 at T of the linear schedule.  Errors:
    also a t where alpha_bar_t = 0.  Source: DDPM (4) solved for x_0; DDIM (9).
    """
    t = require_timesteps("t", t, schedule.beta)
    require_signal(t, schedule.alpha_bar)
    signal, noise = _signal_noise(schedule, "x_t", x_t, t, "eps", eps)
    return (x_t - noise * eps) / signal


def eps_from_x_0(schedule: NoiseSchedule, x_t: Tensor, t: Tensor | int, x_0: Tensor) -> Tensor:
    """The noise that x_0 implies: (x_t - sqrt(alpha_bar_t) x_0) / sqrt(1 - alpha_bar_t).

    Source: DDPM (4) solved for eps.
    """
    signal, noise = _signal_noise(schedule, "x_t", x_t, t, "x_0", x_0)
    return (x_t - signal * x_0) / noise


def v_from_x_0(schedule: NoiseSchedule, x_0: Tensor, t: Tensor | int, eps: Tensor) -> Tensor:
    """v of a clean image and its noise: sqrt(alpha_bar_t) eps - sqrt(1 - alpha_bar_t) x_0.

    Arguments as in `q_sample`.  Source: 2202.00512 section 4, alpha = sqrt(alpha_bar_t).
    """
    signal, noise = _signal_noise(schedule, "x_0", x_0, t, "eps", eps)
    return signal * eps - noise * x_0


def x_0_from_v(schedule: NoiseSchedule, x_t: Tensor, t: Tensor | int, v: Tensor) -> Tensor:
    """The clean image that v implies: sqrt(alpha_bar_t) x_t - sqrt(1 - alpha_bar_t) v.

    Source: 2202.00512 section 4.
    """
    signal, noise = _signal_noise(schedule, "x_t", x_t, t, "v", v)
    return signal * x_t - noise * v


def eps_from_v(schedule: NoiseSchedule, x_t: Tensor, t: Tensor | int, v: Tensor) -> Tensor:
    """The noise that v implies: sqrt(1 - alpha_bar_t) x_t + sqrt(alpha_bar_t) v.

    Source: 2202.00512 appendix D (rotation of x_0 and eps).
    """
    signal, noise = _signal_noise(schedule, "x_t", x_t, t, "v", v)
    return noise * x_t + signal * v


def score_from_eps(schedule: NoiseSchedule, x_t: Tensor, t: Tensor | int, eps: Tensor) -> Tensor:
    """grad log q(x_t | x_0) at x_t, for the eps that made x_t: -eps / sqrt(1 - alpha_bar_t).

    For eps = E[eps | x_t] it is the score of the marginal q(x_t).  x_t sets the shape and dtype
    that eps must have; its values do not enter.  Source: DDPM section 3.2.
    """
    _, noise = _signal_noise(schedule, "x_t", x_t, t, "eps", eps)
    return -eps / noise


def eps_from_score(schedule: NoiseSchedule, x_t: Tensor, t: Tensor | int, score: Tensor) -> Tensor:
    """The noise that a score implies: -sqrt(1 - alpha_bar_t) score.

    x_t sets the shape and dtype that score must have.  Source: DDPM section 3.2.
    """
    _, noise = _signal_noise(schedule, "x_t", x_t, t, "score", score)
    return -noise * score


def _signal_noise(
    schedule: NoiseSchedule, name: str, x: Tensor, t: Tensor | int, other_name: str, other: Tensor
) -> tuple[Tensor, Tensor]:
    """(sqrt(alpha_bar_t), sqrt(1 - alpha_bar_t)) ready for x, once the arguments are sound."""
    t = require_timesteps("t", t, schedule.beta)
    require_finite(name, x)
    require_like(other_name, other, name, x)
    signal = cast_like(schedule.alpha_bar[t].sqrt(), x)
    noise = cast_like(schedule.one_minus_alpha_bar[t].sqrt(), x)
    return signal, noise
