"""What must be right for a claim's verdict to be right, computed from its evidence.

Evidence of one kind rests on the components that a check of that kind may call; a proof rests on
those of all its steps.  A second opinion is a line of its own: the statement stands if all
components of *one* line are right.  Evidence that only supports (drawn examples, comparisons with
core) can fail a claim but carries no verdict, unless nothing stronger is there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from derivations.claim import Grade, Role
from derivations.second import coq, opinions

COMPONENTS = {
    "Python": "the interpreter with its integers, fractions and text, and what it runs on",
    "prover": "the checkers of this project, derivations/prover: how a statement becomes "
              "polynomials, queries and balls",
    "SymPy": "expression trees, built and differentiated as written; its simplifier decides "
             "nothing",
    "FLINT": "polynomials over the rationals",
    "Arb": "ball arithmetic, the part of FLINT whose balls enclose",
    "z3": "that “unsatisfiable” is right; its proofs are not checked by another program",
    "cvc5": "the same of another solver, on scripts written by hand",
    "Coq": "the kernel of a proof assistant, on proof files written by hand, with the axioms of "
           "its real numbers",
    "torch": "the library that core is written in, and the compiler that built it",
    "NumPy": "what a listing of the document calls",
    "SciPy": "quadrature",
    "scikit-learn": "its solver of the lasso",
    "Hypothesis": "the drawing of examples",
}
_ALGEBRA = ("prover", "SymPy", "FLINT", "z3")  # z3 decides the side conditions of a normal form
BY_KIND: Mapping[str, tuple[str, ...]] = {
    "normal form": _ALGEBRA,
    "induction certificate": _ALGEBRA,
    "telescoping certificate": _ALGEBRA,
    "exact computation": _ALGEBRA,
    "counterexample": (*_ALGEBRA, "Arb"),
    "ball enclosure": (*_ALGEBRA, "Arb"),
    "SMT entailment": ("prover", "SymPy", "z3"),
    "execution": ("prover",),
    "token": ("prover",),
    opinions.Z3: ("z3",),
    opinions.CVC5: ("cvc5",),
    coq.KIND: ("Coq",),
    "both sides at drawn points": ("SymPy", "Arb"),
    "conformance kit": ("torch",),
    "core against exact": ("torch", "Hypothesis"),
    "counted outcomes": (),
    "exact enumeration": (),
    "execution in numpy": ("NumPy",),
    "execution in torch": ("torch",),
    "independent solver": ("torch", "scikit-learn"),
    "quadrature": ("torch", "SciPy"),
    "released formula": ("torch",),
    "round trip in core": ("torch",),
    "statistical": ("torch",),
    "sum of 256 levels": ("torch",),
    "whole chains": ("torch",),
}
SECOND = (opinions.Z3, opinions.CVC5, coq.KIND)
_DECIDING = (Grade.EXACT, Grade.SMT, Grade.ENCLOSURE, Grade.EXECUTION, Grade.CITED)


@dataclass(frozen=True)
class Trust:
    """What a verdict rests on.

    ``lines`` holds lines of evidence for the statement, each enough by itself; ``refuting`` what
    shows the document's line to fail as it stands, which a second opinion does not show again;
    ``besides`` what was checked with and carries no verdict.
    """

    lines: tuple[tuple[str, ...], ...]
    refuting: tuple[str, ...] = ()
    besides: tuple[str, ...] = ()

    @property
    def shared(self) -> tuple[str, ...]:
        """What every line for the statement has."""
        return tuple(c for c in COMPONENTS if self.lines and all(c in x for x in self.lines))

    @property
    def needed(self) -> tuple[str, ...]:
        """What must be right whichever line is taken."""
        return _ordered((*self.shared, *self.refuting))

    def as_json(self) -> dict[str, list[Any]]:
        """The form that audit.json has."""
        return {"lines": [list(x) for x in self.lines], "refuting": list(self.refuting),
                "besides": list(self.besides)}

    def __str__(self) -> str:
        """``Python, and either SymPy, FLINT, or independently Coq``; empty where nothing is."""
        if not self.refuting:
            return self._statement()
        refuting = f"to show that the line fails as it stands: {', '.join(self.refuting)}"
        return f"{self._statement()}; {refuting}" if self.lines else refuting

    def _statement(self) -> str:
        shared = ", ".join(self.shared)
        if len(self.lines) < 2:
            return shared
        first, *others = [[c for c in x if c not in self.shared] for x in self.lines]
        if not all([first, *others]):  # a line needs nothing but what all lines need
            also = [", ".join(x) for x in [first, *others] if x]
            return f"{shared}; other lines of evidence also use {'; '.join(also) or 'no more'}"
        ways = [", ".join(first)] + [
            f"{', '.join(x)} alone" if set(x) & set(first) else f"independently {', '.join(x)}"
            for x in others
        ]
        return f"{shared}, and either {', or '.join(ways)}"


def of_entry(entry: Mapping[str, Any]) -> Trust:
    """The same for an entry of audit.json, from the evidence that it lists."""
    return of((e["kind"], Grade(e["grade"]), Role(e["role"]))
              for e in entry["evidence"] if e["passed"])


def _ordered(names: Iterable[str]) -> tuple[str, ...]:
    held = set(names)
    return tuple(c for c in COMPONENTS if c in held)


def _of_kinds(kinds: Iterable[str]) -> tuple[str, ...]:
    """The components of checks of these kinds; every check is run by Python."""
    kinds = list(kinds)
    return _ordered(["Python", *(c for k in kinds for c in BY_KIND[k])]) if kinds else ()


def of(evidence: Iterable[tuple[str, Grade, Role]]) -> Trust:
    """The trust that passed evidence, given by kind, grade and role, asks for."""
    found = list(evidence)
    unknown = sorted({kind for kind, *_ in found} - set(BY_KIND))
    if unknown:
        raise ValueError(f"kind is {unknown[0]!r}: audit.trust.BY_KIND must say what it rests on")
    first = [e for e in found if e[0] not in SECOND]
    deciding = [e for e in first if e[1] in _DECIDING] or first
    establishing = _of_kinds(kind for kind, _, role in deciding if role is Role.ESTABLISHES)
    seconds = [kind for kind in SECOND if kind in {e[0] for e in found}]
    return Trust(
        tuple(line for line in (establishing, *(_of_kinds([k]) for k in seconds)) if line),
        _of_kinds(kind for kind, _, role in deciding if role is not Role.ESTABLISHES),
        _ordered(c for e in first if e not in deciding for c in BY_KIND[e[0]]),
    )


def reliance(trusts: Iterable[Trust]) -> Iterator[tuple[str, str, int, int, int]]:
    """For each component: as what it is trusted, and the number of claims that have it in their
    first line, in a further one, and in all of their lines.
    """
    trusts = list(trusts)
    used = Counter(c for t in trusts for c in {*t.refuting, *(t.lines[0] if t.lines else ())})
    again = Counter(c for t in trusts for c in set().union(*t.lines[1:]))
    needed = Counter(c for t in trusts for c in t.needed)
    for name, meaning in COMPONENTS.items():
        if used[name] or again[name]:
            yield name, meaning, used[name], again[name], needed[name]
