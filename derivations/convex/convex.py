r"""The question behind coordinate descent: does minimal in every coordinate mean minimal?

    (for all i, all delta: f(x + delta e_i) >= f(x))  =>  f(x) = min f  ?
    convex:  f((1-s) x + s y) <= (1-s) f(x) + s f(y),   0 <= s <= 1

Source: Boyd & Vandenberghe, sections 3.1 and 4.2.
"""

import sympy
from sympy import Eq, Expr

from derivations.claim import Checks, claim, corrects, refutes
from derivations.prover.counterexample import counterexample
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import real

x, y, z, x_1, x_2, y_1, y_2, s, t, delta = real("x y z x_1 x_2 y_1 y_2 s t delta")
f_x, f_y, f_s = real("f_x f_y f_s")  # values of f at x, at y and at the point between
BOYD = "Boyd & Vandenberghe, Convex optimization"


def between(low: Expr, high: Expr) -> Expr:
    """The chord's value (1-s) low + s high."""
    return (1 - s) * low + s * high


STEP = (s > 0, s <= 1)
CONVEX = f_s <= between(f_x, f_y)


@claim(
    "convex.question",
    lines="167",
    verdict="incomplete", severity="misleading",
    title="Local or global minimum, in each dimension and of the function",
    statement="The question speaks of local minima, the formula after it of global ones on both "
    "sides. The two agree for convex functions and not in general, and convexity is introduced "
    "later.",
    supplied_by=("convex.local-is-global",),
)
def question() -> Checks:
    yield from ()


@claim(
    "convex.local-is-global",
    lines="167, 171, 174",
    verdict="holds",
    title="A local minimum of a convex function is a global one (supplied)",
    statement=r"If $f$ is convex and $f(x)\le f(z)$ for all $z$ near $x$, then $f(x)\le f(y)$ for "
    r"all $y$. So for convex $f$, and for its restriction to a coordinate, local and global "
    r"minimum are one; not so for $t^3-3t$ at $t=1$.",
    sources=(f"{BOYD}, section 4.2.2",),
)
def local_is_global() -> Checks:
    yield implies(
        "f(x) <= f at a point between, however near, and convexity give f(x) <= f(y)",
        (*STEP, CONVEX, f_x <= f_s), f_x <= f_y, wrong={"strictly": f_x < f_y},
    )
    yield implies(
        "t^3 - 3t has a local minimum at 1 (on [0, 2])",
        (t >= 0, t <= 2), t**3 - 3 * t >= -2, wrong={"a larger minimum, -1": t**3 - 3 * t >= -1},
    )
    yield counterexample(
        "and no global one there", t**3 - 3 * t >= -2, at={t: -3},
        wrong={"with its square": (t**3 - 3 * t) ** 2 >= 0},
    )


@claim(
    "convex.question.every-coordinate",
    lines="171",
    verdict="misprint", severity="misleading",
    title="The premise is not quantified over the coordinates",
    statement=r"The premise is stated for $\delta$ and one $i$. With a single $i$ it does not do: "
    r"$f=x_1^2+x_2^2$ at $(0,1)$ cannot be improved along $x_1$, and $f(0,0)=0<1$.",
    correction=r"$\bigl(\forall i\ \forall\delta\in\mathbb R:\ f(x+\delta e_i)\ge f(x)\bigr)"
    r"\ \Rightarrow\ f(x)=\min_zf(z)$",
    sources=(f"{BOYD}, section 4.2",),
)
def every_coordinate() -> Checks:
    f = x_1**2 + x_2**2
    yield refutes(implies(
        "at (0, 1) no move along x_1 improves f", (), f.subs({x_1: delta, x_2: 1}) >= 1,
        wrong={"along x_2": f.subs({x_1: 0, x_2: 1 + delta}) >= 1},
    ))
    yield refutes(counterexample(
        "yet (0, 1) is not minimal", f >= 1, at={x_1: 0, x_2: 0},
        wrong={"a smaller bound": f >= 0},
    ))
    yield corrects(implies(
        "with both coordinates (the moves delta = -x_i suffice) the point is minimal",
        (f <= f.subs(x_1, 0), f <= f.subs(x_2, 0)), f <= y_1**2 + y_2**2,
        wrong={"strictly": f < y_1**2 + y_2**2},
    ))


@claim(
    "convex.question.scope",
    lines="171",
    verdict="misprint", severity="cosmetic",
    title="The scope of the quantifier",
    statement=r"No bracket shows where $\forall\delta$ ends. By the convention that a quantifier "
    r"reaches no further than it must, it belongs to the premise, as meant. Read over the whole "
    r"implication, which the comma after it invites, $\delta=0$ makes the premise true, and every "
    r"point would be minimal: $f=t^2$ at $t=1$.",
    correction=r"Brackets around the premise, quantifiers included.",
    sources=("Enderton, A mathematical introduction to logic, section 2.1 (abbreviations)",),
)
def scope() -> Checks:
    def f(point: sympy.Expr) -> sympy.Expr:
        return point**2

    at_1 = sympy.S(1)
    yield refutes(counterexample(
        "read over the whole, at delta = 0, z = 0: the premise f(1 + delta) >= f(1) is true, the "
        "conclusion false",
        sympy.Or(f(at_1 + delta) < f(at_1), f(at_1) <= f(z)), at={delta: 0, z: 0},
        wrong={"the point 0 for the point 1": sympy.Or(f(delta) < f(0), f(0) <= f(z))},
    ))
    yield corrects(implies(
        "with the premise for all delta (delta = -t suffices) the conclusion holds",
        (f(t) <= f(t + delta), Eq(delta, -t)), f(t) <= f(z), wrong={"strictly": f(t) < f(z)},
    ))


@claim(
    "convex.restriction-needed",
    lines="171, 173",
    verdict="holds",
    title="Without restrictions on the function the answer is no",
    statement=r"Minimal in every coordinate does not imply minimal for all $f$: $f=x_1^2+x_2^2-"
    r"4x_1x_2$ at 0 is $\delta^2$ along both axes and $-2\delta^2$ along the diagonal.",
    sources=(f"{BOYD}, section 3.1.4",),
)
def restriction_needed() -> Checks:
    f = x_1**2 + x_2**2 - 4 * x_1 * x_2
    yield identity(
        "along the axes and the diagonal",
        [f.subs({x_1: delta, x_2: 0}), f.subs({x_1: 0, x_2: delta}),
         f.subs({x_1: delta, x_2: delta})],
        [delta**2, delta**2, -2 * delta**2],
        wrong={"a bowl": [delta**2, delta**2, 2 * delta**2]},
    )
    yield counterexample("0 is not minimal", f >= 0, wrong={"a convex one": x_1**2 + x_2**2 >= 0})
    yield implies("the axes alone show no descent", (Eq(x_1 * x_2, 0),), f >= 0,
                  wrong={"strict at 0 too": f > 0})


@claim(
    "convex.unit-vector",
    lines="173",
    verdict="definition", severity="cosmetic",
    title="Unit vectors",
    statement=r"$e_i$ is the column with 1 in place $i$ and 0 elsewhere; $x=\sum_ix_ie_i$.",
    sources=(f"{BOYD}, appendix A",),
)
def unit_vector() -> Checks:
    e = [sympy.Matrix(3, 1, lambda row, _, i=i: int(row == i)) for i in range(3)]
    yield identity(
        "x + delta e_2 changes the second coordinate only",
        sympy.Matrix([x, y, z]) + delta * e[1], sympy.Matrix([x, y + delta, z]),
        wrong={"the first": sympy.Matrix([x + delta, y, z])},
    )
