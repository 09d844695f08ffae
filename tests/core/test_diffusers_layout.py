"""Equal outputs of our U-Net and diffusers' own on the same random weights, both directions.

Random, because the published near-zero initialisation multiplies half of the network away.
"""

from dataclasses import replace

import pytest
import torch
from diffusers import UNet2DModel

from core.diffusers_layout import (
    config_from_diffusers,
    config_to_diffusers,
    state_from_diffusers,
    state_to_diffusers,
)
from core.timestep_embedding import timestep_embedding_ddpm
from core.unet import UNet
from core.unet_config import UNetConfig

SMALL = UNetConfig(image_size=8, channels=8, multipliers=(1, 2), blocks=1,
                   attention_resolutions=(4,), groups=4)
# google/ddpm-cifar10-32, as published (version 0.0.4: later fields are left out).
PUBLISHED = {
    "_class_name": "UNet2DModel", "_diffusers_version": "0.0.4", "act_fn": "silu",
    "attention_head_dim": None, "block_out_channels": [128, 256, 256, 256],
    "center_input_sample": False, "downsample_padding": 0, "flip_sin_to_cos": False,
    "down_block_types": ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"],
    "freq_shift": 1, "in_channels": 3, "layers_per_block": 2, "mid_block_scale_factor": 1,
    "norm_eps": 1e-06, "norm_num_groups": 32, "out_channels": 3, "sample_size": 32,
    "time_embedding_type": "positional",
    "up_block_types": ["UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"],
}
CONFIGS = {
    "small": SMALL,
    "learned variance": replace(SMALL, learns_variance=True),
    "classes": replace(SMALL, classes=3),
    "improved embedding": replace(SMALL, embedding="improved"),
    "heads": replace(SMALL, heads=4),
    "scale and shift": replace(SMALL, scale_shift=True),
    "iDDPM": UNetConfig(
        image_size=8, channels=8, multipliers=(1, 2, 2), blocks=3, attention_resolutions=(4, 2),
        heads=4, groups=4, norm_eps=1e-5, learns_variance=True, embedding="improved",
        scale_shift=True),
    "grey, three levels": UNetConfig(
        image_channels=1, image_size=8, channels=8, multipliers=(1, 3, 2), blocks=2,
        attention_resolutions=(8, 4), groups=2, norm_eps=1e-3),
    # Eleven blocks on the way up: in the alphabet block 10 comes before block 2.
    "ten blocks": UNetConfig(image_channels=1, image_size=4, channels=4, multipliers=(1,),
                             blocks=10, attention_resolutions=(), groups=2),
}


class Embedding(torch.nn.Module):
    """Our embedding in the place of theirs."""

    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    def forward(self, t):
        return timestep_embedding_ddpm(t, self.dim)


def randomised(network):
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator) * 0.3)
    return network.double().eval()


def theirs(config):
    network = UNet2DModel.from_config(config_to_diffusers(config))
    return network.double().eval()


def inputs(config, t):
    generator = torch.Generator().manual_seed(2)
    side = config.image_size
    x = torch.randn(2, config.image_channels, side, side, generator=generator)
    labels = None if config.classes is None else torch.tensor([2, 0])
    return x.double(), torch.tensor(t), labels


def both(ours, other, config, t):
    x, t, labels = inputs(config, t)
    with torch.no_grad():
        return ours(x, t, labels), other(x, t, labels).sample


@pytest.mark.parametrize("name", CONFIGS)
def test_our_weights_in_their_network(name):
    config = CONFIGS[name]
    ours, other = randomised(UNet(config)), theirs(config)
    other.load_state_dict(state_to_diffusers(config, ours.state_dict()), strict=True)
    # At t = 0 the embedding is exact on both sides: they agree to rounding.
    one, two = both(ours, other, config, [0, 0])
    assert one.shape == two.shape and one.isfinite().all() and one.abs().max() > 0.1
    assert torch.allclose(one, two, rtol=0, atol=1e-11 * one.abs().max().item())
    # Their embedding is float32 throughout: its angle is 6e-5 off at t = 999.
    one, two = both(ours, other, config, [3, 999])
    assert torch.allclose(one, two, rtol=0, atol=1e-3 * one.abs().max().item())


@pytest.mark.parametrize("name", CONFIGS)
def test_their_weights_in_our_network(name):
    config = CONFIGS[name]
    other = randomised(theirs(config))
    ours = UNet(config).double().eval()
    ours.load_state_dict(state_from_diffusers(config, other.state_dict()), strict=True)
    if config.embedding == "ddpm":  # with one embedding, equal at every t
        other.time_proj = Embedding(config.channels)
    one, two = both(ours, other, config, [7, 941] if config.embedding == "ddpm" else [0, 0])
    assert one.abs().max() > 0.1
    assert torch.allclose(one, two, rtol=0, atol=1e-11 * one.abs().max().item())


def test_the_published_cifar10_network():
    config = config_from_diffusers(PUBLISHED)
    assert config == replace(UNetConfig(), dropout=0.0)
    with torch.device("meta"):
        other, ours = UNet2DModel.from_config(PUBLISHED), UNet(config)
    assert sum(w.numel() for w in other.parameters()) == 35_746_307
    found = {name: tensor.shape for name, tensor in
             state_from_diffusers(config, other.state_dict()).items()}
    assert found == {name: tensor.shape for name, tensor in ours.state_dict().items()}


def test_the_iddpm_cifar10_network():
    config = UNetConfig(blocks=3, attention_resolutions=(16, 8), heads=4, dropout=0.3,
                        norm_eps=1e-5, learns_variance=True, embedding="improved",
                        scale_shift=True)
    written = config_to_diffusers(config)
    assert written["attention_head_dim"] == 64 and config_from_diffusers(written) == config
    with torch.device("meta"):
        other, ours = UNet2DModel.from_config(written), UNet(config)
    assert sum(w.numel() for w in other.parameters()) == 52_546_438
    found = {name: tensor.shape for name, tensor in
             state_to_diffusers(config, ours.state_dict()).items()}
    assert found == {name: tensor.shape for name, tensor in other.state_dict().items()}


def test_with_scale_and_shift_the_groups_of_attention_are_always_written():
    """Where that field is None they leave out the norm of attention in the middle, which we have;
    so it is refused (see below), and without scale and shift it means the usual groups.
    """
    written = config_to_diffusers(replace(SMALL, scale_shift=True))
    assert written["attn_norm_num_groups"] == 4
    for groups, exists in ((4, True), (None, False)):
        other = UNet2DModel.from_config({**written, "attn_norm_num_groups": groups})
        assert (other.mid_block.attentions[0].group_norm is not None) == exists
    plain = {**config_to_diffusers(SMALL), "attn_norm_num_groups": 4}
    assert config_from_diffusers(plain) == SMALL


@pytest.mark.parametrize("name", CONFIGS)
def test_configurations_come_back(name):
    config = replace(CONFIGS[name], dropout=0.25)
    written = config_to_diffusers(config)
    assert config_from_diffusers(written) == config
    # They read it as it was meant: every field is one that they know.
    held = UNet2DModel.from_config(written).config
    assert all(tuple(held[key]) == tuple(value) if isinstance(value, list) else held[key] == value
               for key, value in written.items() if not key.startswith("_"))


def test_heads_where_only_the_middle_attends():
    """The middle attends in the width of the deepest level, here 32 and no other."""
    fields = {**PUBLISHED, "block_out_channels": [8, 16, 32], "norm_num_groups": 4,
              "down_block_types": ["DownBlock2D"] * 3, "up_block_types": ["UpBlock2D"] * 3}
    for size, heads in ((8, 4), (16, 2), (32, 1)):
        config = config_from_diffusers({**fields, "attention_head_dim": size})
        other = UNet2DModel.from_config({**fields, "attention_head_dim": size})
        assert config.heads == other.mid_block.attentions[0].heads == heads


def test_what_config_json_leaves_out_has_their_default():
    needed = ("block_out_channels", "down_block_types", "in_channels", "out_channels",
              "sample_size", "up_block_types")
    bare = {**{key: PUBLISHED[key] for key in needed}, "downsample_padding": 0,
            "attention_head_dim": 256}
    config, held = config_from_diffusers(bare), UNet2DModel.from_config(bare).config
    assert (config.norm_eps, config.embedding) == (held.norm_eps, "improved") == (1e-5, "improved")
    assert (held.flip_sin_to_cos, held.freq_shift) == (True, 0)
    del bare["attention_head_dim"]
    assert UNet2DModel.from_config(bare).config.attention_head_dim == 8
    assert config_from_diffusers(bare).heads == 256 // 8
    assert (config.groups, config.blocks, config.dropout) == (
        held.norm_num_groups, held.layers_per_block, held.dropout)


@pytest.mark.parametrize("attention", ["to_q", "query"])
def test_states_come_back_in_either_naming(attention):
    config = replace(SMALL, classes=3)
    state = randomised(UNet(config)).state_dict()
    written = state_to_diffusers(config, state, attention)
    assert any(f".{attention}." in name for name in written)
    assert not any((".query." if attention == "to_q" else ".to_q.") in name for name in written)
    back = state_from_diffusers(config, written)
    assert back.keys() == state.keys()
    assert all(back[name].equal(state[name]) for name in state)


def test_the_old_names_are_the_ones_that_diffusers_converts():
    config = SMALL
    written = state_to_diffusers(config, randomised(UNet(config)).state_dict(), "query")
    converted = theirs(config)._fix_state_dict_keys_on_load(dict(written))
    assert converted.keys() == theirs(config).state_dict().keys()


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_written_tensors_are_contiguous_copies(memory_format):
    network = UNet(SMALL).to(memory_format=memory_format)
    written = state_to_diffusers(SMALL, network.state_dict())
    before = written["conv_in.weight"].clone()
    assert all(tensor.is_contiguous() for tensor in written.values())
    with torch.no_grad():
        network.conv_in.weight.zero_()
    assert written["conv_in.weight"].equal(before)


def test_dtypes_are_kept():
    state = UNet(SMALL).bfloat16().state_dict()
    written = state_to_diffusers(SMALL, state)
    back = state_from_diffusers(SMALL, written)
    assert {t.dtype for t in (*written.values(), *back.values())} == {torch.bfloat16}


def changed(**fields):
    return lambda: config_from_diffusers({**PUBLISHED, **fields})


def without(field):
    return lambda: config_from_diffusers({k: v for k, v in PUBLISHED.items() if k != field})


STATE = state_to_diffusers(SMALL, UNet(SMALL).state_dict())
TO_Q = "mid_block.attentions.0.to_q.weight"


def read(drop=(), **tensors):
    kept = {name: tensor for name, tensor in STATE.items() if name not in drop}
    return lambda: state_from_diffusers(SMALL, {**kept, **tensors})


def write(**tensors):
    return lambda: state_to_diffusers(SMALL, {**UNet(SMALL).state_dict(), **tensors})


@pytest.mark.parametrize(
    "call, parts",
    [
        (without("sample_size"), ("config", "sample_size")),
        (changed(colour=3), ("config", "UNet2DModel only", "colour")),
        (changed(downsample_padding=1), ("downsample_padding", "0", "1")),
        (without("downsample_padding"), ("downsample_padding", "0", "1")),
        (changed(act_fn="gelu"), ("act_fn", "'silu'", "'gelu'")),
        (changed(resnet_time_scale_shift="spatial"), ("resnet_time_scale_shift must be 'default' "
                                                      "or 'scale_shift'", "'spatial'")),
        (changed(resnet_time_scale_shift="scale_shift"), (
            "attn_norm_num_groups must be 32", "no norm", "None")),
        (changed(resnet_time_scale_shift="scale_shift", attn_norm_num_groups=8), (
            "attn_norm_num_groups", "32", "8")),
        (changed(time_embedding_type="fourier"), ("time_embedding_type", "'fourier'")),
        (changed(add_attention=False), ("add_attention", "True", "False")),
        (changed(freq_shift=0), ("flip_sin_to_cos and freq_shift", "(False, 0)")),
        (changed(time_embedding_dim=100), ("time_embedding_dim", "512", "100")),
        (changed(attn_norm_num_groups=8), ("attn_norm_num_groups", "32", "8")),
        (changed(out_channels=4), ("out_channels", "3 or 6", "4")),
        (changed(sample_size=None), ("sample_size", "integer", "None")),
        (changed(block_out_channels=[]), ("block_out_channels", "one entry", "[]")),
        (changed(block_out_channels=[128, 0, 1, 1]), ("block_out_channels", "1 or more", "0")),
        (changed(block_out_channels=[128, 192, 256, 256]), ("block_out_channels", "multiples")),
        (changed(down_block_types=["DownBlock2D"]), ("down_block_types", "4 levels")),
        (changed(down_block_types=["SkipDownBlock2D"] * 4), ("down_block_types", "'SkipDown")),
        (changed(up_block_types=["UpBlock2D"] * 4), ("up_block_types", "mirror", "AttnUpBlock2D")),
        (changed(attention_head_dim=100), ("attention_head_dim", "[256]", "100")),
        (changed(attention_head_dim=0), ("attention_head_dim", "1 or more", "0")),
        (changed(norm_num_groups=48), ("groups", "128", "48")),
        (
            lambda: config_to_diffusers(replace(SMALL, multipliers=(2, 2))),
            ("multipliers", "(2, 2)"),
        ),
        (
            lambda: config_to_diffusers(
                replace(SMALL, heads=2, attention_resolutions=(8, 4))),
            ("heads", "[8, 16]", "2"),
        ),
        (read(drop=[TO_Q]), ("missing 1", TO_Q)),
        (read(extra=torch.zeros(1)), ("unknown 1", "extra")),
        (read(**{TO_Q: torch.zeros(16, 8)}), (TO_Q, "(16, 16)", "(16, 8)")),
        (read(**{TO_Q: torch.zeros(16, 16).long()}), (TO_Q, "floating", "int64")),
        (
            read(**{TO_Q.replace("to_q", "query"): torch.zeros(16, 16)}),
            ("once", "to_q", "query"),
        ),
        (write(extra=torch.zeros(1)), ("unknown 1", "extra")),
        (write(**{"conv_in.bias": torch.zeros(9)}), ("conv_in.bias", "(8,)", "(9,)")),
        (
            lambda: state_to_diffusers(SMALL, UNet(SMALL).state_dict(), "q"),
            ("attention", "'query'", "'q'"),
        ),
    ],
)
def test_refusals(call, parts):
    with pytest.raises(ValueError) as error:
        call()
    for part in parts:
        assert part in str(error.value), f"{part!r} not in {error.value}"
