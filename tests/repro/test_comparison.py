"""Verdicts: their states, their intervals against tables of t, their error rates by simulation."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from repro.comparison import (
    Equivalence,
    Measurement,
    State,
    compare,
    equivalent,
    prediction_half_width,
)
from repro.errors import ReproError
from repro.published import Row, load

PROTOCOL = {"dataset": "cifar10", "weights": "ema", "sampler": "ancestral", "steps": 1000,
            "samples": 50_000, "reference": "train"}
SPREAD = ("3.17", "3.249", "3.188", "3.0459", "3.14", "3.24")


def row(value="3.17", replications=(), quantity="FID", protocol=PROTOCOL, **more):
    return Row("a.row", quantity, value, "a paper", "text", protocol, replications,
               "others" if replications else "", **more)


def measured(value, quantity="FID", unit="", error=0.0, not_comparable="", **changes):
    return Measurement(quantity, value, {**PROTOCOL, **changes}, unit, error, not_comparable)


def verdict(row, *measurements):
    found, = compare([row], measurements)
    return found


@pytest.mark.parametrize("arguments, fragment", [
    (("fid", 1.0, {}), "quantity must be one of FID"),
    (("NLL", 1.0, {}), "unit of NLL must be 'bits/dim'; got ''"),
    (("FID", math.nan, {}), "value of FID must be a finite number; got nan"),
    (("FID", math.inf, {}), "value of FID must be a finite number; got inf"),
    (("FID", 1.0, {}, "", -1.0), "error of FID must be 0 or more"),
    (("FID", 1.0, {}, "", math.nan), "error of FID must be 0 or more"),
    (("FID", 1.0, {"seeds": 3}), "FID: seeds is no field"),
    (("FID", 1.0, {"eta": 0}), "FID: eta must be a finite number"),
])
def test_bad_measurements_are_refused(arguments, fragment):
    with pytest.raises(ReproError) as error:
        Measurement(*arguments)
    assert fragment in str(error.value)


def test_what_was_not_measured():
    for others in ([], [measured(9.4, quantity="IS")], [measured(3.2, reference="test")],
                   [measured(3.2, steps=100)], [measured(3.2, sampler="ddim", eta=0.0)]):
        found = verdict(row(), *others)
        assert found.state is State.NOT_MEASURED == "not measured"
        assert found.measured == () and found.interval is None and found.differences == ()


@pytest.mark.parametrize("field, published, own", [
    ("sampler", "ancestral", "ddim"), ("steps", 10, 20), ("eta", 0.0, 1.0),
    ("variance", "beta", "beta_tilde"), ("of", "train", "test"), ("reference", "train", "test"),
    ("split", "train", "test"), ("reverse_time", 1000, 900),
])
def test_another_subject_is_not_a_measurement_of_this_row(field, published, own):
    asked = row(protocol={field: published}, replications=SPREAD)
    assert verdict(asked, Measurement("FID", 3.2, {field: own})).state is State.NOT_MEASURED
    assert verdict(asked, Measurement("FID", 3.2, {})).state is State.NOT_MEASURED
    assert verdict(asked, Measurement("FID", 3.2, {field: published})).state is State.CONSISTENT


def test_one_run_and_no_spread():
    found = verdict(row(), measured(3.17))
    assert found.state is State.NOT_COMPARABLE
    assert found.reason == "one run, and no spread is known"
    assert found.measured == (3.17,) and found.interval is None and not found.differences


def test_fields_that_differ_are_named_with_both_values():
    found = verdict(row(replications=SPREAD), measured(3.2, weights="raw", samples=10_000))
    assert found.state is State.NOT_COMPARABLE
    assert found.reason == "weights is 'ema', here 'raw'; samples is 50000, here 10000"
    assert [(d.field, d.published, d.own) for d in found.differences] == [
        ("weights", "ema", "raw"), ("samples", 50_000, 10_000)]


def test_a_field_that_was_not_stated_differs():
    unstated = {k: v for k, v in PROTOCOL.items() if k != "weights"}
    found = verdict(row(replications=SPREAD), Measurement("FID", 3.2, unstated))
    assert found.state is State.NOT_COMPARABLE
    assert found.reason == "weights is 'ema', here not stated"


def test_a_field_that_the_row_does_not_state_is_not_compared():
    found = verdict(row(replications=SPREAD), measured(3.2, clip="off", tau="all"))
    assert found.state is State.CONSISTENT


def test_partial_data_is_never_comparable():
    found = verdict(row(replications=SPREAD), measured(3.17, not_comparable="8,068 of 50,000"))
    assert found.state is State.NOT_COMPARABLE and found.reason == "8,068 of 50,000"
    found = verdict(row(replications=SPREAD),
                    measured(3.17, not_comparable="8,068 of 50,000", weights="raw"))
    assert found.reason == "8,068 of 50,000; weights is 'ema', here 'raw'"


def test_the_sound_measurement_is_used_and_the_nearest_is_named():
    sound, partial = measured(3.2), measured(99.0, not_comparable="partial")
    found = verdict(row(replications=SPREAD), partial, sound, measured(50.0, weights="raw"))
    assert found.state is State.CONSISTENT and found.measured == (3.2,)
    far, near = measured(7.0, weights="raw", samples=10), measured(8.0, weights="raw")
    assert verdict(row(), far, near).measured == (8.0,)


def test_nearly_as_many_samples_are_as_many():
    found = verdict(row(replications=SPREAD), measured(3.2, samples=49_984))
    assert found.state is State.CONSISTENT
    found = verdict(row(replications=SPREAD), measured(3.2, samples=49_900))
    assert found.reason == "samples is 50000, here 49900"


@pytest.mark.parametrize("n, sigmas", [(2, 15.6), (3, 4.97), (5, 3.04)])
def test_half_width_of_one_figure_in_own_standard_deviations(n, sigmas):
    runs = [3.0, 3.4, 3.1, 3.3, 2.9][:n]
    s = math.sqrt(sum((v - sum(runs) / n) ** 2 for v in runs) / (n - 1))
    half = prediction_half_width(runs, [7.0])
    assert half / s == pytest.approx(sigmas, rel=3e-3)
    assert half / s == pytest.approx(stats.t.ppf(0.975, n - 1) * math.sqrt(1 + 1 / n), rel=1e-12)


def test_half_width_of_one_run_from_replications():
    published = [float(v) for v in SPREAD]
    # t_{5, 0.975} = 2.5706 (tables), s = 0.074482
    assert prediction_half_width([3.3], published) == pytest.approx(
        2.5706 * math.sqrt(1 + 1 / 6) * 0.0744823, rel=1e-4)


def test_half_width_of_both_sides_is_that_of_the_two_sample_test():
    own, published = [3.0, 3.3, 3.1], [3.5, 3.2, 3.4, 3.9]
    half = prediction_half_width(own, published)
    interval = stats.ttest_ind(own, published).confidence_interval(0.95)
    assert 2 * half == pytest.approx(interval.high - interval.low, rel=1e-12)


@pytest.mark.parametrize("own, published", [([], [1.0, 2.0]), ([1.0, 2.0], []), ([1.0], [2.0])])
def test_half_width_needs_a_spread(own, published):
    with pytest.raises(ReproError, match=f"got {len(own)} and {len(published)}"):
        prediction_half_width(own, published)


def test_one_run_against_replications():
    half = 2.570582 * math.sqrt(7 / 6) * 0.07448231
    rounding = (0.005 * 3 + 0.0005 * 2 + 0.00005) / 6
    centre = 3.17215
    for shift, state in ((-1, State.CONSISTENT), (1, State.CONSISTENT)):
        edge = half + rounding
        found = verdict(row(replications=SPREAD), measured(centre + shift * (edge - 1e-4)))
        assert found.state is state
        assert found.interval == pytest.approx((centre - edge, centre + edge), abs=1e-5)
        found = verdict(row(replications=SPREAD), measured(centre + shift * (edge + 1e-4)))
        assert found.state is State.INCONSISTENT
        assert "outside 3.17215 +- 0.21 (1 run here, 6 published)" in found.reason


def test_several_runs_against_one_figure():
    # Mean 3.5, s = 0.1: 4.303 sqrt(4/3) 0.1 = 0.4968, and half a unit of 3.00 or 3.0.
    runs = [measured(v) for v in (3.4, 3.5, 3.6)]
    assert verdict(row("3.01"), *runs).state is State.CONSISTENT
    assert verdict(row("2.99"), *runs).state is State.INCONSISTENT
    assert verdict(row("3.0"), *runs).state is State.CONSISTENT  # rounded by up to 0.05
    found = verdict(row("3.01"), *runs)
    assert found.reason == "3.5 lies within 3.01 +- 0.5 (3 runs here, 1 published)"
    assert found.measured == (3.4, 3.5, 3.6)


def test_own_sampling_error_widens_the_interval():
    runs = [(3.4, 0.0), (3.5, 0.0), (3.6, 0.03)]
    assert verdict(row("2.99"), *(measured(v, error=e) for v, e in runs)).state is (
        State.CONSISTENT)  # by a mean of 0.01
    assert verdict(row("2.98"), *(measured(v, error=e) for v, e in runs)).state is (
        State.INCONSISTENT)


def test_where_nothing_is_random_only_rounding_counts():
    exact = Row("p", "parameters", "35746307", "a paper", "calc", {}, exact=True)
    for value, state in ((35_746_307, State.CONSISTENT), (35_746_308, State.INCONSISTENT)):
        found = verdict(exact, Measurement("parameters", value, {}))
        assert found.state is state and "nothing about it is random" in found.reason
    l_t = Row("l", "L_T", "7.45e-06", "a paper", "calc", {}, exact=True)
    for value, error, state in ((7.454e-6, 0, State.CONSISTENT), (7.456e-6, 0, State.INCONSISTENT),
                                (7.456e-6, 2e-9, State.CONSISTENT)):
        assert verdict(l_t, Measurement("L_T", value, {}, "bits/dim", error)).state is state


def test_verdicts_keep_the_order_of_the_rows():
    rows = [row(), row("9.46", quantity="IS"), row(replications=SPREAD)]
    assert [v.state for v in compare(rows, [measured(3.2)])] == [
        State.NOT_COMPARABLE, State.NOT_MEASURED, State.CONSISTENT]
    assert [v.row for v in compare(rows, [])] == rows


def test_a_full_run_meets_the_published_rows():
    common = {"dataset": "cifar10", "network": "ddpm", "objective": "simple", "predicts": "eps",
              "schedule": "linear", "T": 1000, "origin": "trained", "training_steps": 800_000,
              "selection": "minimum FID", "weights": "ema", "ema_kind": "constant"}
    fid = {**common, "sampler": "ancestral", "steps": 1000, "tau": "all", "variance": "beta",
           "clip": "x_0", "samples": 50_000, "reference": "train",
           "extractor": "inception-2015-12-05"}
    states = {v.row.id: v for v in compare(load(), [Measurement("FID", 3.2, fid)])}
    assert states["ddpm.table1.simple.fid-train"].state is State.CONSISTENT
    assert states["ddpm.section4.simple.fid-test"].state is State.NOT_MEASURED
    assert states["ddim.table1.eta0_0.steps100"].state is State.NOT_MEASURED
    assert states["real-data.fid"].state is State.NOT_MEASURED
    assert states["ddpm.table1.simple.nll-test"].state is State.NOT_MEASURED
    assert states["ddpm.table1.variational.fid-train"].state is State.NOT_MEASURED
    assert [d.field for d in states["released.pesser.fid-train"].differences] == ["origin"]
    assert "training_steps" in states["curve.tqch.fid.46800"].reason
    short = compare(load(), [Measurement("FID", 9.1, {**fid, "training_steps": 2000})])
    assert {v.state for v in short} == {State.NOT_COMPARABLE, State.NOT_MEASURED}


# Error rates: 20,000 experiments; four standard deviations of a rate of 5 % are 0.0062.
TRIALS, FOUR_DEVIATIONS = 20_000, 0.0062


@pytest.mark.parametrize("n, k", [(2, 1), (3, 1), (5, 1), (1, 4), (1, 6), (3, 4)])
def test_false_alarms_of_the_prediction_interval_are_five_per_cent(n, k):
    draws = np.random.default_rng(n * 10 + k).normal(3.17, 0.07, (TRIALS, n + k))
    alarms = sum(
        abs(sum(x[:n]) / n - sum(x[n:]) / k) > prediction_half_width(x[:n], x[n:])
        for x in draws.tolist()
    )
    assert abs(alarms / TRIALS - 0.05) < FOUR_DEVIATIONS


def test_false_alarms_of_the_verdict_are_at_most_five_per_cent():
    # Published values printed to two digits: rounding is granted, so alarms are rarer, not absent.
    draws = np.random.default_rng(7).normal(3.17, 0.07, (TRIALS // 4, 5))
    alarms = 0
    for x in draws.tolist():
        printed = tuple(f"{v:.2f}" for v in x[:4])
        found = verdict(row(printed[0], printed), measured(x[4]))
        alarms += found.state is State.INCONSISTENT
    assert 0.03 < alarms / len(draws) < 0.05 + 2 * FOUR_DEVIATIONS


@pytest.mark.parametrize("own, other, margin, fragment", [
    ([1.0], [1.0, 2.0], 1.0, "own must be two finite values or more; got [1.0]"),
    ([1.0, 2.0], [1.0], 1.0, "other must be two finite values or more"),
    ([1.0, math.nan], [1.0, 2.0], 1.0, "own must be two finite values"),
    ([1.0, 2.0], [1.0, 2.0], 0.0, "margin must be above 0 and finite; got 0.0"),
    ([1.0, 2.0], [1.0, 2.0], math.inf, "margin must be above 0 and finite"),
])
def test_bad_equivalence_is_refused(own, other, margin, fragment):
    with pytest.raises(ReproError) as error:
        equivalent(own, other, margin)
    assert fragment in str(error.value)


def test_equivalence_is_two_one_sided_tests():
    own, other = [3.0, 3.3, 3.1, 3.2], [3.4, 3.2, 3.3, 3.5]
    found = equivalent(own, other, 1.0)
    assert found.difference == pytest.approx(-0.2)
    for margin in (0.3, 0.35, 0.4, 0.5, 1.0):
        below = stats.ttest_ind([v + margin for v in own], other, alternative="greater").pvalue
        above = stats.ttest_ind([v - margin for v in own], other, alternative="less").pvalue
        assert equivalent(own, other, margin).equivalent == (max(below, above) < 0.05)
        assert equivalent(other, own, margin).equivalent == (max(below, above) < 0.05)
    assert found.equivalent and not equivalent(own, other, 0.35).equivalent


def test_both_sides_of_the_margin_count():
    assert not Equivalence(0.0, (-2.0, 0.5), 1.0).equivalent
    assert not Equivalence(0.0, (-0.5, 2.0), 1.0).equivalent
    assert not Equivalence(0.0, (-1.0, 0.5), 1.0).equivalent
    assert Equivalence(0.0, (-0.9, 0.9), 1.0).equivalent


def exact_power(n, margin):
    """At equal means, sd 1: the mean difference falls inside margin - t s sqrt(2/n), over all s."""
    degrees, scale = 2 * n - 2, math.sqrt(2 / n)
    t = stats.t.ppf(0.95, degrees)

    def given(v):  # v = s^2 times degrees, chi-squared
        room = margin - t * math.sqrt(v / degrees) * scale
        return max(0.0, 2 * stats.norm.cdf(room / scale) - 1) * stats.chi2.pdf(v, degrees)

    top = degrees * (margin / (t * scale)) ** 2
    bulk = stats.chi2.ppf(1 - 1e-12, degrees)
    return integrate.quad(given, 0, min(top, bulk), limit=200)[0]


@pytest.mark.parametrize("margin, runs", [(0.5, 88), (1.0, 23), (2.0, 7), (3.0, 4)])
def test_runs_for_power_nine_tenths(margin, runs):
    assert exact_power(runs, margin) >= 0.9 > exact_power(runs - 1, margin)
    draws = np.random.default_rng(runs).normal(3.17, 0.07, (4000, 2, runs)).tolist()
    power = sum(equivalent(a, b, margin * 0.07).equivalent for a, b in draws) / 4000
    assert abs(power - exact_power(runs, margin)) < 0.02  # four standard deviations


def test_a_difference_of_the_margin_is_called_equivalent_at_most_one_time_in_twenty():
    draws = np.random.default_rng(1).normal(0.0, 1.0, (TRIALS, 2, 7))
    draws[:, 0] += 2.0
    rate = sum(equivalent(a, b, 2.0).equivalent for a, b in draws.tolist()) / TRIALS
    assert abs(rate - 0.05) < FOUR_DEVIATIONS
