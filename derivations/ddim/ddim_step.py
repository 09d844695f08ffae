r"""DDIM's step as it is computed: its three coefficients, and its ends.

    x_s = a x_t + b eps + c z,  a = sqrt(alpha_bar_s / alpha_bar_t),  c = sigma
    b = sqrt(1 - alpha_bar_s - sigma^2) - a sqrt(1 - alpha_bar_t)     arXiv 2010.02502, (12)
"""

from sympy import Expr, Rational, sqrt

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
    eta,
    family_mean,
    predicted_x_0,
    sigma,
    sigma_of_eta,
    step,
    x_t,
    z,
)
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies


def coefficients(alpha_bar_s: Expr, alpha_bar_t: Expr, sigma: Expr) -> tuple[Expr, ...]:
    """(a, b, c) of x_s = a x_t + b eps + c z, read off DDIM (12)."""
    a = sqrt(alpha_bar_s / alpha_bar_t)
    return a, direction(alpha_bar_s, sigma) - a * sqrt(1 - alpha_bar_t), sigma


@claim(
    "ddim.predicted-clean-image",
    lines="314-315",
    verdict="holds",
    title="The step in terms of a predicted clean image (supplied)",
    statement=(
        r"$\hat x_0=(x_t-\sqrt{1-\bar\alpha_t}\,\epsilon)/\sqrt{\bar\alpha_t}$ solves $x_t=\sqrt"
        r"{\bar\alpha_t}\hat x_0+\sqrt{1-\bar\alpha_t}\,\epsilon$, and the update $x_s=\sqrt{\bar"
        r"\alpha_s}\hat x_0+\sqrt{1-\bar\alpha_s-\sigma^2}\,\epsilon+\sigma z$ is a draw from $q_"
        r"\sigma(x_s\mid x_t,\hat x_0)$: $\epsilon$ is the unit direction from $\hat x_0$ to $x_t$."
    ),
    assumptions=ADMISSIBLE,
    witness=WITNESS,
    sources=(f"{PAPER}, eq. (9), (10), (12)",),
    code=("core.samplers.DDIM.step", "core.denoiser.Denoiser.__call__"),
    depends_on=("ddim.family.definition",),
)
def predicted_clean_image() -> Checks:
    guess = predicted_x_0(x_t, eps, alpha_bar_t)
    yield identity(
        "noising the predicted image with the same noise gives x_t back",
        sqrt(alpha_bar_t) * guess + sqrt(1 - alpha_bar_t) * eps,
        x_t,
        given=ADMISSIBLE,
        wrong={"divided by sqrt(alpha_bar) once more": x_t / sqrt(alpha_bar_t)},
    )
    yield identity(
        "the update is the family's mean at the predicted image, plus sigma z",
        step(x_t, eps, z, alpha_bar_s, alpha_bar_t, sigma),
        family_mean(guess, x_t, alpha_bar_s, alpha_bar_t, sigma) + sigma * z,
        given=ADMISSIBLE,
        wrong={
            "sigma left out of the root": (
                family_mean(guess, x_t, alpha_bar_s, alpha_bar_t, 0) + sigma * z
            ),
            "the variance as a deviation": (
                family_mean(guess, x_t, alpha_bar_s, alpha_bar_t, sigma) + sigma**2 * z
            ),
        },
    )


@claim(
    "ddim.step.coefficients",
    lines="314-315",
    verdict="holds",
    title="The step is affine in x_t, the noise prediction and the fresh noise (supplied)",
    statement=(
        r"$x_s=ax_t+b\epsilon+cz$ with $a=\sqrt{\bar\alpha_s/\bar\alpha_t}$, "
        r"$b=\sqrt{1-\bar\alpha_s-\sigma^2}-a\sqrt{1-\bar\alpha_t}$ and $c=\sigma$.  These three "
        r"numbers fix the step, and three probes read them off any implementation."
    ),
    assumptions=ADMISSIBLE,
    witness=WITNESS,
    sources=(f"{PAPER}, eq. (12)",),
    code=("core.ddim.ddim_coefficients", "core.ddim.ddim_step", "core.samplers.DDIM.step"),
    depends_on=("ddim.predicted-clean-image",),
)
def step_coefficients() -> Checks:
    a, b, c = coefficients(alpha_bar_s, alpha_bar_t, sigma)
    update = step(x_t, eps, z, alpha_bar_s, alpha_bar_t, sigma)
    removed = a * sqrt(1 - alpha_bar_t)
    yield identity(
        "the update and its three slopes",
        (update, update.diff(x_t), update.diff(eps), update.diff(z)),
        (a * x_t + b * eps + c * z, a, b, c),
        given=ADMISSIBLE,
        wrong={
            "the ratio without its root": (
                alpha_bar_s / alpha_bar_t * x_t + b * eps + c * z, a, b, c
            ),
            "b with the other sign": (a * x_t - b * eps + c * z, a, b, c),
            "only the removed part": (a * x_t - removed * eps + c * z, a, b, c),
            "the variance as a deviation": (a * x_t + b * eps + c**2 * z, a, b, c),
        },
    )


@claim(
    "ddim.step.without-cancellation",
    lines="314-315",
    verdict="holds",
    title="The noise coefficient without cancellation (supplied)",
    statement=(
        r"With $r=\bar\alpha_t/\bar\alpha_s$ and $\sigma=\sigma(\eta)$: $1-\bar\alpha_s-\sigma^2="
        r"\frac{1-\bar\alpha_s}{1-\bar\alpha_t}\big(r(1-\bar\alpha_s)+(1-\eta^2)(1-r)\big)$ and "
        r"$b=-\big(\sigma^2+\tfrac{1-r}{r}\big)\big/\big(\sqrt{1-\bar\alpha_s-\sigma^2}+\sqrt{(1-"
        r"\bar\alpha_t)/r}\big)$: sums of terms of one sign, so nothing cancels for close levels, "
        r"provided $1-r$ is itself formed without cancellation, as $\beta_t$ for neighbours or as "
        r"$((1-\bar\alpha_t)-(1-\bar\alpha_s))/\bar\alpha_s$ (multistep.without-cancellation).  In "
        r"particular $b<0$."
    ),
    assumptions=(*LEVELS, eta >= 0, eta <= 1),
    witness={**TWO_LEVELS, eta: Rational(1, 2)},
    sources=(f"{PAPER}, eq. (12), (16)",),
    code=("core.ddim.ddim_coefficients",),
    depends_on=(
        "ddim.step.coefficients", "ddim.sigma.eta", "multistep.without-cancellation",
    ),
)
def step_without_cancellation() -> Checks:
    ratio = alpha_bar_t / alpha_bar_s
    deviation = sigma_of_eta(eta, alpha_bar_s, alpha_bar_t)
    kept = ratio * (1 - alpha_bar_s) + (1 - eta**2) * (1 - ratio)
    squared = (1 - alpha_bar_s) * kept / (1 - alpha_bar_t)
    yield identity(
        "the radicand as a sum",
        1 - alpha_bar_s - deviation**2,
        squared,
        given=LEVELS,
        wrong={
            "eta for its square": (
                (1 - alpha_bar_s) * (ratio * (1 - alpha_bar_s) + (1 - eta) * (1 - ratio))
                / (1 - alpha_bar_t)
            ),
        },
    )
    _, b, _ = coefficients(alpha_bar_s, alpha_bar_t, sigma)
    total = direction(alpha_bar_s, sigma) + sqrt((1 - alpha_bar_t) / ratio)
    yield identity(
        "b times the sum of its two parts is a difference of squares",
        b * total,
        -(sigma**2 + (1 - ratio) / ratio),
        given=ADMISSIBLE,
        wrong={
            "sigma^2 subtracted": sigma**2 - (1 - ratio) / ratio,
            "not divided by the ratio": -(sigma**2 + (1 - ratio)),
        },
    )
    yield implies(
        "the terms are of one sign",
        (*LEVELS, eta >= 0, eta <= 1),
        kept > 0,
        wrong={"above 1 - ratio": kept > 1 - ratio},
    )


@claim(
    "ddim.step.last",
    lines="314-315",
    verdict="holds",
    title="The last step returns the predicted clean image (supplied)",
    statement=(
        r"At $s=0$, $\bar\alpha_0=1$, formula (16) gives $\sigma=0$ for every $\eta$, and the step "
        r"is $x_0=\hat x_0$: $a=1/\sqrt{\bar\alpha_t}$, $b=-\sqrt{(1-\bar\alpha_t)/\bar\alpha_t}$, "
        r"$c=0$."
    ),
    assumptions=(alpha_bar_t > 0, alpha_bar_t < 1),
    witness={alpha_bar_t: Rational(1, 2)},
    sources=(f"{PAPER}, eq. (12), (16)",),
    code=("core.ddim.ddim_coefficients", "core.samplers.sample"),
    depends_on=("ddim.step.coefficients",),
)
def step_last() -> Checks:
    given = (alpha_bar_t > 0, alpha_bar_t < 1)
    deviation = sigma_of_eta(eta, 1, alpha_bar_t)
    yield identity(
        "sigma, the step and its coefficients at alpha_bar_s = 1",
        (deviation, step(x_t, eps, z, 1, alpha_bar_t, deviation),
         *coefficients(1, alpha_bar_t, deviation)),
        (0, predicted_x_0(x_t, eps, alpha_bar_t),
         1 / sqrt(alpha_bar_t), -sqrt((1 - alpha_bar_t) / alpha_bar_t), 0),
        given=given,
        wrong={
            "x_t itself": (0, x_t, 1, 0, 0),
            "no rescaling": (
                0, x_t - sqrt(1 - alpha_bar_t) * eps, 1, -sqrt(1 - alpha_bar_t), 0
            ),
        },
    )
