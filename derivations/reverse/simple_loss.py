r"""What the simple loss drops: the weights of the bound, and their values when published.

    w_t = beta_t^2 / (2 sigma_t^2 alpha_t (1 - alpha_bar_t))                              DDPM (12)
    L_simple = E |eps - eps_theta(x_t, t)|^2,  t uniform on 1..T                          DDPM (14)

DDPM = Ho, Jain & Abbeel 2020, arXiv 2006.11239.
"""

from itertools import pairwise

from flint import arb
from sympy import Eq, Ne, Rational

from derivations.claim import Checks, claim
from derivations.prover.balls import lies_within
from derivations.prover.counterexample import counterexample
from derivations.prover.execution import evaluates
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.reverse.conversions import x_0_from_eps
from derivations.reverse.posterior import (
    A_T,
    LINES,
    STEP,
    STEP_WITNESS,
    A,
    beta,
    log_normal,
    posterior_mean,
    x_0,
    x_t,
)
from derivations.reverse.reverse_mean import eps, eps_hat, mean_from_eps, sigma_t
from derivations.reverse.training_objective import DDPM_12, eps_weight
from derivations.schedule.published_schedule import (
    DENOMINATOR,
    T,
    alpha_bar,
    alpha_bar_balls,
    beta_ball,
    published_beta,
)
from derivations.symbols import real

DDPM_14 = "Ho, Jain & Abbeel 2020, arXiv 2006.11239, eq. (14)"

w, first, second, guess = real("w first second guess")


@claim(
    "reverse.objective.first-term",
    lines=LINES,
    verdict="holds",
    title="The term of t = 1: a Gaussian likelihood with the same weight formula (supplied)",
    statement=(
        r"At $t = 1$ no KL divergence exists; $-\log\mathcal{N}(x_0;\mu_\theta(x_1,1),\sigma_1^2) "
        r"= \frac{\beta_1^2}{2\sigma_1^2\alpha_1(1-\bar\alpha_1)}(\epsilon-\epsilon_\theta)^2 + "
        r"\frac12\log 2\pi\sigma_1^2$: in $L_{\mathrm{simple}}$ the term $t=1$ stands for $L_0$ "
        r"with the density in place of the discretised decoder."
    ),
    assumptions=(beta > 0, beta < 1, sigma_t > 0),
    witness={beta: Rational(1, 10000), sigma_t: 1},
    sources=(DDPM_14, "arXiv 2006.11239, section 3.4"),
    code=("core.variational_bound.bound_term",),
    depends_on=("reverse.mean.eps-form", "posterior.first-step"),
)
def first_term() -> Checks:
    at_first = A_T.subs(A, 1)
    given = (beta > 0, beta < 1, sigma_t > 0)
    clean = x_0_from_eps(x_t, eps, at_first)
    loss = -log_normal(clean, mean_from_eps(x_t, eps_hat, beta, at_first), sigma_t**2)
    weight = eps_weight(beta, at_first, sigma_t**2)
    constant = -log_normal(0, 0, sigma_t**2)
    yield identity(
        "x_0 written by x_1 and its noise, in the density of the last step",
        loss, weight * (eps - eps_hat) ** 2 + constant, given=given,
        wrong={"no constant": weight * (eps - eps_hat) ** 2,
               "weight of sigma^2 = beta": eps_weight(beta, at_first, beta) * (eps - eps_hat) ** 2
               + constant},
    )


def _weights_exact() -> list[int]:
    """w_t at five t for sigma^2 = beta, in units of 10^-4, rounded."""
    return [round(eps_weight(published_beta(t), alpha_bar(t), published_beta(t)) * 10**4)
            for t in (2, 10, 100, 500, 1000)]


def _weight_balls() -> list[arb]:
    """Those of t = 1..T at the places 1..T."""
    table = alpha_bar_balls()
    weights = [eps_weight(beta_ball(t), table[t], beta_ball(t)) for t in range(1, T + 1)]
    return [arb("nan"), *weights]


@claim(
    "reverse.objective.weight-values",
    lines=LINES,
    verdict="holds",
    title="The dropped weights in the published schedule (supplied)",
    statement=(
        r"For $\sigma_t^2=\beta_t$ and the published schedule $w_t = 0.2727,\ 0.0737,\ 0.0101,\ "
        r"0.0055,\ 0.0102$ at $t = 2, 10, 100, 500, 1000$: the bound weighs $t=2$ about $50$ times "
        r"as much as $t = 500$, and $L_{\mathrm{simple}}$ weighs all alike."
    ),
    sources=(DDPM_12, "linear schedule: arXiv 2006.11239, section 4"),
    code=("core.weightings.bound_weighting",),
    depends_on=("reverse.objective.weight-forms",),
)
def weight_values() -> Checks:
    yield evaluates(
        "exact rational values, rounded to four decimals, in units of the fourth",
        lambda: tuple(_weights_exact()), (2727, 737, 101, 55, 102),
        wrong={"without alpha_t and the half": lambda: tuple(
            round(published_beta(t) / (1 - alpha_bar(t)) * 10**4) for t in (2, 10, 100, 500, 1000)
        )},
    )
    for t, low in ((2, 27265), (10, 7365), (100, 1005), (500, 545), (1000, 1015)):
        yield lies_within(
            f"the weight at t = {t}, in ball arithmetic",
            lambda t=t: _weight_balls()[t], (Rational(low, 10**5), Rational(low + 10, 10**5)),
            wrong={"twice the weight": (Rational(2 * low, 10**5), Rational(2 * low + 20, 10**5))},
        )


@claim(
    "reverse.objective.weight-shape",
    lines=LINES,
    verdict="holds",
    title="The dropped weight falls, then rises (supplied)",
    statement=(
        r"For $\sigma_t^2=\beta_t$ and the published schedule $w_t$ falls strictly from $t=1$ to "
        r"its least value at $t = 349$ and rises strictly from there to $t = 1000$; it is not "
        r"monotone, so $L_{\mathrm{simple}}$ down-weights small $t$ relative to the bound, but "
        r"late $t$ too."
    ),
    sources=("DDPM section 3.4 speaks of small t", "linear schedule: arXiv 2006.11239, section 4"),
    depends_on=("reverse.objective.weight-values",),
)
def weight_shape() -> Checks:
    yield evaluates(
        "exact comparisons of all neighbours: the step of the least weight",
        lambda: _valley(0), 349,
        wrong={"with beta_tilde it is one step later": lambda: _valley(1)},
    )
    yield lies_within(
        "the largest quotient of neighbours while it falls, t = 1 to 349",
        lambda: max(_quotients()[:348]), (Rational(0), Rational(1)),
        wrong={"it rises somewhere": (Rational(1), Rational(2))},
    )
    yield lies_within(
        "the least quotient of neighbours while it rises, t = 349 to 1000",
        lambda: min(_quotients()[348:]), (Rational(1), Rational(2)),
        wrong={"it falls somewhere": (Rational(0), Rational(1))},
    )


def _quotients() -> list[arb]:
    """w_{t+1} / w_t for t = 1..999."""
    weights = _weight_balls()[1:]
    return [later / earlier for earlier, later in pairwise(weights)]


def _valley(shift: int) -> int:
    """The t of the least weight, every neighbour compared exactly; 0 where there is no one valley.

    shift 0: sigma^2 = beta.  shift 1: sigma^2 = beta_tilde, with 1 - alpha_bar_{t-1} in the weight.
    """
    products = [1]
    for t in range(1, T + 1):
        products.append(products[-1] * int(DENOMINATOR * (1 - published_beta(t))))
    quotients = []
    for t in range(1 + shift, T + 1):
        step, power = int(DENOMINATOR * published_beta(t)), DENOMINATOR ** (t - shift)
        quotients.append(
            (step * power, (DENOMINATOR - step) * (power - products[t - shift]))
        )
    falls = [n * e > m * d for (n, d), (m, e) in pairwise(quotients)]
    least = falls.index(False)
    return least + 1 + shift if not any(falls[least:]) else 0


@claim(
    "reverse.objective.simple",
    lines=LINES,
    verdict="holds",
    title="The simple loss is not the bound, nor a multiple of it (supplied)",
    statement=(
        r"$L_{\mathrm{simple}} = \mathbb{E}_{t, x_0, \epsilon}\,\lVert\epsilon - \epsilon_\theta("
        r"\sqrt{\bar\alpha_t}x_0 + \sqrt{1-\bar\alpha_t}\epsilon,\,t)\rVert^2$ with $t$ uniform on "
        r"$1,\dots,T$ is $\frac1T\sum_t$ of the terms of the bound each divided by its own $w_t$, "
        r"constants left out; as $w_t$ varies, no factor turns one into the other."
    ),
    assumptions=STEP,
    witness=STEP_WITNESS,
    sources=(DDPM_14,),
    depends_on=("reverse.objective.eps-weight", "reverse.objective.first-term"),
)
def simple_loss() -> Checks:
    true = posterior_mean(beta, A).subs(x_0, x_0_from_eps(x_t, eps, A_T))
    gap = true - mean_from_eps(x_t, eps_hat, beta, A_T)
    yield identity(
        "a term of the bound divided by its weight is the squared error of the noise",
        gap**2 / (2 * beta) / eps_weight(beta, A_T, beta), (eps - eps_hat) ** 2, given=STEP,
        wrong={"divided by the weight of beta_tilde":
               (eps - eps_hat) ** 2 * (1 - A) / (1 - A_T),
               "the squared error of x_0": (1 - A_T) / A_T * (eps - eps_hat) ** 2},
    )
    yield counterexample(
        "two steps of one schedule whose weights differ: beta = 1/2 twice, from alpha_bar = 1",
        Eq(eps_weight(beta, A_T, beta).subs({beta: Rational(1, 2), A: 1}),
           eps_weight(beta, A_T, beta).subs({beta: Rational(1, 2), A: Rational(1, 2)}),
           evaluate=False),
        at={},
        wrong={"the same step twice": Eq(
            eps_weight(beta, A_T, beta).subs({beta: Rational(1, 2), A: 1}), 1, evaluate=False)},
    )


@claim(
    "reverse.objective.minimiser",
    lines=LINES,
    verdict="holds",
    title="Dropping the weights does not move the unconstrained minimum (supplied)",
    statement=(
        r"For every weight $w > 0$, $w\,\mathbb{E}[(\epsilon - f)^2\mid x_t]$ is least at $f = "
        r"\mathbb{E}[\epsilon\mid x_t]$ alone: a network free to choose its output at every $(x_t, "
        r"t)$ has one optimum under $L_{\mathrm{simple}}$ and under the bound. A network of "
        r"limited capacity need not."
    ),
    assumptions=(w > 0, second >= first**2),
    witness={w: 1, first: 0, second: 1},
    sources=(DDPM_14, "least squares: the conditional mean minimises the squared error"),
    depends_on=("reverse.objective.eps-weight", "conversions.tweedie.points"),
)
def minimiser() -> Checks:
    # first and second stand for E[eps | x_t] and E[eps^2 | x_t].
    loss = w * (second - 2 * guess * first + guess**2)
    least = loss.subs(guess, first)
    yield identity(
        "the loss is its least value and a square", loss, least + w * (guess - first) ** 2,
        wrong={"a square about 0": least + w * guess**2},
    )
    yield implies(
        "it exceeds the least value at every other guess",
        (w > 0, second >= first**2, Ne(guess, first)), loss > least,
        wrong={"at guess 0 it would be least": loss > loss.subs(guess, 0)},
    )
