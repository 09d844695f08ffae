"""Every number of a trained network: samples and their scores, likelihood, round trips.

Each number comes as a `Measurement`, with every field of the protocol that it was made under.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from rich.console import Console
from torch import Tensor, nn

from core.denoiser import Denoiser
from core.ema import EMA
from core.unet_config import UNetConfig
from repro import baselines, frechet, processes
from repro.comparison import Measurement
from repro.dataset import Dataset
from repro.distributed import World
from repro.errors import ReproError
from repro.evaluation import LikelihoodResult, measure_encoding, measure_likelihood
from repro.extractor import Extractor, ExtractorOutput, inception_extractor, pixel_extractor
from repro.inception_score import inception_score
from repro.kernel_distance import kernel_distance
from repro.profile import Profile, Sampling
from repro.progress import told
from repro.sampling import fingerprint, load_images, sample_images

BATCH = {"cpu": 256, "cuda": 1024}  # images at a time
IDDPM = UNetConfig(blocks=3, attention_resolutions=(16, 8), heads=4, norm_eps=1e-5,
                   embedding="improved", scale_shift=True)
FEATURES_OF = 500  # images at a time
NORMAL = 1.96  # standard errors of a 95 % interval


@dataclass(frozen=True, eq=False)
class Subject:
    """What is measured: the networks by the name of their weights, and how they came to be.

    networks: "ema", "raw", or one of them.  facts: the fields of the protocol that hold for all
    numbers of the run.  not_comparable: why no published number may be set against it, or "".
    compiled: whether the networks are compiled, which pays on a GPU.
    """

    profile: Profile
    dataset: Dataset
    networks: Mapping[str, nn.Module]
    facts: dict[str, Any]
    not_comparable: str = ""
    compiled: bool = False


@dataclass(frozen=True, eq=False)
class Measured:
    """numbers, and what pictures are made of.  unmeasured: what could not be, and why."""

    numbers: tuple[Measurement, ...]
    likelihoods: dict[str, LikelihoodResult]
    baselines: tuple[baselines.Baseline, ...]
    unmeasured: tuple[str, ...]


def facts(profile: Profile) -> dict[str, Any]:
    """The fields of the protocol that a profile decides for any weights of its network."""
    size = replace(profile.network, dropout=0.1, checkpointing=False)
    named = {UNetConfig(): "ddpm", IDDPM: "iddpm", replace(IDDPM, learns_variance=True): "iddpm"}
    return {
        "dataset": profile.dataset, "network": named.get(size, "other"),
        "objective": profile.objective.kind, "predicts": profile.process.predicts,
        "schedule": profile.process.schedule, "T": profile.process.T,
    }


def trained(profile: Profile) -> dict[str, Any]:
    """The fields that a whole training by a profile adds."""
    return {"origin": "trained", "training_steps": profile.training.steps,
            "batch": profile.training.batch, "selection": "last",
            "ema_kind": profile.training.ema_kind}


def networks_of(network: nn.Module, averaged: EMA) -> dict[str, nn.Module]:
    """The trained weights, and their average, ready to be evaluated."""
    raw, ema = deepcopy(network).eval(), deepcopy(network).eval()
    averaged.copy_to(ema)
    return {"ema": ema, "raw": raw}


def measure(subject: Subject, folder: Path, world: World, console: Console) -> Measured:
    """Sample, score, and evaluate; what is in folder already is not made again.

    All processes sample; the leading one alone evaluates, and the others return without numbers.
    """
    profile = subject.profile
    unmeasured: list[str] = []
    for number, sampling in enumerate(profile.sampling):
        sample_set(subject, sampling, folder / _name(number, sampling), world, console)
    world.wait()
    if not world.leads:
        return Measured((), {}, (), ())
    numbers: list[Measurement] = []
    try:
        if profile.sampling:
            numbers += _scores(subject, extractor(profile, world), folder, console)
    except ReproError as error:
        unmeasured.append(str(error))
    likelihoods = {}
    evaluation = profile.evaluation
    parts = {"test": (subject.dataset.test, evaluation.likelihood),
             "train": (subject.dataset.train, evaluation.train)}
    for split, (images, count) in parts.items():
        if count:
            found = _likelihood(subject, split, images[:count], world, console)
            likelihoods[split] = found
            numbers += _coding(subject, split, found)
    for steps in evaluation.encoding:
        numbers.append(_round_trip(subject, steps, world, console))
    beaten: tuple[baselines.Baseline, ...] = ()
    if profile.dataset == "digits" and evaluation.likelihood:
        beaten = baselines.baselines(subject.dataset.train,
                                     subject.dataset.test[:evaluation.likelihood],
                                     subject.dataset.levels)
    return Measured(tuple(numbers), likelihoods, beaten, tuple(unmeasured))


def samples_folder(profile: Profile, folder: Path, number: int) -> Path:
    """Where the images of profile.sampling[number] lie."""
    return folder / _name(number, profile.sampling[number])


def _name(number: int, sampling: Sampling) -> str:
    return f"samples-{number}-{sampling.sampler}-{sampling.steps}"


def sample_set(subject: Subject, sampling: Sampling, folder: Path, world: World,
               console: Console) -> None:
    """Make this process's share of a set of samples, from subject.networks[sampling.weights]."""
    network = subject.networks[sampling.weights]
    with told(console if world.leads else Console(quiet=True), "sampling") as tell:
        made = sample_images(
            _denoiser(subject, network, world), sampling, subject.dataset.shape,
            subject.dataset.levels, folder, weights=fingerprint(network.state_dict()),
            batch=BATCH[world.device.type], rank=world.rank, world=world.size,
            precision=subject.profile.training.precision, progress=tell,
        )
    for line in made.mended:
        console.print(f"made anew: {line}")


def _scores(subject: Subject, extractor: Extractor, folder: Path,
            console: Console) -> Iterator[Measurement]:
    """FID against both parts of the data set, KID, and IS where there are classes; the floor."""
    dataset = subject.dataset
    known = {"dataset": subject.profile.dataset, "extractor": extractor.name}

    def number(quantity: str, value: float, protocol: dict[str, Any], **more: Any) -> Measurement:
        return Measurement(quantity, value, protocol | more,
                           not_comparable=subject.not_comparable)

    real = {part: torch.cat(list(features(extractor, images, console,
                                          f"features of the {part} set")))
            for part, images in (("train", dataset.train), ("test", dataset.test))}
    moments = {part: frechet.moments([found]) for part, found in real.items()}
    yield number("FID", frechet.frechet_distance(moments["train"], moments["test"]), known,
                 of="test", reference="train", samples=len(dataset.test))
    for index, sampling in enumerate(subject.profile.sampling):
        images = load_images(samples_folder(subject.profile, folder, index), sampling.count)
        found = list(_outputs(extractor, images, console, "features of samples"))
        sampled = torch.cat([few.features for few in found])
        made = subject.facts | known | _sampler_facts(sampling) | {
            "of": "samples", "samples": sampling.count}
        own = frechet.moments([sampled])
        for part, theirs in moments.items():
            yield number("FID", frechet.frechet_distance(theirs, own), made, reference=part)
        if found[0].logits is not None:
            score = inception_score(torch.cat([cast(Tensor, few.logits) for few in found]))
            yield number("IS", score.mean, made, splits=score.splits)
            size = min(1000, len(sampled), len(real["train"]))
            kid = kernel_distance(sampled.float(), real["train"].float(),
                                  torch.Generator().manual_seed(0), size=size)
            yield number("KID", kid.mean, made, reference="train")


def features(extractor: Extractor, images: Tensor, console: Console, title: str
             ) -> Iterator[Tensor]:
    """The features of images, batch by batch, on the CPU."""
    return (found.features for found in _outputs(extractor, images, console, title))


def _outputs(extractor: Extractor, images: Tensor, console: Console, title: str
             ) -> Iterator[ExtractorOutput]:
    with told(console, title) as tell:
        for first, few in enumerate(images.split(FEATURES_OF)):
            found = extractor.features(few)
            logits = None if found.logits is None else found.logits.cpu()
            yield ExtractorOutput(found.features.cpu(), logits)
            tell(min((first + 1) * FEATURES_OF, len(images)), len(images))


def _likelihood(subject: Subject, split: str, images: Tensor, world: World,
                console: Console) -> LikelihoodResult:
    network = subject.networks[_weights(subject)]
    with told(console, f"likelihood of {split} images") as tell:
        return measure_likelihood(
            _denoiser(subject, network, world),
            processes.bound(subject.profile, subject.dataset.levels), images,
            batch=BATCH[world.device.type], precision=subject.profile.training.precision,
            progress=tell,
        )


def _coding(subject: Subject, split: str, found: LikelihoodResult) -> Iterator[Measurement]:
    """The bound, its parts, and the published points of the curve."""
    evaluation, T = subject.profile.evaluation, subject.profile.process.T
    conditions = subject.facts | {
        "weights": _weights(subject), "variance": subject.profile.objective.variance,
        "first": evaluation.first, "cdf": evaluation.cdf, "clip": evaluation.clip, "split": split,
        "steps": T, "tau": "all",
    }

    def number(quantity: str, value: float, error: float, unit: str, **more: int) -> Measurement:
        return Measurement(quantity, value, conditions | more, unit, NORMAL * error,
                           subject.not_comparable)

    yield number("NLL", found.total.mean, found.total.error, "bits/dim")
    yield number("distortion", found.L_0.mean, found.L_0.error, "bits/dim")
    yield number("L_T", found.L_T.mean, found.L_T.error, "bits/dim")
    yield number("rate", found.rate[1], found.rate_error[1], "bits/dim", reverse_time=T)
    if subject.dataset.levels == 256:
        for t in range(1, T + 1):
            if (T - t + 1) % max(T // 10, 1) == 0:
                yield number("RMSE", found.rmse[t], found.rmse_error[t], "levels of 0..255",
                             reverse_time=T - t + 1)
                if t > 1:
                    yield number("rate", found.rate[t], found.rate_error[t], "bits/dim",
                                 reverse_time=T - t + 1)


def _round_trip(subject: Subject, steps: int, world: World, console: Console) -> Measurement:
    images = subject.dataset.test[:subject.profile.evaluation.encoded]
    tau = "all" if steps == subject.profile.process.T else "quadratic"
    with told(console, f"round trips of {steps} steps") as tell:
        found = measure_encoding(
            _denoiser(subject, subject.networks[_weights(subject)], world), images,
            subject.dataset.levels, steps, batch=BATCH[world.device.type], tau=tau,
            precision=subject.profile.training.precision, progress=tell,
        )
    conditions = {"weights": _weights(subject), "sampler": "ddim", "eta": 0.0, "steps": steps,
                  "tau": tau, "clip": "off", "split": "test"}
    return Measurement("encoding_error", found.error.mean, subject.facts | conditions,
                       "squared difference, pixels in [0, 1]", NORMAL * found.error.error,
                       subject.not_comparable)


def _sampler_facts(sampling: Sampling) -> dict[str, Any]:
    """The fields of the protocol that a set of samples adds."""
    found: dict[str, Any] = {"sampler": sampling.sampler, "steps": sampling.steps,
                             "tau": sampling.tau, "clip": sampling.clip,
                             "weights": sampling.weights}
    extra = {"eta": sampling.eta} if sampling.sampler == "ddim" else {"variance": sampling.variance}
    return found | extra


def extractor(profile: Profile, world: World) -> Extractor:
    """The published network for CIFAR-10; the pixels themselves where images are that small."""
    return pixel_extractor() if profile.dataset == "digits" else (
        inception_extractor(device=str(world.device)))


def _denoiser(subject: Subject, network: nn.Module, world: World) -> Denoiser:
    schedule = processes.schedule(subject.profile.process, world.device)
    ready = cast(nn.Module, torch.compile(network)) if subject.compiled else network
    return processes.denoiser(ready, subject.profile, schedule)


def _weights(subject: Subject) -> str:
    """Those that likelihood and round trips are measured with."""
    return "ema" if "ema" in subject.networks else next(iter(subject.networks))
