r"""Moments of random variables: the definitions, and how the document states them.

    moment of order k about c         E (X - c)^k          k = 0, 1, 2, ...   (E |X - c|^k finite)
    absolute moment                   E |X - c|^k
    raw, central                      c = 0,  c = E X

Source: Casella & Berger, Statistical inference, section 2.3.
"""

from collections.abc import Sequence
from fractions import Fraction

import sympy
from sympy import Eq

from derivations.claim import Checks, claim, corrects, refutes
from derivations.moments.moments_physics import weighted_moment
from derivations.prover.execution import evaluates, token
from derivations.prover.induction import telescopes
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import Quantity, real

c, k, u = real("c k u")
x_1, x_2, x_3, p_1, p_2 = real("x_1 x_2 x_3 p_1 p_2")
HALF = Fraction(1, 2)
SIGN = ((HALF, 1), (HALF, -1))  # a fair sign: (probability, value)
LAW = ((p_1, x_1), (p_2, x_2), (1 - p_1 - p_2, x_3))
BOOK = "Casella & Berger, Statistical inference"


def moment(
    law: Sequence[tuple[Quantity, Quantity]], order: int, centre: Quantity = 0
) -> Quantity:
    """E (X - centre)^order for a law of finitely many (probability, value)."""
    return weighted_moment(law, order, centre)


def absolute_moment(
    law: Sequence[tuple[Fraction, Quantity]], order: int, centre: Fraction | int = 0
) -> Quantity:
    """E |X - centre|^order."""
    return sum(q * abs(x - centre) ** order for q, x in law)


@claim(
    "moments.definition.absolute",
    lines="113",
    verdict="false", severity="wrong-result",
    title="The moment of order k defined with an absolute value",
    statement=r"The moment of order $k$ about $c$ is $E|X-c|^k$. That is the absolute moment, "
    r"which "
    r"differs for odd $k$: a fair sign has $E|X|=1$ and $EX=0$.",
    assumptions=(r"$E|X-c|^k<\infty$",),
    correction=r"The moment of order $k$ of $X$ about $c$ is $E[(X-c)^k]$, provided "
    r"$E|X-c|^k<\infty$.",
    sources=(f"{BOOK}, definition 2.3.1",),
)
def absolute() -> Checks:
    yield refutes(evaluates(
        "a fair sign, order 1 and 3 about 0: absolute moment and moment",
        lambda: tuple(f(SIGN, n) for n in (1, 3) for f in (absolute_moment, moment)),
        (Fraction(1), Fraction(0), Fraction(1), Fraction(0)),
        wrong={"orders 2 and 4": lambda: tuple(
            f(SIGN, n) for n in (2, 4) for f in (absolute_moment, moment))},
    ))
    density = sympy.exp(-(u**2) / 2) / sympy.sqrt(2 * sympy.pi)
    primitive = -(u**2 + 2) * density
    yield identity(
        "a primitive of u^3 times the standard normal density, 0 at infinity",
        sympy.diff(primitive, u), u**3 * density, wrong={"of u^2": u**2 * density},
    )
    yield refutes(identity(
        "standard normal, order 3: the absolute moment is 2 sqrt(2/pi), while the moment is 0",
        -2 * primitive.subs(u, 0), 2 * sympy.sqrt(2 / sympy.pi),
        wrong={"the moment": 0, "one side only": sympy.sqrt(2 / sympy.pi)},
    ))
    yield corrects(identity(
        "without the absolute value the first moment about c is the mean less c",
        moment(LAW, 1, c), moment(LAW, 1) - c, wrong={"the mean": moment(LAW, 1)},
    ))


@claim(
    "moments.definition.even-orders",
    lines="113",
    verdict="holds",
    title="For even orders the absolute value changes nothing (supplied)",
    statement=r"$|u|^{2j}=u^{2j}$ for every integer $j\ge0$ and real $u$, so $E|X-c|^k=E(X-c)^k$ "
    r"for even $k$.",
    sources=(f"{BOOK}, section 2.3",),
)
def even_orders() -> Checks:
    a, b = real("power_of_absolute power_of_value")
    yield implies(
        "induction from order 2j to 2j + 2: both powers gain equal factors (order 0 is 1 = 1)",
        (Eq(a, b),), Eq(a * sympy.Abs(u) ** 2, b * u**2),
        wrong={"from 2j to 2j + 1": Eq(a * sympy.Abs(u), b * u)},
    )
    yield evaluates(
        "a lopsided law about 1/3, orders 0 to 4: where the two agree",
        lambda: tuple(moment(((HALF, -2), (HALF, 1)), n, Fraction(1, 3))
                      == absolute_moment(((HALF, -2), (HALF, 1)), n, Fraction(1, 3))
                      for n in range(5)),
        (True, False, True, False, True),
        wrong={"a law on one side of the centre": lambda: tuple(
            moment(((HALF, 2), (HALF, 1)), n) == absolute_moment(((HALF, 2), (HALF, 1)), n)
            for n in range(5))},
    )


@claim(
    "moments.definition.finite",
    lines="113, 117",
    verdict="holds-if", severity="cosmetic",
    title="The moment exists",
    statement=r"The moment is defined when $E|X-c|^k$ exists. As the expectation of a non-negative "
    r"variable it always exists in $[0,\infty]$; what is meant is that it is finite, as it is for "
    r"finitely many values and not in general. The same goes for the mixed moment, which for "
    r"$q=0$ is a moment of $X$.",
    assumptions=("X takes finitely many values, or $E|X-c|^k<\\infty$",),
    correction=r"provided $E|X-c|^k<\infty$",
    sources=(f"{BOOK}, definition 2.2.1",),
)
def finite() -> Checks:
    bound = real("bound")
    yield implies(
        "values within a bound: one more value keeps the first absolute moment within it",
        (p_1 >= 0, p_2 >= 0, p_1 * sympy.Abs(x_1) <= p_1 * bound, sympy.Abs(x_2) <= bound),
        p_1 * sympy.Abs(x_1) + p_2 * sympy.Abs(x_2) <= (p_1 + p_2) * bound,
        wrong={"within half of it": 2 * (p_1 * sympy.Abs(x_1) + p_2 * sympy.Abs(x_2))
               <= (p_1 + p_2) * bound},
    )
    weight, value = 1 / (k * (k + 1)), k * (k + 1)
    yield telescopes(
        "weights 1/(j(j+1)), j = 1, 2, ...: their sum up to n is 1 - 1/(n+1), so they are a law",
        weight, k, 1, 1 - 1 / (k + 1), wrong={"total 1 at once": sympy.S.One},
    )
    yield refutes(telescopes(
        "on the values j(j+1) their first moment up to n is n: it grows without bound",
        weight * value, k, 1, k, wrong={"bounded": 1 - 1 / (k + 1)},
    ))


@claim(
    "moments.definition.unused",
    lines="113",
    verdict="misprint", severity="cosmetic",
    title="A second variable that the definition does not use",
    statement=r"The definition of the moments of $X$ introduces $Y$ too, which plays no part until "
    r"the mixed moments.",
    correction=r"Introduce $Y$ with the mixed moments.",
)
def unused() -> Checks:
    yield refutes(token("only X is used", 113, "X$ 和 $Y$", "X$"))


@claim(
    "moments.definition.discrete",
    lines="113",
    verdict="incomplete", severity="misleading",
    title="The definition is restricted to discrete variables",
    statement=r"Moments are defined for discrete variables only. $E[(X-c)^k]$ needs no such "
    r"restriction, and the separate rule for continuous variables, given later, is wrong.",
    supplied_by=("moments.essence", "moments.continuous.with-density"),
)
def discrete() -> Checks:
    yield from ()


@claim(
    "moments.definition.order-zero",
    lines="113",
    verdict="misprint", severity="cosmetic",
    title="A positive order excludes the zeroth moment",
    statement=r"The order $k$ is a positive integer, while the heading and both lists speak of the "
    r"zeroth moment.",
    correction=r"$k=0,1,2,\dots$, with $E[(X-c)^0]=1$",
    sources=(f"{BOOK}, definition 2.3.1",),
)
def order_zero() -> Checks:
    yield refutes(token("0 is not positive", 113, "正整数", "非负整数"))
    yield corrects(identity("order 0 is the total probability", moment(LAW, 0, c), 1,
                            wrong={"order 1": moment(LAW, 1, c)}))


@claim(
    "moments.raw",
    lines="115",
    verdict="definition", severity="cosmetic",
    title="Raw moment",
    statement=r"For $c=0$: the raw moment $E X^k$ (without the absolute value of the general "
    r"definition).",
    sources=(f"{BOOK}, definition 2.3.1",),
)
def raw() -> Checks:
    yield identity("the first raw moment is the mean", moment(LAW, 1, 0),
                   p_1 * x_1 + p_2 * x_2 + (1 - p_1 - p_2) * x_3, wrong={"zero": 0})


@claim(
    "moments.central",
    lines="116",
    verdict="definition", severity="cosmetic",
    title="Central moment",
    statement=r"For $c=E X$, which must be finite: the central moment $E(X-EX)^k$. Its first is 0, "
    r"its second the variance; with an absolute value the first would be the mean deviation.",
    sources=(f"{BOOK}, definition 2.3.1",),
)
def central() -> Checks:
    mean = moment(LAW, 1)
    yield identity("order 1 vanishes", moment(LAW, 1, mean), 0, wrong={"the mean": mean})
    yield identity(
        "order 2 is the mean square less the squared mean", moment(LAW, 2, mean),
        moment(LAW, 2) - mean**2, wrong={"plus": moment(LAW, 2) + mean**2},
    )


@claim(
    "moments.central.letter",
    lines="116",
    verdict="misprint", severity="cosmetic",
    title="Capital letter for the centre",
    statement=r"The centre is $C$ here and $c$ in the definition.",
    correction=r"$c=E(X)$",
)
def central_letter() -> Checks:
    yield refutes(token("one letter for one quantity", 116, "C=E(X)", "c=E(X)"))
