r"""Coordinate descent on the Lasso: the separable theorem at work.

    f(x) = |A x - b|^2 / 2 + lam |x|_1,   lam >= 0
    S(a, lam) = sign(a) max(|a| - lam, 0),   the minimiser of (t - a)^2 / 2 + lam |t|
    x_i <- S(A_i' r_i, lam) / |A_i|^2,   r_i = b - A x without the term of coordinate i
    optimal:  |A_i'(b - A x)| <= lam,  and A_i'(b - A x) = lam sign(x_i) where x_i != 0

Source: Wright, Coordinate descent algorithms, 2015; Tibshirani 1996; Friedman et al. 2007.
"""

from fractions import Fraction

import sympy
from sympy import Abs, And, Eq, Expr, Max, Or

from derivations.claim import Checks, claim
from derivations.convex.convex_sources import TSENG, WRIGHT
from derivations.prover.execution import evaluates
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import Quantity, real

a, t, p, lam, rho, square, x, y, G = real("a t p lam rho square x y G")
a_1, a_2, r_1, r_2, d_1, d_2 = real("a_1 a_2 r_1 r_2 d_1 d_2")
g_x, g_y, total, term = real("g_x g_y total term")
FRIEDMAN = "Friedman, Hastie, Hoefling, Tibshirani, Ann. Appl. Stat. 1(2), 302-332, 2007"


def soft_threshold(a: Quantity, lam: Quantity) -> Quantity:
    """sign(a) max(|a| - lam, 0) for lam >= 0, on expressions and on exact numbers."""
    largest = Max if isinstance(a, sympy.Expr) else max
    return largest(a - lam, 0) - largest(-a - lam, 0)


@claim(
    "descent.lasso.soft-threshold",
    lines="186, 205",
    verdict="holds",
    title="Soft threshold (supplied)",
    statement=r"$\frac12(t-a)^2+\lambda|t|$ has its only minimum at "
    r"$S(a,\lambda)=\operatorname{sign}(a)\max(|a|-\lambda,0)$, $\lambda\ge0$: at $t$ it is larger "
    r"by at least $\frac12(t-S)^2$.",
    assumptions=(lam >= 0,), witness={lam: 1},
    sources=(FRIEDMAN, WRIGHT),
    code=("core.coordinate_descent.soft_threshold",),
)
def soft() -> Checks:
    def cost(at: Expr) -> Expr:
        return (at - a) ** 2 / 2 + lam * Abs(at)

    for name, region, value in (
        ("a > lam", (a > lam,), a - lam),
        ("a < -lam", (a < -lam,), a + lam),
        ("|a| <= lam", (a <= lam, a >= -lam), sympy.S.Zero),
    ):
        yield implies(
            f"minimal by a margin, {name}", (lam >= 0, *region),
            cost(t) >= cost(value) + (t - value) ** 2 / 2,
            wrong={"at a itself": cost(t) >= cost(a)},
        )
        yield implies(
            f"the formula, {name}", (lam >= 0, *region), Eq(soft_threshold(a, lam), value),
            wrong={"not shrunk": Eq(soft_threshold(a, lam), a)},
        )
    yield evaluates(
        "a = -5/2, -1/2, 1/2, 5/2 with threshold 1",
        lambda: tuple(soft_threshold(Fraction(n, 2), Fraction(1)) for n in (-5, -1, 1, 5)),
        (Fraction(-3, 2), Fraction(0), Fraction(0), Fraction(3, 2)),
        wrong={"no threshold": lambda: tuple(Fraction(n, 2) for n in (-5, -1, 1, 5))},
    )


@claim(
    "descent.lasso.update",
    lines="186, 205",
    verdict="holds",
    title="The coordinate step of the Lasso (supplied)",
    statement=r"Over coordinate $i$, $\frac12|r_i-A_it|^2+\lambda|t|$ is minimal at "
    r"$S(A_i^Tr_i,\lambda)/|A_i|^2$ if $A_i\ne0$; for $A_i=0$ it is $\lambda|t|$ plus a constant, "
    r"minimal at 0.",
    assumptions=(lam >= 0, square > 0), witness={lam: 1, square: 1},
    sources=(FRIEDMAN, WRIGHT),
    depends_on=("descent.lasso.soft-threshold",),
    code=("core.coordinate_descent.lasso",),
)
def update() -> Checks:
    yield identity(
        "the cost along the coordinate (two rows)",
        ((r_1 - a_1 * t) ** 2 + (r_2 - a_2 * t) ** 2) / 2,
        (a_1**2 + a_2**2) * t**2 / 2 - (a_1 * r_1 + a_2 * r_2) * t + (r_1**2 + r_2**2) / 2,
        wrong={"sign of the correlation": (a_1**2 + a_2**2) * t**2 / 2
               + (a_1 * r_1 + a_2 * r_2) * t + (r_1**2 + r_2**2) / 2},
    )
    def cost(at: Expr) -> Expr:
        return square * at**2 / 2 - rho * at + lam * Abs(at)

    regions = (
        ("rho > lam", (rho > lam,), rho - lam),
        ("rho < -lam", (rho < -lam,), rho + lam),
        ("|rho| <= lam", (rho <= lam, rho >= -lam), sympy.S.Zero),
    )
    yield implies("three cases, and no more", (lam >= 0,),
                  Or(*(And(*region) for _, region, _ in regions)),
                  wrong={"two are enough": Or(rho > lam, rho < -lam)})
    for name, region, value in regions:
        yield implies(
            f"minimal at p = S(rho, lam) / |A_i|^2, {name}",
            (lam >= 0, square > 0, *region, Eq(p * square, value)), cost(t) >= cost(p),
            wrong={"strictly": cost(t) > cost(p), "at rho": cost(t) >= cost(rho)},
        )
    yield implies("a zero column: 0 is minimal, and alone if lam > 0",
                  (lam > 0, t * t > 0), lam * Abs(t) > lam * Abs(0),
                  wrong={"by 1": lam * Abs(t) > 1})


@claim(
    "descent.lasso.optimality",
    lines="186, 195",
    verdict="holds",
    title="Optimality for the Lasso, coordinate by coordinate (supplied)",
    statement=r"With $G=A^T(Ax-b)$: if $|G_i|\le\lambda$ for all $i$ and $G_ix_i=-\lambda|x_i|$, "
    r"then $x$ minimises $\frac12|Ax-b|^2+\lambda|x|_1$: smooth plus separable, with "
    r"$-G_i\in\lambda\,\partial|x_i|$.",
    assumptions=(lam >= 0,), witness={lam: 1},
    sources=(FRIEDMAN, TSENG),
    depends_on=("convex.composite.theorem",),
    code=("core.coordinate_descent.lasso",),
)
def optimality() -> Checks:
    yield implies(
        "each term of the chain is non-negative",
        (lam >= 0, Abs(G) <= lam, Eq(G * x, -lam * Abs(x))),
        G * (y - x) + lam * Abs(y) - lam * Abs(x) >= 0,
        wrong={"sign of G": -G * (y - x) + lam * Abs(y) - lam * Abs(x) >= 0},
    )
    yield implies(
        "and the second condition is necessary: unimproved by every y, here 0 and the move 2 x",
        (lam >= 0, G * (0 - x) + lam * Abs(0) - lam * Abs(x) >= 0,
         G * (2 * x - x) + lam * Abs(2 * x) - lam * Abs(x) >= 0),
        Eq(G * x, -lam * Abs(x)), wrong={"+lam": Eq(G * x, lam * Abs(x))},
    )
    yield implies(
        "and so is |G| <= lam, by the moves +1 and -1",
        (lam >= 0, G + lam * Abs(x + 1) - lam * Abs(x) >= 0,
         -G + lam * Abs(x - 1) - lam * Abs(x) >= 0), Abs(G) <= lam,
        wrong={"half of it": 2 * Abs(G) <= lam},
    )
    row, moved = a_1 * x + a_2 * y - r_1, a_1 * (x + d_1) + a_2 * (y + d_2) - r_1
    yield identity(
        "the smooth part, row by row: the gradient term and a square",
        moved**2 / 2 - row**2 / 2,
        a_1 * row * d_1 + a_2 * row * d_2 + (a_1 * d_1 + a_2 * d_2) ** 2 / 2,
        wrong={"no square": a_1 * row * d_1 + a_2 * row * d_2},
    )
