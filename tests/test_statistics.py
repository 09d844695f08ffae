"""The rates and powers that tests/support/statistical.py states, and simulations that confirm them.

A rate of 1e-9 cannot be counted.  Where the statistic has an exact law, draws of it are refused at
the rate that is asked for at 1e-2 and 1e-3, and the same code computes the range at 1e-9; a bound
is refused no more often than it says.  The simulations have fixed seeds, and their own tolerance
fails once in 1e6 fresh ones.
"""

import ast
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats
from statistical import CHECKS, TOTAL

from audit import comparisons
from audit.comparison import COMPARISONS, Bench, Mismatch
from audit.comparisons import attention, noising_coefficients, noising_tiles
from audit.comparisons.chance import (
    Count,
    Distance,
    QuadraticForm,
    SumOfNormals,
    SumOfSquares,
)
from derivations.claim import Grade

RUNS = 20_000


def draws():
    return np.random.default_rng(20201216)


def test_all_checks_of_a_run_together():
    assert math.fsum(check.alarm for check in CHECKS) <= TOTAL
    assert all(check.alarm > 0 and check.times >= 1 for check in CHECKS)


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: f"{c.where}: {c.statistic}")
def test_power(check):
    assert 0.999 <= check.power <= 1, check.wrong


def test_every_statistical_comparison_is_listed():
    comparisons.load()
    found = {c.claim for cs in COMPARISONS.values() for c in cs if c.grade is Grade.STATISTICAL}
    assert found == {check.where for check in CHECKS if "/" not in check.where}
    assert len(found) == 3


def test_every_listed_test_takes_its_laws_from_the_list():
    for where in {check.where for check in CHECKS if "/" in check.where}:
        tree = ast.parse((Path(__file__).parent.parent / where).read_text(encoding="utf-8"))
        taken = [n for n in ast.walk(tree)
                 if isinstance(n, ast.ImportFrom) and n.module == "statistical"]
        assert taken, where


DRAWN = {
    "sum of normals": (SumOfNormals(50, 0.01), lambda d: d.normal(0, math.sqrt(50), RUNS)),
    "sum of squares": (SumOfSquares(7, 0.01), lambda d: d.chisquare(7, RUNS)),
    "count": (Count(300, 0.2, 0.01), lambda d: d.binomial(300, 0.2, RUNS)),
    "distance": (Distance(40, 0.01), lambda d: distances(d.uniform(size=(RUNS, 40)))),
    "quadratic form": (QuadraticForm((1.0, 0.5, 2.0), 0.01),
                       lambda d: d.chisquare(1, (RUNS, 3)) @ np.array([1.0, 0.5, 2.0])),
}  # fmt: skip


def distances(samples):
    """sup |F_n - F| of each row, F uniform."""
    rows, n = np.sort(samples, axis=1), samples.shape[1]
    steps = np.arange(n + 1) / n
    return np.maximum((steps[1:] - rows).max(1), (rows - steps[:-1]).max(1))


@pytest.mark.parametrize("alarm", [0.1, 0.01, 0.001])
@pytest.mark.parametrize("name", DRAWN)
def test_rate_by_simulation(name, alarm):
    """Exact laws are refused as often as stated, bounds and counts no more often."""
    law, draw = DRAWN[name]
    law = replace(law, alarm=alarm)
    refused = sum(not law.accepts(x) for x in draw(draws()).tolist())
    expected = stats.binom(RUNS, alarm)
    assert refused <= expected.isf(5e-7)
    if isinstance(law, SumOfNormals | SumOfSquares):
        assert refused >= expected.ppf(5e-7)


@pytest.mark.parametrize("name", DRAWN)
def test_ranges_widen_with_the_rate_and_refuse_nan(name):
    law = DRAWN[name][0]
    narrow, wide = replace(law, alarm=0.1), replace(law, alarm=1e-9)
    if isinstance(law, Distance):
        assert narrow.bound < wide.bound
    else:
        assert wide.range[0] < narrow.range[0] and narrow.range[1] < wide.range[1]
    assert not wide.accepts(math.nan) and not wide.accepts(math.inf)


def test_tails_at_the_rates_in_use():
    """Against sums that share no code with scipy's quantiles: erfc, and Poisson terms of chi-square
    with an even number of degrees of freedom, P(chi2_2k > x) = e^-(x/2) sum_j<k (x/2)^j / j!.
    """
    for alarm in (1e-9, 4e-11):
        bound = SumOfNormals(1, alarm).range[1]
        assert math.erfc(bound / math.sqrt(2)) == pytest.approx(alarm, rel=1e-9)
        low, high = SumOfSquares(20, alarm).range

        def above(x):
            return math.fsum(math.exp(-x / 2) * (x / 2) ** j / math.factorial(j) for j in range(10))

        assert above(high) == pytest.approx(alarm / 2, rel=1e-9)
        below = math.fsum(math.exp(-low / 2) * (low / 2) ** j / math.factorial(j)
                          for j in range(10, 40))
        assert below == pytest.approx(alarm / 2, rel=1e-9)
        least, most = Count(60, 0.25, alarm).range
        terms = [math.comb(60, k) * 3 ** (60 - k) / 4**60 for k in range(61)]
        assert math.fsum(terms[: int(least)]) <= alarm / 2
        assert math.fsum(terms[int(most) + 1 :]) <= alarm / 2 < math.fsum(terms[int(most) :])


POWERS = {
    "sum": (SumOfNormals(100, 1e-9), dict(shift=0.7), lambda d: d.normal(70, 10, RUNS)),
    "squares": (
        SumOfSquares(100, 1e-9), dict(variance=2.5), lambda d: 2.5 * d.chisquare(100, RUNS)),
    "count": (Count(100, 0.2, 1e-9), dict(p=0.5), lambda d: d.binomial(100, 0.5, RUNS)),
}


@pytest.mark.parametrize("law, wrong, draw", POWERS.values(), ids=POWERS)
def test_power_by_simulation(law, wrong, draw):
    refused = sum(not law.accepts(x) for x in draw(draws()).tolist())
    expected = stats.binom(RUNS, law.power(**wrong))
    assert 0.1 < law.power(**wrong) < 0.99
    assert expected.ppf(5e-7) <= refused <= expected.isf(5e-7)


def test_power_of_a_distance_is_a_lower_bound():
    law, shift = Distance(400, 1e-3), 0.4
    exact = 2 * stats.norm.cdf(shift / 2) - 1
    samples = stats.norm.cdf(draws().normal(shift, 1, (2000, 400)))
    refused = sum(not law.accepts(x) for x in distances(samples).tolist())
    assert 0.5 < law.power(exact) < refused / 2000
    assert law.power(law.bound) == 0


@pytest.mark.parametrize("seed", range(20))
def test_comparisons_with_fresh_seeds(seed):
    """Each statistical comparison accepts its subject and refuses each wrong variant."""
    formulas = {"one": noising_coefficients.covariance_of_listing,
                "fresh": noising_coefficients.covariance_of_chain}  # fmt: skip
    tiles = {"one": noising_coefficients._one_noise, "fresh": noising_coefficients._fresh_noise}

    def generator():
        return torch.Generator().manual_seed(seed)

    for name, formula in formulas.items():
        for subject, draw in tiles.items():
            run = (noising_coefficients.hold_covariance, Bench(), draw, formula, generator())
            accepted_or_refused(subject == name, *run)
    comparisons.load()
    for c in COMPARISONS["unet.attention-variance"]:
        if c.grade is Grade.STATISTICAL:
            for subject in (c.subject, *c.wrong.values()):
                accepted_or_refused(subject is c.subject, attention.hold_variance, Bench(), subject,
                                    generator())
    for c in COMPARISONS["noising.standard-noise"]:
        if c.grade is Grade.STATISTICAL:
            for subject in (c.subject, *c.wrong.values()):
                accepted_or_refused(subject is c.subject, noising_tiles.hold_standard, Bench(),
                                    subject, seed)


def accepted_or_refused(right, hold, *arguments):
    if right:
        assert hold(*arguments) is None
    else:
        with pytest.raises(Mismatch):
            hold(*arguments)


@pytest.mark.parametrize("make, parts", [
    (lambda: SumOfNormals(0, 0.1), ("n must be 1 or more", "0")),
    (lambda: SumOfSquares(3, 0.0), ("alarm", "(0, 1)", "0.0")),
    (lambda: Distance(3, math.nan), ("alarm", "nan")),
    (lambda: Count(3, 1.0, 0.1), ("p must", "1.0")),
    (lambda: QuadraticForm((1.0, 0.0), 0.1), ("weights", "positive", "0.0")),
])  # fmt: skip
def test_refusals(make, parts):
    with pytest.raises(ValueError) as error:
        make()
    assert all(part in str(error.value) for part in parts), error.value
