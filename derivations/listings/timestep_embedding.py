r"""The sinusoidal embedding of a timestep, in the convention of line 325 and in DDPM's.

With half = dim // 2, i = 0 .. half - 1 and maximal period P:

    iDDPM code   e(t) = [cos(t f_0), .., sin(t f_0), ..],   f_i = P^(-i / half)
    DDPM code    e(t) = [sin(t f_0), .., cos(t f_0), ..],   f_i = P^(-i / (half - 1))

DDPM is arXiv 2006.11239 (appendix B: Transformer position embedding), iDDPM is arXiv 2102.09672;
the formulas are those of their released code.  What the code of the listing does wrong is in
timestep_embedding_listing.py, what the embedding
is good for in embedding_geometry.py.
"""

from collections.abc import Mapping, Sequence

from flint import arb
from sympy import Expr, Matrix, Rational, cos, exp, log, sin

from derivations.claim import Checks, claim
from derivations.prover.balls import ball, encloses, lies_within
from derivations.prover.counterexample import differs
from derivations.prover.execution import evaluates
from derivations.prover.induction import Recursion, invariant
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import real

t, t_other, i, half, period, log_period = real("t t_other i half period log_period")
index, count, frequency_1, frequency_2 = real("index count frequency_1 frequency_2")
PERIOD = 10000
CODE = "core.timestep_embedding."


def frequency_improved(i: Expr, half: Expr, max_period: Expr) -> Expr:
    """f_i of the iDDPM code."""
    return exp(-log(max_period) * i / half)


def frequency_ddpm(i: Expr, half: Expr, max_period: Expr) -> Expr:
    """f_i of the DDPM code."""
    return exp(-log(max_period) * i / (half - 1))


def row_improved(angles: Sequence[Expr], dim: int) -> list[Expr]:
    """One row in the iDDPM convention: cosines, sines, and a zero if dim is odd."""
    return [cos(a) for a in angles] + [sin(a) for a in angles] + [Rational(0)] * (dim % 2)


def row_ddpm(angles: Sequence[Expr], dim: int) -> list[Expr]:
    """One row in the DDPM convention: sines, cosines, and a zero if dim is odd."""
    return [sin(a) for a in angles] + [cos(a) for a in angles] + [Rational(0)] * (dim % 2)


def enclosed_frequency(i: int, half: int) -> arb:
    """f_i of the iDDPM code for the published base, as a ball."""
    # The symbols stay symbols until they are balls: sympy would turn the exp into a power.
    values = {period: arb(PERIOD), index: arb(i), count: arb(half)}
    enclosed: arb = ball(frequency_improved(index, count, period), values)
    return enclosed


@claim(
    "embedding.signature",
    lines="322",
    verdict="definition",
    severity="cosmetic",
    title="Arguments of the embedding",
    statement=r"Timesteps, width of the embedding, and the number 10000 as default for the base of "
    r"the frequencies: as in the released code.",
    sources=("openai/improved-diffusion, nn.py (timestep_embedding)",),
)
def signature() -> Checks:
    yield from ()


@claim(
    "embedding.half",
    lines="323, 329-330",
    verdict="holds",
    title="Half of the width, rounded down",
    statement=r"$\mathrm{half} = \lfloor \mathrm{dim}/2 \rfloor$, so that cosines and sines fill "
    r"$2\,\mathrm{half}$ columns and exactly one is missing where dim is odd.",
)
def half_width() -> Checks:
    width, rest = real("width rest")
    yield invariant(
        "dim = 2 half + (dim mod 2), by counting dim up from 0",
        Recursion(
            start={width: 0, half: 0, rest: 0},
            step={width: width + 1, half: half + rest, rest: 1 - rest},
        ),
        {width: 2 * half + rest},
        wrong={"rounded up": {width: 2 * half - rest}, "no column missing": {width: 2 * half}},
    )
    yield evaluates(
        "columns missing for dim = 0 .. 9", lambda: [d - 2 * (d // 2) for d in range(10)],
        [0, 1] * 5, wrong={"rounded up": lambda: [d - 2 * ((d + 1) // 2) for d in range(10)]},
    )


@claim(
    "embedding.frequencies",
    lines="324-325",
    verdict="holds",
    title="Geometric frequencies",
    statement=r"$f_i = \exp(-\ln(P)\,i/\mathrm{half}) = P^{-i/\mathrm{half}}$, $i = "
    r"0..\mathrm{half}-1$: the first is 1 and neighbours have the ratio $P^{-1/\mathrm{half}}$; "
    r"for half = 4 and $P = 10^4$ they are 1, 0.1, 0.01, 0.001.",
    assumptions=(half >= 1, period > 0),
    witness={half: 1, period: PERIOD},
    sources=("openai/improved-diffusion, nn.py (timestep_embedding)",),
    code=(CODE + "timestep_embedding_improved",),
)
def frequencies() -> Checks:
    def value(point: Mapping[Expr, Expr]) -> arb:
        return enclosed_frequency(int(point[i]), int(point[half]))

    yield encloses(
        "for half = 4 the frequencies are powers of 1/10", value, Rational(1, 10) ** i,
        points=[{i: k, half: 4} for k in range(4)],
        wrong={"counted from 1": Rational(1, 10) ** (i + 1), "rising": Rational(10) ** i},
    )
    yield encloses(
        "the power half of a frequency is P^(-i), for half = 64",
        lambda point: value(point) ** 64, Rational(PERIOD) ** (-i),
        points=[{i: k, half: 64} for k in range(64)],
        wrong={"exponent 1 too small": Rational(PERIOD) ** (-i - 1)},
    )
    yield identity(
        "the first frequency is 1, so its angle is t itself",
        t * frequency_improved(0, half, period), t, given=(half >= 1, period > 0),
        wrong={"counting from 1": t * frequency_improved(1, half, period)},
    )


@claim(
    "embedding.slowest",
    lines="324-325",
    verdict="holds",
    title="The slowest frequency stays above one over the base (supplied)",
    statement=r"The last frequency is $P^{-(\mathrm{half}-1)/\mathrm{half}} > 1/P$; $1/P$ itself "
    r"is never reached, whatever the width.",
    assumptions=(half >= 1, log_period > 0),
    witness={half: 1, log_period: 1},
    depends_on=("embedding.frequencies",),
)
def slowest() -> Checks:
    given = (half >= 1, log_period > 0)
    exponent = -log_period * (half - 1) / half
    yield identity(
        "its logarithm exceeds that of 1/P by ln(P)/half", exponent,
        -log_period + log_period / half, given=given,
        wrong={"1/P reached": -log_period, "divisor half + 1": -log_period * half / (half + 1)},
    )
    yield implies(
        "so it is larger", given, exponent > -log_period,
        wrong={"equal": exponent <= -log_period},
    )


@claim(
    "embedding.spacing-convention",
    lines="325",
    verdict="definition",
    severity="cosmetic",
    title="Divisor half: the iDDPM convention, not DDPM's",
    statement=r"The exponent is divided by half as in the iDDPM code; the DDPM code divides by "
    r"$\mathrm{half} - 1$, and its last frequency is exactly $1/P$. Weights trained with one do "
    r"not work with the other.",
    assumptions=(half >= 2, i >= 1),
    witness={half: 2, i: 1},
    sources=("hojonathanho/diffusion, nn.py (get_timestep_embedding)",
             "openai/improved-diffusion, nn.py (timestep_embedding)"),
    code=(CODE + "timestep_embedding_ddpm",),
    depends_on=("embedding.frequencies",),
)
def spacing_convention() -> Checks:
    yield differs(
        "logarithms of the second frequencies for half = 4",
        -log_period * i / half, -log_period * i / (half - 1),
        at={i: 1, half: 4, log_period: 1},
        wrong={"the same convention": -i * log_period / half},
    )
    yield identity(
        "DDPM's last exponent is -ln(P), so that the frequency is 1/P",
        -log_period * (half - 1) / (half - 1), -log_period, given=(half >= 2, log_period > 0),
        wrong={"iDDPM's": -log_period * (half - 1) / half},
    )


@claim(
    "embedding.period-name",
    lines="322, 325",
    verdict="definition",
    severity="cosmetic",
    title="The longest period is not the number called maximal period",
    statement=r"The longest wavelength is $2\pi P^{(\mathrm{half}-1)/\mathrm{half}}$: about 54410 "
    r"for 128 columns, not the 10000 that the argument's name suggests.",
    depends_on=("embedding.slowest",),
)
def period_name() -> Checks:
    def longest() -> arb:
        return 2 * arb.pi() / enclosed_frequency(63, 64)

    yield lies_within(
        "longest wavelength for 128 columns", longest, (Rational(54409), Rational(54411)),
        wrong={
            "P": (Rational(9999), Rational(10001)), "2 pi P": (Rational(62831), Rational(62832)),
        },
    )


@claim(
    "embedding.angles",
    lines="328",
    verdict="holds",
    title="Angles as an outer product",
    statement=r"A column of timesteps times a row of frequencies gives the angle $t_n f_i$ in row "
    r"$n$ and column $i$.",
    assumptions=("timesteps are one-dimensional",),
)
def angles() -> Checks:
    yield identity(
        "two timesteps and two frequencies, as a matrix product",
        Matrix([t, t_other]) * Matrix([[frequency_1, frequency_2]]),
        Matrix([[t * frequency_1, t * frequency_2],
                [t_other * frequency_1, t_other * frequency_2]]),
        wrong={
            "transposed": Matrix([[t * frequency_1, t_other * frequency_1],
                                  [t * frequency_2, t_other * frequency_2]]),
            "paired off": Matrix([[t * frequency_1, t_other * frequency_2],
                                  [t * frequency_1, t_other * frequency_2]]),
        },
    )


@claim(
    "embedding.order",
    lines="329",
    verdict="definition",
    severity="cosmetic",
    title="Cosines first",
    statement=r"All cosines stand before all sines, as in the iDDPM code; the DDPM code puts the "
    r"sines first. At $t = 0$ the row is ones, then zeros.",
    sources=("hojonathanho/diffusion, nn.py", "openai/improved-diffusion, nn.py"),
)
def order() -> Checks:
    yield evaluates(
        "the embedding of 0 with six columns", lambda: row_improved([Rational(0)] * 3, 6),
        [1, 1, 1, 0, 0, 0], wrong={"sines first": lambda: row_ddpm([Rational(0)] * 3, 6)},
    )
