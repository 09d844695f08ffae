"""The posterior against conditioning of a joint Gaussian (Schur complement) in 60 digits.

Given x_0, (x_s, x_t) is jointly Gaussian: var x_s = 1 - A_s, var x_t = 1 - A_t and
cov = sqrt(A_t / A_s) (1 - A_s), with A the exact alpha_bar.  None of it uses DDPM (7).
"""

import math

import mpmath
import pytest
import torch

from core.forward import q_sample
from core.posterior import (
    posterior_coefficients,
    posterior_mean_from_eps,
    posterior_pair_coefficients,
    q_posterior,
    q_posterior_pair,
)
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


def by_schur_complement(bars, s, t):
    """(c_x0, c_xt, variance) of x_s given x_t and x_0."""
    cov = MP.sqrt(bars[t] / bars[s]) * (1 - bars[s])
    gain = cov / (1 - bars[t])
    return MP.sqrt(bars[s]) - gain * MP.sqrt(bars[t]), gain, (1 - bars[s]) - gain * cov


def check(value, exact, ulps):
    assert abs(MP.mpf(value) - exact) <= ulps * MP.mpf(math.ulp(value)), (value, exact)


@pytest.mark.parametrize(
    "schedule",
    [LINEAR, cosine_schedule(200), schedule_from_betas([1e-12, 0.5, 1e-9, 0.999999])],
    ids=["linear", "cosine", "extreme"],
)
def test_single_step(schedule):
    bars = alpha_bars(schedule)
    t = torch.arange(1, schedule.T + 1)
    rows = torch.stack(posterior_coefficients(schedule, t)).T.tolist()
    pairs = torch.stack(posterior_pair_coefficients(schedule, t - 1, t)).T.tolist()
    for n in t.tolist():
        exact = by_schur_complement(bars, n - 1, n)
        for value, pair, correct, ulps in zip(
            rows[n - 1], pairs[n - 1], exact, (4, 4, 0.5), strict=True
        ):
            if n > 1:
                check(value, correct, ulps)
                check(pair, correct, 7)
    assert rows[0] == pairs[0] == [1, 0, 0]


def test_pairs():
    bars = alpha_bars(LINEAR)
    pairs = [(s, t) for t in (2, 3, 50, 999, 1000) for s in range(1, t, 1 + t // 9)]
    s, t = torch.tensor(pairs).T
    for (i, j), row in zip(
        pairs, torch.stack(posterior_pair_coefficients(LINEAR, s, t)).T.tolist(), strict=True
    ):
        for value, exact in zip(row, by_schur_complement(bars, i, j), strict=True):
            check(value, exact, 7)
    assert posterior_pair_coefficients(LINEAR, 0, 700) == (1, 0, 0)


def test_dtype_of_coefficients():
    for coefficients in (
        posterior_coefficients(LINEAR, torch.tensor([1, 7])),
        posterior_pair_coefficients(LINEAR, 0, torch.tensor([1, 7])),
    ):
        assert all(c.dtype == torch.float64 and c.shape == (2,) for c in coefficients)
    assert all(c.shape == () for c in posterior_coefficients(LINEAR, 3))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_means(dtype, device):
    schedule = LINEAR.to(device)
    generator = torch.Generator().manual_seed(0)
    t = torch.tensor([1, 2, 30, 1000])
    x_0, eps = (torch.randn(4, 2, 3, generator=generator).to(dtype) for _ in range(2))
    x_t = q_sample(LINEAR, x_0, t, eps)
    bars = alpha_bars(LINEAR)
    exact = [[float(c) for c in by_schur_complement(bars, n - 1, n)] for n in t.tolist()]
    c_x0, c_xt, variance = torch.tensor(exact, dtype=torch.float64).T.reshape(3, 4, 1, 1)
    from_x_0 = c_x0 * x_0.double() + c_xt * x_t.double()
    scale = c_x0 * x_0.double().abs() + c_xt * x_t.double().abs()
    on_device = (x_0.to(device), x_t.to(device), t.to(device))
    mean, beta_tilde = q_posterior(schedule, *on_device)
    assert mean.dtype == beta_tilde.dtype == dtype and beta_tilde.shape == (4, 1, 1)
    eps_of = torch.finfo(dtype).eps
    assert bool(((mean.cpu().double() - from_x_0).abs() <= 2 * eps_of * scale).all())
    assert torch.equal(mean[0].cpu(), x_0[0]) and beta_tilde[0].item() == 0
    assert torch.allclose(beta_tilde.cpu(), variance.to(dtype), rtol=eps_of, atol=0)
    pair_mean, pair_variance = q_posterior_pair(
        schedule, on_device[0], on_device[1], on_device[2] - 1, on_device[2]
    )
    assert torch.allclose(pair_mean, mean, rtol=2 * eps_of, atol=2 * eps_of)
    assert torch.allclose(pair_variance, beta_tilde, rtol=2 * eps_of, atol=0)
    if dtype == torch.float64:  # DDPM (11) holds where x_t, x_0 and eps agree to all digits
        from_eps = posterior_mean_from_eps(schedule, on_device[1], on_device[2], eps.to(device))
        assert torch.allclose(from_eps.cpu(), from_x_0, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("dtype", DTYPES)
def test_mean_from_eps_by_hand(dtype):
    """betas 0.36 and 0.4375: alpha_2 = 0.75^2, alpha_bar_2 = 0.6^2, noise 0.8."""
    schedule = schedule_from_betas([0.36, 0.4375])
    x_t, eps = torch.tensor([[3.0]], dtype=dtype), torch.tensor([[2.0]], dtype=dtype)
    result = posterior_mean_from_eps(schedule, x_t, 2, eps)
    expected = (3 - 0.4375 / 0.8 * 2) / 0.75
    assert result.dtype == dtype
    assert result.item() == pytest.approx(expected, rel=3 * torch.finfo(dtype).eps)


def test_point_mass_at_one_step():
    schedule = schedule_from_betas([0.7])
    x_0, x_t = torch.tensor([[0.1]]), torch.tensor([[5.0]])
    for mean, variance in (
        q_posterior(schedule, x_0, x_t, 1),
        q_posterior_pair(schedule, x_0, x_t, 0, 1),
    ):
        assert torch.equal(mean, x_0) and variance.shape == (1, 1) and variance.item() == 0


def test_empty_batch():
    empty, t = torch.zeros(0, 3), torch.zeros(0, dtype=torch.long)
    assert q_posterior(LINEAR, empty, empty, t)[1].shape == (0, 1)
    assert q_posterior_pair(LINEAR, empty, empty, 0, t)[0].shape == (0, 3)
    assert posterior_mean_from_eps(LINEAR, empty, t, empty).shape == (0, 3)


IMAGE = torch.zeros(2, 3)


@pytest.mark.parametrize(
    "call, parts",
    [
        (lambda: posterior_coefficients(LINEAR, 0), ("t must", "1..1000", "0")),
        (lambda: q_posterior(LINEAR, IMAGE.int(), IMAGE, 1), ("x_0", "floating", "int32")),
        (lambda: q_posterior(LINEAR, IMAGE, IMAGE[:1], 1), ("x_t", "x_0", "(2, 3)", "(1, 3)")),
        (lambda: q_posterior(LINEAR, IMAGE, IMAGE + math.nan, 1), ("x_t", "finite", "nan")),
        (lambda: q_posterior_pair(LINEAR, IMAGE, IMAGE, 3, 3), ("s must be less", "s = 3")),
        (lambda: q_posterior_pair(LINEAR, IMAGE / 0, IMAGE, 2, 3), ("x_0", "finite")),
        (lambda: posterior_mean_from_eps(LINEAR, IMAGE, 1001, IMAGE), ("t must", "1001")),
        (lambda: posterior_mean_from_eps(LINEAR, IMAGE / 0, 1, IMAGE), ("x_t", "finite")),
        (lambda: posterior_mean_from_eps(LINEAR, IMAGE, 1, IMAGE.half()), ("eps", "float16")),
    ],
)
def test_refusals(call, parts):
    with pytest.raises(ValueError) as error:
        call()
    for part in parts:
        assert part in str(error.value), f"{part!r} not in {error.value}"
