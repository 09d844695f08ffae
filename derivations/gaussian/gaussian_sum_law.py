r"""When a X + b Y is normal: independence, joint normality, and why uncorrelated is not enough.

    log E exp(t X) = mu t + sigma^2 t^2 / 2        X ~ N(mu, sigma^2); Casella & Berger 2002, 2.3
    N(.; m_1, v_1) * N(.; m_2, v_2) = N(.; m_1 + m_2, v_1 + v_2)       convolution of densities

A moment generating function that is finite near 0 determines its law (Casella & Berger 2002,
theorem 2.3.11), and that of a sum of independent variables is the product of theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from flint import arb
from sympy import Expr, Matrix, Rational, S

from derivations.claim import Checks, claim, refutes
from derivations.gaussian.gaussian import density, log_density
from derivations.gaussian.gaussian_sums import (
    CORRELATED,
    POSITIVE,
    WITNESS,
    a,
    b,
    combination_mean,
    combination_variance,
    mu_1,
    mu_2,
    normal_pair,
    rho,
    sigma_1,
    sigma_2,
)
from derivations.prover.balls import encloses, gaussian_integral
from derivations.prover.counterexample import differs
from derivations.prover.execution import evaluates
from derivations.prover.gaussian_forms import expectation
from derivations.prover.normal_form import identity
from derivations.symbols import real


def log_mgf(t: Expr, mean: Expr, variance: Expr) -> Expr:
    """log E exp(t X) for X ~ N(mean, variance)."""
    return mean * t + variance * t**2 / 2


t, x, z = real("t x z")
MEAN = combination_mean(a, mu_1, b, mu_2)
VARIANCE = combination_variance(a, sigma_1**2, b, sigma_2**2)
WEIGHTS = (*POSITIVE, a**2 > 0, b**2 > 0)
INDEPENDENT = "X and Y are independent"


@claim(
    "gaussian.independence-missing",
    lines="43",
    verdict="incomplete",
    severity="misleading",
    title="Independence of X and Y is not demanded",
    statement=(
        "Two normal variables are given and nothing is said of their joint law, on which both the "
        "variance and the normality of the combination depend."
    ),
    correction="Let $X$ and $Y$ be independent.",
    supplied_by=(
        "gaussian.combination.law", "gaussian.combination.variance",
        "gaussian.combination.normality",
    ),
)
def independence_missing() -> Checks:
    yield from ()


@claim(
    "gaussian.moment-generating-function",
    lines="43, 46",
    verdict="holds",
    title="Moment generating function of the normal distribution (supplied)",
    statement=(
        r"$\log \mathrm E\,e^{tX} = \mu_1 t + \tfrac12\sigma_1^2 t^2$ for "
        r"$X \sim \mathcal N(\mu_1, \sigma_1^2)$ and every real $t$."
    ),
    assumptions=POSITIVE,
    witness=WITNESS,
    sources=("Casella & Berger 2002, Statistical Inference, section 2.3",),
    depends_on=("gaussian.density",),
)
def moment_generating_function() -> Checks:
    form = log_mgf(t, mu_1, sigma_1**2)
    shifted = log_density(x, mu_1 + sigma_1**2 * t, sigma_1**2)
    yield identity(
        "exp(t x) q(x) is the constant times a density with shifted mean, of total mass 1",
        t * x + log_density(x, mu_1, sigma_1**2), form + shifted, given=POSITIVE,
        wrong={"no one half": form + shifted + sigma_1**2 * t**2 / 2,
               "shift by t": form + log_density(x, mu_1 + t, sigma_1**2),
               "sigma for sigma^2": log_mgf(t, mu_1, sigma_1) + shifted},
    )


@claim(
    "gaussian.combination.law",
    lines="46",
    verdict="holds",
    title="A combination of independent normal variables is normal (supplied)",
    statement=(
        r"For independent $X$ and $Y$ and $(a, b) \ne (0, 0)$: "
        r"$aX + bY \sim \mathcal N(a\mu_1 + b\mu_2,\ a^2\sigma_1^2 + b^2\sigma_2^2)$."
    ),
    assumptions=(*POSITIVE, a**2 + b**2 > 0, INDEPENDENT),
    witness={**WITNESS, a: 1, b: -1},
    sources=("Casella & Berger 2002, Statistical Inference, corollary 4.6.10",),
    depends_on=("gaussian.moment-generating-function", "gaussian.combination.variance"),
)
def combination_law() -> Checks:
    yield identity(
        "E exp(t(aX + bY)) = E exp(atX) E exp(btY): logarithms",
        log_mgf(a * t, mu_1, sigma_1**2) + log_mgf(b * t, mu_2, sigma_2**2),
        log_mgf(t, MEAN, VARIANCE),
        wrong={"weights not squared": log_mgf(t, MEAN, a * sigma_1**2 + b * sigma_2**2),
               "standard deviations added": log_mgf(t, MEAN, (a * sigma_1 + b * sigma_2) ** 2),
               "weights swapped": log_mgf(t, combination_mean(b, mu_1, a, mu_2), VARIANCE)},
    )


@claim(
    "gaussian.combination.convolution",
    lines="46",
    verdict="holds",
    title="The density of the sum as a convolution (supplied)",
    statement=(
        r"For independent $X, Y$ and $a, b \ne 0$ the density of $aX + bY$ at $z$ is "
        r"$\int \mathcal N(x; a\mu_1, a^2\sigma_1^2)\,\mathcal N(z - x; b\mu_2, b^2\sigma_2^2)\,dx "
        r"= \mathcal N(z; a\mu_1 + b\mu_2, a^2\sigma_1^2 + b^2\sigma_2^2)$."
    ),
    assumptions=(*WEIGHTS, INDEPENDENT),
    witness={**WITNESS, a: 1, b: -1},
    sources=("Casella & Berger 2002, Statistical Inference, theorem 5.2.9",),
    depends_on=("gaussian.density", "gaussian.combination.law"),
)
def convolution() -> Checks:
    v_1, v_2, m_1, m_2 = real("v_1 v_2 m_1 m_2")
    # v_1 = a^2 sigma_1^2 and so on; the steps need only that both are positive.
    gain = v_1 / (v_1 + v_2)
    centre, spread = m_1 + gain * (z - m_1 - m_2), v_1 * v_2 / (v_1 + v_2)
    yield identity(
        "the product of densities is the density of z times a density of x, of total mass 1",
        log_density(x, m_1, v_1) + log_density(z - x, m_2, v_2),
        log_density(z, m_1 + m_2, v_1 + v_2) + log_density(x, centre, spread),
        given=(v_1 > 0, v_2 > 0),
        wrong={"harmonic variance for the sum": (
                   log_density(z, m_1 + m_2, spread) + log_density(x, centre, spread)),
               "means subtracted": (
                   log_density(z, m_1 - m_2, v_1 + v_2) + log_density(x, centre, spread))},
    )

    def convolved(p: Mapping[Expr, Expr]) -> arb:
        # The tail bound of the checker needs the product to stay below a normal density in x:
        # it is one times N(z; ...), which is below 1 where a^2 sigma_1^2 + b^2 sigma_2^2 >= 1.
        first = [e.subs(p) for e in (a * mu_1, a**2 * sigma_1**2)]
        second = [e.subs(p) for e in (b * mu_2, b**2 * sigma_2**2)]
        if first[1] + second[1] < 1:
            raise ValueError(f"p is {p}: choose a total variance of at least 1")
        at = {m_1: first[0], v_1: first[1], m_2: second[0], v_2: second[1], z: p[z]}
        return gaussian_integral(
            S.One, x, centre.subs(at), spread.subs(at),
            lambda y, mean, variance: density(y, *first) * density(p[z] - y, *second))

    yield encloses(
        "the convolution integral", convolved, density(z, MEAN, VARIANCE),
        points=(
            {a: 1, b: 1, mu_1: 0, mu_2: 0, sigma_1: 1, sigma_2: 1, z: 1},
            {a: -2, b: Rational(1, 3), mu_1: 1, mu_2: -5, sigma_1: Rational(3, 4), sigma_2: 2,
             z: 0},
        ),
        wrong={"weights not squared": density(z, MEAN, a * sigma_1**2 + b * sigma_2**2),
               "standard deviations added": density(z, MEAN, (a * sigma_1 + b * sigma_2) ** 2)},
    )


@claim(
    "gaussian.combination.normality",
    lines="46",
    verdict="holds-if",
    severity="wrong-result",
    title="Normality of the combination, as stated",
    statement=(
        r"A combination of any two normal variables is said to be normal. It is if they are "
        r"jointly normal, independent ones among them; uncorrelated is not enough. Let $S = \pm 1$ "
        r"be a fair sign, independent of $X \sim \mathcal N(0, 1)$, and $Y = SX$: then "
        r"$Y \sim \mathcal N(0, 1)$ and $\mathrm{Cov}(X, Y) = 0$, but $P(X + Y = 0) = \tfrac12$; "
        r"the fourth moment is 24 where $\mathcal N(0, 2)$ has 12."
    ),
    assumptions=(*CORRELATED, "X and Y are jointly normal"),
    witness={**WITNESS, rho: Rational(1, 2)},
    correction="Add: for independent, or at least jointly normal, $X$ and $Y$.",
    sources=("Casella & Berger 2002, Statistical Inference, exercise 4.47",),
    depends_on=("gaussian.combination.law",),
)
def combination_normality() -> Checks:
    first, second = normal_pair()
    # First and second standard normal are independent, so their generating functions multiply.
    weights = [a * first.noise[n] + b * second.noise[n] for n in first.noise]
    weights += [b * second.noise[n] for n in second.noise if n not in first.noise]
    full = combination_variance(a, sigma_1**2, b, sigma_2**2, rho * sigma_1 * sigma_2)
    yield identity(
        "jointly normal: the generating function of the combination is that of a normal law",
        MEAN * t + sum(log_mgf(c * t, 0, 1) for c in weights), log_mgf(t, MEAN, full),
        given=CORRELATED,
        wrong={"line 46, without the covariance": log_mgf(t, MEAN, VARIANCE)},
    )
    signs = (1, -1)
    yield identity(
        "Y = SX has the density of X, second moment 1, and covariance 0 with X",
        [sum(density(s * x, 0, 1) for s in signs) / 2,
         sum(expectation((s * x) ** 2, x, 0, 1) for s in signs) / 2,
         sum(expectation(x * (s * x), x, 0, 1) for s in signs) / 2],
        [density(x, 0, 1), 1, 0],
        wrong={"the covariance of a single sign": [density(x, 0, 1), 1, 1]},
    )
    fourth = sum((1 + s) ** 4 * expectation(x**4, x, 0, 1) for s in signs) / 2
    second_moment = sum((1 + s) ** 2 * expectation(x**2, x, 0, 1) for s in signs) / 2
    yield refutes(differs(
        "X + Y = (1 + S)X has mean 0 and variance 2, but not the fourth moment of N(0, 2)",
        fourth, expectation(x**4, x, 0, 2), wrong={"half of that of 2X": Rational(24)},
    ))
    yield refutes(identity(
        "variance and fourth moment of X + Y, fourth moment of N(0, 2)",
        [second_moment, fourth, expectation(x**4, x, 0, 2)], [2, 24, 12],
        wrong={"equal fourth moments": [2, 12, 12], "fourth moment of N(0, 4)": [2, 24, 48]},
    ))
    yield refutes(evaluates(
        "X + Y vanishes whenever S = -1, with probability 1/2; a normal density has no atom",
        lambda: Fraction(sum(1 + s == 0 for s in signs), len(signs)), Fraction(1, 2),
        wrong={"X + 2Y": lambda: Fraction(sum(1 + 2 * s == 0 for s in signs), len(signs))},
    ))


@claim(
    "gaussian.combination.vectors",
    lines="46",
    verdict="holds",
    title="Linear combination of independent normal vectors (supplied)",
    statement=(
        r"For independent $X \sim \mathcal N(\mu_1, \Sigma_1)$, $Y \sim \mathcal N(\mu_2, "
        r"\Sigma_2)$ and matrices $A, B$: $AX + BY \sim \mathcal N(A\mu_1 + B\mu_2,\ "
        r"A\Sigma_1A^\top + B\Sigma_2B^\top)$; for $A = aI$, $\Sigma_i = \sigma_i^2 I$ the "
        r"covariance is $(a^2\sigma_1^2 + b^2\sigma_2^2)I$. The text states the case of one "
        r"dimension. The step below is the one for two dimensions; each entry is a sum over "
        r"indices of the same form in any dimension."
    ),
    assumptions=(INDEPENDENT, "both covariance matrices are positive semidefinite"),
    sources=("Bishop 2006, PRML, section 2.3.3", "Anderson 2003, section 2.4"),
    depends_on=("gaussian.combination.law",),
)
def combination_of_vectors() -> Checks:
    def matrix(name: str) -> Matrix:
        return Matrix(2, 2, real(" ".join(f"{name}_{i}{j}" for i in "12" for j in "12")))

    def symmetric(name: str) -> Matrix:
        full = matrix(name)
        return Matrix([[full[0, 0], full[0, 1]], [full[0, 1], full[1, 1]]])

    def vector(name: str) -> Matrix:
        return Matrix(real(f"{name}_1 {name}_2"))

    left, right, spread_x, spread_y = matrix("A"), matrix("B"), symmetric("C"), symmetric("D")
    mean_x, mean_y, s = vector("m"), vector("n"), vector("s")

    def log_mgf_vector(at: Matrix, mean: Matrix, cov: Matrix) -> Expr:
        return at.dot(mean) + at.dot(cov * at) / 2

    mean = left * mean_x + right * mean_y

    def law(cov: Matrix) -> Expr:
        return log_mgf_vector(s, mean, cov)

    diagonal = Matrix([[spread_x[0, 0], 0], [0, spread_x[1, 1]]])
    yield identity(
        "the generating function of a vector of independent coordinates is the product of theirs",
        log_mgf_vector(s, mean_x, diagonal),
        sum(log_mgf(s[i], mean_x[i], diagonal[i, i]) for i in (0, 1)),
        wrong={"the first coordinate only": log_mgf(s[0], mean_x[0], diagonal[0, 0])},
    )
    yield identity(
        "logarithms of the generating functions at A^T s and B^T s",
        log_mgf_vector(left.T * s, mean_x, spread_x)
        + log_mgf_vector(right.T * s, mean_y, spread_y),
        law(left * spread_x * left.T + right * spread_y * right.T),
        wrong={"transposes on the left": law(
                   left.T * spread_x * left + right.T * spread_y * right),
               "matrices not squared": law(left * spread_x + right * spread_y)},
    )
