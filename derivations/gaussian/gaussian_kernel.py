r"""The normal density up to a constant: what may be dropped, and how to read mean and variance off.

    q(x) = c exp(-(A x^2 - 2 B x + C) / 2), A > 0   is   N(B/A, 1/A)     Bishop 2006, section 2.3.1
    N(x; mu, sigma^2 I_d) = product of N(x_i; mu_i, sigma^2)             Bishop 2006, (2.43)
"""

from __future__ import annotations

from sympy import And, Eq, Expr, Function, Integer, Rational, exp, log, pi, sqrt

from derivations.claim import Checks, claim, refutes
from derivations.gaussian.gaussian import (
    POSITIVE,
    PRML,
    WITNESS,
    Q,
    density,
    log_density,
    mu,
    sigma,
    x,
)
from derivations.prover.counterexample import counterexample
from derivations.prover.execution import token
from derivations.prover.induction import telescopes
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import real

KERNEL = exp(-(((x - mu) / sigma) ** 2) / 2)


@claim(
    "gaussian.factor-free-of-x",
    lines="39",
    verdict="holds",
    title="The factor in front does not depend on x",
    statement=(
        r"$\log q$ and the exponent $-(x-\mu)^2/(2\sigma^2)$ have the same derivative in $x$: the "
        r"factor in front is constant in $x$, and is recovered from total mass 1."
    ),
    assumptions=POSITIVE,
    witness=WITNESS,
    sources=(PRML,),
    depends_on=("gaussian.density",),
)
def factor_free_of_x() -> Checks:
    yield identity(
        "the logarithmic derivative in x keeps nothing of the factor",
        log_density(x, mu, sigma**2).diff(x), (-((x - mu) ** 2) / (2 * sigma**2)).diff(x),
        given=POSITIVE, wrong={"of a density with another variance": -(x - mu) / sigma},
    )


@claim(
    "gaussian.drop-factor",
    lines="39",
    verdict="holds-if",
    severity="misleading",
    title="Dropping the factor in front",
    statement=(
        r"The factor in front is called a constant that may be dropped. It is constant in $x$ (and "
        r"in $\mu$), not in $\sigma$: for $x \ne \mu$ the density at $x$, as a function of "
        r"$\sigma$, is largest at $\sigma^2 = (x-\mu)^2$, whereas the exponential alone increases "
        r"with $\sigma$ towards 1 and has no largest value."
    ),
    assumptions=POSITIVE,
    witness=WITNESS,
    correction=(
        r"Add: as a function of $x$, for fixed $\sigma$. Where densities of different $\sigma$ are "
        r"compared (likelihoods, KL divergence) the factor stays."
    ),
    sources=("Casella & Berger 2002, section 7.2",),
    depends_on=("gaussian.density",),
)
def drop_factor() -> Checks:
    y = real("y")
    yield identity(
        "for fixed sigma, ratios of densities are ratios of the exponentials: logarithms",
        log_density(x, mu, sigma**2) - log_density(y, mu, sigma**2),
        -((x - mu) ** 2) / (2 * sigma**2) + (y - mu) ** 2 / (2 * sigma**2), given=POSITIVE,
        wrong={"factor 2 lost": -((x - mu) ** 2) / sigma**2 + (y - mu) ** 2 / sigma**2},
    )
    tau = real("tau")
    squared = (x - mu) ** 2
    with_factor = log_density(x, mu, sigma**2) - log_density(x, mu, tau**2)
    without = -squared / (2 * sigma**2) + squared / (2 * tau**2)
    yield refutes(counterexample(
        "for two sigmas the ratio is another one", Eq(with_factor, without, evaluate=False),
        given=(sigma > 0, tau > 0), at={x: 1, mu: 0, sigma: 2, tau: 3},
        wrong={"with the factors' quotient": Eq(
            with_factor, without + log(tau / sigma), evaluate=False)},
    ))
    yield refutes(identity(
        "slopes in sigma: with the factor a zero at sigma^2 = (x - mu)^2, without it none",
        [log_density(x, mu, sigma**2).diff(sigma), (-squared / (2 * sigma**2)).diff(sigma)],
        [(squared - sigma**2) / sigma**3, squared / sigma**3], given=POSITIVE,
        wrong={"the same slope": [squared / sigma**3, squared / sigma**3]},
    ))
    e = real("e")
    yield refutes(implies(
        "the exponential exp(-v), v = (x - mu)^2 / (2 sigma^2) > 0, stays below 1, as exp(v) >= "
        "1 + v; and comes within any margin e of 1, as exp(-v) >= 1 - v and v <= e for large sigma",
        (squared > 0, sigma > 0, e > 0, e < 1, sigma**2 * 2 * e >= squared),
        And(1 / (1 + squared / (2 * sigma**2)) < 1, 1 - squared / (2 * sigma**2) >= 1 - e),
        wrong={"it passes 1": 1 / (1 + squared / (2 * sigma**2)) > 1},
    ))


@claim(
    "gaussian.kernel",
    lines="41",
    verdict="holds",
    title="The normal density is proportional to its exponential",
    statement=(
        r"$q(x) \propto \exp\!\left(-\tfrac12\left(\tfrac{x-\mu}{\sigma}\right)^2\right)$ as a "
        r"function of $x$."
    ),
    assumptions=POSITIVE,
    witness=WITNESS,
    sources=(PRML,),
    depends_on=("gaussian.density",),
)
def kernel() -> Checks:
    c = 1 / sqrt(2 * pi * sigma**2)
    yield identity(
        "the constant of proportionality", c * KERNEL, Q, given=POSITIVE,
        wrong={"sigma squared in the constant": c * KERNEL / sigma,
               "no one half in the exponent": c * exp(-(((x - mu) / sigma) ** 2)),
               "variance for standard deviation": c * exp(-(((x - mu) / sigma**2) ** 2) / 2),
               "no pi": KERNEL / sqrt(2 * sigma**2), "no sigma": KERNEL / sqrt(2 * pi)},
    )


@claim(
    "gaussian.expand-square",
    lines="41",
    verdict="holds",
    title="The exponent with its square multiplied out",
    statement=(
        r"$\left(\tfrac{x-\mu}{\sigma}\right)^2 = \tfrac{1}{\sigma^2}x^2 - \tfrac{2\mu}{\sigma^2}x "
        r"+ \tfrac{\mu^2}{\sigma^2}$, so that the two proportionalities say the same."
    ),
    assumptions=POSITIVE,
    witness=WITNESS,
    sources=("Bishop 2006, PRML, eq. (2.71)",),
)
def expand_square() -> Checks:
    right = x**2 / sigma**2 - 2 * mu / sigma**2 * x + mu**2 / sigma**2
    yield identity(
        "both exponents", ((x - mu) / sigma) ** 2, right, given=POSITIVE,
        wrong={"sign of the middle term": right + 4 * mu * x / sigma**2,
               "no 2 in the middle term": right + mu * x / sigma**2,
               "mu for mu^2": right + (mu - mu**2) / sigma**2},
    )
    yield identity(
        "the two exponentials are one function", KERNEL, exp(-right / 2), given=POSITIVE,
        wrong={"no one half": exp(-right)},
    )
    yield implies(
        "the same by z3", POSITIVE, Eq(((x - mu) / sigma) ** 2, right),
        wrong={"sign of the last term": Eq(((x - mu) / sigma) ** 2, right - 2 * mu**2 / sigma**2)},
    )


@claim(
    "gaussian.complete-square",
    lines="41",
    verdict="holds",
    title="Reading mean and variance off the expanded exponent (supplied)",
    statement=(
        r"If $q(x) \propto \exp(-\tfrac12(A x^2 - 2 B x + C))$ with $A > 0$ then "
        r"$q = \mathcal N(B/A, 1/A)$. The last term, here $\mu^2/\sigma^2$, is constant in $x$ too "
        r"and may be dropped as well; for $A \le 0$ no density is proportional to it."
    ),
    assumptions=(real("A") > 0,),
    witness={real("A"): 2},
    sources=("Bishop 2006, PRML, section 2.3.1",),
    depends_on=("gaussian.density",),
)
def complete_square() -> Checks:
    a, b, c, y = real("A B C y")

    def change(mean: Expr, variance: Expr) -> Expr:
        return log_density(x, mean, variance) - log_density(y, mean, variance)

    yield identity(
        "log ratios of N(B/A, 1/A) against those of the exponential",
        -(a * x**2 - 2 * b * x + c) / 2 + (a * y**2 - 2 * b * y + c) / 2, change(b / a, 1 / a),
        given=(a > 0,),
        wrong={"mean B": change(b, 1 / a), "variance A": change(b / a, a),
               "mean 2B/A": change(2 * b / a, 1 / a), "mean -B/A": change(-b / a, 1 / a)},
    )
    yield identity(
        "coefficients of line 41: mean mu, variance sigma^2",
        [(mu / sigma**2) / (1 / sigma**2), 1 / (1 / sigma**2)], [mu, sigma**2], given=POSITIVE,
        wrong={"the whole linear coefficient as B": [2 * mu, sigma**2]},
    )
    exponent = -(a * x**2 - 2 * b * x + c) / 2
    yield implies(
        "for A <= 0 the exponent is at least -C/2 on a half-line: infinite mass",
        (a <= 0, b * x >= 0), exponent >= -c / 2,
        wrong={"at most": exponent <= -c / 2, "at least 0": exponent >= 0},
    )


@claim(
    "gaussian.exp-command",
    lines="41",
    verdict="misprint",
    severity="cosmetic",
    title="exp without its backslash",
    statement=(
        "In the first proportionality exp is written without a backslash and is set as a product "
        "of three variables; the second one is right."
    ),
    correction=r"\exp",
)
def exp_command() -> Checks:
    yield refutes(token("three italic letters instead of the function", 41, r"\propto exp",
                        r"\propto\exp"))


@claim(
    "gaussian.isotropic",
    lines="37",
    verdict="holds",
    title="The density in d dimensions (supplied)",
    statement=(
        r"For every $d \ge 1$ the density of $\mathcal N(\mu, \sigma^2 I_d)$ is the product of the "
        r"$d$ densities $\mathcal N(x_i; \mu_i, \sigma^2)$: "
        r"$(2\pi\sigma^2)^{-d/2}\exp(-\lVert x-\mu\rVert^2/(2\sigma^2))$. The text states the case "
        r"$d = 1$; images need this one."
    ),
    assumptions=(real("v") > 0,),
    witness={real("v"): Rational(1, 3)},
    sources=("Bishop 2006, PRML, eq. (2.43)",),
    depends_on=("gaussian.density",),
)
def isotropic() -> Checks:
    k, v, z_1, z_2, z_3 = real("k v z_1 z_2 z_3")
    squares = Function("S", real=True)
    # S(k) is the sum of the first k squared deviations, so one of them is S(k) - S(k - 1).
    factor = -(log(2 * pi * v) + (squares(k) - squares(k - 1)) / v) / 2
    distance = squares(k) - squares(Integer(0))
    closed = -k * log(2 * pi * v) / 2 - distance / (2 * v)
    yield telescopes(
        "the logarithms of the first d factors add up, for every d", factor, k, 1, closed,
        given=(v > 0,),
        wrong={"one factor in front for all": -log(2 * pi * v) / 2 - distance / (2 * v),
               "exponent d for d/2": closed - k * log(2 * pi * v) / 2,
               "no one half": closed - distance / (2 * v)},
    )
    three = density(z_1, 0, v) * density(z_2, 0, v) * density(z_3, 0, v)
    joint = exp(-(z_1**2) / (2 * v)) * exp(-(z_2**2) / (2 * v)) * exp(-(z_3**2) / (2 * v))
    yield identity(
        "the factor in front for d = 3", three / joint, (2 * pi * v) ** Rational(-3, 2),
        given=(v > 0,), wrong={"d for d/2": (2 * pi * v) ** -3, "d = 2": 1 / (2 * pi * v)},
    )
