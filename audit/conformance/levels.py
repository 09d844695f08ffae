"""The exact noise levels that an implementation is held against.

    alpha_bar_0 = 1,  alpha_bar_t = (1 - beta_1) ... (1 - beta_t)              DDPM, above (4)

Balls of 192 bits from the schedules of ``derivations``: not floats, and nothing of core.  At every
t the paper's, 1..T.  DDPM = arXiv 2006.11239, iDDPM = arXiv 2102.09672.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache

from flint import arb

from derivations.prover.balls import precision
from derivations.schedule.schedule import cosine_betas, linear_betas, scaled_linear_betas, to_ball

BITS = 192
# A running product of 1000 float32 factors is off by up to 13 units (tree order) or 8 (in turn).
_CHAIN = 16.0
LIMIT = 10_000  # more steps than any published chain has


@dataclass(frozen=True, eq=False)
class Levels:
    """alpha_bar_0..alpha_bar_T as balls, and where they come from."""

    name: str
    alpha_bar: tuple[arb, ...]
    spread: tuple[float, ...] = ()  # rounding units that a level formed the obvious way is off by

    def __post_init__(self) -> None:
        if not 1 <= self.T <= LIMIT:
            raise ValueError(f"T must be in 1..{LIMIT}; got {self.T}")
        for t, level in enumerate(self.alpha_bar):
            if not (level.is_finite() and 0 <= level.mid() <= 1):
                raise ValueError(f"alpha_bar[{t}] must lie in [0, 1]; got {level}")
        if self.alpha_bar[0] != 1:
            raise ValueError(f"alpha_bar[0] must be 1, so that t is the paper's; got "
                             f"{self.alpha_bar[0]}")
        if not self.spread:
            object.__setattr__(self, "spread", (0.0, *(_CHAIN,) * self.T))

    @property
    def T(self) -> int:
        """The number of noising steps."""
        return len(self.alpha_bar) - 1

    @cached_property
    def floats(self) -> tuple[float, ...]:
        """alpha_bar rounded to float64, for messages and searches, never for a verdict."""
        return tuple(float(level.mid()) for level in self.alpha_bar)

    def beta(self, t: int) -> arb:
        """beta_t = 1 - alpha_bar_t / alpha_bar_{t-1}."""
        with precision(BITS):
            return 1 - self.alpha_bar[t] / self.alpha_bar[t - 1]


def from_ball_betas(name: str, betas: Iterable[arb]) -> Levels:
    """Levels from beta_1..beta_T given as balls."""
    table, spread = [arb(1)], [_CHAIN]
    with precision(BITS):
        for beta in betas:
            table.append(table[-1] * (1 - beta))
            # One unit of beta is beta / (1 - beta) units of the factor 1 - beta.
            spread.append(spread[-1] + float((beta / (1 - beta)).mid()))
    return Levels(name, tuple(table), tuple(spread))


def from_betas(betas: Iterable[float | Fraction], name: str = "given betas") -> Levels:
    """beta_1..beta_T taken at their exact values, each in (0, 1)."""
    exact = []
    for t, beta in enumerate(betas, start=1):
        if not 0 < beta < 1:
            raise ValueError(f"betas[{t - 1}], for t = {t}, must lie in (0, 1); got {beta!r}")
        exact.append(Fraction(beta))
    with precision(BITS):
        return from_ball_betas(name, [to_ball(beta) for beta in exact])


def from_alpha_bars(alpha_bars: Iterable[float | Fraction], name: str = "given levels") -> Levels:
    """alpha_bar_1..alpha_bar_T taken at their exact values, falling, in [0, 1)."""
    exact = [Fraction(1), *(Fraction(level) for level in alpha_bars)]
    for t in range(1, len(exact)):
        if not 0 <= exact[t] < exact[t - 1]:
            raise ValueError(f"alpha_bars must fall and stay at 0 or above; got "
                             f"{float(exact[t])!r} at t = {t}, after {float(exact[t - 1])!r}")
    with precision(BITS):
        return Levels(name, tuple(to_ball(level) for level in exact))


@lru_cache(maxsize=16)
def linear(T: int = 1000, first: Fraction = Fraction(1, 10000),
           last: Fraction = Fraction(1, 50)) -> Levels:
    """Equally spaced betas, DDPM section 4: 1e-4 to 0.02 at T = 1000."""
    with precision(BITS):
        return from_ball_betas(f"linear, T = {T}", map(to_ball, linear_betas(T, first, last)))


@lru_cache(maxsize=16)
def scaled_linear(T: int) -> Levels:
    """The linear schedule with both ends times 1000 / T, as in the code released with iDDPM."""
    with precision(BITS):
        return from_ball_betas(f"linear ends times 1000/T, T = {T}",
                         map(to_ball, scaled_linear_betas(T)))


@lru_cache(maxsize=16)
def cosine(T: int = 1000) -> Levels:
    """iDDPM (17), s = 0.008, beta clipped at 0.999."""
    return from_ball_betas(f"cosine, T = {T}", cosine_betas(T))


@lru_cache(maxsize=16)
def root_linear(T: int = 1000, first: Fraction = Fraction(1, 10000),
                last: Fraction = Fraction(1, 50)) -> Levels:
    """sqrt(beta) equally spaced between the roots of the ends, as latent diffusion has it."""
    with precision(BITS):
        low, high = to_ball(first).sqrt(), to_ball(last).sqrt()
        steps = max(T - 1, 1)
        betas = [(low + (high - low) * arb(t) / steps) ** 2 for t in range(T)]
    return from_ball_betas(f"square roots linear, T = {T}", betas)


@lru_cache(maxsize=16)
def sigmoid(T: int = 1000, first: Fraction = Fraction(1, 10000),
            last: Fraction = Fraction(1, 50)) -> Levels:
    """beta = first + (last - first) / (1 + exp(-u)), u equally spaced in [-6, 6]."""
    with precision(BITS):
        low, high, steps = to_ball(first), to_ball(last), max(T - 1, 1)
        inputs = [arb(-6) + arb(12) * t / steps for t in range(T)]
        betas = [low + (high - low) / (1 + (-u).exp()) for u in inputs]
    return from_ball_betas(f"sigmoid, T = {T}", betas)


@lru_cache(maxsize=16)
def rescaled(levels: Levels) -> Levels:
    """arXiv 2305.08891, algorithm 1: sqrt(alpha_bar) shifted to 0 at T, and kept at t = 1."""
    with precision(BITS):
        roots = [level.sqrt() for level in levels.alpha_bar]
        scale = roots[1] / (roots[1] - roots[-1])
        moved = [(r - roots[-1]) * scale for r in roots[1:-1]]
        # The roots are rounded before they are subtracted: what is left is off by as much.
        off = [u / float(r.mid()) for u, r in zip(levels.spread[1:-1], moved, strict=True)]
        squares = [r**2 for r in moved]
    return Levels(f"{levels.name}, rescaled to 0 at T", (arb(1), *squares, arb(0)),
                  (0.0, *off, 0.0))


def uniform_chain(T: int, steps: int) -> list[int]:
    """T = t_1 > ... > t_S > 0 as evenly as integers allow, and the 0 at the end."""
    return [math.ceil(T * k / steps) for k in range(steps, -1, -1)]
