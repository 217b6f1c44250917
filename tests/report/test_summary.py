from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bench.metric import Metric
from bench.report.summary import comparable, failed, heading, mark_best, note_on_test_set, notes_on_numbers, quantity, shown_metrics, summarize, with_counts
from bench.report.table import Number
from tests.report.synthetic import METRICS, architectures, batch_sizes, frame, run_row

ACCURACY, LOSS = METRICS["test_accuracy"], METRICS["test_loss"]
PLAIN = Metric("sharpness_filter", "1/step", "neither", "raw", "")


def cell(values, **more):
    return frame(run_row("e", {"a": "1"}, seed, test_loss=value, **more) for seed, value in enumerate(values))


def summary(rows, metric):
    """Of all rows as one field."""
    (number,) = summarize(rows, [np.arange(len(rows))], metric)
    return number


def test_the_interval_is_students():
    values = [0.31, 0.28, 0.36, 0.30]
    number = summary(cell(values), LOSS)
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert (number.mean, number.low, number.high, number.n) == (pytest.approx(np.mean(values)), pytest.approx(low), pytest.approx(high), 4)


@pytest.mark.fault("F28")
def test_one_seed_has_no_interval_and_no_seed_no_number():
    assert str(summary(cell([0.25]), LOSS)) == "0.250 ± —"
    assert summary(cell([0.25], status="diverged"), LOSS).mean is None
    assert summary(cell([0.25]), PLAIN).mean is None


@pytest.mark.fault("F26")
def test_what_failed_is_never_averaged_in():
    rows = cell([0.2, 0.3, 9.0])
    rows.loc[2, "status"] = "diverged"
    assert summary(rows, LOSS).mean == pytest.approx(0.25)
    assert failed(rows) == "1 diverged"


def test_several_cells_are_averaged_per_seed_on_common_seeds():
    rows = frame(
        run_row("e", {"a": a}, seed, test_loss=value)
        for a, values in {"1": [0.1, 0.2, 0.3], "2": [0.5, 0.6, 0.9]}.items()
        for seed, value in enumerate(values)
        if not (a == "2" and seed == 2)
    )
    number = summary(rows, LOSS)
    per_seed = [0.3, 0.4]
    assert (number.mean, number.n) == (pytest.approx(0.35), 2)
    assert number.high == pytest.approx(stats.t.interval(0.95, 1, np.mean(per_seed), stats.sem(per_seed))[1])


def test_fields_are_summarized_each_for_itself():
    rows = pd.concat([cell([0.2, 0.3, 0.7]), cell([0.5]), cell([0.4, math.nan, 0.6])], ignore_index=True)
    fields = [np.array([0, 1, 2]), np.array([3]), np.array([4, 5, 6]), np.array([], dtype=int)]
    assert [number.n for number in summarize(rows, fields, LOSS)] == [3, 1, 2, 0]
    assert summarize(rows, fields, LOSS)[:3] == [summary(rows.iloc[places], LOSS) for places in fields[:3]]


def test_equal_accuracies_have_the_resolution_of_the_test_set():
    rows = frame(run_row("e", {}, seed, test_accuracy=0.9) for seed in range(3))
    number = summary(rows, ACCURACY)
    assert number.high - number.mean == pytest.approx(stats.t.ppf(0.975, 2) * (1 / 400) / math.sqrt(12) / math.sqrt(3))


def test_metrics_of_a_table_are_those_with_values_accuracy_first():
    names = [metric.name for metric in shown_metrics(architectures(), METRICS)]
    assert names == ["test_accuracy", "sharpness_filter"]
    assert [metric.name for metric in shown_metrics(batch_sizes(), METRICS, ["test_loss", "unknown"])] == ["test_loss"]


def test_titles_say_unit_and_direction():
    assert heading(ACCURACY) == "test accuracy (%) ↑"
    assert heading(LOSS) == "test loss ↓"
    assert quantity(PLAIN) == heading(PLAIN) == "sharpness filter (1/step)"


def marks(numbers, groups=None, metric=ACCURACY):
    return [number.best for number in mark_best(numbers, groups or [0] * len(numbers), metric)]


def test_the_best_and_what_lies_in_its_interval_is_marked():
    numbers = [Number(0.9, 0.88, 0.92, 3), Number(0.89, 0.8, 0.98, 3), Number(0.87, 0.86, 0.88, 3), Number(None, n=0)]
    assert marks(numbers) == [True, True, False, False]
    assert marks(numbers, metric=LOSS) == [False, False, True, False]
    assert marks(numbers, groups=[0, 1, 1, 1]) == [False, True, True, False]


@pytest.mark.parametrize("numbers", [[Number(0.9, 0.8, 1.0, 3)], [Number(0.9, n=1), Number(0.8, n=1)], []])
def test_nothing_is_best_without_interval_or_company(numbers):
    assert not any(marks(numbers))


def test_nothing_is_best_where_no_direction_is_better():
    assert not any(marks([Number(0.9, 0.8, 1.0, 3), Number(0.1, 0.0, 0.2, 3)], metric=PLAIN))


def test_losses_compare_on_the_same_data_and_objective_accuracies_on_the_same_data():
    one, other = (cell([0.1], **{"hp.dataset": "digits", "hp.objective": objective}) for objective in ("squared", "cross_entropy"))
    both = pd.concat([one, other, one.assign(data_checksum="f" * 64)], ignore_index=True)
    fields = [np.array([place]) for place in range(3)]
    accuracy, loss = comparable(both, fields, ACCURACY), comparable(both, fields, LOSS)
    assert accuracy[0] == accuracy[1] != accuracy[2]
    assert loss[0] != loss[1]


def test_the_standard_error_of_the_test_set_is_binomial():
    (note,) = note_on_test_set(batch_sizes(), ACCURACY, [Number(0.9), Number(0.5), Number(None)])
    assert "(400 samples) is 1.50 to 2.50 pp" in note
    assert note_on_test_set(batch_sizes(), LOSS, [Number(0.9)]) == []


def test_notes_say_n_and_what_is_bold():
    assert notes_on_numbers([Number(1.0, n=1)]) == ["One seed: no interval can be given."]
    assert notes_on_numbers([Number(None, n=0)]) == []
    several = notes_on_numbers([Number(1.0, 0.9, 1.1, 3, best=True), Number(1.0, n=2)])
    assert "n = 3 unless stated" in several[0]
    assert len(several) == 3


def test_fewer_seeds_are_said_behind_a_number():
    assert [number.note for number in with_counts([Number(1.0, n=3), Number(1.0, n=2), Number(None, n=0)], 3)] == ["", "n = 2 of 3", ""]
