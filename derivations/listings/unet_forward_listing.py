"""The residual block of the network fragment: what its forward does with shapes (lines 377-391).

    h = in_layers(x)
    embedding = emb_layers(embedding), with axes of length 1 appended until its rank is that of h

Facts that need torch are shown in audit/comparisons/unet_forward_listing.py; what happens to the
embedding afterwards is in unet_modulation_listing.py.
"""

from collections.abc import Callable, Sequence

from derivations.claim import Checks, claim, refutes
from derivations.listings.unet_listing import PUBLISHED
from derivations.prover.execution import Raises, executes
from derivations.prover.induction import Recursion, invariant
from derivations.symbols import real

TORCH = "PyTorch documentation: "


@claim(
    "unet.shape-comment",
    lines="378",
    verdict="definition",
    severity="cosmetic",
    title="Axes of the input",
    statement=r"The input has a batch axis, a channel axis, and any number of spatial axes.",
    sources=(PUBLISHED,),
)
def shape_comment() -> Checks:
    yield from ()


@claim(
    "unet.checkpoint-call",
    lines="379-381",
    verdict="holds-if",
    severity="cosmetic",
    title="Checkpointing with four arguments",
    statement=r"Function, tuple of inputs, parameters and switch are the arguments of the released "
    r"helper, whose call with the switch off is a plain call. torch's own checkpoint takes the "
    r"function and then its inputs one by one; given these four, it passes three to a function "
    r"of two (TypeError).",
    assumptions=("checkpoint is the released four-argument helper",),
    correction=r"Define the helper, or call torch.utils.checkpoint.checkpoint with the inputs one "
    r"by one and use\_reentrant=False.",
    sources=("openai/improved-diffusion, nn.py (checkpoint)", TORCH + "torch.utils.checkpoint"),
    depends_on=("unet.helpers-undefined",),
)
def checkpoint_call() -> Checks:
    def helper(
        function: Callable[..., int], inputs: Sequence[int], parameters: Sequence[int], switch: bool
    ) -> int:
        return function(*inputs)

    def one_by_one(function: Callable[..., int], *inputs: object) -> int:
        return function(*inputs)

    def call(checkpoint: Callable[..., int]) -> int:
        return checkpoint(lambda x, embedding: x + embedding, (1, 2), (), False)

    yield executes(
        "the helper's call, switched off", lambda: call(helper), 3,
        wrong={"inputs one by one": lambda: call(one_by_one)},
    )
    yield refutes(executes(
        "a checkpoint that takes inputs one by one", lambda: call(one_by_one), Raises("TypeError"),
        wrong={"the helper": lambda: call(helper)},
    ))


@claim(
    "unet.forward-input",
    lines="383",
    verdict="definition",
    severity="cosmetic",
    title="The input path comes first",
    statement=r"$h$ is the input after the input path.",
    sources=(PUBLISHED,),
)
def forward_input() -> Checks:
    yield from ()


@claim(
    "unet.embedding-layers-missing",
    lines="366-375, 384",
    verdict="code-defect",
    severity="wrong-result",
    title="The embedding path is read and never set",
    statement=r"The block projects the embedding with layers that no line assigns: AttributeError.",
    correction=r"In the initialiser: SiLU, then a linear layer from the embedding's width to $2C$ "
    r"(with scale and shift) or $C$ features, $C$ the channels out.",
    sources=(PUBLISHED + " (ResBlock.emb_layers)",),
    depends_on=("unet.class-level-linear", "unet.embedding-width"),
)
def embedding_layers_missing() -> Checks:
    yield from ()


@claim(
    "unet.embedding-cast",
    lines="384",
    verdict="holds",
    title="The projected embedding takes the type of the features",
    statement=r"Casting by dtype changes the type and nothing else, so that both can be added in "
    r"half precision, too.",
    sources=(TORCH + "torch.Tensor.type",),
)
def embedding_cast() -> Checks:
    yield from ()


@claim(
    "unet.embedding-axes",
    lines="385-386",
    verdict="holds",
    title="Axes are appended until the ranks agree",
    statement=r"Each pass appends an axis of length 1; after (rank of features) minus 2 passes the "
    r"embedding has shape $(N, C, 1, \dots, 1)$ and broadcasts over space. Where the ranks agree "
    r"already nothing happens.",
    sources=(TORCH + "broadcasting semantics",),
)
def embedding_axes() -> Checks:
    def appended(shape: tuple[int, ...], rank: int) -> tuple[int, ...]:
        while len(shape) < rank:
            shape = (*shape, 1)
        return shape

    def prepended(shape: tuple[int, ...], rank: int) -> tuple[int, ...]:
        while len(shape) < rank:
            shape = (1, *shape)
        return shape

    yield executes(
        "features of rank 2 to 5", lambda: [appended((4, 8), rank) for rank in range(2, 6)],
        [(4, 8), (4, 8, 1), (4, 8, 1, 1), (4, 8, 1, 1, 1)],
        wrong={"prepended": lambda: [prepended((4, 8), rank) for rank in range(2, 6)]},
    )
    rank, missing, wanted = real("rank missing wanted")
    yield invariant(
        "each pass lowers the number of missing axes by one, so that the loop ends",
        Recursion(
            start={rank: 2, missing: wanted - 2, wanted: wanted},
            step={rank: rank + 1, missing: missing - 1, wanted: wanted},
        ),
        {missing: wanted - rank},
        wrong={"rank plus missing axes grows": {missing: wanted - 2}},
    )


@claim(
    "unet.out-layers-missing",
    lines="388, 391, 394",
    verdict="code-defect",
    severity="wrong-result",
    title="The output path is read and never set",
    statement=r"Both branches use output layers that no line assigns: AttributeError.",
    correction=r"In the initialiser: group norm on $C$ channels, SiLU, dropout, and a $3 \times 3$ "
    r"convolution $C \to C$ whose weights start at zero.",
    sources=(PUBLISHED + " (ResBlock.out_layers)",),
)
def out_layers_missing() -> Checks:
    yield from ()


@claim(
    "unet.split-layers",
    lines="388, 391",
    verdict="holds",
    title="Norm first, the other layers afterwards",
    statement=r"Indexing a sequential container gives its first layer, slicing gives a container "
    r"of the others that can be called; first and others in turn equal the whole.",
    sources=(TORCH + "torch.nn.Sequential",),
)
def split_layers() -> Checks:
    yield from ()
