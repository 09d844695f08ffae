r"""The noised images of several t together: one noise per t is right, one noise for all is not.

    Cov(x_s, x_t | x_0) = sqrt(alpha_bar_t / alpha_bar_s) (1 - alpha_bar_s),  1 <= s <= t

It follows from DDPM (2), arXiv 2006.11239.
"""

from __future__ import annotations

from flint import arb
from sympy import Expr, Rational, sqrt

from derivations.claim import Checks, claim, refutes
from derivations.forward.expansion import alphas_between, within
from derivations.forward.expansion_general import ALL_RATES
from derivations.forward.forward import BETA, DDPM, INDEPENDENT, RATE, step
from derivations.forward.limit_constants import PUBLISHED, linear_alpha_bar
from derivations.forward.marginal import DDPM_4, sample
from derivations.prover.balls import lies_within
from derivations.prover.counterexample import differs
from derivations.prover.gaussian_forms import Form, covariance, standard_normal
from derivations.prover.induction import Recursion, invariant
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import real

A_S, A_T, COV, V_S, RATIO = real("alpha_bar_s alpha_bar_t covariance v_s ratio")
X_0 = real("x_0")
ORDERED = (A_T > 0, A_S > A_T, A_S < 1)
STEPS = 4


def joint_covariance(alpha_bar_s: Expr, alpha_bar_t: Expr) -> Expr:
    """Cov(x_s, x_t | x_0) for 1 <= s <= t, per coordinate."""
    return sqrt(alpha_bar_t / alpha_bar_s) * (1 - alpha_bar_s)


@claim(
    "marginal.joint-covariance",
    lines="265",
    verdict="holds",
    title="Covariance of two noised images (supplied)",
    statement=r"For $1\le s\le t$, $\operatorname{Cov}(x_s,x_t\mid x_0)="
    r"\sqrt{\bar\alpha_t/\bar\alpha_s}\,(1-\bar\alpha_s)\,I$.",
    assumptions=(*ORDERED, INDEPENDENT),
    witness={A_S: Rational(1, 2), A_T: Rational(1, 4)},
    sources=(DDPM,),
    code=("core.forward.q_step",),
    depends_on=("marginal.density",),
)
def covariance_of_two() -> Checks:
    yield invariant(
        "from s on, where it is 1 - alpha_bar_s, a step multiplies the covariance by sqrt(alpha)",
        Recursion(start={COV: V_S, RATIO: 1},
                  step={COV: sqrt(1 - BETA) * COV, RATIO: (1 - BETA) * RATIO},
                  domain=(RATIO > 0,), inputs=RATE),
        {COV: sqrt(RATIO) * V_S},
        wrong={"ratio without a root": {COV: RATIO * V_S}, "constant": {COV: V_S}},
    )
    betas = [real(f"beta_{i}") for i in range(1, STEPS + 1)]
    chain = [Form(X_0)]
    for i, beta in enumerate(betas, start=1):
        chain.append(step(chain[-1], beta, standard_normal(f"z_{i}")))
    pairs = [(s, t) for t in range(1, STEPS + 1) for s in range(1, t + 1)]
    kept = [alphas_between(betas, 1, t) for t in range(STEPS + 1)]
    yield identity(
        "the chain itself, every pair s <= t <= 4",
        [covariance(chain[s], chain[t]) for s, t in pairs],
        [joint_covariance(kept[s], kept[t]) for s, t in pairs], given=within(betas),
        wrong={
            "one shared noise":
                [sqrt((1 - kept[s]) * (1 - kept[t])) for s, t in pairs],
            "no shrinking after s": [1 - kept[s] for s, t in pairs],
        },
    )


@claim(
    "marginal.z-bar.across-t",
    lines="265",
    verdict="holds-if",
    severity="misleading",
    title="One formula for each t, but not one noise for all t",
    statement=r"The formula gives $x_t$ for each single $t$. The noises $\bar z_t$ of different "
    r"$t$ "
    r"are neither the same nor independent: one shared $\bar z$ would give "
    r"$\operatorname{Cov}(x_s,x_t\mid x_0)=\sqrt{(1-\bar\alpha_s)(1-\bar\alpha_t)}$, always too "
    r"large, and separate draws would give 0. The correlation of $\bar z_1$ and $\bar z_{15}$ is "
    r"$0.1667$ for the published rates.",
    assumptions=(ALL_RATES, *ORDERED, INDEPENDENT, r"a single $t$ is considered"),
    witness={A_S: Rational(1, 2), A_T: Rational(1, 4)},
    correction=r"For each single $t$, $x_t=\sqrt{\bar\alpha_t}\,x_0+\sqrt{1-\bar\alpha_t}\,\bar "
    r"z_t$; "
    r"jointly, $\operatorname{Cov}(\bar z_s,\bar z_t)="
    r"\sqrt{\frac{\bar\alpha_t(1-\bar\alpha_s)}{\bar\alpha_s(1-\bar\alpha_t)}}\,I$ for $s\le t$.",
    sources=(DDPM_4,),
    depends_on=("marginal.joint-covariance", "marginal.z-bar.law"),
)
def across_t() -> Checks:
    shared = standard_normal("z_bar")
    x_s, x_t = sample(A_S, Form(X_0), shared), sample(A_T, Form(X_0), shared)
    yield identity(
        "for a single t the law is right", [x_t.mean, x_t.variance], [sqrt(A_T) * X_0, 1 - A_T],
        given=ORDERED, wrong={"standard deviation": [sqrt(A_T) * X_0, sqrt(1 - A_T)]},
    )
    yield refutes(differs(
        "for two t together one shared noise gives another covariance than the chain",
        covariance(x_s, x_t), joint_covariance(A_S, A_T), given=ORDERED,
        at={A_S: Rational(1, 2), A_T: Rational(1, 4)},
        wrong={"root of the product of the variances": sqrt((1 - A_S) * (1 - A_T))},
    ))
    chain, alike = joint_covariance(A_S, A_T) ** 2, covariance(x_s, x_t) ** 2
    yield refutes(implies(
        "it is too large for all s < t (compared as squares)", ORDERED, chain < alike,
        wrong={"equal": chain >= alike},
    ))
    yield refutes(implies(
        "and separate draws have none", ORDERED, chain > 0, wrong={"none": chain <= 0},
    ))

    def correlation() -> arb:
        a_1, a_15 = linear_alpha_bar(PUBLISHED, t=1), linear_alpha_bar(PUBLISHED, t=15)
        return (a_15 * (1 - a_1) / (a_1 * (1 - a_15))).sqrt()

    yield lies_within(
        "correlation of z_bar_1 and z_bar_15, published rates", correlation,
        (Rational(1666, 10000), Rational(1668, 10000)),
        wrong={"its square": (Rational(27, 1000), Rational(28, 1000)),
               "one shared noise": (Rational(999, 1000), Rational(1001, 1000))},
    )
