r"""Factorisations under the Markov property of A -> B -> C.

    P(A, B, C)   = P(A) P(B | A) P(C | B)            Feller 1968, chapter XV
    P(B, C | A)  = P(B | A) P(C | B)
"""

from __future__ import annotations

from sympy import Eq

from derivations.claim import Checks, claim, refutes
from derivations.probability.joint_table import A, B, C, both, conditional, probability, witness
from derivations.probability.markov import (
    C_REPEATS_A,
    EIGHTH,
    GIVEN,
    HALF,
    M_B_GIVEN_A,
    M_C_GIVEN_A,
    M_C_GIVEN_B,
    M_P_A,
    M_P_C,
    MARKOV,
    ONE_COIN,
    QUARTER,
    WITNESS,
    factorised,
    markov_joint,
    w,
)
from derivations.probability.product_rule import (
    C_GIVEN_AB,
    C_GIVEN_B,
    EXCLUSIVE,
    GIVEN_AB,
    P_AB,
    P_ABC,
    undefined,
)
from derivations.prover.execution import evaluates, token
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies


@claim(
    "markov.joint.first",
    lines="31",
    verdict="holds-if",
    severity="cosmetic",
    title="Joint probability, first equality",
    statement=(
        r"$P(A,B,C) = P(C \mid B,A)\,P(B,A)$: the product rule, true without the Markov property. "
        r"For $P(A,B) = 0$ the right side has no value."
    ),
    assumptions=GIVEN_AB,
    witness=witness(),
    correction=r"Add: for $P(A,B) > 0$.",
    sources=("Kolmogorov 1933, chapter I, section 4",),
    depends_on=("bayes.chain-rule.first",),
)
def joint_first() -> Checks:
    yield identity(
        "in every table, Markov or not", P_ABC, C_GIVEN_AB * P_AB, given=GIVEN_AB,
        wrong={"with the Markov property": C_GIVEN_B * P_AB},
    )
    yield refutes(undefined(
        "if A and B exclude each other, P(C | B, A) is 0/0", EXCLUSIVE, C, both(A, B), A))


@claim(
    "markov.joint",
    lines="31",
    verdict="holds-if",
    severity="cosmetic",
    title="Joint probability of a Markov chain",
    statement=(
        r"$P(A,B,C) = P(B \mid A)\,P(A)\,P(C \mid B)$ under the Markov property. Without it the "
        r"equation fails: $A, B$ independent fair coins, $C = A$: $\tfrac14$ against $\tfrac18$."
    ),
    assumptions=GIVEN,
    witness=WITNESS,
    correction=r"Add: for $P(A,B) > 0$ and under $P(C \mid A,B) = P(C \mid B)$.",
    sources=("Feller 1968, An Introduction to Probability Theory I, chapter XV",),
    depends_on=("bayes.chain-rule", "markov.property"),
)
def joint() -> Checks:
    yield identity(
        "in every table with the Markov property", probability(MARKOV, A, B, C),
        markov_joint(M_P_A, M_B_GIVEN_A, M_C_GIVEN_B), given=GIVEN,
        wrong={"C given A": markov_joint(M_P_A, M_B_GIVEN_A, M_C_GIVEN_A),
               "C alone": markov_joint(M_P_A, M_B_GIVEN_A, M_P_C),
               "P(A) left out": M_B_GIVEN_A * M_C_GIVEN_B},
    )
    yield implies(
        "the same for eight unknown atoms, by z3", (*GIVEN_AB, Eq(C_GIVEN_AB, C_GIVEN_B)),
        Eq(P_ABC, P_AB * C_GIVEN_B), wrong={"C surely given B": Eq(P_ABC, P_AB)},
    )
    yield refutes(evaluates(
        "without the property: joint probability and product",
        lambda: (probability(C_REPEATS_A, A, B, C), factorised(C_REPEATS_A)), (QUARTER, EIGHTH),
        wrong={"a Markov chain": lambda: (probability(ONE_COIN, A, B, C), factorised(ONE_COIN))},
    ))


@claim(
    "markov.conditional",
    lines="32",
    verdict="holds-if",
    severity="cosmetic",
    title="Two later states given the first",
    statement=(
        r"$P(B,C \mid A) = P(B \mid A)\,P(C \mid B)$ under the Markov property. Without it the "
        r"equation fails: $A, B$ independent fair coins, $C = A$: $\tfrac12$ against $\tfrac14$."
    ),
    assumptions=GIVEN,
    witness=WITNESS,
    correction=r"Add: for $P(A,B) > 0$ and under $P(C \mid A,B) = P(C \mid B)$.",
    sources=("Feller 1968, An Introduction to Probability Theory I, chapter XV",),
    depends_on=("bayes.chain-rule.conditional", "markov.property"),
)
def conditional_pair() -> Checks:
    yield identity(
        "in every table with the Markov property", conditional(MARKOV, both(B, C), A),
        M_B_GIVEN_A * M_C_GIVEN_B, given=GIVEN,
        wrong={"C given A": M_B_GIVEN_A * M_C_GIVEN_A, "C alone": M_B_GIVEN_A * M_P_C,
               "P(B) for P(B | A)": w * M_C_GIVEN_B},
    )
    yield refutes(evaluates(
        "without the property: conditional probability and product",
        lambda: (conditional(C_REPEATS_A, both(B, C), A),
                 conditional(C_REPEATS_A, B, A) * conditional(C_REPEATS_A, C, B)),
        (HALF, QUARTER),
        wrong={"a Markov chain": lambda: (
            conditional(ONE_COIN, both(B, C), A),
            conditional(ONE_COIN, B, A) * conditional(ONE_COIN, C, B))},
    ))


@claim(
    "markov.colour",
    lines="31-32",
    verdict="misprint",
    severity="cosmetic",
    title="Colour command written as if it took the text",
    statement=(
        r"\color in LaTeX is a switch that takes only the colour and holds to the end of its "
        r"group. Here the coloured factor stands last, so nothing else is coloured."
    ),
    correction=r"\textcolor{red}{...}",
    sources=("Carlisle, Packages in the graphics bundle (LaTeX), the color package",),
)
def colour() -> Checks:
    for line in (31, 32):
        yield refutes(token("a switch, not a command with an argument", line, r"\color{red}{",
                            r"\textcolor{red}{"))
