"""The whole bound against a sum over the joint Gaussian, and against the entropy of the data.

The joint Gaussian: given x_0 the whole path x_1..x_T is normal, and the bound is
E[log q(x_1..x_T | x_0) - log p(x_0..x_T)].  The oracle takes its second moments from DDPM (2)
alone, one log density a step; it knows no posterior, no KL and no regrouping into terms.
"""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm

from core.denoiser import Denoiser, respace
from core.exact_denoiser import DiagonalGaussian, ExactNetwork, exact_denoiser
from core.likelihood import Likelihood, likelihood, noise_from
from core.noise import standard_normal
from core.reverse import ReverseVariance
from core.schedule import linear_schedule, schedule_from_betas
from core.variational_bound import Bound, prior_term

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()
MEAN, VARIANCE = 0.1, 0.04
LEVELS = torch.arange(256, dtype=torch.float64) / 127.5 - 1
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(40)
NODES, WEIGHTS = torch.tensor(NODES), torch.tensor(WEIGHTS / WEIGHTS.sum())
BETA = Bound(ReverseVariance("beta", "own"))
TILDE = Bound(ReverseVariance("beta_tilde", "beta_tilde_2"))
COARSE = schedule_from_betas([0.3, 0.4, 0.5, 0.6])


def data(mean=MEAN):
    return DiagonalGaussian(*torch.tensor([[mean], [VARIANCE]], dtype=torch.float64))


def at_nodes(levels):
    """(x_0, eps), (levels * nodes, 1): every level with every node."""
    x_0 = levels.repeat_interleave(len(NODES))[:, None]
    return x_0, NODES.repeat(len(levels))[:, None]


def expected(per_image):
    """The Gauss-Hermite sum over eps, for each level."""
    return per_image.reshape(-1, len(NODES)) @ WEIGHTS


def log_density(square, variance):
    """E log N where square is the expected squared distance."""
    return -(math.log(2 * math.pi * variance) + square / variance) / 2


def by_joint_gaussian(schedule, kind, x_0, half=1 / 255):
    """The bound, in nats, for the best guess of x_0 ~ N(MEAN, VARIANCE)."""
    beta = schedule.beta.tolist()
    bars = [1.0]
    for b in beta[1:]:
        bars.append(bars[-1] * (1 - b))

    def model(t):
        """(a, b, sigma^2): x_{t-1} ~ N(a x_t + b, sigma^2), the mean from DDPM (11)."""
        spread = VARIANCE * bars[t] + 1 - bars[t]
        # eps_hat = sqrt(1 - A) (x_t - sqrt(A) m) / spread
        step = beta[t] / spread
        root = math.sqrt(1 - beta[t])
        tilde = [0, *(beta[n] * (1 - bars[n - 1]) / (1 - bars[n]) for n in range(1, len(beta)))]
        sigma = beta[t] if kind == "beta" else tilde[max(t, 2)]
        return (1 - step) / root, step * math.sqrt(bars[t]) * MEAN / root, sigma

    total = -log_density(bars[-1] * x_0**2 + 1 - bars[-1], 1)
    for t in range(1, len(beta)):
        total += log_density(beta[t], beta[t])  # q(x_t | x_{t-1})
        if t > 1:
            a, b, sigma = model(t)
            centre = math.sqrt(bars[t - 1]) * x_0 - a * math.sqrt(bars[t]) * x_0 - b
            covariance = math.sqrt(1 - beta[t]) * (1 - bars[t - 1])
            square = centre**2 + (1 - bars[t - 1]) - 2 * a * covariance + a**2 * (1 - bars[t])
            total -= log_density(square, sigma)

    a, b, sigma = model(1)

    def decoder(eps):
        mean = a * (math.sqrt(bars[1]) * x_0 + math.sqrt(1 - bars[1]) * eps) + b
        low = -math.inf if x_0 < -0.999 else (x_0 - half - mean) / math.sqrt(sigma)
        high = math.inf if x_0 > 0.999 else (x_0 + half - mean) / math.sqrt(sigma)
        if low > 0:
            low, high = -high, -low
        return -norm.pdf(eps) * (norm.logcdf(high) + math.log1p(
            -math.exp(norm.logcdf(low) - norm.logcdf(high))))

    return total + quad(decoder, -9, 9, epsabs=1e-12, limit=400)[0]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("predicts", ["eps", "x_0", "v"])
@pytest.mark.parametrize(
    "schedule", [schedule_from_betas([0.4]), COARSE, linear_schedule(30)], ids=["1", "4", "30"]
)
def test_total_for_gaussian_data(schedule, predicts, device):
    levels = LEVELS[[0, 60, 128, 150, 255]]
    x_0, eps = (part.to(device) for part in at_nodes(levels))
    network_data = DiagonalGaussian(*(x.to(device) for x in (data().mean, data().variance)))
    denoiser = exact_denoiser(network_data, schedule.to(device), predicts)
    for kind, bound in (("beta", BETA), ("beta_tilde", TILDE))[: 1 + (schedule.T > 1)]:
        result = likelihood(denoiser, bound, x_0, lambda t: eps)
        assert result.terms.shape == (200, schedule.T + 1)
        bits = expected(result.total.cpu())
        for n, level in enumerate(levels.tolist()):
            exact = by_joint_gaussian(schedule, kind, level) / math.log(2)
            assert bits[n].item() == pytest.approx(exact, abs=1e-6), (kind, level)


@pytest.mark.parametrize("levels, values", [(17, [-1, -0.25, 0.125, 1]), (2, [-1, 1])])
def test_total_and_distortion_of_images_with_other_levels(levels, values):
    x_0, eps = at_nodes(torch.tensor(values, dtype=torch.float64))
    bound = Bound(BETA.variance, levels=levels)
    result = likelihood(exact_denoiser(data(), COARSE), bound, x_0, lambda t: eps)
    assert result.levels == levels
    for value, bits in zip(values, expected(result.total).tolist(), strict=True):
        exact = by_joint_gaussian(COARSE, "beta", value, 1 / (levels - 1)) / math.log(2)
        assert bits == pytest.approx(exact, abs=1e-6), value
    # A black image is levels - 1 away from a white one.
    white = Denoiser(lambda x_t, shown: torch.ones_like(x_t), COARSE, "x_0")
    black = torch.full((1, 3), -1.0)
    found = likelihood(white, bound, black, lambda t: torch.zeros_like(black))
    assert found.distortion.tolist() == [[0.0] + 4 * [levels - 1.0]]


def test_total_for_gaussian_data_at_a_thousand_steps():
    schedule = linear_schedule()
    x_0, eps = at_nodes(LEVELS[[140]])
    result = likelihood(exact_denoiser(data(), schedule), BETA, x_0, lambda t: eps)
    exact = by_joint_gaussian(schedule, "beta", LEVELS[140].item()) / math.log(2)
    assert expected(result.total).item() == pytest.approx(exact, abs=1e-6)


def bin_probabilities(mean):
    """P of each level, for x_0 ~ N(mean, VARIANCE) rounded to the levels."""
    edges = np.r_[-np.inf, (np.arange(255) + 0.5) / 127.5 - 1, np.inf]
    return torch.tensor(np.diff(norm.cdf(edges, mean, math.sqrt(VARIANCE))))


def test_the_bound_is_tight_when_the_reverse_step_is_exact():
    """With the true mean and the true variance of q(x_{t-1} | x_t), which a learned variance can
    express, the mean of the bound is the entropy of the data and KL(q(x_T) || N(0, 1)): nothing
    is lost in between.  (A Gaussian and its levels differ by (1/255)^2 here, and less at the end.)
    """
    schedule, beta, bars = COARSE, COARSE.beta.tolist(), [1.0]
    for b in beta[1:]:
        bars.append(bars[-1] * (1 - b))
    fractions = []
    for t in range(1, 5):
        before = VARIANCE * bars[t - 1] + 1 - bars[t - 1]  # var x_{t-1}
        true = before * beta[t] / ((1 - beta[t]) * before + beta[t])
        low = beta[max(t, 2)] * (1 - bars[max(t, 2) - 1]) / (1 - bars[max(t, 2)])
        fractions.append(math.log(true / low) / math.log(beta[t] / low))
    v = 2 * torch.tensor(fractions, dtype=torch.float64) - 1
    exact = ExactNetwork(data(0.0), schedule)
    denoiser = Denoiser(
        lambda x_t, shown: torch.cat([exact(x_t, shown), v[shown][:, None]], dim=1),
        schedule, learns_variance=True,
    )  # fmt: skip
    x_0, eps = at_nodes(LEVELS)
    learned = Bound(ReverseVariance("learned", "beta_tilde_2"))
    result = likelihood(denoiser, learned, x_0, lambda t: eps)
    P = bin_probabilities(0.0)
    entropy = -(P * P.log2()).sum().item()
    last = VARIANCE * bars[4] + 1 - bars[4]
    prior = (last - 1 - math.log(last)) / 2 / math.log(2)
    assert prior > 1e-3
    assert (P @ expected(result.total)).item() == pytest.approx(entropy + prior, abs=1e-6)
    # Any other variance costs bits.
    looser = likelihood(exact_denoiser(data(0.0), schedule), BETA, x_0, lambda t: eps)
    assert (P @ expected(looser.total)).item() > entropy + prior + 0.1


@pytest.mark.parametrize("device", DEVICES)
def test_rate_and_distortion(device):
    """Distortion is the closed form at every t; the more bits, the smaller it is."""
    schedule = linear_schedule(50)
    levels = LEVELS[78:204]  # three standard deviations
    x_0, eps = (part.to(device) for part in at_nodes(levels))
    network_data = DiagonalGaussian(*(x.to(device) for x in (data().mean, data().variance)))
    result = likelihood(
        exact_denoiser(network_data, schedule.to(device)), BETA, x_0, lambda t: eps
    )
    P = bin_probabilities(MEAN)[78:204]
    P = P / P.sum()
    rate = torch.stack([P @ expected(column) for column in result.rate.cpu().T])
    square = torch.stack([P @ expected(column) for column in result.squared_error.cpu().T])
    assert bool((rate[:-1] > rate[1:]).all()) and bool((square[:-1] < square[1:]).all())
    assert square[0] == 0 and torch.equal(result.distortion, 127.5 * result.squared_error.sqrt())
    assert torch.allclose(result.rate[:, 0], result.total, rtol=1e-14)
    assert torch.allclose(result.rate[:, 1], result.total - result.L_0, rtol=0, atol=1e-12)
    assert torch.equal(result.rate[:, -1], result.L_T)
    for t in (1, 2, 25, 50):
        bar = schedule.alpha_bar[t].item()
        k = VARIANCE * math.sqrt(bar) / (VARIANCE * bar + 1 - bar)
        exact = ((levels - MEAN) * (1 - k * math.sqrt(bar))) ** 2 + k**2 * (1 - bar)
        at_t = expected(result.squared_error[:, t].cpu())
        assert torch.allclose(at_t, exact, rtol=1e-10, atol=1e-14)


def test_constant_guess_costs_the_mean_square():
    """The all-zero image has distortion 127.5 sqrt(E[x^2]): 64.51 on CIFAR-10's E[x^2]."""
    zero = Denoiser(lambda x_t, shown: torch.zeros_like(x_t), linear_schedule(3), "x_0")
    x_0 = torch.tensor([[LEVELS[3], LEVELS[200]]])
    result = likelihood(zero, BETA, x_0, lambda t: torch.zeros_like(x_0))
    root = math.sqrt((x_0**2).mean().item())
    assert result.distortion.tolist() == [[0.0, *[pytest.approx(127.5 * root)] * 3]]
    assert f"{127.5 * math.sqrt(0.255985815202):.2f}" == "64.51"


def test_calls_in_order_and_noise_from_a_generator():
    denoiser = exact_denoiser(data(), COARSE)
    x_0 = LEVELS[[5, 100, 200]][:, None].float()
    asked, done = [], []

    def noise(t):
        asked.append(t)
        return torch.full_like(x_0, t / 4)

    result = likelihood(denoiser, BETA, x_0, noise, callback=done.append)
    assert asked == done == [4, 3, 2, 1] and result.terms.dtype == torch.float64
    one, other = (
        likelihood(denoiser, BETA, x_0, noise_from(torch.Generator().manual_seed(3), x_0)).terms
        for _ in range(2)
    )
    assert torch.equal(one, other) and not torch.equal(one, result.terms)
    draw = noise_from(torch.Generator().manual_seed(3), x_0)
    first, second = draw(4), draw(3)
    assert first.shape == x_0.shape and first.dtype == x_0.dtype
    assert not torch.equal(first, second)
    generator = torch.Generator().manual_seed(3)
    assert torch.equal(first, torch.randn(3, 1, generator=generator))


def test_an_image_has_the_same_likelihood_in_any_batch():
    denoiser = exact_denoiser(data(), COARSE)
    x_0, seeds = LEVELS[[5, 100, 200]][:, None], torch.tensor([7, 8, 9])

    def terms(rows):
        def noise(t):
            return standard_normal(seeds[rows], t, (1,), torch.float64)

        return likelihood(denoiser, BETA, x_0[rows], noise).terms

    assert torch.equal(terms([0, 1, 2])[[2, 0]], terms([2, 0]))


def test_no_gradients_are_kept():
    weight = torch.ones((), dtype=torch.float64).requires_grad_()
    denoiser = Denoiser(lambda x_t, shown: weight * x_t, COARSE)
    x_0 = LEVELS[[5, 100]][:, None]
    assert not likelihood(denoiser, BETA, x_0, lambda t: x_0).terms.requires_grad


def test_float32_images():
    """Terms of 1e-4 bits and their sum, within 1e-4 of float64."""
    denoiser = exact_denoiser(data(), linear_schedule(100))
    x_0, eps = at_nodes(LEVELS[[90, 130]])
    double = likelihood(denoiser, BETA, x_0, lambda t: eps)
    single = likelihood(denoiser, BETA, x_0.float(), lambda t: eps.float())
    assert torch.allclose(single.terms, double.terms, rtol=1e-3, atol=1e-5)
    assert torch.allclose(single.total, double.total, rtol=1e-4)
    exact_prior = prior_term(denoiser.schedule, x_0.float().double()) / math.log(2)
    assert torch.equal(single.L_T, exact_prior)


def test_shorter_chain_and_empty_batch():
    short = respace(exact_denoiser(data(), linear_schedule(100)), [100, 30, 2, 0])
    x_0, eps = at_nodes(LEVELS[[120]])
    result = likelihood(short, BETA, x_0, lambda t: eps)
    exact = by_joint_gaussian(short.schedule, "beta", LEVELS[120].item()) / math.log(2)
    assert result.terms.shape == (40, 4)
    assert expected(result.total).item() == pytest.approx(exact, abs=1e-6)
    empty = torch.zeros(0, 1)
    assert likelihood(short, BETA, empty, lambda t: empty).total.shape == (0,)


IMAGE = torch.full((2, 1), LEVELS[7].item())
TERMS = torch.ones(2, 4)


@pytest.mark.parametrize(
    "call, parts",
    [
        (lambda: Likelihood(TERMS, TERMS[:, :3]), ("squared_error", "(2, 4)", "(2, 3)")),
        (lambda: Likelihood(TERMS[0], TERMS[0]), ("terms", "(B, T + 1)", "(4,)")),
        (lambda: Likelihood(TERMS[:, :1], TERMS[:, :1]), ("terms", "(2, 1)")),
        (lambda: Likelihood(TERMS / 0, TERMS), ("terms", "finite", "inf")),
        (lambda: Likelihood(TERMS, TERMS, 1), ("levels", "2..256", "got 1")),
        (
            lambda: likelihood(exact_denoiser(data(), COARSE), Bound(BETA.variance, levels=17),
                               IMAGE, lambda t: IMAGE),
            ("x_0", "k = 0..16", "levels = 17"),
        ),
        (lambda: Likelihood(TERMS, TERMS * math.nan), ("squared_error", "finite", "nan")),
        (
            lambda: likelihood(exact_denoiser(data(), COARSE), BETA, IMAGE.byte(), lambda t: IMAGE),
            ("x_0", "floating", "uint8"),
        ),
        (
            lambda: likelihood(exact_denoiser(data(), COARSE), BETA, IMAGE, lambda t: IMAGE[:1]),
            ("eps", "x_0", "(1, 1)"),
        ),
        (
            lambda: likelihood(exact_denoiser(data(), COARSE), BETA, IMAGE / 2, lambda t: IMAGE),
            ("x_0", "levels"),
        ),
        (
            lambda: likelihood(exact_denoiser(data(), COARSE), BETA, IMAGE / 0, lambda t: IMAGE),
            ("x_0", "levels", "inf"),
        ),
        (
            lambda: likelihood(exact_denoiser(data(), COARSE), BETA, IMAGE, lambda t: IMAGE / 0),
            ("terms", "finite"),
        ),
        (lambda: noise_from(torch.Generator(), IMAGE.byte()), ("x_0", "floating", "uint8")),
    ],
)
def test_refusals(call, parts):
    with pytest.raises(ValueError) as error:
        call()
    for part in parts:
        assert part in str(error.value), f"{part!r} not in {error.value}"
