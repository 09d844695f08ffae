"""Densities against scipy, moments against explicit 2x2 covariances, entropy by quadrature."""

import math
from fractions import Fraction

import pytest
import torch
from scipy import integrate, stats

from core.gaussian import entropy, linear_combination, log_density

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()
DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]


@pytest.mark.parametrize("x, mean, variance", [(0, 0, 1), (1.5, -0.5, 4), (3, 3, 1e-6), (-9, 1, 2)])
def test_log_density(x, mean, variance):
    expected = stats.norm.logpdf(x, mean, math.sqrt(variance))
    result = log_density(x, mean, variance)
    assert result.dtype == torch.float64
    assert result.item() == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_log_density_broadcasts_and_keeps_dtype(dtype, device):
    x = torch.tensor([[0.5, -1.0, 2.0], [0.25, 1.0, 0.0]], dtype=dtype, device=device)
    variance = torch.tensor([[0.5], [2.0]], dtype=dtype, device=device)
    result = log_density(x, 0.5, variance)
    assert result.dtype == dtype and result.shape == (2, 3) and result.device.type == device
    for i in range(2):
        for j in range(3):
            expected = stats.norm.logpdf(x[i, j].item(), 0.5, math.sqrt(variance[i, 0].item()))
            assert result[i, j].item() == pytest.approx(expected, rel=4 * torch.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_log_density_far_from_zero(dtype):
    """x - mean is exact here; their squares, 1e7, have no digit left of 1.5^2 in float32."""
    x, mean = (torch.full((1,), value, dtype=dtype) for value in (4097.5, 4096.0))
    expected = stats.norm.logpdf(1.5, 0, math.sqrt(0.5))
    result = log_density(x, mean, 0.5)
    assert result.dtype == dtype and result.shape == (1,)
    assert result.item() == pytest.approx(expected, rel=4 * torch.finfo(dtype).eps)


@pytest.mark.parametrize("variance", [1e-8, 0.3, 1.0, 50.0])
def test_entropy(variance):
    """-E[log N], integrated in standardised coordinates."""
    sd = math.sqrt(variance)
    expected, _ = integrate.quad(
        lambda u: -stats.norm.pdf(u) * log_density(u * sd, 0.0, variance).item(), -12, 12
    )
    assert entropy(variance).item() == pytest.approx(expected, rel=1e-10)
    assert entropy(variance).item() == pytest.approx(stats.norm.entropy(scale=sd), rel=1e-14)
    assert entropy(torch.tensor([variance])).dtype == torch.float32


@pytest.mark.parametrize(
    "a, b, var_x, var_y, covariance",
    [
        (2, 3, 1, 4, 0), (2, -3, 1, 4, 1), (0.5, 0.25, 2, 0.5, -0.75), (1, -1, 3, 3, 3),
        (7, 0, 1, 0, 0),
    ],
)  # fmt: skip
def test_linear_combination(a, b, var_x, var_y, covariance):
    a, b, var_x, var_y, covariance = map(Fraction, (a, b, var_x, var_y, covariance))
    row, matrix = (a, b), ((var_x, covariance), (covariance, var_y))
    variance = sum(row[i] * matrix[i][j] * row[j] for i in range(2) for j in range(2))
    mean = a * 5 + b * Fraction(-1.5)
    numbers = (float(a), 5.0, float(var_x), float(b), -1.5, float(var_y), float(covariance))
    result = linear_combination(*numbers)
    assert [r.item() for r in result] == [float(mean), float(variance)]
    assert all(r.dtype == torch.float64 for r in result)


def test_linear_combination_is_independent_unless_told():
    assert linear_combination(2.0, 0.0, 1.0, 3.0, 0.0, 4.0)[1].item() == 40.0


def test_linear_combination_of_tensors():
    mean_x = torch.zeros(2, 3, dtype=torch.float32)
    var_x = torch.tensor([[1.0], [4.0]])
    mean, variance = linear_combination(0.5, mean_x, var_x, 2.0, 1.0, 0.25)
    assert mean.dtype == variance.dtype == torch.float32
    assert mean.equal(torch.full((2, 3), 2.0)) and variance.equal(torch.tensor([[1.25], [2.0]]))


@pytest.mark.parametrize("dtype", DTYPES)
def test_full_correlation_is_allowed_up_to_rounding(dtype):
    # Bounds far from 1 on both sides: the allowance is relative.
    var_x = torch.tensor([0.3, 7e-4, 60.0], dtype=dtype)
    var_y = torch.tensor([0.11, 1.3e-3, 90.0], dtype=dtype)
    for sign in (1, -1):
        linear_combination(1.0, 0.0, var_x, 1.0, 0.0, var_y, sign * (var_x * var_y).sqrt())
        for i in range(3):
            x, y = var_x[i], var_y[i]
            too_much = sign * (x * y).sqrt() * (1 + 32 * torch.finfo(dtype).eps)
            with pytest.raises(ValueError, match="covariance"):
                linear_combination(1.0, 0.0, x, 1.0, 0.0, y, too_much)


@pytest.mark.parametrize(
    "call, parts",
    [
        (lambda: log_density(0.0, 0.0, 0.0), ("variance", "positive", "0.0")),
        (lambda: log_density(math.nan, 0.0, 1.0), ("x", "finite", "nan")),
        (lambda: log_density(torch.zeros(2).int(), 0.0, 1.0), ("x", "floating", "int32")),
        (lambda: log_density(0.0, math.inf, 1.0), ("mean", "finite", "inf")),
        (lambda: log_density(torch.zeros(2), torch.zeros(3), 1.0), ("broadcast", "x (2,)")),
        (lambda: entropy(-1.0), ("variance", "positive", "-1.0")),
        (lambda: linear_combination(1, 0, -1, 1, 0, 1), ("var_x", "0 or more", "-1.0")),
        (lambda: linear_combination(1, 0, 1, 1, 0, -2), ("var_y", "0 or more", "-2.0")),
        (lambda: linear_combination(1, 0, 1, 1, 0, 1, 1.5), ("covariance", "sqrt", "0.5")),
        (lambda: linear_combination(math.nan, 0, 1, 1, 0, 1), ("a must", "nan")),
        (lambda: linear_combination(1, 0, 1, math.nan, 0, 1), ("b must", "nan")),
        (lambda: linear_combination(1, math.nan, 1, 1, 0, 1), ("mean_x", "nan")),
        (lambda: linear_combination(1, 0, 1, 1, math.nan, 1), ("mean_y", "nan")),
        (
            lambda: linear_combination(1, torch.zeros(2), 1, 1, torch.zeros(3), 1),
            ("broadcast", "mean_x (2,)", "mean_y (3,)"),
        ),
    ],
)
def test_refusals(call, parts):
    with pytest.raises(ValueError) as error:
        call()
    for part in parts:
        assert part in str(error.value), f"{part!r} not in {error.value}"
