r"""Where the reverse step is not Gaussian: data on two points, and the limit of small steps.

    x_0 = +-1 with probability 1/2, x_t = 0:  x_{t-1} ~ (N(c, beta_tilde) + N(-c, beta_tilde)) / 2
    c = c_x0 = sqrt(alpha_bar_{t-1}) beta_t / (1 - alpha_bar_t)
    fourth cumulant -2 c^4; two modes where c^2 > beta_tilde
    |x_0| <= 1:  KL(q(x_{t-1} | x_t) || N(mean, beta_tilde)) <= c^2 / (2 beta_tilde)

Sohl-Dickstein et al. 2015, arXiv 1503.03585, section 2.2, state the Gaussian limit.
"""

from flint import arb
from sympy import Eq, Expr, Rational, diff, sqrt

from derivations.claim import Checks, claim
from derivations.prover.balls import encloses, gaussian_integral, lies_within
from derivations.prover.counterexample import counterexample
from derivations.prover.execution import evaluates
from derivations.prover.gaussian_forms import expectation
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.reverse.posterior import (
    A_T,
    LINES,
    STEP,
    STEP_OR_FIRST,
    STEP_WITNESS,
    A,
    beta,
    log_normal,
    normal,
    posterior_coefficient_x_0,
    posterior_variance,
)
from derivations.schedule.published_schedule import T, alpha_bar_balls, beta_ball, published_beta
from derivations.symbols import Quantity, real

SOHL = "Sohl-Dickstein et al. 2015, arXiv 1503.03585, section 2.2"

c, v, x, m = real("c v x m")
C_X0 = posterior_coefficient_x_0(beta, A, A_T)
BETA_TILDE = posterior_variance(beta, A, A_T)


def separation(beta: Quantity, alpha_bar_s: Quantity, alpha_bar_t: Quantity) -> Quantity:
    """c_x0^2 / beta_tilde_t: how far apart two clean images push the posterior, squared."""
    return alpha_bar_s * beta / ((1 - alpha_bar_s) * (1 - alpha_bar_t))


def mixture_moment(power: int, centre: Expr, variance: Expr) -> Expr:
    """E[X^power] for X from N(centre, variance) or N(-centre, variance), each with weight 1/2."""
    parts = (expectation(x**power, x, sign * centre, variance) for sign in (1, -1))
    return sum(parts) / 2


@claim(
    "variance.two-points.weights",
    lines=LINES,
    verdict="holds",
    title="At x_t = 0 both clean images are equally likely (supplied)",
    statement=(
        r"For $x_0=\pm1$ with probability $\tfrac12$ each, $q(x_0 = 1\mid x_t = 0) = \tfrac12$, so "
        r"$q(x_{t-1}\mid x_t=0)$ is the equal mixture of $\mathcal{N}(\pm c_{x_0}, \tilde\beta_t)$."
    ),
    assumptions=STEP,
    witness=STEP_WITNESS,
    sources=("rule of Bayes", "posterior: arXiv 2006.11239, eq. (7)"),
    depends_on=("posterior.mean", "posterior.variance"),
)
def equal_weights() -> Checks:
    x_t = real("x_t")
    logit = log_normal(x_t, sqrt(A_T), 1 - A_T) - log_normal(x_t, -sqrt(A_T), 1 - A_T)
    yield identity(
        "the log odds of the two clean images", logit, 2 * sqrt(A_T) * x_t / (1 - A_T), given=STEP,
        wrong={"half of it": sqrt(A_T) * x_t / (1 - A_T),
               "divided by the standard deviation": 2 * sqrt(A_T) * x_t / sqrt(1 - A_T)},
    )
    yield identity(
        "which vanish at x_t = 0", logit.subs(x_t, 0), 0, given=STEP,
        wrong={"the odds of data at 0 and 1": -A_T / (2 * (1 - A_T))},
    )


@claim(
    "variance.two-points.not-gaussian",
    lines=LINES,
    verdict="holds",
    title="For data on two points the reverse step is not Gaussian (supplied)",
    statement=(
        r"The equal mixture of $\mathcal{N}(\pm c, \tilde\beta_t)$ has variance "
        r"$c^2+\tilde\beta_t$ and fourth cumulant $\mathbb{E}X^4 - 3(\mathbb{E}X^2)^2 = -2c^4$. A "
        r"normal distribution has fourth cumulant $0$, and $c = c_{x_0} > 0$ at every step: that "
        r"$p_\theta(x_{t-1}\mid x_t)$ is Gaussian is an approximation."
    ),
    assumptions=(*STEP, v > 0),
    witness={**STEP_WITNESS, v: 1},
    sources=(SOHL,),
    depends_on=("variance.two-points.weights",),
)
def not_gaussian() -> Checks:
    second, fourth = mixture_moment(2, c, v), mixture_moment(4, c, v)
    yield identity(
        "variance and fourth cumulant by Gaussian moments",
        [second, fourth - 3 * second**2], [c**2 + v, -2 * c**4],
        wrong={"a normal distribution": [c**2 + v, 0], "positive": [c**2 + v, 2 * c**4],
               "variance of one component": [v, -2 * c**4]},
    )
    yield counterexample(
        "at beta = 1/2 and alpha_bar_{t-1} = 1/2 the fourth cumulant is not 0",
        Eq(fourth - 3 * second**2, 0, evaluate=False),
        at={c: C_X0.subs({beta: Rational(1, 2), A: Rational(1, 2)}),
            v: BETA_TILDE.subs({beta: Rational(1, 2), A: Rational(1, 2)})},
        wrong={"the third moment": Eq(mixture_moment(3, c, v), 0, evaluate=False)},
    )
    yield implies(
        "c_x0 is positive at every step", STEP_OR_FIRST, C_X0 > 0,
        wrong={"at least the root of alpha_bar_{t-1}": C_X0 >= sqrt(A)},
    )
    yield encloses(
        "the fourth moment of one component, integrated",
        lambda p: gaussian_integral(x**4, x, c.subs(p), v.subs(p), normal),
        mixture_moment(4, c, v),
        points=[{c: 1, v: Rational(1, 2)}, {c: Rational(1, 3), v: Rational(1, 10000)}],
        wrong={"without the cross term": c**4 + 3 * v**2},
    )


@claim(
    "variance.two-points.two-modes",
    lines=LINES,
    verdict="holds",
    title="When the reverse step has two modes (supplied)",
    statement=(
        r"The equal mixture of $\mathcal{N}(\pm c,\tilde\beta_t)$ has a minimum at $0$, hence two "
        r"modes, when $c^2 > \tilde\beta_t$, that is $\bar\alpha_{t-1}\beta_t > "
        r"(1-\bar\alpha_{t-1})(1-\bar\alpha_t)$, that is "
        r"$\beta_t>\big((1-\bar\alpha_{t-1})/\bar\alpha_{t-1}\big)^2$. A small $\beta_t$ does not "
        r"prevent it: it must be small beside $(1-\bar\alpha_{t-1})^2$."
    ),
    assumptions=STEP,
    witness=STEP_WITNESS,
    sources=("second derivative of the density at 0",),
    depends_on=("variance.two-points.weights",),
)
def two_modes() -> Checks:
    mixture = (normal(x, c, v) + normal(x, -c, v)) / 2
    yield identity(
        "second derivative of the density at 0, and the first one",
        [diff(mixture, x, 2).subs(x, 0), diff(mixture, x).subs(x, 0)],
        [(c**2 - v) / v**2 * normal(0, c, v), 0], given=(v > 0,),
        wrong={"sign": [(v - c**2) / v**2 * normal(0, c, v), 0],
               "compared with the standard deviation":
               [(c**2 - sqrt(v)) / v**2 * normal(0, c, v), 0]},
    )
    yield implies(
        "the condition in terms of the schedule", STEP,
        (A * beta <= (1 - A) * (1 - A_T)) | (A * beta**2 / (1 - A_T) ** 2 > BETA_TILDE),
        wrong={"whenever beta exceeds 1 - alpha_bar_{t-1} squared":
               (beta <= (1 - A) ** 2) | (A * beta**2 / (1 - A_T) ** 2 > BETA_TILDE)},
    )
    yield identity(
        "the condition solved for beta",
        A * beta - (1 - A) * (1 - A_T), A**2 * (beta - ((1 - A) / A) ** 2), given=STEP,
        wrong={"not squared": A**2 * (beta - (1 - A) / A)},
    )
    yield counterexample(
        "beta = 1/1000 is a tenth of 1 - alpha_bar_{t-1} at alpha_bar_{t-1} = 99/100: two modes",
        C_X0**2 <= BETA_TILDE, at={beta: Rational(1, 1000), A: Rational(99, 100)},
        wrong={"one mode at beta a tenth of its square":
               (C_X0**2 <= BETA_TILDE).subs(beta, Rational(1, 100000))},
    )
    yield counterexample(
        "a step of size beta = 1/1000 with two modes: alpha_bar_{t-1} = 999/1000",
        C_X0**2 <= BETA_TILDE,
        at={beta: Rational(1, 1000), A: Rational(999, 1000)},
        wrong={"and one mode at alpha_bar_{t-1} = 9/10":
               (C_X0**2 <= BETA_TILDE).subs(A, Rational(9, 10))},
    )


@claim(
    "variance.two-points.published",
    lines=LINES,
    verdict="holds",
    title="Two modes in the published schedule (supplied)",
    statement=(
        r"For data $\pm1$ and the published linear schedule $q(x_{t-1}\mid x_t=0)$ has a minimum "
        r"between two modes at $t = 2..54$, although $\beta_t < 0.0012$ there, and a maximum at "
        r"$0$ at $t = 55..1000$: $c_{x_0}^2/\tilde\beta_t$ is $5452$ at $t=2$ and below $10^{-6}$ "
        r"at $T$."
    ),
    sources=("linear schedule: arXiv 2006.11239, section 4",),
    depends_on=("variance.two-points.two-modes",),
)
def published_modes() -> Checks:
    def separations() -> list[arb]:
        table = alpha_bar_balls()
        return [separation(beta_ball(t), table[t - 1], table[t]) for t in range(2, T + 1)]

    yield lies_within(
        "the squared separation at t = 2", lambda: separations()[0],
        (Rational(5452), Rational(5453)),
        wrong={"its root": (Rational(73), Rational(74))},
    )
    yield lies_within(
        "the least of t = 2..54", lambda: min(separations()[:53]), (Rational(1), Rational(2)),
        wrong={"below 1 somewhere": (Rational(0), Rational(1))},
    )
    yield lies_within(
        "the largest of t = 55..1000", lambda: max(separations()[53:]), (Rational(0), Rational(1)),
        wrong={"above 1 somewhere": (Rational(1), Rational(2))},
    )
    yield lies_within(
        "and at t = T", lambda: separations()[-1], (Rational(0), Rational(1, 10**6)),
        wrong={"above": (Rational(1, 10**6), Rational(1))},
    )
    yield evaluates(
        "beta_54 and beta_55, exactly",
        lambda: published_beta(54) * 10**4 < 12 and published_beta(55) * 10**4 < 12, True,
        wrong={"the bound taken at t = 100": lambda: published_beta(100) * 10**4 < 12},
    )


@claim(
    "variance.small-step",
    lines=LINES,
    verdict="holds",
    title="Small steps have almost Gaussian reverse steps, for bounded data (supplied)",
    statement=(
        r"If $|x_0|\le1$ per coordinate, $\mathrm{KL}\big(q(x_{t-1}\mid x_t)\,\|\,\mathcal{N}(\mu, "
        r"\tilde\beta_t)\big)\le\frac{c_{x_0}^2}{2\tilde\beta_t}\mathrm{Var}(x_0\mid x_t)\le"
        r"\frac{\bar\alpha_{t-1}\beta_t}{2(1-\bar\alpha_{t-1})(1-\bar\alpha_t)}$ with $\mu = "
        r"\mathbb{E}[x_{t-1}\mid x_t]$ in one coordinate, $d$ times the last bound in $d$: for "
        r"fixed $\bar\alpha_{t-1}<1$ it vanishes as $\beta_t\to0$. At $t=1$ it gives nothing."
    ),
    assumptions=(*STEP, r"$|x_0|\le1$ in every coordinate"),
    witness=STEP_WITNESS,
    sources=(SOHL, "convexity of the KL divergence: Cover & Thomas 2006, theorem 2.7.2"),
    depends_on=("posterior.bayes", "reverse.objective.mean-matching"),
)
def small_step() -> Checks:
    # q(x_{t-1} | x_t) mixes N(c_x0 x_0 + c_xt x_t, beta_tilde) over x_0.  The KL divergence is
    # convex in its first argument: it is at most the mean over x_0 of that of one component.
    shift = real("shift")
    polynomial = (-((x - m - shift) ** 2) + (x - m) ** 2) / (2 * v)
    yield identity(
        "one component against the common normal distribution: squared shift over twice the "
        "variance",
        expectation(polynomial, x, m + shift, v), shift**2 / (2 * v), given=(v > 0,),
        wrong={"no factor one half": shift**2 / v, "unsquared variance": shift**2 / (2 * v**2)},
    )
    yield encloses(
        "the same by integration",
        lambda p: gaussian_integral(polynomial.subs(p), x, (m + shift).subs(p), v.subs(p), normal),
        shift**2 / (2 * v),
        points=[{m: 0, shift: 1, v: 2}, {m: 1, shift: Rational(1, 50), v: Rational(1, 9000)}],
        wrong={"no factor one half": shift**2 / v},
    )
    low, high, weight = real("low high weight")
    mean = weight * low + (1 - weight) * high
    spread = weight * (low - mean) ** 2 + (1 - weight) * (high - mean) ** 2
    inside = (weight >= 0, weight <= 1, low >= -1, low <= 1, high >= -1, high <= 1)
    yield implies(
        "the variance of data in -1..1 is at most 1, shown for two values", inside, spread <= 1,
        wrong={"at most 1/4": spread <= Rational(1, 4)},
    )
    second, first = real("second first")
    yield implies(
        "and for any data: E[x_0^2] <= 1 bounds the variance", (second <= 1, second >= first**2),
        second - first**2 <= 1,
        wrong={"at most 1/2": second - first**2 <= Rational(1, 2)},
    )
    yield identity(
        "the squared shift of one unit of x_0, in terms of the schedule",
        C_X0**2 / BETA_TILDE, separation(beta, A, A_T), given=STEP,
        wrong={"one factor 1 - alpha_bar too few": A * beta / (1 - A_T),
               "beta squared": A * beta**2 / ((1 - A) * (1 - A_T))},
    )
    yield implies(
        "it is at most alpha_bar_{t-1} beta / (1 - alpha_bar_{t-1})^2, proportional to beta", STEP,
        separation(beta, A, A_T) <= A * beta / (1 - A) ** 2,
        wrong={"at most beta": separation(beta, A, A_T) <= beta},
    )
