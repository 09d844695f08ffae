r"""The four factors of Bayes' rule: prior, likelihood, posterior, and the normaliser.

    P(x | theta) = P(x, theta) / P(theta)              conditional probability, Kolmogorov 1933, I.4
    P(x)         = sum_i P(x | theta_i) P(theta_i)     theta_i a partition; Bishop 2006, (1.13)
"""

from __future__ import annotations

from fractions import Fraction

from sympy import Rational

from derivations.claim import Checks, claim, corrects, refutes
from derivations.probability.bayes import (
    CELLS,
    LIKELIHOODS,
    NOT_X,
    P_X,
    POSITIVE_PRIORS,
    POSSIBLE,
    POSTERIORS,
    PRIORS,
    TABLE,
    TOTAL,
    UNIFORM,
    X,
    evidence,
    hypothesis,
    posterior,
)
from derivations.probability.joint_table import conditional, probability
from derivations.prover.execution import Raises, evaluates, executes, token
from derivations.prover.induction import Recursion, invariant
from derivations.prover.normal_form import identity
from derivations.symbols import real


@claim(
    "bayes.layout",
    lines="13-16",
    verdict="not-mathematical",
    severity="cosmetic",
    title="Four definitions that run into one paragraph",
    statement=(
        "The four definitions stand on lines of their own in the source, but single line breaks do "
        "not separate paragraphs in Markdown: they are set as one running paragraph."
    ),
    correction="Set them as a list.",
    sources=("CommonMark 0.31.2, section 6.8 (soft line breaks)",),
)
def layout() -> Checks:
    yield from ()


@claim(
    "bayes.colon",
    lines="13, 16",
    verdict="misprint",
    severity="cosmetic",
    title="Colons inside the formulas",
    statement="In two of the four definitions the colon and a blank stand inside the formula.",
    correction=r"$P(\theta)$: and $P(x)$:, as in the two lines between.",
)
def colon() -> Checks:
    yield refutes(token("the colon belongs behind the closing dollar", 13, ") : $", ")$: "))
    yield refutes(token("the colon belongs behind the closing dollar", 16, ") : $", ")$: "))


@claim(
    "bayes.prior",
    lines="13",
    verdict="definition",
    severity="cosmetic",
    title="Prior probability",
    statement=(
        r"$P(\theta)$ is the probability of the hypothesis $\theta$ before $x$ is observed: "
        r"$P(\theta) = P(\theta, x) + P(\theta, \bar x)$. Over a partition the priors add up to 1."
    ),
    assumptions=(*POSSIBLE, TOTAL),
    witness=UNIFORM,
    sources=("Kolmogorov 1933, chapter I",),
)
def prior() -> Checks:
    last = 1 - sum(CELLS[:-1])
    yield identity(
        "the priors of a partition add up to 1", sum(PRIORS).subs(CELLS[-1], last), 1,
        wrong={"the posteriors' numerators instead": P_X},
    )


@claim(
    "bayes.likelihood",
    lines="14",
    verdict="definition",
    severity="cosmetic",
    title="Likelihood",
    statement=(
        r"$P(x \mid \theta) = P(x, \theta) / P(\theta)$ is the probability of $x$ given $\theta$. "
        r"It needs $P(\theta) > 0$; for fixed $\theta$ it is a distribution over the outcomes. It "
        r"is called likelihood as a function of $\theta$ at a fixed $x$."
    ),
    assumptions=(*POSSIBLE, PRIORS[0] > 0),
    witness=UNIFORM,
    sources=("Fisher 1922, On the mathematical foundations of theoretical statistics",),
)
def likelihood() -> Checks:
    yield identity(
        "for a fixed hypothesis the probabilities of the two outcomes add up to 1",
        conditional(TABLE, X, hypothesis(1)) + conditional(TABLE, NOT_X, hypothesis(1)), 1,
        given=(*POSSIBLE, PRIORS[0] > 0), wrong={"their sum over joint cells": PRIORS[0]},
    )


@claim(
    "bayes.likelihood-is-no-distribution",
    lines="14",
    verdict="holds",
    title="The likelihood is a function of the hypothesis, not a distribution (supplied)",
    statement=(
        r"At a fixed $x$, $\theta \mapsto P(x \mid \theta)$ is a function and not a distribution: "
        r"its values over a partition need not add up to 1. For one success of a Bernoulli trial "
        r"$L(\theta) = \theta$ and $\int_0^1 L\,d\theta = \tfrac12$; for two hypotheses that both "
        r"make $x$ certain the sum is 2."
    ),
    sources=("Fisher 1922, On the mathematical foundations of theoretical statistics",),
)
def likelihood_is_no_distribution() -> Checks:
    theta = real("theta")
    mass = theta**2 / 2
    yield identity(
        "theta^2/2 is an antiderivative of the Bernoulli likelihood of one success",
        mass.diff(theta), theta, wrong={"of a density on [0, 1]": 1},
    )
    yield identity(
        "so its integral over [0, 1] is one half, not 1",
        mass.subs(theta, 1) - mass.subs(theta, 0), Rational(1, 2), wrong={"a distribution": 1},
    )
    certain = {(1, 1): Fraction(1, 2), (1, 0): Fraction(0), (2, 1): Fraction(1, 2),
               (2, 0): Fraction(0)}
    yield evaluates(
        "two hypotheses under which x is certain: the likelihoods add up to 2",
        lambda: sum(conditional(certain, X, hypothesis(i)) for i in (1, 2)), Fraction(2),
        wrong={"the posteriors": lambda: sum(
            conditional(certain, hypothesis(i), X) for i in (1, 2))},
    )


@claim(
    "bayes.posterior",
    lines="15",
    verdict="definition",
    severity="cosmetic",
    title="Posterior probability",
    statement=(
        r"$P(\theta \mid x) = P(\theta, x)/P(x)$ is the probability of $\theta$ given $x$; it "
        r"needs $P(x) > 0$. Over a partition the posteriors add up to 1."
    ),
    assumptions=(*POSSIBLE, P_X > 0),
    witness=UNIFORM,
    sources=("Kolmogorov 1933, chapter I",),
)
def posterior_probability() -> Checks:
    yield identity(
        "the posteriors of a partition add up to 1", sum(POSTERIORS), 1,
        given=(*POSSIBLE, P_X > 0),
        wrong={"the numerators alone": P_X, "the priors of an open table": sum(PRIORS)},
    )


@claim(
    "bayes.normaliser-given-all",
    lines="16",
    verdict="false",
    severity="misleading",
    title="The normaliser as a probability given all hypotheses",
    statement=(
        r"$P(x)$ is described as the probability of $x$ given all hypotheses. $P(x)$ is not "
        r"conditional. Given all hypotheses of a partition at once means given an impossible "
        r"event. For hypotheses that can hold together it is another number: two fair coins, "
        r"$\theta_i$ that coin $i$ shows heads, $x$ that both do: $P(x \mid \theta_1, \theta_2) = "
        r"1$, $P(x) = \tfrac14$."
    ),
    correction=(
        r"$P(x)$ is the probability of $x$ before a hypothesis is chosen, the average over all "
        r"hypotheses of a partition: $P(x) = \sum_i P(x \mid \theta_i)\,P(\theta_i)$, an integral "
        r"for a continuous $\theta$."
    ),
    sources=("Kolmogorov 1933, chapter I, section 4", "Bishop 2006, PRML, eq. (1.13)"),
    depends_on=("bayes.total-probability",),
)
def normaliser_given_all() -> Checks:
    quarter = Fraction(1, 4)
    coins = {(a, b, int(a == b == 1)): quarter for a in (0, 1) for b in (0, 1)}
    yield refutes(evaluates(
        "two fair coins: given both hypotheses x is certain, by itself it has probability 1/4",
        lambda: (conditional(coins, {2: 1}, {0: 1, 1: 1}), probability(coins, {2: 1})),
        (Fraction(1), quarter),
        wrong={"given one hypothesis": lambda: (
            conditional(coins, {2: 1}, {0: 1}), probability(coins, {2: 1}))},
    ))
    disjoint = {(1, 0, 1): Fraction(1, 2), (0, 1, 0): Fraction(1, 2)}
    yield refutes(executes(
        "two exclusive hypotheses: to condition on both is to divide by 0",
        lambda: conditional(disjoint, {2: 1}, {0: 1, 1: 1}), Raises("ZeroDivisionError"),
        wrong={"given one of them": lambda: conditional(disjoint, {2: 1}, {0: 1})},
    ))
    yield corrects(identity(
        "the average of the likelihoods under the priors is P(x)", P_X,
        evidence(PRIORS, LIKELIHOODS), given=(*POSSIBLE, *POSITIVE_PRIORS),
        wrong={"the plain mean of the likelihoods": sum(LIKELIHOODS) / 3,
               "the last hypothesis left out": evidence(PRIORS[:2], LIKELIHOODS[:2])},
    ))


@claim(
    "bayes.normaliser-formula",
    lines="16, 18",
    verdict="incomplete",
    severity="misleading",
    title="How to compute the normaliser",
    statement=r"$P(x)$ is used as the denominator, but no formula for it is given.",
    correction=r"$P(x) = \sum_i P(x \mid \theta_i)\,P(\theta_i)$.",
    supplied_by=("bayes.total-probability",),
)
def normaliser_formula() -> Checks:
    yield from ()


@claim(
    "bayes.total-probability",
    lines="16",
    verdict="holds",
    title="Law of total probability (supplied)",
    statement=(
        r"For hypotheses that exclude each other and exhaust all cases, with $P(\theta_i) > 0$: "
        r"$P(x) = \sum_i P(x \mid \theta_i)\,P(\theta_i)$, for any finite number of hypotheses."
    ),
    assumptions=(*POSSIBLE, *POSITIVE_PRIORS),
    witness=UNIFORM,
    sources=("Kolmogorov 1933, chapter I, section 4",),
)
def total_probability() -> Checks:
    given = (*POSSIBLE, *POSITIVE_PRIORS)
    yield identity(
        "three hypotheses", P_X, evidence(PRIORS, LIKELIHOODS), given=given,
        wrong={"unweighted sum": sum(LIKELIHOODS), "mean": sum(LIKELIHOODS) / 3,
               "weighted by likelihood again": evidence(LIKELIHOODS, LIKELIHOODS)},
    )
    reached, total, prior, joint = real("E S p q")
    # One more hypothesis with prior p, and q the probability that it and x hold.
    partition = Recursion(
        start={reached: 0, total: 0},
        step={reached: reached + joint, total: total + prior * (joint / prior)},
        inputs=(prior > 0, joint >= 0, joint <= prior),
    )
    yield invariant(
        "any number of hypotheses: the running sum is P(x and one of the first n)", partition,
        {total: reached},
        wrong={"its square": {total: reached**2}, "half of it": {total: reached / 2}},
    )


@claim(
    "bayes.normaliser",
    lines="16",
    verdict="holds",
    title="P(x) is a normalising constant",
    statement=(
        r"$P(x)$ does not depend on $\theta$, and dividing by it makes "
        r"$P(x \mid \theta)\,P(\theta)$ add up to 1 over the hypotheses."
    ),
    assumptions=(*POSSIBLE, *POSITIVE_PRIORS, P_X > 0),
    witness=UNIFORM,
    sources=("Bishop 2006, PRML, section 1.2.3",),
)
def normaliser() -> Checks:
    terms = [posterior(p, q, P_X) for p, q in zip(PRIORS, LIKELIHOODS, strict=True)]
    yield identity(
        "the right side of Bayes' rule adds up to 1 over the hypotheses", sum(terms), 1,
        given=(*POSSIBLE, *POSITIVE_PRIORS, P_X > 0),
        wrong={"undivided": P_X, "divided by the prior": sum(t * P_X / PRIORS[0] for t in terms)},
    )
