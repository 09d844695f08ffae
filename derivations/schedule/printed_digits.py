"""A decimal as it is printed: the interval of the numbers that round to it, and its neighbours."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import cast

from flint import arb
from sympy import Rational

from derivations.claim import Check
from derivations.prover.balls import lies_within


def close(digits: str) -> tuple[Rational, Rational]:
    """The open interval of half a unit in the last printed digit around a decimal."""
    value, unit = Rational(digits), last_place(digits)
    return value - unit / 2, value + unit / 2


def last_place(digits: str) -> Rational:
    """One unit in the last printed digit of a decimal."""
    exponent = cast(int, Decimal(digits).as_tuple().exponent)  # a letter for NaN and infinity only
    return Rational(str(Decimal((0, (1,), exponent))))


def agrees(
    reason: str, value: Callable[..., arb], digits: str,
    wrong: Mapping[str, tuple[Rational, Rational]],
) -> Check:
    """The ball of value lies within `close(digits)`, and in no neighbour's interval."""
    unit = last_place(digits)
    neighbours = {
        f"last digit {name}": (close(digits)[0] + shift, close(digits)[1] + shift)
        for name, shift in (("one higher", unit), ("one lower", -unit))
    }
    return lies_within(reason, value, close(digits), wrong={**wrong, **neighbours})
