"""The figure of similarities: whose matrix, both halves of it, what is left out."""

from __future__ import annotations

import numpy as np
import pytest

from bench.report import style
from bench.report.figures import draw
from bench.suite_file import Figure as FigureSpec
from tests.report.synthetic import batch_sizes, frame

SPEC = FigureSpec(experiment="batch-size", kind="similarity")


def cosines(runs, size=3):
    """Upper halves of matrices; the entry beside the diagonal tells the run."""
    rows = []
    for place, run in enumerate(runs.to_dict("records")):
        for first, second in zip(*np.triu_indices(size), strict=True):
            value = 1.0 if first == second else -(place + 1) / 100 - second / 10
            rows.append({"of": run["row"], "layer": "1", "first": int(first), "second": int(second), "cosine": value})
    return frame(rows)


def test_arms_stand_side_by_side_with_the_matrix_of_the_first_seed():
    runs = batch_sizes([16, 64])
    drawn = draw(SPEC, runs, cosines(runs), {})
    *arms, bar = drawn.figure.axes
    assert [panel.get_title() for panel in arms] == ["batch size = 16 (n = 3)", "batch size = 64 (n = 3)"]
    assert bar.get_ylabel() == "cosine"
    firsts = [list(runs["row"]).index(row) for row in runs[runs["seed"] == 0]["row"]]
    for panel, place in zip(arms, firsts, strict=True):
        (image,) = panel.get_images()
        one, two = -(place + 1) / 100 - 0.1, -(place + 1) / 100 - 0.2
        assert np.asarray(image.get_array()) == pytest.approx(np.array([[1, one, two], [one, 1, two], [two, two, 1]]))
        assert image.get_clim() == (-1, 1)
    assert style.png(drawn.figure).startswith(b"\x89PNG")


def test_of_many_arms_some_are_left_out():
    runs = batch_sizes([16, 32, 64], seeds=1)
    drawn = draw(SPEC, runs, cosines(runs), {}, most=2)
    assert len(drawn.figure.axes) == 3
    assert "1 of 3 cells" in drawn.notes[0]
