r"""Published samplers under different names that are one: which, and in which coordinates.

    x_{t-1} = (x_t - beta_t / sqrt(1 - alpha_bar_t) eps) / sqrt(alpha_t) + sqrt(beta_tilde) z
                                                       arXiv 2006.11239, (11) and algorithm 2
    x_s = a x_t + b eps + c z                                        arXiv 2010.02502, (12), (16)
    dx = -beta/2 (x + score) dt,  score = -eps / sqrt(1 - alpha_bar)     arXiv 2011.13456, (13)

The ancestral Euler sampler of k-diffusion works on x / sqrt(alpha_bar), whose noise level is
lambda = sqrt((1 - alpha_bar) / alpha_bar), with

    up   = eta lambda_s sqrt(lambda_t^2 - lambda_s^2) / lambda_t,   down = sqrt(lambda_s^2 - up^2)
    x_s / sqrt(alpha_bar_s) = x_t / sqrt(alpha_bar_t) + (down - lambda_t) eps + up z

azula's DDIM step has tau = 1 - (alpha_bar_t / alpha_bar_s) (1 - alpha_bar_s) / (1 - alpha_bar_t):

    x_s = sqrt(alpha_bar_s) x_0 + sqrt((1 - alpha_bar_s) (1 - eta tau)) eps
          + sqrt((1 - alpha_bar_s) eta tau) z
"""

from sympy import Expr, Rational, sqrt

from derivations.claim import Checks, claim
from derivations.ddim.ddim import (
    LEVELS,
    PAPER,
    TWO_LEVELS,
    alpha_bar_s,
    alpha_bar_t,
    direction,
    eps,
    eta,
    pair_variance,
    predicted_x_0,
    sigma_of_eta,
    step,
    x_t,
    z,
)
from derivations.ddim.ddim_deterministic import noise_level
from derivations.ddim.ddim_step import coefficients
from derivations.prover.normal_form import identity
from derivations.reverse.posterior import pair_coefficient_x_0, pair_coefficient_x_t
from derivations.symbols import real

DDPM = "arXiv 2006.11239"
SDE = "Song et al., arXiv 2011.13456"
ONE_NOISE = (*LEVELS, eta >= 0, eta <= 1)
HALF = {**TWO_LEVELS, eta: Rational(1, 2)}


def ancestral_step(x_t: Expr, eps: Expr, z: Expr, alpha_bar_s: Expr, alpha_bar_t: Expr) -> Expr:
    """DDPM algorithm 2 on a chain that visits s and t: (11), with beta of the pair."""
    ratio = alpha_bar_t / alpha_bar_s
    mean = (x_t - (1 - ratio) / sqrt(1 - alpha_bar_t) * eps) / sqrt(ratio)
    return mean + sqrt(pair_variance(alpha_bar_s, alpha_bar_t)) * z


def up(eta: Expr, alpha_bar_s: Expr, alpha_bar_t: Expr) -> Expr:
    """The noise that k-diffusion's ancestral step adds, in scaled coordinates."""
    high, low = noise_level(alpha_bar_t), noise_level(alpha_bar_s)
    return eta * low * sqrt(high**2 - low**2) / high


def down(eta: Expr, alpha_bar_s: Expr, alpha_bar_t: Expr) -> Expr:
    """The level that its Euler step goes down to before the noise is added."""
    return sqrt(noise_level(alpha_bar_s) ** 2 - up(eta, alpha_bar_s, alpha_bar_t) ** 2)


@claim(
    "ddim.same.ancestral-step",
    lines="314-315",
    verdict="holds",
    title="The ancestral step is DDIM's step with eta = 1 (supplied)",
    statement=(
        r"For every $x_t$, $\epsilon$ and $z$, DDPM's $x_s=\big(x_t-\frac{\beta}{\sqrt{1-\bar"
        r"\alpha_t}}\epsilon\big)/\sqrt{1-\beta}+\sqrt{\tilde\beta}\,z$ with $\beta=1-\bar\alpha_t/"
        r"\bar\alpha_s$ equals (12) with $\sigma(1)$; and it is the posterior mean at the "
        r"predicted $x_0$.  So one probe holds both families against one set of coefficients."
    ),
    assumptions=LEVELS,
    witness=TWO_LEVELS,
    sources=(f"{DDPM}, eq. (7), (11)", f"{PAPER}, section 4.1"),
    depends_on=("ddim.eta-one.kernel",),
)
def same_ancestral_step() -> Checks:
    a, b, c = coefficients(alpha_bar_s, alpha_bar_t, sigma_of_eta(1, alpha_bar_s, alpha_bar_t))
    stepped = ancestral_step(x_t, eps, z, alpha_bar_s, alpha_bar_t)
    guess = predicted_x_0(x_t, eps, alpha_bar_t)
    yield identity(
        "the coefficients of x_t, eps and z",
        (stepped.diff(x_t), stepped.diff(eps), stepped.diff(z)), (a, b, c), given=LEVELS,
        wrong={
            "eta = 0": coefficients(alpha_bar_s, alpha_bar_t, 0),
            "beta for beta_tilde": (a, b, sqrt(1 - alpha_bar_t / alpha_bar_s)),
            "sigma left out of the direction": (
                a, sqrt(1 - alpha_bar_s) - a * sqrt(1 - alpha_bar_t), c),
        },
    )
    yield identity(
        "its mean is the posterior mean at the predicted clean image",
        ancestral_step(x_t, eps, 0, alpha_bar_s, alpha_bar_t),
        pair_coefficient_x_0(alpha_bar_s, alpha_bar_t) * guess
        + pair_coefficient_x_t(alpha_bar_s, alpha_bar_t) * x_t,
        given=LEVELS,
        wrong={
            "the weights exchanged": (
                pair_coefficient_x_t(alpha_bar_s, alpha_bar_t) * guess
                + pair_coefficient_x_0(alpha_bar_s, alpha_bar_t) * x_t
            ),
        },
    )


@claim(
    "ddim.same.euler-ancestral",
    lines="314-315",
    verdict="holds",
    title="The ancestral Euler sampler is DDIM, eta for eta (supplied)",
    statement=(
        r"With $\lambda=\sqrt{(1-\bar\alpha)/\bar\alpha}$, $u=\eta\lambda_s\sqrt{\lambda_t^2-"
        r"\lambda_s^2}/\lambda_t$ and $d=\sqrt{\lambda_s^2-u^2}$, the step "
        r"$\frac{x_s}{\sqrt{\bar\alpha_s}}=\frac{x_t}{\sqrt{\bar\alpha_t}}"
        r"+(d-\lambda_t)\epsilon+uz$ is (12) with $\sigma(\eta)$, for every "
        r"$\eta\in[0,1]$: $\sqrt{\bar\alpha_s}\,u=\sigma(\eta)$ and $\sqrt{\bar\alpha_s}"
        r"\,d=\sqrt{1-\bar\alpha_s-\sigma^2}$."
    ),
    assumptions=ONE_NOISE,
    witness=HALF,
    sources=("k-diffusion, get_ancestral_step and sample_euler_ancestral", f"{PAPER}, (12), (16)"),
    depends_on=("ddim.step.coefficients", "ddim.eta-zero.euler"),
)
def same_euler_ancestral() -> Checks:
    deviation = sigma_of_eta(eta, alpha_bar_s, alpha_bar_t)
    raised = up(eta, alpha_bar_s, alpha_bar_t)
    yield identity(
        "the noise, squared, and the level below it, squared, in the coordinates of x",
        (alpha_bar_s * raised**2, alpha_bar_s * down(eta, alpha_bar_s, alpha_bar_t) ** 2),
        (deviation**2, 1 - alpha_bar_s - deviation**2),
        given=ONE_NOISE,
        wrong={
            "eta on the variance": (
                eta * pair_variance(alpha_bar_s, alpha_bar_t), 1 - alpha_bar_s - deviation**2),
            "down is the target level": (deviation**2, 1 - alpha_bar_s),
            "not scaled back": (
                deviation**2 / alpha_bar_s, (1 - alpha_bar_s - deviation**2) / alpha_bar_s),
        },
    )
    rest, turned = real("down direction")
    scaled = x_t / sqrt(alpha_bar_t) + (rest - noise_level(alpha_bar_t)) * eps + raised * z
    yield identity(
        "the whole step, with direction = sqrt(alpha_bar_s) down",
        (sqrt(alpha_bar_s) * scaled).subs(rest, turned / sqrt(alpha_bar_s)),
        step(x_t, eps, z, alpha_bar_s, alpha_bar_t, deviation).subs(
            direction(alpha_bar_s, deviation), turned),
        given=ONE_NOISE,
        wrong={
            "no noise": step(x_t, eps, 0, alpha_bar_s, alpha_bar_t, deviation).subs(
                direction(alpha_bar_s, deviation), turned),
        },
    )


@claim(
    "ddim.same.eta-of-the-variance",
    lines="314-315",
    verdict="holds",
    title="A step whose eta multiplies the variance is DDIM with its root (supplied)",
    statement=(
        r"With $\tau=1-\frac{\bar\alpha_t}{\bar\alpha_s}\frac{1-\bar\alpha_s}{1-\bar\alpha_t}$ one "
        r"has $(1-\bar\alpha_s)\tau=\tilde\beta$, so the step $\sqrt{\bar\alpha_s}\hat x_0+\sqrt{(1"
        r"-\bar\alpha_s)(1-\eta'\tau)}\,\epsilon+\sqrt{(1-\bar\alpha_s)\eta'\tau}\,z$ is (12) with "
        r"$\eta=\sqrt{\eta'}$: the same at 0 and at 1, and at $\eta'=\frac12$ it adds twice the "
        r"variance of $\eta=\frac12$."
    ),
    assumptions=ONE_NOISE,
    witness=HALF,
    sources=("azula, DDIMSampler", f"{PAPER}, eq. (16)"),
    depends_on=("ddim.sigma.eta",),
)
def same_eta_of_the_variance() -> Checks:
    tau = 1 - alpha_bar_t / alpha_bar_s * (1 - alpha_bar_s) / (1 - alpha_bar_t)
    deviation = sigma_of_eta(eta, alpha_bar_s, alpha_bar_t)
    yield identity(
        "with eta' = eta^2: the added variance, and the square of the direction",
        ((1 - alpha_bar_s) * eta**2 * tau, (1 - alpha_bar_s) * (1 - eta**2 * tau)),
        (deviation**2, 1 - alpha_bar_s - deviation**2),
        given=ONE_NOISE,
        wrong={
            "the same eta": (eta * deviation**2, 1 - alpha_bar_s - eta * deviation**2),
            "tau of the exchanged levels": (
                deviation**2 / (1 - alpha_bar_s), 1 - alpha_bar_s - deviation**2),
        },
    )
    yield identity(
        "the two variances at one half",
        ((1 - alpha_bar_s) * tau / 2,),
        (2 * sigma_of_eta(Rational(1, 2), alpha_bar_s, alpha_bar_t) ** 2,),
        given=LEVELS,
        wrong={"equal": (sigma_of_eta(Rational(1, 2), alpha_bar_s, alpha_bar_t) ** 2,)},
    )


@claim(
    "ddim.same.probability-flow",
    lines="314-315",
    verdict="holds",
    title="DDIM's deterministic step is Euler's for the probability-flow ODE (supplied)",
    statement=(
        r"Along $\frac{d\bar\alpha}{dt}=-\beta\bar\alpha$ the ODE $\frac{dx}{dt}=-\frac\beta2\big("
        r"x-\frac{\epsilon}{\sqrt{1-\bar\alpha}}\big)$ reads "
        r"$d\frac{x}{\sqrt{\bar\alpha}}=\epsilon\,d\lambda$, "
        r"$\lambda=\sqrt{(1-\bar\alpha)/\bar\alpha}$.  By ddim.eta-zero.euler the step "
        r"with $\eta=0$ is its Euler step in these coordinates; in $x$ and $t$ Euler's step is "
        r"another."
    ),
    assumptions=(real("beta") > 0, alpha_bar_t > 0, alpha_bar_t < 1),
    witness={real("beta"): 1, alpha_bar_t: Rational(1, 2)},
    sources=(f"{SDE}, eq. (13)", f"{PAPER}, section 4.3"),
    depends_on=("ddim.eta-zero.euler",),
)
def same_probability_flow() -> Checks:
    beta = real("beta")
    given = (beta > 0, alpha_bar_t > 0, alpha_bar_t < 1)
    change_of_level = -beta * alpha_bar_t
    change_of_x = -beta / 2 * (x_t - eps / sqrt(1 - alpha_bar_t))
    scaled = x_t / sqrt(alpha_bar_t)
    change = scaled.diff(x_t) * change_of_x + scaled.diff(alpha_bar_t) * change_of_level
    rate = noise_level(alpha_bar_t).diff(alpha_bar_t) * change_of_level
    yield identity(
        "the derivative of x / sqrt(alpha_bar) along the ODE, by the chain rule",
        change, eps * rate, given=given,
        wrong={
            "the other direction": -eps * rate,
            "the drift of the SDE, twice the score": eps * rate * 2,
            "sqrt(1 - alpha_bar) for lambda": (
                eps * sqrt(1 - alpha_bar_t).diff(alpha_bar_t) * change_of_level),
        },
    )
