r"""The iteration of coordinate descent: what its formula says, and when it says anything.

    x_i^(k) in argmin_t f(x_1^(k), ..., x_{i-1}^(k), t, x_{i+1}^(k-1), ..., x_n^(k-1)),
    i = 1, ..., n in order, k = 1, 2, ..., from a given x^(0)

Values before i are of this sweep, values after i of the one before (Gauss-Seidel).
Source: Wright, Coordinate descent algorithms, 2015, algorithm 1; Tseng 2001.
"""

import sympy
from sympy import Abs, Eq, Expr, Implies, Matrix, Max, Ne, Rational

from derivations.claim import Checks, claim, refutes
from derivations.convex.convex_sources import TSENG, WRIGHT
from derivations.prover.counterexample import counterexample
from derivations.prover.execution import token
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import Quantity, real

x, y, z, t, a, b, d = real("x y z t a b d")
x_1, x_2, x_3, c_1, c_2, c_3 = real("x_1 x_2 x_3 c_1 c_2 c_3")
q_11, q_12, q_13, q_22, q_23, q_33 = real("q_11 q_12 q_13 q_22 q_23 q_33")
f_x, f_y, f_m, f_old, f_new, f_any, f_0 = real("f_x f_y f_m f_old f_new f_any f_0")
Q = sympy.Matrix([[q_11, q_12, q_13], [q_12, q_22, q_23], [q_13, q_23, q_33]])
C = sympy.Matrix([c_1, c_2, c_3])
POSITIVE = (q_11 > 0, q_22 > 0, q_33 > 0)


def coordinate_minimiser(q_ii: Quantity, c_i: Quantity, others: Quantity) -> Quantity:
    """The minimiser over x_i of x'Qx/2 - c'x, where others = sum over j != i of Q_ij x_j."""
    return (c_i - others) / q_ii


def quadratic_value(matrix: Matrix, linear: Matrix, point: Matrix) -> Expr:
    """x'Qx/2 - c'x."""
    return (point.T * matrix * point)[0] / 2 - linear.dot(point)


def gauss_seidel_sweep(

) -> tuple[tuple[Expr, Expr, Expr], tuple[Expr, Expr, Expr], tuple[Expr, ...]]:
    """The states after steps 1, 2 and 3 of one sweep over a quadratic of three variables."""
    new_1 = coordinate_minimiser(q_11, c_1, q_12 * x_2 + q_13 * x_3)
    new_2 = coordinate_minimiser(q_22, c_2, q_12 * new_1 + q_23 * x_3)
    new_3 = coordinate_minimiser(q_33, c_3, q_13 * new_1 + q_23 * new_2)
    return ((new_1, x_2, x_3), (new_1, new_2, x_3), (new_1, new_2, new_3))


@claim(
    "descent.some-cases",
    lines="203",
    verdict="holds-if", severity="misleading",
    title="Optimal in every dimension: solved, in some cases",
    statement=r"If every dimension is optimised, the problem is solved in certain cases. True for "
    r"a "
    r"point optimal in all coordinates at once; optimising one after another once does not make "
    r"one:"
    r" $x^2+xy+y^2$ goes from $(1,1)$ to $(-\frac12,\frac14)$.",
    assumptions=("one point is optimal in every coordinate; f as in lines 173 or 186",),
    correction="If one point is optimal in every coordinate, it is a minimum for the functions of "
    "lines 173 and 186; the iteration has to be repeated, and its convergence shown.",
    sources=(WRIGHT,),
    depends_on=("convex.smooth", "convex.composite.theorem"),
)
def some_cases() -> Checks:
    f = x**2 + x * y + y**2
    yield implies(
        "optimal in both coordinates at once: the minimum",
        (Eq(sympy.diff(f, x), 0), Eq(sympy.diff(f, y), 0)), Eq(f, 0), wrong={"1": Eq(f, 1)},
    )
    new_x = coordinate_minimiser(2, 0, sympy.S.One)
    new_y = coordinate_minimiser(2, 0, new_x)
    yield identity("one sweep from (1, 1)", [new_x, new_y],
                   [-Rational(1, 2), Rational(1, 4)],
                   wrong={"old value of x": [-Rational(1, 2), -Rational(1, 2)]})
    yield refutes(counterexample(
        "is not the minimum, which is 0", f <= 0, at={x: -Rational(1, 2), y: Rational(1, 4)},
        wrong={"of the starting value 3": f <= 3},
    ))


@claim(
    "descent.theory-basis",
    lines="203",
    verdict="incomplete", severity="misleading",
    title="The fixed-point theorem as the basis of coordinate descent",
    statement="The theorems say that a point which no coordinate step improves is a minimum. They "
    "do "
    "not say that the steps exist, nor that the iterates approach such a point; and one of the "
    "examples referred to shows a point where the iteration stops short of the minimum.",
    sources=(TSENG, WRIGHT),
    supplied_by=("descent.quadratic.convergence", "descent.powell-cycle", "descent.runs-away",
                 "descent.stuck"),
)
def theory_basis() -> Checks:
    yield from ()


@claim(
    "descent.variants",
    lines="203",
    verdict="not-mathematical", severity="cosmetic",
    title="The usual iteration",
    statement="Exact minimisation in cyclic order is called the general choice. It is one of "
    "several: "
    "random or greedy order, blocks of coordinates and gradient steps are as common, and the "
    "sources listed above treat them.",
    sources=(WRIGHT,),
)
def variants() -> Checks:
    yield from ()


@claim(
    "descent.update.index",
    lines="205",
    verdict="holds",
    title="Which values are new and which old",
    statement=r"Step $i$ of sweep $k$ uses $x_j^{(k)}$ for $j<i$ and $x_j^{(k-1)}$ for $j>i$. For "
    r"$f=\frac12x^TQx-c^Tx$ this is the Gauss-Seidel iteration.",
    assumptions=POSITIVE, witness={q_11: 1, q_22: 1, q_33: 1},
    sources=(WRIGHT,),
    code=("core.coordinate_descent.coordinate_descent",),
)
def update_index() -> Checks:
    point = sympy.Matrix([x, y, z])
    partials = [sympy.diff(quadratic_value(Q, C, point), s) for s in (x, y, z)]
    after = gauss_seidel_sweep()
    for i, state in enumerate(after):
        yield identity(
            f"after step {i + 1} partial derivative {i + 1} is 0: new values before it, old ones "
            f"after",
            partials[i].subs(dict(zip((x, y, z), state, strict=True)), simultaneous=True), 0,
            given=POSITIVE,
            wrong={"the next partial": partials[(i + 1) % 3].subs(
                dict(zip((x, y, z), state, strict=True)), simultaneous=True)},
        )
    old_only = coordinate_minimiser(q_22, c_2, q_12 * x_1 + q_23 * x_3)
    yield identity("the second new value", after[2][1],
                   (c_2 - q_12 * (c_1 - q_12 * x_2 - q_13 * x_3) / q_11 - q_23 * x_3) / q_22,
                   given=POSITIVE, wrong={"old values only (Jacobi)": old_only})


@claim(
    "descent.update.existence",
    lines="205",
    verdict="holds-if", severity="misleading",
    title="Existence of each coordinate minimum",
    statement=r"Every step takes a minimiser, whose existence is not stated. It exists and is "
    r"unique "
    r"for a quadratic with $Q_{ii}>0$; the convex functions $e^t$ and $\sqrt{1+t^2}+t$ are bounded "
    r"below and have none.",
    assumptions=(a > 0,), witness={a: 1},
    correction=r"Suppose that every $t\mapsto f(x_1,\dots,t,\dots,x_n)$ attains its minimum (as it "
    r"does if the level sets of the continuous $f$ are bounded).",
    sources=(TSENG,),
    depends_on=("descent.quadratic.step",),
)
def existence() -> Checks:
    along = a * t**2 / 2 - b * t
    yield implies(
        "a t^2/2 - b t with a > 0 is minimal at b/a", (a > 0,), along >= along.subs(t, b / a),
        wrong={"at b": along >= along.subs(t, b)},
    )
    def f(at: Expr) -> Expr:
        return sympy.sqrt(1 + at**2) + at

    yield refutes(implies(
        "sqrt(1 + t^2) + t is positive and smaller at t - 1 than at t, for every t", (),
        sympy.And(f(t) > 0, f(t - 1) < f(t)), wrong={"by 1/2": f(t - 1) < f(t) - Rational(1, 2)},
    ))
    e = real("e")
    yield refutes(implies(
        "so is e^t: e^(t-1) = e^t / e with e > 1 (f_x stands for e^t > 0)",
        (f_x > 0, e > 1), f_x / e < f_x, wrong={"to the right": f_x * e < f_x},
    ))


@claim(
    "descent.update.uniqueness",
    lines="205",
    verdict="holds-if", severity="cosmetic",
    title="The minimiser as one number",
    statement=r"$x_i^{(k)}$ is set equal to the argmin, which is a set. It has at most one "
    r"element if $f$ is strictly convex along the coordinate (none for $e^t$), so exactly one "
    r"where the minimum is attained; $\max(|t|-1,0)$ has a whole interval.",
    assumptions=("f is strictly convex along each coordinate, and its minimum there is attained",),
    correction=r"$x_i^{(k)}\in\arg\min_{t\in\mathbb R}f(\dots,t,\dots)$, or $=$ under strict "
    r"convexity in each coordinate where the minimum is attained",
    sources=(TSENG,),
    depends_on=("descent.update.existence",),
)
def uniqueness() -> Checks:
    yield implies(
        "two minimisers and strict convexity at the midpoint: they are one point",
        (f_x <= f_m, f_y <= f_m, Implies(Ne(x, y), f_m < (f_x + f_y) / 2)), Eq(x, y),
        wrong={"both at 0": Eq(x, 0)},
    )
    def flat(at: Expr) -> Expr:
        return Max(Abs(at) - 1, 0)

    yield refutes(implies(
        "max(|t| - 1, 0) is minimal at every t of [-1, 1]", (t >= -1, t <= 1), flat(t) <= flat(x),
        wrong={"strictly": flat(t) < flat(x)},
    ))
    yield refutes(counterexample(
        "so a minimiser need not be 0", Eq(t, 0), given=(t >= -1, t <= 1), at={t: 1},
        wrong={"it is within 1": t**2 <= 1},
    ))


@claim(
    "descent.update.start",
    lines="205",
    verdict="incomplete", severity="misleading",
    title="No start, no order, no end",
    statement=r"Missing: the start $x^{(0)}$, that $i$ runs over $1,\dots,n$ in order within each "
    r"$k=1,2,\dots$, and when to stop. For quadratics the moves of a sweep bound its residual.",
    sources=(WRIGHT,),
    supplied_by=("descent.quadratic.residual", "descent.quadratic.convergence"),
)
def start() -> Checks:
    yield from ()


@claim(
    "descent.update.bound-name",
    lines="205",
    verdict="misprint", severity="cosmetic",
    title="The bound variable named as the unknown",
    statement=r"$x_i$ is the variable of the minimisation and a component of the iterate; as "
    r"printed, the subscript hangs under min only.",
    correction=r"$\arg\min_{t\in\mathbb "
    r"R}f(x_1^{(k)},\dots,x_{i-1}^{(k)},t,x_{i+1}^{(k-1)},\dots)$",
)
def bound_name() -> Checks:
    yield refutes(token("another letter", 205, r"\min_{x_i}", r"\min_{t\in\mathbb R}"))


@claim(
    "descent.monotone",
    lines="205",
    verdict="holds",
    title="No step makes the function larger (supplied)",
    statement=r"$f$ after a step is at most $f$ before it, so after every number of steps at most "
    r"$f(x^{(0)})$: the old value is one of those minimised over.",
    sources=(WRIGHT,),
)
def monotone() -> Checks:
    yield implies(
        "a step: the new value is below every value of the coordinate, the old one included",
        (f_new <= f_any, Eq(f_any, f_old)), f_new <= f_old, wrong={"strictly": f_new < f_old},
    )
    yield implies(
        "induction over the steps", (f_old <= f_0, f_new <= f_old), f_new <= f_0,
        wrong={"the other way round": f_new >= f_0},
    )
    corner = gauss_seidel_sweep()[0]
    before = quadratic_value(Q, C, sympy.Matrix([x_1, x_2, x_3]))
    move = x_1 - corner[0]
    yield identity(
        "run on a quadratic: step 1 lowers it by q_11 / 2 times the squared move",
        before - quadratic_value(Q, C, sympy.Matrix(corner)), q_11 * move**2 / 2, given=POSITIVE,
        wrong={"without the half": q_11 * move**2, "a rise": -q_11 * move**2 / 2},
    )
