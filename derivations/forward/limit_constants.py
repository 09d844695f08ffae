r"""The end points of the linear schedule, and what a wrong one would do to the end of the chain.

    beta_t = beta_1 + (beta_T - beta_1) (t - 1) / (T - 1),  beta_1 = 1e-4, beta_T = 0.02, T = 1000
                                                                             DDPM, section 4
    snr_t = alpha_bar_t / (1 - alpha_bar_t)
    KL(q(x_T | x_0) || N(0, I)) per dimension
          = (alpha_bar_T x_0^2 - alpha_bar_T - log(1 - alpha_bar_T)) / 2     DDPM, L_T in (5)

DDPM is arXiv 2006.11239.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from flint import arb, fmpq
from sympy import Expr, Rational

from derivations.claim import Checks, claim, corrects, refutes
from derivations.forward.marginal_properties import signal_to_noise
from derivations.prover.balls import lies_within
from derivations.prover.execution import token
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import Quantity, real

T, T_STEP, FIRST, LAST = real("T t beta_first beta_last")
PUBLISHED = (Fraction(1, 10000), Fraction(2, 100))
PRINTED = (Fraction(1, 10000), Fraction(2, 1000))


def linear_rate(t: Quantity, steps: Expr, first: Quantity, last: Quantity) -> Quantity:
    """beta_t of the linear schedule, t = 1..steps."""
    return first + (last - first) * (t - 1) / (steps - 1)


def linear_alpha_bar(
    ends: tuple[Fraction, Fraction], steps: int = 1000, t: int | None = None
) -> arb:
    """alpha_bar_t (t = steps unless given) enclosed; the rates are exact, the product rounds."""
    product = arb(1)
    for k in range(1, (steps if t is None else t) + 1):
        keep = 1 - linear_rate(Fraction(k), steps, *ends)
        product *= arb(fmpq(keep.numerator, keep.denominator))
    return product


def divergence_from_standard(
    alpha_bar: Quantity, second_moment: Expr, logarithm: Callable[..., Any]
) -> Quantity:
    """KL per dimension, in nats, of q(x_T | x_0) from N(0, 1) for a given mean of x_0^2."""
    return (alpha_bar * second_moment - alpha_bar - logarithm(1 - alpha_bar)) / 2


def _log(x: arb) -> arb:
    return x.log()


def _between(low: str, high: str) -> tuple[Rational, Rational]:
    return Rational(low), Rational(high)


@claim(
    "limit.constants.beta-range",
    lines="250",
    verdict="false",
    severity="wrong-result",
    title="The last rate of the paper is 0.02, not 0.002",
    statement=r"The paper's rates are said to run from $0.0001$ to $0.002$. The lower end is "
    r"right; "
    r"the upper end is $0.02$. With the printed end and $T=1000$, $\bar\alpha_T\approx0.3497$ "
    r"instead of $4.0358\cdot10^{-5}$: for data of variance 1, more than a third of the variance "
    r"of $x_T$ would still be image. (Lines 290 and 416 give two further ranges; no two of the "
    r"three agree.)",
    correction=r"$\beta_1=10^{-4}$ to $\beta_T=0.02$ with $T=1000$.",
    sources=("DDPM, arXiv 2006.11239, section 4",),
)
def beta_range() -> Checks:
    yield refutes(token("the upper end lacks a factor ten", 250, "0.002", "0.02"))
    yield refutes(lies_within(
        "alpha_bar_1000 for the printed end points", lambda: linear_alpha_bar(PRINTED),
        _between("0.34969", "0.34970"),
        wrong={"the value of the published schedule": _between("0.00004", "0.00005")},
    ))
    yield corrects(lies_within(
        "alpha_bar_1000 for the published end points", lambda: linear_alpha_bar(PUBLISHED),
        _between("0.0000403582976", "0.0000403582977"),
        wrong={
            "rates of 999 steps": _between("0.0000411", "0.0000413"),
            "the value for 0.002": _between("0.34969", "0.34970"),
        },
    ))


@claim(
    "limit.constants.end-of-chain",
    lines="250, 272",
    verdict="false",
    severity="wrong-result",
    title="With the printed range the end is not near a standard normal",
    statement=r"Taken together the two lines say that 1000 steps with rates from $0.0001$ to "
    r"$0.002$ end near the standard normal law. They do not: the signal-to-noise ratio is "
    r"$0.538$, the correlation with unit-variance data $0.591$, and "
    r"$\mathrm{KL}(q(x_T\mid x_0)\,\|\,\mathcal N(0,I))$ per dimension, averaged over such data, "
    r"$0.215$ nats, against $4.04\cdot10^{-5}$, $0.00635$ and $2.02\cdot10^{-5}$ as published.",
    correction=r"Rates from $10^{-4}$ to $0.02$, for which "
    r"$\bar\alpha_{1000}\approx4.0358\cdot10^{-5}$.",
    sources=("DDPM, arXiv 2006.11239, section 4",),
    depends_on=("limit.constants.beta-range",),
)
def end_of_chain() -> Checks:
    def kl(ends: tuple[Fraction, Fraction]) -> Callable[[], arb]:
        return lambda: divergence_from_standard(linear_alpha_bar(ends), 1, _log)

    yield refutes(lies_within(
        "signal-to-noise ratio at the end, printed range",
        lambda: signal_to_noise(linear_alpha_bar(PRINTED)), _between("0.5377", "0.5378"),
        wrong={"below one thousandth": _between("0", "0.001")},
    ))
    yield refutes(lies_within(
        "correlation of x_T with unit-variance data, printed range",
        lambda: linear_alpha_bar(PRINTED).sqrt(), _between("0.5913", "0.5914"),
        wrong={"below one hundredth": _between("0", "0.01")},
    ))
    yield refutes(lies_within(
        "divergence from the standard normal, printed range", kl(PRINTED),
        _between("0.2151", "0.2152"), wrong={"below one thousandth": _between("0", "0.001")},
    ))
    yield corrects(lies_within(
        "signal-to-noise ratio at the end, published range",
        lambda: signal_to_noise(linear_alpha_bar(PUBLISHED)),
        _between("0.0000403599265", "0.0000403599266"),
        wrong={"alpha_bar itself": _between("0.0000403582976", "0.0000403582977")},
    ))
    yield corrects(lies_within(
        "divergence from the standard normal, published range", kl(PUBLISHED),
        _between("0.00002017", "0.00002019"),
        wrong={"without the factor one half": _between("0.0000403", "0.0000405")},
    ))


@claim(
    "limit.constants.rates-rise",
    lines="250",
    verdict="holds",
    title="The published rates rise and alpha falls",
    statement=r"With $\beta_t=\beta_1+(\beta_T-\beta_1)\frac{t-1}{T-1}$ and $\beta_1<\beta_T$ each "
    r"step raises $\beta$ by $\frac{\beta_T-\beta_1}{T-1}>0$ and so lowers $\alpha_t=1-\beta_t$. "
    r"(The document's own listing runs the rates the other way, line 290.)",
    assumptions=(FIRST > 0, FIRST < LAST, LAST < 1, T >= 2),
    witness={FIRST: Rational(1, 10000), LAST: Rational(1, 50), T: 1000},
    sources=("DDPM, arXiv 2006.11239, section 4",),
)
def rates_rise() -> Checks:
    given = (FIRST > 0, FIRST < LAST, LAST < 1, T >= 2)
    rise = (LAST - FIRST) / (T - 1)
    raised = linear_rate(T_STEP + 1, T, FIRST, LAST) - linear_rate(T_STEP, T, FIRST, LAST)
    yield identity(
        "difference of neighbouring rates", raised, rise, given=given,
        wrong={"T in place of T - 1": (LAST - FIRST) / T, "falling": (FIRST - LAST) / (T - 1)},
    )
    yield identity(
        "the ends of the range are reached at t = 1 and t = T",
        [linear_rate(1, T, FIRST, LAST), linear_rate(T, T, FIRST, LAST)], [FIRST, LAST],
        given=given, wrong={"reversed, as in the listing": [LAST, FIRST]},
    )
    yield implies(
        "the difference is positive", given, rise > 0,
        wrong={"a raise above one thousandth": rise > Rational(1, 1000)},
    )
    yield implies(
        "alpha falls where beta rises", given, (1 - LAST) < (1 - FIRST),
        wrong={"alpha halves": 2 * (1 - LAST) < (1 - FIRST)},
    )


@claim(
    "limit.published-gap",
    lines="272",
    verdict="holds",
    title="How far from standard normal the published chain ends (supplied)",
    statement=r"At $T=1000$ with the published rates, $\bar\alpha_T=4.0358298\cdot10^{-5}$, "
    r"$\sqrt{\bar\alpha_T}=6.3528\cdot10^{-3}$, $1-\bar\alpha_T=0.99995964$. The divergence of "
    r"$q(x_T\mid x_0)$ from $\mathcal N(0,I)$ per dimension is $5.87\cdot10^{-10}$ bits for "
    r"$x_0=0$; for CIFAR-10 see bound.prior-term.value. DDPM reports about $10^{-5}$.",
    sources=("DDPM, arXiv 2006.11239, section 4 (L_T about 1e-5 bits per dimension)",),
    depends_on=("limit.terminal-kl", "bound.prior-term.value"),
)
def published_gap() -> Checks:
    def bits_of_grey() -> arb:
        nats: arb = divergence_from_standard(linear_alpha_bar(PUBLISHED), 0, _log)
        return nats / arb(2).log()

    yield lies_within(
        "weight of the clean image in x_T", lambda: linear_alpha_bar(PUBLISHED).sqrt(),
        _between("0.0063528180", "0.0063528181"),
        wrong={"alpha_bar instead of its root": _between("0.00004", "0.00005")},
    )
    yield lies_within(
        "variance of x_T", lambda: 1 - linear_alpha_bar(PUBLISHED),
        _between("0.99995964170", "0.99995964171"),
        wrong={"exactly one": _between("0.99999", "1.00001")},
    )
    yield lies_within(
        "bits per dimension for x_0 = 0, mid-grey", bits_of_grey,
        _between("0.000000000587478", "0.000000000587479"),
        wrong={"nats": _between("0.000000000407", "0.000000000408")},
    )
