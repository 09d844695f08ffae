"""Counterexamples are admissible, exact and smallest first; true relations survive."""

from sympy import Eq, Rational, sqrt

from derivations.claim import Outcome
from derivations.prover.counterexample import counterexample, find_counterexample, truth_at
from derivations.symbols import real

a, x, y = real("a x y")


def test_the_smallest_point_is_found():
    decision = find_counterexample(x**2 >= x, (x > 0,), None)
    assert decision.outcome is Outcome.PROVED
    assert decision.detail == "fails at x = 1/2"


def test_a_true_relation_survives():
    assert find_counterexample(x**2 >= 0, (), None).outcome is Outcome.REFUTED


def test_an_inadmissible_point_shows_nothing():
    decision = find_counterexample(x > 0, (x > 1,), {x: 0})
    assert decision.outcome is Outcome.UNKNOWN
    assert "assumptions" in decision.detail


def test_no_admissible_point_shows_nothing():
    assert find_counterexample(x > 0, (x > 10**9,), None).outcome is Outcome.UNKNOWN


def test_irrational_numbers_are_compared_exactly():
    assert truth_at(sqrt(a) > Rational(14142135623730950488, 10**19), {a: 2}) is True
    assert truth_at(Eq(sqrt(a) * sqrt(a), 2, evaluate=False), {a: 2}) is True
    assert truth_at(sqrt(a) < 1, {a: 2}) is False


def test_as_a_step_true_relations_are_its_controls():
    step = counterexample("squares", (x + y) ** 2 <= x**2 + y**2, wrong={"true": x**2 >= 0})
    assert step.decide(step.statement).outcome is Outcome.PROVED
    assert step.decide(step.wrong["true"]).outcome is Outcome.REFUTED


def test_an_undecided_point_is_not_a_survivor():
    # A quarter power is outside the decidable fragment: nothing is known at any point.
    decision = find_counterexample(x**Rational(1, 4) >= y, (x > 0,), None)
    assert decision.outcome is not Outcome.REFUTED
