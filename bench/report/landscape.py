"""Loss landscapes: the training loss along random directions, a panel per way of scaling them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from bench.metric import Metric
from bench.report.drawn import Drawn, finish, log_if_wide
from bench.report.grid import GridCell
from bench.report.lines import arrange, at_most, draw_line, explain, over_seeds, points_of, subtitle
from bench.report.style import label, panels
from bench.suite import Figure as FigureSpec


def draw_landscape(spec: FigureSpec, cells: Sequence[GridCell], points: pd.DataFrame, metrics: Mapping[str, Metric], title: str) -> Drawn:
    """The loss at distance α, averaged over a run's directions, then over seeds.

    Args:
        spec: its ``by`` tells lines apart.
        cells: the cells, each with a run that is ok.
        points: rows of `landscape` with ``of``.
        metrics: not looked at; every kind of figure is called alike.
        title: what stands above.
    """
    arrangement, notes = at_most(arrange(cells, spec.by))
    fields = [(panel, kind) for panel in arrangement.panels for kind in sorted(set(points["normalization"]))]
    figure, axes = panels(len(fields), 2, f"{title}\n{subtitle(arrangement)}")
    for place, (panel, kind) in zip(axes, fields, strict=True):
        for line in arrangement.of(panel):
            values = points_of(line.cell, points[points["normalization"] == kind])
            if len(values):
                draw_line(place, line, over_seeds(over_directions(values), "alpha", "loss"))
        finish(place, "\n".join(filter(None, (panel, f"{label(kind)}-normalized"))), "distance α along the direction", "training loss")
        log_if_wide(place)
    explain(figure, axes, arrangement)
    return Drawn(figure, notes)


def over_directions(points: pd.DataFrame) -> pd.DataFrame:
    """Each run's mean over its directions; none where a loss is not finite, as the others would be a biased sample."""
    means = points.groupby(["of", "alpha"])["loss"].agg(lambda losses: losses.mean(skipna=False))
    return means.reset_index()
