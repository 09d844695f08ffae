"""Folders of weights: diffusers reads ours and we read theirs; a broken one is one clear error."""

import json
import os
from dataclasses import replace

import pytest
import torch
from diffusers import UNet2DModel
from safetensors.torch import load_file, save_file

from core.diffusers_layout import config_to_diffusers
from core.unet import UNet
from core.unet_config import UNetConfig
from repro.weights import CONFIG, WEIGHTS, WeightsError, load_unet, save_unet

SMALL = UNetConfig(image_size=8, channels=8, multipliers=(1, 2), blocks=1, dropout=0.25,
                   attention_resolutions=(4,), groups=4, learns_variance=True)


def randomised(network):
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator) * 0.3)
    return network.eval()


def output(network, config=SMALL):
    x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        result = network(x, torch.tensor([0, 0]))
    return getattr(result, "sample", result)


@pytest.fixture
def saved(tmp_path):
    save_unet(randomised(UNet(SMALL)), tmp_path / "net")
    return tmp_path / "net"


def test_comes_back_bit_for_bit(saved):
    network = load_unet(saved)
    expected = randomised(UNet(SMALL)).state_dict()
    assert network.config == SMALL and not network.training
    assert all(value.equal(expected[name]) for name, value in network.state_dict().items())
    assert all(weight.requires_grad for weight in network.parameters())


def test_diffusers_reads_ours(saved):
    network, info = UNet2DModel.from_pretrained(saved, output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"]
    ours = output(load_unet(saved))
    assert ours.abs().max() > 0.1
    assert torch.allclose(output(network.eval()), ours, rtol=0, atol=1e-4 * ours.abs().max().item())


def test_we_read_what_diffusers_writes(tmp_path):
    network = randomised(UNet2DModel.from_config(config_to_diffusers(SMALL)))
    network.save_pretrained(tmp_path / "theirs")
    ours = output(load_unet(tmp_path / "theirs"))
    assert torch.allclose(ours, output(network), rtol=0, atol=1e-4 * ours.abs().max().item())


def test_the_network_of_iddpm_both_ways(tmp_path):
    config = replace(SMALL, heads=4, embedding="improved", scale_shift=True)
    network = randomised(UNet(config))
    save_unet(network, tmp_path / "ours")
    ours, theirs = load_unet(tmp_path / "ours"), UNet2DModel.from_pretrained(tmp_path / "ours")
    assert ours.config == config
    assert all(value.equal(network.state_dict()[name]) for name, value in ours.state_dict().items())
    theirs.save_pretrained(tmp_path / "theirs")
    result = output(network)
    assert result.abs().max() > 0.1
    for other in (theirs.eval(), load_unet(tmp_path / "theirs")):
        atol = 1e-4 * result.abs().max().item()
        assert torch.allclose(output(other), result, rtol=0, atol=atol)


def test_half_precision_is_saved_as_it_is_and_read_as_float32(tmp_path):
    save_unet(randomised(UNet(SMALL)).half(), tmp_path / "half")
    assert {t.dtype for t in load_file(tmp_path / "half" / WEIGHTS).values()} == {torch.float16}
    assert {w.dtype for w in load_unet(tmp_path / "half").parameters()} == {torch.float32}


def test_a_failed_write_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError("No space left on device")

    monkeypatch.setattr("repro.weights.save_file", full)
    with pytest.raises(WeightsError, match=r"net cannot be written: No space left"):
        save_unet(UNet(SMALL), tmp_path / "net")
    assert list(tmp_path.iterdir()) == []


def test_files_are_on_the_disk_before_the_folder_has_its_name(tmp_path, monkeypatch):
    flushed, real = [], os.fsync

    def record(descriptor):
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        flushed.append((os.path.basename(path), (tmp_path / "net").exists()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    save_unet(UNet(SMALL), tmp_path / "net")
    assert [name for name, _ in flushed[:2]] == [CONFIG, WEIGHTS]
    assert [named for _, named in flushed] == [False, False, False, True]


def edit_config(folder, **fields):
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps({**config, **fields}))


def edit_tensors(folder, change):
    state = load_file(folder / WEIGHTS)
    save_file(change(state), folder / WEIGHTS)


def truncate(folder, size):
    os.truncate(folder / WEIGHTS, size)


def pickle_instead(folder):
    (folder / WEIGHTS).rename(folder / "diffusion_pytorch_model.bin")


def not_a_number(state):
    state["conv_in.bias"][0] = torch.nan
    return state


@pytest.mark.parametrize(
    "damage, parts",
    [
        (lambda f: (f / CONFIG).unlink(), (CONFIG, "must exist")),
        (lambda f: (f / CONFIG).write_text("{"), (CONFIG, "JSON")),
        (lambda f: (f / CONFIG).write_bytes(b"\xff\xfe{}"), (CONFIG, "JSON")),
        (lambda f: (f / CONFIG).write_text("[]"), (CONFIG, "object", "list")),
        (lambda f: edit_config(f, _class_name="UNet1DModel"), ("UNet2DModel", "'UNet1DModel'")),
        (lambda f: edit_config(f, downsample_padding=1), ("net", "downsample_padding", "1")),
        (lambda f: edit_config(f, layers_per_block=2), ("net", "missing")),
        (lambda f: (f / WEIGHTS).unlink(), (WEIGHTS, "must exist")),
        (pickle_instead, (WEIGHTS, "model.bin", "pickle", "convert")),
        (lambda f: truncate(f, 0), (WEIGHTS, "whole safetensors")),
        (lambda f: truncate(f, 7), (WEIGHTS, "whole safetensors")),
        (lambda f: truncate(f, 1000), (WEIGHTS, "whole safetensors")),
        (lambda f: truncate(f, os.path.getsize(f / WEIGHTS) - 1), (WEIGHTS, "whole safetensors")),
        (lambda f: (f / WEIGHTS).write_bytes(b"x" * 999), (WEIGHTS, "whole safetensors")),
        (lambda f: edit_tensors(f, not_a_number), (WEIGHTS, "finite", "conv_in.bias")),
        (
            lambda f: edit_tensors(f, lambda s: {**s, "conv_in.bias": torch.zeros(3)}),
            ("conv_in.bias", "(8,)", "(3,)"),
        ),
    ],
)
def test_a_broken_folder_is_one_clear_error(saved, damage, parts):
    damage(saved)
    with pytest.raises(WeightsError) as error:
        load_unet(saved)
    for part in parts:
        assert part in str(error.value), f"{part!r} not in {error.value}"


def test_refuses_to_overwrite_and_to_invent_folders(saved):
    before = (saved / WEIGHTS).read_bytes()
    with pytest.raises(WeightsError, match=r"net must not exist yet"):
        save_unet(UNet(SMALL), saved)
    assert (saved / WEIGHTS).read_bytes() == before
    with pytest.raises(WeightsError, match=r"deep must be a folder"):
        save_unet(UNet(SMALL), saved.parent / "deep" / "net")
    with pytest.raises(WeightsError, match=r"multipliers must begin with 1"):
        save_unet(UNet(replace(SMALL, multipliers=(2, 2))), saved.parent / "other")
    assert [path.name for path in saved.parent.iterdir()] == ["net"]


def test_a_missing_folder(tmp_path):
    with pytest.raises(WeightsError, match=r"config\.json must exist"):
        load_unet(tmp_path / "nowhere")
