"""The variational bound by plain numbers: whole chains, quadrature, and core's KL divergence."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import logsumexp
from sympy import Expr

from audit.adapters.core import kl_standard
from audit.comparison import Bench, Subject, compares
from audit.oracles.plain_normal import log_pdf, pdf
from audit.precision import exact_value
from derivations.claim import Grade
from derivations.reverse.prior_term import prior_term
from derivations.reverse.training_objective import kl_of_step
from derivations.symbols import real

BAR, MOMENT = real("alpha_bar_t second_moment")


def three_terms(
    betas: Sequence[float], images: Sequence[float], model: Callable[..., Any]
) -> tuple[float, ...]:
    """log q(x_T|x_0)/p(x_T), the sum over t >= 2, and -log p(x_0|x_1), at one path of images."""
    bars = [math.prod(1 - b for b in betas[:t]) for t in range(len(betas) + 1)]
    T, x_0 = len(betas), images[0]

    def posterior(t: int) -> tuple[float, float]:
        low, high, beta = bars[t - 1], bars[t], betas[t - 1]
        mean = (math.sqrt(low) * beta * x_0 + math.sqrt(1 - beta) * (1 - low) * images[t])
        return mean / (1 - high), math.sqrt(beta * (1 - low) / (1 - high))

    last = log_pdf(images[T], math.sqrt(bars[T]) * x_0, math.sqrt(1 - bars[T]))
    middle = sum(
        log_pdf(images[t - 1], *posterior(t)) - log_pdf(images[t - 1], *model(t, images[t]))
        for t in range(2, T + 1)
    )
    return last - log_pdf(images[T]), middle, -log_pdf(x_0, *model(1, images[1]))


def decomposed(betas: Sequence[float], images: Sequence[float], model: Callable[..., Any]) -> float:
    """The three terms, added."""
    return sum(three_terms(betas, images, model))


@compares("bound.decomposition", "bound.marginals-telescope", subject=decomposed,
          kind="whole chains", wrong={
    "no term for x_T": lambda *a: sum(three_terms(*a)[1:]),
    "sign of the first term": lambda *a: decomposed(*a) - 2 * three_terms(*a)[2],
    "the chain one step short": lambda betas, images, model: decomposed(
        betas[:-1] or betas, images[:-1] if len(betas) > 1 else [-x for x in images], model),
})
def whole_chain(bench: Bench, subject: Subject) -> None:
    """At any path of images the log ratio of the chain equals the three terms; T = 1..6."""
    def body(betas: Sequence[float], path: Sequence[float], slope: float, spread: float) -> None:
        images = path[:len(betas) + 1]

        def model(t: int, x: float) -> tuple[float, float]:
            return math.tanh(slope * x) + t / 10, spread

        forward = sum(log_pdf(images[t + 1], math.sqrt(1 - b) * images[t], math.sqrt(b))
                      for t, b in enumerate(betas))
        backward = log_pdf(images[-1]) + sum(
            log_pdf(images[t - 1], *model(t, images[t])) for t in range(1, len(images)))
        scale = abs(forward) + abs(backward) + 1
        bench.within(subject(betas, images, model) / scale, (forward - backward) / scale, 1e-9,
                     "relative difference")

    bench.forall(
        betas=st.lists(st.floats(1e-3, 0.9), min_size=1, max_size=6),
        path=st.lists(st.floats(-3, 3), min_size=7, max_size=7),
        slope=st.floats(-2, 2), spread=st.floats(0.2, 2),
    )(body)


def bound_by_quadrature(x_0: float, beta: float, slope: float, spread: float) -> float:
    """L for T = 1 and a model that is not linear: E_q[log q - log p]."""
    mean, sd = math.sqrt(1 - beta) * x_0, math.sqrt(beta)

    def integrand(u: float) -> float:
        x_1 = mean + sd * u
        return pdf(u) * (
            log_pdf(x_1, mean, sd) - log_pdf(x_1)
            - log_pdf(x_0, math.tanh(slope * x_1), spread)
        )

    return float(quad(integrand, -10, 10)[0])


@compares("bound.inequality", subject=bound_by_quadrature, kind="quadrature", wrong={
    "the reconstruction alone": lambda x_0, beta, slope, spread: bound_by_quadrature(
        x_0, beta, slope, spread) - float(exact_value(
            prior_term(BAR, MOMENT), {BAR: 0.5, MOMENT: x_0**2})),
    "the bound with the other sign": lambda *a: -bound_by_quadrature(*a),
})
def bound_is_above(bench: Bench, subject: Subject) -> None:
    """For a model with a tanh the bound, by quadrature, is above -log p(x_0), by quadrature."""
    for x_0 in (0.0, 0.5, -1.5, 3.0):
        for slope, spread in ((1.0, 0.5), (-2.0, 1.0), (0.0, 1.0)):
            likelihood = quad(
                lambda x, a=x_0, k=slope, s=spread:
                pdf(x) * pdf(a, math.tanh(k * x), s), -12, 12)[0]
            gap = subject(x_0, 0.5, slope, spread) + math.log(likelihood)
            bench.require(gap >= -1e-9, f"the bound is {-gap:.3g} below -log p at x_0 = {x_0}")


@compares("bound.kl-nonnegative", "reverse.objective.mean-matching", kind="quadrature",
          subject=lambda *a: float(kl_of_step(*map(_number, a))), wrong={
    "arguments exchanged": lambda m, v, n, w: float(kl_of_step(*map(_number, (n, w, m, v)))),
    "no factor one half": lambda *a: 2 * float(kl_of_step(*map(_number, a))),
})
def kl_by_quadrature(bench: Bench, subject: Subject) -> None:
    """The closed form against quadrature of log q - log p, standardised so no peak is missed."""
    for m, v, n, w in ((0, 1, 1, 2), (0.3, 1e-4, 0.29, 2e-4), (1, 9, -1, 0.25), (0, 1e-8, 1, 1)):
        def integrand(u: float, m: float = m, v: float = v, n: float = n, w: float = w) -> float:
            x = m + math.sqrt(v) * u
            return pdf(u) * (
                log_pdf(x, m, math.sqrt(v)) - log_pdf(x, n, math.sqrt(w)))

        want = quad(integrand, -12, 12)[0]
        bench.within(subject(m, v, n, w) / (1 + want), want / (1 + want), 1e-9, "KL, relative")
        bench.require(subject(m, v, n, w) >= 0, "a KL divergence is negative")


def _number(value: float) -> Expr:
    from sympy import Rational

    return Rational(str(value))


@compares("bound.prior-term", subject=kl_standard, wrong={
    "arguments of the other KL": lambda mean, variance: -kl_standard(mean, variance),
    "standard deviation for variance": lambda mean, variance: kl_standard(mean, variance**0.5),
    "mean not squared": lambda mean, variance: kl_standard(abs(mean) ** 0.5, variance),
})
def prior_term_in_core(bench: Bench, subject: Subject) -> None:
    """core's KL to the standard normal is L_T at the mean and variance of q(x_T | x_0)."""
    for bar in (0.5, 2.0**-15, 2.0**-40, 0.875):
        for x_0 in (0.0, 1.0, -0.5, 3.0):
            # The variance is exact in float64; the square of the mean is so to rounding.
            mean, variance = math.sqrt(bar) * x_0, 1 - bar
            want = exact_value(prior_term(BAR, MOMENT), {BAR: bar, MOMENT: x_0**2})
            bench.within(float(subject(mean, variance)) / float(want), 1.0, 1e-12, "relative error")


@compares("bound.bits-per-dimension", kind="quadrature", grade=Grade.PROPERTY,
          subject=lambda nats, d: nats / (d * math.log(2)), wrong={
    "nats": lambda nats, d: nats / d, "not per dimension": lambda nats, d: nats / math.log(2),
})
def bits_of_uniform_levels(bench: Bench, subject: Subject) -> None:
    """A uniform choice of 2^k levels in each of d pixels costs k bits per dimension."""
    for k, d in ((8, 3072), (1, 1), (3, 17)):
        nats = d * (logsumexp([0.0] * 2**k))
        bench.within(subject(nats, d), k, 1e-12, "bits per dimension")
