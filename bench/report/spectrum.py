"""Spectra of the Hessian: the density of its eigenvalues, a line per cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from bench.metric import Metric
from bench.report.drawn import Drawn, finish
from bench.report.grid import GridCell
from bench.report.lines import arrange, at_most, explain, first_seed, points_of
from bench.report.style import panels
from bench.suite_file import Figure as FigureSpec

LOWEST = 1e-7
"""Of the highest density; below it there is only the tail of a Gaussian."""


def draw_spectrum(spec: FigureSpec, cells: Sequence[GridCell], points: pd.DataFrame, metrics: Mapping[str, Metric], title: str, most: int) -> Drawn:
    """A line per cell with the density of the first seed's eigenvalues; each run has places of its own on the axis, so that seeds have no mean.

    Args:
        spec: its ``by`` tells lines apart.
        cells: the cells, each with a run that is ok.
        points: rows of `spectrum` with ``of``.
        metrics: not looked at; every kind of figure is called alike.
        title: what stands above.
        most: how many panels.
    """
    arrangement, notes = at_most(arrange(cells, spec.by), most)
    figure, axes = panels(len(arrangement.panels), 2, title, "density of the eigenvalues of the Hessian, of the first seed")
    for place, panel in zip(axes, arrangement.panels, strict=True):
        for line in arrangement.of(panel):
            mine = first_seed(line.cell, points_of(line.cell, points)).sort_values("eigenvalue")
            shown = np.where(mine["density"] > LOWEST * mine["density"].max(), mine["density"], np.nan)
            place.plot(mine["eigenvalue"], shown, color=line.colour, linestyle=line.dash, label=line.name)
        place.set_yscale("log")
        finish(place, panel, "eigenvalue", "density")
    explain(figure, axes, arrangement)
    return Drawn(figure, notes)
