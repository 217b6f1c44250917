"""Tables on a console: columns where they fit, else row by row; texts of others stay text."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.segment import Segment

from bench.report.table import Column, Number, Table, plain_table
from bench.report.terminal import Terminal
from bench.report.verdicts import verdict_table
from tests.report.synthetic import verdicts
from tests.report.test_escape import HOSTILE
from tests.report.test_render import GOLDEN

WORDS = plain_table(
    "Parts", ["part", "options", "says"], [["sgd", "—", "Plain steps along the slope."], ["adam", "beta1, beta2", "Steps of one size."]], ["two parts"]
)


def drawn(table, width):
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(Terminal(table))
    return console.file.getvalue()


def lines(table, width):
    return [line.rstrip() for line in drawn(table, width).splitlines() if line.strip()]


def test_what_fits_stands_in_columns():
    assert lines(WORDS, 60) == [
        "Parts",
        "  part   options        says",
        " " + "─" * 52,
        "  sgd    —              Plain steps along the slope.",
        "  adam   beta1, beta2   Steps of one size.",
        "two parts",
    ]


def test_rows_of_many_lines_are_told_one_by_one():
    assert lines(WORDS, 28) == [
        "Parts",
        "sgd",
        "  says Plain steps along the",
        "  slope.",
        "adam · options beta1, beta2",
        "  says Steps of one size.",
        "two parts",
    ]


def test_what_is_empty_is_not_told():
    table = plain_table("", ["name", "no", "none", "count"], [["x" * 9, "", "—", 0]])
    assert lines(table, 20) == ["x" * 9 + " · count 0"]


def test_no_word_is_broken_into_a_column():
    table = plain_table("", ["a", "b"], [["w" * 12, "v" * 12]])
    assert lines(table, 40)[-1] == f"  {'w' * 12}   {'v' * 12}"
    assert lines(table, 28) == ["w" * 12, "  b " + "v" * 12]


def test_columns_may_take_somewhat_more_lines():
    """Two lines a row, where told one by one it had two as well."""
    table = plain_table("t", ["name", "remark"], [["one", "some words that are wrapped once here"], ["two", "others that are as long as the first"]])
    assert lines(table, 36)[1].split() == ["name", "remark"]


@pytest.mark.parametrize("width", [12, 31, 60, 100, 200])
@pytest.mark.parametrize("table", [WORDS, verdict_table(verdicts())], ids=["words", "claims"])
def test_no_line_is_wider_than_the_console(table, width):
    assert max(map(len, drawn(table, width).splitlines())) <= width


@pytest.mark.parametrize("width", [12, 31, 60, 100, 400])
def test_every_word_is_there(width):
    """Broken where it has no room at all."""
    shown = "".join(drawn(WORDS, width).split())
    assert all(word in shown for word in ("sgd", "adam", "beta1,", "two", "Plain", "Steps"))


def test_claims_look_as_they_did():
    assert drawn(verdict_table(verdicts()), 100) == (GOLDEN / "report-claims-terminal.txt").read_text(encoding="utf-8")


def test_a_table_without_rows_says_so():
    assert lines(plain_table("nothing", ["aa", "bb"], [], ["a note"]), 40) == ["nothing", "nothing to list", "a note"]


@pytest.mark.fault("F51")
@pytest.mark.parametrize("width", [20, 200])
@pytest.mark.parametrize("text", HOSTILE)
def test_consoles_get_no_markup_and_no_control(text, width):
    table = plain_table(text, ["name", text], [[text, text], ["[bold]x[/bold]", "y" * 15]], [text])
    shown = drawn(table, width)
    assert "[bold]x[/bold]" in shown
    assert "\x1b" not in shown
    assert all(character.isprintable() or character == "\n" for character in shown)


@pytest.mark.parametrize("width", [9, 60])
def test_the_best_is_bold(width):
    table = Table("t", (Column("name", "name"), Column("x", "x")), (("cell", Number(1.0, best=True)), ("other", Number(2.0))))
    console = Console(file=io.StringIO(), width=width, force_terminal=True)
    bold = {segment.text.strip() for segment in console.render(Terminal(table)) if isinstance(segment, Segment) and segment.style and segment.style.bold}
    assert "1.00" in bold
    assert "2.00" not in bold
