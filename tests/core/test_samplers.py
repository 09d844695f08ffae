"""Samplers against the papers' formulas in 80 digits, one step at a time, and against the law that
Gaussian data must come out with, carried through the whole chain by matrices.
"""

import itertools
import math

import mpmath
import numpy as np
import pytest
import torch
from scipy import stats
from statistical import CENTRE, CLUSTER, WHITE_DISTANCE, WHITE_SQUARES, WHITE_SUM, WIDTH
from torch.utils._python_dispatch import TorchDispatchMode

from audit.comparisons.chance import SumOfNormals, SumOfSquares
from core import samplers
from core.checks import trusted
from core.denoiser import PREDICTIONS, Denoiser, respace
from core.exact_denoiser import (
    DiagonalGaussian,
    FullGaussian,
    GaussianMixture,
    exact_denoiser,
    reverse_covariance,
)
from core.noise import standard_normal
from core.reverse import ReverseVariance
from core.samplers import DDIM, Ancestral, SamplerState, sample
from core.schedule import cosine_schedule, linear_schedule, schedule_from_betas
from core.timesteps import quadratic_chain, released_quadratic_chain, uniform_chain
from core.zero_terminal_snr import zero_terminal_snr

pytestmark = pytest.mark.usefixtures("one_thread")
DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()
MP = mpmath.MPContext()
MP.dps = 80
LINEAR = linear_schedule()
ZERO = zero_terminal_snr(LINEAR)


def doubles(*values):
    return torch.tensor(np.array(values), dtype=torch.float64)


def exact_alpha_bars(schedule, chain):
    """alpha_bar at the visited timesteps, from the least noisy, in 80 digits."""
    products = [MP.mpf(1)]
    for beta in schedule.beta[1:].tolist():
        products.append(products[-1] * (1 - MP.mpf(beta)))
    return [products[t] for t in reversed(chain)]


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


METHODS = {
    "DDIM": DDIM(), "eta 0.5": DDIM(0.5), "eta 1": DDIM(1.0),
    "beta": Ancestral(ReverseVariance("beta")),
    "beta_tilde": Ancestral(ReverseVariance("beta_tilde")),
}  # fmt: skip


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


# --- What the seeds, the batch and an interruption do, and do not.

PIXELS = DiagonalGaussian(
    torch.linspace(-0.5, 0.5, 18).reshape(2, 3, 3), torch.full((2, 3, 3), 0.2)
)
FAST = respace(exact_denoiser(PIXELS, LINEAR), quadratic_chain(1000, 8))
SHAPE = (2, 3, 3)
SEEDS = torch.tensor([4, -9, 2**50, 4, 0, 77, 1])


@pytest.mark.parametrize("method", [*METHODS.values(), DDIM(0.3, "x_0"), Ancestral(clip="x_0")],
                         ids=str)  # fmt: skip
def test_an_image_depends_on_its_seed_alone(method):
    batch = sample(FAST, method, SEEDS, SHAPE)
    assert batch.shape == (7, 2, 3, 3) and bool(torch.isfinite(batch).all())
    assert torch.equal(batch[0], batch[3]) and not torch.equal(batch[0], batch[1])
    for k in range(7):
        assert torch.equal(sample(FAST, method, SEEDS[k : k + 1], SHAPE)[0], batch[k])
    order = torch.tensor([6, 2, 0, 5, 1, 4, 3])
    assert torch.equal(sample(FAST, method, SEEDS[order], SHAPE), batch[order])


@pytest.mark.parametrize("method", [DDIM(), DDIM(1.0), Ancestral()], ids=str)
def test_stopped_and_continued(method):
    states = []
    images = sample(FAST, method, SEEDS, SHAPE, callback=states.append)
    assert [state.t for state in states] == [7, 6, 5, 4, 3, 2, 1, 0]
    assert torch.equal(states[-1].x, images)
    start = SamplerState(standard_normal(SEEDS, 0, SHAPE), 8)
    for state in (start, *states):
        kept = state.x.clone()
        assert torch.equal(sample(FAST, method, SEEDS, SHAPE, state=state), images)
        assert torch.equal(state.x, kept)


def test_eta_1_is_ancestral_with_beta_tilde():
    for denoiser in (FAST, respace(exact_denoiser(PIXELS, ZERO, "v"), uniform_chain(1000, 9))):
        for clip in ("off", "x_0"):
            ancestral = Ancestral(ReverseVariance("beta_tilde"), clip)
            # With a clipped x_0 the posterior mean reads eps off x_t again.
            ddim = DDIM(1.0, "off" if clip == "off" else "x_0_and_eps")
            results = [sample(denoiser, method, SEEDS, SHAPE, dtype=torch.float64)
                       for method in (ancestral, ddim)]  # fmt: skip
            assert torch.allclose(*results, rtol=0, atol=1e-12)


def test_sigma_hat_is_ancestral_with_beta_on_the_chain():
    """DDIM's row sigma-hat: the mean of eta = 1, the standard deviation sqrt(1 - A_t / A_s)."""
    chain = quadratic_chain(1000, 8)
    x = standard_normal(SEEDS, 0, SHAPE, torch.float64)
    bars = [float(a) for a in exact_alpha_bars(LINEAR, chain)]
    for t in range(8, 0, -1):
        a_t, a_s = bars[t], bars[t - 1]
        eps = FAST(x, t).eps
        sigma = math.sqrt((1 - a_s) / (1 - a_t) * (1 - a_t / a_s))
        x_0 = (x - math.sqrt(1 - a_t) * eps) / math.sqrt(a_t)
        z = standard_normal(SEEDS, t, SHAPE, torch.float64) if t > 1 else 0
        x = (math.sqrt(a_s) * x_0 + math.sqrt(1 - a_s - sigma**2) * eps
             + math.sqrt(1 - a_t / a_s) * z)  # fmt: skip
    result = sample(FAST, Ancestral(ReverseVariance("beta")), SEEDS, SHAPE, dtype=torch.float64)
    assert torch.allclose(result, x, rtol=0, atol=1e-11)


def test_the_last_step_is_the_prediction_without_noise():
    state = SamplerState(doubles([0.3, 9.0]), 1)
    for clip, expected in (("off", [0.5, -3.0]), ("x_0", [0.5, -1.0])):
        denoiser = Denoiser(lambda x, shown: doubles([0.5, -3.0]), LINEAR, "x_0")
        for method in (Ancestral(ReverseVariance("beta", "beta_tilde_2"), clip), DDIM(1.0, clip)):
            result = sample(denoiser, method, SEEDS[:1], (2,), dtype=torch.float64, state=state)
            assert result.tolist() == [expected]


def test_one_step_and_empty_batch():
    schedule = schedule_from_betas([0.36])
    denoiser = exact_denoiser(DiagonalGaussian(doubles(1.0), doubles(2.0)), schedule)
    x_T = standard_normal(SEEDS, 0, (1,), torch.float64)
    expected = 1 + 0.8 * 2 / (0.64 * 2 + 0.36) * (x_T - 0.8)
    learned = Ancestral(ReverseVariance("learned", "beta_tilde_2"))  # beta_tilde_2 is not needed
    for method in (DDIM(1.0), Ancestral(), learned):
        result = sample(denoiser, method, SEEDS, (1,), dtype=torch.float64)
        assert torch.allclose(result, expected, rtol=1e-13, atol=1e-14)
    assert sample(FAST, DDIM(1.0), SEEDS[:0], SHAPE).shape == (0, 2, 3, 3)
    done = SamplerState(torch.zeros(1, 2, 3, 3), 0)
    assert torch.equal(sample(FAST, DDIM(), SEEDS[:1], SHAPE, state=done), done.x)


class TinyNetwork(torch.nn.Module):
    """A convolution; the samplers are to run it as they run a U-Net."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(2, 2, 3, padding=1)
        torch.nn.init.constant_(self.conv.weight, 0.02)

    def forward(self, x, shown):
        return self.conv(x) * (1 + shown.reshape(-1, 1, 1, 1) / 1000)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("method", [DDIM(), DDIM(1.0, "x_0"), Ancestral(clip="x_0")], ids=str)
def test_precision_of_the_network_and_of_the_state(method, device):
    network = TinyNetwork().to(device)
    schedule, chain, seeds = LINEAR.to(device), uniform_chain(1000, 6), SEEDS.to(device)
    half = TinyNetwork().to(device, torch.bfloat16)
    half.load_state_dict(network.state_dict())

    def in_bfloat16(x, shown):
        return half(x.bfloat16(), shown.bfloat16())

    def autocast(x, shown):
        with torch.autocast(device, torch.bfloat16):
            return network(x, shown)

    exact = sample(respace(Denoiser(network.double(), schedule), chain), method, seeds, SHAPE,
                   dtype=torch.float64)  # fmt: skip
    network.float()
    for forward, tolerance in ((network, 1e-5), (in_bfloat16, 0.2), (autocast, 0.2)):
        with torch.inference_mode():
            images = sample(respace(Denoiser(forward, schedule), chain), method, seeds, SHAPE)
        assert images.dtype == torch.float32
        assert (images - exact).abs().max() < tolerance * (1 + exact.abs().max())
    assert not sample(
        respace(Denoiser(network, schedule), chain), method, seeds, SHAPE
    ).requires_grad


class Reads(TorchDispatchMode):
    """Counts the reads of values: those of a bool or a float would make the host wait for a GPU.
    (An integer read is a timestep of the loop, which lies on the CPU.)
    """

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function is torch.ops.aten._local_scalar_dense.default:
            self.count += args[0].dtype != torch.int64
        self.count += function is torch.ops.aten.nonzero.default
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("method", [*METHODS.values(), DDIM(0.3, "x_0"), Ancestral(clip="x_0")],
                         ids=str)  # fmt: skip
def test_no_value_is_read_inside_the_loop(method):
    counts = []
    for S in (3, 30):
        denoiser = respace(exact_denoiser(PIXELS, LINEAR, "v"), uniform_chain(1000, S))
        with Reads() as reads:
            sample(denoiser, method, SEEDS, SHAPE)
        counts.append(reads.count)
    assert counts[0] == counts[1] > 0


class OneDevice(TorchDispatchMode):
    """Refuses an operation on tensors of two devices, which moves one of them; a CPU scalar that
    picks an entry of a table is read where it lies.
    """

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        tensors = [x for x in torch.utils._pytree.tree_leaves(args) if isinstance(x, torch.Tensor)]
        assert len({x.device.type for x in tensors}) <= 1, function
        return function(*args, **(kwargs or {}))


RELEASED = [Ancestral(ReverseVariance(kind, "beta_tilde_2"), "x_0")
            for kind in ("beta", "beta_tilde", "learned")]  # fmt: skip


@pytest.mark.parametrize("predicts", ["eps", "v"])
@pytest.mark.parametrize(
    "method", [*METHODS.values(), DDIM(0.3, "x_0_and_eps"), *RELEASED], ids=str
)
def test_steps_neither_read_nor_move_a_tensor(method, predicts):
    """The meta device holds no values, so that reading one is an error, as is waiting for a GPU."""
    denoiser = Denoiser(lambda x, shown: torch.cat([x, x], 1) * (1 + shown[:, None]),
                        LINEAR.to("meta"), predicts, learns_variance=True)  # fmt: skip
    seeds = SEEDS.to("meta")
    with trusted(), OneDevice():
        for t in (2, 500, 1000):
            z = standard_normal(seeds, t, (2,))
            assert method.step(denoiser, z, t, z).device.type == "meta"
    with trusted(), OneDevice(), pytest.raises(AssertionError, match="where"):
        torch.where(torch.tensor(True), seeds, seeds)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU to wait for")
@pytest.mark.parametrize("method", METHODS.values(), ids=str)
def test_no_synchronisation_inside_the_loop(method):
    data = DiagonalGaussian(PIXELS.mean.cuda(), PIXELS.variance.cuda())
    denoiser = respace(exact_denoiser(data, LINEAR.to("cuda"), "v"), uniform_chain(1000, 6))

    def watch(state):
        torch.cuda.set_sync_debug_mode("default" if state.t == 0 else "error")

    try:
        sample(denoiser, method, SEEDS.cuda(), SHAPE, callback=watch)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_checks_are_back_in_the_callback_and_after_an_error():
    def fails(x, shown):
        raise RuntimeError("from the network")

    seen = []

    def callback(state):
        with pytest.raises(ValueError, match="finite"):
            FAST(state.x * math.nan, 1)
        seen.append(state.t)

    sample(FAST, DDIM(), SEEDS, SHAPE, callback=callback)
    assert seen == [7, 6, 5, 4, 3, 2, 1, 0]
    with pytest.raises(RuntimeError, match="from the network"):
        sample(Denoiser(fails, LINEAR), DDIM(), SEEDS, SHAPE)
    with pytest.raises(ValueError, match="finite"):
        FAST(torch.full((1, *SHAPE), math.nan), 1)


@pytest.mark.parametrize("bad_t", [1, 2, 5, 8])
def test_the_first_step_that_is_not_finite_is_named(bad_t):
    shown_then = FAST.shown[bad_t - 1].item()

    def network(x, shown):
        good = FAST.network(x, shown)
        return good / 0 if shown[0].item() == shown_then else good

    broken = Denoiser(network, FAST.schedule, "eps", False, FAST.shown)
    for method in (DDIM(), Ancestral()):
        with pytest.raises(FloatingPointError) as error:
            sample(broken, method, SEEDS, SHAPE)
        assert f"t = {bad_t} gave" in str(error.value) and "float32" in str(error.value)


BLANK = torch.zeros(7, *SHAPE)
LEARNED = Ancestral(ReverseVariance("learned", "beta_tilde_2"))
SILENT = exact_denoiser(PIXELS, ZERO, "eps")


@pytest.mark.parametrize(
    "call, parts",
    [
        (lambda: DDIM(1.5), ("eta", "[0, 1]", "1.5")),
        (lambda: DDIM(math.nan), ("eta", "nan")),
        (lambda: DDIM(clip="x0"), ("clip", "'x_0_and_eps'", "'x0'")),
        (lambda: Ancestral(clip="x_0_and_eps"), ("clip", "'off', 'x_0'", "'x_0_and_eps'")),
        (lambda: sample(FAST, DDIM(), SEEDS.int(), SHAPE), ("seeds", "int64", "int32")),
        (lambda: sample(FAST, DDIM(), SEEDS.to("meta"), SHAPE), ("seeds", "device", "meta", "cpu")),
        (lambda: sample(FAST, DDIM(), SEEDS, (2, -3, 3)), ("shape", "0 or more", "-3")),
        (lambda: sample(FAST, DDIM(), SEEDS, SHAPE, dtype=torch.int64), ("dtype", "int64")),
        (lambda: sample(FAST, DDIM(), SEEDS, (3, 3, 3)), ("x_t", "(7, 2, 3, 3)", "(7, 3, 3, 3)")),
        (
            lambda: sample(FAST, DDIM(), SEEDS, SHAPE, state=SamplerState(BLANK[1:], 3)),
            ("state.x", "(7, 2, 3, 3)", "(6, 2, 3, 3)"),
        ),
        (
            lambda: sample(FAST, DDIM(), SEEDS, SHAPE, state=SamplerState(BLANK.double(), 3)),
            ("state.x", "float32", "float64"),
        ),
        (
            lambda: sample(FAST, DDIM(), SEEDS, SHAPE, state=SamplerState(BLANK / 0, 3)),
            ("state.x", "finite", "nan"),
        ),
        (
            lambda: sample(FAST, DDIM(), SEEDS, SHAPE, state=SamplerState(BLANK, 9)),
            ("state.t", "0..8", "9"),
        ),
        (
            lambda: sample(FAST, DDIM(), SEEDS, SHAPE, state=SamplerState(BLANK, 2.0)),
            ("state.t", "0..8", "2.0"),
        ),
        (
            lambda: sample(SILENT, DDIM(), SEEDS, SHAPE),
            ("T = 1000", "alpha_bar_T = 0", "predict v or x_0"),
        ),
        (
            lambda: sample(
                FAST, Ancestral(ReverseVariance("learned", "beta_tilde_2")), SEEDS, SHAPE
            ),
            ("variance", "learns_variance=False", "'learned'"),
        ),
    ],
)
def test_refusals(call, parts):
    with pytest.raises(ValueError) as error:
        call()
    for part in parts:
        assert part in str(error.value), f"{part!r} not in {error.value}"
