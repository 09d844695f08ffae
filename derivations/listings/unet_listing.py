"""The network fragment under the DDIM heading: grammar, imports, and the container of layers.

Each entry is what Python does with a minimal construct of our own.  Facts that need torch are shown
in audit/comparisons/unet_listing.py.
"""

import importlib
from collections.abc import Sequence
from typing import Any

from derivations.claim import Checks, claim, corrects, refutes
from derivations.prover.execution import Raises, executes, token

PUBLISHED = "openai/improved-diffusion, unet.py"
PYTHON = "Python language reference: "


class Layer:
    """A layer that adds one."""

    def __call__(self, x: int, *embedding: int) -> Any:
        return self.forward(x, *embedding)

    def forward(self, x: int) -> int:
        return x + 1


class TimedLayer(Layer):
    """A layer that wants the embedding, too."""

    def forward(self, x: int, embedding: int) -> int:  # type: ignore[override]  # as in the listing
        return x + 10 * embedding


def compiles(source: str) -> bool:
    """Whether a piece of text is Python; a grammatical error is raised.  Nothing is run."""
    return compile(source, "construct", "exec") is not None


def first_only(layers: Sequence[Layer], x: int) -> int | None:  # type: ignore[return]  # shown
    """The misplaced return of line 343."""
    for layer in layers:
        x = layer(x)
        return x


def through_all(layers: Sequence[Layer], x: int) -> int:
    """The return after the loop."""
    for layer in layers:
        x = layer(x)
    return x


@claim(
    "unet.grammar",
    lines="334-336",
    verdict="code-defect",
    severity="wrong-result",
    title="The listing is not a Python program",
    statement=r"The method on line 334 has no body, so that the class statement on line 336 is met "
    r"where an indented block must stand: IndentationError. The file is rejected before its first "
    r"statement runs; nothing in it can be used, whatever else is right.",
    correction=r"Give line 334 a body; with that alone, the defects of lines 320 and 371-375 stop "
    r"the program next.",
    sources=(PYTHON + "compound statements, indentation",),
)
def grammar() -> Checks:
    empty = "class Base:\n    def run(self):\n\nclass Next(Base):\n    pass\n"
    filled = empty.replace("run(self):\n", "run(self):\n        raise NotImplementedError\n")
    yield refutes(executes(
        "a method without a body, followed by a class", lambda: compiles(empty),
        Raises("IndentationError"), wrong={"with a body": lambda: compiles(filled)},
    ))
    yield corrects(executes(
        "the same text with a body", lambda: compiles(filled), True,
        wrong={"without": lambda: compiles(empty)},
    ))


@claim(
    "unet.placeholder-import",
    lines="320",
    verdict="code-defect",
    severity="wrong-result",
    title="A placeholder is imported",
    statement=r"A module of a made-up name is imported and never used: ModuleNotFoundError. It "
    r"stands where the helpers of lines 367-409 should come from.",
    correction=r"Import or define those helpers, and remove the placeholder.",
    sources=("openai/improved-diffusion, nn.py",),
)
def placeholder_import() -> Checks:
    yield refutes(executes(
        "importing a module that does not exist",
        lambda: importlib.import_module("some_module").__name__, Raises("ModuleNotFoundError"),
        wrong={"a module that exists": lambda: importlib.import_module("math").__name__},
    ))


@claim(
    "unet.imports",
    lines="317-319, 321",
    verdict="not-mathematical",
    severity="cosmetic",
    title="Imports of the fragment",
    statement=r"Tensors (line 324 on), layers (333 on), mathematics (325, 427) and arrays (418, "
    r"439) are imported; each is used. Nothing to verify.",
)
def imports() -> Checks:
    yield from ()


@claim(
    "unet.base-class",
    lines="333",
    verdict="definition",
    severity="cosmetic",
    title="A base class marks layers that want the embedding",
    statement=r"Layers whose forward also takes the timestep embedding derive from one base class, "
    r"itself a module.",
    sources=(PUBLISHED + " (TimestepBlock)",),
)
def base_class() -> Checks:
    yield from ()


@claim(
    "unet.base-silent",
    lines="334",
    verdict="code-defect",
    severity="misleading",
    title="An empty forward would hide a missing one",
    statement=r"Were the missing body a mere placeholder, as in the released code, every derived "
    r"block without a forward of its own, as lines 346-376 leave one, would return None without a "
    r"word.",
    correction=r"Raise NotImplementedError in the base class.",
    depends_on=("unet.grammar",),
)
def base_silent() -> Checks:
    class Silent:
        def forward(self, x: int, embedding: int) -> None:
            pass

    class Loud:
        def forward(self, x: int, embedding: int) -> None:
            raise NotImplementedError

    forgot, reported = (type("Derived", (base,), {}) for base in (Silent, Loud))

    yield refutes(executes(
        "a derived block that forgot its forward", lambda: forgot().forward(1, 2), None,
        wrong={"a base that raises": lambda: reported().forward(1, 2)},
    ))
    yield corrects(executes(
        "the same with a base that raises", lambda: reported().forward(1, 2),
        Raises("NotImplementedError"), wrong={"an empty base": lambda: forgot().forward(1, 2)},
    ))


@claim(
    "unet.container-name",
    lines="336",
    verdict="misprint",
    severity="cosmetic",
    title="Spelling of the container's name",
    statement=r"The name of the container is misspelt; code that imports it by its published name "
    r"fails.",
    correction=r"TimestepEmbedSequential.",
)
def container_name() -> Checks:
    yield refutes(token("class name", 336, "TimestepEmbedSquential", "TimestepEmbedSequential"))


@claim(
    "unet.container-bases",
    lines="336",
    verdict="holds",
    title="Two bases with one common ancestor",
    statement=r"Deriving from the sequential container and from the marker class is consistent: "
    r"the order of resolution is container, sequential, marker, module.",
    sources=(PYTHON + "method resolution order",),
)
def container_bases() -> Checks:
    class Module:
        pass

    class Sequential(Module):
        pass

    class Marker(Module):
        pass

    def order(*bases: type) -> list[str]:
        return [c.__name__ for c in type("Container", bases, {}).__mro__[:-1]]

    yield executes(
        "the order in which attributes are looked up", lambda: order(Sequential, Marker),
        ["Container", "Sequential", "Marker", "Module"],
        wrong={
            "the common ancestor first": lambda: order(Module, Sequential),
            "bases exchanged": lambda: order(Marker, Sequential),
        },
    )


@claim(
    "unet.container-forward",
    lines="337",
    verdict="holds",
    title="The container's forward takes the embedding, too",
    statement=r"The container's own forward, with input and embedding, stands before those of both "
    r"bases; the one-argument forward of the sequential container is out of use.",
    depends_on=("unet.container-bases",),
)
def container_forward() -> Checks:
    class Own(TimedLayer):
        def forward(  # type: ignore[override]  # so that it is told from the others
            self, x: int, embedding: int
        ) -> tuple[str, int, int]:
            return ("own", x, embedding)

    class Inherited(TimedLayer):
        pass

    yield executes(
        "calling the container runs its own forward", lambda: Own()(1, 2), ("own", 1, 2),
        wrong={"inherited": lambda: Inherited()(1, 2), "one argument": lambda: Layer()(1, 2)},
    )


@claim(
    "unet.dispatch",
    lines="338-342",
    verdict="holds",
    title="Only marked layers receive the embedding",
    statement=r"Each layer is asked whether it derives from the marker class: marked ones, derived "
    r"classes included, are called with input and embedding, the others with the input alone.",
)
def dispatch() -> Checks:
    class Derived(TimedLayer):
        pass

    layers = [Layer(), TimedLayer(), Derived()]

    def by_instance(x: int, embedding: int) -> int:
        for layer in layers:
            x = layer(x, embedding) if isinstance(layer, TimedLayer) else layer(x)
        return x

    def by_exact_type(x: int, embedding: int) -> int:
        for layer in layers:
            x = layer(x, embedding) if type(layer) is TimedLayer else layer(x)
        return x

    yield executes(
        "one plain and two marked layers on 0 with embedding 2: 0 + 1 + 20 + 20",
        lambda: by_instance(0, 2), 41,
        wrong={
            "exact type": lambda: by_exact_type(0, 2),
            "never the embedding": lambda: through_all(layers, 0),
        },
    )


@claim(
    "unet.return-in-loop",
    lines="343",
    verdict="code-defect",
    severity="wrong-result",
    title="The container stops after its first layer",
    statement=r"The return stands inside the loop: only the first layer is ever applied. Three "
    r"layers that add one turn 0 into 1, not 3; a container without layers returns None.",
    correction=r"Put the return on the level of the loop, after it.",
)
def return_in_loop() -> Checks:
    three = [Layer()] * 3
    yield refutes(executes(
        "three layers that add one", lambda: first_only(three, 0), 1,
        wrong={"return after the loop": lambda: through_all(three, 0)},
    ))
    yield refutes(executes(
        "no layer", lambda: first_only([], 0), None,
        wrong={"return after the loop": lambda: through_all([], 0)},
    ))
    yield corrects(executes(
        "three layers, return after the loop", lambda: through_all(three, 0), 3,
        wrong={"inside": lambda: first_only(three, 0)},
    ))
