r"""The listing's linear branch, statement by statement.

    ends 1e-4 * 1000 / T and 0.02 * 1000 / T                 code released with arXiv 2102.09672
    beta_t = first + (last - first) (t - 1) / (T - 1)                 arXiv 2006.11239, section 4

The document prints 0.00001 for the first end.  Its numpy calls are run in audit/comparisons.
"""

import struct
from collections.abc import Callable
from fractions import Fraction

from sympy import And, Rational

from derivations.claim import Checks, claim, corrects, refutes
from derivations.prover.counterexample import counterexample
from derivations.prover.execution import evaluates, executes, token
from derivations.prover.smt import implies
from derivations.schedule.printed_digits import agrees, close
from derivations.schedule.schedule import (
    FIRST,
    IDDPM,
    alpha_bars,
    linear_betas,
    linear_end,
    scaled_linear_betas,
    snr,
    to_ball,
)
from derivations.schedule.schedule_listing import RELEASED
from derivations.symbols import real

PRINTED_FIRST = Fraction(1, 100000)
T = real("T")


@claim(
    "schedule.listing.first-beta",
    lines="416",
    verdict="code-defect",
    severity="wrong-result",
    title="The first beta is ten times too small",
    statement=(
        r"The first end is printed as $10^{-5}\cdot1000/T$; published is $10^{-4}\cdot1000/T$.  At "
        r"$T=1000$ this gives $1-\bar\alpha_1=10^{-5}$ for $10^{-4}$ (a standard deviation smaller "
        r"by $\sqrt{10}$), $\mathrm{SNR}_1=99999$ for 9999, $\bar\alpha_{100}=0.904732$ for "
        r"0.897018 and $\bar\alpha_{1000}=4.2229\times10^{-5}$ for $4.0358\times10^{-5}$."
    ),
    correction=r"$\beta_1=10^{-4}\cdot1000/T$: the constant is `0.0001`.",
    sources=("arXiv 2006.11239, section 4", RELEASED),
    code=("core.schedule.linear_schedule",),
    depends_on=("schedule.linear.alpha-bar-end",),
)
def first_beta() -> Checks:
    printed = alpha_bars(linear_betas(1000, first=PRINTED_FIRST))
    yield refutes(token("four zeros for three", 416, "0.00001", "0.0001"))
    yield refutes(evaluates(
        "the printed constant gives another first variance and another SNR",
        lambda: (1 - printed[1], snr(printed[1]), FIRST / (1 - printed[1])),
        (Fraction(1, 100000), Fraction(99999), Fraction(10)),
        wrong={"the published constant": lambda: (
            FIRST, snr(1 - FIRST), Fraction(1))},
    ))
    for level, digits, published in (
        (100, "0.904732", "0.897018"), (1000, "4.2229e-5", "4.0358e-5")
    ):
        yield refutes(agrees(
            f"alpha_bar_{level} with the printed constant",
            lambda level=level: to_ball(printed[level]),
            digits,
            wrong={"the published value": close(published)},
        ))
    yield corrects(evaluates(
        "with the published constant",
        lambda: (linear_betas(1000)[0], snr(1 - linear_betas(1000)[0])),
        (Fraction(1, 10000), Fraction(9999)),
        wrong={"with the printed one": lambda: (1 - printed[1], snr(printed[1]))},
    ))
    yield corrects(agrees(
        "alpha_bar_1000 with the published constant",
        lambda: to_ball(linear_end(1000, False)),
        "4.0358e-5",
        wrong={"the printed constant's": close("4.2229e-5")},
    ))


@claim(
    "schedule.listing.last-beta",
    lines="417",
    verdict="holds",
    title="The last beta is 0.02 times 1000/T",
    statement=r"The last end is $0.02\cdot1000/T=20/T$: $0.02$ at $T=1000$, $0.005$ at $T=4000$.",
    sources=("arXiv 2006.11239, section 4", RELEASED),
)
def last_beta() -> Checks:
    yield evaluates(
        "the last entry of the published table at T = 1000 and 4000",
        lambda: tuple(scaled_linear_betas(k)[-1] for k in (1000, 4000)),
        (Fraction(2, 100), Fraction(5, 1000)),
        wrong={"not rescaled": lambda: (linear_betas(1000)[-1], linear_betas(4000)[-1])},
    )


@claim(
    "schedule.listing.even-spacing",
    lines="418-421",
    verdict="holds",
    title="The betas are evenly spaced, both ends included",
    statement=(
        r"$T$ evenly spaced values from the first to the last end, both included, up to rounding: "
        r"$\beta_t=\beta_1+(\beta_T-\beta_1)\frac{t-1}{T-1}$, for $T\ge2$."
    ),
    assumptions=("T is an integer, 2 or more",),
    sources=("NumPy reference, numpy.linspace", "arXiv 2006.11239, section 4"),
    depends_on=("schedule.linear.definition",),
)
def even_spacing() -> Checks:
    def second_differences(count: int) -> frozenset[Fraction]:
        b = scaled_linear_betas(count)
        return frozenset(b[i - 1] - 2 * b[i] + b[i + 1] for i in range(1, count - 1))

    yield evaluates(
        "second differences of the exact table vanish, T = 3 to 60",
        lambda: frozenset().union(*map(second_differences, range(3, 61))),
        frozenset({Fraction(0)}),
        wrong={"evenly spaced roots, squared": lambda: frozenset(
            (Fraction(i, 9) ** 2 - 2 * Fraction(i + 1, 9) ** 2 + Fraction(i + 2, 9) ** 2)
            for i in range(8))},
    )


@claim(
    "schedule.listing.single-step",
    lines="415-421",
    verdict="holds-if",
    severity="misleading",
    title="With T = 1 the last beta never appears",
    statement=(
        r"The stated ends are reached for $T\ge2$ only.  For $T=1$ a linspace of one point is the "
        r"first end alone: $\beta_1=0.01$ with the printed constant, and the end $20$ is not seen."
    ),
    assumptions=(T >= 2,),
    witness={T: 2},
    correction="Require $T$ above 20 (see schedule.listing.few-steps); that excludes $T=1$.",
    sources=("NumPy reference, numpy.linspace",),
    depends_on=("schedule.listing.even-spacing",),
)
def single_step() -> Checks:
    yield evaluates(
        "for T = 2 to 40 the table ends at 20/T",
        lambda: tuple(scaled_linear_betas(k)[-1] * k for k in range(2, 41)),
        (Fraction(20),) * 39,
        wrong={"from T = 1 on": lambda: tuple(
            scaled_linear_betas(k)[-1] * k for k in range(1, 40))},
    )
    yield refutes(evaluates(
        "for T = 1 the only value is the first end",
        lambda: scaled_linear_betas(1, first=PRINTED_FIRST),
        [Fraction(1, 100)],
        wrong={"the last end": lambda: [Fraction(20)]},
    ))


@claim(
    "schedule.listing.few-steps",
    lines="415-421",
    verdict="holds-if",
    severity="wrong-result",
    title="The rescaled linear schedule needs more than 20 steps",
    statement=(
        r"The values lie in $(0,1)$ exactly for $T>20$ (for $T\ge2$; the last is $20/T$).  $T=20$ "
        r"gives $\beta_T=1$ and $\bar\alpha_T=0$; $2\le T\le19$ gives $\beta_T>1$ and, at some "
        r"$t$, a negative $\bar\alpha_t$, which has no root: $T=10$ has five betas above 1 and "
        r"three negative $\bar\alpha_t$."
    ),
    assumptions=(T > 20,),
    witness={T: 21},
    correction=r"Require $T\ge21$ and check $0<\beta_t<1$ before use.",
    sources=(RELEASED,),
    code=("core.schedule.scaled_linear_schedule",),
    depends_on=("schedule.listing.last-beta",),
)
def few_steps() -> Checks:
    printed, published, last = 1 / (100 * T), 1 / (10 * T), 20 / T
    yield implies(
        "for T > 20 the printed and the published first end and the last lie in (0, 1), in order",
        (T > 20,),
        And(printed > 0, printed < published, published < last, last < 1),
        wrong={"below one half": last < Rational(1, 2)},
    )
    yield refutes(counterexample(
        "without the condition the last beta reaches 1",
        20 / T < 1,
        given=(T >= 2,),
        at={T: 20},
        wrong={"at T = 20 it does not exceed 1": 20 / T <= 1},
    ))

    def negative_somewhere(counts: range, first: Fraction) -> tuple[int, ...]:
        return tuple(k for k in counts if min(alpha_bars(scaled_linear_betas(k, first=first))) < 0)

    for name, end in (("printed", PRINTED_FIRST), ("published", FIRST)):
        yield refutes(evaluates(
            f"every T from 2 to 19 has a negative alpha_bar, 20 to 60 have none: {name} first end",
            lambda end=end: negative_somewhere(range(2, 61), end), tuple(range(2, 20)),
            wrong={"from 20 on": lambda end=end: negative_somewhere(range(20, 61), end)},
        ))

    def counts(first: Fraction) -> tuple[int, int]:
        betas = scaled_linear_betas(10, first=first)
        return sum(b > 1 for b in betas), sum(a < 0 for a in alpha_bars(betas))

    yield refutes(evaluates(
        "T = 10, with the printed and with the published first end",
        lambda: counts(PRINTED_FIRST) + counts(FIRST),
        (5, 3, 5, 3),
        wrong={"T = 10 without rescaling": lambda: (
            sum(b > 1 for b in linear_betas(10)), 0, sum(b > 1 for b in linear_betas(10)), 0)},
    ))


@claim(
    "schedule.listing.double-precision",
    lines="422-423",
    verdict="holds",
    title="The betas are kept in double precision",
    statement=(
        r"The result is an array of 64-bit floats.  It matters: formed in 32 bits, $1-(1-\beta_1)$ "
        r"at $\beta_1=10^{-4}$ is off by more than $1.6\times10^{-4}$ of its value."
    ),
    sources=("NumPy reference, numpy.linspace", f"{IDDPM}, released code"),
)
def double_precision() -> Checks:
    def single(value: float) -> float:
        return float(struct.unpack("f", struct.pack("f", value))[0])

    def relative_error(rounding: Callable[[float], float]) -> Fraction:
        alpha = rounding(1 - float(Fraction(1, 10**4)))
        return abs(Fraction(1 - alpha) - FIRST) / FIRST

    yield executes(
        "in 32 bits the first 1 - alpha_bar is wrong in the fourth digit",
        lambda: Fraction(16, 10**5) < relative_error(single) < Fraction(18, 10**5), True,
        wrong={"in 64 bits": lambda: relative_error(float) > Fraction(16, 10**5)},
    )
