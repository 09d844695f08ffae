"""The layout of Hugging Face diffusers: their network and ours on the same weights."""

import re

import pytest
import torch
from diffusers import UNet2DModel

from core.diffusers_layout import (
    config_from_diffusers,
    config_to_diffusers,
    state_from_diffusers,
    state_to_diffusers,
)
from core.unet import UNet
from core.unet_config import UNetConfig

SMALL = dict(image_size=16, channels=16, multipliers=(1, 2, 2), blocks=1, groups=8,
             attention_resolutions=(8,), dropout=0.0)
CONFIGS = {
    "small": UNetConfig(**SMALL),
    "learned variance": UNetConfig(**SMALL, learns_variance=True),
    "classes": UNetConfig(**SMALL, classes=5),
    "improved embedding, two blocks": UNetConfig(
        **{**SMALL, "blocks": 2, "norm_eps": 1e-5}, embedding="improved"),
    "four heads, attention twice": UNetConfig(
        **{**SMALL, "multipliers": (1, 1, 1), "attention_resolutions": (16, 4)}, heads=4),
    "one channel, one level": UNetConfig(
        image_channels=1, image_size=7, channels=8, multipliers=(1,), blocks=1, groups=4,
        attention_resolutions=(), dropout=0.0),
}
CIFAR10 = {  # the published checkpoint's config.json, its meaningful fields
    "_class_name": "UNet2DModel", "act_fn": "silu", "attention_head_dim": None,
    "block_out_channels": [128, 256, 256, 256], "center_input_sample": False,
    "down_block_types": ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"],
    "downsample_padding": 0, "flip_sin_to_cos": False, "freq_shift": 1, "in_channels": 3,
    "layers_per_block": 2, "mid_block_scale_factor": 1, "norm_eps": 1e-6, "norm_num_groups": 32,
    "out_channels": 3, "sample_size": 32, "time_embedding_type": "positional",
    "up_block_types": ["UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"],
}


def randomised(network):
    """Weights of ordinary size everywhere: fresh ones end each branch near 0 and hide errors."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for weight in network.parameters():
            spread = 1.5 / max(weight[0].numel(), 1) ** 0.5 if weight.ndim > 1 else 0.3
            weight.copy_(spread * torch.randn(weight.shape, generator=generator))
    return network.double().eval()


def outputs(ours, theirs, config):
    generator = torch.Generator().manual_seed(4)
    shape = (3, config.image_channels, config.image_size, config.image_size)
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    t = torch.tensor([0, 500, 999])
    labels = None if config.classes is None else torch.tensor([0, 4, 2])
    with torch.no_grad():
        return ours(x, t, labels), theirs(x, t, class_labels=labels).sample


@pytest.mark.parametrize("name", CONFIGS)
def test_their_network_on_our_weights(name):
    config = CONFIGS[name]
    ours = randomised(UNet(config))
    theirs = UNet2DModel(**config_to_diffusers(config)).double().eval()
    theirs.load_state_dict(state_to_diffusers(config, ours.state_dict()), strict=True)
    a, b = outputs(ours, theirs, config)
    assert a.shape == b.shape
    assert a.abs().mean() > 0.01
    # Their embedding of the timestep is float32.
    torch.testing.assert_close(a, b, rtol=0, atol=2e-5 * float(b.abs().max()))


@pytest.mark.parametrize("name", CONFIGS)
def test_our_network_on_their_weights(name):
    config = CONFIGS[name]
    theirs = randomised(UNet2DModel(**config_to_diffusers(config)))
    read = config_from_diffusers(dict(theirs.config))
    assert read == config
    ours = UNet(read).double().eval()
    ours.load_state_dict(state_from_diffusers(read, theirs.state_dict()), strict=True)
    a, b = outputs(ours, theirs, config)
    torch.testing.assert_close(a, b, rtol=0, atol=2e-5 * float(b.abs().max()))


def test_a_swapped_matrix_is_noticed():
    config = CONFIGS["small"]
    ours = randomised(UNet(config))
    state = state_to_diffusers(config, ours.state_dict())
    q, v = (next(n for n in state if n.endswith(f"{role}.weight")) for role in ("to_q", "to_v"))
    state[q], state[v] = state[v], state[q]
    theirs = UNet2DModel(**config_to_diffusers(config)).double().eval()
    theirs.load_state_dict(state)
    a, b = outputs(ours, theirs, config)
    assert float((a - b).abs().max()) > 1e-3 * float(b.abs().max())


@pytest.mark.parametrize("attention", ["to_q", "query"])
def test_there_and_back_changes_no_bit(attention):
    config = CONFIGS["learned variance"]
    state = randomised(UNet(config)).state_dict()
    there = state_to_diffusers(config, state, attention)
    assert any(re.search(rf"\.{attention}\.weight$", name) for name in there)
    back = state_from_diffusers(config, there)
    assert back.keys() == state.keys()
    assert all(torch.equal(back[name], state[name]) for name in state)


def test_the_published_configuration():
    config = config_from_diffusers(CIFAR10)
    assert config == UNetConfig(dropout=0.0)
    with torch.device("meta"):
        ours, theirs = UNet(config), UNet2DModel(**config_to_diffusers(config))
    counts = [sum(p.numel() for p in net.parameters()) for net in (ours, theirs)]
    assert counts == [35_746_307, 35_746_307]


@pytest.mark.parametrize(("change", "fragments"), [
    ({"downsample_padding": 1}, ("downsample_padding", "0", "1")),
    ({"act_fn": "gelu"}, ("act_fn", "silu", "gelu")),
    ({"out_channels": 4}, ("out_channels", "3", "6", "4")),
    ({"flip_sin_to_cos": True}, ("flip_sin_to_cos", "freq_shift")),
    ({"up_block_types": ["UpBlock2D"] * 4}, ("up_block_types", "mirror")),
    ({"down_block_types": ["SkipDownBlock2D"] * 4}, ("down_block_types", "SkipDownBlock2D")),
    ({"block_out_channels": [128, 200, 256, 256]}, ("block_out_channels", "multiples")),
    ({"attention_head_dim": 100}, ("attention_head_dim", "100")),
    ({"invented": 1}, ("invented",)),
    ({"sample_size": None}, ("sample_size", "None")),
])
def test_a_configuration_that_is_another_network(change, fragments):
    with pytest.raises(ValueError) as error:
        config_from_diffusers({**CIFAR10, **change})
    for fragment in fragments:
        assert fragment in str(error.value)


def test_a_missing_field_is_named():
    with pytest.raises(ValueError, match="in_channels"):
        config_from_diffusers({k: v for k, v in CIFAR10.items() if k != "in_channels"})


def test_what_the_layout_cannot_say():
    with pytest.raises(ValueError, match="multipliers must begin with 1"):
        config_to_diffusers(UNetConfig(multipliers=(2, 2)))
    several = UNetConfig(multipliers=(1, 2), attention_resolutions=(32, 16), heads=4)
    with pytest.raises(ValueError, match="heads must be 1"):
        config_to_diffusers(several)


def test_wrong_tensors_are_named():
    config = CONFIGS["small"]
    state = state_to_diffusers(config, UNet(config).state_dict())
    name = "mid_block.attentions.0.to_k.weight"
    with pytest.raises(ValueError, match=re.escape(name)):
        state_from_diffusers(config, {k: v for k, v in state.items() if k != name})
    with pytest.raises(ValueError, match="extra"):
        state_from_diffusers(config, {**state, "extra.weight": torch.zeros(1)})
    with pytest.raises(ValueError, match=re.escape(name)):
        state_from_diffusers(config, {**state, name: state[name][:-1]})
    with pytest.raises(ValueError, match=re.escape(name)):
        state_from_diffusers(config, {**state, name: state[name].long()})
    twice = {**state, name.replace("to_k", "key"): state[name]}
    with pytest.raises(ValueError, match="once"):
        state_from_diffusers(config, twice)
    with pytest.raises(ValueError, match="attention"):
        state_to_diffusers(config, UNet(config).state_dict(), "wq")
