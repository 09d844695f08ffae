r"""Bayes' rule: what its four factors are, and when the rule has a value.

    P(theta | x) = P(x | theta) P(theta) / P(x),   P(x) > 0      Bayes 1763; Kolmogorov 1933, I.4
    P(x)         = sum_i P(x | theta_i) P(theta_i)               theta_i a partition

The proofs run over a table of unknown joint probabilities of three hypotheses and one event, from
which prior, likelihood, posterior and normaliser are computed by their definitions.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from sympy import Eq, Le, Ne, Or, Rational

from derivations.claim import Checks, claim, refutes
from derivations.gaussian.gaussian import log_density
from derivations.probability.joint_table import conditional, probability
from derivations.prover.counterexample import counterexample
from derivations.prover.execution import Raises, evaluates, executes, token
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import Quantity, real


def posterior(prior: Quantity, likelihood: Quantity, evidence: Quantity) -> Quantity:
    """P(theta | x) from P(theta), P(x | theta) and P(x): Bayes' rule."""
    return likelihood * prior / evidence


def evidence(priors: Sequence[Quantity], likelihoods: Sequence[Quantity]) -> Quantity:
    """P(x) as the average of the likelihoods, weighted by the priors of a partition."""
    return sum(prior * likelihood for prior, likelihood in zip(priors, likelihoods, strict=True))


HYPOTHESES = (1, 2, 3)
TABLE = {(i, x): real(f"h_{i}{x}") for i in HYPOTHESES for x in (1, 0)}
CELLS = tuple(TABLE.values())
POSSIBLE = tuple(cell >= 0 for cell in CELLS)
UNIFORM = {cell: Rational(1, 6) for cell in CELLS}
TOTAL = Eq(sum(CELLS), 1)
X = {1: 1}
NOT_X = {1: 0}
P_X = probability(TABLE, X)


def hypothesis(i: int) -> dict[int, int]:
    """The event that hypothesis i is true."""
    return {0: i}


PRIORS = [probability(TABLE, hypothesis(i)) for i in HYPOTHESES]
LIKELIHOODS = [conditional(TABLE, X, hypothesis(i)) for i in HYPOTHESES]
POSTERIORS = [conditional(TABLE, hypothesis(i), X) for i in HYPOTHESES]
POSITIVE_PRIORS = tuple(prior > 0 for prior in PRIORS)


@claim(
    "bayes.heading",
    lines="11",
    verdict="not-mathematical",
    severity="cosmetic",
    title="Heading: Bayes' rule",
    statement="The heading announces Bayes' rule, and the section below it states the rule.",
)
def heading() -> Checks:
    yield from ()


@claim(
    "bayes.rule",
    lines="18",
    verdict="holds-if",
    severity="cosmetic",
    title="Bayes' rule",
    statement=(
        r"$P(\theta \mid x) = \dfrac{P(x \mid \theta)\,P(\theta)}{P(x)}$. Without $P(x) > 0$ "
        r"neither side has a value: every number $r$ then satisfies $r\,P(x) = P(x, \theta)$."
    ),
    assumptions=(*POSSIBLE, PRIORS[0] > 0, P_X > 0),
    witness=UNIFORM,
    correction=r"Add: for $P(x) > 0$ and $P(\theta) > 0$ (for $P(\theta) = 0$ the posterior is 0).",
    sources=("Bayes 1763", "Kolmogorov 1933, chapter I, section 4", "Bishop 2006, eq. (1.12)"),
)
def rule() -> Checks:
    given = (*POSSIBLE, PRIORS[0] > 0, P_X > 0)
    yield identity(
        "posterior by its definition against the right side", POSTERIORS[0],
        posterior(PRIORS[0], LIKELIHOODS[0], P_X), given=given,
        wrong={"without the normaliser": PRIORS[0] * LIKELIHOODS[0],
               "without the prior": LIKELIHOODS[0] / P_X,
               "the inverted condition: the likelihood": LIKELIHOODS[0]},
    )
    r, s, joint, p_x = real("r s joint p_x")
    unique = Or(Ne(r * p_x, joint), Ne(s * p_x, joint), Eq(r, s))
    yield implies(
        "with P(x) > 0 the posterior is the only number r with r P(x) = P(x, theta)",
        (joint >= 0, joint <= p_x), Or(unique, Le(p_x, 0)),
        wrong={"without P(x) > 0": unique},
    )
    yield refutes(counterexample(
        "with P(x) = 0 two different numbers do", unique, given=(joint >= 0, joint <= p_x),
        wrong={"P(x) > 0 demanded": Or(unique, Le(p_x, 0))},
    ))
    yield refutes(executes(
        "an impossible x leaves 0/0", lambda: posterior(Fraction(1, 2), Fraction(0), Fraction(0)),
        Raises("ZeroDivisionError"),
        wrong={"a possible x": lambda: posterior(Fraction(1, 2), Fraction(0), Fraction(1, 2))},
    ))


@claim(
    "bayes.rule-is-not-symmetric",
    lines="14-15, 18",
    verdict="holds",
    title="Likelihood and posterior are different probabilities (supplied)",
    statement=(
        r"In general $P(x \mid \theta) \ne P(\theta \mid x)$; they agree exactly where "
        r"$P(x) = P(\theta)$ or $P(x, \theta) = 0$. With a prior of 1/1000, a true positive rate "
        r"of 99/100 and a false positive rate of 1/20, the posterior after a positive test is "
        r"11/566."
    ),
    assumptions=(*POSSIBLE, PRIORS[0] > 0, P_X > 0),
    witness=UNIFORM,
    sources=("Casella & Berger 2002, Statistical Inference, section 1.3",),
)
def rule_is_not_symmetric() -> Checks:
    rates = (Fraction(99, 100), Fraction(1, 20))
    priors = (Fraction(1, 1000), Fraction(999, 1000))
    yield evaluates(
        "the posterior of a rare condition after a positive test",
        lambda: posterior(priors[0], rates[0], evidence(priors, rates)), Fraction(11, 566),
        wrong={"the likelihood": lambda: rates[0], "the prior": lambda: priors[0]},
    )
    joint, p_x = TABLE[1, 1], P_X
    yield identity(
        "their difference", LIKELIHOODS[0] - POSTERIORS[0],
        joint * (p_x - PRIORS[0]) / (p_x * PRIORS[0]),
        given=(*POSSIBLE, PRIORS[0] > 0, P_X > 0),
        wrong={"no difference": 0, "the other sign": joint * (PRIORS[0] - p_x) / (p_x * PRIORS[0])},
    )


@claim(
    "bayes.bar",
    lines="18",
    verdict="misprint",
    severity="cosmetic",
    title="Two kinds of conditional bar in one formula",
    statement=r"The left side sets the bar with \mid, the right side with a bare |: two spacings.",
    correction=r"$P(x \mid \theta)$",
)
def bar() -> Checks:
    yield refutes(token("the bar without its spacing", 18, r"P(x|\theta)", r"P(x\mid\theta)"))


@claim(
    "bayes.rule.densities",
    lines="18",
    verdict="holds",
    title="Bayes' rule for densities (supplied)",
    statement=(
        r"For densities $p(\theta \mid x) = p(x \mid \theta)\,p(\theta)/p(x)$ with "
        r"$p(x) = \int p(x \mid \theta)\,p(\theta)\,d\theta > 0$; the text has events only. For "
        r"$\theta \sim \mathcal N(m, v)$ and $x \mid \theta \sim \mathcal N(\theta, s)$ it gives "
        r"$\mathcal N\!\left(\tfrac{s m + v x}{s + v}, \tfrac{s v}{s + v}\right)$ and "
        r"$p(x) = \mathcal N(x; m, s + v)$."
    ),
    assumptions=(real("v") > 0, real("s") > 0),
    witness={real("v"): 1, real("s"): 2},
    sources=("Bishop 2006, PRML, section 2.3.3, eqs. (2.115) and (2.116)",),
    depends_on=("gaussian.density", "bayes.rule"),
)
def rule_for_densities() -> Checks:
    theta, x, m, v, s = real("theta x m v s")
    joint = log_density(theta, m, v) + log_density(x, theta, s)
    marginal = log_density(x, m, s + v)
    updated = (s * m + v * x) / (s + v)
    yield identity(
        "logarithms: prior and likelihood against posterior and normaliser", joint,
        log_density(theta, updated, s * v / (s + v)) + marginal, given=(v > 0, s > 0),
        wrong={"weights swapped": log_density(
                   theta, (v * m + s * x) / (s + v), s * v / (s + v)) + marginal,
               "variances added": log_density(theta, updated, s + v) + marginal,
               "normaliser left out": log_density(theta, updated, s * v / (s + v))},
    )
