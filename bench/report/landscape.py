"""Loss landscapes: the training loss along random directions, a panel per way of scaling them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes

from bench.metric import Metric
from bench.report.bands import GEOMETRIC, draw_lines, over_seeds, show_means, spans_decades
from bench.report.drawn import Drawn, finish
from bench.report.grid import GridCell
from bench.report.lines import Line, arrange, at_most, explain, points_by_line, subtitle
from bench.report.style import label, panels
from bench.suite_file import Figure as FigureSpec


def draw_landscape(spec: FigureSpec, cells: Sequence[GridCell], points: pd.DataFrame, metrics: Mapping[str, Metric], title: str, most: int) -> Drawn:
    """The loss at distance α, averaged over a run's directions, then over seeds; as logarithms where it spans decades.

    Args:
        spec: its ``by`` tells lines apart.
        cells: the cells, each with a run that is ok.
        points: rows of `landscape` with ``of``.
        metrics: not looked at; every kind of figure is called alike.
        title: what stands above.
        most: how many panels.
    """
    kinds = sorted(set(points["normalization"]))
    arrangement, notes = at_most(arrange(cells, spec.by), most, len(kinds))
    fields = [(panel, kind) for panel in arrangement.panels for kind in kinds]
    figure, axes = panels(len(fields), 2, title, subtitle(arrangement))
    means = {kind: over_directions(points[points["normalization"] == kind]) for kind in kinds}
    for place, (panel, kind) in zip(axes, fields, strict=True):
        drawn = _draw(place, arrangement.of(panel), means[kind])
        finish(place, ", ".join(filter(None, (panel, f"{label(kind)}-normalized"))), "distance α along the direction", drawn)
    explain(figure, axes, arrangement)
    return Drawn(figure, notes)


def over_directions(points: pd.DataFrame) -> pd.DataFrame:
    """Each run's mean over its directions; none where a loss is not finite, as the others would be a biased sample."""
    means = points.groupby(["of", "alpha"], observed=True)["loss"].agg(lambda losses: losses.mean(skipna=False))
    return means.reset_index()


def _draw(place: Axes, lines: Sequence[Line], points: pd.DataFrame) -> str:
    """Draw one way of scaling, and say what is drawn."""
    geometric = spans_decades(points["loss"])
    mine = zip(lines, points_by_line(lines, points), strict=True)
    draw_lines(place, [(line, over_seeds(those, "alpha", "loss", geometric)) for line, those in mine if len(those)])
    if geometric:
        place.set_yscale("log")
    show_means(place)
    return "training loss" + (GEOMETRIC if geometric else "")
