"""The normal form proves what is true under its assumptions, and nothing else."""

import pytest
from sympy import Abs, Rational, cos, exp, log, pi, sin, sqrt

from derivations.claim import Outcome
from derivations.prover.normal_form import decide_equal, identity
from derivations.symbols import real

a, b, s, x = real("a b s x")
UNIT = (a > 0, a < 1, b > 0, b < 1)


@pytest.mark.parametrize(("left", "right", "given"), [
    ((a + b) ** 2, a**2 + 2 * a * b + b**2, ()),
    (1 / (a * b), (1 / a) * (1 / b), (a > 0, b > 0)),
    (sqrt(1 - a) * sqrt(1 - b), sqrt((1 - a) * (1 - b)), UNIT),
    (sqrt(a / b), sqrt(a) / sqrt(b), UNIT),
    (sqrt(s**2), s, (s > 0,)),
    (sqrt(s**2), -s, (s < 0,)),
    (Abs(s), -s, (s < 0,)),
    (sqrt(8), 2 * sqrt(2), ()),
    (sqrt(6), sqrt(2) * sqrt(3), ()),
    (1 / sqrt(2), sqrt(2) / 2, ()),
    (log(a * b), log(a) + log(b), UNIT),
    (log(s**2) / 2, log(s), (s > 0,)),
    (log(sqrt(a)), log(a) / 2, UNIT),
    (log(12), 2 * log(2) + log(3), ()),
    (log(exp(x) * s), x + log(s), (s > 0,)),
    (sin(x) ** 4, (1 - cos(x) ** 2) ** 2, ()),
    (exp(x / 2 + x / 2), exp(x), ()),
    (sqrt(2 * pi * s**2), sqrt(2) * sqrt(pi) * s, (s > 0,)),
])
def test_true_identities_are_proved(left, right, given):
    assert decide_equal(left, right, given).outcome is Outcome.PROVED


@pytest.mark.parametrize(("left", "right", "given"), [
    ((a + b) ** 2, a**2 + b**2, ()),
    (sqrt(1 - a) * sqrt(1 - b), sqrt(1 - a * b), UNIT),
    (sqrt(a + b), sqrt(a) + sqrt(b), UNIT),
    (log(a + b), log(a) + log(b), UNIT),
    (sqrt(s**2), -s, (s > 0,)),
    (sqrt(2) * sqrt(3), sqrt(5), ()),
    (log(6), log(5), ()),
    (Rational(1, 3), Rational(333333, 1000000), ()),
])
def test_false_identities_are_refuted(left, right, given):
    assert decide_equal(left, right, given).outcome is Outcome.REFUTED


@pytest.mark.parametrize(("left", "right", "given", "why"), [
    (sqrt(1 - a) * sqrt(1 - b), sqrt((1 - a) * (1 - b)), (a > 0, b > 0), "sign"),
    (sqrt(s**2), s, (), "sign"),
    (log(s**2), 2 * log(s), (), "sign"),
    (x / s, x / s, (), "may vanish"),
    (Abs(s), s, (), "sign"),
    (1 / (a - b), 1 / (a - b), UNIT, "may vanish"),
    (a ** b, a ** b, UNIT, "Pow"),
])
def test_without_its_hypothesis_an_identity_is_unknown(left, right, given, why):
    decision = decide_equal(left, right, given)
    assert decision.outcome is Outcome.UNKNOWN
    assert why in decision.detail


def test_contradictory_assumptions_prove_nothing():
    assert decide_equal(sqrt(s**2), s, (s > 0, s < 0)).outcome is Outcome.UNKNOWN


def test_a_missing_component_is_a_refutation():
    assert decide_equal([a, b], [a]).outcome is Outcome.REFUTED


def test_identity_hands_every_wrong_variant_to_the_same_checker():
    square = a**2 + 2 * a * b + b**2
    step = identity("square", (a + b) ** 2, square, wrong={"no cross": a**2 + b**2})
    assert step.decide(step.statement).outcome is Outcome.PROVED
    assert step.decide(step.wrong["no cross"]).outcome is Outcome.REFUTED


def test_floats_are_not_exact():
    assert decide_equal(a * 0.5, a / 2).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(("left", "right", "given"), [
    (exp(x**2 / 2 - a * x), exp(x**2 / 2) * exp(-a * x), ()),
    (exp(-((x - a) ** 2) / (2 * s**2)),
     exp(-(x**2) / (2 * s**2)) * exp(a * x / s**2) * exp(-(a**2) / (2 * s**2)), (s > 0,)),
    (sqrt(exp(2 * x)), exp(x), ()),
])
def test_exponentials_combine(left, right, given):
    assert decide_equal(left, right, given).outcome is Outcome.PROVED


@pytest.mark.parametrize(("left", "right", "given"), [
    (sqrt(3 + 2 * sqrt(2)), 1 + sqrt(2), ()),
    (cos(2 * x), 2 * cos(x) ** 2 - 1, ()),
    (exp(a / (a + b)) * exp(b / (a + b)), exp(1), (a > 0, b > 0)),
])
def test_a_true_identity_outside_the_fragment_is_unknown_and_never_refuted(left, right, given):
    assert decide_equal(left, right, given).outcome is Outcome.UNKNOWN
