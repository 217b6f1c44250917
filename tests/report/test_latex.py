"""Every table of a report in a real LaTeX, which stops at the first error and may run no other program."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from bench.report.latex import MOST_ROWS, latex
from bench.report.table import Column, Number, Table, plain_table
from bench.report.write import write_report
from tests.report.hostile import HOSTILE as MARKUP
from tests.report.hostile import hostile_registry, hostile_suite
from tests.report.synthetic import Memory, architectures, batch_sizes
from tests.report.test_escape import HOSTILE
from tests.report.test_write import SUITE

PDFLATEX = shutil.which("pdflatex")
compiled = pytest.mark.skipif(PDFLATEX is None, reason="there is no pdflatex; on Debian: apt-get install texlive-latex-recommended")
LETTERS = "数据 αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ äöüßéñçŁőžĳ e\u0301 ſ¸ħ ∞≈≠≤≥√±×−–—… 😀 ‘’“”†‡•‰€™ −1 ½ µ° ,, '' -- ?` !` << >>"


def typeset(tables, folder):
    """The pages of a document that takes the tables and follows what their comments say of its preamble, and its log.

    Raises:
        AssertionError: with the end of the log, if LaTeX stops.
    """
    needed = dict.fromkeys(line.removeprefix("%").strip() for text in tables for line in text.splitlines() if re.match(r"%\s+\\usepackage", line))
    body = "\n\\clearpage\n".join(tables)
    document = "\n".join([r"\documentclass{article}", *needed, r"\begin{document}", "x", body, r"\listoftables", r"\end{document}"])
    (folder / "all.tex").write_text(document, encoding="utf-8")
    command = [PDFLATEX, "-no-shell-escape", "-halt-on-error", "-interaction=nonstopmode", "all.tex"]
    for _ in range(2):  # the second time it reads the captions that it has written
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=300)
        assert done.returncode == 0, done.stdout[-2000:]
    return int(re.findall(r"Output written on all\.pdf \((\d+) pages?", done.stdout.replace("\n", ""))[0]), done.stdout


def report(registry, suite, folder):
    write_report(registry, lambda name, digest: suite, folder)
    files = sorted(folder.rglob("*.tex"))
    assert files
    return [file.read_text(encoding="utf-8") for file in files]


@compiled
@pytest.mark.parametrize("text", [MARKUP, LETTERS, r"\input{/etc/passwd}\write18{ls}\end{table}%^^M&#$~_"])
def test_a_report_of_hostile_names_is_typeset(tmp_path, text):
    (tmp_path / "tex").mkdir()
    typeset(report(hostile_registry(text), hostile_suite(text), tmp_path / "report"), tmp_path / "tex")


@pytest.mark.fault("F49")
@compiled
def test_hostile_texts_are_typeset_wherever_they_stand(tmp_path):
    texts = [*HOSTILE, LETTERS]
    rows = [(text, Number(-1.5e-7, -2.5e-7, 0.5, 3, unit="×", best=True, note="n = 3")) for text in texts]
    typeset([latex(Table(text, (Column("k", text, text), Column("n", text)), tuple(rows[:3]), (text,))) for text in texts], tmp_path)
    typeset([latex(Table("all", (Column("k", "text"), Column("n", "number")), tuple(rows)))], tmp_path)


@compiled
def test_a_usual_report_fits_its_pages(tmp_path):
    (tmp_path / "tex").mkdir()
    tables = report(Memory(architectures(), {}), SUITE, tmp_path / "report")
    _, log = typeset(tables, tmp_path / "tex")
    assert "Overfull" not in log
    assert "Float too large" not in log


@compiled
def test_a_table_that_is_longer_than_a_page_is_broken_into_pages(tmp_path):
    (tmp_path / "tex").mkdir()
    tables = report(Memory(batch_sizes(range(1, 131)), {}), None, tmp_path / "report")
    pages, log = typeset(tables, tmp_path / "tex")
    assert pages > 3
    assert "Float too large" not in log


@pytest.mark.parametrize(("rows", "environment"), [(MOST_ROWS, "table"), (MOST_ROWS + 1, "longtable")])
def test_what_is_needed_is_said_at_the_top(rows, environment):
    text = latex(plain_table("t", ["a"], [["x"]] * rows))
    head = [line for line in text.splitlines() if line.startswith("%")]
    assert (r"%   \usepackage{longtable}" in head) == (environment == "longtable")
    assert r"%   \usepackage{array}" not in head
    assert rf"\begin{{{environment}}}" in text


def test_long_texts_are_wrapped_and_long_titles_broken():
    text = latex(Table("t", (Column("a", "a claim"), Column("b", "generalization gap (%) ↓")), (("word " * 20, Number(0.5, 0.4, 0.6, 3)),)))
    assert r"\begin{tabular}{>{\raggedright\arraybackslash}p{0.40\linewidth}r}" in text
    assert r"\shortstack[r]{generalization\\gap (\%) $\downarrow$}" in text
    assert r"%   \usepackage{array}" in text
