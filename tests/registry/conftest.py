"""Registries and rows for the tests of this folder."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bench.metric import Metric
from bench.registry.rows import table_from_rows
from bench.registry.schema import TABLES, arrow_schema
from bench.registry.store import Registry

WRITTEN = datetime(2026, 1, 1, tzinfo=UTC)
VALUES = {"string": "text", "int64": 1, "float64": 0.5, "bool": False, "timestamp": WRITTEN}
ACCURACY = Metric("test_accuracy", "", "higher", "points", "share of test samples that are classified rightly", "test")


def a_row(**given):
    """A row of runs: every fixed column that needs a value has one."""
    row = {column.name: VALUES[column.type] for column in TABLES["runs"] if not column.nullable}
    return row | {"row": "r0", "suite": "tricks", "profile": "quick", "status": "ok", "generation": 0} | given


def some_runs(*rows, metrics=(ACCURACY,), parameters=None, axes=()):
    """The table of runs that holds such rows."""
    return table_from_rows(arrow_schema("runs", axes, parameters, metrics), [a_row(**row) for row in rows])


def a_history(*rows):
    """The table of histories with rows of (row, step, value)."""
    keys = {"run_id": "x", "epoch": 1.0, "metric": "train_loss"}
    return table_from_rows(arrow_schema("history"), [{"row": row, "step": step, "value": value, **keys} for row, step, value in rows])


@pytest.fixture
def registry(tmp_path):
    """A registry that is ready and empty."""
    made = Registry(tmp_path / "results")
    made.prepare()
    return made


@pytest.fixture
def runs():
    """Makes tables of runs."""
    return some_runs


@pytest.fixture
def history():
    """Makes tables of histories."""
    return a_history
