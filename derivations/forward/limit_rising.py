r"""Rates that do not fall and do not depend on the number of steps: alpha_bar_T tends to 0.

    alpha_bar_T <= (1 - beta_1)^T <= 1 / (1 + T beta_1),   beta_t >= beta_1 > 0

The first bound is by induction, the second is Bernoulli's inequality, also by induction.  Rates
that are chosen anew for each T are the subject of limit.alpha-bar and limit.scaled-linear.
"""

from __future__ import annotations

from sympy import And, Eq, Expr, Rational
from sympy.logic.boolalg import Boolean

from derivations.claim import Checks, claim
from derivations.forward.forward import BETA
from derivations.forward.limit import WEIERSTRASS, A, N
from derivations.prover.smt import implies
from derivations.symbols import real

FLOOR, B_FIRST = real("floor beta_1")


def power_bounded(power: Expr, n: Expr, rate: Expr) -> Boolean:
    """Bernoulli's bound of power = (1 - rate)^n."""
    return power * (1 + n * rate) <= 1


@claim(
    "limit.rising-rates",
    lines="272",
    verdict="holds",
    title="For one fixed sequence of rates that do not fall, alpha_bar_T -> 0 (supplied)",
    statement=r"If the rates do not fall, as line 217 has it, and the sequence does not depend on "
    r"$T$, then $\bar\alpha_T\le(1-\beta_1)^T\le1/(1+T\beta_1)\to0$.",
    assumptions=(A > 0, A <= 1, B_FIRST > 0, BETA >= B_FIRST, BETA < 1),
    witness={A: 1, B_FIRST: Rational(1, 10000), BETA: Rational(1, 50)},
    sources=(WEIERSTRASS,),
    depends_on=("limit.alpha-bar",),
)
def rising_rates() -> Checks:
    state = (A > 0, A <= 1, B_FIRST > 0, BETA >= B_FIRST, BETA < 1)
    yield implies(
        "a step keeps alpha_bar_n below (1 - beta_1)^n, here called floor",
        (*state, FLOOR > 0, A <= FLOOR), A * (1 - BETA) <= FLOOR * (1 - B_FIRST),
        wrong={"below the square": A * (1 - BETA) <= FLOOR * (1 - B_FIRST) ** 2},
    )
    yield implies(
        "a step keeps floor below 1 / (1 + n beta_1)",
        (FLOOR > 0, N >= 0, B_FIRST > 0, B_FIRST < 1, power_bounded(FLOOR, N, B_FIRST)),
        power_bounded(FLOOR * (1 - B_FIRST), N + 1, B_FIRST),
        wrong={"twice as fast": power_bounded(FLOOR * (1 - B_FIRST), 2 * N + 2, B_FIRST)},
    )
    yield implies(
        "start: both bounds hold at n = 0, where alpha_bar and floor are 1",
        (Eq(A, 1), Eq(FLOOR, 1), Eq(N, 0)), And(A <= FLOOR, power_bounded(FLOOR, N, B_FIRST)),
        wrong={"strictly below floor": A < FLOOR,
               "the bound of n = 1": power_bounded(FLOOR, N + 1, B_FIRST)},
    )
