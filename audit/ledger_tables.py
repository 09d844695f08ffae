"""AUDIT.md: the whole ledger as tables for a code-hosting page, and the mutation scores.

Verdicts are as recorded; that a run confirms them is for ``nox -s verify`` to say, not for a file.
Grades and counts are those of the checks that a run makes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from itertools import groupby

from audit import mutation, trust
from audit.comparison import COMPARISONS
from derivations.claim import DOCUMENT_LINES, DOCUMENT_SHA256, Claim, Grade, Severity, Verdict
from derivations.ledger import SECTIONS, section_title
from derivations.second import opinions

_MATH = re.compile(r"\$([^$]+)\$")


def planned(claim: Claim) -> tuple[list[Grade], int, int]:
    """The grades of the claim's checks, strongest first, and how many checks and wrong variants."""
    # Counted are the checks that every machine can make.
    checks = [*claim.proof(), *(c for c in opinions.checks(claim.id)
                                if c.kind not in opinions.OPTIONAL)]
    compared = COMPARISONS.get(claim.id, [])
    held = {c.grade for c in checks} | {c.grade for c in compared}
    if any(c.kind == "normal form" for c in checks):  # these are also evaluated at drawn points
        held.add(Grade.PROPERTY)
    variants = sum(len(c.wrong) for c in checks) + sum(len(c.wrong) for c in compared)
    return [g for g in Grade if g in held], len(checks) + len(compared), variants


def trusted(claim: Claim) -> trust.Trust:
    """What the claim's evidence rests on where every engine is installed."""
    checks = [*claim.proof(), *COMPARISONS.get(claim.id, ()), *opinions.checks(claim.id)]
    return trust.of((c.kind, c.grade, c.role) for c in checks)


def _reliance(ledger: Mapping[str, Claim]) -> str:
    found = {id: trusted(claim) for id, claim in ledger.items()}
    rows = "".join(f"| {name} | {cell(meaning)} | {used} | {again or ''} | {needed} |\n"
                   for name, meaning, used, again, needed in trust.reliance(found.values()))
    alike: dict[str, list[str]] = {}
    for id, t in found.items():
        if len(t.lines) > 1:
            alike.setdefault(str(t), []).append(f"`{id}`")
    twice = "".join(f"| {', '.join(ids)} | {t} |\n" for t, ids in alike.items())
    return f"""
## What must be trusted

Which components must be right for a verdict to be right follows from the kinds of a claim's
evidence. *First*: claims whose first line of evidence may call the component; *second*: those that
have it in a second opinion; *needed*: those for which no line does without it. What a claim rests
on through others is counted there. The compiler, the operating system and the processor come on
top, and that a statement says what its steps check, which is for a reader to see.

| component | trusted as | first | second | needed |
|---|---|--:|--:|--:|
{rows}
These claims carry most others and are decided once more, from a statement written by hand in the
language of another engine (`derivations/second`): an SMT-LIB script, run by z3 and by cvc5; and a
theorem that the kernel of Coq checks, where that is installed.

| claims | rest on |
|---|---|
{twice}"""


def _mutation() -> str:
    result = mutation.read()
    if result is None:
        return ""
    rows = "".join(
        f"| `{r['module']}` | {r['mutants']} | {r['drawn']} | {r['killed']} | "
        f"{r['equivalent'] or ''} | {r['survived'] or ''} | {mutation.percent(r['score'])} | "
        f"{mutation.percent(r['at_least'])} |\n" for r in result["modules"])
    return f"""
## Mutation scores

One operator, constant, sign, root, argument, factor or timestep of a source is changed, and a check
that covers the file must notice (`nox -s mutation`). The score is the share noticed, apart from
equivalents, which are listed by hand with a reason; *at least* is its 95 % lower confidence bound
where only a random sample was drawn. {mutation.where(result)}

| module | mutants | drawn | noticed | equivalent | survived | score | at least |
|---|--:|--:|--:|--:|--:|--:|--:|
{rows}"""


def cell(text: str) -> str:
    """A text that a table can hold: no pipes, and mathematics in the form that survives Markdown.

    ``$`...`$`` keeps a renderer from reading backslashes and underscores inside a formula.
    """
    def formula(match: re.Match[str]) -> str:
        latex = match[1].replace(r"\|", r"\Vert ").replace("|", r"\vert ")
        return f"$`{latex}`$"

    parts, at = [], 0
    for match in _MATH.finditer(text):
        parts += [_text(text[at:match.start()]), formula(match)]
        at = match.end()
    return "".join([*parts, _text(text[at:])])


def _text(text: str) -> str:
    text = re.sub(r"\\texttt\{((?:[^{}]|\{[^{}]*\})*)\}", lambda m: f"`{_unescape(m[1])}`", text)
    return re.sub(r"\s+", " ", _unescape(text).replace("|", r"\|").replace("<", "&lt;"))


def _unescape(text: str) -> str:
    return re.sub(r"\\([_{}%$&#])", r"\1", text)


def _row(claim: Claim) -> str:
    grades, checks, variants = planned(claim)
    lines = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in claim.lines)
    if len(claim.lines) > 8:
        count = sum(b - a + 1 for a, b in claim.lines)
        lines = f"{claim.lines[0][0]}...{claim.lines[-1][1]} ({count} lines)"
    severity = f", {claim.severity}" if claim.severity is not Severity.NONE else ""
    correction = f" <br> *Correction:* {cell(claim.correction)}" if claim.correction else ""
    supplied = (f" <br> *Supplied by:* {', '.join(f'`{id}`' for id in claim.supplied_by)}"
                if claim.supplied_by else "")
    evidence = f"{grades[0]}, {checks} / {variants}" if grades else "-"
    return (
        f"| {lines} | {claim.verdict}{severity} | **{cell(claim.title)}** `{claim.id}` <br> "
        f"{cell(claim.statement)}{correction}{supplied} | {evidence} |\n"
    )


def _summary(ledger: Mapping[str, Claim]) -> str:
    rows = {title: Counter(c.verdict for c in ledger.values() if section_title(c) == title)
            for title in SECTIONS}
    head = "| section | " + " | ".join(Verdict) + " | all |\n"
    rule = "|---|" + "--:|" * (len(Verdict) + 1) + "\n"
    body = "".join(
        f"| [{title}](#{_anchor(title)}) | "
        + " | ".join(str(counts[v] or "") for v in Verdict) + f" | {counts.total()} |\n"
        for title, counts in rows.items()
    )
    total = Counter(c.verdict for c in ledger.values())
    return head + rule + body + (
        "| **all** | " + " | ".join(str(total[v]) for v in Verdict) + f" | {total.total()} |\n"
    )


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")


def markdown(ledger: Mapping[str, Claim]) -> str:
    """AUDIT.md."""
    head = f"""# The audit

The ledger as tables: {len(ledger)} claims about a document of {DOCUMENT_LINES} lines on diffusion
models (sha256 `{DOCUMENT_SHA256}`). Verdicts are as recorded; `nox -s verify` confirms or refutes
each of them. The last column has the strongest grade of evidence, the number of checks, and the
number of wrong variants that these checks must reject. What is wrong, by line and ready to paste:
[ERRATA.md](ERRATA.md), [ERRATA.zh.md](ERRATA.zh.md). With proofs, witnesses and figures: `nox -s
site`. This file is written by `python -m audit write`; do not edit it.

"""
    parts = [head, _summary(ledger), _reliance(ledger), _mutation()]
    for title, group in groupby(ledger.values(), key=section_title):
        parts.append(f"\n## {title}\n\n| lines | verdict | claim | evidence |\n|---|---|---|---|\n")
        parts += [_row(claim) for claim in group]
    return "".join(parts)
