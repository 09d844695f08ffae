"""A data set refuses what is none; levels and numbers go to and fro without loss."""

import hashlib
import math
from fractions import Fraction

import pytest
import torch

from repro.dataset import Dataset, to_levels, to_unit
from repro.errors import ReproError


def images(*shape, value=0, dtype=torch.uint8):
    return torch.full(shape, value, dtype=dtype)


def test_a_data_set():
    data = Dataset("two", images(2, 3, 4, 5), images(1, 3, 4, 5))
    assert data.shape == (3, 4, 5) and data.levels == 256 and data.complete


@pytest.mark.parametrize("fields, parts", [
    ({"train": images(2, 3, 4, 4, dtype=torch.float32)}, ("train must be uint8", "float32")),
    ({"train": images(2, 4, 4)}, ("train must be", "(N, C, H, W)", "(2, 4, 4)")),
    ({"test": images(0, 1, 4, 4)}, ("test must be", "one or more", "(0, 1, 4, 4)")),
    ({"train": images(2, 0, 4, 4)}, ("train must be", "(2, 0, 4, 4)")),
    ({"test": images(1, 1, 4, 0)}, ("test must be", "(1, 1, 4, 0)")),
    ({"test": images(1, 1, 4, 4, value=17)}, ("test", "below levels = 17", "got 17")),
    ({"train": images(1, 1, 4, 4, value=255)}, ("train", "below levels = 17", "got 255")),
    ({"test": images(1, 3, 4, 4)}, ("test must have images like train", "(1, 4, 4)", "(3, 4, 4)")),
    ({"levels": 1}, ("levels must be 2 or more", "got 1")),
    ({"levels": 257}, ("levels must be", "at most the 256", "got 257")),
])
def test_what_is_no_data_set_is_refused(fields, parts):
    sound = {"train": images(2, 1, 4, 4), "test": images(1, 1, 4, 4), "levels": 17}
    with pytest.raises(ReproError) as error:
        Dataset("bad", **{**sound, **fields})
    for part in parts:
        assert part in str(error.value), f"{part!r} not in {error.value}"


def test_the_fingerprint_is_the_hash_of_what_it_says():
    train = torch.arange(12, dtype=torch.uint8).view(1, 3, 2, 2)
    test = torch.arange(12, 24, dtype=torch.uint8).view(1, 3, 2, 2)
    said = (b"((1, 3, 2, 2), 256)" + bytes(range(12)) + b"((1, 3, 2, 2), 256)"
            + bytes(range(12, 24)))
    assert Dataset("a", train, test).fingerprint == hashlib.sha256(said).hexdigest()


def test_the_fingerprint_is_of_the_values_not_of_their_place_in_memory():
    train = torch.randint(256, (4, 3, 5, 5)).to(torch.uint8)
    data = Dataset("a", train, train[:1])
    for same in (train.to(memory_format=torch.channels_last), train.flip(0).flip(0),
                 torch.stack([train, train], dim=-1)[..., 0]):
        assert Dataset("b", same, train[:1]).fingerprint == data.fingerprint
    changed = train.clone()
    changed[-1, -1, -1, -1] ^= 1
    others = [Dataset("a", changed, train[:1]), Dataset("a", train, changed[-1:]),
              Dataset("a", train[:3], torch.cat([train[3:], train[:1]])),
              Dataset("a", train.view(4, 3, 25, 1), train[:1].view(1, 3, 25, 1))]
    assert data.fingerprint not in [other.fingerprint for other in others]


@pytest.mark.parametrize("levels", [2, 3, 16, 17, 255, 256])
def test_every_level_comes_back_and_lies_where_the_formula_says(levels):
    k = torch.arange(levels, dtype=torch.uint8)
    x = to_unit(k, levels)
    assert x.dtype == torch.float32 and x.shape == k.shape
    exact = [float(Fraction(2 * i, levels - 1) - 1) for i in range(levels)]
    assert (x.double() - torch.tensor(exact, dtype=torch.float64)).abs().max() <= 2 ** -23
    assert x[0] == -1 and x[-1] == 1
    assert to_levels(x, levels).equal(k) and to_levels(x.double(), levels).equal(k)


def test_numbers_become_the_nearest_level_and_the_ends_hold_what_lies_outside():
    x = torch.tensor([-math.inf, -7.0, -1.0, -0.76, -0.74, 0.24, 0.26, 1.0, 1.2, math.inf])
    assert to_levels(x, 5).tolist() == [0, 0, 0, 0, 1, 2, 3, 4, 4, 4]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_numbers_of_half_precision_are_rounded_once(dtype):
    x = torch.linspace(-1, 1, 999).to(dtype)
    for value, level in zip(x.tolist(), to_levels(x, 256).tolist(), strict=True):
        exact = (Fraction(value) + 1) * Fraction(255, 2)
        assert abs(level - exact) <= Fraction(1, 2) + Fraction(1, 2 ** 16), value  # float32's ulp


def test_nan_has_no_level():
    x = torch.zeros(2, 3)
    x[1, 1] = math.nan
    with pytest.raises(ReproError, match=r"x must be numbers; got NaN in 1 of 6"):
        to_levels(x, 256)
