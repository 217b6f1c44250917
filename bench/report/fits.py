"""Fits of 1-D functions: what the trained networks put out, the target, and the samples that they saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes

from bench.metric import Metric
from bench.report.by_cell import cell_panels
from bench.report.drawn import Drawn, finish
from bench.report.grid import GridCell
from bench.report.lines import points_of
from bench.report.style import COLOURS, shared_legend
from bench.suite_file import Figure as FigureSpec


def draw_fits(spec: FigureSpec, cells: Sequence[GridCell], points: pd.DataFrame, metrics: Mapping[str, Metric], title: str, most: int) -> Drawn:
    """A panel per cell with a thin line per seed, after the last step.

    Args:
        spec: not looked at; every kind of figure is called alike.
        cells: the cells, each with a run that is ok.
        points: rows of `functions` with ``of``.
        metrics: not looked at either.
        title: what stands above.
        most: how many panels.
    """
    figure, drawn, notes = cell_panels(cells, most, title, "one line per seed, after the last step")
    for place, cell, name in drawn:
        _draw(place, points_of(cell, points))
        finish(place, name, "x", "f(x)")
    shared_legend(figure, [place for place, *_ in drawn], "")
    return Drawn(figure, notes)


def _draw(place: Axes, points: pd.DataFrame) -> None:
    last = points[points["step"] == points.groupby("of", observed=True)["step"].transform("max")]
    grid = last[last["split"] == "test"].sort_values("x")
    for _, run in grid.groupby("of", sort=True, observed=True):
        place.plot(run["x"], run["output"], color=COLOURS[0], linewidth=0.7, label="network")
    truth = grid.drop_duplicates("x")
    place.plot(truth["x"], truth["target"], color="black", linestyle="--", linewidth=1, label="target")
    samples = last[last["split"] == "train"].drop_duplicates(["x", "target"])
    place.plot(samples["x"], samples["target"], color=COLOURS[1], linestyle="none", marker="o", markersize=3, label="training samples")
