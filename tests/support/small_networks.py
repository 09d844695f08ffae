"""Small U-Nets for tests: a configuration, random weights away from 0, images and timesteps."""

import torch

from core.unet_config import UNetConfig

SMALL = UNetConfig(image_size=8, channels=8, multipliers=(1, 2), blocks=1,
                   attention_resolutions=(4,), groups=4)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def randomised(network, seed=1):
    """Every weight away from 0: the published zeros would hide what they multiply."""
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator(seed)) * 0.2)
            seed += 1
    return network


def inputs(config=SMALL, batch=2, dtype=torch.float32, device="cpu"):
    side = config.image_size
    x = torch.randn(batch, config.image_channels, side, side, generator=generator(7))
    return x.to(device, dtype), torch.arange(batch, device=device) * 3
