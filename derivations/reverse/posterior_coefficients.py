r"""Bounds and sums of the posterior's coefficients, and their values in the published schedule.

    beta_t - beta_tilde_t = alpha_bar_{t-1} beta_t^2 / (1 - alpha_bar_t) > 0
    c_x0 + c_xt = (u + v) / (1 + u v),   u = sqrt(alpha_bar_{t-1}), v = sqrt(alpha_t)
    c_x0 + c_xt sqrt(alpha_bar_t) = sqrt(alpha_bar_{t-1})
    c_xt^2 (1 - alpha_bar_t) + beta_tilde_t = 1 - alpha_bar_{t-1}

Consequences of DDPM (7), arXiv 2006.11239; numbers for its linear schedule, T = 1000.
"""

from fractions import Fraction
from itertools import pairwise

from flint import arb
from sympy import Rational, sqrt

from derivations.claim import Checks, claim
from derivations.prover.balls import lies_within
from derivations.prover.execution import evaluates
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.reverse.posterior import (
    A_T,
    DDPM_7,
    LINES,
    STEP,
    STEP_OR_FIRST,
    STEP_WITNESS,
    A,
    beta,
    posterior_coefficient_x_0,
    posterior_coefficient_x_t,
    posterior_variance,
)
from derivations.schedule.published_schedule import (
    DENOMINATOR,
    T,
    alpha_bar,
    alpha_bar_ball,
    beta_ball,
    published_beta,
)

C_X0 = posterior_coefficient_x_0(beta, A, A_T)
C_XT = posterior_coefficient_x_t(1 - beta, A, A_T)
BETA_TILDE = posterior_variance(beta, A, A_T)


@claim(
    "posterior.variance.below-beta",
    lines=LINES,
    verdict="holds",
    title="The posterior variance is below beta at every step (supplied)",
    statement=(
        r"$\beta_t - \tilde\beta_t = \bar\alpha_{t-1}\beta_t^2/(1-\bar\alpha_t) > 0$ for every "
        r"$t\ge1$ and every schedule with $0<\beta_t<1$; and $\tilde\beta_t\ge0$."
    ),
    assumptions=STEP_OR_FIRST,
    witness=STEP_WITNESS,
    sources=(DDPM_7,),
    depends_on=("posterior.variance",),
)
def below_beta() -> Checks:
    yield identity(
        "the difference is a product of positive factors",
        beta - BETA_TILDE, A * beta**2 / (1 - A_T), given=STEP_OR_FIRST,
        wrong={"alpha_bar_t in the numerator": A_T * beta**2 / (1 - A_T),
               "one beta": A * beta / (1 - A_T)},
    )
    yield implies(
        "0 <= beta_tilde < beta",
        STEP_OR_FIRST, (BETA_TILDE >= 0) & (BETA_TILDE < beta),
        wrong={"below half of beta": BETA_TILDE < beta / 2,
               "below 1 - alpha_bar_{t-1} even at t = 1": BETA_TILDE < 1 - A},
    )


@claim(
    "posterior.variance.second-step",
    lines=LINES,
    verdict="holds",
    title="The posterior variance at t = 2 of the published schedule (supplied)",
    statement=(
        r"For the linear schedule from $10^{-4}$ to $0.02$ with $T = 1000$: $\tilde\beta_2 = "
        r"5.45318766130\times10^{-5}$, which is $0.454735765746$ times $\beta_2$. The quotient "
        r"$\tilde\beta_t/\beta_t$ rises with $t$: among the steps that add noise, $t\ge2$, the "
        r"choice between the two variances matters most here."
    ),
    sources=(DDPM_7, "linear schedule: arXiv 2006.11239, section 4"),
    depends_on=("posterior.variance",),
)
def second_step() -> Checks:
    def at(t: int) -> Fraction:
        variance: Fraction = posterior_variance(
            published_beta(t), alpha_bar(t - 1), alpha_bar(t)
        )
        return variance

    yield evaluates(
        "the exact rational value, times 10^12 over beta_2 and times 10^16, rounded to an integer",
        lambda: (round(at(2) / published_beta(2) * 10**12), round(at(2) * 10**16)),
        (454735765746, 545318766130),
        wrong={"at t = 3": lambda: (round(at(3) / published_beta(3) * 10**12),
                                    round(at(3) * 10**16))},
    )
    yield lies_within(
        "beta_tilde over beta at t = 2, in ball arithmetic",
        lambda: (1 - alpha_bar_ball(1)) / (1 - alpha_bar_ball(2)),
        (Rational(4547357657455, 10**13), Rational(4547357657465, 10**13)),
        wrong={"without alpha_1 in alpha_bar_2": (Rational(83, 100), Rational(84, 100))},
    )
    yield evaluates(
        "exact comparisons of all neighbours t = 2..1000: steps at which beta_tilde/beta falls",
        lambda: _falls(1), (),
        wrong={"beta_tilde over 1 - alpha_bar_{t-1}": lambda: _falls(0)},
    )


def _falls(shift: int) -> tuple[int, ...]:
    """The t = 3..T at which a quotient over 1 - alpha_bar_t does not exceed the one before.

    shift 1: (1 - alpha_bar_{t-1}) / (1 - alpha_bar_t), that is beta_tilde_t / beta_t.
    shift 0: beta_t / (1 - alpha_bar_t), that is beta_tilde_t / (1 - alpha_bar_{t-1}).
    """
    products = [1]  # alpha_bar_t times DENOMINATOR^t, so that no fraction needs reducing
    for t in range(1, T + 1):
        products.append(products[-1] * int(DENOMINATOR * (1 - published_beta(t))))
    quotients = []
    for t in range(2, T + 1):
        above = DENOMINATOR ** (t - 1) - products[t - 1]
        if shift == 0:
            above = int(DENOMINATOR * published_beta(t)) * DENOMINATOR ** (t - 2)
        quotients.append((above, DENOMINATOR**t - products[t]))
    return tuple(
        t for t, ((n, d), (m, e)) in enumerate(pairwise(quotients), start=3) if m * d <= n * e
    )


@claim(
    "posterior.variance.last-step",
    lines=LINES,
    verdict="holds",
    title="Late in the chain the posterior variance is almost beta (supplied)",
    statement=(
        r"For the published linear schedule $\tilde\beta_t/\beta_t$ is $0.999975$ at $t = 800$ and "
        r"$0.999999176328$ at $t = 1000$, where $\tilde\beta_{1000} = 1.99999835266\times10^{-2}$: "
        r"a check that looks at late steps only cannot tell the two variances apart."
    ),
    sources=(DDPM_7, "linear schedule: arXiv 2006.11239, section 4"),
    depends_on=("posterior.variance",),
)
def last_step() -> Checks:
    def exact_ratio(t: int) -> Fraction:
        ratio: Fraction = posterior_variance(1, alpha_bar(t - 1), alpha_bar(t))
        return ratio

    def at(t: int) -> arb:
        variance: arb = posterior_variance(beta_ball(t), alpha_bar_ball(t - 1), alpha_bar_ball(t))
        return variance

    yield evaluates(
        "the exact ratios at t = 800 and 1000, times 10^6 and 10^12, rounded to integers",
        lambda: (round(exact_ratio(800) * 10**6), round(exact_ratio(1000) * 10**12)),
        (999975, 999999176328),
        wrong={"one step early":
               lambda: (round(exact_ratio(799) * 10**6), round(exact_ratio(999) * 10**12))},
    )
    yield lies_within(
        "the ratio at t = 800", lambda: at(800) / beta_ball(800),
        (Rational(9999745, 10**7), Rational(9999755, 10**7)),
        wrong={"1 - alpha_bar_t itself": (Rational(998, 1000), Rational(999, 1000))},
    )
    yield lies_within(
        "the ratio at t = 1000", lambda: at(1000) / beta_ball(1000),
        (Rational(9999991763275, 10**13), Rational(9999991763285, 10**13)),
        wrong={"1 - alpha_bar_T": (Rational(99995, 10**5), Rational(99997, 10**5))},
    )
    yield lies_within(
        "beta_tilde at t = 1000", lambda: at(1000),
        (Rational(199999835265, 10**13), Rational(199999835267, 10**13)),
        wrong={"beta": (Rational(2, 100), Rational(3, 100))},
    )


@claim(
    "posterior.mean.coefficient-sum",
    lines=LINES,
    verdict="holds",
    title="The two coefficients of the mean do not sum to 1 (supplied)",
    statement=(
        r"With $u = \sqrt{\bar\alpha_{t-1}}$ and $v = \sqrt{\alpha_t}$ the coefficients of $x_0$ "
        r"and $x_t$ sum to $\frac{u+v}{1+uv}$, which is below $1$ for $t\ge2$ and equal to $1$ at "
        r"$t=1$: the mean is no convex combination of the two images."
    ),
    assumptions=STEP,
    witness=STEP_WITNESS,
    sources=(DDPM_7,),
    depends_on=("posterior.mean",),
)
def coefficient_sum() -> Checks:
    u, v = sqrt(A), sqrt(1 - beta)
    yield identity(
        "the sum in terms of the two roots", C_X0 + C_XT, (u + v) / (1 + u * v), given=STEP,
        wrong={"a convex combination": 1, "difference in the denominator": (u + v) / (2 - u * v)},
    )
    yield implies(
        "the sum is below 1 and above either root", STEP,
        (C_X0 + C_XT < 1) & (C_X0 + C_XT > u) & (C_X0 + C_XT > v),
        wrong={"at least 1": C_X0 + C_XT >= 1},
    )
    yield identity(
        "at t = 1 the first coefficient is 1 and the second is 0",
        [C_X0.subs(A, 1), C_XT.subs(A, 1)], [1, 0], given=(beta > 0, beta < 1),
        wrong={"the noisy image weighted by its root": [1, sqrt(1 - beta)],
               "exchanged": [0, 1]},
    )


@claim(
    "posterior.mean.consistent",
    lines=LINES,
    verdict="holds",
    title="Averaged over x_t, the posterior mean is the mean of x_{t-1} (supplied)",
    statement=(
        r"$\mathbb{E}[\tilde\mu_t(x_t, x_0)\mid x_0] = \sqrt{\bar\alpha_{t-1}}\,x_0$: the "
        r"coefficients satisfy $c_{x_0} + c_{x_t}\sqrt{\bar\alpha_t} = \sqrt{\bar\alpha_{t-1}}$."
    ),
    assumptions=STEP_OR_FIRST,
    witness=STEP_WITNESS,
    sources=(DDPM_7,),
    depends_on=("posterior.mean",),
)
def mean_consistent() -> Checks:
    yield identity(
        "the mean of x_t put into the posterior mean",
        C_X0 + C_XT * sqrt(A_T), sqrt(A), given=STEP_OR_FIRST,
        wrong={"sums to 1": 1, "one step too late": sqrt(A_T)},
    )


@claim(
    "posterior.total-variance",
    lines=LINES,
    verdict="holds",
    title="Posterior variance and variance of the mean add up (supplied)",
    statement=(
        r"$c_{x_t}^2\,(1-\bar\alpha_t) + \tilde\beta_t = 1-\bar\alpha_{t-1}$: a sample of the "
        r"posterior, drawn at an $x_t$ of the forward process, is distributed as $x_{t-1}$."
    ),
    assumptions=STEP_OR_FIRST,
    witness=STEP_WITNESS,
    sources=("law of total variance", DDPM_7),
    depends_on=("posterior.mean", "posterior.variance", "posterior.mean.consistent"),
)
def total_variance() -> Checks:
    yield identity(
        "the law of total variance for one reverse step",
        C_XT**2 * (1 - A_T) + BETA_TILDE, 1 - A, given=STEP_OR_FIRST,
        wrong={
            "with beta the next image is too noisy": 1 - A + beta - BETA_TILDE,
            "coefficient not squared": 1 - A_T,
        },
    )
