r"""KL divergence of N(mu, sigma^2) from N(0, 1): the four steps of the derivation.

    KL = int p log(p/q) dx
       = int p log{exp{[x^2 - (x - mu)^2 / sigma^2] / 2} / sqrt(sigma^2)} dx
       = (1/2) int p [-log sigma^2 + x^2 - (x - mu)^2 / sigma^2] dx

(Kingma & Welling 2013, arXiv 1312.6114, appendix B.)
"""

from __future__ import annotations

from sympy import exp, log, pi, sqrt

from derivations.claim import Checks, claim
from derivations.gaussian.gaussian import density
from derivations.kl.kl import divergence_of_normals, log_density, x
from derivations.kl.kl_standard import (
    DEPENDS,
    POINTS,
    POSITIVE,
    SOURCES,
    integral_under_p,
    mu,
    sigma,
    standardised,
)
from derivations.prover.balls import encloses
from derivations.prover.normal_form import identity

RESULT = (mu**2 + sigma**2 - log(sigma**2) - 1) / 2
BRACKET = -log(sigma**2) + x**2 - (x - mu) ** 2 / sigma**2


@claim(
    "kl.standard.substitute",
    lines="84",
    verdict="holds",
    title="Step 1: both densities inserted into the integral",
    statement=r"$p\log\frac pq$ with $p=\frac{1}{\sqrt{2\pi\sigma^2}}e^{-(x-\mu)^2/(2\sigma^2)}$ "
    r"as weight and in the numerator, and $q=\frac{1}{\sqrt{2\pi}}e^{-x^2/2}$ in the denominator.",
    **POSITIVE,
    sources=SOURCES,
    depends_on=(*DEPENDS, "kl.standard.density-p", "kl.standard.density-q"),
)
def substitute() -> Checks:
    p, q = density(x, mu, sigma**2), exp(-(x**2) / 2) / sqrt(2 * pi)
    log_ratio = log_density(x, mu, sigma) - log_density(x, 0, 1)
    yield identity(
        "the integrand of the definition", standardised(x, mu, sigma) * log_ratio, p * log(p / q),
        given=(sigma > 0,),
        wrong={"q as weight": q * log(p / q), "quotient inverted": p * log(q / p),
               "no weight": log(p / q)},
    )
    yield encloses(
        "its integral", integral_under_p(log_ratio), RESULT, points=POINTS,
        wrong={"no half": 2 * RESULT, "quotient inverted": -RESULT},
    )


@claim(
    "kl.standard.ratio",
    lines="85",
    verdict="holds",
    title="Step 2: the quotient of the densities",
    statement=r"$\frac{p(x)}{q(x)}=\frac{1}{\sqrt{\sigma^2}}\exp\left\{\tfrac12\left[x^2-"
    r"(x-\mu)^2/\sigma^2\right]\right\}$: the roots of $2\pi$ cancel.",
    **POSITIVE,
    sources=SOURCES,
    depends_on=("kl.standard.substitute",),
)
def ratio() -> Checks:
    root, exponent = sqrt(sigma**2), (x**2 - (x - mu) ** 2 / sigma**2) / 2
    yield identity(
        "the argument of the logarithm, compared through its logarithm",
        log(standardised(x, mu, sigma) / standardised(x, 0, 1)), log(exp(exponent) / root),
        given=(sigma > 0,),
        wrong={"sign of the exponent": log(exp(-exponent) / root),
               "no half": log(exp(2 * exponent) / root),
               "no root": log(exp(exponent) / sigma**2),
               "2 pi left": log(exp(exponent) / root / (2 * pi))},
    )
    yield encloses(
        "the integral of p times its logarithm",
        integral_under_p(log(1 / sqrt(sigma**2)) + exponent),
        RESULT, points=POINTS, wrong={"no root": RESULT + log(sigma**2) / 2},
    )


@claim(
    "kl.standard.logarithm",
    lines="86",
    verdict="holds",
    title="Step 3: the logarithm of the quotient, with a common factor one half",
    statement=r"$\log\frac{p(x)}{q(x)}=\tfrac12\left[-\log\sigma^2+x^2-(x-\mu)^2/\sigma^2\right]$ "
    r"(natural logarithm).",
    **POSITIVE,
    sources=SOURCES,
    depends_on=("kl.standard.ratio", "kl.log-base"),
)
def logarithm() -> Checks:
    exponent = (x**2 - (x - mu) ** 2 / sigma**2) / 2
    yield identity(
        "the logarithm of line 85 in normal form", log(exp(exponent) / sqrt(sigma**2)), BRACKET / 2,
        given=(sigma > 0,),
        wrong={"no half": BRACKET, "log of sigma": BRACKET / 2 + log(sigma**2) / 4,
               "sign of the logarithm": BRACKET / 2 + log(sigma**2)},
    )
    yield encloses(
        "half the integral of p times the bracket", integral_under_p(BRACKET / 2), RESULT,
        points=POINTS, wrong={"no half": 2 * RESULT, "log of sigma": RESULT + log(sigma**2) / 4},
    )


@claim(
    "kl.standard.abbreviation",
    lines="87",
    verdict="holds",
    title="Step 4: the density abbreviated",
    statement=r"$\mathrm{KL}=\tfrac12\int p(x)\left[-\log\sigma^2+x^2-(x-\mu)^2/\sigma^2"
    r"\right]dx$, line 86 with $p$ of line 72 in place of its formula.",
    **POSITIVE,
    sources=SOURCES,
    depends_on=("kl.standard.logarithm", "kl.standard.density-p", "moments.stein"),
)
def abbreviation() -> Checks:
    yield identity(
        "the weighted bracket is the integrand of the definition",
        2 * standardised(x, mu, sigma) * (log_density(x, mu, sigma) - log_density(x, 0, 1)),
        density(x, mu, sigma**2) * BRACKET, given=(sigma > 0,),
        wrong={"q for p": density(x, 0, 1) * BRACKET,
               "sd for variance": density(x, mu, sigma) * BRACKET},
    )
    yield encloses(
        "half its integral", lambda point: integral_under_p(BRACKET)(point) / 2,
        divergence_of_normals(mu, sigma, 0, 1), points=POINTS,
        wrong={"the reverse divergence": divergence_of_normals(0, 1, mu, sigma)},
    )
