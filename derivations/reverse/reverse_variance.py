r"""The exact variance of the reverse step for Gaussian data, and when beta bounds it.

    x_0 ~ N(0, v):  Var(x_{t-1} | x_t) = beta_t (1 - A + A v) / (1 - B + B v),
                    A = alpha_bar_{t-1}, B = alpha_bar_t
    v = 0 gives beta_tilde_t, v = 1 gives beta_t, v > 1 more than beta_t

DDPM section 3.2 (arXiv 2006.11239) names the two cases; the condition v <= 1 is often left out.
"""

from sympy import Rational, diff, sqrt

from derivations.claim import Checks, claim
from derivations.prover.gaussian_forms import Form, condition, standard_normal
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.reverse.posterior import (
    A_T,
    LINES,
    STEP,
    STEP_OR_FIRST,
    STEP_WITNESS,
    A,
    beta,
    log_normal,
    posterior_variance,
    x_s,
    x_t,
)
from derivations.symbols import Quantity, real

SECTION_32 = "Ho, Jain & Abbeel 2020, arXiv 2006.11239, section 3.2"
IDDPM_15 = "Nichol & Dhariwal 2021, arXiv 2102.09672, eq. (15)"


def gaussian_data_variance(beta: Quantity, alpha_bar_s: Quantity, v: Quantity) -> Quantity:
    """Var(x_{t-1} | x_t) for x_0 ~ N(0, v), with s = t - 1."""
    alpha_bar_t = (1 - beta) * alpha_bar_s
    return beta * (1 - alpha_bar_s + alpha_bar_s * v) / (1 - alpha_bar_t + alpha_bar_t * v)


v = real("v")
BETA_TILDE = posterior_variance(beta, A, A_T)
DATA = (*STEP_OR_FIRST, v >= 0)
DATA_WITNESS = {**STEP_WITNESS, v: Rational(1, 4)}


def gaussian_images() -> tuple[Form, Form]:
    """x_{t-1} and x_t for x_0 = sqrt(v) Z."""
    at_s = sqrt(A) * (sqrt(v) * standard_normal("data")) + sqrt(1 - A) * standard_normal("until s")
    return at_s, sqrt(1 - beta) * at_s + sqrt(beta) * standard_normal("step t")


@claim(
    "variance.gaussian-data",
    lines=LINES,
    verdict="holds",
    title="The exact reverse variance for Gaussian data (supplied)",
    statement=(
        r"If $x_0\sim\mathcal{N}(0, v)$ then $\mathrm{Var}(x_{t-1}\mid x_t) = \beta_t\,\frac{1 - "
        r"\bar\alpha_{t-1} + \bar\alpha_{t-1}v}{1-\bar\alpha_t+\bar\alpha_t v}$: $\tilde\beta_t$ "
        r"for $v=0$, $\beta_t$ for $v=1$."
    ),
    assumptions=DATA,
    witness=DATA_WITNESS,
    sources=(SECTION_32,),
    code=("core.exact_denoiser.reverse_covariance",),
    depends_on=("posterior.conditioning-rule",),
)
def gaussian_data() -> Checks:
    value = condition(*gaussian_images(), x_t)[1]
    yield identity(
        "conditioning x_{t-1} on x_t alone, as linear forms",
        value, gaussian_data_variance(beta, A, v), given=DATA,
        wrong={"variance of the posterior": BETA_TILDE,
               "v for its square": gaussian_data_variance(beta, A, v**2),
               "quotient upside down": beta * (1 - A_T + A_T * v) / (1 - A_T + A * v)},
    )
    yield identity(
        "the cases v = 0 and v = 1", [value.subs(v, 0), value.subs(v, 1)], [BETA_TILDE, beta],
        given=STEP_OR_FIRST,
        wrong={"exchanged": [beta, BETA_TILDE], "1 - alpha_bar": [BETA_TILDE, 1 - A]},
    )


@claim(
    "variance.gaussian-data.law",
    lines=LINES,
    verdict="holds",
    title="For Gaussian data the reverse step is Gaussian at every beta (supplied)",
    statement=(
        r"If $x_0\sim\mathcal{N}(0,v)$ then $q(x_t\mid x_{t-1})\,q(x_{t-1})/q(x_t)$ is the normal "
        r"density in $x_{t-1}$ with mean "
        r"$\frac{\sqrt{\alpha_t}(1-\bar\alpha_{t-1}+\bar\alpha_{t-1}v)}{1-\bar\alpha_t+\bar"
        r"\alpha_t v}x_t$ and the variance above: no step need be small."
    ),
    assumptions=(*STEP, v >= 0),
    witness=DATA_WITNESS,
    sources=(SECTION_32,),
    code=("core.samplers.sample",),
    depends_on=("variance.gaussian-data",),
)
def gaussian_law() -> Checks:
    spread_s, spread_t = 1 - A + A * v, 1 - A_T + A_T * v
    mean = sqrt(1 - beta) * spread_s / spread_t * x_t
    variance = gaussian_data_variance(beta, A, v)
    yield identity(
        "the logarithm of the quotient of densities",
        log_normal(x_t, sqrt(1 - beta) * x_s, beta) + log_normal(x_s, 0, spread_s)
        - log_normal(x_t, 0, spread_t),
        log_normal(x_s, mean, variance), given=(*STEP, v >= 0),
        wrong={"variance beta_tilde": log_normal(x_s, mean, BETA_TILDE),
               "mean of the forward step": log_normal(x_s, sqrt(1 - beta) * x_t, variance)},
    )


@claim(
    "variance.monotone",
    lines=LINES,
    verdict="holds",
    title="The exact reverse variance grows with the variance of the data (supplied)",
    statement=(
        r"For $x_0\sim\mathcal{N}(0,v)$ the derivative of $\mathrm{Var}(x_{t-1}\mid x_t)$ in $v$ "
        r"is $\bar\alpha_{t-1}\beta_t^2/(1-\bar\alpha_t+\bar\alpha_tv)^2 > 0$; its limit for "
        r"$v\to\infty$ is $\beta_t/\alpha_t$."
    ),
    assumptions=DATA,
    witness=DATA_WITNESS,
    sources=("derivative of the formula of variance.gaussian-data",),
    depends_on=("variance.gaussian-data",),
)
def monotone() -> Checks:
    slope = diff(gaussian_data_variance(beta, A, v), v)
    yield identity(
        "the derivative", slope, A * beta**2 / (1 - A_T + A_T * v) ** 2, given=DATA,
        wrong={"one beta": A * beta / (1 - A_T + A_T * v) ** 2, "sign": -slope,
               "not squared": A * beta**2 / (1 - A_T + A_T * v)},
    )
    yield implies(
        "the derivative is positive and the value stays below beta/alpha", DATA,
        (slope > 0) & (gaussian_data_variance(beta, A, v) < beta / (1 - beta)),
        wrong={"the value stays below beta": gaussian_data_variance(beta, A, v) <= beta},
    )
    yield identity(
        "what is missing to beta/alpha tends to 0 like 1/v",
        beta / (1 - beta) - gaussian_data_variance(beta, A, v),
        beta**2 / ((1 - beta) * (1 - A_T + A_T * v)), given=DATA,
        wrong={"no square": beta / ((1 - beta) * (1 - A_T + A_T * v)),
               "no alpha": beta**2 / (1 - A_T + A_T * v)},
    )


@claim(
    "variance.above-beta",
    lines=LINES,
    verdict="holds",
    title="The upper bound needs data of variance at most 1 (supplied)",
    statement=(
        r"For $x_0\sim\mathcal{N}(0,v)$ with $v > 1$, $\mathrm{Var}(x_{t-1}\mid x_t) > \beta_t$ at "
        r"every step, and the excess is "
        r"$\beta_t^2\,\bar\alpha_{t-1}(v-1)/(1-\bar\alpha_t+\bar\alpha_t v)$: $\beta_t$ is no "
        r"upper bound without a condition on the scale of the data, which is often left out."
    ),
    assumptions=(*STEP_OR_FIRST, v > 1),
    witness={**STEP_WITNESS, v: 2},
    sources=(SECTION_32, IDDPM_15),
    depends_on=("variance.gaussian-data",),
)
def above_beta() -> Checks:
    value = gaussian_data_variance(beta, A, v)
    given = (*STEP_OR_FIRST, v > 1)
    yield identity(
        "the excess over beta", value - beta, beta**2 * A * (v - 1) / (1 - A_T + A_T * v),
        given=given,
        wrong={"one beta": beta * A * (v - 1) / (1 - A_T + A_T * v),
               "sign": beta**2 * A * (1 - v) / (1 - A_T + A_T * v)},
    )
    yield implies(
        "it is positive", given, value > beta,
        wrong={"beta bounds it": value <= beta, "it is above 2 beta": value > 2 * beta},
    )
