"""The container of layers in torch: dispatch and the misplaced return, on layers of our own."""

import torch
from torch import nn

from audit.comparison import Bench, Means, Subject, compares
from derivations.claim import Grade, Role

TORCH: Means = {"kind": "execution in torch", "grade": Grade.EXECUTION}
REFUTES: Means = {**TORCH, "role": Role.REFUTES}
CORRECTS: Means = {**TORCH, "role": Role.CORRECTS}


class Marked(nn.Module):
    """The marker class."""


class AddEmbedding(Marked):
    """A marked layer."""

    def forward(self, x: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        return x + embedding


class AddOne(nn.Module):
    """A plain layer."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 1


class _Container(nn.Sequential, Marked):
    """Our own container; how it walks its layers is what differs."""

    wants = staticmethod(lambda layer: isinstance(layer, Marked))

    def forward(  # type: ignore[override]  # with an argument more, as in the listing
        self, x: torch.Tensor, embedding: torch.Tensor | None
    ) -> torch.Tensor:
        for layer in self:
            x = layer(x, embedding) if self.wants(layer) else layer(x)
        return x


class _StopsEarly(_Container):
    def forward(  # type: ignore[override, return]  # None where there is no layer: that is shown
        self, x: torch.Tensor, embedding: torch.Tensor | None
    ) -> torch.Tensor | None:
        for layer in self:
            x = layer(x, embedding) if self.wants(layer) else layer(x)
            return x


class _PlainOnly(nn.Sequential):
    def forward(  # type: ignore[override]  # with an argument more, as in the listing
        self, x: torch.Tensor, embedding: torch.Tensor
    ) -> torch.Tensor:
        for layer in self:
            x = layer(x) if isinstance(layer, AddOne) else x
        return x


@compares(
    "unet.dispatch", "unet.container-forward", "unet.container-bases",
    subject=_Container,
    wrong={"first layer only": _StopsEarly, "embedding never given": _PlainOnly},
    **TORCH,
)
def dispatch(bench: Bench, subject: Subject) -> None:
    """A nested container hands the embedding to its marked layers and to no other."""
    inner = subject(AddEmbedding(), AddOne())
    outer = subject(AddOne(), inner, AddEmbedding())
    found = outer(torch.zeros(2), torch.full((2,), 10.0)).tolist()
    bench.require(found == [22.0, 22.0], f"{found}")


@compares(
    "unet.return-in-loop",
    subject=_StopsEarly,
    wrong={"return after the loop": _Container},
    **REFUTES,
)
def return_in_loop(bench: Bench, subject: Subject) -> None:
    """Three layers that add one give 1; no layer gives None."""
    found = subject(AddOne(), AddOne(), AddOne())(torch.zeros(1), None).item()
    bench.require(found == 1, f"three layers give {found}")
    bench.require(subject()(torch.zeros(1), None) is None, "an empty container returns a value")


@compares(
    "unet.return-in-loop",
    subject=_Container,
    wrong={"return inside": _StopsEarly},
    **CORRECTS,
)
def return_after_loop(bench: Bench, subject: Subject) -> None:
    """With the return after the loop, three layers give 3 and no layer gives the input."""
    found = subject(AddOne(), AddOne(), AddOne())(torch.zeros(1), None).item()
    bench.require(found == 3, f"three layers give {found}")
    bench.require(subject()(torch.zeros(1), None).item() == 0, "an empty container changes x")
