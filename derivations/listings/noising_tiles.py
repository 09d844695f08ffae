r"""The tiles of the noising demonstration: how many, how noisy, and what saving does to them.

    x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) eps                DDPM (4)
    saved byte = 255 x_t + 1/2, cut to [0, 255] and rounded down           torchvision save_image

DDPM is arXiv 2006.11239.  Facts that need torch are shown in audit/comparisons/noising_listing.py.
"""

from fractions import Fraction

from flint import arb, fmpq
from sympy import Rational

from derivations.claim import Checks, claim, corrects, refutes
from derivations.listings.noising_images import decimal, probability_below
from derivations.listings.noising_listing import T, listed, published
from derivations.prover.balls import lies_within
from derivations.prover.execution import evaluates, executes

DOCS = "torchvision documentation: "


def noise_scale(alpha_bar: Fraction) -> arb:
    """sqrt(1 - alpha_bar) as a ball."""
    return (1 - arb(fmpq(alpha_bar.numerator, alpha_bar.denominator))).sqrt()


def tiles(steps: int) -> list[int]:
    """The times shown: the clean picture, then one tile a loop iteration."""
    shown = [0]
    for step in range(steps):
        shown.append(step + 1)
    return shown


@claim(
    "noising.standard-noise",
    lines="303",
    verdict="holds-if",
    severity="cosmetic",
    title="Standard normal noise like the picture",
    statement=r"The noise has the shape and the dtype (float32) of the picture, and its entries "
    r"are independent with mean 0 and variance 1. Of a picture that keeps an integer type, as a "
    r"grey one of 16 bits does, no noise can be drawn: NotImplementedError.",
    assumptions=("the picture has eight bits a channel",),
    correction=r"Convert the picture to three channels of eight bits after opening it.",
    sources=("PyTorch documentation: torch.randn_like",),
)
def standard_noise() -> Checks:
    yield from ()


@claim(
    "noising.seed",
    lines="303",
    verdict="code-defect",
    severity="cosmetic",
    title="No seed and no generator",
    statement=r"The noise is drawn from global, unseeded state: two runs of the demonstration save "
    r"different pictures.",
    correction=r"Draw with an explicitly seeded generator.",
    sources=("PyTorch documentation: Reproducibility",),
)
def seed() -> Checks:
    yield from ()


@claim(
    "noising.fifteen-steps",
    lines="282, 304",
    verdict="code-defect",
    severity="misleading",
    title="Fifteen of a thousand steps: the picture never turns to noise",
    statement=r"The loop stops at $t = 15$ of 1000. There the listed tables still weigh the "
    r"picture by 0.860 and the noise by 0.510: the picture keeps the larger weight in every tile, "
    r"and the last one is far from pure noise.",
    correction=r"Show times across the whole range, for example $t = 1, 100, 250, 500, 750, 1000$; "
    r"at $t = 1000$ the picture's weight is 0.0064.",
    depends_on=("noising.index", "noising.alpha-bar-reversed"),
)
def fifteen_steps() -> Checks:
    def picture_scale(alpha_bar: Fraction) -> arb:
        return noise_scale(1 - alpha_bar)

    yield refutes(lies_within(
        "weight of the picture in the last tile", lambda: picture_scale(listed()[15]),
        decimal("0.860"), wrong={"as at t = T": decimal("0.006"), "not rooted": decimal("0.740")},
    ))
    yield refutes(lies_within(
        "weight of the noise in the last tile", lambda: noise_scale(listed()[15]),
        decimal("0.509"), wrong={"pure noise": (Rational(99, 100), Rational(101, 100))},
    ))
    yield corrects(lies_within(
        "weight of the picture at t = 1000", lambda: picture_scale(published()[T]),
        decimal("0.0063"), wrong={"as in the last tile": decimal("0.8603")},
    ))


@claim(
    "noising.fifteen-published",
    lines="290, 304",
    verdict="code-defect",
    severity="misleading",
    title="With the order mended, the fifteen tiles stay close to the clean picture",
    statement=r"Exchanging the end points on line 290 alone does not make the demonstration work: "
    r"at $t = 15$ of the published schedule the noise weighs 0.0599, 15 of 255 grey levels in the "
    r"saved file, so that every tile is the picture with at most a faint grain. The listed "
    r"schedule's level at $t = 15$ is reached at $t = 170$.",
    correction=r"Mend the order and choose times across 1..1000.",
    depends_on=("noising.fifteen-steps",),
)
def fifteen_published() -> Checks:
    yield refutes(lies_within(
        "weight of the noise at t = 15 of the published schedule",
        lambda: noise_scale(published()[15]), decimal("0.0598"),
        wrong={"listed order": decimal("0.5097"), "variance for its root": decimal("0.0035")},
    ))
    yield corrects(evaluates(
        "the published time at which the listed level of t = 15 is first passed",
        lambda: next(t for t in range(T + 1) if published()[t] <= listed()[15]), 170,
        wrong={"the listed time": lambda: next(
            t for t in range(T + 1) if listed()[t] <= listed()[15])},
    ))


@claim(
    "noising.promotion",
    lines="305",
    verdict="holds",
    title="A double coefficient does not widen the picture",
    statement=r"One entry of a float64 table is a zero-dimensional tensor: multiplied with a "
    r"float32 picture it gives float32, the type of the tensor that has dimensions.",
    sources=("PyTorch documentation: torch.result_type, type promotion",),
)
def promotion() -> Checks:
    yield from ()


@claim(
    "noising.clean-first",
    lines="302, 306",
    verdict="holds",
    title="The clean picture first, then one tile a step",
    statement=r"The list starts with the clean picture and gains one image per iteration: times "
    r"$0, 1, \dots, 15$, sixteen images.",
    depends_on=("noising.index",),
)
def clean_first() -> Checks:
    yield executes(
        "times shown by a loop of 15 iterations", lambda: tiles(15), list(range(16)),
        wrong={"the clean picture left out": lambda: tiles(15)[1:], "14 steps": lambda: tiles(14)},
    )


@claim(
    "noising.stack",
    lines="307",
    verdict="holds",
    title="Stacking the images",
    statement=r"Sixteen images of shape $(C, H, W)$ are stacked along a new first axis to "
    r"$(16, C, H, W)$; all have one dtype.",
    sources=("PyTorch documentation: torch.stack",),
    depends_on=("noising.clean-first", "noising.promotion"),
)
def stack() -> Checks:
    yield from ()


@claim(
    "noising.grid",
    lines="308-309",
    verdict="definition",
    severity="cosmetic",
    title="A grid of eight tiles a row",
    statement=r"The default grid has eight tiles a row: sixteen tiles make two rows, the clean "
    r"picture at the top left. Nothing is rescaled by default. Saving makes a grid of the "
    r"finished grid once more: a single image comes back unchanged, without a second border.",
    sources=(DOCS + "utils.make_grid (nrow = 8, padding = 2, normalize = False)",),
)
def grid() -> Checks:
    def rows(images: int, per_row: int) -> int:
        return -(-images // per_row)

    yield evaluates(
        "rows of a grid of 16 tiles", lambda: rows(16, 8), 2,
        wrong={"nrow read as the number of rows": lambda: rows(16, 16 // 8)},
    )


@claim(
    "noising.clipped",
    lines="309",
    verdict="code-defect",
    severity="misleading",
    title="Saving cuts the noise off at black and white",
    statement=r"The saved file does not show $x_t$: values are taken as lying in $[0, 1]$ and cut "
    r"there. A black pixel is cut with probability exactly 1/2 at every $t$; at "
    r"$t = 15$ a mid-grey pixel is cut to black with probability 0.199 and to white with 0.132, a "
    r"white one stays cut to white with 0.392.",
    correction=r"Show $(x_t + 1)/2$ for data in $[-1, 1]$, and say that the display is clipped.",
    sources=(DOCS + "utils.save_image",),
    depends_on=("noising.q-sample", "noising.range"),
)
def clipped() -> Checks:
    half, one, level = Fraction(1, 2), Fraction(1), listed()[15]
    cut = [
        ("a mid-grey pixel below black", lambda: probability_below(0 * one, half, level), "0.199"),
        ("a mid-grey pixel above white", lambda: 1 - probability_below(one, half, level), "0.131"),
        ("a white pixel above white", lambda: 1 - probability_below(one, one, level), "0.392"),
    ]
    for what, probability, decimals in cut:
        yield refutes(lies_within(
            f"probability of {what} at t = 15", probability, decimal(decimals),
            wrong={"nothing is cut": (Rational(-1, 10), Rational(1, 10)),
                   "one half": decimal("0.500")},
        ))
    tight = Rational(1, 10**12)
    for t in (1, 15, 500):
        yield refutes(lies_within(
            f"probability of a black pixel below black at t = {t}",
            lambda t=t: probability_below(Fraction(0), Fraction(0), listed()[t]),
            (half - tight, half + tight), wrong={"nothing is cut": (-tight, tight)},
        ))
