"""Proof files for Coq, whose kernel checks each theorem; run where ``coqc`` is installed.

A file in ``proofs/`` defines a predicate of a formula, ``marginal_is mean variance`` say, and
proves it of the right formula (``marginal_holds : marginal_is ...``) and its negation of wrong
ones (``marginal_wrong_no_root : ~ marginal_is ...``).  A theorem counts only if the whole file
compiles, if Coq itself finds its type to be the predicate or its negation, and if nothing in the
file rests on an axiom but those by which Coq's library defines the real numbers.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from derivations.claim import Check, Decision, Grade, Outcome

FOLDER = Path(__file__).with_name("proofs")
KIND = "Coq proof"
SECONDS = 100
OLDEST = (8, 16)
# Excluded middle, decidability of two kinds of proposition, functions equal where their values are.
REAL_AXIOMS = frozenset({
    "Classical_Prop.classic", "ClassicalDedekindReals.sig_forall_dec",
    "ClassicalDedekindReals.sig_not_dec", "FunctionalExtensionality.functional_extensionality_dep",
})
_HEAD = """
Ltac head_of t := lazymatch t with ?f _ => head_of f | _ => t end.
Goal True.
"""
# Coq says which predicate a theorem is about; an implication, say, is about none.
_QUESTION = """let t := type of {name} in lazymatch t with
  | not ?s => let h := head_of s in idtac "second: {name} refutes" h
  | _ => let h := head_of t in idtac "second: {name} shows" h
end.
"""


@dataclass(frozen=True)
class Theorem:
    """A theorem by name, in a proof file given as text."""

    text: str
    name: str


@dataclass(frozen=True)
class Checked:
    """A file that compiles: what each theorem shows or refutes, and the axioms of them all."""

    says: dict[str, tuple[str, str]]
    axioms: frozenset[str]


def _ask(option: str) -> str:
    done = subprocess.run(["coqc", option], capture_output=True, text=True, timeout=SECONDS,
                          check=False)
    return done.stdout.strip()


@lru_cache(maxsize=1)
def version() -> str:
    """Coq's version, as 8.16.1; empty where there is none."""
    return (_ask("--print-version").split() or [""])[0] if shutil.which("coqc") else ""


@lru_cache(maxsize=1)
def missing() -> str:
    """Why no proof can be checked here; empty where one can."""
    if not shutil.which("coqc"):
        return "coqc is not installed"
    numbers = tuple(int(n) for n in re.findall(r"\d+", version())[:2])
    if numbers < OLDEST:
        return f"Coq {version()} is older than {'.'.join(map(str, OLDEST))}"
    reals = [Path(_ask("-where")) / p for p in ("theories/Reals", "user-contrib/Stdlib/Reals")]
    return "" if any(p.is_dir() for p in reals) else "Coq has no library of real numbers here"


def names(text: str) -> list[str]:
    """The theorems of a file, in their order."""
    return re.findall(r"^Theorem (\w+)", text, re.MULTILINE)


def _questions(found: list[str]) -> str:
    together = ", ".join(found)
    return (
        _HEAD + "".join(_QUESTION.format(name=n) for n in found)
        + f"exact I.\nQed.\nDefinition second_opinion := ({together}).\n"
        + "Print Assumptions second_opinion.\n"
    )


@lru_cache(maxsize=64)
def check(text: str) -> Checked | str:
    """What Coq finds in a file, or what it complains of."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "second.v"
        path.write_text(text + _questions(names(text)), encoding="utf-8")
        done = subprocess.run(
            ["coqc", "-q", "-noglob", path.name], cwd=folder, capture_output=True, text=True,
            timeout=SECONDS, check=False,
        )
    if done.returncode != 0:
        return " ".join(done.stderr.split())[:300] or f"coqc ends with {done.returncode}"
    said = re.findall(r"^second: (\w+) (shows|refutes) (.*)$", done.stdout, re.MULTILINE)
    last = done.stdout.rpartition("second: ")[2].splitlines()[1:]
    return Checked({name: (verb, what) for name, verb, what in said}, _axioms(last))


def _axioms(lines: list[str]) -> frozenset[str]:
    """The names in the answer to Print Assumptions; anything not understood counts as an axiom."""
    if lines == ["Closed under the global context"]:
        return frozenset()
    if not lines or lines[0] != "Axioms:":
        return frozenset(lines or ["no answer"])
    return frozenset(line.split(":")[0].strip() for line in lines[1:] if line[:1].strip())


def decide(theorem: Theorem, predicate: str) -> Decision:
    """PROVED where the theorem says the predicate of a formula, REFUTED where its negation."""
    found = check(theorem.text)
    if isinstance(found, str):
        return Decision(Outcome.UNKNOWN, f"Coq rejects the file: {found}")
    if not found.axioms <= REAL_AXIOMS:
        extra = ", ".join(sorted(found.axioms - REAL_AXIOMS))
        return Decision(Outcome.UNKNOWN, f"the file rests on {extra}")
    verb, what = found.says.get(theorem.name, ("", "nothing"))
    shown = f"the kernel accepts {theorem.name}"
    if (verb, what) == ("shows", predicate):
        return Decision(Outcome.PROVED, f"{shown}, on the axioms of the real numbers only")
    if (verb, what) == ("refutes", predicate):
        return Decision(Outcome.REFUTED, f"{shown}, the negation")
    return Decision(Outcome.UNKNOWN, f"{theorem.name} is not about {predicate} but {what:.100}")


def proof(reason: str, file: str, subject: str, predicate: str) -> Check:
    """A step that has Coq check ``subject_holds``, and every ``subject_wrong_...`` as refuted."""
    text = (FOLDER / file).read_text(encoding="utf-8")
    right = f"{subject}_holds"
    wrong = [n for n in names(text) if n.startswith(f"{subject}_wrong_")]
    if right not in names(text) or not wrong:
        raise ValueError(f"{file} must prove {right} and refute a {subject}_wrong_...")
    return Check(
        f"{reason} ({file}, {right})", KIND, Grade.EXACT, lambda t: decide(t, predicate),
        Theorem(text, right),
        {n.removeprefix(f"{subject}_wrong_").replace("_", " "): Theorem(text, n) for n in wrong},
    )
