"""Enclosures in ball arithmetic: numbers and Gaussian integrals with a stated radius.

Every float in here is the midpoint of a ball that is proved to contain the exact value.  Integrals
over the line are standardised, x = mean + sd*u, enclosed over [-R, R], and the tail is added as a
ball from the incomplete gamma function: without it the ball need not contain the integral.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import overload

import sympy
from flint import acb, arb, ctx, fmpq

from derivations.claim import Check, Decision, Grade, Outcome
from derivations.prover.normal_form import decide_equal

BITS = 160
MAX_BITS = 4096
RADIUS = fmpq(1, 10**30)
Ball = arb | acb


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Work at this many bits inside the block."""
    before, ctx.prec = ctx.prec, bits
    try:
        yield
    finally:
        ctx.prec = before


@overload
def ball(e: sympy.Expr, values: Mapping[sympy.Symbol, arb] | None = None) -> arb: ...
@overload
def ball(e: sympy.Expr, values: Mapping[sympy.Symbol, Ball]) -> Ball: ...
def ball(e: sympy.Expr, values: Mapping[sympy.Symbol, Ball] | None = None) -> Ball:
    """Enclose an expression at the working precision; unknown functions are a ValueError.

    Square roots, logarithms and absolute values are taken of real balls only: on the complex balls
    of an integrand they have branch cuts, across which an enclosure would be wrong.
    """
    values = values or {}
    if e in values:
        return values[e]
    if isinstance(e, sympy.Rational):
        return arb(fmpq(int(e.p), int(e.q)))
    if e is sympy.pi:
        return arb.pi()
    if e is sympy.E:
        return arb(1).exp()
    arguments = [ball(a, values) for a in e.args]
    if isinstance(e, sympy.Add):
        return sum(arguments[1:], arguments[0])
    if isinstance(e, sympy.Mul):
        product = arguments[0]
        for factor in arguments[1:]:
            product = product * factor
        return product
    if isinstance(e, sympy.Pow) and isinstance(e.exp, sympy.Integer):
        return arguments[0] ** int(e.exp)
    entire = {sympy.exp: "exp", sympy.cos: "cos", sympy.sin: "sin", sympy.erf: "erf"}
    if type(e) in entire:
        function: Callable[[], Ball] = getattr(arguments[0], entire[type(e)])
        return function()
    if isinstance(arguments[0], acb):
        raise ValueError(f"{e}: not analytic on complex balls")
    if isinstance(e, sympy.Pow) and isinstance(e.exp, sympy.Rational) and e.exp.q == 2:
        return arguments[0].sqrt() ** int(e.exp.p)
    if isinstance(e, sympy.log):
        return arguments[0].log()
    if isinstance(e, sympy.Abs):
        return abs(arguments[0])
    raise ValueError(f"no enclosure for {type(e).__name__} in {e}")


def sign_of_number(e: sympy.Expr) -> int | None:
    """The sign of a number known to differ from 0; None where 4096 bits cannot tell."""
    bits = 64
    while bits <= MAX_BITS:
        with precision(bits):
            value = ball(sympy.sympify(e))
            if value > 0:
                return 1
            if value < 0:
                return -1
        bits *= 4
    return None


def compare(a: arb, b: arb, radius: fmpq) -> Decision:
    """PROVED when both balls are small and meet, REFUTED when they are apart, else UNKNOWN.

    Small is relative to b where b is below 1 and not 0, so that small numbers have digits too.
    """
    if not (a.is_finite() and b.is_finite()):
        return Decision(Outcome.UNKNOWN, "an enclosure is not finite")
    if not a.overlaps(b):
        apart = f"{a.str(8, radius=False)} against {b.str(8, radius=False)}"
        return Decision(Outcome.REFUTED, apart)
    widest = max(a.rad(), b.rad())
    scale = min(abs(b).lower(), arb(1)) if not b.contains(0) else arb(1)
    if not widest <= arb(radius) * scale:
        return Decision(Outcome.UNKNOWN, f"radius {widest.str(2, radius=False)} is too large")
    return Decision(Outcome.PROVED, f"radius at most 1e{_exponent_above(widest)}")


def _exponent_above(radius: arb) -> int:
    """The smallest k with radius <= 10^k."""
    if radius == 0:
        return -999
    k = -400
    while not radius <= arb(10) ** k:
        k += 1
    return k


def gaussian_integral(
    integrand: sympy.Expr,
    x: sympy.Symbol,
    mean: sympy.Expr,
    variance: sympy.Expr,
    density: Callable[[sympy.Expr, sympy.Expr, sympy.Expr], sympy.Expr],
) -> arb:
    """Enclose the integral over the line of density(x, mean, variance) * integrand(x).

    ``integrand`` is a polynomial in x with constant coefficients; the density is evaluated as it
    is written, so that its normalisation is part of what is enclosed.  Its shape is not free: it
    must be a multiple of exp(-u^2/2), which is what the tail is bounded by; ValueError otherwise.
    """
    u = sympy.Symbol("u_standard", real=True)
    limit = _tail_limit(ctx.prec)
    sd = sympy.sqrt(variance)
    weight = (density(x, mean, variance) * sd).subs(x, mean + sd * u)
    shape = decide_equal(weight.diff(u), -u * weight)
    if shape.outcome is not Outcome.PROVED:
        raise ValueError(f"the density is not a multiple of exp(-u^2/2): {shape.detail}")
    inside = weight * integrand.subs(x, mean + sd * u)
    values: dict[sympy.Symbol, Ball] = {}
    folded = _fold_constants(inside, u, values)
    body = acb.integral(
        lambda z, _: acb(ball(folded, {**values, u: z})), acb(-limit), acb(limit)
    ).real
    in_u = sympy.Poly(sympy.expand(integrand.subs(x, mean + sd * u)), u)
    tail = arb(0)
    for (k,), coefficient in in_u.terms():
        # int over |u| > R of |u|^k phi(u) du = 2^(k/2) Gamma((k+1)/2, R^2/2) / sqrt(pi)
        moment = arb(2) ** (arb(k) / 2) / arb.pi().sqrt()
        moment *= (arb(limit) ** 2 / 2).gamma_upper(arb(k + 1) / 2)
        tail += abs(ball(coefficient)) * moment
    multiple = abs(ball(weight.subs(u, 0) * sympy.sqrt(2 * sympy.pi)))
    return body + arb(0, (multiple * tail).abs_upper())


def _fold_constants(
    e: sympy.Expr, u: sympy.Symbol, values: dict[sympy.Symbol, Ball]
) -> sympy.Expr:
    """Replace every part free of u by a named real ball, enclosed once instead of at each node."""
    if isinstance(e, sympy.Integer):
        return e  # an exponent must stay an integer, and an integer costs nothing
    if not e.has(u):
        name = sympy.Symbol(f"constant_{len(values)}")
        values[name] = ball(e)
        return name
    return e if e == u else e.func(*(_fold_constants(part, u, values) for part in e.args))


def _tail_limit(bits: int) -> int:
    """R with exp(-R^2/2) < 2^-bits."""
    limit = 1
    while 5 * limit * limit < 7 * bits:  # 7/5 > 2 log 2
        limit += 1
    return limit


def encloses(
    reason: str,
    integral: Callable[..., arb],
    closed: sympy.Expr,
    *,
    points: Iterable[Mapping[sympy.Symbol, sympy.Expr]],
    radius: fmpq = RADIUS,
    wrong: Mapping[str, sympy.Expr],
) -> Check:
    """A step that encloses a quantity at exact points and holds a closed form against each ball.

    integral: of a point, ``{symbol: value}``.
    """
    points = [{s: sympy.sympify(v) for s, v in p.items()} for p in points]
    if not points:
        raise ValueError("points is empty: an enclosure at no point shows nothing")

    def decide(form: sympy.Expr) -> Decision:
        found = Decision(Outcome.UNKNOWN)
        worst = -10**9
        with precision(BITS):
            for point in points:
                found = compare(integral(point), ball(sympy.sympify(form).subs(point)), radius)
                if found.outcome is not Outcome.PROVED:
                    where = ", ".join(f"{s} = {v}" for s, v in point.items())
                    return Decision(found.outcome, f"at {where}: {found.detail}")
                worst = max(worst, int(found.detail.split("1e")[1]))
        return Decision(Outcome.PROVED, f"{len(points)} points, radius at most 1e{worst}")

    return Check(reason, "ball enclosure", Grade.ENCLOSURE, decide, closed, wrong)


def lies_within(
    reason: str,
    value: Callable[..., arb],
    interval: tuple[sympy.Expr, sympy.Expr],
    *,
    wrong: Mapping[str, tuple[sympy.Expr, sympy.Expr]],
) -> Check:
    """A step that encloses a number, ``value()``, strictly inside an interval with exact ends."""

    def decide(ends: tuple[sympy.Expr, sympy.Expr]) -> Decision:
        with precision(BITS):
            number, low, high = value(), ball(sympy.sympify(ends[0])), ball(sympy.sympify(ends[1]))
            shown = number.str(8, radius=False)
            if low < number < high:
                return Decision(Outcome.PROVED, f"{shown} lies in ({ends[0]}, {ends[1]})")
            if number < low or number > high:
                return Decision(Outcome.REFUTED, f"{shown} lies outside ({ends[0]}, {ends[1]})")
        return Decision(Outcome.UNKNOWN, f"{shown} meets an end of the interval")

    return Check(reason, "ball enclosure", Grade.ENCLOSURE, decide, interval, wrong)
