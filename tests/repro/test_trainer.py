"""A step of training against the optimiser of torch, written out by hand in float64."""

import math
from dataclasses import replace

import pytest
import torch

from repro.distributed import World
from repro.errors import ReproError
from repro.profile import Training
from repro.trainer import Trainer, epsilon, learning_rate


@pytest.fixture
def still(profile, changed):
    """Without dropout, so that a loss can be computed a second time."""
    return replace(profile, network=replace(profile.network, dropout=0.0))


def by_hand(trainer, steps):
    """Weights and average after some steps: Adam, clipping and the average as in the papers."""
    network, training = trainer.network, trainer.profile.training
    names = [name for name, _ in network.named_parameters()]
    weights = {n: p.detach().double().clone() for n, p in network.named_parameters()}
    average = {n: w.clone() for n, w in weights.items()}
    m = {n: torch.zeros_like(w) for n, w in weights.items()}
    v = {n: torch.zeros_like(w) for n, w in weights.items()}
    alpha_bar = torch.cumprod(1 - torch.linspace(2e-3, 0.4, 50, dtype=torch.float64), 0)
    for k in range(1, steps + 1):
        x_0, t, eps = trainer.batches(k)
        network.load_state_dict({n: w.float() for n, w in weights.items()}, strict=False)
        a = alpha_bar[t - 1].float()[:, None, None, None]
        predicted = network(a.sqrt() * x_0 + (1 - a).sqrt() * eps, t - 1)
        loss = ((predicted - eps) ** 2).mean()
        gradient = dict(zip(names, torch.autograd.grad(loss, list(network.parameters())),
                            strict=True))
        norm = math.sqrt(sum(float((g.double() ** 2).sum()) for g in gradient.values()))
        rate = training.learning_rate * min(1, k / training.warmup)
        for n in names:
            g = gradient[n].double() * min(1, training.clip / norm)
            m[n] = 0.9 * m[n] + 0.1 * g
            v[n] = 0.999 * v[n] + 0.001 * g * g
            root = (v[n] / (1 - 0.999**k)).sqrt()
            weights[n] = weights[n] - rate * m[n] / (1 - 0.9**k) / (root + 1e-8)
            average[n] = training.ema_decay * average[n] + (1 - training.ema_decay) * weights[n]
    return weights, average


@pytest.mark.parametrize("clip", [math.inf, 1e-3])
def test_steps_are_those_of_the_papers(dataset, still, changed, clip):
    profile = changed(still, "training", clip=clip)
    trainer, other = (Trainer(profile, dataset, World()) for _ in range(2))
    weights, average = by_hand(other, 6)
    before = {n: p.detach().clone() for n, p in trainer.network.named_parameters()}
    for _ in range(6):
        trainer.advance()
    moved = 0.0
    for name, parameter in trainer.network.named_parameters():
        expected = weights[name].float()
        # A step is about 1e-4 long; a float32 near 1 is 6e-8 exact, six times over.
        torch.testing.assert_close(parameter.detach(), expected, rtol=0, atol=5e-7)
        torch.testing.assert_close(trainer.ema.average[name], average[name].float(),
                                   rtol=0, atol=5e-7)
        moved = max(moved, (parameter - before[name]).abs().max().item())
    assert moved > 3e-4


@pytest.mark.parametrize("clip", [1e-3, math.inf])
def test_shards_are_clipped_apart_and_averaged(dataset, still, changed, clip):
    """Each shard's clipped gradient has the norm of the clip; so has no mean of several.

    Unclipped, what one shard leaves behind would be as large as the next one's gradient.
    """
    profile = changed(still, "training", clip=clip, clip_shards=4)
    trainer = Trainer(profile, dataset, World())
    x_0, t, eps = trainer.batches(1)
    expected = []
    for i in range(4):
        part = slice(2 * i, 2 * i + 2)
        loss = trainer._loss(x_0[part], t[part], eps[part])
        gradient = torch.autograd.grad(loss, trainer.parameters)
        norm = sum((g**2).sum() for g in gradient).sqrt()
        expected.append([g * min(1, clip / norm) for g in gradient])
    loss, norm = trainer._gradient(trainer.batches(1))
    for index, parameter in enumerate(trainer.parameters):
        mean = sum(part[index] for part in expected) / 4
        torch.testing.assert_close(parameter.grad, mean, rtol=1e-3, atol=1e-9)
    assert math.sqrt(sum(float((p.grad**2).sum()) for p in trainer.parameters)) < 0.999 * clip
    whole = Trainer(still, dataset, World())
    assert loss.item() == pytest.approx(whole._gradient(whole.batches(1))[0].item(), rel=1e-5)


@pytest.mark.parametrize("kind", ["simple", "variational", "hybrid"])
def test_the_loss_is_one_graph(dataset, still, changed, kind):
    """Nothing in it stops the compiler, and the compiled loss is the same."""
    learned = kind == "hybrid"
    profile = replace(
        still, network=replace(still.network, learns_variance=learned),
        objective=replace(still.objective, kind=kind, variance="learned" if learned else "beta"))
    trainer = Trainer(profile, dataset, World())
    batch = trainer.batches(1)
    compiled = torch.compile(trainer._loss, fullgraph=True, backend="eager")
    assert compiled(*batch).item() == pytest.approx(trainer._loss(*batch).item(), rel=1e-6)


def test_compiled_steps_are_those_of_the_others(dataset, still, monkeypatch):
    """What a GPU runs, with a backend that compiles nothing: every branch for it is taken."""
    compilers = []

    def compiled(function):
        compilers.append(function)
        return compile_it(function, backend="eager")

    compile_it = torch.compile
    monkeypatch.setattr(torch, "compile", compiled)
    ours, theirs = (Trainer(still, dataset, World(), compiled=c) for c in (True, False))
    for _ in range(2):
        ours.advance()
        theirs.advance()
    assert len(compilers) == 1
    for name, parameter in theirs.network.named_parameters():
        torch.testing.assert_close(dict(ours.network.named_parameters())[name], parameter,
                                   rtol=0, atol=1e-6)


def test_summed_loss_is_that_many_times_the_mean(dataset, still, changed):
    mean, total = (Trainer(changed(still, "objective", reduction=r), dataset, World())
                   for r in ("mean", "sum"))
    batch = mean.batches(1)
    assert total._loss(*batch).item() == pytest.approx(64 * mean._loss(*batch).item(), rel=1e-6)


def test_learning_rate_over_the_warm_up():
    training = Training(steps=10, learning_rate=2e-4, warmup=5000)
    assert learning_rate(training, 1) == pytest.approx(4e-8)
    assert learning_rate(training, 2500) == pytest.approx(1e-4)
    assert learning_rate(training, 5000) == learning_rate(training, 10**6) == 2e-4
    assert learning_rate(replace(training, warmup=0), 1) == 2e-4


@pytest.mark.parametrize("step", [1, 10, 1000])
def test_epsilon_of_tensorflow(step):
    """Its update alpha_t m / (sqrt(v) + eps), alpha_t = alpha sqrt(1 - b2^t) / (1 - b1^t)."""
    training = Training(steps=10, adam_epsilon="tensorflow")
    m, v = 1e-7, 1e-14
    theirs = math.sqrt(1 - 0.999**step) / (1 - 0.9**step) * m / (math.sqrt(v) + 1e-8)
    ours = m / (1 - 0.9**step) / (math.sqrt(v / (1 - 0.999**step)) + epsilon(training, step))
    assert ours == pytest.approx(theirs, rel=1e-12)
    assert epsilon(replace(training, adam_epsilon="torch"), step) == 1e-8


def test_state_continues_to_the_same_bits(dataset, profile):
    undisturbed, first, second = (Trainer(profile, dataset, World()) for _ in range(3))
    for _ in range(7):
        undisturbed.advance()
    for _ in range(4):
        first.advance()
    # As they come from a file: in memory order of their indices, not in that of the weights.
    copies = {file: {name: t.detach().clone(memory_format=torch.contiguous_format)
                     for name, t in part.items()} for file, part in first.state().items()}
    second.restore(4, copies)
    for _ in range(3):
        second.advance()
    for file, part in undisturbed.state().items():
        for name, tensor in part.items():
            assert torch.equal(second.state()[file][name], tensor), (file, name)
    assert second.read_loss(7) == undisturbed.read_loss(7)


def test_dropout_differs_from_step_to_step(dataset, profile):
    trainer = Trainer(profile, dataset, World())
    torch.manual_seed(5)
    state = torch.get_rng_state()
    trainer.advance()
    first = torch.get_rng_state()
    trainer.advance()
    assert not torch.equal(first, state) and not torch.equal(first, torch.get_rng_state())


class Among(World):
    """One device of several, as it sees them: an average is a thousand times its own part."""

    def average(self, tensors):
        for tensor in tensors:
            tensor.mul_(1000)


@pytest.mark.parametrize("clip", [0.01, math.inf])
def test_the_average_over_devices_is_clipped_not_its_parts(dataset, still, changed, clip):
    profile = changed(still, "training", clip=clip)
    trainer, alone = Trainer(profile, dataset, Among()), Trainer(profile, dataset, World())
    trainer.advance()
    alone.advance()
    # Adam's first moment is a tenth of the gradient that it was given.
    given, one = (
        torch.cat([10 * x.optimiser.state[p]["exp_avg"].flatten() for p in x.parameters]).norm()
        for x in (trainer, alone))
    assert float(given) == pytest.approx(clip if clip < 1 else 1000 * float(one), rel=1e-4)


def test_each_device_drops_other_parts(dataset, profile):
    seeds = []
    for rank in (0, 1, 1):
        trainer = Trainer(profile, dataset, Among(rank, 2))
        trainer.advance()
        seeds.append(torch.initial_seed())
    assert seeds[0] != seeds[1] == seeds[2]


@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_is_remembered(dataset, profile, poison):
    trainer = Trainer(profile, dataset, World())
    objective = trainer.objective
    trainer.objective = lambda *args: objective(*args) * (poison if trainer.step == 3 else 1)
    for _ in range(6):
        trainer.advance()
    with pytest.raises(ReproError, match=r"not finite at step 4, at the learning rate 0\.00016"):
        trainer.read_loss(6)


def test_a_gradient_that_is_not_finite_is_found_before_the_next_loss(dataset, profile):
    trainer = Trainer(profile, dataset, World())
    trainer.parameters[3].register_hook(lambda gradient: gradient * math.nan)
    trainer.advance()
    with pytest.raises(ReproError, match="not finite at step 1"):
        trainer.require_finite()


def test_tensors_of_another_network_are_refused(dataset, profile):
    trainer = Trainer(profile, dataset, World())
    trainer.advance()
    state = {file: dict(part) for file, part in trainer.state().items()}
    extra = {**state, "optimiser": {**state["optimiser"], "exp_avg.other": torch.zeros(1)}}
    with pytest.raises(ReproError, match=r"also holds exp_avg\.other"):
        Trainer(profile, dataset, World()).restore(1, extra)
    del state["optimiser"]["exp_avg.conv_in.weight"]
    with pytest.raises(ReproError, match="one of this network"):
        Trainer(profile, dataset, World()).restore(1, state)


def test_the_dataset_must_fit_the_network(dataset, profile):
    wide = replace(profile, network=replace(profile.network, image_channels=3))
    with pytest.raises(ReproError, match=r"network takes images of shape \(3, 8, 8\); .*\(1, 8, 8"):
        Trainer(wide, dataset, World())
