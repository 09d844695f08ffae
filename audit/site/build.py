"""Building the site: render every page into a new folder, then put it in the place of the old one.

A reader never meets pages of two runs side by side, and an audit.json that cannot be understood
leaves one page that says so: green pages of an earlier run do not survive it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jinja2

from audit import citation, errata
from audit.files import Unwritable, check_writable
from audit.provenance import ROOT
from audit.site import figures, pages, prose, sources, wording
from audit.site.result import Result
from derivations.claim import Claim

HERE = Path(__file__).parent
MARK = ".audit-site"  # left in a folder that a build may replace


@dataclass(frozen=True)
class Site:
    """What every page says of the run."""

    name: str
    good: bool
    problems: tuple[str, ...]
    count: int
    digest: str
    commit: str
    version: str


def _ranges(lines: list[list[int]]) -> str:
    text = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in lines)
    return text if len(lines) <= 8 else f"{lines[0][0]}-{lines[-1][1]}, in {len(lines)} parts"


def environment() -> jinja2.Environment:
    """Templates that escape, and that fail on a name they are not given."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"), autoescape=True,
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )
    made.filters["prose"] = prose.prose
    made.filters["ranges"] = _ranges
    return made


def _site(result: Result, edition: citation.Edition) -> Site:
    commit = (edition.commit or "unknown")[:12] + (" with local changes" if edition.dirty else "")
    return Site(wording.NAME, result.good, result.problems, len(result.entries),
                result.content["digest"], commit, edition.version)


def render(
    into: Path, result: Result, ledger: Mapping[str, Claim], root: Path, with_figures: bool = True
) -> None:
    """Write every page, figure and static file of a result into an empty folder."""
    edition = citation.edition(result.content)
    modules = [e["module"] for e in result.entries.values()] + [
        sources.split(root, name)[0] for e in result.entries.values()
        for name in [*e["code"], *(v["subject"] for v in e["evidence"] if v["subject"])]
    ]
    material = pages.Material(
        result, ledger, tuple(errata.collect(ledger)), sources.read(root, modules),
        tuple(replace(f, claims=tuple(id for id in f.claims if id in result.entries))
              for f in (figures.draw_all(into / "figures") if with_figures else ())),
        root, edition,
    )
    templates, site = environment(), _site(result, edition)
    for page in pages.all_pages(material):
        depth = page.path.count("/")
        shown: dict[str, Any] = {
            "site": site, "root": "../" * depth, "title": page.title, "here": page.path,
            "lang": page.lang, "words": wording.CHINESE if page.lang == "zh" else wording.ENGLISH,
        }
        target = into / page.path
        target.parent.mkdir(parents=True, exist_ok=True)
        html = templates.get_template(page.template).render(shown | dict(page.content))
        target.write_text(_lean(html), encoding="utf-8")
    _static(into)
    search = json.dumps(pages.search_text(material), ensure_ascii=False, separators=(",", ":"))
    (into / "static" / "search.js").write_text(f"window.SEARCH = {search};\n", encoding="utf-8")


def _lean(html: str) -> str:
    """Blank lines and the blanks that end lines say nothing."""
    return re.sub(r"[ \t]*\n(?:[ \t]*\n)+", "\n", html)


def _static(into: Path) -> None:
    shutil.copytree(HERE / "static", into / "static", dirs_exist_ok=True)
    (into / MARK).write_text("Written by python -m audit site; replaced by the next build.\n")


def unreadable(into: Path, reason: str) -> None:
    """The one page of a site whose audit.json cannot be understood."""
    page = environment().get_template("unreadable.html.j2")
    (into / "index.html").write_text(page.render(name=wording.NAME, reason=reason), "utf-8")
    _static(into)


def check_place(target: Path) -> None:
    """Unwritable where the site cannot be put, or where a folder is no earlier site."""
    check_writable(target.parent / MARK)
    if target.exists() and not target.is_dir():
        raise Unwritable(f"{target} is a file: name a folder")
    if target.is_dir() and any(target.iterdir()) and not (target / MARK).exists():
        raise Unwritable(f"{target} holds other files: name an empty or a new folder")


def put(target: Path, fill: Any) -> None:
    """Let ``fill`` write into a new folder and exchange it for ``target``."""
    check_place(target)
    made = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        os.chmod(made, 0o755)
        fill(made)
        if target.exists():
            shutil.rmtree(target)
        os.replace(made, target)
    except BaseException as error:
        shutil.rmtree(made, ignore_errors=True)
        if isinstance(error, OSError):
            raise Unwritable(f"cannot write {target}: {error.strerror or error}") from None
        raise


def build(target: Path, result: Result, ledger: Mapping[str, Claim], with_figures: bool) -> None:
    """Make the site of a result at ``target``."""
    put(target, lambda made: render(made, result, ledger, ROOT, with_figures))


def refuse(target: Path, reason: str) -> None:
    """Make the site of a result that cannot be read."""
    put(target, lambda made: unreadable(made, reason))
