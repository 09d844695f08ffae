"""`nox -s repro`: plan, train, sample, evaluate, keep a record, compare with what is published."""

from __future__ import annotations

import argparse
import hashlib
import shlex
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import torch
from rich.console import Console
from torch import nn

from repro import (
    checkpoints,
    cifar10,
    digits,
    machine,
    measuring,
    pictures,
    profile,
    records,
    report,
    runlog,
    selection,
    showing,
    training,
)
from repro import plan as plans
from repro.dataset import Dataset
from repro.distributed import World, join
from repro.errors import ReproError
from repro.measuring import Measured, Subject
from repro.profile import Profile
from repro.progress import size, told
from repro.sampling import fingerprint, load_images
from repro.weights import load_unet

BUILD = Path("build")
DEFAULTS = {"cuda": "ddpm-cifar10", "cpu": "digits"}
GRID = 64
# What is known of weights that were given: their name, and the facts of the protocol.
GIVEN = {
    kind: (kind.removeprefix("released-"),
           {"origin": "released", "training_steps": 800_000, "selection": "minimum FID"}
           if kind.startswith("released") else {})
    for kind in ("ema", "raw", "released-ema", "released-raw")
}


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    made = argparse.ArgumentParser(
        prog="repro", description="Retrain DDPM and hold every number against its published value.",
        epilog=f"profiles: {', '.join(profile.names())}")
    made.add_argument("profile", nargs="?", metavar="PROFILE|report",
                      help="a profile, a .toml file, or 'report': what the kept records say; "
                           "default: ddpm-cifar10 with a GPU, digits without")
    made.add_argument("--plan", action="store_true", help="say what it will cost here, and stop")
    made.add_argument("--folder", type=Path, help="of the run; default build/repro/PROFILE-seedN")
    made.add_argument("--seed", type=int, help="of the run")
    made.add_argument("--steps", type=int, help="of training, instead of the profile's")
    made.add_argument("--samples", type=int, help="of each set, instead of the profile's")
    made.add_argument("--data", type=Path, help="where CIFAR-10 lies; default CIFAR10_DIR, or the "
                                                "official archive is fetched")
    made.add_argument("--partial-data", action="store_true",
                      help="take an incomplete copy; no number is comparable then")
    made.add_argument("--weights", type=Path, metavar="FOLDER",
                      help="evaluate a network in the diffusers layout instead of training")
    made.add_argument("--weights-are", choices=tuple(GIVEN),
                      help="what the weights given are: averaged or not, DDPM's released ones or "
                           "others")
    made.add_argument("--records", type=Path, default=records.FOLDER,
                      help="where the records of finished runs are kept; default repro/records")
    made.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda where there is one")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.  0; 2 for what a person can mend; 128 + n where signal n ended it."""
    options = parser().parse_args(argv)
    console = Console(width=None if sys.stdout.isatty() else 100, highlight=False)
    try:
        if options.profile == "report":
            return _report(options, console)
        with join(options.device) as world:
            return _run(options, world, console if world.leads else Console(quiet=True))
    except (ReproError, FloatingPointError) as error:
        print(f"repro: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("repro: interrupted; what is on the disk is sound and will be continued",
              file=sys.stderr)
        return 130


def _report(options: argparse.Namespace, console: Console) -> int:
    found = report.make(records.load(options.records))
    report.show(found, console)
    for path in report.write(found, BUILD / "repro"):
        console.print(f"wrote {path}")
    return 0


def _run(options: argparse.Namespace, world: World, console: Console) -> int:
    chosen = _profile(options, world)
    compiled = world.device.type == "cuda"  # TORCHDYNAMO_DISABLE=1 is torch's own way out
    torch.backends.cudnn.benchmark = True  # every convolution is met a million times
    if options.profile is None and world.device.type == "cpu":
        console.print("There is no GPU here.  What the run on CIFAR-10 would cost on this machine:")
        showing.plan(plans.measure(profile.load("ddpm-cifar10"), world, compiled=False), console)
        console.print("Instead of it, a smaller one on handwritten digits:")
    if options.plan:
        showing.plan(plans.measure(chosen, world, compiled=compiled), console)
        return 0
    folder = options.folder or BUILD / "repro" / f"{chosen.name}-seed{chosen.seed}"
    with checkpoints.alone_in(folder) if world.leads else nullcontext():
        dataset = _dataset(options, chosen, world, console)
        seconds: dict[str, float] = {}
        if options.weights is None:
            plan = plans.measure(chosen, world, compiled=compiled)
            showing.plan(plan, console)
            free = shutil.disk_usage(folder).free
            if free < plan.disk:
                raise ReproError(f"{folder} must have {size(plan.disk)} free for checkpoints and "
                                 f"samples; got {size(free)}: name another --folder")
            outcome = training.train(
                chosen, dataset, folder, world, console, compiled=compiled,
                on_candidate=lambda trainer: selection.keep(trainer, folder))
            if outcome.signal:
                console.print(f"stopped by signal {outcome.signal} after step "
                              f"{outcome.trainer.step:,}; the same command continues")
                return 128 + outcome.signal
            began = f" after step {outcome.began:,}" if outcome.began else ""
            seconds[f"training{began}"] = outcome.seconds
            networks = measuring.networks_of(outcome.trainer.network, outcome.trainer.ema)
            known = measuring.facts(chosen) | measuring.trained(chosen)
        else:
            chosen, networks, origin = _given(options, chosen, world)
            known = measuring.facts(chosen) | origin
        against = "" if dataset.complete else f"only a part of {dataset.name} was used"
        subject = Subject(chosen, dataset, networks, known, against, compiled)
        begin = time.monotonic()
        if chosen.selection and options.weights is None:
            subject = selection.choose(subject, folder, world, console)
        measured = measuring.measure(subject, folder, world, console)
        seconds["sampling and evaluation"] = time.monotonic() - begin
        if world.leads:
            _finish(options, subject, measured, folder, world, seconds, console)
        world.wait()
    return 0


def _profile(options: argparse.Namespace, world: World) -> Profile:
    """The chosen profile with the options that change it."""
    found = profile.load(options.profile or DEFAULTS[world.device.type])
    if options.seed is not None:
        found = replace(found, seed=options.seed)
    if options.steps is not None:
        found = replace(found, training=replace(found.training, steps=options.steps))
    if options.samples is not None:
        found = replace(found, sampling=tuple(
            replace(sampling, count=options.samples) for sampling in found.sampling))
    return found


def _dataset(options: argparse.Namespace, chosen: Profile, world: World,
             console: Console) -> Dataset:
    """Fetched by the leading process, then read by all."""
    if chosen.dataset == "digits":
        return digits.load()
    if not world.leads:
        world.wait()
    with told(console, "fetching CIFAR-10", "bytes") as tell:
        found = cifar10.load(options.data, partial=options.partial_data, cache=BUILD / "data",
                             progress=tell)
    if world.leads:
        world.wait()
    if not found.complete:
        console.print(f"[yellow]{len(found.train):,} training and {len(found.test):,} test images: "
                      f"a part of CIFAR-10, so no number will be comparable[/]")
    return found


def _given(
    options: argparse.Namespace, chosen: Profile, world: World
) -> tuple[Profile, dict[str, nn.Module], dict[str, object]]:
    """The network of --weights in place of a trained one."""
    if options.weights_are is None:
        raise ReproError(f"--weights-are must say what the weights are: one of {', '.join(GIVEN)}")
    folder = options.weights if options.weights.is_dir() else options.weights.parent
    network = load_unet(folder)
    if replace(network.config, dropout=chosen.network.dropout) != chosen.network:
        raise ReproError(f"{folder} must hold the network of the profile, {chosen.network}; got "
                         f"{network.config}")
    network.to(world.device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks memory_format
    kind, origin = GIVEN[options.weights_are]
    sets = tuple(replace(sampling, weights=kind) for sampling in chosen.sampling)
    return replace(chosen, sampling=sets), {kind: network}, origin


def _identity(options: argparse.Namespace, subject: Subject) -> str:
    """One for all evaluations of one run."""
    weights = [] if options.weights is None else [
        fingerprint(network.state_dict()) for network in subject.networks.values()]
    parts = [subject.profile.digest, subject.dataset.fingerprint,
             str(subject.profile.training.steps), *weights]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()


def _finish(options: argparse.Namespace, subject: Subject, measured: Measured, folder: Path,
            world: World, seconds: dict[str, float], console: Console) -> None:
    """Keep the record, draw the pictures, show the tables."""
    chosen, dataset = subject.profile, subject.dataset
    entries = runlog.read(folder / "log.jsonl")
    trained = {} if options.weights else {
        "steps": chosen.training.steps, "devices": world.size,
        "images_per_second": sum(e["images_per_second"] for e in entries) / max(len(entries), 1)}
    record = records.Record(
        profile=chosen.name, title=chosen.title, seed=chosen.seed, run=_identity(options, subject),
        command=shlex.join(["nox", "-s", "repro", "--", *sys.argv[1:]]), commit=machine.commit(),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds={name: round(value, 1) for name, value in seconds.items()},
        hardware=machine.hardware(world.device), versions=machine.versions(),
        dataset={"name": dataset.name, "fingerprint": dataset.fingerprint,
                 "complete": dataset.complete},
        training=trained, numbers=measured.numbers, curve=records.thinned(entries),
        baselines=tuple((b.name, b.bits.mean) for b in measured.baselines),
        unmeasured=measured.unmeasured,
    )
    written = [records.write(record, options.records)] if chosen.record else []
    written.append(records.write(record, folder))
    if chosen.sampling:
        images = load_images(measuring.samples_folder(chosen, folder, 0),
                             min(GRID, chosen.sampling[0].count))
        pictures.write_png(pictures.grid(images, dataset.levels), folder / "samples.png")
        written.append(folder / "samples.png")
    for split, found in measured.likelihoods.items():
        path = folder / f"rate-distortion-{split}.png"
        pictures.write_png(
            pictures.rate_distortion(found.rate, found.rmse, levels=dataset.levels), path)
        written.append(path)
    showing.numbers(measured, console)
    made = report.make([record])
    report.show(made, console)
    written += report.write(made, folder)
    for path in written:
        console.print(f"wrote {path}")
