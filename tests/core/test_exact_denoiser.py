"""The optimal denoiser against Bayes' rule: by quadrature in one dimension, by conditioning of the
joint Gaussian in 60 digits in several, and by a direct sum over the components of a mixture.
"""

import math

import mpmath
import pytest
import torch
from scipy import integrate, stats

from core.denoiser import PREDICTIONS, respace
from core.exact_denoiser import (
    DiagonalGaussian,
    ExactNetwork,
    FullGaussian,
    GaussianMixture,
    exact_denoiser,
    marginal_law,
    reverse_covariance,
)
from core.schedule import cosine_schedule, linear_schedule, schedule_from_betas
from core.zero_terminal_snr import zero_terminal_snr

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()
MP = mpmath.MPContext()
MP.dps = 60
LINEAR = linear_schedule()


def doubles(*values):
    return torch.tensor(values, dtype=torch.float64)


def exact_signal_noise(schedule, t):
    """sqrt(alpha_bar_t) and sqrt(1 - alpha_bar_t) from the betas, in 60 digits."""
    product = MP.mpf(1)
    for beta in schedule.beta[1 : t + 1].tolist():
        product *= 1 - MP.mpf(beta)
    return MP.sqrt(product), MP.sqrt(1 - product)


def by_conditioning(schedule, t, mean, covariance, x_t):
    """E[x_0 | x_t] and E[eps | x_t] of N(mean, covariance), from the joint covariance."""
    signal, noise = exact_signal_noise(schedule, t)
    mean, covariance = MP.matrix(mean), MP.matrix(covariance)
    marginal = signal**2 * covariance + noise**2 * MP.eye(len(mean))
    whitened = marginal**-1 * (MP.matrix(x_t) - signal * mean)
    return mean + signal * covariance * whitened, noise * whitened


COVARIANCE = [[0.5, 0.3, -0.1], [0.3, 0.9, 0.2], [-0.1, 0.2, 0.04 + 1 / 7]]
MEAN = [0.25, -1.0, 0.5]
X_T = [0.7, -2.0, 0.1]
DIAGONAL = [0.5, 1e-6, 0.0]  # the last pixel never varies


def predictions(data, schedule, x_t, t):
    """The three kinds of network, each as (x_0, eps) of its own Denoiser."""
    return {kind: exact_denoiser(data, schedule, kind)(x_t, t)[:2] for kind in PREDICTIONS}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("t", [1, 2, 400, 1000])
@pytest.mark.parametrize("full", [True, False], ids=["full", "diagonal"])
def test_gaussian_by_conditioning(t, full, device):
    mean = doubles(*MEAN).to(device)
    if full:
        data, covariance = FullGaussian(mean, doubles(*COVARIANCE).to(device)), COVARIANCE
    else:
        data, covariance = DiagonalGaussian(mean, doubles(*DIAGONAL).to(device)), MP.diag(DIAGONAL)
    x_t = doubles(X_T).to(device)
    x_0, eps = by_conditioning(LINEAR, t, MEAN, covariance, X_T)
    x_0, eps = doubles([float(x) for x in x_0]), doubles([float(x) for x in eps])
    for kind, (x_0_hat, eps_hat) in predictions(data, LINEAR.to(device), x_t, t).items():
        assert x_0_hat.shape == eps_hat.shape == (1, 3) and x_0_hat.dtype == torch.float64
        # What the network does not predict itself follows with a gain of 1 / signal or 1 / noise.
        assert torch.allclose(x_0_hat.cpu(), x_0, rtol=1e-12, atol=1e-12), kind
        assert torch.allclose(eps_hat.cpu(), eps, rtol=1e-12, atol=1e-12), kind


MIXTURE = GaussianMixture(doubles(0.3, 0.7), doubles([-0.5], [0.8]), doubles(0.01, 0.09))


@pytest.mark.parametrize("t, x", [(1, 0.3), (1, -0.52), (300, 0.3), (600, -1.5), (1000, 2.0)])
def test_mixture_by_quadrature(t, x):
    signal, noise = (float(c) for c in exact_signal_noise(LINEAR, t))

    def joint(y):
        prior = 0.3 * stats.norm.pdf(y, -0.5, 0.1) + 0.7 * stats.norm.pdf(y, 0.8, 0.3)
        return prior * stats.norm.pdf(x, signal * y, noise)

    def integral(f):
        peaks = [-0.5, 0.8, max(-3.9, min(3.9, x / signal))]
        return integrate.quad(f, -4, 4, points=peaks, epsabs=0, epsrel=1e-12, limit=500)[0]

    x_0 = integral(lambda y: y * joint(y)) / integral(joint)
    for kind, (x_0_hat, eps_hat) in predictions(MIXTURE, LINEAR, doubles([x]), t).items():
        assert x_0_hat.item() == pytest.approx(x_0, rel=1e-9), kind
        assert eps_hat.item() == pytest.approx((x - signal * x_0) / noise, rel=1e-9), kind


def test_mixture_in_several_dimensions():
    """A sum over components, each conditioned alone and weighted with its density at x_t."""
    generator = torch.Generator().manual_seed(0)
    means = torch.randn(3, 2, 2, generator=generator, dtype=torch.float64)
    variances = torch.rand(3, 2, 2, generator=generator, dtype=torch.float64) + 0.01
    weights, x_t = doubles(0.5, 0.2, 0.3), doubles([[0.4, -0.3], [1.0, 0.1]])
    for t in (5, 500):
        signal, noise = exact_signal_noise(LINEAR, t)
        total, x_0 = MP.mpf(0), MP.zeros(4, 1)
        for weight, mean, variance in zip(weights.tolist(), means, variances, strict=True):
            mean, variance = mean.flatten().tolist(), variance.flatten().tolist()
            density = MP.mpf(weight)
            for x, m, v in zip(x_t.flatten().tolist(), mean, variance, strict=True):
                spread = signal**2 * v + noise**2
                density *= MP.exp(-((x - signal * m) ** 2) / spread / 2) / MP.sqrt(spread)
            inner, _ = by_conditioning(LINEAR, t, mean, MP.diag(variance), x_t.flatten().tolist())
            total, x_0 = total + density, x_0 + density * inner
        expected = doubles(*(float(x / total) for x in x_0)).reshape(1, 2, 2)
        data = GaussianMixture(weights, means, variances)
        x_0_hat, _ = predictions(data, LINEAR, x_t, t)["x_0"]
        assert torch.allclose(x_0_hat, expected, rtol=1e-12, atol=1e-13)


def test_mixture_of_one_is_the_gaussian_and_far_components_do_not_underflow():
    gaussian = DiagonalGaussian(doubles(*MEAN), doubles(*DIAGONAL))
    one = GaussianMixture(doubles(1.0), gaussian.mean[None], gaussian.variance[None])
    two = GaussianMixture(doubles(0.5, 0.5), torch.stack([gaussian.mean, gaussian.mean + 1e3]),
                          torch.stack([gaussian.variance] * 2))  # fmt: skip
    x_t = doubles(X_T, [-40.0, 50.0, 60.0])
    for t in (1, 1000):
        expected = exact_denoiser(gaussian, LINEAR)(x_t, t)
        for data in (one, two)[: 1 + (t == 1)]:
            result = exact_denoiser(data, LINEAR)(x_t, t)
            assert torch.allclose(result.x_0, expected.x_0, rtol=1e-12, atol=1e-12)


def test_timesteps_of_a_batch_and_of_a_shorter_chain():
    """A respaced denoiser shows the old timesteps, and the network keeps the old schedule."""
    for data in (MIXTURE, DiagonalGaussian(doubles(0.2), doubles(0.3)),
                 FullGaussian(doubles(0.2), doubles([0.3]))):  # fmt: skip
        whole = exact_denoiser(data, LINEAR, "v")
        short = respace(whole, (1000, 400, 3, 0))
        x_t = doubles([0.1], [-0.7], [1.2])
        batch = short(x_t, torch.tensor([1, 2, 3]))
        for i, t in enumerate((3, 400, 1000)):
            single = whole(x_t[i : i + 1], t)
            assert torch.equal(batch.x_0[i : i + 1], single.x_0)
            assert torch.equal(batch.eps[i : i + 1], single.eps)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_rounded_once(dtype):
    x_t = doubles([0.4, -0.3, 1.1]).to(dtype)
    data = FullGaussian(doubles(*MEAN), doubles(*COVARIANCE))
    for kind in PREDICTIONS:
        network = ExactNetwork(data, LINEAR, kind)
        shown = torch.tensor([299])
        low, high = network(x_t, shown), network(x_t.double(), shown)
        assert low.dtype == dtype and torch.equal(low, high.to(dtype))


def test_no_signal_at_T():
    """alpha_bar_T = 0: the best x_0 is the mean, eps is x_T itself, and v is minus the mean."""
    schedule = zero_terminal_snr(linear_schedule(10))
    data = DiagonalGaussian(doubles(*MEAN), doubles(0.5, 0.1, 0.0))
    x_t, shown = doubles(X_T), torch.tensor([9])
    assert torch.equal(ExactNetwork(data, schedule, "x_0")(x_t, shown), doubles(MEAN))
    assert torch.equal(ExactNetwork(data, schedule, "eps")(x_t, shown), x_t)
    assert torch.equal(ExactNetwork(data, schedule, "v")(x_t, shown), -doubles(MEAN))


def test_marginal_law():
    signal, noise = (float(c) for c in exact_signal_noise(LINEAR, 300))
    full = FullGaussian(doubles(*MEAN), doubles(*COVARIANCE))
    mean, covariance = marginal_law(full, LINEAR, 300).moments()
    assert torch.allclose(mean, signal * doubles(*MEAN), rtol=1e-14)
    expected = signal**2 * doubles(*COVARIANCE) + noise**2 * torch.eye(3, dtype=torch.float64)
    assert torch.allclose(covariance, expected, rtol=1e-14)
    diagonal = DiagonalGaussian(doubles(*MEAN), doubles(*DIAGONAL))
    mean, covariance = marginal_law(diagonal, LINEAR, 300).moments()
    spread = doubles(*(signal**2 * v + noise**2 for v in DIAGONAL))
    assert torch.allclose(covariance, spread.diag(), rtol=1e-14)
    for data in (full, diagonal, MIXTURE):
        before = data.moments()
        for now, then in zip(marginal_law(data, LINEAR, 0).moments(), before, strict=True):
            assert torch.equal(now, then)
    law = marginal_law(MIXTURE, LINEAR, 300)
    mean, covariance = law.moments()
    by_hand = 0.3 * -0.5 + 0.7 * 0.8
    within, between = 0.3 * 0.01 + 0.7 * 0.09, 0.3 * 0.7 * 1.3**2
    assert mean.item() == pytest.approx(signal * by_hand, rel=1e-14)
    total = signal**2 * (within + between) + noise**2
    assert covariance.item() == pytest.approx(total, rel=1e-13)
    assert torch.equal(law.weights, MIXTURE.weights)


@pytest.mark.parametrize("full", [True, False], ids=["full", "diagonal"])
@pytest.mark.parametrize("t", [1, 2, 500, 1000])
def test_reverse_covariance(t, full):
    """q(x_{t-1} | x_t) by the Schur complement of the joint covariance, in 60 digits."""
    if full:
        data, covariance = FullGaussian(doubles(*MEAN), doubles(*COVARIANCE)), COVARIANCE
    else:
        data = DiagonalGaussian(doubles(*MEAN), doubles(*DIAGONAL))
        covariance = MP.diag(DIAGONAL)
    signal, noise = exact_signal_noise(LINEAR, t - 1)
    before = signal**2 * MP.matrix(covariance) + noise**2 * MP.eye(3)
    beta = MP.mpf(LINEAR.beta[t].item())
    after = (1 - beta) * before + beta * MP.eye(3)
    cross = MP.sqrt(1 - beta) * before
    exact = before - cross * after**-1 * cross.T
    result = reverse_covariance(data, LINEAR, t)
    assert result.shape == (3, 3)
    for i in range(3):
        for j in range(3):
            assert result[i, j].item() == pytest.approx(float(exact[i, j]), rel=1e-11, abs=1e-18)


def test_reverse_covariance_lies_between_the_two_choices_of_ddpm():
    """beta_t for unit covariance and beta_tilde_t for a point mass: DDPM section 3.2."""
    for t in (1, 2, 700):
        unit = DiagonalGaussian(doubles(0.0, 0.0), doubles(1.0, 1.0))
        point = DiagonalGaussian(doubles(0.3, 1.0), doubles(0.0, 0.0))
        eye = torch.eye(2, dtype=torch.float64)
        assert torch.allclose(reverse_covariance(unit, LINEAR, t), LINEAR.beta[t] * eye, rtol=1e-13)
        tilde = LINEAR.beta_tilde[t] * eye
        assert torch.allclose(reverse_covariance(point, LINEAR, t), tilde, rtol=1e-13)


def test_reverse_covariance_of_pixels_that_lie_in_a_plane():
    data = FullGaussian(doubles(0.0, 0.0), doubles([1.0, 1.0], [1.0, 1.0]))
    singular = reverse_covariance(data, LINEAR, 1)
    beta = LINEAR.beta[1].item()
    # Along (1, 1) / sqrt(2) the variance 2 is conditioned on one noisy look; across it is 0.
    along = 2 * beta / (2 * (1 - beta) + beta)
    assert torch.allclose(singular, torch.full((2, 2), along / 2, dtype=torch.float64), rtol=1e-12)


def test_data_is_kept_privately_in_float64():
    mean, variance = torch.zeros(2), torch.ones(2)
    data = DiagonalGaussian(mean, variance)
    mean[0], variance[1] = 9.0, 9.0
    assert data.mean.tolist() == [0, 0] and data.variance.tolist() == [1, 1]
    assert data.mean.dtype == data.variance.dtype == torch.float64
    isotropic = GaussianMixture(torch.ones(1), torch.zeros(1, 2, 3), torch.ones(1))
    assert isotropic.variances.shape == (1, 2, 3) and isotropic.weights.dtype == torch.float64


ONE, TWO = torch.ones(1), torch.ones(2)


@pytest.mark.parametrize(
    "call, parts",
    [
        (lambda: DiagonalGaussian(TWO.int(), TWO), ("mean", "floating", "int32")),
        (lambda: DiagonalGaussian(TWO / 0, TWO), ("mean", "finite", "inf")),
        (lambda: DiagonalGaussian(TWO, -TWO), ("variance", "0 or more", "-1.0")),
        (lambda: DiagonalGaussian(TWO, ONE), ("variance", "(2,)", "(1,)")),
        (lambda: FullGaussian(TWO, torch.eye(3)), ("covariance", "(2, 2)", "(3, 3)")),
        (lambda: FullGaussian(TWO, torch.ones(2, 2).triu()), ("covariance", "symmetric")),
        (lambda: FullGaussian(TWO, -torch.eye(2)), ("covariance", "semidefinite", "-1.0")),
        (lambda: FullGaussian(TWO, torch.eye(2) / 0), ("covariance", "finite")),
        (lambda: GaussianMixture(TWO, TWO, TWO), ("weights", "sum to 1", "2.0")),
        (lambda: GaussianMixture(doubles(0.0, 1.0), TWO, TWO), ("weights", "positive", "0.0")),
        (lambda: GaussianMixture(ONE, TWO, ONE), ("weights", "(2,)", "(1,)")),
        (lambda: GaussianMixture(ONE, TWO[None], TWO), ("variances", "(1, 2)", "(2,)")),
        (lambda: GaussianMixture(ONE, TWO[None], -ONE), ("variances", "0 or more")),
        (lambda: ExactNetwork(MIXTURE, LINEAR, "score"), ("predicts", "'v'", "'score'")),
        (lambda: marginal_law(MIXTURE, LINEAR, 1001), ("t must", "0..1000", "1001")),
        (
            lambda: ExactNetwork(MIXTURE, LINEAR)(doubles([0.0]), torch.tensor([1000])),
            ("shown + 1", "1..1000", "1001"),
        ),
        (
            lambda: ExactNetwork(MIXTURE, LINEAR)(doubles([0.0]), torch.tensor([0.5])),
            ("shown + 1", "integer", "float32"),
        ),
        (
            lambda: ExactNetwork(MIXTURE, LINEAR)(torch.zeros(2, 3), torch.tensor([0, 0])),
            ("x_t", "(2, 1)", "(2, 3)"),
        ),
    ],
)
def test_refusals(call, parts):
    with pytest.raises(ValueError) as error:
        call()
    for part in parts:
        assert part in str(error.value), f"{part!r} not in {error.value}"


def test_empty_batch_and_one_step():
    empty = torch.zeros(0, 1)
    assert exact_denoiser(MIXTURE, LINEAR)(empty, 5).x_0.shape == (0, 1)
    schedule = schedule_from_betas([0.36])  # signal 0.8, noise 0.6
    data = DiagonalGaussian(doubles(1.0), doubles(2.0))
    x_0 = exact_denoiser(data, schedule, "x_0")(doubles([3.0]), 1).x_0
    assert x_0.item() == pytest.approx(1 + 0.8 * 2 / (0.64 * 2 + 0.36) * (3 - 0.8), rel=1e-14)


def test_score_of_the_marginal():
    """-eps / sqrt(1 - alpha_bar_t) is the gradient of log q(x_t): Tweedie, by differences."""
    schedule = cosine_schedule(50)
    for t in (1, 25, 50):
        law = marginal_law(MIXTURE, schedule, t)
        weights, means = law.weights.numpy(), law.means.flatten().numpy()
        deviations = law.variances.flatten().sqrt().numpy()
        h = 1e-5
        for x in (-0.6, 0.1, 0.9):
            eps = exact_denoiser(MIXTURE, schedule)(doubles([x]), t).eps.item()
            above, below = (weights @ stats.norm.pdf(y, means, deviations) for y in (x + h, x - h))
            slope = math.log(above / below) / (2 * h)
            score = -eps / schedule.one_minus_alpha_bar[t].sqrt().item()
            assert score == pytest.approx(slope, rel=1e-5, abs=1e-5)
