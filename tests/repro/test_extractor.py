"""Extractors, with a stand-in of torch-fidelity's interface: the real one needs its weights."""

import hashlib
import pickle
import sys
import types

import pytest
import torch

from repro import extractor
from repro.errors import ReproError
from repro.extractor import inception_extractor, pixel_extractor


class StandIn(torch.nn.Module):
    """Loads a state as torch-fidelity 0.4.0 does, and returns 2048 and 1008 numbers an image."""

    def __init__(self, name, features_list, feature_extractor_weights_path=None):
        super().__init__()
        assert features_list == ["2048", "logits_unbiased"]
        state = torch.load(feature_extractor_weights_path, weights_only=False)
        self.scale = torch.nn.Parameter(state["scale"])
        self.tf32 = None

    def forward(self, x):
        assert x.dtype == torch.uint8
        self.tf32 = torch.backends.cudnn.allow_tf32
        sums = x.flatten(1).float().sum(1, keepdim=True) * self.scale
        return sums.expand(-1, 2048), -sums.expand(-1, 1008)


@pytest.fixture
def fidelity(monkeypatch):
    package = types.ModuleType("torch_fidelity")
    module = types.ModuleType("torch_fidelity.feature_extractor_inceptionv3")
    module.FeatureExtractorInceptionV3 = StandIn
    monkeypatch.setitem(sys.modules, "torch_fidelity", package)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A small file of tensors in place of the known one, known by its hash."""
    path = tmp_path / extractor.WEIGHTS
    torch.save({"scale": torch.tensor(2.0)}, path)
    monkeypatch.setattr(extractor, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def images(n=3, channels=3):
    return torch.randint(0, 256, (n, channels, 4, 4), dtype=torch.uint8)


def test_the_hash_is_the_one_in_the_name():
    assert len(extractor.SHA256) == 64 and int(extractor.SHA256, 16)
    assert f"-{extractor.SHA256[:8]}." in extractor.WEIGHTS
    assert extractor.URL.endswith(f"/{extractor.WEIGHTS}")


def test_pixels_are_the_bytes_in_order():
    x = torch.arange(12, dtype=torch.uint8).reshape(2, 1, 2, 3)
    pixels = pixel_extractor()
    output = pixels.features(x)
    assert pixels.name == "pixels" and output.logits is None
    assert output.features.dtype == torch.float64
    assert output.features.tolist() == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]


@pytest.mark.parametrize("bad, fragment", [
    (torch.zeros(0, 3, 4, 4, dtype=torch.uint8), "N >= 1; got torch.uint8, (0, 3, 4, 4)"),
    (torch.zeros(2, 3, 4, 4), "images must be uint8 of shape"),
    (torch.zeros(3, 4, 4, dtype=torch.uint8), "(3, 4, 4)"),
])
def test_what_is_no_batch_of_images_is_refused(bad, fragment, fidelity, weights):
    for made in (pixel_extractor(), inception_extractor(weights)):
        with pytest.raises(ReproError) as error:
            made.features(bad)
        assert fragment in str(error.value)


def test_grey_images_are_refused_by_the_network_of_colours(fidelity, weights):
    with pytest.raises(ReproError, match=r"uint8 of shape \(N, 3, H, W\).* got .*\(3, 1, 4, 4\)"):
        inception_extractor(weights).features(images(channels=1))


def test_features_and_logits_in_float64(fidelity, weights):
    x = images()
    made = inception_extractor(weights)
    output = made.features(x)
    sums = x.flatten(1).double().sum(1) * 2
    assert made.name == "inception-2015-12-05"
    for got, sign, width in ((output.features, 1, 2048), (output.logits, -1, 1008)):
        assert got.shape == (3, width) and got.dtype == torch.float64
        assert got[:, 5].tolist() == (sign * sums).tolist()
        assert not got.requires_grad


def test_convolutions_do_not_use_tf32(fidelity, weights, monkeypatch):
    seen = []
    forward = StandIn.forward
    monkeypatch.setattr(StandIn, "forward", lambda self, x: (
        seen.append(torch.backends.cudnn.allow_tf32), forward(self, x))[1])
    before = torch.backends.cudnn.allow_tf32
    inception_extractor(weights).features(images())
    assert seen == [False]
    assert torch.backends.cudnn.allow_tf32 == before


@pytest.mark.parametrize("failure", [
    ImportError("No module named 'torchvision'"),
    RuntimeError("operator torchvision::nms does not exist"),
])
def test_a_package_that_cannot_be_imported_says_what_to_install(failure, monkeypatch, weights):
    class Broken:
        def find_spec(self, name, path=None, target=None):
            if name.startswith("torch_fidelity"):
                raise failure

    for name in [n for n in sys.modules if n.startswith("torch_fidelity")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(ReproError) as error:
        inception_extractor(weights)
    message = str(error.value)
    assert "not measured" in message and "torch-fidelity==0.4.0" in message
    assert "torchvision" in message and str(failure) in message and "\n" not in message


@pytest.mark.parametrize("change", [
    lambda content: content[:-1],
    lambda content: b"",
    lambda content: content[:50] + bytes([content[50] ^ 1]) + content[51:],
])
def test_another_file_is_refused(change, fidelity, weights):
    weights.write_bytes(change(weights.read_bytes()))
    with pytest.raises(ReproError, match=f"must be the file .*{extractor.WEIGHTS}, of SHA-256"):
        inception_extractor(weights)


def test_a_missing_file_is_named(fidelity, tmp_path):
    with pytest.raises(ReproError, match=r"weights must be a readable file.*missing\.pth"):
        inception_extractor(tmp_path / "missing.pth")


class Attack:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_pickle_is_never_run(fidelity, tmp_path, monkeypatch):
    # Even if its hash were the known one.
    path, victim = tmp_path / "weights.pth", tmp_path / "written"
    torch.save({"scale": Attack(victim)}, path)
    monkeypatch.setattr(extractor, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(pickle.UnpicklingError):
        inception_extractor(path)
    assert not victim.exists()


def test_the_cache_is_used_and_filled(fidelity, weights, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    calls = []

    def fetch(url, path, *, size, sha256):
        calls.append((url, size, sha256))
        path.parent.mkdir(parents=True)
        path.write_bytes(weights.read_bytes())

    monkeypatch.setattr(extractor, "fetch", fetch)
    assert inception_extractor().features(images()).features.shape == (3, 2048)
    inception_extractor()
    assert calls == [(extractor.URL, 95_628_359, extractor.SHA256)]
    assert (tmp_path / "hub" / "checkpoints" / extractor.WEIGHTS).is_file()


def test_without_network_the_place_for_the_file_is_named(fidelity, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))

    def fetch(url, path, **_):
        raise ReproError("the server cannot be reached")

    monkeypatch.setattr(extractor, "fetch", fetch)
    with pytest.raises(ReproError) as error:
        inception_extractor()
    message = str(error.value)
    assert "not measured" in message and "the server cannot be reached" in message
    assert f"put it at {tmp_path / 'checkpoints' / extractor.WEIGHTS}" in message
