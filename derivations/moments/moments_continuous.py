r"""Moments of continuous variables: with the density, which the document leaves out.

    E (X - c)^k               = int (x - c)^k f(x) dx
    E (X - x_0)^p (Y - y_0)^q = iint (x - x_0)^p (y - y_0)^q f(x, y) dx dy

Integrals here are of polynomials: each comes as a primitive that is differentiated back.
Source: Casella & Berger, Statistical inference, sections 2.2, 2.3 and 4.5.
"""

import sympy
from sympy import Eq, Expr, Rational

from derivations.claim import Check, Checks, claim, corrects, refutes
from derivations.moments.moments import LAW, moment
from derivations.moments.moments_physics import AT, SUMS, centre
from derivations.moments.moments_physics import M as SUMS_M
from derivations.prover.counterexample import differs
from derivations.prover.execution import token
from derivations.prover.induction import invariant
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import real

x, a, c, L, R, M = real("x a c L R M")
x_1, x_2, p_1 = real("x_1 x_2 p_1")
TWO = ((p_1, x_1), (1 - p_1, x_2))
BOOK = "Casella & Berger, Statistical inference"


def primitive_of_power(order: int, centre: Expr) -> Expr:
    """A primitive of (x - centre)^order in x."""
    return (x - centre) ** (order + 1) / (order + 1)


def without_density(order: int, centre: Expr, low: Expr, high: Expr) -> Expr:
    """The document's integral of (x - centre)^order over an interval."""
    primitive = primitive_of_power(order, centre)
    return primitive.subs(x, high) - primitive.subs(x, low)


def uniform_moment(order: int, centre: Expr, length: Expr) -> Expr:
    """E (X - centre)^order for X uniform on [0, length]: the integral times the density."""
    return without_density(order, centre, 0, length) / length


def differentiated_back() -> Check:
    """The primitive is one, for the orders used here."""
    return identity(
        "the primitives, differentiated back (orders 0 to 3)",
        [sympy.diff(primitive_of_power(n, c), x) for n in range(4)],
        [(x - c) ** n for n in range(4)],
        wrong={"one order up": [(x - c) ** (n + 1) for n in range(4)]},
    )


@claim(
    "moments.continuous.density",
    lines="119",
    verdict="false", severity="wrong-result",
    title="Continuous moment without a density",
    statement=r"For continuous $X$ the moment about $c$ is $\int(x-c)^kdx$. Over the line this "
    r"exceeds every bound for $k=2$, and for $k=1$ the value over $[-R,S]$ depends on how $R$ and "
    r"$S$ grow; over the support it is wrong: for $X$ uniform on $[0,2]$, $k=1$, $c=0$ it gives 2, "
    r"and $EX=1$.",
    assumptions=(L > 0,), witness={L: 2},
    correction=r"$\int_{\mathbb R}(x-c)^kf_X(x)\,dx$, provided "
    r"$\int_{\mathbb R}|x-c|^kf_X(x)\,dx<\infty$",
    sources=(f"{BOOK}, definition 2.2.1",),
    depends_on=("moments.continuous.with-density",),
)
def density() -> Checks:
    yield differentiated_back()
    yield refutes(differs(
        "uniform on [0, 2]: without the density 2, the mean is 1",
        without_density(1, 0, 0, 2), uniform_moment(1, 0, sympy.S(2)), at={},
        wrong={"the undivided integral": sympy.S(2)},
    ))
    yield refutes(implies(
        "order 2 over [-R, R]: beyond every bound M, from R = M + 1 on",
        (M >= 1, Eq(R, M + 1)), without_density(2, c, -R, R) > M,
        wrong={"bounded by 1": without_density(2, c, -R, R) < 1},
    ))
    yield refutes(identity(
        "order 1 over [-R, R] is -2 c R, over [-R, R + a] another number for every a",
        [without_density(1, c, -R, R), without_density(1, 0, -R, R + a)],
        [-2 * c * R, a * R + a**2 / 2],
        wrong={"0 by symmetry": [-2 * c * R, 0], "0 about every c": [0, a * R + a**2 / 2]},
    ))
    yield corrects(identity(
        "with the density 1/L on [0, L] the mean is the middle", uniform_moment(1, 0, L), L / 2,
        given=(L > 0,), wrong={"without it": L**2 / 2},
    ))


@claim(
    "moments.continuous.with-density",
    lines="119",
    verdict="holds",
    title="Moments of the uniform law, with its density (supplied)",
    statement=r"With the definition $E\,g(X)=\int gf\,dx$: for $X$ uniform on $[0,L]$, where "
    r"$f=1/L$, the total is 1, the mean $L/2$, the variance $L^2/12$, and "
    r"$E(X-c)^2=\mathrm{Var}X+(EX-c)^2$.",
    assumptions=(L > 0,), witness={L: 2},
    sources=(f"{BOOK}, sections 2.2 and 3.3",),
)
def with_density() -> Checks:
    yield differentiated_back()
    yield identity("total", uniform_moment(0, c, L), 1, given=(L > 0,), wrong={"length": L})
    yield identity("mean", uniform_moment(1, 0, L), L / 2, given=(L > 0,),
                   wrong={"undivided": L**2 / 2})
    yield identity("variance", uniform_moment(2, L / 2, L), L**2 / 12, given=(L > 0,),
                   wrong={"raw": L**2 / 3, "undivided": L**3 / 12})
    yield identity(
        "about any point", uniform_moment(2, c, L), L**2 / 12 + (L / 2 - c) ** 2, given=(L > 0,),
        wrong={"no shift": L**2 / 12},
    )
    yield implies(
        "and the density keeps the second moment about c non-negative",
        (L > 0,), uniform_moment(2, c, L) > 0, wrong={"first moment": uniform_moment(1, c, L) > 0},
    )


@claim(
    "moments.continuous.domain",
    lines="119",
    verdict="misprint", severity="misleading",
    title="The order printed where the domain of integration belongs",
    statement=r"The integral signs carry $k$ and $p+q$ as subscripts, the place of the domain of "
    r"integration.",
    correction=r"$\int_{\mathbb R}$ and $\iint_{\mathbb R^2}$",
)
def domain() -> Checks:
    yield refutes(token("single integral", 119, r"\int_k", r"\int_{\mathbb R}"))
    yield refutes(token("double integral", 119, r"\iint_{p+q}", r"\iint_{\mathbb R^2}"))


@claim(
    "moments.continuous.raw-name",
    lines="119",
    verdict="misprint", severity="misleading",
    title="A moment about a general point called raw",
    statement=r"The moment about $c$ is called the raw moment about $c$, while raw means $c=0$. "
    r"For "
    r"$X=1$ and $c=1$ the two are 0 and 1.",
    correction=r"the moment of order $k$ about $c$",
    sources=(f"{BOOK}, definition 2.3.1",),
)
def raw_name() -> Checks:
    one = ((1, sympy.S.One),)
    yield refutes(differs("X = 1: about 1 and about 0", moment(one, 1, 1), moment(one, 1), at={},
                          wrong={"about 1": moment(one, 1, 1)}))


@claim(
    "moments.continuous.joint-density",
    lines="119",
    verdict="false", severity="wrong-result",
    title="Continuous mixed moment without a joint density",
    statement=r"The mixed moment is $\iint(x-x_0)^p(y-y_0)^q\,dxdy$. For $(X,Y)$ uniform on "
    r"$[0,2]^2$, $p=q=1$, $x_0=y_0=0$ it gives 4, and $EXY=1$.",
    correction=r"$\iint_{\mathbb R^2}(x-x_0)^p(y-y_0)^qf_{X,Y}(x,y)\,dx\,dy$",
    sources=(f"{BOOK}, section 4.1",),
)
def joint_density() -> Checks:
    yield differentiated_back()
    yield refutes(differs(
        "on the square of side 2 the integral is a product of two",
        without_density(1, 0, 0, 2) ** 2, uniform_moment(1, 0, sympy.S(2)) ** 2, at={},
        wrong={"4": sympy.S(4)},
    ))
    yield corrects(identity(
        "with the density 1/L^2 on the square: the product of the means",
        without_density(1, 0, 0, L) ** 2 / L**2, (L / 2) ** 2, given=(L > 0,),
        wrong={"density of one variable": L**3 / 4},
    ))


@claim(
    "moments.continuous.joint-centre",
    lines="119",
    verdict="misprint", severity="misleading",
    title="Central, about a point that does not occur",
    statement=r"The mixed moment about $(x_0,y_0)$ is called central about $c$. No $c$ occurs, "
    r"$x_0,y_0$ are not introduced, and central means $x_0=EX$, $y_0=EY$: $X=Y$ uniform on $[0,2]$ "
    r"has $4/3$ about 0 and $1/3$ about the means.",
    correction=r"mixed moment of order $(p,q)$ about $(x_0,y_0)$; central for $x_0=EX$, $y_0=EY$",
    sources=(f"{BOOK}, section 4.5",),
)
def joint_centre() -> Checks:
    two = sympy.S(2)
    yield refutes(differs("about 0 and about the mean", uniform_moment(2, 0, two),
                          uniform_moment(2, 1, two), at={}, wrong={"4/3": Rational(4, 3)}))
    yield corrects(identity(
        "the two values", [uniform_moment(2, 0, two), uniform_moment(2, 1, two)],
        [Rational(4, 3), Rational(1, 3)], wrong={"exchanged": [Rational(1, 3), Rational(4, 3)]},
    ))


@claim(
    "moments.continuous.two-definitions",
    lines="113, 119",
    verdict="false", severity="misleading",
    title="Two definitions, with and without absolute value",
    statement=r"Discrete variables have the moment with an absolute value, continuous ones "
    r"without, "
    r"under one name. The two differ for odd orders: on $[-1,1]$, order 1, $1/2$ against 0.",
    correction=r"$E[(X-c)^k]$ for every kind of variable",
    sources=(f"{BOOK}, definition 2.3.1",),
)
def two_definitions() -> Checks:
    signed = without_density(1, 0, -1, 1) / 2
    absolute = (without_density(1, 0, 0, 1) - without_density(1, 0, -1, 0)) / 2
    yield refutes(differs("uniform on [-1, 1], order 1", absolute, signed, at={},
                          wrong={"by symmetry": without_density(1, 0, 0, 1)}))
    yield corrects(identity(
        "one formula for a discrete law too", moment(LAW, 2, c),
        moment(LAW, 2) - 2 * c * moment(LAW, 1) + c**2, wrong={"absolute": moment(LAW, 2) + c**2},
    ))


@claim(
    "moments.essence",
    lines="119",
    verdict="holds",
    title="A moment is an expectation",
    statement=r"The moment of order $k$ about $c$ is the expectation of $(X-c)^k$; by linearity "
    r"$E(X-c)^3=EX^3-3c\,EX^2+3c^2EX-c^3$, discrete or continuous.",
    sources=(f"{BOOK}, definition 2.3.1 and theorem 2.2.5",),
)
def essence() -> Checks:
    yield identity(
        "a law of three values, order 3", moment(LAW, 3, c),
        moment(LAW, 3) - 3 * c * moment(LAW, 2) + 3 * c**2 * moment(LAW, 1) - c**3,
        wrong={"plus c^3": moment(LAW, 3) - 3 * c * moment(LAW, 2)
               + 3 * c**2 * moment(LAW, 1) + c**3},
    )
    raised = SUMS_M[3] - 3 * centre * SUMS_M[2] + 3 * centre**2 * SUMS_M[1]
    yield invariant(
        "any number of values, with weights of sum M_0", SUMS,
        {AT[3]: raised - centre**3 * SUMS_M[0]},
        wrong={"plus c^3": {AT[3]: raised + centre**3 * SUMS_M[0]}},
    )
    raw = [uniform_moment(n, 0, L) for n in range(4)]
    yield identity(
        "uniform on [0, L], order 3", uniform_moment(3, c, L),
        raw[3] - 3 * c * raw[2] + 3 * c**2 * raw[1] - c**3 * raw[0], given=(L > 0,),
        wrong={"raw": raw[3]},
    )
    yield implies(
        "order 2 of a law of two values averages squares, so it is not negative",
        (p_1 >= 0, p_1 <= 1), moment(TWO, 2, c) >= 0, wrong={"order 1": moment(TWO, 1, c) >= 0},
    )
