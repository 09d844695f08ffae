"""Bayes' rule, the chain rule and the Markov factorisation against counted outcomes.

The sample spaces are finite lists of equally likely outcomes; every probability on the other side
is a ratio of two counts, so neither side shares a formula with the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from audit.comparison import Bench, Subject, compares
from derivations.probability.bayes import evidence, posterior
from derivations.probability.markov import markov_joint
from derivations.probability.product_rule import chain_rule

COUNTS = st.tuples(st.integers(0, 9), st.integers(0, 9))
# Each hypothesis with the numbers of outcomes in which x happens and in which it does not.
HYPOTHESES = st.lists(COUNTS, min_size=1, max_size=6).filter(
    lambda drawn: all(sum(c) > 0 for c in drawn) and any(c[0] for c in drawn))
OUTCOMES = st.lists(
    st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=30,
).filter(lambda drawn: any(a and b for a, b, _ in drawn))
BITS = st.lists(st.booleans(), min_size=1, max_size=5)


def _share(
    outcomes: Sequence[Sequence[int]], event: Callable[..., Any],
    given: Callable[..., Any] = lambda outcome: True,
) -> Fraction:
    """The share of the outcomes with ``given`` in which ``event`` happens too."""
    possible = [outcome for outcome in outcomes if given(outcome)]
    return Fraction(sum(map(event, possible)), len(possible))


def _listed(counts: Sequence[Sequence[int]]) -> list[tuple[int, bool]]:
    """One entry (hypothesis, whether x happens) for every outcome."""
    return [(i, happens) for i, (yes, no) in enumerate(counts)
            for happens in [True] * yes + [False] * no]


@compares(
    "bayes.rule",
    subject=posterior, kind="counted outcomes",
    wrong={
        "without the normaliser": lambda prior, likelihood, p_x: likelihood * prior,
        "without the prior": lambda prior, likelihood, p_x: likelihood / p_x,
        "prior and normaliser swapped": lambda prior, likelihood, p_x: (
            likelihood * p_x / prior),
    },
)
def posterior_of_counts(bench: Bench, subject: Subject) -> None:
    """Posterior of each of up to six hypotheses against the share of outcomes."""

    @bench.forall(counts=HYPOTHESES)
    def _(counts: Sequence[Sequence[int]]) -> None:
        outcomes = _listed(counts)
        p_x = _share(outcomes, lambda o: o[1])
        for i in range(len(counts)):
            prior = _share(outcomes, lambda o, i=i: o[0] == i)
            likelihood = _share(outcomes, lambda o: o[1], lambda o, i=i: o[0] == i)
            want = _share(outcomes, lambda o, i=i: o[0] == i, lambda o: o[1])
            got = subject(prior, likelihood, p_x)
            bench.require(got == want, f"hypothesis {i} of {counts}: {got} against {want}")


@compares(
    "bayes.total-probability",
    subject=evidence, kind="counted outcomes",
    wrong={
        "unweighted mean": lambda priors, likelihoods: sum(likelihoods) / len(likelihoods),
        "sum of the likelihoods": lambda priors, likelihoods: sum(likelihoods),
        "all hypotheses at once": lambda priors, likelihoods: min(likelihoods),
    },
)
def evidence_of_counts(bench: Bench, subject: Subject) -> None:
    """The average of the likelihoods under the priors against the share of outcomes with x."""

    @bench.forall(counts=HYPOTHESES)
    def _(counts: Sequence[Sequence[int]]) -> None:
        outcomes = _listed(counts)
        priors = [_share(outcomes, lambda o, i=i: o[0] == i) for i in range(len(counts))]
        likelihoods = [_share(outcomes, lambda o: o[1], lambda o, i=i: o[0] == i)
                       for i in range(len(counts))]
        got, want = subject(priors, likelihoods), _share(outcomes, lambda o: o[1])
        bench.require(got == want, f"{counts}: {got} against {want}")


@compares(
    "bayes.chain-rule",
    subject=chain_rule, kind="counted outcomes",
    wrong={
        "without P(A)": lambda p_a, b_given_a, c_given_ab: b_given_a * c_given_ab,
        "P(B | A) left out": lambda p_a, b_given_a, c_given_ab: p_a * c_given_ab,
    },
)
def chain_of_counts(bench: Bench, subject: Subject) -> None:
    """Chain rule of three events in an arbitrary finite sample space."""

    @bench.forall(outcomes=OUTCOMES)
    def _(outcomes: Sequence[Sequence[bool]]) -> None:
        got = subject(
            _share(outcomes, lambda o: o[0]),
            _share(outcomes, lambda o: o[1], lambda o: o[0]),
            _share(outcomes, lambda o: o[2], lambda o: o[0] and o[1]),
        )
        want = _share(outcomes, all)
        bench.require(got == want, f"{outcomes}: {got} against {want}")


@compares(
    "markov.joint",
    subject=markov_joint, kind="counted outcomes",
    wrong={
        "without P(A)": lambda p_a, b_given_a, c_given_b: b_given_a * c_given_b,
        "P(C | B) left out": lambda p_a, b_given_a, c_given_b: p_a * b_given_a,
    },
)
def markov_chain_of_counts(bench: Bench, subject: Subject) -> None:
    """Given the present every past meets every future equally often: the joint share factorises."""

    @bench.forall(past=BITS, future=BITS, other_past=BITS, other_future=BITS)
    def _(
        past: Sequence[bool], future: Sequence[bool], other_past: Sequence[bool],
        other_future: Sequence[bool],
    ) -> None:
        past = [*past, True]
        outcomes = [(a, True, c) for a in past for c in future]
        outcomes += [(a, False, c) for a in other_past for c in other_future]
        got = subject(
            _share(outcomes, lambda o: o[0]),
            _share(outcomes, lambda o: o[1], lambda o: o[0]),
            _share(outcomes, lambda o: o[2], lambda o: o[1]),
        )
        want = _share(outcomes, all)
        bench.require(got == want, f"{outcomes}: {got} against {want}")
