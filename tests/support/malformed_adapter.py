"""Adapters that answer with anything at all; whatever they do, the kit makes findings of it."""

import contextlib
import io
import itertools
import json
import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from rich.console import Console

from audit.conformance import report
from audit.conformance.examine import PARTS, Effort, examine
from audit.conformance.plain import Plain
from audit.conformance.run import Subject

EFFORT = Effort(lengths=(1, 3), half_lengths=(3,))
ATTRIBUTES = ("name", "version", "levels", "predicts", "dtypes", "options", "choices", "loss",
              "light", "adds_noise")


class Hostile:
    """Nothing can be asked of it."""

    def _refuse(self, *_: object) -> Any:
        raise RuntimeError("ask me nothing")

    __str__ = __repr__ = __len__ = __iter__ = __float__ = __int__ = __bool__ = _refuse
    __eq__ = __hash__ = __getitem__ = __array__ = _refuse


def raises(error: BaseException) -> Callable[[object], object]:
    def answer(right: object) -> object:
        raise error
    return answer


def as_tensor(right: object) -> torch.Tensor:
    """The right answer where it is a tensor, else some tensor."""
    return right if isinstance(right, torch.Tensor) else torch.full((4, 3, 2, 2), 0.25).double()


# What comes in the place of the right answer, which it is shown.
GARBAGE: dict[str, Callable[[Any], object]] = {
    "nothing": lambda right: None,
    "text": lambda right: "0.5",
    "bytes": lambda right: b"\x00",
    "two letters": lambda right: "ab",
    "an object": lambda right: object(),
    "hostile": lambda right: Hostile(),
    "hostile within": lambda right: [Hostile(), Hostile()],
    "NaN": lambda right: math.nan,
    "infinity": lambda right: math.inf,
    "a giant": lambda right: 10**400,
    "giants": lambda right: [10**5000, 0],
    "complex": lambda right: 1j,
    "no values": lambda right: [],
    "a dict": lambda right: {"beta": None, 3: [math.nan], "alpha": [[1], [2, 3]]},
    "a chain with NaN": lambda right: [1000, math.nan, 0],
    "an endless chain": lambda right: itertools.count(),
    "a pair": lambda right: (right, right),
    "a pair with text": lambda right: (as_tensor(right), "much"),
    "a pair with no values": lambda right: (as_tensor(right), torch.empty(0)),
    "a nested list": lambda right: [[[right]]],
    "an array": lambda right: np.full((4, 3, 2, 2), 0.25),
    "an array of objects": lambda right: np.array([None, "a"], dtype=object),
    "a single number": lambda right: torch.tensor(0.25),
    "an empty tensor": lambda right: torch.empty(0),
    "all NaN": lambda right: as_tensor(right) * math.nan,
    "not in memory": lambda right: as_tensor(right).to("meta"),
    "sparse": lambda right: as_tensor(right).to_sparse(),
    "integers": lambda right: as_tensor(right).long(),
    "complex images": lambda right: as_tensor(right).to(torch.complex128),
    "truth values": lambda right: as_tensor(right) > 0,
    "transposed": lambda right: as_tensor(right).mT.flatten(),
    "one image": lambda right: as_tensor(right)[:1],
    "enormous": lambda right: as_tensor(right) * 1e300,
    "ValueError": raises(ValueError("\x1b[31m [bold] \n" * 50)),
    "an error without words": raises(KeyError(Hostile())),
    "StopIteration": raises(StopIteration()),
    "MemoryError": raises(MemoryError()),
    "RecursionError": raises(RecursionError()),
    "SystemExit": raises(SystemExit(3)),
}


def answering(part: str, garbage: str, first: int = 0) -> Plain:
    """Right in all but one part, and there for so many calls."""
    adapter, calls = Plain(), itertools.count()
    right = getattr(adapter, part)

    def answer(*arguments: object) -> object:
        made = right(*arguments)
        return made if next(calls) < first else GARBAGE[garbage](made)

    setattr(adapter, part, answer)
    return adapter


def erratic(draw: random.Random) -> Plain:
    """Wrong in one part, perhaps from the second or the sixth call on, or in one attribute."""
    garbage = draw.choice(list(GARBAGE))
    if draw.random() < 0.8:
        return answering(draw.choice(PARTS), garbage, draw.choice((0, 0, 1, 5)))
    adapter = Plain()
    with contextlib.suppress(Exception, SystemExit):
        setattr(adapter, draw.choice(ATTRIBUTES), GARBAGE[garbage](None))
    return adapter


def examined(adapter: Plain) -> str:
    """What the findings about an adapter say, when all reports have been made of them."""
    subject = Subject("erratic")
    subject.add(examine(adapter, EFFORT, seconds=20))
    subject.finish()
    report.show(Console(file=io.StringIO(), width=100), [subject], [], 0.0)
    report.as_markdown([subject], [])
    json.dumps(report.as_data([subject], [], 0.0), allow_nan=False)
    return "; ".join(finding.says for finding in subject.findings)


def attack(draw: random.Random) -> str:
    """The words of the findings, or of the refusal, of an adapter that misbehaves somehow."""
    try:
        return examined(erratic(draw))
    except ValueError as refusal:
        return f"refused: {refusal}"
