"""What the U-Net is made of, checked before anything is built.

The defaults are the published CIFAR-10 network: DDPM appendix B and the code released with it.
That of iDDPM has blocks 3, attention_resolutions (16, 8), heads 4, dropout 0.3, norm_eps 1e-5,
learns_variance, the embedding "improved" and scale_shift; two things of its released code are not
options: it pads all four sides where resolution is halved, and draws weights as torch does.
Level l = 0, 1, ... works at resolution image_size / 2^l with channels * multipliers[l] channels.
"""

import math
from dataclasses import dataclass

from core.checks import require_choice, require_count, require_number

EMBEDDINGS = ("ddpm", "improved")
LARGEST = 2**16  # of any count: far beyond what memory holds, and within what torch can count


@dataclass(frozen=True)
class UNetConfig:
    """The size and the options of a `UNet`.

    image_channels, image_size: of the square images.  channels: of the first level, and the width
    of the sinusoidal embedding.  blocks: residual blocks per level on the way down; one more on
    the way up.  attention_resolutions: where every block is followed by self-attention; the
    middle has it always.  heads: equal parts of the channels that attention treats apart, 1 in
    DDPM (their order: `unet_blocks.SelfAttention`).  groups, norm_eps: of the group normalisation
    (torch's own default of 1e-5 is not the published 1e-6).  learns_variance: 2 image_channels
    come out, the prediction and then v of iDDPM (15).  classes: of labels that condition the
    network, or None.  embedding: "ddpm" or "improved", see `timestep_embedding`.  scale_shift:
    time scales and shifts what a block's second norm returns, as in iDDPM, instead of shifting
    what it is given.  checkpointing: activations inside a block are computed again in the
    backward pass instead of being kept: the same gradients from less memory.
    Errors: ValueError that names the field.
    """

    image_channels: int = 3
    image_size: int = 32
    channels: int = 128
    multipliers: tuple[int, ...] = (1, 2, 2, 2)
    blocks: int = 2
    attention_resolutions: tuple[int, ...] = (16,)
    heads: int = 1
    dropout: float = 0.1
    groups: int = 32
    norm_eps: float = 1e-6
    learns_variance: bool = False
    classes: int | None = None
    embedding: str = "ddpm"
    scale_shift: bool = False
    checkpointing: bool = False

    def __post_init__(self) -> None:
        for name in ("image_channels", "image_size", "blocks", "heads", "groups"):
            _require_size(name, getattr(self, name))
        _require_size("channels", self.channels, least=4)
        if self.classes is not None:
            _require_size("classes", self.classes)
        for name in ("learns_variance", "scale_shift", "checkpointing"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} must be True or False; got {getattr(self, name)!r}")
        require_number("dropout", self.dropout, 0, 1, ends="[)")
        require_number("norm_eps", self.norm_eps, 0, math.inf)
        require_choice("embedding", self.embedding, EMBEDDINGS)
        _require_counts("multipliers", self.multipliers)
        _require_counts("attention_resolutions", self.attention_resolutions)
        self._require_divisible()

    def _require_divisible(self) -> None:
        """Levels halve the image; groups and heads divide the channels that they split."""
        if not self.multipliers:
            raise ValueError("multipliers must name one level or more; got ()")
        _require_size("channels times the largest of multipliers", max(self.widths))
        halvings = len(self.multipliers) - 1
        if self.image_size % 2**halvings:
            raise ValueError(
                f"image_size must be divisible by {2**halvings}, because {len(self.multipliers)} "
                f"levels halve it {halvings} times; got {self.image_size}"
            )
        for resolution in self.attention_resolutions:
            if resolution not in self.resolutions:
                raise ValueError(
                    f"attention_resolutions must be among the levels' {self.resolutions}; "
                    f"got {resolution}"
                )
        if self.channels % self.groups:
            raise ValueError(
                f"groups must divide channels = {self.channels}; got {self.groups}"
            )
        attended = [w for w, r in zip(self.widths, self.resolutions, strict=True)
                    if r in self.attention_resolutions]
        for width in [*attended, self.widths[-1]]:
            if width % self.heads:
                raise ValueError(
                    f"heads must divide the {width} channels that attention splits; "
                    f"got {self.heads}"
                )

    @property
    def widths(self) -> tuple[int, ...]:
        """The channels of each level."""
        return tuple(self.channels * multiplier for multiplier in self.multipliers)

    @property
    def resolutions(self) -> tuple[int, ...]:
        """The side of the image at each level."""
        return tuple(self.image_size // 2**level for level in range(len(self.multipliers)))

    @property
    def out_channels(self) -> int:
        """Channels that come out: the prediction, and v where the variance is learned."""
        return self.image_channels * (2 if self.learns_variance else 1)


def _require_counts(name: str, values: tuple[int, ...]) -> None:
    """A tuple of integers, 1 or more (a list would make the configuration unhashable)."""
    if not isinstance(values, tuple):
        raise ValueError(f"{name} must be a tuple of integers, 1 or more; got {values!r}")
    for value in values:
        _require_size(f"each of {name}", value)


def _require_size(name: str, value: int, least: int = 1) -> None:
    """A count of what the network has."""
    require_count(name, value, least)
    if value > LARGEST:
        raise ValueError(f"{name} must be at most {LARGEST}; got a number of "
                         f"{value.bit_length()} bits")
