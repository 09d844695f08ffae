"""The chain of levels, as integers, for every S from 1 to T.

A sampler of S steps starts at T, where the noise was drawn, ends at 0, the clean image, falls at
every step and takes S steps.  That is all, and it is decidable: no float is compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from numbers import Integral, Real

from audit.conformance.attempts import NOT_OFFERED, Failure, attempt
from audit.conformance.implementation import Implementation, shown
from audit.conformance.levels import Levels

LARGEST = 2**53  # of a t that a float holds
SHOWS = 0.01  # alpha_bar above which a tenth of the signal is left
SAYS = {
    "start": "the chain does not start at t = T, where the noise belongs",
    "start-far": "the chain starts where a tenth of the signal or more should still be seen: pure "
                 "noise is taken for an image of that level",
    "end": "the chain skips its end: it does not reach t = 0",
    "zero": "the chain takes a step from t = 0, which is no noisy level: index -1 of a table that "
            "starts at t = 1",
    "negative": "the chain visits a negative t",
    "twice": "the chain visits a t twice",
    "rises": "the chain goes back up: t rises",
    "above": "the chain visits a t above T",
    "count": "the chain does not have S steps",
    "fraction": "the chain visits levels between the integers",
    "type": "the chain is not a sequence of integers",
}
MENDS = {
    "start": "let the first of the S timesteps be T (index T - 1 of a table that starts at t = 1)",
    "start-far": "spread the S timesteps over 1..T, T included: ceil(T k / S) for k = S..1",
    "end": "append t = 0 (alpha_bar = 1) as the target of the last step",
    "zero": "stop at t = 1, whose step leads to 0; count the timesteps as integers",
    "negative": "drop it, or clamp at t = 0 and take one step fewer",
    "twice": "use S distinct integers, such as ceil(T k / S) for k = S..0",
    "rises": "sort the timesteps from the noisiest down",
    "above": "shift the timesteps down: the noisiest is T",
    "count": "use S + 1 levels for S steps, such as ceil(T k / S) for k = S..0",
    "fraction": "round to the timesteps that the network was trained on",
    "type": "return the visited t as integers, T first, 0 last",
}


@dataclass(frozen=True)
class Fault:
    """What is wrong with one chain: a key of ``SAYS``, the S, and the t concerned."""

    key: str
    steps: int
    got: float | None
    want: float | None
    detail: str = ""


def faults(chain: object, steps: int, levels: Levels) -> list[Fault]:
    """Every fault of one chain."""
    T = levels.T
    if _sound(chain, steps, T):
        return []
    if not (isinstance(chain, Sequence) and len(chain) > 0
            and all(isinstance(t, Real) and not isinstance(t, bool) for t in chain)):
        return [Fault("type", steps, None, None, f"got {shown(chain)}")]
    if not all(-LARGEST < t < LARGEST for t in chain):
        return [Fault("type", steps, None, None, "it holds NaN, infinity or a number past 2^53")]
    found = []
    fractional = [t for t in chain if not isinstance(t, Integral) and t != int(t)]
    if fractional:
        found.append(Fault("fraction", steps, float(fractional[0]), None))
    if chain[0] < T:
        far = levels.floats[max(int(chain[0]), 0)] > SHOWS
        found.append(Fault("start-far" if far else "start", steps, chain[0], T))
    above = [t for t in chain if t > T]
    if above:
        found.append(Fault("above", steps, above[0], T))
    from_clean = 0 in chain[:-1]
    if from_clean:
        found.append(Fault("zero", steps, len(chain) - 1, steps))
        return found
    negative = [t for t in chain if t < 0]
    if negative:
        found.append(Fault("negative", steps, negative[0], 0))
    elif chain[-1] > 0:
        found.append(Fault("end", steps, chain[-1], 0))
    repeated = [b for a, b in pairwise(chain) if a == b]
    if repeated:
        found.append(Fault("twice", steps, repeated[0], None))
    risen = [b for a, b in pairwise(chain) if b > a]
    if risen:
        found.append(Fault("rises", steps, risen[0], None))
    if len(chain) != steps + 1 and not (chain[-1] > 0 and len(chain) == steps):
        found.append(Fault("count", steps, len(chain) - 1, steps))
    return found


def _sound(chain: object, steps: int, T: int) -> bool:
    """Whether it is as it should be: one pass at the speed of sorting, for a thousand chains."""
    return (isinstance(chain, list | tuple) and set(map(type, chain)) == {int}
            and chain[0] == T and chain[-1] == 0 and len(chain) == steps + 1
            and list(chain) == sorted(set(chain), reverse=True))


def check(implementation: Implementation) -> tuple[list[Fault], list[tuple[int, Failure]], int]:
    """(faults, failures with their S, chains examined) over every S in 1..T."""
    T, examined = implementation.levels.T, 0
    found: list[Fault] = []
    failed: list[tuple[int, Failure]] = []
    for steps in range(1, T + 1):
        chain = attempt(lambda steps=steps: _listed(implementation.chain(steps)))
        if chain is NOT_OFFERED:
            continue
        examined += 1
        if isinstance(chain, Failure):
            failed.append((steps, chain))
        else:
            found += faults(chain, steps, implementation.levels)
    return found, failed, examined


def _listed(chain: object) -> object:
    """A tensor or array as the list that it holds; anything else as it is."""
    return chain.tolist() if hasattr(chain, "tolist") else chain


def usable(implementation: Implementation, steps: int) -> list[tuple[int, int]] | None:
    """The steps (t, s) with 0 <= s < t <= T of the chain of this length; None if not offered."""
    # A generator may have no end; ten times too many are enough to see that something is wrong.
    most = 10 * implementation.levels.T
    chain = attempt(lambda: list(islice(implementation.chain(steps), most)))
    if isinstance(chain, Failure):
        return None if chain is NOT_OFFERED else []
    numbers = attempt(lambda: [int(t) for t in chain])
    if isinstance(numbers, Failure) or attempt(lambda: bool(numbers == chain)) is not True:
        return []
    return [(t, s) for t, s in pairwise(numbers)
            if 0 <= s < t <= implementation.levels.T]
