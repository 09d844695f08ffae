"""Examining one implementation: every part that it offers, at chosen places, in every dtype.

Chains are checked for every S in 1..T.  Steps are probed on the implementation's own chains of a
few lengths, near both ends and in the middle, where mistakes differ most: beta and beta_tilde are
a factor 0.45 apart at t = 2 of the published schedule and 0.999975 at t = 800.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

import torch

from audit.conformance import chains, parts, verdicts
from audit.conformance.attempts import NOT_OFFERED, Failure, TooLong, time_limit
from audit.conformance.finding import Class, Finding
from audit.conformance.implementation import At, Implementation, checked
from audit.conformance.levels import uniform_chain
from audit.conformance.probes import Place, Reading, read

ETAS = (0.0, 0.5, 1.0)
HALF = (torch.float16, torch.bfloat16)
SECONDS = 60.0


@dataclass(frozen=True)
class Effort:
    """How many places are looked at."""

    lengths: tuple[int, ...] = (1, 2, 3, 10, 30, 50, 250, 999, 1000)
    half_lengths: tuple[int, ...] = (50,)
    tables: bool = True
    chains: bool = True


LIGHT = Effort(lengths=(3, 30, 1000), half_lengths=(), tables=False, chains=False)


@dataclass(frozen=True)
class Examination:
    """What one configuration showed."""

    implementation: Implementation
    findings: tuple[Finding, ...]
    offered: tuple[str, ...]
    not_offered: tuple[str, ...]
    probed: int


PARTS = ("tables", "q_sample", "posterior", "chain", "step", "ancestral", "invert", "loss_weight")


def examine(
    implementation: Implementation, effort: Effort | None = None, seconds: float = SECONDS
) -> Examination:
    """Everything that the kit finds about one configuration; never an exception of its code."""
    implementation = checked(implementation)
    effort = effort or (LIGHT if implementation.light else Effort())
    run = _Run(implementation, effort)
    try:
        with time_limit(seconds):
            run.all()
    except TooLong as error:
        run.found.append(Finding("time", Class.BROKEN, "time", f"the examination is {error}", "",
                                 "", "make a single step fast enough to be called 10,000 times"))
    choices = {choice.deviation: choice for choice in implementation.choices}
    judged = []
    for found in run.found:
        found = replace(found, options=dict(implementation.options))
        choice = choices.get(found.key)
        if choice and found.kind in (Class.CONTRADICTS, Class.BROKEN):
            found = replace(found, kind=Class.CONVENTION, documented=choice.says,
                            mend=choice.mend)
        judged.append(found)
    offered = [part for part in PARTS if part in run.offered]
    missing = [part for part in PARTS if part not in run.offered]
    return Examination(implementation, tuple(judged), tuple(offered), tuple(missing), run.probed)


class _Run:
    """One examination in progress."""

    def __init__(self, implementation: Implementation, effort: Effort) -> None:
        self.implementation, self.effort = implementation, effort
        self.found: list[Finding] = []
        self.offered: set[str] = set()
        self.probed = 0

    def all(self) -> None:
        """Every part in turn."""
        if self.effort.tables:
            self.read()
        if self.effort.chains:
            offered, found, count = parts.chain_findings(self.implementation)
            self.offered |= {"chain"} if offered else set()
            self.found += found
            self.probed += count
        once = ("q_sample", "posterior") if self.effort.tables else ()
        for part in (*once, "step", "ancestral", "invert"):
            self.affine(part)

    def read(self) -> None:
        """Tables and loss weights."""
        for name, check in (("tables", parts.tables), ("loss_weight", parts.loss_weights)):
            offered, found, count = check(self.implementation)
            self.offered |= {name} if offered else set()
            self.found += found
            self.probed += count

    def affine(self, part: str) -> None:
        """Probe one linear part everywhere and turn deviations into findings."""
        readings: list[Reading] = []
        groups: dict[str, list[tuple[Finding, float]]] = {}
        seen = 0
        for place in self.places(part):
            reading = read(self.implementation, place)
            if reading is NOT_OFFERED:
                continue
            self.offered.add(part)
            self.probed += 1
            seen += 1
            if isinstance(reading, Failure):
                keep = verdicts.of_failure(self.implementation, place, reading)
                groups.setdefault(keep.key, []).append((keep, 1.0))
            else:
                readings.append(reading)
        for finding, weight in verdicts.of_readings(self.implementation, readings):
            groups.setdefault(f"{finding.key}/{finding.kind}", []).append((finding, weight))
        for group in groups.values():
            worst = max(group, key=lambda pair: pair[1])[0]
            self.found.append(replace(worst, places=len(group), of=seen))

    # -- places ----------------------------------------------------------------------------

    def places(self, part: str) -> Iterable[Place]:
        """Where a part is probed, in every dtype that the implementation claims."""
        T = self.implementation.levels.T
        if part in ("q_sample", "posterior"):
            chosen = sorted({t for t in (1, 2, 3, 10, T // 10, T // 2, T - 1, T) if 1 <= t <= T})
            for dtype in self.implementation.dtypes:
                yield from (Place(part, At(t, t - 1, T), 0, dtype) for t in chosen)
            return
        weights = {"step": ETAS, "ancestral": ("beta", "beta_tilde"), "invert": (0.0,)}[part]
        for dtype in self.implementation.dtypes:
            lengths = self.effort.half_lengths if dtype in HALF else self.effort.lengths
            for steps in sorted({min(n, T) for n in lengths}):
                for t, s in self._pairs(steps):
                    yield from (Place(part, At(t, s, steps), w, dtype) for w in weights)

    def _pairs(self, steps: int) -> list[tuple[int, int]]:
        """A few steps of the chain: both ends, the middle, the longest and the shortest."""
        pairs = chains.usable(self.implementation, steps)
        if pairs is None:
            chain = uniform_chain(self.implementation.levels.T, steps)
            pairs = list(pairwise(chain))
        kept = {0, 1, len(pairs) // 2, len(pairs) - 3, len(pairs) - 2, len(pairs) - 1}
        strides = [t - s for t, s in pairs]
        if strides:
            kept |= {strides.index(max(strides)), strides.index(min(strides))}
        return [pairs[k] for k in sorted(kept) if 0 <= k < len(pairs)]
