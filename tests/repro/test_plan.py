"""Profiles that come with the project, and what a plan makes of two speeds."""

from dataclasses import replace

import pytest
import torch

from core.unet import UNet
from repro import measuring, plan, profile
from repro.distributed import World
from repro.plan import Plan
from repro.profile import Evaluation, Sampling, Selection
from repro.progress import duration, size

NAMES = ("ddim-cifar10", "ddpm-cifar10", "ddpm-cifar10-vlb", "digits",
         "iddpm-cifar10-cosine-hybrid", "smoke", "smoke-cifar10")


def test_every_profile_can_be_loaded():
    assert profile.names() == NAMES
    loaded = {name: profile.load(name) for name in NAMES}
    # One network and recipe, evaluated otherwise.
    assert loaded["ddim-cifar10"].digest == loaded["ddpm-cifar10"].digest
    assert len({p.digest for p in loaded.values()}) == len(NAMES) - 1
    assert len(loaded["ddim-cifar10"].sampling) == 16


@pytest.mark.parametrize("name, parameters, network", [
    ("ddpm-cifar10", 35_746_307, "ddpm"), ("ddpm-cifar10-vlb", 35_746_307, "ddpm"),
    ("iddpm-cifar10-cosine-hybrid", 52_546_438, "iddpm"), ("digits", None, "other")])
def test_networks_are_the_published_ones(name, parameters, network):
    chosen = profile.load(name)
    with torch.device("meta"):
        count = sum(p.numel() for p in UNet(chosen.network).parameters())
    assert parameters in (None, count)
    assert measuring.facts(chosen)["network"] == network


@pytest.mark.parametrize("part, values", [
    ("training", {"steps": 99}), ("training", {"keep": 9}), ("training", {"grid": 9})])
def test_a_run_may_grow_longer_and_write_more_often(profile, changed, part, values):
    assert changed(profile, part, **values).digest == profile.digest


@pytest.mark.parametrize("part, values", [
    ("training", {"batch": 16}), ("training", {"learning_rate": 1.0}), ("process", {"T": 60}),
    ("objective", {"reduction": "sum"}), ("network", {"dropout": 0.0})])
def test_what_changes_a_step_changes_the_digest(profile, changed, part, values):
    assert changed(profile, part, **values).digest != profile.digest


def test_costs_follow_from_two_speeds(profile):
    chosen = replace(
        profile, sampling=(Sampling(10, steps=50), Sampling(4, "ddim", steps=5, tau="uniform")),
        evaluation=Evaluation(likelihood=3, train=2, encoding=(5, 10), encoded=7),
        selection=Selection(5, Sampling(6, "ddim", steps=4, tau="uniform")))
    made = Plan(chosen, 1, 8, training_speed=4.0, sampling_speed=2.0, memory=1)
    assert made.training_seconds == 12 * 8 / 4
    assert made.candidates == 3  # after 5, 10 and 12 steps
    assert made.sampling_seconds == (10 * 50 + 4 * 5 + 3 * 6 * 4) / 2
    assert made.evaluation_seconds == (5 * 50 + 2 * 7 * 15) / 2
    assert made.seconds == pytest.approx(24 + 296 + 230)
    with torch.device("meta"):
        count = sum(p.numel() for p in UNet(chosen.network).parameters())
    # Four checkpoints of weights, average and two moments, three averages; 32 images of 64 bytes.
    assert made.disk == 4 * count * (4 * 4 + 3) + 64 * (10 + 4 + 3 * 6)
    assert Plan(profile, 1, 8, 4.0, 2.0, 1).candidates == 0


def test_a_plan_is_measured_with_compiled_networks_too(profile, monkeypatch):
    compile_it = torch.compile
    monkeypatch.setattr(torch, "compile", lambda f: compile_it(f, backend="eager"))
    monkeypatch.setattr(plan, "SECONDS", 0.01)
    made = plan.measure(profile, World(), compiled=True)
    assert made.training_speed > 0 and made.sampling_speed > 0 and made.batch == 8


@pytest.mark.parametrize("seconds, said", [
    (12, "12 s"), (99, "99 s"), (204, "3.4 min"), (38160, "10.6 h"), (16e6, "185.2 days")])
def test_durations(seconds, said):
    assert duration(seconds) == said


@pytest.mark.parametrize("count, said", [(45e6, "45 MB"), (3.4e9, "3.4 GB"), (0, "0 MB")])
def test_sizes(count, said):
    assert size(count) == said
