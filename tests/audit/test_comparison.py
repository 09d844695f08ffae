"""Comparisons fail on what they should: wrong values, NaN, shapes, too few examples."""

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import assume
from hypothesis import strategies as st

from audit.comparison import COMPARISONS, Bench, Comparison, Mismatch, compares, run_comparison
from audit.precision import error_in_ulps, exact_value, ulp
from derivations.claim import Grade, Role
from derivations.symbols import real


def comparison(run, subject=abs, wrong=None):
    return Comparison("a.b", "kind", Grade.PROPERTY, Role.ESTABLISHES, "reason", subject,
                      wrong or {"negated": lambda v: -abs(v)}, run)


def never_negative(bench, subject):
    @bench.forall(v=st.integers(-100, 100))
    def _(v):
        bench.require(subject(v) >= 0, "negative")


def test_the_right_subject_passes_and_the_wrong_one_is_rejected():
    evidence, controls = run_comparison(comparison(never_negative), ("cpu",), 20)
    assert evidence.passed
    assert "20 examples" in evidence.detail
    assert [c.rejected for c in controls] == [True]


def test_a_wrong_variant_that_breaks_is_not_a_rejection():
    broken = comparison(never_negative, wrong={"breaks": lambda v: v + "x"})
    _, controls = run_comparison(broken, ("cpu",), 20)
    assert [c.rejected for c in controls] == [False]
    assert "TypeError" in controls[0].detail


def test_a_wrong_variant_that_passes_is_not_a_rejection():
    _, controls = run_comparison(comparison(never_negative, wrong={"same": abs}), ("cpu",), 20)
    assert [c.rejected for c in controls] == [False]


def test_a_body_that_is_hardly_reached_fails():
    def vacuous(bench, subject):
        @bench.forall(v=st.integers(0, 10**6))
        def _(v):
            assume(v == 123_456)

    evidence, _ = run_comparison(comparison(vacuous), ("cpu",), 20)
    assert not evidence.passed


@pytest.mark.parametrize("values, enough", [(20, True), (19, False)])
def test_fewer_examples_than_stated_are_too_few(values, enough):
    def few(bench, subject):
        @bench.forall(v=st.integers(1, values))
        def _(v):
            pass

    evidence, _ = run_comparison(comparison(few), ("cpu",), 20)
    assert evidence.passed == enough
    assert enough or "only 19 of 20 examples were admissible" in evidence.detail


def test_two_runs_draw_the_same_examples():
    def drawn():
        seen = []

        @Bench(examples=10).forall(v=st.integers())
        def _(v):
            seen.append(v)
        return seen

    assert drawn() == drawn()


@pytest.mark.parametrize("got", [math.nan, math.inf, 1.1])
def test_within_refuses(got):
    with pytest.raises(Mismatch):
        Bench().within(got, 1.0, 1e-3, "value")


@pytest.mark.parametrize(("got", "want"), [
    (torch.tensor([1.0, math.nan]), [Fraction(1), Fraction(1)]),
    (torch.tensor([1.0]), [Fraction(1), Fraction(1)]),
    (torch.tensor([1.0 + 2**-22]), [Fraction(1)]),
])
def test_within_ulps_refuses(got, want):
    with pytest.raises(Mismatch):
        Bench().within_ulps(got, want, 1.0, "table")


def test_ulps_are_those_of_the_format():
    third = Fraction(1, 3)
    rounded = float(torch.tensor(1 / 3, dtype=torch.float32))
    assert 0 < error_in_ulps(rounded, third, torch.float32) <= 0.5
    assert error_in_ulps(1 / 3, third, torch.float32) < 1e-8
    assert ulp(Fraction(1), torch.float64) == Fraction(1, 2**52)
    assert ulp(Fraction(0), torch.float16) == Fraction(1, 2**24)
    assert ulp(Fraction(2**10) - Fraction(1, 10**9), torch.bfloat16) == Fraction(4)
    assert error_in_ulps(math.nan, third, torch.float64) == math.inf


def test_reference_values_are_tight():
    x = real("x")
    found = exact_value(x**2 / 3, {x: Fraction(1, 7)})
    assert abs(found - Fraction(1, 147)) < Fraction(1, 2**200)
    with pytest.raises(ValueError, match="not finite"):
        exact_value(1 / x, {x: 0})


def test_a_comparison_without_a_wrong_variant_cannot_be_registered():
    with pytest.raises(ValueError, match="wrong is empty"):
        compares("a.b", subject=abs, wrong={})(lambda bench, subject: None)
    with pytest.raises(ValueError, match="docstring"):
        compares("a.b", subject=abs, wrong={"w": abs})(lambda bench, subject: None)
    assert "a.b" not in COMPARISONS
