"""Whole chains of core.forward.q_step against the expansion and the joint covariance, and two
kernels integrated by quadrature against the closed law.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import torch
from hypothesis import strategies as st
from scipy.integrate import quad

from audit.adapters.core import NoiseSchedule, q_sample, q_step, schedule_from_betas
from audit.comparison import Bench, Subject, compares
from audit.comparisons.forward import BETA_VALUE, drawn_by, exact_levels
from audit.precision import error_in_ulps, exact_value
from derivations.forward.expansion import noise_coefficient, signal_coefficient
from derivations.forward.marginal import X_0, A, marginal_mean, marginal_variance
from derivations.forward.marginal_joint import A_S, A_T, joint_covariance
from derivations.symbols import real


def chain_coefficients(subject: Subject, betas: Sequence[float], device: str) -> list[list[float]]:
    """Row t: coefficients of x_0, z_1..z_T in x_t, read off by unit inputs, one a batch entry."""
    T = len(betas)
    schedule = schedule_from_betas(betas).to(device)
    x = torch.zeros(T + 1, 1, dtype=torch.float64, device=device)
    x[0] = 1
    rows = [x.flatten().tolist()]
    for t in range(1, T + 1):
        z = torch.zeros_like(x)
        z[t] = 1
        x = subject(schedule, x, t, z)
        rows.append(x.flatten().tolist())
    return rows


def same_noise(schedule: NoiseSchedule, x: torch.Tensor, t: int, z: torch.Tensor) -> torch.Tensor:
    """A wrong chain: every step uses the noise of step 1."""
    shared = torch.zeros_like(z)
    shared[1] = 1
    return q_step(schedule, x, t, shared)


@compares(
    "marginal.joint-covariance", "marginal.expansion.every-noise", subject=q_step,
    wrong={
        "one noise for all steps": same_noise,
        "jump in place of a step": q_sample,
        "image not shrunk": drawn_by(
            lambda s, t: torch.ones_like(s.alpha[t]), lambda s, t: s.beta[t].sqrt()),
        "noise not rooted": drawn_by(lambda s, t: s.alpha[t].sqrt(), lambda s, t: s.beta[t]),
    },
)
def whole_chain(bench: Bench, subject: Subject) -> None:
    """A chain of q_step has the coefficients of the expansion, the closed variance, and the joint
    covariance of every pair x_s, x_t; sums of squares are formed exactly from the floats."""
    p, b = real("product beta_i")

    @bench.forall(betas=st.lists(BETA_VALUE, min_size=2, max_size=6))
    def body(betas: Sequence[float]) -> None:
        T, levels = len(betas), exact_levels(betas)
        for device in bench.devices:
            rows = chain_coefficients(subject, betas, device)
            for t in range(1, T + 1):
                ends = [(rows[t][0], exact_value(signal_coefficient(p), {p: levels[t]}))]
                ends += [
                    (rows[t][i], exact_value(noise_coefficient(b, p), {
                        b: Fraction(betas[i - 1]), p: levels[t] / levels[i]}))
                    for i in range(1, t + 1)
                ]
                ends += [(value, Fraction(0)) for value in rows[t][t + 1:]]
                for i, (got, want) in enumerate(ends):
                    error = error_in_ulps(got, want, torch.float64) if want else abs(got)
                    bench.require(error <= 2 * t, f"x_{t}, coefficient {i}: {got}, {float(want)}")
                for s in range(1, t + 1):
                    products = (Fraction(c) * Fraction(d)
                                for c, d in zip(rows[s][1:], rows[t][1:], strict=True))
                    want = exact_value(joint_covariance(A_S, A_T), {A_S: levels[s], A_T: levels[t]})
                    bench.within(float(sum(products) / want), 1.0, 4e-15, "covariance, relative")
                squares = sum(Fraction(c) ** 2 for c in rows[t])
                bench.within(float(squares), 1.0, 4e-15, "sum of squares")


def law(alpha_bar: float, x_0: float) -> tuple[float, float]:
    """Mean and variance of x_t given x_0, from the closed form."""
    return (float(marginal_mean(A, X_0).subs({A: alpha_bar, X_0: x_0})),
            float(marginal_variance(alpha_bar)))


def normal(x: float, mean: float, variance: float) -> float:
    return math.exp(-((x - mean) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)


@compares(
    "marginal.density", "forward.chain.joint", subject=law, kind="quadrature",
    wrong={
        "standard deviation for variance": lambda a, x: (math.sqrt(a) * x, math.sqrt(1 - a)),
        "alpha_bar for its root": lambda a, x: (a * x, 1 - a),
        "variance 1 - sqrt(alpha_bar)": lambda a, x: (math.sqrt(a) * x, 1 - math.sqrt(a)),
    },
)
def integrating_out(bench: Bench, subject: Subject) -> None:
    """Integrating x_1 out of two kernels gives the closed law at t = 2 (quadrature)."""

    @bench.forall(first=st.floats(0.05, 0.9), second=st.floats(0.05, 0.9), x_0=st.floats(-2, 2),
                  u=st.floats(-2, 2))
    def body(first: float, second: float, x_0: float, u: float) -> None:
        mean, variance = subject((1 - first) * (1 - second), x_0)
        x = mean + u * math.sqrt(variance)
        centre, width = math.sqrt(1 - first) * x_0, 12 * math.sqrt(first)
        got, _ = quad(
            lambda y: normal(y, centre, first) * normal(x, math.sqrt(1 - second) * y, second),
            centre - width, centre + width, epsabs=1e-12, epsrel=1e-11, limit=200,
        )
        bench.within(got / normal(x, mean, variance), 1.0, 1e-8, "density, relative")
