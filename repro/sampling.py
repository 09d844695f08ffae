"""Samples as files: sharded over processes, continued after a stop, each image from its own seed.

    folder/sampling.json              what the images were made with, and its digest
    folder/part-00000.safetensors     "images", uint8 (n, C, H, W), of the seeds 0, 1, ..., n - 1;
                                      "origin": first seed, digest, and SHA-256 of the images
    folder/part-00001.safetensors     of the next per_part seeds, and so on

Seeds determine the noise (`core.noise`), so an image is the same in any batch, on any number of
processes and after any number of stops, up to what a network's arithmetic owes to its batch.
A whole part with the right digest is kept; a broken one is made again; one that was made with
other settings or weights is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from core.denoiser import Denoiser, respace
from core.samplers import sample
from repro import processes
from repro.dataset import to_levels
from repro.errors import ReproError
from repro.files import write_file
from repro.profile import Sampling

DESCRIPTION = "sampling.json"
ORIGIN = "origin"
PER_PART = 500  # divides 50,000; a part is what a stop can cost


@dataclass(frozen=True)
class Made:
    """What one process did: images found whole, images made, and the parts made anew with why."""

    kept: int
    made: int
    mended: tuple[str, ...]


def fingerprint(state: dict[str, Tensor]) -> str:
    """SHA-256 over the names, dtypes, shapes and bytes of a network's tensors, on any device."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        tensor = tensor.detach().cpu().contiguous()
        digest.update(repr((name, str(tensor.dtype), tuple(tensor.shape))).encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def sample_images(
    denoiser: Denoiser,
    sampling: Sampling,
    shape: tuple[int, ...],
    levels: int,
    folder: Path,
    *,
    weights: str,
    batch: int,
    per_part: int = PER_PART,
    rank: int = 0,
    world: int = 1,
    precision: str = "float32",
    progress: Callable[[float, int], None] | None = None,
) -> Made:
    """Make the parts of this process, rank of world, that are not there yet.

    denoiser: of the whole schedule, on the device that computes.  shape: (C, H, W).  weights: the
    `fingerprint` of the network.  batch: images at a time, at most; a part is split evenly.
    precision: of the network, as in `processes.evaluated`.  progress: called after each step with
    the images done, a fraction of one counting steps, and the images that this process has to
    make.  Part k belongs to the process k mod world.
    Errors: ReproError for a folder or a part of other settings or weights, a full disk, batch or
    per_part below 1, and what `processes.evaluated` refuses; FloatingPointError where an image is
    not finite.
    """
    for name, value in (("batch", batch), ("per_part", per_part)):
        if value < 1:
            raise ReproError(f"{name} must be 1 or more; got {value}")
    visited = processes.chain(sampling.tau, sampling.steps, denoiser.schedule.T)
    ready = processes.evaluated(respace(denoiser, visited), precision)
    settings = _settings(denoiser, sampling, shape, levels, weights, per_part, precision)
    _describe(folder, settings)
    digest = _hash(settings)

    mine = [part for part in _parts(sampling.count, per_part) if part.index % world == rank]
    mended = []
    missing = []
    for part in mine:
        path = folder / part.name
        if path.exists():
            try:
                _read(path, part, digest, shape, levels)
                continue
            except _BrokenError as error:
                mended.append(str(error))
        missing.append(part)
    total = sum(part.count for part in missing)

    done = 0
    for part in missing:
        seeds = torch.arange(part.first, part.first + part.count)
        images = []
        for few in seeds.tensor_split(-(-part.count // batch)):
            tell = None if progress is None else _teller(progress, done, len(few), visited, total)
            x = sample(ready, processes.method(sampling), few.to(denoiser.schedule.beta.device),
                       shape, callback=tell)
            images.append(to_levels(x, levels).cpu())
            done += len(few)
        _write(folder / part.name, torch.cat(images), part, digest)
    return Made(sum(part.count for part in mine) - total, total, tuple(mended))


def load_images(folder: Path, count: int) -> Tensor:
    """The images of the seeds 0..count - 1, uint8 (count, C, H, W), in this order.

    Errors: ReproError that names the part that is missing, short, broken or of other settings.
    """
    if count < 1:
        raise ReproError(f"count must be 1 or more; got {count}")
    settings = _description(folder)
    if settings is None:
        raise ReproError(f"{folder / DESCRIPTION} must exist: no samples were made there")
    digest = _hash(settings)
    images = []
    for part in _parts(count, settings["per_part"]):
        path = folder / part.name
        if not path.exists():
            raise ReproError(f"{path} must exist, for {count} images: sample again, and what is "
                             f"missing is made")
        try:
            images.append(_read(path, part, digest, settings["shape"], settings["levels"]))
        except _BrokenError as error:
            raise ReproError(f"{error}: sample again, and it is made anew") from error
    return torch.cat(images)


class _BrokenError(Exception):
    """A part that can be made again, since what it holds is not what was once written."""


@dataclass(frozen=True)
class _Part:
    index: int
    first: int  # seed
    count: int

    @property
    def name(self) -> str:
        return f"part-{self.index:05d}.safetensors"


def _parts(count: int, per_part: int) -> Iterator[_Part]:
    """All parts of count images; the last may be short."""
    for index, first in enumerate(range(0, count, per_part)):
        yield _Part(index, first, min(per_part, count - first))


def _settings(
    denoiser: Denoiser, sampling: Sampling, shape: tuple[int, ...], levels: int, weights: str,
    per_part: int, precision: str,
) -> dict[str, Any]:
    """All that decides an image of a given seed, and where it is kept; as JSON has it.

    How many images are made is no part of it: a folder may grow.
    """
    chosen = asdict(sampling)
    del chosen["count"]
    return {
        **chosen,
        "checkpoint": weights,
        "schedule": _hash(denoiser.schedule.beta.tolist()),
        "predicts": denoiser.predicts,
        "learns_variance": denoiser.learns_variance,
        "shown": _hash(cast(Tensor, denoiser.shown).tolist()),
        "precision": precision,
        "shape": list(shape),
        "levels": levels,
        "per_part": per_part,
    }


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _describe(folder: Path, settings: dict[str, Any]) -> None:
    """Write the description, or find the same one.  Every process does: the content is the same."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReproError(f"{folder} must be a folder, or one that can be made: {error}") from error
    found = _description(folder)
    if found is None:
        stray = sorted(path.name for path in folder.glob("part-*.safetensors"))
        if stray:
            raise ReproError(f"{folder / DESCRIPTION} must exist beside {stray[0]}, or nobody "
                             f"knows how that was made: choose another folder")
        write_file(folder / DESCRIPTION, json.dumps(settings, indent=2, sort_keys=True) + "\n")
        found = _description(folder) or {}
    if found != settings:
        names = sorted(name for name in {*found, *settings}
                       if found.get(name) != settings.get(name))
        raise ReproError(
            f"{folder} must be a folder of the same samples; there "
            + ", ".join(f"{name} is {found.get(name)!r} and here {settings.get(name)!r}"
                        for name in names)
            + ": choose another folder"
        )


def _description(folder: Path) -> dict[str, Any] | None:
    """What sampling.json says; None where there is none."""
    path = folder / DESCRIPTION
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ReproError(f"{path} must be readable JSON: {error}") from error
    sound = isinstance(found, dict) and isinstance(found.get("per_part"), int) \
        and found["per_part"] >= 1 and isinstance(found.get("levels"), int) \
        and isinstance(found.get("shape"), list)
    if not sound:
        raise ReproError(f"{path} must describe samples: shape, levels, per_part; got {found!r}")
    return cast(dict[str, Any], found)


def _write(path: Path, images: Tensor, part: _Part, digest: str) -> None:
    origin = {"first": part.first, "protocol": digest, "sha256": _checksum(images)}
    # One entry, because safetensors writes several in an order that changes from run to run.
    metadata = {ORIGIN: json.dumps(origin, sort_keys=True)}
    write_file(path, save({"images": images}, metadata))


def _read(path: Path, part: _Part, digest: str, shape: Any, levels: int) -> Tensor:
    """The first part.count images of a part.

    Errors: ReproError for a part of another protocol, which is somebody's work; _BrokenError
    for one that is truncated, altered or too short.
    """
    try:
        with safe_open(path, "pt") as file:
            origin = json.loads((file.metadata() or {})[ORIGIN])
            images: Tensor = file.get_tensor("images")
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise _BrokenError(f"{path} is not whole: {error}") from error
    if (origin.get("protocol"), origin.get("first")) != (digest, part.first):
        raise ReproError(f"{path} must hold images of the settings in {DESCRIPTION} from seed "
                         f"{part.first} on; it was made with others: delete it to have it made, "
                         f"or choose another folder")
    if origin.get("sha256") != _checksum(images):
        raise _BrokenError(f"{path} is altered: its images do not have their checksum")
    if len(images) < part.count:
        raise _BrokenError(f"{path} is short: {len(images)} of {part.count} images")
    got = images.dtype, tuple(images.shape[1:])
    if got != (torch.uint8, tuple(shape)) or int(images.max()) >= levels:
        raise ReproError(f"{path} must hold uint8 images of shape {tuple(shape)}, values below "
                         f"{levels}; got {got[0]}, {got[1]}, up to {images.max().item()}")
    return images[:part.count]


def _checksum(images: Tensor) -> str:
    return hashlib.sha256(images.contiguous().numpy().data).hexdigest()


def _teller(
    progress: Callable[[float, int], None], done: int, images: int, visited: tuple[int, ...],
    total: int,
) -> Callable[[Any], None]:
    """A callback of `sample` that counts the steps of a batch as fractions of its images."""
    steps = len(visited) - 1
    return lambda state: progress(done + images * (steps - state.t) / steps, total)
