"""The noise schedule: beta_t, and every table that follows from it.

    alpha_t     = 1 - beta_t
    alpha_bar_t = alpha_1 * ... * alpha_t                                 DDPM, above (4)
    snr_t       = alpha_bar_t / (1 - alpha_bar_t)
    beta_tilde_t = (1 - alpha_bar_{t-1}) / (1 - alpha_bar_t) * beta_t     DDPM (7)

Tables have length T + 1 and alpha_bar[0] = 1, so that table[t] is the paper's t.  They are
computed from the float64 betas in 60-digit decimal arithmetic and rounded once, on the CPU:
every entry is within half an ulp of its exact value (plus 1e-40 ulp, for log_snr 1e-8), and
the same on every device, where a float32 running product on a GPU is off by 13 ulp and the
first 1 - alpha_bar by thousands.
"""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext
from fractions import Fraction

import torch
from torch import Tensor

from core.checks import require_count, require_floating, require_number


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """The variances beta of the forward process, and the tables derived from them.

    beta: float64, shape (T + 1,), beta[0] = 0 and every other entry in (0, 1); beta[t] is the
    paper's beta_t.  `linear_schedule` and its siblings build it.  beta[T] alone may be 1, as
    `zero_terminal_snr` makes it: then alpha_bar[T] = 0 and x_T is noise only.  All tables are
    float64 on the device of beta.  A `_tail` is what rounding left behind: table + tail holds 106
    bits, for the differences of neighbouring entries.  Errors: ValueError for beta of another
    dtype or shape, or with an entry outside its range; and where alpha_bar or beta underflows.
    Source: DDPM section 2; beta_tilde is DDPM (7), with beta_tilde[1] = 0.
    """

    beta: Tensor
    alpha: Tensor = field(init=False)
    alpha_bar: Tensor = field(init=False)
    alpha_bar_tail: Tensor = field(init=False)
    one_minus_alpha_bar: Tensor = field(init=False)
    one_minus_alpha_bar_tail: Tensor = field(init=False)
    snr: Tensor = field(init=False)
    log_snr: Tensor = field(init=False)
    beta_tilde: Tensor = field(init=False)

    def __post_init__(self) -> None:
        _require_betas(self.beta)
        # A private copy: tables must not drift from a beta that its owner changes later.
        object.__setattr__(self, "beta", self.beta.detach().clone())
        for name, table in _tables(self.beta.tolist()).items():
            tensor = torch.tensor(table, dtype=torch.float64, device=self.beta.device)
            object.__setattr__(self, name, tensor)

    @property
    def T(self) -> int:
        """The number of noising steps."""
        return self.beta.shape[0] - 1

    def to(self, device: torch.device | str) -> "NoiseSchedule":
        """The same schedule, bit for bit, on another device."""
        return NoiseSchedule.of_tables({name: x.to(device) for name, x in vars(self).items()})

    @classmethod
    def of_tables(cls, tables: dict[str, Tensor]) -> "NoiseSchedule":
        """A schedule whose tables are known: moved, or picked out of a longer one (`respace`).

        Betas near 1 do not determine alpha_bar, so tables must not be rebuilt from rounded ones.
        """
        schedule = object.__new__(cls)
        for table in fields(cls):
            object.__setattr__(schedule, table.name, tables[table.name])
        return schedule


def linear_schedule(
    T: int = 1000, beta_first: float = 1e-4, beta_last: float = 0.02
) -> NoiseSchedule:
    """Equally spaced betas: beta_t = beta_first + (beta_last - beta_first) (t - 1) / (T - 1).

    T = 1 gives beta_1 = beta_first.  Each beta is formed exactly from the two float end points
    and rounded once, so it can differ by an ulp from a linspace.  Returns a NoiseSchedule.
    Errors: ValueError for T < 1 or an end point outside (0, 1).  Source: DDPM section 4.
    """
    require_count("T", T)
    require_number("beta_first", beta_first, 0, 1)
    require_number("beta_last", beta_last, 0, 1)
    first, last = Fraction(beta_first), Fraction(beta_last)
    spacing = (last - first) / max(T - 1, 1)
    return schedule_from_betas([float(first + spacing * (t - 1)) for t in range(1, T + 1)])


def scaled_linear_schedule(T: int) -> NoiseSchedule:
    """The linear schedule with both end points multiplied by 1000 / T.

    beta from 1e-4 * 1000 / T to 0.02 * 1000 / T: alpha_bar[T] stays near 4e-5 for every T.
    Returns a NoiseSchedule.  Errors: ValueError for T <= 20, where beta_T would reach 1.
    Source: the code released with iDDPM; its paper's linear schedule at T = 4000.
    """
    require_count("T", T)
    if T <= 20:
        raise ValueError(f"T must be 21 or more, because beta_T = 20 / T must be below 1; got {T}")
    return linear_schedule(T, 1e-4 * (1000 / T), 0.02 * (1000 / T))


def cosine_schedule(T: int, s: float = 0.008, beta_max: float = 0.999) -> NoiseSchedule:
    """Betas whose alpha_bar follows a squared cosine, clipped at beta_max.

    beta_t = min(1 - f(t) / f(t - 1), beta_max),  f(t) = cos^2(angle_t),
    angle_t = (t / T + s) / (1 + s) * pi / 2.  1 - f(t) / f(t - 1) is evaluated without
    cancellation, within a few ulp, as
    sin(angle_t - angle_{t-1}) sin(angle_t + angle_{t-1}) / cos^2(angle_{t-1}).
    Returns a NoiseSchedule.  alpha_bar[t] is f(t) / f(0) up to the first clipped t.
    Errors: ValueError for T < 1, s < 0 or beta_max outside (0, 1).
    Source: iDDPM (17); beta_max from the sentence below it.
    """
    require_count("T", T)
    require_number("s", s, 0, math.inf, ends="[)")
    require_number("beta_max", beta_max, 0, 1)
    step = math.pi / 2 / (T * (1 + s))
    betas = []
    for t in range(1, T + 1):
        sine, cosine = _sine_cosine(t, T, s)
        sine_before, cosine_before = _sine_cosine(t - 1, T, s)
        sine_of_sum = sine * cosine_before + cosine * sine_before
        beta = math.sin(step) * sine_of_sum / cosine_before**2
        betas.append(min(beta, beta_max))
    return schedule_from_betas(betas)


def schedule_from_betas(betas: Sequence[float] | Tensor) -> NoiseSchedule:
    """A schedule from the paper's beta_1..beta_T.

    betas: a sequence of numbers or a floating-point tensor, shape (T,), each in (0, 1); a float32
    tensor is taken at its exact values.  Errors: ValueError for another shape, an empty betas,
    NaN, or a value outside (0, 1).
    """
    if not isinstance(betas, Tensor):
        betas = torch.tensor(list(betas), dtype=torch.float64)
    require_floating("betas", betas)
    if betas.ndim != 1 or betas.shape[0] == 0:
        raise ValueError(
            f"betas must have shape (T,) with T >= 1, for beta_1..beta_T; got {tuple(betas.shape)}"
        )
    if betas[-1] == 1:
        T = betas.shape[0]
        raise ValueError(
            f"beta[{T}] must lie in (0, 1); got 1.0: `zero_terminal_snr` builds a schedule that "
            f"ends without signal"
        )
    betas = betas.double()
    return NoiseSchedule(torch.cat([betas.new_zeros(1), betas]))


def cast_like(coefficient: Tensor, like: Tensor) -> Tensor:
    """A coefficient () or (B,) made ready to multiply like (B, ...): the last thing done to it.

    Returns (B, 1, ..., 1) or (1, ..., 1), in the dtype of like; all arithmetic before it is
    float64.  Errors: ValueError where B differs, or the devices do.
    """
    if coefficient.ndim == 1 and coefficient.shape != like.shape[:1]:
        raise ValueError(
            f"t must be an integer or have shape (B,) with B the first size of the images, "
            f"which have shape {tuple(like.shape)}; got {tuple(coefficient.shape)}"
        )
    if coefficient.device != like.device:
        raise ValueError(
            f"schedule must lie on the device of the images, {like.device}; got "
            f"{coefficient.device}: use schedule.to('{like.device}')"
        )
    shape = tuple(coefficient.shape) + (1,) * (like.ndim - coefficient.ndim)
    return coefficient.reshape(shape).to(like.dtype)


def _sine_cosine(t: int, T: int, s: float) -> tuple[float, float]:
    """sin and cos of angle_t.  cos comes from the complement, (1 - t/T) / (1 + s) * pi/2:
    it vanishes at t = T, where the cosine of a rounded angle has no correct digit left.
    """
    angle = (t / T + s) / (1 + s) * math.pi / 2
    complement = (T - t) / T / (1 + s) * math.pi / 2
    return math.sin(angle), math.sin(complement)


def _require_betas(beta: Tensor) -> None:
    """beta is float64, (T + 1,), 0 at index 0 and in (0, 1) after it, or 1 at the end."""
    require_floating("beta", beta)
    if beta.dtype != torch.float64:
        raise ValueError(f"beta must be float64; got {beta.dtype}")
    if beta.ndim != 1 or beta.shape[0] < 2:
        raise ValueError(f"beta must have shape (T + 1,) with T >= 1; got {tuple(beta.shape)}")
    first, *rest = beta.tolist()
    if first != 0:
        raise ValueError(f"beta[0] must be 0, so that beta[t] is the paper's beta_t; got {first}")
    for t, value in enumerate(rest, start=1):
        if not (0 < value < 1 or (value == 1 and t == len(rest))):
            raise ValueError(f"beta[{t}] must lie in (0, 1); got {value}")
        if value < sys.float_info.min:
            raise ValueError(
                f"beta[{t}] must be {sys.float_info.min} or more, or its snr overflows; got {value}"
            )


def _tables(beta: list[float]) -> dict[str, list[float]]:
    """Every derived table from beta[0..T], in wide decimal arithmetic, each entry rounded once.

    1 - alpha_bar_t is accumulated as a sum of positive terms,
    1 - alpha_bar_t = (1 - alpha_bar_{t-1}) + alpha_bar_{t-1} beta_t, never as a difference.
    """
    tables = {
        "alpha": [1.0],
        "alpha_bar": [1.0],
        "alpha_bar_tail": [0.0],
        "one_minus_alpha_bar": [0.0],
        "one_minus_alpha_bar_tail": [0.0],
        "snr": [math.inf],
        "log_snr": [math.inf],
        "beta_tilde": [0.0],
    }
    log_digits = Context(prec=25)  # a logarithm of 60 digits takes most of the time of all tables
    with localcontext(Context(prec=60, Emin=MIN_EMIN, Emax=MAX_EMAX)):
        alpha_bar, one_minus = Decimal(1), Decimal(0)
        for t in range(1, len(beta)):
            beta_t = Decimal(beta[t])
            one_minus_before = one_minus
            one_minus = one_minus + alpha_bar * beta_t
            alpha_bar = alpha_bar * (1 - beta_t)
            snr = alpha_bar / one_minus
            if 0 < alpha_bar < sys.float_info.min:
                raise ValueError(
                    f"beta must leave alpha_bar[T] at {sys.float_info.min} or more; "
                    f"got alpha_bar[{t}] = {alpha_bar:.3e}: use fewer or smaller betas"
                )
            tables["alpha"].append(float(1 - beta_t))
            tables["alpha_bar"].append(float(alpha_bar))
            tables["alpha_bar_tail"].append(_tail(alpha_bar))
            tables["one_minus_alpha_bar"].append(float(one_minus))
            tables["one_minus_alpha_bar_tail"].append(_tail(one_minus))
            tables["snr"].append(float(snr))
            tables["log_snr"].append(float(snr.ln(log_digits)) if snr else -math.inf)
            tables["beta_tilde"].append(float(one_minus_before / one_minus * beta_t))
    return tables


def _tail(value: Decimal) -> float:
    """What rounding value to float64 leaves behind."""
    return float(value - Decimal(float(value)))
