"""Names of a profile and what they become, against the papers' own numbers and plain arithmetic."""

from dataclasses import replace

import pytest
import torch

from core.denoiser import respace
from core.objectives import Hybrid, Simple, Variational
from core.unet_config import UNetConfig
from repro import processes
from repro.errors import ReproError
from repro.profile import Evaluation, Objective, Process, Profile, Sampling, Training

NETWORK = UNetConfig(image_size=8, channels=8, multipliers=(1,), blocks=1, groups=4,
                     attention_resolutions=())


def profile(learned=False, **parts):
    return Profile(name="p", title="p", dataset="digits", training=Training(steps=1),
                   network=replace(NETWORK, learns_variance=learned), **parts)


def remember(shown):
    def network(x, t):
        shown.append(t)
        return torch.zeros_like(x)
    return network


@pytest.mark.parametrize("T, first, last", [(1000, 1e-4, 0.02), (4000, 2.5e-5, 0.005),
                                            (200, 5e-4, 0.1)])
def test_the_linear_schedule_is_scaled(T, first, last):
    beta = processes.schedule(Process(T=T)).beta
    assert beta[1].item() == pytest.approx(first, rel=1e-15)
    assert beta[T].item() == pytest.approx(last, rel=1e-15)
    assert beta[2] - beta[1] == pytest.approx((last - first) / (T - 1), rel=1e-9)


def test_the_cosine_schedule_has_its_published_alpha_bar():
    alpha_bar = processes.schedule(Process(schedule="cosine")).alpha_bar
    published = {250: 0.847012161327, 500: 0.493843590441, 750: 0.144272102386}
    for t, value in published.items():
        assert alpha_bar[t].item() == pytest.approx(value, rel=1e-10)


def test_a_schedule_that_cannot_be_is_a_mistake_of_the_profile():
    with pytest.raises(ReproError, match=r"process\.T: T must be 21 or more.*got 20"):
        processes.schedule(Process(T=20))


def test_the_network_is_shown_t_minus_1():
    shown = []
    denoiser = processes.denoiser(remember(shown), profile(), processes.schedule(Process()))
    for t in (1, 2, 1000):
        denoiser(torch.zeros(2, 1, 8, 8), t)
    assert [s.tolist() for s in shown] == [[0, 0], [1, 1], [999, 999]]


def test_the_rescaled_network_is_shown_thousandths_also_on_a_shorter_chain():
    shown, process = [], Process(T=4000, shown="rescaled", predicts="v")
    denoiser = processes.denoiser(remember(shown), profile(process=process),
                                  processes.schedule(process))
    assert denoiser.predicts == "v"
    short = respace(denoiser, (4000, 2001, 3, 0))
    for t in (1, 2, 3):
        short(torch.zeros(1, 1, 8, 8), t)
    assert [s.item() for s in shown] == [0.5, 500.0, 999.75]


def test_a_learned_variance_is_known():
    learned = profile(learned=True, objective=Objective(kind="hybrid", variance="learned"))
    schedule = processes.schedule(Process())
    assert processes.denoiser(remember([]), learned, schedule).learns_variance
    assert not processes.denoiser(remember([]), profile(), schedule).learns_variance


@pytest.mark.parametrize("tau, steps, expected", [
    ("all", 12, (12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)),
    ("uniform", 4, (12, 9, 6, 3, 0)),
    ("quadratic", 3, (12, 5, 1, 0)),
    ("released-uniform", 4, (10, 7, 4, 1, 0)),
    ("released-quadratic", 3, (10, 3, 1, 0)),
])
def test_chains(tau, steps, expected):
    assert processes.chain(tau, steps, 12) == expected


@pytest.mark.parametrize("tau, steps, parts", [
    ("all", 11, ("steps", "T = 12", "11")),
    ("uniform", 13, ("steps", "1..12", "13")),
    ("cubic", 3, ("tau", "'quadratic'", "'cubic'")),
])
def test_chains_that_are_none(tau, steps, parts):
    with pytest.raises(ReproError) as caught:
        processes.chain(tau, steps, 12)
    assert all(part in str(caught.value) for part in parts)


def test_methods():
    ddim = processes.method(Sampling(count=1, sampler="ddim", eta=0.5, clip="x_0_and_eps"))
    assert (ddim.eta, ddim.clip) == (0.5, "x_0_and_eps")
    for kind in ("beta", "beta_tilde", "learned"):
        ancestral = processes.method(Sampling(count=1, variance=kind, clip="off"))
        assert (ancestral.variance.kind, ancestral.clip) == (kind, "off")


def test_the_evaluated_bound_is_the_profile_s():
    evaluation = Evaluation(first="own", cdf="exact", clip="off")
    bound = processes.bound(profile(evaluation=evaluation), 17)
    assert (bound.variance.kind, bound.variance.first) == ("beta", "own")
    assert (bound.clip, bound.cdf, bound.levels) == ("off", "exact", 17)


def test_a_bound_without_a_density_is_refused():
    own = profile(objective=Objective(kind="variational", variance="beta_tilde"),
                  evaluation=Evaluation(first="own"))
    with pytest.raises(ReproError, match=r"evaluation.*beta_tilde_2.*own"):
        processes.bound(own, 256)


def test_objectives_do_not_read_the_evaluation():
    """Or the digest of a run, which leaves the evaluation out, would not decide its weights."""
    assert type(processes.objective(profile(), 256)) is Simple
    for evaluation in (Evaluation(clip="x_0", cdf="tanh", first="own"),
                       Evaluation(clip="off", cdf="exact", first="beta_tilde_2")):
        vlb = processes.objective(
            profile(objective=Objective(kind="variational"), evaluation=evaluation), 17)
        hybrid = processes.objective(
            profile(learned=True, evaluation=evaluation,
                    objective=Objective(kind="hybrid", variance="learned")), 17)
        assert (type(vlb), type(hybrid)) == (Variational, Hybrid)
        assert (vlb.bound.variance.kind, hybrid.bound.variance.kind) == ("beta", "learned")
        for bound in (vlb.bound, hybrid.bound):
            assert (bound.clip, bound.cdf, bound.levels) == ("off", "tanh", 17)
            assert bound.variance.first == "beta_tilde_2"


class Linear(torch.nn.Module):
    """One product, whose dtype tells what autocast did."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(8, 8)
        self.dtypes = []

    def forward(self, x, t):
        result = self.layer(x)
        self.dtypes.append((x.dtype, result.dtype))
        return result


def test_autocast_reaches_the_network_alone():
    network = Linear().eval()
    denoiser = processes.denoiser(network, profile(), processes.schedule(Process()))
    x = torch.randn(1, 1, 8, 8)
    exact = processes.evaluated(denoiser, "float32")(x, 500)
    rounded = processes.evaluated(denoiser, "bfloat16")(x, 500)
    assert network.dtypes == [(torch.float32, torch.float32), (torch.float32, torch.bfloat16)]
    assert rounded.x_0.dtype == rounded.eps.dtype == torch.float32
    assert 0 < (rounded.eps - exact.eps).abs().max() < 0.05


@pytest.mark.parametrize("training, precision, parts", [
    (True, "float32", ("network", "evaluation mode", "dropout")),
    (False, "float16", ("precision", "'bfloat16'", "'float16'")),
])
def test_what_is_not_evaluated(training, precision, parts):
    denoiser = processes.denoiser(Linear().train(training), profile(),
                                  processes.schedule(Process()))
    with pytest.raises(ReproError) as caught:
        processes.evaluated(denoiser, precision)
    assert all(part in str(caught.value) for part in parts)
