"""The residual block of the network fragment: modulation and residual sum (lines 388-395).

    h = norm(h) (1 + scale) + shift, then the other output layers    with scale and shift
    h = out_layers(h + embedding)                                    without
    result = skip_connection(x) + h

Scale and shift are the halves of the projected embedding: adaptive group normalisation,
arXiv 2102.09672 (iDDPM) and its released code.  Facts that need torch are shown in
audit/comparisons/unet_modulation_listing.py.
"""

from collections.abc import Sequence

from sympy import Expr, S

from derivations.claim import Checks, claim, corrects, refutes
from derivations.listings.unet_listing import PUBLISHED
from derivations.prover.counterexample import differs
from derivations.prover.execution import Raises, evaluates, executes
from derivations.prover.gaussian_forms import standard_normal
from derivations.prover.normal_form import identity
from derivations.symbols import Quantity, real

scale, shift, h_1, h_2, h_3, h_4, e_1, e_2 = real("scale shift h_1 h_2 h_3 h_4 e_1 e_2")
TORCH = "PyTorch documentation: "


def scale_shift(normalised: Quantity, scale: Expr, shift: Expr) -> Quantity:
    """Line 390: the modulation of a normalised channel."""
    return normalised * (1 + scale) + shift


def centred(values: Sequence[Expr]) -> list[Expr]:
    """What a group normalisation does first: subtract the mean of the group."""
    mean = sum(values) / len(values)
    return [v - mean for v in values]


@claim(
    "unet.chunk",
    lines="389",
    verdict="holds-if",
    severity="cosmetic",
    title="Halving along the channels into scale and shift",
    statement=r"An even width $2C$ is split into two blocks of $C$ channels, the scale first; an "
    r"odd width above 1 would be split unevenly, without an error (a width of 1 gives one block, "
    r"which cannot be unpacked into two).",
    assumptions=("the width is even, as line 374 makes it",),
    correction=r"State that the width is $2C$.",
    sources=(TORCH + "torch.chunk",),
    depends_on=("unet.embedding-width",),
)
def chunk() -> Checks:
    def halves(width: int) -> tuple[int, int]:
        first = -(-width // 2)  # torch.chunk rounds the size of a block up
        return (first, width - first)

    def unpacked(blocks: Sequence[int]) -> tuple[int, int]:
        scale, shift = blocks
        return (scale, shift)

    yield evaluates(
        "widths 2C for C = 1 .. 256", lambda: all(halves(2 * c) == (c, c) for c in range(1, 257)),
        True, wrong={"widths 2C + 1": lambda: all(halves(2 * c + 1) == (c, c) for c in range(9))},
    )
    yield refutes(evaluates(
        "an odd width", lambda: halves(7), (4, 3), wrong={"an even one": lambda: halves(8)},
    ))
    yield refutes(executes(
        "a width of 1 makes one block, and two names wait for it", lambda: unpacked([1]),
        Raises("ValueError"), wrong={"two blocks": lambda: unpacked([4, 3])},
    ))


@claim(
    "unet.scale-shift",
    lines="390",
    verdict="holds",
    title="Scale and shift of a normalised channel",
    statement=r"$\mathrm{norm}(h)(1 + s) + b$: a channel of mean 0 and variance 1 gets mean $b$ "
    r"and variance $(1+s)^2$; with $s = b = 0$ nothing changes, so that a projection starting at "
    r"zero starts without effect.",
    sources=("arXiv 2102.09672, appendix A", PUBLISHED),
)
def scale_and_shift() -> Checks:
    channel = scale_shift(standard_normal("h"), scale, shift)
    yield identity(
        "mean and variance after modulation",
        [channel.mean, channel.variance], [shift, (1 + scale) ** 2],
        wrong={
            "scale without the 1": [shift, scale**2],
            "standard deviation": [shift, 1 + scale],
            "shift scaled, too": [(1 + scale) * shift, (1 + scale) ** 2],
        },
    )
    yield identity(
        "zero scale and shift leave the channel", scale_shift(h_1, S.Zero, S.Zero), h_1,
        wrong={"scale without the 1": h_1 * S.Zero},
    )


@claim(
    "unet.additive-embedding",
    lines="392-394",
    verdict="holds-if",
    severity="misleading",
    title="Adding the embedding before a group norm",
    statement=r"The other branch adds one number per channel before the output path, which starts "
    r"with a group norm. The norm subtracts the mean over a group: if a group is a single "
    r"channel, the number cancels and the block ignores the timestep altogether. With 32 groups "
    r"that happens at 32 channels.",
    assumptions=("a group has at least two channels",),
    correction=r"Use more channels than groups (64 or more for 32 groups), or scale and shift.",
    sources=("Wu & He 2018, arXiv 1803.08494", PUBLISHED),
    depends_on=("unet.group-norm", "unet.embedding-axes"),
)
def additive_embedding() -> Checks:
    # Two pixels a channel; a group of one or of two channels.
    one, moved = [h_1, h_2], [h_1 + e_1, h_2 + e_1]
    pair = [h_1, h_2, h_3, h_4]
    moved_pair = [h_1 + e_1, h_2 + e_1, h_3 + e_2, h_4 + e_2]
    yield identity(
        "two channels a group: half of the difference of the two numbers remains",
        [a - b for a, b in zip(centred(moved_pair), centred(pair), strict=True)],
        [(e_1 - e_2) / 2, (e_1 - e_2) / 2, (e_2 - e_1) / 2, (e_2 - e_1) / 2],
        wrong={"all of it": [e_1, e_1, e_2, e_2], "nothing": [S.Zero] * 4},
    )
    yield refutes(differs(
        "one channel a group: the number is to be seen in the centred channel",
        centred(moved)[0], centred(one)[0] + e_1,
        at={h_1: 1, h_2: 3, e_1: 5}, wrong={"it is gone": centred(one)[0]},
    ))
    yield corrects(identity(
        "scale and shift act after the norm: the shift remains whatever the group",
        scale_shift(centred(one)[0], scale, shift) - scale_shift(centred(one)[0], scale, S.Zero),
        shift, wrong={"gone": S.Zero},
    ))


@claim(
    "unet.skip-missing",
    lines="395",
    verdict="code-defect",
    severity="wrong-result",
    title="The skip connection is read and never set",
    statement=r"The block adds a skip path that no line assigns: AttributeError.",
    correction=r"In the initialiser: the identity where channels in equal channels out, otherwise "
    r"a $1 \times 1$ (or, by the switch, $3 \times 3$) convolution to the channels out.",
    sources=(PUBLISHED + " (ResBlock.skip_connection)",),
)
def skip_missing() -> Checks:
    yield from ()


@claim(
    "unet.residual-sum",
    lines="395",
    verdict="holds-if",
    severity="cosmetic",
    title="Residual sum",
    statement=r"$\mathrm{skip}(x) + h$ needs equal shapes. One channel against $C$ does not fail "
    r"but is repeated for every channel; other unequal counts stop with RuntimeError.",
    assumptions=("skip(x) and h have the same shape",),
    correction=r"Project the input to the channels out where the counts differ.",
    sources=("He et al. 2015, arXiv 1512.03385", TORCH + "broadcasting semantics"),
    depends_on=("unet.skip-missing",),
)
def residual_sum() -> Checks:
    yield from ()


@claim(
    "unet.zero-start",
    lines="388-395, 407",
    verdict="incomplete",
    severity="misleading",
    title="No branch starts at zero",
    statement=r"The released network starts the last convolution of every residual branch and of "
    r"every attention block at zero; the fragment neither has those layers nor says so.",
    sources=(PUBLISHED + " (zero_module)",),
    supplied_by=("unet.zero-start-identity",),
)
def zero_start() -> Checks:
    yield from ()


@claim(
    "unet.zero-start-identity",
    lines="395",
    verdict="holds",
    title="A branch that ends in zero weights leaves its input (supplied)",
    statement=r"If the last layer of the branch has weights and bias 0, the block returns its skip "
    r"path, whatever the embedding.",
    sources=(PUBLISHED + " (zero_module)", "arXiv 1706.02677, section 5.1"),
    depends_on=("unet.residual-sum",),
)
def zero_start_identity() -> Checks:
    x, weight, bias, feature = real("x weight bias feature")
    yield identity(
        "skip path plus a linear last layer at weight 0 and bias 0",
        (x + weight * feature + bias).subs({weight: 0, bias: 0}), x,
        wrong={"bias left": x + bias, "weights left": x + weight * feature},
    )
