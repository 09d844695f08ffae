"""Draws against enumeration of every timestep, and the history against one kept in lists."""

import io
import math

import pytest
import torch
from statistical import HALVES, IMPORTANCE, UNIFORM

from core.timestep_sampling import (
    LossHistory,
    antithetic_timesteps,
    empty_history,
    importance_probabilities,
    importance_timesteps,
    record_losses,
    uniform_timesteps,
)

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()


def generator(seed=0, device="cpu"):
    return torch.Generator(device=device).manual_seed(seed)


@pytest.mark.parametrize("device", DEVICES)
def test_uniform(device):
    t = uniform_timesteps(5, 20_000, generator(1, device))
    assert t.dtype == torch.int64 and t.device.type == device
    counts = t.cpu().bincount().tolist()
    assert len(counts) == 6 and counts[0] == 0
    assert all(UNIFORM.accepts(count) for count in counts[1:])
    assert torch.equal(t, uniform_timesteps(5, 20_000, generator(1, device)))
    assert not torch.equal(t, uniform_timesteps(5, 20_000, generator(2, device)))
    assert uniform_timesteps(1, 3, generator()).tolist() == [1, 1, 1]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("batch", [1, 2, 7, 8])
def test_antithetic(batch, device):
    t = antithetic_timesteps(1000, batch, generator(0, device))
    half = (batch + 1) // 2
    assert t.shape == (batch,) and t.device.type == device
    assert torch.equal(t[half:], 1001 - t[: batch - half])
    assert 1 <= int(t.min()) and int(t.max()) <= 1000
    assert antithetic_timesteps(1, 3, generator()).tolist() == [1, 1, 1]
    many = torch.cat([antithetic_timesteps(5, batch, generator(n))[:half] for n in range(600)])
    assert len(many) == HALVES[half].n
    assert all(HALVES[half].accepts(count) for count in many.bincount(minlength=6).tolist()[1:])


def full_history(rows):
    """A history whose row t is rows[t - 1], as full as it gets."""
    losses = torch.tensor([[0.0] * len(rows[0]), *rows], dtype=torch.float64)
    seen = torch.full((len(rows) + 1,), len(rows[0]))
    return LossHistory(losses, seen)


def test_probabilities_by_hand():
    history = full_history([[3.0, 4.0], [1.0, 1.0], [0.0, 0.0]])
    p = importance_probabilities(history, uniform_share=0.0)
    roots = [math.sqrt(12.5), 1.0, 0.0]
    assert p.dtype == torch.float64
    assert p.tolist() == pytest.approx([0, *(root / sum(roots) for root in roots)], rel=1e-15)
    mixed = importance_probabilities(history)
    assert mixed.tolist()[1:] == pytest.approx(
        [0.999 * root / sum(roots) + 0.001 / 3 for root in roots], rel=1e-14
    )
    assert importance_probabilities(history, 1.0).tolist() == pytest.approx([0, *[1 / 3] * 3])
    small = LossHistory(1e-9 * history.losses, history.seen)
    assert importance_probabilities(small).tolist() == pytest.approx(mixed.tolist(), rel=1e-14)


def test_uniform_until_every_timestep_is_full():
    history = empty_history(3, n=2)
    third = pytest.approx([0, *[1 / 3] * 3], rel=1e-15)
    assert importance_probabilities(history).tolist() == third
    history = record_losses(history, torch.tensor([1, 1, 2, 2, 3]), torch.tensor([5.0, 1, 1, 1, 1]))
    assert importance_probabilities(history).tolist() == third
    history = record_losses(history, torch.tensor([3]), torch.tensor([1.0]))
    p = importance_probabilities(history, 0.0).tolist()
    assert p[1] == pytest.approx(math.sqrt(13) / (math.sqrt(13) + 2)) and p[2] == p[3]
    single = importance_timesteps(empty_history(1, n=1), 2, generator())
    assert single.t.tolist() == [1, 1] and single.weight.tolist() == [1.0, 1.0]
    zeros = full_history([[0.0, 0.0]] * 3)
    assert importance_probabilities(zeros).tolist() == third


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 1.0])
def test_unbiased_by_enumeration(share):
    """sum over t of p_t weight_t L_t = mean of L_t, whatever the history believed."""
    history = full_history([[3.0, 4.0], [1.0, 2.0], [0.1, 0.1], [7.0, 0.0]])
    true = torch.tensor([2.0, -5.0, 0.25, 11.0], dtype=torch.float64)
    p = importance_probabilities(history, share)
    t, weight = importance_timesteps(history, 4000, generator(), share)  # each t at least once
    weight_of = {n: w for n, w in zip(t.tolist(), weight.tolist(), strict=True)}
    assert sorted(weight_of) == [1, 2, 3, 4] and weight.dtype == torch.float64
    mean = sum(p[n].item() * weight_of[n] * true[n - 1].item() for n in weight_of)
    assert mean == pytest.approx(true.mean().item(), rel=1e-14)


def test_least_second_moment():
    """Where the history is right the estimator of a constant loss has no variance, and (18) has
    the least second moment of all p.
    """
    losses = torch.tensor([3.0, 1.0, 0.5, 2.0], dtype=torch.float64)
    p = importance_probabilities(full_history(losses[:, None].tolist()), 0.0)[1:]
    _, weight = importance_timesteps(full_history(losses[:, None].tolist()), 64, generator(), 0.0)
    assert weight.min() > 0
    per_draw = losses / (4 * p)
    assert torch.allclose(per_draw, losses.mean().expand(4), rtol=1e-14)
    noisy = full_history([[3.0, 1.0], [1.0, 0.0], [0.2, 0.9], [2.0, 2.0]])
    squares = (noisy.losses[1:] ** 2).mean(1)
    best = importance_probabilities(noisy, 0.0)[1:]
    least = (squares / (16 * best)).sum()
    for n in range(50):
        other = torch.rand(4, generator=generator(n), dtype=torch.float64)
        assert (squares / (16 * other / other.sum())).sum() > least


@pytest.mark.parametrize("device", DEVICES)
def test_draws_follow_the_probabilities(device):
    history = full_history([[3.0, 4.0], [1.0, 2.0], [0.5, 0.5]])
    history = LossHistory(history.losses.to(device), history.seen.to(device))
    t, weight = importance_timesteps(history, 20_000, generator(0, device))
    p = importance_probabilities(history).tolist()
    assert weight[:9].tolist() == pytest.approx([1 / (3 * p[n]) for n in t[:9].tolist()], rel=1e-14)
    assert t.dtype == torch.int64 and t.device.type == weight.device.type == device
    counts = t.cpu().bincount(minlength=4).tolist()
    assert counts[0] == 0 and p[1:] == pytest.approx([law.p for law in IMPORTANCE], rel=1e-14)
    assert all(law.accepts(n) for law, n in zip(IMPORTANCE, counts[1:], strict=True))


@pytest.mark.parametrize("device", DEVICES)
def test_the_last_n_of_each_timestep(device):
    """Against lists, with batches that hold one timestep more often than the history is long."""
    T, n = 4, 3
    history, lists = empty_history(T, n, device), [[] for _ in range(T + 1)]
    draw = generator(5)
    for batch in (1, 2, 9, 30, 1, 4, 17, 5):
        t = torch.randint(1, T + 1, (batch,), generator=draw)
        t[: batch // 2] = 2
        losses = torch.rand(batch, generator=draw)
        before = history.losses.clone(), history.seen.clone()
        after = record_losses(history, t.to(device), losses.to(device))
        assert torch.equal(history.losses, before[0]) and torch.equal(history.seen, before[1])
        history = after
        for when, loss in zip(t.tolist(), losses.tolist(), strict=True):
            lists[when].append(loss)
        assert history.seen.tolist() == [len(row) for row in lists]
        for when in range(T + 1):
            kept = sorted(lists[when][-n:])
            row = sorted(history.losses[when].tolist())
            assert row == [0.0] * (n - len(kept)) + kept


def test_default_length_and_gradients():
    history = empty_history(2)
    assert history.losses.shape == (3, 10) and history.seen.tolist() == [0, 0, 0]
    losses = torch.ones(2, requires_grad=True) * 2
    history = record_losses(history, torch.tensor([1, 1], dtype=torch.uint8), losses)
    assert not history.losses.requires_grad and history.losses[1].tolist() == [2, 2, *[0] * 8]
    same = record_losses(history, torch.zeros(0, dtype=torch.long), torch.zeros(0))
    assert torch.equal(same.losses, history.losses) and torch.equal(same.seen, history.seen)


def test_saved_and_restored():
    history = record_losses(empty_history(3), torch.tensor([1, 3]), torch.tensor([0.5, 2.0]))
    file = io.BytesIO()
    torch.save(vars(history), file)
    file.seek(0)
    restored = LossHistory(**torch.load(file, weights_only=True))
    assert torch.equal(restored.losses, history.losses) and torch.equal(restored.seen, history.seen)


HISTORY = empty_history(3, n=2)
LOSSES, SEEN = HISTORY.losses, HISTORY.seen


@pytest.mark.parametrize(
    "call, parts",
    [
        (lambda: uniform_timesteps(0, 4, generator()), ("T must", "1 or more", "0")),
        (lambda: uniform_timesteps(4, 0, generator()), ("batch", "1 or more", "0")),
        (lambda: uniform_timesteps(4.0, 1, generator()), ("T must", "integer", "4.0")),
        (lambda: antithetic_timesteps(4, -3, generator()), ("batch", "1 or more", "-3")),
        (lambda: antithetic_timesteps(0, 4, generator()), ("T must", "0")),
        (lambda: importance_timesteps(HISTORY, 0, generator()), ("batch", "0")),
        (lambda: importance_probabilities(HISTORY, 1.5), ("uniform_share", "[0, 1]", "1.5")),
        (lambda: importance_timesteps(HISTORY, 1, generator(), -1.0), ("uniform_share", "-1.0")),
        (lambda: empty_history(0), ("T must", "0")),
        (lambda: empty_history(3, n=0), ("n must", "0")),
        (lambda: LossHistory(LOSSES.float(), SEEN), ("losses", "float64", "float32")),
        (lambda: LossHistory(LOSSES[0], SEEN), ("losses", "(T + 1, n)", "(2,)")),
        (lambda: LossHistory(LOSSES[:1], SEEN[:1]), ("losses", "T >= 1", "(1, 2)")),
        (lambda: LossHistory(LOSSES[:, :0], SEEN), ("losses", "n >= 1", "(4, 0)")),
        (lambda: LossHistory(LOSSES, SEEN[:3]), ("seen", "(4,)", "(3,)")),
        (lambda: LossHistory(LOSSES, SEEN.int()), ("seen", "int64", "int32")),
        (lambda: LossHistory(LOSSES / 0, SEEN), ("losses", "finite")),
        (
            lambda: record_losses(HISTORY, torch.tensor([1, 4]), torch.ones(2)),
            ("t must", "1..3", "4"),
        ),
        (lambda: record_losses(HISTORY, torch.tensor([0]), torch.ones(1)), ("t must", "0")),
        (lambda: record_losses(HISTORY, torch.tensor([1]), torch.ones(2)), ("(1,)", "(2,)")),
        (lambda: record_losses(HISTORY, 1, torch.ones(())), ("one shape (B,)", "()")),
        (
            lambda: record_losses(HISTORY, torch.tensor([1]), torch.tensor([math.nan])),
            ("losses", "finite", "nan"),
        ),
        (lambda: record_losses(HISTORY, torch.tensor([1]), torch.tensor([1])), ("floating",)),
    ],
)
def test_refusals(call, parts):
    with pytest.raises(ValueError) as error:
        call()
    for part in parts:
        assert part in str(error.value), f"{part!r} not in {error.value}"
