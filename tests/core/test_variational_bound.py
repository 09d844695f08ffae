"""Each term against its closed form for Gaussian data, whose best guess of x_0 is linear in x_t.

For x_0 ~ N(m, s^2) per dimension, E[x_0 | x_t] = m + k (x_t - sqrt(A_t) m) with A = alpha_bar and
k = s^2 sqrt(A_t) / (s^2 A_t + 1 - A_t).  The expectation over eps is a Gauss-Hermite sum: eps is
an argument, and each node is an image of its own.
"""

import math

import numpy as np
import pytest
import torch
from flint import arb, ctx
from scipy.integrate import quad
from scipy.stats import norm

from core.denoiser import PREDICTIONS, Denoiser, respace
from core.exact_denoiser import DiagonalGaussian, exact_denoiser
from core.reverse import ReverseVariance
from core.schedule import cosine_schedule, linear_schedule, schedule_from_betas
from core.variational_bound import Bound, bound_term, prior_term
from core.weightings import bound_weighting
from core.zero_terminal_snr import zero_terminal_snr

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()
MEAN, VARIANCE = 0.3, 0.04
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(60)
WEIGHTS = torch.tensor(WEIGHTS / WEIGHTS.sum())
LEVEL = 160 / 127.5 - 1
BETA, BETA_2 = ReverseVariance("beta", "own"), ReverseVariance("beta", "beta_tilde_2")
TILDE = ReverseVariance("beta_tilde", "beta_tilde_2")
LEARNED = ReverseVariance("learned", "beta_tilde_2")
HARSH = schedule_from_betas([0.1, 0.5, 1e-3, 0.9])
ROUGH = schedule_from_betas([0.3])


def gaussian_denoiser(schedule, predicts="eps", shape=(1, 1)):
    variance = torch.full(shape, VARIANCE, dtype=torch.float64, device=schedule.beta.device)
    mean = torch.full_like(variance, MEAN)
    return exact_denoiser(DiagonalGaussian(mean, variance), schedule, predicts)


def with_fraction(denoiser, fraction):
    """The same network with an output of a learned variance: v of iDDPM (15) = 2 fraction - 1."""
    def network(x_t, shown):
        prediction = denoiser.network(x_t, shown)
        return torch.cat([prediction, torch.full_like(prediction, 2 * fraction - 1)], dim=1)

    return Denoiser(network, denoiser.schedule, denoiser.predicts, learns_variance=True)


def products(schedule):
    bars = [1.0]
    for beta in schedule.beta[1:].tolist():
        bars.append(bars[-1] * (1 - beta))
    return bars


def sigma_2(schedule, variance, t):
    """The variance of the reverse step, from the betas."""
    bars, beta = products(schedule), schedule.beta.tolist()

    def tilde(n):
        return beta[n] * (1 - bars[n - 1]) / (1 - bars[n])

    if t == 1 and variance.first == "beta_tilde_2":
        return tilde(2)
    return beta[t] if variance.kind == "beta" else tilde(t)


def guess(schedule, t):
    """(a, b) of x_0 - x_0_hat = a (x_0 - m) - b eps."""
    bar = products(schedule)[t]
    k = VARIANCE * math.sqrt(bar) / (VARIANCE * bar + 1 - bar)
    return 1 - k * math.sqrt(bar), k * math.sqrt(1 - bar)


def closed_form(schedule, variance, t, x_0, levels=256):
    """E L_{t-1} over eps, nats."""
    beta, bars, sigma = schedule.beta[t].item(), products(schedule), sigma_2(schedule, variance, t)
    a, b = guess(schedule, t)
    if t > 1:
        c_x0 = math.sqrt(bars[t - 1]) * beta / (1 - bars[t])
        r = beta * (1 - bars[t - 1]) / (1 - bars[t]) / sigma
        square = (a * (x_0 - MEAN)) ** 2 + b**2
        return (r - 1 - math.log(r)) / 2 + c_x0**2 * square / (2 * sigma)

    def integrand(eps):
        centre = (a * (x_0 - MEAN) - b * eps) / math.sqrt(sigma)
        half = 1 / (levels - 1) / math.sqrt(sigma)
        if abs(x_0) == 1:  # the bin is open
            return -norm.pdf(eps) * norm.logcdf(half - x_0 * centre)
        p = norm.cdf(half - abs(centre)) - norm.cdf(-half - abs(centre))
        return -norm.pdf(eps) * math.log(p)

    return quad(integrand, -9, 9, epsabs=1e-12, epsrel=1e-12)[0]


def nodes(dtype=torch.float64, device="cpu"):
    """(x_0, eps): the level, once for each node."""
    eps = torch.tensor(NODES, device=device).reshape(-1, 1, 1).to(dtype)
    return torch.full_like(eps, LEVEL), eps


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("predicts", PREDICTIONS)
@pytest.mark.parametrize("variance", [BETA, BETA_2, TILDE], ids=str)
@pytest.mark.parametrize("schedule", [linear_schedule(), HARSH], ids=["linear", "harsh"])
def test_each_term(schedule, variance, predicts, device):
    denoiser = gaussian_denoiser(schedule.to(device), predicts)
    x_0, eps = nodes(device=device)
    for t in {1, 2, 3, schedule.T // 2, schedule.T}:
        nats, step = bound_term(denoiser, Bound(variance), x_0, t, eps)
        assert nats.shape == (60,) and nats.dtype == torch.float64
        expected = closed_form(schedule, variance, t, LEVEL)
        assert (WEIGHTS @ nats.cpu()).item() == pytest.approx(expected, rel=1e-9), t
        a, b = guess(schedule, t)
        errors = a * (LEVEL - MEAN) - b * torch.tensor(NODES)
        assert torch.allclose((x_0 - step.x_0).flatten().cpu(), errors, rtol=0, atol=1e-11)


@pytest.mark.parametrize("levels, x_0", [(17, 0.625), (17, 1.0), (2, -1.0), (2, 1.0)])
def test_other_levels_change_the_decoder_alone(levels, x_0):
    denoiser, eps = gaussian_denoiser(HARSH), nodes()[1]
    image = torch.full_like(eps, x_0)
    for t in (1, 2, 4):
        nats = bound_term(denoiser, Bound(BETA, levels=levels), image, t, eps).nats
        expected = closed_form(HARSH, BETA, t, x_0, levels)
        # The Gauss-Hermite sum is exact for a square, and good to 1e-6 for log Phi.
        rel = 1e-6 if t == 1 else 1e-9
        assert (WEIGHTS @ nats).item() == pytest.approx(expected, rel=rel), t
        as_256 = bound_term(denoiser, Bound(BETA), torch.ones_like(eps), t, eps).nats
        same = bound_term(denoiser, Bound(BETA, levels=levels), torch.ones_like(eps), t, eps).nats
        assert torch.equal(as_256, same) == (t > 1)


@pytest.mark.parametrize("shape", [(2, 3), (3, 2, 2), (1, 4)], ids=str)
def test_channels_and_pixels_count_alike(shape):
    """A term is their mean: each pixel is also an image of its own, of one dimension."""
    d = math.prod(shape)
    generator = torch.Generator().manual_seed(8)
    x_0 = torch.randint(0, 256, (4, d), generator=generator).double() / 127.5 - 1
    eps = torch.randn(4, d, dtype=torch.float64, generator=generator)
    pixels = [x.reshape(-1, 1, 1) for x in (x_0, eps)]
    images = [x.reshape(4, *shape) for x in (x_0, eps)]
    mixed = torch.tensor([1, 2, 1, 4])
    for t, t_of_pixels in ((1, 1), (3, 3), (mixed, mixed.repeat_interleave(d))):
        one = bound_term(gaussian_denoiser(HARSH), Bound(BETA), pixels[0], t_of_pixels, pixels[1])
        denoiser = gaussian_denoiser(HARSH, shape=shape)
        nats = bound_term(denoiser, Bound(BETA), images[0], t, images[1]).nats
        assert nats.shape == (4,) and nats.isfinite().all()
        assert torch.allclose(nats, one.nats.reshape(4, d).mean(1), rtol=1e-13, atol=0)


def test_one_step():
    x_0, eps = nodes()
    nats = bound_term(gaussian_denoiser(ROUGH), Bound(BETA), x_0, 1, eps).nats
    assert (WEIGHTS @ nats).item() == pytest.approx(closed_form(ROUGH, BETA, 1, LEVEL), rel=1e-9)
    in_batch = bound_term(gaussian_denoiser(ROUGH), Bound(BETA), x_0, torch.ones(60).long(), eps)
    assert torch.allclose(in_batch.nats, nats, rtol=1e-14)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("variance", [BETA, TILDE, LEARNED], ids=str)
def test_a_batch_of_timesteps_is_its_images_one_by_one(variance, device):
    schedule = linear_schedule(20)
    denoiser = with_fraction(gaussian_denoiser(schedule.to(device), shape=(1, 2, 3)), 0.3)
    generator = torch.Generator().manual_seed(0)
    x_0 = (torch.randint(0, 256, (6, 1, 2, 3), generator=generator) / 127.5 - 1).double()
    x_0, eps = x_0.to(device), torch.randn(x_0.shape, generator=generator).double().to(device)
    t = torch.tensor([1, 20, 2, 1, 7, 3], dtype=torch.uint8, device=device)
    together = bound_term(denoiser, Bound(variance), x_0, t, eps).nats
    for n in range(6):
        rows = slice(n, n + 1)
        alone = bound_term(denoiser, Bound(variance), x_0[rows], int(t[n]), eps[rows]).nats
        assert torch.allclose(together[rows], alone, rtol=1e-13)


def test_an_image_is_the_mean_of_its_dimensions():
    row, pixel = (gaussian_denoiser(linear_schedule(20), shape=(1, n)) for n in (4, 1))
    x_0 = torch.tensor([[[LEVEL, -1.0, 1.0, 0.2]]], dtype=torch.float64)
    eps = torch.tensor([[[0.3, -1.0, 2.0, 0.0]]], dtype=torch.float64)
    for t in (1, 9):
        whole = bound_term(row, Bound(BETA), x_0, t, eps).nats
        parts = bound_term(pixel, Bound(BETA), x_0.reshape(4, 1, 1), t, eps.reshape(4, 1, 1))
        assert whole.shape == (1,) and whole.item() == pytest.approx(parts.nats.mean().item())


def test_learned_variance_between_the_fixed_ones():
    schedule = linear_schedule(50)
    plain = gaussian_denoiser(schedule)
    x_0, eps = nodes()
    for t in (1, 2, 30, 50):
        for fraction, fixed in ((1.0, BETA), (0.0, TILDE)):
            learned = bound_term(with_fraction(plain, fraction), Bound(LEARNED), x_0, t, eps).nats
            assert torch.allclose(
                learned, bound_term(plain, Bound(fixed), x_0, t, eps).nats, rtol=1e-10
            )
    # Half way the variance is the geometric mean.
    t, x = 30, LEVEL
    high, low = (sigma_2(schedule, kind, t) for kind in (BETA, TILDE))
    sigma = math.sqrt(high * low)
    a, b = guess(schedule, t)
    c_x0 = math.sqrt(products(schedule)[t - 1]) * high / (1 - products(schedule)[t])
    expected = (low / sigma - 1 - math.log(low / sigma)) / 2
    expected += c_x0**2 * ((a * (x - MEAN)) ** 2 + b**2) / (2 * sigma)
    nats = bound_term(with_fraction(plain, 0.5), Bound(LEARNED), x_0, t, eps).nats
    assert (WEIGHTS @ nats).item() == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("variance", [BETA, TILDE], ids=str)
@pytest.mark.parametrize("predicts", PREDICTIONS)
def test_exact_coefficient_of_the_squared_error(predicts, variance):
    """L_{t-1} = constant + weight ||target - prediction||^2, with the table of `weightings`."""
    schedule = cosine_schedule(40)
    weight = bound_weighting(schedule, predicts, variance).weight
    x_0, eps = torch.full((2, 1, 1), LEVEL).double(), torch.tensor([[[0.5]], [[-1.2]]]).double()
    predictions = torch.tensor([[[0.1]], [[0.8]]]).double()
    denoiser = Denoiser(lambda x_t, shown: predictions, schedule, predicts)
    for t in (2, 3, 20, 40):
        bar = products(schedule)[t]
        v = math.sqrt(bar) * eps - math.sqrt(1 - bar) * x_0
        square = ({"eps": eps, "x_0": x_0, "v": v}[predicts] - predictions).flatten() ** 2
        nats = bound_term(denoiser, Bound(variance), x_0, t, eps).nats
        difference = (nats[0] - nats[1]).item()
        assert difference == pytest.approx((weight[t] * (square[0] - square[1])).item(), rel=1e-9)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("predicts", PREDICTIONS)
def test_float32(predicts, device):
    """Against float64 at the same float32 image, whose levels the decoder takes as they are."""
    denoiser = gaussian_denoiser(linear_schedule(100).to(device), predicts)
    x_0, eps = nodes(torch.float32, device)
    for t in (1, 2, 50, 100):
        nats = bound_term(denoiser, Bound(BETA), x_0, t, eps).nats
        exact = bound_term(denoiser, Bound(BETA), x_0.double(), t, eps.double()).nats
        assert nats.dtype == torch.float32
        # An error of eps32 in a prediction is one of c_x0 / sigma standard deviations, 100 at most.
        assert torch.allclose(nats.double(), exact, rtol=1e-4, atol=1e-6)


def test_clip_comes_before_the_mean():
    """A network that says x_0 = 3 is, once clipped, one that says 1."""
    schedule = linear_schedule(100)
    far = Denoiser(lambda x_t, shown: torch.full_like(x_t, 3), schedule, "x_0")
    near = Denoiser(lambda x_t, shown: torch.ones_like(x_t), schedule, "x_0")
    x_0, eps = nodes()
    for t in (1, 2, 100):
        expected = bound_term(near, Bound(BETA), x_0, t, eps).nats
        for clip in ("x_0", "x_0_and_eps"):
            clipped = bound_term(far, Bound(BETA, clip=clip), x_0, t, eps)
            assert torch.equal(clipped.nats, expected)
            assert torch.equal(clipped.step.x_0, torch.ones_like(x_0))
        assert bool((bound_term(far, Bound(BETA), x_0, t, eps).nats > expected).all())


def test_tanh_decoder_is_passed_on():
    x_0, eps = nodes()
    denoiser = gaussian_denoiser(linear_schedule(10))
    exact, tanh = (
        bound_term(denoiser, Bound(BETA, cdf=cdf), x_0, 1, eps).nats for cdf in ("exact", "tanh")
    )
    assert tanh[0].item() == pytest.approx(12 * math.log(10)) and exact[0].item() > 100
    assert torch.allclose(exact[25:35], tanh[25:35], rtol=2e-3)
    assert torch.equal(*(
        bound_term(denoiser, Bound(BETA, cdf=cdf), x_0, 2, eps).nats for cdf in ("exact", "tanh")
    ))


def test_gradients_reach_mean_and_variance():
    schedule = linear_schedule(30)
    x_0, eps = nodes()
    outputs = torch.full((60, 2, 1), 0.2, dtype=torch.float64).requires_grad_()
    denoiser = Denoiser(lambda x_t, shown: outputs, schedule, "x_0", learns_variance=True)
    t = torch.arange(60) % 30 + 1
    nats = bound_term(denoiser, Bound(LEARNED), x_0, t, eps).nats
    (gradient,) = torch.autograd.grad(nats.sum(), outputs)
    assert bool((torch.isfinite(gradient) & (gradient != 0)).all())
    for n, t_n in ((0, 1), (1, 2), (29, 30)):  # against a difference quotient
        for half in (0, 1):
            values = []
            for shift in (1e-6, -1e-6):
                moved = outputs.detach().clone()
                moved[n, half] += shift
                shifted = Denoiser(lambda x, s, out=moved: out, schedule, "x_0", True)
                values.append(bound_term(shifted, Bound(LEARNED), x_0, t, eps).nats[n].item())
            quotient = (values[0] - values[1]) / 2e-6
            assert gradient[n, half].item() == pytest.approx(quotient, rel=1e-5), (t_n, half)


@pytest.mark.parametrize("predicts", ["x_0", "v"])
def test_zero_terminal_snr(predicts):
    """q(x_T) is N(0, 1), so L_T is 0; x_T says nothing of x_0, and the guess there is the mean."""
    schedule = zero_terminal_snr(linear_schedule(20))
    x_0, eps = nodes()
    assert bool((prior_term(schedule, x_0) == 0).all())
    for variance in (BETA, TILDE):
        for t in (1, 10, 20):
            nats = bound_term(gaussian_denoiser(schedule, predicts), Bound(variance), x_0, t, eps)
            expected = closed_form(schedule, variance, t, LEVEL)
            assert (WEIGHTS @ nats.nats).item() == pytest.approx(expected, rel=1e-9)


def test_shorter_chain():
    """On a respaced denoiser the terms are those of the schedule with the visited alpha_bars."""
    schedule = linear_schedule(100)
    short = respace(gaussian_denoiser(schedule), [100, 40, 5, 0])
    x_0, eps = nodes()
    for t in (1, 2, 3):
        nats = bound_term(short, Bound(BETA), x_0, t, eps).nats
        expected = closed_form(short.schedule, BETA, t, LEVEL)
        assert (WEIGHTS @ nats).item() == pytest.approx(expected, rel=1e-9)


# Of the 50,000 training images: mean and standard deviation of each channel, on the scale 0..255.
CIFAR_10 = (
    (125.306918046875, 62.993219278136884), (122.950394140625, 62.08870764001421),
    (113.86538318359375, 66.70489964063091),
)  # fmt: skip
SQUARE = sum((m / 127.5 - 1) ** 2 + (s / 127.5) ** 2 for m, s in CIFAR_10) / 3


@pytest.mark.parametrize(
    "square, printed",
    [
        (0, "5.87478410083e-10"), (0.25, "7.27867696388e-06"), (SQUARE, "7.45293815863e-06"),
        (1 / 3, "9.70470679238e-06"), (0.5, "1.45567664494e-05"), (1, "2.91129454203e-05"),
    ],
)  # fmt: skip
def test_published_prior_term(square, printed):
    """To all printed digits, that of CIFAR-10 from its published mean and standard deviation."""
    assert f"{SQUARE:.12f}" == "0.255985815202"
    image = torch.full((1, 3, 2), math.sqrt(square), dtype=torch.float64)
    assert f"{prior_term(linear_schedule(), image).item() / math.log(2):.11e}" == printed


@pytest.mark.parametrize(
    "schedule", [linear_schedule(), cosine_schedule(50), ROUGH, schedule_from_betas([1e-9])],
    ids=["linear", "cosine", "rough", "smooth"],
)  # fmt: skip
@ctx.workprec(300)
def test_prior_term_in_balls(schedule):
    bar = arb(1)
    for beta in schedule.beta[1:].tolist():
        bar *= 1 - arb(beta)
    generator = torch.Generator().manual_seed(0)
    x_0 = torch.randn(2, 1, 3, generator=generator, dtype=torch.float64)
    x_0[0] *= 1e-8
    for dtype, rel in ((torch.float64, 16 * 2**-52), (torch.float32, 2**-23)):
        result = prior_term(schedule, x_0.to(dtype))
        assert result.dtype == dtype and result.shape == (2,)
        for row, value in zip(x_0.to(dtype).flatten(1).tolist(), result.tolist(), strict=True):
            square = sum(arb(x) ** 2 for x in row) / len(row)
            exact = (bar * square - bar - (1 - bar).log()) / 2
            assert value == pytest.approx(float(exact), rel=rel, abs=0)


def test_empty_batch():
    denoiser = with_fraction(gaussian_denoiser(HARSH, shape=(1, 2)), 0.5)
    empty, t = torch.zeros(0, 1, 2), torch.zeros(0, dtype=torch.long)
    assert prior_term(HARSH, empty).shape == (0,)
    for when in (t, 1, 4):
        assert bound_term(denoiser, Bound(LEARNED), empty, when, empty).nats.shape == (0,)


IMAGE = torch.full((2, 1, 3), LEVEL)
PIXELS = gaussian_denoiser(ROUGH, shape=(1, 3))
PLAIN = gaussian_denoiser(HARSH, shape=(1, 3))


@pytest.mark.parametrize(
    "call, parts",
    [
        (lambda: Bound(ReverseVariance("beta_tilde", "own")), ("variance", "beta_tilde_2", "own")),
        (lambda: Bound(BETA, clip="on"), ("clip", "'off'", "'on'")),
        (lambda: Bound(BETA, cdf="erf"), ("cdf", "'tanh'", "'erf'")),
        (lambda: Bound(BETA, levels=1), ("levels", "2..256", "got 1")),
        (lambda: Bound(BETA, levels=512), ("levels", "2..256", "512")),
        (lambda: Bound(BETA, levels=16.0), ("levels", "integer", "16.0")),
        (
            lambda: bound_term(PLAIN, Bound(BETA, levels=17), IMAGE, 1, IMAGE),
            ("x_0", "k / 8 - 1", "levels = 17"),
        ),
        (lambda: prior_term(HARSH, IMAGE.int()), ("x_0", "floating", "int32")),
        (lambda: prior_term(HARSH, IMAGE / 0), ("x_0", "finite", "inf")),
        (lambda: bound_term(PLAIN, Bound(BETA), IMAGE, 0, IMAGE), ("t must", "1..4", "0")),
        (lambda: bound_term(PLAIN, Bound(BETA), IMAGE, True, IMAGE), ("t must", "True")),
        (lambda: bound_term(PLAIN, Bound(BETA), IMAGE, 5, IMAGE), ("t must", "1..4", "5")),
        (
            lambda: bound_term(PLAIN, Bound(BETA), IMAGE, torch.tensor([1, 2, 3]), IMAGE),
            ("(B,)", "(3,)"),
        ),
        (lambda: bound_term(PLAIN, Bound(BETA), IMAGE, 2, IMAGE[:1]), ("eps", "x_0", "(1, 1, 3)")),
        (lambda: bound_term(PLAIN, Bound(BETA), IMAGE, 2, IMAGE / 0), ("eps", "finite")),
        (lambda: bound_term(PLAIN, Bound(BETA), IMAGE + 0.003, 1, IMAGE), ("x_0", "levels")),
        (lambda: bound_term(PLAIN, Bound(LEARNED), IMAGE, 2, IMAGE), ("learns_variance", "False")),
        (
            lambda: bound_term(PIXELS, Bound(BETA_2), IMAGE, 1, IMAGE),
            ("first", "'own'", "T = 1"),
        ),
    ],
)
def test_refusals(call, parts):
    with pytest.raises(ValueError) as error:
        call()
    for part in parts:
        assert part in str(error.value), f"{part!r} not in {error.value}"
