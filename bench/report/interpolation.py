"""Interpolations: the loss on the line between two trained networks, a panel per pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bench.metric import Metric
from bench.report.bands import draw_lines, over_seeds, show_means
from bench.report.drawn import Drawn, finish
from bench.report.grid import GridCell
from bench.report.lines import Line, arrange, at_most, explain, points_by_line, subtitle
from bench.report.style import panels
from bench.suite_file import Figure as FigureSpec

INTERPOLATION = "interpolation"
"""The normalization of the rows of `landscape` that are drawn here, and of no others."""

ENDS = (0.0, 1.0)
_WORDS = {"loss": "training loss", "accuracy": "training accuracy (%)"}


def draw_interpolation(spec: FigureSpec, cells: Sequence[GridCell], points: pd.DataFrame, metrics: Mapping[str, Metric], title: str, most: int) -> Drawn:
    """The loss at (1 - α) θ_1 + α θ_2, averaged over seeds; all panels have one scale, as a barrier is seen beside where there is none.

    Args:
        spec: its ``by`` tells lines apart; its ``y`` may name ``accuracy`` beside or instead of ``loss``.
        cells: the pairs of cells, each with a pair of runs that are ok.
        points: rows of `landscape` with ``of``.
        metrics: not looked at; every kind of figure is called alike.
        title: what stands above.
        most: how many panels.
    """
    names = [name for name in spec.y if name in _WORDS and points[name].notna().any()] or ["loss"]
    arrangement, notes = at_most(arrange(cells, spec.by), most, len(names))
    fields = [(panel, name) for panel in arrangement.panels for name in names]
    figure, axes = panels(len(fields), 2, title, subtitle(arrangement))
    for place, (panel, name) in zip(axes, fields, strict=True):
        _draw(place, arrangement.of(panel), points.assign(value=points[name] * (100 if name == "accuracy" else 1)))
    for name in names:
        _scale_alike([place for place, (_, own) in zip(axes, fields, strict=True) if own == name])
    for place, (panel, name) in zip(axes, fields, strict=True):
        finish(place, panel, "interpolation factor α", _WORDS[name])
    explain(figure, axes, arrangement)
    return Drawn(figure, (*notes, *(f"{name} is no curve of an interpolation" for name in spec.y if name not in _WORDS)))


def _draw(place: Axes, lines: Sequence[Line], points: pd.DataFrame) -> None:
    mine = zip(lines, points_by_line(lines, points), strict=True)
    draw_lines(place, [(line, over_seeds(those, "alpha", "value")) for line, those in mine if len(those)])
    show_means(place)
    for end in ENDS:
        place.axvline(end, color="0.6", linewidth=0.6, zorder=0)


def _scale_alike(places: Sequence[Axes]) -> None:
    """Give panels one axis up."""
    ends = np.array([place.get_ylim() for place in places])
    for place in places:
        place.set_ylim(float(ends[:, 0].min()), float(ends[:, 1].max()))
