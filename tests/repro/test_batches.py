"""Batches: the same on any number of devices, every image once an epoch, nothing hidden."""

from collections import Counter

import pytest
import torch

from repro.batches import Batches, draw
from repro.dataset import Dataset
from repro.distributed import World
from repro.errors import ReproError


def numbered(n):
    """Images that tell their own number: pixel (0, 0) holds it."""
    images = torch.zeros(n, 1, 8, 8, dtype=torch.uint8)
    images[:, 0, 0, 0] = torch.arange(n)
    return Dataset("numbered", images, images)


def seen(batch):
    return ((batch.x_0[:, 0, 0, 0] + 1) * 127.5).round().int().tolist()


def test_every_image_is_seen_once_an_epoch_across_batches(profile, changed):
    profile = changed(profile, "training", flip=False)
    batches = Batches(numbered(29), profile, World())
    order = [number for step in range(1, 30) for number in seen(batches(step))]
    assert len(order) == 29 * 8
    epochs = [order[i:i + 29] for i in range(0, len(order), 29)]
    assert all(Counter(epoch) == Counter(range(29)) for epoch in epochs)
    assert epochs[0] != epochs[1]


def test_a_batch_larger_than_the_set_is_several_epochs(profile, changed):
    profile = changed(profile, "training", flip=False, batch=12)
    counts = Counter(seen(Batches(numbered(5), profile, World())(1)))
    assert sum(counts.values()) == 12 and set(counts.values()) <= {2, 3}


def test_a_step_is_a_function_of_seed_and_step(dataset, profile):
    first, again = Batches(dataset, profile, World()), Batches(dataset, profile, World())
    for step in (7, 3, 7):
        for a, b in zip(first(step), again(step), strict=True):
            assert torch.equal(a, b)
    assert not torch.equal(first(3).eps, first(4).eps)


@pytest.mark.parametrize("size", [2, 4, 8])
def test_the_devices_share_one_batch(dataset, profile, size):
    whole = Batches(dataset, profile, World())(5)
    parts = [Batches(dataset, profile, World(rank, size))(5) for rank in range(size)]
    for index, expected in enumerate(whole):
        assert torch.equal(torch.cat([part[index] for part in parts]), expected)


@pytest.mark.parametrize("size, shards", [(3, 1), (16, 1), (4, 2)])
def test_devices_that_do_not_divide_the_batch(dataset, profile, changed, size, shards):
    profile = changed(profile, "training", clip_shards=shards)
    with pytest.raises(ReproError, match=f"must divide batch = 8.*got {size}"):
        Batches(dataset, profile, World(0, size))


def test_shapes_ranges_and_levels(dataset, profile):
    batch = Batches(dataset, profile, World())(1)
    assert batch.x_0.shape == batch.eps.shape == (8, 1, 8, 8)
    assert batch.x_0.dtype == batch.eps.dtype == torch.float32
    assert batch.t.dtype == torch.int64 and batch.t.shape == (8,)
    levels = (batch.x_0 + 1) * 8
    torch.testing.assert_close(levels, levels.round(), rtol=0, atol=1e-5)


def test_timesteps_reach_both_ends_and_noise_is_standard(dataset, profile):
    batches = Batches(dataset, profile, World())
    t = torch.cat([batches(step).t for step in range(1, 200)])
    assert t.min() == 1 and t.max() == 50
    eps = torch.cat([batches(step).eps.flatten() for step in range(1, 200)])
    # 101,888 numbers: 6 standard deviations of the mean and of the variance.
    assert abs(eps.mean()) < 6 * len(eps) ** -0.5
    assert abs(eps.var() - 1) < 6 * (2 / len(eps)) ** 0.5


def test_antithetic_timesteps_pair_up(dataset, profile, changed):
    profile = changed(profile, "objective", timesteps="antithetic")
    t = Batches(dataset, profile, World())(1).t
    assert sorted((t[:4] + t[4:]).tolist()) == [51] * 4


def test_half_of_the_images_are_mirrored(profile, changed):
    images = torch.zeros(64, 1, 8, 8, dtype=torch.uint8)
    images[:, 0, :, 0] = 255  # a bar on the left
    dataset = Dataset("bars", images, images)
    profile = changed(profile, "training", batch=64)
    flipped = [(Batches(dataset, profile, World())(step).x_0[:, 0, 0, 7] > 0).sum().item()
               for step in range(1, 9)]
    assert 0 < min(flipped) and max(flipped) < 64
    assert abs(sum(flipped) - 256) < 6 * (512 / 4) ** 0.5
    kept = Batches(dataset, changed(profile, "training", flip=False), World())(1)
    assert (kept.x_0[:, 0, :, 0] == 1).all() and (kept.x_0[:, 0, :, 1:] == -1).all()


def test_what_is_mirrored_says_nothing_of_timesteps_and_noise(profile, changed):
    """Of 512 images some are mirrored and some not, whatever t is and the sign of each noise.

    By chance one of the cases is empty less often than once in 1e60 seeds.
    """
    images = torch.zeros(64, 1, 8, 8, dtype=torch.uint8)
    images[:, 0, :, 0] = 255  # a bar on the left
    batches = Batches(Dataset("bars", images, images), changed(profile, "training", batch=64),
                      World())
    parts = [batches(step) for step in range(1, 9)]
    mirrored = torch.cat([part.x_0[:, 0, 0, 7] > 0 for part in parts])
    late = torch.cat([part.t > profile.process.T // 2 for part in parts])
    positive = torch.cat([part.eps.flatten(1) > 0 for part in parts])
    assert mirrored.shape == (512,) and positive.shape == (512, 64)
    for where in (late, *positive.unbind(1)):
        for image in (mirrored, ~mirrored):
            assert (image & where).any() and (image & ~where).any()


def test_draws_differ_by_seed_purpose_and_number():
    seeds = {draw(*key, "cpu").initial_seed()
             for key in ((0, "step", 1), (0, "step", 2), (1, "step", 1), (0, "epoch", 1))}
    assert len(seeds) == 4
