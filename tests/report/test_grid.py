from __future__ import annotations

import pandas as pd
import pytest

from bench.report.grid import as_number, axes_of, grid_cells, order, setting, settings, varying
from bench.selection import Selection
from tests.report.synthetic import architectures, batch_sizes, frame, run_row


def test_cells_come_in_the_order_of_numbers():
    cells = grid_cells(batch_sizes([256, 16, 1024, 64]))
    assert [cell.axes["batch_size"] for cell in cells] == ["16", "64", "256", "1024"]
    assert [len(cell.trained) for cell in cells] == [3, 3, 3, 3]


def test_axes_without_values_are_none_of_this_experiment():
    both = pd.concat([batch_sizes(), architectures()], ignore_index=True)
    assert axes_of(both[both["experiment"] == "batch-size"]) == ["batch_size"]
    assert varying(grid_cells(architectures())) == ["model", "dataset", "dropout"]


def test_an_axis_that_does_not_apply_to_a_cell_is_left_out_of_its_name():
    cells = grid_cells(frame([run_row("e", {"model": "fnn", "width": "8"}, 0), run_row("e", {"model": "cnn", "width": None}, 0)]))
    assert [cell.name(list(cell.axes)) for cell in cells] == ["model = cnn", "model = fnn, width = 8"]


def test_failed_runs_are_rows_but_not_trained():
    cells = grid_cells(architectures())
    assert [(len(cell.runs), len(cell.trained)) for cell in cells] == [(3, 3), (3, 3), (3, 3), (3, 2)]


@pytest.mark.parametrize(
    ("value", "text"), [(None, None), (float("nan"), None), (pd.NA, None), (pd.NaT, None), (5.0, "5"), (0.1, "0.1"), (True, "true"), ("relu", "relu"), ("", "")]
)
def test_values_are_written_as_selections_write_them(value, text):
    assert setting(value) == text


def test_selections_see_parameters_axes_and_the_seed():
    row = run_row("e", {"dropout": "0.2"}, 1, **{"hp.batch_size": 16.0, "hp.steps": float("nan")})
    assert Selection.parse("dropout>0,batch_size=16,seed<2").matches(settings(row))
    assert not Selection.parse("steps>0").matches(settings(row))


def test_numbers_come_before_texts_and_nothing_last():
    assert sorted(["b", "10", None, "9", "a", "-1"], key=order) == ["-1", "9", "10", "a", "b", None]
    assert as_number("x") is None
