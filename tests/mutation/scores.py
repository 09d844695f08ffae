"""From fates to scores: equivalents, rows by module, a lower bound for what was only sampled."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from farm import Fate
from mutants import Mutant

CONFIDENCE = 0.95


class ListError(ValueError):
    """The list of equivalents contradicts the sources; the message says where."""


@dataclass(frozen=True)
class Equivalent:
    """A mutant that is rightly accepted, and why."""

    file: str
    text: str
    change: str
    reason: str

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise ListError(f"{self.file}: {self.change}: reason is empty: say why nothing can see "
                            "the change")


def group_of(path: str) -> str:
    """What a row is about: a module of core, or a subject of derivations."""
    room, *rest = path.removesuffix(".py").split("/")
    return f"{room}.{rest[0]}" if room == "core" or len(rest) > 1 else room


def draw(mutants: Sequence[Mutant], size: int | None, seed: int) -> list[Mutant]:
    """``size`` mutants of one group, the same for the same seed; all where there are no more."""
    if size is None or len(mutants) <= size:
        return list(mutants)
    group = group_of(mutants[0].path)
    chosen = random.Random(f"{seed}:{group}").sample(range(len(mutants)), size)
    return [mutants[i] for i in sorted(chosen)]


def read_equivalents(path: Path) -> list[Equivalent]:
    """The list, without one mutant twice."""
    if not path.exists():
        return []
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("equivalent", [])
    found = []
    for number, entry in enumerate(entries, 1):
        if set(entry) != {"file", "text", "change", "reason"}:
            raise ListError(f"{path.name}: entry {number} has {sorted(entry)}: write file, text, "
                            "change and reason")
        found.append(Equivalent(**entry))
    names = [(e.file, e.text, e.change) for e in found]
    for name in names:
        if names.count(name) > 1:
            raise ListError(f"{path.name} lists {name[0]}: {name[2]} twice")
    return found


def match(equivalents: Iterable[Equivalent], mutants: Iterable[Mutant]) -> set[Mutant]:
    """The mutants that the list names; ListError where a file has no such mutant."""
    named = {(m.path, m.text, m.change): m for m in mutants}
    read = {m.path for m in named.values()}
    found = set()
    for entry in equivalents:
        if entry.file not in read:
            continue
        mutant = named.get((entry.file, entry.text, entry.change))
        if mutant is None:
            raise ListError(f"{entry.file} has no mutant {entry.change!r} of the line "
                            f"{entry.text!r}: take it off the list of equivalents")
        found.add(mutant)
    return found


def lower_bound(killed: int, tried: int) -> float:
    """The 95 % lower confidence bound of a rate from a sample (Clopper and Pearson 1934)."""
    from scipy.stats import beta

    return float(beta.ppf(1 - CONFIDENCE, killed, tried - killed + 1)) if killed else 0.0


def row(module: str, all: int, drawn: int, killed: int, equivalent: int) -> dict[str, object]:
    """One line of the table; where every mutant was tried the score needs no bound."""
    tried = drawn - equivalent
    score = killed / tried if tried else 1.0
    bound = score if all == drawn or not tried else lower_bound(killed, tried)
    return {"module": module, "mutants": all, "drawn": drawn, "killed": killed,
            "equivalent": equivalent, "survived": tried - killed,
            "score": round(score, 4), "at_least": round(bound, 4)}


def results(
    mutants: Mapping[str, Sequence[Mutant]], fates: Mapping[Mutant, Fate], equal: set[Mutant]
) -> tuple[list[dict[str, object]], ...]:
    """Rows, survivors and equivalents; what was noticed is neither, whatever the list says."""
    rows, survivors, equivalents = [], [], []
    for module, all in mutants.items():
        drawn = [m for m in all if m in fates]
        killed = [m for m in drawn if fates[m].outcome != "survived"]
        accepted = [m for m in drawn if m not in killed]
        rows.append(row(module, len(all), len(drawn), len(killed),
                        sum(m in equal for m in accepted)))
        for m in accepted:
            (equivalents if m in equal else survivors).append(
                {"file": m.path, "line": m.line, "text": m.text, "change": m.change})
    return rows, survivors, equivalents


def contradicted(fates: Mapping[Mutant, Fate], equal: set[Mutant]) -> Iterator[str]:
    """Where the list of equivalents calls unseen what was noticed."""
    for m, fate in fates.items():
        if m in equal and fate.outcome != "survived":
            yield (f"{m.path}:{m.line}: {m.change} was noticed by {fate.by}: take it off the list "
                   "of equivalents")


def rescore(result: dict[str, object], equivalents: Iterable[Equivalent]) -> dict[str, object]:
    """A result after a change of the list: survivors that it names are equivalent now."""
    equal = {(e.file, e.text, e.change) for e in equivalents}
    accepted = [*result["survivors"], *result["equivalents"]]
    taken = [s for s in accepted if (s["file"], s["text"], s["change"]) in equal]
    rows = [row(r["module"], r["mutants"], r["drawn"], r["killed"],
                sum(group_of(s["file"]) == r["module"] for s in taken)) for r in result["modules"]]
    return {**result, "modules": rows, "survivors": [s for s in accepted if s not in taken],
            "equivalents": taken}


def merge(old: Mapping[str, object], new: Mapping[str, object]) -> dict[str, object]:
    """A result in which modules that were measured again, at the same commit, are replaced."""
    for name in ("commit", "changed", "seed"):
        if old[name] != new[name]:
            raise ValueError(f"the result at hand has {name} {old[name]!r}, this run "
                             f"{new[name]!r}: measure all modules again")
    again = {r["module"] for r in new["modules"]}
    kept = {name: [s for s in old[name] if group_of(s["file"]) not in again]
            for name in ("survivors", "equivalents")}
    rows = [r for r in old["modules"] if r["module"] not in again] + new["modules"]
    return {**new, "seconds": old["seconds"] + new["seconds"],
            "modules": sorted(rows, key=lambda r: r["module"]),
            **{name: found + new[name] for name, found in kept.items()}}


def table(rows: list[dict[str, object]]) -> Iterator[str]:
    """The rows as text."""
    yield (f"{'module':32}{'mutants':>8}{'drawn':>7}{'killed':>8}{'equivalent':>12}"
           f"{'survived':>10}{'score':>8}{'at least':>10}")
    for r in rows:
        yield (f"{r['module']:32}{r['mutants']:8}{r['drawn']:7}{r['killed']:8}"
               f"{r['equivalent']:12}{r['survived']:10}{r['score']:8.1%}{r['at_least']:10.1%}")
