r"""Moments of heights: sum, centre of the positions, spread of the positions.

    M_0 = sum_i h_i,   M_1(0) = sum_i x_i h_i,   centre  = M_1(0) / M_0
    M_2(centre) / M_0 = the variance of the positions x_i under the weights h_i

Source: Goldstein, Classical mechanics, chapter 1.
"""

from collections.abc import Sequence
from fractions import Fraction

import sympy
from sympy import Eq

from derivations.claim import Checks, claim, corrects, refutes
from derivations.moments.moments_physics import AT, POINTS, SUMS, M, centre_of, weighted_moment
from derivations.moments.moments_physics import centre as about
from derivations.prover.counterexample import counterexample
from derivations.prover.execution import evaluates
from derivations.prover.induction import invariant
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import real

c, w_1, w_2, w_3, x_1, x_2, x_3 = real("c w_1 w_2 w_3 x_1 x_2 x_3")


@claim(
    "moments.height.total",
    lines="106",
    verdict="holds",
    title="Zeroth moment of heights",
    statement=r"$M_0=\sum_ih_i$ is the sum of the heights.",
    sources=("Goldstein, Classical mechanics",),
)
def height_total() -> Checks:
    yield evaluates(
        "heights 1, 5 and 2 at 0, 1 and -1", lambda: weighted_moment(((1, 0), (5, 1), (2, -1)), 0),
        8, wrong={"sum of the positions": lambda: 0 + 1 - 1},
    )
    yield invariant("for any number of heights, about any point", SUMS, {AT[0]: M[0]},
                    wrong={"sum of position times height": {AT[0]: M[1]}})


@claim(
    "moments.height.first-sum",
    lines="107",
    verdict="holds",
    title="First moment of heights as a sum of position times height",
    statement=r"$M_1(0)=\sum_ix_ih_i$.",
    sources=("Goldstein, Classical mechanics",),
)
def height_first_sum() -> Checks:
    yield identity(
        "order 1 about 0", weighted_moment(POINTS, 1), x_1 * w_1 + x_2 * w_2 + x_3 * w_3,
        wrong={"order 2": weighted_moment(POINTS, 2)},
    )
    yield invariant(
        "for any number of heights: the first moment about c is less by c times their sum", SUMS,
        {AT[1]: M[1] - about * M[0]}, wrong={"about every point": {AT[1]: M[1]}},
    )


@claim(
    "moments.height.centre",
    lines="107",
    verdict="false", severity="misleading",
    title="First moment of heights as the centre of the heights",
    statement=r"The first moment is the centre of all heights. It is not divided by the total, and "
    r"after division it is a centre of the positions: heights 1, 1 at $x=1,3$ have $M_1=4$, centre "
    r"$2$, mean height $1$.",
    assumptions=(w_1 > 0, w_2 > 0), witness={w_1: 1, w_2: 1},
    correction=r"$\sum_ix_ih_i/\sum_ih_i$ is the height-weighted centre of the positions",
    sources=("Goldstein, Classical mechanics",),
)
def height_centre() -> Checks:
    two = ((1, sympy.S(1)), (1, sympy.S(3)))
    yield refutes(evaluates(
        "moment, centre of the positions and mean height are three numbers",
        lambda: (int(weighted_moment(two, 1)), int(centre_of(two)), (1 + 1) // 2), (4, 2, 1),
        wrong={"one position": lambda: (int(weighted_moment(two[:1], 1)), int(two[0][1]), 1)},
    ))
    yield corrects(implies(
        "the divided moment lies between the positions",
        (w_1 > 0, w_2 > 0, x_1 <= x_2, Eq(c * (w_1 + w_2), w_1 * x_1 + w_2 * x_2)),
        sympy.And(x_1 <= c, c <= x_2), wrong={"between the heights": sympy.And(w_1 <= c, c <= w_2)},
    ))
    yield corrects(implies(
        "any number: a further position within [x_1, x_2] keeps M_1 within x_1 M_0 and x_2 M_0",
        (w_1 > 0, x_1 <= c, c <= x_2, x_1 * M[0] <= M[1], M[1] <= x_2 * M[0]),
        sympy.And(x_1 * (M[0] + w_1) <= M[1] + w_1 * c, M[1] + w_1 * c <= x_2 * (M[0] + w_1)),
        wrong={"strictly": x_1 * (M[0] + w_1) < M[1] + w_1 * c},
    ))


@claim(
    "moments.height.spread",
    lines="108",
    verdict="false", severity="misleading",
    title="Second central moment as the range of the heights",
    statement=r"The second central moment is the range in which the heights vary. It is the "
    r"height-weighted spread of the positions, in squared length: heights 1, 1 at $x=0,2$ do not "
    r"vary and have $M_2(1)=2$; heights 1, 5 at one position vary and have 0.",
    assumptions=(w_1 > 0, w_2 > 0), witness={w_1: 1, w_2: 1},
    correction=r"$\sum_ih_i(x_i-\bar x)^2$, divided by $\sum_ih_i$: the variance of the positions "
    r"under the weights $h_i$",
    sources=("Goldstein, Classical mechanics",),
)
def height_spread() -> Checks:
    def moment_and_range(points: Sequence[tuple[int, int]]) -> tuple[Fraction, int]:
        heights = [w for w, _ in points]
        centre = Fraction(weighted_moment(points, 1), weighted_moment(points, 0))
        return weighted_moment(points, 2, centre), max(heights) - min(heights)

    yield refutes(evaluates(
        "equal heights apart: moment 2, range 0; unequal heights at one place: moment 0, range 4",
        lambda: (moment_and_range(((1, 0), (1, 2))), moment_and_range(((1, 0), (5, 0)))),
        ((Fraction(2), 0), (Fraction(0), 4)),
        wrong={"moment taken for the range": lambda: tuple(
            (moment_and_range(p)[0],) * 2 for p in (((1, 0), (1, 2)), ((1, 0), (5, 0))))},
    ))
    yield corrects(implies(
        "it vanishes exactly when the positions coincide",
        (w_1 > 0, w_2 > 0, Eq(c * (w_1 + w_2), w_1 * x_1 + w_2 * x_2),
         Eq(w_1 * (x_1 - c) ** 2 + w_2 * (x_2 - c) ** 2, 0)),
        Eq(x_1, x_2), wrong={"when the heights coincide": Eq(w_1, w_2)},
    ))
    yield corrects(implies(
        "any number: a sum of squares with positive weights is 0 only if every position is c",
        (w_1 > 0, M[2] >= 0, Eq(M[2] + w_1 * (x_1 - c) ** 2, 0)),
        sympy.And(Eq(M[2], 0), Eq(x_1, c)), wrong={"the height is 1": Eq(w_1, 1)},
    ))
    yield refutes(counterexample(
        "equal heights do not make it vanish",
        Eq(w_1 * (x_1 - c) ** 2 + w_2 * (x_2 - c) ** 2, 0),
        given=(w_1 > 0, Eq(w_1, w_2), Eq(2 * c, x_1 + x_2)),
        at={w_1: 1, w_2: 1, x_1: 0, x_2: 2, c: 1},
        wrong={"it is not negative": w_1 * (x_1 - c) ** 2 + w_2 * (x_2 - c) ** 2 >= 0},
    ))
