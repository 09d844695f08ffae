"""Errors against exact values, in units in the last place, computed without rounding.

A float is a dyadic rational, so its distance from an exact rational is a rational too; nothing is
estimated.  Irrational references come as balls of 256 bits, their radius checked to be negligible.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction

import sympy
import torch
from flint import arb

from derivations.prover.balls import ball, precision

REFERENCE_BITS = 256

# Significand bits (the hidden one included) and the exponent of the smallest subnormal.
_FORMAT = {
    torch.float64: (53, -1074),
    torch.float32: (24, -149),
    torch.float16: (11, -24),
    torch.bfloat16: (8, -133),
}


def exact_value(formula: sympy.Expr, values: Mapping[sympy.Symbol, Fraction | float]) -> Fraction:
    """A formula of derivations at exact arguments, to at least 150 correct bits."""
    from flint import arb, fmpq

    with precision(REFERENCE_BITS):
        arguments = {
            s: arb(fmpq(Fraction(v).numerator, Fraction(v).denominator)) for s, v in values.items()
        }
        enclosure = ball(sympy.sympify(formula), arguments)
        return fraction_of(enclosure)


def fraction_of(enclosure: arb) -> Fraction:
    """The midpoint of a 256-bit ball as an exact fraction; a ball that is not tight is an error."""
    if not enclosure.is_finite():
        raise ValueError(f"the reference value {enclosure} is not finite")
    mantissa, exponent = enclosure.mid().man_exp()
    value = Fraction(int(mantissa)) * Fraction(2) ** int(exponent)
    r_mantissa, r_exponent = enclosure.rad().man_exp()
    radius = Fraction(int(r_mantissa)) * Fraction(2) ** int(r_exponent)
    if radius > abs(value) * Fraction(1, 2**150) and radius > Fraction(1, 2**1100):
        raise ValueError(f"the reference value {enclosure} is not known to 150 bits")
    return value


def ulp(value: Fraction, dtype: torch.dtype) -> Fraction:
    """The spacing of the format at ``value`` (that of the smallest subnormal at 0)."""
    bits, smallest = _FORMAT[dtype]
    if value == 0:
        return Fraction(2) ** smallest
    magnitude = abs(value)
    exponent = magnitude.numerator.bit_length() - magnitude.denominator.bit_length()
    if Fraction(2) ** exponent > magnitude:
        exponent -= 1
    return Fraction(2) ** max(exponent - bits + 1, smallest)


def error_in_ulps(got: float, exact: Fraction, dtype: torch.dtype) -> float:
    """|got - exact| in units in the last place of the exact value; inf where got is not finite."""
    if not math.isfinite(got):
        return math.inf
    try:
        return float(abs(Fraction(got) - exact) / ulp(exact, dtype))
    except OverflowError:  # an exact 0, missed by more than any float counts
        return math.inf
