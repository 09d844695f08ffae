"""The residual block of the network fragment: what its construction does (lines 346-376).

Each entry is shown on a minimal construct of our own, here or, where it needs torch, in
audit/comparisons/unet_resblock_listing.py.  The published block has three parts: in_layers
(norm, SiLU, 3x3 convolution), emb_layers (SiLU, linear), out_layers (norm, SiLU, dropout, 3x3
convolution that starts at zero), and a skip connection.
"""

import ast

from derivations.claim import Checks, claim, corrects, refutes
from derivations.listings.unet_listing import PUBLISHED, PYTHON, compiles
from derivations.prover.execution import Raises, evaluates, executes, token

HELPERS = "openai/improved-diffusion, nn.py"


@claim(
    "unet.resblock-signature",
    lines="346-357",
    verdict="definition",
    severity="cosmetic",
    title="Arguments of the residual block",
    statement=r"A block that takes the embedding, with eight arguments: channels in, width of the "
    r"embedding, dropout rate, channels out, and switches for a convolution in the skip path, "
    r"scale and shift, dimension and checkpointing; names and defaults as published.",
    sources=(PUBLISHED + " (ResBlock)",),
)
def resblock_signature() -> Checks:
    yield from ()


@claim(
    "unet.resblock-super",
    lines="358",
    verdict="holds",
    title="The module base is initialised first",
    statement=r"The initialiser of the module is called before any layer is stored; without it, "
    r"storing a layer is an AttributeError.",
    sources=("PyTorch documentation: torch.nn.Module",),
)
def resblock_super() -> Checks:
    yield from ()


@claim(
    "unet.resblock-stored",
    lines="359-360",
    verdict="definition",
    severity="cosmetic",
    title="Channel count and embedding width are kept",
    statement=r"Both numbers are stored on the block under their own names.",
)
def resblock_stored() -> Checks:
    yield from ()


@claim(
    "unet.resblock-dropout",
    lines="361",
    verdict="code-defect",
    severity="wrong-result",
    title="Dropout is a number, not a layer",
    statement=r"The rate is stored and no dropout layer is ever built from it: the block trains "
    r"without dropout, whatever rate is asked for.",
    correction=r"Build a dropout layer of this rate between the activation and the last "
    r"convolution of the output path.",
    sources=(PUBLISHED + " (ResBlock.out_layers)",),
)
def resblock_dropout() -> Checks:
    yield from ()


@claim(
    "unet.resblock-out-channels",
    lines="362",
    verdict="holds-if",
    severity="cosmetic",
    title="Channels out default to channels in",
    statement=r"Where no number is given, the input's is taken. Because the choice is by truth "
    r"value, 0 is replaced as well instead of being rejected.",
    assumptions=("out_channels is None or at least 1",),
    correction=r"Test for None, and reject numbers below 1.",
    sources=(PYTHON + "boolean operations",),
)
def resblock_out_channels() -> Checks:
    def by_truth(out: int | None, channels: int) -> int:
        return out or channels

    def by_none(out: int, channels: int) -> int:
        return channels if out is None else out

    yield executes(
        "no number, and a number", lambda: (by_truth(None, 64), by_truth(128, 64)), (64, 128),
        wrong={"and": lambda: (None and 64, 128 and 64)},
    )
    yield refutes(executes(
        "a zero is silently replaced", lambda: by_truth(0, 64), 64,
        wrong={"tested for None": lambda: by_none(0, 64)},
    ))


@claim(
    "unet.resblock-unread",
    lines="363-364",
    verdict="code-defect",
    severity="wrong-result",
    title="Two switches are stored and never read",
    statement=r"The kind of skip convolution and the number of dimensions are stored, but no line "
    r"reads them: choosing them changes nothing.",
    correction=r"Use the dimension in every convolution, and the switch to choose a $3 \times 3$ "
    r"rather than a $1 \times 1$ convolution in the skip path where channels change.",
    sources=(PUBLISHED + " (ResBlock)",),
)
def resblock_unread() -> Checks:
    class Stored:
        def __init__(self, channels: int, switch: bool = False) -> None:
            self.channels, self.switch = channels, switch

        def kernel(self) -> int:
            return 1

    class Used(Stored):
        def kernel(self) -> int:
            return 3 if self.switch else 1

    def reactions(block: type) -> list[int]:
        return [block(8, switch=s).kernel() for s in (False, True)]

    for line, name in ((363, "use_conv"), (364, "dims")):
        yield refutes(token(
            f"{name} is stored here; a block that heeds it would hand it to a layer", line,
            f"self.{name}", f"conv_nd(..., {name})",
        ))
    yield refutes(executes(
        "behaviour of a block that ignores its switch", lambda: reactions(Stored), [1, 1],
        wrong={"a block that reads it": lambda: reactions(Used)},
    ))


@claim(
    "unet.resblock-flags-lost",
    lines="354, 356, 380, 387",
    verdict="code-defect",
    severity="wrong-result",
    title="Two switches are accepted, not stored, and read later",
    statement=r"The switches for scale and shift and for checkpointing are arguments only; reading "
    r"them from the block on lines 380 and 387 is an AttributeError.",
    correction=r"Store both switches with the other arguments.",
)
def resblock_flags_lost() -> Checks:
    class Lost:
        def __init__(self, switch: bool = False) -> None:
            pass

        def run(self) -> object:
            return self.switch  # type: ignore[attr-defined]  # what is shown

    class Kept(Lost):
        def __init__(self, switch: bool = False) -> None:
            self.switch = switch

    yield refutes(executes(
        "an argument that was not stored", lambda: Lost(True).run(), Raises("AttributeError"),
        wrong={"stored": lambda: Kept(True).run()},
    ))
    yield corrects(executes(
        "stored, it is what was given", lambda: (Kept().run(), Kept(True).run()), (False, True),
        wrong={"not stored": lambda: Lost(True).run()},
    ))


@claim(
    "unet.group-norm",
    lines="367, 404",
    verdict="holds-if",
    severity="cosmetic",
    title="Normalisation by channel count",
    statement=r"In the published helper the normalisation is a group norm with 32 groups; it takes "
    r"the number of channels alone, which must be a multiple of 32.",
    assumptions=("32 divides the number of channels",),
    correction=r"State the condition, or choose a number of groups that divides the channels.",
    sources=(HELPERS + " (normalization)", "Wu & He 2018, arXiv 1803.08494"),
)
def group_norm() -> Checks:
    yield from ()


@claim(
    "unet.in-convolution-missing",
    lines="366, 369-370",
    verdict="code-defect",
    severity="wrong-result",
    title="The input path has no convolution",
    statement=r"The convolution is commented out. Normalisation and activation keep the number of "
    r"channels, so that the input path cannot change it, and, the statistics of the norm "
    r"apart, no channel or pixel sees another.",
    correction=r"After norm and SiLU a $3 \times 3$ convolution from channels to out-channels, "
    r"padding 1.",
    sources=(PUBLISHED + " (ResBlock.in_layers)",),
)
def in_convolution_missing() -> Checks:
    yield from ()


@claim(
    "unet.convolution-comment",
    lines="369",
    verdict="code-defect",
    severity="cosmetic",
    title="The commented call would not parse",
    statement=r"The call in the comment puts a positional argument after a keyword, a SyntaxError, "
    r"and lacks the dimension and both channel counts.",
    correction=r"Give dimension, channels in, channels out and kernel size 3 by position, then the "
    r"padding by keyword.",
    sources=(PYTHON + "calls",),
)
def convolution_comment() -> Checks:
    yield refutes(executes(
        "a positional argument after a keyword", lambda: compiles("call(width=1, 3)"),
        Raises("SyntaxError"), wrong={"the other order": lambda: compiles("call(3, width=1)")},
    ))


@claim(
    "unet.embedding-width",
    lines="374",
    verdict="holds",
    title="Twice the channels where scale and shift are wanted",
    statement=r"The conditional applies to the whole product: the width is $2C$ with scale and "
    r"shift and $C$ without, which is what halving on line 389 gives back.",
    sources=(PYTHON + "conditional expressions",),
)
def embedding_width() -> Checks:
    def width(channels: int, wanted: bool) -> int:
        return 2 * channels if wanted else channels

    def outermost(source: str) -> str:
        return type(ast.parse(source, mode="eval").body).__name__

    yield evaluates(
        "the conditional is the outermost operation, the product one of its branches",
        lambda: outermost("2 * c if wanted else c"), "IfExp",
        wrong={"the product outermost": lambda: outermost("2 * (c if wanted else c)")},
    )
    yield evaluates(
        "widths for 64 channels", lambda: (width(64, True), width(64, False)), (128, 64),
        wrong={
            "branches exchanged": lambda: (width(64, False), width(64, True)),
            "always doubled": lambda: (width(64, True), width(64, True)),
        },
    )
