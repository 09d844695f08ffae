r"""The law of x_t given x_0, for every t.

    x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) z_bar_t             DDPM (4) as a draw
    q(x_t | x_0) = N(x_t; sqrt(alpha_bar_t) x_0, (1 - alpha_bar_t) I)       DDPM (4)

DDPM is arXiv 2006.11239; alpha_bar_t = alpha_t ... alpha_1 and alpha_bar_0 = 1.
"""

from __future__ import annotations

from sympy import And, Expr, Rational, S, sqrt

from derivations.claim import Checks, claim
from derivations.forward.expansion import EXPLICIT_STEPS, alphas_between, unrolled, within
from derivations.forward.expansion_general import ALL_RATES
from derivations.forward.forward import BETA, INDEPENDENT, RATE, step
from derivations.prover.gaussian_forms import Form, covariance, standard_normal
from derivations.prover.induction import Recursion, invariant
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import Quantity, real

A, MEAN, VAR = real("alpha_bar mean variance")
X_0 = real("x_0")
SIGNAL_LEFT = (A > 0, A < 1)
CHAIN_DOMAIN = (A > 0, A <= 1)
DDPM_4 = "DDPM, arXiv 2006.11239, eq. (4)"


def marginal_mean(alpha_bar: Expr, x_0: Expr) -> Expr:
    """Mean of q(x_t | x_0)."""
    return sqrt(alpha_bar) * x_0


def marginal_variance(alpha_bar: Quantity) -> Quantity:
    """Variance of each coordinate of q(x_t | x_0)."""
    return 1 - alpha_bar


def sample(alpha_bar: Expr, x_0: Quantity, eps: Quantity) -> Quantity:
    """x_t from x_0 and one standard normal eps."""
    return sqrt(alpha_bar) * x_0 + sqrt(1 - alpha_bar) * eps


@claim(
    "marginal.alpha-bar.definition",
    lines="262",
    verdict="definition",
    severity="cosmetic",
    title="alpha_bar is the product of the alphas",
    statement=r"$\bar\alpha_t=\alpha_t\alpha_{t-1}\cdots\alpha_1$. The value $\bar\alpha_0=1$, the "
    r"empty product, is not given and is needed for $t=1$ later. $\bar\alpha_t$ lies in $(0,1)$ "
    r"for $t\ge1$.",
    assumptions=(*CHAIN_DOMAIN, *RATE),
    witness={A: 1, BETA: Rational(1, 50)},
    sources=("DDPM, arXiv 2006.11239, above eq. (4)",),
)
def alpha_bar_definition() -> Checks:
    yield implies(
        "one more factor keeps it positive and below one, from alpha_bar_0 = 1 on",
        (*CHAIN_DOMAIN, *RATE), And(A * (1 - BETA) > 0, A * (1 - BETA) < 1),
        wrong={"above one half": A * (1 - BETA) > Rational(1, 2)},
    )


@claim(
    "marginal.alpha-bar.noise-variance",
    lines="262",
    verdict="holds",
    title="The variances of the noise terms sum to 1 - alpha_bar_t",
    statement=r"For every $t\ge1$, $\sum_{i=1}^t\beta_i\prod_{j=i+1}^t\alpha_j=1-\bar\alpha_t$: "
    r"the "
    r"sum of all squares less the first.",
    assumptions=(ALL_RATES, INDEPENDENT),
    sources=(DDPM_4,),
    depends_on=("marginal.squares.sum-one", "marginal.terms.sum-law"),
)
def noise_variance() -> Checks:
    yield invariant(
        "a step shrinks the variance by alpha and adds beta",
        Recursion(start={A: 1, VAR: 0}, step={A: (1 - BETA) * A, VAR: (1 - BETA) * VAR + BETA},
                  domain=CHAIN_DOMAIN, inputs=RATE),
        {VAR: marginal_variance(A)},
        wrong={"1 - sqrt(alpha_bar)": {VAR: 1 - sqrt(A)},
               "squared": {VAR: (1 - A) ** 2}, "alpha_bar": {VAR: A}},
    )
    for t in (1, EXPLICIT_STEPS):
        betas, x = unrolled(t)
        yield identity(
            f"variance of the noise part of the chain itself, t = {t}", x.variance,
            1 - alphas_between(betas, 1, t), given=within(betas),
            wrong={"alpha_1 left out": 1 - alphas_between(betas, 2, t),
                   "rates added": sum(betas, S.Zero) + betas[0] ** 2},
        )


@claim(
    "marginal.closed-form",
    lines="262-265",
    verdict="holds",
    title="x_t in one step from x_0",
    statement=r"$x_t=\sqrt{\bar\alpha_t}\,x_0+\sqrt{1-\bar\alpha_t}\,\bar z_t$ for every $t\ge1$, "
    r"where $\bar z_t$ is the noise part of $x_t$ divided by $\sqrt{1-\bar\alpha_t}$ (the document "
    r"does not say what $\bar z_t$ is). It holds for each value, not only in law.",
    assumptions=(ALL_RATES, INDEPENDENT),
    sources=(DDPM_4,),
    code=("core.forward.q_sample",),
    depends_on=("marginal.alpha-bar.noise-variance", "marginal.expansion.x0-coefficient"),
)
def closed_form() -> Checks:
    yield invariant(
        "the mean given x_0 is shrunk by sqrt(alpha) in each step",
        Recursion(start={A: 1, MEAN: X_0}, step={A: (1 - BETA) * A, MEAN: sqrt(1 - BETA) * MEAN},
                  domain=CHAIN_DOMAIN, inputs=RATE),
        {MEAN: marginal_mean(A, X_0)},
        wrong={"alpha_bar without a root": {MEAN: A * X_0}, "not shrunk": {MEAN: X_0}},
    )
    for t in (1, 3):
        betas, x = unrolled(t)
        alpha_bar = alphas_between(betas, 1, t)
        names = [f"z_{i}" for i in range(1, t + 1)]
        z_bar = {n: x.noise[n] / sqrt(1 - alpha_bar) for n in names}
        rebuilt = sample(alpha_bar, Form(X_0), Form(S.Zero, z_bar))
        wrong = Form(X_0) * alpha_bar + Form(S.Zero, z_bar) * (1 - alpha_bar)
        yield identity(
            f"the chain itself, mean and every noise coefficient, t = {t}",
            [x.mean, *(x.noise[n] for n in names)],
            [rebuilt.mean, *(rebuilt.noise[n] for n in names)], given=within(betas),
            wrong={"no roots": [wrong.mean, *(wrong.noise[n] for n in names)]},
        )


@claim(
    "marginal.z-bar.law",
    lines="265",
    verdict="holds",
    title="For a single t, z_bar is standard normal and independent of x_0",
    statement=r"For each single $t\ge1$, $\bar z_t\sim\mathcal N(0,I)$, independent of $x_0$.",
    assumptions=(ALL_RATES, INDEPENDENT),
    sources=(DDPM_4,),
    depends_on=("marginal.closed-form", "marginal.terms.sum-law"),
)
def z_bar_law() -> Checks:
    for t in (1, 4):
        betas, x = unrolled(t)
        scale = 1 / sqrt(1 - alphas_between(betas, 1, t))
        z_bar = Form(S.Zero, {n: c * scale for n, c in x.noise.items()})
        yield identity(
            f"variance, and covariance with x_0, t = {t}",
            [z_bar.variance, covariance(z_bar, standard_normal("x_0"))], [1, 0],
            given=within(betas), wrong={"variance of the noise part": [1 / scale**2, 0]},
        )
    yield identity(
        "for every t: the noise part has variance 1 - alpha_bar, so divided by its root 1",
        marginal_variance(A) / sqrt(1 - A) ** 2, 1, given=SIGNAL_LEFT,
        wrong={"divided by 1 - alpha_bar": 1 / (1 - A)},
    )


@claim(
    "marginal.density",
    lines="268-271",
    verdict="holds",
    title="The law of x_t given x_0",
    statement=r"$q(x_t\mid x_0)=\mathcal N(x_t;\sqrt{\bar\alpha_t}\,x_0,(1-\bar\alpha_t)I)$ for "
    r"every $t\ge1$; for $t=1$ it is the kernel of one step.",
    assumptions=(ALL_RATES, INDEPENDENT),
    sources=(DDPM_4,),
    code=("core.forward.q_marginal",),
    depends_on=("marginal.closed-form", "marginal.z-bar.law", "forward.step.independence"),
)
def density() -> Checks:
    yield invariant(
        "mean and variance after every number of steps",
        Recursion(
            start={A: 1, MEAN: X_0, VAR: 0},
            step={A: (1 - BETA) * A, MEAN: sqrt(1 - BETA) * MEAN, VAR: (1 - BETA) * VAR + BETA},
            domain=CHAIN_DOMAIN, inputs=RATE,
        ),
        {MEAN: marginal_mean(A, X_0), VAR: marginal_variance(A)},
        wrong={
            "root of alpha_bar in the variance": {MEAN: marginal_mean(A, X_0), VAR: 1 - sqrt(A)},
            "mean without a root": {MEAN: A * X_0, VAR: 1 - A},
        },
    )
    betas, x = unrolled(1)
    yield identity(
        "t = 1 is one step", [x.mean, x.variance],
        [marginal_mean(1 - betas[0], X_0), marginal_variance(1 - betas[0])], given=within(betas),
        wrong={"t = 0": [X_0, 0]},
    )


@claim(
    "marginal.dimensions",
    lines="270",
    verdict="holds",
    title="In d dimensions the covariance is a multiple of I",
    statement=r"Coordinates of $x_t$ given $x_0$ are uncorrelated and have one variance, "
    r"$1-\bar\alpha_t$, because their noises are independent and all coefficients are numbers.",
    assumptions=(ALL_RATES, INDEPENDENT),
    sources=(DDPM_4,),
    depends_on=("marginal.density",),
)
def dimensions() -> Checks:
    betas = unrolled(3)[0]
    coordinates = []
    for name in ("a", "b"):
        x = Form(real(f"x_0_{name}"))
        for i, beta in enumerate(betas, start=1):
            x = step(x, beta, standard_normal(f"z_{i}_{name}"))
        coordinates.append(x)
    u, v, w = real("u v w")
    one, other = standard_normal("p") * u, standard_normal("p") * v + standard_normal("q") * w
    after = [step(x, BETA, standard_normal(f"z_{name}")) for x, name in ((one, "a"), (other, "b"))]
    yield identity(
        "a step multiplies the covariance of two coordinates by alpha, so that 0 stays 0",
        covariance(*after), (1 - BETA) * covariance(one, other), given=RATE,
        wrong={"one noise for all coordinates": (1 - BETA) * covariance(one, other) + BETA},
    )
    first, second = coordinates
    variance = 1 - alphas_between(betas, 1, 3)
    yield identity(
        "covariance matrix of two coordinates after three steps",
        [first.variance, second.variance, covariance(first, second)], [variance, variance, 0],
        given=within(betas),
        wrong={"one noise for all coordinates": [variance, variance, variance]},
    )
