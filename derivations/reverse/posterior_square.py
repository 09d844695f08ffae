r"""The posterior by completing the square in x_{t-1}, the derivation written out in print.

    log q(x_t | x_{t-1}) + log q(x_{t-1} | x_0) = -(x_{t-1} - mean)^2 / (2 beta_tilde_t) + ...
    1 / beta_tilde_t    = alpha_t / beta_t + 1 / (1 - alpha_bar_{t-1})
    mean / beta_tilde_t = sqrt(alpha_t) x_t / beta_t
                          + sqrt(alpha_bar_{t-1}) x_0 / (1 - alpha_bar_{t-1})

Both lead to DDPM (7), arXiv 2006.11239.
"""

from sympy import Expr, diff, sqrt

from derivations.claim import Checks, claim
from derivations.prover.normal_form import identity
from derivations.reverse.posterior import (
    A_T,
    DDPM_7,
    LINES,
    STEP,
    STEP_WITNESS,
    A,
    beta,
    log_normal,
    posterior_mean,
    posterior_variance,
    x_0,
    x_s,
    x_t,
)

BISHOP = "Bishop 2006, Pattern Recognition and Machine Learning, section 2.3.3"


def _log_joint() -> Expr:
    """log q(x_t | x_{t-1}) + log q(x_{t-1} | x_0)."""
    return log_normal(x_t, sqrt(1 - beta) * x_s, beta) + log_normal(x_s, sqrt(A) * x_0, 1 - A)


@claim(
    "posterior.square.precision",
    lines=LINES,
    verdict="holds",
    title="Completing the square: precisions add (supplied)",
    statement=(
        r"In $\log q(x_t\mid x_{t-1}) + \log q(x_{t-1}\mid x_0)$ the coefficient of "
        r"$-\tfrac12 x_{t-1}^2$ is $\frac{\alpha_t}{\beta_t} + \frac{1}{1-\bar\alpha_{t-1}} = "
        r"1/\tilde\beta_t$, for $t\ge2$."
    ),
    assumptions=STEP,
    witness=STEP_WITNESS,
    sources=(DDPM_7, BISHOP),
)
def square_precision() -> Checks:
    curvature = -diff(_log_joint(), x_s, 2)
    yield identity(
        "minus the second derivative in x_{t-1} is the sum of the two precisions",
        curvature, (1 - beta) / beta + 1 / (1 - A), given=STEP,
        wrong={"alpha_t left out": 1 / beta + 1 / (1 - A)},
    )
    yield identity(
        "that sum is the reciprocal of beta_tilde",
        (1 - beta) / beta + 1 / (1 - A), 1 / posterior_variance(beta, A, A_T), given=STEP,
        wrong={
            "reciprocal of beta": 1 / beta,
            "1 - alpha_bar_t for 1 - alpha_bar_{t-1}": 1 / posterior_variance(beta, A_T, A),
        },
    )


@claim(
    "posterior.square.mode",
    lines=LINES,
    verdict="holds",
    title="Completing the square: the mean is where the derivative vanishes (supplied)",
    statement=(
        r"$\log q(x_t\mid x_{t-1}) + \log q(x_{t-1}\mid x_0)$ is stationary in $x_{t-1}$ at "
        r"$\tilde\mu_t = \tilde\beta_t\big(\frac{\sqrt{\alpha_t}}{\beta_t}x_t + "
        r"\frac{\sqrt{\bar\alpha_{t-1}}}{1-\bar\alpha_{t-1}}x_0\big)$: an average weighted by "
        r"precision, for $t\ge2$."
    ),
    assumptions=STEP,
    witness=STEP_WITNESS,
    sources=(DDPM_7, BISHOP),
    depends_on=("posterior.square.precision",),
)
def square_mode() -> Checks:
    slope = diff(_log_joint(), x_s)
    weighted = sqrt(1 - beta) * x_t / beta + sqrt(A) * x_0 / (1 - A)
    yield identity(
        "the derivative of the two log densities is 0 at the mean of DDPM (7)",
        slope.subs(x_s, posterior_mean(beta, A)), 0, given=STEP,
        wrong={"at the mean of the forward step": slope.subs(x_s, sqrt(1 - beta) * x_t)},
    )
    yield identity(
        "that mean is the average weighted by precision",
        posterior_mean(beta, A), posterior_variance(beta, A, A_T) * weighted, given=STEP,
        wrong={
            "weighted by beta": beta * weighted,
            "weights without square roots": posterior_variance(beta, A, A_T)
            * ((1 - beta) * x_t / beta + A * x_0 / (1 - A)),
        },
    )
