"""Which weights of a run are judged: the average whose samples have the lowest FID.

    candidates/step-00050000.safetensors    the average after that step
    candidates/step-00050000/               its samples
    candidates/chosen.json                  the FID of each, lowest first
"""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from repro import frechet, measuring
from repro.distributed import World
from repro.errors import ReproError
from repro.files import write_file
from repro.measuring import Subject
from repro.sampling import load_images
from repro.trainer import Trainer

FOLDER = "candidates"


def keep(trainer: Trainer, folder: Path) -> None:
    """Write the present average as a candidate.  Errors: ReproError for a full disk."""
    path = folder / FOLDER / f"step-{trainer.step:08d}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    averages = {name: tensor.cpu().contiguous() for name, tensor in trainer.ema.average.items()}
    write_file(path, save(averages))


def choose(subject: Subject, folder: Path, world: World, console: Console) -> Subject:
    """The subject with the best candidate for its averaged weights, and the protocol that says so.

    All processes sample.  Where there is nothing to extract features with, the subject stays as it
    is, and that is said.  Errors: ReproError for a candidate that is broken or of another network,
    and for none at all.
    """
    assert subject.profile.selection is not None  # or nothing is to be chosen
    place, sampling = folder / FOLDER, subject.profile.selection.sampling
    paths = sorted(place.glob("step-*.safetensors"))
    if not paths:
        raise ReproError(f"{place} must hold the candidates of the run; there is none")
    extractor = None
    if world.leads:
        try:
            extractor = measuring.extractor(subject.profile, world)
        except ReproError as error:
            console.print(f"[yellow]the last weights are judged: {error}[/]")
    if not world.max(extractor is not None):
        return subject
    if extractor is not None:  # on the leading process
        reference = frechet.moments(measuring.features(
            extractor, subject.dataset.train, console, "features of the train set"))
    fids: dict[int, float] = {}
    for path in paths:
        step = int(path.stem.removeprefix("step-"))
        candidate = replace(subject, networks={"ema": _network(subject, path)})
        measuring.sample_set(candidate, sampling, place / path.stem, world, console)
        world.wait()
        if extractor is not None:
            images = load_images(place / path.stem, sampling.count)
            made = frechet.moments(measuring.features(
                extractor, images, console, f"features of step {step:,}"))
            fids[step] = frechet.frechet_distance(reference, made)
            console.print(f"candidate after step {step:,}: FID {fids[step]:.3f} of "
                          f"{sampling.count:,} samples")
    if world.leads:
        ranked = dict(sorted(fids.items(), key=lambda item: item[1]))
        write_file(place / "chosen.json", json.dumps(ranked, indent=1) + "\n")
    best = world.max(min(fids, key=fids.__getitem__) if world.leads else 0)
    network = _network(subject, place / f"step-{best:08d}.safetensors")
    return replace(subject, networks={**subject.networks, "ema": network},
                   facts={**subject.facts, "selection": "minimum FID"})


def _network(subject: Subject, path: Path) -> nn.Module:
    """The network with the weights of a candidate."""
    network = deepcopy(subject.networks["ema"])
    try:
        network.load_state_dict(load_file(path))
    except (OSError, RuntimeError, SafetensorError) as error:
        raise ReproError(f"{path} must be a candidate of this run: {error}; remove it to go on "
                         f"without it") from error
    return network
