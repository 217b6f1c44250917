"""The same answers through bench, pandas and duckdb, by the very texts of docs/registry.md, before and after compaction."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

import bench
from bench.registry.store import Registry
from tests.registry.tables import Quick
from tests.registry.worlds import Pack, Row, build

DOCUMENT = (Path(__file__).parents[2] / "docs" / "registry.md").read_text(encoding="utf-8")
CELL = ["suite", "profile", "variant", "experiment", "commit", "cell_id"]
A, B = "a" * 40, "b" * 40


def block(name):
    [text] = re.findall(rf"<!-- {name} -->\n```\w+\n(.*?)```", DOCUMENT, re.DOTALL)
    return text


def row(run, generation=0, status="ok", accuracy=0.5, curve=2, reused=False):
    return Row(run, generation, status, accuracy, curve, reused)


WORLD = [
    Pack([row(0), row(1, accuracy=0.25), row(2, status="diverged", accuracy=None, curve=1)], "tricks", A, "int64", 1, orphan=False),
    # Run again by force; crashed when tried again, so the earlier row stands; a generation that crashed and stands all the same.
    Pack([row(0, generation=1, accuracy=0.75), row(1, status="crashed", accuracy=None, curve=0)], "tricks", A, "int64", 1, orphan=False),
    Pack([row(1, generation=2, status="out_of_memory", accuracy=None, curve=0)], "tricks", A, "float64", 2, orphan=False),
    # At another commit, reused; in no repository; without the metric; and one whose file of runs was never written.
    Pack([row(0, reused=True, accuracy=0.5, curve=0)], "tricks", B, "float64", 1, orphan=False),
    Pack([row(0), row(3, accuracy=None)], "dropout", None, "int64", 0, orphan=False),
    Pack([row(0, generation=5, accuracy=1.0, curve=3)], "tricks", A, "int64", 1, orphan=True),
]


@pytest.fixture(params=["as written", "compacted", "compacted, but not cleared"])
def registry(request, tmp_path, monkeypatch):
    """Registries of the same rows."""
    monkeypatch.chdir(tmp_path)
    made = build(tmp_path / "results", WORLD)
    old = {path: path.read_bytes() for path in made.root.rglob("*.parquet")}
    if request.param != "as written":
        assert made.compact().before > 0
    if "not" in request.param:
        for path, content in old.items():
            path.write_bytes(content)
    return Registry(made.root, Quick())


@pytest.fixture
def database(registry):
    """A database with the views of the document."""
    with duckdb.connect() as connection:
        connection.execute(block("registry-duckdb"))
        yield connection


@pytest.fixture
def names(registry):
    """What the document's lines for pandas define."""
    found = {}
    exec(block("registry-pandas"), found)  # noqa: S102 - what the document says is run
    return found


def as_set(frame, columns):
    return set(frame[columns].astype(object).where(frame[columns].notna(), None).itertuples(index=False, name=None))


def listed(database, view, columns):
    quoted = ", ".join(f'"{name}"' for name in columns)
    return database.sql(f"SELECT {quoted} FROM {view}").fetchall()


def means(frame):
    grouped = frame.groupby(CELL, dropna=False).test_accuracy.agg(["mean", "count"]).reset_index()
    return as_set(grouped, [*CELL, "mean", "count"])


def test_the_clean_view_is_the_same(registry, database, names):
    columns = ["row", "suite", "status", "generation", "test_accuracy", "reused_from"]
    expected = as_set(bench.read_results(registry.root), columns)
    assert {name for name, *_ in expected} == {"p1r0", "p2r0", "p0r2", "p3r0", "p4r0", "p4r1"}
    assert set(listed(database, "results", columns)) == expected
    assert as_set(names["results"], columns) == expected
    assert len(names["results"]) == len(listed(database, "results", columns)) == len(expected)


def test_the_mean_accuracy_of_each_cell_is_the_same(registry, database, names):
    expected = means(bench.read_results(registry.root))
    assert ("tricks", "quick", "text", "text", A, "text", 0.75, 1) in expected
    assert set(database.sql(block("registry-duckdb-cells")).fetchall()) == expected
    assert means(names["results"]) == expected


def test_the_counts_by_status_are_the_same(registry, database, names):
    expected = {"ok": 4, "diverged": 1, "out_of_memory": 1}
    assert bench.read_results(registry.root)["status"].value_counts().to_dict() == expected
    assert dict(database.sql(block("registry-duckdb-status")).fetchall()) == expected
    assert names["results"]["status"].value_counts().to_dict() == expected


def test_the_curves_are_the_same_those_of_reused_rows_too(registry, database, names):
    columns = ["of", "row", "metric", "step", "value"]
    expected = as_set(registry.curves("history", registry.runs()), columns)
    assert ("p3r0", "p0r0", "train_loss", 1, 0.25) in expected
    assert not any(name.startswith("p5") for _, name, *_ in expected)
    assert set(listed(database, "curves", columns)) == expected
    assert as_set(names["curves"], columns) == expected
    assert len(names["curves"]) == len(listed(database, "curves", columns)) == len(registry.curves("history", registry.runs())) == len(expected)


def test_the_folders_of_the_document_exist(registry):
    named = re.findall(r"`(\w+)/`", DOCUMENT)
    # Weights are there only where a suite keeps them.
    assert {"runs", "history", "suites", "weights"} <= set(named) - {"results"} <= {path.name for path in registry.root.iterdir()} | {"weights"}
