from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from scipy import stats

from bench.report.bands import draw_lines, over_seeds, show_means, spans_decades
from bench.report.grid import grid_cells
from bench.report.lines import arrange
from tests.report.synthetic import batch_sizes, frame

LINE = arrange(grid_cells(batch_sizes([16]))).lines[0]
VALUES = {0: [1.0, 2.0, 4.0], 1: [3.0, 3.5, 3.0]}
POINTS = frame({"of": f"r{run}", "x": x, "y": value} for x, column in VALUES.items() for run, value in enumerate(column))


def test_bands_are_students_intervals():
    x, mean, low, high = over_seeds(POINTS, "x", "y")
    expected = [stats.t.interval(0.95, 2, np.mean(column), stats.sem(column)) for column in VALUES.values()]
    assert x.tolist() == [0.0, 1.0]
    assert mean == pytest.approx([np.mean(column) for column in VALUES.values()])
    assert list(zip(low, high, strict=True)) == [pytest.approx(pair) for pair in expected]


def test_geometric_bands_are_those_of_logarithms():
    _, mean, low, high = over_seeds(POINTS, "x", "y", geometric=True)
    logs = [np.log(column) for column in VALUES.values()]
    assert mean == pytest.approx([stats.gmean(column) for column in VALUES.values()])
    assert np.log(low) == pytest.approx([stats.t.interval(0.95, 2, np.mean(column), stats.sem(column))[0] for column in logs])
    assert (low > 0).all()
    assert (mean < high).all()


def test_a_mean_is_drawn_only_where_every_run_has_a_value():
    points = frame([{"of": "a", "x": 0, "y": 1.0}, {"of": "b", "x": 0, "y": 3.0}, {"of": "a", "x": 1, "y": 1.0}, {"of": "b", "x": 1, "y": float("nan")}])
    assert over_seeds(points, "x", "y")[0].tolist() == [0.0]


def test_one_run_has_no_band():
    _, mean, low, high = over_seeds(POINTS[POINTS["of"] == "r0"], "x", "y")
    assert mean.tolist() == [1.0, 3.0]
    assert np.isnan([*low, *high]).all()


@pytest.mark.parametrize(
    ("values", "wide"), [([1.0, 31.0], True), ([1.0, 30.0], False), ([0.0, 31.0], False), ([-1.0, 31.0], False), ([], False), ([np.nan], False)]
)
def test_only_positive_values_over_decades_are_logarithmic(values, wide):
    assert spans_decades(pd.Series(values, dtype=float)) is wide


@pytest.mark.parametrize(("count", "shown"), [(2, True), (12, True), (13, False)])
def test_few_points_are_shown_as_such(count, shown):
    place = Figure().add_subplot()
    x = np.arange(float(count))
    draw_lines(place, [(LINE, (x, x, x - 1, x + 1))])
    assert (place.get_lines()[0].get_marker() == "o") == shown


def panel(low, high):
    place = Figure().add_subplot()
    x = np.array([0.0, 1.0])
    draw_lines(place, [(LINE, (x, np.array([1.0, 2.0]), np.array(low), np.array(high)))])
    return place


def test_a_band_far_off_does_not_flatten_the_means():
    place = panel([-50.0, -50.0], [90.0, 90.0])
    show_means(place)
    assert place.get_ylim() == pytest.approx((0.6, 2.4))


def test_a_narrow_band_is_shown_whole():
    place = panel([0.9, 1.9], [1.1, 2.1])
    before = place.get_ylim()
    show_means(place)
    assert place.get_ylim() == pytest.approx(before)


def test_shares_end_where_shares_end():
    place = panel([-50.0, -50.0], [90.0, 90.0])
    show_means(place, 0.8, 2.1)
    assert place.get_ylim() == pytest.approx((0.8, 2.1))


def test_a_band_has_a_gap_where_its_ends_are_not_known():
    place = Figure().add_subplot()
    x, low = np.arange(5.0), np.array([0.0, 1.0, np.nan, 3.0, 4.0])
    draw_lines(place, [(LINE, (x, low + 1, low, low + 2)), (LINE, (x, x, np.full(5, np.nan), np.full(5, np.nan)))])
    (bands,) = place.collections
    outlines = [path.vertices[:-1].tolist() for path in bands.get_paths()]
    assert outlines == [[[0, 0], [1, 1], [1, 3], [0, 2]], [[3, 3], [4, 4], [4, 6], [3, 5]]]
    assert len(place.get_lines()) == 2


def test_a_panel_without_lines_stays_as_it_is():
    place = Figure().add_subplot()
    show_means(place)
    assert place.get_ylim() == (0.0, 1.0)
