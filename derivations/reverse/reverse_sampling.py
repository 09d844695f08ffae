r"""One step of sampling: the reverse mean and fresh noise, none of it in the last step.

    x_{t-1} = (x_t - (1 - alpha_t) / sqrt(1 - alpha_bar_t) eps) / sqrt(alpha_t) + sigma_t z
    z = 0 at t = 1                                                          DDPM Algorithm 2

DDPM = Ho, Jain & Abbeel 2020, arXiv 2006.11239.
"""

from sympy import Eq, Expr, Rational, sqrt

from derivations.claim import Checks, claim
from derivations.prover.gaussian_forms import standard_normal
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.reverse.conversions import noised, x_0_from_eps
from derivations.reverse.posterior import (
    A_T,
    LINES,
    STEP_OR_FIRST,
    STEP_WITNESS,
    A,
    beta,
    posterior_variance,
    x_0,
    x_t,
)
from derivations.reverse.reverse_mean import eps_hat, mean_from_eps, sigma_t

ALGORITHM_2 = "Ho, Jain & Abbeel 2020, arXiv 2006.11239, Algorithm 2"


@claim(
    "reverse.sampling.step",
    lines=LINES,
    verdict="holds",
    title="One step of sampling, with the true noise, undoes one step of noising (supplied)",
    statement=(
        r"If $x_t$ is drawn from $q(x_t\mid x_0)$ and $\epsilon_\theta$ is the noise in it, then "
        r"$\frac{1}{\sqrt{\alpha_t}}\big(x_t - \frac{1-\alpha_t}{\sqrt{1-\bar\alpha_t}}"
        r"\epsilon_\theta\big) + \sigma_t z$ has the law $q(x_{t-1}\mid x_0)$ exactly when "
        r"$\sigma_t^2 = \tilde\beta_t$; with $\sigma_t^2=\beta_t$ its variance is larger by "
        r"$\beta_t-\tilde\beta_t$."
    ),
    assumptions=STEP_OR_FIRST,
    witness=STEP_WITNESS,
    sources=(ALGORITHM_2,),
    code=("core.samplers.Ancestral.step",),
    depends_on=("reverse.mean.eps-form", "posterior.total-variance"),
)
def sampling_step() -> Checks:
    noise, fresh = standard_normal("noise"), standard_normal("z")
    here = sqrt(A_T) * x_0 + sqrt(1 - A_T) * noise
    centre = (1 / sqrt(1 - beta)) * (here - (1 - (1 - beta)) / sqrt(1 - A_T) * noise)
    with_tilde = centre + sqrt(posterior_variance(beta, A, A_T)) * fresh
    with_beta = centre + sqrt(beta) * fresh
    excess = beta - posterior_variance(beta, A, A_T)
    yield identity(
        "mean and variance of the step's result are those of DDPM (4) at t - 1",
        [with_tilde.mean, with_tilde.variance], [sqrt(A) * x_0, 1 - A], given=STEP_OR_FIRST,
        wrong={"those of DDPM (4) at t": [sqrt(A_T) * x_0, 1 - A_T],
               "those of one forward step undone": [x_0, beta]},
    )
    yield identity(
        "with beta in place of beta_tilde the variance is too large by their difference",
        with_beta.variance - (1 - A), excess, given=STEP_OR_FIRST,
        wrong={"no excess": 0, "all of beta": beta},
    )
    kept = (1 - A) ** 2 * (1 - beta) / (1 - A_T)
    yield identity(
        "without fresh noise the step has the right mean and this variance",
        [centre.mean, centre.variance], [sqrt(A) * x_0, kept], given=STEP_OR_FIRST,
        wrong={"already that of x_{t-1}": [sqrt(A) * x_0, 1 - A],
               "one 1 - alpha_bar_{t-1}": [sqrt(A) * x_0, (1 - A) * (1 - beta) / (1 - A_T)]},
    )
    yield implies(
        "the fresh noise is independent, its variance adds: only beta_tilde gives 1 - alpha_bar_s",
        (*STEP_OR_FIRST, sigma_t >= 0, Eq(kept + sigma_t**2, 1 - A)),
        Eq(sigma_t**2, posterior_variance(beta, A, A_T)),
        wrong={"beta fits": Eq(sigma_t**2, beta),
               "beta_tilde is the deviation": Eq(sigma_t, posterior_variance(beta, A, A_T))},
    )


@claim(
    "reverse.sampling.last-step",
    lines=LINES,
    verdict="holds",
    title="The last step adds no noise and returns the predicted clean image (supplied)",
    statement=(
        r"At $t = 1$, $\mu_\theta(x_1, 1) = \hat x_0 = (x_1 - \sqrt{1-\bar\alpha_1}\,"
        r"\epsilon_\theta)/\sqrt{\bar\alpha_1}$; Algorithm 2 sets $z = 0$ there. Noise of variance "
        r"$\beta_1 = 10^{-4}$ would stay in the image, $\tilde\beta_1 = 0$ adds none."
    ),
    assumptions=(beta > 0, beta < 1),
    witness={beta: Rational(1, 10000)},
    sources=(ALGORITHM_2, "arXiv 2006.11239, section 3.3"),
    code=("core.reverse.p_mean_variance", "core.samplers.sample"),
    depends_on=("reverse.mean.eps-form", "posterior.first-step"),
)
def last_step() -> Checks:
    first = A_T.subs(A, 1)
    given = (beta > 0, beta < 1)
    yield identity(
        "with alpha_bar_0 = 1 the mean is the clean image that the noise implies",
        mean_from_eps(x_t, eps_hat, beta, first), x_0_from_eps(x_t, eps_hat, first), given=given,
        wrong={"the noisy image scaled": x_t / sqrt(1 - beta),
               "noise not removed in full": (x_t - beta * eps_hat) / sqrt(1 - beta)},
    )
    noise, fresh = standard_normal("noise"), standard_normal("z")
    here = noised(x_0, 0, first) + sqrt(1 - first) * noise

    def residual(sigma: Expr) -> list[Expr]:
        result = (1 / sqrt(1 - beta)) * (here - sqrt(beta) * noise) + sigma * fresh
        return [result.mean, result.variance]

    yield identity(
        "with the true noise and z = 0 the clean image comes back without error",
        residual(0), [x_0, 0], given=given,
        wrong={"z not 0 and sigma^2 = beta_1": residual(sqrt(beta)),
               "the noise stays": [x_0, beta / (1 - beta)]},
    )
