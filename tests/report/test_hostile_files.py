"""The files of a report whose names and messages are hostile, read as others read them: spreadsheets, and GitHub's Markdown."""

from __future__ import annotations

import csv
import re

import pytest
from markdown_it import MarkdownIt

from bench.report.write import write_report
from tests.report.hostile import HOSTILE as MARKUP
from tests.report.hostile import hostile_registry, hostile_suite

FORMULAS = [f"{start}cmd|' /C calc'!A0" for start in ("=", "+", "-", "@", "\t=", "\r=", "\n=", " =", "\uff1d")]
MARKDOWN = [
    MARKUP,
    "a|b\\|c\\",
    "x\n\n| y |\n|---|\n",
    "[a](http://x) ![b](http://x/y.png) <http://x> http://x www.x.org",
    "`a` *b* _c_ ~~d~~ **e** # f\n- g\n1. h",
    "a\\",
]
OURS = re.compile(r"(tables|figures)/[a-z-]+\.[a-z]+")


def written(text, folder):
    write_report(hostile_registry(text), lambda name, digest: hostile_suite(text), folder)
    return folder / "demo/quick"


@pytest.mark.fault("F50")
@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_of_a_csv_is_a_formula(tmp_path, text):
    files = sorted((written(text, tmp_path) / "tables").glob("*.csv"))
    assert len(files) == 3
    seen = 0
    for file in files:
        head, *rows = csv.reader(file.read_text(encoding="utf-8").splitlines())
        assert {len(row) for row in rows} == {len(head)}
        for cell in [*head, *(cell for row in rows for cell in row)]:
            seen += "calc" in cell
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", " ", "\uff1d")) or float(cell) is not None
    assert seen


@pytest.mark.fault("F48")
@pytest.mark.parametrize("text", MARKDOWN)
def test_markdown_shows_hostile_names_as_text_in_their_own_column(tmp_path, text):
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    folder = written(text, tmp_path)
    pages = [folder / "report.md", tmp_path / "index.md", *sorted((folder / "tables").glob("*.md"))]
    assert len(pages) == 5
    for page in pages:
        tokens = parser.parse(page.read_text(encoding="utf-8"))
        widths = rows_of(tokens)
        assert all(len(set(table)) == 1 for table in widths)
        assert widths or page.name == "index.md"
        children = [child for token in tokens if token.type == "inline" for child in token.children]
        assert {token.type for token in [*tokens, *children]} & {
            "html_block",
            "html_inline",
            "fence",
            "code_block",
            "code_inline",
            "s_open",
            "em_open",
        } == set()
        links = [child.attrs.get("href") or child.attrs.get("src") for child in children if child.type in {"link_open", "image"}]
        assert [link for link in links if not OURS.fullmatch(link) and link != "demo/quick/report.md"] == []


def rows_of(tokens):
    """The number of cells in each row, table by table."""
    tables = []
    for token in tokens:
        if token.type == "table_open":
            tables.append([])
        elif token.type == "tr_open":
            tables[-1].append(0)
        elif token.type in {"th_open", "td_open"}:
            tables[-1][-1] += 1
    return tables


@pytest.mark.parametrize("address", ["http://example.org", "https://example.org", "www.example.org", "ftp://x"])
def test_an_address_is_no_link(tmp_path, address):
    """GitHub makes links of bare addresses."""
    page = (written(f"see {address} now", tmp_path) / "report.md").read_text(encoding="utf-8")
    assert address not in page
