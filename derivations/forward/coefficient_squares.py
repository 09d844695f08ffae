r"""The proof that the squared coefficients of the expansion sum to one, line by line.

    alpha_t...alpha_1 + sum_{i=1}^t alpha_t...alpha_{i+1} beta_i = 1

This leads to the variance 1 - alpha_bar_t of DDPM (4), arXiv 2006.11239.  The sum is polynomial in
the rates, so the identity holds for all real rates; that the coefficients are real needs [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Expr, S

from derivations.claim import Checks, claim, refutes
from derivations.forward.expansion import EXPLICIT_STEPS, alphas_between, unrolled, within
from derivations.forward.expansion_general import ALL_RATES, coefficients_by_steps
from derivations.forward.forward import BETA, DDPM
from derivations.prover.counterexample import differs
from derivations.prover.execution import evaluates
from derivations.prover.induction import Recursion, invariant
from derivations.prover.normal_form import identity
from derivations.symbols import real

SIGNAL, NOISE, REST, TAKEN = real("signal_square noise_squares rest taken")
LATER, A_1, A_2 = real("later_alphas alpha_1 alpha_2")


def squares(betas: Sequence[Expr]) -> list[Expr]:
    """The summands of the display: alpha_t...alpha_1, then alpha_t...alpha_{i+1} beta_i."""
    t = len(betas)
    return [alphas_between(betas, 1, t),
            *(alphas_between(betas, i + 1, t) * betas[i - 1] for i in range(1, t + 1))]


@claim(
    "marginal.squares.sum-one",
    lines="252",
    verdict="holds",
    title="All squared coefficients sum to one, for every t",
    statement=r"$\alpha_t\cdots\alpha_1+\sum_{i=1}^t\beta_i\prod_{j=i+1}^t\alpha_j=1$ for every "
    r"$t\ge1$, the square of the coefficient of $x_0$ included.",
    assumptions=(ALL_RATES,),
    sources=("DDPM, arXiv 2006.11239, eq. (4)",),
    depends_on=("marginal.expansion.x0-coefficient", "marginal.expansion.every-noise"),
)
def sum_one() -> Checks:
    yield invariant(
        "a step multiplies all squares by alpha and adds beta",
        Recursion(start={SIGNAL: 1, NOISE: 0},
                  step={SIGNAL: (1 - BETA) * SIGNAL, NOISE: (1 - BETA) * NOISE + BETA}),
        {NOISE: 1 - SIGNAL},
        wrong={"the first square left out": {NOISE: S.One},
               "root of the first square": {NOISE: 1 - SIGNAL**2}},
    )
    for t in (1, 2, EXPLICIT_STEPS):
        betas, found = coefficients_by_steps(t)
        yield identity(
            f"squares of the chain's own coefficients, t = {t}",
            sum((c**2 for c in found), S.Zero), 1, given=within(betas),
            wrong={"without the first": 1 - alphas_between(betas, 1, t)},
        )


@claim(
    "marginal.squares.list",
    lines="256",
    verdict="holds",
    title="The list of squares",
    statement=r"The summands are the squares of the coefficients of lines 241-242, in their order: "
    r"$\alpha_t\cdots\alpha_1$, $\alpha_t\cdots\alpha_2\beta_1$, $\alpha_t\cdots\alpha_3\beta_2$, "
    r"and so on to $\alpha_t\beta_{t-1}$ and $\beta_t$.",
    assumptions=(ALL_RATES,),
    sources=(DDPM,),
    depends_on=("marginal.expansion.x0-coefficient", "marginal.expansion.every-noise"),
)
def square_list() -> Checks:
    for t in (1, 4, EXPLICIT_STEPS):
        betas, found = coefficients_by_steps(t)
        yield identity(
            f"squares of the chain's coefficients, one by one, t = {t}", [c**2 for c in found],
            squares(betas), given=within(betas),
            wrong={
                "rates squared": [squares(betas)[0], *(s * b for s, b in zip(
                    squares(betas)[1:], betas, strict=True))],
                "first square left out": [S.Zero, *squares(betas)[1:]],
            },
        )


@claim(
    "marginal.squares.contraction",
    lines="257",
    verdict="holds",
    title="The grouping on the second line of the proof",
    statement=r"The first three summands are $\alpha_t\cdots\alpha_3(\alpha_2+\beta_2)$, and the "
    r"others stay. Two moves are made at once: the first two summands are "
    r"$\alpha_t\cdots\alpha_2(\alpha_1+\beta_1)=\alpha_t\cdots\alpha_2$, and the third is then "
    r"grouped with this. (Each summand taken once; the printed line is literal from $t=5$ on, "
    r"marginal.squares.small-t.)",
    assumptions=(r"$t\ge3$",),
    sources=(DDPM,),
    depends_on=("forward.alpha.sum", "marginal.squares.list"),
)
def contraction() -> Checks:
    yield identity(
        "for every t, with alpha_t...alpha_3 as one number",
        [LATER * A_2 * A_1 + LATER * A_2 * (1 - A_1),
         LATER * A_2 * A_1 + LATER * A_2 * (1 - A_1) + LATER * (1 - A_2)],
        [LATER * A_2, LATER * (A_2 + (1 - A_2))],
        wrong={"alpha_1 kept": [LATER * A_2 * A_1, LATER * (A_2 * A_1 + (1 - A_2))]},
    )
    for t in (3, EXPLICIT_STEPS):
        betas = unrolled(t)[0]
        listed, b_2 = squares(betas), betas[1]
        grouped = alphas_between(betas, 3, t) * ((1 - b_2) + b_2)
        yield identity(
            f"the first two summands alone, t = {t}", listed[0] + listed[1],
            alphas_between(betas, 2, t),
            wrong={"alpha_1 kept": alphas_between(betas, 1, t)},
        )
        yield identity(
            f"the whole line, t = {t}", sum(listed, S.Zero), grouped + sum(listed[3:], S.Zero),
            wrong={
                "third summand counted again": grouped + sum(listed[2:], S.Zero),
                "beta_1 summand kept as well": grouped + listed[1] + sum(listed[3:], S.Zero),
            },
        )


@claim(
    "marginal.squares.silent-contraction",
    lines="256-257",
    verdict="incomplete",
    severity="cosmetic",
    title="One contraction is made without being shown",
    statement=r"Between the two lines $\alpha_1+\beta_1=1$ is used once without being written: the "
    r"line $\alpha_t\cdots\alpha_2(\alpha_1+\beta_1)+\alpha_t\cdots\alpha_3\beta_2+\cdots$ is left "
    r"out.",
    sources=(DDPM,),
    supplied_by=("marginal.squares.contraction",),
)
def silent_contraction() -> Checks:
    yield from ()


@claim(
    "marginal.squares.second-one",
    lines="258",
    verdict="holds",
    title="The bracket is one",
    statement=r"$\alpha_2+\beta_2=1$ turns the grouped term into $\alpha_t\cdots\alpha_3$; for "
    r"$t=2$ this is the empty product 1. (Each summand taken once, as in the line before.)",
    assumptions=(r"$t\ge2$",),
    sources=(DDPM,),
    depends_on=("forward.alpha.sum", "marginal.squares.contraction"),
)
def second_one() -> Checks:
    yield identity(
        "for every t, with alpha_t...alpha_3 as one number",
        LATER * A_2 * A_1 + LATER * A_2 * (1 - A_1) + LATER * (1 - A_2), LATER,
        wrong={"alpha_2 kept": LATER * A_2,
               "beta_1 summand left out": LATER * (1 - A_2 + A_2 * A_1)},
    )
    for t in (2, EXPLICIT_STEPS):
        betas = unrolled(t)[0]
        listed, b_2 = squares(betas), betas[1]
        yield identity(
            f"the first three summands, t = {t}", sum(listed[:3], S.Zero),
            alphas_between(betas, 3, t),
            wrong={"alpha_2 kept": alphas_between(betas, 2, t),
                   "bracket of squares": alphas_between(betas, 3, t) * ((1 - b_2) ** 2 + b_2**2)},
        )


@claim(
    "marginal.squares.telescope",
    lines="259",
    verdict="holds",
    title="Repeating the contraction leaves alpha_t + beta_t = 1",
    statement=r"After the summands with $\beta_1,\ldots,\beta_i$ are taken in, the sum so far is "
    r"$\alpha_t\cdots\alpha_{i+1}$; after $\beta_{t-1}$ it is $\alpha_t$, and the last summand "
    r"$\beta_t$ makes it 1. For every $t$, by induction on $i$.",
    assumptions=(ALL_RATES,),
    sources=(DDPM,),
    depends_on=("forward.alpha.sum", "marginal.squares.list"),
)
def telescope() -> Checks:
    whole = 1 / (1 + real("u") ** 2)  # any number in (0, 1]: alpha_t ... alpha_1
    yield invariant(
        "taking in beta_i times the alphas after i divides the sum by alpha_i",
        Recursion(start={TAKEN: whole, REST: whole},
                  step={TAKEN: TAKEN + BETA * REST / (1 - BETA), REST: REST / (1 - BETA)},
                  domain=(REST > 0,), inputs=(BETA > 0, BETA < 1)),
        {TAKEN: REST}, wrong={"one summand behind": {TAKEN: whole}, "already one": {TAKEN: S.One}},
    )
    for t in (1, 2, EXPLICIT_STEPS):
        betas = unrolled(t)[0]
        listed = squares(betas)
        yield identity(
            f"t = {t}: all but the last summand make alpha_t, and with it one",
            [sum(listed[:-1], S.Zero), sum(listed, S.Zero)], [1 - betas[-1], 1],
            wrong={"last summand left out": [1 - betas[-1], 1 - betas[-1]],
                   "alpha_{t-1} left": [1 - betas[0] / 2, 1]},
        )


def displayed_summands(t: int) -> tuple[int, ...]:
    """Indices of the rates as line 256 displays them: 1, 2, those in the dots, t - 1, t."""
    return (1, 2, *range(3, t - 1), t - 1, t)


def displayed_grouped(t: int) -> tuple[int, ...]:
    """Indices of the rates as lines 257-258 display them: the group's 1, 2, dots, t-2, t-1, t."""
    return (1, 2, *range(3, t - 2), t - 2, t - 1, t)


@claim(
    "marginal.squares.small-t",
    lines="256-258",
    verdict="holds-if",
    severity="cosmetic",
    title="The displayed sums of squares are literal from t = 4, then from t = 5 on",
    statement=r"Line 256 shows the summands with $\beta_1,\beta_2,\ldots,\beta_{t-1},\beta_t$ one "
    r"by one: right as read from $t=4$ on; at $t=3$ the summand with $\beta_2$ is shown twice. "
    r"Lines 257 and 258 show the one with $\beta_{t-2}$ as well and are right as read from $t=5$ "
    r"on: at $t=4$ they exceed 1 by $\alpha_4\alpha_3\beta_2$. With each summand taken once the "
    r"result holds for every $t\ge1$.",
    assumptions=(r"$t\ge5$",),
    correction=r"$\prod_{j=1}^t\alpha_j+\sum_{i=1}^t\beta_i\prod_{j=i+1}^t\alpha_j=1$ for every "
    r"$t\ge1$.",
    sources=(DDPM,),
    depends_on=("marginal.squares.sum-one",),
)
def small_t() -> Checks:
    yield evaluates(
        "t = 4 to 40: each rate is shown once, in order",
        lambda: tuple(displayed_summands(t) == tuple(range(1, t + 1)) for t in range(4, 41)),
        (True,) * 37,
        wrong={"t = 3 to 39": lambda: tuple(
            displayed_summands(t) == tuple(range(1, t + 1)) for t in range(3, 40))},
    )
    yield refutes(evaluates(
        "t = 3: the second summand is shown twice", lambda: displayed_summands(3), (1, 2, 2, 3),
        wrong={"t = 4": lambda: displayed_summands(4)},
    ))
    yield evaluates(
        "lines 257-258, t = 5 to 40: each rate is shown once, in order",
        lambda: tuple(displayed_grouped(t) == tuple(range(1, t + 1)) for t in range(5, 41)),
        (True,) * 36,
        wrong={"t = 4 to 39": lambda: tuple(
            displayed_grouped(t) == tuple(range(1, t + 1)) for t in range(4, 40))},
    )
    betas = unrolled(4)[0]
    listed = squares(betas)
    yield refutes(differs(
        "lines 257-258, t = 4: the second summand, shown twice, makes the sum exceed 1",
        sum((listed[i] for i in (0, *displayed_grouped(4))), S.Zero), S.One,
        given=within(betas), at=dict.fromkeys(betas, S.Half),
        wrong={"by alpha_4 alpha_3 beta_2": 1 + alphas_between(betas, 3, 4) * betas[1]},
    ))
    betas = unrolled(3)[0]
    listed = squares(betas)
    yield identity(
        "at t = 3, each summand taken once, the sum is one", sum(listed, S.Zero), 1,
        wrong={"the second taken twice": 1 + listed[2]},
    )
