"""Which claims have a second opinion, and what each other engine is asked about them.

These are the claims that most others rest on.  A script or proof states the claim anew; it says in
its first lines what its letters are, and what it takes for granted.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from derivations.claim import Check
from derivations.second import coq, smtlib

Z3, CVC5 = "SMT-LIB script by z3", "SMT-LIB script by cvc5"
# Evidence of these kinds is recorded only where the engine is installed.
OPTIONAL = frozenset({CVC5, coq.KIND})


@dataclass(frozen=True)
class Opinion:
    """A claim written down twice more: as a script, and as a theorem of a proof file."""

    script: str
    script_shows: str
    proof: str
    subject: str
    predicate: str
    proof_shows: str


_POSTERIOR = Opinion(
    "posterior.smt2", "the rule of Bayes: constants and exponents of the densities agree",
    "posterior.v", "posterior", "posterior_is",
    "the quotient of the densities as written is the stated normal density",
)
_DDIM = Opinion(
    "ddim.smt2", "one step between any two levels takes marginal to marginal",
    "ddim.v", "ddim", "marginal_is",
    "mean and variance after every number of steps, for every admissible sigma, by induction",
)
_DESCENT = Opinion(
    "descent.smt2", "small steps along the axes bound the gain in every direction",
    "descent.v", "descent", "global",
    "in n dimensions, from the definitions of convexity and derivative; h = 0 is the smooth case",
)
OPINIONS: dict[str, Opinion] = {
    "gaussian.combination.variance": Opinion(
        "gaussian_variance.smt2", "the second moment of aU + bV by linearity",
        "gaussian_sum.v", "variance", "variance_is",
        "for every linear expectation, whatever the space",
    ),
    "gaussian.combination.law": Opinion(
        "gaussian_law.smt2", "logarithms of moment generating functions agree at every t",
        "gaussian_sum.v", "law", "law_is",
        "the product of the densities under the convolution is the density of the sum times a "
        "density; scaling by a and b aside",
    ),
    "marginal.squares.sum-one": Opinion(
        "squares.smt2", "base case and step of the induction over t",
        "marginal.v", "squares", "squares_sum_to",
        "the sum as written, by induction over t",
    ),
    "marginal.density": Opinion(
        "marginal.smt2", "base case and step of the induction over t, mean and variance",
        "marginal.v", "marginal", "marginal_is",
        "mean and variance of the recursion after every number of steps, by induction over t",
    ),
    "posterior.mean": _POSTERIOR,
    "posterior.variance": _POSTERIOR,
    "posterior.bayes": _POSTERIOR,
    "kl.standard.closed-form": Opinion(
        "kl_standard.smt2", "the expectation of log p - log q from moments",
        "kl.v", "standard", "kl_standard_is",
        "the expectation of the logarithm of the quotient of the densities as written",
    ),
    "kl.gaussian.closed-form": Opinion(
        "kl_gaussian.smt2", "the expectation of log p - log q from moments",
        "kl.v", "kl", "kl_is",
        "the expectation of the logarithm of the quotient of the densities as written",
    ),
    "bound.decomposition": Opinion(
        "bound.smt2", "T = 1, the step from T to T + 1, and the three terms",
        "bound.v", "decomposition", "splits_into",
        "logarithms of products of positive densities, for every T, by induction",
    ),
    "ddim.marginal.step": _DDIM,
    "ddim.marginal.every-step": _DDIM,
    "convex.smooth": _DESCENT,
    "convex.composite.theorem": _DESCENT,
}


def checks(claim: str) -> Iterator[Check]:
    """All steps of the second opinion on a claim, whether their engines are here or not."""
    opinion = OPINIONS.get(claim)
    if opinion is None:
        return
    for kind, ask in ((Z3, smtlib.ask_z3), (CVC5, smtlib.ask_cvc5)):
        yield smtlib.script(opinion.script_shows, opinion.script, kind, ask)
    yield coq.proof(opinion.proof_shows, opinion.proof, opinion.subject, opinion.predicate)


def together(claims: Iterable[str]) -> list[list[str]]:
    """The claims in groups that share a proof file: a process that runs a group has it compiled
    once.
    """
    groups: dict[str, list[str]] = {}
    for id in claims:
        groups.setdefault(OPINIONS[id].proof if id in OPINIONS else id, []).append(id)
    return list(groups.values())


def missing(kind: str) -> str:
    """Why evidence of this kind cannot be had here; empty where it can."""
    if kind == coq.KIND:
        return coq.missing()
    if kind == CVC5 and importlib.util.find_spec("cvc5") is None:
        return "cvc5 is not installed"
    return ""
