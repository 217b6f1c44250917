"""Measures that read the history: the last values, their difference, and the first step below a threshold."""

from __future__ import annotations

import pytest

from bench.parts.measures import History, View, measures

VALUES = {
    "train_loss": [2.0, 0.5, 0.1, 0.2],
    "test_loss": [2.0, 0.75, 0.5, 0.6],
    "train_accuracy": [0.25, 0.5, 1.0, 0.875],
    "test_accuracy": [0.5, 0.5, 0.75, 0.625],
}


def take(name, values=VALUES, **parameters):
    history = History([0, 10, 20, 30], [0.0, 1.0, 2.0, 3.0], values)
    checked, problems = measures[name].check(parameters)
    assert not problems
    return measures[name].target(View(None, None, None, None, history, 0, 1), **checked).values


def test_accuracy_and_loss_are_the_last():
    assert take("accuracy") == {"train_accuracy": 0.875, "test_accuracy": 0.625}
    assert take("loss") == {"train_loss": 0.2, "test_loss": 0.6}


def test_the_gap_is_training_minus_test():
    assert take("generalization_gap") == {"generalization_gap": 0.25}


@pytest.mark.parametrize(("threshold", "step"), [(3.0, 0.0), (2.0, 10.0), (0.5, 20.0), (0.15, 20.0), (0.2, 20.0)])
def test_the_first_step_below_the_threshold(threshold, step):
    assert take("steps_to_loss", threshold=threshold) == {"steps_to_loss": step}


@pytest.mark.parametrize("threshold", [0.1, 0.005])
def test_no_step_if_the_loss_stays_above(threshold):
    assert take("steps_to_loss", threshold=threshold) == {}


def test_a_loss_that_is_not_a_number_is_not_below():
    assert take("steps_to_loss", {"train_loss": [float("nan"), 3.0, float("nan"), 0.001]}) == {"steps_to_loss": 30.0}


@pytest.mark.parametrize("threshold", [0.0, -1.0])
def test_refuses_thresholds_that_no_loss_is_below(threshold):
    assert measures["steps_to_loss"].check({"threshold": threshold})[1]
