r"""The variances of the noising demonstration, and the signal levels that follow from them.

    beta_t      = beta_1 + (beta_T - beta_1) (t - 1) / (T - 1)      DDPM section 4: 1e-4 to 0.02
    alpha_t     = 1 - beta_t                                        DDPM, above (4)
    alpha_bar_t = alpha_1 * ... * alpha_t                           DDPM, above (4)

DDPM is arXiv 2006.11239.  "Listed" means the order of line 290, "published" that of the paper.
"""

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from itertools import accumulate
from operator import mul

from sympy import Expr, Rational, S

from derivations.claim import Checks, claim, corrects, refutes
from derivations.prover.counterexample import counterexample, differs
from derivations.prover.execution import evaluates
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import Quantity, real

T = 1000
LARGE, SMALL = Fraction(1, 50), Fraction(1, 10000)

i, steps, first, last = real("i steps first last")


def evenly_spaced(first: Quantity, last: Quantity, i: Quantity, steps: Expr) -> Quantity:
    """Entry i (from 0) of an even spacing of ``steps`` numbers with both ends included."""
    return first + (last - first) * i / (steps - 1)


@cache
def alpha_bars(beta_first: Fraction, beta_last: Fraction) -> tuple[Fraction, ...]:
    """alpha_bar_0 .. alpha_bar_T of the even spacing from the first to the last beta."""
    betas = (evenly_spaced(beta_first, beta_last, Fraction(k), T) for k in range(T))
    return tuple(accumulate((1 - beta for beta in betas), mul, initial=Fraction(1)))


def listed() -> tuple[Fraction, ...]:
    """alpha_bar in the order of line 290: the largest beta comes first."""
    return alpha_bars(LARGE, SMALL)


def published() -> tuple[Fraction, ...]:
    """alpha_bar in the order of the paper: the smallest beta comes first."""
    return alpha_bars(SMALL, LARGE)


def digits(value: Fraction, places: int) -> int:
    """The integer part of value * 10^places: decimals cut off, not rounded."""
    return int(value * 10**places)


def nearest_binary(value: Fraction, bits: int) -> Fraction:
    """The number with this many significant bits nearest to a value in (0, 1)."""
    # 2^-k <= value < 2^(1 - k) puts the last significant bit at 2^(1 - k - bits).
    k = value.denominator.bit_length() - value.numerator.bit_length()
    k += value < Fraction(1, 2**k)
    scale = 2 ** (k + bits - 1)
    return Fraction(round(value * scale), scale)


@claim(
    "noising.imports",
    lines="285-309",
    verdict="not-mathematical",
    severity="cosmetic",
    title="The demonstration is valid Python, and what it imports",
    statement=r"Tensors, grid and file helpers, image transforms and an image class are imported; "
    r"each is used (lines 290, 308-309, 297 and 296). By inspection every name is bound before it "
    r"is read and the listing is grammatical, unlike that of lines 317-441 (unet.grammar); it "
    r"needs the named picture file.",
    sources=("torchvision documentation: torchvision.utils, torchvision.transforms",),
)
def imports() -> Checks:
    yield from ()


@claim(
    "noising.even-spacing",
    lines="290",
    verdict="holds",
    title="A thousand evenly spaced variances, both end points included",
    statement=r"The variances are $a + (b - a)\,i/(T-1)$, $i = 0..T-1$, up to rounding "
    r"(noising.float32-spacing): the first is $a$, the last $b$. The constants 0.02 and 0.0001 and "
    r"$T = 1000$ are DDPM's; their order is not (noising.beta-reversed).",
    assumptions=(steps > 1,),
    witness={steps: 2},
    sources=("arXiv 2006.11239, section 4",),
)
def even_spacing() -> Checks:
    ends = [evenly_spaced(first, last, 0, steps), evenly_spaced(first, last, steps - 1, steps)]
    yield identity(
        "the first entry is the first end point, the last entry the last one",
        ends, [first, last], given=(steps > 1,),
        wrong={
            "an open right end": [first, last - (last - first) / steps],
            "ends exchanged": [last, first],
        },
    )


@claim(
    "noising.beta-reversed",
    lines="290",
    verdict="code-defect",
    severity="wrong-result",
    title="The variances fall from 0.02 to 0.0001",
    statement=r"The listing takes $\beta_1 = 0.02$ and $\beta_T = 10^{-4}$, a decreasing sequence. "
    r"Lines 217 and 250 and DDPM have it increasing, in DDPM from $10^{-4}$ to $0.02$. (Line 250 "
    r"prints 0.002 for the larger end; the 0.02 of this line is the published one.)",
    assumptions=(i >= 0,),
    witness={i: 0},
    correction=r"Exchange the end points: start at 0.0001 and end at 0.02.",
    sources=("arXiv 2006.11239, section 4",),
    depends_on=("noising.even-spacing",),
)
def beta_reversed() -> Checks:
    def entry(a: Fraction, b: Fraction, k: Expr) -> Expr:
        return evenly_spaced(Rational(a), Rational(b), k, T)

    yield refutes(counterexample(
        "the next variance is smaller, not larger",
        entry(LARGE, SMALL, i) <= entry(LARGE, SMALL, i + 1), given=(i >= 0,), at={i: 0},
        wrong={"the published order": entry(SMALL, LARGE, i) <= entry(SMALL, LARGE, i + 1)},
    ))
    yield corrects(implies(
        "with the end points exchanged, every variance is smaller than the next",
        (i >= 0,), entry(SMALL, LARGE, i) < entry(SMALL, LARGE, i + 1),
        wrong={"the listed order": entry(LARGE, SMALL, i) < entry(LARGE, SMALL, i + 1)},
    ))


@claim(
    "noising.alpha-bar-reversed",
    lines="290, 292",
    verdict="code-defect",
    severity="wrong-result",
    title="Reversing the variances changes every intermediate signal level",
    statement=r"With the listed order $\bar\alpha_t$ is below its published value at each of the "
    r"999 times $1 \le t < T$: 0.98 against 0.9999 at $t = 1$, 0.740147 against 0.996414 at "
    r"$t = 15$, 0.000514 against 0.078587 at $t = 500$; half of the signal power is lost at "
    r"$t = 35$ instead of $t = 260$.",
    correction=r"With $\beta_t$ rising from 0.0001 to 0.02: $\bar\alpha_1 = 0.9999$, "
    r"$\bar\alpha_{15} = 0.996414$, $\bar\alpha_{500} = 0.078587$.",
    sources=("arXiv 2006.11239, section 4",),
    depends_on=("noising.beta-reversed",),
)
def alpha_bar_reversed() -> Checks:
    def lower(smaller: Sequence[Fraction], larger: Sequence[Fraction]) -> int:
        return sum(a < b for a, b in zip(smaller[1:T], larger[1:T], strict=True))

    def values(table: Sequence[Fraction]) -> tuple[Fraction, int, int]:
        return (table[1], digits(table[15], 6), digits(table[500], 6))

    def first_below_half(table: Sequence[Fraction]) -> int:
        return next(t for t in range(T + 1) if table[t] < Fraction(1, 2))

    yield refutes(evaluates(
        "the listed value is the smaller one at all 999 inner times",
        lambda: lower(listed(), published()), T - 1,
        wrong={"tables exchanged": lambda: lower(published(), listed())},
    ))
    yield refutes(evaluates(
        "values at t = 1, 15 and 500 in the listed order",
        lambda: values(listed()), (Fraction(49, 50), 740146, 513),
        wrong={"the published order": lambda: values(published())},
    ))
    yield corrects(evaluates(
        "values at t = 1, 15 and 500 in the published order",
        lambda: values(published()), (Fraction(9999, 10000), 996414, 78587),
        wrong={
            "the listed order": lambda: values(listed()),
            "one step late": lambda: values(published()[1:]),
        },
    ))
    yield corrects(evaluates(
        "the first time with less than half of the signal power, published and listed",
        lambda: (first_below_half(published()), first_below_half(listed())), (260, 35),
        wrong={"exchanged": lambda: (first_below_half(listed()), first_below_half(published()))},
    ))


@claim(
    "noising.endpoint-blind",
    lines="290, 292",
    verdict="holds",
    title="The last signal level does not reveal the reversal (supplied)",
    statement=r"$\bar\alpha_T$ is a product of the same factors in either order, so it is the same "
    r"number, $4.0358 \cdot 10^{-5}$; a test of the end point alone cannot notice line 290.",
    depends_on=("noising.alpha-bar-reversed",),
)
def endpoint_blind() -> Checks:
    yield evaluates(
        "number of times in 0..T at which both orders agree: only 0 and T",
        lambda: [t for t in range(T + 1) if listed()[t] == published()[t]], [0, T],
        wrong={
            "a spacing without its last point": lambda: [
                t for t in range(T + 1) if listed()[t] == alpha_bars(SMALL, LARGE * 999 / 1000)[t]
            ],
        },
    )
    yield evaluates(
        "the common value, cut to 9 decimals", lambda: digits(listed()[T], 9), 40358,
        wrong={"T - 1 factors": lambda: digits(published()[T - 1], 9)},
    )


@claim(
    "noising.float32-spacing",
    lines="290",
    verdict="code-defect",
    severity="cosmetic",
    title="Casting to double after the spacing keeps single precision",
    statement=r"The even spacing is formed in float32 and only then cast; the cast is exact, so "
    r"the variances keep an error of up to $1.1 \cdot 10^{-7}$ relative (about $6 \cdot 10^8$ "
    r"units in the last place of float64), and $\bar\alpha_T$ one of 2 to "
    r"$3 \cdot 10^{-7}$, depending on how the spacing is evaluated.",
    correction=r"Ask for float64 where the spacing is made (its \texttt{dtype} argument).",
    depends_on=("noising.even-spacing",),
)
def float32_spacing() -> Checks:
    def relative_error_in_units_of_1e_minus_10(rounded: Fraction) -> int:
        return digits(abs(rounded - LARGE) / LARGE, 10)

    yield refutes(evaluates(
        "the float32 nearest to 0.02 is off by 2.23e-8 of it, a double by less than 1.2e-16",
        lambda: relative_error_in_units_of_1e_minus_10(nearest_binary(LARGE, 24)), 223,
        wrong={"the nearest double": lambda: relative_error_in_units_of_1e_minus_10(
            nearest_binary(LARGE, 53))},
    ))


@claim(
    "noising.index",
    lines="304-305",
    verdict="holds-if",
    severity="cosmetic",
    title="Loop index and time",
    statement=r"Iteration $i$ makes the paper's $x_{i+1}$, because the tables start with "
    r"$\bar\alpha_1$: the first noisy tile is one step old, and nothing is off by one. Read as "
    r"$x_i$ it would be: iteration 0 is not the clean image.",
    assumptions=("the index i is read as t - 1",),
    correction=r"Label tile $i$ with $t = i + 1$, or store $\bar\alpha_0 = 1$ and loop over 1..15.",
    sources=("arXiv 2006.11239, eq. (4)",),
    depends_on=("noising.cumulative-product",),
)
def index() -> Checks:
    stored = listed()[1:]  # what an array that starts with alpha_1 holds
    yield evaluates(
        "entries 0 and 14 are the signal levels at t = 1 and t = 15",
        lambda: (stored[0], stored[14]), (listed()[1], listed()[15]),
        wrong={"t = i": lambda: (listed()[0], listed()[14])},
    )
    yield refutes(differs(
        "noise variance of iteration 0 against that of the clean image, which is 0",
        Rational(1 - stored[0]), S.Zero, wrong={"beta_1": Rational(LARGE)},
    ))
