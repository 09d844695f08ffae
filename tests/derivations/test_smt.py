"""SMT entailment: proofs, counterexamples, and the traps that make everything provable."""

import pytest
from sympy import Eq, Or, Symbol, exp, sqrt

from derivations.claim import Outcome
from derivations.prover.smt import entails
from derivations.symbols import real

b, s, t, x, y = real("b s t x y")
ORDER = (b > 0, b < 1, s > t, t > 0, s <= 1, Eq(t, s * (1 - b)))


def test_posterior_variance_is_at_most_beta():
    assert entails(ORDER, b * (1 - s) / (1 - t) <= b).outcome is Outcome.PROVED


def test_a_wrong_bound_comes_back_with_a_point():
    decision = entails(ORDER, b * (1 - s) / (1 - t) <= b / 2)
    assert decision.outcome is Outcome.REFUTED
    assert "b = " in decision.detail


def test_contradictory_hypotheses_are_not_a_proof():
    decision = entails((x > 0, x < 0), Eq(x, x + 1))
    assert decision.outcome is Outcome.UNKNOWN
    assert "unsat" in decision.detail


def test_division_by_what_may_vanish_is_not_a_proof():
    decision = entails((x >= 0,), 1 / x >= 0)
    assert decision.outcome is Outcome.UNKNOWN
    assert "undefined" in decision.detail


def test_the_root_of_what_may_be_negative_is_not_a_proof():
    decision = entails((x >= -1,), sqrt(x) >= 0)
    assert decision.outcome is Outcome.UNKNOWN
    assert "undefined" in decision.detail


def test_roots_are_the_non_negative_ones():
    assert entails((x > 4,), sqrt(x) > 2).outcome is Outcome.PROVED
    assert entails((x > 4,), sqrt(x) < -2).outcome is Outcome.REFUTED


def test_connectives():
    assert entails((x * y > 0,), Or((x > 0) & (y > 0), (x < 0) & (y < 0))).outcome is Outcome.PROVED


def test_the_untranslatable_is_unknown():
    assert entails((x > 0,), exp(x) > 1 + Symbol("q", real=True)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("conclusion", [x**2 >= 0, x**2 + y**2 >= 2 * x * y])
def test_without_hypotheses(conclusion):
    assert entails((), conclusion).outcome is Outcome.PROVED
