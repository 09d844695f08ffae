r"""KL divergence of two normal distributions: the four steps of the derivation.

    KL = int p log(p/q) dx
       = int p log{sqrt(sigma_2^2)/sqrt(sigma_1^2) exp{[(x - mu_2)^2/sigma_2^2
                                                       - (x - mu_1)^2/sigma_1^2]/2}} dx
       = (1/2) int p [log sigma_2^2 - log sigma_1^2 + (x - mu_2)^2/sigma_2^2
                                                    - (x - mu_1)^2/sigma_1^2] dx
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sympy import Expr, exp, log, sqrt

from derivations.claim import Checks, claim
from derivations.gaussian.gaussian import density
from derivations.kl.kl import divergence_of_normals, log_density, x
from derivations.kl.kl_gaussian import GIVEN, POINTS, POSITIVE, mu_1, mu_2, sigma_1, sigma_2
from derivations.kl.kl_standard import integral_under_p, standardised
from derivations.prover.balls import encloses
from derivations.prover.normal_form import identity

PARTS = (log(sigma_2**2), -log(sigma_1**2), (x - mu_2) ** 2 / sigma_2**2,
         -((x - mu_1) ** 2) / sigma_1**2)
BRACKET = sum(PARTS)
EXPONENT = (PARTS[2] + PARTS[3]) / 2
LOG_RATIO = log_density(x, mu_1, sigma_1) - log_density(x, mu_2, sigma_2)
FORWARD = divergence_of_normals(mu_1, sigma_1, mu_2, sigma_2)
REVERSE = divergence_of_normals(mu_2, sigma_2, mu_1, sigma_1)


def integral_under_first(integrand: Expr) -> Callable[..., Any]:
    """The ball of int p(x) integrand(x) dx with p the density of N(mu_1, sigma_1^2)."""
    return integral_under_p(integrand, mu_1, sigma_1**2)


@claim(
    "kl.gaussian.substitute",
    lines="138",
    verdict="holds",
    title="General case, step 1: both densities inserted into the integral",
    statement=r"$p\log\frac pq$ with the density of $\mathcal{N}(\mu_1,\sigma_1^2)$ as weight and "
    r"in the numerator, that of $\mathcal{N}(\mu_2,\sigma_2^2)$ in the denominator.",
    **POSITIVE,
    depends_on=("kl.continuous", "kl.gaussian.density-p", "kl.gaussian.density-q"),
)
def substitute() -> Checks:
    p, q = density(x, mu_1, sigma_1**2), density(x, mu_2, sigma_2**2)
    yield identity(
        "the integrand of the definition", standardised(x, mu_1, sigma_1) * LOG_RATIO,
        p * log(p / q), given=GIVEN,
        wrong={"q as weight": q * log(p / q), "quotient inverted": p * log(q / p),
               "no weight": log(p / q)},
    )
    yield encloses(
        "its integral", integral_under_first(LOG_RATIO), FORWARD, points=POINTS,
        wrong={"the reverse divergence": REVERSE, "quotient inverted": -FORWARD},
    )


@claim(
    "kl.gaussian.ratio",
    lines="139",
    verdict="holds",
    title="General case, step 2: the quotient of the densities",
    statement=r"$\frac{p(x)}{q(x)}=\frac{\sqrt{\sigma_2^2}}{\sqrt{\sigma_1^2}}\exp\left\{\tfrac12"
    r"\left[\frac{(x-\mu_2)^2}{\sigma_2^2}-\frac{(x-\mu_1)^2}{\sigma_1^2}\right]\right\}$.",
    **POSITIVE,
    depends_on=("kl.gaussian.substitute",),
)
def ratio() -> Checks:
    roots = sqrt(sigma_2**2) / sqrt(sigma_1**2)
    yield identity(
        "the argument of the logarithm, compared through its logarithm",
        log(standardised(x, mu_1, sigma_1) / standardised(x, mu_2, sigma_2)),
        log(roots * exp(EXPONENT)), given=GIVEN,
        wrong={"roots exchanged": log(exp(EXPONENT) / roots),
               "sign of the exponent": log(roots * exp(-EXPONENT)),
               "no half": log(roots * exp(2 * EXPONENT)),
               "variances for roots": log(roots**2 * exp(EXPONENT))},
    )
    yield encloses(
        "the integral of p times its logarithm", integral_under_first(log(roots) + EXPONENT),
        FORWARD, points=POINTS, wrong={"roots exchanged": FORWARD - 2 * log(roots)},
    )


@claim(
    "kl.gaussian.logarithm",
    lines="140",
    verdict="holds",
    title="General case, step 3: the logarithm, with a common factor one half",
    statement=r"$\log\frac{p(x)}{q(x)}=\tfrac12\left[\log\sigma_2^2-\log\sigma_1^2+"
    r"\frac{(x-\mu_2)^2}{\sigma_2^2}-\frac{(x-\mu_1)^2}{\sigma_1^2}\right]$ (natural logarithm).",
    **POSITIVE,
    depends_on=("kl.gaussian.ratio", "kl.log-base"),
)
def logarithm() -> Checks:
    roots = sqrt(sigma_2**2) / sqrt(sigma_1**2)
    yield identity(
        "the logarithm of line 139 in normal form", log(roots * exp(EXPONENT)), BRACKET / 2,
        given=GIVEN,
        wrong={"no half": BRACKET, "logarithms exchanged": BRACKET / 2 - PARTS[0] - PARTS[1],
               "log of sigma": BRACKET / 2 - (PARTS[0] + PARTS[1]) / 4},
    )
    yield encloses(
        "half the integral of p times the bracket", integral_under_first(BRACKET / 2), FORWARD,
        points=POINTS, wrong={"no half": 2 * FORWARD, "the reverse divergence": REVERSE},
    )


@claim(
    "kl.gaussian.abbreviation",
    lines="141",
    verdict="holds",
    title="General case, step 4: the density abbreviated",
    statement=r"$\mathrm{KL}=\tfrac12\int p(x)\left[\log\sigma_2^2-\log\sigma_1^2+"
    r"\frac{(x-\mu_2)^2}{\sigma_2^2}-\frac{(x-\mu_1)^2}{\sigma_1^2}\right]dx$, line 140 with $p$ "
    r"of line 125 in place of its formula.",
    **POSITIVE,
    depends_on=("kl.gaussian.logarithm", "kl.gaussian.density-p", "moments.stein"),
)
def abbreviation() -> Checks:
    yield identity(
        "the weighted bracket is twice the integrand of the definition",
        2 * standardised(x, mu_1, sigma_1) * LOG_RATIO,
        density(x, mu_1, sigma_1**2) * BRACKET, given=GIVEN,
        wrong={"q for p": density(x, mu_2, sigma_2**2) * BRACKET,
               "sd for variance": density(x, mu_1, sigma_1) * BRACKET},
    )
    yield encloses(
        "half its integral", lambda point: integral_under_first(BRACKET)(point) / 2, FORWARD,
        points=POINTS, wrong={"the reverse divergence": REVERSE},
    )
