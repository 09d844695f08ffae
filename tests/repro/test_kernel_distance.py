"""The kernel distance against double sums in fractions, and its properties."""

import itertools
import math
from fractions import Fraction

import pytest
import torch

from repro.errors import ReproError
from repro.kernel_distance import kernel_distance, mmd2


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def double_sums(x, y):
    """The definition, exactly: every pair by hand."""
    x, y = ([[Fraction(v) for v in row] for row in z.tolist()] for z in (x, y))

    def k(u, v):
        return (sum(a * b for a, b in zip(u, v, strict=True)) / len(u) + 1) ** 3

    def within(z):
        pairs = list(itertools.permutations(z, 2))
        return sum(k(u, v) for u, v in pairs) / len(pairs)

    cross = sum(k(u, v) for u in x for v in y) / (len(x) * len(y))
    return float(within(x) + within(y) - 2 * cross)


@pytest.mark.parametrize("x, y, fragment", [
    (torch.zeros(1, 3), torch.zeros(2, 3), "x must be floating-point numbers of shape (n, D)"),
    (torch.zeros(2, 3), torch.zeros(0, 3), "y must be floating-point numbers"),
    (torch.zeros(2), torch.zeros(2, 3), "got torch.float32, (2,)"),
    (torch.zeros(2, 0), torch.zeros(2, 0), "(2, 0)"),
    (torch.zeros(2, 3, dtype=torch.uint8), torch.zeros(2, 3), "torch.uint8"),
    (torch.zeros(2, 3), torch.full((2, 3), math.nan), "y must hold finite features"),
    (torch.full((2, 3), math.inf), torch.zeros(2, 3), "x must hold finite features"),
    (torch.zeros(2, 3), torch.zeros(2, 4), "one length; got 3 and 4"),
])
def test_bad_features_are_refused(x, y, fragment):
    for measure in (mmd2, lambda x, y: kernel_distance(x, y, generator(), size=2)):
        with pytest.raises(ReproError) as error:
            measure(x, y)
        assert fragment in str(error.value)


@pytest.mark.parametrize("settings, fragment", [
    ({"size": 1}, "size must be in 2..4, the smaller set; got 1"),
    ({"size": 5}, "size must be in 2..4, the smaller set; got 5"),
    ({"size": 2, "subsets": 0}, "subsets must be 1 or more; got 0"),
    ({}, "got 1000"),
])
def test_bad_subsets_are_refused(settings, fragment):
    with pytest.raises(ReproError) as error:
        kernel_distance(torch.rand(4, 2), torch.rand(6, 2), generator(), **settings)
    assert fragment in str(error.value)


@pytest.mark.parametrize("n, m, D", [(2, 2, 1), (2, 5, 3), (7, 4, 2), (9, 9, 5)])
def test_all_pairs_against_double_sums(n, m, D):
    x, y = torch.randn(n, D), 2 * torch.randn(m, D) + 0.5
    expected = double_sums(x, y)
    assert mmd2(x, y) == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert mmd2(y, x) == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_a_closed_form():
    # k(0, .) = 1, and k(x_1, x_2) = (4 / 1 + 1)^3 = 125 with x_1 = x_2 = 2.
    assert mmd2(torch.full((2, 1), 2.0), torch.zeros(2, 1)) == 125 + 1 - 2


def test_rows_beyond_one_block():
    # Copies: the sums over 1,500 rows follow from those over 3, the diagonal included.
    x, y = torch.randn(3, 2).double(), torch.randn(3, 2).double() + 1
    many, few = 500, 3

    def k(u, v):
        return float((torch.dot(u, v) / 2 + 1) ** 3)

    def within(z):
        total = sum(k(u, v) for u in z for v in z) * many ** 2 - sum(k(u, u) for u in z) * many
        return total / (few * many * (few * many - 1))

    cross = sum(k(u, v) for u in x for v in y) / few ** 2
    got = mmd2(x.repeat(many, 1), y.repeat(many, 1))
    assert got == pytest.approx(within(x) + within(y) - 2 * cross, rel=1e-11)


def test_subsets_average_the_estimates_of_what_was_drawn():
    # A subset of everything is everything: every estimate is the full one.
    x, y = torch.randn(6, 2), torch.randn(6, 2) + 1
    whole = kernel_distance(x, y, generator(), subsets=4, size=6)
    assert whole.mean == pytest.approx(double_sums(x, y), rel=1e-12)
    assert whole.deviation == pytest.approx(0, abs=1e-12)
    assert (whole.subsets, whole.size) == (4, 6)


def test_subsets_have_no_repeats():
    # Of distinct one-hot features any subset without repeats has the same estimate:
    # k = 1 between different images, so within = 1, exactly.
    x = torch.eye(12)
    y = torch.zeros(12, 12)
    got = kernel_distance(x, y, generator(), subsets=50, size=6)
    assert got.mean == pytest.approx(1 + 1 - 2, abs=1e-14)
    assert got.deviation == pytest.approx(0, abs=1e-14)


def test_both_sets_are_drawn_from_anew():
    x, y = torch.randn(40, 3), torch.randn(30, 3)
    constant = torch.zeros(30, 3)
    for a, b in ((x, constant), (constant, y)):
        assert kernel_distance(a, b, generator(), subsets=5, size=5).deviation > 1e-3


def test_the_generator_alone_decides():
    x, y = torch.randn(40, 3), torch.randn(30, 3)
    first, second, third = (kernel_distance(x, y, generator(seed), subsets=5, size=10)
                            for seed in (1, 1, 2))
    assert first == second
    assert first.mean != third.mean


def test_deviation_is_of_the_subsets_as_a_population():
    x, y = torch.randn(40, 3), torch.randn(30, 3)
    one, two = kernel_distance(x, y, generator(), 1, 10), kernel_distance(x, y, generator(), 2, 10)
    second = 2 * two.mean - one.mean
    assert one.deviation == 0
    assert two.deviation == pytest.approx(abs(second - one.mean) / 2, rel=1e-9)


def test_unbiased_at_any_size():
    # Standard normals in one dimension, shifted by 1: E k = E (x y + 1)^3 = 1 + 3 E (xy)^2 + ...
    # With X ~ N(0, 1), Y ~ N(1, 1): E k(X, X') = 1 + 3 = 4; E k(Y, Y') = (m1^2 terms) 1 + 3 + 3 * 4
    # + 16 = 32, moments of Y being 1, 2, 4; E k(X, Y) = 1 + 3 * 2 = 7: 4 + 32 - 14 = 22.
    x = torch.randn(4000, 1, generator=generator(3)).double()
    y = torch.randn(4000, 1, generator=generator(4)).double() + 1
    got = kernel_distance(x, y, generator(), subsets=2000, size=3)
    error = got.deviation / math.sqrt(2000)
    assert abs(got.mean - 22) < 5 * error + 2  # 2: the sampling error of the 4,000 themselves
    assert abs(mmd2(x, y) - 22) < 2
