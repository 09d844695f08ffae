"""core.kl at the end of the chain: the divergence of q(x_T | x_0) from a standard normal."""

from __future__ import annotations

import math
from fractions import Fraction

import torch
from hypothesis import strategies as st
from sympy import log

from audit.adapters.core import kl_standard
from audit.comparison import Bench, Subject, compares
from audit.precision import exact_value
from derivations.forward.limit_constants import divergence_from_standard
from derivations.forward.marginal import A
from derivations.symbols import real

MOMENT = real("second_moment")


@compares(
    "limit.terminal-kl", subject=kl_standard,
    wrong={
        "standard deviation for variance": lambda m, v: kl_standard(m, v.sqrt()),
        "no factor one half": lambda m, v: 2 * kl_standard(m, v),
        "mean not squared": lambda m, v: (m.abs() + v - 1 - v.log()) / 2,
        "bare formula, which cancels": lambda m, v: (m**2 + v - 1 - v.log()) / 2,
    },
)
def terminal_divergence(bench: Bench, subject: Subject) -> None:
    """kl_standard at mean sqrt(alpha_bar) x_0 and variance 1 - alpha_bar is the closed form, to
    1e-14 relative, for alpha_bar from 1e-8 to 0.999."""
    formula = divergence_from_standard(A, MOMENT, log)

    @bench.forall(level=st.one_of(st.floats(1e-8, 0.999), st.floats(1e-8, 1e-3)),
                  x_0=st.one_of(st.just(0.0), st.floats(-2, 2)))
    def body(level: float, x_0: float) -> None:
        for device in bench.devices:
            mean = torch.tensor([math.sqrt(level) * x_0], dtype=torch.float64, device=device)
            variance = torch.tensor([1 - level], dtype=torch.float64, device=device)
            kept = 1 - Fraction(variance.item())
            want = exact_value(formula, {A: kept, MOMENT: Fraction(mean.item()) ** 2 / kept})
            got = subject(mean, variance)
            bench.require(got.shape == (1,), f"shape is {tuple(got.shape)}")
            bench.within(float(Fraction(got.item()) / want), 1.0, 1e-14, "divergence, relative")
