"""Reverse variances by quadrature: two-point data and Gaussian data, against the proved bounds."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from scipy.integrate import quad

from audit.comparison import Bench, Subject, compares
from audit.oracles.plain_normal import log_pdf, pdf
from derivations.reverse.optimal_variance import linear_error
from derivations.reverse.reverse_variance import gaussian_data_variance
from derivations.reverse.two_point_data import separation

STEPS = ((1e-4, 0.9999), (0.02, 0.9), (0.5, 0.5), (0.9, 0.05), (0.3, 1e-4))


def _integral(f: Callable[..., Any], centres: Sequence[float], width: float) -> float:
    """The integral of f, cut at its peaks so that none of them is missed."""
    edges = sorted({c + k * width for c in centres for k in (-12, -4, 0, 4, 12)})
    return float(sum(quad(f, a, b)[0] for a, b in pairwise(edges)))


def reverse_density(x_s: float, x_t: float, beta: float, bar_s: float, size: float) -> float:
    """q(x_s | x_t) for x_0 = +-size, by the rule of Bayes from the definition of the chain."""
    bar_t = (1 - beta) * bar_s
    joint = sum(
        0.5 * pdf(x_s, sign * math.sqrt(bar_s) * size, math.sqrt(1 - bar_s))
        * pdf(x_t, math.sqrt(1 - beta) * x_s, math.sqrt(beta)) for sign in (1, -1))
    marginal = sum(0.5 * pdf(x_t, sign * math.sqrt(bar_t) * size, math.sqrt(1 - bar_t))
                   for sign in (1, -1))
    return joint / marginal


def components(x_t: float, beta: float, bar_s: float, size: float) -> tuple[list[float], float]:
    """Centres and standard deviation of the two components of q(x_s | x_t)."""
    bar_t = (1 - beta) * bar_s
    c_x0 = math.sqrt(bar_s) * beta / (1 - bar_t)
    c_xt = math.sqrt(1 - beta) * (1 - bar_s) / (1 - bar_t)
    sd = math.sqrt(beta * (1 - bar_s) / (1 - bar_t))
    return [c_xt * x_t + s * c_x0 * size for s in (1, -1)], sd


def conditional_moments(x_t: float, beta: float, bar_s: float, size: float) -> tuple[float, float]:
    """Mean and variance of x_s given x_t, by quadrature of the density itself."""
    centres, sd = components(x_t, beta, bar_s, size)

    def moment(f: Callable[..., Any]) -> float:
        return _integral(lambda x: f(x) * reverse_density(x, x_t, beta, bar_s, size), centres, sd)

    mean = moment(lambda x: x) / moment(lambda x: 1.0)
    return mean, moment(lambda x: (x - mean) ** 2) / moment(lambda x: 1.0)


@compares("variance.total", "variance.bounds", kind="quadrature", subject=conditional_moments,
          wrong={
    "standard deviation": lambda *a: (conditional_moments(*a)[0], conditional_moments(*a)[1] ** .5),
    "variance of one component": lambda x_t, beta, bar_s, size: (
        0.0, components(x_t, beta, bar_s, size)[1] ** 2),
    "data of twice the size": lambda x_t, beta, bar_s, size: conditional_moments(
        x_t, beta, bar_s, 2 * size),
})
def two_points(bench: Bench, subject: Subject) -> None:
    """For data +-1 the variance at each x_t is beta_tilde + c_x0^2 Var(x_0 | x_t)."""
    for beta, bar_s in STEPS[1:4]:
        bar_t = (1 - beta) * bar_s
        for x_t in (0.0, 0.7):
            variance = subject(x_t, beta, bar_s, 1.0)[1]
            guess = math.tanh(math.sqrt(bar_t) * x_t / (1 - bar_t))
            tilde = beta * (1 - bar_s) / (1 - bar_t)
            c_x0 = math.sqrt(bar_s) * beta / (1 - bar_t)
            want = tilde + c_x0**2 * (1 - guess**2)
            bench.within(variance / want, 1.0, 1e-7, "relative difference")


@compares("variance.linear-guess", "variance.bounds", kind="quadrature",
          subject=lambda bar, v: linear_error(bar, v), wrong={
    "the noise's share": lambda bar, v: linear_error(1 - bar, v),
    "half of it": lambda bar, v: linear_error(bar, v) / 2,
})
def least_error_of_two_points(bench: Bench, subject: Subject) -> None:
    """E Var(x_0 | x_t) of data +-sqrt(v) is at most the linear error, and near it for small snr."""
    for bar in (1e-4, 0.05, 0.3, 0.6):
        for v in (0.25, 1.0):
            size, sd = math.sqrt(v), math.sqrt(1 - bar)

            def integrand(u: float, bar: float = bar, size: float = size, sd: float = sd) -> float:
                x_t = math.sqrt(bar) * size + sd * u  # by symmetry x_0 = +size is enough
                guess = size * math.tanh(math.sqrt(bar) * size * x_t / (1 - bar))
                return pdf(u) * (size - guess) ** 2

            error = quad(integrand, -12, 12)[0]
            bench.require(error <= subject(bar, v) * (1 + 1e-9), "above the linear error")
            if bar < 1e-3:
                bench.within(error / subject(bar, v), 1.0, 1e-3, "small snr")


@compares("variance.gaussian-data", "variance.above-beta", "variance.monotone", kind="quadrature",
          subject=gaussian_data_variance, wrong={
    "beta": lambda beta, bar_s, v: beta,
    "beta_tilde": lambda beta, bar_s, v: gaussian_data_variance(beta, bar_s, 0),
    "v for its square": lambda beta, bar_s, v: gaussian_data_variance(beta, bar_s, v * v),
})
def gaussian_variance(bench: Bench, subject: Subject) -> None:
    """The variance of q(x_s) q(x_t | x_s) as a density in x_s at x_t = 1/2, by quadrature."""
    for beta, bar_s in STEPS:
        for v in (0.25, 1.0, 4.0):
            spread = 1 - bar_s + bar_s * v
            # The peak of the product, where quadrature must look: precisions add.
            sd = 1 / math.sqrt(1 / spread + (1 - beta) / beta)
            centre = sd**2 * math.sqrt(1 - beta) * 0.5 / beta

            def moment(
                k: int, beta: float = beta, spread: float = spread, sd: float = sd,
                centre: float = centre,
            ) -> float:
                return float(quad(lambda u: u**k * math.exp(
                    log_pdf(centre + sd * u, 0, math.sqrt(spread))
                    + log_pdf(0.5, math.sqrt(1 - beta) * (centre + sd * u), math.sqrt(beta))
                ), -10, 10)[0])

            mass = moment(0)
            want = sd**2 * (moment(2) / mass - (moment(1) / mass) ** 2)
            bench.within(subject(beta, bar_s, v) / want, 1.0, 1e-7, "relative difference")


@compares("variance.small-step", kind="quadrature",
          subject=lambda beta, bar_s: separation(beta, bar_s, (1 - beta) * bar_s) / 2, wrong={
    "a hundredth": lambda beta, bar_s: separation(beta, bar_s, (1 - beta) * bar_s) / 200,
    "alpha_bar_t for alpha_bar_{t-1}": lambda beta, bar_s:
        beta**2 * separation(beta, (1 - beta) * bar_s, bar_s) / 2,
})
def kl_to_gaussian(bench: Bench, subject: Subject) -> None:
    """For data +-1 the KL divergence to a normal distribution stays below the proved bound."""
    for beta, bar_s in ((0.5, 0.5), (0.9, 0.5), (0.02, 0.9), (0.1, 0.7)):
        for x_t in (0.0, 0.5):
            centres, sd = components(x_t, beta, bar_s, 1.0)
            mean, _ = conditional_moments(x_t, beta, bar_s, 1.0)

            def integrand(
                x: float, x_t: float = x_t, beta: float = beta, bar_s: float = bar_s,
                mean: float = mean, sd: float = sd,
            ) -> float:
                q = reverse_density(x, x_t, beta, bar_s, 1.0)
                return q * (math.log(q) - log_pdf(x, mean, sd)) if q > 0 else 0.0

            divergence = _integral(integrand, centres, sd)
            bench.require(
                -1e-9 <= divergence <= subject(beta, bar_s) * (1 + 1e-6) + 1e-12,
                f"KL {divergence:.3g} is not within 0..{subject(beta, bar_s):.3g}",
            )
