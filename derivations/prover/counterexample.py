"""Refutations: an admissible point, in exact arithmetic, at which a stated relation is false.

Without a point, small rationals are tried in the order of their height, so the first hit is the
smallest counterexample.  A comparison is decided by the normal form (equality) and then, for
numbers known to differ, by ball arithmetic of rising precision (order).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping

import sympy
from sympy.core.relational import Relational

from derivations.claim import Check, Decision, Grade, Outcome
from derivations.prover.balls import sign_of_number
from derivations.prover.normal_form import decide_equal

SEARCHED_POINTS = 600
Point = Mapping[sympy.Symbol, sympy.Expr]


def truth_at(relation: sympy.Basic, point: Point) -> bool | None:
    """Whether the relation holds at the point, exactly; None where it cannot be decided."""
    if isinstance(relation, sympy.Implies):
        return truth_at(sympy.Or(sympy.Not(relation.args[0]), relation.args[1]), point)
    if isinstance(relation, sympy.And | sympy.Or):
        parts = [truth_at(part, point) for part in relation.args]
        deciding = isinstance(relation, sympy.Or)
        return deciding if deciding in parts else None if None in parts else not deciding
    if isinstance(relation, sympy.Not):
        inside = truth_at(relation.args[0], point)
        return None if inside is None else not inside
    if not isinstance(relation, Relational):
        return {sympy.S.true: True, sympy.S.false: False}.get(relation)
    # Without evaluation: sympy's own three-valued judgement is not trusted here.
    left, right = (sympy.sympify(side).subs(point) for side in (relation.lhs, relation.rhs))
    sign = _sign_of_difference(left, right)
    if sign is None:
        return None
    return {"==": sign == 0, "!=": sign != 0, ">": sign > 0, ">=": sign >= 0, "<": sign < 0,
            "<=": sign <= 0}[relation.rel_op]


def _sign_of_difference(left: sympy.Expr, right: sympy.Expr) -> int | None:
    """0 only by the normal form, a sign only by balls that exclude 0; None where neither tells."""
    if decide_equal(left, right).outcome is Outcome.PROVED:
        return 0
    try:
        return sign_of_number(left - right)
    except (ValueError, KeyError):
        return None


def small_points(symbols: Iterable[sympy.Symbol]) -> Iterator[dict[sympy.Symbol, sympy.Expr]]:
    """Points with coordinates among 0, 1, -1, 2, 1/2, ..., simplest first."""
    order = sorted(symbols, key=str)
    heights = [(0, 1), (-1,), (2, -2, sympy.Rational(1, 2), sympy.Rational(-1, 2))]
    for height in range(3, 6):
        coprime = [k for k in range(1, height) if sympy.igcd(k, height) == 1]
        heights.append(tuple(
            sign * q for k in coprime
            for q in (sympy.Rational(height, k), sympy.Rational(k, height)) for sign in (1, -1)
        ))
    for level in range(len(heights)):
        older = [q for group in heights[:level] for q in group]
        for values in itertools.product(older + list(heights[level]), repeat=len(order)):
            if level == 0 or any(v in heights[level] for v in values):
                yield dict(zip(order, map(sympy.sympify, values), strict=True))


def find_counterexample(
    relation: sympy.Basic, given: tuple[sympy.Basic, ...], at: Point | None
) -> Decision:
    """PROVED with a point where the relation is false; REFUTED where it is true at the point."""
    symbols = set().union(*(sympy.sympify(r).free_symbols for r in (relation, *given)))
    if at is not None and not symbols <= set(at):
        return Decision(Outcome.UNKNOWN, f"the point leaves {symbols - set(at)} open")
    points = [at] if at is not None else itertools.islice(small_points(symbols), SEARCHED_POINTS)
    tried = undecided = 0
    for point in points:
        admissible = all(truth_at(assumption, point) is True for assumption in given)
        if not admissible:
            if at is not None:
                return Decision(Outcome.UNKNOWN, "the point does not satisfy the assumptions")
            continue
        tried += 1
        truth = truth_at(relation, point)
        if truth is False:
            shown = ", ".join(f"{s} = {point[s]}" for s in sorted(point, key=str))
            return Decision(Outcome.PROVED, f"fails at {shown or 'every point'}")
        undecided += truth is None
    if undecided:
        return Decision(Outcome.UNKNOWN, f"undecided at {undecided} of {tried} points")
    if tried == 0:
        return Decision(Outcome.UNKNOWN, "no admissible point among the smallest")
    return Decision(Outcome.REFUTED, f"holds at {tried} admissible point{'s' * (tried > 1)}")


def counterexample(
    reason: str,
    relation: sympy.Basic,
    *,
    given: Iterable[sympy.Basic] = (),
    at: Point | None = None,
    wrong: Mapping[str, sympy.Basic],
) -> Check:
    """A step that refutes ``relation``; true relations, offered as wrong, must survive it."""
    assumptions = tuple(given)
    return Check(
        reason, "counterexample", Grade.EXACT,
        lambda stated: find_counterexample(stated, assumptions, at), relation, wrong,
    )


def differs(
    reason: str,
    lhs: sympy.Expr,
    stated: sympy.Expr,
    *,
    given: Iterable[sympy.Basic] = (),
    at: Point | None = None,
    wrong: Mapping[str, sympy.Expr],
) -> Check:
    """A step that refutes lhs = stated; the right value of lhs, offered as wrong, must survive."""
    assumptions = tuple(given)
    return Check(
        reason, "counterexample", Grade.EXACT,
        lambda rhs: find_counterexample(
            sympy.Eq(lhs, rhs, evaluate=False), assumptions, at
        ),
        stated, wrong,
    )
