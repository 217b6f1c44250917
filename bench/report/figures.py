"""Figures of an experiment: curves over training, loss landscapes, 1-D fits, neurons, heat maps, similarities, spectra."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from bench.metric import Metric
from bench.report.curves import draw_curves
from bench.report.drawn import Drawn
from bench.report.fits import draw_fits
from bench.report.grid import GridCell, grid_cells
from bench.report.heatmap import draw_heatmap
from bench.report.interpolation import INTERPOLATION, draw_interpolation
from bench.report.landscape import draw_landscape
from bench.report.lines import MOST_PANELS
from bench.report.neurons import draw_neurons
from bench.report.similarity import draw_similarity
from bench.report.spectrum import draw_spectrum
from bench.report.style import label, styled
from bench.suite_file import Figure as FigureSpec

TABLES: Mapping[str, str] = {
    "curves": "history",
    "landscape": "landscape",
    "fits": "functions",
    "neurons": "neurons",
    "heatmap": "history",
    "similarity": "similarity",
    "spectrum": "spectrum",
    "interpolation": "landscape",
}
_Draw = Callable[[FigureSpec, Sequence[GridCell], pd.DataFrame, Mapping[str, Metric], str, int], Drawn]
_KINDS: Mapping[str, _Draw] = {
    "curves": draw_curves,
    "landscape": draw_landscape,
    "fits": draw_fits,
    "neurons": draw_neurons,
    "heatmap": draw_heatmap,
    "similarity": draw_similarity,
    "spectrum": draw_spectrum,
    "interpolation": draw_interpolation,
}


def draw(spec: FigureSpec, runs: pd.DataFrame, points: pd.DataFrame, metrics: Mapping[str, Metric], title: str = "", most: int = MOST_PANELS) -> Drawn:
    """Draw one figure of an experiment.

    Args:
        spec: the figure as a suite declares it: kind, metrics, what tells lines apart.
        runs: rows of `runs` at one commit; those of other experiments are passed over.
        points: rows of the table that the kind is drawn from (`TABLES`), with ``of``: the run's ``row``.
        metrics: what the registry says of its metrics.
        title: what stands above where the suite says nothing.
        most: how many panels it may have.

    Returns:
        The figure, unless no run that is ok has points.
    """
    rows = runs[(runs["experiment"] == spec.experiment) & (runs["status"] == "ok")]
    points = points[points["of"].isin(rows["row"])]
    if len(points) and TABLES[spec.kind] == "landscape":
        points = points[points["normalization"].eq(INTERPOLATION) == (spec.kind == "interpolation")]
    rows = rows[rows["row"].isin(points["of"].unique())]
    if rows.empty:
        return Drawn(None, (f"no rows of {TABLES[spec.kind]} from runs that are ok",))
    with styled():
        return _KINDS[spec.kind](spec, grid_cells(rows), points, metrics, label(spec.title or title or spec.experiment), most)
