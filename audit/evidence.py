"""Evidence records: what one run found, from which every status is computed."""

from __future__ import annotations

from dataclasses import dataclass

from derivations.claim import Grade, Role
from derivations.second.opinions import OPTIONAL


@dataclass(frozen=True)
class Evidence:
    """One check of one claim: what was done, how far it can be trusted, and whether it passed."""

    claim: str
    kind: str
    grade: Grade
    role: Role
    passed: bool
    seconds: float
    reason: str
    detail: str
    subject: str = ""

    @property
    def optional(self) -> bool:
        """Whether this can be had only where its engine is installed: it is outside the digest."""
        return self.kind in OPTIONAL


@dataclass(frozen=True)
class Control:
    """One plausible wrong variant, given to the checker that accepted the right one.

    ``step`` counts the claim's evidence from 1 and names the check that was given the variant; 0
    where there was no such check.
    """

    claim: str
    name: str
    rejected: bool
    detail: str
    step: int = 0
