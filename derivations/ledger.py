"""The whole ledger: the claims of every subject module, checked together, in reading order."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from derivations.claim import DOCUMENT_LINES, LEDGER, Claim

SECTIONS: dict[str, tuple[str, ...]] = {
    "Introduction and layout": ("document", "intro"),
    "Bayes' rule and Markov chains": ("bayes", "markov"),
    "Gaussian distributions": ("gaussian",),
    "KL divergence": ("kl",),
    "Moments": ("moments",),
    "Convex optimisation and coordinate descent": ("convex", "descent"),
    "DDPM: forward process": ("forward", "marginal", "limit"),
    "DDPM: reverse process and objective (supplied)": (
        "reverse", "posterior", "conversions", "bound", "variance",
    ),
    "DDPM: noising listing": ("noising",),
    "DDIM (supplied)": ("ddim",),
    "DDIM: network listing": ("embedding", "unet"),
    "Noise schedules": ("schedule",),
    "From one step to many (supplied)": ("multistep",),
}
_TITLE = {prefix: title for title, prefixes in SECTIONS.items() for prefix in prefixes}


class LedgerError(ValueError):
    """The ledger contradicts itself; no run can mend that."""


def section_title(claim: Claim) -> str:
    """The heading under which a claim is shown."""
    return _TITLE[claim.section]


def load() -> dict[str, Claim]:
    """Import every subject module; return the claims by id, section by section, line by line."""
    for module in pkgutil.walk_packages([str(Path(__file__).parent)], "derivations."):
        importlib.import_module(module.name)
    validate(LEDGER)
    order = {prefix: i for i, prefix in enumerate(_TITLE)}
    titles = list(SECTIONS)
    return dict(sorted(
        LEDGER.items(),
        key=lambda item: (
            titles.index(_TITLE[item[1].section]), item[1].lines, order[item[1].section], item[0],
        ),
    ))


def validate(ledger: Mapping[str, Claim]) -> None:
    """Known sections, known and acyclic references; LedgerError names the first offence."""
    for claim in ledger.values():
        if claim.section not in _TITLE:
            raise LedgerError(f"{claim.id}: section {claim.section!r} is not one of {list(_TITLE)}")
        for other in claim.depends_on + claim.supplied_by:
            if other not in ledger:
                raise LedgerError(f"{claim.id}: refers to {other!r}, which is not in the ledger")
    done: set[str] = set()
    for id in ledger:
        _follow(ledger, id, (), done)


def _follow(
    ledger: Mapping[str, Claim], id: str, path: tuple[str, ...], done: set[str]
) -> None:
    if id in path:
        raise LedgerError(f"the references are circular: {' -> '.join([*path, id])}")
    if id not in done:
        for other in ledger[id].depends_on + ledger[id].supplied_by:
            _follow(ledger, other, (*path, id), done)
        done.add(id)


def closure(ledger: Mapping[str, Claim], ids: Iterable[str]) -> list[str]:
    """These claims and all that they rest on, in the order of the ledger."""
    wanted, waiting = set(), list(ids)
    while waiting:
        id = waiting.pop()
        if id not in wanted:
            wanted.add(id)
            waiting += ledger[id].depends_on + ledger[id].supplied_by
    return [id for id in ledger if id in wanted]


def unassigned_lines(claims: Iterable[Claim]) -> list[int]:
    """The lines of the document that no entry covers."""
    covered = {n for c in claims for first, last in c.lines for n in range(first, last + 1)}
    return [n for n in range(1, DOCUMENT_LINES + 1) if n not in covered]
