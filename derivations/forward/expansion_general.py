r"""The expansion down to x_0, for every t: coefficients by induction, and how the sum is displayed.

    x_t = sqrt(alpha_t ... alpha_1) x_0 + sum_{i=1}^t sqrt(alpha_t ... alpha_{i+1} beta_i) z_i

From DDPM (2), arXiv 2006.11239.  A step multiplies every coefficient by sqrt(alpha_t) and brings in
one new noise with coefficient sqrt(beta_t); so a coefficient is a recursion.  Each closed form is
proved for every number of steps and compared with the explicit chain up to six.
"""

from __future__ import annotations

from sympy import Expr, S, sqrt

from derivations.claim import Checks, claim, refutes
from derivations.forward.expansion import (
    EXPLICIT_STEPS,
    alphas_between,
    noise_coefficient,
    signal_coefficient,
    unrolled,
    within,
)
from derivations.forward.forward import BETA, DDPM, RATE
from derivations.prover.execution import evaluates
from derivations.prover.induction import Recursion, invariant
from derivations.prover.normal_form import identity
from derivations.symbols import real

C, C_I, PRODUCT, BETA_I = real("coefficient first_coefficient product beta_i")
SHRINK = Recursion(
    start={C: C_I, PRODUCT: 1},
    step={C: sqrt(1 - BETA) * C, PRODUCT: (1 - BETA) * PRODUCT},
    domain=(PRODUCT > 0, PRODUCT <= 1),
    inputs=RATE,
)
ALL_RATES = r"$0<\beta_i<1$ for every $i$"


def coefficients_by_steps(steps: int) -> tuple[list[Expr], list[Expr]]:
    """The rates, and the coefficients of x_0, z_1, ..., z_steps that the chain itself produces."""
    betas, x = unrolled(steps)
    x_0 = real("x_0")
    return betas, [x.mean.subs(x_0, 1), *(x.noise[f"z_{i}"] for i in range(1, steps + 1))]


@claim(
    "marginal.expansion.x0-coefficient",
    lines="241",
    verdict="holds",
    title="Coefficient of x_0 after t steps",
    statement=r"For every $t\ge1$ the coefficient of $x_0$ in $x_t$ is "
    r"$\sqrt{\alpha_t\alpha_{t-1}\cdots\alpha_1}$.",
    assumptions=(ALL_RATES,),
    sources=("DDPM, arXiv 2006.11239, eq. (4)",),
    depends_on=("forward.step.definition",),
)
def x0_coefficient() -> Checks:
    started = Recursion(
        start={C: 1, PRODUCT: 1}, step=SHRINK.step, domain=SHRINK.domain, inputs=RATE
    )
    yield invariant(
        "each step multiplies it by sqrt(alpha)", started, {C: signal_coefficient(PRODUCT)},
        wrong={"product without a root": {C: PRODUCT}, "cube of the root": {C: sqrt(PRODUCT) ** 3}},
    )
    for t in (1, EXPLICIT_STEPS):
        betas, found = coefficients_by_steps(t)
        yield identity(
            f"the chain itself, t = {t}", found[0],
            signal_coefficient(alphas_between(betas, 1, t)), given=within(betas),
            wrong={
                "one alpha missing": signal_coefficient(alphas_between(betas, 2, t)),
                "no root": alphas_between(betas, 1, t),
            },
        )


@claim(
    "marginal.expansion.every-noise",
    lines="241-242",
    verdict="holds",
    title="Coefficient of every noise after t steps",
    statement=r"For all $1\le i\le t$ the coefficient of $z_i$ in $x_t$ is "
    r"$\sqrt{\beta_i\prod_{j=i+1}^t\alpha_j}$, the product being 1 for $i=t$.",
    assumptions=(ALL_RATES,),
    sources=("DDPM, arXiv 2006.11239, eq. (4)",),
    depends_on=("forward.step.definition",),
)
def every_noise() -> Checks:
    yield invariant(
        "from its first value on, a coefficient is multiplied by sqrt(alpha) in each step", SHRINK,
        {C: C_I * sqrt(PRODUCT)},
        wrong={"product without a root": {C: C_I * PRODUCT}, "not shrunk": {C: C_I}},
    )
    given = (BETA_I > 0, BETA_I < 1, PRODUCT > 0, PRODUCT <= 1)
    yield identity(
        "its first value, at step i, is sqrt(beta_i)", sqrt(BETA_I) * sqrt(PRODUCT),
        noise_coefficient(BETA_I, PRODUCT), given=given,
        wrong={"beta_i without a root": BETA_I * sqrt(PRODUCT)},
    )
    betas, found = coefficients_by_steps(EXPLICIT_STEPS)
    t = EXPLICIT_STEPS
    yield identity(
        f"the chain itself, all coefficients at t = {t}", found[1:],
        [noise_coefficient(betas[i - 1], alphas_between(betas, i + 1, t)) for i in range(1, t + 1)],
        given=within(betas),
        wrong={
            "product from i instead of i + 1":
                [noise_coefficient(betas[i - 1], alphas_between(betas, i, t))
                 for i in range(1, t + 1)],
            "product up to t - 1":
                [noise_coefficient(betas[i - 1], alphas_between(betas, i + 1, t - 1))
                 for i in range(1, t + 1)],
        },
    )


@claim(
    "marginal.expansion.first-noises",
    lines="241",
    verdict="holds",
    title="Coefficients of z_1 and z_2",
    statement=r"The coefficients of $z_1$ and $z_2$ are $\sqrt{\alpha_t\cdots\alpha_2\beta_1}$ and "
    r"$\sqrt{\alpha_t\cdots\alpha_3\beta_2}$ (for $t\ge2$).",
    assumptions=(ALL_RATES, r"$t\ge2$"),
    sources=(DDPM,),
    depends_on=("marginal.expansion.every-noise",),
)
def first_noises() -> Checks:
    for t in (2, 3, EXPLICIT_STEPS):
        betas, found = coefficients_by_steps(t)
        yield identity(
            f"the chain itself, t = {t}", found[1:3],
            [sqrt(alphas_between(betas, 2, t) * betas[0]),
             sqrt(alphas_between(betas, 3, t) * betas[1])], given=within(betas),
            wrong={"rates exchanged": [sqrt(alphas_between(betas, 2, t) * betas[1]),
                                       sqrt(alphas_between(betas, 3, t) * betas[0])],
                   "alpha_1 included": [sqrt(alphas_between(betas, 1, t) * betas[0]),
                                        sqrt(alphas_between(betas, 2, t) * betas[1])]},
        )


@claim(
    "marginal.expansion.last-noises",
    lines="242",
    verdict="holds",
    title="Coefficients of the last three noises",
    statement=r"The coefficients of $z_{t-2}$, $z_{t-1}$ and $z_t$ are "
    r"$\sqrt{\alpha_t\alpha_{t-1}\beta_{t-2}}$, $\sqrt{\alpha_t\beta_{t-1}}$ and $\sqrt{\beta_t}$ "
    r"(for $t\ge3$).",
    assumptions=(ALL_RATES, r"$t\ge3$"),
    sources=(DDPM,),
    depends_on=("marginal.expansion.every-noise",),
)
def last_noises() -> Checks:
    for t in (3, EXPLICIT_STEPS):
        betas, found = coefficients_by_steps(t)
        b_2, b_1, b = betas[-3:]
        yield identity(
            f"the chain itself, t = {t}", found[-3:],
            [sqrt((1 - b) * (1 - b_1) * b_2), sqrt((1 - b) * b_1), sqrt(b)], given=within(betas),
            wrong={
                "alpha_t missing": [sqrt((1 - b_1) * b_2), sqrt(b_1), sqrt(b)],
                "last noise shrunk": [sqrt((1 - b) * (1 - b_1) * b_2), sqrt((1 - b) * b_1),
                                      sqrt((1 - b) * b)],
            },
        )


@claim(
    "marginal.expansion.no-induction",
    lines="232, 240-242",
    verdict="incomplete",
    severity="cosmetic",
    title="From three steps to t steps without an induction",
    statement=r"The general formula is read off from two substitutions. It is right, and the "
    r"argument that is missing is an induction on $t$: one step multiplies every coefficient by "
    r"$\sqrt{\alpha_t}$ and adds $\sqrt{\beta_t}\,z_t$.",
    sources=(DDPM,),
    supplied_by=("marginal.expansion.x0-coefficient", "marginal.expansion.every-noise"),
)
def no_induction() -> Checks:
    yield from ()


def displayed_noises(t: int) -> tuple[int, ...]:
    """Indices of the noises as lines 241-242 display them: 1, 2, those in the dots, t-2, t-1, t."""
    return (1, 2, *range(3, t - 2), t - 2, t - 1, t)


@claim(
    "marginal.expansion.small-t",
    lines="241-242",
    verdict="holds-if",
    severity="cosmetic",
    title="The displayed sum is literal from t = 5 on",
    statement=r"The sum shows the noises $1,2,\ldots,t-2,t-1,t$ one by one. Read literally it is "
    r"$x_t$ for $t\ge5$; for smaller $t$ shown terms coincide (at $t=4$, $z_2$ is shown twice) and "
    r"each must be taken once.",
    assumptions=(r"$t\ge5$",),
    correction=r"$x_t=\sqrt{\bar\alpha_t}\,x_0+\sum_{i=1}^t\sqrt{\beta_i\prod_{j=i+1}^t\alpha_j}"
    r"\;z_i$ for every $t\ge1$.",
    sources=(DDPM,),
    depends_on=("marginal.expansion.every-noise",),
)
def small_t() -> Checks:
    yield evaluates(
        "t = 5 to 40: each noise is shown once, in order",
        lambda: tuple(displayed_noises(t) == tuple(range(1, t + 1)) for t in range(5, 41)),
        (True,) * 36,
        wrong={"t = 4 to 39":
               lambda: tuple(displayed_noises(t) == tuple(range(1, t + 1)) for t in range(4, 40))},
    )
    yield refutes(evaluates(
        "t = 4 and t = 3: some noises are shown twice",
        lambda: (displayed_noises(4), displayed_noises(3)), ((1, 2, 2, 3, 4), (1, 2, 1, 2, 3)),
        wrong={"t = 5 and t = 4": lambda: (displayed_noises(5), displayed_noises(4))},
    ))
    betas, found = coefficients_by_steps(4)
    extra = noise_coefficient(betas[1], alphas_between(betas, 3, 4)) ** 2
    yield identity(
        "at t = 4 the sum taken once has the variance 1 - alpha_bar_4",
        sum((c**2 for c in found[1:]), S.Zero), 1 - alphas_between(betas, 1, 4),
        given=within(betas), wrong={"z_2 taken twice": 1 - alphas_between(betas, 1, 4) + extra},
    )
