"""Statements for every T: loop invariants, proved at the start and kept by each step.

A quantity defined step by step (a running product, the variance along a Markov chain) is a
recursion: a start and a step, written from the definition.  A closed form of it is proved for every
number of steps by three facts, each decided exactly: the domain holds at the start and survives a
step, the closed form is right at the start, and one step of the recursion keeps it right.  The
inputs of a step (beta_t, say) are new unknowns every time, so nothing is assumed about a schedule
but what ``inputs`` states.  As a guard against a wrongly stated recursion, the first few steps are
also unrolled with independent inputs and compared outright.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sympy

from derivations.claim import Check, Decision, Grade, Outcome
from derivations.prover.normal_form import decide_equal
from derivations.prover.smt import entails

UNROLLED_STEPS = 4


@dataclass(frozen=True)
class Recursion:
    """State before the first step, state after one step, and what is known of state and inputs.

    Args:
        start: value of every state symbol before the first step.
        step: value of every state symbol after a step, from the state before it and the inputs.
        domain: relations among the state symbols; proved to hold at the start and to be kept.
        inputs: relations that constrain the inputs of a step.
        constants: relations among symbols that no step changes (the level a chain starts from);
            such a symbol may stand in ``start`` and in a closed form, but not in ``step``.
    """

    start: Mapping[sympy.Symbol, sympy.Expr]
    step: Mapping[sympy.Symbol, sympy.Expr]
    domain: tuple[sympy.Basic, ...] = ()
    inputs: tuple[sympy.Basic, ...] = ()
    constants: tuple[sympy.Basic, ...] = ()

    def __post_init__(self) -> None:
        if set(self.start) != set(self.step):
            raise ValueError(
                f"step updates {sorted(map(str, self.step))}, start sets "
                f"{sorted(map(str, self.start))}: they must name the same state"
            )
        begun = {s for e in self.start.values() for s in sympy.sympify(e).free_symbols}
        if any(self.start.get(s, s) != s for s in begun):
            raise ValueError(
                f"start is {self.start}: a start value may mention a state symbol only where that "
                "symbol starts as itself"
            )
        fixed = {s for r in self.constants for s in r.free_symbols}
        stepped = {s for e in self.step.values() for s in sympy.sympify(e).free_symbols}
        if fixed & (stepped | set(self.start)):
            raise ValueError(f"constants is {self.constants}: a step changes one of their symbols")

    def after(
        self, state: Mapping[sympy.Symbol, sympy.Expr], number: int
    ) -> dict[sympy.Symbol, sympy.Expr]:
        """The state after one more step, its inputs renamed to be the step's own."""
        own = {
            s: sympy.Symbol(f"{s.name}__{number}", real=True)
            for e in self.step.values() for s in sympy.sympify(e).free_symbols - set(self.start)
        }
        return {
            s: sympy.sympify(e).subs({**own, **state}, simultaneous=True)
            for s, e in self.step.items()
        }

    def inputs_of(self, number: int) -> list[sympy.Basic]:
        """The constraints on the inputs of one numbered step."""
        return [
            r.subs({s: sympy.Symbol(f"{s.name}__{number}", real=True)
                    for s in r.free_symbols - set(self.start)})
            for r in self.inputs
        ]


def decide_invariant(recursion: Recursion, closed: Mapping[sympy.Symbol, sympy.Expr]) -> Decision:
    """Decide that the state symbols in ``closed`` equal their closed forms after every step."""
    if not closed:
        return Decision(Outcome.UNKNOWN, "no closed form is stated")
    free = {s for e in closed.values() for s in sympy.sympify(e).free_symbols} & set(closed)
    if free:
        return Decision(Outcome.UNKNOWN, f"a closed form must not mention {free}")
    start = {s: sympy.sympify(e) for s, e in recursion.start.items()}
    rest = {s: e for s, e in start.items() if s not in closed}
    domain = [r for r in recursion.domain if not r.free_symbols & set(closed)]
    if len(domain) != len(recursion.domain):
        return Decision(Outcome.UNKNOWN, "the domain must not mention what has a closed form")
    given = (*domain, *recursion.inputs, *recursion.constants)

    next_rest = {s: sympy.sympify(recursion.step[s]) for s in rest}
    for relation in domain:
        kept = [("at the start", recursion.constants, relation.subs(start)),
                ("after a step", given, relation.subs(next_rest, simultaneous=True))]
        for when, hypotheses, condition in kept:
            decision = entails(tuple(hypotheses), condition)
            if decision.outcome is not Outcome.PROVED:
                return Decision(Outcome.UNKNOWN, f"{relation} fails {when}: {decision.detail}")

    for s, form in closed.items():
        base = decide_equal(start[s], sympy.sympify(form).subs(rest), recursion.constants)
        if base.outcome is not Outcome.PROVED:
            return Decision(base.outcome, f"start of {s}: {base.detail}")
        stepped = sympy.sympify(recursion.step[s]).subs(closed, simultaneous=True)
        claimed = sympy.sympify(form).subs(next_rest, simultaneous=True)
        step = decide_equal(stepped, claimed, given)
        if step.outcome is not Outcome.PROVED:
            return Decision(step.outcome, f"step of {s}: {step.detail}")
    return _unroll(recursion, closed)


def _unroll(recursion: Recursion, closed: Mapping[sympy.Symbol, sympy.Expr]) -> Decision:
    state = {s: sympy.sympify(e) for s, e in recursion.start.items()}
    known: list[sympy.Basic] = list(recursion.constants)
    for n in range(1, UNROLLED_STEPS + 1):
        state = recursion.after(state, n)
        known += recursion.inputs_of(n)
        rest = {s: e for s, e in state.items() if s not in closed}
        for s, form in closed.items():
            decision = decide_equal(state[s], sympy.sympify(form).subs(rest), known)
            if decision.outcome is not Outcome.PROVED:
                return Decision(decision.outcome, f"{s} after {n} steps: {decision.detail}")
    return Decision(
        Outcome.PROVED, f"start and step in normal form; steps 1 to {UNROLLED_STEPS} unrolled"
    )


def invariant(
    reason: str,
    recursion: Recursion,
    closed: Mapping[sympy.Symbol, sympy.Expr],
    *,
    wrong: Mapping[str, Mapping[sympy.Symbol, sympy.Expr]],
) -> Check:
    """A step true for every number of steps; each wrong closed form must be refuted."""
    return Check(
        reason, "induction certificate", Grade.EXACT,
        lambda claimed: decide_invariant(recursion, claimed), closed, wrong,
    )


def telescopes(
    reason: str,
    summand: sympy.Expr,
    index: sympy.Symbol,
    first: int,
    closed: sympy.Expr,
    *,
    given: Iterable[sympy.Basic] = (),
    wrong: Mapping[str, sympy.Expr],
) -> Check:
    """A step sum_{k=first}^{n} summand(k) = closed(n) for every n >= first.

    ``closed`` is written with the summation index standing for the upper limit n.
    """
    always = tuple(given)
    if any(index in r.free_symbols for r in always):
        raise ValueError(f"given is {always}: it must not restrict the index {index}")
    assumptions = (*always, index >= first)

    def decide(form: sympy.Expr) -> Decision:
        form = sympy.sympify(form)
        base = decide_equal(form.subs(index, first), summand.subs(index, first), always)
        if base.outcome is not Outcome.PROVED:
            return Decision(base.outcome, f"first term: {base.detail}")
        step = decide_equal(
            form.subs(index, index + 1) - form, summand.subs(index, index + 1), assumptions
        )
        return step if step.outcome is not Outcome.PROVED else Decision(
            Outcome.PROVED, "first term and difference in normal form"
        )

    return Check(reason, "telescoping certificate", Grade.EXACT, decide, closed, wrong)
