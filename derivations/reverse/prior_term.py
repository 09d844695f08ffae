r"""The ends of the bound, and its unit: L_T, the decoder of L_0, bits per dimension.

    L_T = (alpha_bar_T x_0^2 - alpha_bar_T - log(1 - alpha_bar_T)) / 2   per dimension, nats
    bits per dimension = nats / (d log 2)
    p_theta(x_0 | x_1) = integral of N(mu, sigma_1^2) over the bin of half width 1/255     DDPM (13)

DDPM = Ho, Jain & Abbeel 2020, arXiv 2006.11239, sections 3.1, 3.3 and 4.
"""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

from flint import arb, fmpq
from sympy import Expr, Rational, log, sqrt

from derivations.claim import Checks, claim
from derivations.forward.limit_constants import divergence_from_standard
from derivations.prover.balls import lies_within
from derivations.prover.execution import evaluates
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.reverse.posterior import LINES, log_normal
from derivations.schedule.published_schedule import alpha_bar_ball
from derivations.symbols import real

DDPM_13 = "Ho, Jain & Abbeel 2020, arXiv 2006.11239, eq. (13)"
SECTION_4 = "Ho, Jain & Abbeel 2020, arXiv 2006.11239, section 4"


def prior_term(alpha_bar: Expr, second_moment: Expr) -> Expr:
    """L_T per dimension, in nats, for data with this mean square."""
    return divergence_from_standard(alpha_bar, second_moment, log)


B, x_0, x, nats, dimensions = real("alpha_bar_t x_0 x nats dimensions")
NOISY = (B > 0, B < 1)


@claim(
    "bound.prior-term",
    lines=LINES,
    verdict="holds",
    title="The term of the prior in closed form (supplied)",
    statement=(
        r"$L_T = \mathrm{KL}\big(q(x_T\mid x_0)\,\|\,\mathcal{N}(0,1)\big) = \frac12\big("
        r"\bar\alpha_T x_0^2 - \bar\alpha_T - \log(1-\bar\alpha_T)\big)$ per coordinate, by "
        r"limit.terminal-kl; it has no parameter of the model, and its average over data needs "
        r"their mean square only."
    ),
    assumptions=NOISY,
    witness={B: Rational(1, 2)},
    sources=("Ho, Jain & Abbeel 2020, arXiv 2006.11239, eq. (5) and section 3.1",),
    code=("core.kl.kl_standard", "core.variational_bound.prior_term"),
    depends_on=("bound.decomposition", "limit.terminal-kl"),
)
def prior_in_closed_form() -> Checks:
    low, high, weight, square = real("low high weight square")
    yield identity(
        "its average over two data values is its value at their mean square",
        weight * prior_term(B, low**2) + (1 - weight) * prior_term(B, high**2),
        prior_term(B, weight * low**2 + (1 - weight) * high**2), given=NOISY,
        wrong={"at the square of their mean":
               prior_term(B, (weight * low + (1 - weight) * high) ** 2)},
    )
    yield identity(
        "and for any data, the term being a constant and alpha_bar_T / 2 times the square",
        prior_term(B, square), prior_term(B, 0) + B / 2 * square, given=NOISY,
        wrong={"no factor one half": prior_term(B, 0) + B * square,
               "the root of alpha_bar": prior_term(B, 0) + sqrt(B) / 2 * square},
    )


# Mean and standard deviation of CIFAR-10's training pixels by channel, on 0..255, as published.
CIFAR_10 = (
    (Rational("125.306918046875"), Rational("62.993219278136884")),
    (Rational("122.950394140625"), Rational("62.08870764001421")),
    (Rational("113.86538318359375"), Rational("66.70489964063091")),
)


def scaled_mean_square(channels: Sequence[Sequence[Expr]]) -> Expr:
    """The mean square of pixels scaled to [-1, 1], from each channel's mean and deviation."""
    half = Rational(255, 2)
    return sum((mean / half - 1) ** 2 + (sd / half) ** 2 for mean, sd in channels) / len(channels)


@claim(
    "bound.prior-term.value",
    lines=LINES,
    verdict="holds",
    title="The term of the prior on CIFAR-10 (supplied)",
    statement=(
        r"For the published schedule and data scaled to $[-1,1]$ with mean square "
        r"$0.255985815202$ (CIFAR-10, training set) $L_T = 7.45293815863\times10^{-6}$ bits per "
        r"dimension; the paper's rounded figure is $10^{-5}$. For mean square $1$ it is "
        r"$2.91129454203\times10^{-5}$."
    ),
    sources=(SECTION_4, "mean and standard deviation of CIFAR-10 as published"),
    code=("core.variational_bound.prior_term",),
    depends_on=("bound.prior-term", "bound.bits-per-dimension"),
)
def prior_value() -> Checks:
    def bits(second_moment: Expr) -> arb:
        bar, moment = alpha_bar_ball(1000), arb(fmpq(int(second_moment.p), int(second_moment.q)))
        return (bar * moment - bar - (1 - bar).log()) / 2 / arb(2).log()

    def around(digits: int) -> tuple[Expr, Expr]:
        return (digits - Rational(1, 2)) / 10**17, (digits + Rational(1, 2)) / 10**17

    yield lies_within(
        "with the published moments of CIFAR-10, to twelve digits",
        lambda: bits(scaled_mean_square(CIFAR_10)), around(745293815863),
        wrong={"in nats": around(516598276000), "variances only, no means": around(735000000000)},
    )
    yield lies_within(
        "with mean square 1, to twelve digits", lambda: bits(Rational(1)), around(2911294542031),
        wrong={"with mean square 0": around(58747841)},
    )
    yield evaluates(
        "the mean square itself, to twelve digits",
        lambda: str(round(scaled_mean_square(CIFAR_10) * 10**12)), "255985815202",
        wrong={"variances only": lambda: str(round(
            sum(sd**2 for _, sd in CIFAR_10) / 3 / Rational(255, 2) ** 2 * 10**12))},
    )


@claim(
    "bound.bits-per-dimension",
    lines=LINES,
    verdict="holds",
    title="From nats to bits per dimension (supplied)",
    statement=(
        r"A log likelihood to base $e$ of $d$ coordinates becomes bits per dimension on division "
        r"by $d\log2$. A density of $x = y/127.5 - 1$ becomes one of the pixel value $y$ by adding "
        r"$\log_2127.5$ bits per dimension; a discretised decoder needs no such term."
    ),
    assumptions=(dimensions > 0, real("v") > 0),
    witness={dimensions: 3072, real("v"): 1},
    sources=("change of variables; the unit of arXiv 2006.11239, tables 1 and 4",),
    code=("core.likelihood.likelihood",),
    depends_on=(),
)
def bits() -> Checks:
    m, v, y, p = real("m v y p")
    scale = Rational(255, 2)
    per_dimension = nats / (dimensions * log(2))
    yield identity(
        "one coordinate with probability 1/4 costs two bits",
        per_dimension.subs({nats: -log(Rational(1, 4)), dimensions: 1}), 2,
        wrong={"nats": 2 * log(2), "the reciprocal": Rational(1, 2)},
    )
    yield identity(
        "d equal coordinates cost what one costs: nats are -d log p",
        per_dimension.subs(nats, -dimensions * log(p)), -log(p) / log(2),
        given=(dimensions > 0, p > 0),
        wrong={"not divided by d": -dimensions * log(p) / log(2), "nats": -log(p)},
    )
    yield identity(
        "minus log density of the pixel value exceeds that of the scaled one by log 127.5",
        -log_normal(y, scale * (m + 1), scale**2 * v) + log_normal(y / scale - 1, m, v),
        log(scale), given=(v > 0,),
        wrong={"the other sign": -log(scale), "for variances": 2 * log(scale)},
    )


@claim(
    "bound.decoder",
    lines=LINES,
    verdict="holds",
    title="The discretised decoder is a distribution over 256 levels (supplied)",
    statement=(
        r"Level $k = 0..255$ stands for $x = k/127.5 - 1$; its bin reaches from $x - 1/255$ to $x "
        r"+ 1/255$, open-ended at both ends of the range. The bins meet, so the $256$ "
        r"probabilities of any distribution function sum to $1$."
    ),
    sources=(DDPM_13,),
    code=("core.decoder.discretised_gaussian_log_likelihood",),
    depends_on=(),
)
def decoder() -> Checks:
    k = real("k")

    def value(level: Expr) -> Expr:
        return level / Rational(255, 2) - 1

    half = Rational(1, 255)
    yield identity(
        "the upper edge of a bin is the lower edge of the next",
        value(k) + half, value(k + 1) - half,
        wrong={"half width 1/127.5": value(k + 1) - 2 * half,
               "half width 1/256": value(k) + Rational(1, 256)},
    )

    def left_over(half: Fraction, open_ends: bool = True) -> tuple[tuple[str, int], ...]:
        # The sum of the 256 masses F(upper) - F(lower), F at each edge a letter of its own: what
        # does not cancel.  F is 0 at the left end of the line and 1 at the right end.
        found: Counter[str] = Counter()
        for level in range(256):
            x = Fraction(2 * level, 255) - 1
            upper = "right end" if open_ends and level == 255 else str(x + half)
            lower = "left end" if open_ends and level == 0 else str(x - half)
            found[upper] += 1
            found[lower] -= 1
        del found["left end"]
        return tuple(sorted((edge, count) for edge, count in found.items() if count))

    yield evaluates(
        "F at every inner edge cancels from the sum of the 256 masses; what is left is 1, F at the "
        "right end of the line",
        lambda: left_over(Fraction(1, 255)), (("right end", 1),),
        wrong={"ends cut off at -1 - 1/255 and 1 + 1/255":
               lambda: left_over(Fraction(1, 255), open_ends=False),
               "half width 1/256": lambda: left_over(Fraction(1, 256))},
    )


@claim(
    "bound.prior-term.positive",
    lines=LINES,
    verdict="holds",
    title="The term of the prior vanishes as the chain forgets its start (supplied)",
    statement=(
        r"For $0<\bar\alpha_T<1$: $0 < L_T\le\frac12\bar\alpha_T x_0^2 + "
        r"\frac12\bar\alpha_T^2/(1-\bar\alpha_T)$, so $L_T\to0$ as $\bar\alpha_T\to0$; it is "
        r"$L_T$, and not zero, at every finite $T$."
    ),
    assumptions=NOISY,
    witness={B: Rational(1, 2)},
    sources=(SECTION_4,),
    depends_on=("bound.prior-term", "bound.log-inequality"),
)
def prior_vanishes() -> Checks:
    def tangent_gap(u: Expr) -> Expr:
        # bound.log-inequality: not negative, and positive for u other than 1
        return u - 1 - log(u)

    yield identity(
        "the gaps between logarithm and tangent at 1 - alpha_bar and at its reciprocal",
        [tangent_gap(1 - B), tangent_gap(1 / (1 - B))],
        [-B - log(1 - B), B / (1 - B) + log(1 - B)], given=NOISY,
        wrong={"the reciprocal's logarithm not negated":
               [-B - log(1 - B), B / (1 - B) - log(1 - B)],
               "without the first subtraction": [-log(1 - B), B / (1 - B) + log(1 - B)]},
    )
    upper = (B * x_0**2 + B**2 / (1 - B)) / 2
    yield identity(
        "L_T in terms of the first gap, and what the bound leaves in terms of the second",
        [prior_term(B, x_0**2), upper - prior_term(B, x_0**2)],
        [(B * x_0**2 + tangent_gap(1 - B)) / 2, tangent_gap(1 / (1 - B)) / 2], given=NOISY,
        wrong={"not halved": [B * x_0**2 + tangent_gap(1 - B), tangent_gap(1 / (1 - B))],
               "gaps exchanged":
               [(B * x_0**2 + tangent_gap(1 / (1 - B))) / 2, tangent_gap(1 - B) / 2]},
    )
    log_b = real("log_one_minus_alpha_bar")
    value = prior_term(B, x_0**2).subs(log(1 - B), log_b)
    yield implies(
        "so L_T lies between, the first gap being positive and the second not negative",
        (*NOISY, -B - log_b > 0, B / (1 - B) + log_b >= 0), (value > 0) & (value <= upper),
        wrong={"below the term of the square alone": (value > 0) & (value <= B * x_0**2 / 2),
               "zero is reached": value <= 0},
    )
    yield implies(
        "the bound is small with alpha_bar: below any e once alpha_bar (x_0^2 + 1) <= e, e <= 1/2",
        (*NOISY, real("e") > 0, real("e") <= Rational(1, 2), B * (x_0**2 + 1) <= real("e")),
        upper <= real("e"),
        wrong={"below its square": upper <= real("e") ** 2},
    )
