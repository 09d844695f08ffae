r"""Smooth plus separable: the proof of the theorem, relation by relation.

    f(x) = g(x) + sum_i h_i(x_i)              g convex and differentiable, every h_i convex
    h(y) >= h(x) + p (y - x) for all y        p is a subgradient of h at x, p in the set dh(x)
    0 in grad_i g(x) + dh_i(x_i)              x_i minimises t -> g(x + (t - x_i) e_i) + h_i(t)
    f(y) - f(x) >= grad g(x)^T (y - x) + sum_i [h_i(y_i) - h_i(x_i)]
                 = sum_i [grad_i g(x) (y_i - x_i) + h_i(y_i) - h_i(x_i)] >= 0

Source: Tseng 2001; Rockafellar, Convex analysis, section 23.  Values of g and h_i at the points in
question are unknowns; what is known of them is what the hypotheses say.
"""

import sympy
from sympy import Abs, Eq, Expr

from derivations.claim import Checks, claim, refutes
from derivations.convex.convex_sources import TSENG
from derivations.prover.counterexample import counterexample
from derivations.prover.execution import token
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import real

x, y, s, t, delta, margin, total, term = real("x y s t delta margin total term")
g_x, g_y, g_s, G, D = real("g_x g_y g_s G D")
h_x, h_y, h_s, p = real("h_x h_y h_s p")
x_1, x_2, y_1, y_2, G_1, G_2 = real("x_1 x_2 y_1 y_2 G_1 G_2")
h_1x, h_1y, h_2x, h_2y = real("h_1x h_1y h_2x h_2y")
ROCKAFELLAR = "Rockafellar, Convex analysis, section 23"

# What optimality in coordinate i gives, and what is to be shown of its term.
STEP = (s > 0, s <= 1)
CONVEX_H = h_s <= (1 - s) * h_x + s * h_y
MINIMAL = g_s + h_s >= g_x + h_x
TERM = G * (y - x) + h_y - h_x


@claim(
    "convex.chain.gradient",
    lines="188, 191",
    verdict="holds",
    title="First relation: the gradient inequality of g",
    statement=r"$f(y)-f(x)\ge\nabla g(x)^T(y-x)+\sum_i[h_i(y_i)-h_i(x_i)]$: convexity and "
    r"differentiability of $g$ alone, for every $y$; minimality is not used.",
    sources=("Boyd & Vandenberghe, Convex optimization, (3.2)",),
    depends_on=("convex.first-order",),
)
def chain_gradient() -> Checks:
    yield implies(
        "add the differences of the h_i to the first-order inequality of g",
        (g_y >= g_x + D,), (g_y + h_y) - (g_x + h_x) >= D + (h_y - h_x),
        wrong={"difference of h reversed": (g_y + h_y) - (g_x + h_x) >= D + (h_x - h_y),
               "equality": Eq((g_y + h_y) - (g_x + h_x), D + (h_y - h_x))},
    )
    def g(a: Expr, b: Expr) -> Expr:
        return a**2 - a * b + 2 * b**2

    yield identity(
        "for g = x^2 - x y + 2 y^2 the two sides differ by g(y - x), whatever the h_i",
        (g(y_1, y_2) + h_1y + h_2y) - (g(x_1, x_2) + h_1x + h_2x)
        - ((2 * x_1 - x_2) * (y_1 - x_1) + (4 * x_2 - x_1) * (y_2 - x_2)
           + (h_1y - h_1x) + (h_2y - h_2x)),
        g(y_1 - x_1, y_2 - x_2), wrong={"0": 0},
    )


@claim(
    "convex.chain.quantifier",
    lines="188, 191",
    verdict="incomplete", severity="cosmetic",
    title="For which y, and from which condition",
    statement=r"The chain is said to follow from the condition, for a $y$ that is not introduced: "
    r"it "
    r"is for every $y$; its first relation follows from the convexity of $g$, its last from "
    r"minimality in every coordinate, and only the second is called a condition before.",
    supplied_by=("convex.chain.gradient", "convex.chain.non-negative"),
)
def chain_quantifier() -> Checks:
    yield from ()


@claim(
    "convex.chain.split",
    lines="191",
    verdict="holds",
    title="Second relation: one sum over the coordinates",
    statement=r"$\nabla g(x)^T(y-x)+\sum_i[h_i(y_i)-h_i(x_i)]=\sum_i[\nabla_ig(x)(y_i-x_i)"
    r"+h_i(y_i)-h_i(x_i)]$, for every $n$.",
    sources=("Boyd & Vandenberghe, Convex optimization, appendix A",),
)
def chain_split() -> Checks:
    inner, differences, joint = real("inner differences joint")
    yield implies(
        "induction over the coordinates",
        (Eq(inner + differences, joint),),
        Eq((inner + G * (y - x)) + (differences + h_y - h_x), joint + TERM),
        wrong={"sign of h": Eq((inner + G * (y - x)) + (differences + h_y - h_x),
                               joint + G * (y - x) - h_y + h_x)},
    )
    gradient, step = sympy.Matrix([G_1, G_2]), sympy.Matrix([y_1 - x_1, y_2 - x_2])
    yield identity(
        "n = 2 outright", gradient.dot(step) + (h_1y + h_2y) - (h_1x + h_2x),
        (G_1 * (y_1 - x_1) + h_1y - h_1x) + (G_2 * (y_2 - x_2) + h_2y - h_2x),
        wrong={"gradients exchanged": (G_2 * (y_1 - x_1) + h_1y - h_1x)
               + (G_1 * (y_2 - x_2) + h_2y - h_2x)},
    )


@claim(
    "convex.chain.non-negative",
    lines="191",
    verdict="holds",
    title="Third relation: the sum is not negative",
    statement=r"$\sum_i[\nabla_ig(x)(y_i-x_i)+h_i(y_i)-h_i(x_i)]\ge0$, term by term, if $x$ is "
    r"minimal in every coordinate.",
    sources=(TSENG,),
    depends_on=("convex.rearranged",),
)
def chain_non_negative() -> Checks:
    yield implies(
        "induction: non-negative so far, and one more non-negative term",
        (total >= 0, term >= 0), total + term >= 0, wrong={"strictly": total + term > 0},
    )
    yield counterexample(
        "a single term of the wrong sign can spoil the sum", total + term >= 0,
        given=(total >= 0,), wrong={"with the term squared": total + term**2 >= 0},
    )


@claim(
    "convex.optimality",
    lines="193",
    verdict="holds",
    title="The reason: first-order optimality in each coordinate",
    statement=r"$x_i$ minimises $t\mapsto g(x+(t-x_i)e_i)+h_i(t)$, as the other $h_j$ do not "
    r"depend "
    r"on $t$; for a convex function of $t$ this is the same as: 0 is a subgradient.",
    sources=(ROCKAFELLAR,),
)
def optimality() -> Checks:
    yield identity(
        "moving coordinate 1 leaves h_2 out of the difference of f",
        (g_y + h_1y + h_2x) - (g_x + h_1x + h_2x), g_y + h_1y - g_x - h_1x,
        wrong={"h_2 moves too": g_y + h_1y + h_2y - g_x - h_1x - h_2x},
    )
    yield implies(
        "0 is a subgradient of q at x: q(y) >= q(x) + 0 (y - x), which is minimality",
        (Eq(p, 0), h_y >= h_x + p * (y - x)), h_y >= h_x, wrong={"strictly": h_y > h_x},
    )
    yield implies(
        "and minimality makes 0 a subgradient",
        (Eq(p, 0), h_y >= h_x), h_y >= h_x + p * (y - x),
        wrong={"a slope of 1": h_y >= h_x + (p + 1) * (y - x)},
    )


@claim(
    "convex.inclusion",
    lines="193, 195",
    verdict="holds",
    title="The inclusion: 0 in the partial derivative plus the subdifferential",
    statement=r"$0\in\nabla_ig(x)+\partial h_i(x_i)$. Proof: for $s\in(0,1]$ minimality at "
    r"$x_i+s(y-x_i)$, convexity of $h_i$ and the derivative of $g$ give "
    r"$h_i(y)-h_i(x_i)\ge-\nabla_ig(x)(y-x_i)-\eta$ for every $\eta>0$.",
    sources=(ROCKAFELLAR, TSENG),
)
def inclusion() -> Checks:
    near = g_s <= g_x + s * (G * (y - x) + margin)
    yield implies(
        "minimality on the way to y, convexity of h, g near its linear part within the margin",
        (*STEP, margin > 0, MINIMAL, CONVEX_H, near), h_y - h_x >= -G * (y - x) - margin,
        wrong={"no margin yet": h_y - h_x >= -G * (y - x),
               "sign of the gradient": h_y - h_x >= G * (y - x) - margin},
    )
    yield implies(
        "a margin of half a violation contradicts the violation: -G is a subgradient at x_i",
        (h_y - h_x >= -G * (y - x) - margin, Eq(margin, Abs(h_y - h_x + G * (y - x)) / 2)),
        h_y >= h_x + (-G) * (y - x), wrong={"+G": h_y >= h_x + G * (y - x)},
    )
    yield identity("-G in dh means 0 = G + (-G) in G + dh", G + (-G), 0, wrong={"G twice": 2 * G})


@claim(
    "convex.inclusion.notation",
    lines="195",
    verdict="incomplete", severity="cosmetic",
    title="The subdifferential is not introduced",
    statement=r"$\partial h_i(x_i)$, the set of all subgradients of $h_i$ at $x_i$, is used "
    r"without "
    r"definition, and the sum of a number and a set with it.",
    supplied_by=("convex.inclusion", "convex.subgradient.inequality"),
)
def inclusion_notation() -> Checks:
    yield from ()


@claim(
    "convex.subgradient.at-point",
    lines="197",
    verdict="misprint", severity="cosmetic",
    title="A subgradient of a number",
    statement=r"$-\nabla_ig(x)$ is called a subgradient of $h_i(x_i)$, which is a number. It is a "
    r"subgradient of the function $h_i$ at the point $x_i$.",
    correction=r"$-\nabla_ig(x)$ is a subgradient of $h_i$ at $x_i$",
    sources=(ROCKAFELLAR,),
)
def at_point() -> Checks:
    yield refutes(token("of the function, at the point", 197, "h_i(x_i)", "h_i"))


@claim(
    "convex.subgradient.inequality",
    lines="197, 200",
    verdict="holds",
    title="The subgradient inequality",
    statement=r"$h_i(y_i)\ge h_i(x_i)-\nabla_ig(x)(y_i-x_i)$ for every $y_i$.",
    sources=(ROCKAFELLAR,),
    depends_on=("convex.inclusion",),
)
def subgradient_inequality() -> Checks:
    yield implies(
        "the definition with the subgradient p = -G", (h_y >= h_x + p * (y - x), Eq(p, -G)),
        h_y >= h_x - G * (y - x), wrong={"+G": h_y >= h_x + G * (y - x)},
    )
    # An instance: g = (t - 3)^2 / 2, h = |t|; the minimum is at 2, where G = -1 and h is smooth.
    yield implies(
        "run on (t - 3)^2 / 2 + |t|, minimal at 2 with G = -1", (Eq(G, 2 - 3),),
        Abs(y) >= 2 - G * (y - 2), wrong={"+G": Abs(y) >= 2 + G * (y - 2)},
    )
    yield implies(
        "and at a kink: (t - 1/2)^2 / 2 + |t|, minimal at 0 with G = -1/2", (Eq(2 * G, -1),),
        Abs(y) >= 0 - G * (y - 0), wrong={"three times G": Abs(y) >= -3 * G * y},
    )


@claim(
    "convex.subgradient.transpose",
    lines="200",
    verdict="misprint", severity="cosmetic",
    title="A transpose on a number",
    statement=r"$\nabla_ig(x)$ is a number, and line 191 writes it without transpose; the "
    r"transpose "
    r"would be right for blocks of coordinates.",
    correction=r"$h_i(y_i)\ge h_i(x_i)-\nabla_ig(x)(y_i-x_i)$",
)
def transpose() -> Checks:
    yield refutes(token("no transpose", 200, r"\nabla_ig(x)^T", r"\nabla_ig(x)"))


@claim(
    "convex.rearranged",
    lines="202",
    verdict="holds",
    title="Rearranged: every term is non-negative",
    statement=r"$\nabla_ig(x)(y_i-x_i)+h_i(y_i)-h_i(x_i)\ge0$, which summed over $i$ is the last "
    r"relation of the chain.",
    sources=(TSENG,),
    depends_on=("convex.subgradient.inequality",),
)
def rearranged() -> Checks:
    yield implies(
        "all on one side", (h_y >= h_x - G * (y - x),), TERM >= 0,
        wrong={"sign of the gradient": -G * (y - x) + h_y - h_x >= 0},
    )
    yield identity(
        "the same difference, written twice", h_y - (h_x - G * (y - x)), TERM,
        wrong={"sign": -G * (y - x) + h_y - h_x},
    )
