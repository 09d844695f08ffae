"""The smallest run that is one: a network of a few hundred weights on noise of 8 x 8 pixels."""

from dataclasses import replace

import pytest
import torch

from core.unet_config import UNetConfig
from repro.dataset import Dataset
from repro.profile import Process, Profile, Training

NETWORK = UNetConfig(image_channels=1, image_size=8, channels=4, multipliers=(1, 2), blocks=1,
                     attention_resolutions=(4,), groups=2, dropout=0.3)


@pytest.fixture(autouse=True)
def small(one_thread):
    """All networks here are."""


@pytest.fixture
def dataset():
    images = torch.randint(0, 17, (37, 1, 8, 8), dtype=torch.uint8,
                           generator=torch.Generator().manual_seed(1))
    return Dataset("noise", images[:29], images[29:], levels=17)


@pytest.fixture
def profile():
    training = Training(steps=12, batch=8, warmup=5, ema_decay=0.9, precision="float32",
                        checkpoint_every=4, grid_every=1000, log_every=3, grid=4)
    return Profile("tiny", "tiny", "digits", NETWORK, training, Process(T=50))


@pytest.fixture
def changed():
    """A profile with some fields of its training, objective or process replaced."""
    def change(profile, part, **values):
        return replace(profile, **{part: replace(getattr(profile, part), **values)})

    return change
