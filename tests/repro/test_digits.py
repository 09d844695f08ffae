"""The digits: the published 1,797 images, each in one part, in the split that is stated."""

import hashlib

import numpy as np
from sklearn.datasets import load_digits

from repro.digits import load


def test_shapes_and_values():
    digits = load()
    assert digits.name == "digits" and digits.complete and digits.levels == 17
    assert digits.train.shape == (1440, 1, 8, 8) and digits.test.shape == (357, 1, 8, 8)
    assert int(digits.train.max()) == 16 and int(digits.train.min()) == 0


def test_every_image_is_in_one_part_and_the_split_is_as_stated():
    digits, source = load(), load_digits().images
    train, test = iter(digits.train.numpy()), iter(digits.test.numpy())
    for i, image in enumerate(source):
        part = test if i % 50 in range(40, 50) else train
        assert np.array_equal(next(part)[0], image), i
    assert next(train, None) is None and next(test, None) is None


def test_both_parts_have_every_digit_in_about_equal_numbers():
    labels = load_digits().target
    of_test = np.array([i % 50 >= 40 for i in range(len(labels))])
    assert np.bincount(labels[of_test]).min() >= 33 and np.bincount(labels[of_test]).max() <= 39
    every_fifth = np.bincount(labels[4::5])
    assert (every_fifth[1], every_fifth[3]) == (21, 52)  # the reason that load gives


def test_the_data_are_those_that_the_recorded_runs_used():
    # Over the source, so that another split and other data are told apart.
    source = load_digits().images.astype(np.uint8).tobytes()
    assert hashlib.sha256(source).hexdigest() == (
        "8f26b2bd9d135c256808f68f14fdabddde6d9c7f869ae419704b051f0f14b3b3")
    assert load().fingerprint == (
        "621993106e5887e2323093115ac1d04e02d69cc75de58548402979e404db7d74")
