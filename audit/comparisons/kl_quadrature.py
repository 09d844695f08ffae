"""The derivation of the KL divergence, line by line, by plain quadrature.

Each line's integrand is written here as the document prints it, in floats, and integrated over the
standardised variable x = mean + sd u by scipy; the reference is the closed form of the result.  A
quadrature over x itself would miss a narrow peak and return 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from scipy import integrate
from sympy import Expr, Rational, sympify

from audit.comparison import Bench, Subject, compares
from derivations.kl.kl_gaussian_result import kl_gaussian
from derivations.kl.kl_standard_result import kl_standard
from derivations.prover.balls import ball, precision

RELATIVE = 1e-9
# mean_1, sd_1, mean_2, sd_2; where a line uses the quotient of densities itself, q must not
# underflow within the range of integration.
STANDARD = ((0.5, 0.3, 0.0, 1.0), (-2.0, 1e-4, 0.0, 1.0), (1.0, 2.0, 0.0, 1.0))
GENERAL = ((0.25, 1e-4, -2.0, 5.0), (3.0, 2.0, 1.0, 1.5), (0.0, 1.0, 1e-3, 1.001))
EXTENT = 9.0


def number(formula: Callable[..., Any], *values: float) -> float:
    """A formula of derivations at floats, which are exact rationals."""
    with precision(256):
        return float(ball(sympify(formula(*(Rational(v) for v in values)))))


def integral(integrand: Callable[..., float], mean: float, sd: float) -> float:
    """The integral over mean +- 9 sd, in the standardised variable."""
    value, _ = integrate.quad(
        lambda u: sd * integrand(mean + sd * u), -EXTENT, EXTENT, epsabs=0, epsrel=1e-11, limit=200)
    return float(value)


def normal(x: float, mean: float, sd: float) -> float:
    """The normal density as lines 72, 77, 125, 131 mean it."""
    return math.exp(-((x - mean) ** 2) / (2 * sd**2)) / math.sqrt(2 * math.pi * sd**2)


def standard_84(x: float, m: float, s: float, *_: float) -> float:
    return normal(x, m, s) * math.log(
        (math.exp(-((x - m) ** 2) / (2 * s**2)) / math.sqrt(2 * math.pi * s**2))
        / (math.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)))


def standard_85(x: float, m: float, s: float, *_: float) -> float:
    return normal(x, m, s) * math.log(
        1 / math.sqrt(s**2) * math.exp((x**2 - (x - m) ** 2 / s**2) / 2))


def standard_86(x: float, m: float, s: float, *_: float) -> float:
    return (math.exp(-((x - m) ** 2) / (2 * s**2)) / math.sqrt(2 * math.pi * s**2)
            * (-math.log(s**2) + x**2 - (x - m) ** 2 / s**2) / 2)


def standard_87(x: float, m: float, s: float, *_: float) -> float:
    return normal(x, m, s) * (-math.log(s**2) + x**2 - (x - m) ** 2 / s**2) / 2


def general_138(x: float, m: float, s: float, n: float, r: float) -> float:
    return normal(x, m, s) * math.log(
        (math.exp(-((x - m) ** 2) / (2 * s**2)) / math.sqrt(2 * math.pi * s**2))
        / (math.exp(-((x - n) ** 2) / (2 * r**2)) / math.sqrt(2 * math.pi * r**2)))


def general_139(x: float, m: float, s: float, n: float, r: float) -> float:
    return normal(x, m, s) * math.log(
        math.sqrt(r**2) / math.sqrt(s**2)
        * math.exp(((x - n) ** 2 / r**2 - (x - m) ** 2 / s**2) / 2))


def general_140(x: float, m: float, s: float, n: float, r: float) -> float:
    return (math.exp(-((x - m) ** 2) / (2 * s**2)) / math.sqrt(2 * math.pi * s**2)
            * (math.log(r**2) - math.log(s**2) + (x - n) ** 2 / r**2 - (x - m) ** 2 / s**2) / 2)


def general_141(x: float, m: float, s: float, n: float, r: float) -> float:
    return normal(x, m, s) * (
        math.log(r**2) - math.log(s**2) + (x - n) ** 2 / r**2 - (x - m) ** 2 / s**2) / 2


Points = Sequence[tuple[float, float, float, float]]  # mean and deviation of both laws


def twice(f: Callable[..., Any]) -> Callable[..., Any]:
    """The integrand without its factor one half."""
    return lambda *values: 2 * f(*values)


def weighted_by_q(f: Callable[..., Any]) -> Callable[..., Any]:
    """The integrand with the second density as the weight."""
    return lambda x, m, s, n, r: f(x, m, s, n, r) / normal(x, m, s) * normal(x, n, r)


def against_closed_form(
    points: Points, closed: Callable[..., Any], line: int
) -> Callable[[Bench, Callable[..., Any]], None]:
    """The comparison of one line's integrand with the closed form of the result."""

    def check(bench: Bench, subject: Subject) -> None:
        for m, s, n, r in points:
            want = number(closed, m, s**2, n, r**2)
            got = integral(lambda x, p=(m, s, n, r): subject(x, *p), m, s)
            bench.within(got / want, 1, 1e-5 if want < 1e-4 else RELATIVE, f"line {line}")

    check.__doc__ = f"The integrand of line {line} as printed, integrated by scipy."
    return check


def standard_closed(mean: Rational, variance: Rational, *_: Rational) -> Expr:
    return kl_standard(mean, variance)


NAMES = ("substitute", "ratio", "logarithm", "abbreviation")
for step, (standard, general) in enumerate((
    (standard_84, general_138), (standard_85, general_139),
    (standard_86, general_140), (standard_87, general_141),
)):
    compares(
        f"kl.standard.{NAMES[step]}", subject=standard, kind="quadrature",
        wrong={"no half": twice(standard), "q as weight": weighted_by_q(standard)},
    )(against_closed_form(STANDARD, standard_closed, 84 + step))
    compares(
        f"kl.gaussian.{NAMES[step]}", subject=general, kind="quadrature",
        wrong={"no half": twice(general), "q as weight": weighted_by_q(general)},
    )(against_closed_form(GENERAL, kl_gaussian, 138 + step))


def term_by_term(
    points: Points, part: Callable[..., Any], name: str
) -> Callable[[Bench, Callable[..., Any]], None]:
    """The comparison of one of the prose's integrals with the value given for it."""

    def check(bench: Bench, subject: Subject) -> None:
        for m, s, n, r in points:
            got = integral(
                lambda x, p=(m, s, n, r): normal(x, p[0], p[1]) * part(x, *p), m, s)
            want = subject(m, s, n, r)
            bench.within(got, want, RELATIVE * abs(want), name)

    check.__doc__ = f"The {name}, integrated by scipy, against the value of the prose."
    return check


TERMS = {
    "kl.standard.first-integral": (
        STANDARD, lambda x, m, s, *_: -math.log(s**2), lambda m, s, *_: -math.log(s**2),
        {"log of sigma": lambda m, s, *_: -math.log(s)}),
    "kl.standard.second-integral": (
        STANDARD, lambda x, m, s, *_: x**2, lambda m, s, *_: m**2 + s**2,
        {"about the mean": lambda m, s, *_: s**2, "sd for variance": lambda m, s, *_: m**2 + s}),
    "kl.standard.third-integral": (
        STANDARD, lambda x, m, s, *_: -((x - m) ** 2) / s**2, lambda *_: -1.0,
        {"plus one": lambda *_: 1.0, "minus the variance": lambda m, s, *_: -(s**2)}),
    "kl.gaussian.first-integral": (
        GENERAL, lambda x, m, s, n, r: math.log(r**2), lambda m, s, n, r: math.log(r**2),
        {"the other variance": lambda m, s, n, r: math.log(s**2)}),
    "kl.gaussian.second-integral": (
        GENERAL[:2], lambda x, m, s, n, r: -math.log(s**2), lambda m, s, n, r: -math.log(s**2),
        {"the other variance": lambda m, s, n, r: -math.log(r**2)}),
    "kl.gaussian.foreign-moment": (
        GENERAL, lambda x, m, s, n, r: (x - n) ** 2, lambda m, s, n, r: s**2 + (m - n) ** 2,
        {"about 0": lambda m, s, n, r: s**2 + m**2,
         "the other variance": lambda m, s, n, r: r**2 + (m - n) ** 2}),
    "kl.gaussian.fourth-integral": (
        GENERAL, lambda x, m, s, n, r: -((x - m) ** 2) / s**2, lambda *_: -1.0,
        {"quotient of the variances": lambda m, s, n, r: -(s**2) / r**2}),
}
for claim_id, (points, part, value, wrong) in TERMS.items():
    name = claim_id.rsplit(".", 1)[1].replace("-", " ")
    compares(claim_id, subject=value, wrong=wrong, kind="quadrature")(
        term_by_term(points, part, name))


def by_definition(bench: Bench, subject: Subject, points: Points) -> None:
    """Quadrature of p (log p - log q), both logarithms expanded so that nothing underflows."""
    for m, s, n, r in points:
        def integrand(x: float, m: float = m, s: float = s, n: float = n, r: float = r) -> float:
            log_p = -(((x - m) / s) ** 2) / 2 - math.log(s)
            log_q = -(((x - n) / r) ** 2) / 2 - math.log(r)
            return normal(x, m, s) * (log_p - log_q)

        want = integral(integrand, m, s)
        got = number(subject, m, s**2, n, r**2)
        bench.within(got / want, 1, RELATIVE, "closed form over quadrature")


@compares(
    "kl.standard.closed-form",
    subject=standard_closed,
    wrong={"no half": lambda m, v, *_: 2 * kl_standard(m, v),
           "sd for variance": lambda m, v, *_: kl_standard(m, v**2),
           "the standard normal first": lambda m, v, *_: kl_gaussian(0, 1, m, v)},
    kind="quadrature",
)
def standard_result(bench: Bench, subject: Subject) -> None:
    """The supplied result against scipy's integral of the definition, narrow and wide laws."""
    by_definition(bench, subject, (*STANDARD, (3.0, 1e4, 0.0, 1.0)))


@compares(
    "kl.gaussian.closed-form",
    subject=kl_gaussian,
    wrong={"arguments exchanged": lambda m, v, n, w: kl_gaussian(n, w, m, v),
           "no half": lambda m, v, n, w: 2 * kl_gaussian(m, v, n, w),
           "divided by the first variance": lambda m, v, n, w: kl_gaussian(m, v, n, w)
           + (v + (m - n) ** 2) * (1 / v - 1 / w) / 2},
    kind="quadrature",
)
def general_result(bench: Bench, subject: Subject) -> None:
    """Line 149 against scipy's integral of the definition, narrow and wide laws."""
    by_definition(bench, subject, (*GENERAL[:2], (3.0, 1e4, 1.0, 1e-3), (1.0, 1e-6, 1.0, 1e6)))


@compares(
    "kl.gaussian.closed-form",
    subject=kl_gaussian,
    wrong={"arguments exchanged": lambda m, v, n, w: kl_gaussian(n, w, m, v),
           "sds for variances": lambda m, v, n, w: kl_gaussian(m, v**2, n, w**2)},
    kind="independent solver",
)
def general_result_in_torch(bench: Bench, subject: Subject) -> None:
    """Line 149 against torch.distributions."""
    for m, s, n, r in GENERAL[:2]:
        p, q = (torch.distributions.Normal(torch.tensor(mean, dtype=torch.float64),
                                           torch.tensor(deviation, dtype=torch.float64))
                for mean, deviation in ((m, s), (n, r)))
        want = torch.distributions.kl_divergence(p, q).item()
        bench.within(number(subject, m, s**2, n, r**2) / want, 1, RELATIVE, "torch.distributions")
