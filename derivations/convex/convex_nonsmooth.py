r"""Convex and not smooth: minimal in every coordinate, and not minimal.

    f(x, y) = 2 |x - y| + |x|      at (1, 1): f = 1, larger at (1 + delta, 1) and (1, 1 + delta)
                                   for every delta != 0, and f(1 - s, 1 - s) = 1 - s for 0 <= s <= 1
    |x| + |y|                      not smooth, and minimal in every coordinate is minimal

The document shows a figure here that no reader has; this formula takes its place.
Source: Wright, Coordinate descent algorithms, 2015; Tseng 2001 (separability is what is missing).
"""

from collections.abc import Callable

from sympy import Abs, And, Eq, Expr, Max, Ne

from derivations.claim import Checks, claim, corrects, refutes
from derivations.convex.convex_sources import TSENG, WRIGHT
from derivations.prover.counterexample import counterexample
from derivations.prover.execution import token
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import real

x, y, x_1, x_2, y_1, y_2, s, delta = real("x y x_1 x_2 y_1 y_2 s delta")
p, q, f_x, f_y = real("p q f_x f_y")


def stuck(a: Expr, b: Expr) -> Expr:
    """The counterexample."""
    return 2 * Abs(a - b) + Abs(a)


# Its four affine pieces, the largest of which it is.
PIECES: tuple[Callable[..., Expr], ...] = tuple(
    lambda a, b, i=i, j=j: 2 * i * (a - b) + j * a for i in (1, -1) for j in (1, -1)
)


@claim(
    "convex.nonsmooth.answer",
    lines="176",
    verdict="holds",
    title="Convexity without smoothness is not enough",
    statement=r"$f(x,y)=2|x-y|+|x|$ is convex, cannot be improved at $(1,1)$ along either "
    r"coordinate, and is not minimal there: $f(1,1)=1$, $f(0,0)=0$.",
    sources=(TSENG, WRIGHT),
    depends_on=("convex.nonsmooth.strict", "convex.nonsmooth.minimum"),
)
def answer() -> Checks:
    yield implies(
        "f is the largest of four affine functions", (),
        Eq(stuck(x, y), Max(*(piece(x, y) for piece in PIECES))),
        wrong={"of two of them": Eq(stuck(x, y), Max(PIECES[0](x, y), PIECES[3](x, y)))},
    )
    for n, piece in enumerate(PIECES, 1):
        yield identity(
            f"piece {n} at a point between is the mean of its end values, at most that of f",
            piece((1 - s) * x_1 + s * y_1, (1 - s) * x_2 + s * y_2),
            (1 - s) * piece(x_1, x_2) + s * piece(y_1, y_2),
            wrong={"weights exchanged": s * piece(x_1, x_2) + (1 - s) * piece(y_1, y_2)},
        )
    yield implies(
        "so f at a point between is at most the chord: convex (p, q: a piece at the ends)",
        (s >= 0, s <= 1, p <= f_x, q <= f_y), (1 - s) * p + s * q <= (1 - s) * f_x + s * f_y,
        wrong={"strictly": (1 - s) * p + s * q < (1 - s) * f_x + s * f_y},
    )
    yield implies(
        "no step along a coordinate improves (1, 1)", (),
        And(stuck(1 + delta, 1) >= stuck(1, 1), stuck(1, 1 + delta) >= stuck(1, 1)),
        wrong={"nor along the diagonal": stuck(1 + delta, 1 + delta) >= stuck(1, 1)},
    )
    yield counterexample("(1, 1) is not minimal", stuck(x, y) >= 1,
                         wrong={"bounded by 0": stuck(x, y) >= 0}, at={x: 0, y: 0})


@claim(
    "convex.figure",
    lines="178",
    verdict="incomplete", severity="misleading",
    title="The counterexample is a figure that no reader has",
    statement="The only evidence for the negative answer is a picture that is not part of the "
    "document; no formula is given. One is supplied.",
    supplied_by=("convex.nonsmooth.answer", "convex.nonsmooth.strict",
                 "convex.nonsmooth.minimum"),
)
def figure() -> Checks:
    yield from ()


@claim(
    "convex.figure.path",
    lines="178",
    verdict="misprint", severity="cosmetic",
    title="A path on the author's disk",
    statement="The image is linked by an absolute path on a private disk: it shows to no one, and "
    "it "
    "gives away a user name. There is no text in place of the image.",
    correction="A relative path to a file beside the document, with a text that says what is "
    "shown.",
)
def figure_path() -> Checks:
    yield refutes(token("an absolute local path", 178, r"(C:\Users", "(images"))


@claim(
    "convex.figure.axes",
    lines="180",
    verdict="incomplete", severity="cosmetic",
    title="Steps along the axes make the function of the figure larger",
    statement="Said of a point and a function that only the missing figure shows. It is true of "
    "the function supplied, for every step.",
    supplied_by=("convex.nonsmooth.strict",),
)
def figure_axes() -> Checks:
    yield from ()


@claim(
    "convex.nonsmooth.strict",
    lines="180",
    verdict="holds",
    title="Every step along an axis makes the supplied function larger (supplied)",
    statement=r"$f(1+\delta,1)>f(1,1)$ and $f(1,1+\delta)>f(1,1)$ for every $\delta\ne0$, "
    r"$f=2|x-y|+|x|$; so $(1,1)$ is minimal in every coordinate.",
    assumptions=(Ne(delta, 0),), witness={delta: 1},
    sources=(TSENG,),
)
def strict() -> Checks:
    yield implies("along x", (Ne(delta, 0),), stuck(1 + delta, 1) > 1,
                  wrong={"by |delta| or more both ways, and 2": stuck(1 + delta, 1) >= 2})
    yield implies("along y", (Ne(delta, 0),), stuck(1, 1 + delta) > 1,
                  wrong={"along both": stuck(1 + delta, 1 + delta) > 1})
    yield identity("to the right and to the left, outright",
                   [stuck(1 + delta, 1), stuck(1, 1 + delta)], [1 + 3 * delta, 1 + 2 * delta],
                   given=(delta >= 0,), wrong={"one slope": [1 + 2 * delta, 1 + 2 * delta]})


@claim(
    "convex.figure.all-directions",
    lines="180",
    verdict="false", severity="misleading",
    title="Left, right, up and down as all directions",
    statement=r"The steps along the axes are said to cover all directions. They cover the $2n$ "
    r"directions $\pm e_i$; along $(-1,-1)$ the supplied function falls, $f(1-s,1-s)=1-s$ for "
    r"$0\le s\le1$, which is why the point is not minimal.",
    correction="all coordinate directions",
    sources=(WRIGHT,),
    depends_on=("convex.nonsmooth.answer",),
)
def all_directions() -> Checks:
    yield refutes(identity(
        "the function along (-1, -1)", stuck(1 - s, 1 - s), 1 - s, given=(s >= 0, s <= 1),
        wrong={"along (-1, 0)": stuck(1 - s, 1)},
    ))
    yield refutes(counterexample(
        "a direction that is no multiple of a unit vector, with a smaller value",
        stuck(1 + p, 1 + q) >= 1, given=(Ne(p, 0), Ne(q, 0)), at={p: -1, q: -1},
        wrong={"the opposite one": stuck(1 - p, 1 - q) >= 1},
    ))
    yield corrects(implies(
        "along every coordinate direction the value does not fall", (Eq(p * q, 0),),
        stuck(1 + p, 1 + q) >= 1,
        wrong={"and rises at twice the step": stuck(1 + p, 1 + q) >= 1 + 2 * Abs(p) + 2 * Abs(q)},
    ))


@claim(
    "convex.nonsmooth.minimum",
    lines="180",
    verdict="holds",
    title="The minimum is elsewhere (supplied)",
    statement=r"$f=2|x-y|+|x|$ has its only minimum at $(0,0)$, with value 0; the point in "
    r"question "
    r"is not minimal, nor locally so. The line says this of the missing figure.",
    sources=(TSENG,),
)
def minimum() -> Checks:
    yield implies("0, the value at the origin, is a lower bound", (),
                  stuck(x, y) >= stuck(0, 0),
                  wrong={"1 is": stuck(x, y) >= 1})
    yield implies("value 0 means the origin", (Eq(stuck(x, y), 0),), And(Eq(x, 0), Eq(y, 0)),
                  wrong={"means (1, 1)": And(Eq(x, 1), Eq(y, 1))})
    yield implies("arbitrarily near (1, 1) there are smaller values", (s > 0, s <= 1),
                  stuck(1 - s, 1 - s) < stuck(1, 1),
                  wrong={"on one axis": stuck(1 - s, 1) < stuck(1, 1)})


@claim(
    "convex.outside",
    lines="182",
    verdict="not-mathematical", severity="cosmetic",
    title="Without convexity it is not convex optimisation",
    statement=r"True by the meaning of the words. The implication itself can hold without "
    r"convexity, as for $\sum_if_i(x_i)$ with any $f_i$.",
)
def outside() -> Checks:
    yield implies(
        "a sum of functions of one variable each, minimal in each, is minimal",
        (p <= x, q <= y), p + q <= x + y, wrong={"strictly": p + q < x + y},
    )


@claim(
    "convex.smooth-not-necessary",
    lines="182",
    verdict="holds",
    title="Smoothness is not necessary",
    statement=r"$|x|+|y|$ is not differentiable at 0, and a point minimal in every coordinate is "
    r"minimal.",
    sources=(TSENG,),
)
def smooth_not_necessary() -> Checks:
    f = Abs(x) + Abs(y)
    yield implies(
        "minimal against the moves to x = 0 and to y = 0: minimal against every point",
        (f <= Abs(y), f <= Abs(x)), f <= Abs(x_1) + Abs(x_2),
        wrong={"strictly": f < Abs(x_1) + Abs(x_2)},
    )
    yield implies("the difference quotients at 0 are 1 and -1: no derivative", (delta > 0,),
                  And(Eq(Abs(delta) / delta, 1), Eq(Abs(-delta) / -delta, -1)),
                  wrong={"one value": Eq(Abs(delta) / delta, Abs(-delta) / -delta)})
