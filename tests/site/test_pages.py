"""The pages as files: links, weight, valid HTML, and what a claim's page must show."""

import html
import io
import re
from collections import Counter
from urllib.parse import unquote, urlsplit

import html5lib
import pytest
from rich.console import Console

from audit import citation, terminal
from audit.site import build, graph, pages, result, sources, wording
from audit.site.figures import chains, densities, descent, noising, rounding, schedules
from derivations.claim import DOCUMENT_LINES
from derivations.second import opinions

MEGABYTE = 1_000_000
ROOT = build.ROOT


def text_of(path):
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def documents(site):
    return {p.relative_to(site).as_posix(): text_of(p) for p in site.rglob("*.html")}


def plain(markup):
    return html.unescape(re.sub(r"<[^>]+>", "", markup))


def test_every_link_resolves(site, documents):
    ids = {name: set(re.findall(r'\bid="([^"]+)"', text)) for name, text in documents.items()}
    checked = Counter()
    for name, text in documents.items():
        assert len(re.findall(r'\bid="([^"]+)"', text)) == len(ids[name]), f"{name}: an id twice"
        for link in re.findall(r'(?:href|src|action)="([^"]*)"', text):
            parts = urlsplit(html.unescape(link))
            assert not parts.scheme and not parts.netloc, f"{name} leaves the site: {link}"
            target = (site / name).parent / unquote(parts.path) if parts.path else site / name
            assert target.is_file(), f"{name}: {link} leads nowhere"
            if parts.fragment:
                wanted = target.resolve().relative_to(site.resolve()).as_posix()
                assert unquote(parts.fragment) in ids[wanted], f"{name}: {link} has no such place"
            checked[bool(parts.fragment)] += 1
    assert checked[True] > 1000 and checked[False] > 10_000


def test_a_claim_says_what_must_be_trusted(documents):
    page = plain(documents["c/marginal.density.html"])
    assert "Python, and either prover, SymPy, FLINT, z3, or z3 alone, or independently cvc5, " \
        "or independently Coq" in page
    assert "Coq proof" in page and "SMT-LIB script by cvc5" in page
    assert "trusts" not in plain(documents["c/document.blank-lines.html"])


def test_reliance_lists_components_and_second_opinions(documents):
    page = documents["rely.html"]
    rows = dict(re.findall(r'<tr><th scope="row">(\w+)</th>.*?<td>(\d+)</td></tr>', page))
    assert {"Python", "SymPy", "FLINT", "z3", "Coq", "cvc5"} <= set(rows)
    assert rows["Coq"] == "0" and int(rows["Python"]) > 500
    for id in opinions.OPINIONS:
        assert f'<dt><a href="c/{id}.html">' in page
    assert "Not run here" not in page


def rely(summary, ledger):
    """The page on reliance, of a result that need not be confirmed."""
    found = result.Result(summary, ())
    material = pages.Material(found, ledger, (), {}, (), ROOT, citation.edition(summary))
    (page,) = [p for p in pages.other_pages(material) if p.path == "rely.html"]
    return page, build.environment().get_template(page.template).render(
        page.content, site=build._site(found, material.edition), root="", title=page.title,
        here=page.path, lang="en", words=wording.ENGLISH)


def test_reliance_says_which_engine_is_missing(summary, ledger):
    for entry in summary["entries"]:
        if entry["id"] in opinions.OPINIONS:
            entry["not_run"] = ["Coq proof: coqc is not installed"]
    page, shown = rely(summary, ledger)
    assert page.content["not_run"] == ["Coq proof: coqc is not installed"]
    assert "Not run here: Coq proof: coqc is not installed." in shown


def test_reliance_has_the_mutation_scores_and_the_survivors(summary, ledger):
    summary["mutation"] = {
        "date": "2026-11-25", "commit": "ab" * 20, "changed": [], "python": "3.11.7", "seed": 0,
        "processes": 2, "seconds": 1510,
        "modules": [{"module": "core.kl", "mutants": 232, "drawn": 30, "killed": 28,
                     "equivalent": 1, "survived": 1, "score": 0.9655, "at_least": 0.8466}],
        "survivors": [{"file": "core/kl.py", "line": 7, "text": "x", "change": "a < b -> (b)"}],
    }
    _, shown = rely(summary, ledger)
    (row,) = re.findall(r'<th scope="row">core\.kl</th>(.*?)</tr>', shown)
    assert re.findall(r"<td>(.*?)</td>", row) == ["232", "30", "28", "1", "1", "96.5 %", "84.6 %"]
    assert "core/kl.py:7</code>: <code>a &lt; b -&gt; (b)" in shown
    assert "Measured on 2026-11-25 at commit abababababab" in shown
    del summary["mutation"]
    for unmeasured in (summary, {**summary, "mutation": None}):
        assert 'id="mutation"' not in rely(unmeasured, ledger)[1]


def test_nothing_is_loaded_from_elsewhere(site):
    for path in [*site.rglob("*.html"), *site.rglob("*.css"), *site.rglob("*.js")]:
        found = re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", text_of(path))
        # Source shown as text may name an address; nothing may refer to one.
        assert not found or path.parent.name == "source", (path.name, found)


def test_weight(site):
    files = [p for p in site.rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files) < 10 * MEGABYTE
    style, script, search = (
        (site / "static" / name).stat().st_size for name in ("style.css", "site.js", "search.js"))
    for path in site.rglob("*.html"):
        # Only the list of claims loads what the search box looks through.
        shared = style + script + (search if path.name == "claims.html" else 0)
        assert path.stat().st_size + shared < 0.3 * MEGABYTE, path.name


def test_pages_are_valid_html(documents):
    one_of_each = [n for n in documents if "/" not in n]
    one_of_each += [n for n in documents if n.startswith("c/")][::12]
    one_of_each += [n for n in documents if n.startswith("source/")][:2]
    for name in one_of_each:
        parser = html5lib.HTMLParser(strict=True)
        parser.parse(documents[name])
        assert parser.errors == [], name


def test_every_claim_has_its_page_with_all_that_is_known(ledger, documents, summary):
    entries = {e["id"]: e for e in summary["entries"]}
    for id, claim in ledger.items():
        page = documents[f"c/{id}.html"]
        shown = plain(page)
        entry = entries[id]
        assert f"/{claim.verdict}" not in shown and claim.verdict in shown
        assert claim.title.split("$")[0].strip() in shown
        for word in ("lines", "verdict", "statement", "rests on it", "Proof and evidence"):
            assert word in shown, (id, word)
        assert ("assumes" in shown) >= bool(claim.assumptions)
        assert ("correction" in page) >= bool(claim.correction)
        for other in claim.depends_on + claim.supplied_by:
            assert f'href="../c/{other}.html"' in page, (id, other)
            assert f'href="../c/{id}.html"' in documents[f"c/{other}.html"], (other, id)
        for name in claim.code:
            module, function = sources.split(ROOT, name)
            assert f'href="../source/{module}.html#{function}"' in page, (id, name)
        assert f'href="../source/{claim.module}.html#{id}"' in page, id
        for source in claim.sources:
            assert source in shown, (id, source)
        for found in entry["evidence"]:
            assert found["reason"] in shown and found["grade"] in shown, id
        for control in entry["controls"]:
            assert control["name"] in shown, (id, control["name"])
        assert shown.count("rejected by this check") == len(
            {c["step"] for c in entry["controls"] if c["step"]})


def test_the_terminal_uses_the_same_words_in_the_same_order(ledger, documents, pretend):
    claim = ledger["gaussian.combination.variance"]
    page = documents[f"c/{claim.id}.html"]
    with_labels = re.findall(r"<dt>(.*?)</dt>", page)
    out = Console(width=100, file=io.StringIO(), highlight=False)
    terminal.show_claim(out, claim, pretend(claim), [], None)
    told = out.file.getvalue()
    labels = [m for m in re.findall(r"^ ?(\w+(?: \w+)?)  +\S", told, re.M) if m in with_labels]
    assert len(labels) >= 6
    assert labels == [label for label in with_labels if label in labels]
    shown = plain(page)
    for word in ("Proof and evidence", "Wrong variants:", "rejected by this check", "status: conf"):
        assert word in told and word in shown, word


def test_the_strip_and_the_lines_cover_the_document(documents):
    strip = re.search(r'<div class="strip".*?</div>', documents["index.html"], re.S)[0]
    assert strip.count("<a ") == DOCUMENT_LINES
    assert "uncovered" not in strip
    assert documents["lines.html"].count('<tr id="l') == DOCUMENT_LINES
    assert "no entry" not in documents["lines.html"]


def test_figures_show_claims_that_exist(ledger, site):
    shown = [module.FIGURE for module in (chains, densities, descent, noising, rounding, schedules)]
    for figure in shown:
        assert set(figure.claims) <= set(ledger), figure.name
        for theme in ("light", "dark"):
            path = site / "figures" / f"{figure.name}-{theme}.{figure.suffix}"
            assert path.stat().st_size > 10_000


def test_what_was_not_measured_is_said(documents):
    assert "Not measured." in documents["measured.html"] or "<table" in documents["measured.html"]


def test_the_dependencies_are_all_drawn_or_counted(ledger, documents):
    edges = sum(len({*c.depends_on, *c.supplied_by}) for c in ledger.values())
    assert f"{edges} references" in documents["graph.html"]


def test_a_drawing_puts_a_claim_right_of_what_it_rests_on():
    drawn = graph.draw({"s.a": [], "s.b": ["s.a"], "s.c": ["s.a", "s.b"], "s.alone": []})
    x = {box.id: box.x for box in drawn.boxes}
    assert x["s.a"] < x["s.b"] < x["s.c"] and "s.alone" not in x
    assert len(drawn.edges) == 3


def test_controls_stand_under_the_check_that_rejected_them():
    made, loose = pages.steps({
        "evidence": [{"reason": "one"}, {"reason": "two"}],
        "controls": [{"name": "a", "step": 2, "rejected": True},
                     {"name": "b", "step": 0, "rejected": False}],
    })
    assert [len(s["controls"]) for s in made] == [0, 1] and made[1]["rejected"] == 1
    assert [c["name"] for c in loose] == ["b"]


def test_source_is_marked_where_pages_point():
    text = '@claim("a.b", lines="1")\ndef f():\n    yield "<x>"\n'
    assert sources.claims(text) == {1: "a.b"}
    assert '<span id="a.b">' in sources.mark(text, sources.claims(text))
    assert "&lt;x&gt;" in sources.mark(text, {})


def make(target, content, ledger):
    found = result.Result(content, result.judge(content, ledger))
    build.build(target, found, ledger, with_figures=False)
    return found


def test_a_failed_run_is_red_on_every_page(tmp_path, summary, ledger):
    entry = next(e for e in summary["entries"] if e["id"] == "kl.standard.closed-form")
    entry["evidence"][0]["passed"] = False
    make(tmp_path / "site", summary, ledger)
    for path in (tmp_path / "site").rglob("*.html"):
        text = text_of(path)
        assert 'class="state bad"' in text and 'class="state good"' not in text, path.name
        assert "未通过确认" in text or "Not confirmed" in text
    page = text_of(tmp_path / "site" / "c" / "kl.standard.closed-form.html")
    assert "FAILED" in page and "status: failed" in page
    assert 'class="failed"' in text_of(tmp_path / "site" / "index.html")


def test_an_unreadable_result_replaces_a_green_site(tmp_path, summary, ledger):
    target = tmp_path / "site"
    make(target, summary, ledger)
    assert 'class="state good"' in text_of(target / "index.html")
    build.refuse(target, "audit.json is <cut> off")
    assert [p.name for p in target.rglob("*.html")] == ["index.html"]
    text = text_of(target / "index.html")
    assert "nothing is confirmed" in text and "is &lt;cut&gt; off" in text
    assert 'class="state good"' not in text


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(build.Unwritable, match="holds other files"):
        build.refuse(tmp_path, "x")
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_a_build_that_breaks_leaves_the_old_site(tmp_path, summary, ledger, monkeypatch):
    target = tmp_path / "site"
    make(target, summary, ledger)
    before = sorted(p.name for p in target.rglob("*"))

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(build, "_static", full)
    with pytest.raises(build.Unwritable, match="No space left"):
        make(target, summary, ledger)
    assert sorted(p.name for p in target.rglob("*")) == before
    assert [p.name for p in tmp_path.iterdir()] == ["site"]
