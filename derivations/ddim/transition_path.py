r"""Several transitions in a row: they compose, and they tie x_s and x_t together.

    integral q(x_t | x_r) q(x_r | x_s) dx_r = q(x_t | x_s), s < r < t         Chapman-Kolmogorov
    Cov(x_s, x_t | x_0) = sqrt(alpha_bar_t / alpha_bar_s) (1 - alpha_bar_s)
"""

from sympy import Expr, Rational, sqrt

from derivations.claim import Checks, claim
from derivations.ddim.transition import (
    DDPM,
    PAIR,
    WITNESS,
    alpha_bar_s,
    alpha_bar_t,
    noised,
    transition_mean,
    transition_variance,
    x_0,
    x_s,
)
from derivations.forward.marginal_joint import joint_covariance
from derivations.prover.gaussian_forms import Form, condition, covariance, standard_normal
from derivations.prover.normal_form import identity
from derivations.symbols import real

alpha_bar_r = real("alpha_bar_r")
CHAIN = (
    *PAIR, alpha_bar_r > 0, alpha_bar_r < 1, alpha_bar_r > alpha_bar_t, alpha_bar_s > alpha_bar_r,
)


@claim(
    "multistep.composition",
    lines="444",
    verdict="holds",
    title="Transitions compose (supplied)",
    statement=(
        r"For $s<r<t$, a draw of $x_r$ given $x_s$ followed by one of $x_t$ given $x_r$ is a draw "
        r"of $x_t$ given $x_s$; and a draw of $x_s$ given $x_0$ followed by one of $x_t$ given "
        r"$x_s$ is a draw from $\mathcal N(\sqrt{\bar\alpha_t}x_0,1-\bar\alpha_t)$."
    ),
    assumptions=CHAIN,
    witness={**WITNESS, alpha_bar_r: Rational(2, 3)},
    sources=(f"{DDPM}, eq. (2), (4)", "the Chapman-Kolmogorov equation"),
    code=("core.forward.q_transition",),
    depends_on=("multistep.transition",),
)
def composition() -> Checks:
    def moved(x: Form, level: Expr, later: Expr, name: str) -> Form:
        deviation = sqrt(transition_variance(level, later))
        mean = transition_mean(1, level, later) * x
        x_later: Form = mean + deviation * standard_normal(name)
        return x_later

    x_r = transition_mean(x_s, alpha_bar_s, alpha_bar_r) + sqrt(
        transition_variance(alpha_bar_s, alpha_bar_r)) * standard_normal("z_r")
    x_t = moved(x_r, alpha_bar_r, alpha_bar_t, "z_t")
    mean = transition_mean(x_s, alpha_bar_s, alpha_bar_t)
    yield identity(
        "by way of r and directly",
        (x_t.mean, x_t.variance),
        (mean, transition_variance(alpha_bar_s, alpha_bar_t)),
        given=CHAIN,
        wrong={
            "the variances added": (mean, transition_variance(alpha_bar_s, alpha_bar_r)
                                    + transition_variance(alpha_bar_r, alpha_bar_t)),
            "the variance of the second part": (
                mean, transition_variance(alpha_bar_r, alpha_bar_t)
            ),
        },
    )
    from_clean = moved(
        noised(x_0, standard_normal("eps"), alpha_bar_r), alpha_bar_r, alpha_bar_t, "z_t"
    )
    yield identity(
        "from x_0 by way of r",
        (from_clean.mean, from_clean.variance),
        (sqrt(alpha_bar_t) * x_0, 1 - alpha_bar_t),
        given=CHAIN,
        wrong={"the transition's variance": (
            sqrt(alpha_bar_t) * x_0, transition_variance(alpha_bar_r, alpha_bar_t))},
    )


@claim(
    "multistep.covariance",
    lines="444",
    verdict="holds",
    title="Separate draws are not a path of the chain (supplied)",
    statement=(
        r"Drawing $x_s$ and then the transition keeps the chain's "
        r"$\mathrm{Cov}(x_s,x_t\mid x_0)=\sqrt{\bar\alpha_t/\bar\alpha_s}\,(1-\bar\alpha_s)$ "
        r"(marginal.joint-covariance).  Two separate one-step draws with fresh noises "
        r"have the right marginals and covariance 0: they are not a path of the chain.  "
        r"Given $x_s$, $x_t$ does not depend on $x_0$."
    ),
    assumptions=(*PAIR, alpha_bar_s < 1),
    witness=WITNESS,
    sources=(f"{DDPM}, eq. (2), (4)",),
    depends_on=("marginal.joint-covariance", "multistep.transition"),
)
def path_covariance() -> Checks:
    given = (*PAIR, alpha_bar_s < 1)
    early = noised(x_0, standard_normal("eps"), alpha_bar_s)
    late = transition_mean(1, alpha_bar_s, alpha_bar_t) * early + sqrt(
        transition_variance(alpha_bar_s, alpha_bar_t)) * standard_normal("z")
    separate = noised(x_0, standard_normal("other"), alpha_bar_t)
    yield identity(
        "the covariance with a transition from the drawn x_s, and of separate draws",
        (covariance(early, late), covariance(early, separate)),
        (joint_covariance(alpha_bar_s, alpha_bar_t), 0),
        given=given,
        wrong={
            "separate draws as a path": (0, 0),
            "the same noise in both": (sqrt((1 - alpha_bar_s) * (1 - alpha_bar_t)), 0),
        },
    )
    mean, variance = condition(late, early, x_s)
    yield identity(
        "given x_s the law of x_t is the transition, whatever x_0",
        (mean, variance),
        (transition_mean(x_s, alpha_bar_s, alpha_bar_t),
         transition_variance(alpha_bar_s, alpha_bar_t)),
        given=given,
        wrong={"the marginal": (sqrt(alpha_bar_t) * x_0, 1 - alpha_bar_t)},
    )
