"""The moving average against exact fractions, and its state against interruption."""

import math
from fractions import Fraction

import pytest
import torch
from torch import nn

from core.ema import EMA, ema_decay

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()


class Network(nn.Module):
    def __init__(self, value=0.0, dtype=torch.float64, device="cpu"):
        super().__init__()
        self.scale = nn.Parameter(torch.full((), value, dtype=dtype, device=device))
        self.matrix = nn.Parameter(torch.full((2, 3), value, dtype=dtype, device=device))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64, device=device))

    def set(self, value):
        with torch.no_grad():
            for weight in self.parameters():
                weight.fill_(value)


def values(ema):
    return [x for average in ema.average.values() for x in average.flatten().tolist()]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kind", ["constant", "ramp"])
def test_follows_the_recursion(kind, device):
    network = Network(1.0, device=device)
    ema = EMA(network, 0.75, kind)
    exact = Fraction(1)
    for n, value in enumerate([5, -2, 8, 3, 0, 1, 7, -4] * 5):
        network.set(value)
        ema.update()
        d = Fraction(3, 4) if kind == "constant" else min(Fraction(3, 4), Fraction(1 + n, 10 + n))
        exact = d * exact + (1 - d) * value
        assert values(ema) == pytest.approx([float(exact)] * 7, rel=1e-13, abs=1e-14)
    assert ema.updates == 40


def test_published_decay_and_ramp():
    assert [ema_decay(n) for n in (0, 1, 10**6)] == [0.9999] * 3
    assert ema_decay(0, kind="ramp") == 0.1 and ema_decay(1, kind="ramp") == 2 / 11
    # (1 + n) / (10 + n) reaches 0.9999 at n = 89,990.
    assert ema_decay(89_989, kind="ramp") < 0.9999
    assert ema_decay(89_991, kind="ramp") == ema_decay(10**9, kind="ramp") == 0.9999
    assert ema_decay(3, 0.0) == 0.0


def test_the_initial_weights_decay_as_published():
    """0.9999^10,000 = 36.8 %; float32 is followed to 1e-4."""
    network = Network(1.0, torch.float32)
    ema = EMA(network)
    network.set(0.0)
    for _ in range(10_000):
        ema.update()
    assert values(ema) == pytest.approx([math.exp(10_000 * math.log(0.9999))] * 7, rel=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_the_average_of_a_half_precision_network_is_float32(dtype):
    network = Network(1.0, dtype)
    ema = EMA(network, 0.999)
    network.set(2.0)
    for _ in range(3):
        ema.update()
    assert {average.dtype for average in ema.average.values()} == {torch.float32}
    # In bfloat16 the first step of 1e-3 would vanish beside 1.
    assert values(ema) == pytest.approx([2 - 0.999**3] * 7, rel=1e-6)
    ema.copy_to(network)
    assert network.scale.dtype == dtype and network.scale.item() == pytest.approx(1.003, rel=1e-2)


def test_copies_weights_and_buffers_and_leaves_the_source_alone():
    network, other = Network(1.0), Network(9.0)
    ema = EMA(network, 0.5)
    network.set(3.0)
    network.seen.fill_(4)
    ema.update()
    ema.copy_to(other)
    assert other.scale.item() == 2.0 and other.matrix.tolist() == [[2.0] * 3] * 2
    assert other.seen.item() == 4 and network.scale.item() == 3.0
    other.set(0.0)
    assert values(ema) == [2.0] * 7


def test_does_not_share_memory_or_keep_a_graph():
    network = Network(1.0, torch.float32)
    ema = EMA(network)
    network.set(7.0)
    assert values(ema) == [1.0] * 7
    ema.update()
    assert not any(average.requires_grad for average in ema.average.values())


def test_resumes_bit_for_bit():
    whole, network = EMA(Network(1.0, torch.float32), 0.9, "ramp"), None
    half = EMA(Network(1.0, torch.float32), 0.9, "ramp")
    for value in (2.0, 3.0):
        for ema in (whole, half):
            ema.module.set(value)
            ema.update()
    state = half.state_dict()
    assert state["updates"].item() == 2 and "average.matrix" in state
    half.update()  # the state is a copy
    network = Network(5.0, torch.float32)
    resumed = EMA(network, 0.9, "ramp")
    resumed.load_state_dict(state)
    for ema in (whole, resumed):
        ema.module.set(-1.0)
        ema.update()
    assert values(whole) == values(resumed) and whole.updates == resumed.updates == 3


def renamed(state, name, value):
    return {**state, name: value}


STATE = EMA(Network()).state_dict()
LINEAR = nn.Linear(2, 2)


def load(state):
    EMA(Network()).load_state_dict(state)


def changed():
    network = Network()
    ema = EMA(network)
    network.extra = nn.Parameter(torch.zeros(1))
    ema.update()


def integers():
    network = nn.Module()
    network.count = nn.Parameter(torch.zeros(2, dtype=torch.int64), requires_grad=False)
    return EMA(network)


@pytest.mark.parametrize(
    "call, parts",
    [
        (lambda: EMA(Network(), 1.0), ("decay", "[0, 1)", "1.0")),
        (lambda: EMA(Network(), math.nan), ("decay", "[0, 1)", "nan")),
        (lambda: EMA(Network(), 0.9, "warm"), ("kind", "'ramp'", "'warm'")),
        (lambda: EMA(nn.ReLU()), ("module", "parameter", "none")),
        (integers, ("module", "floating", "count", "int64")),
        (lambda: ema_decay(-1), ("updates", "0 or more", "-1")),
        (changed, ("module", "unknown ['extra']")),
        (lambda: EMA(Network()).copy_to(LINEAR), ("module", "missing ['matrix'", "['bias'")),
        (lambda: load({}), ("updates", "int64", "None")),
        (lambda: load(renamed(STATE, "updates", torch.tensor(1.0))), ("updates", "int64")),
        (lambda: load(renamed(STATE, "updates", torch.tensor(-1))), ("updates", "0 or more", "-1")),
        (lambda: load({"updates": STATE["updates"]}), ("state", "missing ['average.matrix'")),
        (lambda: load(renamed(STATE, "scale", torch.zeros(()))), ("state", "unknown ['scale']")),
        (
            lambda: load(renamed(STATE, "average.scale", torch.zeros(2).double())),
            ("state", "average.scale", "()", "(2,)"),
        ),
        (
            lambda: load(renamed(STATE, "average.scale", torch.zeros(()))),
            ("state", "average.scale", "float64", "float32"),
        ),
    ],
)
def test_refusals(call, parts):
    with pytest.raises(ValueError) as error:
        call()
    for part in parts:
        assert part in str(error.value), f"{part!r} not in {error.value}"


def test_a_refused_state_changes_nothing():
    ema = EMA(Network(1.0))
    bad = {**EMA(Network(5.0)).state_dict(), "average.scale": torch.zeros(2).double()}
    with pytest.raises(ValueError, match=r"average\.scale"):
        ema.load_state_dict(bad)
    assert values(ema) == [1.0] * 7 and ema.updates == 0
