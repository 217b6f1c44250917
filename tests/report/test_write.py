from __future__ import annotations

import re

import pandas as pd
import pytest

from bench import yaml
from bench.errors import NothingError
from bench.report.document import provenance
from bench.report.write import write_report
from bench.suite import from_document
from tests.report.synthetic import Memory, architectures, batch_sizes, frame, functions, history, landscape, run_row

TEXT = """
title: A demo
version: 1
source: Nobody, 2024
experiments:
  batch-size:
    title: Batch size
    figure: "1.5"
    grid: {batch_size: [16, 64, 256]}
    claims:
      small-is-better:
        text: Small batches generalize better
        profiles: [quick]
        metric: test_loss
        contrast: {batch_size: 16}
        against: {batch_size: 256}
        says: {ratio: "< 1"}
  architectures: {grid: {dropout: [0.0, 0.2]}}
  later: {grid: {dropout: [0.0, 0.2]}}
tables:
  accuracy: {experiment: architectures, rows: [model], columns: {with dropout: "dropout>0", without: "dropout=0"}, values: [test_accuracy]}
figures:
  growth: {experiment: batch-size, kind: curves, y: [test_loss], by: [batch_size]}
  absent: {experiment: batch-size, kind: landscape}
"""
SUITE = from_document("demo", yaml.parse(TEXT))


@pytest.fixture(scope="module")
def registry():
    one, other = batch_sizes(), architectures()
    tables = {"history": history(one), "landscape": landscape(other), "functions": functions(one).head(0)}
    return Memory(pd.concat([one, other], ignore_index=True), tables)


@pytest.fixture(scope="module")
def written(registry, tmp_path_factory):
    out = tmp_path_factory.mktemp("report")
    write_report(registry, lambda name, digest: SUITE, out)
    return out


def content(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_every_table_and_figure_has_its_files(written):
    tables = [
        f"demo/quick/tables/{name}.{ending}" for name in ("accuracy", "cells-architectures", "cells-batch-size", "claims") for ending in ("csv", "md", "tex")
    ]
    figures = [f"demo/quick/figures/{name}.{ending}" for name in ("architectures-landscape", "growth") for ending in ("png", "svg")]
    assert sorted(content(written)) == sorted(["index.html", "index.md", "demo/quick/report.html", "demo/quick/report.md", *tables, *figures])


def test_the_page_says_what_was_found_and_where_it_comes_from(written):
    page = (written / "demo/quick/report.md").read_text(encoding="utf-8")
    for piece in (
        "# A demo\n",
        "Source: Nobody, 2024",
        "20 of 21 runs are ok; 1 diverged.",
        "No runs yet of: later.",
        "small-is-better: Small batches generalize better",
        "| reproduced ",
        "**95.00 ± 1.24**",
        "Figure or table of the source: 1.5",
        "| architectures | model = vgg9, dataset = cifar10, dropout = 0.2 | 2       | diverged | loss is not finite |",
        "aaaaaaaaaaaa, 2024-05-01",
        "2.15.0",
        "absent: no rows of landscape from runs that are ok",
    ):
        assert piece in page


def test_every_row_is_counted_where_the_numbers_come_from():
    runs = batch_sizes()
    runs.loc[runs["seed"] == 0, ["torch", "dirty"]] = [None, True]
    lines = provenance(runs).rows
    for what in ("commit", "code", "torch", "machine", "data"):
        assert sum(int(count) for name, _, count in lines if name == what) == len(runs)
    assert ("torch", "—", 3) in lines
    assert [(value.endswith("not committed"), count) for name, value, count in lines if name == "commit"] == [(False, 6), (True, 3)]


def test_every_link_leads_to_a_file(written):
    for page in ("index.md", "demo/quick/report.md"):
        text = (written / page).read_text(encoding="utf-8")
        links = re.findall(r"\]\(([^)]+)\)", text)
        assert links
        assert [link for link in links if not ((written / page).parent / link).is_file()] == []


def test_the_same_rows_in_another_order_give_the_same_bytes(registry, written, tmp_path):
    shuffled = Memory(
        registry.frame.sample(frac=1, random_state=1).reset_index(drop=True),
        {name: table.sample(frac=1, random_state=2) for name, table in registry.tables.items()},
    )
    write_report(shuffled, lambda name, digest: SUITE, tmp_path)
    assert content(tmp_path) == content(written)


def test_a_report_replaces_an_older_one(registry, written, tmp_path):
    (tmp_path / "demo/quick").mkdir(parents=True)
    (tmp_path / "demo/quick/report.md").write_text("old")
    write_report(Memory(registry.frame, {}), lambda name, digest: SUITE, tmp_path)
    assert "# A demo" in (tmp_path / "demo/quick/report.md").read_text(encoding="utf-8")
    assert not list(tmp_path.rglob(".tmp-*"))


def test_without_a_suite_file_experiments_have_their_tables_and_figures(tmp_path):
    runs = batch_sizes([16], seeds=2)
    write_report(Memory(runs, {"functions": functions(runs)}), lambda name, digest: None, tmp_path)
    page = (tmp_path / "demo/quick/report.md").read_text(encoding="utf-8")
    assert "The suite file is lost" in page
    assert "figures/batch-size-fits.png" in page
    assert "## Claims" not in page


def test_the_suite_is_asked_for_with_the_digest_of_the_newest_rows(tmp_path):
    runs = batch_sizes([16], seeds=1)
    newer = runs.assign(row="", suite_digest="1" * 64, seed=1, written=pd.Timestamp("2024-06-01", tz="UTC"))
    asked = []
    write_report(Memory(pd.concat([runs, newer], ignore_index=True), {}), lambda *given: asked.append(given), tmp_path)
    assert asked == [("demo", "1" * 64)]


def test_rows_of_other_versions_and_experiments_are_said(tmp_path):
    runs = pd.concat([batch_sizes(suite_version=3), batch_sizes().assign(experiment="gone")], ignore_index=True)
    write_report(Memory(runs, {}), lambda name, digest: SUITE, tmp_path)
    page = (tmp_path / "demo/quick/report.md").read_text(encoding="utf-8")
    assert "There are rows of version 3 of the suite; the suite file is version 1." in page
    assert "Not in the suite file, and not shown: gone." in page
    assert "the rows are of another version of the suite" in page


def test_rows_of_code_that_has_changed_since_are_said(tmp_path):
    rows = batch_sizes().assign(code_files='{"seeding.py": "0"}')
    write_report(Memory(rows, {"history": history(rows)}), lambda name, digest: SUITE, tmp_path)
    folder = tmp_path / "demo" / "quick"
    for page in ("report.md", "report.html"):
        assert f"{len(rows)} runs of {len(rows)}; bench plan says which" in (folder / page).read_text(encoding="utf-8")


def test_rows_that_cannot_be_judged_still_make_a_report(tmp_path):
    twice = pd.concat([batch_sizes(), batch_sizes().assign(cell_id="f" * 64)], ignore_index=True)
    write_report(Memory(twice, {}), lambda name, digest: SUITE, tmp_path)
    page = (tmp_path / "demo/quick/report.md").read_text(encoding="utf-8")
    assert "The claims are not judged: demo / quick / batch-size" in page
    assert "## Experiments" in page


def test_missing_seeds_are_listed(tmp_path):
    runs = batch_sizes()
    write_report(Memory(runs[(runs["axis.batch_size"] == "16") | (runs["seed"] == 0)], {}), lambda name, digest: SUITE, tmp_path)
    page = (tmp_path / "demo/quick/report.md").read_text(encoding="utf-8")
    assert "| batch-size   | batch size = 64  | 1–2     | missing  | —        |" in page


def test_variants_are_apart(tmp_path):
    runs = pd.concat([batch_sizes([16]), batch_sizes([16], variant="optimizer.lr=1")], ignore_index=True)
    (*_, plain) = write_report(Memory(runs, {}), lambda name, digest: None, tmp_path)
    (*_, varied) = write_report(Memory(runs, {}), lambda name, digest: None, tmp_path, variant="optimizer.lr=1")
    assert plain.parent != varied.parent
    assert "variant optimizer.lr=1" in varied.read_text(encoding="utf-8")
    assert "without --set; bench report shows it." in (tmp_path / "index.md").read_text(encoding="utf-8")
    write_report(Memory(runs, {}), lambda name, digest: None, tmp_path)
    assert "variant optimizer.lr=1; bench report --variant optimizer.lr=1 shows it." in (tmp_path / "index.html").read_text(encoding="utf-8")


@pytest.mark.fault("F45")
@pytest.mark.parametrize("name", ["../../escape", "a/b", "/absolute", "", "x\ny"])
def test_hostile_names_never_become_paths(tmp_path, name):
    out = tmp_path / "deep" / "out"
    odd = frame(
        [run_row("e", {}, 0, suite=name, test_loss=1.0), run_row(name, {}, 0, suite="fine", test_loss=1.0), run_row("e", {}, 0, suite="fine", test_loss=1.0)]
    )
    write_report(Memory(odd, {}), lambda name, digest: None, out)
    assert {path.relative_to(tmp_path).parts[:2] for path in tmp_path.rglob("*") if path.is_file()} == {("deep", "out")}
    assert {path.name for path in out.iterdir()} == {"index.html", "index.md", "fine"}
    assert "Not shown" in (out / "index.md").read_text(encoding="utf-8")


def test_nothing_to_report_is_said(tmp_path):
    varied = batch_sizes().assign(variant="x=2 y=1")
    for rows, variant, told in (
        (batch_sizes(), "x=1", "there are no rows of variant 'x=1'\n  Its variants, as --variant takes them: none but the default."),
        (varied, "", "there are no rows without --set\n  Its variants, as --variant takes them: 'x=2 y=1'."),
        (batch_sizes().head(0), "", "the registry has no rows\n  Run a suite: bench run SUITE."),
    ):
        with pytest.raises(NothingError) as wrong:
            write_report(Memory(rows, {}), lambda name, digest: None, tmp_path, variant=variant)
        assert str(wrong.value) == told
