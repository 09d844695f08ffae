"""SMT-LIB scripts: what they prove, what they refute, and every way in which they could cheat."""

import re
from dataclasses import replace

import pytest

from derivations.claim import Outcome
from derivations.second import smtlib
from derivations.second.opinions import OPINIONS

SCRIPTS = sorted({o.script for o in OPINIONS.values()})
SQUARE = """
(set-logic QF_NRA)
(declare-const x Real)
(define-fun claimed () Real (* x x))
(assert (> x 1))
(push 1)
(assert (not (> claimed x)))
(check-sat)
(pop 1)
;@ witness (assert (= x 2))
;@ wrong a half
;@ (define-fun claimed () Real (* (/ 1 2) x))
;@ (assert (= x 2))
"""


def decided(text):
    return smtlib.decide(smtlib.parse(text), smtlib.ask_z3)


def test_a_right_script_is_proved_and_its_variant_refuted():
    script = smtlib.parse(SQUARE)
    assert smtlib.decide(script, smtlib.ask_z3).outcome is Outcome.PROVED
    found = smtlib.decide(script.variant("a half"), smtlib.ask_z3)
    assert found.outcome is Outcome.REFUTED
    assert "obligation 1" in found.detail


def test_a_wrong_goal_is_refuted():
    assert decided(SQUARE.replace("(> claimed x)", "(> x claimed)")).outcome is Outcome.REFUTED


def test_contradictory_hypotheses_prove_nothing():
    found = decided(SQUARE.replace("(assert (> x 1))", "(assert (> x 1))\n(assert (< x 1))"))
    assert found.outcome is Outcome.UNKNOWN
    assert "hypotheses alone are unsat" in found.detail


def test_a_witness_outside_the_hypotheses_proves_nothing():
    found = decided(SQUARE.replace("witness (assert (= x 2))", "witness (assert (= x 0))"))
    assert found.outcome is Outcome.UNKNOWN


def test_unknown_proves_nothing():
    found = smtlib.decide(smtlib.parse(SQUARE), lambda text: "unknown")
    assert found.outcome is Outcome.UNKNOWN
    assert "answers unknown" in found.detail


@pytest.mark.parametrize(("old", "new", "fragment"), [
    ("(* x x))", "(/ x x))", "between numerals only"),
    ("(* x x))", "(/ 1 x))", "between numerals only"),
    (";@ witness (assert (= x 2))", "", "a witness and a wrong variant"),
    ("(pop 1)", "", "closed blocks"),
    ("(check-sat)", "", "not expected"),
    ("(assert (not (> claimed x)))", "(assert (> claimed x))", "ends with a negated goal"),
    ("(assert (> x 1))", "(assert (> x 1)", "not closed"),
    ("(assert (> x 1))", "(assert (> x 1)))", "unbalanced"),
    ("(assert (> x 1))", "(assert-soft (> x 1))", "not expected here"),
    ("(declare-const x Real)", "(declare-const x Real)\n(exit)", "not expected here"),
    (";@ witness (assert (= x 2))", ";@ (assert (= x 2))", "belongs neither"),
    (";@ wrong a half", ";@ wrong a half\n;@ wrong a half", "stands twice"),
])
def test_what_is_not_a_script_is_named(old, new, fragment):
    assert old in SQUARE
    with pytest.raises(smtlib.Malformed, match=re.escape(fragment)):
        smtlib.parse(SQUARE.replace(old, new, 1))


@pytest.mark.parametrize(("definition", "fragment"), [
    ("(define-fun claimed () Real (* x x))", "changes nothing"),
    ("(define-fun other () Real x)", "must redefine something"),
    ("(assert (> x 3))", "must redefine something"),
])
def test_a_variant_that_changes_no_formula_is_refused(definition, fragment):
    script = smtlib.parse(SQUARE.replace("(define-fun claimed () Real (* (/ 1 2) x))", definition))
    with pytest.raises(smtlib.Malformed, match=fragment):
        script.variant("a half")


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_obligation_and_every_formula_matters(name):
    """Negating a goal, or adding one to a formula, must never leave a script proved."""
    script = smtlib.read(name)
    for number, block in enumerate(script.blocks):
        turned = replace(block, negated=f"(assert {block.negated[len('(assert (not '):-1]}")
        blocks = (*script.blocks[:number], turned, *script.blocks[number + 1:])
        found = smtlib.decide(replace(script, blocks=blocks), smtlib.ask_z3)
        assert found.outcome is Outcome.REFUTED, (name, number)
    functions = [c for c in script.head if c.startswith("(define-fun ")]
    assert functions
    for command in functions:
        # The body follows the only sort that stands outside the list of arguments.
        start, body = re.fullmatch(r"(\(define-fun \S+ \(.*?\)\)? Real) (.*)\)", command).groups()
        perturbed = f"{start} (+ (* (- 2) {body}) 1))"
        head = tuple(perturbed if c == command else c for c in script.head)
        found = smtlib.decide(replace(script, head=head), smtlib.ask_z3)
        assert found.outcome is not Outcome.PROVED, (name, perturbed)


@pytest.mark.parametrize("name", SCRIPTS)
def test_cvc5_agrees_with_z3(name):
    pytest.importorskip("cvc5", reason="cvc5 is not installed")
    script = smtlib.read(name)
    assert smtlib.decide(script, smtlib.ask_cvc5).outcome is Outcome.PROVED
    for wrong in script.wrong:
        found = smtlib.decide(script.variant(wrong), smtlib.ask_cvc5)
        assert found.outcome is Outcome.REFUTED, wrong


def test_cvc5_says_what_it_cannot_read():
    pytest.importorskip("cvc5", reason="cvc5 is not installed")
    with pytest.raises(RuntimeError, match="nothing_declared"):
        smtlib.ask_cvc5("(set-logic QF_NRA)(assert (> nothing_declared 0))")
