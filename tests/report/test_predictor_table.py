"""The table of what predicts the generalization gap."""

from __future__ import annotations

import pandas as pd
import pytest

from bench.metric import Metric
from bench.report.predictors import predictor_table
from bench.report.render import csv, latex, markdown
from bench.report.table import NONE
from bench.report.write import write_report
from tests.analysis.predictor_rows import METRICS, grid
from tests.report.synthetic import Memory, column, run_row

FLAT = Metric("sharpness_filter", "", "lower", "raw", "curvature", family="sharpness")


def experiment(axes=("lr", "width"), **columns):
    levels = {axis: [1, 2, 3, 4][: 5 - len(axes)] for axis in axes}
    values = lambda seed, *places: {"generalization_gap": 0.1 + 0.2 * sum(places), "sharpness": sum(places) - 3.0 * places[0] * seed}  # noqa: E731
    return grid(levels, values, **columns)


def test_numbers_stand_beside_what_they_rest_on():
    table = predictor_table(experiment(), METRICS)
    assert [entry.full_title for entry in table.columns] == [
        *("predictor", "family", "runs", "cells", "pairs", "effective pairs", "τ"),
        *("granulated τ: mean", "granulated τ: lr", "granulated τ: width", "sign error: mean", "sign error: largest", "sign error: along"),
    ]
    assert column(table, "predictor") == ["sharpness"]
    assert column(table, "family") == ["sharpness"]
    assert column(table, "runs") == ["converged: 27"]
    assert column(table, "cells") == [9]
    assert column(table, "pairs") == [54]
    assert column(table, "effective_pairs") == ["lr 27, width 27"]
    assert str(column(table, "granulated width")[0]) == "1.00 [—] (n = 3)"
    assert str(column(table, "granulated lr")[0]).startswith("-0.333 [-1.00, 1.00] (n = 3)")
    assert column(table, "worst_axis") == ["lr"]
    worst = column(table, "worst_error")[0]
    assert (worst.mean, worst.low, worst.high) == (pytest.approx(2 / 3), 0, 1)
    assert column(table, "sign_error")[0].mean == pytest.approx(1 / 3)


def test_dropped_runs_are_counted_and_all_runs_stand_beside():
    runs = experiment()
    runs.loc[runs["seed"] == 0, "train_loss"] = 0.2
    table = predictor_table(runs, METRICS)
    assert column(table, "runs") == ["converged: 18, 9 dropped", "all: 27"]
    assert column(table, "pairs") == [36, 54]


def test_where_nothing_is_known_nothing_is_said():
    table = predictor_table(experiment(train_loss=1.0, test_size=2), METRICS)
    assert column(table, "runs") == ["converged: 0, 27 dropped", "all: 27"]
    assert column(table, "tau")[0] == NONE
    assert column(table, "effective_pairs") == [NONE, "lr 0, width 0"]
    assert column(table, "worst_axis") == [NONE, NONE]
    assert column(table, "sign_error") == [NONE, NONE]


def test_one_axis_needs_no_mean_over_axes():
    table = predictor_table(experiment(("lr",)), METRICS)
    assert [entry.full_title for entry in table.columns[6:]] == ["τ", "granulated τ: lr", "sign error: lr"]


def test_tied_values_alone_have_no_coupled_pairs():
    runs = experiment(("lr",)).assign(**{"axis.model": lambda rows: rows["axis.lr"]})
    table = predictor_table(runs, METRICS)
    assert [entry.full_title for entry in table.columns[4:]] == ["pairs", "effective pairs", "τ"]
    assert column(table, "pairs") == [0]


def test_there_is_none_without_a_candidate_or_with_few_cells():
    assert predictor_table(experiment(), {}) is None
    assert predictor_table(experiment()[:9], METRICS) is None


def test_rows_of_two_states_are_refused_in_a_note():
    runs = experiment()
    table = predictor_table(pd.concat([runs, runs]), METRICS)
    assert table.rows == ()
    assert "two rows for one seed" in table.notes[0]


def test_every_format_shows_it():
    table = predictor_table(experiment(), METRICS)
    assert " granulated τ: lr |" in markdown(table)
    assert "$\\tau$" in latex(table)
    assert "τ" not in latex(table)
    heads = csv(table).splitlines()[0].split(",")
    assert {"tau", "tau low", "tau high", "tau n", "worst_axis"} <= set(heads)


def test_it_is_in_the_report(tmp_path):
    runs = experiment().to_dict("records")
    rows = [
        run_row(
            "flat",
            {name: run[f"axis.{name}"] for name in ("lr", "width")},
            run["seed"],
            generalization_gap=run["generalization_gap"],
            sharpness_filter=run["sharpness"],
        )
        for run in runs
    ]

    class Known(Memory):
        def metrics(self):
            return {FLAT.name: FLAT}

    write_report(Known(pd.DataFrame(rows), {}), lambda name, digest: None, tmp_path)
    folder = tmp_path / "demo/quick"
    assert {path.suffix for path in folder.glob("tables/predictors-flat.*")} == {".md", ".tex", ".csv"}
    for page in ("report.md", "report.html"):
        assert "flat: predictors of the generalization gap" in (folder / page).read_text(encoding="utf-8")
