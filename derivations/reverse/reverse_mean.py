r"""The model's reverse step: its mean in terms of the noise, the score and v.

    p_theta(x_{t-1} | x_t) = N(mu_theta(x_t, t), sigma_t^2 I)                       DDPM (1)
    mu = (x_t - beta_t / sqrt(1 - alpha_bar_t) eps) / sqrt(alpha_t)                 DDPM (10), (11)
    mu = (x_t + beta_t score) / sqrt(alpha_t)

DDPM = Ho, Jain & Abbeel 2020, arXiv 2006.11239.
"""

from sympy import Expr, diff, sqrt

from derivations.claim import Checks, claim
from derivations.prover.normal_form import identity
from derivations.reverse.conversions import score_from_eps, x_0_from_eps, x_0_from_v
from derivations.reverse.posterior import (
    A_T,
    LINES,
    STEP,
    STEP_OR_FIRST,
    STEP_WITNESS,
    A,
    beta,
    log_normal,
    posterior_mean,
    x_0,
    x_t,
)
from derivations.symbols import real

DDPM_1 = "Ho, Jain & Abbeel 2020, arXiv 2006.11239, eq. (1)"
DDPM_10 = "Ho, Jain & Abbeel 2020, arXiv 2006.11239, eq. (10)"
DDPM_11 = "Ho, Jain & Abbeel 2020, arXiv 2006.11239, eq. (11)"


def mean_from_eps(x_t: Expr, eps: Expr, beta: Expr, alpha_bar_t: Expr) -> Expr:
    """The mean of the reverse step from the (predicted) noise."""
    return (x_t - beta / sqrt(1 - alpha_bar_t) * eps) / sqrt(1 - beta)


def mean_from_score(x_t: Expr, score: Expr, beta: Expr) -> Expr:
    """The mean of the reverse step from the (predicted) score of x_t."""
    return (x_t + beta * score) / sqrt(1 - beta)


eps, eps_hat, sigma_t = real("eps eps_hat sigma_t")


@claim(
    "reverse.section-empty",
    lines=LINES,
    verdict="incomplete",
    severity="misleading",
    title="The section on the reverse process is empty",
    statement=(
        r"The heading of the reverse process has nothing under it: no $p_\theta(x_{t-1}\mid x_t)$, "
        r"no posterior $q(x_{t-1}\mid x_t,x_0)$, no variational bound, no training loss and no "
        r"sampler. Without them nothing in the document says what a network learns or how an image "
        r"is drawn."
    ),
    correction=(
        r"Supplied here: the posterior $\mathcal{N}(\tilde\mu_t, \tilde\beta_t I)$, its mean in "
        r"terms of the noise, the bound $L_T + \sum_{t\ge2}L_{t-1} + L_0$, the loss "
        r"$\lVert\epsilon-\epsilon_\theta\rVert^2$ with what it drops, the step of sampling and "
        r"the bounds of its variance."
    ),
    sources=("Ho, Jain & Abbeel 2020, arXiv 2006.11239, sections 2 and 3",),
    supplied_by=(
        "posterior.mean", "posterior.variance", "posterior.bayes", "posterior.pair",
        "posterior.first-step", "posterior.variance.below-beta",
        "conversions.x0-from-eps", "conversions.eps-from-x0", "conversions.score",
        "conversions.tweedie.gaussian", "conversions.v-rotation",
        "reverse.model", "reverse.mean.eps-form", "reverse.mean.score-form",
        "reverse.objective.mean-matching", "reverse.objective.eps-weight",
        "reverse.objective.simple", "reverse.objective.minimiser",
        "reverse.sampling.step", "reverse.sampling.last-step",
        "bound.decomposition", "bound.inequality", "bound.gap", "bound.prior-term",
        "bound.bits-per-dimension", "bound.decoder",
        "variance.optimal", "variance.bounds", "variance.log-interpolation",
        "variance.two-points.not-gaussian", "variance.small-step",
    ),
)
def section_empty() -> Checks:
    yield from ()


@claim(
    "reverse.model",
    lines=LINES,
    verdict="definition",
    severity="cosmetic",
    title="The model of the reverse process (supplied)",
    statement=(
        r"$p_\theta(x_{0:T}) = p(x_T)\prod_{t=1}^T p_\theta(x_{t-1}\mid x_t)$ with $p(x_T) = "
        r"\mathcal{N}(0, I)$ and $p_\theta(x_{t-1}\mid x_t) = \mathcal{N}(\mu_\theta(x_t,t), "
        r"\sigma_t^2 I)$; $\sigma_t^2$ is $\beta_t$, $\tilde\beta_t$ ($t\ge2$, as "
        r"$\tilde\beta_1=0$), or learned."
    ),
    assumptions=(sigma_t > 0,),
    witness={sigma_t: 1},
    sources=(DDPM_1, "arXiv 2006.11239, section 3.2"),
)
def model() -> Checks:
    x, mu = real("x mu")
    yield identity(
        "well defined: the factor's log density has curvature -1/sigma^2 < 0 for sigma > 0",
        diff(log_normal(x, mu, sigma_t**2), x, 2), -1 / sigma_t**2, given=(sigma_t > 0,),
        wrong={"sigma in place of its square": -1 / sigma_t},
    )


@claim(
    "reverse.mean.eps-form",
    lines=LINES,
    verdict="holds",
    title="The posterior mean in terms of the noise (supplied)",
    statement=(
        r"With $x_0$ expressed by $x_t$ and $\epsilon$, $\tilde\mu_t = "
        r"\frac{1}{\sqrt{\alpha_t}}\big(x_t - "
        r"\frac{\beta_t}{\sqrt{1-\bar\alpha_t}}\,\epsilon\big)$; the model's mean is the same with "
        r"the predicted noise."
    ),
    assumptions=STEP_OR_FIRST,
    witness=STEP_WITNESS,
    sources=(DDPM_10, DDPM_11),
    code=("core.posterior.posterior_mean_from_eps", "core.reverse.p_mean_variance"),
    depends_on=("posterior.mean", "conversions.x0-from-eps"),
)
def mean_in_eps_form() -> Checks:
    implied = posterior_mean(beta, A).subs(x_0, x_0_from_eps(x_t, eps, A_T))
    yield identity(
        "put DDPM (4), solved for x_0, into the mean of DDPM (7)",
        implied, mean_from_eps(x_t, eps, beta, A_T), given=STEP_OR_FIRST,
        wrong={
            "no square root of 1 - alpha_bar": (x_t - beta / (1 - A_T) * eps) / sqrt(1 - beta),
            "root of beta": (x_t - sqrt(beta) / sqrt(1 - A_T) * eps) / sqrt(1 - beta),
            "divided by alpha": (x_t - beta / sqrt(1 - A_T) * eps) / (1 - beta),
            "undoing one forward step": (x_t - sqrt(beta) * eps) / sqrt(1 - beta),
            "divided by the root of alpha_bar": (x_t - beta / sqrt(1 - A_T) * eps) / sqrt(A_T),
        },
    )


@claim(
    "reverse.mean.error",
    lines=LINES,
    verdict="holds",
    title="How an error of the noise moves the mean (supplied)",
    statement=(
        r"$\tilde\mu_t - \mu_\theta = -\frac{\beta_t}{\sqrt{\alpha_t}\sqrt{1-\bar\alpha_t}}\,"
        r"(\epsilon - \epsilon_\theta)$ at the same $x_t$."
    ),
    assumptions=STEP_OR_FIRST,
    witness=STEP_WITNESS,
    sources=(DDPM_10, DDPM_11),
    depends_on=("reverse.mean.eps-form",),
)
def mean_error() -> Checks:
    true = posterior_mean(beta, A).subs(x_0, x_0_from_eps(x_t, eps, A_T))
    guess = mean_from_eps(x_t, eps_hat, beta, A_T)
    factor = beta / (sqrt(1 - beta) * sqrt(1 - A_T))
    yield identity(
        "both means are affine in the noise with one slope",
        true - guess, -factor * (eps - eps_hat), given=STEP_OR_FIRST,
        wrong={"the other sign": factor * (eps - eps_hat),
               "the slope of x_0": -sqrt(1 - A_T) / sqrt(A_T) * (eps - eps_hat)},
    )


@claim(
    "reverse.mean.score-form",
    lines=LINES,
    verdict="holds",
    title="The reverse mean in terms of the score (supplied)",
    statement=(
        r"$\tilde\mu_t = \frac{1}{\sqrt{\alpha_t}}\big(x_t + \beta_t\,\nabla_{x_t}\log q(x_t\mid "
        r"x_0)\big)$; with the score of $q(x_t)$ it is the mean of $x_{t-1}$ given $x_t$ alone."
    ),
    assumptions=STEP,
    witness=STEP_WITNESS,
    sources=("arXiv 2006.11239, section 3.2",),
    depends_on=("reverse.mean.eps-form", "conversions.score", "conversions.tweedie.points"),
)
def mean_in_score_form() -> Checks:
    implied = posterior_mean(beta, A).subs(x_0, x_0_from_eps(x_t, eps, A_T))
    yield identity(
        "the score of q(x_t | x_0) in place of the noise",
        mean_from_score(x_t, score_from_eps(eps, A_T), beta), implied, given=STEP,
        wrong={"half of the step": (x_t + beta / 2 * score_from_eps(eps, A_T)) / sqrt(1 - beta),
               "the score subtracted": mean_from_score(x_t, -score_from_eps(eps, A_T), beta)},
    )
    # The posterior mean is affine in x_0, so averaging it puts E[x_0 | x_t] in the place of x_0.
    slope = real("slope")
    clean = (x_t + (1 - A_T) * slope) / sqrt(A_T)
    yield identity(
        "with the score of q(x_t): the posterior mean averaged over x_0, by Tweedie's formula",
        mean_from_score(x_t, slope, beta), posterior_mean(beta, A).subs(x_0, clean), given=STEP,
        wrong={"unaveraged noise variance": (x_t + (1 - A_T) * slope) / sqrt(1 - beta)},
    )


@claim(
    "reverse.mean.v-form",
    lines=LINES,
    verdict="holds",
    title="The reverse mean in terms of v (supplied)",
    statement=(
        r"$\tilde\mu_t = \sqrt{\alpha_t}\,x_t - \frac{\beta_t\sqrt{\bar\alpha_{t-1}}}"
        r"{\sqrt{1-\bar\alpha_t}}\,v$: no division by $\sqrt{\alpha_t}$ or $\sqrt{\bar\alpha_t}$."
    ),
    assumptions=STEP,
    witness=STEP_WITNESS,
    sources=("Salimans & Ho 2022, arXiv 2202.00512, section 4, put into DDPM (7)",),
    code=("core.reverse.p_mean_variance",),
    depends_on=("posterior.mean", "conversions.x0-from-v"),
)
def mean_in_v_form() -> Checks:
    v = real("v")
    implied = posterior_mean(beta, A).subs(x_0, x_0_from_v(x_t, v, A_T))
    factor = beta * sqrt(A) / sqrt(1 - A_T)
    yield identity(
        "put x_0 of v into the mean of DDPM (7)",
        implied, sqrt(1 - beta) * x_t - factor * v, given=STEP,
        wrong={"divided by the root of alpha": x_t / sqrt(1 - beta) - factor * v,
               "alpha_bar_t": sqrt(1 - beta) * x_t - beta * sqrt(A_T) / sqrt(1 - A_T) * v},
    )
