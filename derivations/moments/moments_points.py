r"""Moments of masses: total, centre, inertia, parallel axes.

    centre  = M_1(0) / M_0                   the point about which the first moment vanishes
    M_2(c)  = M_2(centre) + M_0 (c - centre)^2                     (Steiner, parallel axes)
    I       = sum_i m_i (|r_i|^2 1 - r_i r_i^T),   I_z = sum_i m_i (x_i^2 + y_i^2)
    tr I    = 2 sum_i m_i |r_i|^2

Source: Goldstein, Classical mechanics, chapters 1 and 5.
"""

from collections.abc import Sequence

import sympy
from sympy import Eq, Expr, Matrix, Ne, Or

from derivations.claim import Checks, claim, corrects, refutes
from derivations.moments.moments_physics import (
    AT,
    POINTS,
    SUMS,
    TOTAL,
    M,
    centre_of,
    w,
    weighted_moment,
)
from derivations.moments.moments_physics import centre as about
from derivations.prover.counterexample import differs
from derivations.prover.execution import evaluates
from derivations.prover.induction import Recursion, invariant
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import real

c, d = real("c d")
w_1, w_2, w_3, x_1, x_2, x_3 = real("w_1 w_2 w_3 x_1 x_2 x_3")
y_1, y_2, z_1, z_2 = real("y_1 y_2 z_1 z_2")
I_Z, TRACE, R_2 = real("I_Z TRACE R_2")


def inertia_tensor(m: Expr, r: Sequence[Expr]) -> Matrix:
    """The inertia tensor of one point mass: m (|r|^2 1 - r r^T)."""
    at = sympy.Matrix(r)
    return m * (at.dot(at) * sympy.eye(3) - at * at.T)


def inertia_sums(z: Expr) -> Recursion:
    """Masses w at (x_1, y_1, z), one a step: axis z, trace and second moment about the origin."""
    tensor = inertia_tensor(w, (x_1, y_1, z))
    return Recursion(
        start={I_Z: sympy.S.Zero, TRACE: sympy.S.Zero, R_2: sympy.S.Zero},
        step={I_Z: I_Z + tensor[2, 2], TRACE: TRACE + tensor.trace(),
              R_2: R_2 + w * (x_1**2 + y_1**2 + z**2)},
    )


@claim(
    "moments.mass.total",
    lines="100",
    verdict="holds",
    title="Zeroth moment of masses",
    statement=r"$M_0=\sum_im_i$ is the total mass, about every reference point.",
    sources=("Goldstein, Classical mechanics",),
)
def mass_total() -> Checks:
    yield identity(
        "order 0 drops the positions", weighted_moment(POINTS, 0, c), w_1 + w_2 + w_3,
        wrong={"the first moment": weighted_moment(POINTS, 1, c)},
    )
    yield invariant("for any number of masses", SUMS, {AT[0]: M[0]},
                    wrong={"the first moment": {AT[0]: M[1]}})
    yield evaluates(
        "a mass in the reference point itself counts too",
        lambda: weighted_moment(((2, 0), (3, 5)), 0), 5,
        wrong={"0**0 read as 0": lambda: sum(w for w, x in ((2, 0), (3, 5)) if x)},
    )


@claim(
    "moments.mass.centroid",
    lines="101",
    verdict="false", severity="misleading",
    title="First moment of masses about the origin as their centre",
    statement=r"The first moment about the origin is the centre of mass. For total mass "
    r"$M_0\ne0$ it is so exactly if $M_0=1$ or $M_1(0)=0$ (centre at the origin): mass 2 at $x=3$ "
    r"has $M_1(0)=6$ and its centre at 3.",
    assumptions=(Ne(TOTAL, 0),), witness={w_1: 1, w_2: 1, w_3: 1},
    correction=r"centre of mass $=M_1(0)/M_0=\sum_im_ix_i/\sum_im_i$",
    sources=("Goldstein, Classical mechanics, section 1.2",),
    depends_on=("moments.reference-point",),
)
def mass_centroid() -> Checks:
    yield refutes(differs(
        "mass 2 at position 3", weighted_moment(((2, sympy.S(3)),), 1), sympy.S(3), at={},
        wrong={"the moment itself": sympy.S(6)},
    ))
    yield corrects(identity(
        "about M_1/M_0 the masses balance", weighted_moment(POINTS, 1, centre_of(POINTS)), 0,
        given=(Ne(TOTAL, 0),), wrong={"total mass": TOTAL},
    ))
    yield corrects(implies(
        "and about no other point",
        (Ne(TOTAL, 0), Eq(weighted_moment(POINTS, 1, c), 0)),
        Eq(c * TOTAL, weighted_moment(POINTS, 1)),
        wrong={"the moment undivided": Eq(c, weighted_moment(POINTS, 1))},
    ))
    yield corrects(implies(
        "any number of masses, where M_1(c) = M_1 - c M_0: it vanishes at M_1/M_0 only",
        (Ne(M[0], 0), Eq(M[1] - c * M[0], 0)), Eq(c, M[1] / M[0]),
        wrong={"the moment undivided": Eq(c, M[1])},
    ))
    yield corrects(implies(
        "moment and centre agree only for total mass 1 or a centre at the origin",
        (Ne(M[0], 0), Eq(M[1] * M[0], M[1])), Or(Eq(M[1], 0), Eq(M[0], 1)),
        wrong={"only for total mass 1": Eq(M[0], 1)},
    ))
    yield corrects(implies(
        "and in these two cases they do agree",
        (Ne(M[0], 0), Or(Eq(M[1], 0), Eq(M[0], 1))), Eq(M[1] / M[0], M[1]),
        wrong={"the centre is the origin": Eq(M[1] / M[0], 0)},
    ))


@claim(
    "moments.mass.inertia",
    lines="102",
    verdict="holds-if", severity="misleading",
    title="Second moment of masses as moment of inertia",
    statement=r"The second moment about the origin is the moment of inertia. True for masses on a "
    r"line or in a plane, about an axis through the origin perpendicular to it. In space the "
    r"distance from the axis counts: a unit mass at $(0,0,1)$ has second moment 1 and $I_z=0$.",
    assumptions=("all masses on a line, or in a plane, through the origin and perpendicular to "
                 "the axis",),
    correction=r"$I_z=\sum_im_i(x_i^2+y_i^2)$; about a point only "
    r"$\sum_im_i|r_i|^2=\tfrac12\operatorname{tr}I$",
    sources=("Goldstein, Classical mechanics, section 5.3",),
    depends_on=("moments.mass.inertia-trace",),
)
def mass_inertia() -> Checks:
    on_a_line = inertia_tensor(w_1, (x_1, 0, 0)) + inertia_tensor(w_2, (x_2, 0, 0))
    yield identity(
        "masses on the x axis, axis z", on_a_line[2, 2],
        weighted_moment(((w_1, x_1), (w_2, x_2)), 2),
        wrong={"axis x itself": on_a_line[0, 0]},
    )
    in_a_plane = inertia_tensor(w_1, (x_1, y_1, 0)) + inertia_tensor(w_2, (x_2, y_2, 0))
    yield identity(
        "masses in the x-y plane, axis z: the squared distances from the origin", in_a_plane[2, 2],
        w_1 * (x_1**2 + y_1**2) + w_2 * (x_2**2 + y_2**2), wrong={"axis x": in_a_plane[0, 0]},
    )
    yield invariant(
        "for any number of masses in the plane", inertia_sums(z=0), {I_Z: R_2},
        wrong={"twice": {I_Z: 2 * R_2}},
    )
    yield refutes(differs(
        "unit mass at (0, 0, 1), axis z: inertia 0, second moment about the origin 1",
        inertia_tensor(1, (0, 0, 1))[2, 2], sympy.S(1), at={},
        wrong={"squared distance from the axis": sympy.S(0)},
    ))


@claim(
    "moments.mass.inertia-trace",
    lines="102",
    verdict="holds",
    title="Trace of the inertia tensor (supplied)",
    statement=r"$\operatorname{tr}I=2\sum_im_i|r_i|^2$ for the tensor "
    r"$I=\sum_im_i(|r_i|^2\mathbb 1-r_ir_i^T)$: the second moment about a point is half the sum "
    r"of the three moments of inertia.",
    sources=("Goldstein, Classical mechanics, section 5.3",),
)
def inertia_trace() -> Checks:
    tensor = inertia_tensor(w_1, (x_1, y_1, z_1)) + inertia_tensor(w_2, (x_2, y_2, z_2))
    second = w_1 * (x_1**2 + y_1**2 + z_1**2) + w_2 * (x_2**2 + y_2**2 + z_2**2)
    yield identity("sum of the diagonal, mass by mass", tensor.trace(), 2 * second,
                   wrong={"factor 1": second, "factor 3": 3 * second})
    yield invariant("for any number of masses", inertia_sums(z_1), {TRACE: 2 * R_2},
                    wrong={"factor 3": {TRACE: 3 * R_2}})


@claim(
    "moments.raw-against-central",
    lines="102, 108",
    verdict="incomplete", severity="cosmetic",
    title="Second moment: about the origin for masses, central for heights",
    statement="The two parallel lists change the reference point of the second moment without a "
    "word; the parallel-axis identity connects the two.",
    supplied_by=("moments.parallel-axes",),
)
def raw_against_central() -> Checks:
    yield from ()


@claim(
    "moments.parallel-axes",
    lines="102, 108",
    verdict="holds",
    title="Second moments about two points (supplied)",
    statement=r"$M_2(c)=M_2(\bar x)+M_0(c-\bar x)^2$ with $\bar x=M_1(0)/M_0$, $M_0\neq0$: the "
    r"central second moment is the smallest when $M_0>0$.",
    assumptions=(Ne(TOTAL, 0),), witness={w_1: 1, w_2: 1, w_3: 1},
    sources=("Goldstein, Classical mechanics, section 5.3",),
)
def parallel_axes() -> Checks:
    centre = centre_of(POINTS)
    central = weighted_moment(POINTS, 2, centre)
    yield identity(
        "Steiner", weighted_moment(POINTS, 2, c), central + TOTAL * (c - centre) ** 2,
        given=(Ne(TOTAL, 0),),
        wrong={"no weight on the shift": central + (c - centre) ** 2,
               "a linear shift": central + TOTAL * (c - centre)},
    )
    yield invariant(
        "for any number of points: M_2(c) = M_2 - 2 c M_1 + c^2 M_0", SUMS,
        {AT[2]: M[2] - 2 * about * M[1] + about**2 * M[0]},
        wrong={"other sign": {AT[2]: M[2] + 2 * about * M[1] + about**2 * M[0]}},
    )
    def shifted(at: Expr) -> Expr:
        return M[2] - 2 * at * M[1] + at**2 * M[0]

    yield identity(
        "which is Steiner's rule", shifted(c), shifted(M[1] / M[0]) + M[0] * (c - M[1] / M[0]) ** 2,
        given=(Ne(M[0], 0),),
        wrong={"no weight on the shift": shifted(M[1] / M[0]) + (c - M[1] / M[0]) ** 2},
    )
    yield implies(
        "for a positive total no point has a smaller second moment",
        (TOTAL > 0, Eq(d * TOTAL, weighted_moment(POINTS, 1))),
        weighted_moment(POINTS, 2, c) >= weighted_moment(POINTS, 2, d),
        wrong={"always strictly": weighted_moment(POINTS, 2, c) > weighted_moment(POINTS, 2, d)},
    )
