r"""Smooth plus separable: the case in which minimal in every coordinate still means minimal.

    f(x) = g(x) + sum_i h_i(x_i)              g convex and differentiable, every h_i convex
    (for all i, delta: f(x + delta e_i) >= f(x))  =>  f(x) = min f

Source: Tseng 2001.  The steps of the proof are in convex_separable.
"""

from collections.abc import Callable

from sympy import Abs, And, Eq, Expr, Max, Or, Rational

from derivations.claim import Checks, claim, refutes
from derivations.convex.convex_separable import CONVEX_H
from derivations.convex.convex_sources import TSENG
from derivations.prover.counterexample import counterexample
from derivations.prover.smt import implies
from derivations.symbols import real

x, y, s, total, term, D = real("x y s total term D")
g_x, g_y, g_s, h_x, h_y, h_s = real("g_x g_y g_s h_x h_y h_s")
x_1, x_2, y_1, y_2, G_1, G_2 = real("x_1 x_2 y_1 y_2 G_1 G_2")
h_1x, h_1y, h_2x, h_2y = real("h_1x h_1y h_2x h_2y")


@claim(
    "convex.composite",
    lines="184, 186",
    verdict="definition", severity="cosmetic",
    title="A smooth convex function plus a separable convex one",
    statement=r"$f(x)=g(x)+\sum_{i=1}^nh_i(x_i)$ with $g$ convex and differentiable, each "
    r"$h_i:\mathbb R\to\mathbb R$ convex, $n$ the dimension. Such an $f$ is convex. (Values "
    r"$+\infty$ of $h_i$, that is interval constraints, may be admitted.)",
    sources=(TSENG,),
)
def composite() -> Checks:
    yield implies(
        "chords of g and of h_1, h_2 add up to the chord of f",
        (s >= 0, s <= 1, g_s <= (1 - s) * g_x + s * g_y, CONVEX_H),
        g_s + h_s <= (1 - s) * (g_x + h_x) + s * (g_y + h_y),
        wrong={"strictly": g_s + h_s < (1 - s) * (g_x + h_x) + s * (g_y + h_y)},
    )


@claim(
    "convex.composite.theorem",
    lines="182, 186",
    verdict="holds-if", severity="misleading",
    title="Smooth plus separable: minimal in every coordinate is minimal",
    statement=r"For $f=g+\sum_ih_i(x_i)$ with $g$ convex and smooth and each $h_i$ convex, minimal "
    r"in every coordinate is minimal. Left out, as at line 173: the domain is to be all of "
    r"$\mathbb R^n$ (or a product of intervals, $g$ being smooth up to its ends). On "
    r"$x_1+x_2\ge1$, $x_1^2+x_2^2+|x_1|+|x_2|$ is 2 at $(0,1)$ and cannot be improved there in "
    r"either coordinate; at $(\frac12,\frac12)$ it is $\frac32$.",
    assumptions=("g convex and differentiable on R^n; every h_i convex and finite",),
    correction=r"Let $g:\mathbb R^n\to\mathbb R$ be convex and differentiable and each "
    r"$h_i:\mathbb R\to\mathbb R$ convex. If $f(x+\delta e_i)\ge f(x)$ for all $i$ and all "
    r"$\delta\in\mathbb R$, then $f(x)=\min f$.",
    sources=(TSENG,),
    depends_on=("convex.first-order", "convex.chain.gradient", "convex.chain.split",
                "convex.inclusion", "convex.subgradient.inequality", "convex.rearranged",
                "convex.chain.non-negative"),
    code=("core.coordinate_descent.lasso",),
)
def theorem() -> Checks:
    d_1, d_2 = y_1 - x_1, y_2 - x_2
    yield implies(
        "n = 2 in one piece: first-order inequality of g and the two subgradient inequalities",
        (g_y >= g_x + G_1 * d_1 + G_2 * d_2, h_1y >= h_1x - G_1 * d_1, h_2y >= h_2x - G_2 * d_2),
        g_y + h_1y + h_2y >= g_x + h_1x + h_2x,
        wrong={"strictly": g_y + h_1y + h_2y > g_x + h_1x + h_2x,
               "g alone": g_y >= g_x},
    )
    yield implies(
        "any n: a term more keeps f(y) - f(x) above the sum of the terms, and the sum at least 0",
        (D >= total, total >= 0, term >= 0), And(D + term >= total + term, total + term >= 0),
        wrong={"twice the sum": D >= 2 * total, "strictly": D + term > total + term},
    )
    def f(a: Expr, b: Expr) -> Expr:
        return (a - b) ** 2 / 2 + Abs(a) + Abs(b)

    def shrunk(a: Expr) -> Expr:
        return Max(a - 1, 0) - Max(-a - 1, 0)

    yield implies(
        "run on (x - y)^2 / 2 + |x| + |y|: not improved by one move of each coordinate",
        (f(x, y) <= f(shrunk(y), y), f(x, y) <= f(x, shrunk(x))), f(x, y) <= f(y_1, y_2),
        wrong={"strictly": f(x, y) < f(y_1, y_2)},
    )
    round_cone = x_1**2 + x_2**2 + Abs(x_1) + Abs(x_2)
    yield refutes(implies(
        "on x_1 + x_2 >= 1 no admissible move along an axis improves (0, 1), where f is 2",
        (x_1 + x_2 >= 1, Or(Eq(x_1, 0), Eq(x_2, 1))), round_cone >= 2,
        wrong={"any admissible move makes it 3": round_cone >= 3},
    ))
    yield refutes(counterexample(
        "yet (1/2, 1/2) is admissible and better", round_cone >= 2, given=(x_1 + x_2 >= 1,),
        at={x_1: Rational(1, 2), x_2: Rational(1, 2)},
        wrong={"bound 3/2": round_cone >= Rational(3, 2)},
    ))


@claim(
    "convex.composite.hypotheses",
    lines="182, 186",
    verdict="holds",
    title="Each hypothesis is needed (supplied)",
    statement=r"Minimal in every coordinate is not minimal at $(1,1)$ for $2|x-y|+|x|$ "
    r"(taken as $g$: convex, not smooth; taken as $h$: convex, not separable), at 0 for "
    r"$x^2+y^2-4xy$ ($g$ not convex) and at 0 for $2(x-y)^2-x^2-y^2$ ($h_i=-t^2$ not convex).",
    sources=(TSENG,),
    depends_on=("convex.nonsmooth.answer",),
)
def hypotheses() -> Checks:
    not_convex: dict[str, Callable[[Expr, Expr], Expr]] = {
        "g = x^2 + y^2 - 4 x y is not convex": lambda a, b: a**2 + b**2 - 4 * a * b,
        "h_i = -t^2 is not convex": lambda a, b: 2 * (a - b) ** 2 - a**2 - b**2,
    }
    for name, f in not_convex.items():
        yield implies(f"{name}: no step along an axis improves 0", (Eq(x * y, 0),), f(x, y) >= 0,
                      wrong={"strict at 0 too": f(x, y) > 0})
        yield counterexample(f"{name}: 0 is not minimal", f(x, y) >= 0, at={x: 1, y: 1},
                             wrong={"on the axis": f(x, 0) >= 0})
    yield counterexample("2 |x - y| + |x| below 1", 2 * Abs(x - y) + Abs(x) >= 1, at={x: 0, y: 0},
                         wrong={"bounded by 0": 2 * Abs(x - y) + Abs(x) >= 0})
