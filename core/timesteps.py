"""Sub-sequences of the timesteps: which t a sampler visits, and in which order.

A chain is a tuple of integers, strictly decreasing from the first timestep visited to 0, the clean
image; S steps make S + 1 entries.  `respace` turns it into a schedule of its own.

    uniform    tau_i = floor(i T / S)                          DDIM appendix D.2, c = T / S
    quadratic  tau_i = max(i, floor(i^2 T / S^2))              DDIM appendix D.2, c = T / S^2
    improved   tau_i = 1 + round((i - 1) (T - 1) / (S - 1))    iDDPM section 4

with i = S..1.  These are computed in integers.  The code released with DDIM visits other
timesteps than its appendix; its two chains are here under their own names, in the paper's t (the
code counts from 0, so t is its index plus 1).  Errors are ValueErrors: a count that is not an
integer of the range told.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from core.checks import require_count

Chain = tuple[int, ...]


def uniform_chain(T: int, S: int) -> Chain:
    """S equal steps from T to 0: floor(i T / S) for i = S..0; S in 1..T.

    Source: DDIM appendix D.2, "linear", with c = T / S, so that the first timestep visited is T.
    """
    _require_steps(T, S)
    return tuple(i * T // S for i in range(S, -1, -1))


def quadratic_chain(T: int, S: int) -> Chain:
    """S steps from T to 0 that shrink towards 0: max(i, floor(i^2 T / S^2)), i = S..0; S in 1..T.

    The parabola alone repeats timesteps, and stays at 0 for a while, as soon as S > sqrt(T).  The
    maximum with i is the least strictly increasing sequence above it: it visits every timestep
    until the parabola overtakes.  Source: DDIM appendix D.2, "quadratic", with c = T / S^2.
    """
    _require_steps(T, S)
    return tuple(max(i, i * i * T // (S * S)) for i in range(S, -1, -1))


def improved_chain(T: int, sections: Sequence[int]) -> Chain:
    """The spacing of iDDPM: sections[j] steps in the j-th of len(sections) equal parts of 1..T.

    Both ends of a part are visited, and what lies between is rounded to the nearest timestep, a
    half to the even index (counted from 0); one step visits the first timestep of its part.  The
    first parts are longer by one where T is not divisible.  The released code adds the stride up
    in floats, so that it may round a half the other way; with one part of T = 1000 that happens
    for odd S only.  Source: iDDPM section 4 for one part; its released code for more.
    """
    _require_steps(T, len(sections), "len(sections)")
    visited, start = [], 1
    for j, steps in enumerate(sections):
        size = T // len(sections) + (j < T % len(sections))
        _require_steps(size, steps, f"sections[{j}]")
        stride = Fraction(size - 1, max(steps - 1, 1))
        visited += [start + round(i * stride) for i in range(steps)]
        start += size
    return (*reversed(visited), 0)


def released_uniform_chain(T: int, S: int) -> Chain:
    """The uniform chain of the code released with DDIM: every floor(T / S)-th index from 0.

    It ends one step at t = 1, starts below T (at 901 for T = 1000, S = 10), and has more than S
    steps where S does not divide T.  S in 1..T.  Source: that code.
    """
    _require_steps(T, S)
    return (*(index + 1 for index in reversed(range(0, T, T // S))), 0)


def released_quadratic_chain(T: int, S: int) -> Chain:
    """The quadratic chain of the code released with DDIM: floor(linspace(0, sqrt(0.8 T), S)^2).

    It starts near 0.8 T, not T.  Repeated indices, which for large S it has near 0, are dropped: a
    step from t to t changes nothing, so the samples are the same, with fewer evaluations (49 of
    S = 50, 96 of 100, 688 of 1000 remain at T = 1000).  This one chain is evaluated in float64, as
    released: where the exact square is an integer, rounding decides the floor (T = 1000, S = 16
    visits index 31 for the exact 32).  S in 1..T; S = 1 is index 0 alone.  Source: that code.
    """
    _require_steps(T, S)
    last = math.sqrt(T * 0.8)
    spacing = last / max(S - 1, 1)
    points = [0.0, *(i * spacing for i in range(1, S - 1)), last][:S]
    indices = sorted({int(point * point) for point in points})
    return (*(index + 1 for index in reversed(indices)), 0)


def require_chain(chain: Sequence[int], T: int) -> Chain:
    """The chain as a tuple, if its integers decrease strictly from at most T to 0."""
    right = f"chain must be integers that decrease strictly from at most T = {T} to 0"
    if not isinstance(chain, Sequence) or len(chain) < 2:
        raise ValueError(f"{right}, two at least; got {chain!r}")
    for t in chain:
        if not isinstance(t, int) or isinstance(t, bool):
            raise ValueError(f"{right}; got {t!r}")
    for t, s in pairwise(chain):
        if s >= t:
            raise ValueError(f"{right}; got {s} after {t}")
    if chain[0] > T:
        raise ValueError(f"{right}; got {chain[0]} at its start")
    if chain[-1] != 0:
        raise ValueError(f"{right}; got {chain[-1]} at its end")
    return tuple(chain)


def _require_steps(T: int, S: int, name: str = "S") -> None:
    require_count("T", T)
    if not isinstance(S, int) or isinstance(S, bool) or not 1 <= S <= T:
        raise ValueError(f"{name} must be an integer in 1..{T}; got {S!r}")
