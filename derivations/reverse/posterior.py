r"""The posterior of the forward process, found by conditioning and by completing the square.

    q(x_{t-1} | x_t, x_0) = N(c_x0 x_0 + c_xt x_t, beta_tilde_t I)              DDPM (6)
    c_x0 = sqrt(alpha_bar_{t-1}) beta_t / (1 - alpha_bar_t)                     DDPM (7)
    c_xt = sqrt(alpha_t) (1 - alpha_bar_{t-1}) / (1 - alpha_bar_t)              DDPM (7)
    beta_tilde_t = (1 - alpha_bar_{t-1}) / (1 - alpha_bar_t) beta_t             DDPM (7)

For any pair s < t, with ratio = alpha_bar_t / alpha_bar_s in place of alpha_t:

    c_x0 = sqrt(alpha_bar_s) (1 - ratio) / (1 - alpha_bar_t)
    c_xt = sqrt(ratio) (1 - alpha_bar_s) / (1 - alpha_bar_t)
    variance = (1 - alpha_bar_s) (1 - ratio) / (1 - alpha_bar_t)

The document stops at the heading of the reverse process; what follows is what belongs there.
DDPM = Ho, Jain & Abbeel 2020, arXiv 2006.11239.
"""

from collections.abc import Callable, Mapping

from flint import arb
from sympy import Expr, Rational, S, exp, log, pi, sqrt

from derivations.claim import Checks, claim
from derivations.prover.balls import encloses, gaussian_integral
from derivations.prover.gaussian_forms import Form, condition, covariance, standard_normal
from derivations.prover.normal_form import identity
from derivations.symbols import Quantity, real

LINES = "276-279"
DDPM_6 = "Ho, Jain & Abbeel 2020, arXiv 2006.11239, eq. (6)"
DDPM_7 = "Ho, Jain & Abbeel 2020, arXiv 2006.11239, eq. (7)"


def posterior_variance(beta: Quantity, alpha_bar_s: Quantity, alpha_bar_t: Quantity) -> Quantity:
    """beta_tilde_t, with s = t - 1."""
    return beta * (1 - alpha_bar_s) / (1 - alpha_bar_t)


def posterior_coefficient_x_0(beta: Expr, alpha_bar_s: Expr, alpha_bar_t: Expr) -> Expr:
    """What multiplies x_0 in the posterior mean, with s = t - 1."""
    return sqrt(alpha_bar_s) * beta / (1 - alpha_bar_t)


def posterior_coefficient_x_t(alpha: Expr, alpha_bar_s: Expr, alpha_bar_t: Expr) -> Expr:
    """What multiplies x_t in the posterior mean, with s = t - 1."""
    return sqrt(alpha) * (1 - alpha_bar_s) / (1 - alpha_bar_t)


def pair_variance(alpha_bar_s: Expr, alpha_bar_t: Expr) -> Expr:
    """The variance of q(x_s | x_t, x_0) for any s < t."""
    return (1 - alpha_bar_s) * (1 - alpha_bar_t / alpha_bar_s) / (1 - alpha_bar_t)


def pair_coefficient_x_0(alpha_bar_s: Expr, alpha_bar_t: Expr) -> Expr:
    """What multiplies x_0 in the mean of q(x_s | x_t, x_0) for any s < t."""
    return sqrt(alpha_bar_s) * (1 - alpha_bar_t / alpha_bar_s) / (1 - alpha_bar_t)


def pair_coefficient_x_t(alpha_bar_s: Expr, alpha_bar_t: Expr) -> Expr:
    """What multiplies x_t in the mean of q(x_s | x_t, x_0) for any s < t."""
    return sqrt(alpha_bar_t / alpha_bar_s) * (1 - alpha_bar_s) / (1 - alpha_bar_t)


def log_normal(x: Expr, mean: Expr, variance: Expr) -> Expr:
    """The logarithm of the density of N(mean, variance) at x, one coordinate."""
    return -log(2 * pi * variance) / 2 - (x - mean) ** 2 / (2 * variance)


def normal(x: Expr, mean: Expr, variance: Expr) -> Expr:
    """The density of N(mean, variance) at x, one coordinate."""
    return exp(-((x - mean) ** 2) / (2 * variance)) / sqrt(2 * pi * variance)


beta, A, x_0, x_s, x_t = real("beta alpha_bar_s x_0 x_s x_t")
A_T = (1 - beta) * A  # alpha_bar_t of the step that follows s = t - 1
STEP = (beta > 0, beta < 1, A > 0, A < 1)
STEP_OR_FIRST = (beta > 0, beta < 1, A > 0, A <= 1)
STEP_WITNESS = {beta: Rational(1, 3), A: Rational(1, 2)}


def images(step_beta: Expr, alpha_bar_s: Expr) -> tuple[Form, Form]:
    """x_s and x_t from their definition: x_s noised from x_0, x_t by one more step."""
    at_s = sqrt(alpha_bar_s) * x_0 + sqrt(1 - alpha_bar_s) * standard_normal("until s")
    at_t = sqrt(1 - step_beta) * at_s + sqrt(step_beta) * standard_normal("step t")
    return at_s, at_t


def posterior_mean(step_beta: Expr, alpha_bar_s: Expr) -> Expr:
    """The mean of DDPM (7), alpha_bar_t written as (1 - beta) alpha_bar_s."""
    alpha_bar_t = (1 - step_beta) * alpha_bar_s
    return (
        posterior_coefficient_x_0(step_beta, alpha_bar_s, alpha_bar_t) * x_0
        + posterior_coefficient_x_t(1 - step_beta, alpha_bar_s, alpha_bar_t) * x_t
    )


def bayes_moment(power: int) -> Callable[..., arb]:
    """Encloses the moment of x_{t-1} under q(x_t | x_{t-1}) q(x_{t-1} | x_0) / q(x_t | x_0).

    The integrand is the quotient itself.  The stated mean and variance place the window and give
    the tail beyond it, which rests on the quotient being a normal density with these parameters:
    posterior.bayes proves that without integrals, so this is a second evaluation, not a second
    proof of the shape.
    """

    def enclosed(point: Mapping[Expr, Expr]) -> arb:
        def quotient(x: Expr, _mean: Expr, _variance: Expr) -> Expr:
            return (
                normal(x_t, sqrt(1 - beta) * x, beta) * normal(x, sqrt(A) * x_0, 1 - A)
                / normal(x_t, sqrt(A_T) * x_0, 1 - A_T)
            ).subs(point)

        mean, variance = posterior_mean(beta, A), posterior_variance(beta, A, A_T)
        return gaussian_integral(
            x_s**power, x_s, mean.subs(point), variance.subs(point), quotient
        )

    return enclosed


POINTS = (
    {beta: Rational(1, 3), A: Rational(1, 2), x_0: Rational(1, 2), x_t: -1},
    {beta: Rational(1, 50), A: Rational(1, 20000), x_0: -1, x_t: Rational(3, 2)},
    {beta: Rational(12, 100000), A: Rational(9999, 10000), x_0: 1, x_t: Rational(101, 100)},
)


@claim(
    "posterior.conditioning-rule",
    lines=LINES,
    verdict="holds",
    title="Conditioning one Gaussian variable on another (supplied)",
    statement=(
        r"For jointly Gaussian $X$ and $Y$ with $\mathrm{Var}\,Y > 0$, $X$ given $Y = y$ is "
        r"Gaussian with mean $\mathbb{E}X + g\,(y - \mathbb{E}Y)$ and variance $\mathrm{Var}\,X - "
        r"g\,\mathrm{Cov}(X, Y)$, where $g = \mathrm{Cov}(X, Y)/\mathrm{Var}\,Y$."
    ),
    assumptions=(real("b") ** 2 + real("e") ** 2 > 0, r"$X$ and $Y$ jointly Gaussian"),
    witness={real("b"): 2, real("e"): 0},
    sources=("Bishop 2006, Pattern Recognition and Machine Learning, eqs. (2.81)-(2.82)",),
)
def conditioning_rule() -> Checks:
    # Any jointly Gaussian pair: Y with two noises, X with these and one of its own.
    m, n, b, c, d, e, f, x, y = real("m n b c d e f x y")
    first, second, third = (standard_normal(name) for name in ("first", "second", "third"))
    on, target = m + b * first + e * second, n + c * first + d * second + f * third
    positive = (b**2 + e**2 > 0,)
    var_x, var_y, shared = target.variance, on.variance, covariance(target, on)
    determinant = var_x * var_y - shared**2
    square = (
        var_y * (x - n) ** 2 - 2 * shared * (x - n) * (y - m) + var_x * (y - m) ** 2
    ) / determinant
    joint = -log(2 * pi) - log(determinant) / 2 - square / 2
    mean, variance = condition(target, on, y)
    yield identity(
        "the density of the normal pair (X, Y) over that of Y is the stated density of X",
        joint - log_normal(y, m, var_y), log_normal(x, mean, variance),
        given=(*positive, f > 0),
        wrong={
            "variance not reduced": log_normal(x, mean, var_x),
            "gain for standardised variables": log_normal(x, n + shared * (y - m), variance),
            "gain with the other variance": log_normal(x, n + shared / var_x * (y - m), variance),
        },
    )
    yield identity(
        "X - gY has covariance 0 with Y, so it is independent of Y, also where X is fixed by Y",
        covariance(target - shared / var_y * on, on), 0, given=positive,
        wrong={"gain with the other variance": shared * (1 - var_y / (var_x + 1))},
    )


@claim(
    "posterior.mean",
    lines=LINES,
    verdict="holds",
    title="Mean of the posterior of one step (supplied)",
    statement=(
        r"$\mathbb{E}[x_{t-1}\mid x_t, x_0] = "
        r"\frac{\sqrt{\bar\alpha_{t-1}}\,\beta_t}{1-\bar\alpha_t}\,x_0 + "
        r"\frac{\sqrt{\alpha_t}\,(1-\bar\alpha_{t-1})}{1-\bar\alpha_t}\,x_t$."
    ),
    assumptions=STEP_OR_FIRST,
    witness=STEP_WITNESS,
    sources=(DDPM_7,),
    code=(
        "core.posterior.posterior_coefficients",
        "core.posterior.q_posterior",
        "core.reverse.p_mean_variance",
    ),
    depends_on=("posterior.conditioning-rule",),
)
def mean_by_conditioning() -> Checks:
    at_s, at_t = images(beta, A)
    c_x0 = posterior_coefficient_x_0(beta, A, A_T)
    c_xt = posterior_coefficient_x_t(1 - beta, A, A_T)
    yield identity(
        "conditioning x_{t-1} on x_t, both as linear forms in the noises, gives the mean",
        condition(at_s, at_t, x_t)[0], posterior_mean(beta, A), given=STEP_OR_FIRST,
        wrong={
            "no square root of alpha_bar": A * beta / (1 - A_T) * x_0 + c_xt * x_t,
            "no square root of alpha": c_x0 * x_0 + (1 - beta) * (1 - A) / (1 - A_T) * x_t,
            "alpha_bar_t where t - 1 belongs": sqrt(A_T) * beta / (1 - A_T) * x_0 + c_xt * x_t,
            "coefficients exchanged": c_xt * x_0 + c_x0 * x_t,
        },
    )
    yield encloses(
        "the quotient of the densities, integrated against x_{t-1}, gives the same mean",
        bayes_moment(1), posterior_mean(beta, A), points=POINTS,
        wrong={"no square root of alpha": c_x0 * x_0 + (1 - beta) * (1 - A) / (1 - A_T) * x_t},
    )


@claim(
    "posterior.variance",
    lines=LINES,
    verdict="holds",
    title="Variance of the posterior of one step (supplied)",
    statement=(
        r"$\mathrm{Var}(x_{t-1}\mid x_t, x_0) = \tilde\beta_t = "
        r"\frac{1-\bar\alpha_{t-1}}{1-\bar\alpha_t}\,\beta_t$ in every coordinate; it depends on "
        r"neither image."
    ),
    assumptions=STEP_OR_FIRST,
    witness=STEP_WITNESS,
    sources=(DDPM_7,),
    code=(
        "core.posterior.posterior_coefficients",
        "core.posterior.q_posterior",
        "core.reverse.p_mean_variance",
    ),
    depends_on=("posterior.conditioning-rule",),
)
def variance_by_conditioning() -> Checks:
    at_s, at_t = images(beta, A)
    yield identity(
        "the Schur complement of the two images is beta_tilde",
        condition(at_s, at_t, x_t)[1], posterior_variance(beta, A, A_T), given=STEP_OR_FIRST,
        wrong={
            "beta for beta_tilde": beta,
            "alpha_bar_{t+1} in the denominator, beta constant":
                beta * (1 - A) / (1 - A * (1 - beta) ** 2),
            "alpha_bar for 1 - alpha_bar": beta * A / A_T,
        },
    )
    mean = posterior_mean(beta, A)
    yield encloses(
        "the quotient of the densities, integrated against x_{t-1}^2, gives the same variance",
        bayes_moment(2), mean**2 + posterior_variance(beta, A, A_T), points=POINTS,
        wrong={"beta for beta_tilde": mean**2 + beta},
    )


@claim(
    "posterior.bayes",
    lines=LINES,
    verdict="holds",
    title="The posterior by the rule of Bayes, with its normalisation (supplied)",
    statement=(
        r"$\frac{q(x_t\mid x_{t-1})\,q(x_{t-1}\mid x_0)}{q(x_t\mid x_0)} = "
        r"\mathcal{N}(x_{t-1};\,\tilde\mu_t(x_t, x_0),\,\tilde\beta_t)$ for all values of the "
        r"three images, $t\ge2$: the posterior is Gaussian and needs no further constant."
    ),
    assumptions=STEP,
    witness=STEP_WITNESS,
    sources=(DDPM_6, DDPM_7),
    depends_on=("posterior.mean", "posterior.variance"),
)
def bayes_quotient() -> Checks:
    mean, variance = posterior_mean(beta, A), posterior_variance(beta, A, A_T)
    quotient = (
        log_normal(x_t, sqrt(1 - beta) * x_s, beta)
        + log_normal(x_s, sqrt(A) * x_0, 1 - A)
        - log_normal(x_t, sqrt(A_T) * x_0, 1 - A_T)
    )
    yield identity(
        "the logarithm of the quotient is the logarithm of the stated density, constant included",
        quotient, log_normal(x_s, mean, variance), given=STEP,
        wrong={
            "variance beta": log_normal(x_s, mean, beta),
            "mean of the forward step": log_normal(x_s, sqrt(1 - beta) * x_t, variance),
            "normalisation by a standard deviation":
                log_normal(x_s, mean, variance) - log(variance) / 2,
        },
    )
    yield encloses(
        "the quotient of the three densities integrates to 1 over x_{t-1}",
        bayes_moment(0), S.One, points=POINTS, wrong={"one half": S.Half},
    )
