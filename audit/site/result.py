"""Reading audit.json, with every reason for which it must not be shown as a confirmed audit.

A file that cannot be understood is :class:`Unreadable`.  One that can, and that says or hides a
failure, is shown with its :attr:`Result.problems`; a site is green only where there are none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jsonschema

from audit import trust
from audit.status import CONFIRMED
from audit.summary import SCHEMA, assumption_text, digest
from derivations.claim import DOCUMENT_LINES, DOCUMENT_SHA256, Claim

Entry = dict[str, Any]
SCHEMA_FILE = Path(__file__).with_name("result.schema.json")
NAMED = 5  # how many offenders a message names


class Missing(ValueError):
    """There is no audit.json; the message says how to make one."""


class Unreadable(ValueError):
    """audit.json cannot be understood; the message says where and why."""


@dataclass(frozen=True)
class Result:
    """A run of verify, by claim, and all that speaks against it."""

    content: Mapping[str, Any]
    problems: tuple[str, ...]

    @cached_property
    def entries(self) -> dict[str, Entry]:
        """The entries by id, in the order of the ledger."""
        return {entry["id"]: entry for entry in self.content["entries"]}

    @cached_property
    def used_by(self) -> dict[str, list[str]]:
        """For each claim those that rest on it or name it as their supplement."""
        users: dict[str, list[str]] = {id: [] for id in self.entries}
        for id, entry in self.entries.items():
            for other in dict.fromkeys(entry["depends_on"] + entry["supplied_by"]):
                users[other].append(id)
        return users

    @cached_property
    def by_line(self) -> dict[int, list[str]]:
        """For each line of the document the claims that cover it."""
        covering: dict[int, list[str]] = {n: [] for n in range(1, DOCUMENT_LINES + 1)}
        for id, entry in self.entries.items():
            for first, last in entry["lines"]:
                for number in range(first, last + 1):
                    covering[number].append(id)
        return covering

    @property
    def good(self) -> bool:
        """Whether the whole ledger was run and confirmed."""
        return not self.problems


def stands(entry: Entry) -> bool:
    """Whether an entry is confirmed, and nothing that it lists contradicts that."""
    return (
        entry["status"] == CONFIRMED
        and not entry["problems"]
        and all(e["passed"] for e in entry["evidence"])
        and all(c["rejected"] for c in entry["controls"])
    )


def _some(ids: Iterable[str]) -> str:
    ids = list(ids)
    rest = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
    return ", ".join(ids[:NAMED]) + rest


def parse(text: str, name: str = "audit.json") -> dict[str, Any]:
    """The content of a text that is whole and of this schema; Unreadable otherwise."""
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise Unreadable(
            f"{name} is not complete JSON ({error.msg} at line {error.lineno}, column "
            f"{error.colno}): it was cut off or is another file; run verify again"
        ) from None
    except (RecursionError, ValueError) as error:  # nested without end, a number without end
        raise Unreadable(f"{name} is not a result of verify: {error}") from None
    if not isinstance(content, dict) or "schema" not in content:
        raise Unreadable(f"{name} is not a result of verify: it names no schema")
    if content["schema"] != SCHEMA:
        raise Unreadable(
            f"{name} has schema {content['schema']!r}, this site reads schema {SCHEMA}: "
            "run the verify of this version"
        )
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    worst = jsonschema.exceptions.best_match(
        jsonschema.Draft202012Validator(schema).iter_errors(content)
    )
    if worst is not None:
        raise Unreadable(
            f"{name} is not a result of verify: {worst.json_path}: {worst.message:.200}"
        )
    ids = [entry["id"] for entry in content["entries"]]
    if len(set(ids)) != len(ids):
        raise Unreadable(f"{name} lists a claim twice: {_some(i for i in ids if ids.count(i) > 1)}")
    known = set(ids)
    for entry in content["entries"]:
        for other in entry["depends_on"] + entry["supplied_by"]:
            if other not in known:
                raise Unreadable(
                    f"{name}: {entry['id']} rests on {other}, which is not in the file"
                )
        if entry["lines"][-1][1] > DOCUMENT_LINES:
            raise Unreadable(
                f"{name}: {entry['id']} covers line {entry['lines'][-1][1]}, the document has "
                f"{DOCUMENT_LINES}"
            )
    return content


def _differs(entry: Entry, claim: Claim) -> bool:
    return (
        (entry["verdict"], entry["severity"], entry["title"], entry["statement"],
         entry["correction"], entry["assumptions"], entry["lines"])
        != (claim.verdict.value, claim.severity.value, claim.title, claim.statement,
            claim.correction, [assumption_text(a) for a in claim.assumptions],
            [list(pair) for pair in claim.lines])
    )


def _misstates_trust(entry: Entry) -> bool:
    try:
        found = trust.of_entry(entry)
    except ValueError:  # a kind or a grade that this version does not know
        return True
    return bool(entry["trust"] != found.as_json())


def judge(content: Mapping[str, Any], ledger: Mapping[str, Claim]) -> tuple[str, ...]:
    """All that keeps a readable result from being a confirmed audit of this ledger."""
    entries = {entry["id"]: entry for entry in content["entries"]}
    problems = []
    failed = [id for id, entry in entries.items() if not stands(entry)]
    if failed:
        problems.append(
            f"{len(failed)} of {len(entries)} claims are not confirmed: {_some(failed)}"
        )
    missing = [id for id in ledger if id not in entries]
    if missing:
        problems.append(
            f"the run was partial: {len(missing)} of {len(ledger)} claims of the ledger are not in "
            f"it: {_some(missing)}"
        )
    unknown = [id for id in entries if id not in ledger]
    if unknown:
        problems.append(f"claims that the ledger does not have: {_some(unknown)}")
    stale = [id for id, entry in entries.items() if id in ledger and _differs(entry, ledger[id])]
    if stale:
        problems.append(
            f"the run is of another state of the ledger; {len(stale)} claims differ: {_some(stale)}"
        )
    mistrusted = [id for id, e in entries.items() if stands(e) and _misstates_trust(e)]
    if mistrusted:
        problems.append("what must be trusted does not follow from the evidence: "
                        f"{_some(mistrusted)}")
    if content["coverage"]["unassigned"] or content["coverage"]["total"] != DOCUMENT_LINES:
        left = [str(n) for n in content["coverage"]["unassigned"]]
        problems.append(f"lines that no entry covers: {_some(left) or 'their number is off'}")
    if content["document"]["sha256"] != DOCUMENT_SHA256:
        problems.append("the run is about another document")
    if digest(content) != content["digest"]:
        problems.append("the digest does not agree with the content: the file was changed")
    return tuple(problems)


def read(path: Path, ledger: Mapping[str, Claim]) -> Result:
    """Read a result; Missing or Unreadable where that cannot be done."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Missing(f"{path} does not exist: run nox -s verify first, or name one with --json"
                      ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(f"{path} cannot be read: {error}") from None
    content = parse(text, path.name)
    return Result(content, judge(content, ledger))
