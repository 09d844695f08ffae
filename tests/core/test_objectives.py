"""Objectives against closed forms for Gaussian data, the likelihood, and plain arithmetic."""

import math

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from core.checks import trusted
from core.denoiser import PREDICTIONS, Denoiser
from core.exact_denoiser import DiagonalGaussian, exact_denoiser
from core.forward import q_sample
from core.likelihood import likelihood
from core.objectives import Hybrid, Simple, Variational, squared_error, training_target
from core.reverse import ReverseVariance
from core.schedule import linear_schedule, schedule_from_betas
from core.timestep_sampling import empty_history, importance_probabilities, record_losses
from core.variational_bound import Bound
from core.weightings import (
    Weighting,
    bound_weighting,
    min_snr_weighting,
    snr_weighting,
    truncated_snr_weighting,
    uniform_weighting,
)

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()
SCHEDULE = linear_schedule(20, 1e-3, 0.4)  # snr from 999 to 0.008
BETA, TILDE = ReverseVariance("beta", "own"), ReverseVariance("beta_tilde", "beta_tilde_2")
LEARNED = Bound(ReverseVariance("learned", "beta_tilde_2"))
LEVEL = 160 / 127.5 - 1


def images(B=6, dtype=torch.float32, device="cpu"):
    """(x_0, t, eps): 8-bit images (B, 3, 2, 2), with both ends of 1..20 among the timesteps."""
    generator = torch.Generator().manual_seed(0)
    x_0 = (torch.randint(0, 256, (B, 3, 2, 2), generator=generator) / 127.5 - 1).to(dtype)
    t = torch.tensor([1, 20, 2, 1, 7, 13])[:B]
    eps = torch.randn(x_0.shape, generator=generator).to(dtype)
    return x_0.to(device), t.to(device), eps.to(device)


class Network(torch.nn.Module):
    """A convolution that sees x_t and t; twice the channels where a variance is learned."""

    def __init__(self, channels=3):
        super().__init__()
        self.convolution = torch.nn.Conv2d(3, channels, 1)
        with torch.no_grad():
            self.convolution.weight.copy_(torch.linspace(-1, 1, 3 * channels).reshape(-1, 3, 1, 1))

    def forward(self, x_t, shown):
        return self.convolution(x_t + torch.sin(shown.to(x_t))[:, None, None, None])


def objectives(predicts):
    """Every objective with a denoiser for it."""
    plain = Denoiser(Network(3), SCHEDULE, predicts)
    learned = Denoiser(Network(6), SCHEDULE, predicts, learns_variance=True)
    return [
        (Simple(), plain),
        (Simple(min_snr_weighting(SCHEDULE, predicts)), plain),
        (Simple(), learned),
        (Variational(Bound(BETA)), plain),
        (Variational(Bound(TILDE, clip="x_0_and_eps", cdf="tanh")), plain),
        (Variational(LEARNED), learned),
        (Hybrid(LEARNED), learned),
    ]


def on(device, denoiser):
    return Denoiser(
        denoiser.network.to(device), SCHEDULE.to(device), denoiser.predicts,
        denoiser.learns_variance,
    )  # fmt: skip


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("predicts", PREDICTIONS)
def test_simple_by_hand(predicts, device):
    """The target from its definition; a mean over 12 dimensions, for each image."""
    x_0, t, eps = images(dtype=torch.float64, device=device)
    output = torch.full_like(x_0, 0.25)
    denoiser = Denoiser(lambda x_t, shown: output, SCHEDULE.to(device), predicts)
    bar = torch.cumprod(1 - SCHEDULE.beta, 0)[t.cpu()].reshape(-1, 1, 1, 1).to(device)
    target = {"x_0": x_0, "eps": eps, "v": bar.sqrt() * eps - (1 - bar).sqrt() * x_0}[predicts]
    assert torch.allclose(training_target(denoiser, x_0, t, eps), target, rtol=1e-12, atol=1e-14)
    expected = ((target - 0.25) ** 2).sum((1, 2, 3)) / 12
    loss = Simple()(denoiser, x_0, t, eps)
    assert loss.shape == (6,) and torch.allclose(loss, expected, rtol=1e-12)
    weighting = Weighting(torch.arange(21.0, device=device).double(), predicts)
    weighted = Simple(weighting)(denoiser, x_0, t, eps)
    assert torch.allclose(weighted, expected * t, rtol=1e-12)
    assert torch.allclose(Simple(weighting)(denoiser, x_0, 7, eps)[4], weighted[4], rtol=1e-12)
    uint8 = Simple(weighting)(denoiser, x_0, t.to(torch.uint8), eps)
    assert torch.equal(uint8, weighted)


@pytest.mark.parametrize("predicts", PREDICTIONS)
def test_the_network_is_shown_x_t_and_t(predicts):
    x_0, t, eps = images(dtype=torch.float64)
    seen = []

    def network(x_t, shown):
        seen.append((x_t, shown))
        return torch.zeros_like(x_t)

    Simple()(Denoiser(network, SCHEDULE, predicts), x_0, t, eps)
    bar = torch.cumprod(1 - SCHEDULE.beta, 0)[t].reshape(-1, 1, 1, 1)
    ((x_t, shown),) = seen
    assert torch.allclose(x_t, bar.sqrt() * x_0 + (1 - bar).sqrt() * eps, rtol=1e-12)
    assert torch.equal(shown, t - 1)


def test_least_loss_of_gaussian_data():
    """x_0 ~ N(0.3, 0.04): the mean of L_simple is the closed-form variance that is left.

    Var(eps | x_t) = s^2 A / (s^2 A + 1 - A), Var(x_0 | x_t) = that / snr, Var(v | x_t) = that / A,
    by Gauss-Hermite over x_0 and eps.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(6)
    nodes, weights = torch.tensor(nodes), torch.tensor(weights / weights.sum())
    x_0 = (0.3 + 0.2 * nodes).repeat_interleave(6)[:, None]
    eps, weights = nodes.repeat(6)[:, None], torch.outer(weights, weights).flatten()
    data = DiagonalGaussian(*torch.tensor([[0.3], [0.04]], dtype=torch.float64))
    for t in (1, 2, 11, 20):
        A = math.prod(1 - b for b in SCHEDULE.beta.tolist()[: t + 1])
        of_eps = 0.04 * A / (0.04 * A + 1 - A)
        for kind, left in (("eps", of_eps), ("x_0", of_eps * (1 - A) / A), ("v", of_eps / A)):
            denoiser = exact_denoiser(data, SCHEDULE, kind)
            loss = weights @ Simple()(denoiser, x_0, t, eps)
            assert loss.item() == pytest.approx(left, rel=1e-10)
            worse = Denoiser(lambda x, s, d=denoiser: d.network(x, s) + 0.01, SCHEDULE, kind)
            assert (weights @ Simple()(worse, x_0, t, eps)).item() == pytest.approx(left + 1e-4)


@pytest.mark.parametrize(
    "weightings", [snr_weighting, truncated_snr_weighting, min_snr_weighting],
    ids=["snr", "truncated", "min"],
)  # fmt: skip
def test_one_weighted_loss_for_all_predictions(weightings):
    """The same guess of x_0, said as eps, x_0 or v, has the same weighted loss."""
    x_0, t, eps = images(dtype=torch.float64)
    data = DiagonalGaussian(torch.full_like(x_0[0], 0.1), torch.full_like(x_0[0], 0.3))
    losses = [
        Simple(weightings(SCHEDULE, kind))(exact_denoiser(data, SCHEDULE, kind), x_0, t, eps)
        for kind in PREDICTIONS
    ]
    assert torch.allclose(losses[0], losses[1], rtol=1e-9)
    assert torch.allclose(losses[0], losses[2], rtol=1e-9)
    simple = Simple()(exact_denoiser(data, SCHEDULE, "eps"), x_0, t, eps)
    assert (weightings is snr_weighting) == torch.equal(losses[0], simple)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kind", ["beta", "learned"])
def test_mean_over_t_is_the_bound_without_the_prior(kind, device):
    x_0, _, eps = images(2, torch.float64, device)
    network = Network(6 if kind == "learned" else 3).double().to(device)
    denoiser = Denoiser(network, SCHEDULE.to(device), learns_variance=kind == "learned")
    bound = LEARNED if kind == "learned" else Bound(BETA)
    whole = likelihood(denoiser, bound, x_0, lambda t: eps)
    with torch.no_grad():
        losses = [Variational(bound)(denoiser, x_0, t, eps) for t in range(1, 21)]
    mean = torch.stack(losses).mean(0)
    assert torch.allclose(mean, whole.total - whole.L_T, rtol=1e-12)


def test_importance_sampling_keeps_the_mean():
    """By enumeration: sum over t of p_t weight_t loss_t is the plain mean over t."""
    x_0, _, eps = images(2, torch.float64)
    denoiser = Denoiser(Network(3).double(), SCHEDULE)
    with torch.no_grad():
        losses = [Variational(Bound(BETA))(denoiser, x_0, t, eps) for t in range(1, 21)]
    history = empty_history(20, n=2)
    for t, loss in enumerate(losses, start=1):
        history = record_losses(history, torch.full((2,), t), loss)
    p = importance_probabilities(history)[1:]
    assert p.max() > 5 * p.min()
    losses = torch.stack(losses)
    assert torch.allclose((p / (20 * p)) @ losses, losses.mean(0), rtol=1e-13)


@pytest.mark.parametrize("predicts", PREDICTIONS)
def test_hybrid_is_the_sum_and_stops_at_the_mean(predicts):
    x_0, t, eps = images(dtype=torch.float64)
    output = torch.randn(6, 6, 2, 2, generator=torch.Generator().manual_seed(4)).double()
    output.requires_grad_()
    calls = []

    def network(x_t, shown):
        calls.append(shown)
        return output

    denoiser = Denoiser(network, SCHEDULE, predicts, learns_variance=True)
    loss = Hybrid(LEARNED)(denoiser, x_0, t, eps)
    assert len(calls) == 1
    simple = Simple()(denoiser, x_0, t, eps)
    variational = Variational(LEARNED)(denoiser, x_0, t, eps)
    assert torch.allclose(loss, simple + 0.001 * variational, rtol=1e-13)
    parts = [
        torch.autograd.grad(part.sum(), output, retain_graph=True)[0].chunk(2, dim=1)
        for part in (loss, simple, variational)
    ]
    (mean, variance), (mean_simple, variance_simple), (mean_bound, variance_bound) = parts
    assert torch.equal(mean, mean_simple) and bool((mean_bound != 0).any())
    assert bool((variance_simple == 0).all()) and bool((variance_bound != 0).all())
    assert torch.allclose(variance, 0.001 * variance_bound, rtol=1e-12)
    larger = Hybrid(LEARNED, share=0.5)(denoiser, x_0, t, eps)
    assert torch.allclose(larger, simple + 0.5 * variational, rtol=1e-13)


def test_released_scale_of_the_hybrid():
    """share = 0.001 is T / 1000 of one term in bits: for T = 20 the bound's share is 0.02 L."""
    x_0, _, eps = images(dtype=torch.float64)
    denoiser = Denoiser(Network(6).double(), SCHEDULE, learns_variance=True)
    with torch.no_grad():
        bits = likelihood(denoiser, LEARNED, x_0, lambda t: eps).terms[:, 6]
        share = Hybrid(LEARNED)(denoiser, x_0, 7, eps) - Simple()(denoiser, x_0, 7, eps)
    assert torch.allclose(share, 20 / 1000 * bits, rtol=1e-9)


def test_bound_weighting_gives_the_gradient_of_the_bound():
    """For t > 1 the weighted L_simple and L_{t-1} differ by a constant."""
    x_0, _, eps = images(dtype=torch.float64)
    network = Network(3).double()
    for predicts in PREDICTIONS:
        denoiser = Denoiser(network, SCHEDULE, predicts)
        weighted = Simple(bound_weighting(SCHEDULE, predicts, BETA))
        for t in (2, 9, 20):
            first, second = (
                torch.autograd.grad(loss.sum(), network.parameters(), materialize_grads=True)
                for loss in (
                    weighted(denoiser, x_0, t, eps) * 20 / math.log(2),
                    Variational(Bound(BETA))(denoiser, x_0, t, eps),
                )
            )
            for a, b in zip(first, second, strict=True):
                assert torch.allclose(a, b, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("predicts", PREDICTIONS)
def test_bfloat16_network_float32_loss(predicts, device):
    x_0, t, eps = images(device=device)
    for objective, denoiser in objectives(predicts):
        denoiser = on(device, denoiser)
        full = objective(denoiser, x_0, t, eps)
        with torch.autocast(device, torch.bfloat16):
            assert denoiser.network(x_0, t).dtype == torch.bfloat16
            loss = objective(denoiser, x_0, t, eps)
        assert loss.dtype == full.dtype == torch.float32 and loss.shape == (6,)
        # bfloat16 keeps 8 bits of the prediction.
        assert torch.allclose(loss, full, rtol=0.02), type(objective)
        loss.mean().backward()
        assert bool(torch.isfinite(denoiser.network.convolution.weight.grad).all())


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_the_target_keeps_its_digits_beside_a_half_precision_prediction(half):
    """(1 + 2^-12) - 1 in float32: the target rounded to the prediction's dtype would leave 0."""
    target = torch.full((2, 3), 1 + 2**-12, dtype=torch.float32)
    error = squared_error(target, torch.ones(2, 3, dtype=half))
    assert error.dtype == torch.float32 and error.tolist() == [2**-24] * 2
    twice = squared_error(torch.full((1, 1), 300.0), torch.full((1, 1), -300.0, dtype=half))
    assert twice.item() == 360000.0  # overflows float16


def test_a_wider_target_keeps_its_digits_beside_a_narrower_prediction():
    x_0, t, eps = images(dtype=torch.float64)
    eps = eps / 3  # not a float32
    network = Network(6)
    denoiser = Denoiser(lambda x_t, shown: network(x_t.float(), shown), SCHEDULE,
                        learns_variance=True)
    with torch.no_grad():
        prediction, _ = denoiser.output(q_sample(SCHEDULE, x_0, t, eps), t)
        by_hand = ((eps - prediction.double()) ** 2).mean((1, 2, 3))
        for objective in (Simple(), Hybrid(LEARNED, share=0.0)):
            loss = objective(denoiser, x_0, t, eps)
            assert torch.allclose(loss, by_hand, rtol=1e-14, atol=0), objective


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_images_have_a_float32_simple_loss(dtype):
    x_0, t, eps = images(dtype=dtype)
    denoiser = Denoiser(lambda x_t, shown: torch.zeros_like(x_t), SCHEDULE)
    loss = Simple(snr_weighting(SCHEDULE, "eps"))(denoiser, x_0, t, eps)
    assert loss.dtype == torch.float32
    assert torch.allclose(loss, (eps.float() ** 2).mean((1, 2, 3)), rtol=1e-6)
    assert squared_error(eps, eps.double()).dtype == torch.float32
    assert squared_error(eps.double(), eps).dtype == torch.float64


@pytest.mark.parametrize("device", DEVICES)
def test_compiles_as_one_graph(device):
    """fullgraph raises at a graph break, which every look at a value would be."""
    x_0, t, eps = images(device=device)
    cases = [
        (objective, on(device, denoiser))
        for predicts in PREDICTIONS
        for objective, denoiser in objectives(predicts)[:: 1 if predicts == "v" else 3]
    ]

    def losses(x_0, t, eps):
        return torch.stack([objective(denoiser, x_0, t, eps) for objective, denoiser in cases])

    compiled = torch.compile(losses, fullgraph=True, backend="eager")(x_0, t, eps)
    assert torch.allclose(compiled, losses(x_0, t, eps), rtol=1e-5)


class NoReads(TorchDispatchMode):
    """Fails where the value of a tensor would be waited for."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert func.overloadpacket.__name__ not in (
            "_local_scalar_dense", "nonzero", "is_nonzero", "equal", "_unique2",
        ), func  # fmt: skip
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("predicts", PREDICTIONS)
def test_reads_no_value_but_in_checks(predicts):
    x_0, t, eps = images()
    for objective, denoiser in objectives(predicts):
        with pytest.raises(AssertionError, match="_local_scalar_dense"), NoReads():
            objective(denoiser, x_0, t, eps)
        with trusted(), NoReads():
            objective(denoiser, x_0, t, eps).mean().backward()


def test_one_step_and_empty_batch():
    schedule = schedule_from_betas([0.4])
    x_0, _, eps = images(2, torch.float64)
    denoiser = Denoiser(Network(3).double(), schedule)
    loss = Variational(Bound(BETA))(denoiser, x_0, 1, eps)
    whole = likelihood(denoiser, Bound(BETA), x_0, lambda t: eps)
    assert torch.allclose(loss, whole.L_0, rtol=1e-13)
    empty, t = x_0[:0].float(), torch.zeros(0, dtype=torch.long)
    for objective, denoiser in objectives("v"):
        assert objective(denoiser, empty, t, empty).shape == (0,)


X, T_, E = images(2)
PLAIN, TWICE = (Denoiser(Network(n), SCHEDULE, learns_variance=n == 6) for n in (3, 6))


@pytest.mark.parametrize(
    "call, parts",
    [
        (lambda: Hybrid(Bound(BETA)), ("bound", "'learned'", "'beta'")),
        (lambda: Hybrid(LEARNED, share=-1.0), ("share", "[0, inf)", "-1.0")),
        (lambda: Hybrid(LEARNED)(PLAIN, X, T_, E), ("denoiser", "learns_variance=True")),
        (lambda: Variational(LEARNED)(PLAIN, X, T_, E), ("variance", "learns_variance=False")),
        (
            lambda: Variational(Bound(BETA))(
                Denoiser(lambda x_t, shown: x_t, SCHEDULE), X.half(), T_, E.half()
            ),
            ("x_0", "float32 or float64", "float16"),
        ),
        (lambda: Variational(Bound(BETA))(PLAIN, X / 2, T_, E), ("x_0", "levels")),
        (
            lambda: Simple(snr_weighting(SCHEDULE, "v"))(PLAIN, X, T_, E),
            ("weighting", "'eps'", "'v'", "convert_weighting"),
        ),
        (
            lambda: Simple(uniform_weighting(linear_schedule(9), "eps"))(PLAIN, X, T_, E),
            ("weighting", "(21,)", "(10,)"),
        ),
        (
            lambda: Simple(Weighting(torch.tensor([0.0, math.inf]).double(), "eps")),
            ("weighting", "finite", "inf"),
        ),
        (lambda: Simple()(PLAIN, X, torch.tensor([1, 21]), E), ("t must", "1..20", "21")),
        (lambda: Simple()(PLAIN, X, 0, E), ("t must", "0")),
        (lambda: Simple()(PLAIN, X.int(), T_, E), ("x_0", "floating", "int32")),
        (lambda: Simple()(PLAIN, X, T_, E / 0), ("eps", "finite")),
        (lambda: Simple()(PLAIN, X, T_, E[:1]), ("eps", "x_0", "(1, 3, 2, 2)")),
        (lambda: Simple()(Denoiser(Network(6), SCHEDULE), X, T_, E), ("network", "(2, 3, 2, 2)")),
    ],
)
def test_refusals(call, parts):
    with pytest.raises(ValueError) as error:
        call()
    for part in parts:
        assert part in str(error.value), f"{part!r} not in {error.value}"
