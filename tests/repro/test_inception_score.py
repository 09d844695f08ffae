"""The Inception score against closed forms and divergences summed in 50 digits."""

import itertools
import math

import mpmath
import pytest
import torch

from repro.errors import ReproError
from repro.inception_score import inception_score

INF = math.inf


@pytest.mark.parametrize("logits, splits, fragment", [
    (torch.zeros(0, 3), 1, "N and K >= 1; got torch.float32, (0, 3)"),
    (torch.zeros(3, 0), 1, "(3, 0)"),
    (torch.zeros(3), 1, "(3,)"),
    (torch.zeros(3, 2, dtype=torch.int64), 1, "torch.int64"),
    (torch.zeros(3, 2), 0, "splits must be in 1..N = 3; got 0"),
    (torch.zeros(3, 2), 4, "splits must be in 1..N = 3; got 4"),
    (torch.tensor([[0.0, math.nan]]), 1, "got NaN"),
    (torch.tensor([[0.0, INF]]), 1, "+inf"),
    (torch.tensor([[0.0, 1.0], [-INF, -INF]]), 1, "-inf for all classes"),
])
def test_bad_input_is_refused(logits, splits, fragment):
    with pytest.raises(ReproError) as error:
        inception_score(logits, splits)
    assert fragment in str(error.value)


def divergence_score(logits):
    """exp of the mean of KL(p(y|x) || p(y)), the definition, in 50 digits."""
    with mpmath.workdps(50):
        powers = [[mpmath.exp(mpmath.mpf(v)) for v in row] for row in logits.double().tolist()]
        p = [[e / mpmath.fsum(row) for e in row] for row in powers]
        q = [mpmath.fsum(column) / len(p) for column in zip(*p, strict=True)]
        return float(mpmath.exp(mpmath.fsum(
            a * mpmath.log(a / b) for row in p for a, b in zip(row, q, strict=True) if a) / len(p)))


def test_images_that_are_all_alike_score_one():
    score = inception_score(torch.randn(1, 7).expand(40, 7), splits=4)
    assert score.mean == pytest.approx(1, abs=1e-14)
    assert score.deviation == pytest.approx(0, abs=1e-14)


@pytest.mark.parametrize("K", [1, 2, 10, 1008])
def test_sure_and_varied_scores_the_number_of_classes(K):
    certain = torch.eye(K).log().repeat(3, 1)  # log-probabilities: 0 and -inf
    score = inception_score(certain, splits=3)
    assert score.mean == pytest.approx(K, rel=1e-13)
    assert score.deviation == pytest.approx(0, abs=1e-10)


def test_half_sure_in_closed_form():
    # Two images, p = (3/4, 1/4) and its mirror: exp of 3/4 log 3/2 + 1/4 log 1/2.
    logits = torch.tensor([[0.75, 0.25], [0.25, 0.75]], dtype=torch.float64).log()
    assert inception_score(logits, 1).mean == pytest.approx(1.5 ** 0.75 * 0.5 ** 0.25, rel=1e-14)


@pytest.mark.parametrize("scale", [0.1, 3.0, 40.0, 800.0])
def test_against_the_definition_in_fifty_digits(scale):
    logits = torch.randn(30, 5) * scale
    assert inception_score(logits, 1).mean == pytest.approx(divergence_score(logits), rel=1e-12)
    shifted = logits.double() + torch.randn(30, 1).double()  # softmax forgets a constant
    assert inception_score(shifted, 1).mean == pytest.approx(divergence_score(logits), rel=1e-10)


def test_splits_are_consecutive_and_cover_every_image():
    logits = torch.randn(23, 4)
    ends = [0, 7, 15, 23]  # floor(i 23 / 3)
    scores = [divergence_score(logits[a:b])
              for a, b in itertools.pairwise(ends)]
    mean = sum(scores) / 3
    got = inception_score(logits, splits=3)
    assert got.splits == 3 and got.mean == pytest.approx(mean, rel=1e-12)
    # of the splits as a population: divided by 3, not 2
    assert got.deviation == pytest.approx(
        math.sqrt(sum((s - mean) ** 2 for s in scores) / 3), rel=1e-10)


def test_ten_splits_unless_told_otherwise():
    logits = torch.randn(50, 4) * 3
    assert inception_score(logits) == inception_score(logits, splits=10)
    assert inception_score(logits).mean < inception_score(logits, splits=1).mean


def test_float32_is_summed_in_float64():
    logits = torch.randn(5000, 10)
    assert inception_score(logits, 1).mean == pytest.approx(
        inception_score(logits.double(), 1).mean, rel=1e-15)
