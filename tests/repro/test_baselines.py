"""Baselines against known distributions: fractions, scipy's normal and its rectangles."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal, norm, truncnorm

from repro.baselines import (
    RIDGES,
    baselines,
    cut_off_normal,
    gaussian_bits,
    gaussian_log_probability,
    histogram_bits,
    pixel_gaussian_bits,
    split,
    uniform_bits,
)
from repro.errors import ReproError


def images(rows):
    """(N, d) levels as images (N, 1, 1, d)."""
    return torch.as_tensor(np.array(rows), dtype=torch.uint8)[:, None, None, :]


def normal_levels(count, mean, covariance, levels, seed=0):
    """Levels nearest to draws of N(mean, covariance) in [-1, 1]."""
    x = np.random.default_rng(seed).multivariate_normal(mean, covariance, count)
    return images(np.clip(np.rint((x + 1) * (levels - 1) / 2), 0, levels - 1))


def test_uniform():
    assert uniform_bits(256) == 8 and uniform_bits(2) == 1
    assert uniform_bits(17) == pytest.approx(4.087462841250339)


def test_a_histogram_by_hand():
    """Pixel 0: levels 0, 0, ..., 1 of three; pixel 1 is always 2."""
    train = images([[0, 2]] * 9 + [[1, 2]])
    test = images([[0, 2], [2, 2], [1, 0]])
    bits = [-(math.log2(10 / 13) + math.log2(11 / 13)) / 2,
            -(math.log2(1 / 13) + math.log2(11 / 13)) / 2,
            -(math.log2(2 / 13) + math.log2(1 / 13)) / 2]
    found = histogram_bits(train, test, 3).bits
    assert found.mean == pytest.approx(np.mean(bits))
    assert found.error == pytest.approx(np.std(bits, ddof=1) / math.sqrt(3))
    assert found.images == 3


def by_hand(train, test, levels, ridge):
    """Bits of independent pixels by scipy, the ends open."""
    x, y = (part.flatten(1).double().numpy() * 2 / (levels - 1) - 1 for part in (train, test))
    sd = np.sqrt(x.var(0) + ridge * (2 / (levels - 1))**2 / 12)
    half = 1 / (levels - 1)
    upper = np.where(y > 1 - half, np.inf, y + half)
    lower = np.where(y < -1 + half, -np.inf, y - half)
    p = norm.cdf((upper - x.mean(0)) / sd) - norm.cdf((lower - x.mean(0)) / sd)
    return -np.log2(p).mean(1)


@pytest.mark.parametrize("levels", [2, 17, 256])
def test_a_gaussian_of_each_pixel_is_scipy_s(levels):
    train = normal_levels(300, [0.1, -0.3], [[0.2, 0], [0, 0.05]], levels)
    test = normal_levels(40, [0.1, -0.3], [[0.2, 0], [0, 0.05]], levels, seed=1)
    found = pixel_gaussian_bits(train, test, levels)
    bits = by_hand(train, test, levels, found.ridge)
    assert found.bits.mean == pytest.approx(bits.mean(), rel=1e-6)
    assert found.bits.error == pytest.approx(bits.std(ddof=1) / math.sqrt(40), rel=1e-6)


def test_a_fifth_is_held_out_whatever_the_order_of_the_file():
    train = images([[k % 10, k // 10] for k in range(103)])
    fitted, held_out = split(train)
    assert (len(fitted), len(held_out)) == (83, 20)
    rows = [tuple(image.flatten().tolist()) for image in (*fitted, *held_out)]
    assert sorted(rows) == sorted(tuple(image.flatten().tolist()) for image in train)
    assert len(held_out[:, 0, 0, 0].unique()) > 5
    assert split(train)[1].equal(held_out)


def test_the_ridge_is_the_best_for_what_is_held_out():
    train = normal_levels(100, [0.0, 0.0], [[0.01, 0], [0, 0.02]], 17)
    fitted, held_out = split(train)
    bits = [by_hand(fitted, held_out, 17, ridge).mean() for ridge in RIDGES]
    for test in (train[:3], train[50:]):
        assert pixel_gaussian_bits(train, test, 17).ridge == RIDGES[int(np.argmin(bits))]
    # A few pixels far off make a wide Gaussian the better one.
    train[::9] = 0
    assert pixel_gaussian_bits(train, held_out, 17).ridge > RIDGES[int(np.argmin(bits))]


def test_the_ridge_of_all_pixels_is_the_best_for_what_is_held_out():
    train = normal_levels(60, [0.0, 0.0], [[0.01, 0.009], [0.009, 0.01]], 17)
    fitted, held_out = split(train)
    x = fitted.flatten(1).double() / 8 - 1
    covariance = torch.tensor(np.cov(x.numpy().T, ddof=0))
    unit = torch.eye(2, dtype=torch.float64) / 64 / 12
    log_p = [gaussian_log_probability(x.mean(0), covariance + ridge * unit, held_out, 17).mean()
             for ridge in RIDGES]
    for test in (train[:3], torch.zeros_like(train)):
        assert gaussian_bits(train, test, 17).ridge == RIDGES[int(np.argmax(log_p))]


def test_constant_pixels_cost_little_and_a_change_of_them_is_finite():
    train = images([[0, 8]] * 20)
    for model in (histogram_bits, pixel_gaussian_bits, gaussian_bits):
        same, other = (model(train, images([row]), 17).bits.mean for row in ([0, 8], [3, 8]))
        assert 0 <= same < 1 and same < other < math.inf


def test_all_the_gaussian_s_pixels_apart_are_each_pixel_s():
    """Levels in a product grid have no sample covariance: the integral is a product, exactly."""
    rows = [[a, b] for a in (3, 7, 8, 8, 9, 13) for b in (0, 2, 5, 16)]
    train = images(rows * 5)
    found = gaussian_bits(train, images(rows), 17)
    assert found.is_bound
    bits = by_hand(train, images(rows), 17, found.ridge)
    assert found.bits.mean == pytest.approx(bits.mean(), rel=1e-9)
    assert found.bits.error == pytest.approx(bits.std(ddof=1) / math.sqrt(24), rel=1e-9)


@pytest.mark.parametrize("level", [(5, 9), (0, 3), (16, 16), (2, 14)])
def test_a_rectangle_of_two_correlated_pixels(level):
    mean, covariance = np.array([-0.2, 0.1]), np.array([[0.3, 0.15], [0.15, 0.12]])
    x = np.array(level) / 8 - 1
    lower = np.where(np.array(level) == 0, -50, x - 1 / 16)
    upper = np.where(np.array(level) == 16, 50, x + 1 / 16)
    exact = multivariate_normal(mean, covariance).cdf(upper, lower_limit=lower)
    log_p = gaussian_log_probability(torch.tensor(mean), torch.tensor(covariance),
                                     images([level] * 4000), 17).numpy()
    draws = np.exp(log_p)
    error = draws.std(ddof=1) / math.sqrt(4000)
    assert 0 < error < 0.05 * exact
    assert abs(draws.mean() - exact) < 4 * error
    assert log_p.mean() < math.log(exact)  # Jensen: the bits are an upper bound


@pytest.mark.parametrize("a, b", [
    (-1.0, 2.0), (-np.inf, 0.5), (0.5, np.inf), (7.0, 9.0), (-9.0, -7.0), (30.0, 30.1),
    (-3.0, -2.9999), (-np.inf, -20.0), (-np.inf, 8.0), (60.0, 64.0),
])
def test_normals_that_are_cut_off_are_scipy_s(a, b):
    uniform = torch.tensor([1e-9, 0.01, 0.3, 0.5, 0.9, 1 - 1e-9], dtype=torch.float64)
    low, high = (torch.full_like(uniform, end) for end in (a, b))
    z, log_mass = cut_off_normal(low, high, uniform)
    assert bool(((z >= a) & (z <= b)).all())
    assert z.numpy() == pytest.approx(truncnorm(a, b).ppf(uniform.numpy()), rel=1e-7, abs=1e-7)
    if abs(a) < 25:
        sign = -1 if a > 0 else 1  # in the lower tail nothing cancels
        ends = sorted((sign * a, sign * b))
        mass = norm.cdf(ends[1]) - norm.cdf(ends[0])
        assert log_mass.tolist() == pytest.approx([math.log(mass)] * 6, rel=1e-9)


def test_correlation_is_worth_bits():
    covariance = [[0.1, 0.095], [0.095, 0.1]]
    train = normal_levels(2000, [0, 0], covariance, 17)
    test = normal_levels(500, [0, 0], covariance, 17, seed=1)
    apart, joint = pixel_gaussian_bits(train, test, 17), gaussian_bits(train, test, 17)
    gained = -math.log2(1 - 0.95**2) / 4  # mutual information, per pixel
    assert 0.6 * gained < apart.bits.mean - joint.bits.mean < gained + 0.05


def test_a_result_does_not_depend_on_how_many_are_judged():
    train = normal_levels(60, [0, 0], [[0.1, 0.05], [0.05, 0.1]], 17)
    mean, covariance = torch.zeros(2).double(), torch.tensor([[0.1, 0.05], [0.05, 0.1]]).double()
    few, all_ = (gaussian_log_probability(mean, covariance, train[:n], 17) for n in (7, 60))
    assert few.equal(all_[:7]) or torch.allclose(few, all_[:7], rtol=1e-14)


def test_all_of_them_are_told():
    train = normal_levels(50, [0, 0], [[0.1, 0.05], [0.05, 0.1]], 17)
    found = baselines(train, train[:9], 17)
    assert [b.name for b in found] == ["uniform", "histogram of each pixel",
                                       "Gaussian of each pixel", "Gaussian of all pixels"]
    assert [b.is_bound for b in found] == [False, False, False, True]
    assert found[0].bits.mean == math.log2(17) and found[0].bits.error == 0
    assert all(b.bits.images == 9 and math.isfinite(b.bits.mean) for b in found)


@pytest.mark.parametrize("model", [histogram_bits, pixel_gaussian_bits, gaussian_bits])
@pytest.mark.parametrize("train, test, parts", [
    (images([[1]] * 9), images([[1]]), ("train", "10 or more", "(9, 1, 1, 1)")),
    (images([[1]] * 10), images([[1]])[:0], ("test", "1 or more", "(0, 1, 1, 1)")),
    (images([[1]] * 10).float(), images([[1]]), ("train", "uint8", "float32")),
    (images([[1]] * 10), images([[1, 1]]), ("test", "like train", "(1, 1, 1)", "(1, 1, 2)")),
    (images([[1]] * 10), images([[17]]), ("test", "below levels = 17", "17")),
])
def test_images_that_are_not(model, train, test, parts):
    with pytest.raises(ReproError) as caught:
        model(train, test, 17)
    assert all(part in str(caught.value) for part in parts)
