"""What each page shows, as data for its template; nothing here writes a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from audit import citation, errata, mutation, trust
from audit.site import graph, measured, prose, sources, wording
from audit.site.figures import Figure
from audit.site.result import Entry, Result, stands
from derivations.claim import Claim, Grade, Severity, Verdict
from derivations.ledger import SECTIONS

WRONG = (Verdict.FALSE, Verdict.CODE_DEFECT)
# Of a line's verdicts the gravest gives the colour: first in this list.
GRAVEST = (*WRONG, Verdict.MISPRINT, Verdict.INCOMPLETE, Verdict.HOLDS_IF, Verdict.HOLDS,
           Verdict.DEFINITION, Verdict.NOT_MATHEMATICAL)
LEGEND = (
    ("holds", "✓", "holds"), ("holds-if", "?", "holds-if: a condition is missing"),
    ("misprint", "~", "misprint"), ("incomplete", "…", "incomplete: something is missing"),
    ("wrong", "✗", "false or code-defect"), ("other", "·", "definition, or nothing to prove"),
)
MARKS = {kind: mark for kind, mark, _ in LEGEND} | {"failed": "!", "uncovered": "!"}


@dataclass(frozen=True)
class Material:
    """All that pages are made from."""

    result: Result
    ledger: Mapping[str, Claim]
    errata: tuple[errata.Erratum, ...]
    sources: Mapping[str, sources.Source]
    figures: tuple[Figure, ...]
    root: Path
    edition: citation.Edition


@dataclass(frozen=True)
class Page:
    """A file of the site, its template, and what the template is given."""

    path: str
    template: str
    title: str
    content: Mapping[str, Any] = field(default_factory=dict)
    lang: str = "en"


def _cell(number: int, ids: list[str], entries: Mapping[str, Entry]) -> dict[str, Any]:
    verdicts = [Verdict(entries[id]["verdict"]) for id in ids]
    worst = min(verdicts, key=GRAVEST.index) if verdicts else None
    if worst is None:
        kind = "uncovered"
    elif not all(stands(entries[id]) for id in ids):
        kind = "failed"
    elif worst in WRONG:
        kind = "wrong"
    else:
        kind = worst.value if worst.value in MARKS else "other"
    label = f"line {number}: {worst or 'no entry'}"
    if len(ids) > 1:
        label += f", {len(ids)} claims"
    return {"number": number, "kind": kind, "mark": MARKS[kind], "label": label}


def overview(m: Material) -> Page:
    """The first page: verdicts by section, grades, the strip of lines, errata by severity."""
    content, entries = m.result.content, m.result.entries
    strongest = Counter(e["grades"][0] for e in entries.values() if e["grades"])
    checks = Counter(v["grade"] for e in entries.values() for v in e["evidence"] if v["passed"])
    sections = []
    for name in SECTIONS:
        counts = Counter(e["verdict"] for e in entries.values() if e["section"] == name)
        sections.append({"name": name, "counts": counts, "total": counts.total()})
    wrong = [e for e in m.errata if e.claim.id in entries]
    by_severity = [
        (s.value, [entries[e.claim.id] for e in wrong if e.claim.severity is s])
        for s in errata.SEVERE_FIRST
    ]
    return Page("index.html", "index.html.j2", "Overview", {
        "totals": content["totals"], "coverage": content["coverage"],
        "provenance": content["provenance"],
        "strip": [_cell(n, ids, entries) for n, ids in m.result.by_line.items()],
        "legend": LEGEND, "verdicts": [v.value for v in Verdict], "sections": sections,
        "grades": [{"name": g.value, "checks": checks[g], "claims": strongest[g]} for g in Grade],
        "errata": [(name, items) for name, items in by_severity if items],
        "errata_count": len(wrong),
        "severities": Counter({name: len(items) for name, items in by_severity}),
        "slowest": max(entries.values(), key=lambda e: sum(v["seconds"] for v in e["evidence"])),
    })


def claim_list(m: Material) -> Page:
    """All claims with the box that searches and filters them."""
    entries = m.result.entries
    return Page("claims.html", "claims.html.j2", "Claims", {
        "entries": entries,
        "sections": [(name, list(group)) for name, group in
                     groupby(entries.values(), key=lambda e: e["section"])],
        "failed": {id for id, e in entries.items() if not stands(e)},
        "choices": [
            ("section", list(SECTIONS)), ("verdict", [v.value for v in Verdict]),
            ("severity", [s.value for s in Severity]), ("grade", [g.value for g in Grade]),
            ("status", ["confirmed", "failed"]),
        ],
    })


def steps(entry: Entry) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The evidence with the wrong variants that each check was given; then those of no check."""
    count = len(entry["evidence"])
    made = []
    for number, evidence in enumerate(entry["evidence"], 1):
        controls = [c for c in entry["controls"] if c["step"] == number]
        made.append({"evidence": evidence, "controls": controls,
                     "rejected": sum(c["rejected"] for c in controls)})
    return made, [c for c in entry["controls"] if not 1 <= c["step"] <= count]


def claim_pages(m: Material) -> Iterator[Page]:
    """One page for each claim, under its permanent address."""
    entries = m.result.entries
    ids = list(entries)
    chinese = {e.claim.id: e.right_zh for e in m.errata}
    for i, (id, entry) in enumerate(entries.items()):
        made, loose = steps(entry)
        code = [(name, sources.link(m.sources, *sources.split(m.root, name)))
                for name in entry["code"]]
        claim = m.ledger.get(id)
        yield Page(f"c/{id}.html", "claim.html.j2", entry["title"], {
            "e": entry, "ok": stands(entry), "entries": entries, "users": m.result.used_by[id],
            "steps": made, "loose": loose, "code": code, "trust": trust.of_entry(entry),
            "proof": sources.link(m.sources, entry["module"], id),
            "meaning": wording.VERDICT_MEANS[Verdict(entry["verdict"])],
            "chinese": chinese.get(id, "") if claim and claim.correction else "",
            "figures": [f for f in m.figures if id in f.claims],
            "bibtex": citation.claim(m.edition, claim) if claim else "",
            "before": ids[i - 1] if i else None,
            "after": ids[i + 1] if i + 1 < len(ids) else None,
        })


def lines(m: Material) -> Page:
    """Every line of the document with its claims."""
    return Page("lines.html", "lines.html.j2", "Lines", {
        "rows": list(m.result.by_line.items()), "entries": m.result.entries,
        "sha": m.result.content["document"]["sha256"],
    })


def dependencies(m: Material) -> Page:
    """What rests on what: between sections as numbers, within each as a drawing."""
    entries = m.result.entries
    rests = {id: list(dict.fromkeys(e["depends_on"] + e["supplied_by"]))
             for id, e in entries.items()}
    matrix = Counter((entries[id]["section"], entries[o]["section"])
                     for id, others in rests.items() for o in others)
    drawings = []
    for number, name in enumerate(SECTIONS, 1):
        inside = {id: [o for o in others if entries[o]["section"] == name]
                  for id, others in rests.items() if entries[id]["section"] == name}
        drawings.append((name, f"section-{number}", graph.draw(inside)))
    return Page("graph.html", "graph.html.j2", "Dependencies", {
        "entries": entries, "edge_count": matrix.total(), "matrix": matrix,
        "names": list(SECTIONS), "drawings": drawings,
    })


def errata_pages(m: Material) -> Iterator[Page]:
    """The errata in both languages."""
    shown = {"errata": [e for e in m.errata if e.claim.id in m.result.entries],
             "verdicts_zh": errata.VERDICTS_ZH, "severities_zh": errata.SEVERITIES_ZH}
    yield Page("errata.html", "errata.html.j2", "Errata", shown)
    yield Page("errata.zh.html", "errata.html.j2", "勘误表", shown, lang="zh")


def other_pages(m: Material) -> Iterator[Page]:
    """Figures, conformance, measured numbers, reliance, citation, and source."""
    content = m.result.content
    compared = [
        (e["subject"], sources.link(m.sources, *sources.split(m.root, e["subject"])), id, e)
        for id, entry in m.result.entries.items() for e in entry["evidence"] if e["subject"]
    ]
    yield Page("figures.html", "figures.html.j2", "Figures", {"figures": m.figures})
    yield Page("conformance.html", "conformance.html.j2", "Conformance", {
        "found": measured.conformance(m.root), "compared": sorted(compared, key=lambda c: c[:1]),
    })
    yield Page("measured.html", "measured.html.j2", "Published against measured", {
        "published": measured.published(m.root), "records": measured.records(m.root),
    })
    yield Page("rely.html", "rely.html.j2", "What you may rely on", {
        "grades": list(wording.GRADE_MEANS.items()),
        "counts": Counter(v["grade"] for e in m.result.entries.values() for v in e["evidence"]),
        "verdicts": list(wording.VERDICT_MEANS.items()), "totals": content["totals"],
        "sha": content["document"]["sha256"], "provenance": content["provenance"],
        "reliance": list(trust.reliance(map(trust.of_entry, m.result.entries.values()))),
        "twice": {id: t for id, e in m.result.entries.items()
                  if len((t := trust.of_entry(e)).lines) > 1},
        "mutation": (scores := content.get("mutation")),
        "mutation_where": mutation.where(scores) if scores else "", "percent": mutation.percent,
        "not_run": sorted({r for e in m.result.entries.values() for r in e["not_run"]}),
        "entries": m.result.entries,
    })
    example = next((c for c in m.ledger.values() if c.id == "posterior.mean"),
                   next(iter(m.ledger.values())))
    yield Page("cite.html", "cite.html.j2", "How to cite", {
        "bibtex": citation.audit(m.edition), "example": citation.claim(m.edition, example),
    })
    for module, source in m.sources.items():
        yield Page(f"source/{module}.html", "source.html.j2", module, {
            "module": module, "source": source.text,
            "note": "As in the checkout that this site was built from.",
        })


def search_text(m: Material) -> dict[str, str]:
    """What the search box looks through: the words of a statement that its row does not show."""
    def words(entry: Mapping[str, str]) -> str:
        shown = prose.plain(entry["title"]).lower()
        found = prose.plain(entry["statement"]).lower().split()
        return " ".join(dict.fromkeys(w for w in found if len(w) > 2 and w not in shown))

    return {id: words(e) for id, e in m.result.entries.items()}


def all_pages(m: Material) -> Iterator[Page]:
    """Every page of the site."""
    yield overview(m)
    yield claim_list(m)
    yield from claim_pages(m)
    yield lines(m)
    yield dependencies(m)
    yield from errata_pages(m)
    yield from other_pages(m)
