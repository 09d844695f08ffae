r"""What the noising demonstration does to its picture: scaling, channels, clipping, tiles.

    u = 2 x - 1,  x in [0, 1]: the scaling of DDPM section 3.3 (images linear in [-1, 1])
    P(x_t < 0 | x_0) = erfc(sqrt(alpha_bar_t) x_0 / sqrt(2 (1 - alpha_bar_t))) / 2

DDPM is arXiv 2006.11239.  torchvision and PIL are cited, not run: what follows from their
documented behaviour is proved.
"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from flint import arb, fmpq
from sympy import Expr, Rational, S, sqrt

from derivations.claim import Checks, claim, corrects, refutes
from derivations.listings.noising_listing import listed
from derivations.prover.balls import lies_within
from derivations.prover.counterexample import differs
from derivations.prover.execution import Raises, evaluates, executes
from derivations.prover.gaussian_forms import Form, standard_normal
from derivations.prover.normal_form import identity
from derivations.symbols import real

alpha_bar_t, x_0, u_0, height, width = real("alpha_bar_t x_0 u_0 height width")
LEVELS = (alpha_bar_t > 0, alpha_bar_t < 1)
DOCS = "torchvision documentation: "


def probability_below(bound: Fraction, mean_pixel: Fraction, alpha_bar: Fraction) -> arb:
    """P(x_t < bound) for a pixel of this clean value, as a ball."""
    level = arb(fmpq(alpha_bar.numerator, alpha_bar.denominator))
    pixel = arb(fmpq(mean_pixel.numerator, mean_pixel.denominator))
    distance = level.sqrt() * pixel - arb(fmpq(bound.numerator, bound.denominator))
    return (distance / (2 * (1 - level)).sqrt()).erfc() / 2


def resized(height: Expr, width: Expr, size: int) -> tuple[int, Expr]:
    """Sides after a resize of the shorter side to ``size``, before the rounding to pixels."""
    return (size, size * width / height)  # height <= width; the other case is its mirror image


def decimal(text: str) -> tuple[Rational, Rational]:
    """The interval of a number that starts with these decimals."""
    low = Rational(text)
    return low, low + Rational(1, 10 ** len(text.split(".")[1]))


@claim(
    "noising.subject",
    lines="280, 282",
    verdict="not-mathematical",
    severity="cosmetic",
    title="Heading and announcement of a demonstration",
    statement=r"A simple example of noising code is announced. What follows evaluates the closed "
    r"form of $x_t$ given $x_0$, not the stepwise chain.",
)
def subject() -> Checks:
    yield from ()


@claim(
    "noising.open",
    lines="296",
    verdict="code-defect",
    severity="cosmetic",
    title="The picture is a file that the document does not supply",
    statement=r"A file is opened by a fixed relative name; where it is absent the listing stops.",
    correction=r"Take the path as an argument.",
)
def open_picture() -> Checks:
    def read_absent() -> bytes:
        return Path("/absent-directory/absent-picture").read_bytes()

    yield refutes(executes(
        "opening a file that is not there", read_absent, Raises("FileNotFoundError"),
        wrong={"a file that is there": lambda: len(Path(__file__).read_bytes()) > 0},
    ))


@claim(
    "noising.comments",
    lines="296, 299",
    verdict="not-mathematical",
    severity="cosmetic",
    title="Two trailing comments",
    statement=r"One says that a picture is read, one that it becomes a tensor. Both are right; the "
    r"second leaves out that values are also divided by 255.",
    sources=(DOCS + "transforms.ToTensor",),
)
def comments() -> Checks:
    yield from ()


@claim(
    "noising.alpha-channel",
    lines="296, 299, 305",
    verdict="code-defect",
    severity="wrong-result",
    title="Opacity is noised like a colour",
    statement=r"The picture is not converted to RGB. A colour PNG with an opacity channel gives "
    r"four channels (a grey one two), and noise is added to the last as well: at $t = 15$ the "
    r"opacity of a fully opaque pixel falls below 1 with probability 0.608.",
    correction=r"Convert to three colour channels right after opening.",
    sources=(DOCS + "transforms.ToTensor (modes LA, RGBA)", "Pillow documentation: Image.convert"),
)
def alpha_channel() -> Checks:
    one = Fraction(1)
    yield refutes(lies_within(
        "probability that a noised opacity of 1 falls below 1 at t = 15",
        lambda: probability_below(one, one, listed()[15]), decimal("0.607"),
        wrong={"stays opaque": (Rational(-1, 10), Rational(1, 10)), "one half": decimal("0.500")},
    ))


@claim(
    "noising.palette",
    lines="296, 299",
    verdict="code-defect",
    severity="wrong-result",
    title="A palette picture becomes its index numbers",
    statement=r"The picture is not converted to RGB. A PNG with a palette gives one channel of "
    r"table indices over 255, which are not intensities: two files that show the same picture "
    r"give different tensors. (A grey picture of 16 bits is not divided, keeps an integer type and "
    r"stops the program at line 303: noising.standard-noise.)",
    correction=r"Convert to three colour channels right after opening.",
    sources=(DOCS + "transforms.ToTensor (mode P)", "Pillow documentation: Concepts, Modes"),
)
def palette() -> Checks:
    # The same two pixels, black then white, stored with either order of the colour table.
    files = [((0, 255), (0, 1)), ((255, 0), (1, 0))]

    def indices(file: Sequence[Sequence[int]]) -> tuple[Fraction, ...]:
        return tuple(Fraction(index, 255) for index in file[1])

    def colours(file: Sequence[Sequence[int]]) -> tuple[Fraction, ...]:
        return tuple(Fraction(file[0][index], 255) for index in file[1])

    yield refutes(evaluates(
        "index tensors of the two files", lambda: indices(files[0]) == indices(files[1]), False,
        wrong={"colours": lambda: colours(files[0]) == colours(files[1])},
    ))
    yield corrects(evaluates(
        "looked up in their tables, both files give black and white",
        lambda: tuple(map(colours, files)), ((0, 1), (0, 1)),
        wrong={"without the table": lambda: tuple(map(indices, files))},
    ))


@claim(
    "noising.compose",
    lines="297, 300",
    verdict="definition",
    severity="cosmetic",
    title="Two transforms in sequence",
    statement=r"A composed transform applies its parts from first to last: resize the picture, "
    r"then make a tensor of it.",
    sources=(DOCS + "transforms.Compose",),
)
def compose() -> Checks:
    yield from ()


@claim(
    "noising.resize",
    lines="298",
    verdict="holds-if",
    severity="cosmetic",
    title="Resizing by a single number",
    statement=r"A single size sets the shorter side to 224 and keeps the aspect ratio up to "
    r"rounding the longer side down: the result is $224 \times 224$ only for a square picture.",
    assumptions=(height > 0, width >= height),
    witness={height: 1, width: 1},
    correction=r"Give a pair of sizes, or crop to the centre afterwards, where a square is meant.",
    sources=(DOCS + "transforms.Resize",),
)
def resize() -> Checks:
    yield identity(
        "the aspect ratio is kept", resized(height, width, 224)[1] / resized(height, width, 224)[0],
        width / height, given=(height > 0, width >= height),
        wrong={"always square": S.One, "ratio inverted": height / width},
    )
    yield identity(
        "a square picture becomes 224 by 224", list(resized(width, width, 224)),
        [S(224), S(224)], given=(width > 0,), wrong={"sides in pixels": [width, width]},
    )
    yield refutes(differs(
        "a picture of 300 by 400 pixels is not square afterwards",
        resized(S(300), S(400), 224)[1], S(224), wrong={"its longer side": Rational(896, 3)},
    ))


@claim(
    "noising.to-tensor",
    lines="299, 301",
    verdict="definition",
    severity="cosmetic",
    title="From eight-bit picture to tensor",
    statement=r"The picture becomes a float32 tensor of shape (channels, height, width), without a "
    r"batch axis; each byte $b$ becomes $b/255 \in [0, 1]$.",
    sources=(DOCS + "transforms.ToTensor",),
)
def to_tensor() -> Checks:
    yield evaluates(
        "both ends of the byte range reach the ends of [0, 1]",
        lambda: (Fraction(0, 255), Fraction(255, 255)), (0, 1),
        wrong={"division by 256": lambda: (Fraction(0, 256), Fraction(255, 256))},
    )


@claim(
    "noising.range",
    lines="299, 305",
    verdict="code-defect",
    severity="wrong-result",
    title="Pixels in [0, 1] instead of [-1, 1]",
    statement=r"The tensor is used as it comes, in $[0, 1]$. In the paper's scale $u = 2x - 1$ the "
    r"line then makes $u_t = \sqrt{\bar\alpha_t}\,u_0 + \sqrt{\bar\alpha_t} - 1 + "
    r"2\sqrt{1-\bar\alpha_t}\,\varepsilon$: noise of twice the size and a drift of the mean "
    r"towards $-1$. The signal-to-noise ratio is a quarter of the schedule's.",
    assumptions=LEVELS,
    witness={alpha_bar_t: Rational(1, 2)},
    correction=r"Map $x \mapsto 2x - 1$ before noising.",
    sources=("arXiv 2006.11239, section 3.3", DOCS + "transforms.ToTensor"),
    depends_on=("noising.to-tensor", "noising.q-sample"),
)
def value_range() -> Checks:
    noise = standard_normal("eps")

    def noised(clean: Expr) -> Form:
        noisy: Form = sqrt(alpha_bar_t) * Form(clean) + sqrt(1 - alpha_bar_t) * noise
        return noisy

    in_paper_scale = 2 * noised((u_0 + 1) / 2) - S.One
    at = {alpha_bar_t: Rational(1, 4), u_0: S.Zero}
    yield refutes(differs(
        "mean for a mid-grey pixel, which should stay grey",
        in_paper_scale.mean, sqrt(alpha_bar_t) * u_0, given=LEVELS, at=at,
        wrong={"the drifting mean": sqrt(alpha_bar_t) * u_0 + sqrt(alpha_bar_t) - 1},
    ))
    yield refutes(differs(
        "variance of the noise, which should be 1 - alpha_bar",
        in_paper_scale.variance, 1 - alpha_bar_t, given=LEVELS, at=at,
        wrong={"four times that": 4 * (1 - alpha_bar_t)},
    ))
    rescaled = noised(2 * x_0 - 1)
    yield corrects(identity(
        "after the map to [-1, 1] mean and variance are those of the paper",
        [rescaled.mean, rescaled.variance],
        [sqrt(alpha_bar_t) * (2 * x_0 - 1), 1 - alpha_bar_t], given=LEVELS,
        wrong={"without the map": [sqrt(alpha_bar_t) * x_0, 1 - alpha_bar_t]},
    ))
