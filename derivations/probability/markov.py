r"""The Markov property of three events or variables A -> B -> C.

    P(C | A, B)  = P(C | B)                          C independent of A given B     Dawid 1979
    P(A, B, C)   = P(A) P(B | A) P(C | B)
    P(B, C | A)  = P(B | A) P(C | B)

The table below has P(A, B) = u, P(B, C) = v and P(B) = w, four free atoms outside B, and inside B
the only atoms that the property allows: P(A, B, C) = u v / w.  f = u / w and g = v / w are the
shares of A and of C in B.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from sympy import Rational

from derivations.claim import Checks, claim, refutes
from derivations.probability.joint_table import (
    EIGHT_ATOMS,
    A,
    Atom,
    B,
    C,
    both,
    conditional,
    probability,
    witness,
)
from derivations.probability.product_rule import (
    A_GIVEN_B,
    C_GIVEN_AB,
    C_GIVEN_B,
    GIVEN_AB,
)
from derivations.prover.execution import evaluates, token
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import Quantity, real


def markov_joint(p_a: Quantity, p_b_given_a: Quantity, p_c_given_b: Quantity) -> Quantity:
    """P(A, B, C) of a Markov chain A -> B -> C."""
    return p_b_given_a * p_a * p_c_given_b


w, f, g = real("w f g")
u, v = w * f, w * g
NOT_A, NOT_B = {0: 0}, {1: 0}
OUTSIDE_B = {atom: p for atom, p in EIGHT_ATOMS.items() if atom[1] == 0}
MARKOV = {
    **OUTSIDE_B,
    (1, 1, 1): u * v / w,
    (1, 1, 0): u * (w - v) / w,
    (0, 1, 1): (w - u) * v / w,
    (0, 1, 0): (w - u) * (w - v) / w,
}
GIVEN = (w > 0, f > 0, f <= 1, g >= 0, g <= 1, *(p >= 0 for p in OUTSIDE_B.values()))
WITNESS = {w: Rational(1, 2), f: Rational(1, 2), g: Rational(1, 2)} | {
    p: Rational(1, 8) for p in OUTSIDE_B.values()}

M_P_A = probability(MARKOV, A)
M_B_GIVEN_A = conditional(MARKOV, B, A)
M_C_GIVEN_B = conditional(MARKOV, C, B)
M_C_GIVEN_A = conditional(MARKOV, C, A)
M_P_C = probability(MARKOV, C)

HALF, QUARTER, EIGHTH = Fraction(1, 2), Fraction(1, 4), Fraction(1, 8)
# A and B are independent fair coins and C repeats A: not a Markov chain.
C_REPEATS_A = {(a, b, a): QUARTER for a in (0, 1) for b in (0, 1)}
# One fair coin, read three times: a Markov chain.
ONE_COIN = {(a, a, a): HALF for a in (0, 1)}
# Given B, three independent coins; given not B, C repeats A.
HALF_A_CHAIN = {(a, 1, c): EIGHTH for a in (0, 1) for c in (0, 1)} | {
    (a, 0, a): QUARTER for a in (0, 1)}


def factorised(table: Mapping[Atom, Fraction]) -> Quantity:
    """P(A) P(B | A) P(C | B) of a table."""
    return markov_joint(probability(table, A), conditional(table, B, A), conditional(table, C, B))


@claim(
    "markov.subscript",
    lines="29",
    verdict="misprint",
    severity="cosmetic",
    title="A prime as the subscript of C",
    statement=(
        "In the chain the last letter carries a prime as its subscript; no such letter is defined, "
        "and lines 31-32 use the plain one. A comma behind the formula is missing."
    ),
    correction=r"$A \to B \to C$, followed by a comma",
)
def subscript() -> Checks:
    yield refutes(token("a subscript that nothing defines", 29, r"C_{\prime}", "C$"))


@claim(
    "markov.spelling",
    lines="29, 214, 227",
    verdict="misprint",
    severity="cosmetic",
    title="Two spellings of Markov",
    statement="Lines 29 and 227 spell the name with one character, line 214 with another.",
    correction="马尔可夫, the standard form, throughout",
)
def spelling() -> Checks:
    for line in (29, 227):
        yield refutes(token("the less usual transcription", line, "马尔科夫", "马尔可夫"))


@claim(
    "markov.property",
    lines="29",
    verdict="holds-if",
    severity="misleading",
    title="The Markov property in words",
    statement=(
        r"In a Markov chain the distribution at the present moment is said to depend on the "
        r"previous moment only. This is true of the distribution given the whole past: "
        r"$P(C \mid A, B) = P(C \mid B)$. It does not make $C$ independent of $A$: one fair coin "
        r"read three times is a Markov chain with $P(C \mid A) = 1$ and $P(C) = \tfrac12$."
    ),
    assumptions=GIVEN,
    witness=WITNESS,
    correction=(
        r"Given the previous state, the present one is independent of all earlier states: "
        r"$P(C \mid A, B) = P(C \mid B)$ for all values with $P(A, B) > 0$."
    ),
    sources=("Markov 1906", "Feller 1968, An Introduction to Probability Theory I, chapter XV"),
)
def markov_property() -> Checks:
    yield identity(
        "in the table, given B, what A was does not matter",
        [conditional(MARKOV, C, both(A, B)),
         probability(MARKOV, NOT_A, B, C) * w, probability(MARKOV, NOT_A, B) * v],
        [M_C_GIVEN_B, v * (w - u), v * (w - u)], given=GIVEN,
        wrong={"C given A": [M_C_GIVEN_A, v * (w - u), v * (w - u)],
               "C alone": [M_P_C, v * (w - u), v * (w - u)]},
    )
    yield refutes(evaluates(
        "one coin: a Markov chain in which the present depends on the moment before the previous",
        lambda: (conditional(ONE_COIN, C, both(A, B)), conditional(ONE_COIN, C, B),
                 conditional(ONE_COIN, C, A), probability(ONE_COIN, C)),
        (Fraction(1), Fraction(1), Fraction(1), HALF),
        wrong={"three independent coins": lambda: (HALF, HALF, HALF, HALF),
               "a chain that is none": lambda: (
                   conditional(C_REPEATS_A, C, both(A, B)), conditional(C_REPEATS_A, C, B),
                   conditional(C_REPEATS_A, C, A), probability(C_REPEATS_A, C))},
    ))


@claim(
    "markov.conditional-independence",
    lines="29",
    verdict="holds",
    title="Markov property as conditional independence (supplied)",
    statement=(
        r"For $P(A,B) > 0$: $P(C \mid A,B) = P(C \mid B)$ if and only if "
        r"$P(A, C \mid B) = P(A \mid B)\,P(C \mid B)$: given the present, past and future are "
        r"independent."
    ),
    assumptions=GIVEN_AB,
    witness=witness(),
    sources=("Dawid 1979, Conditional independence in statistical theory",),
)
def conditional_independence() -> Checks:
    together = conditional(EIGHT_ATOMS, both(A, C), B)
    # P(A, B) > 0 makes P(A | B) a divisor, so the two differences vanish together.
    yield identity(
        "the two differences are proportional", together - A_GIVEN_B * C_GIVEN_B,
        A_GIVEN_B * (C_GIVEN_AB - C_GIVEN_B), given=GIVEN_AB,
        wrong={"without the factor": C_GIVEN_AB - C_GIVEN_B, "always 0": 0},
    )
    yield implies(
        "the factor of proportionality is positive", GIVEN_AB, A_GIVEN_B > 0,
        wrong={"less than 1": A_GIVEN_B < 1},
    )


@claim(
    "markov.reversed",
    lines="29",
    verdict="holds",
    title="A Markov chain read backwards is a Markov chain (supplied)",
    statement=(
        r"$P(C \mid A,B) = P(C \mid B)$ implies $P(A \mid B,C) = P(A \mid B)$ where $P(B,C) > 0$. "
        r"The reverse process relies on it."
    ),
    assumptions=(*GIVEN, g > 0),
    witness=WITNESS,
    sources=("Dawid 1979, Conditional independence in statistical theory",),
    depends_on=("markov.conditional-independence",),
)
def reversed_chain() -> Checks:
    yield identity(
        "A given B and C", conditional(MARKOV, A, both(B, C)), conditional(MARKOV, A, B),
        given=(*GIVEN, g > 0),
        wrong={"A alone": M_P_A, "the forward conditional": M_B_GIVEN_A, "C given B": g},
    )


@claim(
    "markov.events",
    lines="29, 31-32",
    verdict="incomplete",
    severity="misleading",
    title="Events in lines 24-26, states of a chain in line 29",
    statement=(
        "The letters stand for events first and for states of a chain afterwards, without a word. "
        "For events one equation is not enough to make the variables a Markov chain."
    ),
    correction="Let $A, B, C$ be random variables; every equation is meant for all their values.",
    supplied_by=("markov.states",),
)
def events() -> Checks:
    yield from ()


@claim(
    "markov.states",
    lines="29, 31-32",
    verdict="definition",
    severity="cosmetic",
    title="Markov chain of three random variables",
    statement=(
        r"$A \to B \to C$ is a Markov chain if $P(C = c \mid A = a, B = b) = P(C = c \mid B = b)$ "
        r"for all $a, b, c$ with $P(A = a, B = b) > 0$. The equation at one triple does not imply "
        r"it at the others: let $C$ be an independent coin if $b = 1$ and repeat $A$ if $b = 0$."
    ),
    sources=("Dawid 1979, Conditional independence in statistical theory",),
)
def states() -> Checks:
    yield evaluates(
        "the equation holds at b = 1 and fails at b = 0",
        lambda: tuple(
            conditional(HALF_A_CHAIN, C, both(A, b)) == conditional(HALF_A_CHAIN, C, b)
            for b in (B, NOT_B)),
        (True, False),
        wrong={"a true chain": lambda: tuple(
            conditional(ONE_COIN, C, both({0: b[1]}, b)) == conditional(ONE_COIN, C, b)
            for b in (B, NOT_B))},
    )
