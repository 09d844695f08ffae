r"""The noise terms of the expansion: independent, centred, and what their sum is.

    sum_i N(0, c_i^2) = N(0, sum_i c_i^2)  for independent terms

It is used between DDPM (2) and (4), arXiv 2006.11239.
"""

from __future__ import annotations

from sympy import Expr, Rational, S, exp, sqrt

from derivations.claim import Checks, claim, refutes
from derivations.forward.expansion import EXPLICIT_STEPS, unrolled, within
from derivations.forward.expansion_general import ALL_RATES
from derivations.forward.forward import BETA, BETA_1, BETA_2, DDPM, INDEPENDENT, RATES
from derivations.prover.counterexample import differs
from derivations.prover.gaussian_forms import Form, covariance, standard_normal
from derivations.prover.induction import Recursion, invariant
from derivations.prover.normal_form import identity
from derivations.symbols import real

SIGNAL = real("signal_square")
C_1, C_2, K = real("c_1 c_2 k")
TWO_NOISES = (r"$z_1$ and $z_2$ are independent and standard normal",)


@claim(
    "marginal.terms.independent",
    lines="252",
    verdict="holds-if",
    severity="misleading",
    title="The noise terms are independent when the noises are",
    statement=r"All terms but the first are called independent normal noises. This needs "
    r"$z_1,\ldots,z_t$ independent, which the document never says where it defines them; with "
    r"$z_1=z_2$ the two terms have covariance $\sqrt{\alpha_2\beta_1\beta_2}\ne0$.",
    assumptions=(*RATES[:4], INDEPENDENT),
    witness={BETA_1: Rational(1, 10), BETA_2: Rational(1, 10)},
    correction=r"Since $z_1,\ldots,z_t$ are independent by definition, so are the noise terms.",
    sources=(DDPM,),
    depends_on=("forward.step.independence", "marginal.expansion.every-noise"),
)
def terms_independent() -> Checks:
    yield identity(
        "two terms of any x_t: their noises differ, so their covariance is 0",
        covariance(standard_normal("z_i") * C_1, standard_normal("z_j") * C_2), 0,
        wrong={"one noise in both": C_1 * C_2},
    )
    betas, x = unrolled(EXPLICIT_STEPS)
    terms = [Form(S.Zero, {name: c}) for name, c in x.noise.items()]
    pairs = [(a, b) for i, a in enumerate(terms) for b in terms[:i]]
    yield identity(
        "covariances of the terms of x_6, pair by pair",
        [covariance(a, b) for a, b in pairs], [0] * len(pairs), given=within(betas),
        wrong={"terms with one shared noise":
               [a.noise[n] * b.noise[m] for a, b in pairs for n in a.noise for m in b.noise]},
    )
    shared = standard_normal("z")
    yield refutes(differs(
        "with z_1 = z_2 the two terms of x_2 are correlated",
        covariance(shared * sqrt((1 - BETA_2) * BETA_1), shared * sqrt(BETA_2)), S.Zero,
        given=RATES[:4], at={BETA_1: Rational(1, 10), BETA_2: Rational(1, 10)},
        wrong={"their covariance": sqrt((1 - BETA_2) * BETA_1 * BETA_2)},
    ))


@claim(
    "marginal.terms.zero-mean",
    lines="252",
    verdict="holds",
    title="Every noise term has mean 0",
    statement=r"Each noise term is a constant times a variable with mean 0, so its mean is 0; all "
    r"of the mean of $x_t$ given $x_0$ comes from the first term.",
    assumptions=(ALL_RATES,),
    sources=(DDPM,),
)
def zero_mean() -> Checks:
    betas, x = unrolled(EXPLICIT_STEPS)
    x_0 = real("x_0")
    yield identity(
        "mean of the noise part of x_6", x.mean - x.mean.subs(x_0, 1) * x_0, 0,
        given=within(betas), wrong={"mean of the whole": x.mean},
    )
    mean = real("mean")
    yield invariant(
        "the mean of the noise part stays 0 in every step",
        Recursion(start={mean: 0, SIGNAL: 1},
                  step={mean: sqrt(1 - BETA) * mean, SIGNAL: (1 - BETA) * SIGNAL},
                  domain=(SIGNAL > 0,), inputs=(BETA > 0, BETA < 1)),
        {mean: S.Zero}, wrong={"one": {mean: S.One}, "the signal": {mean: SIGNAL}},
    )


@claim(
    "marginal.terms.variances",
    lines="252",
    verdict="holds",
    title="The variance of a noise term is its coefficient squared",
    statement=r"$\operatorname{Var}(c\,z)=c^2$ in each coordinate, that is "
    r"$\operatorname{Cov}(c\,z)"
    r"=c^2I$, for a standard normal $z$.",
    sources=(DDPM,),
)
def variances() -> Checks:
    yield identity(
        "variance of c z", (standard_normal("z") * C_1).variance, C_1**2,
        wrong={"the coefficient itself": C_1, "its fourth power": C_1**4},
    )


@claim(
    "marginal.terms.sum-law",
    lines="252",
    verdict="holds",
    title="The sum of independent normal terms is normal, variances add",
    statement=r"The sum of independent $\mathcal N(0,c_i^2)$ is $\mathcal N(0,\sum_ic_i^2)$: its "
    r"characteristic function is the product of theirs. Independence, which the sentence does "
    r"name, is needed: $z+(-z)=0$ has variance 0 and not 2.",
    assumptions=TWO_NOISES,
    sources=("Feller 1971, An Introduction to Probability Theory II, XV.2",),
    depends_on=("marginal.terms.independent",),
)
def sum_law() -> Checks:
    def exponent(variance: Expr) -> Expr:
        return -variance * K**2 / 2

    z_1, z_2 = standard_normal("z_1"), standard_normal("z_2")
    yield identity(
        "variance of the sum", (z_1 * C_1 + z_2 * C_2).variance, C_1**2 + C_2**2,
        wrong={"standard deviations added": (C_1 + C_2) ** 2,
               "one shared noise": ((z_1 * C_1) + (z_1 * C_2)).variance},
    )
    yield identity(
        "the product of the two characteristic functions is that of the sum",
        exp(exponent(C_1**2) + exponent(C_2**2)), exp(exponent(C_1**2 + C_2**2)),
        wrong={"standard deviations added": exp(exponent((C_1 + C_2) ** 2)),
               "variance of the mean": exp(exponent((C_1**2 + C_2**2) / 2))},
    )
    v = real("v")
    yield identity(
        "one more term after any number of them, which have variance v together",
        exp(exponent(v) + exponent(C_1**2)), exp(exponent(v + C_1**2)),
        wrong={"coefficient not squared": exp(exponent(v + C_1)), "not added": exp(exponent(v))},
    )
