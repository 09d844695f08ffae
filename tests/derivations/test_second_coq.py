"""Proof files: only what the kernel accepts, about the stated predicate, on no axiom of its own."""

import subprocess

import pytest

from derivations.claim import Outcome
from derivations.second import coq
from derivations.second.opinions import OPINIONS, checks

needs_coq = pytest.mark.skipif(bool(coq.missing()), reason=coq.missing() or "Coq is here")
TINY = """
Definition double_is (formula : nat -> nat) : Prop := forall n, n + n = formula n.
Theorem double_holds : double_is (fun n => 2 * n).
Proof. intro n. simpl. now rewrite <- plus_n_O. Qed.
Theorem double_wrong_square : ~ double_is (fun n => n * n).
Proof. intro claim. discriminate (claim 1). Qed.
"""


def decided(text, name="double_holds", predicate="double_is"):
    return coq.decide(coq.Theorem(text, name), predicate)


@needs_coq
def test_a_theorem_is_proved_and_a_wrong_formula_refuted():
    assert decided(TINY).outcome is Outcome.PROVED
    assert decided(TINY, "double_wrong_square").outcome is Outcome.REFUTED


@needs_coq
@pytest.mark.parametrize(("old", "new", "fragment"), [
    ("(fun n => 2 * n)", "(fun n => 3 * n)", "Coq rejects the file"),
    ("now rewrite <- plus_n_O. Qed", "Admitted", "double_holds"),
    ("Proof. intro n.", "Proof. exact I. Qed. (*", "Coq rejects the file"),
    ("Theorem double_holds : double_is (fun n => 2 * n).\nProof. intro n.",
     "Axiom anything : False.\nTheorem double_holds : double_is (fun n => 2 * n).\n"
     "Proof. destruct anything.", "Coq rejects the file"),
    ("Theorem double_holds : double_is (fun n => 2 * n).\nProof. intro n. simpl. "
     "now rewrite <- plus_n_O. Qed.",
     "Axiom anything : False.\nTheorem double_holds : double_is (fun n => 3 * n).\n"
     "Proof. destruct anything. Qed.", "the file rests on anything"),
    ("double_holds : double_is (fun n => 2 * n).\nProof.",
     "double_holds : True -> double_is (fun n => 2 * n).\nProof. intro.", "is not about"),
    ("double_holds : double_is (fun n => 2 * n).\nProof. intro n. simpl. now rewrite <- plus_n_O.",
     "double_holds : True.\nProof. exact I.", "but True"),
])
def test_what_is_no_proof_of_the_statement(old, new, fragment):
    assert old in TINY
    found = decided(TINY.replace(old, new))
    assert found.outcome is Outcome.UNKNOWN
    assert fragment in found.detail


@needs_coq
def test_a_theorem_about_another_predicate_is_no_proof():
    found = decided(TINY, predicate="triple_is")
    assert found.outcome is Outcome.UNKNOWN
    assert "is not about triple_is but double_is" in found.detail


@needs_coq
def test_a_wrong_variant_that_is_proved_is_not_rejected():
    text = TINY.replace("double_wrong_square : ~ double_is (fun n => n * n)",
                        "double_wrong_square : double_is (fun n => n * 2)").replace(
        "intro claim. discriminate (claim 1)",
        "intro n. now rewrite <- mult_n_Sm, <- mult_n_Sm, <- mult_n_O")
    assert decided(text, "double_wrong_square").outcome is Outcome.PROVED


def test_a_file_that_refutes_nothing_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(coq, "FOLDER", tmp_path)
    (tmp_path / "tiny.v").write_text(TINY.replace("double_wrong_square", "other"))
    with pytest.raises(ValueError, match="refute a double_wrong_"):
        coq.proof("a reason", "tiny.v", "double", "double_is")
    with pytest.raises(ValueError, match="must prove half_holds"):
        coq.proof("a reason", "tiny.v", "half", "half_is")


@pytest.fixture
def forgetful():
    """What was found of Coq is forgotten before and after."""
    coq.version.cache_clear(), coq.missing.cache_clear()
    yield
    coq.version.cache_clear(), coq.missing.cache_clear()


def test_without_coq_it_is_said(monkeypatch, forgetful):
    monkeypatch.setattr(coq.shutil, "which", lambda name: None)
    assert coq.missing() == "coqc is not installed"
    assert coq.version() == ""


@pytest.mark.parametrize(("version", "where", "reason"), [
    ("8.15.2 4.13.1", "{lib}", "Coq 8.15.2 is older than 8.16"),
    ("", "{lib}", "is older than 8.16"),
    ("8.16.1 4.13.1", "/nowhere", "no library of real numbers"),
    ("9.0.0 5.1.1", "{lib}", None),
    ("8.20.0 5.1.1", "{lib}", None),
])
def test_a_coq_that_cannot_do_it_is_told_apart(
    monkeypatch, forgetful, tmp_path, version, where, reason
):
    (tmp_path / "theories" / "Reals").mkdir(parents=True)
    said = {"--print-version": version, "-where": where.format(lib=tmp_path)}
    monkeypatch.setattr(coq.shutil, "which", lambda name: "/bin/coqc")
    monkeypatch.setattr(coq, "_ask", said.__getitem__)
    assert reason in coq.missing() if reason else coq.missing() == ""


def test_a_coq_that_says_nothing_has_proved_nothing(monkeypatch):
    silent = subprocess.CompletedProcess([], 0, stdout="", stderr="")
    monkeypatch.setattr(coq.subprocess, "run", lambda *a, **k: silent)
    found = decided(TINY + "(* silent *)")
    assert found.outcome is Outcome.UNKNOWN
    assert "rests on no answer" in found.detail


@needs_coq
@pytest.mark.parametrize("file", sorted({o.proof for o in OPINIONS.values()}))
def test_a_damaged_proof_file_is_rejected(file):
    """One proof replaced by an admission: the claim falls, although Coq compiles the file."""
    opinion = next(o for o in OPINIONS.values() if o.proof == file)
    text = (coq.FOLDER / file).read_text()
    start = text.index(f"Theorem {opinion.subject}_holds")
    proof = text.index("Proof.", start)
    damaged = text[:proof] + "Admitted." + text[text.index("Qed.", proof) + len("Qed."):]
    found = decided(damaged, f"{opinion.subject}_holds", opinion.predicate)
    assert found.outcome is Outcome.UNKNOWN
    assert f"rests on {opinion.subject}_holds" in found.detail


@pytest.mark.parametrize("claim", sorted(OPINIONS))
def test_each_second_opinion_has_variants_to_refute(claim, ledger):
    assert claim in ledger
    made = list(checks(claim))
    assert [c.kind for c in made] == [
        "SMT-LIB script by z3", "SMT-LIB script by cvc5", "Coq proof"]
    assert all(c.wrong for c in made)


def test_a_claim_without_a_second_opinion_has_no_checks():
    assert list(checks("intro.title")) == []


@pytest.mark.parametrize("folder", ["scripts", "proofs"])
def test_no_file_lies_unused(folder):
    used = {o.script if folder == "scripts" else o.proof for o in OPINIONS.values()}
    files = (coq.FOLDER.parent / folder).iterdir()
    assert {p.name for p in files if p.suffix in (".v", ".smt2")} == used
