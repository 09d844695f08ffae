r"""How the noised images are correlated, and what the Markov property does not say about it.

    Corr(x_s, x_t | x_0)^2 = alpha_bar_t (1 - alpha_bar_s) / (alpha_bar_s (1 - alpha_bar_t)),  s < t
    Cov(x_t, z_t) = sqrt(beta_t)

They follow from DDPM (2) and (4), arXiv 2006.11239.
"""

from __future__ import annotations

from fractions import Fraction

from sympy import And, Expr, Rational, sqrt

from derivations.claim import Checks, claim, corrects, refutes
from derivations.forward.forward import (
    BETA,
    BETA_1,
    BETA_2,
    DDPM,
    INDEPENDENT,
    RATE,
    RATES,
    X_PREV,
    step,
)
from derivations.forward.forward_chain import conditional_covariance
from derivations.prover.counterexample import counterexample, differs
from derivations.prover.execution import evaluates
from derivations.prover.gaussian_forms import Form, covariance, standard_normal
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import real

A_S, A_R, A_T, V_0 = real("alpha_bar_s alpha_bar_r alpha_bar_t v_0")
IN_ORDER = (A_T > 0, A_R > A_T, A_S > A_R, A_S < 1)
FROM_START = (A_T > 0, A_R > A_T, A_S > A_R, A_S <= 1)  # s = 0 as well, where alpha_bar_s is 1
Z_1, Z_2 = standard_normal("z_1"), standard_normal("z_2")


def squared_correlation(alpha_bar_s: Expr, alpha_bar_t: Expr) -> Expr:
    """Corr(x_s, x_t | x_0)^2 for 1 <= s <= t."""
    return alpha_bar_t * (1 - alpha_bar_s) / (alpha_bar_s * (1 - alpha_bar_t))


def correlation_with_data(alpha_bar_s: Expr, alpha_bar_t: Expr, data_variance: Expr) -> Expr:
    """Corr(x_s, x_t)^2 for 0 <= s <= t and data of this variance."""
    return alpha_bar_t * (data_variance + 1 / alpha_bar_s - 1) / (
        alpha_bar_t * data_variance + 1 - alpha_bar_t)


@claim(
    "forward.influence.markov-theorem",
    lines="214",
    verdict="false",
    severity="misleading",
    title="There is no Markov theorem at work",
    statement=r"A theorem named after Markov is given as the reason. What is used is the Markov "
    r"property, $q(x_t\mid x_{t-1},\ldots,x_0)=q(x_t\mid x_{t-1})$. It is no theorem about "
    r"sequences of this form: with $z_2=z_1$ it fails. It follows here from the independence of "
    r"the noises.",
    assumptions=(*RATE, INDEPENDENT),
    witness={BETA: Rational(1, 2)},
    correction=r"By construction the process has the Markov property: given $x_{t-1}$, $x_t$ does "
    r"not depend on $x_{t-2},\ldots,x_0$.",
    sources=(DDPM,),
    depends_on=("forward.chain.markov",),
)
def markov_theorem() -> Checks:
    start = standard_normal("x_0")
    first = step(start, BETA, Z_1)
    yield refutes(differs(
        "steps of the stated form with z_2 = z_1: x_2 depends on x_0 beyond x_1",
        conditional_covariance(step(first, BETA, Z_1), start, first), 0 * BETA, given=RATE,
        at={BETA: Rational(1, 4)}, wrong={"its value": -sqrt(1 - BETA) * BETA},
    ))
    yield corrects(identity(
        "with independent noises it does not",
        conditional_covariance(step(first, BETA, Z_2), start, first), 0, given=RATE,
        wrong={"covariance without conditioning": 1 - BETA},
    ))


def three_point_correlations(middle: dict[int, int]) -> tuple[Fraction, Fraction]:
    """Corr(X, Z) and Corr(Y, Z) for X uniform on -1, 0, 1, Y = middle[X], Z = X.

    ``middle`` is one-to-one, so Z is a function of Y and X - Y - Z is a Markov chain; all three
    are uniform on -1, 0, 1 with mean 0 and variance 2/3.
    """
    points = (-1, 0, 1)
    with_x = Fraction(sum(x * x for x in points), 3)
    with_y = Fraction(sum(middle[x] * x for x in points), 3)
    return with_x / Fraction(2, 3), with_y / Fraction(2, 3)


@claim(
    "forward.influence.markov-inference",
    lines="214",
    verdict="false",
    severity="misleading",
    title="The Markov property does not order correlations",
    statement=r"From the Markov property it is concluded that $x_t$ is correlated most with "
    r"$x_{t-1}$. The property does not give this: let $X$ be uniform on $\{-1,0,1\}$, let $Y$ "
    r"exchange $-1$ and $0$, and let $Z=X$. Then $X,Y,Z$ is a Markov chain with "
    r"$\operatorname{Corr}(X,Z)=1>\operatorname{Corr}(Y,Z)=\tfrac12$.",
    correction=r"For a chain of normal variables correlations multiply, "
    r"$\operatorname{Corr}(x_0,x_2)=\operatorname{Corr}(x_0,x_1)\operatorname{Corr}(x_1,x_2)$, and "
    r"so cannot grow with distance. For Markov chains in general it is mutual information that "
    r"cannot grow.",
    assumptions=(*RATES[:4],),
    witness={BETA_1: Rational(1, 4), BETA_2: Rational(1, 2)},
    sources=("Cover & Thomas 2006, Elements of Information Theory, theorem 2.8.1",),
)
def markov_inference() -> Checks:
    yield refutes(evaluates(
        "a Markov chain of three variables whose ends are correlated more than neighbours",
        lambda: three_point_correlations({-1: 0, 0: -1, 1: 1}), (Fraction(1), Fraction(1, 2)),
        wrong={"nothing exchanged": lambda: three_point_correlations({-1: -1, 0: 0, 1: 1})},
    ))
    start = standard_normal("x_0")
    x_1 = step(start, BETA_1, Z_1)
    x_2 = step(x_1, BETA_2, Z_2)
    yield corrects(identity(
        "for normal variables of variance 1 correlations multiply",
        covariance(start, x_2), covariance(start, x_1) * covariance(x_1, x_2), given=RATES[:4],
        wrong={"they add": covariance(start, x_1) + covariance(x_1, x_2)},
    ))


@claim(
    "forward.influence.previous-most-correlated",
    lines="214",
    verdict="holds-if",
    severity="cosmetic",
    title="The previous image is the one most correlated with x_t",
    statement=r"Among the earlier images $x_t$ is correlated most with $x_{t-1}$. True of this "
    r"process: $\operatorname{Corr}(x_s,x_t\mid x_0)^2=\frac{\bar\alpha_t(1-\bar\alpha_s)}"
    r"{\bar\alpha_s(1-\bar\alpha_t)}$ rises strictly with $1\le s<t$, and so does its counterpart "
    r"for data of any variance $v$, "
    r"$\frac{\bar\alpha_t(v+1/\bar\alpha_s-1)}{\bar\alpha_tv+1-\bar\alpha_t}$, $0\le s<t$. "
    r"Without independent noises it fails: with $z_2=x_0$ and $\beta=\tfrac34$, $x_2$ is "
    r"correlated more with $x_0$ than with $x_1$.",
    assumptions=(*IN_ORDER, INDEPENDENT),
    witness={A_S: Rational(3, 4), A_R: Rational(1, 2), A_T: Rational(1, 4)},
    correction=r"With independent noises and $0<\beta_t<1$, $\operatorname{Corr}(x_s,x_t)$ rises "
    r"strictly with $s<t$, given $x_0$ (for $s\ge1$) and for data of any variance.",
    sources=(DDPM,),
    depends_on=("marginal.joint-covariance",),
)
def previous_most_correlated() -> Checks:
    x_1 = step(Form(X_PREV), BETA_1, Z_1)
    x_2 = step(x_1, BETA_2, Z_2)
    kept = 1 - BETA_1, (1 - BETA_1) * (1 - BETA_2)
    yield identity(
        "squared correlation of x_1 and x_2 given x_0, from the linear forms",
        covariance(x_1, x_2) ** 2 / (x_1.variance * x_2.variance), squared_correlation(*kept),
        given=RATES[:4], wrong={
            "without the variance of x_s": squared_correlation(*kept) / (1 - kept[0]),
            "the ratio for unit-variance data": kept[1] / kept[0],
        },
    )
    yield implies(
        "a later image is correlated more, the start being given", IN_ORDER,
        squared_correlation(A_S, A_T) < squared_correlation(A_R, A_T),
        wrong={"an earlier one more":
               squared_correlation(A_S, A_T) > squared_correlation(A_R, A_T)},
    )
    data = standard_normal("x_0") * sqrt(V_0)
    early = data * sqrt(A_S) + Z_1 * sqrt(1 - A_S)
    late = early * sqrt(A_T / A_S) + Z_2 * sqrt(1 - A_T / A_S)
    with_data = correlation_with_data(A_S, A_T, V_0)
    yield identity(
        "squared correlation for data of variance v, from the linear forms",
        covariance(early, late) ** 2 / (early.variance * late.variance), with_data,
        given=(*FROM_START, V_0 > 0), wrong={
            "the ratio for unit-variance data": A_T / A_S,
            "the start being given": squared_correlation(A_S, A_T),
        },
    )
    yield implies(
        "a later image is correlated more for data of any variance", (*FROM_START, V_0 > 0),
        with_data < correlation_with_data(A_R, A_T, V_0),
        wrong={"more than twice as much": 2 * with_data < correlation_with_data(A_R, A_T, V_0)},
    )
    start = standard_normal("x_0")
    middle = step(start, BETA, Z_1)
    end = step(middle, BETA, start)
    yield refutes(counterexample(
        "with z_2 = x_0 the covariance of x_2 with x_0 is the larger; x_0 and x_1 have variance 1",
        covariance(start, end) < covariance(middle, end), given=RATE, at={BETA: Rational(3, 4)},
        wrong={"both positive": And(covariance(start, end) > 0, covariance(middle, end) > 0)},
    ))


@claim(
    "forward.influence.depends-on-noise",
    lines="214",
    verdict="holds",
    title="x_t also depends on the noise of its step",
    statement=r"$x_t$ is correlated with the fresh noise too: $\operatorname{Cov}(x_t,z_t)="
    r"\sqrt{\beta_t}>0$ in each coordinate.",
    assumptions=(*RATE, INDEPENDENT),
    witness={BETA: Rational(1, 50)},
    sources=(DDPM,),
)
def depends_on_noise() -> Checks:
    drawn = step(standard_normal("x_prev"), BETA, Z_1)
    yield identity(
        "covariance of x_t with z_t", covariance(drawn, Z_1), sqrt(BETA), given=RATE,
        wrong={"beta without the root": BETA, "none": 0, "the image's weight": sqrt(1 - BETA)},
    )
    yield implies("it is positive", RATE, sqrt(BETA) > 0, wrong={"above 1/2": 2 * sqrt(BETA) > 1})
