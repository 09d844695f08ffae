"""The forward process against exact rationals, and against itself: two steps make one."""

import math
from fractions import Fraction

import pytest
import torch

from core.forward import q_marginal, q_sample, q_step, q_transition, transition
from core.schedule import cosine_schedule, linear_schedule, schedule_from_betas

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()
DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
SCHEDULE = linear_schedule(1000)


def exact_alpha_bars(schedule):
    """Products of the exact betas, cut to 400 bits: far below any ulp that is compared here."""
    products = [Fraction(1)]
    for beta in schedule.beta[1:].tolist():
        product = products[-1] * (1 - Fraction(beta))
        leading_zeros = product.denominator.bit_length() - product.numerator.bit_length()
        scale = 2 ** (400 + max(0, leading_zeros))
        products.append(Fraction(math.floor(product * scale), scale))
    return products


ALPHA_BAR = exact_alpha_bars(SCHEDULE)


def ulps(value, exact):
    return float(abs(Fraction(value) - exact) / Fraction(math.ulp(value)))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("function", [q_step, q_sample])
def test_noising(function, dtype, device):
    generator = torch.Generator().manual_seed(0)
    t = torch.tensor([1, 2, 500, 1000])
    x, z = (torch.randn(4, 3, 2, 2, generator=generator).to(dtype) for _ in range(2))
    if function is q_step:
        kept = [1 - Fraction(SCHEDULE.beta[n].item()) for n in t.tolist()]
    else:
        kept = [ALPHA_BAR[n] for n in t.tolist()]
    signal = torch.tensor([float(k) ** 0.5 for k in kept], dtype=torch.float64)
    noise = torch.tensor([float(1 - k) ** 0.5 for k in kept], dtype=torch.float64)
    signal, noise = signal.reshape(4, 1, 1, 1), noise.reshape(4, 1, 1, 1)
    expected = signal * x.double() + noise * z.double()
    scale = signal * x.double().abs() + noise * z.double().abs()
    schedule, x, z, t = SCHEDULE.to(device), x.to(device), z.to(device), t.to(device)
    result = function(schedule, x, t, z)
    assert result.dtype == dtype and result.shape == x.shape and result.device == x.device
    error = (result.cpu().double() - expected).abs()
    assert bool((error <= 2 * torch.finfo(dtype).eps * scale).all())
    for row, n in enumerate(t.tolist()):
        single = function(schedule, x[row : row + 1], n, z[row : row + 1])
        assert torch.equal(single, result[row : row + 1])


@pytest.mark.parametrize("dtype", DTYPES)
def test_marginal(dtype):
    x = torch.tensor([[1.0, -0.5], [2.0, 0.25]], dtype=dtype)
    t = torch.tensor([1, 750])
    mean, variance = q_marginal(SCHEDULE, x, t)
    assert mean.shape == (2, 2) and variance.shape == (2, 1)
    assert mean.dtype == variance.dtype == dtype
    eps = torch.finfo(dtype).eps
    for row, n in enumerate(t.tolist()):
        signal = math.sqrt(ALPHA_BAR[n])
        assert mean[row].tolist() == pytest.approx([signal * v for v in x[row].tolist()], rel=eps)
        assert variance[row].item() == pytest.approx(float(1 - ALPHA_BAR[n]), rel=eps)
    mean, variance = q_marginal(SCHEDULE, x, 1000)
    assert mean.shape == (2, 2) and variance.shape == (1, 1)


def test_transition_within_ulps():
    """Every neighbouring pair, every pair from 0, and strides between."""
    pairs = [(t - 1, t) for t in range(1, 1001)] + [(0, t) for t in range(1, 1001)]
    pairs += [(s, t) for t in range(3, 1001, 83) for s in range(1, t, 41)]
    s, t = torch.tensor(pairs).T
    both = transition(SCHEDULE, s, t)
    for (i, j), ratio, one_minus in zip(
        pairs, both.ratio.tolist(), both.one_minus_ratio.tolist(), strict=True
    ):
        exact = ALPHA_BAR[j] / ALPHA_BAR[i]
        assert ulps(ratio, exact) <= 3
        assert ulps(one_minus, 1 - exact) <= 3
    assert both.alpha_bar_s.equal(SCHEDULE.alpha_bar[s])
    assert both.one_minus_alpha_bar_s.equal(SCHEDULE.one_minus_alpha_bar[s])
    assert both.one_minus_alpha_bar_t.equal(SCHEDULE.one_minus_alpha_bar[t])
    from_clean = transition(SCHEDULE, 0, torch.arange(1, 1001))
    assert from_clean.ratio.equal(SCHEDULE.alpha_bar[1:])
    assert from_clean.one_minus_ratio.equal(SCHEDULE.one_minus_alpha_bar[1:])


@pytest.mark.parametrize(
    "betas",
    [
        [1e-12] * 6,  # 1 - alpha_bar is the smaller table
        [1e-30, 1e-30, 1e-30],
        [0.999] * 12 + [1e-9] * 2,  # alpha_bar is 1e-36: only its own table can resolve 1e-9
        [1 - 1e-12, 1e-12],
        [0.3, 1e-14, 0.6, 1e-14],
    ],
)
def test_transition_of_extreme_schedules(betas):
    schedule = schedule_from_betas(betas)
    exact = exact_alpha_bars(schedule)
    for t in range(1, len(betas) + 1):
        for s in range(t):
            ratio = exact[t] / exact[s]
            result = transition(schedule, s, t)
            assert ulps(result.ratio.item(), ratio) <= 3
            own_end = 1e-32 / (1 - ratio) * 2**53
            assert ulps(result.one_minus_ratio.item(), 1 - ratio) <= 3 + own_end


@pytest.mark.parametrize("schedule", [SCHEDULE, cosine_schedule(50)], ids=["linear", "cosine"])
def test_two_transitions_make_one(schedule):
    x = torch.tensor([[1.0, -2.0, 0.5]], dtype=torch.float64)
    r, s, t = 7, 20, 45
    middle, middle_variance = q_transition(schedule, x, r, s)
    mean, added = q_transition(schedule, middle, s, t)
    kept = transition(schedule, s, t).ratio
    direct, direct_variance = q_transition(schedule, x, r, t)
    assert torch.allclose(mean, direct, rtol=1e-14, atol=0)
    assert torch.allclose(kept * middle_variance + added, direct_variance, rtol=1e-14, atol=0)


def test_neighbours_are_the_step_and_zero_is_the_marginal():
    x = torch.linspace(-1, 1, 10, dtype=torch.float64).reshape(5, 2)
    t = torch.tensor([1, 2, 3, 999, 1000])
    mean, variance = q_transition(SCHEDULE, x, t - 1, t)
    assert torch.allclose(mean, q_step(SCHEDULE, x, t, 0 * x), rtol=1e-15, atol=0)
    assert torch.allclose(variance.flatten(), SCHEDULE.beta[t], rtol=1e-15, atol=0)
    for of_zero, of_marginal in zip(
        q_transition(SCHEDULE, x, 0, t), q_marginal(SCHEDULE, x, t), strict=True
    ):
        assert of_zero.equal(of_marginal)
    mean, variance = q_transition(SCHEDULE, x.half(), 3, t[3:].repeat(3)[:5])
    assert mean.dtype == variance.dtype == torch.float16 and variance.shape == (5, 1)


def test_one_step_and_empty_batch():
    schedule = schedule_from_betas([0.36])
    x, z = torch.tensor([[2.0]]).double(), torch.tensor([[3.0]]).double()
    assert q_step(schedule, x, 1, z).item() == pytest.approx(0.8 * 2 + 0.6 * 3, rel=1e-15)
    assert q_sample(schedule, x, 1, z).equal(q_step(schedule, x, 1, z))
    empty = torch.zeros(0, 3, 8, 8)
    t = torch.zeros(0, dtype=torch.long)
    assert q_sample(SCHEDULE, empty, t, empty).shape == (0, 3, 8, 8)
    assert q_transition(SCHEDULE, empty, 0, t)[1].shape == (0, 1, 1, 1)


IMAGE = torch.zeros(2, 3)


@pytest.mark.parametrize(
    "call, parts",
    [
        (lambda: q_step(SCHEDULE, IMAGE, 0, IMAGE), ("t must", "1..1000", "0")),
        (lambda: q_step(SCHEDULE, IMAGE.long(), 1, IMAGE), ("x_prev", "int64")),
        (lambda: q_step(SCHEDULE, IMAGE, 1, IMAGE[:1]), ("z", "x_prev", "(2, 3)", "(1, 3)")),
        (lambda: q_sample(SCHEDULE, IMAGE, 1001, IMAGE), ("t must", "1..1000", "1001")),
        (lambda: q_sample(SCHEDULE, IMAGE.byte(), 1, IMAGE), ("x_0", "[-1, 1]", "uint8")),
        (lambda: q_sample(SCHEDULE, IMAGE, 1, IMAGE + math.nan), ("eps", "finite", "nan")),
        (lambda: q_sample(SCHEDULE, IMAGE / 0, 1, IMAGE), ("x_0", "finite", "nan")),
        (lambda: q_sample(SCHEDULE, IMAGE, torch.tensor([1] * 3), IMAGE), ("(B,)", "(3,)")),
        (lambda: q_marginal(SCHEDULE, IMAGE + math.inf, 1), ("x_0", "finite", "inf")),
        (lambda: q_marginal(SCHEDULE, IMAGE, 0), ("t must", "1..1000")),
        (lambda: q_transition(SCHEDULE, IMAGE, 5, 5), ("s must be less than t", "s = 5")),
        (lambda: q_transition(SCHEDULE, IMAGE - math.inf, 4, 5), ("x_s", "finite", "-inf")),
    ],
)
def test_refusals(call, parts):
    with pytest.raises(ValueError) as error:
        call()
    for part in parts:
        assert part in str(error.value), f"{part!r} not in {error.value}"
