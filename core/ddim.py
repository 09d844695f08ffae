"""The DDIM step from x_t to any less noisy x_s.

    x_s = sqrt(alpha_bar_s) x_0 + sqrt(1 - alpha_bar_s - sigma^2) eps + sigma z           DDIM (12)
    x_0 = (x_t - sqrt(1 - alpha_bar_t) eps) / sqrt(alpha_bar_t)
    sigma = eta sqrt((1 - alpha_bar_s) / (1 - alpha_bar_t)) sqrt(1 - alpha_bar_t / alpha_bar_s)
                                                                                          DDIM (16)
eta multiplies the standard deviation: 0 is deterministic, 1 is DDPM's posterior.  The paper's
alpha is alpha_bar here.  t and s are ints or integer tensors (B,), 0 <= s < t <= T.  Errors are
ValueErrors: eta outside [0, 1], a timestep outside its range, s not below t, images that do not
match, an integer image, NaN or infinity.

The step has two forms.  `ddim_step` reads x_0 off x_t and eps, and needs alpha_bar_t > 0;
`ddim_step_to` is given both x_0 and eps: a clipped x_0, or one that was predicted itself and is
more accurate than what x_t and eps imply where alpha_bar_t is small.  With eta = 0 the step can be
taken backwards, from x_s to x_t with the eps of x_s: `ddim_encode_step`.
"""

from torch import Tensor

from core.checks import (
    require_finite,
    require_like,
    require_number,
    require_signal,
    require_timesteps,
)
from core.forward import Transition, transition
from core.schedule import NoiseSchedule, cast_like


def ddim_sigma(schedule: NoiseSchedule, t: Tensor | int, s: Tensor | int, eta: float) -> Tensor:
    """The standard deviation of the noise that the step t -> s adds; float64, shape () or (B,).

    sigma = eta sqrt((1 - alpha_bar_s) / (1 - alpha_bar_t)) sqrt(1 - alpha_bar_t / alpha_bar_s).
    0 at s = 0.  Accuracy: that of `transition` and 4 ulp.  Source: DDIM (16).
    """
    require_number("eta", eta, 0, 1, ends="[]")
    return _sigma(transition(schedule, s, t), eta)


def ddim_coefficients(
    schedule: NoiseSchedule, t: Tensor | int, s: Tensor | int, eta: float
) -> tuple[Tensor, Tensor, Tensor]:
    """(a, b, c) with x_s = a x_t + b eps + c z; float64, shape () or (B,).

    a = sqrt(alpha_bar_s / alpha_bar_t),  c = sigma,
    b = direction - removed,  direction = sqrt(1 - alpha_bar_s - sigma^2),
    removed = a sqrt(1 - alpha_bar_t).  Both differences cancel for neighbouring s and t; with
    ratio = alpha_bar_t / alpha_bar_s they are sums of terms of one sign:
    direction^2 = (1 - alpha_bar_s) (ratio (1 - alpha_bar_s) + (1 - eta^2) (1 - ratio))
                  / (1 - alpha_bar_t),
    b = -(sigma^2 + (1 - ratio) / ratio) / (direction + removed).
    Accuracy: that of `transition` and 8 ulp.  Errors: also a t where alpha_bar_t = 0.
    Source: DDIM (12).
    """
    require_number("eta", eta, 0, 1, ends="[]")
    pair = transition(schedule, s, t)
    require_signal(require_timesteps("t", t, schedule.beta), schedule.alpha_bar)
    _, _, one_minus_t, ratio, one_minus_ratio = pair
    sigma = _sigma(pair, eta)
    direction = _direction(pair, eta)
    removed = (one_minus_t / ratio).sqrt()
    a = 1 / ratio.sqrt()
    b = -(sigma**2 + one_minus_ratio / ratio) / (direction + removed)
    return a, b, sigma


def ddim_step(
    schedule: NoiseSchedule,
    x_t: Tensor,
    eps: Tensor,
    t: Tensor | int,
    s: Tensor | int,
    eta: float,
    z: Tensor | None,
) -> Tensor:
    """x_s = a x_t + b eps + sigma z, with `ddim_coefficients`.

    x_t, eps, z and the result have one shape (B, ...), dtype and device; coefficients are cast to
    that dtype last.  z is standard normal, and may be None where eta = 0, which adds no noise.
    Source: DDIM (12).
    """
    a, b, c = ddim_coefficients(schedule, t, s, eta)
    require_finite("x_t", x_t)
    require_like("eps", eps, "x_t", x_t)
    return _add_noise(cast_like(a, x_t) * x_t + cast_like(b, x_t) * eps, c, eta, z)


def ddim_step_to(
    schedule: NoiseSchedule,
    x_0: Tensor,
    eps: Tensor,
    t: Tensor | int,
    s: Tensor | int,
    eta: float,
    z: Tensor | None,
) -> Tensor:
    """x_s = sqrt(alpha_bar_s) x_0 + sqrt(1 - alpha_bar_s - sigma^2) eps + sigma z.

    Arguments as in `ddim_step`, with x_0 in place of x_t, which does not enter.  Any t in 1..T,
    also where alpha_bar_t = 0; s = 0 returns x_0.  Source: DDIM (12), its three terms.
    """
    require_number("eta", eta, 0, 1, ends="[]")
    pair = transition(schedule, s, t)
    require_finite("x_0", x_0)
    require_like("eps", eps, "x_0", x_0)
    signal, direction = pair.alpha_bar_s.sqrt(), _direction(pair, eta)
    x_s = cast_like(signal, x_0) * x_0 + cast_like(direction, x_0) * eps
    return _add_noise(x_s, _sigma(pair, eta), eta, z)


def ddim_encode_step(
    schedule: NoiseSchedule, x_s: Tensor, eps: Tensor, s: Tensor | int, t: Tensor | int
) -> Tensor:
    """x_t from a less noisy x_s and its eps: the step of eta = 0 from t to s, backwards.

    x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) eps with the x_0 that x_s and eps imply,
        = sqrt(ratio) x_s + (1 - ratio) / (sqrt(1 - alpha_bar_t) + sqrt(ratio (1 - alpha_bar_s)))
          eps,   ratio = alpha_bar_t / alpha_bar_s,
    where nothing cancels.  At s = 0 x_s is x_0 and this is DDPM (4).  Source: DDIM (14), the
    ODE run from data to noise.
    """
    _, one_minus_s, one_minus_t, ratio, one_minus_ratio = transition(schedule, s, t)
    require_finite("x_s", x_s)
    require_like("eps", eps, "x_s", x_s)
    b = one_minus_ratio / (one_minus_t.sqrt() + (ratio * one_minus_s).sqrt())
    return cast_like(ratio.sqrt(), x_s) * x_s + cast_like(b, x_s) * eps


def _sigma(pair: Transition, eta: float) -> Tensor:
    noise_ratio = pair.one_minus_alpha_bar_s / pair.one_minus_alpha_bar_t
    return eta * noise_ratio.sqrt() * pair.one_minus_ratio.sqrt()


def _direction(pair: Transition, eta: float) -> Tensor:
    """sqrt(1 - alpha_bar_s - sigma^2), the form of `ddim_coefficients` that does not cancel."""
    _, one_minus_s, one_minus_t, ratio, one_minus_ratio = pair
    kept = ratio * one_minus_s + (1 - eta) * (1 + eta) * one_minus_ratio
    return (one_minus_s * kept / one_minus_t).sqrt()


def _add_noise(x_s: Tensor, sigma: Tensor, eta: float, z: Tensor | None) -> Tensor:
    if z is None:
        if eta > 0:
            raise ValueError(f"z must be standard normal noise like x_t, as eta = {eta}; got None")
        return x_s
    require_like("z", z, "x_t", x_s)
    return x_s + cast_like(sigma, x_s) * z
