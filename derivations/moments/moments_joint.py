r"""Mixed moments of two variables: definitions, and how the document states them.

    mixed moment of order (p, q)      E (X - c_1)^p (Y - c_2)^q
    covariance                        E (X - E X)(Y - E Y) = E X Y - E X E Y

Source: Casella & Berger, Statistical inference, section 4.5.
"""

from collections.abc import Sequence
from fractions import Fraction

import sympy
from sympy import Ne, Rational

from derivations.claim import Checks, claim, corrects, refutes
from derivations.moments.moments import BOOK, HALF, LAW, moment
from derivations.prover.counterexample import differs
from derivations.prover.execution import evaluates, token
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import Quantity, real

c, c_1, c_2 = real("c c_1 c_2")
x_1, x_2, x_3, y_1, y_2, y_3, p_1, p_2 = real("x_1 x_2 x_3 y_1 y_2 y_3 p_1 p_2")
JOINT = ((p_1, x_1, y_1), (p_2, x_2, y_2), (1 - p_1 - p_2, x_3, y_3))


def mixed_moment(
    law: Sequence[Sequence[Quantity]], order_x: int, order_y: int, centre_x: Quantity = 0,
    centre_y: Quantity = 0,
) -> Quantity:
    """E (X - centre_x)^order_x (Y - centre_y)^order_y for finitely many (probability, x, y)."""
    return sum(q * (x - centre_x) ** order_x * (y - centre_y) ** order_y for q, x, y in law)


@claim(
    "moments.joint.absolute",
    lines="117",
    verdict="false", severity="wrong-result",
    title="The mixed moment defined with absolute values",
    statement=r"The mixed moment is $E(|X-c_1|^p|Y-c_2|^q)$. For a fair sign $X$ and $Y=-X$ this "
    r"is "
    r"1 at $p=q=1$, $c_1=c_2=0$, while $EXY=-1$: a covariance would never be negative.",
    correction=r"$E[(X-c_1)^p(Y-c_2)^q]$, provided the absolute mixed moment is finite",
    sources=(f"{BOOK}, section 4.5",),
)
def joint_absolute() -> Checks:
    opposite = ((HALF, 1, -1), (HALF, -1, 1))
    yield refutes(evaluates(
        "opposite signs: the absolute mixed moment is 1, the mixed moment -1",
        lambda: (sum(q * abs(x) * abs(y) for q, x, y in opposite), mixed_moment(opposite, 1, 1)),
        (Fraction(1), Fraction(-1)),
        wrong={"orders (2, 2)": lambda: (sum(q * x**2 * y**2 for q, x, y in opposite),
                                         mixed_moment(opposite, 2, 2))},
    ))
    yield corrects(identity(
        "without absolute values, order (1, 1) about (c_1, c_2)",
        mixed_moment(JOINT, 1, 1, c_1, c_2),
        mixed_moment(JOINT, 1, 1) - c_1 * mixed_moment(JOINT, 0, 1)
        - c_2 * mixed_moment(JOINT, 1, 0) + c_1 * c_2,
        wrong={"without the cross terms": mixed_moment(JOINT, 1, 1) + c_1 * c_2},
    ))


@claim(
    "moments.joint.point",
    lines="117",
    verdict="misprint", severity="misleading",
    title="One point for two centres",
    statement=r"The mixed moment is taken about one number $c$, which the formula does not "
    r"contain. "
    r"It is taken about the pair $(c_1,c_2)$, and in general no single $c$ can stand for it.",
    correction=r"about the point $(c_1,c_2)$",
    sources=(f"{BOOK}, section 4.5",),
)
def joint_point() -> Checks:
    equal = ((Rational(1, 2), 1, 1), (Rational(1, 2), -1, -1))
    yield refutes(implies(
        "X = Y a fair sign: about (1, -1) the moment (1, 1) is 0; about (c, c) it never is", (),
        Ne(mixed_moment(equal, 1, 1, c, c), mixed_moment(equal, 1, 1, 1, -1)),
        wrong={"the pair (1, 1) for the first": Ne(
            mixed_moment(equal, 1, 1, c, c), mixed_moment(equal, 1, 1, 1, 1))},
    ))


@claim(
    "moments.joint.order",
    lines="117-118",
    verdict="definition", severity="cosmetic",
    title="Order of a mixed moment",
    statement=r"A mixed moment is said to have order $p+q$, with $p$ and $q$ left undeclared: "
    r"non-negative integers are meant. The sum alone does not name it: $EX^2Y\ne EXY^2$ in "
    r"general; the pair $(p,q)$ does.",
    sources=(f"{BOOK}, section 4.5",),
)
def joint_order() -> Checks:
    yield differs(
        "X = 1, Y = 2: orders (2, 1) and (1, 2) both add up to 3",
        mixed_moment(((1, sympy.S(1), sympy.S(2)),), 2, 1),
        mixed_moment(((1, sympy.S(1), sympy.S(2)),), 1, 2), at={},
        wrong={"the same pair": mixed_moment(((1, sympy.S(1), sympy.S(2)),), 2, 1)},
    )


@claim(
    "moments.joint.subscripts",
    lines="117-118",
    verdict="misprint", severity="cosmetic",
    title="Missing subscripts",
    statement=r"The centres are set as a letter times a digit.",
    correction=r"$c_1$, $c_2$",
)
def joint_subscripts() -> Checks:
    yield refutes(token("first centre", 117, "X-c1", "X-c_1"))
    yield refutes(token("second centre", 118, "c1=c2=0", "c_1=c_2=0"))


@claim(
    "moments.joint.raw",
    lines="118",
    verdict="definition", severity="cosmetic",
    title="Mixed raw moment",
    statement=r"For $c_1=c_2=0$: the mixed raw moment $EX^pY^q$ (without absolute values).",
    sources=(f"{BOOK}, section 4.5",),
)
def joint_raw() -> Checks:
    yield identity("with q = 0 it is a raw moment of X", mixed_moment(JOINT, 2, 0), moment(LAW, 2),
                   wrong={"order 1": moment(LAW, 1)})


@claim(
    "moments.joint.central",
    lines="118",
    verdict="definition", severity="cosmetic",
    title="Mixed central moment",
    statement=r"For $c_1=EX$, $c_2=EY$: the mixed central moment; at $p=q=1$ the covariance, "
    r"$EXY-EX\,EY$, once the absolute values are dropped.",
    sources=(f"{BOOK}, definition 4.5.1 and theorem 4.5.3",),
)
def joint_central() -> Checks:
    mean_x, mean_y = mixed_moment(JOINT, 1, 0), mixed_moment(JOINT, 0, 1)
    yield identity(
        "order (1, 1) is the covariance", mixed_moment(JOINT, 1, 1, mean_x, mean_y),
        mixed_moment(JOINT, 1, 1) - mean_x * mean_y,
        wrong={"plus": mixed_moment(JOINT, 1, 1) + mean_x * mean_y,
               "the raw moment": mixed_moment(JOINT, 1, 1)},
    )


@claim(
    "moments.joint.separator",
    lines="118",
    verdict="misprint", severity="cosmetic",
    title="Two definitions run together",
    statement="The name of the first case and the condition of the second stand side by side "
    "without "
    "punctuation, as if one were the condition of the other.",
    correction="A semicolon between the two definitions.",
)
def joint_separator() -> Checks:
    yield refutes(token("a separator is missing", 118, "原点矩$c1", "原点矩；$c_1"))


@claim(
    "moments.joint.homophone",
    lines="118",
    verdict="misprint", severity="cosmetic",
    title="The word for distance instead of moment",
    statement="The last word of the line is a homophone: distance is printed for moment.",
    correction="中心矩",
)
def joint_homophone() -> Checks:
    yield refutes(token("homophone", 118, "中心距", "中心矩"))


@claim(
    "moments.joint.name",
    lines="117",
    verdict="misprint", severity="cosmetic",
    title="The word mixed is missing",
    statement="The moment of two variables is named without the word mixed, which its special "
    "cases carry in the next line.",
    correction="阶混合矩 (mixed moment)",
)
def joint_name() -> Checks:
    yield refutes(token("mixed is left out", 117, "阶矩", "阶混合矩"))


@claim(
    "moments.joint.markup",
    lines="113, 116-117, 119",
    verdict="misprint", severity="cosmetic",
    title="Symbols outside the formulas, and marks of the text inside them",
    statement="Symbols are set as plain letters, a full-width comma and blanks stand inside the "
    "dollars, and a bullet is the sign of multiplication.",
    correction=r"$X,Y$, $c$, $k$ inside dollars; $\cdot$ or nothing for the product",
)
def joint_markup() -> Checks:
    for line, stands, right in (
        (113, "为X关于", "为 $X$ 关于"), (116, "称为k阶", "称为 $k$ 阶"), (117, "$X，Y $", "$X,Y$"),
        (117, "$ c$", "$c$"), (117, "$ p+q$", "$p+q$"), (117, r"\bullet", r"\cdot"),
        (119, r"\bullet", r"\cdot"), (119, "称为X关于", "称为 $X$ 关于"),
        (119, "点 c 的", "点 $c$ 的"),
    ):
        yield refutes(token("text and formula mixed up", line, stands, right))


@claim(
    "moments.layout",
    lines="94-95, 115-118",
    verdict="not-mathematical", severity="cosmetic",
    title="Lines that run into one paragraph",
    statement="Two headings and four definitions stand on lines of their own in the source, but "
    "single line breaks do not separate paragraphs in Markdown: each group is set as one.",
    correction="A blank line between the headings; the definitions as a list.",
    sources=("CommonMark 0.31.2, section 6.8 (soft line breaks)",),
    depends_on=("bayes.layout",),
)
def layout() -> Checks:
    yield from ()
