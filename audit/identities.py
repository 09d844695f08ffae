"""A second engine for every identity: ball arithmetic at drawn exact points.

The normal form decides an identity symbolically; here both sides are evaluated in balls of 192 bits
at rational points that satisfy the assumptions.  The two engines share nothing but the statement,
so an error in the normal form shows up as a disagreement.  Points come from a generator with a
fixed seed rather than from Hypothesis: there is nothing to shrink, and this is ten times as fast.
"""

from __future__ import annotations

import random
import time
from fractions import Fraction

import sympy
from flint import arb, fmpq
from sympy.core.function import AppliedUndef

from audit.comparison import Mismatch, TooFewError
from audit.evidence import Control, Evidence
from derivations.claim import Check, Grade
from derivations.prover.balls import ball, precision
from derivations.prover.normal_form import Equation, components

BITS = 192
KIND = "both sides at drawn points"
SEED = 0
_GRID = 10**6
_TRIES = 100  # points drawn for each one that must turn out admissible


def atoms(equation: Equation) -> list[sympy.Expr]:
    """The symbols and applied functions that a point must give a value to."""
    parts = [*components(equation.lhs), *components(equation.rhs), *equation.given]
    found = set().union(*(p.free_symbols | p.atoms(AppliedUndef) for p in parts))
    inner = set().union(*(f.free_symbols for f in found if isinstance(f, AppliedUndef)))
    return sorted(found - inner, key=str)


def bounds(
    symbol: sympy.Expr, given: tuple[sympy.Basic, ...]
) -> tuple[Fraction | None, Fraction | None]:
    """The constant bounds on a symbol among the assumptions; None where there is none."""
    low, high = None, None
    for relation in given:
        if getattr(relation, "rel_op", None) not in ("<", "<=", ">", ">="):
            continue
        sides, upper = (relation.lhs, relation.rhs), relation.rel_op in ("<", "<=")
        if sides[1] == symbol:
            sides, upper = sides[::-1], not upper
        if sides[0] == symbol and isinstance(sides[1], sympy.Rational):
            value = Fraction(int(sides[1].p), int(sides[1].q))
            low, high = (low, value) if upper else (value, high)
    return low, high


def _draw(
    generator: random.Random, low: Fraction | None, high: Fraction | None
) -> Fraction:
    """A rational strictly within the bounds; of size about 1 or about 8 where they are open."""
    width = generator.choice((1, 8))
    if low is None:
        low = -Fraction(width) / 2 if high is None else high - width
    high = low + width if high is None else high
    return low + (high - low) * Fraction(generator.randint(1, _GRID - 1), _GRID)


def _tells(equation: Equation, point: dict[sympy.Expr, Fraction]) -> bool:
    """Whether the point is admissible and both sides are tight; Mismatch where they differ."""
    values = {s: arb(fmpq(v.numerator, v.denominator)) for s, v in point.items()}
    if not all(_holds(relation, values) for relation in equation.given):
        return False
    for left, right in zip(components(equation.lhs), components(equation.rhs), strict=True):
        difference = ball(left, values) - ball(right, values)
        if not difference.is_finite():
            return False
        if not difference.contains(0):
            raise Mismatch(f"the sides differ by {difference.str(5, radius=False)}")
        if not difference.rad() < arb(10) ** -20:
            return False
    return True


def _holds(relation: sympy.Basic, values: dict[sympy.Expr, arb]) -> bool:
    """Whether an assumption certainly holds at the point."""
    if isinstance(relation, sympy.And):
        return all(_holds(part, values) for part in relation.args)
    if isinstance(relation, sympy.Or):
        return any(_holds(part, values) for part in relation.args)
    if relation in (sympy.S.true, sympy.S.false):
        return bool(relation)
    left, right = ball(relation.lhs, values), ball(relation.rhs, values)
    return bool({
        "<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right,
        "!=": not left.overlaps(right), "==": left == right,
    }[relation.rel_op])


def try_points(equation: Equation, wanted: int) -> int:
    """Compare the sides at ``wanted`` admissible points; Mismatch where they differ anywhere.

    TooFewError where that many admissible points were not met: it is no disagreement.
    """
    sides = len(components(equation.lhs)), len(components(equation.rhs))
    if sides[0] != sides[1]:
        raise Mismatch(f"{sides[0]} components against {sides[1]}")
    names = atoms(equation)
    ranges = [bounds(name, equation.given) for name in names]
    wanted = wanted if names else 1
    drawn, told = random.Random(SEED), 0
    with precision(BITS):
        for _ in range(_TRIES * wanted):
            point = {
                name: _draw(drawn, *ends) for name, ends in zip(names, ranges, strict=True)
            }
            told += _tells(equation, point)
            if told == wanted:
                return told
    raise TooFewError(f"only {told} of {wanted} points were admissible and tight")


def examine(claim: str, check: Check, examples: int) -> tuple[Evidence, list[Control]]:
    """Property evidence for one identity step; its wrong variants must disagree at some point."""
    start = time.perf_counter()
    try:
        passed, detail = True, f"{try_points(check.statement, examples)} points, {BITS} bits"
    except Exception as error:  # noqa: BLE001 - whatever it is, the points did not confirm
        passed, detail = False, f"{type(error).__name__}: {error}"
    controls = []
    for name, variant in check.wrong.items():
        try:
            try_points(variant, examples)
            controls.append(Control(claim, f"{name} (at points)", False, "agrees at every point"))
        except Mismatch as found:
            controls.append(Control(claim, f"{name} (at points)", True, str(found)[:200]))
        except Exception as error:  # noqa: BLE001 - an error is not a rejection
            controls.append(Control(claim, f"{name} (at points)", False, f"{error}"[:200]))
    evidence = Evidence(
        claim, KIND, Grade.PROPERTY, check.role, passed, time.perf_counter() - start,
        check.reason, detail,
    )
    return evidence, controls
