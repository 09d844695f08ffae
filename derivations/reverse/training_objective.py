r"""From the KL divergence of one step to the loss that is trained.

    L_{t-1} = |mu_tilde_t - mu_theta|^2 / (2 sigma_t^2) + constant                        DDPM (8)
            = w_t |eps - eps_theta|^2 + constant                                          DDPM (12)
    w_t = beta_t^2 / (2 sigma_t^2 alpha_t (1 - alpha_bar_t))

DDPM = Ho, Jain & Abbeel 2020, arXiv 2006.11239.
"""

from sympy import Expr, Rational, log, sqrt

from derivations.claim import Checks, claim
from derivations.prover.balls import encloses, gaussian_integral
from derivations.prover.gaussian_forms import expectation
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.reverse.conversions import x_0_from_eps
from derivations.reverse.posterior import (
    A_T,
    LINES,
    STEP,
    STEP_OR_FIRST,
    STEP_WITNESS,
    A,
    beta,
    log_normal,
    normal,
    posterior_mean,
    posterior_variance,
    x_0,
    x_t,
)
from derivations.reverse.reverse_mean import eps, eps_hat, mean_from_eps, sigma_t
from derivations.symbols import Quantity, real

DDPM_8 = "Ho, Jain & Abbeel 2020, arXiv 2006.11239, eq. (8)"
DDPM_12 = "Ho, Jain & Abbeel 2020, arXiv 2006.11239, eq. (12)"


def eps_weight(beta: Quantity, alpha_bar_t: Quantity, sigma_squared: Quantity) -> Quantity:
    """What multiplies the squared error of the noise in L_{t-1}."""
    return beta**2 / (2 * sigma_squared * (1 - beta) * (1 - alpha_bar_t))


def kl_of_step(mean_q: Expr, variance_q: Expr, mean_p: Expr, variance_p: Expr) -> Expr:
    """The KL divergence of two normal distributions, one coordinate, in nats."""
    return (
        log(variance_p / variance_q) + (variance_q + (mean_q - mean_p) ** 2) / variance_p - 1
    ) / 2


mu, v, mu_p, x = real("mu v mu_p x")


@claim(
    "reverse.objective.mean-matching",
    lines=LINES,
    verdict="holds",
    title="With a fixed variance, the KL divergence of a step matches means (supplied)",
    statement=(
        r"$\mathrm{KL}\big(\mathcal{N}(\tilde\mu_t,\tilde\beta_t)\,\|\,\mathcal{N}(\mu_\theta,"
        r"\sigma_t^2)\big) = \frac{(\tilde\mu_t-\mu_\theta)^2}{2\sigma_t^2} + C$ per coordinate, "
        r"$C = \frac12\big(\frac{\tilde\beta_t}{\sigma_t^2} - 1 - \log\frac{\tilde\beta_t}"
        r"{\sigma_t^2}\big)$ free of $\theta$, $t\ge2$; $C = 0$ for $\sigma_t^2=\tilde\beta_t$."
    ),
    assumptions=(v > 0, sigma_t > 0),
    witness={v: 1, sigma_t: 2},
    sources=(DDPM_8,),
    code=("core.variational_bound.bound_term",),
    depends_on=("posterior.bayes",),
)
def mean_matching() -> Checks:
    given = (v > 0, sigma_t > 0)
    square = sigma_t**2
    # log(q/p) is a constant and a polynomial in x; only the polynomial needs an expectation.
    constant = log(square / v) / 2
    polynomial = -((x - mu) ** 2) / (2 * v) + (x - mu_p) ** 2 / (2 * square)
    rest = (v / square - 1 - log(v / square)) / 2
    closed = (mu - mu_p) ** 2 / (2 * square) + rest
    yield identity(
        "the logarithm of the quotient of the densities is that constant and that polynomial",
        log_normal(x, mu, v) - log_normal(x, mu_p, square), constant + polynomial, given=given,
        wrong={"log of the quotient upside down": -constant + polynomial},
    )
    yield identity(
        "its expectation under q by Gaussian moments",
        constant + expectation(polynomial, x, mu, v), closed, given=given,
        wrong={
            "constant left out": (mu - mu_p) ** 2 / (2 * square),
            "divided by the variance of q": (mu - mu_p) ** 2 / (2 * v) + rest,
            "no factor one half": (mu - mu_p) ** 2 / square + rest,
        },
    )
    yield identity(
        "nothing but the squared distance is left when the variances agree",
        closed.subs(sigma_t, sqrt(v)), (mu - mu_p) ** 2 / (2 * v), given=given,
        wrong={"half is left": (mu - mu_p) ** 2 / (4 * v)},
    )
    yield encloses(
        "the expectation of the logarithm of the quotient, integrated",
        lambda p: gaussian_integral(
            (constant + polynomial).subs(p), x, mu.subs(p), v.subs(p), normal
        ),
        closed,
        points=[{mu: 0, v: 1, mu_p: 1, sigma_t: 2},
                {mu: Rational(1, 3), v: Rational(1, 10000), mu_p: Rational(1, 4),
                 sigma_t: Rational(1, 90)}],
        wrong={"no factor one half": (mu - mu_p) ** 2 / square + rest},
    )


@claim(
    "reverse.objective.eps-weight",
    lines=LINES,
    verdict="holds",
    title="The weight of the squared error of the noise in the bound (supplied)",
    statement=(
        r"$\frac{(\tilde\mu_t-\mu_\theta)^2}{2\sigma_t^2} = \frac{\beta_t^2}{2\sigma_t^2\,\alpha_t"
        r"(1-\bar\alpha_t)}(\epsilon-\epsilon_\theta)^2$ at the same $x_t$."
    ),
    assumptions=(*STEP_OR_FIRST, sigma_t > 0),
    witness={**STEP_WITNESS, sigma_t: 1},
    sources=(DDPM_12,),
    depends_on=("reverse.mean.eps-form", "reverse.objective.mean-matching"),
)
def eps_weighted() -> Checks:
    true = posterior_mean(beta, A).subs(x_0, x_0_from_eps(x_t, eps, A_T))
    gap = true - mean_from_eps(x_t, eps_hat, beta, A_T)
    weight, error = eps_weight(beta, A_T, sigma_t**2), (eps - eps_hat) ** 2
    yield identity(
        "the squared distance of the means in terms of the noises",
        gap**2 / (2 * sigma_t**2), weight * error, given=(*STEP_OR_FIRST, sigma_t > 0),
        wrong={
            "beta not squared": weight * error / beta,
            "no alpha": weight * error * (1 - beta),
            "no factor one half": 2 * weight * error,
            "alpha_bar for 1 - alpha_bar": weight * error * (1 - A_T) / A_T,
        },
    )


@claim(
    "reverse.objective.weight-forms",
    lines=LINES,
    verdict="holds",
    title="The weight for the two usual variances (supplied)",
    statement=(
        r"$w_t = \frac{\beta_t}{2\alpha_t(1-\bar\alpha_t)}$ for $\sigma_t^2=\beta_t$, and for "
        r"$\sigma_t^2=\tilde\beta_t$, $t\ge2$: $w_t = "
        r"\frac{\beta_t}{2\alpha_t(1-\bar\alpha_{t-1})} = "
        r"\frac12\big(\frac{\mathrm{snr}_{t-1}}{\mathrm{snr}_t} - 1\big)$, the larger one."
    ),
    assumptions=STEP,
    witness=STEP_WITNESS,
    sources=(DDPM_12, "Kingma et al. 2021, arXiv 2107.00630, section 4"),
    code=("core.weightings.bound_weighting",),
    depends_on=("reverse.objective.eps-weight",),
)
def weight_forms() -> Checks:
    tilde = posterior_variance(beta, A, A_T)
    large, small = eps_weight(beta, A_T, beta), eps_weight(beta, A_T, tilde)
    snr_s, snr_t = A / (1 - A), A_T / (1 - A_T)
    yield identity(
        "insert beta, and beta_tilde",
        [large, small, small],
        [beta / (2 * (1 - beta) * (1 - A_T)), beta / (2 * (1 - beta) * (1 - A)),
         (snr_s / snr_t - 1) / 2],
        given=STEP,
        wrong={
            "alpha_bar indices exchanged": [beta / (2 * (1 - beta) * (1 - A)),
                                            beta / (2 * (1 - beta) * (1 - A_T)),
                                            (snr_s / snr_t - 1) / 2],
            "difference of the ratios": [large, small, (snr_s - snr_t) / 2],
        },
    )
    yield implies(
        "the smaller variance gives the larger weight", STEP, small > large,
        wrong={"at most twice as large": small <= 2 * large},
    )
