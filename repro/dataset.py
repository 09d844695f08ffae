"""A data set in memory: bytes of images, and how they become numbers in [-1, 1] and back.

    x = 2 k / (levels - 1) - 1,   k = 0..levels - 1          k / 127.5 - 1 for 256 levels, DDPM 3.3
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from repro.errors import ReproError


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images for training and for testing.

    train, test: uint8 (N, C, H, W), values below levels, 2..256.  complete: whether this is all of
    the published set, without which no number is comparable.
    Errors: ReproError for another dtype or shape, no image, and a value that is no level.
    """

    name: str
    train: Tensor
    test: Tensor
    levels: int = 256
    complete: bool = True

    def __post_init__(self) -> None:
        if not 2 <= self.levels <= 256:
            raise ReproError(f"levels must be 2 or more, and at most the 256 of a byte; got "
                             f"{self.levels}")
        for part, images in (("train", self.train), ("test", self.test)):
            if images.dtype != torch.uint8 or images.ndim != 4 or images.numel() == 0:
                raise ReproError(
                    f"{part} must be uint8 images of shape (N, C, H, W), one or more; got "
                    f"{images.dtype}, {tuple(images.shape)}"
                )
            if int(images.max()) >= self.levels:
                raise ReproError(f"{part} must hold values below levels = {self.levels}; got "
                                 f"{int(images.max())}")
        if self.train.shape[1:] != self.test.shape[1:]:
            raise ReproError(f"test must have images like train, {tuple(self.train.shape[1:])}; "
                             f"got {tuple(self.test.shape[1:])}")

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, H, W) of one image."""
        return tuple(self.train.shape[1:])

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over shapes, levels and bytes, in hexadecimal: equal for equal data only.

        The same on every device and machine.
        """
        digest = hashlib.sha256()
        for images in (self.train, self.test):
            digest.update(repr((tuple(images.shape), self.levels)).encode())
            digest.update(images.cpu().contiguous().numpy().data)
        return digest.hexdigest()


def to_unit(images: Tensor, levels: int) -> Tensor:
    """Levels (uint8) as float32 in [-1, 1], any shape."""
    return images.float() / ((levels - 1) / 2) - 1


def to_levels(x: Tensor, levels: int) -> Tensor:
    """Numbers as the nearest levels (uint8), those outside [-1, 1] as the end levels.

    Computed in float32: in bfloat16 neighbouring levels of 256 would fall together.
    Errors: ReproError for NaN, which has no nearest level.
    """
    if bool(x.isnan().any()):
        raise ReproError(f"x must be numbers; got NaN in {int(x.isnan().sum())} of {x.numel()}")
    return ((x.float().clamp(-1, 1) + 1) * ((levels - 1) / 2)).round().to(torch.uint8)
