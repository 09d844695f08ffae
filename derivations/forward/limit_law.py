r"""How close the last noised image is to a standard normal, and what it still tells of the first.

    KL(q(x_T | x_0) || N(0, 1)) = (alpha_bar_T x_0^2 - alpha_bar_T - log(1 - alpha_bar_T)) / 2
                               <= (alpha_bar_T x_0^2 + alpha_bar_T^2 / (1 - alpha_bar_T)) / 2
    I(x_0; x_T) = log(1 + v_0 snr_T) / 2      for normal data of variance v_0

per dimension, in nats.  The first is DDPM's L_T, arXiv 2006.11239, eq. (5).
"""

from __future__ import annotations

from collections.abc import Mapping

from flint import arb
from sympy import Expr, Rational, S, diff, exp, log, pi, sqrt, sympify

from derivations.claim import Checks, claim, refutes
from derivations.forward.forward import BETA, INDEPENDENT, RATE, log_normal
from derivations.forward.limit_constants import (
    PUBLISHED,
    divergence_from_standard,
    linear_alpha_bar,
)
from derivations.forward.marginal import X_0, marginal_mean, marginal_variance
from derivations.forward.marginal_joint import A_S, joint_covariance
from derivations.forward.marginal_properties import signal_to_noise
from derivations.prover.balls import encloses, gaussian_integral, lies_within
from derivations.prover.gaussian_forms import Form, covariance, expectation, standard_normal
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import real

A, V_0, X = real("alpha_bar v_0 x")
INSIDE = (A > 0, A < 1)


def divergence_bound(alpha_bar: Expr, second_moment: Expr) -> Expr:
    """An upper bound of that divergence per dimension, which tends to 0 with alpha_bar."""
    return (alpha_bar * second_moment + alpha_bar**2 / (1 - alpha_bar)) / 2


def information(alpha_bar: Expr, data_variance: Expr) -> Expr:
    """Mutual information of x_0 and x_t per dimension, normal data."""
    return log(1 + data_variance * signal_to_noise(alpha_bar)) / 2


@claim(
    "limit.terminal-kl",
    lines="272",
    verdict="holds",
    title="Distance of x_T from a standard normal (supplied)",
    statement=r"Per dimension $\mathrm{KL}(q(x_T\mid x_0)\,\|\,\mathcal N(0,1))=\tfrac12\big("
    r"\bar\alpha_Tx_0^2-\bar\alpha_T-\ln(1-\bar\alpha_T)\big)\le\tfrac12\big(\bar\alpha_Tx_0^2+"
    r"\bar\alpha_T^2/(1-\bar\alpha_T)\big)$, which is of the order of $\bar\alpha_T$.",
    assumptions=INSIDE,
    witness={A: Rational(1, 2)},
    sources=("DDPM, arXiv 2006.11239, eq. (5), term L_T",),
    code=("core.kl.kl_standard",),
    depends_on=("marginal.density",),
)
def terminal_kl() -> Checks:
    mean, variance = marginal_mean(A, X_0), marginal_variance(A)
    # The logarithms without their constant parts are polynomials in x: Stein's recursion applies.
    quadratic = -((X - mean) ** 2) / (2 * variance) + X**2 / 2
    constants = log_normal(X, X, variance) - log_normal(X, X, S.One)
    yield identity(
        "mean of log q - log p under q, from the two densities",
        expectation(quadratic, X, mean, variance) + constants,
        divergence_from_standard(A, X_0**2, log), given=INSIDE,
        wrong={
            "arguments exchanged": (1 / (1 - A) + A * X_0**2 / (1 - A) - 1 + log(1 - A)) / 2,
            "alpha_bar and its complement exchanged": divergence_from_standard(1 - A, X_0**2, log),
            "no factor one half": 2 * divergence_from_standard(A, X_0**2, log),
        },
    )

    def enclosed(point: Mapping[Expr, Expr]) -> arb:
        at = [sympify(e).subs(point) for e in (quadratic + constants, mean, variance)]
        return gaussian_integral(at[0], X, at[1], at[2], lambda x, m, v: exp(log_normal(x, m, v)))

    yield encloses(
        "the integral of q (log q - log p), enclosed", enclosed,
        divergence_from_standard(A, X_0**2, log),
        points=[{A: Rational(1, 2), X_0: 1}, {A: Rational(1, 1000), X_0: -2},
                {A: Rational(99, 100), X_0: 0}],
        wrong={"without the logarithm": (A * X_0**2 - A) / 2,
               "no factor one half": 2 * divergence_from_standard(A, X_0**2, log)},
    )
    gap = 2 * (divergence_bound(A, X_0**2) - divergence_from_standard(A, X_0**2, log))
    yield identity("the bound is reached at alpha_bar = 0", gap.subs(A, 0), 0, wrong={"one": S.One})
    slope = A / (1 - A) ** 2
    yield identity(
        "derivative of twice the gap", diff(gap, A), slope, given=INSIDE,
        wrong={"opposite sign": -slope, "without the square": A / (1 - A)},
    )
    yield implies(
        "it is positive, so the bound holds on (0, 1)", INSIDE, slope > 0,
        wrong={"above one": slope > 1},
    )


@claim(
    "limit.standard-normal",
    lines="272",
    verdict="holds-if",
    severity="misleading",
    title="x_T tends to a standard normal in law, if alpha_bar_T tends to 0",
    statement=r"$x_T$ is said to tend to a standard normal. True in law, for every fixed $x_0$ and "
    r"for data of finite second moment, when $\bar\alpha_T\to0$: the divergence is at most "
    r"$\tfrac12\bar\alpha_T(x_0^2+1)$ per dimension once $\bar\alpha_T\le\tfrac12$. With "
    r"$\bar\alpha_T\to\tfrac12$ (limit.alpha-bar) it stays near $0.0966$ for $x_0=0$. The values "
    r"themselves do not settle where $\sum_t\beta_t=\infty$: for fixed $s\ge1$, "
    r"$\operatorname{Corr}(x_s,x_T\mid x_0)^2=\frac{\bar\alpha_T(1-\bar\alpha_s)}"
    r"{\bar\alpha_s(1-\bar\alpha_T)}\to0$, so that $x_T$ forgets every earlier image.",
    assumptions=(A > 0, A <= Rational(1, 2), r"$\bar\alpha_T\to0$", INDEPENDENT),
    witness={A: Rational(1, 4)},
    correction=r"If $\sum_t\beta_t=\infty$, then for every $x_0$ the law $q(x_T\mid x_0)$ tends to "
    r"$\mathcal N(0,I)$.",
    sources=("DDPM, arXiv 2006.11239, sections 2 and 4",),
    depends_on=("limit.terminal-kl", "limit.alpha-bar", "marginal.joint-covariance"),
)
def standard_normal_limit() -> Checks:
    yield implies(
        "the bound on the divergence, made linear in alpha_bar", (A > 0, A <= Rational(1, 2)),
        divergence_bound(A, X_0**2) <= A * (X_0**2 + 1) / 2,
        wrong={"without the second part": divergence_bound(A, X_0**2) <= A * X_0**2 / 2},
    )
    yield refutes(lies_within(
        "with alpha_bar = 1/2 the divergence for x_0 = 0 is (log 2 - 1/2) / 2",
        lambda: divergence_from_standard(arb(1) / 2, 0, lambda x: x.log()),
        (Rational("0.0965"), Rational("0.0967")), wrong={"zero": (Rational(-1), Rational("0.001"))},
    ))
    correlation = joint_covariance(A_S, A) ** 2 / ((1 - A_S) * (1 - A))
    forgotten = A * (1 - A_S) / (A_S * (1 - A))
    ordered = (A > 0, A <= Rational(1, 2), A_S > A, A_S < 1)
    yield identity(
        "squared correlation with a fixed earlier image, from covariance and variances",
        correlation, forgotten, given=ordered,
        wrong={"not squared": sqrt(forgotten), "of unit-variance data": A / A_S},
    )
    yield implies(
        "it is at most 2 alpha_bar_T / alpha_bar_s, which tends to 0 with alpha_bar_T", ordered,
        forgotten <= 2 * A / A_S, wrong={"without alpha_bar_s": forgotten <= A},
    )


@claim(
    "limit.finite-gap",
    lines="272",
    verdict="incomplete",
    severity="cosmetic",
    title="How large T must be is not said",
    statement=r"No figure says when $T$ is large enough; in use $T=1000$ is fixed and the distance "
    r"from the standard normal is a number.",
    sources=("DDPM, arXiv 2006.11239, section 4",),
    supplied_by=("limit.published-gap", "limit.terminal-kl"),
)
def finite_gap() -> Checks:
    yield from ()


@claim(
    "limit.information",
    lines="216-217, 272",
    verdict="holds",
    title="What x_T still tells of x_0 (supplied)",
    statement=r"For normal data of variance $v_0$ the mutual information of $x_0$ and $x_t$ per "
    r"dimension is $\tfrac12\ln(1+v_0\,\mathrm{snr}_t)$. It falls strictly in every step, is at "
    r"most $\tfrac12v_0\,\mathrm{snr}_t$, and with the published rates and $v_0=1$ is "
    r"$2.018\cdot10^{-5}$ nats at $T=1000$, though $x_t$ is standard normal for every $t$. "
    r"(Among data of one variance, normal data keep the most information.)",
    assumptions=(*INSIDE, V_0 > 0, *RATE, INDEPENDENT),
    witness={A: Rational(1, 2), V_0: 1, BETA: Rational(1, 50)},
    sources=("Cover & Thomas 2006, Elements of Information Theory, chapter 9",),
    depends_on=("marginal.data-variance", "marginal.snr"),
)
def information_left() -> Checks:
    given = (*INSIDE, V_0 > 0)

    def entropy(variance: Expr) -> Expr:
        return log(2 * pi * variance) / 2 + Rational(1, 2)

    data = standard_normal("x_0") * sqrt(V_0)
    noised = data * sqrt(A) + standard_normal("z_bar") * sqrt(1 - A)
    yield identity(
        "entropy of x_t less entropy of x_t given x_0",
        entropy(noised.variance) - entropy(1 - A), information(A, V_0), given=given,
        wrong={"no factor one half": 2 * information(A, V_0),
               "alpha_bar for the ratio": log(1 + V_0 * A) / 2},
    )
    left = noised.variance - covariance(noised, data) ** 2 / data.variance
    yield identity(
        "the variance that x_0 leaves is 1 - alpha_bar, by the Schur complement", left, 1 - A,
        given=given, wrong={"variance of x_t": A * V_0 + 1 - A},
    )
    fixed = Form(S.Zero) + standard_normal("z_bar") * sqrt(1 - A)
    yield identity(
        "as it is when x_0 is fixed", fixed.variance, left, given=given, wrong={"alpha_bar": A},
    )
    yield implies(
        "it falls in every step, with its argument", (*given, *RATE),
        1 + V_0 * signal_to_noise(A * (1 - BETA)) < 1 + V_0 * signal_to_noise(A),
        wrong={"to half": 2 * signal_to_noise(A * (1 - BETA)) < signal_to_noise(A)},
    )
    yield lies_within(
        "published rates, unit variance, T = 1000",
        lambda: (1 + signal_to_noise(linear_alpha_bar(PUBLISHED))).log() / 2,
        (Rational("0.000020179"), Rational("0.000020180")),
        wrong={"in bits": (Rational("0.0000291"), Rational("0.0000292")),
               "nothing": (Rational(-1), Rational(0))},
    )
