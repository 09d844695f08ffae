"""Weights against fractions, the published numbers, and errors of all three kinds at one x_t."""

import math
from fractions import Fraction

import pytest
import torch

from core.conversions import v_from_x_0
from core.denoiser import PREDICTIONS, Denoiser
from core.forward import q_sample
from core.reverse import ReverseVariance
from core.schedule import cosine_schedule, linear_schedule, schedule_from_betas
from core.weightings import (
    Weighting,
    bound_weighting,
    convert_weighting,
    min_snr_weighting,
    snr_weighting,
    truncated_snr_weighting,
    uniform_weighting,
)
from core.zero_terminal_snr import zero_terminal_snr

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()
LINEAR = linear_schedule()
BETA = ReverseVariance("beta", "own")
TILDE = ReverseVariance("beta_tilde", "beta_tilde_2")
SHORT = schedule_from_betas([0.25, 0.5, 0.0625, 0.9375])
SILENT = zero_terminal_snr(SHORT)


@pytest.mark.parametrize(
    "t, printed",
    [(2, "0.2727"), (10, "0.0737"), (100, "0.0101"), (500, "0.0055"), (1000, "0.0102")],
)
def test_published_weights_of_the_bound(t, printed):
    assert f"{bound_weighting(LINEAR, 'eps', BETA).weight[t].item():.4f}" == printed


def exact_weights(schedule, t):
    """name -> kind -> weight at t, in fractions, from the formulas of the error of x_0."""
    beta = [Fraction(b) for b in schedule.beta.tolist()]
    bars = [Fraction(1)]
    for b in beta[1:]:
        bars.append(bars[-1] * (1 - b))
    bar, before = bars[t], bars[t - 1]
    snr = bar / (1 - bar)

    def tilde(n):
        return beta[n] * (1 - bars[n - 1]) / (1 - bars[n])

    def bound(sigma_2):
        """The KL weight: c_x0^2 / (2 sigma^2), c_x0 the posterior's coefficient of x_0."""
        return before * (beta[t] / (1 - bar)) ** 2 / (2 * sigma_2)

    of_x_0 = {
        "snr": snr, "truncated": max(snr, 1), "min": min(snr, 5), "min2": min(snr, 2),
        "beta": bound(beta[t]), "beta_tilde": bound(tilde(max(t, 2))),
    }  # fmt: skip
    return {
        name: {"x_0": w, "eps": w / snr, "v": w / (snr + 1)} for name, w in of_x_0.items()
    }


def weightings(schedule, kind):
    return {
        "snr": snr_weighting(schedule, kind),
        "truncated": truncated_snr_weighting(schedule, kind),
        "min": min_snr_weighting(schedule, kind),
        "min2": min_snr_weighting(schedule, kind, gamma=2.0),
        "beta": bound_weighting(schedule, kind, BETA),
        "beta_tilde": bound_weighting(schedule, kind, TILDE),
    }


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kind", PREDICTIONS)
@pytest.mark.parametrize("schedule", [SHORT, linear_schedule(12)], ids=["short", "linear"])
def test_every_weight_in_fractions(schedule, kind, device):
    tables = weightings(schedule.to(device), kind)
    for weighting in tables.values():
        assert weighting.predicts == kind and weighting.weight.dtype == torch.float64
        assert weighting.weight.shape == (schedule.T + 1,) and weighting.weight[0] == 0
        assert weighting.weight.device.type == device
    for t in range(1, schedule.T + 1):
        for name, by_kind in exact_weights(schedule, t).items():
            value = tables[name].weight[t].item()
            assert value == pytest.approx(float(by_kind[kind]), rel=8 * 2**-52), (name, t)


def test_uniform():
    for kind in PREDICTIONS:
        assert uniform_weighting(SHORT, kind).weight.tolist() == [0, 1, 1, 1, 1]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", ["uniform", *weightings(SHORT, "eps")])
def test_one_loss_in_three_parameterisations(name, device):
    """At one x_t the weighted errors of x_0, eps and v agree, if the weights say they do."""
    schedule = cosine_schedule(20).to(device)
    generator = torch.Generator().manual_seed(1)
    t = torch.tensor([1, 2, 10, 19, 20], device=device)
    x_0, eps, guess = (
        torch.randn(5, 1, 3, generator=generator, dtype=torch.float64).to(device) for _ in range(3)
    )
    x_t = q_sample(schedule, x_0, t, eps)
    # A v of the true size: its error does not drown in rounding at either end.
    x_0_hat, eps_hat = Denoiser(lambda x, shown: guess, schedule, "v").interpret(x_t, t, guess)
    v = v_from_x_0(schedule, x_0, t, eps)
    error = {"x_0": x_0 - x_0_hat, "eps": eps - eps_hat, "v": v - guess}
    source = "v" if name == "uniform" else "x_0"
    start = ({"uniform": uniform_weighting(schedule, "v")} | weightings(schedule, source))[name]
    losses = []
    for kind in PREDICTIONS:
        converted = convert_weighting(schedule, start, kind)
        if name != "uniform":
            direct = weightings(schedule, kind)[name].weight
            assert torch.allclose(converted.weight, direct, rtol=1e-14, atol=0)
        back = convert_weighting(schedule, converted, source)
        assert converted.predicts == kind and back.predicts == source
        assert torch.allclose(back.weight, start.weight, rtol=1e-14, atol=0)
        losses.append(converted.weight[t] * (error[kind] ** 2).flatten(1).mean(1))
    assert torch.allclose(losses[0], losses[1], rtol=1e-9, atol=0)
    assert torch.allclose(losses[0], losses[2], rtol=1e-9, atol=0)


def test_l_simple_of_eps_is_snr_weighted():
    assert torch.equal(
        snr_weighting(LINEAR, "eps").weight, uniform_weighting(LINEAR, "eps").weight
    )
    assert torch.equal(snr_weighting(LINEAR, "x_0").weight[1:], LINEAR.snr[1:])


@pytest.mark.parametrize(
    "name, expected",
    [
        ("snr", {"x_0": 0, "eps": 1, "v": 0}),
        ("truncated", {"x_0": 1, "eps": math.inf, "v": 1}),
        ("min", {"x_0": 0, "eps": 1, "v": 0}),
    ],
)
def test_zero_terminal_snr(name, expected):
    """No NaN; infinite only where eps is asked for an x_0 that it says nothing of."""
    for kind in PREDICTIONS:
        weight = weightings(SILENT, kind)[name].weight
        assert weight[-1].item() == expected[kind] and bool(torch.isfinite(weight[:-1]).all())


@pytest.mark.parametrize("variance", [BETA, TILDE], ids=["beta", "beta_tilde"])
def test_bound_at_zero_terminal_snr(variance):
    """c_x0 = sqrt(A_{T-1}), sigma^2 = 1 or 1 - A_{T-1}; v and x_0 are one thing up to sign."""
    schedule, before = SILENT, SILENT.alpha_bar[3].item()
    expected = before / 2 / (1 if variance == BETA else 1 - before)
    for kind in ("x_0", "v"):
        weight = bound_weighting(schedule, kind, variance).weight
        assert weight[-1].item() == pytest.approx(expected, rel=1e-14)
        assert bool(torch.isfinite(weight).all())
    assert bound_weighting(schedule, "eps", variance).weight[-1].item() == math.inf
    x_0 = bound_weighting(schedule, "x_0", variance)
    assert torch.isfinite(convert_weighting(schedule, x_0, "v").weight).all()
    assert convert_weighting(schedule, x_0, "eps").weight[-1].item() == math.inf


def test_single_step():
    """T = 1: the weight of the density, 1 / (2 alpha_1) of eps."""
    schedule = schedule_from_betas([0.36])
    assert bound_weighting(schedule, "eps", BETA).weight[1].item() == pytest.approx(1 / 1.28)
    assert min_snr_weighting(schedule, "x_0").weight[1].item() == pytest.approx(0.64 / 0.36)


@pytest.mark.parametrize(
    "call, parts",
    [
        (lambda: snr_weighting(SHORT, "score"), ("predicts", "'eps'", "'score'")),
        (lambda: uniform_weighting(SHORT, "x0"), ("predicts", "'x_0'", "'x0'")),
        (lambda: min_snr_weighting(SHORT, "eps", gamma=0.0), ("gamma", "(0, inf)", "0.0")),
        (
            lambda: bound_weighting(SHORT, "eps", ReverseVariance("beta_tilde", "own")),
            ("variance", "beta_tilde_2", "own"),
        ),
        (
            lambda: bound_weighting(SHORT, "eps", ReverseVariance("learned", "beta_tilde_2")),
            ("variance", "table", "learned"),
        ),
        (
            lambda: bound_weighting(schedule_from_betas([0.5]), "eps", TILDE),
            ("first", "T = 1"),
        ),
        (lambda: Weighting(torch.ones(3), "eps"), ("weight", "float64", "float32")),
        (lambda: Weighting(torch.ones(3).int(), "eps"), ("weight", "floating", "int32")),
        (lambda: Weighting(torch.ones(3, 1).double(), "eps"), ("weight", "(T + 1,)", "(3, 1)")),
        (lambda: Weighting(torch.ones(1).double(), "eps"), ("weight", "T >= 1", "(1,)")),
        (lambda: Weighting(torch.ones(3).double(), "mu"), ("predicts", "'mu'")),
        (
            lambda: convert_weighting(LINEAR, snr_weighting(SHORT, "eps"), "v"),
            ("weighting", "(1001,)", "(5,)"),
        ),
        (
            lambda: convert_weighting(SHORT, snr_weighting(SHORT, "eps"), "mu"),
            ("predicts", "'mu'"),
        ),
    ],
)
def test_refusals(call, parts):
    with pytest.raises(ValueError) as error:
        call()
    for part in parts:
        assert part in str(error.value), f"{part!r} not in {error.value}"
