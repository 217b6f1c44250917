"""Curves over training: a panel per metric, a line per cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bench.metric import Metric
from bench.report.bands import GEOMETRIC, Means, draw_lines, over_seeds, show_means, spans_decades
from bench.report.drawn import Drawn, finish
from bench.report.grid import GridCell
from bench.report.lines import Arrangement, Line, arrange, at_most, explain, points_by_line, subtitle
from bench.report.style import panels
from bench.report.summary import quantity
from bench.suite_file import Figure as FigureSpec

LONG = 1000


@dataclass(frozen=True)
class _Course:
    """A metric over training: each line that has it, whether means are geometric, and the length of the longest run."""

    metric: Metric
    lines: Sequence[tuple[Line, Means]]
    geometric: bool
    longest: float


def draw_curves(spec: FigureSpec, cells: Sequence[GridCell], points: pd.DataFrame, metrics: Mapping[str, Metric], title: str, most: int) -> Drawn:
    """Metrics over epochs, or over steps where the cells' length is given in steps; logarithmic beyond `LONG`.

    Losses that span decades are averaged as logarithms: the interval of so skewed values is only then an honest one.

    Args:
        spec: its ``y`` are the metrics; by default accuracies and losses, of many panels the first pair.
        cells: the cells, each with a run that is ok.
        points: rows of `history` with ``of``.
        metrics: what the registry says of its metrics.
        title: what stands above.
        most: how many panels.
    """
    arrangement = arrange(cells, spec.by)
    measured = sorted(set(points["metric"]))
    names = [name for name in spec.y if name in measured] or _default(measured, len(arrangement.panels))
    arrangement, notes = at_most(arrangement, most, len(names))
    fields = [(panel, name) for panel in arrangement.panels for name in names]
    figure, axes = panels(len(fields), 2, title, subtitle(arrangement))
    along = _along(cells)
    courses = {name: _course(arrangement, points[points["metric"] == name], metrics.get(name, Metric(name, "", "neither", "raw", "")), along) for name in names}
    for place, (panel, name) in zip(axes, fields, strict=True):
        finish(place, panel, f"{along}s", _draw(place, panel, courses[name]))
    explain(figure, axes, arrangement)
    return Drawn(figure, (*notes, *(f"{name} has no history" for name in spec.y if name not in measured)))


def _along(cells: Sequence[GridCell]) -> str:
    in_steps = all("hp.steps" in cell.runs and cell.runs["hp.steps"].notna().all() for cell in cells)
    return "step" if in_steps else "epoch"


def _default(measured: Sequence[str], panel_count: int) -> list[str]:
    """Test beside training, accuracies above losses."""
    names = sorted(measured, key=lambda name: (name.removeprefix("test_").removeprefix("train_"), name))
    return names if panel_count == 1 else names[:2]


def _course(arrangement: Arrangement, points: pd.DataFrame, metric: Metric, along: str) -> _Course:
    values = points.assign(value=100 * points["value"]) if metric.scale == "points" else points
    geometric = metric.scale == "log" and spans_decades(values["value"])
    mine = zip(arrangement.lines, points_by_line(arrangement.lines, values), strict=True)
    lines = [(line, over_seeds(those, along, "value", geometric)) for line, those in mine if len(those)]
    return _Course(metric, lines, geometric, float(points[along].max()))


def _draw(place: Axes, panel: str, course: _Course) -> str:
    """Draw one metric of one panel, and say what is drawn."""
    draw_lines(place, [(line, means) for line, means in course.lines if line.panel == panel])
    _scale(place, course.longest, course.geometric)
    show_means(place, *((-2, 102) if course.metric.scale == "points" else ()))
    return quantity(course.metric) + (GEOMETRIC if course.geometric else "")


def _scale(place: Axes, longest: float, geometric: bool) -> None:
    """Logarithmic axes for long training, without its start, and for losses over decades; else whole epochs."""
    if longest > LONG:
        place.set_xscale("log", nonpositive="mask")
    else:
        place.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=(1, 2, 5, 10)))
    if geometric:
        place.set_yscale("log")
