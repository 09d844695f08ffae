"""2305.08891 algorithm 1 as printed, in 80 digits; and what is refused where no signal is left."""

import math
from itertools import pairwise

import mpmath
import pytest
import torch

from core.conversions import eps_from_v, eps_from_x_0, v_from_x_0, x_0_from_eps, x_0_from_v
from core.ddim import ddim_coefficients, ddim_step, ddim_step_to
from core.denoiser import Denoiser, respaced_schedule
from core.forward import q_marginal, q_sample
from core.posterior import posterior_coefficients
from core.schedule import NoiseSchedule, cosine_schedule, linear_schedule, schedule_from_betas
from core.timesteps import uniform_chain
from core.zero_terminal_snr import zero_terminal_snr

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()
MP = mpmath.MPContext()
MP.dps = 80


def as_printed(schedule):
    """beta of algorithm 1: shift the roots of alpha_bar to end in 0, scale them to begin as before,
    and turn them into betas again.
    """
    roots = [MP.mpf(1)]
    for beta in schedule.beta[1:].tolist():
        roots.append(roots[-1] * MP.sqrt(1 - MP.mpf(beta)))
    first, last = roots[1], roots[-1]
    bars = [MP.mpf(1), *(((root - last) * first / (first - last)) ** 2 for root in roots[1:])]
    return [1 - later / earlier for earlier, later in pairwise(bars)], bars


@pytest.mark.parametrize(
    "schedule",
    [
        linear_schedule(),
        cosine_schedule(100),
        schedule_from_betas([0.5, 0.25]),
        schedule_from_betas([1e-12, 1e-14, 0.3, 1e-3]),
        schedule_from_betas([0.999, 0.9, 0.999999]),
    ],
    ids=["linear", "cosine", "two", "small", "large"],
)
def test_betas_are_rounded_once(schedule):
    rescaled = zero_terminal_snr(schedule)
    betas, bars = as_printed(schedule)
    assert rescaled.T == schedule.T and rescaled.beta[1] == schedule.beta[1]
    for t, exact in enumerate(betas, start=1):
        beta = rescaled.beta[t].item()
        # The printed order cancels: 80 digits less 14 for beta = 1e-14.
        assert abs(beta - exact) <= math.ulp(beta) * (0.5 + MP.mpf(10) ** -40)
    # alpha_bar is the product of the rounded betas: half an ulp of each beta, made larger by
    # beta / alpha, and added up.
    growth = MP.mpf(0)
    for t in range(1, schedule.T):
        growth += MP.mpf(math.ulp(rescaled.beta[t].item())) / (1 - betas[t - 1])
        assert abs(rescaled.alpha_bar[t].item() / bars[t] - 1) <= growth + 2**-52


@pytest.mark.parametrize("device", DEVICES)
def test_tables_at_T(device):
    schedule = zero_terminal_snr(linear_schedule(50).to(device))
    T = schedule.T
    for name, value in (
        ("beta", 1), ("alpha", 0), ("alpha_bar", 0), ("alpha_bar_tail", 0), ("snr", 0),
        ("one_minus_alpha_bar", 1), ("log_snr", -math.inf),
    ):  # fmt: skip
        table = getattr(schedule, name)
        assert table[T].item() == value and table.device.type == device
        assert value == 0 or math.isinf(value) or bool((table[1:T] < 1).all())
    assert bool((schedule.alpha_bar[:T] > 0).all()) and bool(
        torch.isfinite(schedule.log_snr[1:T]).all()
    )
    assert schedule.beta_tilde[T] == schedule.one_minus_alpha_bar[T - 1]
    moved = schedule.to("cpu")
    assert moved.beta[T] == 1 and moved.alpha_bar[T] == 0
    again = zero_terminal_snr(schedule)
    assert torch.equal(again.beta, schedule.beta)


def test_respacing_keeps_the_end():
    schedule = zero_terminal_snr(linear_schedule())
    for S in (1, 2, 30):
        shorter = respaced_schedule(schedule, uniform_chain(1000, S))
        assert shorter.T == S and shorter.alpha_bar[S] == 0 and shorter.log_snr[S] == -math.inf
        assert shorter.beta[S].item() == pytest.approx(1, abs=4e-16) and shorter.alpha[S] == 0
    ends_before = respaced_schedule(schedule, (999, 500, 0))
    assert ends_before.alpha_bar[2] == schedule.alpha_bar[999] > 0


SCHEDULE = zero_terminal_snr(schedule_from_betas([0.36, 0.4375, 0.2]))
X, Y = torch.tensor([[0.5, -2.0]]).double(), torch.tensor([[1.5, 0.25]]).double()


def test_what_is_left_at_T():
    """x_T is eps; v is minus x_0; the posterior does not look at x_T."""
    assert torch.equal(q_sample(SCHEDULE, X, 3, Y), Y)
    mean, variance = q_marginal(SCHEDULE, X, 3)
    assert mean.abs().max() == 0 and variance.item() == 1
    assert torch.equal(v_from_x_0(SCHEDULE, X, 3, Y), -X)
    assert torch.equal(x_0_from_v(SCHEDULE, Y, 3, -X), X)
    assert torch.equal(eps_from_v(SCHEDULE, Y, 3, -X), Y)
    assert torch.equal(eps_from_x_0(SCHEDULE, Y, 3, X), Y)
    c_x0, c_xt, _ = posterior_coefficients(SCHEDULE, 3)
    assert c_x0 == SCHEDULE.alpha_bar[2].sqrt() and c_xt == 0
    # DDIM (12) needs no alpha_bar_T when it is given x_0 and eps: eta = 1 draws from q(x_s | x_0).
    signal, noise = SCHEDULE.alpha_bar[2].sqrt(), SCHEDULE.one_minus_alpha_bar[2].sqrt()
    step = ddim_step_to(SCHEDULE, X, Y, 3, 2, 1.0, X)
    assert torch.allclose(step, signal * X + noise * X, rtol=1e-14)
    step = ddim_step_to(SCHEDULE, X, Y, 3, 2, 0.0, None)
    assert torch.allclose(step, signal * X + noise * Y, rtol=1e-14)


@pytest.mark.parametrize(
    "call",
    [
        lambda: x_0_from_eps(SCHEDULE, X, 3, Y),
        lambda: x_0_from_eps(SCHEDULE, torch.cat([X, X]), torch.tensor([2, 3]), torch.cat([X, Y])),
        lambda: ddim_coefficients(SCHEDULE, 3, 1, 0.0),
        lambda: ddim_step(SCHEDULE, X, Y, 3, 0, 0.5, Y),
        lambda: Denoiser(lambda x, shown: x, SCHEDULE)(X, 3),
    ],
)
def test_x_0_is_not_read_off_noise(call):
    with pytest.raises(ValueError) as error:
        call()
    for part in ("t must be below T = 3", "alpha_bar_T = 0", "got 3", "predict v or x_0"):
        assert part in str(error.value), f"{part!r} not in {error.value}"


def test_x_0_is_read_before_T():
    x_t = q_sample(SCHEDULE, X, 2, Y)
    assert torch.allclose(x_0_from_eps(SCHEDULE, x_t, 2, Y), X, rtol=1e-13)


@pytest.mark.parametrize(
    "call, parts",
    [
        (lambda: zero_terminal_snr(schedule_from_betas([0.5])), ("schedule", "T >= 2", "T = 1")),
        # A last beta so small that nothing but the last step would be left of the rescaled fall.
        (lambda: zero_terminal_snr(schedule_from_betas([0.1, 0.3, 1e-9])), ("beta[2]", "1.0")),
        (lambda: schedule_from_betas([0.1, 1.0]), ("beta[2]", "(0, 1)", "zero_terminal_snr")),
        (lambda: NoiseSchedule(torch.tensor([0, 1, 0.1]).double()), ("beta[1]", "(0, 1)", "1.0")),
        (lambda: NoiseSchedule(torch.tensor([0, 0.1, 1.5]).double()), ("beta[2]", "1.5")),
    ],
)
def test_only_beta_T_may_be_1(call, parts):
    with pytest.raises(ValueError) as error:
        call()
    for part in parts:
        assert part in str(error.value), f"{part!r} not in {error.value}"
    only = NoiseSchedule(torch.tensor([0.0, 1.0]).double())
    assert only.alpha_bar[1] == 0 and only.beta_tilde[1] == 0
