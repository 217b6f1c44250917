"""Small tables, and everything that a registry answers, for the tests of this folder."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pandas as pd

from bench import files
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


class Quick(files.System):
    """Waits for no disk."""

    def fsync(self, descriptor):
        """Return at once."""

    def sync_folder(self, path):
        """Return at once."""


def content(root):
    """Every file of a registry and its bytes."""
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def in_order(frame):
    """Rows in an order that follows from what they hold."""
    keys = [name for name in ("of", "row", "metric", "step") if name in frame]
    return frame.sort_values(keys, kind="stable", ignore_index=True)


def answers(root, commits=("a" * 40, "b" * 40)):
    """Everything that a registry answers, whatever files its rows lie in."""
    registry = Registry(root)
    runs = registry.runs()
    found = {f"table {name}": in_order(registry.table(name)) for name in TABLES}
    found |= {"runs": in_order(runs), "states": registry.states(), "rows": in_order(registry.rows(set(runs["row"])))}
    found |= {f"runs of {commit[:1]}": in_order(registry.runs(commits=[commit])) for commit in commits}
    found |= {"curves": in_order(registry.curves("history", runs)), "metrics": registry.metrics()}
    return found, {(fault.path.parent.name, _whatever_type(fault.reason)) for fault in registry.verify()}


def _whatever_type(reason):
    """A reason without the type that a file has: two that cannot be used, of whole numbers and of others, may become one of float64."""
    return re.sub(r" is \w+ here ", " is here ", reason)


def assert_same(found, expected):
    """Check that two results of `answers` are equal, to the last type."""
    assert found[1] == expected[1]
    assert found[0].keys() == expected[0].keys()
    for name, answer in found[0].items():
        if name == "metrics":
            assert answer == expected[0][name]
        else:
            pd.testing.assert_frame_equal(answer, expected[0][name], obj=name)
