"""The effective ratio over training: the values of the lecture's figure before training, and the rows of its course."""

from __future__ import annotations

import numpy as np
import pytest
from torch import nn

from bench.parts.measures.effective_course import effective_course
from bench.parts.measures.effective_ratio import effective_ratio
from tests.parts.measures.networks import linear, view_of


def network(rows):
    return nn.Sequential(linear(rows), nn.ReLU(), linear(np.eye(len(rows))[:2]))


APART, ALIKE = network(np.eye(3)), network(np.ones((3, 3)))


def test_both_layers_at_the_end_and_at_the_steps_that_were_asked_for():
    measured = effective_course(view_of(ALIKE, snapshots={0: APART.state_dict(), 2: ALIKE.state_dict()}))
    assert measured.values == pytest.approx({"effective_ratio_early": 1 / 3, "effective_ratio_late": 1.0})
    early = [row for row in measured.rows if row["metric"] == "effective_ratio_early"]
    assert [(row["step"], row["epoch"], row["value"]) for row in early] == [(0, 0.0, 1.0), (2, 2.0, pytest.approx(1 / 3)), (5, 5.0, pytest.approx(1 / 3))]
    assert {row["metric"] for row in measured.rows} == set(measured.values)


def test_the_layers_are_those_that_are_named():
    measured = effective_course(view_of(ALIKE), early=1, late="0")
    assert measured.values == pytest.approx({"effective_ratio_early": 1.0, "effective_ratio_late": 1 / 3})


@pytest.mark.parametrize(("threshold", "bias"), [(0.95, True), (0.5, False)])
def test_agrees_with_the_first_fit_of_one_layer(threshold, bias):
    rows = np.random.default_rng(0).standard_normal((200, 3))
    seen = view_of(network(rows), seed=3)
    found = effective_course(seen, threshold=threshold, bias=bias).values["effective_ratio_early"]
    assert found == effective_ratio(seen, threshold=threshold, bias=bias).values["effective_ratio_first_fit"]


def test_gaussian_slices_have_the_ratio_of_the_figure_before_training():
    """.955 at epoch 0 for the 128 x 64 slices of conv2-1, as whole filters would not have it."""
    convolution = nn.Conv2d(64, 128, 3)
    convolution.weight.data = convolution.weight.new_tensor(np.random.default_rng(0).standard_normal((128, 64, 3, 3)))
    seen = view_of(nn.Sequential(convolution, nn.ReLU(), nn.Conv2d(128, 1, 1)))
    assert effective_course(seen, unit="slice", late=0).values["effective_ratio_early"] == pytest.approx(0.955, abs=0.006)
    assert effective_course(seen, unit="neuron", late=0).values["effective_ratio_early"] == 1
