"""Figures of interpolations: a panel per pair with both ends marked, one scale for all, and never rows of other directions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bench.report import style
from bench.report.figures import draw
from bench.suite_file import Figure as FigureSpec
from tests.report.synthetic import METRICS, frame, landscape, run_row

ALPHAS = np.round(np.linspace(-0.5, 1.5, 21), 9)


def spec(**changes):
    return FigureSpec(**{"experiment": "between", "kind": "interpolation", "by": ["dropout"], **changes})


def pairs(seeds=3):
    """Two pairs at two drop rates."""
    places = itertools.product(("a", "b"), ("0.1", "0.4"), range(seeds))
    return frame([run_row("between", {"pair": pair, "dropout": rate}, seed, **{"hp.pair": pair, "hp.dropout": float(rate)}) for pair, rate, seed in places])


def lines(runs):
    """A flat line for the first pair, and a double well for the second, a little apart for each seed."""
    rows = []
    for run in runs.to_dict("records"):
        for alpha in ALPHAS:
            loss = 0.01 + 0.001 * run["seed"] + (0.0 if run["axis.pair"] == "a" else (alpha * (1 - alpha)) ** 2)
            rows.append({"of": run["row"], "normalization": "interpolation", "direction": 0, "alpha": alpha, "loss": loss, "accuracy": 1 - loss})
    return frame(rows)


def test_there_is_a_panel_per_pair_and_a_line_per_value():
    figure = draw(spec(title="Between"), pairs(), lines(pairs()), METRICS).figure
    assert [panel.get_title() for panel in figure.axes] == ["pair = a", "pair = b"]
    assert {panel.get_xlabel() for panel in figure.axes} == {"interpolation factor α"}
    assert {panel.get_ylabel() for panel in figure.axes} == {"training loss"}
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["0.1 (n = 3)", "0.4 (n = 3)"]


def test_a_line_is_the_mean_over_seeds():
    figure = draw(spec(), pairs(), lines(pairs()), METRICS).figure
    drawn = figure.axes[1].get_lines()[0]
    assert drawn.get_xdata() == pytest.approx(ALPHAS)
    assert drawn.get_ydata() == pytest.approx(0.011 + (ALPHAS * (1 - ALPHAS)) ** 2)


def test_all_panels_have_one_scale_and_both_ends_are_marked():
    figure = draw(spec(), pairs(), lines(pairs()), METRICS).figure
    assert len({panel.get_ylim() for panel in figure.axes}) == 1
    low, high = figure.axes[0].get_ylim()
    assert low < 0.01 < 0.011 + 0.5625 < high + 0.01
    for panel in figure.axes:
        assert [line.get_xdata()[0] for line in panel.get_lines()[-2:]] == [0.0, 1.0]


def test_accuracies_are_drawn_on_demand_in_percent():
    drawn = draw(spec(y=["loss", "accuracy", "norm"]), pairs(), lines(pairs()), METRICS)
    assert [panel.get_ylabel() for panel in drawn.figure.axes] == ["training loss", "training accuracy (%)"] * 2
    assert drawn.figure.axes[1].get_lines()[0].get_ydata() == pytest.approx(np.full(21, 98.9))
    assert drawn.notes == ("norm is no curve of an interpolation",)


def test_interpolations_and_random_directions_are_never_mixed():
    runs = pairs()
    both = frame([*lines(runs).to_dict("records"), *landscape(runs).to_dict("records")])
    alone, mixed = (draw(spec(), runs, points, METRICS).figure.axes[0].get_lines()[0] for points in (lines(runs), both))
    assert mixed.get_ydata() == pytest.approx(alone.get_ydata())
    assert [panel.get_title() for panel in draw(spec(kind="landscape", by=["pair", "dropout"]), runs, both, METRICS).figure.axes] == [
        "filter-normalized",
        "layer-normalized",
    ]
    assert draw(spec(), runs, landscape(runs), METRICS).figure is None
    assert draw(spec(kind="landscape"), runs, lines(runs), METRICS).figure is None


def test_panels_with_their_labels_do_not_overlap():
    figure = draw(spec(), pairs(), lines(pairs()), METRICS).figure
    style.png(figure)
    boxes = [panel.get_tightbbox() for panel in figure.axes]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
