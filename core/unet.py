"""The U-Net of DDPM (appendix B): eps, x_0 or v from x_t and the timestep.

    e      = linear(silu(linear(embedding(t)))), plus an embedding of the label where there is one
    time   = linear(silu(e)), for all blocks at once
    down   per level: blocks, whose outputs are kept, then half the resolution
    middle block, attention, block
    up     per level: one block more than down, each beside a kept output, then twice the resolution
    out    conv(silu(norm(x)))

With the defaults of `UNetConfig` it has 35,746,307 parameters and 12,443,713,536 FLOP per image,
with those of iDDPM (see `unet_config`) 52,546,438 and 16,773,414,912.  Under torch.compile
`Upsample` saves 7 % of the FLOP by adding weights before it multiplies, and on a CPU `Convolution`
21 % by adding inputs, too.
"""

from collections.abc import Iterable
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from core.checks import require_floating, values_are_readable
from core.timestep_embedding import timestep_embedding_ddpm, timestep_embedding_improved
from core.unet_blocks import ENDS_BRANCH, Downsample, Norm, ResidualBlock, Upsample, initialised
from core.unet_config import UNetConfig


class Level(nn.Module):
    """The blocks at one resolution, and the step to the next."""

    def __init__(self, blocks: list[ResidualBlock], resample: nn.Module | None):
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.resample = resample


class UNet(nn.Module):
    """The network of a `UNetConfig`, with freshly drawn weights.

    generator: draws the weights, on the default device; None is torch's global one.  Dropout,
    active in training mode, draws from the global one in either case.  Source: DDPM appendix B
    and the code released with it; the label embedding is iDDPM's.
    """

    def __init__(self, config: UNetConfig, generator: torch.Generator | None = None):
        super().__init__()
        self.config = config
        layer = partial(initialised, generator=generator)
        block = partial(ResidualBlock, config=config, generator=generator)
        widths, deepest = config.widths, len(config.widths) - 1
        attends = [r in config.attention_resolutions for r in config.resolutions]
        n, wide = config.channels, 4 * config.channels

        self.time_mlp = nn.Sequential(layer(nn.Linear, n, wide), nn.SiLU(),
                                      layer(nn.Linear, wide, wide))
        self.conv_in = layer(nn.Conv2d, config.image_channels, n, 3, padding=1)
        kept = [n]
        self.down = nn.ModuleList()
        for level, width in enumerate(widths):
            sizes = [n] + [width] * (config.blocks - 1)
            blocks = [block(size, width, attends[level]) for size in sizes]
            resample = Downsample(width, generator) if level < deepest else None
            self.down.append(Level(blocks, resample))
            kept += [width] * (config.blocks + (level < deepest))
            n = width
        self.middle = nn.ModuleList([block(n, n, True), block(n, n, False)])
        self.up = nn.ModuleList()
        for level, width in reversed(list(enumerate(widths))):
            sizes = [n] + [width] * config.blocks
            blocks = [block(size + kept.pop(), width, attends[level]) for size in sizes]
            self.up.append(Level(blocks, Upsample(width, generator) if level > 0 else None))
            n = width
        self.norm_out = Norm(config.groups, n, config.norm_eps)
        self.conv_out = layer(
            nn.Conv2d, n, config.out_channels, 3, padding=1, scale=ENDS_BRANCH
        )
        per_channel = 2 if config.scale_shift else 1
        self.projected = [per_channel * b.conv2.out_channels for b in self.modules()
                          if isinstance(b, ResidualBlock)]
        self.time_projection = layer(
            nn.Linear, wide, sum(self.projected), parts=self.projected
        )
        if config.classes is not None:
            self.label_embedding = nn.Embedding(config.classes, wide)
            nn.init.normal_(self.label_embedding.weight, generator=generator)

    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        """What the network predicts at x, in the dtype of its weights, or of autocast.

        x: (B, image_channels, image_size, image_size), cast to the dtype of the weights.
        t: (B,), the timestep as the network is shown it (see `Denoiser`).  labels: (B,) integers
        in 0..classes - 1 where the network is conditioned on classes, else None.
        Returns (B, image_channels, ...), or twice the channels where the variance is learned:
        the prediction, then v.  Errors: ValueError for another shape, dtype or label.
        """
        self._require_inputs(x, t, labels)
        times = iter(self._times(t, labels))
        run = self._run_block
        x = self.conv_in(x.to(self.conv_in.weight.dtype))
        kept = [x]
        for level in cast(Iterable[Level], self.down):
            for block in level.blocks:
                x = run(block, x, next(times))
                kept.append(x)
            if level.resample is not None:
                x = level.resample(x)
                kept.append(x)
        for block in self.middle:
            x = run(block, x, next(times))
        for level in cast(Iterable[Level], self.up):
            for block in level.blocks:
                x = run(block, torch.cat([x, kept.pop()], dim=1), next(times))
            if level.resample is not None:
                x = level.resample(x)
        x = self.conv_out(functional.silu(self.norm_out(x)))
        return x

    def _times(self, t: Tensor, labels: Tensor | None) -> tuple[Tensor, ...]:
        """What each block is told of time, and of the label: see `ResidualBlock.forward`."""
        published = self.config.embedding == "ddpm"
        embed = timestep_embedding_ddpm if published else timestep_embedding_improved
        e = self.time_mlp(embed(t, self.config.channels).to(self.conv_in.weight.dtype))
        if labels is not None:
            e = e + self.label_embedding(labels)
        projected: Tensor = self.time_projection(functional.silu(e))
        return cast(tuple[Tensor, ...], projected.split(self.projected, dim=1))

    def _run_block(self, block: nn.Module, x: Tensor, time: Tensor) -> Tensor:
        if self.config.checkpointing and torch.is_grad_enabled():
            x = checkpoint(block, x, time, use_reentrant=False)
        else:
            x = block(x, time)
        return x

    def _require_inputs(self, x: Tensor, t: Tensor, labels: Tensor | None) -> None:
        """The shapes that the configuration allows, and labels where it asks for them."""
        config = self.config
        require_floating("x", x)
        expected = (config.image_channels, config.image_size, config.image_size)
        if x.ndim != 4 or tuple(x.shape[1:]) != expected:
            raise ValueError(
                f"x must have shape (B, {', '.join(map(str, expected))}); got {tuple(x.shape)}"
            )
        if t.shape != x.shape[:1]:
            raise ValueError(f"t must have shape (B,) = ({x.shape[0]},); got {tuple(t.shape)}")
        if (labels is None) != (config.classes is None):
            right = "None for a network without classes" if config.classes is None else (
                f"integers in 0..{config.classes - 1} of shape (B,)")
            raise ValueError(f"labels must be {right}; got {labels!r}")
        if labels is None or config.classes is None:
            return
        sound = labels.dtype in (torch.int64, torch.int32) and labels.shape == t.shape
        outside = sound and values_are_readable(labels) and bool(
            ((labels < 0) | (labels >= config.classes)).any())
        if not sound or outside:
            raise ValueError(
                f"labels must be int64 or int32 of shape ({x.shape[0]},) in "
                f"0..{config.classes - 1}; got {labels!r}"
            )
