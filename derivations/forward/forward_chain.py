r"""The Markov chain that the noising steps make, and its joint law.

    q(x_{1:T} | x_0) = prod_{t=1}^T q(x_t | x_{t-1})                        DDPM (2)

DDPM is arXiv 2006.11239.
"""

from __future__ import annotations

import sympy
from sympy import Rational, log, pi, sqrt

from derivations.claim import Checks, claim, refutes
from derivations.forward.forward import (
    BETA,
    BETA_1,
    BETA_2,
    BETA_3,
    DDPM,
    INDEPENDENT,
    RATE,
    RATES,
    X_NEXT,
    X_PREV,
    kernel_mean,
    log_normal,
    step,
)
from derivations.prover.counterexample import differs
from derivations.prover.execution import evaluates
from derivations.prover.gaussian_forms import Form, covariance, standard_normal
from derivations.prover.normal_form import identity
from derivations.symbols import real


def conditional_covariance(a: Form, b: Form, on: Form) -> sympy.Expr:
    """Cov(a, b | on) of jointly normal variables: the Schur complement."""
    return covariance(a, b) - covariance(a, on) * covariance(on, b) / on.variance


def log_density(forms: list[Form], points: list[sympy.Expr]) -> sympy.Expr:
    """Log density of jointly normal variables, from their covariance matrix."""
    size = len(forms)
    cov = sympy.Matrix([[covariance(a, b) for b in forms] for a in forms])
    residual = sympy.Matrix([x - form.mean for x, form in zip(points, forms, strict=True)])
    determinant = sympy.expand(cov.det(method="berkowitz"))
    exponent = (residual.T * cov.adjugate() * residual)[0] / determinant
    return -log((2 * pi) ** size * determinant) / 2 - exponent / 2


@claim(
    "forward.chain.markov",
    lines="227",
    verdict="holds-if",
    severity="misleading",
    title="The process is a Markov chain when the noises are independent",
    statement=r"The noised images form a Markov chain. True when $z_{t+1}$ is independent of "
    r"$(x_0,z_1,\ldots,z_t)$, since $x_{t+1}$ is a function of $x_t$ and $z_{t+1}$ alone. The step "
    r"formula without independence does not give it: with $z_2=z_1$, $x_2$ still depends on $x_0$ "
    r"once $x_1$ is known.",
    assumptions=(*RATE, INDEPENDENT),
    witness={BETA: Rational(1, 2)},
    correction=r"With independent $z_1,\ldots,z_T$ the process is a Markov chain: "
    r"$q(x_t\mid x_{t-1},\ldots,x_0)=q(x_t\mid x_{t-1})$.",
    sources=(DDPM,),
    depends_on=("forward.step.independence",),
)
def markov() -> Checks:
    u, v, p, q = real("u v p q")
    one, two = standard_normal("one"), standard_normal("two")
    now, earlier = one * u + two * v, one * p + two * q
    after = step(now, BETA, standard_normal("z"))
    yield identity(
        "given x_t, the next image is uncorrelated with any earlier variable, whatever two normal "
        "variables these are",
        conditional_covariance(after, earlier, now), 0, given=(*RATE, u**2 + v**2 > 0),
        wrong={"covariance without conditioning": sqrt(1 - BETA) * (u * p + v * q)},
    )
    start, z = standard_normal("x_0"), standard_normal("z_1")
    first = step(start, BETA, z)
    yield refutes(differs(
        "with z_2 = z_1 the start still matters once x_1 is known",
        conditional_covariance(step(first, BETA, z), start, first), sympy.S.Zero, given=RATE,
        at={BETA: Rational(1, 2)}, wrong={"- sqrt((1 - beta)) beta": -sqrt(1 - BETA) * BETA},
    ))


@claim(
    "forward.chain.joint",
    lines="227, 230",
    verdict="holds",
    title="The joint law given the start is the product of the kernels",
    statement=r"$q(x_1,\ldots,x_T\mid x_0)"
    r"=q(x_1\mid x_0)\,q(x_2\mid x_1)\cdots q(x_T\mid x_{T-1})$: the chain "
    r"rule, in which the Markov property drops the older conditions. The prose says joint law; the "
    r"formula is the joint law conditional on $x_0$, and for the full joint the factor $q(x_0)$ "
    r"is added.",
    assumptions=(*RATES, INDEPENDENT),
    witness={BETA_1: Rational(1, 4), BETA_2: Rational(1, 3), BETA_3: Rational(1, 2)},
    sources=(DDPM,),
    depends_on=("forward.chain.markov", "forward.kernel.density"),
)
def joint() -> Checks:
    x = list(real("x_0 x_1 x_2 x_3"))
    betas = (BETA_1, BETA_2, BETA_3)
    for length in (1, 2, 3):
        forms = [Form(x[0])]
        for t in range(1, length + 1):
            forms.append(step(forms[-1], betas[t - 1], standard_normal(f"z_{t}")))
        kernels = [log_normal(x[t], kernel_mean(betas[t - 1], x[t - 1]), betas[t - 1])
                   for t in range(1, length + 1)]
        wrong = {"factor t = 1 left out": sum(kernels[1:], sympy.S.Zero)}
        if length > 1:
            wrong["marginals multiplied instead of kernels"] = sum(
                log_normal(x[t], forms[t].mean, forms[t].variance) for t in range(1, length + 1)
            )
        yield identity(
            f"T = {length}: log density from the joint covariance, against the sum over kernels",
            log_density(forms[1:], x[1:length + 1]), sum(kernels, sympy.S.Zero),
            given=RATES[:2 * length], wrong=wrong,
        )
    y, v, w, u, m = real("y v w u m")
    past = standard_normal("one") * v
    now = Form(m) + standard_normal("one") * w + standard_normal("two") * u
    after = step(now, BETA, standard_normal("z"))
    before = log_density([past, now], [y, X_PREV])
    kernel = log_normal(X_NEXT, kernel_mean(BETA, X_PREV), BETA)
    yield identity(
        "every further step multiplies the joint density by one kernel, whatever normal pair "
        "the past and the present are",
        log_density([past, now, after], [y, X_PREV, X_NEXT]), before + kernel,
        given=(*RATE, v > 0, u > 0),
        wrong={
            "kernel around the past variable": before + log_normal(
                X_NEXT, kernel_mean(BETA, y), BETA),
            "kernel with variance sqrt(beta)": before + log_normal(
                X_NEXT, kernel_mean(BETA, X_PREV), sqrt(BETA)),
        },
    )


def factors(T: int) -> tuple[tuple[int, int], ...]:
    """The pairs (t - 1, t) of the product over t = 1..T."""
    return tuple((t - 1, t) for t in range(1, T + 1))


@claim(
    "forward.chain.product-index",
    lines="230",
    verdict="holds",
    title="The product sign runs over the written factors",
    statement=r"The factors written out and $\prod_{t=1}^T q(x_t\mid x_{t-1})$ are the same $T$ "
    r"factors, from $q(x_1\mid x_0)$ to $q(x_T\mid x_{T-1})$; for $T=1$ there is one factor.",
    assumptions=(r"$T\ge1$",),
    sources=(DDPM,),
)
def product_index() -> Checks:
    yield evaluates(
        "the pairs (t - 1, t) for T = 1 and T = 4", lambda: (factors(1), factors(4)),
        (((0, 1),), ((0, 1), (1, 2), (2, 3), (3, 4))),
        wrong={
            "t from 0": lambda: (((-1, 0), *factors(1)), ((-1, 0), *factors(4))),
            "t to T - 1": lambda: (factors(0), factors(3)),
        },
    )
