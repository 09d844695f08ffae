r"""The listing's second function: from a decreasing alpha_bar on [0, 1] to betas.

    beta_t = min(1 - alpha_bar(t/T) / alpha_bar((t - 1)/T), 0.999), t = 1..T
                                            arXiv 2102.09672, (17) and the sentence below it
    (1 - beta_1) ... (1 - beta_t) = alpha_bar(t/T) / alpha_bar(0) where nothing is clipped
"""

from fractions import Fraction
from itertools import pairwise

from sympy import And, Min, Rational

from derivations.claim import Checks, claim, refutes
from derivations.prover.balls import ball
from derivations.prover.counterexample import counterexample
from derivations.prover.execution import Raises, evaluates, executes
from derivations.prover.induction import Recursion, invariant, telescopes
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.schedule.schedule import IDDPM, LARGEST_BETA, alpha_bars, cosine_betas
from derivations.schedule.schedule_listing import RELEASED
from derivations.symbols import Quantity, real

f_0, f_1, f_2, t, T = real("f_0 f_1 f_2 t T")


def beta_from_levels(before: Quantity, after: Quantity) -> Quantity:
    """beta_t from alpha_bar at t - 1 and at t, unclipped."""
    return 1 - after / before


def ratio_betas(levels: list[Fraction], largest: Fraction) -> list[Fraction]:
    """The clipped betas of a list alpha_bar_0..alpha_bar_T."""
    return [
        min(beta_from_levels(a, b), largest) for a, b in pairwise(levels)
    ]


@claim(
    "schedule.listing.grid",
    lines="434-437",
    verdict="holds",
    title="The grid of the cosine betas",
    statement=(
        r"Step $i=0,\dots,T-1$ uses $t_1=i/T$ and $t_2=(i+1)/T$: the $T$ intervals adjoin, begin "
        r"at 0 and end at 1, and entry $i$ is the paper's $\beta_{i+1}$."
    ),
    assumptions=(T >= 1,),
    witness={T: 1},
    sources=(RELEASED,),
)
def grid() -> Checks:
    i, n = real("i n")
    yield identity(
        "the first begins at 0, each begins where the one before ended, the last ends at 1",
        ((i / T).subs(i, 0), (i / T).subs(i, i + 1), ((i + 1) / T).subs(i, T - 1)),
        (0, (i + 1) / T, 1),
        given=(T >= 1,),
        wrong={
            "1-based i": (1 / T, (i + 1) / T, 1),
            "T - 1 intervals": (0, (i + 1) / T, T / (T - 1 + Rational(1, 2))),
        },
    )
    yield telescopes(
        "the lengths of the first n intervals add up to n / T, for every n",
        n / T - (n - 1) / T, n, 1, n / T, given=(T >= 1,),
        wrong={"one interval short": (n - 1) / T, "T + 1 intervals": n / (T + 1)},
    )


@claim(
    "schedule.listing.ratio",
    lines="438",
    verdict="holds",
    title="Betas from ratios give the prescribed alpha-bar",
    statement=(
        r"$\beta_t=1-\bar\alpha(t_2)/\bar\alpha(t_1)$ is the right inversion: while nothing is "
        r"clipped, $\prod_{i\le t}(1-\beta_i)=\bar\alpha(t/T)/\bar\alpha(0)$ for every $t$ and $T$."
    ),
    assumptions=(f_0 > 0, "every level at a left end is positive"),
    witness={f_0: 1},
    sources=(f"{IDDPM}, eq. (17)",),
    code=("core.schedule.cosine_schedule",),
)
def ratio() -> Checks:
    product, level, following = real("product level level_next")
    chain = Recursion(
        start={product: 1, level: f_0},
        step={
            product: product * (1 - beta_from_levels(level, following)),
            level: following,
        },
        domain=(level > 0,),
        inputs=(following > 0,),
        constants=(f_0 > 0,),
    )
    yield invariant(
        "the running product of 1 - beta is the level over the first level",
        chain,
        {product: level / f_0},
        wrong={
            "not divided by the first level": {product: level},
            "turned over": {product: f_0 / level},
            "squared": {product: level**2 / f_0**2},
        },
    )
    yield identity(
        "the inverse of alpha_bar_t = alpha_bar_{t-1} (1 - beta_t)",
        f_1 * (1 - beta_from_levels(f_1, f_2)),
        f_2,
        given=(f_1 > 0,),
        wrong={"the product of both": f_1 * f_2, "the level before": f_1},
    )


@claim(
    "schedule.listing.cap",
    lines="433, 438",
    verdict="holds",
    title="Why betas are capped at 0.999 (supplied)",
    statement=(
        r"A level that reaches 0 at the end, as the cosine does, makes the last ratio 0 and "
        r"$\beta_T=1$: then $\bar\alpha_T=0$, $x_T$ keeps nothing of $x_0$ and "
        r"$1/\sqrt{\bar\alpha_T}$ and $\ln\mathrm{SNR}_T$ do not exist.  The cap $0.999$ leaves "
        r"$\bar\alpha_T=0.001\,\bar\alpha_{T-1}>0$ and changes no smaller beta.  $T=1$ is allowed: "
        r"$\beta_1=0.999$."
    ),
    assumptions=(f_1 > 0,),
    witness={f_1: 1},
    sources=(f"{IDDPM}, section 3.2", RELEASED),
    code=("core.schedule.cosine_schedule",),
    depends_on=("schedule.listing.ratio",),
)
def cap() -> Checks:
    yield identity(
        "a last level 0 makes beta 1, and the cap leaves one thousandth of the level before it",
        (beta_from_levels(f_1, 0), f_1 * (1 - LARGEST_BETA)),
        (1, f_1 / 1000),
        given=(f_1 > 0,),
        wrong={"a hundredth": (1, f_1 / 100), "beta 0": (0, f_1 / 1000)},
    )
    yield implies(
        "a smaller beta is not changed by the cap",
        (f_1 > 0, f_1 < LARGEST_BETA),
        And(Min(f_1, LARGEST_BETA) >= f_1, Min(f_1, LARGEST_BETA) <= f_1),
        wrong={"with a cap of 1/2": Min(f_1, Rational(1, 2)) >= f_1},
    )
    levels = [Fraction(1), Fraction(1, 2), Fraction(0)]
    yield evaluates(
        "a chain that ends at 0, capped",
        lambda: alpha_bars(ratio_betas(levels, Fraction(999, 1000))),
        [Fraction(1), Fraction(1, 2), Fraction(1, 2000)],
        wrong={"not capped": lambda: alpha_bars(ratio_betas(levels, Fraction(1)))},
    )
    yield evaluates(
        "T = 1 gives the cap itself",
        lambda: tuple(beta.overlaps(ball(LARGEST_BETA))
                      for beta in cosine_betas(1)),
        (True,),
        wrong={"T = 2": lambda: tuple(
            beta.overlaps(ball(LARGEST_BETA)) for beta in cosine_betas(2))},
    )


@claim(
    "schedule.listing.no-floor",
    lines="438",
    verdict="holds-if",
    severity="wrong-result",
    title="The betas are bounded above only",
    statement=(
        r"The result lies in $(0,0.999]$ if every level at a left end is positive and the levels "
        r"fall strictly.  Nothing checks it: a rising level passes a negative beta through the "
        r"minimum, and a level 0 before the end divides by zero.  The printed cosine does both."
    ),
    assumptions=(f_1 > 0, f_2 >= 0, f_2 < f_1),
    witness={f_1: 1, f_2: Rational(1, 2)},
    correction=r"Check $0<\beta_t<1$ for every $t$ before the schedule is used.",
    sources=(RELEASED,),
    code=("core.schedule.schedule_from_betas",),
    depends_on=("schedule.listing.ratio",),
)
def no_floor() -> Checks:
    beta = Min(beta_from_levels(f_1, f_2), LARGEST_BETA)
    yield implies(
        "falling positive levels give values in (0, 0.999]",
        (f_1 > 0, f_2 >= 0, f_2 < f_1),
        And(beta > 0, beta <= LARGEST_BETA),
        wrong={"below 0.999": beta < LARGEST_BETA, "above 0.001": beta > Rational(1, 1000)},
    )
    yield refutes(counterexample(
        "a rising level gives a negative beta",
        1 - f_2 / f_1 >= 0,
        given=(f_1 > 0, f_2 >= 0),
        at={f_1: Rational(1, 4), f_2: Rational(1, 2)},
        wrong={"it stays below 0.999": 1 - f_2 / f_1 <= LARGEST_BETA},
    ))
    zero_inside = [Fraction(1), Fraction(0), Fraction(0)]
    yield refutes(executes(
        "a level 0 before the end divides by zero",
        lambda: ratio_betas(zero_inside, Fraction(999, 1000)), Raises("ZeroDivisionError"),
        wrong={"0 only at the end": lambda: ratio_betas(zero_inside[:2], Fraction(999, 1000))},
    ))


@claim(
    "schedule.listing.array",
    lines="439",
    verdict="holds",
    title="The betas come back as one array of T doubles",
    statement=(
        r"After the loop the list becomes an array of shape $(T,)$ of 64-bit floats, indexed from "
        r"0: entry $i$ is the paper's $\beta_{i+1}$."
    ),
    sources=("NumPy reference, numpy.array",),
    depends_on=("schedule.listing.grid",),
)
def array() -> Checks:
    halves = [Fraction(1, 2**k) for k in range(6)]
    yield evaluates(
        "one beta a step: T + 1 levels give T betas",
        lambda: (len(ratio_betas(halves, Fraction(999, 1000))), len(halves) - 1),
        (5, 5),
        wrong={"one a level": lambda: (len(halves), len(halves) - 1)},
    )


@claim(
    "schedule.listing.cosine-unnormalised",
    lines="425-427",
    verdict="holds",
    title="f may be passed without dividing by f(0)",
    statement=(
        r"Only ratios are used: $1-\frac{f(t_2)/f(0)}{f(t_1)/f(0)}=1-f(t_2)/f(t_1)$, so the "
        r"missing division by $f(0)$ changes no $\beta_t$."
    ),
    assumptions=(f_0 > 0, f_1 > 0),
    witness={f_0: 1, f_1: Rational(1, 2)},
    sources=(f"{IDDPM}, eq. (17)",),
)
def cosine_unnormalised() -> Checks:
    yield identity(
        "the divisor cancels",
        1 - (f_2 / f_0) / (f_1 / f_0),
        1 - f_2 / f_1,
        given=(f_0 > 0, f_1 > 0),
        wrong={
            "only one level divided": 1 - (f_2 / f_0) / f_1,
            "divided by the level at 0": 1 - f_2 / f_0,
        },
    )
