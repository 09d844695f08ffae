r"""DDIM's family of processes, written with alpha_bar for the paper's alpha (arXiv 2010.02502).

    q_sigma(x_s | x_t, x_0) = N(sqrt(alpha_bar_s) x_0 + sqrt(1 - alpha_bar_s - sigma^2) u, sigma^2)
    u = (x_t - sqrt(alpha_bar_t) x_0) / sqrt(1 - alpha_bar_t)                           DDIM (7)
    x_0 = (x_t - sqrt(1 - alpha_bar_t) eps) / sqrt(alpha_bar_t)                          DDIM (9)
    x_s = sqrt(alpha_bar_s) x_0 + sqrt(1 - alpha_bar_s - sigma^2) eps + sigma z         DDIM (12)
    sigma = eta sqrt((1 - alpha_bar_s) / (1 - alpha_bar_t)) sqrt(1 - alpha_bar_t / alpha_bar_s)
                                                                                        DDIM (16)

Everything is stated for one coordinate of the image: all covariances are multiples of I.
"""

from sympy import And, Expr, Rational, sqrt

from derivations.claim import Checks, claim
from derivations.prover.counterexample import counterexample
from derivations.prover.gaussian_forms import Form, standard_normal
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import Quantity, real

alpha_bar_s, alpha_bar_t = real("alpha_bar_s alpha_bar_t")
sigma, eta = real("sigma eta")
x_0, x_t, eps, z = real("x_0 x_t eps z")

# Two levels of one chain, s less noisy than t, and a noise that the family admits.  Each symbol
# has constant ends as well, although they follow, so that points can be drawn from them.
LEVELS = (
    alpha_bar_t > 0, alpha_bar_t < 1, alpha_bar_s > 0, alpha_bar_s < 1, alpha_bar_s > alpha_bar_t,
)
ADMISSIBLE = (*LEVELS, sigma >= 0, sigma < 1, sigma**2 < 1 - alpha_bar_s)
TWO_LEVELS = {alpha_bar_s: Rational(3, 4), alpha_bar_t: Rational(1, 2)}
WITNESS = {**TWO_LEVELS, sigma: Rational(1, 4)}
PAPER = "Song, Meng & Ermon, Denoising diffusion implicit models, arXiv 2010.02502"


def direction(alpha_bar_s: Expr, sigma: Expr) -> Expr:
    """The coefficient of the unit direction that points to x_t, DDIM (12)."""
    return sqrt(1 - alpha_bar_s - sigma**2)


def family_mean(
    x_0: Expr, x_t: Quantity, alpha_bar_s: Expr, alpha_bar_t: Expr, sigma: Expr
) -> Quantity:
    """The mean of q_sigma(x_s | x_t, x_0), DDIM (7)."""
    gain = direction(alpha_bar_s, sigma) / sqrt(1 - alpha_bar_t)
    return sqrt(alpha_bar_s) * x_0 + gain * (x_t - sqrt(alpha_bar_t) * x_0)


def predicted_x_0(x_t: Expr, eps: Expr, alpha_bar_t: Expr) -> Expr:
    """The clean image that x_t and a noise imply, DDIM (9)."""
    return (x_t - sqrt(1 - alpha_bar_t) * eps) / sqrt(alpha_bar_t)


def step(x_t: Expr, eps: Expr, z: Expr, alpha_bar_s: Expr, alpha_bar_t: Expr, sigma: Expr) -> Expr:
    """The update x_t -> x_s, DDIM (12)."""
    return (
        sqrt(alpha_bar_s) * predicted_x_0(x_t, eps, alpha_bar_t)
        + direction(alpha_bar_s, sigma) * eps
        + sigma * z
    )


def sigma_of_eta(eta: Expr, alpha_bar_s: Expr, alpha_bar_t: Expr) -> Expr:
    """The standard deviation between DDIM (eta = 0) and DDPM (eta = 1), DDIM (16)."""
    noise_ratio = sqrt((1 - alpha_bar_s) / (1 - alpha_bar_t))
    return eta * noise_ratio * sqrt(1 - alpha_bar_t / alpha_bar_s)


def pair_variance(alpha_bar_s: Quantity, alpha_bar_t: Quantity) -> Quantity:
    """beta_tilde of DDPM (7) for the pair s < t: beta_t replaced by 1 - alpha_bar_t/alpha_bar_s."""
    return (1 - alpha_bar_s) / (1 - alpha_bar_t) * (1 - alpha_bar_t / alpha_bar_s)


def ddpm_pair() -> tuple[Form, Form]:
    """x_s and x_t of DDPM's forward chain given x_0, as linear forms: DDPM (4), then (2)."""
    x_s = sqrt(alpha_bar_s) * x_0 + sqrt(1 - alpha_bar_s) * standard_normal("before s")
    ratio = alpha_bar_t / alpha_bar_s
    return x_s, sqrt(ratio) * x_s + sqrt(1 - ratio) * standard_normal("between s and t")


@claim(
    "ddim.section-empty",
    lines="314-315",
    verdict="incomplete",
    severity="misleading",
    title="The section on DDIM has no mathematics",
    statement=(
        r"A section is announced for the sampler of arXiv 2010.02502.  It states no formula, and "
        r"the listing below the heading is part of a network and of a noise schedule, neither of "
        r"which belongs to that paper; any diffusion sampler uses them.  It defines no process "
        r"$q_\sigma$, no $\sigma(\eta)$, no step and no sub-sequence of times."
    ),
    correction=(
        r"Name the section after its content, blocks of a U-Net, a timestep embedding and two "
        r"noise schedules, and give DDIM its own: the family of reverse processes (7), the update "
        r"(12), $\sigma_t(\eta)$ (16)."
    ),
    sources=(PAPER,),
    supplied_by=(
        "ddim.notation.alpha", "ddim.family.definition", "ddim.family.condition",
        "ddim.marginal.step", "ddim.marginal.every-step", "ddim.marginal.sub-sequence",
        "ddim.forward.kernel", "ddim.forward.not-markov", "ddim.objective.weight",
        "ddim.sigma.eta", "ddim.sigma.admissible", "ddim.eta-one.variance", "ddim.eta-one.kernel",
        "ddim.predicted-clean-image", "ddim.step.coefficients", "ddim.step.last",
        "ddim.step.without-cancellation",
        "ddim.eta-zero.deterministic", "ddim.eta-zero.inverse", "ddim.eta-zero.constant-eps",
        "ddim.eta-zero.euler", "ddim.sigma-hat.excess", "ddim.sigma-hat.inadmissible",
    ),
)
def section_empty() -> Checks:
    yield from ()


@claim(
    "ddim.notation.alpha",
    lines="314-315",
    verdict="holds",
    title="DDIM's alpha is DDPM's alpha-bar (supplied)",
    statement=(
        r"With DDIM's $\alpha_t$ read as $\bar\alpha_t=\prod_{i\le t}(1-\beta_i)$, DDIM's forward "
        r"kernel $\mathcal N\big(\sqrt{\alpha_t/\alpha_{t-1}}\,x_{t-1},(1-\alpha_t/\alpha_{t-1})I"
        r"\big)$ is DDPM's $\mathcal N(\sqrt{1-\beta_t}\,x_{t-1},\beta_tI)$.  With "
        r"$\alpha_t=1-\beta_t$ it is not."
    ),
    assumptions=(
        real("beta_t") > 0, real("beta_t") < 1, real("alpha_bar_prev") > 0,
        real("alpha_bar_prev") <= 1,
    ),
    witness={real("beta_t"): Rational(1, 50), real("alpha_bar_prev"): Rational(1, 2)},
    sources=(f"{PAPER}, section 2 and appendix C.2", "arXiv 2006.11239, eq. (2), (4)"),
)
def alpha_is_alpha_bar() -> Checks:
    beta, before, beta_before = real("beta_t alpha_bar_prev beta_prev")
    ratio = before * (1 - beta) / before
    yield identity(
        "the ratio of neighbouring alpha_bar gives both parameters of DDPM's kernel",
        (sqrt(ratio), 1 - ratio),
        (sqrt(1 - beta), beta),
        given=(beta > 0, beta < 1, before > 0, before <= 1, beta_before > 0, beta_before < 1),
        wrong={
            "alpha read as 1 - beta": (
                sqrt((1 - beta) / (1 - beta_before)), 1 - (1 - beta) / (1 - beta_before)
            ),
            "no square root in the mean": (1 - beta, beta),
        },
    )


@claim(
    "ddim.family.definition",
    lines="314-315",
    verdict="definition",
    severity="cosmetic",
    title="The non-Markovian family of inference processes (supplied)",
    statement=(
        r"$q_\sigma(x_{1:T}\mid x_0)=q_\sigma(x_T\mid x_0)\prod_{t=2}^{T}q_\sigma(x_{t-1}\mid x_t,"
        r"x_0)$ with $q_\sigma(x_T\mid x_0)=\mathcal N(\sqrt{\bar\alpha_T}x_0,(1-\bar\alpha_T)I)$ "
        r"and, for $s=t-1$ (or any $s<t$ of a chain), $q_\sigma(x_s\mid x_t,x_0)=\mathcal N\Big("
        r"\sqrt{\bar\alpha_s}x_0+\sqrt{1-\bar\alpha_s-\sigma_t^2}\,\frac{x_t-\sqrt{\bar\alpha_t}"
        r"x_0}{\sqrt{1-\bar\alpha_t}},\sigma_t^2I\Big)$, where $\sigma_t$ is free."
    ),
    assumptions=ADMISSIBLE,
    witness=WITNESS,
    sources=(f"{PAPER}, eq. (6), (7)",),
)
def family_definition() -> Checks:
    yield identity(
        "without noise in x_t the mean carries x_0 from one level to the next",
        family_mean(x_0, sqrt(alpha_bar_t) * x_0, alpha_bar_s, alpha_bar_t, sigma),
        sqrt(alpha_bar_s) * x_0,
        given=ADMISSIBLE,
        wrong={"the level of t": sqrt(alpha_bar_t) * x_0, "no square root": alpha_bar_s * x_0},
    )


@claim(
    "ddim.family.condition",
    lines="314-315",
    verdict="holds",
    title="Which standard deviations the family admits (supplied)",
    statement=(
        r"The mean of $q_\sigma(x_s\mid x_t,x_0)$ is real exactly for $\sigma^2\le1-\bar\alpha_s$: "
        r"that is the only restriction on $\sigma\ge0$.  At $s=0$ it leaves $\sigma=0$ alone."
    ),
    assumptions=(alpha_bar_t > 0, alpha_bar_s > alpha_bar_t, alpha_bar_s <= 1, sigma >= 0),
    witness=WITNESS,
    sources=(f"{PAPER}, eq. (7)",),
    depends_on=("ddim.family.definition",),
)
def family_condition() -> Checks:
    given = (alpha_bar_t > 0, alpha_bar_s > alpha_bar_t, alpha_bar_s <= 1, sigma >= 0)
    yield implies(
        "sigma^2 <= 1 - alpha_bar_s keeps the radicand non-negative and the divisor positive",
        (*given, sigma**2 <= 1 - alpha_bar_s),
        And(1 - alpha_bar_s - sigma**2 >= 0, 1 - alpha_bar_t > 0),
        wrong={"strictly positive": 1 - alpha_bar_s - sigma**2 > 0},
    )
    yield implies(
        "at s = 0 only sigma = 0 is left",
        (sigma >= 0, alpha_bar_s >= 1, alpha_bar_s <= 1, sigma**2 <= 1 - alpha_bar_s),
        sigma <= 0,
        wrong={"some noise is allowed": sigma > 0},
    )
    yield counterexample(
        "sigma^2 <= 1 - alpha_bar_t, the bound of the wrong level, is not enough",
        1 - alpha_bar_s - sigma**2 >= 0,
        given=(*given, sigma**2 <= 1 - alpha_bar_t),
        at={**TWO_LEVELS, sigma: Rational(3, 5)},
        wrong={"the divisor stays positive": 1 - alpha_bar_t > 0},
    )


