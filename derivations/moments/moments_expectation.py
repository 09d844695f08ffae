r"""Expectation of a continuous variable, and what leaving out its density means.

    E X = int x f(x) dx,   where int |x| f(x) dx is finite
    Cauchy: f(x) = 1 / (pi (1 + x^2)),   int over [-R, R] of |x| f(x) = log(1 + R^2) / pi

Source: Casella & Berger, Statistical inference, section 2.2.
"""

import sympy
from sympy import Eq, pi

from derivations.claim import Checks, claim, corrects, refutes
from derivations.moments.moments_continuous import (
    differentiated_back,
    uniform_moment,
    without_density,
)
from derivations.prover.counterexample import counterexample
from derivations.prover.execution import token
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import real

L, R, M, height = real("L R M height")
BOOK = "Casella & Berger, Statistical inference"


@claim(
    "moments.expectation",
    lines="119",
    verdict="holds-if", severity="cosmetic",
    title="Expectation as an integral with the density",
    statement=r"$E(X)=\int xf(x)\,dx$. It needs $\int|x|f(x)\,dx<\infty$: for the Cauchy density "
    r"$\int_{-R}^R|x|f=\frac1\pi\log(1+R^2)$, which passes every bound $M$ at $R^2=e^{\pi M}-1$.",
    assumptions=(L > 0, r"$\int|x|f(x)\,dx<\infty$"), witness={L: 2},
    correction=r"$E(X)=\int_{\mathbb R}xf_X(x)\,dx$, provided $\int_{\mathbb "
    r"R}|x|f_X(x)\,dx<\infty$",
    sources=(f"{BOOK}, definition 2.2.1 and example 2.2.4",),
)
def expectation() -> Checks:
    yield differentiated_back()
    yield identity("uniform on [0, L]: the middle", uniform_moment(1, 0, L), L / 2,
                   given=(L > 0,), wrong={"the end": L})
    truncated = sympy.log(1 + R**2) / pi
    cauchy = 1 / (pi * (1 + R**2))
    yield identity(
        "Cauchy, the absolute value over [-R, R]: its derivative in R is 2 R f(R), both tails",
        sympy.diff(truncated, R), 2 * R * cauchy, wrong={"one tail": R * cauchy},
    )
    yield identity("and it starts at 0", truncated.subs(R, 0), 0, wrong={"1": 1})
    exponential = real("exponential")
    yield refutes(identity(
        "at R^2 = e^(pi M) - 1 it has the value M, for every M",
        (sympy.log(1 + (sympy.exp(pi * M) - 1)) / pi), M, wrong={"half": M / 2},
    ))
    yield refutes(implies(
        "so no bound serves: with e = e^(pi (bound + 1)) >= 1 there is such an R >= 0",
        (exponential >= 1, Eq(R, sympy.sqrt(exponential - 1))), Eq(1 + R**2, exponential),
        wrong={"R^2 = e": Eq(R**2, exponential)},
    ))


@claim(
    "moments.expectation.letter",
    lines="119",
    verdict="misprint", severity="cosmetic",
    title="The integration variable in place of the random variable",
    statement=r"The left side is written $E(x)$, with the variable that the integral binds, and "
    r"the density is said to be that of $x$.",
    correction=r"$E(X)$; $f$ is the density of $X$",
)
def expectation_letter() -> Checks:
    yield refutes(token("the random variable is X", 119, "E(x)", "E(X)"))
    yield refutes(token("the density is that of X", 119, "$f(x)$是 $x$ 的", "$f(x)$ 是 $X$ 的"))


@claim(
    "moments.equal-probability",
    lines="119",
    verdict="false", severity="wrong-result",
    title="The missing density explained by equal probabilities",
    statement=r"The formulas without density tacitly take all values to be equally probable. A "
    r"constant density on the line does not exist, and a uniform law on a set of length $L$ still "
    r"has the factor $1/L$: the formula is right for every order and centre only if $L=1$ (already "
    r"the mean, $k=1$, $c=0$, demands it).",
    assumptions=(L > 0,), witness={L: 2},
    correction=r"The formulas lack the factor $f_X(x)$; under the uniform law on $[0,L]$ it is "
    r"$1/L$.",
    sources=(f"{BOOK}, sections 1.6 and 3.3",),
)
def equal_probability() -> Checks:
    yield refutes(implies(
        "a constant density h > 0 has total 2 h R > 1 on [-R, R] from R = 1/h on",
        (height > 0, Eq(R, 1 / height)), 2 * height * R > 1,
        wrong={"total 1": Eq(2 * height * R, 1)},
    ))
    yield refutes(implies("and h = 0 has total 0 on every interval", (Eq(height, 0),),
                          Eq(2 * height * R, 0), wrong={"total 1": Eq(2 * height * R, 1)}))
    yield refutes(counterexample(
        "uniform on [0, L]: without the density the mean is wrong",
        Eq(without_density(1, 0, 0, L), uniform_moment(1, 0, L)), given=(L > 0,), at={L: 2},
        wrong={"divided by L": Eq(without_density(1, 0, 0, L) / L, uniform_moment(1, 0, L))},
    ))
    yield corrects(implies(
        "for order 1 about 0 it is right exactly for L = 1",
        (L > 0, Eq(without_density(1, 0, 0, L), uniform_moment(1, 0, L))), Eq(L, 1),
        wrong={"for L = 2": Eq(L, 2)},
    ))


@claim(
    "moments.equal-probability.wording",
    lines="119",
    verdict="misprint", severity="cosmetic",
    title="Variables for values, and a dropped character",
    statement="It is values of a variable that are equally probable, not random variables; and the "
    "connective before it lacks a character.",
    correction="Write the full connective 也就是说, and values (取值) in place of variables.",
)
def wording() -> Checks:
    yield refutes(token("values occur, not variables", 119, "随机变量出现", "取值出现"))
    yield refutes(token("connective", 119, "也就说", "也就是说"))
