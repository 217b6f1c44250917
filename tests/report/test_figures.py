from __future__ import annotations

import io
import itertools
import xml.etree.ElementTree as ET

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import stats

from bench.metric import Metric
from bench.report import style
from bench.report.figures import draw
from bench.suite_file import Figure as FigureSpec
from tests.report.synthetic import METRICS, architectures, batch_sizes, frame, functions, history, landscape, run_row
from tests.report.test_escape import HOSTILE

KNOWN = METRICS | {"train_accuracy": Metric("train_accuracy", "", "higher", "points", "", "train"), "train_loss": Metric("train_loss", "", "lower", "log", "")}


def spec(kind, **changes):
    return FigureSpec(**{"experiment": "batch-size", "kind": kind, **changes})


def test_curves_have_a_panel_per_metric_and_a_line_with_a_band_per_cell():
    runs = batch_sizes()
    figure = draw(spec("curves", title="Batch size"), runs, history(runs), KNOWN).figure
    assert [panel.get_ylabel() for panel in figure.axes] == ["test accuracy (%)", "train accuracy (%)", "test loss", "train loss"]
    assert {panel.get_xlabel() for panel in figure.axes} == {"epochs"}
    assert [(len(panel.get_lines()), len(panel.collections[0].get_paths())) for panel in figure.axes] == [(3, 3)] * 4
    assert figure.get_suptitle() == "Batch size\nmean over seeds, band: 95% t interval"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["16 (n = 3)", "64 (n = 3)", "256 (n = 3)"]
    assert legend.get_title().get_text() == "batch size"


def test_a_curve_is_the_mean_over_seeds_in_percent():
    runs = batch_sizes()
    points = history(runs)
    figure = draw(spec("curves", y=["test_accuracy"]), runs, points, KNOWN).figure
    cell = runs[runs["axis.batch_size"] == "16"]["row"]
    expected = points[points["of"].isin(cell) & (points["metric"] == "test_accuracy")].groupby("epoch")["value"].mean()
    line = figure.axes[0].get_lines()[0]
    assert line.get_xdata() == pytest.approx(expected.index.to_numpy())
    assert line.get_ydata() == pytest.approx(100 * expected.to_numpy())


def test_long_training_has_a_logarithmic_axis():
    runs = batch_sizes()
    scales = [draw(spec("curves", y=["test_loss"]), runs, history(runs, epochs), KNOWN).figure.axes[0].get_xscale() for epochs in (1000, 1001)]
    assert scales == ["linear", "log"]


def test_lengths_in_steps_are_shown_in_steps():
    runs = batch_sizes(**{"hp.steps": 160})
    figure = draw(spec("curves", y=["test_loss"]), runs, history(runs), KNOWN).figure
    assert figure.axes[0].get_xlabel() == "steps"
    assert figure.axes[0].get_lines()[0].get_xdata()[-1] == 160


def test_losses_over_decades_have_a_logarithmic_axis_and_accuracies_never():
    runs = batch_sizes()
    points = history(runs)
    points["value"] = np.where(points["epoch"] > 10, 1e-4, points["value"])
    figure = draw(spec("curves"), runs, points, KNOWN).figure
    assert [panel.get_yscale() for panel in figure.axes] == ["linear", "linear", "log", "log"]
    assert [panel.get_ylabel() for panel in figure.axes][2:] == ["test loss (geometric mean)", "train loss (geometric mean)"]


def test_other_experiments_change_nothing():
    runs, others = batch_sizes(), architectures()
    alone = draw(spec("curves", y=["test_loss"]), runs, history(runs), KNOWN).figure
    points = pd.concat([history(runs), history(others, 5000, ["test_loss", "other"])], ignore_index=True)
    beside = draw(spec("curves", y=["test_loss"]), pd.concat([runs, others], ignore_index=True), points, KNOWN).figure
    assert style.png(alone) == style.png(beside)


def test_long_names_are_broken_into_lines_within_their_panel():
    names = [f"initializer_{place}(scale=0.05,meaning=standard_deviation)" for place in range(9)]
    runs = frame(run_row("e", {"initializer": name, "width": "100"}, 0) for name in names)
    figure = draw(FigureSpec(experiment="e", kind="fits", title="word " * 60), runs, functions(runs), KNOWN).figure
    figure.draw_without_rendering()
    right = figure.bbox.width
    boxes = [panel.title.get_window_extent() for panel in figure.axes] + [figure._suptitle.get_window_extent()]
    assert all(box.x0 >= 0 and box.x1 <= right for box in boxes)
    rows = [boxes[place : place + 3] for place in range(0, 9, 3)]
    assert all(one.x1 <= other.x0 for row in rows for one, other in itertools.pairwise(row))


def test_metrics_without_history_are_named():
    runs = batch_sizes()
    drawn = draw(spec("curves", y=["test_loss", "sharpness"]), runs, history(runs), KNOWN)
    assert len(drawn.figure.axes) == 1
    assert drawn.notes == ("sharpness has no history",)


def test_many_cells_have_a_colour_bar():
    runs = batch_sizes([2**k for k in range(12)], seeds=2)
    figure = draw(spec("curves", y=["test_loss"]), runs, history(runs), KNOWN).figure
    assert not figure.legends
    assert figure.axes[-1].get_ylabel() == "batch size"
    assert b"<image" not in style.svg(figure)
    assert "n = 2" in figure.get_suptitle()


@pytest.mark.parametrize("by", [[], ["batch_size"]])
def test_panels_with_their_labels_do_not_overlap_and_stay_inside(by):
    runs = batch_sizes([2**k for k in range(12)], seeds=2)
    figure = draw(spec("curves", y=["test_loss", "test_accuracy", "train_loss"], by=by), runs, history(runs), KNOWN).figure
    style.png(figure)
    boxes = [panel.get_tightbbox() for panel in figure.axes]
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.width and box.y1 <= figure.bbox.height for box in boxes)
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


def test_landscapes_average_directions_then_seeds():
    runs = architectures()
    points = landscape(runs)
    figure = draw(spec("landscape", experiment="architectures"), runs, points, KNOWN).figure
    assert [panel.get_title() for panel in figure.axes] == ["filter-normalized", "layer-normalized"]
    first = runs[(runs["axis.model"] == "fnn") & (runs["axis.dropout"] == "0")]["row"]
    mine = points[points["of"].isin(first) & (points["normalization"] == "filter")]
    expected = mine.groupby(["of", "alpha"])["loss"].mean().groupby("alpha").agg(stats.gmean)
    assert figure.axes[0].get_lines()[0].get_ydata() == pytest.approx(expected.to_numpy())


def test_a_loss_that_is_not_finite_leaves_a_gap_and_no_biased_mean():
    runs = batch_sizes([16])
    points = landscape(runs)
    points.loc[(points["alpha"] == 1.0) & (points["direction"] == 0), "loss"] = np.nan
    figure = draw(spec("landscape"), runs, points, KNOWN).figure
    assert figure.axes[0].get_lines()[0].get_xdata().max() < 1


def test_fits_show_a_line_per_seed_the_target_and_the_samples():
    runs = batch_sizes()
    figure = draw(spec("fits"), runs, functions(runs), KNOWN).figure
    assert [panel.get_title() for panel in figure.axes] == ["batch size = 16 (n = 3)", "batch size = 64 (n = 3)", "batch size = 256 (n = 3)"]
    assert [len(panel.get_lines()) for panel in figure.axes] == [5, 5, 5]
    target, samples = figure.axes[0].get_lines()[3:]
    assert target.get_ydata() == pytest.approx(np.sin(3 * target.get_xdata()))
    assert len(samples.get_xdata()) == 12
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["network", "target", "training samples"]


def test_fits_show_the_last_step_alone():
    runs = batch_sizes([16], seeds=1)
    points = functions(runs)
    early = points.assign(step=10, output=points["output"] + 5)
    figure = draw(spec("fits"), runs, frame([*early.to_dict("records"), *points.to_dict("records")]), KNOWN).figure
    assert max(figure.axes[0].get_lines()[0].get_ydata()) < 2


@pytest.mark.parametrize("kind", ["curves", "landscape", "fits"])
def test_nothing_to_draw_gives_a_note_and_no_figure(kind):
    runs = batch_sizes()
    for rows, points in ((runs, history(runs).head(0)), (runs.head(0), history(runs)), (runs.assign(status="diverged"), history(runs))):
        drawn = draw(spec(kind), rows, points, KNOWN)
        assert drawn.figure is None
        assert drawn.notes


@pytest.mark.parametrize(("kind", "points"), [("curves", history), ("landscape", landscape), ("fits", functions)])
def test_one_seed_is_drawn_without_a_band(kind, points):
    runs = batch_sizes(seeds=1)
    figure = draw(spec(kind), runs, points(runs), KNOWN).figure
    assert style.png(figure).startswith(b"\x89PNG")


def test_hostile_names_are_drawn_as_text():
    rows = [run_row("e", {"a$x": text}, seed, test_loss=1.0) for text in HOSTILE[:7] for seed in range(2)]
    runs = frame(rows)
    figure = draw(FigureSpec(experiment="e", kind="curves", title=r"$\frac{<b>\input{x}"), runs, history(runs), KNOWN).figure
    svg = style.svg(figure)
    root = ET.fromstring(svg)
    assert not [element for element in root.iter() if element.tag.endswith(("script", "foreignObject"))]
    assert style.png(figure).startswith(b"\x89PNG")


def test_labels_have_only_characters_of_the_font():
    assert style.label("数 α $x$") == r"? α \$x\$"


def test_files_are_the_same_bytes_each_time_and_of_a_papers_width():
    runs = batch_sizes()
    made = []
    for _ in range(2):
        figure = draw(spec("curves", y=["test_loss"]), runs, history(runs), KNOWN).figure
        made.append((style.png(figure), style.svg(figure)))
    assert made[0] == made[1]
    assert Image.open(io.BytesIO(made[0][0])).width == pytest.approx(200 * style.NARROW, abs=1)


def test_a_figure_is_laid_out_once_for_all_its_files(monkeypatch):
    runs = batch_sizes()
    figure = draw(spec("curves"), runs, history(runs), KNOWN).figure
    engine, times = figure.get_layout_engine(), []
    execute = engine.execute
    monkeypatch.setattr(engine, "execute", lambda figure: (times.append(1), execute(figure)))
    style.png(figure)
    places = [panel.get_position().bounds for panel in figure.axes]
    style.svg(figure)
    assert times == [1]
    assert [panel.get_position().bounds for panel in figure.axes] == places


def test_a_users_own_settings_change_nothing():
    runs = batch_sizes()
    plain = style.png(draw(spec("curves", y=["test_loss"]), runs, history(runs), KNOWN).figure)
    with mpl.rc_context({"font.size": 20, "axes.facecolor": "black", "lines.linewidth": 9}):
        assert style.png(draw(spec("curves", y=["test_loss"]), runs, history(runs), KNOWN).figure) == plain
        assert mpl.rcParams["font.size"] == 20
