"""The DDIM step from x_t to any less noisy x_s.

    x_s = sqrt(alpha_bar_s) x_0 + sqrt(1 - alpha_bar_s - sigma^2) eps + sigma z           DDIM (12)
    x_0 = (x_t - sqrt(1 - alpha_bar_t) eps) / sqrt(alpha_bar_t)
    sigma = eta sqrt((1 - alpha_bar_s) / (1 - alpha_bar_t)) sqrt(1 - alpha_bar_t / alpha_bar_s)
                                                                                          DDIM (16)
eta multiplies the standard deviation: 0 is deterministic, 1 is DDPM's posterior.  The paper's
alpha is alpha_bar here.  t and s are ints or integer tensors (B,), 0 <= s < t <= T.  Errors are
ValueErrors: eta outside [0, 1], a timestep outside its range, s not below t, images that do not
match, an integer image, NaN or infinity.
"""

from torch import Tensor

from core.checks import require_finite, require_like, require_number
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
    Accuracy: that of `transition` and 8 ulp.  Source: DDIM (12).
    """
    require_number("eta", eta, 0, 1, ends="[]")
    pair = transition(schedule, s, t)
    _, one_minus_s, one_minus_t, ratio, one_minus_ratio = pair
    sigma = _sigma(pair, eta)
    kept = ratio * one_minus_s + (1 - eta) * (1 + eta) * one_minus_ratio
    direction = (one_minus_s * kept / one_minus_t).sqrt()
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
    x_s = cast_like(a, x_t) * x_t + cast_like(b, x_t) * eps
    if z is None:
        if eta > 0:
            raise ValueError(f"z must be standard normal noise like x_t, as eta = {eta}; got None")
        return x_s
    require_like("z", z, "x_t", x_t)
    return x_s + cast_like(c, x_t) * z


def _sigma(pair: Transition, eta: float) -> Tensor:
    noise_ratio = pair.one_minus_alpha_bar_s / pair.one_minus_alpha_bar_t
    return eta * noise_ratio.sqrt() * pair.one_minus_ratio.sqrt()
