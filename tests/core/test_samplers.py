"""Samplers against the papers' formulas in 80 digits, one step at a time, and against the law that
Gaussian data must come out with, carried through the whole chain by matrices.
"""

import itertools
import math

import numpy as np
import pytest
import torch
from chains import LINEAR, METHODS, MP, ZERO, doubles, exact_alpha_bars
from scipy import stats
from statistical import CENTRE, CLUSTER, WHITE_DISTANCE, WHITE_SQUARES, WHITE_SUM, WIDTH

from audit.comparisons.chance import SumOfNormals, SumOfSquares
from core import samplers
from core.denoiser import PREDICTIONS, Denoiser, respace
from core.exact_denoiser import (
    DiagonalGaussian,
    FullGaussian,
    GaussianMixture,
    exact_denoiser,
    reverse_covariance,
)
from core.reverse import ReverseVariance
from core.samplers import DDIM, Ancestral, sample
from core.schedule import cosine_schedule, linear_schedule
from core.timesteps import quadratic_chain, released_quadratic_chain, uniform_chain

pytestmark = pytest.mark.usefixtures("one_thread")
DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()


# --- One step, with a network whose output p does not depend on x_t: then
# x_{t-1} = a x_t + b p + c z, and three images read off a, b and c.


def times(factor, terms):
    return {symbol: [factor * term for term in values] for symbol, values in terms.items()}


def plus(*sums):
    return {symbol: [*itertools.chain(*(terms.get(symbol, []) for terms in sums))]
            for symbol in "xpz"}  # fmt: skip


def interpretations(kind, a_t):
    """x_0 and eps as sums of terms in x_t and p."""
    signal, noise = MP.sqrt(a_t), MP.sqrt(1 - a_t)
    if kind == "eps":
        return {"x": [1 / signal], "p": [-noise / signal]}, {"p": [MP.mpf(1)]}
    if kind == "x_0":
        return {"p": [MP.mpf(1)]}, {"x": [1 / noise], "p": [-signal / noise]}
    return {"x": [signal], "p": [-noise]}, {"x": [noise], "p": [signal]}


def ddim_as_printed(kind, a_t, a_s, eta):
    x_0, eps = interpretations(kind, a_t)
    sigma = eta * MP.sqrt((1 - a_s) / (1 - a_t)) * MP.sqrt(1 - a_t / a_s)
    return plus(times(MP.sqrt(a_s), x_0), times(MP.sqrt(1 - a_s - sigma**2), eps), {"z": [sigma]})


def ancestral_as_printed(kind, a_t, a_s, variance, fraction):
    x_0, _ = interpretations(kind, a_t)
    beta = 1 - a_t / a_s
    beta_tilde = (1 - a_s) / (1 - a_t) * beta
    spread = {"beta": beta, "beta_tilde": beta_tilde,
              "learned": beta**fraction * beta_tilde ** (1 - fraction)}[variance]  # fmt: skip
    mean = plus(times(MP.sqrt(a_s) * beta / (1 - a_t), x_0),
                {"x": [MP.sqrt(1 - beta) * (1 - a_s) / (1 - a_t)]})  # fmt: skip
    return plus(mean, {"z": [MP.sqrt(spread)]})


V = 0.3  # what the network says of the variance: a fraction (V + 1) / 2 of the way to log beta


def probe(method, denoiser, t, dtype):
    """(a, b, c) of the step from t."""
    unit = torch.eye(3, dtype=dtype, device=denoiser.schedule.beta.device)
    x_t, p, z = unit[:, :1], unit[:, 1:2], unit[:, 2:]
    output = torch.cat([p, torch.full_like(p, V)], 1) if denoiser.learns_variance else p
    stub = Denoiser(lambda x, shown: output, denoiser.schedule, denoiser.predicts,
                    denoiser.learns_variance)  # fmt: skip
    x_s = method.step(stub, x_t, t, z)
    assert x_s.shape == (3, 1) and x_s.dtype == dtype
    return x_s.flatten().tolist()


CASES = {
    "linear": (LINEAR, tuple(range(1000, -1, -1))),
    "linear, 20 steps": (LINEAR, quadratic_chain(1000, 20)),
    "cosine, 10 steps": (cosine_schedule(1000), uniform_chain(1000, 10)),
    "released, 10 steps": (LINEAR, released_quadratic_chain(1000, 10)),
    "no signal at T": (ZERO, uniform_chain(1000, 40)),
}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kind", PREDICTIONS)
@pytest.mark.parametrize("case", CASES)
def test_every_step_has_the_exact_coefficients(case, kind, device):
    """Within 16 roundings of the sum of the absolute values of a coefficient's terms: 4e-15 of it
    in float64, 2e-6 in float32.
    """
    schedule, chain = CASES[case]
    bars = exact_alpha_bars(schedule, chain)
    denoiser = Denoiser(None, schedule.to(device), kind)
    learning = Denoiser(None, schedule.to(device), kind, learns_variance=True)
    if len(chain) < 1001:
        denoiser, learning = respace(denoiser, chain), respace(learning, chain)
    T = len(chain) - 1
    ts = [*range(2, T + 1)] if T < 100 else [2, 3, 10, *range(60, 1000, 97), 999, 1000]
    fraction = (1 + MP.mpf(V)) / 2
    for t in ts:
        if kind == "eps" and bars[t] == 0:
            continue
        pair = (kind, bars[t], bars[t - 1])
        for method, model, exact in (
            (DDIM(0.0), denoiser, ddim_as_printed(*pair, 0)),
            (DDIM(0.5), denoiser, ddim_as_printed(*pair, MP.mpf("0.5"))),
            (DDIM(1.0), denoiser, ddim_as_printed(*pair, 1)),
            *((Ancestral(ReverseVariance(name, first)), model,
               ancestral_as_printed(*pair, name, fraction))
              for name, first, model in (("beta", "own", denoiser), ("beta_tilde", "own", denoiser),
                                         ("learned", "beta_tilde_2", learning))),
        ):  # fmt: skip
            for dtype in (torch.float64, torch.float32):
                values = probe(method, model, t, dtype)
                for value, terms in zip(values, exact.values(), strict=True):
                    scale = sum(abs(term) for term in terms)
                    error = abs(value - sum(terms))
                    assert error <= 16 * torch.finfo(dtype).eps * scale, (method, t, dtype)
                    assert dtype != torch.float64 or error <= 1e-11 * max(scale, 1)


@pytest.mark.parametrize("kind", PREDICTIONS)
@pytest.mark.parametrize("clip", ["off", "x_0", "x_0_and_eps"])
def test_clipping_by_hand(clip, kind):
    """A prediction beyond [-1, 1] in the first pixel, inside it in the second."""
    t, (x_0, eps) = 300, (np.array([1.7, 0.4]), np.array([-0.3, 1.2]))
    a_s, a_t = (float(a) for a in exact_alpha_bars(LINEAR, (300, 299)))
    signal, noise = math.sqrt(a_t), math.sqrt(1 - a_t)
    x_t = signal * x_0 + noise * eps
    p = {"eps": eps, "x_0": x_0, "v": signal * eps - noise * x_0}[kind]
    denoiser = Denoiser(lambda x, shown: doubles(p), LINEAR, kind)
    clipped = x_0 if clip == "off" else np.array([1.0, 0.4])
    z = np.array([0.6, -2.0])
    if clip != "x_0_and_eps":
        beta = 1 - a_t / a_s
        mean = (math.sqrt(a_s) * beta * clipped + math.sqrt(1 - beta) * (1 - a_s) * x_t) / (1 - a_t)
        result = Ancestral(ReverseVariance("beta"), clip).step(
            denoiser, doubles(x_t), t, doubles(z)
        )
        assert np.allclose(result.numpy()[0], mean + math.sqrt(beta) * z, rtol=0, atol=1e-12)
    if clip == "x_0_and_eps":
        eps = (x_t - signal * clipped) / noise
        assert eps[1] == pytest.approx(1.2, rel=1e-12)
    sigma = 0.5 * math.sqrt((1 - a_s) / (1 - a_t) * (1 - a_t / a_s))
    expected = math.sqrt(a_s) * clipped + math.sqrt(1 - a_s - sigma**2) * eps + sigma * z
    result = DDIM(0.5, clip).step(denoiser, doubles(x_t), t, doubles(z))
    assert np.allclose(result.numpy()[0], expected, rtol=0, atol=1e-12)


# --- Whole chains on Gaussian data, whose every step is affine: x_s = M x_t + c + sigma z.

COVARIANCE = np.array([[0.5, 0.3, -0.1], [0.3, 0.9, 0.2], [-0.1, 0.2, 0.2]])
MEAN = np.array([0.25, -1.0, 0.5])
DATA = FullGaussian(torch.from_numpy(MEAN), torch.from_numpy(COVARIANCE))


def affine_x_0(a_t):
    """E[x_0 | x_t] = P x_t + q, by conditioning."""
    signal, eye = math.sqrt(a_t), np.eye(3)
    P = signal * COVARIANCE @ np.linalg.inv(a_t * COVARIANCE + (1 - a_t) * eye)
    return P, MEAN - signal * P @ MEAN


def law_of_samples(schedule, chain, method):
    """Mean and covariance of what the sampler returns, from the papers' formulas."""
    bars = [float(a) for a in exact_alpha_bars(schedule, chain)]
    mean, covariance, eye = np.zeros(3), np.eye(3), np.eye(3)
    for t in range(len(chain) - 1, 0, -1):
        a_t, a_s = bars[t], bars[t - 1]
        beta, (P, q) = 1 - a_t / a_s, affine_x_0(a_t)
        if t == 1:
            M, c, variance = P, q, 0
        elif isinstance(method, DDIM):
            variance = method.eta**2 * (1 - a_s) / (1 - a_t) * beta
            direction = math.sqrt((1 - a_s - variance) / (1 - a_t))
            M = math.sqrt(a_s) * P + direction * (eye - math.sqrt(a_t) * P)
            c = (math.sqrt(a_s) - direction * math.sqrt(a_t)) * q
        else:
            c_0 = math.sqrt(a_s) * beta / (1 - a_t)
            M = c_0 * P + math.sqrt(1 - beta) * (1 - a_s) / (1 - a_t) * eye
            c, tilde = c_0 * q, (1 - a_s) / (1 - a_t) * beta
            variance = {"beta": beta, "beta_tilde": tilde}[method.variance.kind]
        mean, covariance = M @ mean + c, M @ covariance @ M.T + variance * eye
    return mean, covariance


def law_by_probing(monkeypatch, denoiser, method):
    """Mean and covariance of the sampler itself.  It is affine in its noise, so an image of no
    noise gives the mean, and an image for each unit of noise a column of the covariance's root.
    """
    T = denoiser.schedule.T
    inputs = [(draw, pixel) for draw in (0, *range(2, T + 1)) for pixel in range(3)]

    def unit_noise(seeds, draw, shape, dtype):
        z = torch.zeros(len(seeds), *shape, dtype=dtype)
        for image, (its_draw, pixel) in enumerate(inputs, start=1):
            z[image, pixel] = float(its_draw == draw)
        return z

    with monkeypatch.context() as patch:
        patch.setattr(samplers, "standard_normal", unit_noise)
        images = sample(denoiser, method, torch.arange(len(inputs) + 1), (3,), dtype=torch.float64)
    columns = (images[1:] - images[0]).numpy()
    return images[0].numpy(), columns.T @ columns


@pytest.mark.parametrize("kind", PREDICTIONS)
@pytest.mark.parametrize("name", METHODS)
def test_the_law_of_samples(name, kind, monkeypatch):
    method = METHODS[name]
    for schedule, chain in (
        (LINEAR, uniform_chain(1000, 10)),
        (LINEAR, released_quadratic_chain(1000, 10)),
        (cosine_schedule(100), quadratic_chain(100, 7)),
        (linear_schedule(), (1000, 0)),
        (ZERO, quadratic_chain(1000, 12)),
    ):
        if schedule is ZERO and kind == "eps":
            continue
        denoiser = respace(exact_denoiser(DATA, schedule, kind), chain)
        mean, covariance = law_by_probing(monkeypatch, denoiser, method)
        exact_mean, exact_covariance = law_of_samples(schedule, chain, method)
        assert np.allclose(mean, exact_mean, rtol=0, atol=1e-11)
        assert np.allclose(covariance, exact_covariance, rtol=0, atol=1e-11)


def test_every_sampler_approaches_the_data():
    """Halving the steps doubles the distance to the data's law, down to what the start costs."""
    for name, method in METHODS.items():
        errors = []
        for S in (125, 250, 500, 1000):
            mean, covariance = law_of_samples(ZERO, uniform_chain(1000, S), method)
            errors.append(max(np.abs(mean - MEAN).max(), np.abs(covariance - COVARIANCE).max()))
        assert errors[-1] < 0.02, name
        assert all(late < 0.8 * early for early, late in itertools.pairwise(errors)), (name, errors)


def test_the_exact_reverse_variance_gives_the_exact_law(monkeypatch):
    """With no signal at T, x_T has its law; with the true reverse variance, so has every x_t, on
    any chain; and the image is E[x_0 | x_1].  The variance is the "learned" one, per pixel.
    """
    variance = doubles(0.5, 0.02, 1.7)
    data = DiagonalGaussian(torch.from_numpy(MEAN), variance)
    for chain in (uniform_chain(1000, 4), quadratic_chain(1000, 9)):
        short = respace(exact_denoiser(data, ZERO, "v"), chain)
        schedule, rows = short.schedule, [doubles(0.0, 0.0, 0.0)]
        for t in range(2, schedule.T + 1):
            true = reverse_covariance(data, schedule, t).diag().log()
            low, high = schedule.beta_tilde[t].log(), schedule.beta[t].log()
            rows.append(2 * (true - low) / (high - low) - 1)
        table = dict(zip(short.shown.tolist(), rows, strict=True))

        def network(x, shown, short=short, table=table):
            v = table[shown[0].item()].expand(x.shape)
            return torch.cat([short.network(x, shown), v], 1)

        learned = Denoiser(network, schedule, "v", True, short.shown)
        method = Ancestral(ReverseVariance("learned", "beta_tilde_2"))
        mean, covariance = law_by_probing(monkeypatch, learned, method)
        a = schedule.alpha_bar[1].item()
        explained = a * variance**2 / (a * variance + 1 - a)
        assert np.allclose(mean, MEAN, rtol=0, atol=1e-11)
        assert np.allclose(covariance, np.diag(explained), rtol=0, atol=1e-11)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", METHODS)
def test_samples_are_drawn_from_that_law(name, device):
    """40,000 images with their real noise, whitened by the exact mean and root: every pixel, and
    every sum and difference of two, is standard normal: 9 rows.
    """
    chain = quadratic_chain(1000, 10)
    schedule = LINEAR.to(device)
    data = FullGaussian(torch.from_numpy(MEAN).to(device), torch.from_numpy(COVARIANCE).to(device))
    denoiser = respace(exact_denoiser(data, schedule), chain)
    images = sample(denoiser, METHODS[name], torch.arange(40_000, device=device), (3,))
    assert images.dtype == torch.float32 and images.device.type == device
    mean, covariance = law_of_samples(LINEAR, chain, METHODS[name])
    white = np.linalg.solve(np.linalg.cholesky(covariance), (images.cpu().numpy() - mean).T)
    mixed = [(x + sign * y) / math.sqrt(2) for x, y in itertools.combinations(white, 2)
             for sign in (1, -1)]  # fmt: skip
    for row in (*white, *mixed):
        assert row.shape == (WHITE_SUM.n,)
        assert WHITE_SUM.accepts(row.sum()) and WHITE_SQUARES.accepts((row**2).sum())
        exact = stats.norm.cdf(np.sort(row))
        steps = np.arange(40_001) / 40_000
        gap = max(np.max(steps[1:] - exact), np.max(exact - steps[:-1]))
        assert WHITE_DISTANCE.accepts(gap)


def test_mixture_modes():
    """DDIM on two clusters in the plane: weights, means and widths by their exact laws, and a
    slack for the steps that are not infinitely small.
    """
    n, deviation = 5000, 0.15
    means = doubles([-0.6, 0.5], [0.7, -0.2])
    data = GaussianMixture(doubles(0.3, 0.7), means, doubles(deviation**2, deviation**2))
    denoiser = respace(exact_denoiser(data, LINEAR), uniform_chain(1000, 200))
    images = sample(denoiser, DDIM(), torch.arange(n), (2,), dtype=torch.float64)
    first = (images - means[0]).norm(dim=1) < (images - means[1]).norm(dim=1)
    low, high = CLUSTER.range
    assert CLUSTER.n == n and low - 0.01 * n <= int(first.sum()) <= high + 0.01 * n
    for mean, chosen in ((means[0], first), (means[1], ~first)):
        count, cluster = int(chosen.sum()), images[chosen]
        bound = SumOfNormals(count, CENTRE.alarm).range[1] / count * deviation + 0.01
        assert bool(((cluster.mean(0) - mean).abs() < bound).all())
        widths = [deviation * math.sqrt(x / (count - 1))
                  for x in SumOfSquares(count - 1, WIDTH.alarm).range]
        for width in cluster.std(0).tolist():
            assert widths[0] - 0.005 < width < widths[1] + 0.005
