r"""The listing's cosine branch: the function it passes on.

    f(t) = cos^2((t + s)/(1 + s) pi/2) on 0 <= t <= 1, s = 0.008        arXiv 2102.09672, (17)

The document prints 0.08 for s and keeps the divisor 1.008 of s = 0.008.
"""

import math
from functools import lru_cache

from flint import arb, fmpq
from sympy import Abs, Expr, Rational, pi

from derivations.claim import Checks, claim, corrects, refutes
from derivations.prover.balls import BITS, precision
from derivations.prover.counterexample import counterexample, differs
from derivations.prover.execution import Raises, evaluates, executes, token
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.schedule.printed_digits import agrees, close
from derivations.schedule.schedule import IDDPM, cosine_betas, cosine_levels
from derivations.schedule.schedule_listing import RELEASED
from derivations.symbols import real

PRINTED_OFFSET, PRINTED_DIVISOR = Rational(8, 100), Rational(1008, 1000)
TURN = PRINTED_DIVISOR - PRINTED_OFFSET  # where the printed angle is a right angle: 0.928
T, s = real("T s")


def angle(time: Expr, offset: Expr, divisor: Expr) -> Expr:
    """The angle at the time t/T in [0, 1]; the released code has divisor = 1 + offset."""
    return (time + offset) / divisor * pi / 2


@lru_cache(maxsize=64)
def printed_levels(count: int) -> tuple[arb, ...]:
    """Balls around the printed f at 0, 1/T, ..., 1; exactly 0 where the angle is a right angle."""
    turns = [
        (Rational(i, count) + PRINTED_OFFSET) / PRINTED_DIVISOR / 2 for i in range(count + 1)
    ]
    with precision(BITS):
        return tuple(arb.cos_pi_fmpq(fmpq(int(q.p), int(q.q))) ** 2 for q in turns)


def rises(levels: tuple[arb, ...]) -> tuple[int, ...]:
    """The t with f(t) > f(t - 1) > 0, where 1 - f(t)/f(t - 1) is negative."""
    return tuple(
        t for t in range(1, len(levels)) if levels[t - 1] > 0 and levels[t] > levels[t - 1]
    )


def float_betas(count: int, offset: float, divisor: float) -> list[float]:
    """1 - f(t)/f(t - 1) in double precision, unclipped."""
    f = [math.cos((t / count + offset) / divisor * math.pi / 2) ** 2 for t in range(count + 1)]
    return [1 - f[t] / f[t - 1] for t in range(1, count + 1)]


@claim(
    "schedule.listing.cosine-call",
    lines="424-427",
    verdict="holds",
    title="A function is passed before its consumer is defined",
    statement=(
        r"The cosine branch hands $T$ and a function of $t/T\in[0,1]$ to a second function that is "
        "defined further down: a name is looked up when the call runs, so the order is no error."
    ),
    sources=("The Python Language Reference, section 4.2.2", RELEASED),
)
def cosine_call() -> Checks:
    def uses_later() -> int:
        def first() -> int:
            return second() + 1

        def second() -> int:
            return 1

        return first()

    def calls_too_early() -> int:
        def first() -> int:
            return second() + 1

        result = first()

        def second() -> int:
            return 1

        return result

    yield executes(
        "a function may call one that is defined after it", uses_later, 2,
        wrong={"called before the definition has run": calls_too_early},
    )
    yield executes(
        "called too early it fails", calls_too_early, Raises("NameError"),
        wrong={"called in time": uses_later},
    )


@claim(
    "schedule.listing.cosine-offset",
    lines="427",
    verdict="code-defect",
    severity="wrong-result",
    title="The cosine offset is ten times too large",
    statement=(
        r"The offset is printed as $0.08$; published is $s=0.008$.  With the printed function "
        r"$\beta_1=3.930\times10^{-4}$ at $T=1000$ for $4.128\times10^{-5}$, and $\bar\alpha$ at "
        r"half time is $0.388681$ for $0.493844$."
    ),
    correction=r"$f(t)=\cos^2\!\big(\frac{t+0.008}{1.008}\cdot\frac\pi2\big)$.",
    sources=(f"{IDDPM}, eq. (17)", RELEASED),
    code=("core.schedule.cosine_schedule",),
    depends_on=("schedule.cosine.definition",),
)
def cosine_offset() -> Checks:
    yield refutes(token("one zero is missing", 427, "0.08", "0.008"))
    for reason, printed, published, wrong_digits, right_digits in (
        ("beta_1 at T = 1000",
         lambda: 1 - printed_levels(1000)[1] / printed_levels(1000)[0],
         lambda: cosine_betas(1000)[0], "3.930e-4", "4.128e-5"),
        ("alpha_bar at half time",
         lambda: printed_levels(1000)[500] / printed_levels(1000)[0],
         lambda: cosine_levels(1000)[500] / cosine_levels(1000)[0], "0.388681", "0.493844"),
    ):
        yield refutes(agrees(
            f"{reason} as printed", printed, wrong_digits,
            wrong={"the published value": close(right_digits)},
        ))
        yield corrects(agrees(
            f"{reason} with the published offset", published, right_digits,
            wrong={"as printed": close(wrong_digits)},
        ))


@claim(
    "schedule.listing.cosine-divisor",
    lines="427",
    verdict="code-defect",
    severity="wrong-result",
    title="Offset and divisor of the cosine do not belong together",
    statement=(
        r"The divisor must be $1+s$, so that the angle ends at $\frac\pi2$.  With $0.08$ over "
        r"$1.008$ it ends at $\frac{1.08}{1.008}\cdot\frac\pi2$ and $f(1)=0.012536$ instead of 0.  "
        r"The divisor $1.08$ alone would mend the shape but give another schedule than the "
        r"published one: $\beta_1=3.42\times10^{-4}$ at $T=1000$."
    ),
    correction=r"Offset $0.008$ with divisor $1.008$; in general $\frac{t+s}{1+s}\cdot\frac\pi2$.",
    sources=(f"{IDDPM}, eq. (17)", RELEASED),
    depends_on=("schedule.cosine.definition",),
)
def cosine_divisor() -> Checks:
    yield refutes(differs(
        "the printed angle does not end at a right angle",
        angle(1, PRINTED_OFFSET, PRINTED_DIVISOR), pi / 2,
        wrong={"its own value": Rational(15, 14) * pi / 2},
    ))
    yield refutes(agrees(
        "the printed f(1)", lambda: printed_levels(1000)[1000], "0.012536",
        wrong={"0": (-Rational(1, 10**6), Rational(1, 10**6))},
    ))
    yield corrects(identity(
        "with the divisor 1 + s the angle ends at a right angle for every s",
        angle(1, s, 1 + s), pi / 2, given=(s >= 0,),
        wrong={"with the divisor 1": angle(1, s, 1)},
    ))
    yield corrects(agrees(
        "the divisor 1.08 with the printed offset is a schedule, but not the published one",
        lambda: cosine_betas(1000, PRINTED_OFFSET)[0], "3.42e-4",
        wrong={"the published beta_1": close("4.13e-5")},
    ))


@claim(
    "schedule.listing.cosine-rises",
    lines="427",
    verdict="code-defect",
    severity="wrong-result",
    title="The printed cosine rises again: negative betas",
    statement=(
        r"The printed angle passes $\frac\pi2$ at $t/T=0.928$; from there $f$ grows, so "
        r"$\beta_t<0$ and $\sqrt{\beta_t}$ is not real: for $t=930,\dots,1000$ at $T=1000$, and "
        r"$\beta_T<0$ for every $T\ge7$ (for $T\le6$ no beta is negative)."
    ),
    correction=(
        r"With $s=0.008$ over $1.008$ the angle stays in $[0,\frac\pi2]$ and every $\beta_t$ is "
        r"positive."
    ),
    sources=(f"{IDDPM}, eq. (17)", RELEASED),
    depends_on=("schedule.listing.cosine-divisor", "schedule.cosine.decreasing"),
)
def cosine_rises() -> Checks:
    yield refutes(identity(
        "the printed angle is a right angle at 0.928",
        angle(TURN, PRINTED_OFFSET, PRINTED_DIVISOR), pi / 2,
        wrong={"at 1": angle(1, PRINTED_OFFSET, PRINTED_DIVISOR)},
    ))
    yield refutes(evaluates(
        "where f rises at T = 1000 (t = 929 divides by 0, see cosine-blow-up)",
        lambda: rises(printed_levels(1000)), tuple(range(930, 1001)),
        wrong={"the published function": lambda: rises(cosine_levels(1000))},
    ))
    yield refutes(evaluates(
        "the T up to 40 with a rise, and those where the last step rises",
        lambda: (
            tuple(k for k in range(1, 41) if rises(printed_levels(k))),
            tuple(k for k in range(1, 41) if k in rises(printed_levels(k))),
        ),
        (tuple(range(7, 41)),) * 2,
        wrong={"the published function": lambda: (
            tuple(k for k in range(1, 41) if rises(cosine_levels(k))), ())},
    ))
    # cos^2(angle) = sin^2(pi/2 (time - 0.928)/1.008) grows with the distance to 0.928.
    yield refutes(implies(
        "for T >= 7 the last time is farther from 0.928 than the one before it",
        (T >= 7,),
        1 - TURN > Abs(1 - 1 / T - TURN),
        wrong={"twice as far": 1 - TURN > 2 * Abs(1 - 1 / T - TURN)},
    ))
    yield refutes(counterexample(
        "for T = 6 it is nearer: the bound 7 is the best",
        1 - TURN > Abs(1 - 1 / T - TURN),
        given=(T >= 1,), at={T: 6},
        wrong={"nearer": 1 - TURN < Abs(1 - 1 / T - TURN)},
    ))
    yield corrects(evaluates(
        "the published function never rises, T = 1 to 40 and 1000",
        lambda: tuple(rises(cosine_levels(k)) for k in (*range(1, 41), 1000)), ((),) * 41,
        wrong={"the printed one": lambda: tuple(
            rises(printed_levels(k)) for k in (*range(1, 41), 1000))},
    ))


@claim(
    "schedule.listing.cosine-blow-up",
    lines="427",
    verdict="code-defect",
    severity="wrong-result",
    title="The printed cosine divides by zero, or nearly so",
    statement=(
        r"Where $0.928\,T$ is an integer, that is where 125 divides $T$ ($T=1000$ and $4000$ among "
        r"them), $f$ is 0 at a grid point before the end and the next ratio divides by it.  In "
        r"double precision the zero is about $4\times10^{-33}$: 72 betas are negative at $T=1000$, "
        r"the first of them $\beta_{929}\approx-6\times10^{26}$."
    ),
    correction=(
        r"With $s=0.008$ over $1.008$, $f$ vanishes only at $t=T$, where nothing divides by it."
    ),
    sources=(RELEASED,),
    depends_on=("schedule.listing.cosine-rises",),
)
def cosine_blow_up() -> Checks:
    def zero_inside(levels: tuple[arb, ...]) -> bool:
        return any(f == 0 for f in levels[:-1])

    yield refutes(evaluates(
        "the T up to 260 with an exact zero before the end",
        lambda: tuple(k for k in range(1, 261) if k * TURN == int(k * TURN)), (125, 250),
        wrong={"a zero at 0.9": lambda: tuple(
            k for k in range(1, 261) if k * Rational(9, 10) == int(k * Rational(9, 10)))},
    ))
    yield refutes(evaluates(
        "f vanishes inside the grid for T = 125, 1000, 4000 and not for T = 1001",
        lambda: tuple(zero_inside(printed_levels(k)) for k in (125, 1000, 4000, 1001)),
        (True, True, True, False),
        wrong={"the published function": lambda: tuple(
            zero_inside(cosine_levels(k)) for k in (125, 1000, 4000, 1001))},
    ))

    def shape(offset: float, divisor: float) -> tuple[int, int, int]:
        betas = float_betas(1000, offset, divisor)
        negative = [t for t, beta in enumerate(betas, start=1) if beta < 0]
        least = min(betas)
        return len(negative), min(negative, default=0), math.frexp(least)[1] if least < 0 else 0

    yield refutes(executes(
        "in doubles: 72 negative betas, the first at t = 929, the least between -2^90 and -2^89",
        lambda: shape(0.08, 1.008), (72, 929, 90),
        wrong={"the published constants": lambda: shape(0.008, 1.008)},
    ))
    yield corrects(executes(
        "with the published constants no beta is negative in doubles",
        lambda: shape(0.008, 1.008), (0, 0, 0),
        wrong={"the printed ones": lambda: shape(0.08, 1.008)},
    ))
