"""DDIM (12) and (16) as printed, in 80 digits, where their cancellation does no harm."""

import math

import mpmath
import pytest
import torch

from core.ddim import (
    ddim_coefficients,
    ddim_encode_step,
    ddim_sigma,
    ddim_step,
    ddim_step_to,
)
from core.forward import q_sample
from core.posterior import posterior_mean_from_eps
from core.schedule import cosine_schedule, linear_schedule, schedule_from_betas

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()
DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
MP = mpmath.MPContext()
MP.dps = 80
LINEAR = linear_schedule()


def alpha_bars(schedule):
    products = [MP.mpf(1)]
    for beta in schedule.beta[1:].tolist():
        products.append(products[-1] * (1 - MP.mpf(beta)))
    return products


def as_printed(bars, t, s, eta):
    """(a, b, c) from x_0 = (x_t - sqrt(1 - A_t) eps) / sqrt(A_t), put into (12)."""
    sigma = MP.mpf(eta) * MP.sqrt((1 - bars[s]) / (1 - bars[t])) * MP.sqrt(1 - bars[t] / bars[s])
    a = MP.sqrt(bars[s]) / MP.sqrt(bars[t])
    # The radicand is exactly 0 at s = 0 with eta = 1, and may come out at -1e-80.
    b = MP.sqrt(max(1 - bars[s] - sigma**2, 0)) - a * MP.sqrt(1 - bars[t])
    return a, b, sigma


def check(value, exact, ulps):
    assert abs(MP.mpf(value) - exact) <= ulps * MP.mpf(math.ulp(value)), (value, exact)


@pytest.mark.parametrize("eta", [0, 0.0, 0.3, 1, 1.0])
@pytest.mark.parametrize(
    "schedule",
    [LINEAR, cosine_schedule(100), schedule_from_betas([1e-12, 0.5, 1e-9, 0.999999])],
    ids=["linear", "cosine", "extreme"],
)
def test_coefficients_within_ulps(schedule, eta):
    bars = alpha_bars(schedule)
    T = schedule.T
    pairs = [(t, s) for t in range(1, T + 1, 1 + T // 150) for s in {t - 1, t // 2, 0}]
    t, s = torch.tensor(pairs).T
    rows = torch.stack(ddim_coefficients(schedule, t, s, eta)).T.tolist()
    sigmas = ddim_sigma(schedule, t, s, eta).tolist()
    for (n, m), row, sigma in zip(pairs, rows, sigmas, strict=True):
        for value, exact, ulps in zip(row, as_printed(bars, n, m, eta), (3, 8, 4), strict=True):
            check(value, exact, ulps)
        assert sigma == row[2]


def test_neighbours_at_eta_1_are_the_ddpm_step():
    t = torch.arange(1, 1001)
    generator = torch.Generator().manual_seed(2)
    x_t, eps = torch.randn(2, 1000, 1, dtype=torch.float64, generator=generator).unbind()
    x_s = ddim_step(LINEAR, x_t, eps, t, t - 1, 1.0, torch.zeros_like(x_t))
    assert torch.allclose(x_s, posterior_mean_from_eps(LINEAR, x_t, t, eps), rtol=0, atol=1e-14)
    sigma = ddim_sigma(LINEAR, t, t - 1, 1)
    assert torch.allclose(sigma**2, LINEAR.beta_tilde[1:], rtol=1e-14, atol=0)
    assert sigma[0] == 0


def test_eta_scales_the_standard_deviation():
    full = ddim_sigma(LINEAR, 500, 400, 1.0)
    assert ddim_sigma(LINEAR, 500, 400, 0.25).item() == 0.25 * full.item()
    assert ddim_sigma(LINEAR, 500, 0, 1.0).item() == 0
    assert ddim_sigma(LINEAR, 500, 400, 0).item() == 0


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_marginals_are_preserved(eta):
    """If x_t ~ q(x_t | x_0) and eps is its own noise, then x_s ~ q(x_s | x_0)."""
    for t, s in ((1000, 999), (1000, 300), (2, 1), (7, 0)):
        a, b, c = ddim_coefficients(LINEAR, t, s, eta)
        mean = a * LINEAR.alpha_bar[t].sqrt()
        noise = a * LINEAR.one_minus_alpha_bar[t].sqrt() + b
        assert mean.item() == pytest.approx(LINEAR.alpha_bar[s].sqrt().item(), rel=1e-14)
        variance = LINEAR.one_minus_alpha_bar[s].item()
        assert (noise**2 + c**2).item() == pytest.approx(variance, rel=1e-11, abs=1e-28)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_step(dtype, device):
    schedule = LINEAR.to(device)
    generator = torch.Generator().manual_seed(0)
    t, s = torch.tensor([1, 2, 600, 1000]), torch.tensor([0, 1, 300, 980])
    x_t, eps, z = (torch.randn(4, 2, 3, generator=generator).to(dtype) for _ in range(3))
    exact = [[float(c) for c in as_printed(alpha_bars(LINEAR), n, m, 0.5)]
             for n, m in zip(t.tolist(), s.tolist(), strict=True)]  # fmt: skip
    a, b, c = torch.tensor(exact, dtype=torch.float64).T.reshape(3, 4, 1, 1)
    parts = [a * x_t.double(), b * eps.double(), c * z.double()]
    images = [image.to(device) for image in (x_t, eps, z)]
    t, s = t.to(device), s.to(device)
    x_s = ddim_step(schedule, images[0], images[1], t, s, 0.5, images[2])
    assert x_s.dtype == dtype and x_s.shape == (4, 2, 3) and x_s.device.type == device
    scale = sum(part.abs() for part in parts)
    error = (x_s.cpu().double() - sum(parts)).abs()
    assert bool((error <= 2 * torch.finfo(dtype).eps * scale).all())
    single = ddim_step(schedule, images[0][2:3], images[1][2:3], 600, 300, 0.5, images[2][2:3])
    assert torch.equal(single, x_s[2:3])
    without = ddim_step(schedule, images[0], images[1], t, s, 0, None)
    assert torch.equal(without, ddim_step(schedule, *images[:2], t, s, 0.0, images[2]))


def probe(step, images):
    """The coefficients of a step that is linear in its images, one image of ones at a time."""
    unit = torch.eye(images, dtype=torch.float64).unsqueeze(-1)
    return [step(*(unit[i, j : j + 1].unsqueeze(0) for j in range(images))).item()
            for i in range(images)]  # fmt: skip


PAIRS = [(1, 0), (2, 1), (7, 0), (500, 499), (600, 300), (1000, 999), (1000, 0)]


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("t, s", PAIRS)
def test_step_from_x_0_and_eps(t, s, eta):
    bars = alpha_bars(LINEAR)
    _, _, sigma = as_printed(bars, t, s, eta)
    direction = MP.sqrt(max(1 - bars[s] - sigma**2, 0))
    values = probe(lambda x_0, eps, z: ddim_step_to(LINEAR, x_0, eps, t, s, eta, z), 3)
    for value, exact in zip(values, (MP.sqrt(bars[s]), direction, sigma), strict=True):
        check(value, exact, 8)


@pytest.mark.parametrize("t, s", PAIRS)
def test_both_forms_agree(t, s):
    x_t, eps, z = torch.randn(
        3, 2, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(5)
    )
    x_0 = (x_t - LINEAR.one_minus_alpha_bar[t].sqrt() * eps) / LINEAR.alpha_bar[t].sqrt()
    for eta, noise in ((0.0, None), (0.6, z), (1.0, z)):
        one = ddim_step(LINEAR, x_t, eps, t, s, eta, noise)
        other = ddim_step_to(LINEAR, x_0, eps, t, s, eta, noise)
        assert torch.allclose(one, other, rtol=1e-13, atol=1e-12)


@pytest.mark.parametrize("t, s", PAIRS)
def test_encode_step(t, s):
    """DDIM (12) with eta = 0 and the roles of s and t exchanged."""
    bars = alpha_bars(LINEAR)
    a = MP.sqrt(bars[t] / bars[s])
    b = MP.sqrt(1 - bars[t]) - a * MP.sqrt(1 - bars[s])
    values = probe(lambda x_s, eps: ddim_encode_step(LINEAR, x_s, eps, s, t), 2)
    for value, exact in zip(values, (a, b), strict=True):
        check(value, exact, 8)


def test_encode_step_undoes_the_step_of_the_same_eps():
    x_t, eps = torch.randn(2, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
    t, s = torch.tensor([1, 2, 600, 999, 1000]), torch.tensor([0, 1, 300, 998, 0])
    x_s = ddim_step(LINEAR, x_t, eps, t, s, 0.0, None)
    back = ddim_encode_step(LINEAR, x_s, eps, s, t)
    assert torch.allclose(back, x_t, rtol=0, atol=1e-13)
    half = ddim_encode_step(LINEAR, x_s.bfloat16(), eps.bfloat16(), s, t)
    assert half.dtype == torch.bfloat16 and half.shape == (5, 3)


def test_true_noise_leads_back_to_the_image():
    x_0, eps = torch.randn(2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    x = q_sample(LINEAR, x_0, 1000, eps)
    for t, s in ((1000, 650), (650, 40), (40, 0)):
        x = ddim_step(LINEAR, x, eps, t, s, 0.0, None)
    assert torch.allclose(x, x_0, rtol=0, atol=1e-12)


def test_one_step_and_empty_batch():
    schedule = schedule_from_betas([0.36])
    x_t, eps = torch.tensor([[5.0]]).double(), torch.tensor([[2.0]]).double()
    expected = (5 - 0.6 * 2) / 0.8
    for eta in (0.0, 1.0):
        x_0 = ddim_step(schedule, x_t, eps, 1, 0, eta, torch.ones_like(x_t))
        assert x_0.item() == pytest.approx(expected, rel=1e-14)
    empty, t = torch.zeros(0, 3), torch.zeros(0, dtype=torch.long)
    assert ddim_step(LINEAR, empty, empty, t, 0, 1.0, empty).shape == (0, 3)


IMAGE = torch.zeros(2, 3)


@pytest.mark.parametrize(
    "call, parts",
    [
        (lambda: ddim_sigma(LINEAR, 5, 5, 1.0), ("s must be less than t", "s = 5", "t = 5")),
        (lambda: ddim_sigma(LINEAR, 5, -1, 1.0), ("s must", "0..1000", "-1")),
        (lambda: ddim_sigma(LINEAR, 1001, 1, 1.0), ("t must", "1..1000", "1001")),
        (lambda: ddim_sigma(LINEAR, 5, 4, 1.5), ("eta", "[0, 1]", "1.5")),
        (lambda: ddim_sigma(LINEAR, 5, 4, math.nan), ("eta", "[0, 1]", "nan")),
        (lambda: ddim_coefficients(LINEAR, 5, 4, -0.5), ("eta", "[0, 1]", "-0.5")),
        (lambda: ddim_step(LINEAR, IMAGE.int(), IMAGE, 5, 4, 0.0, None), ("x_t", "int32")),
        (lambda: ddim_step(LINEAR, IMAGE, IMAGE.half(), 5, 4, 0.0, None), ("eps", "float16")),
        (lambda: ddim_step(LINEAR, IMAGE, IMAGE, 5, 4, 0.1, None), ("z must", "eta = 0.1", "None")),
        (lambda: ddim_step(LINEAR, IMAGE, IMAGE, 5, 4, 0.1, IMAGE[0]), ("z", "(2, 3)", "(3,)")),
        (lambda: ddim_step(LINEAR, IMAGE, IMAGE / 0, 5, 4, 0.0, None), ("eps", "finite")),
        (lambda: ddim_step(LINEAR, IMAGE / 0, IMAGE, 5, 4, 0.0, None), ("x_t", "finite")),
        (lambda: ddim_step_to(LINEAR, IMAGE, IMAGE, 5, 4, 2, None), ("eta", "[0, 1]", "2")),
        (lambda: ddim_step_to(LINEAR, IMAGE, IMAGE, 5, 5, 0.0, None), ("s must", "s = 5")),
        (lambda: ddim_step_to(LINEAR, IMAGE / 0, IMAGE, 5, 4, 0.0, None), ("x_0", "finite")),
        (lambda: ddim_step_to(LINEAR, IMAGE, IMAGE[:1], 5, 4, 0.0, None), ("eps", "(1, 3)")),
        (lambda: ddim_step_to(LINEAR, IMAGE, IMAGE, 5, 4, 0.1, None), ("z must", "None")),
        (lambda: ddim_encode_step(LINEAR, IMAGE, IMAGE, 4, 4), ("s must", "t = 4")),
        (lambda: ddim_encode_step(LINEAR, IMAGE, IMAGE, 4, 1001), ("t must", "1001")),
        (lambda: ddim_encode_step(LINEAR, IMAGE.int(), IMAGE, 4, 5), ("x_s", "int32")),
        (lambda: ddim_encode_step(LINEAR, IMAGE, IMAGE / 0, 4, 5), ("eps", "finite")),
    ],
)
def test_refusals(call, parts):
    with pytest.raises(ValueError) as error:
        call()
    for part in parts:
        assert part in str(error.value), f"{part!r} not in {error.value}"
