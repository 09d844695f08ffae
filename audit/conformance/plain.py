"""A plain implementation of every part, float64 inside: what an adapter's answers should be.

    x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) eps                              DDPM (4)
    x_s = sqrt(alpha_bar_s) x_0 + sqrt(1 - alpha_bar_s - sigma^2) eps + sigma z         DDIM (12)

It is written the obvious way, from the levels alone, and shares nothing with core or with the
exact values.  The misprints of ``corpus`` are variants of it, one formula changed in each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from torch import Tensor

from audit.conformance.implementation import At, Implementation
from audit.conformance.levels import uniform_chain


class Plain(Implementation):
    """DDPM and DDIM the obvious way."""

    name = "plain"

    def level(self, t: int) -> float:
        """alpha_bar_t."""
        return self.levels.floats[t]

    def beta(self, t: int) -> float:
        """beta_t."""
        return 1 - self.level(t) / self.level(t - 1)

    def tables(self) -> Mapping[str, Sequence[float]]:
        every = range(1, self.levels.T + 1)
        return {"beta": [self.beta(t) for t in every], "alpha_bar": [self.level(t) for t in every]}

    def q_sample(self, x_0: Tensor, t: int, eps: Tensor) -> Tensor:
        return math.sqrt(self.level(t)) * x_0 + math.sqrt(1 - self.level(t)) * eps

    def posterior(self, x_0: Tensor, x_t: Tensor, t: int) -> tuple[Tensor, float]:
        low, high, beta = self.level(t - 1), self.level(t), self.beta(t)
        on_x_0 = math.sqrt(low) * beta / (1 - high)
        on_x_t = math.sqrt(1 - beta) * (1 - low) / (1 - high)
        return on_x_0 * x_0 + on_x_t * x_t, beta * (1 - low) / (1 - high)

    def chain(self, steps: int) -> Sequence[int]:
        return uniform_chain(self.levels.T, steps)

    def sigma(self, at: At, eta: float) -> float:
        """DDIM (16)."""
        low, high = self.level(at.s), self.level(at.t)
        return eta * math.sqrt((1 - low) / (1 - high) * (1 - high / low))

    def step(self, at: At, x_t: Tensor, prediction: Tensor, z: Tensor, eta: float) -> Tensor:
        low, high, sigma = self.level(at.s), self.level(at.t), self.sigma(at, eta)
        x_0 = (x_t - math.sqrt(1 - high) * prediction) / math.sqrt(high)
        turned = math.sqrt(max(1 - low - sigma**2, 0.0))
        return math.sqrt(low) * x_0 + turned * prediction + sigma * z

    def deviation(self, at: At, variance: str) -> float:
        """The standard deviation of DDPM's step on the chain; none on the last step."""
        low, high = self.level(at.s), self.level(at.t)
        beta = 1 - high / low
        kind = beta if variance == "beta" else beta * (1 - low) / (1 - high)
        return math.sqrt(kind) if at.s > 0 else 0.0

    def ancestral(
        self, at: At, x_t: Tensor, prediction: Tensor, z: Tensor, variance: str
    ) -> Tensor:
        low, high = self.level(at.s), self.level(at.t)
        beta = 1 - high / low
        mean = (x_t - beta / math.sqrt(1 - high) * prediction) / math.sqrt(1 - beta)
        return mean + self.deviation(at, variance) * z

    def invert(self, at: At, x_s: Tensor, prediction: Tensor) -> Tensor:
        low, high = self.level(at.s), self.level(at.t)
        x_0 = (x_s - math.sqrt(1 - low) * prediction) / math.sqrt(low)
        return math.sqrt(high) * x_0 + math.sqrt(1 - high) * prediction

    def loss_weight(self, t: int) -> float:
        return 1.0
