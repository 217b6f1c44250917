"""The figure of neurons: which run, which steps, what is left out."""

from __future__ import annotations

import numpy as np
import pytest

from bench.metric import Metric
from bench.report import style
from bench.report.figures import draw
from bench.suite_file import Figure as FigureSpec
from tests.report.synthetic import batch_sizes, frame

KNOWN: dict[str, Metric] = {}
SPEC = FigureSpec(experiment="batch-size", kind="neurons")


def neurons(runs, steps=(0, 500, 1000), orientation=True, count=11):
    """Eleven neurons for each run; the share of the first tells the run and the step."""
    rows = []
    for place, run in enumerate(runs.to_dict("records")):
        for step in steps:
            for neuron in range(count):
                share = (place + 1) / 100 + step / 10_000 if neuron == 0 else 1.0
                angle = -np.pi + neuron / 2 if orientation else np.nan
                rows.append({"of": run["row"], "step": step, "layer": "1", "neuron": neuron, "amplitude": 2 * share, "share": share, "orientation": angle})
    return frame(rows)


def test_a_panel_for_each_cell_with_the_start_and_the_end_of_the_first_seed():
    runs = batch_sizes([16, 64])
    figure = draw(SPEC, runs, neurons(runs), KNOWN).figure
    assert [panel.get_title() for panel in figure.axes] == ["batch size = 16 (n = 3)", "batch size = 64 (n = 3)"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["before training", "after training"]
    assert all(
        handle.get_markersize() > line.get_markersize() for handle, line in zip(figure.legends[0].legend_handles, figure.axes[0].get_lines(), strict=True)
    )
    firsts = [list(runs["row"]).index(row) for row in runs[runs["seed"] == 0]["row"]]
    for panel, place in zip(figure.axes, firsts, strict=True):
        before, after = panel.get_lines()
        assert before.get_ydata()[0] == pytest.approx((place + 1) / 100)
        assert after.get_ydata()[0] == pytest.approx((place + 1) / 100 + 0.1)
        assert after.get_xdata() == pytest.approx(-np.pi + np.arange(11) / 2)
        assert (panel.get_xlabel(), panel.get_ylabel()) == ("orientation atan2(b, w)", "A / max A")
    assert style.png(figure).startswith(b"\x89PNG")


@pytest.mark.parametrize(("steps", "names"), [((1000,), ["after training"]), ((10, 1000), ["first recorded step", "after training"])])
def test_what_is_called_the_start(steps, names):
    runs = batch_sizes([16], seeds=1)
    figure = draw(SPEC, runs, neurons(runs, steps), KNOWN).figure
    assert [text.get_text() for text in figure.legends[0].get_texts()] == names


def test_the_first_seed_that_has_neurons_is_drawn():
    runs = batch_sizes([16])
    points = neurons(runs)
    without = points[points["of"] != runs[runs["seed"] == 0]["row"].iloc[0]]
    shown = draw(SPEC, runs, without, KNOWN).figure.axes[0].get_lines()[0].get_ydata()[0]
    second = list(runs["row"]).index(runs[runs["seed"] == 1]["row"].iloc[0])
    assert shown == pytest.approx((second + 1) / 100)


def test_of_networks_with_few_neurons_all_seeds_are_drawn():
    runs = batch_sizes([16])
    figure = draw(SPEC, runs, neurons(runs, count=2), KNOWN).figure
    _, after = figure.axes[0].get_lines()
    assert len(after.get_xdata()) == 3 * 2
    assert "all seeds" in figure.get_suptitle()


def test_neurons_without_orientation_are_not_drawn():
    runs = batch_sizes([16])
    drawn = draw(SPEC, runs, neurons(runs, orientation=False), KNOWN)
    assert drawn.figure is None
    assert "orientation" in drawn.notes[0]
