"""Heat maps: which axes, which means, what is grey."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import LogNorm

from bench.report import style
from bench.report.figures import draw
from bench.suite_file import Figure as FigureSpec
from tests.report.synthetic import METRICS, frame, run_row

LOSSES = {("0", "1"): [1.0, 4.0], ("0", "10"): [0.1, 0.1], ("0.1", "1"): [0.5, 0.5], ("0.1", "2"): [0.01, 0.04]}


def runs(losses=LOSSES, **more):
    made = []
    for (rate, train), values in losses.items():
        axes = {"dropout": rate, "dataset.train": train, **more}
        made += [run_row("scan", axes, seed, test_loss=value, test_accuracy=value / 10) for seed, value in enumerate(values)]
    return frame(made)


def heatmap(rows, **given):
    spec = FigureSpec(experiment="scan", kind="heatmap", **{"y": ["test_loss"], **given})
    return draw(spec, rows, rows[["row"]].rename(columns={"row": "of"}), METRICS)


def test_a_field_has_the_geometric_mean_over_seeds():
    drawn = heatmap(runs())
    panel = drawn.figure.axes[0]
    (image,) = panel.get_images()
    table = np.ma.filled(image.get_array(), np.nan)
    assert table == pytest.approx(np.array([[2.0, np.nan, 0.1], [0.5, 0.02, np.nan]]), nan_ok=True)
    assert [text.get_text() for text in panel.get_xticklabels()] == ["1", "2", "10"]
    assert [text.get_text() for text in panel.get_yticklabels()] == ["0", "0.1"]
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("dataset.train", "dropout")
    assert [text.get_text() for text in panel.texts] == ["2", "0.1", "0.5", "0.02"]
    assert isinstance(image.norm, LogNorm)
    assert drawn.figure.axes[1].get_ylabel() == "test loss"
    assert "n = 2" in drawn.figure.get_suptitle()
    assert style.png(drawn.figure).startswith(b"\x89PNG")


def test_shares_are_in_percent_and_not_on_a_log_scale():
    drawn = heatmap(runs(), y=["test_accuracy"], by=["dataset.train", "dropout"])
    panel = drawn.figure.axes[0]
    (image,) = panel.get_images()
    assert image.get_array()[0, 0] == pytest.approx(25.0)
    assert not isinstance(image.norm, LogNorm)
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("dropout", "dataset.train")
    assert drawn.figure.axes[1].get_ylabel() == "test accuracy (%)"


def test_other_axes_become_panels():
    both = frame([*runs(**{"optimizer.lr": "0.1"}).to_dict("records"), *runs(**{"optimizer.lr": "0.01"}).to_dict("records")])
    drawn = heatmap(both, by=["dropout", "dataset.train"])
    assert [panel.get_title() for panel in drawn.figure.axes if panel.get_title()] == ["optimizer.lr = 0.01", "optimizer.lr = 0.1"]


def test_what_is_no_grid_is_not_drawn():
    one = runs({("0", "1"): [1.0], ("0", "2"): [2.0]})
    assert heatmap(one).figure is None
    assert "two axes" in heatmap(one).notes[0]
    assert "no run has speed" in heatmap(runs(), y=["speed"]).notes[0]
