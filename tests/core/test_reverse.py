"""The reverse step against DDPM (7) and iDDPM (15) in 60 digits, and against the true reverse step
of the two data sets for which DDPM's two variances are right.
"""

import math

import mpmath
import pytest
import torch

from core.denoiser import Denoiser
from core.exact_denoiser import DiagonalGaussian, exact_denoiser, marginal_law
from core.reverse import ReverseVariance, fixed_variances, p_mean_variance
from core.schedule import cosine_schedule, linear_schedule, schedule_from_betas

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()
DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
MP = mpmath.MPContext()
MP.dps = 60
LINEAR = linear_schedule()
OWN, RELEASED = "own", "beta_tilde_2"


def exact_step(schedule, t, first):
    """(c_x0, c_xt, log beta, log beta_tilde) of DDPM (7), `first` applied to the last two."""
    bars = [MP.mpf(1)]
    betas = [MP.mpf(0), *(MP.mpf(beta) for beta in schedule.beta[1:].tolist())]
    for beta in betas[1:]:
        bars.append(bars[-1] * (1 - beta))

    def tilde(t):
        return (1 - bars[t - 1]) / (1 - bars[t]) * betas[t]

    c_x0 = MP.sqrt(bars[t - 1]) * betas[t] / (1 - bars[t])
    c_xt = MP.sqrt(1 - betas[t]) * (1 - bars[t - 1]) / (1 - bars[t])
    if t == 1 and first == RELEASED:
        return c_x0, c_xt, MP.log(tilde(2)), MP.log(tilde(2))
    return c_x0, c_xt, MP.log(betas[t]), MP.log(tilde(t)) if t > 1 else -MP.inf


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind, first", [("beta", OWN), ("beta", RELEASED), ("beta_tilde", OWN),
                                         ("beta_tilde", RELEASED)])  # fmt: skip
def test_fixed_variance(kind, first, dtype, device):
    t = torch.tensor([1, 2, 30, 1000])
    generator = torch.Generator().manual_seed(0)
    x_0, x_t = (torch.randn(4, 2, 3, generator=generator).to(dtype) for _ in range(2))
    denoiser = Denoiser(lambda x, shown: x_0.to(x.device), LINEAR.to(device), "x_0")
    step = p_mean_variance(denoiser, x_t.to(device), t.to(device), ReverseVariance(kind, first))
    eps_of = torch.finfo(dtype).eps
    assert step.mean.dtype == step.variance.dtype == step.log_variance.dtype == dtype
    assert step.mean.shape == (4, 2, 3) and step.variance.shape == step.log_variance.shape == (
        4,
        1,
        1,
    )
    assert torch.equal(step.x_0.cpu(), x_0) and step.eps.shape == (4, 2, 3)
    for i, n in enumerate(t.tolist()):
        c_x0, c_xt, log_beta, log_tilde = exact_step(LINEAR, n, first)
        parts = float(c_x0) * x_0[i].double(), float(c_xt) * x_t[i].double()
        error = (step.mean[i].cpu().double() - sum(parts)).abs()
        assert bool((error <= 3 * eps_of * sum(part.abs() for part in parts)).all())
        log = log_beta if kind == "beta" else log_tilde
        if log == -MP.inf:
            assert step.variance[i].item() == 0 and step.log_variance[i].item() == -math.inf
        else:
            assert step.log_variance[i].item() == pytest.approx(float(log), rel=eps_of)
            smallest = torch.finfo(dtype).smallest_normal * eps_of
            assert step.variance[i].item() == pytest.approx(
                float(MP.exp(log)), rel=16 * eps_of if dtype == torch.float64 else eps_of,
                abs=smallest,
            )  # fmt: skip
    single = p_mean_variance(denoiser, x_t.to(device), 30, ReverseVariance(kind, first))
    assert single.variance.shape == (1, 1, 1)
    assert torch.equal(single.mean[2], step.mean[2])
    assert single.variance.item() == step.variance[2].item()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("t", [1, 2, 30, 1000])
def test_learned_variance(t, device):
    """v = -1 is beta_tilde, v = 1 is beta, and v = 0 their geometric mean: iDDPM (15)."""
    v = torch.tensor([[-1.0, 0.0, 1.0, 0.5]], dtype=torch.float64, device=device)
    denoiser = Denoiser(lambda x, shown: torch.cat([x, v], 1), LINEAR.to(device), "x_0", True)
    step = p_mean_variance(denoiser, torch.zeros_like(v), t, ReverseVariance("learned", RELEASED))
    assert step.variance.shape == step.log_variance.shape == (1, 4)
    _, _, log_beta, _ = exact_step(LINEAR, t, OWN)
    _, _, _, log_tilde = exact_step(LINEAR, t, RELEASED)
    for value, log, fraction in zip(step.variance.flatten().tolist(),
                                    step.log_variance.flatten().tolist(),
                                    (0, 0.5, 1, 0.75), strict=True):  # fmt: skip
        exact = fraction * log_beta + (1 - fraction) * log_tilde
        assert log == pytest.approx(float(exact), rel=1e-14)
        assert value == pytest.approx(float(MP.exp(exact)), rel=1e-14)


@pytest.mark.parametrize("kind", ["beta", "beta_tilde"])
def test_the_logarithm_of_a_variance_that_the_dtype_cannot_hold(kind):
    """1e-9 is 0 in float16; its logarithm, taken first and rounded last, is -20.7."""
    schedule = schedule_from_betas([1e-9, 2e-9, 3e-9])
    denoiser = Denoiser(lambda x, shown: torch.zeros_like(x), schedule)
    step = p_mean_variance(denoiser, torch.zeros(1, 2, dtype=torch.float16), 3,
                           ReverseVariance(kind))
    assert step.variance.item() == 0 and step.log_variance.dtype == torch.float16
    exact = 3e-9 if kind == "beta" else 3e-9 * 3 / 6
    assert step.log_variance.item() == pytest.approx(math.log(exact), rel=1e-3)


def test_released_first_variance():
    """ "fixedlarge": log beta_t, but the posterior's at t = 2 in the place of t = 1."""
    large = fixed_variances(LINEAR, "beta", RELEASED, torch.tensor([1, 2, 1000]))
    assert large.dtype == torch.float64
    assert f"{large[0].log().item():.12f}" == "-9.816725135296"
    assert f"{large[0].item():.11e}" == "5.45318766130e-05"
    assert f"{large[1].item():.11e}" == "1.19919919920e-04"
    small = fixed_variances(LINEAR, "beta_tilde", RELEASED, torch.tensor([1, 2, 1000]))
    assert small[0] == small[1] == large[0]
    assert f"{small[2].item():.11e}" == "1.99999835266e-02"
    assert fixed_variances(LINEAR, "beta", OWN, 1).item() == 1e-4
    assert fixed_variances(LINEAR, "beta_tilde", OWN, 1).item() == 0


@pytest.mark.parametrize("schedule", [LINEAR, cosine_schedule(50)], ids=["linear", "cosine"])
@pytest.mark.parametrize("kind, spread", [("beta", 1.0), ("beta_tilde", 0.0)])
def test_each_variance_is_right_for_its_data(kind, spread, schedule):
    """q(x_{t-1} | x_t) by conditioning the joint normal law: DDPM section 3.2."""
    mean = torch.tensor([0.7 * (spread == 0)], dtype=torch.float64)
    data = DiagonalGaussian(mean, torch.tensor([spread], dtype=torch.float64))
    x_t = torch.tensor([[1.3], [-0.4]], dtype=torch.float64)
    for t in (2, 3, schedule.T):
        step = p_mean_variance(exact_denoiser(data, schedule), x_t, t, ReverseVariance(kind))
        before, after = (marginal_law(data, schedule, r) for r in (t - 1, t))
        gain = schedule.alpha[t].sqrt() * before.variance / after.variance
        true_mean = before.mean + gain * (x_t - after.mean)
        true_variance = before.variance - gain**2 * after.variance
        assert torch.allclose(step.mean, true_mean, rtol=1e-11, atol=1e-11)
        assert step.variance.numel() == 1  # the same for every image
        assert torch.allclose(step.variance.flatten(), true_variance, rtol=1e-9, atol=0)


def test_clip_acts_before_the_mean():
    denoiser = Denoiser(lambda x, shown: torch.full_like(x, 3.0), LINEAR, "x_0")
    x_t = torch.tensor([[0.5]], dtype=torch.float64)
    for clip, x_0 in (("off", 3.0), ("x_0", 1.0), ("x_0_and_eps", 1.0)):
        step = p_mean_variance(denoiser, x_t, 40, ReverseVariance(), clip)
        c_x0, c_xt, *_ = exact_step(LINEAR, 40, OWN)
        assert step.x_0.item() == x_0
        assert step.mean.item() == pytest.approx(float(c_x0 * x_0 + c_xt * 0.5), rel=1e-14)


def test_one_step_and_empty_batch():
    schedule = schedule_from_betas([0.36])
    denoiser = Denoiser(lambda x, shown: x, schedule, "x_0")
    x_t = torch.tensor([[0.5]], dtype=torch.float64)
    step = p_mean_variance(denoiser, x_t, 1, ReverseVariance("beta"))
    assert step.mean.item() == 0.5 and step.variance.item() == pytest.approx(0.36, rel=1e-15)
    assert p_mean_variance(denoiser, x_t, 1, ReverseVariance("beta_tilde")).variance.item() == 0
    empty, t = torch.zeros(0, 3), torch.zeros(0, dtype=torch.long)
    step = p_mean_variance(Denoiser(lambda x, shown: x, LINEAR), empty, t, ReverseVariance())
    assert step.mean.shape == (0, 3) and step.variance.shape == (0, 1)


ECHO = Denoiser(lambda x, shown: x, LINEAR)
IMAGE = torch.zeros(2, 3)
LEARNED = ReverseVariance("learned", RELEASED)
ONE_STEP = schedule_from_betas([0.5])


@pytest.mark.parametrize(
    "call, parts",
    [
        (lambda: ReverseVariance("fixedlarge"), ("kind", "'beta_tilde'", "'fixedlarge'")),
        (lambda: ReverseVariance("beta", "clipped"), ("first", "'own'", "'clipped'")),
        (lambda: ReverseVariance("learned"), ("first", "'beta_tilde_2'", "no logarithm", "'own'")),
        (lambda: p_mean_variance(ECHO, IMAGE, 5, LEARNED), ("learns_variance=False", "'learned'")),
        (lambda: p_mean_variance(ECHO, IMAGE, 0, ReverseVariance()), ("t must", "1..1000", "0")),
        (lambda: p_mean_variance(ECHO, IMAGE / 0, 5, ReverseVariance()), ("x_t", "finite")),
        (lambda: p_mean_variance(ECHO, IMAGE.int(), 5, ReverseVariance()), ("x_t", "int32")),
        (lambda: p_mean_variance(ECHO, IMAGE, 5, ReverseVariance(), "on"), ("clip", "'on'")),
        (lambda: fixed_variances(ONE_STEP, "beta", RELEASED, 1), ("first", "'own'", "T = 1")),
        (lambda: fixed_variances(LINEAR, "beta", OWN, 1001), ("t must", "1001")),
    ],
)
def test_refusals(call, parts):
    with pytest.raises(ValueError) as error:
        call()
    for part in parts:
        assert part in str(error.value), f"{part!r} not in {error.value}"
