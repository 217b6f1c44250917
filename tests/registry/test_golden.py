"""Registries that earlier versions of the schema wrote are read as they were meant.

``golden/registry`` has one for each form that the schema has had, with what was written as JSON. When columns change,
``BENCH_GOLDEN=write python -m pytest tests/registry/test_golden.py`` adds one; those that are there are never written anew.
"""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from bench.metric import Metric
from bench.registry.rows import table_from_rows
from bench.registry.schema import TABLES, arrow_schema
from bench.registry.store import Registry

GOLDEN = Path(__file__).parents[1] / "golden" / "registry"
FIRST = datetime(2026, 1, 1, 12, 30, 15, 250_000, tzinfo=UTC)
METRICS = [
    Metric("test_accuracy", "", "higher", "points", "share of test samples that are classified rightly", "test"),
    Metric("sharpness", "1", "lower", "log", "of the filter", version=2, family="sharpness"),
]
PARAMETERS = {"model.width": "int64", "optimizer.lr": "float64", "model": "string", "optimizer.nesterov": "bool"}
AXES = ["dropout"]


def value(column, number: int):
    """A value of a column that no other row has, or NULL in every second row where that is allowed."""
    if column.nullable and number % 2:
        return None
    made = {
        "string": f"{column.name} ü{number}",
        "int64": 2**40 + number,
        "float64": 0.1 + number,
        "bool": number % 4 == 0,
        "timestamp": FIRST + timedelta(seconds=number),
    }
    return made[column.type]


def rows_of(table: str) -> list[dict]:
    rows = [{column.name: value(column, number) for column in TABLES[table]} for number in range(4)]
    for number, row in enumerate(rows):
        row["row"] = f"row{number}"
        if table == "runs":
            row |= {"suite": "golden", "profile": "quick", "status": ["ok", "crashed"][number % 2], "reused_from": None, "generation": number // 2}
            row |= {"axis.dropout": "0.5", "hp.model.width": number, "hp.optimizer.lr": 0.25, "hp.model": "fnn", "hp.optimizer.nesterov": True}
            row |= {"test_accuracy": 0.5 + number / 8, "sharpness": None if number % 2 else 1e-30}
    return rows


def table_of(table: str, rows: list[dict]):
    schema = arrow_schema(table, AXES, PARAMETERS, METRICS) if table == "runs" else arrow_schema(table)
    return table_from_rows(schema, rows)


def write(root: Path) -> None:
    """A registry of the present schema, in two packs of two runs, and what it holds."""
    registry = Registry(root)
    registry.prepare()
    registry.store_suite("title: Golden\nversion: 1\n")
    written = {table: rows_of(table) for table in TABLES}
    for pack in range(2):
        tables = {table: table_of(table, rows[2 * pack : 2 * pack + 2]) for table, rows in written.items()}
        registry.append(f"golden.quick.p{pack}", tables)
    (root / "expected.json").write_text(json.dumps(written, default=str, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def columns_of(root: Path) -> dict[str, set[str]]:
    return {table: set(rows[0]) for table, rows in json.loads((root / "expected.json").read_text(encoding="utf-8")).items()}


def present() -> dict[str, set[str]]:
    return {table: set(rows_of(table)[0]) for table in TABLES}


def roots() -> list[Path]:
    return sorted(GOLDEN.iterdir(), key=lambda root: int(root.name)) if GOLDEN.is_dir() else []


@pytest.mark.fault("F22")
def test_every_form_of_the_schema_has_a_golden_registry():
    if os.environ.get("BENCH_GOLDEN") == "write" and (not roots() or columns_of(roots()[-1]) != present()):
        write(GOLDEN / str(len(roots()) + 1))
    assert columns_of(roots()[-1]) == present()


@pytest.mark.fault("F22")
@pytest.mark.parametrize("root", roots(), ids=lambda root: root.name)
def test_what_an_earlier_version_wrote_is_read_as_it_was_meant(root, tmp_path):
    shutil.copytree(root, tmp_path / "results")
    registry = Registry(tmp_path / "results")
    expected = json.loads((root / "expected.json").read_text(encoding="utf-8"))
    assert registry.verify() == []
    for table, rows in expected.items():
        frame = registry.table(table)
        assert len(frame) == len(rows)
        for number, row in enumerate(rows):
            for name, wanted in row.items():
                found = frame[name][number]
                assert (None if pd.isna(found) else str(found)) == (None if wanted is None else str(wanted)), (table, name)
        unknown_then = set(frame.columns) - set(rows[0])
        assert frame[sorted(unknown_then)].isna().all(axis=None)
    assert set(registry.runs()["row"]) == {"row0", "row1", "row2", "row3"}
    assert registry.metrics()["sharpness"] == METRICS[1]
    assert list(registry.states()["rows"]) == [1, 1, 1, 1]


@pytest.mark.fault("F22")
@pytest.mark.parametrize("root", roots(), ids=lambda root: root.name)
def test_a_registry_of_an_earlier_version_is_added_to_and_compacted(root, tmp_path):
    shutil.copytree(root, tmp_path / "results")
    registry = Registry(tmp_path / "results")
    registry.prepare()
    rows = [{**row, "row": f"new{number}", "generation": 9} for number, row in enumerate(rows_of("runs"))]
    registry.append("golden.quick.new", {"runs": table_of("runs", rows)})
    before = {table: registry.table(table) for table in TABLES}
    registry.compact()
    assert registry.faults == []
    for table, frame in before.items():
        after = registry.table(table).sort_values("row", ignore_index=True)
        pd.testing.assert_frame_equal(after, frame.sort_values("row", ignore_index=True), check_like=True)
