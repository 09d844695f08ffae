r"""From one noising step to many: q(x_t | x_s) for any s < t.

    q(x_t | x_s) = N(sqrt(alpha_bar_t / alpha_bar_s) x_s, 1 - alpha_bar_t / alpha_bar_s)
                                     arXiv 2006.11239, (2) applied t - s times; (4) for s = 0
    x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) eps

Stated for one coordinate of the image: all covariances are multiples of I.
"""

from sympy import And, Expr, Rational, sqrt

from derivations.claim import Checks, claim
from derivations.prover.execution import evaluates
from derivations.prover.gaussian_forms import standard_normal
from derivations.prover.induction import Recursion, invariant
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.schedule.schedule import alpha_bars, linear_betas
from derivations.symbols import Quantity, real

alpha_bar_s, alpha_bar_t = real("alpha_bar_s alpha_bar_t")
x_0, x_s = real("x_0 x_s")
# Each level has constant ends as well, so that points can be drawn from them.
PAIR = (
    alpha_bar_t > 0, alpha_bar_t < 1, alpha_bar_s > 0, alpha_bar_s <= 1, alpha_bar_s > alpha_bar_t,
)
WITNESS = {alpha_bar_s: Rational(3, 4), alpha_bar_t: Rational(1, 2)}
DDPM = "Ho, Jain & Abbeel, Denoising diffusion probabilistic models, arXiv 2006.11239"


def transition_mean(x_s: Expr, alpha_bar_s: Expr, alpha_bar_t: Expr) -> Expr:
    """The mean of q(x_t | x_s)."""
    return sqrt(alpha_bar_t / alpha_bar_s) * x_s


def transition_variance(alpha_bar_s: Quantity, alpha_bar_t: Quantity) -> Quantity:
    """The variance of q(x_t | x_s)."""
    return 1 - alpha_bar_t / alpha_bar_s


def noised(x_0: Expr, eps: Quantity, alpha_bar: Expr) -> Quantity:
    """x_t from x_0 in one draw, arXiv 2006.11239 (4)."""
    return sqrt(alpha_bar) * x_0 + sqrt(1 - alpha_bar) * eps


@claim(
    "multistep.two-steps",
    lines="444",
    verdict="holds",
    title="The noises of two steps are one noise (supplied)",
    statement=(
        r"In $x_{t+1}=\sqrt{\alpha_{t+1}\alpha_t}\,x_{t-1}+\sqrt{\alpha_{t+1}\beta_t}\,z_t+\sqrt{"
        r"\beta_{t+1}}\,z_{t+1}$ (marginal.expansion.multiply-once) the two independent noises "
        r"together have the variance $1-\alpha_{t+1}\alpha_t$, not $\beta_t+\beta_{t+1}$."
    ),
    assumptions=("z_t and z_{t+1} are independent of each other and of x_{t-1}",),
    sources=(f"{DDPM}, eq. (2)",),
    depends_on=("marginal.expansion.multiply-once", "marginal.terms.sum-law"),
)
def two_steps() -> Checks:
    beta_1, beta_2 = real("beta_1 beta_2")
    given = (beta_1 > 0, beta_1 < 1, beta_2 > 0, beta_2 < 1)
    noise = (sqrt((1 - beta_2) * beta_1) * standard_normal("z_1")
             + sqrt(beta_2) * standard_normal("z_2"))
    yield identity(
        "variance of the two noise terms together",
        noise.variance, 1 - (1 - beta_1) * (1 - beta_2), given=given,
        wrong={
            "the variances added": beta_1 + beta_2,
            "the earlier noise not shrunk": 1 - (1 - beta_1) * (1 - beta_2) + beta_1 * beta_2,
            "the deviations added": (sqrt(beta_1) + sqrt(beta_2)) ** 2,
        },
    )


@claim(
    "multistep.transition",
    lines="444",
    verdict="holds",
    title="The transition over any number of steps (supplied)",
    statement=(
        r"For $0\le s<t$: $q(x_t\mid x_s)=\mathcal N\big(\sqrt{\bar\alpha_t/\bar\alpha_s}\,x_s,(1-"
        r"\bar\alpha_t/\bar\alpha_s)I\big)$, with $\bar\alpha_t/\bar\alpha_s=\prod_{i=s+1}^{t}(1-"
        r"\beta_i)$, for every schedule with $\beta_i\in(0,1)$ and every number of steps; the "
        r"variance lies in $(0,1)$."
    ),
    assumptions=PAIR,
    witness=WITNESS,
    sources=(f"{DDPM}, eq. (2), (4)",),
    code=("core.forward.q_transition",),
    depends_on=("multistep.two-steps",),
)
def transition() -> Checks:
    level, scale, variance, beta = real("alpha_bar scale variance beta")
    chain = Recursion(
        start={level: alpha_bar_s, scale: 1, variance: 0},
        step={
            level: level * (1 - beta),
            scale: sqrt(1 - beta) * scale,
            variance: (1 - beta) * variance + beta,
        },
        domain=(level > 0,),
        inputs=(beta > 0, beta < 1),
        constants=(alpha_bar_s > 0, alpha_bar_s <= 1),
    )
    yield invariant(
        "scale and variance of x_t given x_s, kept by each noising step",
        chain,
        {
            scale: transition_mean(1, alpha_bar_s, level),
            variance: transition_variance(alpha_bar_s, level),
        },
        wrong={
            "no square root": {
                scale: level / alpha_bar_s, variance: transition_variance(alpha_bar_s, level)
            },
            "the variance from x_0": {
                scale: transition_mean(1, alpha_bar_s, level), variance: 1 - level
            },
            "the difference of the levels": {
                scale: transition_mean(1, alpha_bar_s, level), variance: alpha_bar_s - level
            },
        },
    )
    yield implies(
        "the variance lies strictly between 0 and 1",
        PAIR,
        And(
            transition_variance(alpha_bar_s, alpha_bar_t) > 0,
            transition_variance(alpha_bar_s, alpha_bar_t) < 1,
        ),
        wrong={"below one half": transition_variance(alpha_bar_s, alpha_bar_t) < Rational(1, 2)},
    )


@claim(
    "multistep.without-cancellation",
    lines="444",
    verdict="holds",
    title="The transition variance without cancellation (supplied)",
    statement=(
        r"$1-\bar\alpha_t/\bar\alpha_s=\frac{\bar\alpha_s-\bar\alpha_t}{\bar\alpha_s}=\frac{(1-\bar"
        r"\alpha_t)-(1-\bar\alpha_s)}{\bar\alpha_s}$: of tables with spare digits, the smaller one "
        r"may be subtracted."
    ),
    assumptions=PAIR,
    witness=WITNESS,
    sources=(f"{DDPM}, eq. (2)",),
    code=("core.forward.q_transition",),
    depends_on=("multistep.transition",),
)
def without_cancellation() -> Checks:
    yield identity(
        "both differences",
        (transition_variance(alpha_bar_s, alpha_bar_t),) * 2,
        (
            (alpha_bar_s - alpha_bar_t) / alpha_bar_s,
            ((1 - alpha_bar_t) - (1 - alpha_bar_s)) / alpha_bar_s,
        ),
        given=PAIR,
        wrong={
            "divided by the later level": ((alpha_bar_s - alpha_bar_t) / alpha_bar_t,) * 2,
            "not divided": (alpha_bar_s - alpha_bar_t,) * 2,
        },
    )


@claim(
    "multistep.neighbours",
    lines="444",
    verdict="holds",
    title="The two ends of the transition formula (supplied)",
    statement=(
        r"$s=t-1$ gives the single step $\mathcal N(\sqrt{1-\beta_t}\,x_{t-1},\beta_t)$, and $s=0$ "
        r"gives $\mathcal N(\sqrt{\bar\alpha_t}\,x_0,1-\bar\alpha_t)$."
    ),
    assumptions=PAIR,
    witness=WITNESS,
    sources=(f"{DDPM}, eq. (2), (4)",),
    code=("core.forward.q_transition",),
    depends_on=("multistep.transition",),
)
def neighbours() -> Checks:
    beta = real("beta_t")
    after = alpha_bar_s * (1 - beta)
    yield identity(
        "one step",
        (transition_mean(x_s, alpha_bar_s, after), transition_variance(alpha_bar_s, after)),
        (sqrt(1 - beta) * x_s, beta),
        given=(alpha_bar_s > 0, alpha_bar_s <= 1, beta > 0, beta < 1),
        wrong={"the deviation": (sqrt(1 - beta) * x_s, sqrt(beta)),
               "no square root in the mean": ((1 - beta) * x_s, beta)},
    )
    yield identity(
        "from the clean image",
        (transition_mean(x_0, 1, alpha_bar_t), transition_variance(1, alpha_bar_t)),
        (sqrt(alpha_bar_t) * x_0, 1 - alpha_bar_t),
        given=(alpha_bar_t > 0, alpha_bar_t < 1),
        wrong={"no square root in the mean": (alpha_bar_t * x_0, 1 - alpha_bar_t)},
    )
    yield evaluates(
        "the exact product over t = 11..20 of the linear schedule is the ratio of the levels",
        lambda: alpha_bars(linear_betas(1000))[20] / alpha_bars(linear_betas(1000))[10],
        alpha_bars(linear_betas(1000)[10:20])[-1],
        wrong={"one factor too few": lambda: (
            alpha_bars(linear_betas(1000))[20] / alpha_bars(linear_betas(1000))[11])},
    )


@claim(
    "multistep.q-sample",
    lines="448-450",
    verdict="holds",
    title="Drawing x_t from x_0 in one step (supplied)",
    statement=(
        r"With one $\epsilon\sim\mathcal N(0,I)$, $x_t=\sqrt{\bar\alpha_t}\,x_0+\sqrt{1-\bar\alpha_"
        r"t}\,\epsilon$ has the law that $t$ single steps give (marginal.density).  "
        r"Coefficients are gathered by the $t$ of each image and multiply the whole image."
    ),
    assumptions=(alpha_bar_t > 0, alpha_bar_t < 1),
    witness={alpha_bar_t: Rational(1, 2)},
    sources=(f"{DDPM}, eq. (4)",),
    code=("core.forward.q_sample",),
    depends_on=("marginal.density", "multistep.transition"),
)
def q_sample() -> Checks:
    drawn = noised(x_0, standard_normal("eps"), alpha_bar_t)
    yield identity(
        "mean and variance of the one-step draw are those of the transition from s = 0",
        (drawn.mean, drawn.variance),
        (transition_mean(x_0, 1, alpha_bar_t), transition_variance(1, alpha_bar_t)),
        given=(alpha_bar_t > 0, alpha_bar_t < 1),
        wrong={
            "the variance as a deviation": (sqrt(alpha_bar_t) * x_0, (1 - alpha_bar_t) ** 2),
            "no square root in the mean": (alpha_bar_t * x_0, 1 - alpha_bar_t),
        },
    )
