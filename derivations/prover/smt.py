"""Inequalities by z3, with the traps of SMT closed.

* Contradictory hypotheses prove everything: they must be satisfiable before anything else counts.
* Division is total in SMT: every denominator becomes an obligation to be non-zero, and every
  radicand an obligation to be non-negative, proved under the hypotheses.
* ``unknown`` is not ``unsat``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

import sympy
import z3
from sympy.core.function import AppliedUndef
from sympy.core.relational import (
    Equality,
    GreaterThan,
    LessThan,
    Relational,
    StrictGreaterThan,
    StrictLessThan,
    Unequality,
)

from derivations.claim import Check, Decision, Grade, Outcome

TIMEOUT_MS = 3000


class Untranslatable(ValueError):
    """The expression is outside polynomials, quotients and square roots over the reals."""


class _Translation:
    """Sympy to z3, in a context of its own, so that no answer depends on what was asked before.

    ``obligations`` lists, in order of need, what must hold for the translated terms to be defined,
    each with what may be assumed once it is proved (the defining property of a root).
    ``loose`` says that a term (pi, an undefined function) is known only in part: a proof stands all
    the same, a counterexample does not.
    """

    def __init__(self) -> None:
        self.context = z3.Context()
        self.obligations: list[tuple[z3.BoolRef, list[z3.BoolRef]]] = []
        self.loose = False
        self.variables: dict[sympy.Expr, z3.ArithRef] = {}

    def _variable(self, meaning: sympy.Expr, name: str) -> z3.ArithRef:
        """One z3 variable for one meaning, however names may coincide."""
        taken = {str(v) for v in self.variables.values()}
        while name in taken:
            name += "'"
        return self.variables.setdefault(meaning, z3.Real(name, self.context))

    def _number(self, value: sympy.Rational | int) -> z3.ArithRef:
        return z3.RealVal(str(value), self.context)

    def term(self, e: sympy.Expr) -> z3.ArithRef:
        if e in self.variables:
            return self.variables[e]
        if isinstance(e, sympy.Symbol):
            if not e.is_real or e.is_integer:
                raise Untranslatable(f"the symbol {e} is not simply real")
            return self._variable(e, e.name)
        if isinstance(e, AppliedUndef):
            self.loose = True
            return self._variable(e, str(e))
        if e is sympy.pi:
            self.loose = True
            pi = self._variable(e, "pi")
            low, high = (self._number(sympy.Rational(n, 100)) for n in (314, 315))
            self.obligations.append((z3.BoolVal(True, self.context), [pi > low, pi < high]))
            return pi
        if isinstance(e, sympy.Rational):
            return self._number(e)
        if isinstance(e, sympy.Add):
            return z3.Sum([self.term(a) for a in e.args])
        if isinstance(e, sympy.Mul):
            return z3.Product([self.term(a) for a in e.args])
        if isinstance(e, sympy.Abs):
            inner = self.term(e.args[0])
            return z3.If(inner >= 0, inner, -inner)
        if isinstance(e, sympy.Max | sympy.Min):
            first, *rest = [self.term(a) for a in e.args]
            for other in rest:
                keep = first >= other if isinstance(e, sympy.Max) else first <= other
                first = z3.If(keep, first, other)
            return first
        if isinstance(e, sympy.Pow) and isinstance(e.exp, sympy.Rational):
            if e.exp.q == 2:
                return self._power(self._root(e.base), int(e.exp.p))
            if e.exp.q == 1:
                return self._power(self.term(e.base), int(e.exp))
        raise Untranslatable(f"{e} is not a polynomial, a quotient or a square root")

    def _root(self, radicand: sympy.Expr) -> z3.ArithRef:
        meaning = sympy.sqrt(radicand, evaluate=False)
        if meaning not in self.variables:
            value = self.term(radicand)
            root = self._variable(meaning, f"sqrt[{radicand}]")
            self.obligations.append((value >= 0, [root >= 0, root * root == value]))
        return self.variables[meaning]

    def _power(self, base: z3.ArithRef, exponent: int) -> z3.ArithRef:
        power = z3.Product([base] * abs(exponent)) if exponent else self._number(1)
        if exponent >= 0:
            return power
        self.obligations.append((base != 0, []))
        return 1 / power

    def formula(self, f: sympy.Basic) -> z3.BoolRef:
        if f is sympy.S.true or f is sympy.S.false:
            return z3.BoolVal(bool(f), self.context)
        if isinstance(f, sympy.And):
            return z3.And([self.formula(a) for a in f.args])
        if isinstance(f, sympy.Or):
            return z3.Or([self.formula(a) for a in f.args])
        if isinstance(f, sympy.Not):
            return z3.Not(self.formula(f.args[0]))
        if isinstance(f, sympy.Implies):
            return z3.Implies(self.formula(f.args[0]), self.formula(f.args[1]))
        if not isinstance(f, Relational):
            raise Untranslatable(f"{f} is not a relation")
        left, right = self.term(f.lhs), self.term(f.rhs)
        by_kind = {
            Equality: left == right, Unequality: left != right, LessThan: left <= right,
            StrictLessThan: left < right, GreaterThan: left >= right,
            StrictGreaterThan: left > right,
        }
        return by_kind[type(f)]


def _is_partial_below_a_choice(hypothesis: sympy.Basic) -> bool:
    """Whether a quotient or root stands below Or, Not or Implies, where it may be meant undefined.

    In a plain relation, x > 0 for 1/x say, being defined is part of what is assumed; in a branch
    that need not be taken it is not.
    """
    if isinstance(hypothesis, sympy.And):
        return any(map(_is_partial_below_a_choice, hypothesis.args))
    return isinstance(hypothesis, sympy.Or | sympy.Not | sympy.Implies) and any(
        not (p.exp.is_Integer and p.exp > 0) for p in hypothesis.atoms(sympy.Pow)
    )


def _check(
    context: z3.Context, assertions: list[z3.BoolRef]
) -> tuple[z3.CheckSatResult, z3.ModelRef | None]:
    """Satisfiability of the assertions, by z3's procedure for real algebra, then by its default.

    The first is often a hundred times as fast; the second is there for what it cannot decide.
    """
    answer = z3.unknown
    for solver in (z3.Tactic("qfnra-nlsat", ctx=context).solver(), z3.Solver(ctx=context)):
        solver.set("timeout", TIMEOUT_MS)
        solver.add(*assertions)
        answer = solver.check()
        if answer == z3.sat:
            return answer, solver.model()
        if answer == z3.unsat:
            break
    return answer, None


@lru_cache(maxsize=4096)
def entails(hypotheses: tuple[sympy.Basic, ...], conclusion: sympy.Basic) -> Decision:
    """Decide whether the hypotheses, which must be satisfiable, imply the conclusion."""
    translation = _Translation()
    hypotheses = tuple(map(sympy.sympify, hypotheses))
    try:
        for hypothesis in filter(_is_partial_below_a_choice, hypotheses):
            raise Untranslatable(f"{hypothesis}: a quotient or root below Or, Not or Implies")
        given = [translation.formula(h) for h in hypotheses]
        within_given = len(translation.obligations)
        goal = translation.formula(sympy.sympify(conclusion))
    except Untranslatable as error:
        return Decision(Outcome.UNKNOWN, str(error))
    known = list(given)
    # A hypothesis that divides speaks of a non-zero divisor: there the obligation is a hypothesis.
    for obligation, definitions in translation.obligations[:within_given]:
        known += [obligation, *definitions]
    satisfiable, _ = _check(translation.context, known)
    if satisfiable != z3.sat:
        return Decision(Outcome.UNKNOWN, f"the hypotheses alone are {satisfiable}, not sat")
    for wanted, then in [*translation.obligations[within_given:], (goal, [])]:
        answer, model = _check(translation.context, [*known, z3.Not(wanted)])
        if model is not None:
            point = _shown(model)
            if wanted is not goal:
                return Decision(Outcome.UNKNOWN, f"undefined where {wanted} fails: {point}")
            if translation.loose and not _fails_anyway(translation, given, goal, model):
                return Decision(Outcome.UNKNOWN, f"fails for some reading of pi or f: {point}")
            return Decision(Outcome.REFUTED, f"counterexample: {point}")
        if answer != z3.unsat:
            return Decision(Outcome.UNKNOWN, f"z3 answers {answer}")
        known += [wanted, *then]
    return Decision(Outcome.PROVED, "hypotheses sat, negation unsat")


def _fails_anyway(
    translation: _Translation, given: list[z3.BoolRef], goal: z3.BoolRef, model: z3.ModelRef
) -> bool:
    """Whether at the model's point the goal fails, and the hypotheses hold, for every pi and f."""
    fixed = [
        variable == model.eval(variable, model_completion=True)
        for meaning, variable in translation.variables.items() if isinstance(meaning, sympy.Symbol)
    ]
    defined = [c for obligation, then in translation.obligations for c in (obligation, *then)]
    escape = z3.Or(goal, *map(z3.Not, given))
    return bool(_check(translation.context, [*fixed, *defined, escape])[0] == z3.unsat)


def _shown(model: z3.ModelRef) -> str:
    constants = sorted((d for d in model.decls() if d.arity() == 0), key=lambda d: d.name())
    return ", ".join(f"{d.name()} = {model[d]}" for d in constants if "!" not in d.name())


def implies(
    reason: str,
    hypotheses: Iterable[sympy.Basic],
    conclusion: sympy.Basic,
    *,
    wrong: Mapping[str, sympy.Basic],
) -> Check:
    """A step decided by z3: the conclusion follows; each wrong conclusion has a counterexample."""
    given = tuple(hypotheses)
    return Check(
        reason, "SMT entailment", Grade.SMT, lambda goal: entails(given, goal), conclusion, wrong
    )
