"""The figure of spectra: a line for the first seed of each cell, and no tails of Gaussians."""

from __future__ import annotations

import numpy as np

from bench.report import style
from bench.report.figures import draw
from bench.suite_file import Figure as FigureSpec
from tests.report.synthetic import batch_sizes, frame

SPEC = FigureSpec(experiment="batch-size", kind="spectrum")


def spectra(runs):
    """Densities at 0, 1 and 2; the axis of each run is stretched by its place, and the last is a tail."""
    rows = []
    for place, run in enumerate(runs.to_dict("records")):
        rows += [{"of": run["row"], "eigenvalue": point * (place + 1.0), "density": density} for point, density in ((1, 0.5), (0, 2.0), (2, 1e-12))]
    return frame(rows)


def test_a_line_for_the_first_seed_of_each_cell():
    runs = batch_sizes([16, 64])
    figure = draw(SPEC, runs, spectra(runs), {}).figure
    (panel,) = figure.axes
    firsts = [list(runs["row"]).index(row) for row in runs[runs["seed"] == 0]["row"]]
    for line, place in zip(panel.get_lines(), firsts, strict=True):
        assert list(line.get_xdata()) == [0, place + 1, 2 * (place + 1)]
        assert list(line.get_ydata())[:2] == [2.0, 0.5]
        assert np.isnan(line.get_ydata()[2])
    assert (panel.get_xlabel(), panel.get_ylabel(), panel.get_yscale()) == ("eigenvalue", "density", "log")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["16 (n = 3)", "64 (n = 3)"]
    assert style.png(figure).startswith(b"\x89PNG")
