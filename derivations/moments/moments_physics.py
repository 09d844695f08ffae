r"""Moments of weighted points, and what physics calls a moment.

    M_k(c)  = sum_i w_i (x_i - c)^k          moment of order k about c, weights w_i at positions x_i
    centre  = M_1(0) / M_0                   the point about which the first moment vanishes
    |r x F|^2 + (r . F)^2 = |r|^2 |F|^2                            (Lagrange; torque r x F)

Source: Goldstein, Classical mechanics, chapters 1 and 5.
"""

from collections.abc import Sequence
from fractions import Fraction

import sympy
from sympy import Eq, Expr, Or

from derivations.claim import Checks, claim, corrects, refutes
from derivations.prover.counterexample import differs
from derivations.prover.execution import evaluates
from derivations.prover.induction import Recursion, invariant
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import Quantity, real

c, d = real("c d")
w_1, w_2, w_3, x_1, x_2, x_3 = real("w_1 w_2 w_3 x_1 x_2 x_3")
F_x, F_y, F_z, r_x, r_y, r_z = real("F_x F_y F_z r_x r_y r_z")
POINTS = ((w_1, x_1), (w_2, x_2), (w_3, x_3))
TOTAL = w_1 + w_2 + w_3

# Any number of points, one a step (weight w at p): M[k] about the origin, AT[k] about the centre.
w, p, centre = real("w p centre")
M, AT = real("M_0 M_1 M_2 M_3"), real("AT_0 AT_1 AT_2 AT_3")
SUMS = Recursion(
    start={centre: c, **{total: sympy.S.Zero for total in (*M, *AT)}},
    step={centre: centre, **{M[k]: M[k] + w * p**k for k in range(4)},
          **{AT[k]: AT[k] + w * (p - centre) ** k for k in range(4)}},
)


def weighted_moment(
    points: Sequence[tuple[Quantity, Expr]], order: int, centre: Quantity = 0
) -> Quantity:
    """M_order(centre) of pairs (weight, position); 0**0 is 1, so order 0 is the total."""
    return sum(w * (x - centre) ** order for w, x in points)


def centre_of(points: Sequence[tuple[Expr, Expr]]) -> Expr:
    """The point about which the first moment vanishes."""
    return weighted_moment(points, 1) / weighted_moment(points, 0)


def cross(a: Sequence[Expr], b: Sequence[Expr]) -> tuple[Expr, ...]:
    """The components of the cross product."""
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


@claim(
    "moments.headings",
    lines="94-95, 110",
    verdict="not-mathematical", severity="cosmetic",
    title="Headings for the physical and the mathematical meaning",
    statement="Three bold headings; the first has no text of its own and runs into the second.",
)
def headings() -> Checks:
    yield from ()


@claim(
    "moments.product",
    lines="96",
    verdict="holds-if", severity="misleading",
    title="A moment as the product of a quantity and a distance",
    statement=r"A moment is a quantity multiplied by a distance. That is order 1, and only with "
    r"the "
    r"signed coordinate: $M_1(c)=\sum_iw_i(x_i-c)$ equals $\sum_iw_i|x_i-c|$ when all points lie "
    r"at or beyond $c$ ($x_i\ge c$; with all $x_i\le c$ it is the negative). Order 0 has no "
    r"distance and order 2 its square, as the lists after it use.",
    assumptions=("order 1", x_1 >= c, x_2 >= c, x_3 >= c),
    witness={x_1: 1, x_2: 2, x_3: 3, c: 0},
    correction=r"$M_k(c)=\sum_iw_i(x_i-c)^k$: the quantity times the $k$-th power of the "
    r"coordinate measured from $c$.",
    sources=("Goldstein, Classical mechanics",),
)
def product() -> Checks:
    signed = weighted_moment(POINTS, 1, c)
    distances = sum(w * sympy.Abs(x - c) for w, x in POINTS)
    yield identity(
        "with every point at or beyond c, coordinates and distances give one first moment",
        distances, signed, given=(x_1 >= c, x_2 >= c, x_3 >= c),
        wrong={"squared distances": weighted_moment(POINTS, 2, c)},
    )
    yield identity(
        "with every point at or below c, the negative",
        distances, -signed, given=(x_1 <= c, x_2 <= c, x_3 <= c), wrong={"no sign": signed},
    )
    yield refutes(evaluates(
        "unit masses at -1 and 1: the first moment about 0 is 0, mass times distance adds up to 2",
        lambda: (weighted_moment(((1, -1), (1, 1)), 1), abs(-1) + abs(1)), (0, 2),
        wrong={"both at 1": lambda: (weighted_moment(((1, 1), (1, 1)), 1), 2)},
    ))


@claim(
    "moments.single-moment",
    lines="96, 112",
    verdict="not-mathematical", severity="cosmetic",
    title="Moments as a description of how something is spread in space",
    statement="A moment describes the spatial spread of a body or a set of points. Fair as a "
    "description, but a few moments do not determine the distribution: two different sets of "
    "weights share the moments of orders 0, 1, 2 and 3.",
)
def single_moment() -> Checks:
    half, eighth = Fraction(1, 2), Fraction(1, 8)
    two = ((half, -1), (half, 1))
    three = ((eighth, -2), (Fraction(3, 4), 0), (eighth, 2))
    yield evaluates(
        "the first four moments agree, the one of order 4 does not",
        lambda: tuple(weighted_moment(two, k) - weighted_moment(three, k) for k in range(5)),
        (Fraction(0), Fraction(0), Fraction(0), Fraction(0), Fraction(-3)),
        wrong={"the same weights twice": lambda: tuple(Fraction(0) for _ in range(5))},
    )


@claim(
    "moments.reference-point",
    lines="96",
    verdict="holds",
    title="A moment usually needs a reference point",
    statement=r"The first moment depends on the point of reference: $M_1(c)=M_1(0)-c\,M_0$. It is "
    r"free of it exactly when the total $M_0$ vanishes, as for an electric dipole; $M_0$ always "
    r"is.",
    sources=("Goldstein, Classical mechanics",),
)
def reference_point() -> Checks:
    yield identity(
        "shift of the first moment", weighted_moment(POINTS, 1, c),
        weighted_moment(POINTS, 1) - c * TOTAL,
        wrong={"no dependence": weighted_moment(POINTS, 1),
               "shift of the wrong sign": weighted_moment(POINTS, 1) + c * TOTAL},
    )
    yield invariant(
        "for any number of points", SUMS, {AT[1]: M[1] - centre * M[0], AT[0]: M[0]},
        wrong={"other sign": {AT[1]: M[1] + centre * M[0], AT[0]: M[0]},
               "no total": {AT[1]: M[1] - centre, AT[0]: M[0]}},
    )
    yield implies(
        "two reference points agree only where the total is 0 or they are one point",
        (Eq(weighted_moment(POINTS, 1, c), weighted_moment(POINTS, 1, d)),),
        Or(Eq(TOTAL, 0), Eq(c, d)), wrong={"only where they are one point": Eq(c, d)},
    )


@claim(
    "moments.measure-word",
    lines="112",
    verdict="definition", severity="cosmetic",
    title="A moment called a measure of a set of points",
    statement=r"A moment is called a measure, by the word of measure theory, of a model made of "
    r"points. It is a number, negative at times, and points have none before each carries a "
    r"weight: at $x=-1,1$ the weights $(1,1)$ give $M_1(0)=0$ and $(3,1)$ give $-2$. What line 113 "
    r"then defines belongs to random variables, whose weights are probabilities.",
    correction="A moment is a number that describes how weights are distributed over points, or "
    "the probability of a random variable over its values.",
)
def measure_word() -> Checks:
    yield evaluates(
        "two points, two systems of weights, two first moments, one of them negative",
        lambda: tuple(weighted_moment(((w_left, -1), (1, 1)), 1) for w_left in (1, 3)), (0, -2),
        wrong={"distances for coordinates": lambda: tuple(
            weighted_moment(((w_left, 1), (1, 1)), 1) for w_left in (1, 3))},
    )


@claim(
    "moments.reference-frame",
    lines="96",
    verdict="definition", severity="cosmetic",
    title="Reference point glossed as a frame of reference",
    statement="The reference point is glossed as a base point or a frame of reference. The two "
    "are not the same: a frame is an origin with axes, and distances from the origin are the same "
    "in every turned frame, while another origin changes them.",
    correction="参考点（基点、原点）: a point; axes matter only where coordinates or an axis do.",
    sources=("Goldstein, Classical mechanics, chapter 4",),
)
def reference_frame() -> Checks:
    angle = real("angle")
    turned = (sympy.cos(angle) * r_x - sympy.sin(angle) * r_y,
              sympy.sin(angle) * r_x + sympy.cos(angle) * r_y)
    yield identity(
        "turned axes: the same squared distance from the origin",
        turned[0] ** 2 + turned[1] ** 2, r_x**2 + r_y**2,
        wrong={"another origin": (r_x - c) ** 2 + r_y**2, "one coordinate": r_x**2},
    )


@claim(
    "moments.torque",
    lines="96",
    verdict="holds-if", severity="misleading",
    title="Torque as force times distance from the reference point",
    statement=r"The torque is the force times the distance from the reference point. True only "
    r"when "
    r"the force is perpendicular to the arm: $|r\times F|^2=|r|^2|F|^2-(r\cdot F)^2$.",
    assumptions=(Eq(r_x * F_x + r_y * F_y + r_z * F_z, 0),),
    witness={r_x: 1, r_y: 0, r_z: 0, F_x: 0, F_y: 1, F_z: 0},
    correction=r"$\tau=r\times F$, $|\tau|=|r|\,|F|\sin\varphi$: force times lever arm, the "
    r"perpendicular distance of the line of action.",
    sources=("Goldstein, Classical mechanics, section 1.1",),
)
def torque() -> Checks:
    r, f = (r_x, r_y, r_z), (F_x, F_y, F_z)
    squared = sum(t * t for t in cross(r, f))
    inner = sum(a * b for a, b in zip(r, f, strict=True))
    lengths = sum(a * a for a in r) * sum(a * a for a in f)
    yield identity(
        "Lagrange's identity", squared, lengths - inner**2, wrong={"without the dot": lengths},
    )
    yield implies(
        "perpendicular: the squared torque is the squared product of the lengths (in the plane)",
        (Eq(r_x * F_x + r_y * F_y, 0),),
        Eq((r_x * F_y - r_y * F_x) ** 2, (r_x**2 + r_y**2) * (F_x**2 + F_y**2)),
        wrong={"half of it": Eq(2 * (r_x * F_y - r_y * F_x) ** 2,
                                (r_x**2 + r_y**2) * (F_x**2 + F_y**2))},
    )
    yield refutes(differs(
        "unit force along a unit arm: the product of the lengths is 1, the torque 0",
        squared, lengths, at={r_x: 1, r_y: 0, r_z: 0, F_x: 1, F_y: 0, F_z: 0},
        wrong={"with the perpendicular part": lengths - inner**2},
    ))


# Exponents of (mass, length, time, charge).
MASS, LENGTH, FORCE, CHARGE = (1, 0, 0, 0), (0, 1, 0, 0), (1, 1, -2, 0), (0, 0, 0, 1)
TORQUE = (1, 2, -2, 0)


def times(a: Sequence[int], b: Sequence[int]) -> tuple[int, ...]:
    """Dimensions multiply by adding exponents."""
    return tuple(i + j for i, j in zip(a, b, strict=True))


@claim(
    "moments.any-quantity",
    lines="96",
    verdict="false", severity="misleading",
    title="Any quantity multiplied by a distance gives a torque",
    statement="Mass, charge or any quantity times a distance produces a torque. The word should be "
    "moment: the products do not even have the dimension of a torque.",
    correction="A quantity times a coordinate is the first moment of that quantity; only the "
    "moment "
    "of a force, with the perpendicular distance, is a torque.",
    sources=("BIPM, The International System of Units",),
)
def any_quantity() -> Checks:
    yield refutes(evaluates(
        "mass times length and charge times length do not have the dimension of a torque",
        lambda: (times(MASS, LENGTH) == TORQUE, times(CHARGE, LENGTH) == TORQUE), (False, False),
        wrong={"force times length": lambda: (times(FORCE, LENGTH) == TORQUE,) * 2},
    ))
    yield corrects(evaluates(
        "force times length does", lambda: times(FORCE, LENGTH), TORQUE,
        wrong={"mass times length": lambda: times(MASS, LENGTH)},
    ))


@claim(
    "moments.point-values",
    lines="98, 104",
    verdict="definition", severity="cosmetic",
    title="Values attached to points: masses, heights",
    statement=r"Each point $x_i$ carries a value $w_i$. For masses, and wherever a centre is "
    r"meant, $w_i\ge0$ with $\sum_iw_i>0$, which the text leaves unsaid: with $w=(1,-1)$ at "
    r"$x=(1,0)$ the "
    r"total is 0 and no centre exists.",
    sources=("Goldstein, Classical mechanics",),
)
def point_values() -> Checks:
    yield evaluates(
        "total 0, first moment 1: no point is a centre",
        lambda: (weighted_moment(((1, 1), (-1, 0)), 0), weighted_moment(((1, 1), (-1, 0)), 1)),
        (0, 1), wrong={"both weights 1": lambda: (weighted_moment(((1, 1), (1, 0)), 0), 1)},
    )
