r"""The cosine schedule: why it is a schedule, and its published values.

    alpha_bar_t = f(t) / f(0),  f(t) = cos^2((t/T + s)/(1 + s) pi/2),  s = 0.008
                                                                  arXiv 2102.09672, (17)
    beta_t = min(1 - alpha_bar_t / alpha_bar_{t-1}, 0.999)            below (17)
    cos^2 a - cos^2 b = sin(b - a) sin(b + a)
"""

from collections.abc import Mapping
from itertools import pairwise

from flint import arb
from sympy import Expr, Rational, cos, pi, sin

from derivations.claim import Checks, claim
from derivations.prover.balls import ball, encloses, lies_within
from derivations.prover.counterexample import differs
from derivations.prover.execution import evaluates
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.schedule.printed_digits import agrees, close
from derivations.schedule.schedule import (
    IDDPM,
    LARGEST_BETA,
    OFFSET,
    cosine_angle,
    cosine_betas,
    cosine_f,
    cosine_levels,
)
from derivations.symbols import real

t, T, s = real("t T s")
STEPS = (T >= 1, t >= 0, t <= T, s >= 0)
AT = {T: 1000, t: 500, s: OFFSET}


@claim(
    "schedule.cosine.definition",
    lines="424-427, 433-439",
    verdict="definition",
    severity="cosmetic",
    title="The cosine schedule (supplied)",
    statement=(
        r"The published function, not line 427 as printed (schedule.listing.cosine-offset): "
        r"$\bar\alpha_t=f(t)/f(0)$ with $f(t)=\cos^2\!\big(\frac{t/T+s}{1+s}\cdot\frac\pi2\big)$, "
        r"$s=0.008$, and $\beta_t=\min(1-\bar\alpha_t/\bar\alpha_{t-1},0.999)$."
    ),
    assumptions=STEPS,
    witness=AT,
    sources=(f"{IDDPM}, eq. (17)",),
)
def cosine_definition() -> Checks:
    yield identity(
        "at t = T the angle is a right angle, whatever s",
        cosine_angle(T, T, s),
        pi / 2,
        given=STEPS,
        wrong={"the angle without the divisor": (1 + s) * pi / 2, "half a turn": pi},
    )


@claim(
    "schedule.cosine.normalisation",
    lines="424-427",
    verdict="holds",
    title="f is alpha-bar only after division by f(0) (supplied)",
    statement=(
        r"The published function, not line 427 as printed (schedule.listing.cosine-offset): "
        r"$f(0)=0.999844591000$ for $s=0.008$, not 1, so $f$ itself is not $\bar\alpha$; "
        r"$\bar\alpha_0=f(0)/f(0)=1$, and $\bar\alpha_T=0$ before clipping, as "
        r"$f(T)=\cos^2\frac\pi2=0$.  Line 438 uses ratios only and needs no division "
        r"(schedule.listing.cosine-unnormalised)."
    ),
    sources=(f"{IDDPM}, eq. (17)",),
    code=("core.schedule.cosine_schedule",),
    depends_on=("schedule.cosine.definition",),
)
def cosine_normalisation() -> Checks:
    yield agrees(
        "f(0) in every printed digit",
        lambda: cosine_levels(1000)[0],
        "0.999844591000",
        wrong={"1": (1 - Rational(1, 10**12), 1 + Rational(1, 10**12)),
               "the cosine without its square": close("0.999922292")},
    )
    yield differs(
        "f(0) is not 1",
        cosine_f(Rational(0), Rational(1000), OFFSET), 1,
        wrong={"divided by itself": cosine_f(Rational(0), Rational(1000), OFFSET)},
    )
    yield evaluates(
        "f(T) is 0, exactly, for T = 1, 1000 and 4000",
        lambda: tuple(cosine_levels(k)[k] == 0 for k in (1, 1000, 4000)), (True,) * 3,
        wrong={"f(T - 1)": lambda: tuple(cosine_levels(k)[k - 1] == 0 for k in (1, 1000, 4000))},
    )


@claim(
    "schedule.cosine.decreasing",
    lines="424-427",
    verdict="holds",
    title="The cosine schedule falls strictly from 1 to 0 (supplied)",
    statement=(
        r"The published function, not line 427 as printed (schedule.listing.cosine-offset): for "
        r"every $s\ge0$ and $0\le t\le T$ the fraction $\frac{t/T+s}{1+s}$ lies in $[0,1]$ and "
        r"grows with $t$, so the angle runs through $[0,\frac\pi2]$, where the squared cosine "
        r"falls strictly: $f(t-1)>f(t)\ge0$."
    ),
    assumptions=STEPS,
    witness=AT,
    sources=(f"{IDDPM}, section 3.2",),
    depends_on=("schedule.cosine.definition",),
)
def cosine_decreasing() -> Checks:
    fraction = (t / T + s) / (1 + s)
    yield implies(
        "the angle is between 0 and a right angle",
        STEPS,
        (fraction >= 0) & (fraction <= 1),
        wrong={
            "strictly below": fraction < 1,
            "without dividing by 1 + s": t / T + s <= 1,
        },
    )
    yield implies(
        "the angle grows with t",
        (*STEPS, t >= 1),
        fraction > ((t - 1) / T + s) / (1 + s),
        wrong={"by 1 / T": fraction >= ((t - 1) / T + s) / (1 + s) + 1 / T},
    )

    def falls(count: int, offset: Rational) -> bool:
        f = cosine_levels(count, offset)
        return all(after < before for before, after in pairwise(f))

    yield evaluates(
        "the levels fall from each t to the next, T = 1000, s = 0.008, in ball arithmetic",
        lambda: falls(1000, OFFSET), True,
        wrong={"s = -1/2": lambda: falls(1000, Rational(-1, 2))},
    )


@claim(
    "schedule.cosine.difference",
    lines="433-439",
    verdict="holds",
    title="The cosine betas without cancellation (supplied)",
    statement=(
        r"$\cos^2a-\cos^2b=\sin(b-a)\sin(b+a)$.  With $a,b$ the angles at $t-1$ and $t$ (so $0\le "
        r"a<b\le\frac\pi2$): $\beta_t=\sin(b-a)\sin(b+a)/\cos^2a$ before clipping, a product of "
        r"positive factors, at most 1, and 1 only for $b=\frac\pi2$."
    ),
    sources=(f"{IDDPM}, eq. (17)", "the addition formulas of sine"),
    code=("core.schedule.cosine_schedule",),
    depends_on=("schedule.cosine.decreasing",),
)
def cosine_difference() -> Checks:
    a, b = real("a b")
    sine_of_difference = sin(b) * cos(a) - cos(b) * sin(a)
    sine_of_sum = sin(b) * cos(a) + cos(b) * sin(a)
    yield identity(
        "the difference of squares, with both sines by the addition formulas",
        cos(a) ** 2 - cos(b) ** 2,
        sine_of_difference * sine_of_sum,
        wrong={
            "the order exchanged": -sine_of_difference * sine_of_sum,
            "the sine of the sum squared": sine_of_sum**2,
        },
    )

    def ratio(point: Mapping[Expr, Expr]) -> arb:
        before, after = (cosine_f(point[t] - k, point[T], point[s]) for k in (1, 0))
        return 1 - ball(after) / ball(before)

    first, second = cosine_angle(t - 1, T, s), cosine_angle(t, T, s)
    yield encloses(
        "beta_t by its definition and by the product of sines",
        ratio,
        sin(second - first) * sin(second + first) / cos(first) ** 2,
        points=[{t: k, T: n, s: OFFSET} for k, n in ((1, 1000), (500, 1000), (999, 1000), (3, 7))],
        wrong={
            "divided by the later level": (
                sin(second - first) * sin(second + first) / cos(second) ** 2
            ),
            "the cosine not squared": sin(second - first) * sin(second + first) / cos(first),
        },
    )


@claim(
    "schedule.cosine.values",
    lines="424-427",
    verdict="holds",
    title="alpha-bar along the cosine schedule (supplied)",
    statement=(
        r"The published function, not line 427 as printed (schedule.listing.cosine-offset): for "
        r"$s=0.008$, $\bar\alpha$ at $t/T=\frac14,\frac12,\frac34$ is $0.847012161327$, "
        r"$0.493843590441$, $0.144272102386$ (unclipped steps; $f$ itself: $0.846880528014$, "
        r"$0.493766842702$, $0.144249681203$)."
    ),
    sources=(f"{IDDPM}, eq. (17)",),
    code=("core.schedule.cosine_schedule",),
    depends_on=("schedule.cosine.normalisation",),
)
def cosine_values() -> Checks:
    for quarter, normalised, plain in (
        (1, "0.847012161327", "0.846880528014"),
        (2, "0.493843590441", "0.493766842702"),
        (3, "0.144272102386", "0.144249681203"),
    ):
        yield agrees(
            f"alpha_bar at {quarter}/4 of the chain, every printed digit",
            lambda q=quarter: cosine_levels(4)[q] / cosine_levels(4)[0],
            normalised,
            wrong={"not normalised": close(plain)},
        )
        yield agrees(
            f"f at {quarter}/4 of the chain, every printed digit",
            lambda q=quarter: cosine_levels(4)[q],
            plain,
            wrong={"normalised": close(normalised)},
        )


@claim(
    "schedule.cosine.clipped-end",
    lines="433, 438",
    verdict="holds",
    title="Clipping touches the last cosine beta only (supplied)",
    statement=(
        r"For $T=1000$ and $T=4000$ exactly one $\beta_t$, the last, exceeds $0.999$ (it would be "
        r"1).  Clipped, $\bar\alpha_T=0.001\,f(T-1)/f(0)$: $2.428766907\times10^{-9}$ at $T=1000$ "
        r"and $1.517980469\times10^{-10}$ at $T=4000$, not 0."
    ),
    sources=(f"{IDDPM}, section 3.2",),
    code=("core.schedule.cosine_schedule",),
    depends_on=("schedule.cosine.definition",),
)
def cosine_clipped_end() -> Checks:
    def clipped(count: int, largest: Rational) -> tuple[int, ...]:
        betas = cosine_betas(count, largest=None)
        return tuple(k for k, b in enumerate(betas, start=1) if b > ball(largest))

    yield evaluates(
        "which betas exceed the largest admitted",
        lambda: (clipped(1000, LARGEST_BETA), clipped(4000, LARGEST_BETA)),
        ((1000,), (4000,)),
        wrong={"a cap of 1/2": lambda: (
            clipped(1000, Rational(1, 2)), clipped(4000, Rational(1, 2)))},
    )

    def end(count: int) -> arb:
        product = arb(1)
        for beta in cosine_betas(count):
            product *= 1 - beta
        return product

    for count, digits in ((1000, "2.428766907e-9"), (4000, "1.517980469e-10")):
        yield agrees(
            f"the product of all 1 - beta at T = {count}, every printed digit",
            lambda count=count: end(count),
            digits,
            wrong={
                "a tenth": tuple(x / 10 for x in close(digits)),
                "the other length": close("1.5e-10" if count == 1000 else "2.4e-9"),
            },
        )


@claim(
    "schedule.cosine.offset-reason",
    lines="427",
    verdict="holds",
    title="Why the offset is 0.008 (supplied)",
    statement=(
        r"The offset was chosen so that the first noise, $\sqrt{\beta_1}$, is slightly below a "
        r"pixel bin, $1/127.5$.  It is below: $6.425\times10^{-3}$ at $T=1000$ and "
        r"$3.141\times10^{-3}$ at $T=4000$, against $7.843\times10^{-3}$; 'slightly' fits the "
        r"former only.  Without an offset, $s=0$, it would be $1.571\times10^{-3}$ at $T=1000$."
    ),
    sources=(f"{IDDPM}, section 3.2",),
    depends_on=("schedule.cosine.definition",),
)
def cosine_offset_reason() -> Checks:
    def first_deviation(count: int, offset: Rational) -> arb:
        return cosine_betas(count, offset)[0].sqrt()

    for count, offset, digits in (
        (1000, OFFSET, "6.425e-3"), (4000, OFFSET, "3.141e-3"), (1000, Rational(0), "1.571e-3"),
    ):
        yield agrees(
            f"the root of beta_1 at T = {count}, s = {offset}",
            lambda count=count, offset=offset: first_deviation(count, offset),
            digits,
            wrong={"the variance itself": tuple(x**2 for x in close(digits)),
                   "the pixel bin": close("7.843e-3")},
        )
    yield lies_within(
        "at T = 1000 it lies between four fifths of the bin and the bin",
        lambda: first_deviation(1000, OFFSET),
        (Rational(4, 5) * Rational(10, 1275), Rational(10, 1275)),
        wrong={"above the bin": (Rational(10, 1275), Rational(1))},
    )
