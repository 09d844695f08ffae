r"""KL divergence of densities: when the integral is a number, and when it is infinite.

    KL(P || Q) = int p(x) log(p(x) / q(x)) dx >= 0           P << Q, integrand 0 where p = 0

(Kullback & Leibler 1951; Cover & Thomas 2006, section 8.5).
"""

from __future__ import annotations

from sympy import Rational, log, pi

from derivations.claim import Checks, claim, refutes
from derivations.gaussian.gaussian import density
from derivations.kl.kl import KULLBACK, SHANNON, excess, p, q, x, y
from derivations.prover.balls import ball, lies_within
from derivations.prover.counterexample import counterexample
from derivations.prover.execution import token
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies


@claim(
    "kl.continuous",
    lines="62, 64",
    verdict="holds-if",
    severity="misleading",
    title="KL divergence of continuous distributions",
    statement=r"$\mathrm{KL}(P\,\|\,Q)=\int p\log\frac pq\,dx$ is a well-defined element of "
    r"$[0,\infty]$ if $q=0$ only where $p=0$ (up to null sets): the integrand is at least $p-q$, "
    r"which is integrable with integral $0$ or more over the set $p>0$. The line omits the "
    r"condition: $\mathcal{U}(0,2)$ against $\mathcal{U}(0,1)$ divides by 0 on half of the mass.",
    assumptions=(p > 0, q > 0, "p and q are densities, and P is absolutely continuous to Q"),
    witness={p: 1, q: 2},
    correction=r"Add: for densities $p,q$ with $P\ll Q$, the integrand being 0 where $p=0$; "
    r"otherwise $\mathrm{KL}(P\,\|\,Q)=+\infty$.",
    sources=(KULLBACK, SHANNON),
    depends_on=("kl.log-bound", "kl.vanishing-term"),
)
def continuous() -> Checks:
    yield identity(
        "where p > 0 the integrand exceeds p - q by p (r - 1 - log r) with r = q/p",
        p * log(p / q), p - q + p * excess(q / p), given=(p > 0, q > 0),
        wrong={"q - p": q - p + p * excess(q / p), "r = p/q": p - q + p * excess(p / q)},
    )
    # p = 1/2 on (0, 2); q = 1 - e on (0, 1) and e on (1, 2): e = 0 is the uniform law on (0, 1).
    e = q
    half = Rational(1, 2)
    value = half * log(half / (1 - e)) + half * log(half / e)
    yield refutes(counterexample(
        "the uniform law on (0, 2) against one with mass e on (1, 2): more than 10 nats at 2^-40, "
        "so no finite value fits the uniform law on (0, 1)",
        value <= 10, given=(e > 0, e < 1), at={e: Rational(1, 2**40)},
        wrong={"a bound of 14 nats": value <= 14},
    ))


@claim(
    "kl.infinite-value",
    lines="64",
    verdict="holds",
    title="The integral can be infinite although P << Q (supplied)",
    statement=r"For the Cauchy density $p(x)=\frac{1}{\pi(1+x^2)}$ against the standard normal "
    r"density $q$, both positive everywhere, $p\log\frac pq\ge\frac1{8\pi}$ for $|x|\ge3$: the "
    r"integral is $+\infty$.",
    sources=(SHANNON,),
    depends_on=("gaussian.density", "kl.log-bound"),
)
def infinite_value() -> Checks:
    cauchy = 1 / (pi * (1 + x**2))
    constant = Rational(3, 4) - log(4) + log(2) / 2 - log(pi) / 2
    yield identity(
        "log(p/q) is x^2/4 + c plus r - 1 - log r with r = (1 + x^2)/4",
        log(cauchy / density(x, 0, 1)), x**2 / 4 + constant + excess((1 + x**2) / 4),
        wrong={"the density ratio inverted": -x**2 / 4 - constant - excess((1 + x**2) / 4),
               "normal without its half": x**2 + constant + excess((1 + x**2) / 4)},
    )
    yield lies_within(
        "the constant c is greater than -1", lambda: ball(constant), (-1, 0),
        wrong={"greater than -1/2": (-Rational(1, 2), 0)},
    )
    yield implies(
        "beyond |x| = 3, pi times the integrand is at least 1/8: its integral to R grows with R",
        (x**2 >= 9, y >= x**2 / 4 - 1), pi * cauchy * y >= Rational(1, 8),
        wrong={"at least 1/4": pi * cauchy * y >= Rational(1, 4)},
    )


@claim(
    "kl.density-letters",
    lines="64",
    verdict="misprint",
    severity="cosmetic",
    title="One pair of letters for probabilities and for densities",
    statement=r"$P(x)$ is a probability in line 59 and a density in line 64, where each single "
    r"value has probability 0; lines 72 and 77 change to lower case for densities.",
    correction=r"$\int_{\mathbb{R}} p(x)\log\frac{p(x)}{q(x)}\,dx$ with densities $p,q$",
)
def density_letters() -> Checks:
    yield refutes(token("a density in the letter of a probability", 64, "P(x)", "p(x)"))


@claim(
    "kl.continuous-range",
    lines="64, 84-87, 138-141",
    verdict="misprint",
    severity="cosmetic",
    title="The integrals have no range",
    statement=r"No domain of integration is given, here and in the two derivations; the integrals "
    r"are over $\mathbb{R}$ (over the set where $p>0$).",
    correction=r"$\int_{\mathbb{R}}$",
)
def continuous_range() -> Checks:
    integrands = {r" P(x)": (64,), r"\frac1{": (84, 138, 140), r"\frac{1}{": (85, 86, 139),
                  r" p(x)": (87, 141)}
    for integrand, lines in integrands.items():
        for line in lines:
            yield refutes(token("the integral has no range", line, r"\int" + integrand,
                                r"\int_{\mathbb R}" + integrand))
