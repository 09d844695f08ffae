"""Identities: lhs = rhs for all admissible values, decided by the normal form of ``field``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sympy

from derivations.claim import Check, Decision, Grade, Outcome
from derivations.prover.field import Field, Undecidable


def difference(lhs: sympy.Expr, rhs: sympy.Expr, given: Iterable[sympy.Basic] = ()) -> sympy.Expr:
    """The reduced numerator of lhs - rhs; literally zero exactly when the sides agree."""
    lhs, rhs = sympy.sympify(lhs), sympy.sympify(rhs)
    field = Field(given, (lhs, rhs))
    left, right = field.quotient(lhs), field.quotient(rhs)
    cross = left.numerator * right.denominator - right.numerator * left.denominator
    remainder = field.reduce(cross)
    if not (remainder.is_zero() or field.complete):
        raise Undecidable("a remainder is left, but its generators may be dependent")
    return field.expression(remainder)


def components(value: object) -> list[sympy.Expr]:
    """A scalar, a matrix or a sequence as a flat list of expressions."""
    if isinstance(value, sympy.MatrixBase):
        return list(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [e for part in value for e in components(part)]
    return [sympy.sympify(value)]


def _shapes_differ(lhs: object, rhs: object) -> bool:
    shapes = [getattr(side, "shape", None) if isinstance(side, sympy.MatrixBase) else None
              for side in (lhs, rhs)]
    both_matrices = None not in shapes
    return both_matrices and shapes[0] != shapes[1]


def decide_equal(lhs: object, rhs: object, given: Iterable[sympy.Basic] = ()) -> Decision:
    """Decide lhs = rhs, component by component, under the assumptions."""
    left, right = components(lhs), components(rhs)
    if len(left) != len(right) or _shapes_differ(lhs, rhs):
        return Decision(Outcome.REFUTED, f"{len(left)} components against {len(right)}")
    if not left:
        return Decision(Outcome.UNKNOWN, "there is nothing to compare")
    for i, (a, b) in enumerate(zip(left, right, strict=True)):
        try:
            remainder = difference(a, b, given)
        except Undecidable as reason:
            return Decision(Outcome.UNKNOWN, str(reason))
        if remainder != 0:
            where = f"component {i}: " if len(left) > 1 else ""
            return Decision(Outcome.REFUTED, f"{where}the remainder is {_short(remainder)}")
    count = f" in each of {len(left)} components" if len(left) > 1 else ""
    alike = " (SymPy's arithmetic makes both sides one expression)" if left == right else ""
    return Decision(Outcome.PROVED, f"the normal form of the difference is 0{count}{alike}")


def _short(e: sympy.Expr, limit: int = 60) -> str:
    text = str(e)
    return text if len(text) <= limit else f"{text[:limit]}..."


@dataclass(frozen=True)
class Equation:
    """lhs = rhs for all values that satisfy the assumptions; scalars, matrices or sequences."""

    lhs: object
    rhs: object
    given: tuple[sympy.Basic, ...] = ()

    def __str__(self) -> str:
        return f"{self.lhs} = {self.rhs}"


def identity(
    reason: str,
    lhs: object,
    rhs: object,
    *,
    given: Iterable[sympy.Basic] = (),
    wrong: Mapping[str, object],
) -> Check:
    """A step lhs = rhs for all admissible values; each wrong right side must be refuted."""
    assumptions = tuple(given)
    return Check(
        reason, "normal form", Grade.EXACT,
        lambda equation: decide_equal(equation.lhs, equation.rhs, equation.given),
        Equation(lhs, rhs, assumptions),
        {name: Equation(lhs, other, assumptions) for name, other in wrong.items()},
    )
