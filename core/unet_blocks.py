"""The parts of the U-Net: residual block, self-attention, resampling, and how they are initialised.

    block      y = shortcut(x) + conv2(dropout(silu(h))),   u = conv1(silu(norm1(x)))
               h = norm2(u + shift)                 DDPM; or with scale_shift
               h = norm2(u) (1 + scale) + shift     iDDPM, appendix A and released code
               (scale,) shift: the time embedding, projected to one number (each) per channel
    attention  y = x + out(softmax(q^T k / sqrt(d)) v),   (q, k, v) = qkv(norm(x))
    weights    uniform on [-b, b],  b^2 = 3 scale / ((fan_in + fan_out) / 2);  biases 0

scale is 1, and 1e-10 for the layer that ends a residual branch, so that every block begins as
the identity or its shortcut.  Source: the code released with DDPM (appendix B names the parts).
Images are (B, C, H, W), in any memory format; channels-last is the fast one.
"""

from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import skip_init

from core.unet_config import UNetConfig
from core.winograd import convolve_rows

Layer = TypeVar("Layer", bound=nn.Conv2d | nn.Linear)

ENDS_BRANCH = 1e-10  # the published stand-in for 0 in variance scaling


def initialised(
    layer: type[Layer], n_in: int, n_out: int, *size: int,
    generator: torch.Generator | None, scale: float = 1.0, parts: list[int] | None = None,
    **options: int,
) -> Layer:
    """A layer with published weights: fan-average uniform times scale, and biases 0.

    size: of a convolution's kernel.  parts: output channels of the layers that this one stacks,
    each initialised as the layer of its own that it is in the paper.
    """
    made: Layer = skip_init(layer, n_in, n_out, *size, device=torch.get_default_device(), **options)
    positions = made.weight[0, 0].numel()
    for weight in made.weight.detach().split(parts or [n_out]):
        bound = (6 * scale / (positions * (n_in + weight.shape[0]))) ** 0.5
        nn.init.uniform_(weight, -bound, bound, generator=generator)
    nn.init.zeros_(cast(Tensor, made.bias))
    return made


class Norm(nn.GroupNorm):
    """Group normalisation: torch's own kernel, or under torch.compile one that vectorises.

    Inductor's own decomposition reduces the few channels of a group at a time, which is most of
    what it spends outside convolutions; per channel it reduces whole vectors of channels-last
    memory.  The variance of a group is the mean of its channels' variances plus the variance of
    their means: nothing cancels, and statistics are float32 or better.  (torch's channels-last
    CPU kernel subtracts moments: about 1e-2 off in float32 where a mean is 100 deviations.)
    """

    def forward(self, x: Tensor) -> Tensor:
        if not torch.compiler.is_compiling():
            normed: Tensor = super().forward(x)
            return normed
        per_group = (x.shape[0], self.num_groups, -1)
        wide = x if x.dtype == torch.float64 else x.float()
        variances, means = torch.var_mean(wide, dim=(2, 3), correction=0)
        variances, means = variances.view(per_group), means.view(per_group)
        mean = means.mean(dim=2, keepdim=True)
        variance = (variances + (means - mean).square()).mean(dim=2, keepdim=True)
        scale = self.weight.view(self.num_groups, -1) / (variance + self.eps).sqrt()
        shift = self.bias.view(self.num_groups, -1) - mean * scale
        # Stacked, the two are stored once instead of being computed again at every position.
        scale, shift = torch.stack([scale, shift]).view(2, *x.shape[:2], 1, 1)
        normed = (x * scale + shift).to(x.dtype)
        return normed


class Convolution(nn.Conv2d):
    """3x3, an image's size kept; compiled for a CPU, with two thirds of the multiplications.

    There it pays from 64 channels and 16 rows on.  On a GPU it has not been measured, and is not
    used.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_in, H, W) -> (B, n_out, H, W)."""
        large = min(self.weight.shape[:2]) >= 64 and x.shape[2] >= 16 and x.shape[2] % 2 == 0
        if large and torch.compiler.is_compiling() and x.device.type == "cpu":
            return convolve_rows(x, self.weight, cast(Tensor, self.bias))
        return super().forward(x)


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut, and self-attention after them where asked for."""

    def __init__(
        self, n_in: int, n_out: int, attends: bool, config: UNetConfig,
        generator: torch.Generator | None,
    ):
        super().__init__()
        self.dropout = config.dropout
        self.scale_shift = config.scale_shift
        self.norm1 = Norm(config.groups, n_in, config.norm_eps)
        self.conv1 = initialised(Convolution, n_in, n_out, 3, padding=1, generator=generator)
        self.norm2 = Norm(config.groups, n_out, config.norm_eps)
        self.conv2 = initialised(
            Convolution, n_out, n_out, 3, padding=1, generator=generator, scale=ENDS_BRANCH
        )
        self.shortcut: nn.Module = nn.Identity()
        if n_in != n_out:
            self.shortcut = initialised(nn.Conv2d, n_in, n_out, 1, generator=generator)
        self.attention = SelfAttention(n_out, config, generator) if attends else nn.Identity()

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """x (B, n_in, H, W) -> (B, n_out, H, W).

        time: shift (B, n_out); with scale_shift (B, 2 n_out), scale and then shift.
        """
        h: Tensor = self.conv1(functional.silu(self.norm1(x)))
        if self.scale_shift:
            scale, shift = time[:, :, None, None].chunk(2, dim=1)
            h = self.norm2(h) * (1 + scale) + shift
        else:
            h = self.norm2(h + time[:, :, None, None])
        h = functional.dropout(functional.silu(h), self.dropout, self.training)
        h = self.attention(self.shortcut(x) + self.conv2(h))
        return h


class SelfAttention(nn.Module):
    """Every position attends to every position, beside a shortcut.

    The rows of qkv are all of q, then k, then v, and head i has the i-th n / heads rows of each, as
    in diffusers.  The code released with iDDPM orders them by head first: q, k, v of head 0, then
    of head 1.  The two are one network with its rows permuted; equal where heads is 1.
    """

    def __init__(self, n: int, config: UNetConfig, generator: torch.Generator | None):
        super().__init__()
        self.heads = config.heads
        self.norm = Norm(config.groups, n, config.norm_eps)
        self.qkv = initialised(nn.Conv2d, n, 3 * n, 1, generator=generator, parts=[n, n, n])
        self.out = initialised(nn.Conv2d, n, n, 1, generator=generator, scale=ENDS_BRANCH)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n, H, W) -> (B, n, H, W)."""
        B, n, H, W = x.shape
        # In channels-last memory each of these is a view: (3, B, heads, H W, n / heads).
        qkv = self.qkv(self.norm(x)).permute(0, 2, 3, 1)
        q, k, v = qkv.reshape(B, H * W, 3, self.heads, n // self.heads).permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(q, k, v)
        change: Tensor = self.out(attended.transpose(1, 2).reshape(B, H, W, n).permute(0, 3, 1, 2))
        return x + change


class Downsample(nn.Module):
    """Half the resolution: a 3x3 convolution of stride 2, padded below and on the right only."""

    def __init__(self, n: int, generator: torch.Generator | None):
        super().__init__()
        self.conv = initialised(nn.Conv2d, n, n, 3, stride=2, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n, H, W) -> (B, n, H / 2, W / 2)."""
        halved: Tensor = self.conv(functional.pad(x, (0, 1, 0, 1)))
        return halved


class Upsample(nn.Module):
    """Twice the resolution: nearest neighbour, then a 3x3 convolution.

    Under torch.compile the two are one transposed convolution of stride 2.  Each of its outputs
    meets a 2x2 patch of x, with the sums of those weights that would meet one and the same pixel:
    4 multiplications where there were 9, and no enlarged image.
    """

    def __init__(self, n: int, generator: torch.Generator | None):
        super().__init__()
        self.conv = initialised(nn.Conv2d, n, n, 3, padding=1, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n, H, W) -> (B, n, 2 H, 2 W)."""
        if not torch.compiler.is_compiling():
            doubled: Tensor = self.conv(functional.interpolate(x, scale_factor=2, mode="nearest"))
            return doubled
        turned = functional.pad(self.conv.weight.transpose(0, 1).flip(2, 3), (1, 1, 1, 1))
        rows = turned[:, :, :-1] + turned[:, :, 1:]
        kernel = rows[..., :-1] + rows[..., 1:]
        return functional.conv_transpose2d(x, kernel, self.conv.bias, stride=2, padding=1)
