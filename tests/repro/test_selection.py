"""The weights that are judged are those whose samples are nearest, by a second computation."""

import io
import json
from dataclasses import replace

import numpy
import pytest
import scipy
import torch
from rich.console import Console
from safetensors.torch import load_file, save_file

from repro import measuring, selection
from repro.distributed import World
from repro.errors import ReproError
from repro.measuring import Subject
from repro.profile import Sampling, Selection
from repro.sampling import load_images
from repro.training import train


@pytest.fixture
def run(profile, dataset, tmp_path):
    """A trained subject with three candidates."""
    chosen = replace(profile, selection=Selection(
        5, Sampling(count=90, sampler="ddim", steps=4, tau="uniform", clip="off")))
    outcome = train(chosen, dataset, tmp_path, World(), Console(quiet=True),
                    on_candidate=lambda trainer: selection.keep(trainer, tmp_path))
    networks = measuring.networks_of(outcome.trainer.network, outcome.trainer.ema)
    known = measuring.facts(chosen) | measuring.trained(chosen)
    return Subject(chosen, dataset, networks, known), tmp_path


def choose(subject, folder):
    return selection.choose(subject, folder, World(), Console(quiet=True))


def fid(real, made):
    """By scipy's matrix root."""
    a, b = (x.flatten(1).double().numpy() for x in (real, made))
    cross = scipy.linalg.sqrtm(numpy.cov(a.T) @ numpy.cov(b.T))
    return (((a.mean(0) - b.mean(0)) ** 2).sum()
            + numpy.trace(numpy.cov(a.T) + numpy.cov(b.T) - 2 * cross.real))


def test_the_candidate_of_the_lowest_distance_is_chosen(run):
    subject, folder = run
    steps = [5, 10, 12]
    chosen = choose(subject, folder)
    made = [load_images(folder / "candidates" / f"step-{n:08d}", 90) for n in steps]
    distances = [fid(subject.dataset.train, images) for images in made]
    best = steps[distances.index(min(distances))]
    ranked = json.loads((folder / "candidates" / "chosen.json").read_text())
    assert next(iter(ranked)) == str(best) and len(ranked) == 3
    assert list(ranked.values()) == pytest.approx(sorted(distances), rel=1e-6)
    weights = load_file(folder / "candidates" / f"step-{best:08d}.safetensors")
    for name, parameter in chosen.networks["ema"].named_parameters():
        assert torch.equal(parameter, weights[name])
    assert chosen.facts["selection"] == "minimum FID" and subject.facts["selection"] == "last"
    assert torch.equal(chosen.networks["raw"].conv_in.weight,
                       subject.networks["raw"].conv_in.weight)


def test_candidates_are_the_averages_of_their_steps(run):
    subject, folder = run
    last = load_file(folder / "candidates" / "step-00000012.safetensors")
    for name, parameter in subject.networks["ema"].named_parameters():
        assert torch.equal(last[name], parameter)
    first = load_file(folder / "candidates" / "step-00000005.safetensors")
    assert not torch.equal(first["conv_in.weight"], last["conv_in.weight"])


def test_compiled_networks_make_the_same_images(run, monkeypatch):
    """As on a GPU, with a backend that compiles nothing."""
    subject, folder = run
    compilers, compile_it = [], torch.compile

    def compiled(network):
        compilers.append(network)
        return compile_it(network, backend="eager")

    monkeypatch.setattr(torch, "compile", compiled)
    for name, one in (("plain", subject), ("compiled", replace(subject, compiled=True))):
        measuring.sample_set(one, Sampling(20, steps=50), folder / name, World(),
                             Console(quiet=True))
    assert compilers == [subject.networks["ema"]]
    assert torch.equal(load_images(folder / "plain", 20), load_images(folder / "compiled", 20))


def test_without_an_extractor_the_last_weights_are_judged(run, monkeypatch):
    subject, folder = run

    def none(profile, world):
        raise ReproError("nothing to extract features with")

    monkeypatch.setattr(measuring, "extractor", none)
    said = Console(record=True, file=io.StringIO(), width=200)
    assert selection.choose(subject, folder, World(), said) is subject
    assert "the last weights are judged: nothing to extract" in said.export_text()


def broken(path):
    path.write_bytes(path.read_bytes()[:-5])


def of_another_network(path):
    save_file({"w": torch.zeros(3)}, path)


@pytest.mark.parametrize("fault", [broken, of_another_network])
def test_a_candidate_that_is_none(run, fault):
    subject, folder = run
    fault(folder / "candidates" / "step-00000010.safetensors")
    with pytest.raises(ReproError, match=r"step-00000010\.safetensors must be a candidate of this"):
        choose(subject, folder)


def test_no_candidate(run, tmp_path):
    subject, _ = run
    with pytest.raises(ReproError, match="must hold the candidates of the run; there is none"):
        choose(subject, tmp_path / "empty")
