"""The page in a real browser, opened as a file: it asks for nothing besides itself, and everything works by mouse and keyboard."""

from __future__ import annotations

import re
import shutil

import pandas as pd
import pytest

from bench.report.write import write_report
from tests.report.hostile import HOSTILE, hostile_registry, hostile_suite
from tests.report.synthetic import Memory, architectures, batch_sizes
from tests.report.synthetic import history as curves
from tests.report.test_write import SUITE

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium; on Debian: apt-get install chromium")


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        # Chromium's own sandbox needs rights that containers of CI do not give; the page is our own.
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    old = batch_sizes(commit="b" * 40, commit_time=pd.Timestamp("2024-04-01", tz="UTC"))
    old = old.assign(row="b" + old["row"].str[1:], test_accuracy=old["test_accuracy"] + 0.012)
    runs = pd.concat([batch_sizes(), architectures(), old], ignore_index=True)
    write_report(Memory(runs, {"history": curves(batch_sizes())}), lambda name, digest: SUITE, folder)
    return (folder / "demo/quick/report.html").as_uri()


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    folder = tmp_path_factory.mktemp("long")
    runs = batch_sizes(range(1, 131), seeds=1)
    write_report(Memory(runs, {"history": curves(runs, metrics=["test_loss"])}), lambda name, digest: None, folder)
    return (folder / "demo/quick/report.html").as_uri()


@pytest.fixture
def visit(browser):
    """Open a page, and fail if it says an error or asks for anything but itself."""
    contexts, wrong = [], []

    def go(address, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: wrong.append(request.url) if request.url.partition("#")[0] != address.partition("#")[0] else None)
        page.goto(address)
        return page

    yield go
    for context in contexts:
        context.close()
    assert wrong == []


def column(table, place):
    return [cell.strip() for cell in table.locator(f"tbody tr td:nth-child({place})").all_inner_texts()]


def test_a_header_sorts_by_number_both_ways_and_back(visit, demo):
    table = visit(demo).locator("#cells-batch-size")
    head = table.get_by_role("columnheader", name="batch size")
    orders = []
    for _ in range(3):
        head.get_by_role("button").click()
        orders.append((head.get_attribute("aria-sort"), column(table, 1)))
    assert orders == [("ascending", ["16", "64", "256"]), ("descending", ["256", "64", "16"]), ("none", ["16", "64", "256"])]


def test_means_sort_by_their_value_and_what_is_missing_comes_last(visit, demo):
    page = visit(demo)
    table = page.locator("#all-runs")
    head = table.get_by_role("columnheader", name="sharpness filter")
    for expected in ("2.00", "3.20"):
        head.get_by_role("button").click()
        assert column(table, 7)[0] == expected
        assert column(table, 7)[-1] == "—"


def test_a_filter_keeps_the_rows_with_every_word(visit, demo):
    page = visit(demo)
    runs = page.locator("#all-runs")
    runs.get_by_role("searchbox").fill("cifar10 0.2")
    playwright.expect(runs.get_by_role("status")).to_have_text("3 of 21 rows")
    runs.get_by_role("combobox", name="Show runs by status").select_option("diverged")
    playwright.expect(runs.get_by_role("status")).to_have_text("1 of 21 rows")
    assert column(runs, 4) == ["diverged"]


def test_a_run_opens_from_its_row_and_closes(visit, demo):
    page = visit(demo)
    page.locator("#all-runs tbody tr").last.click()
    dialog = page.get_by_role("dialog")
    playwright.expect(dialog.get_by_role("heading", level=2)).to_have_text("architectures, seed 2")
    said = dialog.inner_text()
    for words in ("loss is not finite", "a processor", "model\tvgg9", "a" * 40):
        assert words in said
    page.keyboard.press("Escape")
    playwright.expect(dialog).to_be_hidden()
    playwright.expect(page).to_have_url(re.compile("#runs$"))


def test_an_address_with_a_run_opens_it(visit, demo):
    run = batch_sizes().iloc[4]
    page = visit(f"{demo}#run={run['row'][:12]}")
    dialog = page.get_by_role("dialog")
    playwright.expect(dialog).to_be_visible()
    assert run["row"] in dialog.inner_text()


@pytest.mark.parametrize("hash_", ["run=", "run=ab", "cell=", "=", "toString"])
def test_an_address_with_an_unknown_run_is_the_page(visit, demo, hash_):
    page = visit(f"{demo}#{hash_}")
    playwright.expect(page.locator("#run")).to_be_hidden()
    assert page.locator("#all-runs tbody tr").count() == 21


@pytest.mark.parametrize("hash_", ["zzzzzzzz", "%3Cimg%3E"])
def test_a_run_of_an_older_page_is_searched_and_not_found(visit, demo, hash_):
    page = visit(f"{demo}#run={hash_}")
    playwright.expect(page.locator("#run")).to_be_hidden()
    playwright.expect(page.locator("#all-runs").get_by_role("status")).to_have_text("0 of 21 rows")
    assert page.locator("#all-runs").get_by_role("searchbox").input_value() == hash_


def test_a_cell_leads_to_its_runs(visit, demo):
    page = visit(demo)
    page.locator("#cells-batch-size tbody tr").nth(1).get_by_role("link").click()
    playwright.expect(page.locator("#all-runs").get_by_role("status")).to_have_text("3 of 21 rows")
    assert column(page.locator("#all-runs"), 2) == ["batch size = 64"] * 3
    page.get_by_role("button", name="show all cells").click()
    playwright.expect(page.locator("#all-runs").get_by_role("status")).to_have_text("21 rows")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_is_the_systems_until_it_is_chosen(visit, demo, scheme):
    page = visit(demo, color_scheme=scheme)
    button = page.locator("#theme")

    def is_dark():
        red, *_ = (int(part) for part in page.evaluate("getComputedStyle(document.body).backgroundColor").strip("rgb()").split(","))
        return red < 128

    seen = [(button.inner_text(), is_dark())]
    for _ in range(2):
        button.click()
        seen.append((button.inner_text(), is_dark()))
    assert seen == [("Theme: auto", scheme == "dark"), ("Theme: light", False), ("Theme: dark", True)]
    # Another process of the browser stores the choice: on a busy machine a page that is loaded at once may come too early.
    for _ in range(5):
        page.reload()
        if button.inner_text() == "Theme: dark":
            break
        page.wait_for_timeout(200)
    assert (button.inner_text(), is_dark()) == ("Theme: dark", True)


def test_everything_works_from_the_keyboard(visit, demo):
    page = visit(demo)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    playwright.expect(page).to_have_url(re.compile("#content$"))
    head = page.locator("#cells-batch-size").get_by_role("columnheader", name="batch size")
    head.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    page.locator("#all-runs tbody a").first.focus()
    page.keyboard.press("Enter")
    playwright.expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator("[data-figure=growth]").focus()
    page.keyboard.press("ArrowRight")
    playwright.expect(page.locator("#value")).to_be_visible()
    assert page.locator("#value").inner_text().splitlines() == ["16 (n = 3)", "epochs: 0", "test loss: 2.3"]
    page.keyboard.press("ArrowDown")
    assert page.locator("#value").inner_text().splitlines()[0] == "64 (n = 3)"


def test_a_pointer_reads_the_value_below_it(visit, demo):
    page = visit(demo)
    drawing, value = page.locator("[data-figure=growth]"), page.locator("#value")
    for _ in range(50):
        # What stands above may still be laid out while the place is asked for, so that the pointer would miss it.
        drawing.scroll_into_view_if_needed()
        across, down, epoch = drawing.evaluate(
            """svg => {
                const line = JSON.parse(document.getElementById("data").textContent).figures.growth[0].lines[2];
                const at = new DOMPoint(...line.at[5]).matrixTransform(svg.getScreenCTM());
                return [at.x, at.y, line.says[5][0]];
            }"""
        )
        page.mouse.move(across, down)
        page.wait_for_timeout(100)
        if value.is_visible():
            break
    assert value.inner_text().splitlines()[:2] == ["256 (n = 3)", f"epochs: {epoch}"]
    page.mouse.move(1, 1)
    playwright.expect(value).to_be_hidden()


def test_long_tables_have_pages_and_sort_as_a_whole(visit, long):
    page = visit(long)
    table = page.locator("#cells-batch-size")
    assert table.locator("tbody tr").count() == 100
    table.get_by_role("button", name="Next").click()
    assert column(table, 1) == [str(size) for size in range(101, 131)]
    head = table.get_by_role("columnheader", name="batch size").get_by_role("button")
    head.click()
    head.click()
    assert column(table, 1)[:2] == ["130", "129"]
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert table.locator("tbody tr").count() == 130


def test_a_colour_bar_has_its_colours(visit, long):
    drawing = visit(long).locator("[data-figure=batch-size-curves]")
    colours = drawing.locator("[id*=QuadMesh] path").evaluate_all("paths => paths.map((path) => getComputedStyle(path).fill)")
    assert len(set(colours)) > 100


@pytest.mark.parametrize("width", [1440, 390])
def test_nothing_is_wider_than_the_window(visit, demo, width):
    page = visit(demo, viewport={"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_a_narrow_window_shows_claims_as_blocks_of_lines(visit, demo):
    wide, narrow = (visit(demo, viewport={"width": width, "height": 900}).locator("#table-claims tbody tr").first for width in (1440, 390))
    tops = [[cell.bounding_box()["y"] for cell in row.locator("td:visible").all()] for row in (wide, narrow)]
    assert len(set(tops[0])) == 1 < len(tops[0])
    assert sorted(set(tops[1])) == tops[1]
    assert narrow.bounding_box()["width"] <= 390
    titles = narrow.locator("td:visible").evaluate_all("cells => cells.map((cell) => getComputedStyle(cell, '::before').content)")
    assert titles[0] == '"verdict"'
    assert '"effect"' in titles


def test_on_paper_every_row_is_printed_and_nothing_is_cut_off(visit, long):
    page = visit(long, viewport={"width": 700, "height": 900})
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#cells-batch-size tbody tr:visible").count() == 130
    assert page.locator("nav, .tools, #all-runs, #theme").locator("visible=true").count() == 0
    assert page.evaluate("[...document.querySelectorAll('.scroll')].every((table) => getComputedStyle(table).overflowX === 'visible')")


def test_without_scripts_the_tables_stand(browser, demo):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(demo)
    assert column(page.locator("#cells-batch-size"), 1) == ["16", "64", "256"]
    context.close()


@pytest.mark.fault("F48")
def test_hostile_texts_stay_texts(visit, tmp_path):
    write_report(hostile_registry(HOSTILE), lambda name, digest: hostile_suite(HOSTILE), tmp_path)
    address = (tmp_path / "demo/quick/report.html").as_uri()
    page = visit(address)
    shown = HOSTILE.removesuffix("\u202e")
    assert page.locator("h1").inner_text() == shown
    runs = page.locator("#all-runs")
    runs.get_by_role("searchbox").fill("onerror")
    playwright.expect(runs.get_by_role("status")).to_have_text("12 rows")
    runs.get_by_role("combobox", name="Show runs by status").select_option("crashed")
    runs.locator("tbody a").first.click()
    assert page.get_by_role("dialog").inner_text().count(shown) > 10
    page.keyboard.press("Escape")
    page.locator("[data-figure=growth]").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("img, iframe, [onload], [onerror], [style*=expression]").count() == 0
    assert page.locator("script").count() == 2
    assert page.title() == shown
    visit((tmp_path / "index.html").as_uri())


@pytest.mark.fault("F48")
def test_the_policy_stops_what_is_injected_all_the_same(browser, demo):
    """Should a text ever become markup, the browser still runs no handler and loads nothing."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(demo)
    refused = page.evaluate(
        """() => [() => { document.body.innerHTML = "<b>"; }, () => document.body.setAttribute("onclick", "1")].map((act) => {
            try { act(); return ""; } catch (error) { return error.name; }
        })"""
    )
    assert refused == ["TypeError", "TypeError"]
    broken = page.evaluate(
        """() => new Promise((resolve) => {
            addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
            const image = document.createElement("img");
            image.src = "http://127.0.0.1:9/x";
            document.body.append(image);
        })"""
    )
    assert broken == "img-src"
    context.close()
