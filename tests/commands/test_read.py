"""Comparing, judging, reporting, exporting."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from bench import read_results
from bench.analysis import claims
from tests.commands.conftest import ROOT, Project


def test_compare_names_the_changed_setting(project: Project) -> None:
    project.run()
    project.edit("{name: sgd, lr: 0.1}", "{name: sgd, lr: 0.3}")
    project.commit("another learning rate")
    project.run()
    outcome = project.bench("compare", "HEAD~1", "HEAD")
    assert outcome.code == 0, outcome.err
    assert "optimizer.lr: 0.1 -> 0.3" in outcome.out.replace("→", "->")
    assert "[" in outcome.out
    rows = json.loads(project.bench("compare", "HEAD~1..HEAD", "--format", "json").out)["rows"]
    cells = {(row["where"], row["metric"]) for row in rows}
    assert any("dropout=0.5" in where and "test accuracy" in metric for where, metric in cells)


def test_a_variant_is_compared_with_the_plain_rows_of_its_commit(project: Project) -> None:
    project.run("-e", "again")
    project.run("-e", "again", "--set", "optimizer.lr=0.001", "--set", "seeds=4")
    words = ("--set", "optimizer.lr=0.001", "--set", "seeds=4", "--base-variant", "")
    outcome = project.bench("compare", "HEAD", *words, "--format", "json")
    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)
    assert ", without --set → HEAD" in found["title"]
    assert "Changed setting, again: optimizer.lr: 0.1 -> 0.001 (1 cell)" in found["notes"]
    loss = next(row for row in found["rows"] if row["metric"] == "train loss")
    assert loss["base"]["mean"] < loss["head"]["mean"]
    assert loss["n"] == 3
    assert project.bench("compare", "HEAD", "HEAD", *words, "--format", "json").out == outcome.out
    refused = project.bench("compare", "HEAD", *words, "--run")
    assert (refused.code, "--base-variant '' only names rows that are there" in refused.err) == (2, True)


def test_a_harmful_change_crosses_the_gate(project: Project) -> None:
    project.edit("seeds: 3}", "seeds: 6}")
    project.edit("epochs: 1,", "epochs: 6,")
    project.commit("more seeds")
    project.run("-e", "again")
    project.edit("{name: sgd, lr: 0.1}", "{name: sgd, lr: 0.0001}")
    project.commit("far too slow")
    project.run("-e", "again")
    harmful = project.bench("compare", "HEAD~1", "HEAD", "--fail-on", "test_accuracy:0.5pp")
    assert harmful.code == 1
    assert "crossed" in harmful.out
    useful = project.bench("compare", "HEAD", "HEAD~1", "--fail-on", "test_accuracy:0.5pp")
    assert useful.code == 0, useful.out
    chosen = project.bench("compare", "HEAD~1", "HEAD", "--fail-on", "test_accuracy:0.5pp:optimizer=sgd,optimizer.lr>0.01")
    assert (chosen.code, "crossed" in chosen.out) == (1, True), "cells are chosen by settings of base"
    elsewhere = project.bench("compare", "HEAD~1", "HEAD", "--fail-on", "test_accuracy:0.5pp:experiment=grid")
    assert (elsewhere.code, "no common cell is experiment=grid" in elsewhere.err) == (2, True)
    strict = project.bench("compare", "HEAD", "HEAD~1", "--strict", "--fail-on", "test_loss:0.001%")
    assert (strict.code, "held" in strict.out) == (0, True), "all that is better is shown not to be worse"
    alone = project.bench("compare", "HEAD", "HEAD~1", "--strict")
    assert (alone.code, "--strict says how a gate is judged" in alone.err) == (2, True)


def test_identical_commits_are_said_to_be_identical(project: Project) -> None:
    project.run()
    Path("README.md").write_text("words\n")
    project.commit("a README")
    assert "9 trained before" in project.run().out
    outcome = project.bench("compare", "HEAD~1", "HEAD", "--fail-on", "test_accuracy:0.5pp")
    assert outcome.code == 0
    assert "identical" in outcome.out


def test_published_results_stand_beside_ours(project: Project) -> None:
    project.run("-e", "rates")
    assert "published" not in project.bench("claims", "small").out
    published = project.folder / "results" / "reference"
    project.bench("merge", str(project.folder / "results"), "--results", str(published))
    before = {path: path.read_bytes() for path in published.rglob("*") if path.is_file()}
    told = project.bench("claims", "small")
    assert (told.code, "Published: " in told.out) == (0, True)
    assert project.bench("report").code == 0
    assert "Published: " in (project.folder / "report" / "small" / "quick" / "report.md").read_text()
    assert {path: path.read_bytes() for path in published.rglob("*") if path.is_file()} == before
    damaged = next((published / "runs").iterdir())
    damaged.write_bytes(b"PAR1")
    torn = project.bench("claims", "small")
    assert (torn.code, damaged.name in torn.err) == (3, True)


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("HEAD",), 2, "two revisions are needed"),
        (("HEAD~1", "HEAD"), 2, "HEAD~1"),
        (("HEAD", "--upload-pack=x"), 2, ""),
        (("HEAD", "HEAD", "--fail-on", "test_acuracy:0.5pp"), 2, "Did you mean 'test_accuracy'?"),
        (("HEAD", "HEAD", "--fail-on", "test_accuracy"), 2, "test_accuracy"),
        (("HEAD", "HEAD", "--suite", "smal"), 5, "Did you mean 'small'?"),
        (("HEAD", "HEAD", "--variant", "epochs=9"), 5, "Its variants: none, which is the default."),
    ],
)
def test_compare_refuses(project: Project, words: tuple[str, ...], code: int, text: str) -> None:
    project.run("-e", "again")
    outcome = project.bench("compare", *words)
    assert outcome.code == code, outcome
    assert text in outcome.err


def test_claims_are_judged(project: Project) -> None:
    project.run("-e", "rates")
    outcome = project.bench("claims", "small")
    assert outcome.code == 0, outcome.err
    assert "reproduced" in outcome.out
    project.edit('says: {value: ">= 0.01"}', 'says: {value: "<= 0.01"}')
    outcome = project.bench("claims")
    assert outcome.code == 0  # the stored copy of the suite speaks: the file is given by path, not by name
    folder = Path("suites")
    folder.mkdir()
    project.suite.rename(folder / "small.yaml")
    outcome = project.bench("claims")
    assert outcome.code == 1
    assert "contradicted" in outcome.out


def test_a_claim_that_is_not_contradicted_among_all_of_its_suite_does_not_fail(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.edit('says: {value: ">= 0.01"}', 'says: {value: "<= 0.01"}')
    project.run("-e", "rates")
    assert project.bench("claims").code == 1
    judge = claims.judge
    monkeypatch.setattr(claims, "judge", lambda *given: [replace(verdict, adjusted=0.06) for verdict in judge(*given)])
    outcome = project.bench("claims")
    assert outcome.code == 0
    assert "contradicted" in outcome.out


def test_show_finds_a_run(project: Project) -> None:
    project.run("-e", "again")
    row = read_results("results").iloc[0]
    outcome = project.bench("show", row["run_id"][:10])
    assert outcome.code == 0
    assert "optimizer.lr" in outcome.out
    assert row["run_id"] in outcome.out
    assert project.bench("show", "zzzz").code == 2
    assert project.bench("show", "z").code == 2


def test_export_writes_the_clean_view(project: Project) -> None:
    import duckdb

    project.run("-e", "again")
    project.run("-e", "again", "--force")
    for name in ("out.parquet", "out.csv", "out.duckdb"):
        assert project.bench("export", name).code == 0
    wanted = read_results("results")["test_loss"].tolist()
    assert pd.read_parquet("out.parquet")["test_loss"].tolist() == wanted
    assert pd.read_csv("out.csv")["test_loss"].tolist() == pytest.approx(wanted)
    with duckdb.connect("out.duckdb") as connection:
        assert [row[0] for row in connection.execute("SELECT test_loss FROM runs").fetchall()] == wanted
    assert project.bench("export", "out.csv").code == 2
    assert project.bench("export", "out.txt").code == 2


def test_the_report_is_rebuilt_from_the_registry_alone(project: Project) -> None:
    project.run()
    before = {path.relative_to("report"): path.read_bytes() for path in Path("report").rglob("*") if path.is_file()}
    project.suite.unlink()
    outcome = project.bench("report", "--out", "again")
    assert outcome.code == 0, outcome.err
    after = {path.relative_to("again"): path.read_bytes() for path in Path("again").rglob("*") if path.is_file()}
    assert {path.name for path in after} >= {"report.md", "accuracy.md", "accuracy.tex", "accuracy.csv", "rates-curves.png", "rates-curves.svg"}
    assert after == before


READING = ("show {run}", "compare HEAD HEAD", "claims", "report", "export out.csv", "verify", "gc", "schema registry", "--help", "run --help")


def test_reading_never_imports_torch(project: Project) -> None:
    project.run("-e", "rates")
    run = read_results("results").iloc[0]["run_id"]
    lines = [f"call({command.format(run=run)!r}.split())" for command in READING]
    script = "\n".join(
        [
            "import sys",
            "class Refuse:",
            "    def find_spec(self, name, path=None, target=None):",
            "        if name.partition('.')[0] in ('torch', 'torchvision', 'torchtext', 'sklearn'):",
            "            raise ImportError(name + ' is imported')",
            "sys.meta_path.insert(0, Refuse())",
            "from bench.cli import main",
            "def call(words):",
            "    try:",
            "        main(words)",
            "    except SystemExit as end:",
            "        assert not end.code, (words, end.code)",
            *lines,
        ]
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=project.folder, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.fault("F59")
def test_training_without_torch_says_what_to_install(project: Project) -> None:
    script = "import sys; sys.modules['torch'] = None; from bench.cli import main; main(['run', 'small.yaml'])"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=project.folder, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True
    )
    assert done.returncode == 4
    assert "implicit-bench[train]" in done.stderr
