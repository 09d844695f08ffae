r"""Kullback-Leibler divergence: the definition, and what it needs to be a number.

    KL(P || Q) = sum_x P(x) log(P(x) / Q(x))            discrete, P << Q, 0 log 0 = 0
    KL(P || Q) = int p(x) log(p(x) / q(x)) dx           densities, P << Q

in nats (Kullback & Leibler 1951; Cover & Thomas 2006, sections 2.3 and 8.5).  Where
P << Q fails the value is plus infinity.  The first argument carries the weights.
"""

from __future__ import annotations

from collections.abc import Sequence

from sympy import E, Eq, Expr, Rational, log, pi, sqrt

from derivations.claim import Checks, claim, refutes
from derivations.prover.counterexample import counterexample
from derivations.prover.execution import token
from derivations.prover.gaussian_forms import expectation
from derivations.prover.induction import Recursion, invariant
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import real

x, p, q, y, b = real("x p q y b")
mu_1, sigma_1, mu_2, sigma_2 = real("mu_1 sigma_1 mu_2 sigma_2")
HALVES = (Rational(1, 2), Rational(1, 2))
SHANNON = "Cover & Thomas, Elements of Information Theory, 2nd ed. 2006, sections 2.3 and 8.5"
KULLBACK = "Kullback & Leibler 1951, Annals of Mathematical Statistics 22, 79-86"


def divergence(P: Sequence[Expr], Q: Sequence[Expr]) -> Expr:
    """The sum of the definition over finitely many outcomes."""
    return sum(p * log(p / q) for p, q in zip(P, Q, strict=True))


def excess(r: Expr) -> Expr:
    """r - 1 - log r: non-negative for r > 0, and 0 at r = 1 only (claim kl.log-bound)."""
    return r - 1 - log(r)


def log_density(x: Expr, mean: Expr, sd: Expr) -> Expr:
    """The logarithm of the normal density, standardised; a polynomial in x."""
    return -(((x - mean) / sd) ** 2) / 2 - log(sd) - log(2 * pi) / 2


def divergence_of_normals(mean_1: Expr, sd_1: Expr, mean_2: Expr, sd_2: Expr) -> Expr:
    """E_1[log N_1 - log N_2] by Stein's recursion: the left side of what is proved about it."""
    ratio = log_density(x, mean_1, sd_1) - log_density(x, mean_2, sd_2)
    return expectation(ratio, x, mean_1, sd_1**2)


def cross_entropy(P: Sequence[Expr], Q: Sequence[Expr]) -> Expr:
    """Expected code length under P of a code made for Q, in nats."""
    return -sum(p * log(q) for p, q in zip(P, Q, strict=True))


@claim(
    "kl.headings",
    lines="49, 51, 79, 133",
    verdict="not-mathematical",
    severity="cosmetic",
    title="Headings and connecting words of the sections on KL divergence",
    statement="The lines name the subject (KL divergence, its definition, its computation) and "
    "state nothing that could be true or false.",
)
def headings() -> Checks:
    yield from ()


@claim(
    "kl.relative-entropy-name",
    lines="54",
    verdict="incomplete",
    severity="cosmetic",
    title="Relative entropy is used as a name without being introduced",
    statement=r"The line speaks of relative entropy; that this is another name of "
    r"$\mathrm{KL}(P\,\|\,Q)$ is not said before or after.",
    sources=(SHANNON,),
    supplied_by=("kl.information-loss",),
)
def relative_entropy_name() -> Checks:
    yield from ()


@claim(
    "kl.roles",
    lines="54",
    verdict="incomplete",
    severity="misleading",
    title="Which argument is the true distribution is not said",
    statement=r"One distribution is called true and the other fitted, but not which of them is "
    r"$P$ in $\mathrm{KL}(P\,\|\,Q)$. Since the two orders give different numbers, the sentence "
    r"determines neither. The first argument is the true one: its probabilities are the weights.",
    sources=(SHANNON,),
    supplied_by=("kl.information-loss", "kl.asymmetric"),
)
def roles() -> Checks:
    yield from ()


@claim(
    "kl.information-loss",
    lines="54",
    verdict="holds-if",
    severity="misleading",
    title="KL divergence is cross entropy minus entropy",
    statement=r"The information lost when $Q$ stands in for the true $P$ is "
    r"$\mathrm{KL}(P\,\|\,Q)=H(P,Q)-H(P)$, with $H(P,Q)=-\mathbb{E}_P\log Q$ and "
    r"$H(P)=-\mathbb{E}_P\log P$. It holds for the first argument as the true one, and fails for "
    r"the other order.",
    assumptions=(p > 0, q > 0, sigma_1 > 0, sigma_2 > 0,
                 "both entropies are finite; P is the true and Q the fitted distribution"),
    witness={p: Rational(1, 2), q: Rational(1, 4), sigma_1: 1, sigma_2: 2},
    correction=r"$\mathrm{KL}(P\,\|\,Q)=\mathbb{E}_P[-\log Q]-\mathbb{E}_P[-\log P]$: the expected "
    r"excess code length of a code made for $Q$ while the data follow $P$.",
    sources=(SHANNON,),
    depends_on=("gaussian.density", "moments.stein"),
)
def information_loss() -> Checks:
    K, C, H = real("K C H")
    sums = Recursion(
        {K: 0, C: 0, H: 0},
        {K: K + p * log(p / q), C: C - p * log(q), H: H - p * log(p)},
        inputs=(p > 0, q > 0),
    )
    yield invariant(
        "for any number of outcomes the sum of the definition is cross entropy minus entropy",
        sums, {K: C - H}, wrong={"entropy minus cross entropy": {K: H - C},
                                 "entropy added": {K: C + H}},
    )
    log_1, log_2 = log_density(x, mu_1, sigma_1), log_density(x, mu_2, sigma_2)
    crossed = -expectation(log_2, x, mu_1, sigma_1**2)
    yield identity(
        "for two normal laws, with entropy (log(2 pi sigma_1^2) + 1) / 2",
        expectation(log_1 - log_2, x, mu_1, sigma_1**2),
        crossed - (log(2 * pi * sigma_1**2) + 1) / 2,
        given=(sigma_1 > 0, sigma_2 > 0),
        wrong={"the entropy of the other law": crossed - (log(2 * pi * sigma_2**2) + 1) / 2},
    )
    P, Q = HALVES, (1 - q, q)
    entropy = cross_entropy(P, P)
    yield refutes(counterexample(
        "with the fitted distribution as the first argument the equation fails",
        Eq(divergence(Q, P), cross_entropy(P, Q) - entropy, evaluate=False),
        at={q: Rational(1, 4)},
        wrong={"the true distribution first":
               Eq(divergence(P, Q), cross_entropy(P, Q) - entropy, evaluate=False)},
    ))


@claim(
    "kl.domain",
    lines="56",
    verdict="definition",
    severity="cosmetic",
    title="Two distributions on one set of values",
    statement=r"$P$ and $Q$ are two distributions on the same set of values. A random variable has "
    r"one distribution, so they are not both distributions of one $X$.",
    correction=r"Let $P$ and $Q$ be probability distributions on the same set $\mathcal{X}$.",
)
def domain() -> Checks:
    yield from ()


@claim(
    "kl.log-base",
    lines="59, 64, 85-86, 139-140",
    verdict="definition",
    severity="cosmetic",
    title="The base of the logarithm is not stated",
    statement=r"Any base greater than 1 gives a divergence, and base $b$ divides the value by "
    r"$\log b$; but the steps from line 85 to 86 and from 139 to 140 use $\log_b e^{y}=y$, "
    r"that is base $e$ (nats).",
    correction=r"$\log$ is the natural logarithm; divide by $\log 2$ for bits.",
    sources=(SHANNON,),
)
def log_base() -> Checks:
    yield identity(
        "KL((1/2, 1/2) || (1/4, 3/4)) is log 2 - log(3)/2 nats, so 1 - log_2(3)/2 bits",
        divergence(HALVES, (Rational(1, 4), Rational(3, 4))), log(2) - log(3) / 2,
        wrong={"its value in bits": 1 - log(3) / 2},
    )
    yield counterexample(
        "in base b, log_b(e^y) = y needs y = y log b: base 2 fails at y = 1",
        Eq(y, y * log(b), evaluate=False), at={b: 2, y: 1},
        wrong={"base e": Eq(y, y * log(E), evaluate=False)},
    )


@claim(
    "kl.discrete",
    lines="56, 59",
    verdict="holds-if",
    severity="misleading",
    title="KL divergence of discrete distributions",
    statement=r"$\mathrm{KL}(P\,\|\,Q)=\sum_x P(x)\log\frac{P(x)}{Q(x)}$ is a finite number for "
    r"finitely many outcomes if $Q(x)=0$ only where $P(x)=0$: then "
    r"$0\le\mathrm{KL}\le\sum_x P(x)^2/Q(x)-1$. The line omits this condition, without which the "
    r"quotient divides by 0.",
    assumptions=(p > 0, q > 0, "finitely many outcomes",
                 "Q(x) = 0 implies P(x) = 0; a term with P(x) = 0 counts as 0"),
    witness={p: Rational(1, 2), q: Rational(1, 4)},
    correction=r"Add: if $P\ll Q$, with $0\log 0=0$; otherwise $\mathrm{KL}(P\,\|\,Q)=+\infty$. "
    r"Over infinitely many outcomes the sum can be $+\infty$ even then.",
    sources=(KULLBACK, SHANNON),
    depends_on=("kl.log-bound", "kl.vanishing-term"),
)
def discrete() -> Checks:
    above, below = p**2 / q - p, p - q
    yield identity(
        "a term falls short of P^2/Q - P by P (r - 1 - log r) with r = P/Q",
        above - p * log(p / q), p * excess(p / q), given=(p > 0, q > 0),
        wrong={"r = Q/P": p * excess(q / p), "weighted by Q": q * excess(p / q)},
    )
    yield identity(
        "a term exceeds P - Q by P (r - 1 - log r) with r = Q/P",
        p * log(p / q) - below, p * excess(q / p), given=(p > 0, q > 0),
        wrong={"r = P/Q": p * excess(p / q), "no weight": excess(q / p)},
    )
    nearly_impossible = divergence(HALVES, (1 - q, q))
    yield identity(
        "with Q = (1 - q, q) and P = (1/2, 1/2) the sum is -log(4 q (1 - q)) / 2, "
        "which exceeds every bound as q goes to 0",
        nearly_impossible, -log(4 * q * (1 - q)) / 2, given=(q > 0, q < 1),
        wrong={"bounded as q goes to 0": -log(4 * (1 - q)) / 2},
    )
    yield refutes(counterexample(
        "Q = (1 - q, q) at q = 2^-40, already more than 10 nats: no finite value fits q = 0",
        nearly_impossible <= 10, at={q: Rational(1, 2**40)},
        wrong={"a bound of 14 nats": nearly_impossible <= 14},
    ))


@claim(
    "kl.vanishing-term",
    lines="59, 64",
    verdict="holds",
    title="A term with vanishing P(x) tends to zero (supplied)",
    statement=r"For $0<p\le 1$, $0\le -p\log p\le 2(\sqrt p-p)$; hence $p\log(p/q)\to 0$ as "
    r"$p\to 0$ with $q>0$ fixed, and $0\log 0=0$ is the continuous convention.",
    assumptions=(p > 0, p <= 1),
    witness={p: Rational(1, 2)},
    sources=(SHANNON,),
    depends_on=("kl.log-bound",),
)
def vanishing_term() -> Checks:
    yield identity(
        "2 (sqrt p - p) - (-p log p) is 2 p (r - 1 - log r) with r = 1/sqrt p",
        2 * (sqrt(p) - p) + p * log(p), 2 * p * excess(1 / sqrt(p)), given=(p > 0,),
        wrong={"r = sqrt p": 2 * p * excess(sqrt(p)), "r = 1/p": 2 * p * excess(1 / p)},
    )
    yield implies(
        "the bound lies between 0 and 2 sqrt p, which goes to 0",
        (p > 0, p <= 1), (sqrt(p) - p >= 0) & (2 * (sqrt(p) - p) <= 2 * sqrt(p)),
        wrong={"bounded by p": 2 * (sqrt(p) - p) <= p},
    )


@claim(
    "kl.zero-probability",
    lines="59",
    verdict="incomplete",
    severity="cosmetic",
    title="No value is given for a term with P(x) = 0",
    statement=r"For $P=(1,0)$ and $Q=(\tfrac12,\tfrac12)$ the second term reads $0\log 0$; the "
    r"line gives no convention. It counts as 0.",
    sources=(SHANNON,),
    supplied_by=("kl.vanishing-term",),
)
def zero_probability() -> Checks:
    yield from ()


@claim(
    "kl.discrete-index",
    lines="59",
    verdict="misprint",
    severity="cosmetic",
    title="The sum has no index",
    statement=r"The summation sign carries no index; the sum runs over the values $x$.",
    correction=r"$\sum_{x\in\mathcal{X}}P(x)\log\frac{P(x)}{Q(x)}$",
)
def discrete_index() -> Checks:
    yield refutes(token("the sum has no index", 59, r"\sum P(x)", r"\sum_{x} P(x)"))
