from __future__ import annotations

import pandas as pd

from bench.report.table import Number
from bench.report.tables import experiment_table
from tests.report.synthetic import METRICS, architectures, batch_sizes, frame, run_row


def test_one_row_per_cell_one_column_per_metric():
    table = experiment_table(pd.concat([batch_sizes(), architectures()], ignore_index=True), "batch-size", METRICS)
    assert [column.key for column in table.columns] == ["batch_size", "test_accuracy", "test_loss", "runs"]
    assert [row[0] for row in table.rows] == ["16", "64", "256"]
    assert [round(row[1].mean, 6) for row in table.rows] == [0.95, 0.93, 0.91]
    assert [row[1].best for row in table.rows] == [True, False, False]


def test_chosen_metrics_alone():
    table = experiment_table(batch_sizes(), "batch-size", METRICS, ["test_loss"], "Batch size")
    assert [column.key for column in table.columns] == ["batch_size", "test_loss", "runs"]
    assert table.title == "Batch size"


def test_failures_are_counted_and_stand_where_a_number_would():
    table = experiment_table(architectures(), "architectures", METRICS)
    assert [row[-1] for row in table.rows] == ["3 of 3", "3 of 3", "3 of 3", "2 of 3, 1 diverged"]
    assert table.rows[-1][3].note == "n = 2 of 3"
    gone = architectures().assign(status="diverged", test_accuracy=0.5)
    assert experiment_table(gone, "architectures", METRICS).rows[0][3] == "3 diverged"


def test_different_data_are_not_ranked_against_each_other():
    rows = experiment_table(architectures(), "architectures", METRICS).rows
    assert [row[3].best for row in rows] == [False, True, True, True]


def test_one_seed_has_a_dash_for_its_interval():
    table = experiment_table(batch_sizes(seeds=1), "batch-size", METRICS)
    assert str(table.rows[0][1]) == "94.50 ± —"
    assert table.notes[0] == "One seed: no interval can be given."


def test_missing_seeds_are_seen_in_the_count():
    rows = batch_sizes()
    table = experiment_table(rows[~((rows["seed"] == 2) & (rows["axis.batch_size"] == "64"))], "batch-size", METRICS)
    assert [row[-1] for row in table.rows] == ["3 of 3", "2 of 3", "3 of 3"]


def test_an_experiment_without_axes_has_one_row():
    table = experiment_table(frame(run_row("e", {}, seed, test_loss=0.1 + seed) for seed in range(2)), "e", METRICS)
    assert [column.key for column in table.columns] == ["test_loss", "runs"]
    assert isinstance(table.rows[0][0], Number)


def test_an_experiment_without_rows_is_an_empty_table():
    assert experiment_table(batch_sizes(), "unknown", METRICS).rows == ()
