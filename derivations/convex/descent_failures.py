r"""Where coordinate descent does not arrive: three examples, each with unique coordinate minima.

    2 |x - y| + |x|                            convex, not smooth: stays at (1, 1), minimum at 0
    (x - y)^2 - x                              convex, smooth, no minimum: runs away
    -(xy + yz + zx) + sum (|x_i| - 1)_+^2      smooth, not convex: cycles, no limit is stationary

Source: Powell, On search directions for minimization algorithms, Math. Program. 4, 1973, 193-201.
"""

import sympy
from sympy import Abs, And, Eq, Expr, Max, Ne, Rational

from derivations.claim import Checks, claim
from derivations.convex.convex_nonsmooth import stuck
from derivations.convex.convex_sources import TSENG
from derivations.prover.counterexample import counterexample
from derivations.prover.induction import Recursion, invariant
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import real

x, y, z, t, a, k, e = real("x y z t a k e")
POWELL = "Powell, Math. Program. 4, 193-201, 1973"


@claim(
    "descent.stuck",
    lines="176, 203",
    verdict="holds",
    title="Convex without smoothness: the iteration stops short (supplied)",
    statement=r"On $f=2|x-y|+|x|$ the unique minimiser over $x$ is $y$, over $y$ it is $x$: from "
    r"$(1,1)$ every iterate is $(1,1)$, where $f=1$, and $\min f=0$.",
    sources=(TSENG,),
    depends_on=("convex.nonsmooth.answer",),
    code=("core.coordinate_descent.coordinate_descent",),
)
def stuck_iteration() -> Checks:
    yield implies("over x, any other point is worse", (Ne(x, y),), stuck(x, y) > stuck(y, y),
                  wrong={"by as much as 3 |x - y|": stuck(x, y) >= stuck(y, y) + 3 * Abs(x - y)})
    yield implies("over y too", (Ne(x, y),), stuck(x, y) > stuck(x, x),
                  wrong={"the point 0 is better": stuck(x, y) > stuck(x, 0)})
    yield invariant(
        "so after every number of sweeps from (1, 1)",
        Recursion(start={k: sympy.S.Zero, x: sympy.S.One, y: sympy.S.One},
                  step={k: k + 1, x: y, y: y}),
        {x: sympy.S.One, y: sympy.S.One},
        wrong={"reaches the minimum": {x: sympy.S.Zero, y: sympy.S.Zero},
               "halves": {x: 1 - k / 2, y: 1 - k / 2}},
    )
    yield counterexample("the minimum is smaller", stuck(x, y) >= 1, at={x: 0, y: 0},
                         wrong={"bound 0": stuck(x, y) >= 0})


@claim(
    "descent.runs-away",
    lines="203",
    verdict="holds",
    title="Convex and smooth without a minimum: the iterates run away (supplied)",
    statement=r"$f=(x-y)^2-x$ is convex and smooth, every coordinate step has one minimiser, "
    r"$x\gets y+\frac12$, $y\gets x$, and from $(0,0)$ the iterates are $(\frac k2,\frac k2)$ with "
    r"$f=-\frac k2$.",
    sources=(TSENG,),
)
def runs_away() -> Checks:
    f = (x - y) ** 2 - x
    yield implies(
        "both coordinate minimisers",
        (), And(f >= f.subs(x, y + Rational(1, 2)), f >= f.subs(y, x)),
        wrong={"x at y": f >= f.subs(x, y)},
    )
    yield implies("the minimiser over x is unique", (f <= f.subs(x, y + Rational(1, 2)),),
                  Eq(x, y + Rational(1, 2)), wrong={"y": Eq(x, y)})
    yield implies("and so is the one over y", (f <= f.subs(y, x),), Eq(y, x),
                  wrong={"x + 1/2": Eq(y, x + Rational(1, 2))})
    chord = (1 - t) * f + t * f.subs({x: a, y: e}, simultaneous=True)
    on_it = f.subs({x: (1 - t) * x + t * a, y: (1 - t) * y + t * e}, simultaneous=True)
    yield identity(
        "convex: the chord lies above f, by t (1 - t) times a square", chord - on_it,
        t * (1 - t) * ((x - y) - (a - e)) ** 2,
        wrong={"none, as for a plane": 0, "below": -t * (1 - t) * ((x - y) - (a - e)) ** 2},
    )
    yield invariant(
        "the iterates, for every k",
        Recursion(start={k: sympy.S.Zero, x: sympy.S.Zero, y: sympy.S.Zero},
                  step={k: k + 1, x: y + Rational(1, 2), y: y + Rational(1, 2)}),
        {x: k / 2, y: k / 2}, wrong={"a step of 1": {x: k, y: k}},
    )
    yield identity("f at the iterates", f.subs({x: k / 2, y: k / 2}), -k / 2,
                   wrong={"k / 2": k / 2})
    yield implies("no point is stationary in both coordinates", (Eq(sympy.diff(f, y), 0),),
                  Ne(sympy.diff(f, x), 0), wrong={"each is in x": Eq(sympy.diff(f, x), 0)})


def powell(u: int, v: Expr, w: int) -> Expr:
    """Powell's function."""
    return -(u * v + v * w + w * u) + sum(Max(Abs(s) - 1, 0) ** 2 for s in (u, v, w))


def powell_minimiser(others: Expr) -> Expr:
    """The minimiser over one coordinate, where the other two add up to ``others`` != 0."""
    return others / Abs(others) + others / 2


def powell_sweep(u: Expr, v: Expr, w: Expr) -> tuple[Expr, ...]:
    """One sweep."""
    u = powell_minimiser(v + w)
    v = powell_minimiser(u + w)
    return u, v, powell_minimiser(u + v)


def signed_sweep(sign: int, u: Expr, v: Expr, w: Expr) -> tuple[Expr, ...]:
    """One sweep whose sums of two coordinates have the signs +, -, + times ``sign``."""
    u = sign + (v + w) / 2
    v = -sign + (u + w) / 2
    return u, v, sign + (u + v) / 2


def corner(size: Expr) -> tuple[Expr, ...]:
    """Powell's starting point, at a distance of order ``size`` from a corner of the cube."""
    return (-1 - size, 1 + size / 2, -1 - size / 4)


@claim(
    "descent.powell-cycle",
    lines="203",
    verdict="holds",
    title="Smooth and not convex: the iterates cycle (supplied)",
    statement=r"$f=-(xy+yz+zx)+\sum_i(|x_i|-1)_+^2$ is continuously differentiable. From "
    r"$P(e)=(-1-e,1+\frac e2,-1-\frac e4)$ one sweep leads to $-P(\frac e8)$, for every $e>0$: the "
    r"iterates circle around corners of the cube, where $\partial f/\partial y=2$ at $(-1,1,-1)$.",
    assumptions=(e > 0,), witness={e: 1},
    sources=(POWELL,),
)
def powell_cycle() -> Checks:
    along = -a * t + Max(Abs(t) - 1, 0) ** 2
    for name, sign, best in (("positive", a > 0, 1 + a / 2), ("negative", a < 0, -1 + a / 2)):
        yield implies(
            f"over one coordinate, others adding up to a {name}: minimal there",
            (sign,), along >= along.subs(t, best), wrong={"at the corner": along >= along.subs(
                t, best - a / 2)},
        )
    half = powell_sweep(*corner(e))
    yield identity(
        "one sweep from P(e)", list(half), [-s for s in corner(e / 8)], given=(e > 0,),
        wrong={"returns": list(corner(e / 8)), "e / 4": [-s for s in corner(e / 4)]},
    )
    there_and_back = signed_sweep(-1, *signed_sweep(1, x, y, z))
    yield identity(
        "the same sweep with the signs that occur there, and its mirror image",
        [*signed_sweep(1, *corner(e)), *signed_sweep(-1, *(-s for s in corner(e)))],
        [*half, *(-s for s in half)], given=(e > 0,),
        wrong={"signs exchanged": [*signed_sweep(-1, *corner(e)), *(-s for s in half)]},
    )
    closed = dict(zip((x, y, z), corner(e), strict=True))
    yield invariant(
        "after every even number of sweeps from P(1): near the corner (-1, 1, -1)",
        Recursion(start={e: sympy.S.One, **dict(zip((x, y, z), corner(sympy.S.One), strict=True))},
                  step={e: e / 64, **dict(zip((x, y, z), there_and_back, strict=True))},
                  domain=(e > 0,)),
        closed, wrong={"the opposite corner": {s: -v for s, v in closed.items()}},
    )
    yield implies(
        "the derivative in y, -(x + z) + 2 (y - 1) where y > 1, is above 2 at every P(e)",
        (e > 0, Eq(x, -1 - e), Eq(y, 1 + e / 2), Eq(z, -1 - e / 4)), -(x + z) + 2 * (y - 1) > 2,
        wrong={"vanishes": Eq(-(x + z) + 2 * (y - 1), 0)},
    )
    yield counterexample(
        "and a step in y from the corner improves the function",
        powell(-1, t, -1) >= powell(-1, 1, -1), at={t: 0},
        wrong={"upwards": powell(-1, t + 2, -1) >= powell(-1, 1, -1)},
    )
