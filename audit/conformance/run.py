"""A run: examine implementations, merge what their configurations share, show and write it."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import torch

from audit import files, terminal
from audit.conformance import effect, known, peers, report
from audit.conformance.attempts import Failure, TooLong, attempt, time_limit
from audit.conformance.chains import usable
from audit.conformance.examine import Examination, examine
from audit.conformance.finding import WRONG, Class, Effect, Finding, merged, weight
from audit.conformance.implementation import Implementation, title
from audit.conformance.probes import Place

CONFORMS, DEVIATES = 0, 1
OUTPUT = Path("build/conformance/findings.json")
TRIES = 24


@dataclass
class Subject:
    """One implementation with all its configurations: what the report has a section for."""

    name: str
    version: str = ""
    configurations: int = 0
    probed: int = 0
    offered: dict[str, None] = field(default_factory=dict)
    not_offered: dict[str, None] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def add(self, seen: Examination) -> None:
        """Keep what one configuration showed."""
        self.configurations += 1
        self.probed += seen.probed
        self.offered |= dict.fromkeys(seen.offered)
        self.not_offered |= dict.fromkeys(seen.not_offered)
        self.findings += seen.findings

    def finish(self) -> None:
        """Merge findings and run the chains that show their effect."""
        every, self.findings = self.findings, merged(self.findings)
        self.findings = [_with_effect(f, every) for f in self.findings]
        self.not_offered = {part: None for part in self.not_offered if part not in self.offered}

    @property
    def unrecorded(self) -> list[Finding]:
        """Deviations of the last two classes that are not on record."""
        return [f for f in self.findings
                if f.kind in WRONG and not known.script(self.name, f)]


def _with_effect(finding: Finding, every: list[Finding]) -> Finding:
    """The finding with its effect; shown at the worst place whose whole chain can be run."""
    alike = [f for f in every if (f.key, f.kind) == (finding.key, finding.kind)]
    for other in sorted(alike, key=weight, reverse=True)[:TRIES]:
        seen = _effect(other)
        if seen.point_mass is not None:
            return replace(other, effect=seen, places=finding.places, of=finding.of,
                           configurations=finding.configurations, options=finding.options)
    return finding


def _effect(finding: Finding) -> Effect:
    if not finding.context:
        return Effect()
    implementation, place = finding.context
    try:
        with time_limit(20.0):
            seen = attempt(lambda: _run_chain(implementation, place, finding))
            return seen if isinstance(seen, Effect) else Effect()
    except TooLong:
        return Effect()


def _run_chain(
    implementation: Implementation, place: Place | int | None, finding: Finding
) -> Effect | None:
    if isinstance(place, Place) and place.part in ("step", "ancestral") and finding.got is not None:
        pairs = usable(implementation, place.at.steps) or [(place.at.t, place.at.s)]
        return effect.of_steps(implementation, place.part, pairs, place.weight, place.dtype)
    if finding.key in ("chain.start", "chain.start-far", "chain.end") and isinstance(place, int):
        chain = cast(Sequence[int], implementation.chain(place))
        return effect.of_chain(implementation.levels, list(chain))
    return None


def survey(target: str) -> list[Subject]:
    """Examine every configuration of a target; Unknown and NotInstalled are the caller's."""
    subjects: dict[str, Subject] = {}
    for made in peers.implementations(target):
        if isinstance(made, Failure):
            subject = subjects.setdefault(target, Subject(target))
            subject.findings.append(Finding(
                "construction", Class.BROKEN, "construction", f"the adapter {made.says}", "", "",
                "let the class be made without arguments, or name a function that makes it"))
            continue
        try:
            seen = examine(made)
        except ValueError as error:  # the adapter's own attributes are wrong
            subject = subjects.setdefault(target, Subject(target))
            subject.findings.append(Finding(
                "attributes", Class.BROKEN, "attributes", str(error), "", "", "mend the attribute"))
            continue
        name = title(made)
        subjects.setdefault(name, Subject(name, made.version)).add(seen)
    for subject in subjects.values():
        subject.finish()
    return list(subjects.values())


def conformance(options: argparse.Namespace) -> int:
    """Examine what the options name; Unknown and Unwritable carry what a person must mend."""
    torch.set_num_threads(1)
    output = options.json or (OUTPUT if not options.targets else None)
    for path in (output, options.markdown):
        if path:
            files.check_writable(path)
    out, err = terminal.console(), terminal.console(stderr=True)
    start = time.perf_counter()
    subjects: list[Subject] = []
    missing: list[str] = []
    for target in options.targets or peers.PEERS:
        err.print(f"examining {target}")
        try:
            subjects += survey(target)
        except peers.NotInstalled as absent:
            if options.targets:
                raise
            missing.append(str(absent))
    seconds = time.perf_counter() - start
    report.show(out, subjects, missing, seconds)
    if output:
        text = json.dumps(report.as_data(subjects, missing, seconds), indent=1, allow_nan=False)
        files.write_atomically(output, text + "\n")
        out.print(f"written    {output}", soft_wrap=True)
    if options.markdown:
        files.write_atomically(options.markdown, report.as_markdown(subjects, missing))
    return DEVIATES if any(s.unrecorded for s in subjects) else CONFORMS
