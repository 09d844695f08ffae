"""Hand a sampler the noise that it would draw.

Most samplers draw their noise inside.  Within ``given_noise(z)`` the calls by which torch draws
standard normal numbers return z, so that the coefficient of the noise can be read off the released
code as it is; with several, each draw takes the next and the last one stays.  A request for another
shape is an error: z would not be what the code asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_DRAWS = (torch.randn, torch.randn_like, torch.normal, Tensor.normal_)


class _Given(TorchFunctionMode):
    def __init__(self, noises: tuple[Tensor, ...]) -> None:
        super().__init__()
        self.noises = list(noises)

    def __torch_function__(
        self, function: Callable[..., Any], types: Collection[type], args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if function not in _DRAWS:
            return function(*args, **kwargs)
        asked = function(*args, **kwargs)
        noise = self.noises.pop(0) if len(self.noises) > 1 else self.noises[0]
        if asked.shape != noise.shape:
            raise ValueError(f"noise of shape {tuple(asked.shape)} was drawn where "
                             f"{tuple(noise.shape)} was expected")
        drawn = noise.to(asked.dtype)
        return asked.copy_(drawn) if function is Tensor.normal_ else drawn.clone()


@contextmanager
def given_noise(*noises: Tensor) -> Iterator[None]:
    """Within the block, torch's standard normal draws return these; the generator is kept."""
    with torch.random.fork_rng(devices=[]), _Given(noises):
        yield
