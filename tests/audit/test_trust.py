"""What must be trusted follows from the kinds of evidence, and from nothing else."""

import pytest

from audit import comparisons, ledger_tables, trust
from audit.comparison import COMPARISONS
from audit.trust import Trust
from derivations.claim import Grade, Role
from derivations.second import coq, opinions


def evidence(kind, grade, role=Role.ESTABLISHES):
    return kind, grade, role


IDENTITY = evidence("normal form", Grade.EXACT)
POINTS = evidence("both sides at drawn points", Grade.PROPERTY)
BY_Z3 = evidence(opinions.Z3, Grade.SMT)
BY_CVC5 = evidence(opinions.CVC5, Grade.SMT)
BY_COQ = evidence(coq.KIND, Grade.EXACT)


def test_a_proof_rests_on_all_its_steps():
    found = trust.of([IDENTITY, evidence("ball enclosure", Grade.ENCLOSURE), POINTS])
    assert found.lines == (("Python", "prover", "SymPy", "FLINT", "Arb", "z3"),)
    assert found.besides == ("SymPy", "Arb")
    assert str(found) == "Python, prover, SymPy, FLINT, Arb, z3"


def test_a_second_opinion_is_a_line_of_its_own():
    found = trust.of([IDENTITY, BY_Z3, BY_CVC5, BY_COQ])
    assert found.lines[1:] == (("Python", "z3"), ("Python", "cvc5"), ("Python", "Coq"))
    assert found.needed == ("Python",)
    assert str(found) == ("Python, and either prover, SymPy, FLINT, z3, or z3 alone, "
                          "or independently cvc5, or independently Coq")


def test_an_engine_in_both_lines_is_needed():
    found = trust.of([IDENTITY, BY_Z3])
    assert found.needed == ("Python", "z3")
    assert str(found) == ("Python, z3; other lines of evidence also use prover, SymPy, FLINT")


def test_examples_decide_only_where_nothing_stronger_does():
    compared = evidence("core against exact", Grade.PROPERTY)
    assert trust.of([compared]).lines == (("Python", "torch", "Hypothesis"),)
    found = trust.of([IDENTITY, compared])
    assert "torch" not in found.lines[0]
    assert found.besides == ("torch", "Hypothesis")


def test_nothing_proved_asks_for_no_trust():
    assert trust.of([]) == Trust(())
    assert str(trust.of([])) == ""


def test_an_unknown_kind_is_named():
    with pytest.raises(ValueError, match=r"'tea leaves': audit\.trust\.BY_KIND must say"):
        trust.of([evidence("tea leaves", Grade.EXACT)])


def test_every_kind_of_the_ledger_says_what_it_rests_on(ledger):
    comparisons.load()
    kinds = {c.kind for claim in ledger.values() for c in claim.proof()}
    kinds |= {c.kind for found in COMPARISONS.values() for c in found}
    kinds |= {c.kind for id in opinions.OPINIONS for c in opinions.checks(id)}
    assert kinds <= set(trust.BY_KIND)
    assert set(trust.BY_KIND) <= kinds | {POINTS[0]}
    assert set().union(*trust.BY_KIND.values()) | {"Python"} == set(trust.COMPONENTS)


def test_reliance_counts_first_second_and_needed():
    found = [trust.of([IDENTITY, BY_COQ]), trust.of([IDENTITY]), trust.of([])]
    counts = {name: numbers for name, _, *numbers in trust.reliance(found)}
    assert counts == {"Python": [2, 1, 2], "prover": [2, 0, 1], "SymPy": [2, 0, 1],
                      "FLINT": [2, 0, 1], "z3": [2, 0, 1], "Coq": [0, 1, 0]}


def test_a_second_opinion_does_not_refute_again():
    found = trust.of([IDENTITY, BY_COQ, evidence("counterexample", Grade.EXACT, Role.REFUTES)])
    assert found.lines[1] == ("Python", "Coq")
    assert found.refuting == found.needed == ("Python", "prover", "SymPy", "FLINT", "Arb", "z3")
    assert str(found).endswith("or independently Coq; to show that the line fails as it stands: "
                               "Python, prover, SymPy, FLINT, Arb, z3")


def test_a_wrong_line_rests_on_what_refutes_it():
    found = trust.of([evidence("token", Grade.CITED, Role.REFUTES)])
    assert found == Trust((), ("Python", "prover"))
    assert str(found) == "to show that the line fails as it stands: Python, prover"


def test_a_load_bearing_statement_can_do_without_each_engine(ledger):
    """With all engines installed no algebra system and no solver alone carries a statement."""
    comparisons.load()
    for id in opinions.OPINIONS:
        assert ledger_tables.trusted(ledger[id]).shared == ("Python",), id
