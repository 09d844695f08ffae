r"""Whether alpha_bar_T tends to 0 as the number of steps grows.

    1 - sum beta_t  <=  alpha_bar_T  <=  1 / (1 + sum beta_t),   0 < beta_t < 1
    rates scaled by 1000 / T:  alpha_bar_T -> exp(-1000 (beta_first + beta_last) / 2)

So alpha_bar_T -> 0 exactly when the sum of the rates diverges: the bounds are Weierstrass' product
inequalities, each proved by induction.  The scaled linear schedule is that of the code released
with iDDPM, arXiv 2102.09672; published end points are DDPM's, arXiv 2006.11239, section 4.
"""

from __future__ import annotations

from fractions import Fraction

from flint import arb, fmpq
from sympy import And, Eq, Expr, Rational, S, diff, log
from sympy.logic.boolalg import Boolean

from derivations.claim import Check, Checks, claim, corrects, refutes
from derivations.forward.forward import BETA, RATE
from derivations.forward.limit_constants import (
    FIRST,
    LAST,
    PUBLISHED,
    T,
    linear_alpha_bar,
    linear_rate,
)
from derivations.prover.balls import lies_within
from derivations.prover.counterexample import counterexample
from derivations.prover.execution import token
from derivations.prover.induction import Recursion, invariant, telescopes
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import real

A, SUM, N, K = real("alpha_bar beta_sum n k")
WEIERSTRASS = "Mitrinović 1970, Analytic Inequalities (inequalities of Weierstrass)"
TOTAL = Rational(201, 20)  # 1000 (1e-4 + 0.02) / 2, the sum of the published rates


def alpha_bar_of_squares(n: Expr) -> Expr:
    """alpha_bar_n for beta_t = 1 / (t + 1)^2."""
    return (n + 2) / (2 * (n + 1))


def bounded_above(alpha_bar: Expr, beta_sum: Expr) -> Boolean:
    """The upper bound of the product by the sum."""
    return alpha_bar <= 1 / (1 + beta_sum)


def bounded_below(alpha_bar: Expr, beta_sum: Expr) -> Boolean:
    """The lower bound of the product by the sum."""
    return alpha_bar >= 1 - beta_sum


def scaled_rate(k: Expr, steps: Expr, first: Expr, last: Expr) -> Expr:
    """beta_k of the linear schedule whose end points are multiplied by 1000 / steps."""
    return 1000 * linear_rate(k, steps, first, last) / steps


def squares_converge() -> Check:
    """alpha_bar for beta_t = 1/(t+1)^2 in closed form, for every number of steps."""
    return invariant(
        "beta_t = 1/(t+1)^2: the product telescopes to (T+2)/(2(T+1))",
        Recursion(start={N: 0, A: 1}, step={N: N + 1, A: A * (1 - 1 / (N + 2) ** 2)},
                  domain=(N >= 0,)),
        {A: alpha_bar_of_squares(N)},
        wrong={"limit 0": {A: 1 / (N + 1)}, "index behind by one": {A: (N + 1) / (2 * N + 1)}},
    )


@claim(
    "limit.index",
    lines="272",
    verdict="misprint",
    severity="misleading",
    title="The index must be T, not t",
    statement=r"The sentence lets $T$ grow and writes $\bar\alpha_t\to0$ with a free $t$. For "
    r"fixed "
    r"$t$ and fixed rates $\bar\alpha_t$ does not change with $T$: with $\beta_1=\tfrac12$, "
    r"$\bar\alpha_1=\tfrac12$ however many steps follow.",
    assumptions=RATE,
    witness={BETA: Rational(1, 2)},
    correction=r"$\bar\alpha_T\to0$ and $1-\bar\alpha_T\to1$.",
    sources=("DDPM, arXiv 2006.11239, section 2",),
)
def index() -> Checks:
    yield refutes(token("the limit is that of the last step", 272, r"\bar{\alpha}_t",
                        r"\bar{\alpha}_T"))
    first_level = 1 - BETA
    yield refutes(counterexample(
        "alpha_bar_1 = 1 - beta_1 does not fall below 1/4, however many steps follow",
        first_level < Rational(1, 4), given=RATE, at={BETA: Rational(1, 2)},
        wrong={"its own value": Eq(first_level, Rational(1, 2), evaluate=False)},
    ))


@claim(
    "limit.alpha-bar",
    lines="272",
    verdict="holds-if",
    severity="misleading",
    title="alpha_bar_T tends to 0 exactly when the sum of the rates diverges",
    statement=r"Enough steps are said to bring $\bar\alpha_T$ to 0. That is so if and only if "
    r"$\sum_t\beta_t=\infty$: $1-\sum_{t\le T}\beta_t\le\bar\alpha_T\le"
    r"1/(1+\sum_{t\le T}\beta_t)$ for all rates in $(0,1)$. For $\beta_t=1/(t+1)^2$, "
    r"$\bar\alpha_T=\frac{T+2}{2(T+1)}\to\tfrac12$. Rates that rise, as line 217 has it, do not "
    r"mend this if they are chosen for each $T$: $\beta_t=\frac t{T(T+1)}$ sum to $\tfrac12$, so "
    r"$\bar\alpha_T\ge\tfrac12$. (With one fixed sequence of rising rates it does tend to 0: "
    r"limit.rising-rates.)",
    assumptions=(A > 0, A <= 1, SUM >= 0, *RATE, r"$\sum_t\beta_t=\infty$"),
    witness={A: 1, SUM: 0, BETA: Rational(1, 50)},
    correction=r"If $\sum_{t=1}^\infty\beta_t=\infty$, then $\bar\alpha_T\to0$ as $T\to\infty$; "
    r"what counts is the sum of the rates, not the number of steps.",
    sources=(WEIERSTRASS,),
    depends_on=("marginal.alpha-bar.definition",),
)
def alpha_bar_limit() -> Checks:
    state = (A > 0, A <= 1, SUM >= 0, *RATE)
    after = A * (1 - BETA), SUM + BETA
    yield implies(
        "start: alpha_bar_0 = 1 meets both bounds with sum 0", (Eq(A, 1), Eq(SUM, 0)),
        And(bounded_above(A, SUM), bounded_below(A, SUM)), wrong={"strictly": A < 1 / (1 + SUM)},
    )
    yield implies(
        "a step keeps alpha_bar <= 1 / (1 + sum)", (*state, bounded_above(A, SUM)),
        bounded_above(*after),
        wrong={"twice as fast": bounded_above(after[0], SUM + 2 * BETA)},
    )
    yield implies(
        "a step keeps alpha_bar >= 1 - sum, so a convergent tail of sum below 1 leaves it positive",
        (*state, bounded_below(A, SUM)), bounded_below(*after),
        wrong={"half as fast": bounded_below(after[0], SUM + BETA / 2)},
    )
    yield refutes(squares_converge())
    yield refutes(implies(
        "and that stays above 1/2 for every T", (N >= 0,),
        alpha_bar_of_squares(N) > Rational(1, 2),
        wrong={"above 51/100": alpha_bar_of_squares(N) > Rational(51, 100)},
    ))
    rate, partial = K / (T * (T + 1)), K * (K + 1) / (2 * T * (T + 1))
    yield refutes(implies(
        "rates t / (T (T + 1)) rise with t and lie within (0, 1)", (T >= 1, K >= 1, K + 1 <= T),
        And(rate > 0, rate < rate.subs(K, K + 1), rate.subs(K, K + 1) < 1),
        wrong={"they double": 2 * rate <= rate.subs(K, K + 1)},
    ))
    yield refutes(telescopes(
        "the sum of the first k of them", rate, K, 1, partial, given=(T >= 1,),
        wrong={"k - 1 for k + 1": partial.subs(K + 1, K - 1), "not halved": 2 * partial},
    ))
    yield refutes(implies(
        "at k = T it is 1/2, whatever T, and by the lower bound alpha_bar_T is at least 1/2",
        (T >= 1, Eq(SUM, partial.subs(K, T)), bounded_below(A, SUM)), A >= Rational(1, 2),
        wrong={"at least 2/3": A >= Rational(2, 3)},
    ))


def logarithm_bounds() -> Checks:
    """-b/(1-b) <= log(1-b) <= -b on (0, 1): equality at 0, then the signs of the derivatives."""
    upper, lower = -BETA - log(1 - BETA), log(1 - BETA) + BETA / (1 - BETA)
    for name, gap, slope in (("-b - log(1-b)", upper, BETA / (1 - BETA)),
                             ("log(1-b) + b/(1-b)", lower, BETA / (1 - BETA) ** 2)):
        yield identity(f"{name} is 0 at b = 0", gap.subs(BETA, 0), 0, wrong={"one": S.One})
        yield identity(
            f"derivative of {name}", diff(gap, BETA), slope, given=RATE,
            wrong={"opposite sign": -slope, "without the quotient": BETA},
        )
        yield implies(
            f"derivative of {name} is positive", RATE, slope > 0,
            wrong={"above 2b": slope > 2 * BETA},
        )


def scaled_alpha_bar(steps: int) -> arb:
    """alpha_bar_T of the scaled linear schedule with published end points, enclosed."""
    first, last = (end * 1000 / steps for end in PUBLISHED)
    return linear_alpha_bar((first, last), steps)


def exponential(exponent: Fraction) -> arb:
    """exp of a rational number, enclosed."""
    return arb(fmpq(exponent.numerator, exponent.denominator)).exp()


@claim(
    "limit.scaled-linear",
    lines="272, 415-421",
    verdict="false",
    severity="misleading",
    title="With rates scaled by 1000/T, alpha_bar_T does not tend to 0",
    statement=r"More steps are said to bring $\bar\alpha_T$ to 0. Read with the document's own "
    r"rule for another $T$, linear rates scaled by $1000/T$ (lines 414-423), this is false: their "
    r"sum is the same for every $T$, $10.05$ for the published ends, and "
    r"$e^{-10.05/(1-20/T)}\le\bar\alpha_T\le e^{-10.05}$. So "
    r"$\bar\alpha_T\to e^{-10.05}=4.3186\cdot10^{-5}$, from below: more steps leave slightly "
    r"more of the image.",
    assumptions=(T > 20, *RATE),
    witness={T: 1000, BETA: Rational(1, 50)},
    correction=r"For linear rates scaled by $1000/T$, "
    r"$\bar\alpha_T\to e^{-1000(\beta_{\text{first}}+\beta_{\text{last}})/2}$.",
    sources=("iDDPM, arXiv 2102.09672, released code", "DDPM, arXiv 2006.11239, section 4"),
    depends_on=("limit.alpha-bar",),
)
def scaled_linear() -> Checks:
    partial = 1000 * (K * FIRST + (LAST - FIRST) * K * (K - 1) / (2 * (T - 1))) / T
    yield corrects(telescopes(
        "sum of the first k scaled rates", scaled_rate(K, T, FIRST, LAST), K, 1, partial,
        given=(T >= 2,),
        wrong={"k + 1 for k - 1": partial.subs(K - 1, K + 1), "not scaled": partial * T / 1000},
    ))
    yield corrects(identity(
        "at k = T it is 1000 times the mean of the end points, whatever T", partial.subs(K, T),
        500 * (FIRST + LAST), given=(T >= 2,), wrong={"grows with T": T * (FIRST + LAST) / 2},
    ))
    yield corrects(identity(
        "for the published end points",
        partial.subs({K: T, FIRST: Rational(1, 10000), LAST: Rational(2, 100)}), TOTAL,
        given=(T >= 2,), wrong={"with 0.00001 as first rate": Rational(2001, 200)},
    ))
    for step in logarithm_bounds():
        yield corrects(step)

    def at_most(share: int) -> Boolean:
        return scaled_rate(K, T, Rational(1, 10000), Rational(2, 100)) <= share / T

    yield corrects(implies(
        "no scaled rate exceeds 20/T", (T >= 2, K >= 1, K <= T),
        at_most(20), wrong={"19/T": at_most(19)},
    ))
    yield corrects(implies(
        "no rate exceeds 20/T, so b/(1-b) <= b/(1 - 20/T)", (T > 20, *RATE, BETA <= 20 / T),
        BETA / (1 - BETA) <= BETA / (1 - 20 / T),
        wrong={"with 10/T": BETA / (1 - BETA) <= BETA / (1 - 10 / T)},
    ))
    yield refutes(lies_within(
        "for every T >= 1000 the lower bound is at least e^(-10.05 * 50/49)",
        lambda: exponential(Fraction(-201, 20) * Fraction(50, 49)),
        (Rational("0.000035"), Rational("0.000036")),
        wrong={"zero": (Rational(-1), Rational("0.00001"))},
    ))
    yield refutes(implies(
        "because 1/(1 - 20/T) <= 50/49 from T = 1000 on", (T >= 1000,),
        1 / (1 - 20 / T) <= Rational(50, 49),
        wrong={"51/50": 1 / (1 - 20 / T) <= Rational(51, 50)},
    ))
    yield corrects(lies_within(
        "the limit", lambda: exponential(Fraction(-201, 20)),
        (Rational("0.00004318574"), Rational("0.00004318575")),
        wrong={"the value at T = 1000": (Rational("0.0000403"), Rational("0.0000404"))},
    ))
    yield refutes(lies_within(
        "it rises with T: at 4000 steps above the value at 1000, 4.0358e-5",
        lambda: scaled_alpha_bar(4000), (Rational("0.00004246652"), Rational("0.00004246653")),
        wrong={"below it": (Rational(0), Rational("0.00004035829"))},
    ))


@claim(
    "limit.one-minus",
    lines="272",
    verdict="holds-if",
    severity="cosmetic",
    title="The variance of the noise tends to 1",
    statement=r"$1-\bar\alpha_T\to1$ is the same statement as $\bar\alpha_T\to0$ and needs the "
    r"same "
    r"condition; $1-\bar\alpha_T\ge\frac{S}{1+S}$ with $S=\sum_{t\le T}\beta_t$. For "
    r"$\beta_t=1/(t+1)^2$ it stays below $\tfrac12$.",
    assumptions=(A > 0, SUM > 0, bounded_above(A, SUM), r"$\sum_t\beta_t=\infty$"),
    witness={A: Rational(1, 4), SUM: 2},
    correction=r"If $\sum_t\beta_t=\infty$, then $1-\bar\alpha_T\to1$.",
    sources=(WEIERSTRASS,),
    depends_on=("limit.alpha-bar",),
)
def one_minus() -> Checks:
    given = (A > 0, SUM > 0, bounded_above(A, SUM))
    yield implies(
        "the bound on alpha_bar, turned over", given, 1 - A >= SUM / (1 + SUM),
        wrong={"equality": Eq(1 - A, SUM / (1 + SUM)), "above 1": 1 - A >= 1},
    )
    yield identity(
        "the gap to 1 in that bound is 1 / (1 + S)", 1 - SUM / (1 + SUM), 1 / (1 + SUM),
        given=(SUM > 0,), wrong={"1 / S": 1 / SUM},
    )
    yield refutes(implies(
        "with rates 1/(t+1)^2 it stays below 1/2", (N >= 0,),
        1 - alpha_bar_of_squares(N) < Rational(1, 2),
        wrong={"below 0.49": 1 - alpha_bar_of_squares(N) < Rational(49, 100)},
    ))
