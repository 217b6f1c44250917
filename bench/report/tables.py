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
    places = [cell.places for cell in cells]
    seeds = rows["seed"].nunique()
    numbers = [with_counts(mark_best(summarize(rows, places, metric), comparable(rows, places, metric), metric), seeds) for metric in shown]
    lines: list[tuple[Cell, ...]] = []
    for index, cell in enumerate(cells):
        values = [column[index] for column in numbers]
        lines.append((*(cell.axes[axis] or NONE for axis in axes), *(_or_reason(value, cell) for value in values), _ended(cell, seeds)))
    columns = [*(Column(axis, readable(axis)) for axis in axes), *(Column(metric.name, heading(metric)) for metric in shown), Column("runs", "runs")]
    notes = notes_on_numbers([number for column in numbers for number in column])
    for metric, column in zip(shown, numbers, strict=True):
        notes += note_on_test_set(rows, metric, column)
    return Table(title or experiment, tuple(columns), tuple(lines), tuple(notes))


def _or_reason(number: Number, cell: GridCell) -> Cell:
    """The number, or why there is none."""
    return number if number.mean is not None else failed(cell.runs) or NONE


def _ended(cell: GridCell, seeds: int) -> str:
    """``3 of 3``, or ``1 of 3, 2 diverged``."""
    ended = f"{len(cell.trained)} of {seeds}"
    return ended if len(cell.trained) == len(cell.places) else f"{ended}, {failed(cell.runs)}"
