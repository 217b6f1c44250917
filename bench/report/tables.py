"""The table of an experiment: one row per cell, one column per metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from bench.metric import Metric
from bench.report.grid import GridCell, axes_of, grid_cells, readable
from bench.report.summary import comparable, failed, heading, mark_best, note_on_test_set, notes_on_numbers, shown_metrics, summarize, with_counts
from bench.report.table import NONE, Cell, Column, Number, Table


def experiment_table(runs: pd.DataFrame, experiment: str, metrics: Mapping[str, Metric], names: Sequence[str] = (), title: str = "") -> Table:
    """Every cell of an experiment with its metrics, and how many of its runs are ok.

    Args:
        runs: rows of `runs` at one commit.
        experiment: which experiment.
        metrics: what the registry says of its metrics.
        names: which metrics; all that have values by default.
        title: what stands above; the experiment's name by default.
    """
    rows = runs[runs["experiment"] == experiment]
    cells, axes = grid_cells(rows), axes_of(rows)
    shown = shown_metrics(rows, metrics, names)
    numbers = [_column(cells, metric) for metric in shown]
    seeds = rows["seed"].nunique()
    lines: list[tuple[Cell, ...]] = []
    for index, cell in enumerate(cells):
        values = [column[index] for column in numbers]
        lines.append((*(cell.axes[axis] or NONE for axis in axes), *(_or_reason(value, cell.runs) for value in values), _ended(cell, seeds)))
    columns = [*(Column(axis, readable(axis)) for axis in axes), *(Column(metric.name, heading(metric)) for metric in shown), Column("runs", "runs")]
    notes = notes_on_numbers([number for column in numbers for number in column])
    for metric, column in zip(shown, numbers, strict=True):
        notes += note_on_test_set(rows, metric, column)
    return Table(title or experiment, tuple(columns), tuple(lines), tuple(notes))


def _column(cells: list[GridCell], metric: Metric) -> list[Number]:
    """A metric of every cell, the best marked."""
    numbers = [summarize(cell.runs, metric) for cell in cells]
    return with_counts(mark_best(numbers, [comparable(cell.runs, metric) for cell in cells], metric))


def _or_reason(number: Number, runs: pd.DataFrame) -> Cell:
    """The number, or why there is none."""
    return number if number.mean is not None else failed(runs) or NONE


def _ended(cell: GridCell, seeds: int) -> str:
    """``3 of 3``, or ``1 of 3, 2 diverged``."""
    return ", ".join(filter(None, (f"{len(cell.trained)} of {seeds}", failed(cell.runs))))
