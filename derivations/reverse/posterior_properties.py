r"""What follows from the posterior: its edge case, pairs of steps, later images, dimensions.

    q(x_0 | x_1, x_0) is a point mass: c_x0 = 1, c_xt = 0, beta_tilde_1 = 0
    q(x_s | x_t, x_0) for s = t - 1 is DDPM (6)
    q(x_{t-1} | x_t, x_{t+1}, x_0) = q(x_{t-1} | x_t, x_0)

Consequences of DDPM (6) and (7), arXiv 2006.11239.
"""

from sympy import Eq, Matrix, Rational, sqrt

from derivations.claim import Checks, claim
from derivations.prover.gaussian_forms import Form, condition, covariance, standard_normal
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.reverse.posterior import (
    A_T,
    DDPM_6,
    DDPM_7,
    LINES,
    STEP,
    STEP_OR_FIRST,
    STEP_WITNESS,
    A,
    beta,
    images,
    pair_coefficient_x_0,
    pair_coefficient_x_t,
    pair_variance,
    posterior_coefficient_x_0,
    posterior_coefficient_x_t,
    posterior_variance,
    x_0,
    x_t,
)
from derivations.symbols import real

B = real("alpha_bar_t")
PAIR = (A > 0, A < 1, B > 0, B < A)
C_X0 = posterior_coefficient_x_0(beta, A, A_T)
C_XT = posterior_coefficient_x_t(1 - beta, A, A_T)
BETA_TILDE = posterior_variance(beta, A, A_T)


@claim(
    "posterior.first-step",
    lines=LINES,
    verdict="holds",
    title="The posterior of the first step is a point mass at x_0 (supplied)",
    statement=(
        r"At $t = 1$, where $\bar\alpha_0 = 1$, DDPM (7) gives mean $x_0$ with coefficients $1$ "
        r"and $0$, and $\tilde\beta_1 = 0$: there is no density, no logarithm of the variance and "
        r"no KL divergence at $t = 1$, so the bound treats this step apart."
    ),
    assumptions=(beta > 0, beta < 1),
    witness={beta: Rational(1, 10000)},
    sources=(DDPM_7,),
    depends_on=("posterior.mean", "posterior.variance"),
)
def first_step() -> Checks:
    yield identity(
        "alpha_bar_0 = 1 puts all weight on x_0 and leaves no variance",
        [C_X0.subs(A, 1), C_XT.subs(A, 1), BETA_TILDE.subs(A, 1)], [1, 0, 0],
        given=(beta > 0, beta < 1),
        wrong={
            "variance beta": [1, 0, beta],
            "the mean keeps x_t": [1, sqrt(1 - beta), 0],
            "coefficient of the forward step": [sqrt(1 - beta), 0, 0],
        },
    )
    yield implies(
        "the variance vanishes at no other step",
        STEP_OR_FIRST, Eq(A, 1) | (BETA_TILDE > 0),
        wrong={"it vanishes nowhere": BETA_TILDE > 0},
    )


@claim(
    "posterior.pair",
    lines=LINES,
    verdict="holds",
    title="The posterior of any earlier image, not only the previous one (supplied)",
    statement=(
        r"For $1\le s<t$, $q(x_s\mid x_t,x_0)$ is Gaussian with mean "
        r"$\frac{\sqrt{\bar\alpha_s}\,(1-\bar\alpha_t/\bar\alpha_s)}{1-\bar\alpha_t}x_0 + "
        r"\frac{\sqrt{\bar\alpha_t/\bar\alpha_s}\,(1-\bar\alpha_s)}{1-\bar\alpha_t}x_t$ and "
        r"variance $\frac{(1-\bar\alpha_s)(1-\bar\alpha_t/\bar\alpha_s)}{1-\bar\alpha_t}$."
    ),
    assumptions=PAIR,
    witness={A: Rational(1, 2), B: Rational(1, 3)},
    sources=(DDPM_7,),
    code=("core.posterior.q_posterior_pair",),
    depends_on=("posterior.conditioning-rule",),
)
def pair() -> Checks:
    at_s = sqrt(A) * x_0 + sqrt(1 - A) * standard_normal("until s")
    at_t = sqrt(B / A) * at_s + sqrt(1 - B / A) * standard_normal("from s to t")
    c_x0, c_xt = pair_coefficient_x_0(A, B), pair_coefficient_x_t(A, B)
    mean, variance = c_x0 * x_0 + c_xt * x_t, pair_variance(A, B)
    yield identity(
        "x_t is x_s with the noise of the steps between, and conditioning gives the stated pair",
        list(condition(at_s, at_t, x_t)), [mean, variance], given=PAIR,
        wrong={
            "no square root of the ratio":
                [c_x0 * x_0 + B / A * (1 - A) / (1 - B) * x_t, variance],
            "alpha_bar_t under the root": [sqrt(B) * (1 - B / A) / (1 - B) * x_0 + c_xt * x_t,
                                           variance],
            "variance of the forward transition": [mean, 1 - B / A],
        },
    )


@claim(
    "posterior.pair.one-step",
    lines=LINES,
    verdict="holds",
    title="The pair formula at s = t - 1 is the one-step formula (supplied)",
    statement=(
        r"With $\bar\alpha_t = (1-\beta_t)\,\bar\alpha_{t-1}$ the coefficients and the variance of "
        r"$q(x_s\mid x_t,x_0)$ at $s=t-1$ are those of DDPM (7)."
    ),
    assumptions=STEP_OR_FIRST,
    witness=STEP_WITNESS,
    sources=(DDPM_7,),
    depends_on=("posterior.pair", "posterior.mean", "posterior.variance"),
)
def pair_one_step() -> Checks:
    yield identity(
        "1 - alpha_bar_t / alpha_bar_{t-1} is beta_t",
        [pair_coefficient_x_0(A, A_T), pair_coefficient_x_t(A, A_T), pair_variance(A, A_T)],
        [C_X0, C_XT, BETA_TILDE], given=STEP_OR_FIRST,
        wrong={"variance beta": [C_X0, C_XT, beta], "exchanged": [C_XT, C_X0, BETA_TILDE]},
    )


@claim(
    "posterior.later-images",
    lines=LINES,
    verdict="holds",
    title="Images later than x_t tell nothing more about x_{t-1} (supplied)",
    statement=(
        r"$q(x_{t-1}\mid x_t, x_{t+1}, x_0) = q(x_{t-1}\mid x_t, x_0)$, $t\ge2$: given $x_0$ the "
        r"chain is Markov backwards too. One further step suffices, as all later images are built "
        r"from $x_{t+1}$ and fresh noise."
    ),
    assumptions=(*STEP, real("beta_next") > 0, real("beta_next") < 1),
    witness={**STEP_WITNESS, real("beta_next"): Rational(1, 4)},
    sources=("Markov property of the chain given x_0; used in DDPM, appendix A",),
    depends_on=("posterior.mean",),
)
def later_images() -> Checks:
    beta_next = real("beta_next")
    at_s, at_t = images(beta, A)
    later = sqrt(1 - beta_next) * at_t + sqrt(beta_next) * standard_normal("step t + 1")
    given = (*STEP, beta_next > 0, beta_next < 1)
    gain = covariance(at_s, at_t) / at_t.variance
    yield identity(
        "what x_t leaves unexplained of x_{t-1} is uncorrelated with x_{t+1}, hence independent",
        covariance(at_s - gain * at_t, later), 0, given=given,
        wrong={"x_{t-1} itself is uncorrelated with x_{t+1}": covariance(at_s, later) * gain},
    )


@claim(
    "posterior.isotropic",
    lines=LINES,
    verdict="holds",
    title="The coordinates of the posterior are independent (supplied)",
    statement=(
        r"In $d$ dimensions the posterior is $\mathcal{N}(\tilde\mu_t, \tilde\beta_t I)$: two "
        r"different coordinates of $x_{t-1}$ stay uncorrelated given the whole of $x_t$ and $x_0$, "
        r"so a proof for one coordinate serves all."
    ),
    assumptions=STEP_OR_FIRST,
    witness=STEP_WITNESS,
    sources=(DDPM_6,),
    depends_on=("posterior.variance",),
)
def isotropic() -> Checks:
    def coordinate(i: int) -> tuple[Form, Form]:
        at_s = sqrt(A) * real(f"x_0_{i}") + sqrt(1 - A) * standard_normal(f"until s, {i}")
        return at_s, sqrt(1 - beta) * at_s + sqrt(beta) * standard_normal(f"step t, {i}")

    pairs = [coordinate(1), coordinate(2)]
    cov = Matrix(2, 2, lambda i, j: covariance(pairs[i][0], pairs[j][0]))
    cross = Matrix(2, 2, lambda i, j: covariance(pairs[i][0], pairs[j][1]))
    on = Matrix(2, 2, lambda i, j: covariance(pairs[i][1], pairs[j][1]))
    # The inverse is written out: `on` is diagonal, which the first check establishes.
    inverse = Matrix([[1 / on[0, 0], 0], [0, 1 / on[1, 1]]])
    yield identity(
        "the covariance matrix of two coordinates of x_t is diagonal",
        on, Matrix([[1 - A_T, 0], [0, 1 - A_T]]), given=STEP_OR_FIRST,
        wrong={"shared noise": Matrix([[1 - A_T, beta], [beta, 1 - A_T]])},
    )
    yield identity(
        "the Schur complement of two coordinates is beta_tilde times the unit matrix",
        cov - cross * inverse * cross.T, Matrix([[BETA_TILDE, 0], [0, BETA_TILDE]]),
        given=STEP_OR_FIRST,
        wrong={"correlated": Matrix([[BETA_TILDE, BETA_TILDE], [BETA_TILDE, BETA_TILDE]]),
               "beta": Matrix([[beta, 0], [0, beta]])},
    )
