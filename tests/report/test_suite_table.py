from __future__ import annotations

import pytest

from bench.report.suite_table import suite_table
from bench.report.table import NONE, Number
from bench.suite_file import Table as TableSpec
from tests.report.synthetic import METRICS, architectures, batch_sizes, frame, run_row

REFERENCE = [
    {"model": "vgg9", "dropout": 0.2, "test_accuracy": 0.75},
    {"model": "fnn", "dropout": 0.2, "test_accuracy": 0.987},
    {"model": "resnet20", "dropout": 0.2, "test_accuracy": 0.9},
]
COLUMNS = {"with dropout": "dropout>0", "without dropout": "dropout=0"}


def spec(**changes):
    given = {"experiment": "architectures", "rows": ["model", "dataset"], "columns": COLUMNS, "values": ["test_accuracy", "sharpness_filter"]}
    return TableSpec(**{**given, **changes})


def test_rows_are_keys_and_columns_are_selections_times_values():
    table = suite_table(spec(), architectures(), METRICS)
    assert [column.key for column in table.columns] == [
        "model",
        "dataset",
        "with dropout test_accuracy",
        "with dropout sharpness_filter",
        "without dropout test_accuracy",
        "without dropout sharpness_filter",
    ]
    assert [row[:2] for row in table.rows] == [("fnn", "mnist"), ("vgg9", "cifar10")]
    assert table.rows[0][2].mean == pytest.approx(0.98 + 0.01 + 0.003)
    assert table.rows[0][4].mean == pytest.approx(0.98 + 0.003)


def test_the_best_is_sought_along_a_row_where_there_are_column_groups():
    table = suite_table(spec(), architectures(), METRICS)
    assert [(row[2].best, row[4].best) for row in table.rows] == [(True, False), (True, True)]


def test_the_best_is_sought_along_a_column_otherwise():
    table = suite_table(spec(experiment="batch-size", rows=["batch_size"], columns={}, values=["test_loss"]), batch_sizes(), METRICS)
    assert [row[0] for row in table.rows] == ["16", "64", "256"]
    assert [row[1].best for row in table.rows] == [True, False, False]


def test_the_sources_figures_stand_beside_ours_and_order_the_rows():
    table = suite_table(spec(reference=REFERENCE), architectures(), METRICS)
    assert [row[0] for row in table.rows] == ["vgg9", "fnn"]
    column = [entry.key for entry in table.columns].index("with dropout test_accuracy source")
    assert [row[column] for row in table.rows] == [Number(0.75, shown="percent"), Number(0.987, shown="percent")]
    assert "without dropout test_accuracy source" not in [entry.key for entry in table.columns]
    assert table.notes[-1] == "Figures of the source without a counterpart here: model resnet20, dropout 0.2, test accuracy 0.9."


def test_rows_of_another_scale_than_the_sources_keep_its_order():
    reference = [{**entry, "dataset": "imagenet"} for entry in REFERENCE]
    table = suite_table(spec(reference=reference), architectures(), METRICS)
    assert [row[:2] for row in table.rows] == [("vgg9", "cifar10"), ("fnn", "mnist")]
    assert not any(column.key.endswith("source") for column in table.columns)


def test_a_row_without_a_figure_of_the_source_has_a_dash():
    table = suite_table(spec(reference=REFERENCE[:1]), architectures(), METRICS)
    assert [row[3] for row in table.rows] == [Number(0.75, shown="percent"), NONE]


def test_fields_without_runs_are_listed():
    rows = architectures()
    table = suite_table(spec(), rows[~((rows["hp.model"] == "vgg9") & (rows["hp.dropout"] == 0))], METRICS)
    assert table.rows[1][4] == NONE
    assert "No runs for: model vgg9, dataset cifar10, without dropout." in table.notes


def test_failures_and_fewer_seeds_are_said():
    table = suite_table(spec(), architectures(), METRICS)
    assert table.rows[1][2].note == "n = 2 of 3"
    assert "11 of 12 runs are ok; 1 diverged." in table.notes
    gone = architectures().assign(status="crashed")
    assert suite_table(spec(), gone, METRICS).rows[0][2] == "3 crashed"


def test_several_cells_in_a_field_are_averaged_and_that_is_said():
    table = suite_table(spec(rows=["model"], columns={}, values=["test_accuracy"]), architectures(), METRICS)
    assert table.rows[0][1].mean == pytest.approx((0.98 + 0.99) / 2 + 0.003)
    assert "Fields with several cells (up to 2) are averages over these cells, seed by seed." in table.notes


def test_columns_can_select_seeds():
    table = suite_table(spec(rows=["model"], columns={"first": "dropout=0,seed=0", "others": "dropout=0,seed>0"}), architectures(), METRICS)
    assert [table.rows[0][place].n for place in (1, 3)] == [1, 2]
    assert table.rows[0][1].mean == pytest.approx(0.98)


def test_values_that_were_never_measured_are_named():
    table = suite_table(spec(values=["test_accuracy", "flatness"]), architectures(), METRICS)
    assert "Not measured: flatness." in table.notes


def test_rows_can_be_any_setting_even_one_that_is_not_there():
    table = suite_table(spec(rows=["optimizer.lr"], columns={}), frame([run_row("architectures", {}, 0, test_accuracy=0.5)]), METRICS)
    assert table.rows[0][0] == NONE


def test_an_experiment_without_rows_is_an_empty_table():
    assert suite_table(spec(experiment="batch-size"), architectures(), METRICS).rows == ()
