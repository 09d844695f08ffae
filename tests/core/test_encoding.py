"""DDIM with eta = 0 as an ODE solver, on Gaussian data, where the ODE is solved in closed form.

With y = x / sqrt(alpha_bar) and u = sqrt(1 / alpha_bar - 1) DDIM (14) is dy/du = eps(x), and for
N(m, C) in the eigenbasis of C dy/du = u (y - m) / (c + u^2): (y - m) / sqrt(c + u^2) is constant.
"""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from core.denoiser import PREDICTIONS, Denoiser, respace
from core.encoding import decode, encode
from core.exact_denoiser import DiagonalGaussian, exact_denoiser
from core.noise import standard_normal
from core.samplers import DDIM, sample
from core.schedule import cosine_schedule, linear_schedule, schedule_from_betas
from core.timesteps import quadratic_chain, released_uniform_chain, uniform_chain
from core.zero_terminal_snr import zero_terminal_snr

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()
LINEAR = linear_schedule()
VARIANCE = np.array([0.5, 0.25, 1.7])
MEAN = np.array([0.25, -1.0, 0.5])
DATA = DiagonalGaussian(torch.from_numpy(MEAN), torch.from_numpy(VARIANCE))
X_0 = torch.tensor([[0.9, -0.8, 0.1], [0.3, -1.1, -1.5]], dtype=torch.float64)
X_T = torch.tensor([[0.9, -1.8, 0.1], [0.3, 1.1, -0.5]], dtype=torch.float64)


def flow(schedule, x, s, t):
    """The exact solution that passes through x at timestep s, at timestep t."""
    a_s, a_t = (math.prod(1 - beta for beta in schedule.beta[1 : r + 1].tolist()) for r in (s, t))
    spread = np.sqrt((VARIANCE + 1 / a_t - 1) / (VARIANCE + 1 / a_s - 1))
    return math.sqrt(a_t) * (MEAN + (x / math.sqrt(a_s) - MEAN) * spread)


def slope(steps, errors):
    """The order of convergence, by least squares in log-log coordinates."""
    return -np.polyfit(np.log(steps), np.log(errors), 1)[0]


@pytest.mark.parametrize("kind", PREDICTIONS)
@pytest.mark.parametrize("chain", [uniform_chain, quadratic_chain])
def test_both_directions_have_order_one(chain, kind):
    """Against the exact flow between the clean image and T = 4000."""
    schedule = linear_schedule(4000, 2.5e-5, 0.005)
    whole = exact_denoiser(DATA, schedule, kind)
    steps = [40, 80, 160, 320]
    down, up = [], []
    for S in steps:
        denoiser = respace(whole, chain(4000, S))
        images, noises = decode(denoiser, X_T).numpy(), encode(denoiser, X_0).numpy()
        down.append(np.abs(images - flow(schedule, X_T.numpy(), 4000, 0)).max())
        up.append(np.abs(noises - flow(schedule, X_0.numpy(), 0, 4000)).max())
    for errors in (down, up):
        assert 0.9 < slope(steps, errors) < 1.1, errors
        assert errors[-1] < 0.02


def test_the_round_trip_improves_with_every_step():
    """DDIM table 2 has its like on any data: errors fall with S, about as 1 / S."""
    for chain in (uniform_chain, quadratic_chain, released_uniform_chain):
        steps, errors = [10, 20, 50, 100, 200], []
        for S in steps:
            denoiser = respace(exact_denoiser(DATA, LINEAR), chain(1000, S))
            back = decode(denoiser, encode(denoiser, X_0))
            errors.append((back - X_0).abs().max().item())
        assert all(late < early for early, late in pairwise(errors)), errors
        assert 0.9 < slope(steps, errors) < 1.1, errors
        assert errors[-1] < 0.05


def test_every_step_by_hand():
    """x_t = sqrt(A_t) x_0_hat + sqrt(1 - A_t) eps, both at s; at s = 0 the image is x_0_hat, and
    eps is what the network says of the image as x_1.
    """
    schedule = schedule_from_betas([0.36, 0.4375, 0.5])
    bars = [1, 0.64, 0.36, 0.18]
    asked = []

    def network(x, shown):
        asked.append((x.item(), shown.item()))
        return 0.5 * x + 1

    states = []
    x_T = encode(
        Denoiser(network, schedule), torch.tensor([[2.0]]).double(), callback=states.append
    )
    x, expected, queries = 2.0, [], []
    for s in range(3):
        queries.append((x, max(s - 1, 0)))
        eps = 0.5 * x + 1
        x_0 = (x - math.sqrt(1 - bars[s]) * eps) / math.sqrt(bars[s])
        x = math.sqrt(bars[s + 1]) * x_0 + math.sqrt(1 - bars[s + 1]) * eps
        expected.append((s + 1, x))
    assert asked == [(pytest.approx(x, rel=1e-14), shown) for x, shown in queries]
    assert [(state.t, state.x.item()) for state in states] == [
        (t, pytest.approx(x, rel=1e-14)) for t, x in expected
    ]
    assert x_T.item() == states[-1].x.item()


def test_decode_is_the_sampler():
    denoiser = respace(exact_denoiser(DATA, LINEAR), uniform_chain(1000, 12))
    seeds = torch.tensor([3, 8])
    states = []
    images = sample(denoiser, DDIM(), seeds, (3,), dtype=torch.float64, callback=states.append)
    replayed = []
    again = decode(
        denoiser, standard_normal(seeds, 0, (3,), torch.float64), callback=replayed.append
    )
    assert torch.equal(again, images)
    assert all(torch.equal(a.x, b.x) and a.t == b.t for a, b in zip(states, replayed, strict=True))


def test_no_signal_at_T():
    """The network is never asked about T on the way up: x_T is the eps of T - 1, for any kind."""
    schedule = zero_terminal_snr(LINEAR)
    for kind in PREDICTIONS:
        denoiser = respace(exact_denoiser(DATA, schedule, kind), quadratic_chain(1000, 50))
        states = []
        x_T = encode(denoiser, X_0, callback=states.append)
        assert torch.equal(x_T, denoiser(states[-2].x, 49).eps)
        if kind != "eps":
            assert (decode(denoiser, x_T) - X_0).abs().max() < 0.2


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_dtypes_and_batches(dtype, device):
    data = DiagonalGaussian(DATA.mean.to(device), DATA.variance.to(device))
    denoiser = respace(exact_denoiser(data, LINEAR.to(device)), uniform_chain(1000, 20))
    x_0 = X_0.to(device, dtype)
    with torch.inference_mode():
        x_T = encode(denoiser, x_0)
        back = decode(denoiser, x_T)
    assert x_T.dtype == back.dtype == dtype and x_T.shape == back.shape == (2, 3)
    exact = encode(respace(exact_denoiser(DATA, LINEAR), uniform_chain(1000, 20)), X_0)
    assert torch.allclose(x_T.cpu().double(), exact, rtol=0, atol=64 * torch.finfo(dtype).eps)
    for k in range(2):
        assert torch.equal(encode(denoiser, x_0[k : k + 1])[0], x_T[k])
        assert torch.equal(decode(denoiser, x_T[k : k + 1])[0], back[k])
    assert encode(denoiser, x_0[:0]).shape == decode(denoiser, x_T[:0]).shape == (0, 3)
    assert torch.equal(x_0, X_0.to(device, dtype))


def test_refusals():
    denoiser = exact_denoiser(DATA, cosine_schedule(5))
    for function, name in ((encode, "x_0"), (decode, "x_T")):
        for bad, parts in (
            (torch.zeros(1, 3, dtype=torch.uint8), (name, "floating-point", "uint8")),
            (torch.full((1, 3), math.nan), (name, "finite", "nan")),
        ):
            with pytest.raises(ValueError) as error:
                function(denoiser, bad)
            for part in parts:
                assert part in str(error.value), f"{part!r} not in {error.value}"
    silent = exact_denoiser(DATA, zero_terminal_snr(cosine_schedule(5)))
    with pytest.raises(ValueError, match="predict v or x_0"):
        decode(silent, X_T)
    broken = Denoiser(lambda x, shown: x / 0, LINEAR)
    with pytest.raises(FloatingPointError, match=r"x_T is NaN .* torch.float64"):
        encode(broken, X_0)
    with pytest.raises(FloatingPointError, match="t = 1000 gave"):
        decode(broken, X_0)
