"""SMT-LIB 2 scripts: hypotheses, obligations, a witness, and wrong variants, in one text file.

A script declares its unknowns, defines the formulas under proof, asserts hypotheses, and has one
block ``(push 1) ... (assert (not goal)) (check-sat) (pop 1)`` for each obligation.  Comments that
start with ``;@`` are read too:

    ;@ witness (assert ...)      a point at which every block's hypotheses hold
    ;@ wrong NAME                a variant: definitions that replace those of the same name, and
    ;@ (define-fun ...)          assertions, as a rule a point, under which an obligation must fail
    ;@ (assert ...)

Any solver can run the files as they stand; every answer must then be unsat.  The traps are closed:
hypotheses must be satisfiable, ``unknown`` proves nothing, and division, which is total in SMT, is
allowed between numerals only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from derivations.claim import Check, Decision, Grade, Outcome

FOLDER = Path(__file__).with_name("scripts")
TIMEOUT_MS = 5000
Asking = Callable[[str], str]


class Malformed(ValueError):
    """The script is not of the form that this module reads; the message says where."""


@dataclass(frozen=True)
class Block:
    """One obligation: what it assumes beyond the script's hypotheses, and its negated goal."""

    given: tuple[str, ...]
    negated: str


@dataclass(frozen=True)
class Script:
    """A script by parts; every part is a list of SMT-LIB commands as text."""

    head: tuple[str, ...]
    given: tuple[str, ...]
    blocks: tuple[Block, ...]
    witness: tuple[str, ...]
    wrong: Mapping[str, tuple[str, ...]]

    def variant(self, name: str) -> Script:
        """The script with one wrong variant's definitions in place and its assertions added."""
        changes = self.wrong[name]
        defined = {_defines(c): c for c in changes if _defines(c)}
        known = {_defines(c) for c in self.head}
        if not defined or not set(defined) <= known:
            raise Malformed(f"wrong {name!r} must redefine something of {sorted(known - {''})}")
        head = tuple(defined.get(_defines(c), c) for c in self.head)
        if head == self.head:
            raise Malformed(f"wrong {name!r} changes nothing")
        added = tuple(c for c in changes if c not in defined.values())
        return replace(self, head=head, given=self.given + added)


def _defines(command: str) -> str:
    found = re.match(r"\(define-fun (\S+)", command)
    return found[1] if found else ""


def commands(text: str) -> Iterator[str]:
    """The top-level expressions of a text, blanks made single, comments left out."""
    depth, current = 0, []
    for token in re.findall(r"[()]|[^\s()]+", re.sub(r";[^\n]*", "", text)):
        depth += (token == "(") - (token == ")")
        current.append(token)
        if depth < 0 or (depth == 0 and token != ")"):
            raise Malformed(f"unbalanced at {' '.join(current)[-60:]!r}")
        if depth == 0:
            yield re.sub(r"\( | (?=\))", lambda m: m[0].strip(), " ".join(current))
            current = []
    if current:
        raise Malformed(f"not closed: {' '.join(current)[:60]!r}")


def _directives(text: str) -> tuple[str, dict[str, str]]:
    """The witness, and the wrong variants by name, from the lines that start with ;@."""
    parts: dict[str, str] = {}
    at = None
    for line in re.findall(r"^;@ (.*)$", text, re.MULTILINE):
        word, _, rest = line.partition(" ")
        if word in ("witness", "wrong"):
            at, rest = (word, rest) if word == "witness" else (line, "")
            if at in parts:
                raise Malformed(f"{at!r} stands twice")
            parts[at] = rest
        elif at is None:
            raise Malformed(f"{line!r} belongs neither to the witness nor to a wrong variant")
        else:
            parts[at] += f" {line}"
    witness = parts.pop("witness", "")
    return witness, {name.removeprefix("wrong "): body for name, body in parts.items()}


def parse(text: str) -> Script:
    """Read a script; Malformed unless it has hypotheses to test, obligations and wrong variants."""
    head: list[str] = []
    given: list[str] = []
    blocks: list[Block] = []
    inside: list[str] | None = None
    for command in commands(text):
        verb = command.removeprefix("(").split()[0].rstrip(")")
        if re.search(r"\(/ (?!\d+ \d+\))", command):
            raise Malformed(f"division is allowed between numerals only: {command}")
        if command == "(push 1)" and inside is None:
            inside = []
        elif verb == "assert":
            (given if inside is None else inside).append(command)
        elif verb in ("set-logic", "declare-const", "define-fun") and not blocks and not given:
            head.append(command)
        elif command == "(check-sat)" and inside:
            if not re.match(r"\(assert \(not ", inside[-1]):
                raise Malformed(f"a block ends with a negated goal, not with {inside[-1]}")
            blocks.append(Block(tuple(inside[:-1]), inside[-1]))
            inside = []
        elif command == "(pop 1)" and inside == []:
            inside = None
        else:
            raise Malformed(f"{command} is not expected here")
    witness, wrong = _directives(text)
    if inside is not None or not blocks or not witness or not wrong:
        raise Malformed("a script needs closed blocks, a witness and a wrong variant")
    return Script(
        tuple(head), tuple(given), tuple(blocks), tuple(commands(witness)),
        {name: tuple(commands(body)) for name, body in wrong.items()},
    )


def decide(script: Script, ask: Asking) -> Decision:
    """PROVED: hypotheses sat, negated goals unsat; REFUTED: some negated goal is satisfiable."""
    for number, block in enumerate(script.blocks, 1):
        answer = ask("\n".join((*script.head, *script.given, *block.given, block.negated)))
        if answer == "sat":
            return Decision(Outcome.REFUTED, f"obligation {number}: the negation is satisfiable")
        if answer != "unsat":
            return Decision(Outcome.UNKNOWN, f"obligation {number}: the solver answers {answer}")
    for number, block in enumerate(script.blocks, 1):
        answer = ask("\n".join((*script.head, *script.given, *block.given, *script.witness)))
        if answer != "sat":
            return Decision(Outcome.UNKNOWN, f"obligation {number}: at the witness the hypotheses "
                                             f"alone are {answer}, not sat")
    return Decision(
        Outcome.PROVED, f"obligations: {len(script.blocks)}, each negation unsat, hypotheses sat"
    )


def ask_z3(text: str) -> str:
    """z3's answer: sat, unsat or unknown."""
    import z3

    solver = z3.SolverFor("QF_NRA", ctx=z3.Context())
    solver.set("timeout", TIMEOUT_MS)
    solver.from_string(text)
    return str(solver.check())


def ask_cvc5(text: str) -> str:
    """cvc5's answer: sat, unsat or unknown."""
    import cvc5

    manager = cvc5.TermManager()
    solver = cvc5.Solver(manager)
    solver.setOption("tlimit-per", str(TIMEOUT_MS))
    symbols = cvc5.SymbolManager(manager)
    parser = cvc5.InputParser(solver, symbols)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text, "script")
    while not (command := parser.nextCommand()).isNull():
        said = command.invoke(solver, symbols)
        if "error" in str(said):
            raise Malformed(f"cvc5: {said}")
    answer = solver.checkSat()
    return "sat" if answer.isSat() else "unsat" if answer.isUnsat() else "unknown"


@lru_cache(maxsize=64)
def read(name: str) -> Script:
    """The script in this file of ``scripts/``."""
    return parse((FOLDER / name).read_text(encoding="utf-8"))


def script(reason: str, name: str, kind: str, ask: Asking) -> Check:
    """A step that runs a script; its wrong variants must be refuted by the same solver."""
    whole = read(name)
    return Check(
        f"{reason} ({name})", kind, Grade.SMT, lambda s: decide(s, ask), whole,
        {wrong: whole.variant(wrong) for wrong in whole.wrong},
    )
