"""The denoiser with numbers chosen by hand; shorter schedules against exact products of alphas."""

import math

import mpmath
import pytest
import torch

from core.denoiser import CLIPS, Denoiser, respace, respaced_schedule
from core.forward import q_sample
from core.schedule import cosine_schedule, linear_schedule, schedule_from_betas
from core.timesteps import quadratic_chain, uniform_chain

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()
DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
MP = mpmath.MPContext()
MP.dps = 60
LINEAR = linear_schedule()
# alpha_bar_1 = 0.64 and alpha_bar_2 = 0.36: signal and noise 0.8, 0.6 and 0.6, 0.8.
PYTHAGORAS = schedule_from_betas([0.36, 0.4375])


def constant(*values):
    """A network that answers the same at every x_t and t."""

    def network(x_t, shown):
        return torch.tensor(values, dtype=x_t.dtype, device=x_t.device).expand(len(x_t), -1)

    return network


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "kind, x_0, eps",
    [
        ("eps", (5 - 0.6 * 2) / 0.8, 2.0),
        ("x_0", 2.0, (5 - 0.8 * 2) / 0.6),
        ("v", 0.8 * 5 - 0.6 * 2, 0.6 * 5 + 0.8 * 2),
    ],
)
def test_each_kind_by_hand(kind, x_0, eps, dtype, device):
    denoiser = Denoiser(constant(2.0), PYTHAGORAS.to(device), kind)
    x_t = torch.full((1, 1), 5.0, dtype=dtype, device=device)
    result = denoiser(x_t, 1)
    assert result.fraction is None
    for value, exact in ((result.x_0, x_0), (result.eps, eps)):
        assert value.dtype == dtype and value.shape == (1, 1) and value.device.type == device
        assert value.item() == pytest.approx(exact, rel=9 * torch.finfo(dtype).eps)


@pytest.mark.parametrize("clip", CLIPS)
def test_clip_by_hand(clip):
    """x_0 = 1.5, -0.5 and -2, eps = 1 everywhere; x_t = 0.8 x_0 + 0.6 eps."""
    x_t = 0.8 * torch.tensor([[1.5, -0.5, -2.0]], dtype=torch.float64) + 0.6
    result = Denoiser(constant(1.0, 1.0, 1.0), PYTHAGORAS)(x_t, 1, clip)
    x_0 = [1.5, -0.5, -2.0] if clip == "off" else [1.0, -0.5, -1.0]
    assert result.x_0.flatten().tolist() == pytest.approx(x_0, rel=1e-14)
    eps = [1.0] * 3
    if clip == "x_0_and_eps":
        eps = [1 + 0.5 * 0.8 / 0.6, 1.0, 1 - 0.8 / 0.6]
        again = q_sample(PYTHAGORAS, result.x_0, 1, result.eps)
        assert torch.allclose(again, x_t, rtol=1e-14)
    assert result.eps.flatten().tolist() == pytest.approx(eps, rel=1e-14)


def test_learned_variance_is_the_second_half_of_the_channels():
    denoiser = Denoiser(constant(0.25, -0.5, -1.0, 0.5), PYTHAGORAS, "x_0", learns_variance=True)
    x_t = torch.zeros(3, 2)
    prediction, v = denoiser.output(x_t, 2)
    assert prediction.tolist() == [[0.25, -0.5]] * 3 and v.tolist() == [[-1.0, 0.5]] * 3
    result = denoiser(x_t, 2)
    assert result.x_0.tolist() == [[0.25, -0.5]] * 3
    assert result.fraction.tolist() == [[0.0, 0.75]] * 3


def asked_of(denoiser, x_t, t):
    """The number that the network is shown."""
    asked = []

    def network(x, shown):
        asked.append(shown)
        return x

    spy = Denoiser(network, denoiser.schedule, "x_0", shown=denoiser.shown)
    spy(x_t, t)
    return asked[0]


@pytest.mark.parametrize("device", DEVICES)
def test_the_network_is_shown_t_minus_1(device):
    denoiser = Denoiser(None, LINEAR.to(device))
    x_t = torch.zeros(3, 2, device=device)
    for t in (1, 2, 1000):
        shown = asked_of(denoiser, x_t, t)
        assert shown.dtype == torch.int64 and shown.device.type == device
        assert shown.tolist() == [t - 1] * 3
    assert asked_of(denoiser, x_t, torch.tensor([1000, 1, 7])).tolist() == [999, 0, 6]
    rescaled = torch.arange(4000, dtype=torch.float32, device=device) / 4
    denoiser = Denoiser(None, linear_schedule(4000, 1e-5, 0.005).to(device), shown=rescaled)
    assert asked_of(denoiser, x_t, torch.tensor([1, 2, 4000])).tolist() == [0, 0.25, 999.75]


def test_a_shorter_chain_shows_what_was_shown():
    denoiser = Denoiser(None, LINEAR, "v", learns_variance=True)
    short = respace(denoiser, (1000, 400, 7, 1, 0))
    assert short.predicts == "v" and short.learns_variance and short.network is None
    assert short.schedule.T == 4 and short.shown.tolist() == [0, 6, 399, 999]
    assert asked_of(short, torch.zeros(4, 1), torch.tensor([1, 2, 3, 4])).tolist() == [
        0,
        6,
        399,
        999,
    ]
    # A chain of a chain is a chain.
    twice = respace(short, (4, 2, 0))
    once = respace(denoiser, (1000, 7, 0))
    assert twice.shown.tolist() == once.shown.tolist() == [6, 999]
    for name, table in vars(once.schedule).items():
        assert torch.equal(getattr(twice.schedule, name), table), name


def exact_bars(schedule):
    products = [MP.mpf(1)]
    for beta in schedule.beta[1:].tolist():
        products.append(products[-1] * (1 - MP.mpf(beta)))
    return products


def close(value, exact, ulps):
    return abs(MP.mpf(value) - exact) <= ulps * MP.mpf(math.ulp(value))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    "schedule, chain",
    [
        (LINEAR, tuple(range(1000, -1, -1))),
        (LINEAR, quadratic_chain(1000, 50)),
        (LINEAR, (900, 1, 0)),
        (LINEAR, (1000, 0)),
        # alpha_bar_T = 2e-9: 1 - (1 - ratio) would have half of its digits left.
        (cosine_schedule(1000), uniform_chain(1000, 10)),
        (cosine_schedule(1000), (1000, 0)),
        # The ratio of the pair, 1e-18, is less than the spacing of floats below 1.
        (schedule_from_betas([0.1, *[0.999] * 6]), (7, 1, 0)),
        (schedule_from_betas([0.5]), (1, 0)),
    ],
    ids=["all", "quadratic", "early", "one", "cosine", "cosine one", "steep", "T = 1"],
)
def test_tables_of_a_shorter_chain(schedule, chain, device):
    shorter = respaced_schedule(schedule.to(device), chain)
    all_bars = exact_bars(schedule)
    bars = [all_bars[t] for t in reversed(chain)]
    assert shorter.T == len(chain) - 1 and shorter.beta[0] == 0 and shorter.alpha[0] == 1
    for name in ("alpha_bar", "one_minus_alpha_bar", "snr", "log_snr"):
        table = getattr(shorter, name)
        assert table.dtype == torch.float64 and table.device.type == device
        assert torch.equal(table.cpu(), getattr(schedule, name)[list(reversed(chain))]), name
    for t in range(1, len(chain)):
        ratio = bars[t] / bars[t - 1]
        assert close(shorter.alpha[t].item(), ratio, 3)
        assert close(shorter.beta[t].item(), 1 - ratio, 3)
        tilde = (1 - bars[t - 1]) / (1 - bars[t]) * (1 - ratio)
        assert close(shorter.beta_tilde[t].item(), tilde, 5) if t > 1 else tilde == 0
    assert shorter.beta_tilde[:2].tolist() == [0, 0]


def test_the_dtype_of_the_network_does_not_matter():
    """A network in bfloat16 beside images in float32: its prediction is cast."""
    x_t = torch.tensor([[1.0]])

    def network(x, shown):
        return torch.full((1, 2), 0.3, dtype=torch.bfloat16)

    result = Denoiser(network, PYTHAGORAS, "eps", learns_variance=True)(x_t, 1)
    assert result.x_0.dtype == result.eps.dtype == result.fraction.dtype == torch.float32
    rounded = torch.tensor(0.3, dtype=torch.bfloat16).item()
    assert result.eps.item() == rounded
    assert result.x_0.item() == pytest.approx((1 - 0.6 * rounded) / 0.8, rel=1e-6)


def test_compiles_without_a_graph_break():
    denoiser = respace(Denoiser(lambda x, shown: x * (1 + shown[:, None]), LINEAR, "v"), (9, 4, 0))
    x_t, t = torch.linspace(-1, 1, 6).reshape(2, 3), torch.tensor([2, 1])
    compiled = torch.compile(lambda x, t: denoiser(x, t, "x_0_and_eps"), backend="eager",
                             fullgraph=True)  # fmt: skip
    for value, expected in zip(compiled(x_t, t)[:2], denoiser(x_t, t, "x_0_and_eps"), strict=False):
        assert torch.equal(value, expected)


def test_empty_batch():
    denoiser = Denoiser(lambda x, shown: x, LINEAR)
    result = denoiser(torch.zeros(0, 3), torch.zeros(0, dtype=torch.long), "x_0_and_eps")
    assert result.x_0.shape == result.eps.shape == (0, 3)


IMAGE = torch.zeros(2, 3)
ECHO = Denoiser(lambda x, shown: x, LINEAR)


@pytest.mark.parametrize(
    "call, parts",
    [
        (lambda: Denoiser(None, LINEAR, "epsilon"), ("predicts", "'eps', 'x_0', 'v'", "'epsilon'")),
        (lambda: Denoiser(None, LINEAR, shown=torch.arange(999)), ("shown", "(1000,)", "(999,)")),
        (lambda: ECHO(IMAGE, 0), ("t must", "1..1000", "0")),
        (lambda: ECHO(IMAGE, torch.tensor([5, 1001])), ("t must", "1001")),
        (lambda: ECHO(IMAGE, 5, "x0"), ("clip", "'off', 'x_0', 'x_0_and_eps'", "'x0'")),
        (lambda: ECHO(IMAGE / 0, 5), ("x_t", "finite", "nan")),
        (lambda: ECHO(IMAGE.int(), 5), ("x_t", "floating", "int32")),
        (
            lambda: Denoiser(lambda x, shown: x[:, :1], LINEAR)(IMAGE, 5),
            ("network must return shape (2, 3)", "learns_variance=False", "(2, 1)"),
        ),
        (
            lambda: Denoiser(lambda x, shown: x, LINEAR, learns_variance=True)(IMAGE, 5),
            ("network must return shape (2, 6)", "learns_variance=True", "(2, 3)"),
        ),
        (lambda: Denoiser(lambda x, shown: x / 0, LINEAR)(IMAGE, 5), ("eps", "finite", "nan")),
        (lambda: respace(ECHO, (10, 10, 0)), ("chain", "decrease strictly", "10 after 10")),
        (lambda: respace(ECHO, (1001, 0)), ("chain", "T = 1000", "1001 at its start")),
        (lambda: respaced_schedule(LINEAR, (10, 5)), ("chain", "got 5 at its end")),
    ],
)
def test_refusals(call, parts):
    with pytest.raises(ValueError) as error:
        call()
    for part in parts:
        assert part in str(error.value), f"{part!r} not in {error.value}"
