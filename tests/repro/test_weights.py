"""Networks as folders: what is written is read again, and what is broken is refused by name."""

import json

import pytest
import torch
from diffusers import UNet2DModel

from core.unet import UNet
from core.unet_config import UNetConfig
from repro.weights import CONFIG, WEIGHTS, WeightsError, load_unet, save_unet

CONFIG_SMALL = UNetConfig(image_size=8, channels=8, multipliers=(1, 2), blocks=1, groups=4,
                          attention_resolutions=(4,), dropout=0.0)


@pytest.fixture
def network():
    torch.manual_seed(0)
    made = UNet(CONFIG_SMALL)
    with torch.no_grad():
        for weight in made.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return made.eval()


@pytest.fixture
def folder(network, tmp_path):
    save_unet(network, tmp_path / "net")
    return tmp_path / "net"


def test_written_and_read_again(network, folder):
    read = load_unet(folder)
    assert read.config == network.config
    assert not read.training
    for name, tensor in network.state_dict().items():
        assert torch.equal(read.state_dict()[name], tensor), name


def test_diffusers_reads_it(network, folder):
    theirs = UNet2DModel.from_pretrained(folder, local_files_only=True).eval()
    x, t = torch.randn(2, 3, 8, 8), torch.tensor([3, 900])
    with torch.no_grad():
        torch.testing.assert_close(network(x, t), theirs(x, t).sample, rtol=1e-4, atol=1e-4)


def test_a_folder_of_diffusers_is_read(tmp_path):
    theirs = UNet2DModel(
        sample_size=8, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"), downsample_padding=0,
        up_block_types=("AttnUpBlock2D", "UpBlock2D"), attention_head_dim=None,
        flip_sin_to_cos=False, freq_shift=1,
    ).eval()
    theirs.save_pretrained(tmp_path / "theirs")
    ours = load_unet(tmp_path / "theirs")
    x, t = torch.randn(2, 3, 8, 8), torch.tensor([3, 900])
    with torch.no_grad():
        torch.testing.assert_close(ours(x, t), theirs(x, t).sample, rtol=1e-4, atol=1e-4)


def test_nothing_is_overwritten(network, folder):
    with pytest.raises(WeightsError, match="never overwritten"):
        save_unet(network, folder)


def test_a_parent_that_is_missing(network, tmp_path):
    with pytest.raises(WeightsError, match="must be a folder"):
        save_unet(network, tmp_path / "no" / "net")
    assert not list(tmp_path.iterdir())


def truncate(folder):
    path = folder / WEIGHTS
    path.write_bytes(path.read_bytes()[:-100])


def corrupt_header(folder):
    path = folder / WEIGHTS
    path.write_bytes(b"\xff" * 16 + path.read_bytes()[16:])


def not_json(folder):
    (folder / CONFIG).write_text("{")


def not_an_object(folder):
    (folder / CONFIG).write_text("[]")


def other_network(folder):
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps({**config, "downsample_padding": 1}))


def pickled(folder):
    (folder / WEIGHTS).rename(folder / "diffusion_pytorch_model.bin")


@pytest.mark.parametrize(("damage", "fragment"), [
    (truncate, WEIGHTS), (corrupt_header, WEIGHTS), (not_json, CONFIG), (not_an_object, CONFIG),
    (other_network, "downsample_padding"), (pickled, "safetensors"),
    (lambda folder: (folder / WEIGHTS).write_bytes(b""), WEIGHTS),
    (lambda folder: (folder / WEIGHTS).unlink(), WEIGHTS),
    (lambda folder: (folder / CONFIG).unlink(), CONFIG),
])
def test_what_is_broken_is_one_clear_error(folder, damage, fragment):
    damage(folder)
    with pytest.raises(WeightsError) as error:
        load_unet(folder)
    assert fragment in str(error.value)


def test_a_weight_that_is_not_finite(network, tmp_path):
    with torch.no_grad():
        network.conv_in.weight[0, 0, 0, 0] = float("nan")
    save_unet(network, tmp_path / "nan")
    with pytest.raises(WeightsError, match="finite"):
        load_unet(tmp_path / "nan")


def test_a_failure_leaves_nothing(network, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("repro.weights.save_file", full)
    with pytest.raises(WeightsError, match=r"cannot be written: .*space"):
        save_unet(network, tmp_path / "net")
    assert not list(tmp_path.iterdir())
