"""Features of images, which FID, IS and KID are computed from.

    inception-2015-12-05    the network of the published scores, as ported by torch-fidelity 0.4.0:
                            features (N, 2048) after the last pooling, logits (N, 1008), the resize
                            to 299 x 299 by the rule of TensorFlow 1
    pixels                  the bytes themselves, for tests and small data sets

Not run in the tests: the Inception network itself, which needs its weights (95,628,359 bytes) and
torchvision.  The tests replace torch-fidelity by a network of the same interface.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import torch
from torch import Tensor

from repro.download import fetch
from repro.errors import ReproError

INCEPTION = "inception-2015-12-05"
WEIGHTS = "weights-inception-2015-12-05-6726825d.pth"
URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{WEIGHTS}"
# The publisher states the first 8 digits of the SHA-256, in the name of the file; the rest, and the
# size, are told alike by several public repositories that pin it.
SIZE = 95_628_359
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"


@dataclass(frozen=True, eq=False)
class ExtractorOutput:
    """features: (N, D) float64.  logits: (N, K) float64 for an Inception score, or None."""

    features: Tensor
    logits: Tensor | None = None


@dataclass(frozen=True)
class Extractor:
    """A named map from images, uint8 (N, C, H, W), to an ExtractorOutput on the same device.

    Numbers are comparable between extractors of one name only.
    """

    name: str
    features: Callable[[Tensor], ExtractorOutput]


def pixel_extractor() -> Extractor:
    """The pixels as they are: D = C H W numbers of 0..255, no logits."""

    def features(images: Tensor) -> ExtractorOutput:
        _require_images(images)
        return ExtractorOutput(images.flatten(1).double())

    return Extractor("pixels", features)


def inception_extractor(weights: Path | None = None, device: str = "cpu") -> Extractor:
    """The Inception network on a device; images come as uint8 (N, 3, H, W) from anywhere.

    weights: the file, or None for the one in torch's cache, fetched first where it is missing.
    It is used only if its SHA-256 is the known one, and read as tensors, never as a pickle.
    logits lack the bias of the last layer, as in the code that published Inception scores use.
    Convolutions are kept from TF32, whose 10 bits of fraction would reach the scores.
    Errors: ReproError where torch-fidelity cannot be imported, and where the file is missing and
    cannot be fetched, or is another one.
    """
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except (ImportError, RuntimeError) as error:  # RuntimeError: torchvision of another torch
        raise ReproError(
            "FID, IS and KID are not measured without torch-fidelity: on the GPU machine, pip "
            f"install torch-fidelity==0.4.0 and the torchvision made for its torch ({error})"
        ) from error
    # torch-fidelity reads with weights_only=False: it is given a copy made of tensors only.
    tensors = io.BytesIO()
    torch.save(torch.load(_inception_file(weights), weights_only=True, map_location="cpu"), tensors)
    tensors.seek(0)
    network = FeatureExtractorInceptionV3(
        INCEPTION, ["2048", "logits_unbiased"], feature_extractor_weights_path=tensors).to(device)

    @torch.no_grad()
    def features(images: Tensor) -> ExtractorOutput:
        _require_images(images, channels=3)
        with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
            pooled, logits = network(images.to(device))
        return ExtractorOutput(pooled.double(), logits.double())

    return Extractor(INCEPTION, features)


def _inception_file(path: Path | None) -> io.BytesIO:
    """The bytes that were checked, so that they are the bytes that are read."""
    if path is None:
        path = Path(torch.hub.get_dir()) / "checkpoints" / WEIGHTS
        if not path.exists():
            try:
                fetch(URL, path, size=SIZE, sha256=SHA256)
            except ReproError as error:
                raise ReproError(f"FID, IS and KID are not measured without the weights: {error}; "
                                 f"or get {URL} elsewhere and put it at {path}") from error
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ReproError(f"weights must be a readable file, {WEIGHTS} from {URL}; {error}"
                         ) from error
    digest = sha256(content).hexdigest()
    if digest != SHA256:
        raise ReproError(f"{path} must be the file {URL}, of SHA-256 {SHA256}; got {len(content)} "
                         f"bytes of SHA-256 {digest}: delete it, or name another")
    return io.BytesIO(content)


def _require_images(images: Tensor, channels: int | None = None) -> None:
    if images.dtype != torch.uint8 or images.ndim != 4 or 0 in images.shape or (
            channels is not None and images.shape[1] != channels):
        wanted = "C" if channels is None else channels
        raise ReproError(f"images must be uint8 of shape (N, {wanted}, H, W), N >= 1; got "
                         f"{images.dtype}, {tuple(images.shape)}")
