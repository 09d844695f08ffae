r"""The product rule and the chain rule of joint probability.

    P(A, B)     = P(B | A) P(A)                          P(A) > 0         Kolmogorov 1933, I.4
    P(A, B, C)  = P(C | B, A) P(B | A) P(A)              P(A, B) > 0      Bishop 2006, (1.11)
    P(B, C | A) = P(B | A) P(C | A, B)                   P(A, B) > 0

Left sides are sums of atoms; conditional probabilities on the right are quotients of such sums.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from sympy import Expr, Integer

from derivations.claim import Check, Checks, claim, corrects, refutes
from derivations.probability.joint_table import (
    EIGHT_ATOMS,
    NON_NEGATIVE,
    A,
    Atom,
    B,
    C,
    both,
    conditional,
    probability,
    witness,
)
from derivations.prover.execution import Raises, executes, token
from derivations.prover.induction import Recursion, invariant
from derivations.prover.normal_form import identity
from derivations.symbols import Quantity, real


def product_rule(p_a: Expr, p_b_given_a: Expr) -> Expr:
    """P(A, B) from P(A) and P(B | A)."""
    return p_b_given_a * p_a


def chain_rule(p_a: Quantity, p_b_given_a: Quantity, p_c_given_ab: Quantity) -> Quantity:
    """P(A, B, C) from P(A), P(B | A) and P(C | A, B)."""
    return p_c_given_ab * p_b_given_a * p_a


P_A, P_B, P_C = (probability(EIGHT_ATOMS, event) for event in (A, B, C))
P_AB = probability(EIGHT_ATOMS, A, B)
P_BC = probability(EIGHT_ATOMS, B, C)
P_ABC = probability(EIGHT_ATOMS, A, B, C)
B_GIVEN_A = conditional(EIGHT_ATOMS, B, A)
A_GIVEN_B = conditional(EIGHT_ATOMS, A, B)
C_GIVEN_A = conditional(EIGHT_ATOMS, C, A)
C_GIVEN_B = conditional(EIGHT_ATOMS, C, B)
C_GIVEN_AB = conditional(EIGHT_ATOMS, C, both(A, B))
BC_GIVEN_A = conditional(EIGHT_ATOMS, both(B, C), A)
GIVEN_A = (*NON_NEGATIVE, P_A > 0)
GIVEN_AB = (*NON_NEGATIVE, P_AB > 0)

# A has probability 1/2 and excludes B; a condition that contains A and B is then impossible.
EXCLUSIVE = {(1, 0, 0): Fraction(1, 2), (0, 1, 1): Fraction(1, 2)}
# A never happens.
WITHOUT_A = {(0, 1, 1): Fraction(1, 2), (0, 0, 0): Fraction(1, 2)}


def undefined(
    reason: str, table: Mapping[Atom, Fraction], event: Mapping[int, int],
    given: Mapping[int, int], defined_given: Mapping[int, int],
) -> Check:
    """A step: conditioning on ``given`` divides by 0 in this table, on ``defined_given`` not."""
    return executes(
        reason, lambda: conditional(table, event, given), Raises("ZeroDivisionError"),
        wrong={"a possible condition": lambda: conditional(table, event, defined_given)},
    )


@claim(
    "bayes.heading-of-product-rule",
    lines="21",
    verdict="misprint",
    severity="misleading",
    title="Heading: Bayes' formula, above the product rule",
    statement=(
        "The heading names Bayes' formula, which is another name of the rule in line 18. What "
        "follows are the product rule and the chain rule; no conditional probability is inverted."
    ),
    correction="Product rule, chain rule and Markov property.",
    sources=("Bishop 2006, PRML, eqs. (1.11) and (1.12)",),
    depends_on=("bayes.product-rule", "bayes.rule"),
)
def heading_of_product_rule() -> Checks:
    yield refutes(token("the name of the rule in line 18", 21, "贝叶斯公式", "乘法公式"))
    yield corrects(identity(
        "Bayes' rule is what the two factorisations of line 24 give after a division by P(B)",
        A_GIVEN_B, product_rule(P_A, B_GIVEN_A) / P_B, given=(*GIVEN_A, P_B > 0),
        wrong={"not divided": product_rule(P_A, B_GIVEN_A), "not inverted": B_GIVEN_A},
    ))


@claim(
    "bayes.alignment",
    lines="24-26, 31-32",
    verdict="misprint",
    severity="misleading",
    title="Alignment marks outside an aligned environment",
    statement=(
        r"The lines begin with & and end with \\ directly inside a display formula. TeX stops "
        r"there with a misplaced alignment tab, and renderers in a browser show an error or the "
        r"source."
    ),
    correction=r"Enclose the lines in \begin{aligned} ... \end{aligned}.",
    sources=("Knuth 1984, The TeXbook, chapter 22",),
)
def alignment() -> Checks:
    for line, start in ((24, "&P(A,B)="), (25, "&P(A,B,C)="), (26, "&P(B,C"),
                        (31, "&P(A,B,C)="), (32, "&P(B,C")):
        yield refutes(token("an alignment mark with nothing to align", line, start,
                            r"\begin{aligned}" + start))


@claim(
    "bayes.product-rule",
    lines="24",
    verdict="holds-if",
    severity="cosmetic",
    title="Product rule of two events",
    statement=(
        r"$P(A,B) = P(B \mid A)\,P(A) = P(A \mid B)\,P(B)$. For $P(A) = 0$ the middle, for "
        r"$P(B) = 0$ the right side has no value."
    ),
    assumptions=(*GIVEN_A, P_B > 0),
    witness=witness(),
    correction=(
        r"Add: for $P(A) > 0$ and $P(B) > 0$ (or read an undefined factor times 0 as 0)."
    ),
    sources=("Kolmogorov 1933, chapter I, section 4",),
)
def product_rule_of_two_events() -> Checks:
    yield identity(
        "conditioned on A", P_AB, product_rule(P_A, B_GIVEN_A), given=GIVEN_A,
        wrong={"as if independent": P_A * P_B, "the other prior": B_GIVEN_A * P_B},
    )
    yield identity(
        "conditioned on B", P_AB, product_rule(P_B, A_GIVEN_B), given=(*NON_NEGATIVE, P_B > 0),
        wrong={"as if independent": P_A * P_B, "condition inverted": A_GIVEN_B * P_A},
    )
    yield refutes(undefined("if A never happens, P(B | A) is 0/0", WITHOUT_A, B, A, {0: 0}))


@claim(
    "bayes.chain-rule.first",
    lines="25",
    verdict="holds-if",
    severity="cosmetic",
    title="Chain rule, first equality: the last event split off",
    statement=(
        r"$P(A,B,C) = P(C \mid B,A)\,P(B,A)$; the order inside a joint probability does not "
        r"matter. For $P(A,B) = 0$ the right side has no value."
    ),
    assumptions=GIVEN_AB,
    witness=witness(),
    correction=r"Add: for $P(A,B) > 0$.",
    sources=("Kolmogorov 1933, chapter I, section 4",),
)
def chain_rule_first() -> Checks:
    yield identity(
        "the product rule for the events C and (A and B)", P_ABC, product_rule(P_AB, C_GIVEN_AB),
        given=GIVEN_AB,
        wrong={"C given B only": product_rule(P_AB, C_GIVEN_B),
               "P(A) for P(A, B)": C_GIVEN_AB * P_A},
    )
    yield identity(
        "P(B, A) = P(A, B), each as its own sum of atoms", probability(EIGHT_ATOMS, B, A),
        EIGHT_ATOMS[1, 1, 1] + EIGHT_ATOMS[1, 1, 0],
        wrong={"the union": P_A + P_B - P_AB},
    )
    yield refutes(undefined(
        "if A and B exclude each other, P(C | B, A) is 0/0", EXCLUSIVE, C, both(A, B), A))


@claim(
    "bayes.chain-rule",
    lines="25",
    verdict="holds-if",
    severity="cosmetic",
    title="Chain rule, second equality",
    statement=(
        r"$P(C \mid B,A)\,P(B,A) = P(C \mid B,A)\,P(B \mid A)\,P(A)$, so that "
        r"$P(A,B,C) = P(A)\,P(B \mid A)\,P(C \mid B,A)$. It needs $P(A,B) > 0$, which implies "
        r"$P(A) > 0$."
    ),
    assumptions=GIVEN_AB,
    witness=witness(),
    correction=r"Add: for $P(A,B) > 0$.",
    sources=("Kolmogorov 1933, chapter I, section 4",),
    depends_on=("bayes.product-rule", "bayes.chain-rule.first"),
)
def chain_rule_of_three_events() -> Checks:
    yield identity(
        "the second equality", C_GIVEN_AB * P_AB, chain_rule(P_A, B_GIVEN_A, C_GIVEN_AB),
        given=GIVEN_AB, wrong={"P(A) left out": C_GIVEN_AB * B_GIVEN_A},
    )
    yield identity(
        "end to end", P_ABC, chain_rule(P_A, B_GIVEN_A, C_GIVEN_AB), given=GIVEN_AB,
        wrong={"C given A only": chain_rule(P_A, B_GIVEN_A, C_GIVEN_A),
               "all unconditional": P_A * P_B * P_C,
               "P(B) for P(B | A)": chain_rule(P_A, P_B, C_GIVEN_AB)},
    )
    yield refutes(undefined("if A never happens, P(B | A) is 0/0", WITHOUT_A, B, A, {0: 0}))


@claim(
    "bayes.chain-rule.conditional",
    lines="26",
    verdict="holds-if",
    severity="cosmetic",
    title="Chain rule inside a condition",
    statement=(
        r"$P(B,C \mid A) = P(B \mid A)\,P(C \mid A,B)$, without a Markov property. For "
        r"$P(A,B) = 0$ the right side has no value."
    ),
    assumptions=GIVEN_AB,
    witness=witness(),
    correction=r"Add: for $P(A,B) > 0$.",
    sources=("Kolmogorov 1933, chapter I, section 4",),
)
def conditional_chain_rule() -> Checks:
    yield identity(
        "joint conditional probability against the product", BC_GIVEN_A, B_GIVEN_A * C_GIVEN_AB,
        given=GIVEN_AB,
        wrong={"as if independent given A": B_GIVEN_A * C_GIVEN_A,
               "not conditioned on A": P_BC, "P(B) for P(B | A)": P_B * C_GIVEN_AB},
    )
    yield refutes(undefined(
        "if A and B exclude each other, P(C | A, B) is 0/0", EXCLUSIVE, C, both(A, B), A))


@claim(
    "bayes.chain-rule.any-number",
    lines="25",
    verdict="holds",
    title="Chain rule for any number of events (supplied)",
    statement=(
        r"For every $n$ and $P(A_1, \dots, A_n) > 0$: $P(A_1,\dots,A_n) = P(A_1)\prod_{k=2}^n "
        r"P(A_k \mid A_1,\dots,A_{k-1})$. The text states it for three events and uses it for a "
        r"chain of $T$ steps."
    ),
    assumptions=(r"$P(A_1, \dots, A_n) > 0$",),
    sources=("Kolmogorov 1933, chapter I, section 4",),
    depends_on=("bayes.product-rule",),
)
def chain_rule_of_any_number() -> Checks:
    joint, product, following = real("J Pi j")
    # J is the probability of the first k events together; one more event makes it j <= J.
    events = Recursion(
        start={joint: 1, product: 1},
        step={joint: following, product: product * (following / joint)},
        domain=(joint > 0,), inputs=(following > 0, following <= 1),
    )
    yield invariant(
        "the running product of conditional probabilities is the joint probability", events,
        {product: joint},
        wrong={"its square": {product: joint**2}, "a constant": {product: Integer(1)}},
    )
