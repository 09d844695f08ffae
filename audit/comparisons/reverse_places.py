"""Where core.reverse is compared: drawn chains and images, and a network that says one thing."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import torch
from hypothesis import strategies as st
from sympy import Expr

from audit.adapters.core import Denoiser, NoiseSchedule
from audit.comparison import Bench
from audit.oracles.terms import IMAGE
from derivations.schedule.schedule import alpha_bars
from derivations.symbols import real

BETA, A, BAR, X_T, GUESS = real("beta alpha_bar_s alpha_bar_t x_t guess")
BETAS = st.lists(
    st.one_of(st.floats(1e-5, 0.9), st.sampled_from([1e-9, 0.5, 1 - 2.0**-20])),
    min_size=1, max_size=5,
)
EDGES = (((1e-4,), 1), ((1e-12,), 1), ((1 - 2.0**-30,), 1), ((0.5, 1e-9, 1 - 2.0**-20), 3),
         ((1e-4, 0.02), 2), ((1e-4, 0.02), 1))


def says(
    prediction: torch.Tensor, schedule: NoiseSchedule, predicts: str = "eps",
    fraction: float | None = None,
) -> Denoiser:
    """A denoiser whose network says the same at every image and timestep.

    ``fraction`` is the way from log beta_tilde to log beta; the network shows twice it less 1.
    """
    if fraction is None:
        return Denoiser(lambda x, shown: prediction, schedule, predicts)
    output = torch.cat([prediction, torch.full_like(prediction, 2 * fraction - 1)], dim=1)
    return Denoiser(lambda x, shown: output, schedule, predicts, learns_variance=True)


def values_at(betas: Sequence[float], t: int) -> dict[Expr, Fraction]:
    """What stands for beta_t, alpha_bar_{t-1} and alpha_bar_t, exactly."""
    bars = alpha_bars([Fraction(b) for b in betas])
    return {BETA: Fraction(betas[t - 1]), A: bars[t - 1], BAR: bars[t]}


def each_step(bench: Bench, body: Callable[..., Any]) -> None:
    """Run body(betas, t, x_t, guess) at the edges, then at drawn chains."""
    for betas, t in EDGES:
        body(betas, t, (1.5, 0.25, -2.0, 0.0), (0.5, -1.0, 0.0, 3.0))

    def drawn(
        betas: Sequence[float], share: float, x_t: Sequence[float], guess: Sequence[float]
    ) -> None:
        body(betas, 1 + round(share * (len(betas) - 1)), x_t, guess)

    bench.forall(betas=BETAS, share=st.floats(0, 1), x_t=IMAGE, guess=IMAGE)(drawn)
