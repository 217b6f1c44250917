"""Relative change of weights: closed forms, and that it starts from step 0 of the run itself."""

from __future__ import annotations

import pytest
import torch

from bench.errors import UsageError
from bench.parts.measures import measures
from bench.parts.measures.relative_change import relative_change
from tests.parts.measures.networks import two_layer, view_of
from tests.train.runs import pack_of, prepared, sine_run, trainer

START = ([3.0, 0.0], [0.0, 4.0], [12.0, 0.0])


def change(last, first=START, **parameters):
    return relative_change(view_of(two_layer(*last), snapshots={0: two_layer(*first).state_dict()}), **parameters).values


def test_a_layer_and_the_whole_in_closed_form():
    """||theta(0)|| = 5 in the first layer and 13 in all; the first layer moves by (3, 4), the second by 12."""
    assert change(([6.0, 0.0], [0.0, 8.0], [0.0, 0.0])) == {"relative_change": 1.0, "relative_change_total": 1.0}
    assert change(([3.0, 0.0], [0.0, 4.0], [12.0, 13.0])) == {"relative_change": 0.0, "relative_change_total": 1.0}
    assert change(([3.0, 0.0], [0.0, 4.0], [0.0, 0.0]), layer=1)["relative_change"] == 1
    assert change(([3.0, 0.0], [0.0, 0.0], [12.0, 0.0]))["relative_change"] == 0.8


def test_the_norm_is_of_the_start_and_not_of_the_end():
    assert change(tuple([5 * value for value in values] for values in START)) == pytest.approx({"relative_change": 4.0, "relative_change_total": 4.0})


def test_a_common_scale_does_not_matter():
    last = ([1.0, -2.0], [0.5, 3.0], [1.0, 1.0])
    scaled = change(*(tuple([0.01 * value for value in values] for values in weights) for weights in (last, START)))
    assert scaled == pytest.approx(change(last))


def test_weights_that_start_at_zero_have_no_ratio():
    assert change(START, ([0.0, 0.0], [0.0, 0.0], [1.0, 0.0])).keys() == {"relative_change_total"}


def test_without_step_0_there_is_nothing_to_compare_with():
    with pytest.raises(UsageError, match="step 0") as refused:
        relative_change(view_of(two_layer(*START)))
    assert refused.value.hint == "List step 0: snapshots: [0, …]."


def test_step_0_is_asked_for_by_default():
    assert measures["relative_change"].check({}) == ({"layer": 0, "snapshots": [0]}, [])


def test_a_run_is_compared_with_its_own_initial_weights():
    """One step of plain gradient descent moves the weights by the learning rate times the gradient."""
    run = sine_run(seed=3, steps=1, optimizer={"name": "sgd", "lr": 0.05})
    start = prepared(run)
    start.objective(start.model(start.data.train_inputs), start.data.train_targets).backward()
    parameters = list(start.model.parameters())
    gradient, length = (torch.cat([part(p).flatten() for p in parameters]).norm() for part in (lambda p: p.grad, lambda p: p.detach()))
    (result,) = trainer()(pack_of(run, measures=["relative_change"]), lambda progress: None)
    assert result.metrics["relative_change_total"] == pytest.approx(float(0.05 * gradient / length), rel=1e-4)
