r"""Stationary points of convex functions: convex and smooth, the first case of the document.

    first order:  f(y) >= f(x) + grad f(x)^T (y - x)         f convex, differentiable at x
    stationary:   partial_i f(x) = 0 for all i  =>  grad f(x) = 0  =>  f(x) = min f

Boyd & Vandenberghe, section 3.1.3 (3.2) and section 4.2.3.  The limits in these proofs are made
explicit: a strict violation leaves a margin, and differentiability is used once, within the margin.
"""

import sympy
from sympy import Abs, Eq, Expr, Rational

from derivations.claim import Checks, claim, corrects, refutes
from derivations.convex.convex import BOYD, CONVEX, STEP
from derivations.prover.counterexample import counterexample
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import real

x, y, z, x_1, x_2, y_1, y_2, t, delta = real("x y z x_1 x_2 y_1 y_2 t delta")
# Values: f at x, at y and at the point between; D is the derivative of f at x along y - x.
s, f_x, f_y, f_s, D, margin = real("s f_x f_y f_s D margin")
total, g_i, d_i = real("total g_i d_i")


def quadratic_form(a: Expr, b: Expr) -> Expr:
    """A convex function to run the statements on."""
    return a**2 - a * b + 2 * b**2


@claim(
    "convex.first-order",
    lines="174, 191",
    verdict="holds",
    title="First-order inequality of convex functions (supplied)",
    statement=r"$f(y)\ge f(x)+\nabla f(x)^T(y-x)$ for convex $f$, differentiable at $x$. Proof: "
    r"were $f(y)-f(x)=D-2\eta$ with $D=\nabla f(x)^T(y-x)$, $\eta>0$, some $s\in(0,1]$ would have "
    r"$f(x+s(y-x))\ge f(x)+s(D-\eta)$, against convexity.",
    sources=(f"{BOYD}, section 3.1.3, (3.2)",),
)
def first_order() -> Checks:
    yield implies(
        "convexity, and f near its linear part within any margin > 0, bound the violation by it",
        (*STEP, CONVEX, margin > 0, f_s >= f_x + s * (D - margin)), f_y >= f_x + D - margin,
        wrong={"no margin yet": f_y >= f_x + D, "twice the slope": f_y >= f_x + 2 * D},
    )
    yield implies(
        "a margin of half the violation contradicts a violation",
        (f_y >= f_x + D - margin, Eq(margin, Abs(D - (f_y - f_x)) / 2)), f_y >= f_x + D,
        wrong={"strictly": f_y > f_x + D},
    )
    yield identity(
        "run on x^2 - x y + 2 y^2: f(y) - f(x) - grad f(x)^T (y - x) is f(y - x) itself",
        quadratic_form(y_1, y_2) - quadratic_form(x_1, x_2)
        - (2 * x_1 - x_2) * (y_1 - x_1) - (4 * x_2 - x_1) * (y_2 - x_2),
        quadratic_form(y_1 - x_1, y_2 - x_2), wrong={"0": 0},
    )


@claim(
    "convex.fermat",
    lines="174",
    verdict="holds",
    title="Minimal along a coordinate: the partial derivative vanishes",
    statement=r"If $t\mapsto f(x+te_i)$ is minimal at $t=0$, defined around it and differentiable, "
    r"then $\partial f/\partial x_i(x)=0$.",
    sources=(f"{BOYD}, section 4.2.3",),
)
def fermat() -> Checks:
    slope = real("slope")
    near = Abs(f_s - f_x - slope * t) <= Abs(slope) * Abs(t) / 2
    yield implies(
        "a step to the left, on which f is within half the slope of its linear part",
        (t < 0, f_s >= f_x, near), slope <= 0, wrong={"strictly": slope < 0},
    )
    yield implies(
        "a step to the right", (t > 0, f_s >= f_x, near), slope >= 0, wrong={"sign": slope <= 0},
    )
    yield identity(
        "run on a parabola minimal at 3", sympy.diff((t - 3) ** 2 + 1, t).subs(t, 3), 0,
        wrong={"curvature": 2},
    )


@claim(
    "convex.gradient",
    lines="174",
    verdict="holds",
    title="All partial derivatives zero: the gradient is zero",
    statement=r"For $f$ differentiable at $x$, $\partial f/\partial x_i(x)=0$ for all $i$ gives "
    r"$\nabla f(x)=0$, and the derivative $\nabla f(x)^Td$ vanishes along every $d$, for every "
    r"$n$.",
    sources=(f"{BOYD}, section A.4.1",),
)
def gradient() -> Checks:
    yield implies(
        "induction over the coordinates: 0 so far, and one more product with a zero partial",
        (Eq(total, 0), Eq(g_i, 0)), Eq(total + g_i * d_i, 0),
        wrong={"without the factor": Eq(total + d_i, 0)},
    )
    zero, direction = sympy.zeros(3, 1), sympy.Matrix([x, y, z])
    yield identity("n = 3 outright", zero.dot(direction), 0, wrong={"one partial 1": x})


@claim(
    "convex.stationary-minimum",
    lines="174",
    verdict="holds",
    title="A stationary point of a convex function is a minimum",
    statement=r"$\nabla f(x)=0$ and $f$ convex give $f(y)\ge f(x)$ for all $y$: a global minimum, "
    r"which is more than the line says. Convexity matters: $t^3$ at 0.",
    sources=(f"{BOYD}, section 4.2.3",),
    depends_on=("convex.first-order", "convex.gradient"),
)
def stationary_minimum() -> Checks:
    yield implies(
        "the first-order inequality with D = 0", (f_y >= f_x + D, Eq(D, 0)), f_y >= f_x,
        wrong={"strictly": f_y > f_x},
    )
    yield counterexample("t^3: derivative 0 at 0, and smaller to the left", t**3 >= 0, at={t: -1},
                         wrong={"t^4": t**4 >= 0})
    yield implies(
        "run on x^2 - x y + 2 y^2: gradient 0 forces the minimal value 0",
        (Eq(2 * x_1 - x_2, 0), Eq(4 * x_2 - x_1, 0)),
        quadratic_form(x_1, x_2) <= quadratic_form(y_1, y_2),
        wrong={"strictly": quadratic_form(x_1, x_2) < quadratic_form(y_1, y_2)},
    )


@claim(
    "convex.smooth",
    lines="173-174",
    verdict="holds-if", severity="misleading",
    title="Convex and smooth: minimal in every coordinate is minimal",
    statement=r"If $f$ is convex and smooth, minimal in each coordinate implies minimal. Left out: "
    r"$f$ is to be finite and differentiable on all of $\mathbb R^n$ (or on an open convex "
    r"set). On $x_1+x_2\ge1$, $f=x_1^2+x_2^2$ cannot be improved at $(0,1)$ in either "
    r"coordinate, and $f(\frac12,\frac12)=\frac12<1$.",
    assumptions=("f is convex and differentiable on all of R^n; no constraints",),
    correction=r"Let $f:\mathbb R^n\to\mathbb R$ be convex and differentiable. If "
    r"$f(x+\delta e_i)\ge f(x)$ for all $i$ and all $\delta\in\mathbb R$, then $f(x)=\min_zf(z)$.",
    sources=(f"{BOYD}, section 4.2.3", "Tibshirani, course 10-725, coordinate descent"),
    depends_on=("convex.fermat", "convex.gradient", "convex.first-order",
                "convex.stationary-minimum"),
    code=("core.coordinate_descent.quadratic",),
)
def smooth() -> Checks:
    f = quadratic_form
    best = f(x_1, x_2)
    yield implies(
        "the whole statement on x^2 - x y + 2 y^2: two moves per coordinate are enough",
        (best <= f(x_1 + delta, x_2), best <= f(x_1, x_2 + t),
         Eq(delta, -(2 * x_1 - x_2) / 2), Eq(t, -(4 * x_2 - x_1) / 4)),
        best <= f(y_1, y_2), wrong={"strictly": best < f(y_1, y_2)},
    )
    yield implies(
        "in general: both partials 0 and the first-order inequality",
        (f_y >= f_x + g_i * x_1 + d_i * x_2, Eq(g_i, 0), Eq(d_i, 0)), f_y >= f_x,
        wrong={"strictly": f_y > f_x},
    )
    yield refutes(implies(
        "on x_1 + x_2 >= 1 no admissible move along an axis improves (0, 1)",
        (x_1 + x_2 >= 1, sympy.Or(Eq(x_1, 0), Eq(x_2, 1))), x_1**2 + x_2**2 >= 1,
        wrong={"any admissible move": x_1 + 2 * x_2 >= 3},
    ))
    yield refutes(counterexample(
        "yet (1/2, 1/2) is admissible and better", x_1**2 + x_2**2 >= 1, given=(x_1 + x_2 >= 1,),
        at={x_1: Rational(1, 2), x_2: Rational(1, 2)},
        wrong={"bound 1/2": x_1**2 + x_2**2 >= Rational(1, 2)},
    ))


@claim(
    "convex.one-point",
    lines="174",
    verdict="misprint", severity="misleading",
    title="One letter for a coordinate and for a point",
    statement=r"$x^*$ is first the value of one coordinate, then the argument of the partial "
    r"derivative, then it becomes $x$. All coordinates must be minimal at one and the same point: "
    r"$(x_1-x_2)^2+x_1^2$ is minimal in $x_1$ at $(1,2)$, in $x_2$ at $(1,1)$, and its minimum is "
    r"0.",
    correction=r"$\frac{\partial f}{\partial x_i}(x)=0$ for all $i$ at the same point $x$",
    sources=(f"{BOYD}, section 4.2.3",),
)
def one_point() -> Checks:
    f = (x_1 - x_2) ** 2 + x_1**2
    partials = [sympy.diff(f, x_1), sympy.diff(f, x_2)]
    yield refutes(identity(
        "the first partial vanishes at (1, 2), the second at (1, 1)",
        [partials[0].subs({x_1: 1, x_2: 2}), partials[1].subs({x_1: 1, x_2: 1})], [0, 0],
        wrong={"the other way round": [2, 0]},
    ))
    yield refutes(counterexample(
        "neither point is minimal: f is 2 and 1 there, and 0 at the origin", f >= 1,
        at={x_1: 0, x_2: 0}, wrong={"bound 0": f >= 0},
    ))
    yield corrects(implies(
        "both partials zero at one point: it is the minimum",
        (Eq(partials[0], 0), Eq(partials[1], 0)), Eq(f, 0), wrong={"f = 1": Eq(f, 1)},
    ))
