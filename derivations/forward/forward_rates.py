r"""The rates beta_1..beta_T: what they are, in which range they lie, and what they need not do.

    alpha_t = 1 - beta_t                                                     DDPM, above (4)
    Var(x_t | x_0) after two steps = 1 - (1 - beta_1)(1 - beta_2)            symmetric in the rates

DDPM is arXiv 2006.11239.
"""

from __future__ import annotations

import sympy
from sympy import Expr, Rational

from derivations.claim import Checks, claim, corrects
from derivations.forward.forward import (
    BETA,
    BETA_1,
    BETA_2,
    DDPM,
    INDEPENDENT,
    RATE,
    RATES,
    X_PREV,
    step,
)
from derivations.prover.gaussian_forms import Form, covariance, standard_normal
from derivations.prover.induction import Recursion, invariant
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import real

ALPHA = real("alpha")


def alpha(beta: Expr) -> Expr:
    """alpha_t, the squared factor that the image keeps in one step."""
    return 1 - beta


@claim(
    "forward.headings",
    lines="208, 212",
    verdict="not-mathematical",
    severity="cosmetic",
    title="Headings of the section on DDPM",
    statement=r"Two headings: DDPM, and the forward process. There is nothing to prove.",
)
def headings() -> Checks:
    yield from ()


@claim(
    "forward.history",
    lines="210",
    verdict="not-mathematical",
    severity="cosmetic",
    title="The year and the influence of DDPM",
    statement=r"DDPM, as a name and as a paper, is of 2020, and it made diffusion models popular. "
    r"The models themselves are of 2015.",
    sources=("Ho, Jain & Abbeel 2020, arXiv 2006.11239",
             "Sohl-Dickstein et al. 2015, arXiv 1503.03585"),
)
def history() -> Checks:
    yield from ()


@claim(
    "forward.layout",
    lines="216-217, 267-268",
    verdict="not-mathematical",
    severity="cosmetic",
    title="Sentences broken by the end of a line",
    statement=r"Two sentences go on in a new line without a reason, the second one in the middle "
    r"of a word; a renderer puts a blank there.",
)
def layout() -> Checks:
    yield from ()


@claim(
    "forward.setup.steps",
    lines="216",
    verdict="definition",
    severity="cosmetic",
    title="T noising steps from a clean image",
    statement=r"From $x_0$, $T\ge1$ steps produce $x_1,\ldots,x_T$, that is $T+1$ images in all. "
    r"The prose here only adds noise; the step of line 220 also shrinks the image. Without "
    r"the shrinking the variance would be $v_0+\sum_{s\le t}\beta_s$, which grows past every "
    r"bound when the rates do not sum to a finite number.",
    assumptions=(INDEPENDENT,),
    sources=(DDPM,),
)
def setup() -> Checks:
    v, v_0, total = real("v v_0 total")
    yield invariant(
        "variance after any number of steps that add noise and do not shrink",
        Recursion(start={v: v_0, total: 0}, step={v: v + BETA, total: total + BETA}),
        {v: v_0 + total},
        wrong={"variance kept at its start": {v: v_0}, "start forgotten": {v: total}},
    )


@claim(
    "forward.setup.destroys",
    lines="216-217",
    verdict="incomplete",
    severity="cosmetic",
    title="That the image is destroyed is announced, not shown",
    statement=r"The purpose of the steps is said to be the destruction of the image. How much of "
    r"it survives is not measured here or later.",
    sources=(DDPM,),
    supplied_by=("limit.information", "limit.published-gap"),
)
def destroys() -> Checks:
    yield from ()


@claim(
    "forward.rates.variance",
    lines="217",
    verdict="definition",
    severity="cosmetic",
    title="beta is the variance of the noise added in a step",
    statement=r"$\beta_t$ is the variance, in each coordinate, of the noise added between "
    r"$x_{t-1}$ "
    r"and $x_t$. This agrees with line 220: $\operatorname{Var}(\sqrt{\beta_t}z_t)=\beta_t$. The "
    r"standard deviation is $\sqrt{\beta_t}$.",
    assumptions=RATE,
    witness={BETA: Rational(1, 50)},
    sources=(DDPM,),
)
def rate_is_variance() -> Checks:
    yield identity(
        "variance of the noise term of a step", step(Form(), BETA, standard_normal("z")).variance,
        BETA, given=RATE, wrong={"beta as standard deviation": BETA**2},
    )


@claim(
    "forward.rates.range",
    lines="217",
    verdict="definition",
    severity="cosmetic",
    title="The rates lie strictly between 0 and 1",
    statement=r"$0<\beta_t<1$ is required, and all that follows needs no more of a single rate. "
    r"At the ends the step degenerates: $\beta_t=0$ repeats the image, $\beta_t=1$ forgets it.",
    assumptions=RATE,
    witness={BETA: Rational(1, 50)},
    sources=(DDPM,),
)
def rate_range() -> Checks:
    z = standard_normal("z")
    past = standard_normal("past")
    yield identity(
        "beta = 0 repeats the image: variance 0 about it",
        (step(past, sympy.S.Zero, z) - past).variance, 0, wrong={"noise of variance 1": 1},
    )
    yield identity(
        "beta = 1 forgets the image: covariance 0 with it",
        covariance(step(past, sympy.S.One, z), past), 0, wrong={"image kept": 1},
    )
    yield implies(
        "strictly between, noise is added and signal is kept", RATE,
        sympy.And(BETA > 0, alpha(BETA) > 0),
        wrong={"signal grows": alpha(BETA) > 1, "noise outweighs": BETA > Rational(1, 2)},
    )


@claim(
    "forward.rates.increasing",
    lines="217",
    verdict="definition",
    severity="misleading",
    title="Rising rates are a choice that nothing here needs",
    statement=r"The rates are required to rise with $t$. No formula of lines 219-270 uses this: "
    r"the "
    r"law of $x_t$ given $x_0$ is the same for any order of $\beta_1,\ldots,\beta_t$. Constant "
    r"rates are admissible too (DDPM tried them), and the document's own listing has "
    r"falling ones (line 290).",
    assumptions=(*RATES[:4], INDEPENDENT),
    witness={BETA_1: Rational(1, 2), BETA_2: Rational(1, 4)},
    correction=r"$\beta_1,\ldots,\beta_T\in(0,1)$ are given in advance; usually they do not fall.",
    sources=("DDPM, arXiv 2006.11239, section 4 and appendix B",),
)
def increasing() -> Checks:
    noises = standard_normal("z_1"), standard_normal("z_2")

    def two_steps(first: Expr, second: Expr) -> list[Expr]:
        x_2 = step(step(Form(X_PREV), first, noises[0]), second, noises[1])
        return [x_2.mean, x_2.variance]

    yield corrects(identity(
        "two neighbouring rates may be exchanged: the law of x_2 given x_0 stays",
        two_steps(BETA_1, BETA_2), two_steps(BETA_2, BETA_1), given=RATES[:4],
        wrong={"only the first rate counts": two_steps(BETA_1, BETA_1)},
    ))


@claim(
    "forward.rates.fixed",
    lines="217",
    verdict="definition",
    severity="cosmetic",
    title="The rates are given in advance",
    statement=r"$\beta_1,\ldots,\beta_T$ are constants chosen before training; the document calls "
    r"each a diffusion rate, DDPM calls them the variance schedule.",
    sources=("DDPM, arXiv 2006.11239, section 2",),
)
def fixed() -> Checks:
    yield from ()


@claim(
    "forward.alpha.definition",
    lines="232, 246-248",
    verdict="definition",
    severity="cosmetic",
    title="alpha = 1 - beta",
    statement=r"$\alpha_t=1-\beta_t$, introduced at line 232 and called to mind at line 247. "
    r"It maps $(0,1)$ onto $(0,1)$.",
    assumptions=RATE,
    witness={BETA: Rational(1, 50)},
    sources=("DDPM, arXiv 2006.11239, above eq. (4)",),
)
def alpha_definition() -> Checks:
    yield implies(
        "alpha lies in (0, 1) as beta does", RATE, sympy.And(alpha(BETA) > 0, alpha(BETA) < 1),
        wrong={"alpha above beta": alpha(BETA) > BETA},
    )


@claim(
    "forward.alpha.sum",
    lines="232",
    verdict="holds",
    title="alpha + beta = 1",
    statement=r"$\alpha_t+\beta_t=1$: the squared coefficients of image and noise in one step sum "
    r"to one.",
    assumptions=RATE,
    witness={BETA: Rational(1, 50)},
    sources=("DDPM, arXiv 2006.11239, above eq. (4)",),
    depends_on=("forward.alpha.definition",),
)
def alpha_sum() -> Checks:
    drawn = step(standard_normal("x_prev"), BETA, standard_normal("z"))
    squares = sum(c**2 for c in drawn.noise.values())
    yield identity(
        "squares of the coefficients of a step against alpha + beta", squares, alpha(BETA) + BETA,
        given=RATE, wrong={"alpha = sqrt(1 - beta)": sympy.sqrt(1 - BETA) + BETA},
    )
    yield identity("and that is one", alpha(BETA) + BETA, 1, wrong={"alpha alone": alpha(BETA)})
    yield implies(
        "no other pair: alpha follows from beta", (*RATE, sympy.Eq(ALPHA + BETA, 1)),
        sympy.Eq(ALPHA, 1 - BETA), wrong={"alpha equals beta": sympy.Eq(ALPHA, BETA)},
    )
