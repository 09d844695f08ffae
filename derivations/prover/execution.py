"""Facts that are computed outright: exact values, what Python does with a construct, tokens.

``evaluates`` compares exact values (integers, rationals, strings, tuples of them) and refuses
floats; ``executes`` runs a construct in the interpreter at hand and compares what it returned or
raised; ``token`` pins a short symbol or number to a line of the document, so that a run that has
the document can hold the ledger against it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import sympy

from derivations.claim import Check, Decision, Grade, Outcome
from derivations.prover.normal_form import decide_equal


def _is_exact(value: object) -> bool:
    if isinstance(value, tuple | list | frozenset):
        return all(map(_is_exact, value))
    if isinstance(value, Mapping):
        return all(_is_exact(k) and _is_exact(v) for k, v in value.items())
    if isinstance(value, sympy.Expr):
        return not value.has(sympy.Float)
    return isinstance(value, bool | int | str | Fraction | None.__class__)


def _same(a: object, b: object) -> Outcome:
    """Equality of exact values: numbers by value, expressions by normal form, never across kinds.

    True is not 1 here, and values of different kinds are not compared: that would let a control
    be refuted by its type alone.
    """
    def of(equal: bool) -> Outcome:
        return Outcome.PROVED if equal else Outcome.REFUTED

    if isinstance(a, bool) or isinstance(b, bool):
        return of(a is b) if isinstance(a, bool) and isinstance(b, bool) else Outcome.UNKNOWN
    numeric = int | Fraction | sympy.Expr
    if isinstance(a, numeric) and isinstance(b, numeric):
        return decide_equal(sympy.sympify(a), sympy.sympify(b)).outcome
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        if len(a) != len(b):
            return Outcome.REFUTED
        parts = [_same(x, y) for x, y in zip(a, b, strict=True)]
        return next((o for o in (Outcome.REFUTED, Outcome.UNKNOWN) if o in parts), Outcome.PROVED)
    return of(a == b) if type(a) is type(b) else Outcome.UNKNOWN


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 70 else f"{text[:70]}..."


def evaluates(
    reason: str,
    compute: Callable[..., object],
    expected: object,
    *,
    wrong: Mapping[str, Callable[..., object]],
) -> Check:
    """A step in which an exact computation must give ``expected``, and each wrong one must not."""
    if not _is_exact(expected):
        raise ValueError(f"expected is {expected!r}: use int, Fraction, sympy, str or tuple")

    def decide(computation: Callable[[], object]) -> Decision:
        found = computation()
        if not _is_exact(found):
            return Decision(Outcome.UNKNOWN, f"{found!r} is not exact")
        return Decision(_same(found, expected), f"gives {_short(found)}")

    return Check(reason, "exact computation", Grade.EXACT, decide, compute, wrong)


@dataclass(frozen=True)
class Raises:
    """The outcome of a construct that raises: the exception's class name."""

    error: str

    def __str__(self) -> str:
        return f"raises {self.error}"


def outcome_of(construct: Callable[[], object]) -> object:
    """What a construct returns, or :class:`Raises` with the name of what it raises."""
    try:
        return construct()
    except Exception as error:  # noqa: BLE001 - which exception it is, is the finding
        return Raises(type(error).__name__)


def executes(
    reason: str,
    construct: Callable[[], object],
    expected: object,
    *,
    wrong: Mapping[str, Callable[[], object]],
) -> Check:
    """A step in which running ``construct`` must give ``expected``; each wrong one must not."""

    def decide(run: Callable[[], object]) -> Decision:
        found = outcome_of(run)
        same = type(found) is type(expected) and found == expected
        outcome = Outcome.PROVED if same else Outcome.REFUTED
        return Decision(outcome, _short(found) if isinstance(found, Raises)
                        else f"returns {_short(found)}")

    return Check(reason, "execution", Grade.EXECUTION, decide, construct, wrong)


@dataclass(frozen=True)
class Token:
    """A short symbol, word or number that stands in one line of the document."""

    line: int
    text: str


def token(reason: str, line: int, stands: str, right: str) -> Check:
    """A step that records what a line prints where something else is right.

    It is a quotation, graded as one; a run that has the document looks the token up.
    """

    def decide(found: Token) -> Decision:
        if found.text == right:
            return Decision(Outcome.REFUTED, f"{right!r} is what is right")
        return Decision(Outcome.PROVED, f"line {line} prints {stands!r}, right is {right!r}")

    return Check(
        reason, "token", Grade.CITED, decide, Token(line, stands),
        {"the right token": Token(line, right)},
    )
