"""A reader in a real browser: search, filter, follow, switch theme and language, keys, phone width.

Skipped, and says so, where there is no Chromium.  Every test also fails on a console error and on a
request for anything but the site's own files.
"""

import re
import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
                None)
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium: install it to drive the pages"),
    # The driver's own event loop is closed by the interpreter's end on some versions.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update")
CLAIM = "c/kl.standard.closed-form.html"
PAGES = ("index.html", "claims.html", CLAIM, "c/gaussian.variance.html", "lines.html", "graph.html",
         "errata.html", "errata.zh.html", "figures.html", "conformance.html", "measured.html",
         "rely.html", "cite.html", "source/core.kl.html")
DESK, PHONE = {"width": 1280, "height": 1000}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield opened
        opened.close()


@pytest.fixture
def reader(browser, site):
    """Open a page of the site in a fresh window; complaints and foreign requests fail the test."""
    complaints, windows = [], []

    def visit(path, viewport=DESK, theme="light"):
        context = browser.new_context(viewport=viewport, color_scheme=theme)
        windows.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda m: complaints.append(f"{path}: {m.type}: {m.text}"))
        page.on("pageerror", lambda e: complaints.append(f"{path}: {e}"))
        page.on("request", lambda r: r.url.startswith((site.as_uri(), "data:"))
                or complaints.append(f"{path} asks for {r.url}"))
        page.on("requestfailed", lambda r: complaints.append(f"{path}: {r.url} {r.failure}"))
        page.goto(f"{site.as_uri()}/{path}")
        return page

    yield visit
    for window in windows:
        window.close()
    assert complaints == []


def shown(page):
    return page.locator("#claims tr[data-id]:visible")


def test_search_from_any_page_and_open_a_claim(reader):
    page = reader(CLAIM)
    page.keyboard.press("/")
    page.keyboard.type("posterior mean")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"claims\.html\?q=posterior"))
    expect(page.locator("#count")).to_have_text(re.compile(r"^\d+ of"))
    assert 0 < shown(page).count() < 40
    page.click('#claims a[href="c/posterior.mean.html"]')
    expect(page.locator("code.id").first).to_have_text("posterior.mean")
    assert page.locator(".statement math").count() > 0


def test_search_looks_through_statements_and_lines(reader):
    page = reader("claims.html")
    page.fill("#filter [name=q]", "272")
    expect(page.locator('#claims tr[data-id="bayes.rule"]')).to_be_hidden()
    expect(page.locator('#claims tr[data-id="limit.index"]')).to_be_visible()
    page.fill("#filter [name=q]", "no such words anywhere")
    expect(page.locator("#count")).to_have_text(re.compile("^0 of"))
    page.click("#filter button[type=reset]")
    expect(page.locator("#count")).to_have_text(re.compile(r"^\d+ claims$"))


def test_filter_by_verdict_and_section(reader, ledger):
    page = reader("claims.html")
    page.select_option("#filter [name=verdict]", "false")
    wanted = [c.id for c in ledger.values() if c.verdict == "false"]
    assert shown(page).evaluate_all("rows => rows.map(r => r.dataset.id)") == wanted
    page.select_option("#filter [name=section]", "Moments")
    assert shown(page).count() == sum(id.startswith("moments.") for id in wanted)


def test_a_number_of_the_overview_leads_to_its_claims(reader):
    page = reader("index.html")
    cell = page.locator('tr:has-text("KL divergence") a[href*="verdict=misprint"]').first
    count = int(cell.inner_text())
    cell.click()
    page.wait_for_url(re.compile(r"claims\.html\?section=KL"))
    expect(shown(page)).to_have_count(count)


def test_follow_a_dependency_and_come_back(reader):
    page = reader(CLAIM)
    page.click('.refs a[href$="kl.standard.second-integral.html"]')
    expect(page.locator("code.id").first).to_have_text("kl.standard.second-integral")
    page.click(f'.refs a[href$="{CLAIM.removeprefix("c/")}"]')
    expect(page.locator("code.id").first).to_have_text("kl.standard.closed-form")
    page.click('a:has-text("core.kl.kl_standard")')
    page.wait_for_url(re.compile(r"core\.kl\.html#kl_standard$"))


def test_a_drawing_leads_to_claims(reader):
    page = reader("graph.html")
    box = page.locator('svg.graph a[data-id="kl.standard.closed-form"]')
    box.focus()
    assert page.locator("svg.graph path.on").count() >= 4
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("kl.standard.closed-form"))


def ground(page):
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_theme_follows_the_system_and_the_reader(reader):
    page = reader("figures.html", theme="dark")
    dark = ground(page)
    expect(page.locator("img.dark").first).to_be_visible()
    page.click("#theme")
    expect(page.locator("img.light").first).to_be_visible()  # once it is loaded, lazily
    assert ground(page) != dark
    page.goto(page.url.replace("figures", "errata"))
    assert ground(page) != dark  # remembered
    assert page.get_attribute("#theme", "aria-pressed") == "false"


def test_language_of_the_errata(reader):
    page = reader("errata.html")
    page.click('main a[hreflang="zh"]')
    expect(page.locator("html")).to_have_attribute("lang", "zh")
    assert page.locator("article.erratum").count() > 200
    page.click('main a[hreflang="en"]')
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_everything_by_keyboard(reader):
    page = reader("index.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.id === 'main'")
    page.locator(".strip a").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    label = page.evaluate("document.activeElement.getAttribute('aria-label')")
    number = int(re.match(r"line (\d+):", label)[1])
    assert number > 10
    page.keyboard.press("Tab")  # the strip is one stop
    assert page.evaluate("!document.activeElement.closest('.strip')")
    page.locator(".strip a[tabindex='0']").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(rf"lines\.html#l{number}$"))
    page = reader(CLAIM)
    opener = page.locator("details summary").nth(1)
    opener.focus()
    page.keyboard.press("Enter")
    expect(page.locator("details").nth(1)).to_have_attribute("open", "")


# Names and colours do not depend on the 600th row: axe sees the first of each kind.
FEWER = """for (const [what, kept] of [
    ['tbody tr', 6], ['article', 12], ['.strip a', 90], ['svg.graph', 2], ['.legend ~ .scroll', 2]])
  for (const parent of new Set([...document.querySelectorAll(what)].map(e => e.parentNode)))
    [...parent.querySelectorAll(':scope > ' + what.split(' ').pop())].slice(kept)
      .forEach(e => e.remove());
[...document.querySelectorAll('svg.graph')].slice(2).forEach(e => e.closest('.scroll').remove());"""
# No preload: axe would ask for the style sheet again, which a page from a file may not do.
AXE = {"preload": False, "resultTypes": ["violations"]}


@pytest.mark.parametrize("viewport, theme", [(DESK, "light"), (PHONE, "dark")],
                         ids=["desk-light", "phone-dark"])
def test_no_page_is_too_wide_or_hard_to_reach(reader, viewport, theme):
    axe = Axe()
    serious = []
    for path in PAGES:
        page = reader(path, viewport, theme)
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{path} is {wide} pixels too wide"
        page.evaluate(FEWER)
        found = axe.run(page, options=AXE).response["violations"]
        serious += [f"{path}: {v['id']}: {v['nodes'][0]['html'][:120]}" for v in found
                    if v["impact"] in ("serious", "critical")]
        page.close()
    assert serious == []


def test_axe_sees_what_is_hard_to_reach(reader):
    page = reader("cite.html")
    page.evaluate("document.querySelector('.top [name=q]').removeAttribute('aria-label');"
                  "document.querySelector('.top [name=q]').removeAttribute('placeholder');"
                  "document.querySelector('h1').style.color = '#eee'")
    found = {v["id"] for v in Axe().run(page, options=AXE).response["violations"]}
    assert {"label", "color-contrast"} <= found


def test_printed_pages_leave_the_tools_out(reader):
    page = reader(CLAIM, theme="dark")
    page.emulate_media(media="print")
    expect(page.locator(".top nav")).to_be_hidden()
    assert ground(page) == "rgb(255, 255, 255)"


def test_a_failed_site_is_red_to_the_eye(reader, browser, tmp_path):
    from audit.site import build

    build.refuse(tmp_path / "site", "audit.json is not complete JSON")
    page = browser.new_page()
    page.goto((tmp_path / "site" / "index.html").as_uri())
    colour = page.locator(".state.bad").evaluate("e => getComputedStyle(e).color")
    red, green, blue = map(int, re.findall(r"\d+", colour)[:3])
    assert red > 2 * max(green, blue)
    page.close()
