"""The networks that are raced: core's U-Net and its peers', each as its users would run it.

core and diffusers hold the same architecture, that of the CIFAR-10 checkpoint, 35,746,307
parameters.  denoising-diffusion-pytorch cannot express it: its nearest configuration has other
blocks and another count, which the table states.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

DTYPES = {"float32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Contender:
    """A network under test: how it is built, and how its users call it."""

    name: str
    build: Callable[[], nn.Module]
    call: Callable[[nn.Module, Tensor, Tensor], Tensor]
    is_compiled: bool = True


def core_network() -> nn.Module:
    from core.unet import UNet, UNetConfig

    return UNet(UNetConfig())


def diffusers_network() -> nn.Module:
    from diffusers import UNet2DModel

    return UNet2DModel(
        sample_size=32, block_out_channels=(128, 256, 256, 256), layers_per_block=2,
        down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=None, downsample_padding=0, flip_sin_to_cos=False, freq_shift=1,
        norm_eps=1e-6, dropout=0.1,
    )


def lucidrains_network() -> nn.Module:
    from audit.adapters.standins import standing_in

    with standing_in("torchvision", "accelerate", "ema_pytorch"):
        from denoising_diffusion_pytorch.denoising_diffusion_pytorch import Unet

    return Unet(dim=128, dim_mults=(1, 2, 2, 2), channels=3, dropout=0.1)


def lucidrains_call(network: nn.Module, x: Tensor, t: Tensor) -> Tensor:
    """Under autocast for half images: its time embedding is float32 whatever the weights are."""
    with torch.autocast(x.device.type, torch.bfloat16, enabled=x.dtype == torch.bfloat16):
        return network(x, t)


CONTENDERS = (
    Contender("core", core_network, lambda net, x, t: net(x, t)),
    Contender("diffusers", diffusers_network, lambda net, x, t: net(x, t).sample),
    Contender("diffusers eager", diffusers_network, lambda net, x, t: net(x, t).sample, False),
    Contender("lucidrains", lucidrains_network, lucidrains_call),
)


def prepare(contender: Contender, dtype: torch.dtype, device: str, training: bool):
    """The network ready to run: channels-last, compiled where its contender says so.

    Training keeps float32 weights and lets autocast choose; inference casts the weights too.
    """
    torch.manual_seed(0)
    network = contender.build().to(device, memory_format=torch.channels_last).train(training)
    if not training:
        network = network.to(dtype).requires_grad_(False)

    def call(x, t):
        return contender.call(network, x, t)

    return network, torch.compile(call) if contender.is_compiled else call
