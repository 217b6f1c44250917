from __future__ import annotations

import csv as csv_module
import io
import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bench.report import escape

HOSTILE = [
    "<script>alert(1)</script>",
    "</style>",
    "[x](javascript:alert(1))",
    "![x](http://example.org/x.png)",
    "a|b",
    "a\nb\r\nc",
    "`rm -rf`",
    "*bold* _em_ ~~del~~ __strong__",
    "# heading",
    "- item",
    "1. item",
    "> quote",
    "$x^2$",
    "&lt; &amp; &#60;",
    r"\input{/etc/passwd}",
    r"\write18{ls}",
    r"100% _a_ #1 {b} ~ ^ & $",
    "[1] *",
    "--set",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "\uff1d1",
    "[red]text[/red]",
    "\x1b[31mred\x1b[0m",
    "\x1b]8;;http://example.org\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]0;title\x07shown",
    "\x9b31mred",
    "a\u202eb",
    "\x00\x7f\u2028",
    "1e3",
    "",
]
TEXTS = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=40), st.text(alphabet="\\`*_{}[]()#+-.!|<>&~$^%\"'=@\n\t\x1b;m1a ", max_size=20))


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_clean_text_is_one_visible_line(text):
    cleaned = escape.clean(text)
    assert cleaned == cleaned.strip()
    assert not [character for character in cleaned if unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}]
    assert escape.clean(cleaned) == cleaned


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_printable_text_keeps_all_but_needless_spaces(text):
    printable = "".join(filter(str.isprintable, text))
    assert escape.clean(printable) == " ".join(printable.split())


@pytest.mark.fault("F51")
@pytest.mark.parametrize(
    ("text", "shown"),
    [("\x1b[1;31mred\x1b[0m", "red"), ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"), ("a\u202eb", "ab"), (" a\n\tb ", "a b"), ("a  b", "a b")],
)
def test_control_sequences_leave_no_trace(text, shown):
    assert escape.clean(text) == shown


@pytest.mark.fault("F48")
@given(TEXTS)
@settings(max_examples=400, deadline=None)
def test_a_markdown_parser_sees_text_and_nothing_else(text):
    page = f"| head |\n|---|\n| {escape.markdown(text)} |\n"
    assert _plain_cell(page) == escape.clean(text)


@given(TEXTS)
@settings(max_examples=400, deadline=None)
def test_a_markdown_list_item_holds_text_and_nothing_else(text):
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(f"- {escape.markdown(text)}\n")
    kinds = {token.type for token in tokens}
    assert kinds <= {"bullet_list_open", "list_item_open", "paragraph_open", "inline", "paragraph_close", "list_item_close", "bullet_list_close"}
    assert _text_of(tokens) == escape.clean(text)


@pytest.mark.fault("F49")
@given(TEXTS)
@settings(max_examples=400, deadline=None)
def test_latex_keeps_no_character_with_a_meaning(text):
    escaped = escape.latex(text)
    known = r"\\(?:textbackslash|textasciitilde|textasciicircum|textless|textgreater|textbar|textasciigrave|textquotedbl|ldots)\{\}"
    rest = re.sub(known, "", escaped)
    rest = re.sub(r"\\ifdefined\\Umathchar [^\x00-\x7f]+\\else \?+\\fi\{\}", "", rest)
    rest = re.sub(r"\$\\[A-Za-z]+\$|\$-\$|\\[{}$&#%_]|[-,']\{\}|\{[\[\]*]\}", "", rest)
    assert not set(rest) & set("\\{}$&#%_^~")
    assert "\n" not in escaped


@pytest.mark.fault("F49")
def test_latex_commands_of_others_are_printed_and_not_run():
    assert escape.latex(r"\input{/etc/passwd}") == r"\textbackslash{}input\{/etc/passwd\}"
    assert escape.latex("50% of a_b & c") == r"50\% of a\_b \& c"
    assert escape.latex("--set") == "-{}-set"


@pytest.mark.fault("F50")
@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_no_spreadsheet_takes_a_text_for_a_formula(text):
    stream = io.StringIO()
    csv_module.writer(stream).writerow([escape.csv(text), "end"])
    cell, end = next(csv_module.reader(io.StringIO(stream.getvalue())))
    assert end == "end"
    assert cell[:1] not in {"=", "+", "-", "@", "\t", "\r"} or re.fullmatch(r"[-+]?[\d.]+(e[-+]?\d+)?", cell, re.IGNORECASE)


@pytest.mark.parametrize("number", ["-0.5", "+3", "1e3", "-1e-05"])
def test_numbers_in_csv_stay_as_they_are(number):
    assert escape.csv(number) == number


def _plain_cell(page):
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(page)
    assert [token.type for token in tokens].count("td_open") == 1
    return _text_of(tokens[next(index for index, token in enumerate(tokens) if token.type == "td_open") :])


def _text_of(tokens):
    children = [child for token in tokens if token.type == "inline" for child in token.children]
    assert {child.type for child in children} <= {"text", "text_special"}
    return "".join(child.content for child in children)
