"""A measure of a user's own that fails: the run stands, and the fault is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import read_results
from bench.registry.store import Registry
from tests.commands.conftest import Project

MEASURE = '''
from bench.metric import Metric
from bench.parts.measures import Measured, View, measures

NORM = Metric("brittle_norm", "", "neither", "log", "A norm.")


@measures.register(metrics=(NORM,), table=None, tasks=("classification",), reference="")
def brittle(view: View) -> Measured:
    """A measure that breaks for one seed."""
    if view.seed == 1:
        raise ValueError("broken on purpose")
    return Measured({NORM.name: 1.0})
'''
WORDS = ("-e", "again", "--plugins", "brittle.py", "--set", "measures=[accuracy, brittle]")


@pytest.mark.fault("F56")
def test_the_run_stands_the_fault_is_told_and_nothing_is_trained_again_unless_asked(project: Project) -> None:
    Path("brittle.py").write_text(MEASURE)
    outcome = project.run(*WORDS)
    assert outcome.code == 1
    assert "(brittle failed: ValueError: broken on purpose)" in outcome.err
    assert "1 run: a measure failed" in outcome.err
    rows = read_results("results").sort_values("seed")
    assert list(rows["status"]) == ["ok"] * 3
    assert rows["test_accuracy"].notna().all()
    assert list(rows["brittle_norm"].isna()) == [False, True, False]
    remarks = [None if remark is None else json.loads(remark) for remark in rows["remarks"]]
    assert remarks == [None, {"brittle": "failed: ValueError: broken on purpose"}, None]
    assert "3 runs: 3 done" in project.run(*WORDS).out
    again = project.run(*WORDS, "--retry-failed")
    assert "2 done" in again.out
    assert again.code == 1


@pytest.mark.fault("F56")
@pytest.mark.parametrize(
    ("name", "row", "reason"),
    [
        ("of_text", '{"step": "one", "split": "test", "x": 0.5, "output": 1.0, "target": 1.0}', "column 'step' cannot hold one of its values as int64"),
        ("misspelt", '{"stpe": 1}', "the schema has no column 'stpe'"),
        ("lacking", '{"step": 1}', "column 'split' must have a value in every row"),
    ],
)
def test_rows_that_no_table_can_hold_are_left_out_and_told(project: Project, name: str, row: str, reason: str) -> None:
    text = MEASURE.replace("table=None", 'table="functions"').replace("brittle", f"brittle_{name}")
    Path("brittle.py").write_text(text.replace("NORM.name: 1.0}", f"NORM.name: 1.0}}, [{row}]").replace("view.seed == 1", "view.seed < 0"))
    outcome = project.run(*WORDS[:-1], f"measures=[accuracy, brittle_{name}]")
    assert outcome.code == 1, outcome.err
    assert f"failed: {reason}" in outcome.err
    rows = read_results("results")
    assert list(rows["status"]) == ["ok"] * 3
    assert rows["test_accuracy"].notna().all()
    assert Registry("results").table("functions").empty
    assert len(Registry("results").table("history")) > 0
