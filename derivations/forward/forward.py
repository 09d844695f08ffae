r"""The forward process: one noising step and its kernel.

    x_t = sqrt(1 - beta_t) x_{t-1} + sqrt(beta_t) z_t                       DDPM (2) as a draw
    q(x_t | x_{t-1}) = N(x_t; sqrt(1 - beta_t) x_{t-1}, beta_t I)           DDPM (2)

DDPM is arXiv 2006.11239.  The noises z_1..z_T are independent standard normals, independent of x_0;
all coordinates of an image are treated alike, so the proofs work on one coordinate unless a claim
speaks about dimensions.
"""

from __future__ import annotations

import sympy
from sympy import Expr, Rational, log, pi, sqrt

from derivations.claim import Checks, claim, corrects, refutes
from derivations.prover.counterexample import differs
from derivations.prover.gaussian_forms import Form, condition, covariance, standard_normal
from derivations.prover.normal_form import identity
from derivations.symbols import Quantity, real

BETA, BETA_1, BETA_2, BETA_3 = real("beta beta_1 beta_2 beta_3")
X_PREV, X_NEXT = real("x_prev x_next")
RATE = (BETA > 0, BETA < 1)
RATES = tuple(r for b in (BETA_1, BETA_2, BETA_3) for r in (b > 0, b < 1))
INDEPENDENT = r"$z_1, \ldots, z_T$ are independent, standard normal and independent of $x_0$"
DDPM = "DDPM, arXiv 2006.11239, eq. (2)"


def step(x_prev: Quantity, beta: Expr, z: Quantity) -> Quantity:
    """x_t from x_{t-1} and the step's own standard normal z."""
    return sqrt(1 - beta) * x_prev + sqrt(beta) * z


def kernel_mean(beta: Expr, x_prev: Expr) -> Expr:
    """Mean of q(x_t | x_{t-1})."""
    return sqrt(1 - beta) * x_prev


def kernel_variance(beta: Expr) -> Expr:
    """Variance of each coordinate of q(x_t | x_{t-1}); the covariance is this times I."""
    return beta


def log_normal(x: Expr, mean: Expr, variance: Expr) -> Expr:
    """Log density of N(mean, variance) at x, in one dimension."""
    return -log(2 * pi * variance) / 2 - (x - mean) ** 2 / (2 * variance)


@claim(
    "forward.step.definition",
    lines="218-221",
    verdict="definition",
    severity="cosmetic",
    title="One noising step",
    statement=r"One step shrinks the image and adds noise: "
    r"$x_t=\sqrt{1-\beta_t}\,x_{t-1}+\sqrt{\beta_t}\,z_t$ with $z_t\sim\mathcal N(0,I)$. "
    r"For given $x_{t-1}$ its mean is $\sqrt{1-\beta_t}\,x_{t-1}$ and each coordinate has variance "
    r"$\beta_t$. What is missing beside the formula is an entry of its own "
    r"(forward.step.independence).",
    assumptions=RATE,
    witness={BETA: Rational(1, 50)},
    sources=(DDPM,),
    code=("core.forward.q_step",),
)
def one_step() -> Checks:
    drawn = step(Form(X_PREV), BETA, standard_normal("z"))
    yield identity(
        "mean of the step, by linearity", drawn.mean, sqrt(1 - BETA) * X_PREV, given=RATE,
        wrong={"image not shrunk": X_PREV, "shrunk by alpha": (1 - BETA) * X_PREV},
    )
    yield identity(
        "variance of the step, by independence of z", drawn.variance, BETA, given=RATE,
        wrong={"standard deviation for variance": sqrt(BETA), "rate squared": BETA**2},
    )
    yield identity(
        "z enters with a positive sign, so that two noises can be compared", drawn.noise["z"],
        sqrt(BETA), given=RATE, wrong={"opposite sign": -sqrt(BETA), "no root": BETA},
    )


@claim(
    "forward.step.independence",
    lines="220",
    verdict="holds-if",
    severity="misleading",
    title="The noises must be independent, which is not stated",
    statement=r"The step is offered as a definition of the whole process with nothing said about "
    r"how $z_1,\ldots,z_T$ relate. That each is $\mathcal N(0,I)$ does not fix the process: with "
    r"$z_1=z_2$ and $\beta_1=\beta_2=\tfrac1{10}$ the variance after two steps is "
    r"$0.19+0.06\sqrt{10}\approx0.3797$ instead of $1-(1-\beta_1)(1-\beta_2)=0.19$.",
    assumptions=(*RATES[:4], INDEPENDENT),
    witness={BETA_1: Rational(1, 10), BETA_2: Rational(1, 10)},
    correction=r"$x_t=\sqrt{1-\beta_t}\,x_{t-1}+\sqrt{\beta_t}\,z_t$ with $z_1,\ldots,z_T$ "
    r"independent, each $\mathcal N(0,I)$, and independent of $x_0$.",
    sources=(DDPM,),
)
def independence() -> Checks:
    z_1, z_2 = standard_normal("z_1"), standard_normal("z_2")
    first = step(Form(X_PREV), BETA_1, z_1)
    promised = 1 - (1 - BETA_1) * (1 - BETA_2)
    yield identity(
        "two steps with independent noises have the variance used later",
        step(first, BETA_2, z_2).variance, promised, given=RATES[:4],
        wrong={"variances added without shrinking": BETA_1 + BETA_2},
    )
    yield refutes(differs(
        "with one shared noise the variance is another",
        step(first, BETA_2, z_1).variance, promised, given=RATES[:4],
        at={BETA_1: Rational(1, 10), BETA_2: Rational(1, 10)},
        wrong={"square of the summed coefficients":
               (sqrt((1 - BETA_2) * BETA_1) + sqrt(BETA_2)) ** 2},
    ))


@claim(
    "forward.step.unit-variance",
    lines="220",
    verdict="holds",
    title="One step keeps unit variance (supplied)",
    statement=r"The squares of the two coefficients sum to one, so a coordinate of variance 1 that "
    r"is independent of $z_t$ has variance 1 after the step as well; the factor "
    r"$\sqrt{1-\beta_t}$ is there for this.",
    assumptions=(*RATE, INDEPENDENT),
    witness={BETA: Rational(1, 2)},
    sources=(DDPM, "Song et al. 2021, arXiv 2011.13456, section 3.4 (variance preserving)"),
    depends_on=("forward.step.definition",),
)
def unit_variance() -> Checks:
    before = standard_normal("x_prev")
    yield identity(
        "variance after one step from variance 1",
        step(before, BETA, standard_normal("z")).variance, 1, given=RATE,
        wrong={"growth when the image is not shrunk": 1 + BETA, "the noise forgotten": 1 - BETA},
    )


@claim(
    "forward.step.in-words",
    lines="222",
    verdict="holds",
    title="A step multiplies and then adds normal noise of variance beta",
    statement=r"In words: the previous image times a constant, plus a normal variable with mean 0 "
    r"and variance $\beta_t$ in each coordinate, that is with covariance $\beta_tI$. (The line "
    r"says that a normal distribution is added; what is added is a variable with this law.)",
    assumptions=RATE,
    witness={BETA: Rational(1, 50)},
    sources=(DDPM,),
    depends_on=("forward.step.definition",),
)
def in_words() -> Checks:
    added = step(Form(X_PREV), BETA, standard_normal("z")) - Form(sqrt(1 - BETA) * X_PREV)
    yield identity(
        "mean and variance of what is added", [added.mean, added.variance], [0, BETA], given=RATE,
        wrong={"standard deviation beta": [0, BETA**2], "variance sqrt(beta)": [0, sqrt(BETA)]},
    )
    across = covariance(standard_normal("z_a"), standard_normal("z_b")) * BETA
    yield identity(
        "two coordinates have independent noises, so the covariance is beta times I", across, 0,
        wrong={"one noise for all coordinates": BETA},
    )


@claim(
    "forward.step.deterministic",
    lines="222",
    verdict="misprint",
    severity="misleading",
    title="Noising is fixed, not deterministic",
    statement=r"The word printed says that noising is determined. Meant, as the rest of the "
    r"sentence shows, is that its law is fixed and nothing is learned. Taken as deterministic it "
    r"is wrong: for given $x_{t-1}$ the next image has variance $\beta_t>0$, and two runs from "
    r"one image differ by a variable of variance $2\beta_t$.",
    assumptions=(*RATE, INDEPENDENT),
    witness={BETA: Rational(1, 50)},
    correction=r"Noising is random with a fixed law: $q(x_t\mid x_{t-1})$ contains no parameter "
    r"that is learned.",
    sources=(DDPM,),
    depends_on=("forward.step.definition",),
)
def deterministic() -> Checks:
    first = step(Form(X_PREV), BETA, standard_normal("z"))
    again = step(Form(X_PREV), BETA, standard_normal("another z"))
    yield refutes(differs(
        "a determined step would have variance 0", first.variance, sympy.S.Zero, given=RATE,
        at={BETA: Rational(1, 50)}, wrong={"variance beta": BETA},
    ))
    yield corrects(identity(
        "two runs from one image differ by variance 2 beta", (first - again).variance, 2 * BETA,
        given=RATE, wrong={"no difference": 0, "counted once": BETA},
    ))


@claim(
    "forward.step.not-learned",
    lines="222",
    verdict="definition",
    severity="cosmetic",
    title="The forward process is not learned",
    statement=r"Nothing in the step is learned, because the rates are given in advance (line 217). "
    r"This is a choice of DDPM, not a consequence of the form of the step: others learn the rates.",
    sources=("DDPM, arXiv 2006.11239, section 2", "Kingma et al. 2021, arXiv 2107.00630"),
)
def not_learned() -> Checks:
    yield from ()


@claim(
    "forward.kernel.density",
    lines="222, 224-225",
    verdict="holds-if",
    severity="misleading",
    title="The kernel of one step",
    statement=r"$q(x_t\mid x_{t-1})=\mathcal N(x_t;\sqrt{1-\beta_t}\,x_{t-1},\beta_tI)$; the last "
    r"slot is a covariance, not a standard deviation. It needs $z_t$ independent of $x_{t-1}$: "
    r"with $x_{t-1}\sim\mathcal N(0,I)$ and $z_t=x_{t-1}$ the conditional variance is 0.",
    assumptions=(*RATE, r"$z_t$ is independent of $x_{t-1}$"),
    witness={BETA: Rational(1, 50)},
    correction=r"$q(x_t\mid x_{t-1})=\mathcal N(x_t;\sqrt{1-\beta_t}\,x_{t-1},\beta_tI)$ for $z_t$ "
    r"independent of $x_{t-1}$.",
    sources=(DDPM,),
    depends_on=("forward.step.definition", "forward.step.independence"),
)
def kernel() -> Checks:
    m, v = real("m v")
    before = Form(m) + standard_normal("past") * sqrt(v)
    given = (*RATE, v > 0)
    mean, variance = condition(step(before, BETA, standard_normal("z")), before, X_PREV)
    yield identity(
        "conditioning the pair (x_{t-1}, x_t) by the Schur complement, whatever mean and variance "
        "a normal x_{t-1} has",
        [mean, variance], [kernel_mean(BETA, X_PREV), kernel_variance(BETA)], given=given,
        wrong={
            "signal alpha instead of its root": [(1 - BETA) * X_PREV, BETA],
            "standard deviation in the variance slot": [sqrt(1 - BETA) * X_PREV, sqrt(BETA)],
        },
    )
    drawn = step(Form(X_PREV), BETA, standard_normal("z"))
    yield identity(
        "and for x_{t-1} of any law: z does not depend on it, so that given x_{t-1} = x the step "
        "is a constant and sqrt(beta) z",
        [drawn.mean, drawn.variance], [kernel_mean(BETA, X_PREV), kernel_variance(BETA)],
        given=RATE,
        wrong={"variance of a step from variance 1": [kernel_mean(BETA, X_PREV), 1]},
    )
    unit = standard_normal("past")
    mean, variance = condition(step(unit, BETA, unit), unit, X_PREV)
    yield refutes(differs(
        "noise that repeats x_{t-1} leaves no variance", variance, BETA, given=RATE,
        at={BETA: Rational(1, 2)}, wrong={"no variance": sympy.S.Zero},
    ))


@claim(
    "forward.kernel.dimensions",
    lines="225",
    verdict="holds",
    title="Covariance beta times I means independent coordinates (supplied)",
    statement=r"With covariance $\beta_tI$ the $d$-dimensional density is the product of $d$ "
    r"one-dimensional ones with variance $\beta_t$ each, so every statement on the process may be "
    r"proved coordinate by coordinate. (Shown for $d=1,2,3$; the determinant is $\beta_t^d$.)",
    assumptions=RATE,
    witness={BETA: Rational(1, 50)},
    sources=(DDPM,),
)
def dimensions() -> Checks:
    for d in (1, 2, 3):
        residual = sympy.Matrix([real(f"x_next_{i}") - real(f"m_{i}") for i in range(1, d + 1)])
        cov = kernel_variance(BETA) * sympy.eye(d)
        exponent = (residual.T * cov.adjugate() * residual)[0] / cov.det()
        joint = -log((2 * pi) ** d * cov.det()) / 2 - exponent / 2
        split = sum(log_normal(r, 0, BETA) for r in residual)
        yield identity(
            f"log density with the matrix {d} x {d} against the sum over coordinates", joint, split,
            given=RATE,
            wrong={"determinant without the dimension":
                   split + log(BETA) / 2 if d == 1 else split + (d - 1) * log(BETA) / 2},
        )
