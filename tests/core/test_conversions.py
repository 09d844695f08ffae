"""Each conversion against its definition with numbers chosen by hand, then every round trip."""

import math
from fractions import Fraction

import pytest
import torch

from core import conversions
from core.conversions import (
    eps_from_score,
    eps_from_v,
    eps_from_x_0,
    score_from_eps,
    v_from_x_0,
    x_0_from_eps,
    x_0_from_v,
)
from core.forward import q_sample
from core.gaussian import log_density
from core.schedule import linear_schedule, schedule_from_betas

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()
DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
LINEAR = linear_schedule()
# alpha_bar_1 = 0.64: signal 0.8, noise 0.6.
PYTHAGORAS = schedule_from_betas([0.36])


def scalar(value, dtype=torch.float64):
    return torch.tensor([[value]], dtype=dtype)


@pytest.mark.parametrize(
    "function, first, second, expected",
    [
        (x_0_from_eps, 5.0, 2.0, (5 - 0.6 * 2) / 0.8),
        (eps_from_x_0, 5.0, 2.0, (5 - 0.8 * 2) / 0.6),
        (v_from_x_0, 5.0, 2.0, 0.8 * 2 - 0.6 * 5),
        (x_0_from_v, 5.0, 2.0, 0.8 * 5 - 0.6 * 2),
        (eps_from_v, 5.0, 2.0, 0.6 * 5 + 0.8 * 2),
        (score_from_eps, 5.0, 2.0, -2 / 0.6),
        (eps_from_score, 5.0, 2.0, -0.6 * 2),
    ],
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_by_hand(function, first, second, expected, dtype):
    result = function(PYTHAGORAS, scalar(first, dtype), 1, scalar(second, dtype))
    assert result.dtype == dtype and result.shape == (1, 1)
    # 9: the terms before a subtraction are up to 9 times its result here.
    assert result.item() == pytest.approx(expected, rel=9 * torch.finfo(dtype).eps)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype, rel", [(torch.float64, 1e-12), (torch.float32, 1e-3)])
def test_round_trips(dtype, rel, device):
    schedule = LINEAR.to(device)
    generator = torch.Generator().manual_seed(1)
    t = torch.tensor([1, 2, 300, 999, 1000], device=device)
    x_0, eps = (torch.randn(5, 2, 3, generator=generator).to(device, dtype) for _ in range(2))
    x_t = q_sample(schedule, x_0, t, eps)
    v = v_from_x_0(schedule, x_0, t, eps)
    score = score_from_eps(schedule, x_t, t, eps)

    def same(a, b):
        assert a.dtype == dtype and torch.allclose(a, b, rtol=rel, atol=rel)

    same(x_0_from_eps(schedule, x_t, t, eps), x_0)
    same(eps_from_x_0(schedule, x_t, t, x_0), eps)
    same(x_0_from_v(schedule, x_t, t, v), x_0)
    same(eps_from_v(schedule, x_t, t, v), eps)
    same(eps_from_score(schedule, x_t, t, score), eps)


def exact_roots(t):
    """sqrt(alpha_bar_t) and sqrt(1 - alpha_bar_t) from the betas, in exact fractions."""
    alpha_bar = math.prod(1 - Fraction(beta) for beta in LINEAR.beta[1:t + 1].tolist())
    return math.sqrt(alpha_bar), math.sqrt(1 - alpha_bar)


# The two terms and the divisor, for signal s and noise n.
WRITTEN = [
    (x_0_from_eps, lambda s, n, x_t, eps: (x_t, -n * eps, s)),
    (eps_from_x_0, lambda s, n, x_t, x_0: (x_t, -s * x_0, n)),
    (v_from_x_0, lambda s, n, x_0, eps: (s * eps, -n * x_0, 1)),
    (x_0_from_v, lambda s, n, x_t, v: (s * x_t, -n * v, 1)),
    (eps_from_v, lambda s, n, x_t, v: (n * x_t, s * v, 1)),
    (score_from_eps, lambda s, n, x_t, eps: (0 * x_t, -eps, n)),
    (eps_from_score, lambda s, n, x_t, score: (0 * x_t, -n * score, 1)),
]


@pytest.mark.parametrize("function, written", WRITTEN)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("device", DEVICES)
def test_within_roundings_at_every_end(function, written, dtype, device):
    """At both ends of the chain, where a coefficient formed in the images' dtype has no digits.

    1 - alpha_bar_1 = 1e-4 taken from a float32 alpha_bar is 3e-4 off: more than any rounding.
    """
    generator = torch.Generator().manual_seed(4)
    a, b = (torch.randn(2, 3, generator=generator).to(dtype) for _ in range(2))
    for t in (1, 2, 10, 500, 1000):
        first, second, divisor = written(*exact_roots(t), a.double(), b.double())
        result = function(LINEAR.to(device), a.to(device), t, b.to(device)).cpu()
        assert result.dtype == dtype and result.shape == a.shape
        bound = 4 * torch.finfo(dtype).eps * (first.abs() + second.abs()) / divisor
        error = (result.double() - (first + second) / divisor).abs()
        assert error.shape == bound.shape and (error <= bound).all()


def test_v_is_a_rotation():
    """(x_0, eps) -> (x_t, v) keeps lengths."""
    x_0, eps = torch.randn(2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    for t in (1, 400, 1000):
        before = x_0**2 + eps**2
        after = q_sample(LINEAR, x_0, t, eps) ** 2 + v_from_x_0(LINEAR, x_0, t, eps) ** 2
        assert torch.allclose(before, after, rtol=1e-14, atol=0)


def test_score_is_the_gradient_of_the_log_density():
    x_0, eps = torch.randn(2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    for t in (1, 400, 1000):
        x_t = q_sample(LINEAR, x_0, t, eps).requires_grad_()
        mean, variance = LINEAR.alpha_bar[t].sqrt() * x_0, LINEAR.one_minus_alpha_bar[t]
        (gradient,) = torch.autograd.grad(log_density(x_t, mean, variance).sum(), x_t)
        # x_t - mean cancels at t = 1, where the noise is 1 % of the signal.
        assert torch.allclose(score_from_eps(LINEAR, x_t, t, eps), gradient, rtol=1e-12, atol=1e-9)


FUNCTIONS = [
    (x_0_from_eps, "x_t", "eps"), (eps_from_x_0, "x_t", "x_0"), (v_from_x_0, "x_0", "eps"),
    (x_0_from_v, "x_t", "v"), (eps_from_v, "x_t", "v"), (score_from_eps, "x_t", "eps"),
    (eps_from_score, "x_t", "score"),
]  # fmt: skip


def test_every_function_is_listed():
    public = {n for n in vars(conversions) if "_from_" in n}
    assert public == {function.__name__ for function, _, _ in FUNCTIONS}


@pytest.mark.parametrize("function, first, second", FUNCTIONS)
def test_refusals(function, first, second):
    good = torch.zeros(2, 3)
    for a, t, b, parts in (
        (good, 0, good, ("t must", "1..1000", "0")),
        (good, torch.tensor([1, 1001]), good, ("t must", "1001")),
        (good.int(), 1, good, (first, "floating", "int32")),
        (good, 1, good.int(), (second, "floating", "int32")),
        (good + math.nan, 1, good, (first, "finite", "nan")),
        (good, 1, good + math.inf, (second, "finite", "inf")),
        (good, 1, good[:, :1], (second, first, "(2, 3)", "(2, 1)")),
        (good, 1, good.half(), (second, first, "float16")),
        (good, torch.tensor([1, 1, 1]), good, ("(B,)", "(3,)")),
    ):
        with pytest.raises(ValueError) as error:
            function(LINEAR, a, t, b)
        for part in parts:
            assert part in str(error.value), f"{part!r} not in {error.value}"


def test_empty_batch():
    empty, t = torch.zeros(0, 3), torch.zeros(0, dtype=torch.long)
    for function, _, _ in FUNCTIONS:
        assert function(LINEAR, empty, t, empty).shape == (0, 3)
