r"""What follows from the law of x_t given x_0: weights, variance of the data, snr.

    x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) z_bar_t             DDPM (4) as a draw
    Var(x_t) = alpha_bar_t Var(x_0) + 1 - alpha_bar_t
    snr_t = alpha_bar_t / (1 - alpha_bar_t)

DDPM is arXiv 2006.11239.
"""

from __future__ import annotations

from sympy import Eq, Rational, S, sqrt

from derivations.claim import Checks, claim, refutes
from derivations.forward.expansion import alphas_between, unrolled, within
from derivations.forward.expansion_general import ALL_RATES
from derivations.forward.forward import BETA, INDEPENDENT, RATE
from derivations.forward.marginal import (
    DDPM_4,
    SIGNAL_LEFT,
    VAR,
    X_0,
    A,
    marginal_mean,
    marginal_variance,
    sample,
)
from derivations.prover.counterexample import counterexample
from derivations.prover.gaussian_forms import standard_normal
from derivations.prover.induction import Recursion, invariant
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import Quantity, real

V_0 = real("v_0")


def signal_to_noise(alpha_bar: Quantity) -> Quantity:
    """snr_t for data of second moment 1."""
    return alpha_bar / (1 - alpha_bar)


@claim(
    "marginal.linear-combination",
    lines="267",
    verdict="holds",
    title="x_t is a linear combination of image and noise",
    statement=r"$x_t$ is a linear combination of $x_0$ and $\bar z_t$ whose squared coefficients "
    r"sum to one. The coefficients themselves sum to more than one: it is not an average of the "
    r"two.",
    assumptions=SIGNAL_LEFT,
    witness={A: Rational(1, 2)},
    sources=(DDPM_4,),
    depends_on=("marginal.closed-form",),
)
def combination() -> Checks:
    drawn = sample(A, standard_normal("x_0"), standard_normal("z_bar"))
    yield identity(
        "squares of the coefficients", sum((c**2 for c in drawn.noise.values()), S.Zero), 1,
        given=SIGNAL_LEFT, wrong={"the coefficients themselves": sqrt(A) + sqrt(1 - A)},
    )
    yield implies(
        "the coefficients sum to more than one", SIGNAL_LEFT, sqrt(A) + sqrt(1 - A) > 1,
        wrong={"an average": Eq(sqrt(A) + sqrt(1 - A), 1)},
    )


@claim(
    "marginal.obtain",
    lines="267-268",
    verdict="holds-if",
    severity="misleading",
    title="Start and rates fix the law of x_t, not its value",
    statement=r"It is said that $x_0$ and the rates suffice to get $x_t$ for any $t$. They fix the "
    r"law of $x_t$; a value needs a draw of noise as well, since the variance $1-\bar\alpha_t$ is "
    r"positive. One draw gives one $x_t$, without the steps between.",
    assumptions=(ALL_RATES, INDEPENDENT),
    correction=r"Given $x_0$ and $\beta_1,\ldots,\beta_t$ the law of $x_t$ is known for any "
    r"$t$, and "
    r"one standard normal draw gives a sample of it without simulating the steps.",
    sources=(DDPM_4,),
    depends_on=("marginal.density",),
)
def obtain() -> Checks:
    betas, x = unrolled(3)
    alpha_bar = alphas_between(betas, 1, 3)
    yield identity(
        "the law after three steps contains nothing but x_0 and the rates", [x.mean, x.variance],
        [marginal_mean(alpha_bar, X_0), marginal_variance(alpha_bar)], given=within(betas),
        wrong={"last rate only": [sqrt(1 - betas[2]) * X_0, betas[2]]},
    )
    yield refutes(counterexample(
        "the value is not fixed: the variance is not 0",
        Eq(marginal_variance(A), 0, evaluate=False), given=SIGNAL_LEFT, at={A: Rational(1, 2)},
        wrong={"variance one half at alpha_bar = 1/2":
               Eq(marginal_variance(A), Rational(1, 2), evaluate=False)},
    ))


@claim(
    "marginal.data-variance",
    lines="265",
    verdict="holds",
    title="Variance of x_t for random x_0 (supplied)",
    statement=r"For random $x_0$ with variance $v_0$, "
    r"$\operatorname{Var}(x_t)=\bar\alpha_tv_0+1-\bar\alpha_t$, and likewise for the second "
    r"moment: "
    r"it moves from $v_0$ to 1, and equals 1 for some $t\ge1$ only if $v_0=1$, and then for all.",
    assumptions=(*SIGNAL_LEFT, INDEPENDENT),
    witness={A: Rational(1, 2)},
    sources=("Song et al. 2021, arXiv 2011.13456, section 3.4 (variance preserving)",),
    depends_on=("forward.step.unit-variance",),
)
def data_variance() -> Checks:
    yield invariant(
        "the recursion of the variance, for every number of steps",
        Recursion(start={A: 1, VAR: V_0}, step={A: (1 - BETA) * A, VAR: (1 - BETA) * VAR + BETA}),
        {VAR: A * V_0 + 1 - A},
        wrong={"data taken as fixed": {VAR: 1 - A}, "root of alpha_bar": {VAR: A**2 * V_0 + 1 - A}},
    )
    yield implies(
        "it is 1 only for data of variance 1", (*SIGNAL_LEFT, Eq(A * V_0 + 1 - A, 1)), Eq(V_0, 1),
        wrong={"only for data of variance 0": Eq(V_0, 0)},
    )


@claim(
    "marginal.snr",
    lines="262",
    verdict="holds",
    title="The signal-to-noise ratio falls in every step (supplied)",
    statement=r"$\mathrm{snr}_t=\bar\alpha_t/(1-\bar\alpha_t)$ falls strictly with $t\ge1$ for any "
    r"rates in $(0,1)$, and determines $\bar\alpha_t=\mathrm{snr}_t/(1+\mathrm{snr}_t)$.",
    assumptions=(*SIGNAL_LEFT, *RATE),
    witness={A: Rational(1, 2), BETA: Rational(1, 50)},
    sources=("Kingma et al. 2021, arXiv 2107.00630, section 3.1",),
    depends_on=("marginal.alpha-bar.definition",),
)
def snr() -> Checks:
    yield implies(
        "one more step", (*SIGNAL_LEFT, *RATE),
        signal_to_noise(A * (1 - BETA)) < signal_to_noise(A),
        wrong={"by the factor 1 - beta only":
               Eq(signal_to_noise(A * (1 - BETA)), (1 - BETA) * signal_to_noise(A))},
    )
    yield identity(
        "alpha_bar from the ratio", signal_to_noise(A) / (1 + signal_to_noise(A)), A,
        given=SIGNAL_LEFT, wrong={"noise share": 1 - A},
    )
