from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bench.config import Dropout, PartSpec
from bench.errors import UsageError
from bench.parts.optimizers import optimizers
from bench.registry.frames import frame
from bench.registry.schema import TABLES, metric_of
from bench.results import RunResult
from bench.rows import check_types, metrics_of, parameter_types, parameters_of, runs_table
from tests.planning import METRICS, ORIGIN, planned, resolved, result, rows_of, writer

SUITE = "experiments: {a: {measures: [accuracy, loss], grid: {dropout: [0.25], model: [{name: fnn, width: 8}]}}}"


def one(text: str = SUITE):
    return planned(resolved(text)).runs[0]


def test_a_row_has_every_column_of_the_schema():
    run = one()
    row, tables = writer().trained(run, result(run), "stem")
    assert {column.name for column in TABLES["runs"]} - set(row) == {"reused_from"}
    assert tables == {}
    runs_table([row], [run])  # refuses a column that is unknown, and a NULL where there must be a value


def test_a_row_says_where_it_is_from():
    run = one()
    row, _ = writer().trained(run, result(run), "stem")
    assert (row["suite"], row["suite_digest"], row["profile"], row["variant"]) == ("demo", ORIGIN.suite_digest, "quick", "")
    assert (row["experiment"], row["seed"], row["generation"], row["pack"]) == ("a", 0, 0, "stem")
    assert (row["run_id"], row["cell_id"], row["cell"]) == (run.run.run_id, run.run.cell.cell_id, run.run.cell.json)
    assert (row["code_id"], json.loads(row["code_files"])) == (run.code_id, dict(run.code))
    assert (row["axis.dropout"], row["axis.model"]) == ("0.25", "fnn(width=8)")
    assert (row["hp.dropout"], row["hp.model"], row["hp.model.width"], row["hp.batch_size"]) == (0.25, "fnn", 8, 32)
    assert (row["train_size"], row["test_size"]) == (1280, 517)
    assert (row["commit"], row["dirty"], row["diff_hash"]) == (ORIGIN.commit, False, None)
    assert (row["device"], row["lane"], row["torch"], row["threads"]) == ("cpu", "resident", "2", 1)
    assert json.loads(row["measures"]) == {"accuracy": {"version": 2, "parameters": {}}, "loss": {"version": 2, "parameters": {}}}
    assert {name: row[name] for name in METRICS} == METRICS
    assert row.get("reused_from") is None
    assert abs((datetime.now(UTC) - row["written"]).total_seconds()) < 60


def test_rows_have_names_of_their_own():
    run = one()
    assert len({writer().trained(run, result(run), "stem")[0]["row"] for _ in range(20)}) == 20


def test_rows_of_other_tables_name_their_run():
    run = one()
    curve = {"history": [{"step": 0, "epoch": 0.0, "metric": "train_loss", "value": 1.0}, {"step": 1, "epoch": 0.5, "metric": "train_loss", "value": 0.5}]}
    row, tables = writer().trained(run, RunResult(run.run.run_id, "ok", metrics=METRICS, tables=curve), "stem")
    assert [item["step"] for item in tables["history"]] == [0, 1]
    assert {(item["row"], item["run_id"]) for item in tables["history"]} == {(row["row"], run.run.run_id)}
    assert set(tables["history"][0]) == {column.name for column in TABLES["history"]}


def test_remarks_stand_in_the_row_and_are_repeated_with_it():
    run = one()
    row, _ = writer().trained(run, replace(result(run), remarks={"accuracy": "tok:none", "loss": "nats"}), "stem")
    assert json.loads(row["remarks"]) == {"accuracy": "tok:none", "loss": "nats"}
    assert writer().reused(run, {**row, "reused_from": None}, "other")["remarks"] == row["remarks"]
    said = RunResult(run.run.run_id, "ok", metrics=METRICS, remarks={"accuracy": "tok:13a"})
    again, _ = writer().measured(run, {**row, "reused_from": None}, [PartSpec("accuracy")], said, "other")
    assert json.loads(again["remarks"]) == {"accuracy": "tok:13a", "loss": "nats"}
    again, _ = writer().measured(run, {**row, "reused_from": None}, [PartSpec("accuracy"), PartSpec("loss")], replace(said, remarks={}), "other")
    assert again["remarks"] is None
    assert writer().trained(run, result(run), "stem")[0]["remarks"] is None


def test_a_failure_is_a_row():
    run = one()
    row, _ = writer().trained(run, RunResult(run.run.run_id, "crashed", "no luck"), "stem")
    kept = frame(runs_table([row], [run]), "runs")
    assert (kept["status"][0], kept["reason"][0], kept["device"][0]) == ("crashed", "no luck", None)
    assert kept[list(METRICS)].isna().all(axis=None)


def test_a_row_is_written_anew_for_another_experiment_and_commit():
    source = rows_of(planned(resolved(SUITE.replace("{a:", "{z:"))), {"commit": "f" * 40}).to_dict("records")[0]
    run = one()
    row = writer().reused(run, source, "stem")
    assert row["reused_from"] == source["row"]
    assert row["row"] != source["row"]
    assert (row["experiment"], row["commit"], row["pack"]) == ("a", ORIGIN.commit, "stem")
    assert {name: row[name] for name in METRICS} == METRICS
    for column in ("status", "train_seconds", "hardware", "torch", "threads", "steps_done", "data_checksum"):
        assert row[column] == source[column]
    assert writer().reused(run, {**source, "reused_from": "first"}, "stem")["reused_from"] == "first"
    runs_table([row], [run])


def test_a_reused_row_has_only_the_measures_that_are_asked_for():
    source = rows_of(planned(resolved(SUITE))).to_dict("records")[0]
    run = one(SUITE.replace("[accuracy, loss]", "[loss]"))
    row = writer().reused(run, source, "stem")
    assert "test_accuracy" not in row
    assert row["test_loss"] == METRICS["test_loss"]
    assert set(json.loads(row["measures"])) == {"loss"}


def test_the_columns_are_those_of_all_runs_of_a_file():
    runs = planned(
        resolved("experiments: {a: {grid: {optimizer: [{name: sgd, lr: 0.1}, {name: adam, lr: 0.1}]}}, b: {grid: {dropout: [0.5]}, measures: [accuracy]}}")
    ).runs
    table = runs_table([], runs)
    assert {"axis.optimizer", "axis.dropout", "hp.optimizer.momentum", "hp.optimizer.beta1", "test_loss", "test_accuracy"} <= set(table.schema.names)
    assert table.num_rows == 0
    rows = [writer().trained(run, result(run), "stem")[0] for run in runs]
    kept = [{name: value for name, value in row.items() if name in table.schema.names} for row in rows]
    filled = frame(runs_table(kept, runs), "runs")
    assert filled["hp.optimizer.momentum"].tolist()[0] == 0.0
    assert filled["hp.optimizer.momentum"].isna().tolist() == [False, True, False]
    assert filled["axis.dropout"].tolist() == [None, None, "0.5"]


def test_metrics_keep_their_meaning():
    schema = runs_table([], [one()]).schema
    assert {metric.name for metric in (metric_of(schema.field(name)) for name in schema.names) if metric} == {metric.name for metric in metrics_of(one())}


@pytest.mark.parametrize(
    ("block", "columns"),
    [
        ("dropout: 0.5", {"dropout": 0.5, "dropout.rates": "0.5", "dropout.mask": "per_sample"}),
        ("dropout: {rate: [0.1, 0.2], mask: shared}, model.depth: 2", {"dropout": None, "dropout.rates": "0.1+0.2", "dropout.mask": "shared"}),
        ("batch_size: full", {"batch_size": 1280}),
        ("augmentation: [flip, crop]", {"augmentation": "flip+crop"}),
        ("augmentation: []", {"augmentation": "none"}),
        ("steps: 7", {"steps": 7, "epochs": None}),
        ("dataset.label_noise: 0", {"dataset.label_noise": 0.0, "dataset.train": None, "dataset.random_labels": False}),
    ],
)
def test_parameters_as_columns(block, columns):
    cell = one(f"experiments: {{a: {{{block}}}}}").run.cell
    found = parameters_of(cell, 1280)
    assert {name: found[name] for name in columns} == columns
    assert set(found) == set(parameter_types(cell))


def test_parameters_of_one_name_share_a_type(monkeypatch):
    optimizers.names()
    monkeypatch.setattr(optimizers, "_parts", dict(optimizers._parts))

    @optimizers.register("counting")
    class Counting:
        """An optimizer whose learning rate is a whole number."""

        def __init__(self, *, lr: int = 1) -> None: ...

    cells = [found.cell for found in resolved("experiments: {a: {grid: {optimizer: [counting, {name: sgd, lr: 0.1}]}}}")[0].cells]
    check_types(cells[:1])
    check_types(cells[1:])
    with pytest.raises(UsageError, match=r"has 'lr' as (int64|float64), and .* has it as (float64|int64): rename one of them"):
        check_types(cells)


@pytest.mark.parametrize("profile", ["quick", "paper"])
def test_cells_of_the_project_share_types(profile):
    check_types(
        found.cell for found in resolved("experiments: {a: {grid: {optimizer: [{name: sgd, lr: 0.1}, adam, adamw, rmsprop, rprop]}}}", profile=profile)[0].cells
    )


def test_a_cell_without_dropout_and_augmentation_has_their_columns():
    cell = one("experiments: {a: {}}").run.cell
    assert (cell.dropout, cell.augmentation, cell.schedule) == (Dropout(), (), PartSpec("constant"))
    assert parameters_of(cell, 10)["augmentation"] == "none"
