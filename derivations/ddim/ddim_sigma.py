r"""How much noise a DDIM step adds: sigma(eta), its two ends, and the larger sigma-hat.

    sigma(eta) = eta sqrt((1 - alpha_bar_s) / (1 - alpha_bar_t)) sqrt(1 - alpha_bar_t/alpha_bar_s)
                                                                        arXiv 2010.02502, (16)
    sigma(1)^2 = beta_tilde                                              arXiv 2006.11239, (7)
    sigma_hat^2 = 1 - alpha_bar_t / alpha_bar_s                 arXiv 2010.02502, section 5
"""

from fractions import Fraction

from sympy import Expr, Rational, sqrt

from derivations.claim import Checks, claim
from derivations.ddim.ddim import (
    LEVELS,
    PAPER,
    TWO_LEVELS,
    alpha_bar_s,
    alpha_bar_t,
    ddpm_pair,
    eta,
    family_mean,
    pair_variance,
    sigma_of_eta,
    x_0,
    x_t,
)
from derivations.prover.counterexample import counterexample
from derivations.prover.execution import evaluates
from derivations.prover.gaussian_forms import condition, standard_normal
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.schedule.schedule import alpha_bars, linear_betas
from derivations.symbols import real


@claim(
    "ddim.sigma.eta",
    lines="314-315",
    verdict="holds",
    title="eta multiplies the standard deviation, not the variance (supplied)",
    statement=(
        r"$\sigma(\eta)=\eta\sqrt{\frac{1-\bar\alpha_s}{1-\bar\alpha_t}}\sqrt{1-\frac{\bar\alpha_t}"
        r"{\bar\alpha_s}}$, so the variance that a step adds is $\sigma(\eta)^2=\eta^2\tilde\beta$ "
        r"with $\tilde\beta=\frac{1-\bar\alpha_s}{1-\bar\alpha_t}\big(1-\frac{\bar\alpha_t}"
        r"{\bar\alpha_s}\big)$; $\eta=\tfrac12$ leaves a quarter of DDPM's variance."
    ),
    assumptions=LEVELS,
    witness=TWO_LEVELS,
    sources=(f"{PAPER}, eq. (16)",),
    code=("core.ddim.ddim_sigma",),
)
def sigma_eta() -> Checks:
    beta_tilde = pair_variance(alpha_bar_s, alpha_bar_t)
    yield identity(
        "the square of sigma(eta) is eta squared times the posterior variance",
        sigma_of_eta(eta, alpha_bar_s, alpha_bar_t) ** 2,
        eta**2 * beta_tilde,
        given=LEVELS,
        wrong={
            "eta multiplies the variance": eta * beta_tilde,
            "the levels exchanged": eta**2 * pair_variance(alpha_bar_t, alpha_bar_s),
            "beta in place of beta_tilde": eta**2 * (1 - alpha_bar_t / alpha_bar_s),
        },
    )


@claim(
    "ddim.sigma.admissible",
    lines="314-315",
    verdict="holds",
    title="Every eta in [0, 1] is admissible (supplied)",
    statement=(
        r"For $0\le\eta\le1$ and $0<\bar\alpha_t<\bar\alpha_s<1$ one has $\sigma(\eta)^2<1-\bar"
        r"\alpha_s$ strictly, so the square root of the step is positive; $\eta$ may exceed 1 only "
        r"up to $\eta^2\le\bar\alpha_s(1-\bar\alpha_t)/(\bar\alpha_s-\bar\alpha_t)$."
    ),
    assumptions=(*LEVELS, eta >= 0, eta <= 1),
    witness={**TWO_LEVELS, eta: Rational(1, 2)},
    sources=(f"{PAPER}, eq. (16)",),
    depends_on=("ddim.sigma.eta", "ddim.family.condition"),
)
def sigma_admissible() -> Checks:
    variance = eta**2 * pair_variance(alpha_bar_s, alpha_bar_t)
    yield implies(
        "sigma(eta)^2 stays below 1 - alpha_bar_s",
        (*LEVELS, eta >= 0, eta <= 1),
        variance < 1 - alpha_bar_s,
        wrong={
            "below half of it": variance < (1 - alpha_bar_s) / 2,
            "below a quarter of 1 - alpha_bar_t": variance < (1 - alpha_bar_t) / 4,
        },
    )
    largest = alpha_bar_s * (1 - alpha_bar_t) / (alpha_bar_s - alpha_bar_t)
    yield implies(
        "beyond the stated end the radicand is negative",
        (*LEVELS, eta > 1, eta**2 > largest),
        variance > 1 - alpha_bar_s,
        wrong={"it is still non-negative": variance <= 1 - alpha_bar_s},
    )
    yield implies(
        "that end lies above 1",
        LEVELS, largest > 1, wrong={"above 2": largest > 2},
    )


@claim(
    "ddim.eta-one.variance",
    lines="314-315",
    verdict="holds",
    title="eta = 1 has the variance of DDPM's posterior (supplied)",
    statement=(
        r"$\sigma(1)^2=\mathrm{Var}(x_s\mid x_t,x_0)$ in DDPM's forward chain, and for $s=t-1$ it "
        r"is $\tilde\beta_t=\frac{1-\bar\alpha_{t-1}}{1-\bar\alpha_t}\beta_t$."
    ),
    assumptions=LEVELS,
    witness=TWO_LEVELS,
    sources=(f"{PAPER}, section 4.1", "arXiv 2006.11239, eq. (7)"),
    code=("core.ddim.ddim_sigma",),
    depends_on=("ddim.sigma.eta",),
)
def eta_one_variance() -> Checks:
    x_s, x_later = ddpm_pair()
    _, variance = condition(x_s, x_later, x_t)
    yield identity(
        "sigma(1)^2 is the Schur complement of the pair (x_s, x_t)",
        variance,
        sigma_of_eta(1, alpha_bar_s, alpha_bar_t) ** 2,
        given=LEVELS,
        wrong={
            "the variance of the forward step": 1 - alpha_bar_t / alpha_bar_s,
            "divided by 1 - alpha_bar_s": (
                (1 - alpha_bar_t) / (1 - alpha_bar_s) * (1 - alpha_bar_t / alpha_bar_s)
            ),
            "the standard deviation": sigma_of_eta(1, alpha_bar_s, alpha_bar_t),
        },
    )
    beta = real("beta_t")
    neighbour = {alpha_bar_t: alpha_bar_s * (1 - beta)}
    yield identity(
        "for neighbours it is beta_tilde",
        sigma_of_eta(1, alpha_bar_s, alpha_bar_t).subs(neighbour) ** 2,
        (1 - alpha_bar_s) / (1 - alpha_bar_s * (1 - beta)) * beta,
        given=(alpha_bar_s > 0, alpha_bar_s < 1, beta > 0, beta < 1),
        wrong={"beta itself": beta},
    )


@claim(
    "ddim.eta-one.kernel",
    lines="314-315",
    verdict="holds",
    title="eta = 1 is DDPM's posterior, mean included (supplied)",
    statement=(
        r"With $\sigma=\sigma(1)$ the root in the mean is $\sqrt{1-\bar\alpha_s-\sigma^2}="
        r"\sqrt{\bar\alpha_t/\bar\alpha_s}\,(1-\bar\alpha_s)/\sqrt{1-\bar\alpha_t}$, and "
        r"$q_\sigma(x_s\mid x_t,x_0)$ is $q(x_s\mid x_t,x_0)$ of DDPM's chain: same mean, same "
        r"variance, hence the same kernel."
    ),
    assumptions=LEVELS,
    witness=TWO_LEVELS,
    sources=(f"{PAPER}, section 4.1", "arXiv 2006.11239, eq. (6), (7)"),
    code=("core.ddim.ddim_coefficients", "core.samplers.DDIM.step"),
    depends_on=("ddim.eta-one.variance",),
)
def eta_one_kernel() -> Checks:
    at_one = sigma_of_eta(1, alpha_bar_s, alpha_bar_t)
    root = sqrt(alpha_bar_t / alpha_bar_s) * (1 - alpha_bar_s) / sqrt(1 - alpha_bar_t)
    yield identity(
        "the radicand is a square",
        1 - alpha_bar_s - at_one**2,
        root**2,
        given=LEVELS,
        wrong={"without the ratio": (1 - alpha_bar_s) ** 2 / (1 - alpha_bar_t)},
    )
    x_s, x_later = ddpm_pair()
    mean, _ = condition(x_s, x_later, x_t)
    yield identity(
        "the mean of the family at sigma(1) is the conditional mean of DDPM's chain",
        mean,
        family_mean(x_0, x_t, alpha_bar_s, alpha_bar_t, at_one),
        given=LEVELS,
        wrong={
            "eta = 0": family_mean(x_0, x_t, alpha_bar_s, alpha_bar_t, 0),
            "alpha_bar without its root": family_mean(
                x_0, x_t, alpha_bar_s**2, alpha_bar_t, at_one
            ),
        },
    )


def sigma_hat_squared(alpha_bar_s: Expr, alpha_bar_t: Expr) -> Expr:
    """The larger variance, beta_t for neighbours: arXiv 2010.02502, section 5."""
    return 1 - alpha_bar_t / alpha_bar_s


@claim(
    "ddim.sigma-hat.excess",
    lines="314-315",
    verdict="holds",
    title="The larger noise sigma-hat breaks the marginals (supplied)",
    statement=(
        r"If the step keeps the mean of $\eta=1$ and adds noise of variance $\hat\sigma^2=1-\bar"
        r"\alpha_t/\bar\alpha_s$ (DDPM's $\beta_t$ for neighbours), then $\mathrm{Var}(x_s\mid x_0)"
        r"=1-\bar\alpha_s+\bar\alpha_s\frac{(1-\bar\alpha_t/\bar\alpha_s)^2}{1-\bar\alpha_t}$: "
        r"too large by the last term, at every step.  For small steps the term is of second order; "
        r"at $s=0$ it is $1-\bar\alpha_t$."
    ),
    assumptions=LEVELS,
    witness=TWO_LEVELS,
    sources=(f"{PAPER}, section 5", "arXiv 2006.11239, section 3.2"),
    depends_on=("ddim.eta-one.kernel",),
)
def sigma_hat_excess() -> Checks:
    x_later = sqrt(alpha_bar_t) * x_0 + sqrt(1 - alpha_bar_t) * standard_normal("eps")
    at_one = sigma_of_eta(1, alpha_bar_s, alpha_bar_t)
    hat = sqrt(sigma_hat_squared(alpha_bar_s, alpha_bar_t))
    x_s = family_mean(x_0, x_later, alpha_bar_s, alpha_bar_t, at_one) + hat * standard_normal("z")
    excess = alpha_bar_s * (1 - alpha_bar_t / alpha_bar_s) ** 2 / (1 - alpha_bar_t)
    yield identity(
        "the variance of x_s given x_0 after one step with sigma_hat",
        x_s.variance,
        1 - alpha_bar_s + excess,
        given=LEVELS,
        wrong={
            "the marginal is kept": 1 - alpha_bar_s,
            "the excess without its factor": 1 - alpha_bar_s + excess / alpha_bar_s,
        },
    )
    yield implies(
        "the excess is positive",
        LEVELS,
        excess > 0,
        wrong={"it exceeds 1 - alpha_bar_s": excess > 1 - alpha_bar_s},
    )
    yield identity(
        "the last step, s = 0, adds 1 - alpha_bar_t where nothing should be added",
        excess.subs(alpha_bar_s, 1),
        1 - alpha_bar_t,
        given=(alpha_bar_t > 0, alpha_bar_t < 1),
        wrong={"its square": (1 - alpha_bar_t) ** 2},
    )


@claim(
    "ddim.sigma-hat.inadmissible",
    lines="314-315",
    verdict="holds",
    title="sigma-hat is not always a member of the family (supplied)",
    statement=(
        r"$\hat\sigma^2=1-\bar\alpha_t/\bar\alpha_s$ satisfies $\hat\sigma^2\le1-\bar\alpha_s$ "
        r"exactly where $\bar\alpha_t\ge\bar\alpha_s^2$.  On the linear schedule with $T=1000$ and "
        r"$s=t-1$ it fails for $t=1$ and $t=2$: $1-\bar\alpha_1-\hat\sigma_2^2=-1.99\ldots\times"
        r"10^{-5}$, whose root is not real.  So $\hat\sigma$ must not stand inside that root."
    ),
    assumptions=LEVELS,
    witness=TWO_LEVELS,
    sources=(f"{PAPER}, section 5 and appendix D.3",),
    depends_on=("ddim.family.condition",),
)
def sigma_hat_inadmissible() -> Checks:
    radicand = 1 - alpha_bar_s - sigma_hat_squared(alpha_bar_s, alpha_bar_t)
    for reason, level, sign in (
        ("at alpha_bar_t >= alpha_bar_s^2 it is admissible", alpha_bar_t >= alpha_bar_s**2, 1),
        ("below alpha_bar_s^2 it is not", alpha_bar_t < alpha_bar_s**2, -1),
    ):
        yield implies(
            reason,
            (*LEVELS, level),
            radicand >= 0 if sign > 0 else radicand < 0,
            wrong={"the opposite": radicand < 0 if sign > 0 else radicand >= 0},
        )
    yield counterexample(
        "alpha_bar_t < alpha_bar_s does not make it admissible",
        radicand >= 0,
        given=LEVELS,
        wrong={"with sigma(1)": 1 - alpha_bar_s - pair_variance(alpha_bar_s, alpha_bar_t) >= 0},
    )

    def failing(power: int) -> tuple[int, ...]:
        # alpha_bar_t < alpha_bar_{t-1}^(power + 1), divided by alpha_bar_{t-1}.
        betas = linear_betas(1000)
        levels = alpha_bars(betas)
        return tuple(t for t in range(1, 1001) if 1 - betas[t - 1] < levels[t - 1] ** power)

    yield evaluates(
        "on the linear schedule with T = 1000 it fails for t = 1 and t = 2",
        lambda: failing(1),
        (1, 2),
        wrong={"the bound alpha_bar_s^3": lambda: failing(2)},
    )
    yield evaluates(
        "the radicand at t = 2 is beta_1 - beta_2",
        lambda: 1 - alpha_bars(linear_betas(1000)[:1])[1] - linear_betas(1000)[1],
        Fraction(-199, 9990000),
        wrong={"beta_1 in place of beta_2": lambda: (
            1 - alpha_bars(linear_betas(1000)[:1])[1] - linear_betas(1000)[0])},
    )
