r"""Mean and variance of a X + b Y, for any X and Y and for normal ones.

    E(aX + bY)   = a E X + b E Y                                  Casella & Berger 2002, section 4.5
    Var(aX + bY) = a^2 Var X + b^2 Var Y + 2 a b Cov(X, Y)        ibid., theorem 4.5.6

Left sides come from a table of unknown probabilities of two variables with two unknown values each,
or from linear forms in independent standard normals.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sympy import Eq, Expr, Rational, S, sqrt

from derivations.claim import Checks, claim, corrects, refutes
from derivations.prover.counterexample import counterexample, differs
from derivations.prover.execution import token
from derivations.prover.gaussian_forms import Form, covariance, expectation, standard_normal
from derivations.prover.induction import Recursion, invariant
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import Quantity, real


def combination_mean(a: Quantity, mean_x: Quantity, b: Quantity, mean_y: Quantity) -> Quantity:
    """E(aX + bY)."""
    return a * mean_x + b * mean_y


def combination_variance(
    a: Quantity, var_x: Quantity, b: Quantity, var_y: Quantity, covariance: Quantity = 0
) -> Quantity:
    """Var(aX + bY)."""
    return a**2 * var_x + b**2 * var_y + 2 * a * b * covariance


a, b, rho = real("a b rho")
A, B, u, v, w = real("A B u v w")
k_x, k_y, k_z, k_xy = real("k_x k_y k_z k_xy")  # running sums over the values of a finite law
mu_1, mu_2, sigma_1, sigma_2 = real("mu_1 mu_2 sigma_1 sigma_2")
POSITIVE = (sigma_1 > 0, sigma_2 > 0)
WITNESS = {sigma_1: 1, sigma_2: 2}
CORRELATED = (*POSITIVE, rho >= -1, rho <= 1)

# Two variables with values x_1, x_2 and y_1, y_2; the last of four probabilities is what is left.
_X, _Y = real("x_1 x_2"), real("y_1 y_2")
_P = {(0, 0): real("p_11"), (0, 1): real("p_12"), (1, 0): real("p_21")}
_P[1, 1] = 1 - sum(_P.values())


def mean_of(function: Callable[..., Any]) -> Expr:
    """E function(X, Y) over the table."""
    return sum(p * function(_X[i], _Y[j]) for (i, j), p in _P.items())


MEAN_X, MEAN_Y = mean_of(lambda x, y: x), mean_of(lambda x, y: y)
VAR_X = mean_of(lambda x, y: (x - MEAN_X) ** 2)
VAR_Y = mean_of(lambda x, y: (y - MEAN_Y) ** 2)
COVARIANCE = mean_of(lambda x, y: (x - MEAN_X) * (y - MEAN_Y))


def normal_pair() -> tuple[Form, Form]:
    """X ~ N(mu_1, sigma_1^2) and Y ~ N(mu_2, sigma_2^2), jointly normal with correlation rho."""
    x = mu_1 + sigma_1 * standard_normal("first")
    y = mu_2 + sigma_2 * (
        rho * standard_normal("first") + sqrt(1 - rho**2) * standard_normal("second"))
    return x, y


@claim(
    "gaussian.heading",
    lines="35",
    verdict="misprint",
    severity="misleading",
    title="Heading: superposition of Gaussian functions",
    statement=(
        r"The heading announces how Gaussian functions are superposed; line 46 is about a linear "
        r"combination of normal variables. The superposition $\tfrac12\mathcal N(x; -3, 1) + "
        r"\tfrac12\mathcal N(x; 3, 1)$ of the functions is a mixture: variance 10, fourth moment "
        r"138 where a normal law of that variance has 300. $\tfrac12 X + \tfrac12 Y$ of "
        r"independent variables is $\mathcal N(0, \tfrac12)$."
    ),
    correction="Density of the normal distribution; linear combinations of independent normals.",
    sources=("Bishop 2006, PRML, section 2.3.9 (mixtures of Gaussians)",),
)
def heading() -> Checks:
    z = real("z")

    def mixture_moment(k: int) -> Expr:
        return sum(expectation(z**k, z, m, 1) for m in (-3, 3)) / 2

    yield refutes(differs(
        "variance of the superposed functions and of the combined variables",
        mixture_moment(2), combination_variance(Rational(1, 2), 1, Rational(1, 2), 1),
        wrong={"1 + 3^2": Rational(10)},
    ))
    yield refutes(differs(
        "the superposed functions are no normal density: fourth moment", mixture_moment(4),
        expectation(z**4, z, 0, 10), wrong={"3^4 + 6 3^2 + 3": Rational(138)},
    ))
    yield refutes(identity(
        "variance and fourth moment of the mixture, fourth moment of N(0, 10)",
        [mixture_moment(2), mixture_moment(4), expectation(z**4, z, 0, 10)], [10, 138, 300],
        wrong={"a normal mixture": [10, 300, 300]},
    ))
    half = Rational(1, 2)
    together = half * (-3 + standard_normal("X")) + half * (3 + standard_normal("Y"))
    yield corrects(identity(
        "mean and variance of the combined variables", [together.mean, together.variance],
        [0, half], wrong={"of the mixture": [0, 10], "standard deviations added": [0, 1]},
    ))


@claim(
    "gaussian.superposed",
    lines="43",
    verdict="misprint",
    severity="cosmetic",
    title="Variables called distributions and said to be superposed",
    statement="The variables $X$ and $Y$ are called two distributions, and the word for "
    "superposition is used for the linear combination $aX + bY$.",
    correction="两个高斯变量 (normal variables), 线性组合 (linear combination)",
)
def superposed() -> Checks:
    yield refutes(token("the word of the heading again", 43, "叠加", "线性组合"))
    yield refutes(token("X and Y are variables", 43, "高斯分布", "高斯变量"))


@claim(
    "gaussian.combination.mean",
    lines="46",
    verdict="holds",
    title="Mean of a linear combination",
    statement=(
        r"$\mathrm E(aX + bY) = a\mu_1 + b\mu_2$, whether or not $X$ and $Y$ are independent."
    ),
    sources=("Casella & Berger 2002, Statistical Inference, section 4.1",),
    code=("core.gaussian.linear_combination",),
)
def combination_has_mean() -> Checks:
    yield identity(
        "any two variables with two values each", mean_of(lambda x, y: a * x + b * y),
        combination_mean(a, MEAN_X, b, MEAN_Y),
        wrong={"plain sum": MEAN_X + MEAN_Y,
               "weights swapped": combination_mean(b, MEAN_X, a, MEAN_Y),
               "weights squared": combination_mean(a**2, MEAN_X, b**2, MEAN_Y)},
    )
    yield invariant(
        "any finite law, one pair of values (u, v) of weight w more a step",
        Recursion(
            start={A: a, B: b, k_z: S.Zero, k_x: S.Zero, k_y: S.Zero},
            step={A: A, B: B, k_z: k_z + w * (A * u + B * v), k_x: k_x + w * u, k_y: k_y + w * v},
        ),
        {k_z: combination_mean(A, k_x, B, k_y)},
        wrong={"weights swapped": {k_z: combination_mean(B, k_x, A, k_y)}},
    )
    x, y = normal_pair()
    yield identity(
        "normal variables of any correlation", (a * x + b * y).mean,
        combination_mean(a, mu_1, b, mu_2), given=CORRELATED,
        wrong={"minus": combination_mean(a, mu_1, -b, mu_2)},
    )


@claim(
    "gaussian.combination.covariance",
    lines="46",
    verdict="holds",
    title="Variance of a linear combination, in general (supplied)",
    statement=(
        r"$\mathrm{Var}(aX + bY) = a^2\sigma_1^2 + b^2\sigma_2^2 + 2ab\,\mathrm{Cov}(X, Y)$ for "
        r"any two variables of finite variance."
    ),
    assumptions=("X and Y have finite variances",),
    sources=("Casella & Berger 2002, Statistical Inference, theorem 4.5.6",),
    code=("core.gaussian.linear_combination",),
)
def combination_has_covariance() -> Checks:
    centre = mean_of(lambda x, y: a * x + b * y)
    yield identity(
        "any two variables with two values each",
        mean_of(lambda x, y: (a * x + b * y - centre) ** 2),
        combination_variance(a, VAR_X, b, VAR_Y, COVARIANCE),
        wrong={"covariance left out": combination_variance(a, VAR_X, b, VAR_Y),
               "ab for 2ab": combination_variance(a, VAR_X, b, VAR_Y, COVARIANCE / 2),
               "weights not squared": a * VAR_X + b * VAR_Y + 2 * a * b * COVARIANCE},
    )
    yield invariant(
        "any finite law, one value more a step (weight w, deviations u and v from the means)",
        Recursion(
            start={A: a, B: b, k_z: S.Zero, k_x: S.Zero, k_y: S.Zero, k_xy: S.Zero},
            step={A: A, B: B, k_z: k_z + w * (A * u + B * v) ** 2, k_x: k_x + w * u**2,
                  k_y: k_y + w * v**2, k_xy: k_xy + w * u * v},
        ),
        {k_z: combination_variance(A, k_x, B, k_y, k_xy)},
        wrong={"covariance left out": {k_z: combination_variance(A, k_x, B, k_y)},
               "ab for 2ab": {k_z: combination_variance(A, k_x, B, k_y, k_xy / 2)}},
    )
    yield identity(
        "any law: the squared deviation at each point, of which the mean is taken term by term",
        (a * u + b * v) ** 2, combination_variance(a, u**2, b, v**2, u * v),
        wrong={"no cross term": combination_variance(a, u**2, b, v**2)},
    )
    x, y = normal_pair()
    yield identity(
        "jointly normal variables with correlation rho",
        [(a * x + b * y).variance, covariance(x, y), y.variance],
        [combination_variance(a, sigma_1**2, b, sigma_2**2, rho * sigma_1 * sigma_2),
         rho * sigma_1 * sigma_2, sigma_2**2],
        given=CORRELATED,
        wrong={"correlation for covariance": [
            combination_variance(a, sigma_1**2, b, sigma_2**2, rho), rho, sigma_2**2]},
    )


@claim(
    "gaussian.combination.variance",
    lines="46",
    verdict="holds-if",
    severity="wrong-result",
    title="Variance of a linear combination, as stated",
    statement=(
        r"$\mathrm{Var}(aX + bY) = a^2\sigma_1^2 + b^2\sigma_2^2$ is stated for any two normal "
        r"variables. It holds exactly if $ab\,\mathrm{Cov}(X, Y) = 0$. For $Y = X$ the variance is "
        r"$(a+b)^2\sigma_1^2$: $4\sigma_1^2$ and not $2\sigma_1^2$ for $a = b = 1$."
    ),
    assumptions=(*POSITIVE, "X and Y are uncorrelated"),
    witness=WITNESS,
    correction=(
        r"Add: for independent (or only uncorrelated) $X$ and $Y$. In general "
        r"$a^2\sigma_1^2 + b^2\sigma_2^2 + 2ab\,\mathrm{Cov}(X, Y)$."
    ),
    sources=("Casella & Berger 2002, Statistical Inference, theorem 4.5.6",),
    code=("core.gaussian.linear_combination",),
    depends_on=("gaussian.combination.covariance",),
)
def combination_variance_as_stated() -> Checks:
    stated = combination_variance(a, sigma_1**2, b, sigma_2**2)
    x, y = mu_1 + sigma_1 * standard_normal("X"), mu_2 + sigma_2 * standard_normal("Y")
    yield identity(
        "independent normal variables", (a * x + b * y).variance, stated, given=POSITIVE,
        wrong={"weights not squared": a * sigma_1**2 + b * sigma_2**2,
               "standard deviations added": (a * sigma_1 + b * sigma_2) ** 2,
               "minus": combination_variance(a, sigma_1**2, b, -(sigma_2**2))},
    )
    c = real("c")
    yield implies(
        "for a and b other than 0 the stated variance is right only if the covariance is 0",
        (a**2 > 0, b**2 > 0,
         Eq(combination_variance(a, sigma_1**2, b, sigma_2**2, c), stated)), Eq(c, 0),
        wrong={"the weights are equal": Eq(a, b)},
    )
    yield refutes(differs(
        "Y = X: both are N(mu_1, sigma_1^2)", (a * x + b * x).variance,
        combination_variance(a, sigma_1**2, b, sigma_1**2), given=(sigma_1 > 0,),
        wrong={"(a + b)^2 sigma_1^2": (a + b) ** 2 * sigma_1**2},
    ))
    yield corrects(identity(
        "Y = X with the covariance", (a * x + b * x).variance,
        combination_variance(a, sigma_1**2, b, sigma_1**2, sigma_1**2), given=(sigma_1 > 0,),
        wrong={"without it": combination_variance(a, sigma_1**2, b, sigma_1**2)},
    ))


@claim(
    "gaussian.combination.degenerate",
    lines="46",
    verdict="holds-if",
    severity="cosmetic",
    title="A linear combination that is constant",
    statement=(
        r"Line 46 gives a normal law for all $a, b$. For independent $X, Y$ its variance is "
        r"positive unless $a = b = 0$; then $aX + bY$ is the constant 0, which has no density. "
        r"With dependence also $X + Y$ for $Y = -X$ is constant."
    ),
    assumptions=POSITIVE,
    witness=WITNESS,
    correction=r"Add: $(a, b) \ne (0, 0)$, or count a point mass as a normal law of variance 0.",
    sources=("Feller 1971, An Introduction to Probability Theory and Its Applications II, III.6",),
)
def combination_degenerate() -> Checks:
    variance = combination_variance(a, sigma_1**2, b, sigma_2**2)
    yield implies(
        "the variance is positive unless both weights are 0", (*POSITIVE, a**2 + b**2 > 0),
        variance > 0, wrong={"at least that of X": variance >= sigma_1**2},
    )
    yield refutes(counterexample(
        "with both weights 0 it is not", variance > 0, given=POSITIVE,
        wrong={"not negative": variance >= 0},
    ))
    x = mu_1 + sigma_1 * standard_normal("X")
    yield refutes(identity(
        "Y = -X is normal too, and X + Y is the constant 0",
        [(-x).mean, (-x).variance, (x + -x).mean, (x + -x).variance],
        [-mu_1, sigma_1**2, 0, 0],
        wrong={"line 46": [-mu_1, sigma_1**2, 0, 2 * sigma_1**2]},
    ))
