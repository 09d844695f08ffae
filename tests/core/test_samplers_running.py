"""Running a sampler: what the seeds, the batch, the precision and an interruption do, and do not.

No step reads a value or moves a tensor between devices, and the step that fails is named.
"""

import math

import pytest
import torch
from chains import LINEAR, METHODS, ZERO, doubles, exact_alpha_bars
from torch.utils._python_dispatch import TorchDispatchMode

from core.checks import trusted
from core.denoiser import Denoiser, respace
from core.exact_denoiser import DiagonalGaussian, exact_denoiser
from core.noise import standard_normal
from core.reverse import ReverseVariance
from core.samplers import DDIM, Ancestral, SamplerState, sample
from core.schedule import schedule_from_betas
from core.timesteps import quadratic_chain, uniform_chain

pytestmark = pytest.mark.usefixtures("one_thread")
DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()
PIXELS = DiagonalGaussian(
    torch.linspace(-0.5, 0.5, 18).reshape(2, 3, 3), torch.full((2, 3, 3), 0.2)
)
FAST = respace(exact_denoiser(PIXELS, LINEAR), quadratic_chain(1000, 8))
SHAPE = (2, 3, 3)
SEEDS = torch.tensor([4, -9, 2**50, 4, 0, 77, 1])


@pytest.mark.parametrize("method", [*METHODS.values(), DDIM(0.3, "x_0"), Ancestral(clip="x_0")],
                         ids=str)  # fmt: skip
def test_an_image_depends_on_its_seed_alone(method):
    batch = sample(FAST, method, SEEDS, SHAPE)
    assert batch.shape == (7, 2, 3, 3) and bool(torch.isfinite(batch).all())
    assert torch.equal(batch[0], batch[3]) and not torch.equal(batch[0], batch[1])
    for k in range(7):
        assert torch.equal(sample(FAST, method, SEEDS[k : k + 1], SHAPE)[0], batch[k])
    order = torch.tensor([6, 2, 0, 5, 1, 4, 3])
    assert torch.equal(sample(FAST, method, SEEDS[order], SHAPE), batch[order])


@pytest.mark.parametrize("method", [DDIM(), DDIM(1.0), Ancestral()], ids=str)
def test_stopped_and_continued(method):
    states = []
    images = sample(FAST, method, SEEDS, SHAPE, callback=states.append)
    assert [state.t for state in states] == [7, 6, 5, 4, 3, 2, 1, 0]
    assert torch.equal(states[-1].x, images)
    start = SamplerState(standard_normal(SEEDS, 0, SHAPE), 8)
    for state in (start, *states):
        kept = state.x.clone()
        assert torch.equal(sample(FAST, method, SEEDS, SHAPE, state=state), images)
        assert torch.equal(state.x, kept)


def test_eta_1_is_ancestral_with_beta_tilde():
    for denoiser in (FAST, respace(exact_denoiser(PIXELS, ZERO, "v"), uniform_chain(1000, 9))):
        for clip in ("off", "x_0"):
            ancestral = Ancestral(ReverseVariance("beta_tilde"), clip)
            # With a clipped x_0 the posterior mean reads eps off x_t again.
            ddim = DDIM(1.0, "off" if clip == "off" else "x_0_and_eps")
            results = [sample(denoiser, method, SEEDS, SHAPE, dtype=torch.float64)
                       for method in (ancestral, ddim)]  # fmt: skip
            assert torch.allclose(*results, rtol=0, atol=1e-12)


def test_sigma_hat_is_ancestral_with_beta_on_the_chain():
    """DDIM's row sigma-hat: the mean of eta = 1, the standard deviation sqrt(1 - A_t / A_s)."""
    chain = quadratic_chain(1000, 8)
    x = standard_normal(SEEDS, 0, SHAPE, torch.float64)
    bars = [float(a) for a in exact_alpha_bars(LINEAR, chain)]
    for t in range(8, 0, -1):
        a_t, a_s = bars[t], bars[t - 1]
        eps = FAST(x, t).eps
        sigma = math.sqrt((1 - a_s) / (1 - a_t) * (1 - a_t / a_s))
        x_0 = (x - math.sqrt(1 - a_t) * eps) / math.sqrt(a_t)
        z = standard_normal(SEEDS, t, SHAPE, torch.float64) if t > 1 else 0
        x = (math.sqrt(a_s) * x_0 + math.sqrt(1 - a_s - sigma**2) * eps
             + math.sqrt(1 - a_t / a_s) * z)  # fmt: skip
    result = sample(FAST, Ancestral(ReverseVariance("beta")), SEEDS, SHAPE, dtype=torch.float64)
    assert torch.allclose(result, x, rtol=0, atol=1e-11)


def test_the_last_step_is_the_prediction_without_noise():
    state = SamplerState(doubles([0.3, 9.0]), 1)
    for clip, expected in (("off", [0.5, -3.0]), ("x_0", [0.5, -1.0])):
        denoiser = Denoiser(lambda x, shown: doubles([0.5, -3.0]), LINEAR, "x_0")
        for method in (Ancestral(ReverseVariance("beta", "beta_tilde_2"), clip), DDIM(1.0, clip)):
            result = sample(denoiser, method, SEEDS[:1], (2,), dtype=torch.float64, state=state)
            assert result.tolist() == [expected]


def test_one_step_and_empty_batch():
    schedule = schedule_from_betas([0.36])
    denoiser = exact_denoiser(DiagonalGaussian(doubles(1.0), doubles(2.0)), schedule)
    x_T = standard_normal(SEEDS, 0, (1,), torch.float64)
    expected = 1 + 0.8 * 2 / (0.64 * 2 + 0.36) * (x_T - 0.8)
    learned = Ancestral(ReverseVariance("learned", "beta_tilde_2"))  # beta_tilde_2 is not needed
    for method in (DDIM(1.0), Ancestral(), learned):
        result = sample(denoiser, method, SEEDS, (1,), dtype=torch.float64)
        assert torch.allclose(result, expected, rtol=1e-13, atol=1e-14)
    assert sample(FAST, DDIM(1.0), SEEDS[:0], SHAPE).shape == (0, 2, 3, 3)
    done = SamplerState(torch.zeros(1, 2, 3, 3), 0)
    assert torch.equal(sample(FAST, DDIM(), SEEDS[:1], SHAPE, state=done), done.x)


class TinyNetwork(torch.nn.Module):
    """A convolution; the samplers are to run it as they run a U-Net."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(2, 2, 3, padding=1)
        torch.nn.init.constant_(self.conv.weight, 0.02)

    def forward(self, x, shown):
        return self.conv(x) * (1 + shown.reshape(-1, 1, 1, 1) / 1000)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("method", [DDIM(), DDIM(1.0, "x_0"), Ancestral(clip="x_0")], ids=str)
def test_precision_of_the_network_and_of_the_state(method, device):
    network = TinyNetwork().to(device)
    schedule, chain, seeds = LINEAR.to(device), uniform_chain(1000, 6), SEEDS.to(device)
    half = TinyNetwork().to(device, torch.bfloat16)
    half.load_state_dict(network.state_dict())

    def in_bfloat16(x, shown):
        return half(x.bfloat16(), shown.bfloat16())

    def autocast(x, shown):
        with torch.autocast(device, torch.bfloat16):
            return network(x, shown)

    exact = sample(respace(Denoiser(network.double(), schedule), chain), method, seeds, SHAPE,
                   dtype=torch.float64)  # fmt: skip
    network.float()
    for forward, tolerance in ((network, 1e-5), (in_bfloat16, 0.2), (autocast, 0.2)):
        with torch.inference_mode():
            images = sample(respace(Denoiser(forward, schedule), chain), method, seeds, SHAPE)
        assert images.dtype == torch.float32
        assert (images - exact).abs().max() < tolerance * (1 + exact.abs().max())
    assert not sample(
        respace(Denoiser(network, schedule), chain), method, seeds, SHAPE
    ).requires_grad


class Reads(TorchDispatchMode):
    """Counts the reads of values: those of a bool or a float would make the host wait for a GPU.
    (An integer read is a timestep of the loop, which lies on the CPU.)
    """

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function is torch.ops.aten._local_scalar_dense.default:
            self.count += args[0].dtype != torch.int64
        self.count += function is torch.ops.aten.nonzero.default
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("method", [*METHODS.values(), DDIM(0.3, "x_0"), Ancestral(clip="x_0")],
                         ids=str)  # fmt: skip
def test_no_value_is_read_inside_the_loop(method):
    counts = []
    for S in (3, 30):
        denoiser = respace(exact_denoiser(PIXELS, LINEAR, "v"), uniform_chain(1000, S))
        with Reads() as reads:
            sample(denoiser, method, SEEDS, SHAPE)
        counts.append(reads.count)
    assert counts[0] == counts[1] > 0


class OneDevice(TorchDispatchMode):
    """Refuses an operation on tensors of two devices, which moves one of them; a CPU scalar that
    picks an entry of a table is read where it lies.
    """

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        tensors = [x for x in torch.utils._pytree.tree_leaves(args) if isinstance(x, torch.Tensor)]
        assert len({x.device.type for x in tensors}) <= 1, function
        return function(*args, **(kwargs or {}))


RELEASED = [Ancestral(ReverseVariance(kind, "beta_tilde_2"), "x_0")
            for kind in ("beta", "beta_tilde", "learned")]  # fmt: skip


@pytest.mark.parametrize("predicts", ["eps", "v"])
@pytest.mark.parametrize(
    "method", [*METHODS.values(), DDIM(0.3, "x_0_and_eps"), *RELEASED], ids=str
)
def test_steps_neither_read_nor_move_a_tensor(method, predicts):
    """The meta device holds no values, so that reading one is an error, as is waiting for a GPU."""
    denoiser = Denoiser(lambda x, shown: torch.cat([x, x], 1) * (1 + shown[:, None]),
                        LINEAR.to("meta"), predicts, learns_variance=True)  # fmt: skip
    seeds = SEEDS.to("meta")
    with trusted(), OneDevice():
        for t in (2, 500, 1000):
            z = standard_normal(seeds, t, (2,))
            assert method.step(denoiser, z, t, z).device.type == "meta"
    with trusted(), OneDevice(), pytest.raises(AssertionError, match="where"):
        torch.where(torch.tensor(True), seeds, seeds)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU to wait for")
@pytest.mark.parametrize("method", METHODS.values(), ids=str)
def test_no_synchronisation_inside_the_loop(method):
    data = DiagonalGaussian(PIXELS.mean.cuda(), PIXELS.variance.cuda())
    denoiser = respace(exact_denoiser(data, LINEAR.to("cuda"), "v"), uniform_chain(1000, 6))

    def watch(state):
        torch.cuda.set_sync_debug_mode("default" if state.t == 0 else "error")

    try:
        sample(denoiser, method, SEEDS.cuda(), SHAPE, callback=watch)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_checks_are_back_in_the_callback_and_after_an_error():
    def fails(x, shown):
        raise RuntimeError("from the network")

    seen = []

    def callback(state):
        with pytest.raises(ValueError, match="finite"):
            FAST(state.x * math.nan, 1)
        seen.append(state.t)

    sample(FAST, DDIM(), SEEDS, SHAPE, callback=callback)
    assert seen == [7, 6, 5, 4, 3, 2, 1, 0]
    with pytest.raises(RuntimeError, match="from the network"):
        sample(Denoiser(fails, LINEAR), DDIM(), SEEDS, SHAPE)
    with pytest.raises(ValueError, match="finite"):
        FAST(torch.full((1, *SHAPE), math.nan), 1)


@pytest.mark.parametrize("bad_t", [1, 2, 5, 8])
def test_the_first_step_that_is_not_finite_is_named(bad_t):
    shown_then = FAST.shown[bad_t - 1].item()

    def network(x, shown):
        good = FAST.network(x, shown)
        return good / 0 if shown[0].item() == shown_then else good

    broken = Denoiser(network, FAST.schedule, "eps", False, FAST.shown)
    for method in (DDIM(), Ancestral()):
        with pytest.raises(FloatingPointError) as error:
            sample(broken, method, SEEDS, SHAPE)
        assert f"t = {bad_t} gave" in str(error.value) and "float32" in str(error.value)


BLANK = torch.zeros(7, *SHAPE)
LEARNED = Ancestral(ReverseVariance("learned", "beta_tilde_2"))
SILENT = exact_denoiser(PIXELS, ZERO, "eps")


@pytest.mark.parametrize(
    "call, parts",
    [
        (lambda: DDIM(1.5), ("eta", "[0, 1]", "1.5")),
        (lambda: DDIM(math.nan), ("eta", "nan")),
        (lambda: DDIM(clip="x0"), ("clip", "'x_0_and_eps'", "'x0'")),
        (lambda: Ancestral(clip="x_0_and_eps"), ("clip", "'off', 'x_0'", "'x_0_and_eps'")),
        (lambda: sample(FAST, DDIM(), SEEDS.int(), SHAPE), ("seeds", "int64", "int32")),
        (lambda: sample(FAST, DDIM(), SEEDS.to("meta"), SHAPE), ("seeds", "device", "meta", "cpu")),
        (lambda: sample(FAST, DDIM(), SEEDS, (2, -3, 3)), ("shape", "0 or more", "-3")),
        (lambda: sample(FAST, DDIM(), SEEDS, SHAPE, dtype=torch.int64), ("dtype", "int64")),
        (lambda: sample(FAST, DDIM(), SEEDS, (3, 3, 3)), ("x_t", "(7, 2, 3, 3)", "(7, 3, 3, 3)")),
        (
            lambda: sample(FAST, DDIM(), SEEDS, SHAPE, state=SamplerState(BLANK[1:], 3)),
            ("state.x", "(7, 2, 3, 3)", "(6, 2, 3, 3)"),
        ),
        (
            lambda: sample(FAST, DDIM(), SEEDS, SHAPE, state=SamplerState(BLANK.double(), 3)),
            ("state.x", "float32", "float64"),
        ),
        (
            lambda: sample(FAST, DDIM(), SEEDS, SHAPE, state=SamplerState(BLANK / 0, 3)),
            ("state.x", "finite", "nan"),
        ),
        (
            lambda: sample(FAST, DDIM(), SEEDS, SHAPE, state=SamplerState(BLANK, 9)),
            ("state.t", "0..8", "9"),
        ),
        (
            lambda: sample(FAST, DDIM(), SEEDS, SHAPE, state=SamplerState(BLANK, 2.0)),
            ("state.t", "0..8", "2.0"),
        ),
        (
            lambda: sample(SILENT, DDIM(), SEEDS, SHAPE),
            ("T = 1000", "alpha_bar_T = 0", "predict v or x_0"),
        ),
        (
            lambda: sample(
                FAST, Ancestral(ReverseVariance("learned", "beta_tilde_2")), SEEDS, SHAPE
            ),
            ("variance", "learns_variance=False", "'learned'"),
        ),
    ],
)
def test_refusals(call, parts):
    with pytest.raises(ValueError) as error:
        call()
    for part in parts:
        assert part in str(error.value), f"{part!r} not in {error.value}"
