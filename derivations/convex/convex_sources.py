r"""The heading, the promises and the reading list of the section on convex optimisation.

Nothing here is mathematics.  The references are given in full, from knowledge of the works
themselves; where the printed entry is right, only venue and pages are added.
"""

from derivations.claim import Checks, claim, refutes
from derivations.prover.execution import token

BECK = "A. Beck, L. Tetruashvili, SIAM J. Optim. 23(4), 2037-2060, 2013"
LI = "X. Li, T. Zhao, R. Arora, H. Liu, M. Hong, AISTATS 2016, PMLR 51, 491-499"
SUN = "R. Sun, M. Hong, NIPS 28, 1306-1314, 2015"
WRIGHT = "S. J. Wright, Coordinate descent algorithms, Math. Program. 151(1), 3-34, 2015"
TSENG = "P. Tseng, J. Optim. Theory Appl. 109(3), 475-494, 2001"
BOYD = "S. Boyd, L. Vandenberghe, Convex optimization, Cambridge University Press, 2004"


@claim(
    "convex.heading",
    lines="152",
    verdict="misprint", severity="cosmetic",
    title="Convex optimisation filed under the KL divergence",
    statement="The heading is of level 4, below the section on the divergence, to which it does "
    "not "
    "belong; the method that follows is of level 5.",
    correction="A heading of level 3.",
)
def heading() -> Checks:
    yield refutes(token("one level up", 152, "#### ", "### "))


@claim(
    "convex.used",
    lines="154",
    verdict="false", severity="misleading",
    title="Coordinate descent introduced because it is used",
    statement="The method is said to be introduced because it is used. Neither it nor convexity "
    "is mentioned after line 206: the networks of the later sections are trained by stochastic "
    "gradients, in all coordinates at once, on a function that is not convex.",
    correction="Background that the later sections do not use.",
)
def used() -> Checks:
    yield refutes(token("no later line uses the method", 154, "有用到的", "后文没有用到的"))


@claim(
    "convex.augmented-name",
    lines="154",
    verdict="misprint", severity="cosmetic",
    title="Name of the augmented Lagrangian",
    statement="The word for augmented is printed as the one for strengthened.",
    correction="增广拉格朗日法 (method of the augmented Lagrangian)",
    sources=("Hestenes, J. Optim. Theory Appl. 4(5), 303-320, 1969",),
)
def augmented_name() -> Checks:
    yield refutes(token("augmented", 154, "增强拉格朗日", "增广拉格朗日"))


@claim(
    "convex.markup",
    lines="184, 191, 195, 200, 205",
    verdict="misprint", severity="cosmetic",
    title="Displays indented by hand, and a one-column array as alignment",
    statement="Four displays open with a blank of one em, and a centred array of one column is "
    "used to align two lines of a chain.",
    correction=r"No leading blank; $\texttt{aligned}$ with the relation signs as its column.",
)
def markup() -> Checks:
    for line, stands in (
        (184, r"\quad f(x)"), (195, r"\quad0"), (200, r"\quad h_i"), (205, r"\quad x_i"),
    ):
        right = stands.removeprefix(r"\quad").lstrip()
        yield refutes(token("a blank opens the display", line, stands, right))
    yield refutes(token("centred, not aligned", 191, r"\begin{array}{c}", r"\begin{aligned}"))


@claim(
    "convex.promise",
    lines="154",
    verdict="not-mathematical", severity="cosmetic",
    title="Other methods named, and a continuation promised",
    statement="Dual ascent and the augmented Lagrangian are named as further methods, to be filled "
    "in later. Both exist; neither is treated in the document.",
    sources=(BOYD,),
)
def promise() -> Checks:
    yield from ()


@claim(
    "convex.sources",
    lines="156",
    verdict="not-mathematical", severity="cosmetic",
    title="Reading list",
    statement="A list of six sources on (block) coordinate descent and convex optimisation. The "
    "theorem of lines 182-202 is not attributed to any of them; for convergence with separable "
    "non-smooth terms the usual source, missing here, is Tseng 2001.",
    sources=(TSENG,),
)
def sources() -> Checks:
    yield from ()


@claim(
    "convex.sources.beck",
    lines="158",
    verdict="not-mathematical", severity="cosmetic",
    title="Beck and Tetruashvili 2013",
    statement="Authors, year and title are right; the venue is left out.",
    correction=BECK, sources=(BECK,),
)
def beck() -> Checks:
    yield from ()


@claim(
    "convex.sources.li",
    lines="159",
    verdict="misprint", severity="cosmetic",
    title="Li, Zhao, Arora, Liu and Hong 2016: a word misspelled",
    statement="Authors and year are right; one word of the title has two letters exchanged, and "
    "the "
    "venue is left out (journal version: JMLR 18(184), 2018, under another title).",
    correction=LI, sources=(LI,),
)
def li() -> Checks:
    yield refutes(token("two letters exchanged", 159, "methdos", "methods"))


@claim(
    "convex.sources.sun",
    lines="160",
    verdict="not-mathematical", severity="cosmetic",
    title="Sun and Hong 2015",
    statement="Authors, year and title are right; the venue is left out.",
    correction=SUN, sources=(SUN,),
)
def sun() -> Checks:
    yield from ()


@claim(
    "convex.sources.wright",
    lines="161",
    verdict="not-mathematical", severity="cosmetic",
    title="Wright 2015",
    statement="Author, year and title are right; the venue is left out.",
    correction=WRIGHT, sources=(WRIGHT,),
)
def wright() -> Checks:
    yield from ()


@claim(
    "convex.sources.course",
    lines="162",
    verdict="not-mathematical", severity="cosmetic",
    title="A course without lecturer, term or address",
    statement="The course 10-725 of Carnegie Mellon University was given many times, by several "
    "lecturers; without lecturer and term the entry does not identify a text.",
)
def course() -> Checks:
    yield from ()


@claim(
    "convex.sources.boyd",
    lines="163",
    verdict="not-mathematical", severity="cosmetic",
    title="Boyd and Vandenberghe",
    statement="Authors and title are right; year and publisher are left out.",
    correction=BOYD, sources=(BOYD,),
)
def boyd() -> Checks:
    yield from ()
