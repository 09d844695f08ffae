"""The attention block of the network fragment (lines 396-412): what its lines do.

Facts about Python are shown on constructs of our own; facts that need torch are shown in
audit/comparisons/unet_attention_listing.py.  The attention formula itself is in attention.py.
"""

from collections.abc import Callable, Iterator, Sequence

from derivations.claim import Checks, claim, corrects, refutes
from derivations.listings.unet_listing import PUBLISHED, PYTHON
from derivations.prover.execution import Raises, evaluates, executes

TORCH = "PyTorch documentation: "
BLOCK = PUBLISHED + " (AttentionBlock)"


class _Base:
    def __init__(self) -> None:
        self.ready = True


class _WithoutParentheses(_Base):
    def __init__(self) -> None:
        super.__init__()  # type: ignore[call-overload]  # what is shown


class _WithParentheses(_Base):
    def __init__(self) -> None:
        super().__init__()


class _Mentioned:
    def __init__(self) -> None:
        self.layer  # type: ignore[attr-defined]  # noqa: B018 - the attribute that is read and not set is what is shown


class _Assigned:
    def __init__(self) -> None:
        self.layer = "made"


class _Holder:
    def parameters(self) -> Iterator[int]:
        return iter((1, 2))


def _four_arguments(
    function: Callable[..., int], inputs: Sequence[int], parameters: Sequence[int], switch: bool
) -> tuple[int, tuple[int, ...], bool]:
    return (function(*inputs), tuple(parameters), switch)


@claim(
    "unet.attention-comment",
    lines="396",
    verdict="not-mathematical",
    severity="cosmetic",
    title="A comment that names query, key and value",
    statement=r"Three letters for query, key and value. Nothing to verify.",
)
def attention_comment() -> Checks:
    yield from ()


@claim(
    "unet.attention-signature",
    lines="397-398, 400, 402",
    verdict="definition",
    severity="cosmetic",
    title="Arguments of the attention block",
    statement=r"A module with a channel count, a number of heads (1 by default) and a switch for "
    r"checkpointing, as published; all three are stored.",
    sources=(BLOCK,),
)
def attention_signature() -> Checks:
    yield from ()


@claim(
    "unet.attention-super",
    lines="399",
    verdict="code-defect",
    severity="wrong-result",
    title="The parentheses after super are missing",
    statement=r"The initialiser of the type super itself is called, without an object: TypeError "
    r"each time a block is made.",
    correction=r"Call super first: \texttt{super().\_\_init\_\_()}.",
    sources=("Python documentation: built-in functions, super",),
)
def attention_super() -> Checks:
    yield refutes(executes(
        "making an object whose initialiser leaves them out",
        lambda: _WithoutParentheses().ready, Raises("TypeError"),
        wrong={"with parentheses": lambda: _WithParentheses().ready},
    ))
    yield corrects(executes(
        "with them the base is initialised", lambda: _WithParentheses().ready, True,
        wrong={"without": lambda: _WithoutParentheses().ready},
    ))


@claim(
    "unet.attention-heads",
    lines="401, 406",
    verdict="code-defect",
    severity="wrong-result",
    title="The number of heads has no effect",
    statement=r"The number is stored and read nowhere: neither the attention core nor the missing "
    r"forward receives it. Two heads are not one: each has its own weights and half the width in "
    r"its scale.",
    correction=r"Split the $3C$ channels into heads (a reshape to batch times heads) before the "
    r"core, or hand the number to the core.",
    sources=(BLOCK, "Vaswani et al. 2017, arXiv 1706.03762, section 3.2.2"),
    depends_on=("unet.attention-definition",),
)
def attention_heads() -> Checks:
    yield from ()


@claim(
    "unet.attention-qkv",
    lines="405",
    verdict="holds",
    title="One pointwise projection makes queries, keys and values",
    statement=r"A one-dimensional convolution of kernel size 1 from $C$ to $3C$ channels is the "
    r"same linear map at each position of the flattened image; its output splits into three blocks "
    r"of $C$ channels.",
    assumptions=("conv_nd(1, ...) makes a one-dimensional convolution",),
    sources=(BLOCK, TORCH + "torch.nn.Conv1d"),
)
def attention_qkv() -> Checks:
    yield from ()


@claim(
    "unet.attention-core-missing",
    lines="406",
    verdict="incomplete",
    severity="misleading",
    title="The attention core is named and not given",
    statement=r"The formula of attention, its scale and its softmax appear nowhere.",
    sources=("Vaswani et al. 2017, arXiv 1706.03762, eq. (1)",),
    supplied_by=(
        "unet.attention-definition", "unet.attention-scale", "unet.attention-variance",
        "unet.attention-rows",
    ),
)
def attention_core_missing() -> Checks:
    yield from ()


@claim(
    "unet.attention-projection",
    lines="407",
    verdict="code-defect",
    severity="wrong-result",
    title="The output projection is mentioned, not assigned",
    statement=r"The line is an expression: it reads an attribute that does not exist "
    r"(AttributeError) and sets none.",
    correction=r"Assign a pointwise convolution $C \to C$ whose weights start at zero.",
    sources=(PYTHON + "expression statements", BLOCK),
)
def attention_projection() -> Checks:
    yield refutes(executes(
        "mentioning an attribute that was never set",
        lambda: _Mentioned().layer,  # type: ignore[attr-defined]  # what is shown
        Raises("AttributeError"), wrong={"assigned": lambda: _Assigned().layer},
    ))
    yield corrects(executes(
        "assigned, it is there", lambda: _Assigned().layer, "made",
        wrong={"mentioned": lambda: _Mentioned().layer},  # type: ignore[attr-defined]  # shown
    ))


@claim(
    "unet.attention-forward",
    lines="408",
    verdict="definition",
    severity="cosmetic",
    title="The attention block takes no embedding",
    statement=r"Its forward has the input alone; being no marked layer, it is called that way by "
    r"the container.",
    sources=(BLOCK,),
    depends_on=("unet.dispatch",),
)
def attention_forward() -> Checks:
    yield from ()


@claim(
    "unet.attention-parameters",
    lines="409",
    verdict="code-defect",
    severity="wrong-result",
    title="The method that lists the parameters is not called",
    statement=r"Without parentheses a bound method is handed over instead of the parameters; "
    r"making a tuple of it, as the released helper does when switched on, is a TypeError.",
    correction=r"Call it: \texttt{self.parameters()}.",
    sources=("openai/improved-diffusion, nn.py (checkpoint)",),
)
def attention_parameters() -> Checks:
    yield refutes(executes(
        "listing a method",
        lambda: tuple(_Holder().parameters),  # type: ignore[arg-type]  # what is shown
        Raises("TypeError"),
        wrong={"calling it": lambda: tuple(_Holder().parameters())},
    ))
    yield corrects(executes(
        "calling it", lambda: tuple(_Holder().parameters()), (1, 2),
        wrong={"the method": lambda: tuple(_Holder().parameters)},  # type: ignore[arg-type]  # shown
    ))


@claim(
    "unet.attention-switch",
    lines="402, 409",
    verdict="code-defect",
    severity="wrong-result",
    title="The checkpointing switch is left out of the call",
    statement=r"The released helper has four arguments, the call gives three: TypeError. The "
    r"switch stored on line 402 is never read.",
    correction=r"Give the stored switch as fourth argument.",
    sources=("openai/improved-diffusion, nn.py (checkpoint)",),
    depends_on=("unet.checkpoint-call",),
)
def attention_switch() -> Checks:
    def with_three() -> tuple[int, tuple[int, ...], bool]:
        return _four_arguments(lambda x: x + 1, (1,), ())  # type: ignore[call-arg]  # what is shown

    def with_four() -> tuple[int, tuple[int, ...], bool]:
        return _four_arguments(lambda x: x + 1, (1,), (), False)

    yield refutes(executes(
        "three of four arguments", with_three, Raises("TypeError"), wrong={"four": with_four},
    ))
    yield corrects(executes(
        "four arguments", with_four, (2, (), False), wrong={"three": with_three},
    ))


@claim(
    "unet.attention-body",
    lines="410-411",
    verdict="code-defect",
    severity="wrong-result",
    title="The inner function uses names that it never binds",
    statement=r"Its only line adds $h$ to the input and restores the shape from batch, channels "
    r"and spatial sizes; none of these names is bound (NameError). Norm, projection and attention "
    r"are never applied.",
    correction=r"First read the sizes off the input's shape and flatten the space, then "
    r"$h = \mathrm{proj}(\mathrm{attention}(\mathrm{qkv}(\mathrm{norm}(x))))$.",
    sources=(BLOCK,),
)
def attention_body() -> Checks:
    def unbound(x: int) -> object:
        return x + other  # type: ignore[name-defined]  # noqa: F821 - the unbound name is what is shown

    def bound(x: int) -> int:
        other = 2 * x
        return x + other

    yield refutes(executes(
        "a sum with a name that nothing binds", lambda: unbound(1), Raises("NameError"),
        wrong={"bound": lambda: bound(1)},
    ))
    yield corrects(executes(
        "bound before it is used", lambda: bound(1), 3, wrong={"unbound": lambda: unbound(1)},
    ))


@claim(
    "unet.attention-reshape",
    lines="411",
    verdict="holds-if",
    severity="cosmetic",
    title="Flattened positions go back to their places",
    statement=r"Adding and then reshaping to (batch, channels, spatial sizes) undoes a flattening "
    r"of the spatial axes. It needs the input flattened as well: an image plus a flattened result "
    r"does not broadcast, or gives a wrong shape.",
    assumptions=("x was flattened to (batch, channels, positions) before",),
    correction=r"Flatten the input first: reshape to (batch, channels, $-1$).",
    sources=(BLOCK, TORCH + "torch.reshape"),
    depends_on=("unet.attention-body",),
)
def attention_reshape() -> Checks:
    height, width = 3, 5

    def place(position: int, columns: int) -> tuple[int, int]:
        return divmod(position, columns)

    yield evaluates(
        "row-major positions return to their row and column",
        lambda: [place(r * width + c, width) for r in range(height) for c in range(width)],
        [(r, c) for r in range(height) for c in range(width)],
        wrong={
            "columns and rows exchanged": lambda: [
                place(r * width + c, height) for r in range(height) for c in range(width)],
        },
    )
