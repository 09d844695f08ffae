"""denoising-diffusion-pytorch: GaussianDiffusion over its schedules, objectives and weights.

Its DDIM step is inside a loop; a run of the loop that is stopped at the second call of the network
shows the first step, and setting ``num_timesteps`` lets the first step start anywhere.  Its
timestep i is the paper's t = i + 1.  float32 is its format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from importlib.metadata import version
from typing import Any, cast
from unittest import mock

import torch
from flint import arb
from torch import Tensor, nn

from audit.adapters.standins import standing_in
from audit.conformance.implementation import At, Implementation, NotOffered
from audit.conformance.levels import BITS, Levels, cosine, from_ball_betas, scaled_linear
from audit.conformance.noise import given_noise
from derivations.prover.balls import precision

with standing_in("torchvision", "accelerate", "ema_pytorch"):
    from denoising_diffusion_pytorch import denoising_diffusion_pytorch as peer

T = 1000
OBJECTIVES = {"pred_noise": "eps", "pred_x0": "x_0", "pred_v": "v"}


@lru_cache(maxsize=1)
def sigmoid_levels() -> Levels:
    """Its sigmoid schedule: alpha_bar falls like 1 - 1 / (1 + exp(-u)), u from -3 to 3."""
    with precision(BITS):
        def curve(u: arb) -> arb:
            return 1 / (1 + (-u).exp())

        last = curve(arb(3))
        falling = [last - curve(arb(-3) + arb(6) * k / T) for k in range(T + 1)]
        largest = arb(999) / 1000
        betas = [(1 - falling[k] / falling[k - 1]).min(largest) for k in range(1, T + 1)]
    exact = from_ball_betas("sigmoid, u from -3 to 3", betas)
    # Both ends of the curve are float32 numbers there: alpha_bar is off by units of 1, not its own.
    spread = (0.0, *(16 + 1 / level for level in exact.floats[1:]))
    return replace(exact, spread=spread)


SCHEDULES: dict[str, Callable[[], Levels]] = {
    "linear": lambda: scaled_linear(T), "cosine": lambda: cosine(T), "sigmoid": sigmoid_levels,
}


class _Stop(Exception):
    """The second call of the network: its input is the first step's result."""


class Says(nn.Module):
    """A network that says what the probe wants, once."""

    channels = out_dim = 3
    self_condition = False
    said: Tensor | None = None
    stops = False

    def forward(self, x: Tensor, t: Tensor, _: object = None) -> Tensor:
        said, self.said = self.said, None
        if said is None:
            self.seen = x
            raise _Stop
        return said


class Gaussian(Implementation):
    """GaussianDiffusion with one schedule, objective and weighting."""

    name = "denoising-diffusion-pytorch GaussianDiffusion"
    version = version("denoising-diffusion-pytorch")
    dtypes = (torch.float32,)

    def __init__(self, beta_schedule: str, objective: str, min_snr_loss_weight: bool) -> None:
        self.options = {"beta_schedule": beta_schedule, "objective": objective,
                        "min_snr_loss_weight": min_snr_loss_weight}
        self.levels = SCHEDULES[beta_schedule]()
        self.predicts = OBJECTIVES[objective]
        self.loss = "min_snr_5" if min_snr_loss_weight else "eps"
        self.network = Says()
        self.made = peer.GaussianDiffusion(
            self.network, image_size=2, timesteps=T, auto_normalize=False, **self.options)

    def tables(self) -> Mapping[str, Tensor]:
        made = self.made
        return {"beta": made.betas, "alpha_bar": made.alphas_cumprod,
                "sqrt_alpha_bar": made.sqrt_alphas_cumprod,
                "sqrt_one_minus_alpha_bar": made.sqrt_one_minus_alphas_cumprod,
                "beta_tilde": made.posterior_variance}

    def q_sample(self, x_0: Tensor, t: int, eps: Tensor) -> Tensor:
        return cast(Tensor, self.made.q_sample(x_0, self._indices(x_0, t), eps))

    def posterior(self, x_0: Tensor, x_t: Tensor, t: int) -> tuple[Tensor, Tensor]:
        mean, variance, _ = self.made.q_posterior(x_0, x_t, self._indices(x_0, t))
        return mean, variance

    def chain(self, steps: int) -> Sequence[int]:
        """What the loop runs over: read off where it hands it to its progress bar."""
        runs_over: list[Any] = []

        def hand_over(over: Iterable[Any], **_: object) -> tuple[()]:
            runs_over.extend(over)
            return ()

        self.made.num_timesteps, self.made.sampling_timesteps = T, steps
        with mock.patch.object(peer, "tqdm", hand_over):
            loop = self.made.p_sample_loop if steps == T else self.made.ddim_sample
            loop((1, 3, 2, 2))
        if steps == T:
            return [i + 1 for i in runs_over] + [0]
        return [i + 1 for i, _ in runs_over] + [runs_over[-1][1] + 1]

    def step(self, at: At, x_t: Tensor, prediction: Tensor, z: Tensor, eta: float) -> Tensor:
        if at.steps == T:
            raise NotOffered  # then it samples ancestrally
        made, network = self.made, self.network
        made.num_timesteps, made.ddim_sampling_eta = at.t, eta
        made.sampling_timesteps = self._count(at)
        network.said = prediction
        quiet = mock.patch.object(peer, "tqdm", lambda over, **_: over)
        with given_noise(x_t, z), quiet:
            try:
                return cast(Tensor, made.ddim_sample(tuple(x_t.shape)).clone())
            except _Stop:
                return network.seen.clone()

    def ancestral(
        self, at: At, x_t: Tensor, prediction: Tensor, z: Tensor, variance: str
    ) -> Tensor:
        if variance == "beta" or at.steps != T:
            raise NotOffered
        self.network.said = prediction
        with given_noise(z):
            return cast(Tensor, self.made.p_sample(x_t, at.t - 1)[0].clone())

    def loss_weight(self, t: int) -> float:
        return float(self.made.loss_weight[t - 1])

    @staticmethod
    def _indices(x: Tensor, t: int) -> Tensor:
        return torch.full((x.shape[0],), t - 1)

    @staticmethod
    def _count(at: At) -> int:
        """A number of steps for which a loop that starts at t goes to s next."""
        near = round(at.t / (at.t - at.s))
        for count in range(max(near - 2, 1), near + 3):
            times = torch.linspace(-1, at.t - 1, steps=count + 1).int().tolist()
            if times[-2] == at.s - 1:
                return count
        raise NotOffered


def configurations() -> Iterator[Gaussian]:
    """Every schedule, objective and weighting."""
    for schedule in SCHEDULES:
        for objective in OBJECTIVES:
            for weighted in (False, True):
                yield Gaussian(schedule, objective, weighted)
