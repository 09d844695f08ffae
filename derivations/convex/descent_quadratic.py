r"""Coordinate descent on a strictly convex quadratic: it decreases, and it converges.

    f(x) = x'Qx/2 - c'x,   Q symmetric positive definite,   minimum at x* = Q^-1 c
    step i:   x_i <- x_i - r_i / Q_ii,   r = Q x - c the gradient,   m_i the move of x_i
    decrease: f(before) - f(after) = Q_ii m_i^2 / 2
    residual: after a sweep r_i = sum_{j > i} Q_ij m_j
    n = 2:    x_2 - x_2* shrinks by the factor Q_12^2 / (Q_11 Q_22) < 1 in each sweep

Source: Golub & Van Loan, Matrix computations, section 11.2 (Gauss-Seidel); Wright 2015.
"""

from collections.abc import Sequence

import sympy
from sympy import Abs, And, Eq, Expr

from derivations.claim import Checks, claim
from derivations.convex.convex_sources import WRIGHT
from derivations.convex.coordinate_descent import (
    POSITIVE,
    C,
    Q,
    coordinate_minimiser,
    gauss_seidel_sweep,
)
from derivations.prover.induction import Recursion, invariant
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import Quantity, real

a, b, d, t, m, f, f_0, f_min, spent = real("a b d t m f f_0 f_min spent")
x_1, x_2, x_3, c_1, c_2 = real("x_1 x_2 x_3 c_1 c_2")
q_11, q_12, q_13, q_22, q_23, q_33 = real("q_11 q_12 q_13 q_22 q_23 q_33")
residual, bound, q, constant = real("residual bound q constant")
GOLUB = "Golub & Van Loan, Matrix computations (4th edition), section 11.2"
DEFINITE = (a > 0, d > 0, a * d - b**2 > 0)


def contraction(q_12: Quantity, q_11: Quantity, q_22: Quantity) -> Quantity:
    """The factor by which one sweep in two variables shrinks the error."""
    return q_12**2 / (q_11 * q_22)


@claim(
    "descent.quadratic.step",
    lines="205",
    verdict="holds",
    title="The coordinate minimiser of a quadratic (supplied)",
    statement=r"For $f=\frac12x^TQx-c^Tx$ with $Q_{ii}>0$ the only minimiser over $x_i$ is "
    r"$(c_i-\sum_{j\ne i}Q_{ij}x_j)/Q_{ii}$.",
    assumptions=POSITIVE, witness={q_11: 1, q_22: 1, q_33: 1},
    sources=(WRIGHT, GOLUB),
    code=("core.coordinate_descent.quadratic",),
)
def step() -> Checks:
    along = a * t**2 / 2 - b * t + constant
    best = coordinate_minimiser(a, b, 0)
    yield identity(
        "a t^2 / 2 - b t + constant is its minimum plus a square",
        along - along.subs(t, best), a * (t - best) ** 2 / 2, given=(a > 0,),
        wrong={"without the half": a * (t - best) ** 2},
    )
    point = sympy.Matrix([x_1, x_2, x_3])
    f_of = (point.T * Q * point)[0] / 2 - C.dot(point)
    others = q_12 * x_1 + q_23 * x_3
    yield identity(
        "n = 3: f along coordinate 2 has this form", f_of.subs(x_2, t),
        q_22 * t**2 / 2 - (c_2 - others) * t + f_of.subs(x_2, 0),
        wrong={"other sign": q_22 * t**2 / 2 - (c_2 + others) * t + f_of.subs(x_2, 0),
               "without the half": q_22 * t**2 - (c_2 - others) * t + f_of.subs(x_2, 0)},
    )
    xqx, eqx, eqe, cx, ce = real("xqx eqx eqe cx ce")
    yield identity(
        "any n: f(x + t e) - f(x) with the numbers x'Qx, e'Qx, e'Qe, c'x, c'e, as Q is symmetric",
        (xqx + 2 * t * eqx + t**2 * eqe) / 2 - (cx + t * ce) - (xqx / 2 - cx),
        eqe * t**2 / 2 - (ce - eqx) * t, wrong={"linear only": -(ce - eqx) * t},
    )
    yield identity(
        "n = 3, coordinate 2: the derivative vanishes there",
        sympy.diff(f_of, x_2).subs(x_2, coordinate_minimiser(q_22, c_2, others)), 0,
        given=POSITIVE,
        wrong={"without the division": sympy.diff(f_of, x_2).subs(x_2, c_2 - others)},
    )
    yield implies("no other value is as good", (a > 0, along <= along.subs(t, b / a)),
                  Eq(t * a, b), wrong={"t = b": Eq(t, b)})


@claim(
    "descent.quadratic.decrease",
    lines="205",
    verdict="holds",
    title="The exact decrease of a step on a quadratic (supplied)",
    statement=r"A step that moves $x_i$ by $m_i$ lowers $f$ by $\frac12Q_{ii}m_i^2$; after any "
    r"number of steps $f(x^{(0)})-f=\frac12\sum Q_{ii}m_i^2\le f(x^{(0)})-\min f$.",
    assumptions=POSITIVE, witness={q_11: 1, q_22: 1, q_33: 1},
    sources=(GOLUB,),
    depends_on=("descent.quadratic.step",),
)
def decrease() -> Checks:
    point = [x_1, x_2, x_3]
    states = [tuple(point), *gauss_seidel_sweep()]

    def value(state: Sequence[Expr]) -> Expr:
        column = sympy.Matrix(state)
        return (column.T * Q * column)[0] / 2 - C.dot(column)

    for i in range(3):
        move = states[i + 1][i] - states[i][i]
        yield identity(
            f"n = 3, step {i + 1} of a sweep", value(states[i]) - value(states[i + 1]),
            Q[i, i] * move**2 / 2, given=POSITIVE,
            wrong={"without Q_ii": move**2 / 2, "a rise": -Q[i, i] * move**2 / 2},
        )
    yield invariant(
        "after every number of steps f is f_0 less what was spent",
        Recursion(start={spent: sympy.S.Zero, f: f_0},
                  step={spent: spent + a * m**2 / 2, f: f - a * m**2 / 2}),
        {f: f_0 - spent}, wrong={"half of it": {f: f_0 - spent / 2}},
    )
    yield identity(
        "any n: along e_i, where the gradient is r, the step m = -r/q changes f by -q m^2 / 2",
        (residual * m + q * m**2 / 2).subs(m, -residual / q), -q * (residual / q) ** 2 / 2,
        given=(q > 0,), wrong={"twice": -q * (residual / q) ** 2, "a rise": residual**2 / q / 2},
    )
    yield implies(
        "so the squared moves are summable: their weighted sum is bounded",
        (Eq(f, f_0 - spent), f >= f_min), spent <= f_0 - f_min,
        wrong={"by half of it": 2 * spent <= f_0 - f_min},
    )


@claim(
    "descent.quadratic.residual",
    lines="205",
    verdict="holds",
    title="The residual after a sweep: when to stop (supplied)",
    statement=r"With $m_j$ the moves of a sweep, the gradient after it is "
    r"$r_i=\sum_{j>i}Q_{ij}m_j$; "
    r"so $|r_i|\le\sum_{j>i}|Q_{ij}||m_j|$, and moves of 0 mean the minimum.",
    assumptions=POSITIVE, witness={q_11: 1, q_22: 1, q_33: 1},
    sources=(GOLUB,),
    depends_on=("descent.quadratic.step",),
)
def after_sweep() -> Checks:
    last = sympy.Matrix(gauss_seidel_sweep()[-1])
    m_2, m_3 = last[1] - x_2, last[2] - x_3
    yield identity(
        "n = 3", list(Q * last - C), [q_12 * m_2 + q_13 * m_3, q_23 * m_3, 0], given=POSITIVE,
        wrong={"sign of the moves": [-q_12 * m_2 - q_13 * m_3, -q_23 * m_3, 0],
               "zero": [0, 0, 0]},
    )
    yield identity(
        "any n: the step of coordinate i itself makes r_i zero",
        residual + q * (-residual / q), 0, given=(q > 0,), wrong={"no step": residual},
    )
    others = real("others")
    yield identity(
        "any n: a later move of x_2 by m changes r_i = Q_i2 x_2 + others - c_i by Q_i2 m",
        (q * (x_2 + m) + others - c_1) - (q * x_2 + others - c_1), q * m,
        wrong={"sign": -q * m, "without Q_i2": m},
    )
    yield implies(
        "any n: a later move m adds Q_ij m to r_i, and |Q_ij| |m| to the bound",
        (Abs(residual) <= bound,), Abs(residual + q * m) <= bound + Abs(q) * Abs(m),
        wrong={"without the absolute value": Abs(residual + q * m) <= bound + q * m},
    )


@claim(
    "descent.quadratic.rate-two",
    lines="205",
    verdict="holds",
    title="Rate of convergence in two variables (supplied)",
    statement=r"For positive definite $Q$ of order 2, one sweep multiplies $x_2-x_2^*$ by "
    r"$\rho=Q_{12}^2/(Q_{11}Q_{22})\in[0,1)$, from every start; so $k$ sweeps by $\rho^k$, and "
    r"$x_1-x_1^*=-\frac{Q_{12}}{Q_{11}}\,(x_2^{\text{old}}-x_2^*)$.",
    assumptions=DEFINITE, witness={a: 2, d: 2, b: 1},
    sources=(GOLUB,),
    depends_on=("descent.update.index",),
    code=("core.coordinate_descent.coordinate_descent",),
)
def rate_two() -> Checks:
    new_1 = coordinate_minimiser(a, c_1, b * x_2)
    new_2 = coordinate_minimiser(d, c_2, b * new_1)
    determinant = a * d - b**2
    best_1, best_2 = (c_1 * d - c_2 * b) / determinant, (c_2 * a - c_1 * b) / determinant
    yield identity("x* solves Q x = c", [a * best_1 + b * best_2, b * best_1 + d * best_2],
                   [c_1, c_2], given=DEFINITE, wrong={"exchanged": [c_2, c_1]})
    yield identity(
        "one sweep", [new_1 - best_1, new_2 - best_2],
        [-b / a * (x_2 - best_2), contraction(b, a, d) * (x_2 - best_2)], given=DEFINITE,
        wrong={"square root of the factor": [-b / a * (x_2 - best_2), b / a * (x_2 - best_2)],
               "no error left": [0, 0]},
    )
    yield implies("the factor is below 1 exactly because Q is positive definite", DEFINITE,
                  And(contraction(b, a, d) >= 0, contraction(b, a, d) < 1),
                  wrong={"below 1/2": 2 * contraction(b, a, d) < 1})


@claim(
    "descent.quadratic.convergence",
    lines="203, 205",
    verdict="holds",
    title="Convergence on strictly convex quadratics (supplied)",
    statement=r"For positive definite $Q$, any $n$ and any start, $x^{(k)}\to x^*=Q^{-1}c$. Proof: "
    r"$\sum Q_{ii}m_i^2$ is finite, so the moves tend to 0, so the gradient $r$ after a sweep "
    r"tends "
    r"to 0, and $|x-x^*|\le|r|/\lambda$ with $\lambda>0$ the smallest eigenvalue of $Q$.",
    assumptions=("Q symmetric positive definite",),
    sources=(GOLUB, "Ostrowski 1954; Reich 1949"),
    depends_on=("descent.quadratic.decrease", "descent.quadratic.residual"),
    code=("core.coordinate_descent.coordinate_descent", "core.coordinate_descent.quadratic"),
)
def convergence() -> Checks:
    smallest, error, gradient, inner = real("smallest error gradient inner")
    count, total, term = real("count total term")
    yield implies(
        "k terms of bound or more add up to k bound or more (induction), so a bounded total of "
        "non-negative terms has finitely many of them, for every bound: the terms tend to 0",
        (count * bound <= total, term >= bound), (count + 1) * bound <= total + term,
        wrong={"two more": (count + 2) * bound <= total + term},
    )
    yield implies(
        "error e: lambda |e|^2 <= e'Qe = e'r <= |e| |r|, so lambda |e| <= |r|",
        (smallest > 0, error >= 0, gradient >= 0, smallest * error**2 <= inner,
         inner <= error * gradient), smallest * error <= gradient,
        wrong={"without lambda": error <= gradient},
    )
    x, y = real("x y")
    yield identity(
        "f(x) - f(x*) = (x - x*)'Q(x - x*) / 2 (order 2): the minimum is at x*, and only there",
        (a * x_1**2 + 2 * b * x_1 * x_2 + d * x_2**2) / 2
        - (a * x + b * y) * x_1 - (b * x + d * y) * x_2
        + (a * x**2 + 2 * b * x * y + d * y**2) / 2,
        (a * (x_1 - x) ** 2 + 2 * b * (x_1 - x) * (x_2 - y) + d * (x_2 - y) ** 2) / 2,
        wrong={"without the mixed term": (a * (x_1 - x) ** 2 + d * (x_2 - y) ** 2) / 2},
    )
