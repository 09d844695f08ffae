r"""KL divergence of two normal distributions: what the derivation of the general case starts from.

    p(x) = exp(-(x - mu_1)^2 / (2 sigma_1^2)) / sqrt(2 pi sigma_1^2)
    q(x) = exp(-(x - mu_2)^2 / (2 sigma_2^2)) / sqrt(2 pi sigma_2^2)

(Cover & Thomas 2006, chapter 8.)  The steps stand in `kl_gaussian_steps`, the four integrals in
`kl_gaussian_terms`, the result and its properties in `kl_gaussian_result`.
"""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Eq, Expr, Rational, S, log, pi, sqrt

from derivations.claim import Check, Checks, Premises, claim, corrects, refutes
from derivations.gaussian.gaussian import density
from derivations.kl.kl import log_density, x
from derivations.kl.kl_standard import integral_under_p, misread, standardised, sum_over_integers
from derivations.prover.balls import encloses, lies_within
from derivations.prover.counterexample import counterexample, differs
from derivations.prover.execution import token
from derivations.prover.gaussian_forms import expectation
from derivations.prover.normal_form import identity
from derivations.symbols import real

mu_1, sigma_1, mu_2, sigma_2 = real("mu_1 sigma_1 mu_2 sigma_2")
GIVEN = (sigma_1 > 0, sigma_2 > 0)
POSITIVE: Premises = {"assumptions": GIVEN, "witness": {mu_1: 0, sigma_1: 1, mu_2: 1, sigma_2: 2}}
# Narrow against wide, wide against narrow, and nearly equal.
POINTS = (
    {mu_1: Rational(1, 3), sigma_1: Rational(1, 10000), mu_2: -2, sigma_2: 5},
    {mu_1: 3, sigma_1: 100, mu_2: 1, sigma_2: Rational(1, 2)},
    {mu_1: 0, sigma_1: 1, mu_2: Rational(1, 1000), sigma_2: Rational(1001, 1000)},
)


@claim(
    "kl.gaussian.heading",
    lines="121",
    verdict="misprint",
    severity="cosmetic",
    title="A variable stands before the first of two distributions only",
    statement=r"The heading writes $X\sim$ before the first of the two distributions; a divergence "
    r"compares two distributions and needs no variable.",
    correction=r"KL divergence of $\mathcal{N}(\mu_1,\sigma_1^2)$ from "
    r"$\mathcal{N}(\mu_2,\sigma_2^2)$",
)
def heading() -> Checks:
    yield refutes(token("a variable before one of them", 121, r"X\sim\mathcal{N}", r"\mathcal{N}"))


@claim(
    "kl.gaussian.same-variable",
    lines="123, 129",
    verdict="misprint",
    severity="misleading",
    title="One X with two normal distributions",
    statement=r"The same $X$ is given the laws $\mathcal{N}(\mu_1,\sigma_1^2)$ and "
    r"$\mathcal{N}(\mu_2,\sigma_2^2)$. It cannot have both unless they are equal.",
    correction=r"Two densities on $\mathbb{R}$: $p$ of $\mathcal{N}(\mu_1,\sigma_1^2)$ and $q$ of "
    r"$\mathcal{N}(\mu_2,\sigma_2^2)$; no common $X$.",
    depends_on=("moments.stein",),
)
def same_variable() -> Checks:
    means = [expectation(x, x, m, s**2) for m, s in ((mu_1, sigma_1), (mu_2, sigma_2))]
    yield refutes(differs(
        "one X would have two means", means[0], mu_2, given=GIVEN, wrong={"its own": mu_1},
    ))
    yield corrects(identity(
        "each density has its own mean", means, (mu_1, mu_2),
        wrong={"exchanged": (mu_2, mu_1)},
    ))


def _density_claim(name: str, mean: Expr, sd: Expr) -> Iterator[Check]:
    """The proof that both density claims share: change of variable, mass 1, and sd = 0."""
    yield identity(
        f"{name} is the density of mean + sd Z by change of variable",
        standardised(x, mean, sd), density(x, mean, sd**2), given=(sd > 0,),
        wrong={"sd for variance": density(x, mean, sd),
               "no variance under the root": density(x, mean, sd**2) * sqrt(sd**2)},
    )
    yield encloses(f"the total mass of {name} is 1", integral_under_p(S.One, mean, sd**2), S.One,
                   points=POINTS, wrong={"mass 1/sd": 1 / sd})
    yield refutes(counterexample(
        "at sd = 0 the number under the root is not positive", 2 * pi * sd**2 > 0,
        at={sd: 0}, wrong={"one more": 2 * pi * (sd**2 + 1) > 0},
    ))


@claim(
    "kl.gaussian.density-p",
    lines="123, 125",
    verdict="holds-if",
    severity="cosmetic",
    title="Density of the first of two normal distributions",
    statement=r"$p(x)=\frac{1}{\sqrt{2\pi\sigma_1^2}}e^{-(x-\mu_1)^2/(2\sigma_1^2)}$ if "
    r"$\sigma_1>0$, which the line does not say.",
    assumptions=(sigma_1 > 0,),
    witness={sigma_1: 1},
    correction=r"Add $\sigma_1>0$.",
    depends_on=("gaussian.density",),
)
def density_p() -> Checks:
    yield from _density_claim("p", mu_1, sigma_1)


@claim(
    "kl.gaussian.density-q",
    lines="129, 131",
    verdict="holds-if",
    severity="cosmetic",
    title="Density of the second of two normal distributions",
    statement=r"$q(x)=\frac{1}{\sqrt{2\pi\sigma_2^2}}e^{-(x-\mu_2)^2/(2\sigma_2^2)}$ if "
    r"$\sigma_2>0$, which the line does not say.",
    assumptions=(sigma_2 > 0,),
    witness={sigma_2: 1},
    correction=r"Add $\sigma_2>0$.",
    depends_on=("gaussian.density",),
)
def density_q() -> Checks:
    yield from _density_claim("q", mu_2, sigma_2)


@claim(
    "kl.gaussian.exponent-order",
    lines="125, 131, 138-140",
    verdict="misprint",
    severity="cosmetic",
    title="The exponents need parentheses around their divisors",
    statement=r"The exponents are printed as $-(x-\mu_i)^2/2\sigma_i^2$. By the usual convention "
    r"the divisors are $2\sigma_i^2$; taken literally, from left to right, they are "
    r"$-\tfrac{(x-\mu_i)^2}{2}\sigma_i^2$, and the functions have total mass $1/\sigma_i^2$ "
    r"instead of 1.",
    **POSITIVE,
    correction=r"$e^{-(x-\mu_1)^2/(2\sigma_1^2)}$ and $e^{-(x-\mu_2)^2/(2\sigma_2^2)}$",
    depends_on=("gaussian.density",),
)
def exponent_order() -> Checks:
    read = [misread(x, m, s**2) for m, s in ((mu_1, sigma_1), (mu_2, sigma_2))]
    right = [density(x, m, s**2) for m, s in ((mu_1, sigma_1), (mu_2, sigma_2))]
    log_ratio = log_density(x, mu_1, sigma_1) - log_density(x, mu_2, sigma_2)
    yield refutes(counterexample(
        "as read, the first is not the density",
        Eq(read[0], standardised(x, mu_1, sigma_1), evaluate=False),
        given=GIVEN, at={mu_1: 0, sigma_1: 2, sigma_2: 1, x: 1},
        wrong={"with parentheses": Eq(right[0], standardised(x, mu_1, sigma_1), evaluate=False)},
    ))
    yield refutes(counterexample(
        "as read, the logarithm of the quotient is another function",
        Eq(log(read[0] / read[1]), log_ratio, evaluate=False),
        given=GIVEN, at={mu_1: 0, sigma_1: 2, mu_2: 0, sigma_2: 1, x: 1},
        wrong={"with parentheses": Eq(log(right[0] / right[1]), log_ratio, evaluate=False)},
    ))
    yield corrects(identity(
        "with parentheses both are densities",
        (standardised(x, mu_1, sigma_1), standardised(x, mu_2, sigma_2)), right, given=GIVEN,
        wrong={"without": read},
    ))


@claim(
    "kl.gaussian.superscript",
    lines="131",
    verdict="misprint",
    severity="cosmetic",
    title="A superscript is attached to an empty group",
    statement=r"The square of $\sigma_2$ is set as the superscript of an empty group behind "
    r"$\sigma_2$, twice.",
    correction=r"$\sigma_2^2$",
)
def superscript() -> Checks:
    yield refutes(token("the exponent of nothing", 131, r"\sigma_2{^2}", r"\sigma_2^2"))


@claim(
    "kl.gaussian.operator-name",
    lines="136, 149",
    verdict="misprint",
    severity="cosmetic",
    title="KL is set as a product of two letters in the general case",
    statement=r"Lines 59 and 64 set KL as an operator name; here it is the product $K\cdot L$.",
    correction=r"$\operatorname{KL}$",
)
def operator_name() -> Checks:
    for line in (136, 149):
        yield refutes(token("italic letters", line, r"KL\left", r"\operatorname{KL}\left"))


@claim(
    "kl.gaussian.sum-for-integral",
    lines="137",
    verdict="misprint",
    severity="misleading",
    title="A sum stands where an integral is meant, in the general case",
    statement=r"The line prints $\sum p(x)\log\frac{p(x)}{q(x)}$ for two densities. Over the "
    r"integers, with means 0 and $\sigma_1=\tfrac1{10}$, $\sigma_2=\tfrac15$, it is about 2.77; "
    r"the divergence is $\log 2-\tfrac38\approx0.318$.",
    correction=r"$\int_{\mathbb{R}}p(x)\log\frac{p(x)}{q(x)}\,dx$",
    depends_on=("gaussian.density", "kl.continuous"),
)
def sum_for_integral() -> Checks:
    s_1, s_2 = Rational(1, 10), Rational(1, 5)
    log_ratio = log_density(x, S.Zero, s_1) - log_density(x, S.Zero, s_2)
    over_integers, divergence = (Rational(276, 100), Rational(277, 100)), (
        Rational(31, 100), Rational(32, 100))
    yield refutes(lies_within(
        "the sum over the integers, with a bound of its tail",
        lambda: sum_over_integers(S.Zero, s_1, S.Zero, s_2), over_integers,
        wrong={"the divergence": divergence},
    ))
    yield corrects(lies_within(
        "the integral of the same function",
        lambda: integral_under_p(log_ratio, S.Zero, s_1**2)({}), divergence,
        wrong={"the sum over the integers": over_integers},
    ))
