"""Both conventions entry by entry from 40 digits, and the differences between them."""

import math

import mpmath
import pytest
import torch

from core.timestep_embedding import timestep_embedding_ddpm, timestep_embedding_improved

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()
MP = mpmath.MPContext()
MP.dps = 40


def ddpm(t, dim, period):
    half = dim // 2
    angles = [MP.mpf(t) * MP.mpf(period) ** (-MP.mpf(i) / (half - 1)) for i in range(half)]
    return [MP.sin(x) for x in angles] + [MP.cos(x) for x in angles] + [0] * (dim % 2)


def improved(t, dim, period):
    half = dim // 2
    angles = [MP.mpf(t) * MP.mpf(period) ** (-MP.mpf(i) / half) for i in range(half)]
    return [MP.cos(x) for x in angles] + [MP.sin(x) for x in angles] + [0] * (dim % 2)


BOTH = [(timestep_embedding_ddpm, ddpm), (timestep_embedding_improved, improved)]
TIMES = [0, 1, 17, 499, 999]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("period", [10000.0, 100])
@pytest.mark.parametrize("dim", [4, 5, 6, 128])
@pytest.mark.parametrize("function, expected", BOTH)
def test_entries_are_rounded_once(function, expected, dim, period, device):
    result = function(torch.tensor(TIMES, device=device), dim, max_period=period)
    assert result.shape == (5, dim) and result.dtype == torch.float32
    assert result.device.type == device
    for row, t in zip(result.tolist(), TIMES, strict=True):
        for value, exact in zip(row, expected(t, dim, period), strict=True):
            # Half a float32 ulp, and the 2e-13 of a float64 angle near 1000.
            assert abs(value - exact) <= 2**-24 * abs(exact) + 3e-13


@pytest.mark.parametrize("function, expected", BOTH)
def test_real_valued_t(function, expected):
    """Rescaled timesteps such as 1000 * t / T, in any dtype."""
    for dtype in (torch.float64, torch.float32, torch.float16):
        result = function(torch.tensor([0.25, 62.5], dtype=dtype), 8)
        for row, t in zip(result.tolist(), (0.25, 62.5), strict=True):
            assert row == pytest.approx([float(x) for x in expected(t, 8, 10000)], abs=1e-7)
    counted = function(torch.tensor([3], dtype=torch.uint8), 8)
    assert counted.equal(function(torch.tensor([3.0]), 8))


def test_default_period_and_last_frequency():
    t = torch.tensor([1.0])
    assert timestep_embedding_ddpm(t, 4)[0, 1].item() == pytest.approx(math.sin(1e-4), rel=1e-6)
    assert timestep_embedding_improved(t, 4)[0, 3].item() == pytest.approx(math.sin(0.01), rel=1e-6)


def test_zero_shows_the_order():
    zero = torch.tensor([0])
    assert timestep_embedding_ddpm(zero, 5).tolist() == [[0, 0, 1, 1, 0]]
    assert timestep_embedding_improved(zero, 5).tolist() == [[1, 1, 0, 0, 0]]


def test_small_and_empty():
    assert timestep_embedding_improved(torch.tensor([7]), 1).tolist() == [[0]]
    two = timestep_embedding_improved(torch.tensor([7]), 2).tolist()[0]
    assert two == pytest.approx([math.cos(7), math.sin(7)], rel=1e-7)
    for function, _ in BOTH:
        assert function(torch.zeros(0), 6).shape == (0, 6)


@pytest.mark.parametrize("function, _", BOTH)
@pytest.mark.parametrize(
    "t, dim, period, parts",
    [
        (torch.tensor(3), 8, 1e4, ("t must", "(N,)", "()")),
        (torch.zeros(2, 1), 8, 1e4, ("t must", "(N,)", "(2, 1)")),
        (3, 8, 1e4, ("t must", "tensor", "3")),
        (torch.tensor([True]), 8, 1e4, ("t must", "bool")),
        (torch.tensor([1j]), 8, 1e4, ("t must", "complex64")),
        (torch.tensor([math.nan]), 8, 1e4, ("t must", "finite", "nan")),
        (torch.zeros(1), 0, 1e4, ("dim", "or more", "0")),
        (torch.zeros(1), 8.0, 1e4, ("dim", "integer", "8.0")),
        (torch.zeros(1), 8, 0, ("max_period", "(0, inf)", "0")),
        (torch.zeros(1), 8, math.nan, ("max_period", "nan")),
    ],
)
def test_refusals(function, _, t, dim, period, parts):
    with pytest.raises(ValueError) as error:
        function(t, dim, period)
    for part in parts:
        assert part in str(error.value), f"{part!r} not in {error.value}"


def test_ddpm_needs_two_frequencies():
    with pytest.raises(ValueError, match="dim must be an integer, 4 or more; got 3"):
        timestep_embedding_ddpm(torch.zeros(1), 3)
