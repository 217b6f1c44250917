"""Similarity of neurons: the matrix of their cosines, sorted so that groups of one direction show as blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from bench.metric import Metric
from bench.report.by_cell import cell_panels
from bench.report.drawn import Drawn, finish
from bench.report.grid import GridCell
from bench.report.lines import first_seed, points_of
from bench.report.style import DIVERGING
from bench.suite_file import Figure as FigureSpec


def draw_similarity(spec: FigureSpec, cells: Sequence[GridCell], points: pd.DataFrame, metrics: Mapping[str, Metric], title: str, most: int) -> Drawn:
    """A panel per cell with the cosines of the first seed's neurons, in the order of the matrix's leading eigenvector.

    Args:
        spec: not looked at; every kind of figure is called alike.
        cells: the cells, each with a run that is ok.
        points: rows of `similarity` with ``of``.
        metrics: not looked at either.
        title: what stands above.
        most: how many panels.
    """
    figure, drawn, notes = cell_panels(cells, most, title, "cosines between neurons, of the first seed")
    for place, cell, name in drawn:
        mine = first_seed(cell, points_of(cell, points))
        matrix = np.full((mine["second"].max() + 1,) * 2, np.nan)
        matrix[mine["first"], mine["second"]] = matrix[mine["second"], mine["first"]] = mine["cosine"]
        place.grid(visible=False)
        image = place.imshow(matrix, cmap=DIVERGING, vmin=-1, vmax=1)
        finish(place, name, "neuron, sorted", "neuron, sorted")
    figure.colorbar(image, ax=[place for place, *_ in drawn], label="cosine")
    return Drawn(figure, notes)
