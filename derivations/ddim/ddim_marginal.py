r"""What DDIM's family keeps: the marginals, at every step and along every chain.

    q_sigma(x_t | x_0) = N(sqrt(alpha_bar_t) x_0, 1 - alpha_bar_t) for every sigma and every t
                                                          arXiv 2010.02502, Lemma 1 (appendix B)
"""

from sympy import Expr, Rational, sqrt

from derivations.claim import Checks, claim
from derivations.ddim.ddim import (
    ADMISSIBLE,
    LEVELS,
    PAPER,
    WITNESS,
    alpha_bar_s,
    alpha_bar_t,
    direction,
    family_mean,
    sigma,
    x_0,
)
from derivations.prover.counterexample import differs
from derivations.prover.gaussian_forms import Form, covariance, standard_normal
from derivations.prover.induction import Recursion, invariant
from derivations.prover.normal_form import identity
from derivations.symbols import real

alpha_bar_r, rho, rho_r = real("alpha_bar_r rho rho_r")
CHAIN = (
    *LEVELS, alpha_bar_r > 0, alpha_bar_r < 1, alpha_bar_r > alpha_bar_t, alpha_bar_s > alpha_bar_r,
    rho >= 0, rho < 1, rho_r >= 0, rho_r < 1,
)


def noised(alpha_bar: Expr) -> Form:
    """x_t given x_0 as a linear form: the marginal that the family starts from."""
    x_t: Form = sqrt(alpha_bar) * x_0 + sqrt(1 - alpha_bar) * standard_normal("eps")
    return x_t


def drawn(x_later: Form, level_s: Expr, level_t: Expr, deviation: Expr, name: str) -> Form:
    """x_s drawn from q_sigma(x_s | x_t, x_0) with a fresh noise of this name."""
    mean = family_mean(x_0, x_later, level_s, level_t, deviation)
    x_s: Form = mean + deviation * standard_normal(name)
    return x_s


@claim(
    "ddim.marginal.step",
    lines="314-315",
    verdict="holds",
    title="One step of the family keeps the marginal (supplied)",
    statement=(
        r"If $x_t\mid x_0\sim\mathcal N(\sqrt{\bar\alpha_t}x_0,1-\bar\alpha_t)$ and $x_s\sim "
        r"q_\sigma(x_s\mid x_t,x_0)$, then $x_s\mid x_0\sim\mathcal N(\sqrt{\bar\alpha_s}x_0,1-\bar"
        r"\alpha_s)$, for every admissible $\sigma$ and every $s<t$, neighbours or not; $s=0$ "
        r"gives $x_0$."
    ),
    assumptions=ADMISSIBLE,
    witness=WITNESS,
    sources=(f"{PAPER}, Lemma 1",),
    code=("core.ddim.ddim_step",),
    depends_on=("ddim.family.definition",),
)
def marginal_step() -> Checks:
    x_next = drawn(noised(alpha_bar_t), alpha_bar_s, alpha_bar_t, sigma, "z")
    yield identity(
        "mean and variance of x_s given x_0",
        (x_next.mean, x_next.variance),
        (sqrt(alpha_bar_s) * x_0, 1 - alpha_bar_s),
        given=ADMISSIBLE,
        wrong={
            "the noise is added on top": (sqrt(alpha_bar_s) * x_0, 1 - alpha_bar_s + sigma**2),
            "no square root in the mean": (alpha_bar_s * x_0, 1 - alpha_bar_s),
            "the level of t": (sqrt(alpha_bar_t) * x_0, 1 - alpha_bar_t),
        },
    )
    largest = drawn(noised(alpha_bar_t), alpha_bar_s, alpha_bar_t, sqrt(1 - alpha_bar_s), "z")
    yield identity(
        "at the largest sigma, sigma^2 = 1 - alpha_bar_s, too",
        (largest.mean, largest.variance),
        (sqrt(alpha_bar_s) * x_0, 1 - alpha_bar_s),
        given=LEVELS,
        wrong={"no square root in the mean": (alpha_bar_s * x_0, 1 - alpha_bar_s)},
    )
    clean = drawn(noised(alpha_bar_t), 1, alpha_bar_t, 0, "z")
    yield identity(
        "at s = 0 the step returns x_0 itself",
        (clean.mean, clean.variance),
        (x_0, 0),
        given=(alpha_bar_t > 0, alpha_bar_t < 1),
        wrong={"some noise is left": (x_0, 1 - alpha_bar_t)},
    )


@claim(
    "ddim.marginal.every-step",
    lines="314-315",
    verdict="holds",
    title="Every marginal of the family is DDPM's (supplied)",
    statement=(
        r"Start from $x_T\mid x_0\sim\mathcal N(\sqrt{\bar\alpha_T}x_0,1-\bar\alpha_T)$ and step "
        r"down any number of times, each time to any larger $\bar\alpha<1$ with any admissible "
        r"$\sigma$: after every step $x\mid x_0\sim\mathcal N(\sqrt{\bar\alpha}x_0,1-\bar\alpha)$."
    ),
    assumptions=(
        "each step goes to a level strictly between its own and 1, with a fresh noise",
        "sigma = rho sqrt(1 - alpha_bar of the new level), 0 <= rho < 1; rho = 1 and the last step "
        "to alpha_bar = 1 are ddim.marginal.step",
    ),
    sources=(f"{PAPER}, Lemma 1 and appendix B",),
    code=("core.samplers.sample",),
    depends_on=("ddim.marginal.step",),
)
def marginal_every_step() -> Checks:
    # The state is rest = 1 - alpha_bar: a step up is a factor in (0, 1), whose signs are plain.
    rest, mean, variance = real("one_minus_alpha_bar mean_coefficient variance")
    start, factor = real("one_minus_alpha_bar_T factor")
    after = factor * rest
    added = rho * sqrt(after)
    gain = sqrt(after - added**2) / sqrt(rest)
    chain = Recursion(
        start={rest: start, mean: sqrt(1 - start), variance: start},
        step={
            rest: after,
            mean: sqrt(1 - after) + gain * (mean - sqrt(1 - rest)),
            variance: gain**2 * variance + added**2,
        },
        domain=(rest > 0, rest < 1),
        inputs=(factor > 0, factor < 1, rho >= 0, rho < 1),
        constants=(start > 0, start < 1),
    )
    yield invariant(
        "the mean coefficient is sqrt(alpha_bar) and the variance 1 - alpha_bar, kept by each step",
        chain,
        {mean: sqrt(1 - rest), variance: rest},
        wrong={
            "no square root": {mean: 1 - rest, variance: rest},
            "the first level stays": {mean: sqrt(1 - start), variance: start},
            "a standard deviation": {mean: sqrt(1 - rest), variance: sqrt(rest)},
        },
    )


@claim(
    "ddim.marginal.sub-sequence",
    lines="314-315",
    verdict="holds",
    title="Skipping levels keeps the marginals (supplied)",
    statement=(
        r"For a strictly decreasing chain $\tau_S>\dots>\tau_1$ the marginal of $x_{\tau_i}$ given "
        r"$x_0$ is that of the full chain: a visit to $r$ between $s<r<t$, with any admissible "
        r"$\sigma_r$, $\sigma$, changes neither mean nor variance of $x_s$."
    ),
    assumptions=(*CHAIN, "sigma^2 = rho^2 (1 - alpha_bar_s), and the same for sigma_r and rho_r"),
    witness={
        alpha_bar_t: Rational(1, 4), alpha_bar_r: Rational(1, 2), alpha_bar_s: Rational(3, 4),
        rho: Rational(1, 4), rho_r: Rational(1, 4),
    },
    sources=(f"{PAPER}, section 4.2 and appendix C.1",),
    code=("core.denoiser.respaced_schedule", "core.denoiser.respace"),
    depends_on=("ddim.marginal.every-step",),
)
def marginal_sub_sequence() -> Checks:
    sigma_r, sigma_s = rho_r * sqrt(1 - alpha_bar_r), rho * sqrt(1 - alpha_bar_s)
    visited = drawn(noised(alpha_bar_t), alpha_bar_r, alpha_bar_t, sigma_r, "z_r")
    via = drawn(visited, alpha_bar_s, alpha_bar_r, sigma_s, "z_s")
    skipping = drawn(noised(alpha_bar_t), alpha_bar_s, alpha_bar_t, sigma_s, "z_s")
    yield identity(
        "by way of r and without it",
        (via.mean, via.variance),
        (skipping.mean, skipping.variance),
        given=CHAIN,
        wrong={
            "the visit leaves its noise": (skipping.mean, skipping.variance + sigma_r**2),
            "the visited level": (visited.mean, visited.variance),
        },
    )
    half = {rho: Rational(1, 4), rho_r: Rational(1, 4), **dict(zip(
        (alpha_bar_t, alpha_bar_r, alpha_bar_s),
        (Rational(1, 4), Rational(1, 2), Rational(3, 4)), strict=True,
    ))}
    x_later = noised(alpha_bar_t)
    yield differs(
        "only the marginals: the covariance with x_t does depend on the visit",
        covariance(via, x_later).subs(half),
        covariance(skipping, x_later).subs(half),
        wrong={"its own value": (
            direction(alpha_bar_s, sigma_s) / sqrt(1 - alpha_bar_r)
            * direction(alpha_bar_r, sigma_r) * sqrt(1 - alpha_bar_t)
        ).subs(half)},
    )
