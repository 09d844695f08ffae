"""Likelihood and round trips of data whose best denoiser is known, against scalar arithmetic.

Pixels are N(MEAN, VARIANCE) apart, so that every expectation over eps has a closed form, or is a
one-dimensional quadrature; the oracle is written in Python floats from the papers' formulas.
"""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.stats import norm

from core.denoiser import Denoiser
from core.exact_denoiser import DiagonalGaussian, exact_denoiser
from core.reverse import ReverseVariance
from core.schedule import linear_schedule, scaled_linear_schedule
from core.variational_bound import Bound
from repro.errors import ReproError
from repro.evaluation import Estimate, Moments, measure_encoding, measure_likelihood

MEAN, VARIANCE, LEVELS, T = 0.1, 0.2, 17, 30
SCHEDULE = scaled_linear_schedule(T)
PIXELS = [0, 3, 8, 9, 12, 16]
BETA = Bound(ReverseVariance("beta", "own"), levels=LEVELS)
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(24)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


def denoiser(predicts="eps"):
    shape = (1, 1, len(PIXELS))
    data = DiagonalGaussian(torch.full(shape, MEAN), torch.full(shape, VARIANCE))
    return exact_denoiser(data, SCHEDULE, predicts)


def copies(count):
    """One image many times: then the spread over images is that of the noise alone."""
    return torch.tensor(PIXELS, dtype=torch.uint8).reshape(1, 1, 1, -1).repeat(count, 1, 1, 1)


def varied(count):
    g = torch.Generator().manual_seed(4)
    return torch.randint(0, LEVELS, (count, 1, 1, len(PIXELS)), generator=g).to(torch.uint8)


def bars(schedule):
    """alpha_bar by its definition."""
    return [1.0, *np.cumprod(1 - schedule.beta.numpy()[1:]).tolist()]


def expected_terms(x):
    """L_0..L_T in bits and E (x - x_0_hat)^2 at t = 0..T, of one pixel x, the variance beta."""
    bar, beta = bars(SCHEDULE), SCHEDULE.beta.tolist()
    terms, square = [0.0] * (T + 1), [0.0] * (T + 1)
    for t in range(1, T + 1):
        spread = bar[t] * VARIANCE + 1 - bar[t]
        bias = (x - MEAN) * (1 - bar[t]) / spread
        slope = math.sqrt(bar[t] * (1 - bar[t])) * VARIANCE / spread
        square[t] = bias**2 + slope**2
        if t > 1:
            r = (1 - bar[t - 1]) / (1 - bar[t])
            c_x0 = math.sqrt(bar[t - 1]) * beta[t] / (1 - bar[t])
            terms[t - 1] = (r - 1 - math.log(r) + c_x0**2 * square[t] / beta[t]) / 2
        if t == 1:
            guess = x - bias + slope * NODES
    # At t = 1 the mean is x_0_hat itself; the cells at both ends reach outward.
    half, sd = 1 / (LEVELS - 1), math.sqrt(beta[1])
    upper = 1.0 if x == 1 else norm.cdf((x + half - guess) / sd)
    lower = 0.0 if x == -1 else norm.cdf((x - half - guess) / sd)
    terms[0] = -(WEIGHTS @ np.log(upper - lower))
    terms[T] = (bar[T] * x**2 - bar[T] - math.log(1 - bar[T])) / 2
    return np.array(terms) / math.log(2), np.array(square)


@pytest.fixture(scope="module")
def copied():
    return measure_likelihood(denoiser(), BETA, copies(1600), batch=700)


@pytest.fixture(scope="module")
def exact():
    each = [expected_terms(2 * k / (LEVELS - 1) - 1) for k in PIXELS]
    return np.mean([e[0] for e in each], axis=0), np.mean([e[1] for e in each], axis=0)


def test_the_bound_is_that_of_the_closed_form(copied, exact):
    terms, _ = exact
    assert abs(copied.total.mean - terms.sum()) < 4 * copied.total.error
    assert abs(copied.L_0.mean - terms[0]) < 4 * copied.L_0.error
    assert copied.total.error < 0.015 and copied.L_0.error < 0.01
    assert copied.L_T.mean == pytest.approx(terms[T], rel=1e-9)
    assert copied.L_T.error < 1e-15  # the images are equal, and L_T has no noise


def test_rate_and_distortion_are_those_of_the_closed_form(copied, exact):
    terms, square = exact
    assert len(copied.rate) == len(copied.rmse) == len(copied.rate_error) == T + 1
    for t in range(T + 1):
        assert abs(copied.rate[t] - terms[t:].sum()) < 4.5 * copied.rate_error[t] + 1e-12
        rmse = 8 * math.sqrt(square[t])
        assert abs(copied.rmse[t] - rmse) < 4.5 * copied.rmse_error[t] + 1e-12
        assert copied.rmse_error[t] < 0.05 * rmse + 1e-12
    assert copied.rmse[0] == copied.rmse_error[0] == 0


def test_rates_telescope(copied):
    assert copied.rate[0] == copied.total.mean and copied.rate[T] == copied.L_T.mean
    assert copied.rate[0] - copied.rate[1] == pytest.approx(copied.L_0.mean, abs=1e-12)
    assert all(a > b for a, b in pairwise(copied.rate))


def test_the_prior_term_is_the_published_one():
    """Images at the ends of the range have E x^2 = 1."""
    images = torch.tensor([0, 255, 255], dtype=torch.uint8).reshape(3, 1, 1, 1)
    zero = Denoiser(lambda x, t: torch.zeros_like(x), linear_schedule(), "x_0")
    found = measure_likelihood(zero, Bound(ReverseVariance("beta", "beta_tilde_2")), images,
                               batch=3)
    assert found.L_T.mean == pytest.approx(2.91129454203e-05, rel=1e-10)


def test_the_error_of_a_root_and_of_a_mean():
    """A guess of 0 everywhere leaves the image itself: no noise, and spread between images."""
    images = varied(50)
    zero = Denoiser(lambda x, t: torch.zeros_like(x), SCHEDULE, "x_0")
    found = measure_likelihood(zero, BETA, images, batch=13)
    square = ((images.numpy() / 8.0 - 1) ** 2).reshape(50, -1).mean(1)
    error = np.std(square, ddof=1) / math.sqrt(50)
    for t in (1, T):
        assert found.rmse[t] == pytest.approx(8 * math.sqrt(square.mean()), rel=1e-6)
        assert found.rmse_error[t] == pytest.approx(4 * error / math.sqrt(square.mean()), rel=1e-5)
    bar = bars(SCHEDULE)[T]
    assert found.L_T.error == pytest.approx(bar * error / 2 / math.log(2), rel=1e-9)


def test_a_result_does_not_depend_on_the_batch():
    images = varied(15)
    whole = measure_likelihood(denoiser(), BETA, images, batch=15)
    for batch in (1, 7):
        parts = measure_likelihood(denoiser(), BETA, images, batch=batch)
        for name in ("rate", "rate_error", "rmse", "rmse_error"):
            assert getattr(parts, name) == pytest.approx(getattr(whole, name), rel=1e-9, abs=1e-12)
        assert parts.total.error == pytest.approx(whole.total.error, rel=1e-9)


def test_the_first_images_have_the_same_noise_in_a_larger_set():
    images = varied(6)
    alone = [measure_likelihood(denoiser(), BETA, images[:n], batch=9).total.mean for n in (5, 6)]
    last = 6 * alone[1] - 5 * alone[0]
    moved = measure_likelihood(denoiser(), BETA, images[5:], batch=9).total.mean
    assert abs(last - moved) > 1e-4  # seed 0 in place of seed 5: other noise
    again = measure_likelihood(denoiser(), BETA, images, batch=4).total.mean
    assert again == pytest.approx(alone[1], rel=1e-12)


def test_the_protocol_says_how(copied):
    assert copied.protocol == {
        "count": 1600, "T": T, "variance": "beta", "first": "own", "cdf": "exact", "clip": "off",
        "levels": LEVELS, "precision": "float32",
    }


def round_trip(x, chain):
    """encode, decode: DDIM (14) in scalars, eps the best guess for N(MEAN, VARIANCE)."""
    bar = bars(SCHEDULE)

    def move(x, at, t, s):
        """From t to s, with eps evaluated at `at`."""
        spread = bar[at] * VARIANCE + 1 - bar[at]
        eps = math.sqrt(1 - bar[at]) * (x - math.sqrt(bar[at]) * MEAN) / spread
        # Where it is encoded from t = 0, x_0 is the image, of alpha_bar = 1.
        x_0 = (x - math.sqrt(1 - bar[t]) * eps) / math.sqrt(bar[t])
        return math.sqrt(bar[s]) * x_0 + math.sqrt(1 - bar[s]) * eps

    rising = list(reversed(chain))
    y = x
    for t, s in pairwise(rising):
        y = move(y, max(t, rising[1]), t, s)
    for t, s in pairwise(chain):
        y = move(y, t, t, s)
    return y


@pytest.mark.parametrize("steps, tau, chain", [
    (3, "quadratic", (30, 13, 3, 0)), (3, "uniform", (30, 20, 10, 0)),
    (30, "all", tuple(range(30, -1, -1))),
])
@pytest.mark.parametrize("predicts", ["eps", "v"])
def test_round_trips_are_those_of_scalars(steps, tau, chain, predicts):
    images = varied(20)
    x = (images.numpy() / 8.0 - 1).reshape(20, -1)
    square = ((np.vectorize(lambda x: round_trip(x, chain))(x) - x) ** 2 / 4).mean(1)
    found = measure_encoding(denoiser(predicts=predicts), images, LEVELS, steps, batch=7, tau=tau)
    assert square.mean() > 1e-5
    assert found.error.mean == pytest.approx(square.mean(), rel=2e-3)
    assert found.error.error == pytest.approx(np.std(square, ddof=1) / math.sqrt(20), rel=2e-3)
    assert found.protocol == {
        "count": 20, "T": T, "sampler": "ddim", "eta": 0.0, "steps": steps, "tau": tau,
        "clip": "off", "levels": LEVELS, "precision": "float32",
    }


def test_more_steps_come_back_closer():
    errors = [measure_encoding(denoiser(), varied(8), LEVELS, steps, batch=8).error.mean
              for steps in (2, 5, 15, 30)]
    assert errors == sorted(errors, reverse=True) and errors[0] > 10 * errors[-1]


def test_without_noise_the_way_back_is_exact():
    still = Denoiser(lambda x, t: torch.zeros_like(x), SCHEDULE)
    found = measure_encoding(still, varied(3), LEVELS, 5, batch=2)
    assert found.error.mean < 1e-13


def test_progress_ends_at_all_images():
    told = {"likelihood": [], "encoding": []}
    for name, list_ in told.items():
        def tell(done, total, list_=list_):
            list_.append((done, total))
        if name == "likelihood":
            measure_likelihood(denoiser(), BETA, varied(5), batch=3, progress=tell)
        else:
            measure_encoding(denoiser(), varied(5), LEVELS, 4, batch=3, progress=tell)
    for name, calls in (("likelihood", 2 * T), ("encoding", 2 * 8)):
        done = [d for d, total in told[name] if total == 5]
        assert len(done) == calls and done == sorted(set(done))
        assert done[0] == pytest.approx(3 / (calls / 2)) and done[calls // 2 - 1] == 3
        assert done[-1] == 5


def test_estimates_are_means_and_their_standard_errors():
    values = torch.tensor([1.0, 2.0, 4.0, 9.0])
    found = Estimate.of(values)
    assert found == Estimate(4.0, pytest.approx(math.sqrt(38 / 3 / 4)), 4)
    one = Estimate.of(values[:1])
    assert (one.mean, one.images) == (1.0, 1) and math.isnan(one.error)


def test_moments_add_up_where_squares_would_cancel():
    values = torch.randn(100, 3, dtype=torch.float64) + 1e8
    parts = [Moments.of(part) for part in values.split([1, 30, 69])]
    whole = parts[0] + parts[1] + parts[2]
    reference = values.numpy() - 1e8
    assert whole.count == 100
    assert np.allclose(whole.mean.numpy() - 1e8, reference.mean(0), rtol=0, atol=1e-7)
    assert np.allclose(whole.error.numpy(), reference.std(0, ddof=1) / 10, rtol=1e-6)


@pytest.mark.parametrize("images, batch, parts", [
    (varied(2).float(), 1, ("images", "uint8", "float32")),
    (varied(2)[0], 1, ("images", "(N, C, H, W)", "(1, 1, 6)")),
    (varied(2)[:0], 1, ("images", "one or more", "(0, 1, 1, 6)")),
    (varied(2) + 16, 1, ("images", "below levels = 17")),
    (varied(2), 0, ("batch", "1 or more", "0")),
])
def test_what_cannot_be_measured(images, batch, parts):
    for measure in (lambda: measure_likelihood(denoiser(), BETA, images, batch=batch),
                    lambda: measure_encoding(denoiser(), images, LEVELS, 3, batch=batch)):
        with pytest.raises(ReproError) as caught:
            measure()
        assert all(part in str(caught.value) for part in parts)


def test_a_round_trip_needs_a_chain_that_is_there():
    with pytest.raises(ReproError, match=r"steps.*1\.\.30; got 31"):
        measure_encoding(denoiser(), varied(1), LEVELS, 31, batch=1)


def test_a_network_that_is_not_finite_is_told():
    broken = Denoiser(lambda x, t: x * math.nan, SCHEDULE)
    with pytest.raises(ValueError, match="terms must be finite"):
        measure_likelihood(broken, BETA, varied(1), batch=1)
    with pytest.raises(FloatingPointError, match="NaN or infinite"):
        measure_encoding(broken, varied(1), LEVELS, 3, batch=1)
