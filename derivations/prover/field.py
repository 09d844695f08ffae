r"""The field in which identities are decided: fractions, square roots, logarithms, Pythagoras.

Both sides become quotients of polynomials over the rationals in *generators*: the symbols, and

* for each irreducible factor p under a square root, a generator r with r^2 = p;
* for each irreducible factor p under a logarithm, a generator standing for log p;
* for each sine, a generator s with s^2 = 1 - c^2, where c stands for the cosine;
* for each monomial m of an exponent, a generator for exp(m/k), k a common denominator;
* pi and each applied undefined function, as a generator of its own.

An identity is proved when the difference of its cross-products reduces to the literal zero.  Roots
and logarithms of products split only over factors that are *proved* positive under the stated
assumptions, and every denominator is proved non-zero under them: an identity that needs a
hypothesis does not pass without it, as far as SymPy has not cancelled it on building the sides
(x/x is 1 before anything is decided here).  Distinct irreducible factors make the roots
independent, so a non-zero remainder means that the two sides differ; where generators may be
dependent (``Field.complete``), and for anything untranslatable, it is unknown.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sympy
from flint import Ordering, fmpq, fmpq_mat, fmpq_mpoly, fmpq_mpoly_ctx
from sympy.core.function import AppliedUndef

from derivations.claim import Outcome
from derivations.prover.smt import entails

GENERATORS = 40
_CONTEXT = fmpq_mpoly_ctx.get([f"g{i}" for i in range(GENERATORS)], Ordering.lex)
_ONE = _CONTEXT.constant(1)


class Undecidable(ValueError):
    """The expression leaves the decidable fragment, or a side condition could not be proved."""


@dataclass(frozen=True)
class Quotient:
    """numerator / denominator, both polynomials in the generators."""

    numerator: fmpq_mpoly
    denominator: fmpq_mpoly


class Field:
    """The generators met so far, and the rewriting rules r^2 -> p among them."""

    def __init__(
        self, given: Iterable[sympy.Basic] = (), expressions: Iterable[sympy.Expr] = ()
    ) -> None:
        self.given = tuple(given)
        self._index: dict[object, int] = {}
        self._meaning: list[sympy.Expr] = []
        self._square: dict[int, fmpq_mpoly] = {}
        self._angles: dict[sympy.Expr, Quotient] = {}
        self._exponents: dict[object, Quotient] = {}
        self._may_depend = False
        self._logs_of_roots: set[str] = set()
        self._exponent_parts = 1
        for e in set().union(*(e.atoms(sympy.exp) for e in expressions)):
            for c in self._exponent_terms(e.args[0])[0].values():
                self._exponent_parts = math.lcm(self._exponent_parts, int(c.q))

    # -- generators ------------------------------------------------------------------------

    def _generator(self, key: object, meaning: sympy.Expr) -> fmpq_mpoly:
        if key not in self._index:
            if len(self._meaning) == GENERATORS:
                raise Undecidable(f"more than {GENERATORS} generators")
            self._index[key] = len(self._meaning)
            self._meaning.append(meaning)
        return _CONTEXT.gens()[self._index[key]]

    def _root_generator(self, p: fmpq_mpoly) -> fmpq_mpoly:
        self._may_depend |= self._has_root(p)
        r = self._generator(("sqrt", str(p)), sympy.sqrt(self.expression(p)))
        self._square[self._index["sqrt", str(p)]] = p
        return r

    def expression(self, p: fmpq_mpoly) -> sympy.Expr:
        """The polynomial in the original symbols, for side conditions and messages."""
        return sympy.Add(*(
            sympy.Rational(int(c.p), int(c.q))
            * sympy.Mul(*(m ** int(k) for m, k in zip(self._meaning, monomial, strict=False) if k))
            for monomial, c in p.to_dict().items()
        ))

    def reduce(self, p: fmpq_mpoly) -> fmpq_mpoly:
        """Rewrite squares of root and sine generators until none is left."""
        # Later generators may have earlier ones inside their square, never the other way round.
        for i in sorted(self._square, reverse=True):
            if p.degrees()[i] < 2:
                continue
            r, reduced = _CONTEXT.gens()[i], _CONTEXT.constant(0)
            for monomial, c in p.to_dict().items():
                k = monomial[i]
                rest = tuple(0 if j == i else e for j, e in enumerate(monomial))
                rewritten = self._square[i] ** (k // 2) * r ** (k % 2)
                reduced += _CONTEXT.from_dict({rest: c}) * rewritten
            p = reduced
        return p

    # -- side conditions -------------------------------------------------------------------

    def _is_proved(self, condition: sympy.Basic) -> bool:
        # All that z3 is told of an exponential is that it is positive.
        exponentials = sorted(condition.atoms(sympy.exp), key=str)
        names = {e: sympy.Symbol(f"[{e}]", real=True) for e in exponentials}
        given = (*self.given, *(name > 0 for name in names.values()))
        return entails(given, condition.xreplace(names)).outcome is Outcome.PROVED

    def _positive(self, p: fmpq_mpoly) -> fmpq_mpoly:
        """p or -p, whichever is proved positive."""
        e = self.expression(p)
        if self._is_proved(e > 0):
            return p
        if self._is_proved(e < 0):
            return -p
        raise Undecidable(f"the sign of {e} does not follow from the assumptions")

    def _positive_factors(self, q: Quotient) -> tuple[fmpq, list[tuple[fmpq_mpoly, int]]]:
        """q as constant * product of p^k over irreducible p, every p proved positive."""
        constant, factors = fmpq(1), []
        for polynomial, direction in ((q.numerator, 1), (q.denominator, -1)):
            content, irreducible = polynomial.factor()
            constant *= fmpq(content) ** direction
            for p, k in irreducible:
                positive = self._positive(p)
                if positive != p and k % 2:
                    constant = -constant
                factors.append((positive, direction * int(k)))
        if constant <= 0:
            raise Undecidable(f"{self.expression(q.numerator)} / ... is not positive")
        return constant, factors

    # -- translation -----------------------------------------------------------------------

    def quotient(self, e: sympy.Expr) -> Quotient:
        """Translate an expression; raise :class:`Undecidable` outside the fragment."""
        if isinstance(e, sympy.Rational):
            return Quotient(_CONTEXT.constant(fmpq(int(e.p), int(e.q))), _ONE)
        if isinstance(e, sympy.Symbol | AppliedUndef) or e is sympy.pi:
            return Quotient(self._generator(e, e), _ONE)
        if isinstance(e, sympy.Add):
            total = Quotient(_CONTEXT.constant(0), _ONE)
            for term in map(self.quotient, e.args):
                total = self._add(total, term)
            return total
        if isinstance(e, sympy.Mul):
            product = Quotient(_ONE, _ONE)
            for factor in map(self.quotient, e.args):
                product = self._multiply(product, factor)
            return product
        if isinstance(e, sympy.exp) or e is sympy.E:
            return self._exponential(e.args[0] if e.args else sympy.S.One)
        if isinstance(e, sympy.Pow) and isinstance(e.exp, sympy.Rational) and e.exp.q <= 2:
            base = self.quotient(e.base) if e.exp.q == 1 else self._square_root(e.base)
            return self._power(base, int(e.exp.p))
        if isinstance(e, sympy.log):
            return self._logarithm(e.args[0])
        if isinstance(e, sympy.Abs):
            return self._absolute(e.args[0])
        if isinstance(e, sympy.cos):
            self._note_angle(e.args[0])
            return Quotient(self._generator(("cos", e.args[0]), e), _ONE)
        if isinstance(e, sympy.sin):
            self._note_angle(e.args[0])
            c = self._generator(("cos", e.args[0]), sympy.cos(e.args[0]))
            s = self._generator(("sin", e.args[0]), e)
            self._square[self._index["sin", e.args[0]]] = 1 - c * c
            return Quotient(s, _ONE)
        raise Undecidable(f"{type(e).__name__} in {e}")

    @property
    def complete(self) -> bool:
        """Whether the generators are known to be independent, so that a remainder is not 0.

        What holds roots inside a root, the divisor of an exponent or two logarithms may be
        dependent: sqrt(3 + 2 sqrt(2)) = 1 + sqrt(2), log(sqrt(2) + 1) = -log(sqrt(2) - 1); and so
        may cosines of fractions of pi.  Other exponentials and cosines are independent when their
        exponents, or angles, are so over the rationals.  An equation among the assumptions can
        make any two things equal.
        """
        equations = any(g.has(sympy.Eq) for g in self.given)
        if self._may_depend or len(self._logs_of_roots) > 1 or equations:
            return False
        families = (self._exponents.values(), self._angles.values())
        return all(map(_linearly_independent, families))

    def _has_root(self, p: fmpq_mpoly) -> bool:
        return any(p.degrees()[i] for i in self._square)

    def _lowest_terms(self, n: fmpq_mpoly, d: fmpq_mpoly) -> Quotient:
        n, d = self.reduce(n), self.reduce(d)
        g = n.gcd(d)
        return Quotient(divmod(n, g)[0], divmod(d, g)[0])

    def _add(self, a: Quotient, b: Quotient) -> Quotient:
        return self._lowest_terms(
            a.numerator * b.denominator + b.numerator * a.denominator,
            a.denominator * b.denominator,
        )

    def _multiply(self, a: Quotient, b: Quotient) -> Quotient:
        return self._lowest_terms(a.numerator * b.numerator, a.denominator * b.denominator)

    def _power(self, base: Quotient, exponent: int) -> Quotient:
        if exponent < 0:
            divisor = self.expression(base.numerator)
            if not self._is_proved(sympy.Ne(divisor, 0)):
                raise Undecidable(f"the divisor {divisor} may vanish under the assumptions")
            base = Quotient(base.denominator, base.numerator)
        result = Quotient(_ONE, _ONE)
        for _ in range(abs(exponent)):
            result = self._multiply(result, base)
        return result

    def _square_root(self, radicand: sympy.Expr) -> Quotient:
        q = self.quotient(radicand)
        if q.numerator.is_zero():
            return Quotient(_CONTEXT.constant(0), _ONE)
        constant, factors = self._positive_factors(q)
        # sqrt(a/b) = sqrt(a*b)/b, and the square-free part of a*b splits into primes.
        inside = int(constant.p) * int(constant.q)
        n, d = _ONE, _CONTEXT.constant(int(constant.q))
        for prime, k in sympy.factorint(inside).items():
            n *= int(prime) ** (k // 2)
            if k % 2:
                n *= self._root_generator(_CONTEXT.constant(int(prime)))
        for p, k in factors:
            root = p ** (abs(k) // 2) * (self._root_generator(p) if k % 2 else _ONE)
            n, d = (n * root, d) if k > 0 else (n, d * root)
        return self._lowest_terms(n, d)

    def _logarithm(self, argument: sympy.Expr) -> Quotient:
        constant, factors = self._positive_factors(self.quotient(argument))
        total = Quotient(_CONTEXT.constant(0), _ONE)
        for number, sign in ((int(constant.p), 1), (int(constant.q), -1)):
            for prime, k in sympy.factorint(number).items():
                log_prime = self._generator(("log", int(prime)), sympy.log(prime))
                total = self._add(total, Quotient(sign * int(k) * log_prime, _ONE))
        for p, k in factors:
            scaled = self._multiply(Quotient(_CONTEXT.constant(k), _ONE), self._log_of_factor(p))
            total = self._add(total, scaled)
        return total

    def _log_of_factor(self, p: fmpq_mpoly) -> Quotient:
        meaning = self.expression(p)
        if isinstance(meaning, sympy.exp):
            return self.quotient(meaning.args[0])
        half = [i for i, square in self._square.items() if p == _CONTEXT.gens()[i]]
        if half and isinstance(meaning, sympy.Pow):
            whole = self._log_of_factor(self._square[half[0]])
            return self._multiply(whole, Quotient(_CONTEXT.constant(fmpq(1, 2)), _ONE))
        if self._has_root(p):
            self._logs_of_roots.add(str(p))
        return Quotient(self._generator(("log", str(p)), sympy.log(meaning)), _ONE)

    def _exponent_terms(self, exponent: sympy.Expr) -> tuple[dict[Any, fmpq], fmpq_mpoly]:
        """The coefficients of an exponent by monomial, over a denominator with leading term 1."""
        q = self.quotient(exponent)
        scale = 1 / q.denominator.leading_coefficient()
        return {m: c * scale for m, c in q.numerator.to_dict().items()}, q.denominator * scale

    def _exponential(self, exponent: sympy.Expr) -> Quotient:
        """exp(sum of c m / d) as a product of powers of exp(m / (k d)), one generator each."""
        terms, denominator = self._exponent_terms(exponent)
        n = d = _ONE
        for monomial, c in terms.items():
            power = c * self._exponent_parts
            if power.q != 1:
                raise Undecidable(f"the exponent {exponent} was not announced")
            term = self._lowest_terms(_CONTEXT.from_dict({monomial: fmpq(1)}), denominator)
            self._may_depend |= self._has_root(term.denominator)
            key = ("exp", str(term.numerator), str(term.denominator))
            self._exponents[key] = term
            part = self.expression(term.numerator) / self.expression(term.denominator)
            unit = self._generator(key, sympy.exp(part / self._exponent_parts))
            n, d = (n * unit ** int(power.p), d) if power > 0 else (n, d * unit ** -int(power.p))
        return Quotient(n, d)

    def _note_angle(self, angle: sympy.Expr) -> None:
        self._may_depend |= angle.is_number and angle.has(sympy.pi)
        self._angles[angle] = self.quotient(angle)

    def _absolute(self, argument: sympy.Expr) -> Quotient:
        if self._is_proved(argument >= 0):
            return self.quotient(argument)
        if self._is_proved(argument <= 0):
            return self.quotient(-argument)
        raise Undecidable(f"the sign of {argument} does not follow from the assumptions")


def _linearly_independent(quotients: Iterable[Quotient]) -> bool:
    """Over the rationals: no combination with rational coefficients, not all 0, vanishes."""
    quotients = list(quotients)
    common = _ONE
    for q in quotients:
        common = common * q.denominator
    rows = [divmod(q.numerator * common, q.denominator)[0].to_dict() for q in quotients]
    monomials = sorted(set().union(*rows))
    entries = [row.get(m, fmpq(0)) for row in rows for m in monomials]
    return fmpq_mat(len(rows), len(monomials), entries).rank() == len(rows)
