"""The exact coefficients: formulas of ``derivations`` at exact levels, in balls of 192 bits.

    x_t     = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) eps                         DDPM (4)
    x_{t-1} = c_x0 x_0 + c_xt x_t + sqrt(beta_tilde) z                             DDPM (6), (7)
    x_s     = a x_t + b eps + c z                                             DDIM (12) and (16)

A network may predict x_0 or v instead of eps; substituting

    eps = (x_t - sqrt(alpha_bar_t) x_0) / sqrt(1 - alpha_bar_t)                  DDPM (4) solved
    eps = sqrt(1 - alpha_bar_t) x_t + sqrt(alpha_bar_t) v              arXiv 2202.00512, app. D

changes a and b only.  ``size`` beside a coefficient is the sum of the terms of which the plain
formula makes it: rounding is measured against that.  ``detour`` is 1 / sqrt(alpha_bar_t), by
which rounding grows where a prediction of x_0 or v becomes eps first and an image afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import NamedTuple, cast

import sympy
from flint import arb
from sympy import sqrt

from audit.conformance.levels import BITS, Levels
from derivations.ddim.ddim import alpha_bar_s, alpha_bar_t, direction, eta, sigma_of_eta
from derivations.ddim.ddim_step import coefficients
from derivations.prover.balls import ball, precision
from derivations.reverse.posterior import (
    pair_coefficient_x_0,
    pair_coefficient_x_t,
    pair_variance,
)

SIGMA = sigma_of_eta(eta, alpha_bar_s, alpha_bar_t)
DDIM = coefficients(alpha_bar_s, alpha_bar_t, SIGMA)
DIRECTION = direction(alpha_bar_s, SIGMA)
POSTERIOR = (
    pair_coefficient_x_0(alpha_bar_s, alpha_bar_t),
    pair_coefficient_x_t(alpha_bar_s, alpha_bar_t),
    pair_variance(alpha_bar_s, alpha_bar_t),
)
BETA_DEVIATION = sqrt(1 - alpha_bar_t / alpha_bar_s)
INVERSION = coefficients(alpha_bar_t, alpha_bar_s, 0)[:2]  # DDIM (12) from s up to t
TABLE = {
    "beta": 1 - alpha_bar_t / alpha_bar_s,
    "alpha": alpha_bar_t / alpha_bar_s,
    "alpha_bar": alpha_bar_t,
    "one_minus_alpha_bar": 1 - alpha_bar_t,
    "sqrt_alpha_bar": sqrt(alpha_bar_t),
    "sqrt_one_minus_alpha_bar": sqrt(1 - alpha_bar_t),
    "snr": alpha_bar_t / (1 - alpha_bar_t),
    "beta_tilde": pair_variance(alpha_bar_s, alpha_bar_t),
}


@dataclass(frozen=True)
class Exact:
    """A coefficient: its exact value rounded to float64, and the size of the terms behind it."""

    value: float
    size: float
    detour: float = 0.0  # how much larger terms get where x_0 or v is turned into eps on the way

    @property
    def finite(self) -> bool:
        """Whether the formula has a value here at all (alpha_bar = 0 leaves some without one)."""
        return abs(self.value) < float("inf")


class Pair(NamedTuple):
    """alpha_bar_s and alpha_bar_t of a step."""

    low: arb
    high: arb


def pair_at(levels: Levels, s: int, t: int) -> Pair:
    """The two levels of a step."""
    return Pair(levels.alpha_bar[s], levels.alpha_bar[t])


def moved(pair: Pair, which: int, by: float, smallest: float) -> Pair:
    """The pair with one level times 1 + by, plus smallest, kept within 0..1; 1 and 0 are exact."""
    levels = [pair.low, pair.high]
    with precision(BITS):
        if levels[which] != 1 and levels[which] != 0:
            changed = levels[which] * (1 + arb(by)) + arb(smallest)
            levels[which] = changed.min(arb(1)).max(arb(0))
    return Pair(levels[0], levels[1])


def _values(pair: Pair, weight: float = 0.0) -> dict[sympy.Symbol, arb]:
    return {alpha_bar_s: pair[0], alpha_bar_t: pair[1], eta: arb(weight)}


def _number(value: arb) -> float:
    return float(value.mid()) if value.is_finite() else float("nan")


def _exact(value: arb, *terms: arb) -> Exact:
    # Beside an exact 0 (no noise on the last step) an error counts in units of the image.
    return Exact(_number(value), sum(abs(_number(term)) for term in (terms or (value,))) or 1.0)


def table(name: str, pair: Pair) -> Exact:
    """A table's entry at t; the pair is (alpha_bar_{t-1}, alpha_bar_t)."""
    with precision(BITS):
        return _exact(ball(sympy.sympify(TABLE[name]), _values(pair)))


def forward(pair: Pair) -> tuple[Exact, Exact]:
    """What multiplies x_0 and eps in DDPM (4)."""
    with precision(BITS):
        values = _values(pair)
        return (_exact(ball(TABLE["sqrt_alpha_bar"], values)),
                _exact(ball(TABLE["sqrt_one_minus_alpha_bar"], values)))


def posterior(pair: Pair) -> tuple[Exact, Exact, Exact]:
    """c_x0, c_xt and the variance of q(x_s | x_t, x_0)."""
    with precision(BITS):
        if pair[0] == 1:  # s = 0: a point mass at x_0, and 0/0 where alpha_bar_t is a ball
            return Exact(1.0, 1.0), Exact(0.0, 1.0), Exact(0.0, 1.0)
        values = _values(pair)
        x_0, x_t, variance = (_exact(ball(e, values)) for e in POSTERIOR)
        return x_0, x_t, variance


def step(pair: Pair, weight: float, predicts: str) -> tuple[Exact, Exact, Exact]:
    """(a, b, c) of DDIM (12) with sigma(eta) of (16); a and b for what the network predicts."""
    with precision(BITS):
        values = _values(pair, weight)
        if pair[0] == 1:  # no noise is left to turn into: sigma = direction = 0
            turned, noise = arb(0), arb(0)
        else:
            turned, noise = ball(DIRECTION, values), ball(SIGMA, values)
        return (*_for_prediction(pair[0].sqrt(), turned, pair[1], predicts), _exact(noise))


def ancestral(pair: Pair, variance: str, predicts: str) -> tuple[Exact, Exact, Exact]:
    """(a, b, c) of DDPM algorithm 2: the mean is that of eta = 1; no noise at s = 0."""
    a, b, c = step(pair, 1.0, predicts)
    if pair[0] != 1 and pair[1] != 0:
        # c_x0 holds 1 - alpha_bar_t / alpha_bar_s, which c_xt does not: its rounding stays.
        with precision(BITS):
            on_x_0 = ball(POSTERIOR[0], _values(pair)) / (1 - pair[1] / pair[0])
            lost = _number(on_x_0 / pair[1].sqrt() if predicts == "eps" else on_x_0)
        a, b = (replace(e, detour=e.detour + lost) for e in (a, b))
    if variance == "beta" and pair[0] != 1:
        with precision(BITS):
            c = _exact(ball(BETA_DEVIATION, _values(pair)))
    return a, b, c


def inversion(pair: Pair, predicts: str) -> tuple[Exact, Exact]:
    """(a, b) of the step from s up to t at eta = 0, the prediction made at s."""
    low, high = pair
    with precision(BITS):
        return _for_prediction(high.sqrt(), (1 - high).sqrt(), low, predicts)


def _for_prediction(signal: arb, turned: arb, level: arb, predicts: str) -> tuple[Exact, Exact]:
    """x' = signal x_0 + turned eps as coefficients of x and the prediction made at ``level``.

    For eps this is coefficients(...) of ``derivations.ddim.ddim_step``, as its claim states.
    """
    root, noise = level.sqrt(), (1 - level).sqrt()
    if predicts == "eps":
        gain = signal / root
        return _exact(gain), _exact(turned - gain * noise, turned, gain * noise)
    if predicts == "x_0":
        gain = turned / noise if level != 1 else arb("nan")
        found = _exact(gain), _exact(signal - gain * root, signal, gain * root)
    else:
        found = (_exact(signal * root + turned * noise),
                 _exact(turned * root - signal * noise, turned * root, signal * noise))
    detour = _number(1 / root) if level != 0 else 0.0
    return replace(found[0], detour=detour), replace(found[1], detour=detour)


@lru_cache(maxsize=200_000)
def at(levels: Levels, part: str, s: int, t: int, weight: float | str, predicts: str
       ) -> tuple[Exact, ...]:
    """The coefficients of a part at a place; of a table, its one entry."""
    return compute(part, pair_at(levels, s, t), weight, predicts)


def answering(levels: Levels, part: str, s: int, t: int, weight: float | str, predicts: str
              ) -> Callable[[int, float, float], tuple[Exact, ...]]:
    """How the coefficients of a place answer when one of its levels moves; asked once for each."""
    pair = pair_at(levels, s, t)

    @cache
    def answer(which: int, by: float, smallest: float) -> tuple[Exact, ...]:
        return compute(part, moved(pair, which, by, smallest), weight, predicts)

    return answer


def compute(part: str, pair: Pair, weight: float | str, predicts: str) -> tuple[Exact, ...]:
    """The coefficients of a part between two levels."""
    if part in TABLE:
        return (table(part, pair),)
    parts: dict[str, Callable[[], tuple[Exact, ...]]] = {
        "q_sample": lambda: forward(pair), "posterior": lambda: posterior(pair),
        "step": lambda: step(pair, cast(float, weight), predicts),
        "ancestral": lambda: ancestral(pair, cast(str, weight), predicts),
        "invert": lambda: inversion(pair, predicts),
    }
    return parts[part]()


def loss_weight(levels: Levels, name: str, predicts: str, t: int) -> Exact:
    """The weight on the squared error of the prediction.

    "simple": 1, whatever is predicted.  The others weight the error of eps, by 1 ("eps"), by
    beta_t / (2 alpha_t (1 - alpha_bar_t)) ("bound": DDPM (12), variance beta), or by
    min(snr_t, 5) / snr_t ("min_snr_5": arXiv 2303.09556).  An error of eps is sqrt(snr) times
    that of x_0 and sqrt(alpha_bar) times that of v, so on those the weight has that factor
    squared.
    """
    with precision(BITS):
        level, beta = levels.alpha_bar[t], levels.beta(t)
        ratio = level / (1 - level)
        if name == "simple":
            return _exact(arb(1))
        on_eps = {
            "bound": beta / (2 * (1 - beta) * (1 - level)),
            "eps": arb(1),
            "min_snr_5": arb(5).min(ratio) / ratio,
        }[name]
        factor = {"eps": arb(1), "x_0": ratio, "v": level}[predicts]
        return _exact(on_eps * factor)
