r"""Properties of the KL divergence that the document names or needs: Gibbs, asymmetry, no metric.

    log r <= r - 1 with equality at r = 1 only, hence KL(P || Q) >= 0 with equality iff P = Q

(Gibbs' inequality; Cover & Thomas 2006, Theorems 2.6.3 and 8.6.1).
"""

from __future__ import annotations

from sympy import And, Eq, Expr, Rational, Symbol, diff, log, sqrt

from derivations.claim import Checks, claim
from derivations.kl.kl import HALVES, SHANNON, divergence, divergence_of_normals, excess, p, q
from derivations.prover.balls import ball, lies_within
from derivations.prover.counterexample import counterexample
from derivations.prover.induction import Recursion, invariant
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import real

r, sigma = real("r sigma")


@claim(
    "kl.asymmetric",
    lines="53",
    verdict="holds",
    title="KL divergence is not symmetric",
    statement=r"$\mathrm{KL}(\mathcal{N}(0,1)\,\|\,\mathcal{N}(0,4))=\log 2-\tfrac38$, but "
    r"$\mathrm{KL}(\mathcal{N}(0,4)\,\|\,\mathcal{N}(0,1))=\tfrac32-\log 2$. Some pairs do agree, "
    r"such as two normal laws with equal variances.",
    sources=(SHANNON,),
    depends_on=("gaussian.density", "moments.stein"),
)
def asymmetric() -> Checks:
    forward, backward = divergence_of_normals(0, 1, 0, 2), divergence_of_normals(0, 2, 0, 1)
    yield identity(
        "both orders from the definition", (forward, backward),
        (log(2) - Rational(3, 8), Rational(3, 2) - log(2)),
        wrong={"exchanged": (Rational(3, 2) - log(2), log(2) - Rational(3, 8))},
    )
    yield lies_within(
        "the first is smaller than the second by between 0.48 and 0.49 nats",
        lambda: ball(forward - backward),
        (-Rational(49, 100), -Rational(48, 100)),
        wrong={"equal": (-Rational(1, 100), Rational(1, 100))},
    )
    pair = (q, 1 - q)
    orders = (divergence(HALVES, pair), divergence(pair, HALVES))
    yield identity(
        "a pair of two outcomes, (1/2, 1/2) and (1/4, 3/4), in both orders",
        [order.subs(q, Rational(1, 4)) for order in orders],
        [log(2) - log(3) / 2, 3 * log(3) / 4 - log(2)],
        wrong={"exchanged": [3 * log(3) / 4 - log(2), log(2) - log(3) / 2]},
    )
    yield counterexample(
        "which are not equal",
        Eq(*orders, evaluate=False),
        at={q: Rational(1, 4)},
        wrong={"outcomes exchanged in both": Eq(
            divergence(HALVES, (q, 1 - q)), divergence(HALVES, (1 - q, q)), evaluate=False)},
    )


@claim(
    "kl.not-a-metric",
    lines="53",
    verdict="definition",
    severity="misleading",
    title="The word for measure also means metric, and KL divergence is none",
    statement=r"The line calls KL divergence by a word that also means metric. It is not "
    r"symmetric and breaks the triangle inequality: with variances 1 and means 0, 1, 2, "
    r"$\mathrm{KL}(0\,\|\,2)=2>\tfrac12+\tfrac12$.",
    correction="A non-negative measure of dissimilarity, zero only for equal distributions; not a "
    "metric.",
    sources=(SHANNON,),
    depends_on=("gaussian.density", "moments.stein", "kl.asymmetric"),
)
def not_a_metric() -> Checks:
    a, b, c = real("a b c")

    def between(first: Symbol, second: Symbol) -> Expr:
        return divergence_of_normals(first, 1, second, 1)

    means = {a: 0, b: 1, c: 2}
    yield identity(
        "with variances 1 the divergence is half the squared distance of the means",
        between(a, b), (a - b) ** 2 / 2, wrong={"the squared distance": (a - b) ** 2},
    )
    yield counterexample(
        "means 0, 1, 2: two short ways are shorter than the direct one",
        between(a, c) <= between(a, b) + between(b, c), at=means,
        wrong={"square roots of the divergences": sqrt(between(a, c).expand())
               <= sqrt(between(a, b).expand()) + sqrt(between(b, c).expand())},
    )


@claim(
    "kl.difference-unproved",
    lines="53",
    verdict="incomplete",
    severity="misleading",
    title="That KL divergence measures a difference is not shown",
    statement=r"To measure a difference, $\mathrm{KL}(P\,\|\,Q)$ must be non-negative and vanish "
    r"exactly for $P=Q$. The section neither states nor proves this, although single terms of the "
    r"sum can be negative.",
    supplied_by=("kl.nonnegative", "kl.zero-iff-equal"),
)
def difference_unproved() -> Checks:
    yield from ()


@claim(
    "kl.log-bound",
    lines="53",
    verdict="holds",
    title="The logarithm lies below its tangent at 1 (supplied)",
    statement=r"For $r>0$, $\log r\le r-1$, with equality at $r=1$ only: "
    r"$f(r)=r-1-\log r$ has $f(1)=0$ and $f'(r)=(r-1)/r$, negative before 1 and positive after.",
    assumptions=(r > 0,),
    witness={r: 2},
    sources=(SHANNON,),
)
def log_bound() -> Checks:
    slope = (r - 1) / r
    yield identity(
        "the derivative of r - 1 - log r", diff(excess(r), r), slope, given=(r > 0,),
        wrong={"sign": (1 - r) / r, "without the logarithm": r / r},
    )
    yield identity(
        "both sides agree at r = 1", excess(r).subs(r, 1), 0, wrong={"off by one": 1},
    )
    yield implies(
        "the slope is negative on (0, 1)", (r > 0, r < 1), slope < 0, wrong={"positive": slope > 0}
    )
    yield implies(
        "the slope is positive beyond 1", (r > 1,), slope > 0, wrong={"negative": slope < 0}
    )


@claim(
    "kl.nonnegative",
    lines="53",
    verdict="holds",
    title="Gibbs' inequality: KL divergence is not negative (supplied)",
    statement=r"$\mathrm{KL}(P\,\|\,Q)=\sum_x P(x)\,f\!\left(\tfrac{Q(x)}{P(x)}\right)+\sum_x P(x)-"
    r"\sum_{x:P(x)>0}Q(x)\ge 0$ for any number of outcomes, with $f(r)=r-1-\log r\ge 0$; for "
    r"densities with integrals in place of sums.",
    assumptions=(p > 0, q > 0, "P and Q are probability distributions with P << Q"),
    witness={p: Rational(1, 2), q: Rational(1, 4)},
    sources=(SHANNON,),
    depends_on=("kl.log-bound",),
)
def nonnegative() -> Checks:
    K, S, M, N = real("K S M N")
    # One outcome a step; S collects the excesses, M and N the masses of P and Q met so far.
    sums = Recursion(
        {K: 0, S: 0, M: 0, N: 0},
        {K: K + p * log(p / q), S: S + p * excess(q / p), M: M + p, N: N + q},
        inputs=(p > 0, q > 0),
    )
    yield invariant(
        "for any number of outcomes the sum is the collected excess plus the masses' difference",
        sums, {K: S + M - N},
        wrong={"masses exchanged": {K: S - M + N}, "masses left out": {K: S}},
    )
    yield implies(
        "an excess is not negative, P has mass 1 and Q at most 1 where P > 0",
        (S >= 0, Eq(M, 1), N <= 1), S + M - N >= 0,
        wrong={"at least 1": S + M - N >= 1},
    )


@claim(
    "kl.zero-iff-equal",
    lines="53",
    verdict="holds",
    title="KL divergence vanishes only for equal distributions (supplied)",
    statement=r"$\mathrm{KL}(P\,\|\,Q)=0$ forces every excess $P(x)f(Q(x)/P(x))$ to be 0, hence "
    r"$Q(x)=P(x)$ wherever $P(x)>0$, and $Q$ has no mass left elsewhere; and it is 0 for $P=Q$.",
    assumptions=(p > 0, q > 0, "P and Q are probability distributions with P << Q"),
    witness={p: Rational(1, 2), q: Rational(1, 4)},
    sources=(SHANNON,),
    depends_on=("kl.nonnegative", "kl.log-bound"),
)
def zero_iff_equal() -> Checks:
    S, e, M, N = real("S e M N")
    yield implies(
        "a sum of one more non-negative excess is 0 only if both parts are, and the masses agree",
        (S >= 0, e >= 0, Eq(M, 1), N <= 1, Eq(S + e + M - N, 0)),
        And(Eq(S, 0), Eq(e, 0), Eq(N, 1)),
        wrong={"Q may have mass outside": And(Eq(e, 0), N < 1)},
    )
    yield identity(
        "equal probabilities give a term 0", (p * log(p / q)).subs(q, p), 0, given=(p > 0,),
        wrong={"entropy of the outcome": -p * log(p)},
    )
    yield counterexample(
        "without p = q a single term need not be 0", Eq(p * log(p / q), 0, evaluate=False),
        given=(p > 0, q > 0), at={p: Rational(1, 2), q: Rational(1, 4)},
        wrong={"p = q": Eq(p * log(p / p), 0, evaluate=False)},
    )
