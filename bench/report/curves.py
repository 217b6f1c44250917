"""Curves over training: a panel per metric, a line per cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bench.metric import Metric
from bench.report.bands import GEOMETRIC, draw_line, over_seeds, show_means, spans_decades
from bench.report.drawn import Drawn, finish
from bench.report.grid import GridCell
from bench.report.lines import Line, arrange, at_most, explain, points_by_line, subtitle
from bench.report.style import panels
from bench.report.summary import quantity
from bench.suite_file import Figure as FigureSpec

LONG = 1000


def draw_curves(spec: FigureSpec, cells: Sequence[GridCell], points: pd.DataFrame, metrics: Mapping[str, Metric], title: str) -> Drawn:
    """Metrics over epochs, or over steps where the cells' length is given in steps; logarithmic beyond `LONG`.

    Losses that span decades are averaged as logarithms: the interval of so skewed values is only then an honest one.

    Args:
        spec: its ``y`` are the metrics; by default accuracies and losses, of many panels the first pair.
        cells: the cells, each with a run that is ok.
        points: rows of `history` with ``of``.
        metrics: what the registry says of its metrics.
        title: what stands above.
    """
    arrangement = arrange(cells, spec.by)
    measured = sorted(set(points["metric"]))
    names = [name for name in spec.y if name in measured] or _default(measured, len(arrangement.panels))
    arrangement, notes = at_most(arrangement, len(names))
    fields = [(panel, name) for panel in arrangement.panels for name in names]
    figure, axes = panels(len(fields), 2, title, subtitle(arrangement))
    along = _along(cells)
    for place, (panel, name) in zip(axes, fields, strict=True):
        metric = metrics.get(name, Metric(name, "", "neither", "raw", ""))
        drawn = _draw(place, arrangement.of(panel), points[points["metric"] == name], metric, along)
        finish(place, panel, f"{along}s", drawn)
    explain(figure, axes, arrangement)
    return Drawn(figure, (*notes, *(f"{name} has no history" for name in spec.y if name not in measured)))


def _along(cells: Sequence[GridCell]) -> str:
    in_steps = all("hp.steps" in cell.runs and cell.runs["hp.steps"].notna().all() for cell in cells)
    return "step" if in_steps else "epoch"


def _default(measured: Sequence[str], panel_count: int) -> list[str]:
    """Test beside training, accuracies above losses."""
    names = sorted(measured, key=lambda name: (name.removeprefix("test_").removeprefix("train_"), name))
    return names if panel_count == 1 else names[:2]


def _draw(place: Axes, lines: Sequence[Line], points: pd.DataFrame, metric: Metric, along: str) -> str:
    """Draw one metric, and say what is drawn."""
    shares = metric.scale == "points"
    values = points.assign(value=100 * points["value"]) if shares else points
    geometric = metric.scale == "log" and spans_decades(values["value"])
    for line, mine in zip(lines, points_by_line(lines, values), strict=True):
        if len(mine):
            draw_line(place, line, over_seeds(mine, along, "value", geometric))
    _scale(place, float(points[along].max()), geometric)
    show_means(place, *((-2, 102) if shares else ()))
    return quantity(metric) + (GEOMETRIC if geometric else "")


def _scale(place: Axes, longest: float, geometric: bool) -> None:
    """Logarithmic axes for long training, without its start, and for losses over decades; else whole epochs."""
    if longest > LONG:
        place.set_xscale("log", nonpositive="mask")
    else:
        place.xaxis.set_major_locator(MaxNLocator(integer=True))
    if geometric:
        place.set_yscale("log")
