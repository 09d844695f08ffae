r"""What else the choice of sigma decides: the forward kernel of the family, and its loss.

    q_sigma(x_t | x_s, x_0) by Bayes' rule; it depends on x_0 unless sigma = sigma(1)
                                                                      arXiv 2010.02502, (8)
    KL(q_sigma(x_s | x_t, x_0), p) = b^2 / (2 sigma^2) (eps - eps_hat)^2        Theorem 1
"""

from sympy import Eq, Expr, sqrt

from derivations.claim import Checks, claim
from derivations.ddim.ddim import (
    ADMISSIBLE,
    LEVELS,
    PAPER,
    TWO_LEVELS,
    WITNESS,
    alpha_bar_s,
    alpha_bar_t,
    direction,
    eps,
    family_mean,
    pair_variance,
    predicted_x_0,
    sigma,
    sigma_of_eta,
    x_0,
)
from derivations.ddim.ddim_marginal import drawn, noised
from derivations.prover.counterexample import differs
from derivations.prover.gaussian_forms import condition, expectation
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import real

x_s = real("x_s")


def forward_mean_and_variance() -> tuple[Expr, Expr]:
    """Parameters of q_sigma(x_t | x_s, x_0), from the joint law of x_s and x_t given x_0."""
    x_later = noised(alpha_bar_t)
    return condition(x_later, drawn(x_later, alpha_bar_s, alpha_bar_t, sigma, "z"), x_s)


@claim(
    "ddim.forward.kernel",
    lines="314-315",
    verdict="holds",
    title="The forward kernel of the family (supplied)",
    statement=(
        r"By Bayes' rule $q_\sigma(x_t\mid x_s,x_0)=\mathcal N\big(\sqrt{\bar\alpha_t}x_0+g(x_s-"
        r"\sqrt{\bar\alpha_s}x_0),\ \tfrac{1-\bar\alpha_t}{1-\bar\alpha_s}\sigma^2\big)$ with $g="
        r"\sqrt{(1-\bar\alpha_s-\sigma^2)(1-\bar\alpha_t)}/(1-\bar\alpha_s)$.  At $\sigma=0$ it is "
        r"deterministic."
    ),
    assumptions=ADMISSIBLE,
    witness=WITNESS,
    sources=(f"{PAPER}, eq. (8)",),
    depends_on=("ddim.marginal.step",),
)
def forward_kernel() -> Checks:
    mean, variance = forward_mean_and_variance()
    gain = sqrt((1 - alpha_bar_s - sigma**2) * (1 - alpha_bar_t)) / (1 - alpha_bar_s)
    centre = sqrt(alpha_bar_t) * x_0 + gain * (x_s - sqrt(alpha_bar_s) * x_0)
    ratio = (1 - alpha_bar_t) / (1 - alpha_bar_s)
    yield identity(
        "mean and variance of x_t given x_s and x_0",
        (mean, variance),
        (centre, ratio * sigma**2),
        given=ADMISSIBLE,
        wrong={
            "the variance of the reverse step": (centre, sigma**2),
            "a standard deviation": (centre, ratio * sigma),
            "a Markov mean": (sqrt(alpha_bar_t / alpha_bar_s) * x_s, ratio * sigma**2),
        },
    )


@claim(
    "ddim.forward.not-markov",
    lines="314-315",
    verdict="holds",
    title="The forward process is Markov for DDPM's sigma only (supplied)",
    statement=(
        r"The mean of $q_\sigma(x_t\mid x_s,x_0)$ depends on $x_0$ with the coefficient $\sqrt{\bar"
        r"\alpha_t}-g\sqrt{\bar\alpha_s}$, which is 0 exactly for $\sigma=\sigma(1)$.  For every "
        r"other $\sigma$, $x_t$ is not independent of $x_0$ given $x_s$."
    ),
    assumptions=ADMISSIBLE,
    witness=WITNESS,
    sources=(f"{PAPER}, section 3.1 and figure 1",),
    depends_on=("ddim.forward.kernel", "ddim.eta-one.variance"),
)
def forward_not_markov() -> Checks:
    mean, _ = forward_mean_and_variance()
    coefficient = mean.diff(x_0)
    yield identity(
        "at sigma(1) x_0 drops out of the forward mean",
        coefficient.subs(sigma, sigma_of_eta(1, alpha_bar_s, alpha_bar_t)),
        0,
        given=LEVELS,
        wrong={"the coefficient without x_s": sqrt(alpha_bar_t)},
    )
    # coefficient = 0 says g = sqrt(alpha_bar_t / alpha_bar_s); both are positive, so square it.
    squared = (1 - alpha_bar_s - sigma**2) * (1 - alpha_bar_t) * alpha_bar_s
    yield implies(
        "x_0 drops out for no other variance",
        (*ADMISSIBLE, Eq(squared, alpha_bar_t * (1 - alpha_bar_s) ** 2)),
        Eq(sigma**2, pair_variance(alpha_bar_s, alpha_bar_t)),
        wrong={
            "the variance of the forward step": Eq(sigma**2, 1 - alpha_bar_t / alpha_bar_s),
            "sigma = 0": Eq(sigma, 0),
        },
    )
    yield differs(
        "at sigma = 0 the coefficient is not 0",
        coefficient.subs(sigma, 0),
        0,
        given=LEVELS,
        at=TWO_LEVELS,
        wrong={"its own value": sqrt(alpha_bar_t) - sqrt(alpha_bar_s) * sqrt(1 - alpha_bar_t)
               / sqrt(1 - alpha_bar_s)},
    )


@claim(
    "ddim.objective.weight",
    lines="314-315",
    verdict="holds",
    title="The family is trained by a weighted noise loss (supplied)",
    statement=(
        r"For $\sigma>0$ and a model $p=q_\sigma(x_s\mid x_t,\hat x_0)$ with $\hat x_0$ predicted "
        r"from $\hat\epsilon$: $\mathrm{KL}(q_\sigma(x_s\mid x_t,x_0)\,\|\,p)=\gamma\,(\epsilon-"
        r"\hat\epsilon)^2$ per coordinate, $\gamma=b^2/(2\sigma^2)$ with $b=\sqrt{1-\bar\alpha_s-"
        r"\sigma^2}-\sqrt{\bar\alpha_s/\bar\alpha_t}\sqrt{1-\bar\alpha_t}$.  The objective is "
        r"DDPM's loss with other weights, so a network free to choose its output at every "
        r"$(x_t,t)$ has one optimum for every $\sigma>0$ (reverse.objective.minimiser); that a "
        r"shared, finite network serves all of them is practice, not theorem."
    ),
    assumptions=(*ADMISSIBLE, sigma > 0),
    witness=WITNESS,
    sources=(f"{PAPER}, Theorem 1",),
    depends_on=("ddim.family.definition", "reverse.objective.minimiser"),
)
def objective_weight() -> Checks:
    x, eps_hat = real("x eps_hat")
    given = (*ADMISSIBLE, sigma > 0)
    x_later = sqrt(alpha_bar_t) * x_0 + sqrt(1 - alpha_bar_t) * eps
    m_q = family_mean(x_0, x_later, alpha_bar_s, alpha_bar_t, sigma)
    x_0_hat = predicted_x_0(x_later, eps_hat, alpha_bar_t)
    m_p = family_mean(x_0_hat, x_later, alpha_bar_s, alpha_bar_t, sigma)
    # log q - log p: the normalisers agree, both kernels having the variance sigma^2.
    log_ratio = ((x - m_p) ** 2 - (x - m_q) ** 2) / (2 * sigma**2)
    removed = sqrt(alpha_bar_s / alpha_bar_t) * sqrt(1 - alpha_bar_t)
    b = direction(alpha_bar_s, sigma) - removed
    error = (eps - eps_hat) ** 2
    yield identity(
        "the divergence of the two kernels, from its definition",
        expectation(log_ratio, x, m_q, sigma**2),
        b**2 / (2 * sigma**2) * error,
        given=given,
        wrong={
            "the weight of the predicted clean image": error / (2 * sigma**2 * alpha_bar_t),
            "no factor one half": b**2 / sigma**2 * error,
            "the direction left out": removed**2 / (2 * sigma**2) * error,
        },
    )
    yield implies(
        "the weight is not 0: the removed part is larger than the direction",
        given,
        removed**2 > 1 - alpha_bar_s - sigma**2,
        wrong={"twice as large": removed**2 > 2 * (1 - alpha_bar_s)},
    )
