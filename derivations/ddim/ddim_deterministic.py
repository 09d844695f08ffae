r"""DDIM's step without fresh noise: a deterministic map from x_T to the image.

    x_s = sqrt(alpha_bar_s) x_0_hat + sqrt(1 - alpha_bar_s) eps, eta = 0      arXiv 2010.02502, (12)
    x_s / sqrt(alpha_bar_s) = x_t / sqrt(alpha_bar_t) + (lambda_s - lambda_t) eps,
    lambda = sqrt((1 - alpha_bar) / alpha_bar)                                arXiv 2010.02502, (13)
"""

from sympy import Expr, Rational, sqrt

from derivations.claim import Checks, claim
from derivations.ddim.ddim import (
    LEVELS,
    PAPER,
    TWO_LEVELS,
    alpha_bar_s,
    alpha_bar_t,
    eps,
    eta,
    predicted_x_0,
    sigma_of_eta,
    step,
    x_t,
    z,
)
from derivations.ddim.ddim_step import coefficients
from derivations.prover.counterexample import differs
from derivations.prover.induction import Recursion, invariant
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import real

alpha_bar_r = real("alpha_bar_r")
BETWEEN = (*LEVELS, alpha_bar_r > 0, alpha_bar_r < 1, alpha_bar_r > alpha_bar_t,
           alpha_bar_s > alpha_bar_r)


def noise_level(alpha_bar: Expr) -> Expr:
    """lambda, the noise of x / sqrt(alpha_bar): sigma in DDIM's section 4.3."""
    return sqrt((1 - alpha_bar) / alpha_bar)


@claim(
    "ddim.eta-zero.deterministic",
    lines="314-315",
    verdict="holds",
    title="eta = 0 makes the step deterministic (supplied)",
    statement=(
        r"$\sigma(0)=0$: $x_s=\sqrt{\bar\alpha_s}\,\hat x_0+\sqrt{1-\bar\alpha_s}\,\epsilon$ "
        r"without fresh noise, so the sample is a function of $x_T$ and the network.  For "
        r"$0<\eta\le1$ and $s>0$ the fresh noise has a positive coefficient."
    ),
    assumptions=LEVELS,
    witness=TWO_LEVELS,
    sources=(f"{PAPER}, section 4.1",),
    code=("core.ddim.ddim_step",),
    depends_on=("ddim.step.coefficients", "ddim.sigma.eta"),
)
def eta_zero_deterministic() -> Checks:
    guess = predicted_x_0(x_t, eps, alpha_bar_t)
    none = sigma_of_eta(0, alpha_bar_s, alpha_bar_t)
    yield identity(
        "the step with sigma(0)",
        step(x_t, eps, z, alpha_bar_s, alpha_bar_t, none),
        sqrt(alpha_bar_s) * guess + sqrt(1 - alpha_bar_s) * eps,
        given=LEVELS,
        wrong={
            "fresh noise in place of eps": sqrt(alpha_bar_s) * guess + sqrt(1 - alpha_bar_s) * z,
            "x_t moved without x_0": sqrt(alpha_bar_s) * x_t + sqrt(1 - alpha_bar_s) * eps,
        },
    )
    variance = eta**2 * (1 - alpha_bar_s) / (1 - alpha_bar_t) * (1 - alpha_bar_t / alpha_bar_s)
    yield implies(
        "for eta > 0 noise is added",
        (*LEVELS, eta > 0, eta <= 1),
        variance > 0,
        wrong={"none is added": variance <= 0},
    )


@claim(
    "ddim.eta-zero.inverse",
    lines="314-315",
    verdict="holds",
    title="Encoding and decoding are inverse for a fixed noise (supplied)",
    statement=(
        r"With one and the same $\epsilon$ the deterministic step $t\to s$ followed by $s\to t$ "
        r"returns $x_t$.  A network predicts $\epsilon$ from the current image, so in practice the "
        r"two directions use different values and the inversion is only approximate."
    ),
    assumptions=(*LEVELS, "the same value of eps in both directions"),
    witness=TWO_LEVELS,
    sources=(f"{PAPER}, section 4.3",),
    code=("core.ddim.ddim_encode_step", "core.encoding.decode"),
    depends_on=("ddim.eta-zero.deterministic",),
)
def eta_zero_inverse() -> Checks:
    down = step(x_t, eps, z, alpha_bar_s, alpha_bar_t, 0)
    other = real("eps_s")
    back = sqrt(alpha_bar_t / alpha_bar_s) * (sqrt(1 - alpha_bar_s)) - sqrt(1 - alpha_bar_t)
    yield identity(
        "down and up again",
        step(down, eps, z, alpha_bar_t, alpha_bar_s, 0),
        x_t,
        given=LEVELS,
        wrong={"the point that was visited": down},
    )
    yield identity(
        "with another noise on the way back the error is proportional to the difference",
        step(down, other, z, alpha_bar_t, alpha_bar_s, 0),
        x_t + back * (eps - other),
        given=LEVELS,
        wrong={"no error": x_t, "the opposite sign": x_t - back * (eps - other)},
    )


@claim(
    "ddim.eta-zero.constant-eps",
    lines="314-315",
    verdict="holds",
    title="With a constant noise every chain is exact (supplied)",
    statement=(
        r"Where $\epsilon$ does not change along the chain, the deterministic step through $r$ is "
        r"the step past it, and after any number of steps $x=\sqrt{\bar\alpha}\,\hat "
        r"x_0+\sqrt{1-\bar\alpha}\,\epsilon$ with the first $\hat x_0$: the number of steps costs "
        r"nothing.  All error of a short chain comes from the change of $\epsilon$."
    ),
    assumptions=(*BETWEEN, "the same value of eps in every step"),
    witness={
        alpha_bar_t: Rational(1, 4), alpha_bar_r: Rational(1, 2), alpha_bar_s: Rational(3, 4)
    },
    sources=(f"{PAPER}, sections 4.1 and 4.3",),
    code=("core.ddim.ddim_step", "core.encoding.encode"),
    depends_on=("ddim.eta-zero.deterministic",),
)
def eta_zero_constant_eps() -> Checks:
    via = step(
        step(x_t, eps, z, alpha_bar_r, alpha_bar_t, 0), eps, z, alpha_bar_s, alpha_bar_r, 0
    )
    yield identity(
        "two steps by way of r are one step",
        via,
        step(x_t, eps, z, alpha_bar_s, alpha_bar_t, 0),
        given=BETWEEN,
        wrong={"the visited point": step(x_t, eps, z, alpha_bar_r, alpha_bar_t, 0)},
    )
    # The level as noise over signal, lambda^2: alpha_bar = 1 / (1 + lambda^2) in (0, 1).
    squared, signal, noise, start, w = real("lambda_squared signal noise lambda_squared_T w")
    a, b, _ = coefficients(1 / (1 + squared * w), 1 / (1 + squared), 0)
    # x = signal x_0 + noise eps: one step is linear in (x, eps).
    chain = Recursion(
        start={squared: start, signal: sqrt(1 / (1 + start)), noise: sqrt(start / (1 + start))},
        step={squared: squared * w, signal: a * signal, noise: a * noise + b},
        domain=(squared > 0,),
        inputs=(w > 0, w < 1),
        constants=(start > 0,),
    )
    level, first = 1 / (1 + squared), 1 / (1 + start)
    yield invariant(
        "the coefficients of x_0 and eps after any number of steps",
        chain,
        {signal: sqrt(level), noise: sqrt(1 - level)},
        wrong={
            "no square roots": {signal: level, noise: 1 - level},
            "the signal of the start": {signal: sqrt(first), noise: sqrt(1 - level)},
        },
    )


@claim(
    "ddim.eta-zero.euler",
    lines="314-315",
    verdict="holds",
    title="The deterministic step is an Euler step (supplied)",
    statement=(
        r"In $\bar x=x/\sqrt{\bar\alpha}$ and $\lambda=\sqrt{(1-\bar\alpha)/\bar\alpha}$ the step "
        r"with $\eta=0$ reads $\bar x_s=\bar x_t+(\lambda_s-\lambda_t)\,\epsilon$, exactly: an "
        r"Euler step of $d\bar x=\epsilon\,d\lambda$.  In $x$ itself it is not of that form."
    ),
    assumptions=LEVELS,
    witness=TWO_LEVELS,
    sources=(f"{PAPER}, eq. (13), (14)",),
    depends_on=("ddim.eta-zero.deterministic",),
)
def eta_zero_euler() -> Checks:
    x_s = step(x_t, eps, z, alpha_bar_s, alpha_bar_t, 0)
    change = noise_level(alpha_bar_s) - noise_level(alpha_bar_t)
    start = x_t / sqrt(alpha_bar_t)
    yield identity(
        "the update in the scaled coordinates",
        x_s / sqrt(alpha_bar_s),
        start + change * eps,
        given=LEVELS,
        wrong={
            "the opposite direction": start - change * eps,
            "lambda squared": start + eps * (
                noise_level(alpha_bar_s) ** 2 - noise_level(alpha_bar_t) ** 2
            ),
            "sqrt(1 - alpha_bar) for lambda": start + eps * (
                sqrt(1 - alpha_bar_s) - sqrt(1 - alpha_bar_t)
            ),
        },
    )
    yield differs(
        "in x itself the increment is not the change of sqrt(1 - alpha_bar) times eps",
        x_s - x_t,
        (sqrt(1 - alpha_bar_s) - sqrt(1 - alpha_bar_t)) * eps,
        given=LEVELS,
        at={**TWO_LEVELS, x_t: 1, eps: 0},
        wrong={"its own value": (sqrt(alpha_bar_s / alpha_bar_t) - 1) * x_t + eps * (
            sqrt(1 - alpha_bar_s) - sqrt(alpha_bar_s / alpha_bar_t) * sqrt(1 - alpha_bar_t))},
    )
