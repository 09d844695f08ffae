r"""The best variance of the reverse step, its bounds for any data, and the learned variance.

    sigma_opt^2 = E Var(x_{t-1} | x_t) = beta_tilde_t + c_x0^2 E Var(x_0 | x_t)
    beta_tilde_t <= sigma_opt^2 <= beta_t   for data of variance at most 1 per coordinate
    sigma_learned^2 = exp(w log beta_t + (1 - w) log beta_tilde_t)                  iDDPM (15)

Bounds: Sohl-Dickstein et al. 2015, arXiv 1503.03585; DDPM section 3.2, arXiv 2006.11239; Bao et
al. 2022, arXiv 2201.06503.  iDDPM = Nichol & Dhariwal 2021, arXiv 2102.09672.
"""

from flint import arb
from sympy import Expr, Rational, diff, exp, log, sqrt

from derivations.claim import Checks, claim
from derivations.prover.balls import lies_within
from derivations.prover.gaussian_forms import condition, covariance, expectation, standard_normal
from derivations.prover.induction import Recursion, invariant
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
    posterior_coefficient_x_0,
    x_t,
)
from derivations.reverse.reverse_variance import (
    BETA_TILDE,
    DATA,
    DATA_WITNESS,
    IDDPM_15,
    SECTION_32,
    gaussian_data_variance,
    gaussian_images,
    v,
)
from derivations.schedule.published_schedule import alpha_bar_ball, beta_ball
from derivations.symbols import Quantity, real

BAO = "Bao et al. 2022, arXiv 2201.06503"


def linear_error(alpha_bar_t: Quantity, v: Quantity) -> Quantity:
    """The least mean squared error of x_0 by a multiple of x_t, for data of variance v."""
    return v * (1 - alpha_bar_t) / (1 - alpha_bar_t + alpha_bar_t * v)


def learned_variance(beta: Expr, beta_tilde: Expr, w: Expr) -> Expr:
    """The variance that interpolates the logarithms."""
    return exp(w * log(beta) + (1 - w) * log(beta_tilde))


w, m, s, sigma_squared = real("w m s sigma_squared")
C_X0 = posterior_coefficient_x_0(beta, A, A_T)


@claim(
    "variance.optimal",
    lines=LINES,
    verdict="holds",
    title="The best variance is the mean conditional variance (supplied)",
    statement=(
        r"With the mean $\mathbb{E}[x_{t-1}\mid x_t]$ and mean squared error $s$ per coordinate, "
        r"$\mathbb{E}[-\log p_\theta(x_{t-1}\mid x_t)] = \frac12\big(\log2\pi\sigma^2 + "
        r"s/\sigma^2\big)$ is least at $\sigma^2 = s$ alone: with $u = s/\sigma^2$ it exceeds its "
        r"least value by $\frac12(u - 1 - \log u)$."
    ),
    assumptions=(s > 0, sigma_squared > 0),
    witness={s: 1, sigma_squared: 2},
    sources=(BAO,),
    depends_on=("bound.log-inequality",),
)
def optimal() -> Checks:
    def cost(variance: Expr) -> Expr:
        # E of the squared distance is s: the density at a squared distance s is the expectation.
        return -log_normal(sqrt(s), 0, variance)

    ratio = s / sigma_squared
    yield identity(
        "the cost above that of sigma^2 = s", cost(sigma_squared) - cost(s),
        (ratio - 1 - log(ratio)) / 2, given=(s > 0, sigma_squared > 0),
        wrong={"quotient upside down": (1 / ratio - 1 - log(1 / ratio)) / 2,
               "no factor one half": ratio - 1 - log(ratio)},
    )
    yield identity(
        "its derivative vanishes at sigma^2 = s",
        diff(cost(sigma_squared), sigma_squared), (sigma_squared - s) / (2 * sigma_squared**2),
        given=(s > 0, sigma_squared > 0),
        wrong={"at the standard deviation": (sigma_squared - sqrt(s)) / (2 * sigma_squared**2)},
    )


@claim(
    "variance.total",
    lines=LINES,
    verdict="holds",
    title="The reverse variance is beta_tilde and what is not known of x_0 (supplied)",
    statement=(
        r"$\mathrm{Var}(x_{t-1}\mid x_t) = \tilde\beta_t + c_{x_0}^2\,\mathrm{Var}(x_0\mid x_t)$ "
        r"for data on any finite set of values, whatever their weights given $x_t$; for Gaussian "
        r"data, $\mathrm{Var}(x_0\mid x_t) = \frac{v(1-\bar\alpha_t)}{1-\bar\alpha_t+"
        r"\bar\alpha_tv}$, it is the exact value. (For data of any law it is the law of total "
        r"variance.)"
    ),
    assumptions=DATA,
    witness=DATA_WITNESS,
    sources=("law of total variance", BAO),
    depends_on=("posterior.mean", "posterior.variance", "variance.gaussian-data"),
)
def total() -> Checks:
    # Given x_t, value a of x_0 has some weight p, and x_{t-1} is N(c a + d, rest) beside it.
    c, d, rest, p, a, y = real("c d rest p a y")
    mass, first, second, mean, square = real("mass first second mean square")
    constants = {c: real("c_x0"), d: real("c_xt_x_t"), rest: real("beta_tilde")}
    values = Recursion(
        start={**constants, mass: 0, first: 0, second: 0, mean: 0, square: 0},
        step={
            c: c, d: d, rest: rest,
            mass: mass + p, first: first + p * a, second: second + p * a**2,
            mean: mean + p * expectation(y, y, c * a + d, rest),
            square: square + p * expectation(y**2, y, c * a + d, rest),
        },
    )
    total_mean = c * first + d * mass
    total_square = c**2 * second + 2 * c * d * first + (d**2 + rest) * mass
    yield invariant(
        "first and second moment of x_{t-1} from those of x_0, value by value",
        values, {mean: total_mean, square: total_square},
        wrong={"without the variance beside each value":
               {mean: total_mean, square: total_square - rest * mass},
               "no cross term": {mean: total_mean, square: total_square - 2 * c * d * first}},
    )
    yield identity(
        "with weights that sum to 1, the variance of x_{t-1} in terms of that of x_0",
        (total_square - total_mean**2).subs(mass, 1), rest + c**2 * (second - first**2),
        wrong={"coefficient not squared": rest + c * (second - first**2),
               "the second moment": rest + c**2 * second},
    )
    data = sqrt(v) * standard_normal("data")
    here = sqrt(A_T) * data + sqrt(1 - A_T) * standard_normal("noise")
    left = condition(data, here, x_t)[1]
    yield identity(
        "what x_t leaves open of Gaussian data", left, linear_error(A_T, v), given=DATA,
        wrong={"all of it": v, "the noise's share": linear_error(1 - A_T, v)},
    )
    yield identity(
        "the two parts add up to the variance found by conditioning directly",
        condition(*gaussian_images(), x_t)[1], BETA_TILDE + C_X0**2 * linear_error(A_T, v),
        given=DATA,
        wrong={"coefficient not squared": BETA_TILDE + C_X0 * linear_error(A_T, v),
               "beta for beta_tilde": beta + C_X0**2 * linear_error(A_T, v)},
    )


@claim(
    "variance.linear-guess",
    lines=LINES,
    verdict="holds",
    title="No data are harder to guess than Gaussian data of the same variance (supplied)",
    statement=(
        r"For centred data of variance $v$, $\mathbb{E}\,\mathrm{Var}(x_0\mid x_t)\le\min_k"
        r"\mathbb{E}(x_0 - kx_t)^2 = \frac{v(1-\bar\alpha_t)}{1-\bar\alpha_t+\bar\alpha_tv}$: the "
        r"conditional mean is at least as good as any linear guess, and the linear guess sees only "
        r"second moments."
    ),
    assumptions=(*STEP_OR_FIRST, v > 0),
    witness=DATA_WITNESS,
    sources=("least squares; linear minimum mean squared error",),
    depends_on=("variance.total",),
)
def linear_guess() -> Checks:
    k, guess, first, second = real("k guess first second")
    yield identity(
        "given x_t, with moments first and second of x_0, any guess errs by the variance and a "
        "square; so does k x_t, and the mean over x_t keeps the order",
        second - 2 * first * guess + guess**2, (second - first**2) + (guess - first) ** 2,
        wrong={"the second moment for the variance": second + (guess - first) ** 2,
               "the variance alone": second - first**2},
    )
    spread = 1 - A_T + A_T * v
    best = sqrt(A_T) * v / spread
    data = sqrt(v) * standard_normal("data")
    here = sqrt(A_T) * data + sqrt(1 - A_T) * standard_normal("noise")
    error = covariance(data + -(k * here), data + -(k * here))
    yield identity(
        "the error of k x_t is its least value and a square",
        error, linear_error(A_T, v) + spread * (k - best) ** 2, given=(*STEP_OR_FIRST, v > 0),
        wrong={"least at 1/sqrt(alpha_bar)":
               linear_error(A_T, v) + spread * (k - 1 / sqrt(A_T)) ** 2,
               "least value v": v + spread * (k - best) ** 2},
    )


@claim(
    "variance.bounds",
    lines=LINES,
    verdict="holds",
    title="The best reverse variance lies between beta_tilde and beta (supplied)",
    statement=(
        r"For data of any law with variance $v\le1$ per coordinate the best $\sigma_t^2 = "
        r"\tilde\beta_t + c_{x_0}^2\,\mathbb{E}\,\mathrm{Var}(x_0\mid x_t)$ satisfies "
        r"$\tilde\beta_t\le\sigma_t^2\le\beta_t$; both bounds are attained, by one point and by "
        r"$\mathcal{N}(0,1)$."
    ),
    assumptions=(*STEP_OR_FIRST, v >= 0, v <= 1, m >= 0, m <= linear_error(A_T, v)),
    witness={**STEP_WITNESS, v: 1, m: 0},
    sources=(SECTION_32, BAO),
    depends_on=("variance.optimal", "variance.total", "variance.linear-guess"),
)
def bounds() -> Checks:
    # m stands for E Var(x_0 | x_t), between 0 and the error of the best linear guess.
    value = BETA_TILDE + A * beta**2 / (1 - A_T) ** 2 * m
    yield identity(
        "the coefficient of m is c_x0 squared", A * beta**2 / (1 - A_T) ** 2, C_X0**2,
        given=STEP_OR_FIRST, wrong={"c_x0": C_X0},
    )
    yield implies(
        "m up to v (1 - alpha_bar_t)/(1 - alpha_bar_t + alpha_bar_t v), v up to 1",
        (*STEP_OR_FIRST, v >= 0, v <= 1, m >= 0, m * (1 - A_T + A_T * v) <= v * (1 - A_T)),
        (value >= BETA_TILDE) & (value <= beta),
        wrong={"strictly below beta": value < beta, "strictly above": value > BETA_TILDE},
    )
    yield identity(
        "both bounds are attained: m = 0, and m = 1 - alpha_bar_t for N(0, 1)",
        [value.subs(m, 0), value.subs(m, linear_error(A_T, 1))], [BETA_TILDE, beta],
        given=STEP_OR_FIRST,
        wrong={"only up to alpha beta": [BETA_TILDE, (1 - beta) * beta]},
    )
    yield lies_within(
        "in the published schedule at t = 2 with v = 1/4 the value is close to, and below, beta",
        lambda: gaussian_data_variance(beta_ball(2), alpha_bar_ball(1), arb(1) / 4) / beta_ball(2),
        (Rational(99, 100), Rational(1)),
        wrong={"at beta_tilde": (Rational(45, 100), Rational(46, 100))},
    )


@claim(
    "variance.log-interpolation",
    lines=LINES,
    verdict="holds",
    title="The learned variance lies between the two bounds (supplied)",
    statement=(
        r"$\sigma^2(w) = \exp\big(w\log\beta_t + (1-w)\log\tilde\beta_t\big)$ is $\tilde\beta_t$ "
        r"at $w=0$, $\beta_t$ at $w=1$, $\sqrt{\beta_t\tilde\beta_t}$ at $w=\frac12$, and lies "
        r"between for $0\le w\le1$, $t\ge2$. At $t=1$ it is undefined, as $\log\tilde\beta_1 = "
        r"\log0$; outside $[0,1]$ it leaves the bounds."
    ),
    assumptions=(*STEP, w >= 0, w <= 1, "the logarithm and the exponential are increasing"),
    witness={**STEP_WITNESS, w: Rational(1, 2)},
    sources=(IDDPM_15,),
    code=("core.reverse.p_mean_variance",),
    depends_on=("posterior.variance.below-beta", "posterior.first-step"),
)
def log_interpolation() -> Checks:
    high, low = real("log_beta log_beta_tilde")
    tilde = BETA_TILDE
    value = learned_variance(beta, tilde, w)
    half = Rational(1, 2)
    yield identity(
        "the ends and the middle", [value.subs(w, 0), value.subs(w, 1), value.subs(w, half)],
        [tilde, beta, sqrt(beta) * sqrt(tilde)], given=STEP,
        wrong={"ends exchanged": [beta, tilde, sqrt(beta) * sqrt(tilde)],
               "the arithmetic mean": [tilde, beta, (beta + tilde) / 2]},
    )
    yield implies(
        "at t >= 2 both logarithms exist, and that of beta_tilde is the smaller one",
        STEP, (tilde > 0) & (tilde < beta),
        wrong={"beta_tilde is the larger one": tilde > beta, "below half": tilde < beta / 2},
    )
    yield identity(
        "at t = 1 the argument of the second logarithm is 0", tilde.subs(A, 1), 0,
        given=(beta > 0, beta < 1), wrong={"it is beta": beta},
    )
    interpolated = w * high + (1 - w) * low
    yield implies(
        "the exponent lies between the logarithms, and exp is increasing",
        (low < high, w >= 0, w <= 1), (interpolated >= low) & (interpolated <= high),
        wrong={"below the middle": interpolated <= (low + high) / 2},
    )
    yield implies(
        "outside 0..1 it does not", (low < high, (w < 0) | (w > 1)),
        (interpolated < low) | (interpolated > high),
        wrong={"above 1 it stays below": interpolated <= high},
    )

