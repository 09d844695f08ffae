"""The decoder against differences of erfc in balls of 1000 bits, and the sum over all levels."""

import math
import random
from fractions import Fraction

import pytest
import torch
from flint import arb, ctx

from core.decoder import CDFS, discretised_gaussian_log_likelihood, require_levels

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()
DTYPES = [torch.float64, torch.float32]
COUNTS = [2, 3, 17, 256]  # of levels


def grid(levels):
    return [float(Fraction(2 * k, levels - 1) - 1) for k in range(levels)]


LEVELS = grid(256)


@pytest.fixture(autouse=True)
def bits():
    before, ctx.prec = ctx.prec, 1000
    yield
    ctx.prec = before


def upper_tail(z):
    return (z / arb(2).sqrt()).erfc() / 2


def exact(level, x_0, mean, variance, levels):
    """log p and its derivatives by mean and by variance, as balls."""
    sd = arb(variance).sqrt()
    below = (arb(x_0) - arb(1) / (levels - 1) - arb(mean)) / sd
    above = (arb(x_0) + arb(1) / (levels - 1) - arb(mean)) / sd
    low, high = (-z * z / 2 for z in (below, above))
    density_low, density_high = (e.exp() / (2 * arb.pi()).sqrt() for e in (low, high))
    if level == 0:
        p, density_low, below = upper_tail(-above), arb(0), arb(0)
    elif level == levels - 1:
        p, density_high, above = upper_tail(below), arb(0), arb(0)
    elif x_0 > mean:
        p = upper_tail(below) - upper_tail(above)
    else:
        p = upper_tail(-above) - upper_tail(-below)
    by_mean = -(density_high - density_low) / (sd * p)
    by_variance = -(above * density_high - below * density_low) / (2 * sd * sd * p)
    return p.log(), by_mean, by_variance


def cases(dtype, levels):
    """(level, x_0, mean, variance): every regime, and both sides of each switch between them."""
    draw, last = random.Random(7), levels - 1
    for n in range(500 if levels == 256 else 200):
        level = draw.choice([0, last, 1, last - 1, draw.randrange(levels)])
        x_0 = torch.tensor(grid(levels)[level], dtype=dtype)
        # h = half / sd = 0.5 divides narrow from wide bins: sd^2 = 6.15e-5 for 256 levels.
        switch = 4 / last**2 * draw.uniform(0.98, 1.02)
        variance = 10 ** draw.uniform(-8, 2) if n % 3 else switch
        distance = draw.choice([
            draw.uniform(-4, 4) * math.sqrt(variance), draw.uniform(-1.5, 1.5),
            draw.choice([-1, 1]) / last * draw.uniform(0.99, 1.01), 0.5 * last * variance,
        ])  # fmt: skip
        numbers = torch.tensor([x_0 + distance, variance]).to(dtype)
        yield level, x_0.item(), *numbers.tolist()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("levels", COUNTS)
def test_values_and_gradients_in_every_regime(levels, dtype, device):
    table = list(cases(dtype, levels))
    _, x_0, mean, variance = (
        torch.tensor(column, dtype=dtype, device=device) for column in zip(*table, strict=True)
    )
    mean.requires_grad_(), variance.requires_grad_()
    result = discretised_gaussian_log_likelihood(x_0, mean, variance, levels=levels)
    assert result.dtype == dtype and result.shape == x_0.shape
    gradients = torch.autograd.grad(result.sum(), (mean, variance))
    rounding = torch.finfo(dtype).eps
    for n, (level, x, m, v) in enumerate(table):
        value, by_mean, by_variance = (float(ball) for ball in exact(level, x, m, v, levels))
        half = 1 / (levels - 1)
        h, z = half / math.sqrt(v), abs(abs(x - m) - half) / math.sqrt(v)
        assert abs(result[n].item() - value) <= 8 * rounding * (1 + abs(value) + h * z), table[n]
        # A derivative of log p changes by 1 + z^2 of itself in a standard deviation.
        slack = 64 * rounding * (1 + z * z + h * z)
        for gradient, correct, unit in (
            (gradients[0], by_mean, 1 / math.sqrt(v)), (gradients[1], by_variance, 1 / v),
        ):  # fmt: skip
            error = abs(gradient[n].item() - correct)
            assert error <= slack * (abs(correct) + unit), (table[n], gradient[n], correct)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("cdf", CDFS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("levels", COUNTS)
def test_all_levels_sum_to_1(levels, dtype, cdf, device):
    mean = torch.tensor([-1.5, -1, -0.9, 0, 0.2, 1 / 255, 1, 1.01], dtype=dtype, device=device)
    variance = 10.0 ** torch.arange(-6, 3, dtype=dtype, device=device)
    shape = (levels, len(mean), len(variance))
    x_0 = torch.tensor(grid(levels), dtype=dtype, device=device)[:, None, None].expand(shape)
    log_p = discretised_gaussian_log_likelihood(
        x_0, mean[:, None].expand(shape), variance.expand(shape), cdf, levels
    )
    # A bin's edge is rounded twice, once for each of the two levels that it divides: the tails of
    # the narrowest Gaussian, sd = 0.001, move by a rounding / sd.  The floor adds 256e-12.
    slack = 1e3 * torch.finfo(dtype).eps + 3e-10 * (cdf == "tanh")
    assert torch.allclose(log_p.exp().sum(0), torch.ones_like(log_p[0]), rtol=0, atol=slack)


@pytest.mark.parametrize("cdf", CDFS)
def test_mirror_image(cdf):
    x_0 = torch.tensor(LEVELS, dtype=torch.float64)
    mean = torch.full_like(x_0, 0.3)
    for variance in (1e-4, 0.02, 3.0):
        one = discretised_gaussian_log_likelihood(x_0, mean, variance, cdf)
        other = discretised_gaussian_log_likelihood(-x_0, -mean, variance, cdf)
        # The released difference of two CDFs keeps the roundings of 1, whatever p is.
        p, q = (one, other) if cdf == "exact" else (one.exp(), other.exp())
        assert torch.allclose(p, q, rtol=1e-12, atol=0 if cdf == "exact" else 4e-16)


@pytest.mark.parametrize("dtype", DTYPES)
def test_of_two_levels_each_has_half_of_the_line(dtype):
    """p(1) = Phi(mean / sd) and p(-1) = Phi(-mean / sd): the bins meet at 0 and have no other end.
    """
    mean = torch.tensor([-3.0, -1, -0.2, 0, 1e-3, 0.7, 2], dtype=dtype)
    for variance in (1e-2, 1.0, 50.0):
        for x_0 in (-1.0, 1.0):
            found = discretised_gaussian_log_likelihood(
                torch.full_like(mean, x_0), mean, variance, levels=2
            )
            for m, log_p in zip(mean.tolist(), found.tolist(), strict=True):
                expected = float(upper_tail(-arb(x_0) * arb(m) / arb(variance).sqrt()).log())
                rounding = torch.finfo(dtype).eps * (1 + 1 / variance)
                assert log_p == pytest.approx(expected, rel=16 * rounding, abs=16 * rounding)


def released(level, mean, variance, levels):
    """The formula of the released code in plain floats, for its 256 levels or others."""
    def cdf(z):
        return 0.5 * (1 + math.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))

    sd = math.sqrt(variance)
    x_0, half = grid(levels)[level], 1 / (levels - 1)
    upper, lower = cdf((x_0 - mean + half) / sd), cdf((x_0 - mean - half) / sd)
    p = {0: upper, levels - 1: 1 - lower}.get(level, upper - lower)
    return math.log(max(p, 1e-12))


def test_tanh_is_the_released_approximation():
    for level, mean, variance, levels in (
        (0, -0.99, 1e-3, 256), (0, -1.4, 0.02, 256), (255, 0.99, 1e-4, 256), (255, 1.2, 1.0, 256),
        (128, 0.0, 1e-4, 256), (100, -0.2, 1e-3, 256), (7, -0.9, 0.3, 256), (200, 0.0, 1e-4, 256),
        (255, 0.0, 1e-4, 256), (1, 1.0, 5.453e-5, 256), (0, -0.9, 0.02, 17), (16, 0.8, 0.02, 17),
        (9, 0.2, 0.01, 17), (1, -1.0, 0.3, 17), (2, 0.5, 0.2, 3), (0, 0.3, 0.5, 2),
        (1, 0.3, 0.5, 2),
    ):  # fmt: skip
        x_0 = torch.tensor([grid(levels)[level]], dtype=torch.float64)
        result = discretised_gaussian_log_likelihood(x_0, 0 * x_0 + mean, variance, "tanh", levels)
        expected = released(level, mean, variance, levels)
        assert result.item() == pytest.approx(expected, rel=1e-9), (level, levels)
    x_0 = torch.tensor([LEVELS[1]], dtype=torch.float64)
    floored = discretised_gaussian_log_likelihood(x_0, x_0 + 1.0, 1e-4, "tanh")
    assert floored.item() == pytest.approx(math.log(1e-12), rel=1e-14)


def test_tanh_is_near_exact_where_the_probability_is():
    x_0 = torch.tensor(LEVELS, dtype=torch.float64)
    for variance, most in ((5.453e-5, 1e-3), (0.02, 1e-4)):
        p, approximate = (
            discretised_gaussian_log_likelihood(x_0, torch.zeros_like(x_0), variance, cdf).exp()
            for cdf in CDFS
        )
        assert 0 < (p - approximate).abs().max().item() < most


@pytest.mark.parametrize("shape", [(), (1, 1, 1), (2, 1, 1), (2, 3, 4)])
def test_variance_broadcasts(shape):
    x_0 = torch.tensor(LEVELS[:24], dtype=torch.float32).reshape(2, 3, 4)
    for cdf in CDFS:
        result = discretised_gaussian_log_likelihood(x_0, x_0 + 0.01, torch.full(shape, 0.01), cdf)
        whole = discretised_gaussian_log_likelihood(x_0, x_0 + 0.01, 0.01, cdf)
        assert result.shape == (2, 3, 4) and torch.equal(result, whole)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("levels", COUNTS)
def test_far_gradients_have_all_their_digits_in_float32(levels, device):
    """Up to 1e5 standard deviations, where z^2 / 2 and log Phi have no digit in common with 1."""
    draw, rows = random.Random(3), []
    for _ in range(100):
        level, variance = draw.randrange(levels), 10 ** draw.uniform(-6, -3)
        mean = draw.choice([-1, 1]) * 10 ** draw.uniform(1, 2)
        numbers = torch.tensor([grid(levels)[level], mean, variance], dtype=torch.float32)
        rows.append((level, *numbers.tolist()))
    _, x_0, mean, variance = (torch.tensor(c, device=device) for c in zip(*rows, strict=True))
    mean.requires_grad_(), variance.requires_grad_()
    result = discretised_gaussian_log_likelihood(x_0, mean, variance, levels=levels)
    found = torch.stack(torch.autograd.grad(result.sum(), (mean, variance)), dim=1).tolist()
    for row, gradients in zip(rows, found, strict=True):
        correct = [float(ball) for ball in exact(*row, levels)[1:]]
        certain = abs(row[1]) == 1 and row[1] * row[2] > 0  # p = 1, its gradient about 0
        assert gradients == pytest.approx(correct, rel=1e-5, abs=1e-30 * certain), row


@pytest.mark.parametrize("cdf", CDFS)
@pytest.mark.parametrize("levels", COUNTS)
def test_far_from_the_mean_everything_is_finite(levels, cdf):
    """A new network's x_0 at t = T is hundreds away, and its term is computed beside others."""
    x_0 = torch.tensor([grid(levels)[k] for k in (0, levels * 99 // 256, levels - 1)] * 2)
    mean = torch.tensor([500.0, 500, 500, -500, -500, -500]).requires_grad_()
    variance = torch.full((6,), 5.453e-5).requires_grad_()
    result = discretised_gaussian_log_likelihood(x_0, mean, variance, cdf, levels)
    gradients = torch.autograd.grad(result.sum(), (mean, variance))
    assert all(bool(torch.isfinite(part).all()) for part in (result, *gradients))


def test_empty_and_compiled():
    empty = torch.zeros(0, 3)
    assert discretised_gaussian_log_likelihood(empty, empty, 0.1).shape == (0, 3)
    compiled = torch.compile(
        discretised_gaussian_log_likelihood, fullgraph=True, backend="aot_eager"
    )
    for levels in (256, 17):
        x_0 = torch.tensor(grid(levels))
        arguments = (x_0, x_0 / 2, torch.tensor(0.01), "exact", levels)
        eager = discretised_gaussian_log_likelihood(*arguments)
        assert torch.allclose(compiled(*arguments), eager, rtol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_level_of_every_number_of_levels_is_one(dtype):
    for levels in range(2, 257):
        require_levels(torch.tensor(grid(levels), dtype=dtype), levels)
        for k in (-1, -0.5, 0.01, levels // 2 - 0.5, levels - 1.01, levels - 0.5, levels):
            with pytest.raises(ValueError, match=rf"k = 0\.\.{levels - 1}, for levels = {levels};"):
                require_levels(torch.tensor([2 * k / (levels - 1) - 1], dtype=dtype), levels)


X = torch.tensor([[LEVELS[0], LEVELS[9]]])


@pytest.mark.parametrize(
    "x_0, mean, variance, cdf, parts",
    [
        (X, X, 0.1, "erf", ("cdf", "'exact'", "'tanh'", "'erf'")),
        (X.half(), X.half(), 0.1, "exact", ("x_0", "float32 or float64", "float16")),
        (X.bfloat16(), X.bfloat16(), 0.1, "tanh", ("x_0", "neighbouring levels", "bfloat16")),
        ((X * 127.5).byte(), X, 0.1, "exact", ("x_0", "floating", "uint8")),
        (X + 0.003, X, 0.1, "exact", ("x_0", "k / 127.5 - 1", "-0.99")),
        (X - 2 / 255, X, 0.1, "tanh", ("x_0", "k = 0..255", "-1.00")),
        (X + 514 / 255, X, 0.1, "tanh", ("x_0", "levels = 256", "1.01")),
        (X / 2 + 0.5, X, 0.1, "exact", ("x_0", "levels")),
        (X / 0 * 0, X, 0.1, "exact", ("x_0", "levels", "nan")),
        (X, X / 0, 0.1, "exact", ("mean", "finite")),
        (X, X[:, :1], 0.1, "exact", ("mean", "(1, 2)", "(1, 1)")),
        (X, X.double(), 0.1, "exact", ("mean", "float32", "float64")),
        (X, X, 0.0, "exact", ("variance", "positive", "0.0")),
        (X, X, math.nan, "exact", ("variance", "finite", "nan")),
        (X, X, torch.ones(3), "exact", ("broadcast", "(1, 2)", "(3,)")),
        (X, X, torch.ones(4, 2), "exact", ("variance", "broadcast to the shape of x_0", "(4, 2)")),
    ],
)
def test_refusals(x_0, mean, variance, cdf, parts):
    with pytest.raises(ValueError) as error:
        discretised_gaussian_log_likelihood(x_0, mean, variance, cdf)
    for part in parts:
        assert part in str(error.value), f"{part!r} not in {error.value}"


@pytest.mark.parametrize(
    "levels, parts",
    [
        (1, ("levels must be an integer in 2..256", "byte", "got 1")),
        (0, ("levels", "2..256", "0")),
        (257, ("levels", "2..256", "257")),
        (17.0, ("levels", "integer", "17.0")),
        (True, ("levels", "integer", "True")),
        ("17", ("levels", "integer", "'17'")),
        (17, ("x_0 must lie on the levels k / 8 - 1, k = 0..16", "levels = 17", "-0.929")),
        (128, ("k / 63.5 - 1, k = 0..127", "levels = 128", "-0.929")),
    ],
)
def test_refused_levels(levels, parts):
    with pytest.raises(ValueError) as error:
        discretised_gaussian_log_likelihood(X, X, 0.1, levels=levels)
    for part in parts:
        assert part in str(error.value), f"{part!r} not in {error.value}"
