"""The conformance kit, with core as its first adapter: evidence about core's samplers."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from audit.adapters.core_conformance import CoreImplementation
from audit.comparison import Bench, Subject, compares
from audit.conformance.examine import Effort, examine
from audit.conformance.finding import merged
from audit.conformance.implementation import At
from derivations.claim import Grade

CHEAP = Effort(lengths=(3, 1000), half_lengths=(50,))


class BetaForBetaTilde(CoreImplementation):
    """The larger variance, whichever is asked for."""

    def ancestral(
        self, at: At, x_t: Tensor, prediction: Tensor, z: Tensor, variance: str
    ) -> Tensor:
        return super().ancestral(at, x_t, prediction, z, "beta")


class EtaOnVariance(CoreImplementation):
    """eta multiplies the variance."""

    def step(self, at: At, x_t: Tensor, prediction: Tensor, z: Tensor, eta: float) -> Tensor:
        return super().step(at, x_t, prediction, z, eta**0.5)


class EndsEarly(CoreImplementation):
    """The chain stops at t = 1."""

    def chain(self, steps: int) -> Sequence[int]:
        return [*super().chain(steps)[:-1], 1]


class LaterPosterior(CoreImplementation):
    """The posterior of t + 1."""

    def posterior(self, x_0: Tensor, x_t: Tensor, t: int) -> tuple[Tensor, Tensor]:
        return super().posterior(x_0, x_t, min(t + 1, self.levels.T))


@compares(
    "ddim.same.ancestral-step",
    subject=CoreImplementation,
    wrong={
        "beta for beta_tilde": BetaForBetaTilde,
        "eta on the variance": EtaOnVariance,
        "a chain that stops at t = 1": EndsEarly,
        "the posterior of t + 1": LaterPosterior,
    },
    kind="conformance kit",
    grade=Grade.EXECUTION,
)
def core_conforms(bench: Bench, subject: Subject) -> None:
    """Tables, samplers and chains of core, for every S in 1..T, show the kit no deviation."""
    seen = examine(subject(), CHEAP)
    bench.ran += seen.probed
    for finding in merged(seen.findings):
        bench.require(False, f"{finding.key}: {finding.says} ({finding.where})")
    bench.require("step" in seen.offered and "ancestral" in seen.offered, "a sampler is missing")
