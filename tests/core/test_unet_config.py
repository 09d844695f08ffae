"""The configuration of the U-Net: frozen, and what it refuses."""

import math
from dataclasses import FrozenInstanceError, replace

import pytest
from small_networks import SMALL

from core.unet_config import UNetConfig


def test_the_configuration_is_frozen_and_hashable():
    assert hash(SMALL) == hash(replace(SMALL))
    with pytest.raises(FrozenInstanceError):
        SMALL.channels = 3
    assert SMALL.resolutions == (8, 4) and SMALL.widths == (8, 16) and SMALL.out_channels == 3


@pytest.mark.parametrize(
    "call, parts",
    [
        (lambda: replace(SMALL, image_channels=0), ("image_channels", "1 or more", "0")),
        (lambda: replace(SMALL, image_size=9), ("image_size", "divisible by 2", "9")),
        (lambda: replace(SMALL, channels=3), ("channels", "4 or more", "3")),
        (lambda: replace(SMALL, channels=10), ("groups", "channels = 10", "4")),
        (lambda: replace(SMALL, groups=0), ("groups", "1 or more", "0")),
        (lambda: replace(SMALL, multipliers=[1, 2]), ("multipliers", "tuple", "[1, 2]")),
        (lambda: replace(SMALL, multipliers=()), ("multipliers", "one level", "()")),
        (lambda: replace(SMALL, multipliers=(1, 0)), ("multipliers", "1 or more", "0")),
        (lambda: replace(SMALL, blocks=0), ("blocks", "1 or more", "0")),
        (lambda: replace(SMALL, blocks=2**16 + 1), ("blocks", "at most 65536", "17 bits")),
        (lambda: replace(SMALL, multipliers=(1, 10**400)), ("multipliers", "at most", "1329 bits")),
        (lambda: replace(SMALL, multipliers=(1, 2**14)), ("channels times", "at most", "18 bits")),
        (lambda: replace(SMALL, attention_resolutions=(16,)), ("attention_res", "(8, 4)", "16")),
        (lambda: replace(SMALL, heads=3), ("heads", "16 channels", "3")),
        # The middle attends in the width of the deepest level, and in no other here.
        (lambda: replace(SMALL, multipliers=(2, 1), attention_resolutions=(), heads=16),
         ("heads", "8 channels", "16")),
        (lambda: replace(SMALL, dropout=1.0), ("dropout", "[0, 1)", "1.0")),
        (lambda: replace(SMALL, dropout=math.nan), ("dropout", "[0, 1)", "nan")),
        (lambda: replace(SMALL, norm_eps=0.0), ("norm_eps", "(0, inf)", "0.0")),
        (lambda: replace(SMALL, learns_variance=1), ("learns_variance", "True or False", "1")),
        (lambda: replace(SMALL, scale_shift="scale"), ("scale_shift", "True or False", "'scale'")),
        (lambda: replace(SMALL, checkpointing=None), ("checkpointing", "True or False", "None")),
        (lambda: replace(SMALL, classes=0), ("classes", "1 or more", "0")),
        (lambda: replace(SMALL, embedding="sine"), ("embedding", "'ddpm'", "'sine'")),
    ],
)
def test_refusals(call, parts):
    with pytest.raises(ValueError) as error:
        call()
    for part in parts:
        assert part in str(error.value), f"{part!r} not in {error.value}"


def test_options_are_off_unless_asked_for():
    plain = UNetConfig()
    assert not (plain.learns_variance or plain.scale_shift or plain.checkpointing or plain.classes)
    assert plain.heads == 1


def test_the_largest_sizes_are_accepted():
    assert max(replace(SMALL, multipliers=(1, 2**13)).widths) == 2**16


def test_heads_need_not_divide_what_does_not_attend():
    assert replace(SMALL, multipliers=(1, 2), attention_resolutions=(), heads=16).widths == (8, 16)
