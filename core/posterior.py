"""The posterior of the forward process: what x_t and x_0 say about a less noisy x_s.

    q(x_{t-1} | x_t, x_0) = N(c_x0 x_0 + c_xt x_t, beta_tilde_t)                     DDPM (6), (7)
    c_x0 = sqrt(alpha_bar_{t-1}) beta_t / (1 - alpha_bar_t)
    c_xt = sqrt(alpha_t) (1 - alpha_bar_{t-1}) / (1 - alpha_bar_t)
    beta_tilde_t = (1 - alpha_bar_{t-1}) / (1 - alpha_bar_t) beta_t

At t = 1 it is a point mass: c_x0 = 1, c_xt = 0 and beta_tilde = 0 exactly.  Images are
floating-point tensors (B, ...) of one shape, dtype and device; t is an int or an integer tensor
(B,); coefficients are float64 and cast last; variances are returned in the dtype of the images
with shape (B, 1, ..., 1), or (1, ..., 1) for an int.  Errors are ValueErrors: images that do not
match, an integer image, NaN or infinity, a timestep outside its range.
"""

from torch import Tensor

from core.checks import require_finite, require_like, require_signal, require_timesteps
from core.forward import transition
from core.schedule import NoiseSchedule, cast_like


def posterior_coefficients(
    schedule: NoiseSchedule, t: Tensor | int
) -> tuple[Tensor, Tensor, Tensor]:
    """(c_x0, c_xt, beta_tilde_t) of q(x_{t-1} | x_t, x_0), float64, shape () or (B,); t in 1..T.

    Accuracy: 4 ulp; beta_tilde is correctly rounded.  Source: DDPM (7).
    """
    t = require_timesteps("t", t, schedule.beta)
    one_minus_t = schedule.one_minus_alpha_bar[t]
    c_x0 = schedule.alpha_bar[t - 1].sqrt() * schedule.beta[t] / one_minus_t
    c_xt = schedule.alpha[t].sqrt() * schedule.one_minus_alpha_bar[t - 1] / one_minus_t
    return c_x0, c_xt, schedule.beta_tilde[t]


def q_posterior(
    schedule: NoiseSchedule, x_0: Tensor, x_t: Tensor, t: Tensor | int
) -> tuple[Tensor, Tensor]:
    """Mean (B, ...) and variance (B, 1, ..., 1) of q(x_{t-1} | x_t, x_0), t in 1..T.

    mean = c_x0 x_0 + c_xt x_t, variance = beta_tilde_t.  Source: DDPM (6), (7).
    """
    c_x0, c_xt, variance = posterior_coefficients(schedule, t)
    return _apply(c_x0, c_xt, variance, x_0, x_t)


def posterior_mean_from_eps(
    schedule: NoiseSchedule, x_t: Tensor, t: Tensor | int, eps: Tensor
) -> Tensor:
    """The posterior mean (B, ...) where x_0 is the one that x_t and eps imply, t in 1..T.

    mean = (x_t - beta_t / sqrt(1 - alpha_bar_t) eps) / sqrt(alpha_t).  Errors: also a t where
    alpha_bar_t = 0.  Source: DDPM (11).
    """
    t = require_timesteps("t", t, schedule.beta)
    require_signal(t, schedule.alpha_bar)
    require_finite("x_t", x_t)
    require_like("eps", eps, "x_t", x_t)
    c_eps = cast_like(schedule.beta[t] / schedule.one_minus_alpha_bar[t].sqrt(), x_t)
    sqrt_alpha = cast_like(schedule.alpha[t].sqrt(), x_t)
    return (x_t - c_eps * eps) / sqrt_alpha


def posterior_pair_coefficients(
    schedule: NoiseSchedule, s: Tensor | int, t: Tensor | int
) -> tuple[Tensor, Tensor, Tensor]:
    """(c_x0, c_xt, variance) of q(x_s | x_t, x_0), float64, shape () or (B,), 0 <= s < t <= T.

    With ratio = alpha_bar_t / alpha_bar_s:
    c_x0 = sqrt(alpha_bar_s) (1 - ratio) / (1 - alpha_bar_t),
    c_xt = sqrt(ratio) (1 - alpha_bar_s) / (1 - alpha_bar_t),
    variance = (1 - alpha_bar_s) (1 - ratio) / (1 - alpha_bar_t).
    s = t - 1 is `posterior_coefficients`; s = 0 is (1, 0, 0) exactly.  Accuracy: that of
    `transition` and 4 ulp.  Source: DDPM (7) for the chain that visits s and t only.
    """
    alpha_bar_s, one_minus_s, one_minus_t, ratio, one_minus_ratio = transition(schedule, s, t)
    c_x0 = alpha_bar_s.sqrt() * one_minus_ratio / one_minus_t
    c_xt = ratio.sqrt() * one_minus_s / one_minus_t
    variance = one_minus_s * one_minus_ratio / one_minus_t
    return c_x0, c_xt, variance


def q_posterior_pair(
    schedule: NoiseSchedule, x_0: Tensor, x_t: Tensor, s: Tensor | int, t: Tensor | int
) -> tuple[Tensor, Tensor]:
    """Mean (B, ...) and variance (B, 1, ..., 1) of q(x_s | x_t, x_0), 0 <= s < t <= T.

    mean = c_x0 x_0 + c_xt x_t, with `posterior_pair_coefficients`.
    """
    c_x0, c_xt, variance = posterior_pair_coefficients(schedule, s, t)
    return _apply(c_x0, c_xt, variance, x_0, x_t)


def _apply(
    c_x0: Tensor, c_xt: Tensor, variance: Tensor, x_0: Tensor, x_t: Tensor
) -> tuple[Tensor, Tensor]:
    require_finite("x_0", x_0)
    require_like("x_t", x_t, "x_0", x_0)
    mean = cast_like(c_x0, x_0) * x_0 + cast_like(c_xt, x_0) * x_t
    return mean, cast_like(variance, x_0)
