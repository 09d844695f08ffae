"""Induction certificates accept closed forms that are right for every T, and only those."""

import pytest
from sympy import Rational

from derivations.claim import Outcome
from derivations.prover.induction import Recursion, decide_invariant, telescopes
from derivations.symbols import real

alpha, V, A, k, n = real("alpha V A k n")
CHAIN = Recursion(
    start={V: 0, A: 1}, step={V: alpha * V + 1 - alpha, A: alpha * A},
    domain=(A > 0, A <= 1), inputs=(alpha > 0, alpha < 1),
)


def test_the_variance_of_the_chain():
    assert decide_invariant(CHAIN, {V: 1 - A}).outcome is Outcome.PROVED


@pytest.mark.parametrize("wrong", [A, 1 + A, (1 - A) ** 2, 1 - A**2, Rational(1, 2)])
def test_wrong_closed_forms(wrong):
    assert decide_invariant(CHAIN, {V: wrong}).outcome is Outcome.REFUTED


def test_a_domain_that_a_step_leaves_is_not_a_proof():
    leaving = Recursion({A: 1, V: 0}, {A: alpha * A, V: V}, domain=(A >= 1,), inputs=CHAIN.inputs)
    decision = decide_invariant(leaving, {V: 0})
    assert decision.outcome is Outcome.UNKNOWN
    assert "after a step" in decision.detail


def test_a_wrong_start_is_refuted():
    late = Recursion({V: 1, A: 1}, dict(CHAIN.step), CHAIN.domain, CHAIN.inputs)
    assert decide_invariant(late, {V: 1 - A}).outcome is Outcome.REFUTED


def test_start_and_step_must_name_the_same_state():
    with pytest.raises(ValueError, match="the same state"):
        Recursion({V: 0}, {A: 1})


def test_sums():
    right = telescopes("sum of odd numbers", 2 * k - 1, k, 1, k**2, wrong={"off by one": k**2 + k})
    assert right.decide(k**2).outcome is Outcome.PROVED
    assert right.decide(k**2 + k).outcome is Outcome.REFUTED
    assert right.decide(k**2 + 1).outcome is Outcome.REFUTED  # only the first term tells


def test_telescoping_of_quotients_needs_no_more_than_the_range():
    step = telescopes("1/(k(k+1))", 1 / (k * (k + 1)), k, 1, k / (k + 1), wrong={})
    assert step.decide(k / (k + 1)).outcome is Outcome.PROVED
