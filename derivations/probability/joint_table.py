r"""Joint probability tables: events as unions of atoms.

Any n events split the sample space into at most 2^n atoms, so an identity between probabilities of
A, B and C that holds for the table of eight unknowns below holds in every probability space
(Kolmogorov 1933, chapter I).  Conditional probability is P(E | F) = P(E and F) / P(F), P(F) > 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from itertools import product
from typing import Any, TypeVar

from derivations.symbols import Quantity, real

Atom = TypeVar("Atom", bound=tuple[int, ...])

# p_101 is the probability of A and (not B) and C.
EIGHT_ATOMS = {bits: real("p_" + "".join(map(str, bits))) for bits in product((1, 0), repeat=3)}
NON_NEGATIVE = tuple(atom >= 0 for atom in EIGHT_ATOMS.values())
A, B, C = {0: 1}, {1: 1}, {2: 1}


def both(*events: Mapping[int, int]) -> dict[int, int]:
    """The intersection of events, each given by the coordinates that it fixes."""
    return {position: bit for event in events for position, bit in event.items()}


def probability(table: Mapping[Atom, Quantity], *events: Mapping[int, int]) -> Quantity:
    """P of the intersection: the sum of the atoms inside it.

    Errors: ValueError for a table of numbers that is no distribution.
    """
    numbers = [p for p in table.values() if isinstance(p, Fraction)]
    if len(numbers) == len(table) and (min(numbers) < 0 or sum(numbers) != 1):
        raise ValueError(f"the atoms must be 0 or more and sum to 1; got {numbers}")
    fixed = both(*events)
    return sum(p for atom, p in table.items() if all(atom[i] == bit for i, bit in fixed.items()))


def conditional(
    table: Mapping[Atom, Quantity], event: Mapping[int, int], given: Mapping[int, int]
) -> Quantity:
    """P(event | given) by its definition."""
    return probability(table, event, given) / probability(table, given)


def witness(**others: object) -> dict[Any, object]:
    """The uniform table: every atom has probability 1/8, so every event P > 0."""
    from sympy import Rational

    return {atom: Rational(1, 8) for atom in EIGHT_ATOMS.values()} | others
