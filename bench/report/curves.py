"""Curves over training: a panel per metric, a line per cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bench.metric import Metric
from bench.report.drawn import Drawn, finish, log_if_wide
from bench.report.grid import GridCell
from bench.report.lines import Line, arrange, at_most, draw_line, explain, over_seeds, points_of, subtitle
from bench.report.style import panels
from bench.report.summary import quantity
from bench.suite import Figure as FigureSpec

LONG = 1000


def draw_curves(spec: FigureSpec, cells: Sequence[GridCell], points: pd.DataFrame, metrics: Mapping[str, Metric], title: str) -> Drawn:
    """Metrics over epochs, or over steps where the cells' length is given in steps; logarithmic beyond `LONG`.

    Args:
        spec: its ``y`` are the metrics; by default accuracies and losses, of many panels the first pair.
        cells: the cells, each with a run that is ok.
        points: rows of `history` with ``of``.
        metrics: what the registry says of its metrics.
        title: what stands above.
    """
    arrangement, notes = at_most(arrange(cells, spec.by))
    measured = sorted(set(points["metric"]))
    names = [name for name in spec.y if name in measured] or _default(measured, len(arrangement.panels))
    fields = [(panel, name) for panel in arrangement.panels for name in names]
    figure, axes = panels(len(fields), 2, f"{title}\n{subtitle(arrangement)}")
    along = _along(cells)
    for place, (panel, name) in zip(axes, fields, strict=True):
        metric = metrics.get(name, Metric(name, "", "neither", "raw", ""))
        for line in arrangement.of(panel):
            _draw(place, line, points[points["metric"] == name], along, metric)
        finish(place, panel, f"{along}s", quantity(metric))
        _scale_length(place, float(points[along].max()))
        if metric.scale == "log":
            log_if_wide(place)
    explain(figure, axes, arrangement)
    return Drawn(figure, (*notes, *(f"{name} has no history" for name in spec.y if name not in measured)))


def _along(cells: Sequence[GridCell]) -> str:
    in_steps = all("hp.steps" in cell.runs and cell.runs["hp.steps"].notna().all() for cell in cells)
    return "step" if in_steps else "epoch"


def _scale_length(place: Axes, longest: float) -> None:
    """A logarithmic axis for long training, without its start; else whole numbers."""
    if longest > LONG:
        place.set_xscale("log", nonpositive="mask")
    else:
        place.xaxis.set_major_locator(MaxNLocator(integer=True))


def _default(measured: Sequence[str], panel_count: int) -> list[str]:
    """Test beside training, accuracies above losses."""
    names = sorted(measured, key=lambda name: (name.removeprefix("test_").removeprefix("train_"), name))
    return names if panel_count == 1 else names[:2]


def _draw(place: Axes, line: Line, points: pd.DataFrame, along: str, metric: Metric) -> None:
    values = points_of(line.cell, points)
    if len(values):
        scaled = values.assign(value=100 * values["value"]) if metric.scale == "points" else values
        draw_line(place, line, over_seeds(scaled, along, "value"))
