"""Exports: what is missing stays missing, and no text becomes a formula."""

from __future__ import annotations

import csv
import errno

import duckdb
import pandas as pd
import pytest

from bench import files
from bench.errors import StorageError
from bench.registry.export import write


@pytest.fixture
def filled(registry, runs):
    """A run that is ok and one that diverged, which has no numbers."""
    diverged = {"row": "b", "run_id": "b", "status": "diverged", "reason": "=1+1", "test_accuracy": None}
    registry.append("tricks.quick.p1", {"runs": runs({"row": "a", "run_id": "a", "test_accuracy": 0.5, "reason": None}, diverged)})
    return registry


@pytest.mark.fault("F26")
@pytest.mark.fault("F27")
def test_a_number_that_is_not_there_is_empty_or_null(filled, tmp_path):
    for name in ("out.csv", "out.parquet", "out.duckdb"):
        assert write(filled, tmp_path / name) == 2
    with (tmp_path / "out.csv").open(newline="") as stream:
        assert [row["test_accuracy"] for row in csv.DictReader(stream)] == ["0.5", ""]
    assert pd.read_parquet(tmp_path / "out.parquet", dtype_backend="pyarrow")["test_accuracy"].isna().tolist() == [False, True]
    with duckdb.connect(tmp_path / "out.duckdb") as connection:
        # Sorted from the largest, what is missing is not the best.
        best = connection.execute("SELECT run_id FROM runs WHERE test_accuracy IS NOT NULL ORDER BY test_accuracy DESC").fetchall()
        assert best == [("a",)]
        assert connection.execute("SELECT avg(test_accuracy), count(*) FROM runs").fetchall() == [(0.5, 2)]


@pytest.mark.fault("F50")
@pytest.mark.parametrize(("raw", "shown"), [(False, "'=1+1"), (True, "=1+1")])
def test_a_text_is_no_formula_unless_it_is_wanted_raw(filled, tmp_path, raw, shown):
    write(filled, tmp_path / "out.csv", raw_csv=raw)
    with (tmp_path / "out.csv").open(newline="") as stream:
        assert [row["reason"] for row in csv.DictReader(stream)] == ["", shown]


@pytest.mark.fault("F9")
@pytest.mark.parametrize("name", ["out.csv", "out.parquet", "out.duckdb"])
def test_an_export_that_the_disk_refuses_leaves_the_older_one(filled, tmp_path, monkeypatch, name):
    path = tmp_path / name
    path.write_bytes(b"older")

    def refuse(system, descriptor, content):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(files.System, "write", refuse)
    with pytest.raises(StorageError, match="no space is left on the disk at"):
        write(filled, path, replace=True)
    assert path.read_bytes() == b"older"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [name, "results"]
