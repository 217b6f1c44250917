from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from bench.report import render
from bench.report.page.tables import table_markup
from bench.report.suite_table import suite_table
from bench.report.table import Column, Number, Table, plain_table
from bench.report.tables import experiment_table
from bench.report.verdicts import verdict_table
from bench.suite_file import Table as TableSpec
from tests.report.synthetic import METRICS, architectures, batch_sizes, verdicts
from tests.report.test_escape import HOSTILE

GOLDEN = Path(__file__).parents[1] / "golden"
SPEC = TableSpec(
    experiment="architectures",
    title="Accuracy & flatness",
    rows=["model", "dataset"],
    columns={"with dropout": "dropout>0", "without dropout": "dropout=0"},
    values=["test_accuracy", "sharpness_filter"],
    reference=[{"model": "vgg9", "dropout": 0.2, "test_accuracy": 0.75}, {"model": "resnet20", "dropout": 0.2, "test_accuracy": 0.9}],
)
TABLES = {
    "report-experiment": lambda: experiment_table(batch_sizes(), "batch-size", METRICS),
    "report-suite-table": lambda: suite_table(SPEC, architectures(), METRICS),
    "report-claims": lambda: verdict_table(verdicts()),
}
ENDINGS = {"md": "md", "latex": "tex", "csv": "csv", "table": "txt", "json": "json"}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("format_name", ENDINGS)
def test_tables_look_as_they_did(name, format_name):
    expected = (GOLDEN / f"{name}.{ENDINGS[format_name]}").read_text(encoding="utf-8")
    assert render.FORMATS[format_name](TABLES[name]()) == expected


@pytest.mark.parametrize("name", TABLES)
def test_the_pages_tables_look_as_they_did(name):
    lines = str(table_markup(TABLES[name](), name, stacked=name == "report-claims")).replace("<tr", "\n<tr").replace("<ul", "\n<ul")
    assert f"{lines}\n" == (GOLDEN / f"{name}.html").read_text(encoding="utf-8")


@pytest.mark.fault("F48")
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_stay_in_their_cell(text):
    table = Table(text, (Column("k", text, text), Column("n", text)), ((text, Number(1.0, note="x")), (text, "end")), (text,))
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(render.markdown(table))
    assert [token.type for token in tokens].count("tr_open") == 3
    assert not [token for token in tokens if token.type.startswith("html") or token.type in {"fence", "code_block", "heading_open"}]
    inline = {child.type for token in tokens if token.type == "inline" for child in token.children}
    assert inline <= {"text", "text_special", "strong_open", "strong_close"}
    assert [len(row) for row in csv.reader(io.StringIO(render.csv(table)))] == [2, 2, 2]
    assert len(re.findall(r" \\\\$", render.latex(table), re.MULTILINE)) == (4 if text else 3)
    assert len(render.plain(table).splitlines()) <= 6
    assert json.loads(render.json_text(table))["rows"][0]["k"] == text


@pytest.mark.fault("F51")
@pytest.mark.parametrize("text", HOSTILE)
def test_plain_lines_get_no_control(text):
    shown = render.plain(plain_table(text, ["name"], [[text]], [text]))
    assert "\x1b" not in shown
    assert all(character.isprintable() or character == "\n" for character in shown)


@pytest.mark.fault("F52")
def test_texts_that_look_like_numbers_stay_texts():
    table = plain_table("ids", ["id"], [["1e3"], ["0012"], ["nan"]])
    assert "1e3" in render.markdown(table)
    assert "0012" in render.plain(table)
    assert render.csv(table).splitlines()[1:] == ["1e3", "0012", "nan"]


@pytest.mark.fault("F27")
def test_csv_holds_numbers_and_leaves_absent_ones_empty():
    columns = (Column("cell", "cell"), Column("acc", "accuracy (%)"), Column("source", "source"))
    rows = (
        ("a", Number(0.5, 0.25, 0.75, 3, "percent"), Number(0.4)),
        ("b", Number(0.5, n=1), "—"),
        ("c", "2 diverged", "—"),
        ("d", Number(float("nan"), n=3), "—"),
    )
    lines = list(csv.DictReader(io.StringIO(render.csv(Table("t", columns, rows)))))
    assert lines[0] == {"cell": "a", "acc": "0.5", "acc low": "0.25", "acc high": "0.75", "acc n": "3", "source": "0.4"}
    assert (lines[1]["acc low"], lines[1]["acc n"]) == ("", "1")
    assert (lines[2]["acc"], lines[2]["acc n"]) == ("2 diverged", "")
    assert lines[3]["acc"] == ""


@pytest.mark.fault("F27")
def test_counts_are_numbers_to_programs_and_have_commas_for_readers():
    table = plain_table("t", ("what", "rows"), [("lost", 1200), ("found", 0)])
    assert render.as_json(table)["rows"] == [{"what": "lost", "rows": 1200}, {"what": "found", "rows": 0}]
    assert render.csv(table).splitlines()[1:] == ["lost,1200", "found,0"]
    for format_name in ("table", "md", "latex"):
        assert "1,200" in render.FORMATS[format_name](table)
    assert render.plain(table).splitlines()[-1] == "found        0"
    assert '<td class="number" data-sort="1200">1,200</td>' in str(table_markup(table, "t"))


def test_json_is_strict():
    table = Table("t", (Column("x", "x"),), ((Number(float("nan"), float("-inf"), float("inf"), 3),),))
    value = json.loads(render.json_text(table), parse_constant=pytest.fail)["rows"][0]["x"]
    assert (value["mean"], value["low"], value["high"], value["n"]) == (None, None, None, 3)


@pytest.mark.parametrize("format_name", render.FORMATS)
def test_tables_without_rows_are_written(format_name):
    assert render.FORMATS[format_name](plain_table("nothing", ["a", "b"], []))


def test_the_best_is_bold():
    table = Table("t", (Column("x", "x"),), ((Number(1.0, best=True),), (Number(2.0),)))
    assert "**1.00**" in render.markdown(table)
    assert "**2.00**" not in render.markdown(table)
    assert r"\textbf{1.00}" in render.latex(table)


def test_latex_writes_exponents_and_minus_as_mathematics():
    table = Table("t", (Column("x", "x"),), ((Number(-1.5e-7, -2.5e-7, -0.5e-7, 3),),))
    assert r"$-$1.50$\times 10^{-7}$ $\pm$ 1.0$\times 10^{-7}$" in render.latex(table)
