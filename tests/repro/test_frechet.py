"""The Frechet distance against closed forms, exact fractions, 50-digit arithmetic and features."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import torch

from repro.errors import ReproError
from repro.frechet import Moments, frechet_distance, moments

EPS = 2.0 ** -52


def gaussian(mean, covariance, n=2):
    """Moments of this mean and covariance."""
    covariance = torch.as_tensor(covariance, dtype=torch.float64)
    return Moments(n, torch.as_tensor(mean, dtype=torch.float64), covariance * (n - 1))


def rotation(size, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64))[0]


def covariance(size, rank, seed):
    x = torch.randn(size, rank, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return x @ x.mT


def bound(a, b, distance):
    """The error bound that frechet_distance states."""
    D = len(a.mean)
    h = sum(D * math.sqrt(2 * EPS * max(np.linalg.eigvalsh(x.covariance.numpy())[-1], 0))
            for x in (a, b))
    size = float(a.covariance.trace() + b.covariance.trace() + (a.mean - b.mean).square().sum())
    return 2 * math.sqrt(distance) * h + h * h + 4 * D * EPS * size


def exact(a, b):
    """d^2 in 50 digits, by eigen-decompositions of C_a and of C_a^1/2 C_b C_a^1/2."""
    with mpmath.workdps(60):
        means = mpmath.fsum((mpmath.mpf(x) - mpmath.mpf(y)) ** 2
                            for x, y in zip(a.mean.tolist(), b.mean.tolist(), strict=True))
        first, second = (mpmath.matrix(x.covariance.tolist()) for x in (a, b))
        values, vectors = mpmath.eigsy(first)
        D = len(values)
        root = vectors * mpmath.diag([mpmath.sqrt(max(v, 0)) for v in values]) * vectors.T
        product = root * second * root
        cross = mpmath.eigsy((product + product.T) / 2, eigvals_only=True)
        traces = mpmath.fsum(first[i, i] + second[i, i] for i in range(D))
        return float(means + traces - 2 * mpmath.fsum(mpmath.sqrt(max(v, 0)) for v in cross))


@pytest.mark.parametrize("features, fragment", [
    (torch.zeros(0, 3), "shape (n, D), n >= 1; got torch.float32, (0, 3)"),
    (torch.zeros(3, 0), "(3, 0)"),
    (torch.zeros(3), "(3,)"),
    (torch.zeros(2, 3, dtype=torch.int64), "torch.int64"),
    (torch.tensor([[1.0], [math.nan]]), "features must be finite numbers"),
    (torch.tensor([[1.0], [math.inf]]), "features must be finite numbers"),
    (torch.tensor([[1e200], [-1e200]], dtype=torch.float64), "squares overflow"),
])
def test_bad_features_are_refused(features, fragment):
    with pytest.raises(ReproError) as error:
        Moments.of(features)
    assert fragment in str(error.value)


def test_bad_moments_are_refused():
    mean, scatter = torch.zeros(2).double(), torch.zeros(2, 2).double()
    with pytest.raises(ReproError, match="n must be 1 or more; got 0"):
        Moments(0, mean, scatter)
    with pytest.raises(ReproError, match=r"shapes \(D,\) and \(D, D\); got \(2,\) and \(2, 3\)"):
        Moments(1, mean, torch.zeros(2, 3).double())
    with pytest.raises(ReproError, match=r"must be float64; got torch\.float64 and torch\.float32"):
        Moments(1, mean, scatter.float())


def test_what_has_no_distance_is_refused():
    one, two = Moments.of(torch.ones(1, 2)), Moments.of(torch.rand(2, 2))
    with pytest.raises(ReproError, match="n must be 2 or more for a covariance; got 1"):
        frechet_distance(one, two)
    with pytest.raises(ReproError, match="one length; got 2 and 3"):
        frechet_distance(two, Moments.of(torch.rand(2, 3)))
    with pytest.raises(ReproError, match="one length; got 2 and 3"):
        two.merge(Moments.of(torch.rand(2, 3)))
    with pytest.raises(ReproError, match="one batch or more; got none"):
        moments(iter(()))


def exact_moments(features):
    rows = [[Fraction(v) for v in row] for row in features.double().tolist()]
    n, D = len(rows), len(rows[0])
    mean = [sum(row[i] for row in rows) / n for i in range(D)]
    cov = [[sum((r[i] - mean[i]) * (r[j] - mean[j]) for r in rows) / (n - 1) for j in range(D)]
           for i in range(D)]
    return mean, cov


@pytest.mark.parametrize("size", [1, 2, 7, 64, 200])
@pytest.mark.parametrize("offset", [0.0, 1e5])
def test_moments_are_exact_whatever_the_batches(size, offset):
    x = torch.randn(200, 3, dtype=torch.float64) * torch.tensor([1.0, 0.5, 2.0]) + offset
    got = moments(x.split(size))
    mean, cov = exact_moments(x)
    assert got.n == 200 and got.mean.shape == (3,) and got.covariance.shape == (3, 3)
    merges = -(-200 // size)
    for i in range(3):
        assert abs(Fraction(got.mean[i].item()) - mean[i]) <= 200 * EPS * (1 + offset)
        for j in range(3):
            scale = math.sqrt(cov[i][i] * cov[j][j])
            worst = (200 + 4 * merges) * EPS * (1 + offset / 0.4) * scale
            assert abs(float(Fraction(got.covariance[i, j].item()) - cov[i][j])) <= worst


def test_float32_features_are_summed_in_float64():
    # In float32 the mean of these would be off by a hundredth, and their variance by far more.
    x = (torch.randn(4_000, 1) + 30_000).float()
    mean, cov = exact_moments(x)
    got = moments(x.split(300))
    assert float(got.mean[0]) == pytest.approx(float(mean[0]), rel=1e-13)
    assert float(got.covariance[0, 0]) == pytest.approx(float(cov[0][0]), rel=1e-9)


def test_devices_merge_in_any_order():
    parts = [Moments.of(torch.randn(n, 4).double() + n) for n in (3, 1, 50, 8)]
    forward = parts[0].merge(parts[1]).merge(parts[2]).merge(parts[3])
    backward = parts[3].merge(parts[2].merge(parts[1].merge(parts[0])))
    assert forward.n == backward.n == 62
    torch.testing.assert_close(forward.mean, backward.mean, rtol=1e-14, atol=1e-13)
    torch.testing.assert_close(forward.scatter, backward.scatter, rtol=1e-13, atol=1e-10)


def test_one_dimension():
    # (m_a - m_b)^2 + (s_a - s_b)^2
    a, b = gaussian([1.0], [[9.0]]), gaussian([-1.5], [[4.0]])
    assert frechet_distance(a, b) == pytest.approx(2.5 ** 2 + 1, rel=1e-14)


def test_diagonal_covariances():
    a = gaussian([0.0, 1.0, 2.0], torch.diag(torch.tensor([1.0, 4.0, 0.0])))
    b = gaussian([0.0, 0.0, 0.0], torch.diag(torch.tensor([25.0, 0.0, 0.0])))
    # (1 - 5)^2 + (2 - 0)^2 + 0, and 1 + 4 between the means
    assert frechet_distance(a, b) == pytest.approx(25, rel=1e-14)


def test_commuting_covariances():
    # One basis for both, that of a rotation: the roots of the eigenvalues are compared.
    basis = rotation(6)
    first, second = torch.arange(6.0).double(), torch.arange(6.0).double().flip(0)
    a, b = (gaussian(torch.zeros(6), basis @ torch.diag(v) @ basis.mT) for v in (first, second))
    expected = float((first.sqrt() - second.sqrt()).square().sum())
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-12)


def test_multiples_of_the_identity():
    a, b = gaussian(torch.zeros(10), 9 * torch.eye(10)), gaussian(torch.zeros(10), torch.eye(10))
    assert frechet_distance(a, b) == pytest.approx(10 * (3 - 1) ** 2, rel=1e-14)


def test_rank_one():
    # |u|^2 + |v|^2 - 2 |u . v|
    u, v = torch.tensor([3.0, 0.0, 4.0]).double(), torch.tensor([1.0, 2.0, -2.0]).double()
    a, b = gaussian(torch.zeros(3), torch.outer(u, u)), gaussian(torch.zeros(3), torch.outer(v, v))
    assert frechet_distance(a, b) == pytest.approx(25 + 9 - 2 * 5, rel=1e-13)


def test_directions_without_overlap_have_no_cross_term():
    # Rounding leaves 1e-16 in place of zeros, and 1e-8 as their roots: here all would add up.
    basis = rotation(40)
    halves = (torch.arange(40) < 20).double()
    a, b = (gaussian(torch.zeros(40), basis @ torch.diag(v) @ basis.mT)
            for v in (halves, 1 - halves))
    assert frechet_distance(a, b) == pytest.approx(40, rel=1e-13)


def test_a_small_variance_is_no_rounded_zero():
    a, b = (gaussian([0.0, 0.0], [[1.0, 0.0], [0.0, v]]) for v in (1e-11, 4e-11))
    assert frechet_distance(a, b) == pytest.approx(1e-11, rel=1e-3)  # (1 - 2)^2 1e-11


def test_without_any_spread_only_the_means_count():
    a, b = gaussian([3.0, 0.0], torch.zeros(2, 2)), gaussian([0.0, 4.0], torch.zeros(2, 2))
    assert frechet_distance(a, b) == 25
    assert frechet_distance(a, gaussian([3.0, 0.0], torch.eye(2))) == pytest.approx(2, rel=1e-14)


@pytest.mark.parametrize("rank", [2, 8, 30])
def test_symmetry_and_common_rotation_and_shift(rank):
    first, second = covariance(8, rank, 1), covariance(8, rank, 2)
    mean = torch.arange(8.0).double()
    a, b = gaussian(mean, first), gaussian(-mean, second)
    expected = frechet_distance(a, b)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-12)
    turn = rotation(8, seed=5)
    moved = [gaussian(turn @ x.mean + 7, turn @ x.covariance @ turn.mT) for x in (a, b)]
    assert frechet_distance(*moved) == pytest.approx(expected, rel=1e-12)
    # But turning one of them alone is another question.
    other = frechet_distance(moved[0], b)
    assert abs(other - expected) > 0.1


@pytest.mark.parametrize("rank", [1, 3, 5, 20])
def test_equal_sets_are_no_distance_apart(rank):
    a = gaussian(torch.ones(5), covariance(5, rank, 3))
    turned = rotation(5) @ rotation(5).mT  # the identity up to rounding
    b = gaussian(torch.ones(5), turned @ a.covariance @ turned.mT)
    for x in (a, b):
        d = frechet_distance(a, x)
        assert 0 <= d <= 100 * EPS * float(a.covariance.trace())


@pytest.mark.parametrize("seed", range(6))
def test_well_conditioned_against_fifty_digits(seed):
    a = gaussian(torch.full((4,), 0.1 * seed), covariance(4, 40, seed))
    b = gaussian(torch.zeros(4), covariance(4, 40, seed + 100))
    size = float(a.covariance.trace() + b.covariance.trace())
    assert abs(frechet_distance(a, b) - exact(a, b)) <= 20 * EPS * size


@pytest.mark.parametrize("ranks", [(1, 1), (1, 4), (2, 3), (3, 3), (4, 2)])
@pytest.mark.parametrize("seed", range(3))
def test_singular_against_fifty_digits_within_the_stated_bound(ranks, seed):
    # Small integers: the covariances are exact in float64, and exactly singular.
    generator = torch.Generator().manual_seed(seed)
    a, b = (gaussian(torch.zeros(4), x @ x.mT) for x in (
        torch.randint(-3, 4, (4, rank), generator=generator).double() for rank in ranks))
    truth = exact(a, b)
    assert abs(frechet_distance(a, b) - truth) <= 1e-13 * float(
        a.covariance.trace() + b.covariance.trace() + 1)


@pytest.mark.parametrize("small", [1e-6, 1e-12, 1e-15, 1e-16, 1e-20])
def test_nearly_singular_against_fifty_digits_within_the_stated_bound(small):
    values = torch.tensor([1.0, 0.3, small, small / 2]).double()
    first, second = rotation(4, 1), rotation(4, 2)
    a = gaussian(torch.zeros(4), first @ torch.diag(values) @ first.mT)
    b = gaussian(torch.zeros(4), second @ torch.diag(values.flip(0)) @ second.mT)
    a, b = (Moments(2, x.mean, (x.scatter + x.scatter.mT) / 2) for x in (a, b))
    truth = exact(a, b)
    assert abs(frechet_distance(a, b) - truth) <= bound(a, b, truth)


def test_fewer_images_than_features():
    # The cross term straight from the features: singular values of X Y^T / (n - 1), a small
    # matrix, so that no covariance of 512 by 512 is formed, whose rank is 99.
    x, y = torch.randn(100, 512).double(), 0.5 * torch.rand(80, 512).double() + 0.2
    a, b = moments(x.split(33)), moments(y.split(80))
    p, q = x.numpy() - x.numpy().mean(0), y.numpy() - y.numpy().mean(0)
    cross = np.linalg.svd(p @ q.T, compute_uv=False).sum() / math.sqrt(99 * 79)
    expected = (np.square(x.numpy().mean(0) - y.numpy().mean(0)).sum()
                + np.square(p).sum() / 99 + np.square(q).sum() / 79 - 2 * cross)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-11)
