"""Names that the network fragment cannot see: unbound helpers, class bodies, stray functions.

Each entry is shown on a minimal construct of our own.  Lines 371-375 stand in the body of a class,
lines 377-395 outside of any class.  The last entry is about the network that the parts never make.
"""

from derivations.claim import Checks, claim, corrects, refutes
from derivations.listings.unet_listing import PUBLISHED, PYTHON
from derivations.prover.execution import Raises, evaluates, executes

HELPERS = "openai/improved-diffusion, nn.py"


def _undefined_in_method() -> type:
    class Block:
        def __init__(self) -> None:
            self.layer = no_such_helper()  # type: ignore[name-defined]  # noqa: F821 - the undefined name is what is shown

    return Block


def _defined_in_method() -> type:
    class Block:
        def __init__(self) -> None:
            self.layer = "made"

    return Block


def _parameter_in_class_body() -> type:
    class Block:
        def __init__(self, channels: int) -> None:
            self.channels = channels

        layer = (channels,)  # noqa: F821 - a parameter of __init__ is not visible here

    return Block


def _parameter_in_method() -> type:
    class Block:
        def __init__(self, channels: int) -> None:
            self.layer = (channels,)

    return Block


def _value_dropped() -> type:
    class Block:
        str(7)

    return Block


def _value_assigned() -> type:
    class Block:
        layer = str(7)

    return Block


@claim(
    "unet.helpers-undefined",
    lines="367-368, 371-372, 379, 404-406, 409",
    verdict="code-defect",
    severity="wrong-result",
    title="Six helpers are neither defined nor imported",
    statement=r"The normalisation, the activation, the linear layer, the convolution of given "
    r"dimension, checkpointing and the attention core are used by bare names that nothing binds: "
    r"NameError as soon as the line runs.",
    correction=r"Use the layers of torch.nn (GroupNorm, SiLU, Linear, Conv1d to Conv3d) and "
    r"torch.utils.checkpoint, and define the attention core.",
    sources=(HELPERS, PUBLISHED),
    depends_on=("unet.placeholder-import",),
)
def helpers_undefined() -> Checks:
    yield refutes(executes(
        "a method that calls an unbound name", lambda: _undefined_in_method()().layer,
        Raises("NameError"), wrong={"a bound name": lambda: _defined_in_method()().layer},
    ))


@claim(
    "unet.class-level-activation",
    lines="371",
    verdict="code-defect",
    severity="wrong-result",
    title="An activation in the body of the class",
    statement=r"The line is indented to the class body: it runs once, when the class is made, not "
    r"when a block is. Its name is unbound, so the class itself cannot be made (NameError); were "
    r"it bound, the layer would be made and dropped.",
    correction=r"First entry of the embedding path, inside the initialiser.",
    sources=(PYTHON + "class definitions", PUBLISHED + " (ResBlock.emb_layers)"),
)
def class_level_activation() -> Checks:
    def unbound() -> str:
        class Block:
            no_such_helper()  # type: ignore[name-defined]  # noqa: F821 - the undefined name is what is shown

        return Block.__name__

    def bound() -> str:
        return _value_dropped().__name__

    yield refutes(executes(
        "a class body that calls an unbound name", unbound, Raises("NameError"),
        wrong={"a bound name": bound},
    ))
    yield refutes(executes(
        "a bound one leaves nothing behind", lambda: hasattr(_value_dropped(), "layer"), False,
        wrong={"assigned": lambda: hasattr(_value_assigned(), "layer")},
    ))


@claim(
    "unet.class-level-linear",
    lines="372-375",
    verdict="code-defect",
    severity="wrong-result",
    title="A layer in the class body that needs the initialiser's arguments",
    statement=r"The linear layer stands in the class body as well. There the embedding width, the "
    r"switch and the block itself are not visible: they are names of the initialiser "
    r"(NameError at the creation of the class).",
    correction=r"Second entry of the embedding path, inside the initialiser.",
    sources=(PYTHON + "resolution of names", PUBLISHED + " (ResBlock.emb_layers)"),
)
def class_level_linear() -> Checks:
    yield refutes(executes(
        "a class body that reads a parameter of the initialiser",
        lambda: _parameter_in_class_body()(8).layer, Raises("NameError"),
        wrong={"the initialiser reads it": lambda: _parameter_in_method()(8).layer},
    ))
    yield corrects(executes(
        "inside the initialiser it is visible", lambda: _parameter_in_method()(8).layer, (8,),
        wrong={"class body": lambda: _parameter_in_class_body()(8).layer},
    ))


@claim(
    "unet.resblock-forward-outside",
    lines="377-381",
    verdict="code-defect",
    severity="wrong-result",
    title="The block's forward is not a method",
    statement=r"The function starts in the first column: it belongs to the file, not to the class. "
    r"The block keeps the forward of its base, and the function is never called.",
    correction=r"Indent it to the level of the class body.",
    sources=(PYTHON + "class definitions",),
    depends_on=("unet.base-silent",),
)
def resblock_forward_outside() -> Checks:
    class Base:
        def forward(self, x: int) -> str:
            return "base"

    class Stray(Base):
        pass

    def forward(self: Base, x: int) -> str:
        return "block"

    class Method(Base):
        def forward(self, x: int) -> str:
            return forward(self, x)

    yield refutes(executes(
        "which forward a block runs if its own stands outside", lambda: Stray().forward(1), "base",
        wrong={"as a method": lambda: Method().forward(1)},
    ))
    yield corrects(executes(
        "as a method it is found first", lambda: Method().forward(1), "block",
        wrong={"outside": lambda: Stray().forward(1)},
    ))


@claim(
    "unet.resblock-inner-outside",
    lines="380, 382-395",
    verdict="code-defect",
    severity="wrong-result",
    title="The checkpointed inner function is not a method either",
    statement=r"The inner function stands in the first column as well; looking it up on the block, "
    r"as line 380 does, is an AttributeError.",
    correction=r"Indent it to the level of the class body.",
    sources=(PYTHON + "class definitions",),
    depends_on=("unet.resblock-forward-outside",),
)
def resblock_inner_outside() -> Checks:
    class Stray:
        def forward(self, x: int) -> object:
            return self._inner(x)  # type: ignore[attr-defined]  # what is shown

    class Method(Stray):
        def _inner(self, x: int) -> int:
            return x

    yield refutes(executes(
        "looking up a function of the file on a block", lambda: Stray().forward(1),
        Raises("AttributeError"), wrong={"a method": lambda: Method().forward(1)},
    ))


@claim(
    "unet.network-missing",
    lines="322, 336, 346, 397",
    verdict="code-defect",
    severity="misleading",
    title="Parts of a network, and no network",
    statement=r"No line makes an object of the container, of the residual or of the attention "
    r"block, and none calls the embedding: the listing has no network that could predict a noise. "
    r"Of the published one there is neither the perceptron on the embedding, nor the first and the "
    r"last convolution, nor a change of resolution, nor the connections between both halves, nor "
    r"the assembly. The blocks alone take no colour picture: both begin with the normalisation of "
    r"32 groups, which does not divide 3 channels.",
    correction=r"Assemble them: a convolution from the picture's channels to a multiple of 32, "
    r"blocks on the way down and, joined with their outputs, on the way up, and a convolution back "
    r"to the picture's channels; the timestep's embedding goes through two linear layers first.",
    sources=(PUBLISHED + " (UNetModel, Upsample, Downsample)", HELPERS + " (normalization)"),
    depends_on=("unet.group-norm",),
)
def network_missing() -> Checks:
    def channels_left_over(channels: int, groups: int = 32) -> int:
        return channels % groups

    yield refutes(evaluates(
        "three channels do not fall into 32 groups", lambda: channels_left_over(3), 3,
        wrong={"after a convolution to 128 channels": lambda: channels_left_over(128)},
    ))
    yield corrects(evaluates(
        "the channel counts of the published networks do, 128 and its multiples",
        lambda: [channels_left_over(128 * m) for m in (1, 2, 3, 4)], [0] * 4,
        wrong={"without the first convolution": lambda: [
            channels_left_over(3 * m) for m in (1, 2, 3, 4)]},
    ))
