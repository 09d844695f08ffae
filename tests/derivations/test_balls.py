"""Enclosures contain the truth, say how wide they are, and refuse what is not analytic."""

import pytest
from flint import acb, arb, fmpq
from sympy import Rational, Symbol, erf, exp, log, pi, sqrt

from derivations.claim import Outcome
from derivations.prover.balls import (
    ball,
    compare,
    encloses,
    gaussian_integral,
    lies_within,
    precision,
    sign_of_number,
)
from derivations.symbols import real

x = real("x")


def normal(u, mean, variance):
    return exp(-((u - mean) ** 2) / (2 * variance)) / sqrt(2 * pi * variance)


@pytest.mark.parametrize("sd", [Rational(1, 10**6), Rational(1), Rational(10**6)])
def test_moments_are_enclosed_however_narrow_the_peak(sd):
    with precision(160):
        mass = gaussian_integral(Rational(1), x, Rational(3), sd**2, normal)
        second = gaussian_integral(x**2, x, Rational(3), sd**2, normal)
        assert mass.contains(1)
        assert second.contains(fmpq(9) + fmpq(int(sd.p), int(sd.q)) ** 2)
        assert mass.rad() < arb("1e-40")


def test_the_tail_is_part_of_the_ball():
    # Over [-R, R] alone the mass is short of 1 by about 2^-bits: it must not be excluded.
    with precision(40):
        assert gaussian_integral(x**6, x, Rational(0), Rational(1), normal).contains(15)


def test_a_density_that_is_not_normalised_is_caught():
    def missing_root(u, mean, variance):
        return exp(-((u - mean) ** 2) / (2 * variance)) / (2 * pi * variance)

    with precision(160):
        mass = gaussian_integral(Rational(1), x, Rational(0), Rational(1), missing_root)
        assert not mass.contains(1)


@pytest.mark.parametrize("e", [sqrt(x), log(x), abs(x)])
def test_branch_cuts_are_refused_on_complex_balls(e):
    with pytest.raises(ValueError, match="not analytic"):
        ball(e, {x: acb(2)})


def test_unknown_functions_are_refused():
    with pytest.raises(ValueError, match="no enclosure"):
        ball(Symbol("f")**Symbol("g"), {Symbol("f"): arb(2), Symbol("g"): arb(2)})


def test_a_wide_ball_that_meets_is_not_a_proof():
    wide = arb(1, "0.1")
    assert compare(wide, arb(1), fmpq(1, 10**6)).outcome is Outcome.UNKNOWN
    assert compare(arb("nan"), arb(1), fmpq(1, 10**6)).outcome is Outcome.UNKNOWN
    assert compare(arb(1), arb(2), fmpq(1, 10**6)).outcome is Outcome.REFUTED


def test_signs_of_nearly_equal_numbers():
    assert sign_of_number(sqrt(2) - Rational(14142135623730950488016887, 10**25)) == 1
    assert sign_of_number(erf(Rational(40)) - 1) == -1


def test_encloses_needs_a_point():
    with pytest.raises(ValueError, match="points is empty"):
        encloses("none", lambda p: arb(1), Rational(1), points=[], wrong={})


def test_lies_within_rejects_a_wrong_interval():
    step = lies_within("pi", arb.pi, (Rational(314, 100), Rational(315, 100)),
                       wrong={"too low": (Rational(3), Rational(314, 100))})
    assert step.decide(step.statement).outcome is Outcome.PROVED
    assert step.decide(step.wrong["too low"]).outcome is Outcome.REFUTED
