r"""The noise schedules as exact tables, and the linear one's facts.

    beta_t = first + (last - first) (t - 1) / (T - 1),  1e-4 to 0.02 at T = 1000    DDPM, section 4
    both ends times 1000 / T for another T                    code released with arXiv 2102.09672
    alpha_bar_t = (1 - beta_1) ... (1 - beta_t)                                  DDPM, above (4)
    alpha_bar_t = f(t) / f(0),  f(t) = cos^2((t/T + s)/(1 + s) pi/2)     arXiv 2102.09672, (17)
    beta_t = min(1 - alpha_bar_t / alpha_bar_{t-1}, 0.999)              below (17)

Rational tables are Fractions; the cosine tables are balls.  Index t is the paper's t.
"""

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

from flint import arb, fmpq
from sympy import Expr, Rational, cos, pi, sqrt

from derivations.claim import Checks, claim
from derivations.prover.balls import BITS, ball, precision
from derivations.prover.execution import evaluates
from derivations.prover.induction import telescopes
from derivations.prover.normal_form import identity
from derivations.schedule.printed_digits import agrees, close
from derivations.symbols import Quantity, real

DDPM = "arXiv 2006.11239"
IDDPM = "Nichol & Dhariwal, arXiv 2102.09672"
FIRST, LAST = Fraction(1, 10000), Fraction(1, 50)
OFFSET, LARGEST_BETA = Rational(1, 125), Rational(999, 1000)


def linear_beta(t: Expr, T: Expr, first: Quantity, last: Quantity) -> Quantity:
    """beta_t of the linear schedule; T >= 2."""
    return first + (last - first) * (t - 1) / (T - 1)


def linear_betas(T: int, first: Fraction = FIRST, last: Fraction = LAST) -> list[Fraction]:
    """beta_1..beta_T; T = 1 gives the first end alone."""
    if T == 1:
        return [Fraction(first)]
    return [Fraction(linear_beta(t, T, first, last)) for t in range(1, T + 1)]


def scaled_linear_betas(T: int, first: Fraction = FIRST, last: Fraction = LAST) -> list[Fraction]:
    """The linear schedule with both ends multiplied by 1000 / T."""
    scale = Fraction(1000, T)
    return linear_betas(T, scale * first, scale * last)


def alpha_bars(betas: Sequence[Fraction]) -> list[Fraction]:
    """alpha_bar_0 = 1 and the running products of 1 - beta."""
    levels = [Fraction(1)]
    for beta in betas:
        levels.append(levels[-1] * (1 - beta))
    return levels


def snr(alpha_bar: Quantity) -> Quantity:
    """Signal-to-noise ratio of q(x_t | x_0) for data of unit variance."""
    return alpha_bar / (1 - alpha_bar)


def cosine_angle(t: Expr, T: Expr, s: Expr) -> Expr:
    """The angle whose squared cosine is f(t), arXiv 2102.09672 (17)."""
    return (t / T + s) / (1 + s) * pi / 2


def cosine_f(t: Expr, T: Expr, s: Expr) -> Expr:
    """f(t), arXiv 2102.09672 (17); t and T exact (Rational), s too."""
    return cos(cosine_angle(t, T, s)) ** 2


@lru_cache(maxsize=32)
def cosine_levels(T: int, s: Rational = OFFSET) -> tuple[arb, ...]:
    """Balls around f(0)..f(T), unclipped; f(T) is exactly 0."""
    turns = [(Rational(t, T) + s) / (1 + s) / 2 for t in range(T + 1)]
    with precision(BITS):
        return tuple(arb.cos_pi_fmpq(fmpq(int(q.p), int(q.q))) ** 2 for q in turns)


def cosine_betas(
    T: int, s: Rational = OFFSET, largest: Rational | None = LARGEST_BETA
) -> list[arb]:
    """Balls around beta_1..beta_T, clipped at ``largest`` unless that is None."""
    f = cosine_levels(T, s)
    with precision(BITS):
        betas = [1 - f[t] / f[t - 1] for t in range(1, T + 1)]
        return betas if largest is None else [b.min(ball(largest)) for b in betas]


def to_ball(value: Fraction) -> arb:
    """An exact value as a ball of the working precision."""
    return arb(fmpq(value.numerator, value.denominator))


@lru_cache(maxsize=8)
def linear_end(T: int, rescaled: bool) -> Fraction:
    """alpha_bar_T of the published linear schedule."""
    return alpha_bars(scaled_linear_betas(T) if rescaled else linear_betas(T))[T]


t, T, first, last = real("t T beta_first beta_last")


@claim(
    "schedule.linear.definition",
    lines="414-423",
    verdict="definition",
    severity="cosmetic",
    title="The linear schedule (supplied)",
    statement=(
        r"$\beta_t=\beta_1+(\beta_T-\beta_1)\frac{t-1}{T-1}$ for $t=1,\dots,T$, $T\ge2$; published "
        r"with $\beta_1=10^{-4}$ (not line 416's first end), $\beta_T=0.02$, $T=1000$."
    ),
    assumptions=(T >= 2,),
    witness={T: 2},
    sources=(f"{DDPM}, section 4",),
)
def linear_definition() -> Checks:
    yield identity(
        "both ends are reached and neighbours differ by (last - first) / (T - 1)",
        (
            linear_beta(1, T, first, last), linear_beta(T, T, first, last),
            linear_beta(t + 1, T, first, last) - linear_beta(t, T, first, last),
        ),
        (first, last, (last - first) / (T - 1)),
        given=(T >= 2,),
        wrong={
            "spacing of T intervals": (first, last, (last - first) / T),
            "0-based t": (first, linear_beta(T + 1, T, first, last), (last - first) / (T - 1)),
        },
    )


@claim(
    "schedule.linear.sum",
    lines="415",
    verdict="holds",
    title="The factor 1000/T keeps the sum of the betas (supplied)",
    statement=(
        r"$\sum_{t=1}^T\beta_t=\tfrac T2(\beta_1+\beta_T)$.  With ends $10^{-4}\cdot1000/T$ and "
        r"$0.02\cdot1000/T$ (the published first end, not line 416's) the sum is $10.05$ for every "
        r"$T\ge2$.  Only the sum is kept: $\bar\alpha_T$ tends to $e^{-10.05}=4.319\times10^{-5}$ "
        r"as $T$ grows and is far smaller for few steps ($2.0\times10^{-5}$ at $T=100$, "
        r"$3.1\times10^{-8}$ at $T=22$, 0 at $T=20$)."
    ),
    assumptions=(T >= 2,),
    witness={T: 2},
    sources=("openai/improved-diffusion, gaussian_diffusion.py", IDDPM),
    depends_on=("schedule.linear.definition", "limit.scaled-linear"),
)
def linear_sum() -> Checks:
    scale = 1000 / T
    n = real("n")
    yield telescopes(
        "the sum of the first n betas",
        linear_beta(n, T, first, last), n, 1,
        n * first + (last - first) * n * (n - 1) / (2 * (T - 1)),
        given=(T >= 2,),
        wrong={
            "n (n + 1) / 2": n * first + (last - first) * n * (n + 1) / (2 * (T - 1)),
            "the last end n times": n * last,
        },
    )
    partial = T * first + (last - first) * T * (T - 1) / (2 * (T - 1))
    yield identity(
        "at n = T with the rescaled ends the sum does not depend on T",
        partial.subs({first: scale * Rational(1, 10000), last: scale * Rational(1, 50)}),
        Rational(1005, 100),
        given=(T >= 2,),
        wrong={"with the first end 1e-5": Rational(10005, 1000)},
    )
    yield evaluates(
        "the sum from the table at T = 250, 1000 and 4000",
        lambda: tuple(sum(scaled_linear_betas(k)) for k in (250, 1000, 4000)),
        (Fraction(1005, 100),) * 3,
        wrong={"without the factor": lambda: tuple(
            sum(linear_betas(k)) for k in (250, 1000, 4000))},
    )
    for count, digits in ((100, "2.0390e-5"), (22, "3.1e-8")):
        yield agrees(
            f"alpha_bar_T of the rescaled schedule at T = {count}",
            lambda count=count: to_ball(linear_end(count, True)), digits,
            wrong={"its value at T = 1000": close("4.0358e-5")},
        )
    yield evaluates(
        "and at T = 20 it is 0", lambda: linear_end(20, True), Fraction(0),
        wrong={"at T = 21": lambda: linear_end(21, True)},
    )


@claim(
    "schedule.linear.alpha-bar-end",
    lines="414-423",
    verdict="holds",
    title="alpha-bar at the end of the linear schedules (supplied)",
    statement=(
        r"With the published first end, not line 416's: "
        r"$\bar\alpha_{1000}=4.03582976538\times10^{-5}$, "
        r"$\sqrt{\bar\alpha_{1000}}=6.35281808757\times10^{-3}$, "
        r"$\ln\mathrm{SNR}_{1000}=-10.1176731833$; rescaled to $T=4000$, "
        r"$\bar\alpha_{4000}=4.246652275802\times10^{-5}$."
    ),
    sources=(f"{DDPM}, section 4", IDDPM),
    code=("core.schedule.linear_schedule", "core.schedule.scaled_linear_schedule"),
    depends_on=("schedule.linear.definition",),
)
def linear_alpha_bar_end() -> Checks:
    document = linear_betas(1000, first=Fraction(1, 100000))
    for reason, value, digits in (
        ("alpha_bar_1000", lambda: to_ball(linear_end(1000, False)), "4.03582976538e-5"),
        ("its root", lambda: to_ball(linear_end(1000, False)).sqrt(), "6.35281808757e-3"),
        ("the log of the signal-to-noise ratio",
         lambda: to_ball(snr(linear_end(1000, False))).log(), "-10.1176731833"),
        ("alpha_bar_4000, rescaled", lambda: to_ball(linear_end(4000, True)), "4.246652275802e-5"),
    ):
        yield agrees(
            f"{reason} agrees in every printed digit", value, digits,
            wrong={"the first end 1e-5": close("4.2229e-5")},
        )
    yield evaluates(
        "the first end 1e-5 gives another alpha_bar_1000, by more than 4 %",
        lambda: alpha_bars(document)[1000] > Fraction(104, 100) * linear_end(1000, False),
        True,
        wrong={"the same end": lambda: linear_end(1000, False) > linear_end(1000, True)},
    )


@claim(
    "schedule.linear.alpha-bar-values",
    lines="414-423",
    verdict="holds",
    title="alpha-bar along the linear schedule (supplied)",
    statement=(
        r"With the published first end, not line 416's, that is for $T=1000$ and $10^{-4}$ to "
        r"$0.02$: $\beta_2=1.19919919920\times10^{-4}$, and "
        r"$\bar\alpha$ at $t=2,100,250,500,750$ is $0.999780092072$, $0.897018145675$, "
        r"$0.524085373825$, $0.0785872428818$, $0.00335055043894$."
    ),
    sources=(f"{DDPM}, section 4",),
    code=("core.schedule.linear_schedule",),
    depends_on=("schedule.linear.definition",),
)
def linear_alpha_bar_values() -> Checks:
    published = {
        2: "0.999780092072", 100: "0.897018145675", 250: "0.524085373825",
        500: "0.0785872428818", 750: "0.00335055043894",
    }
    yield agrees(
        "beta_2",
        lambda: to_ball(linear_betas(1000)[1]),
        "1.19919919920e-4",
        wrong={"spacing of T intervals": close("1.19900000000e-4")},
    )
    levels = alpha_bars(linear_betas(1000))
    for step, digits in published.items():
        yield agrees(
            f"alpha_bar_{step} agrees in every printed digit",
            lambda step=step: to_ball(levels[step]),
            digits,
            wrong={
                "one per cent less": tuple(end * (1 - Rational(1, 100)) for end in close(digits)),
                "its square root": tuple(sqrt(end) for end in close(digits)),
            },
        )
