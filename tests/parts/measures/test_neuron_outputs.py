"""Outputs of neurons against the values to learn: closed forms, and which runs say nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from bench.errors import UsageError
from bench.parts.measures.neuron_outputs import neuron_outputs
from tests.parts.measures.networks import linear, two_layer, view_of

SAMPLES = (0.5, 1.5)
WANTED = torch.tensor([[1.0], [2.0]], dtype=torch.float64)


def taken(model, wanted=WANTED):
    seen = view_of(model, SAMPLES)
    return neuron_outputs(replace(seen, data=replace(seen.data, train_targets=wanted))).values


def test_two_halves_of_the_target_are_parallel_to_it():
    """w* = (1, ½): neurons c w* and w*/c with weights that halve the target; o_1 = o_2 = y/3 each, as with lambda = 1."""
    found = taken(two_layer([2.0, 0.5], [1.0, 0.25], [1 / 6, 2 / 3]))
    assert found == pytest.approx({"working_neurons": 2, "output_share": 2 / 3, "output_alignment": 1, "weight_alignment": 1})


def test_parts_across_the_target_show():
    """o_1 = (1, 1) and o_2 = (.5, 1.5), of neurons (0, 1) and (1, 0)."""
    found = taken(two_layer([0.0, 1.0], [1.0, 0.0], [1.0, 1.0]))
    cosines = [3 / (2 * 5) ** 0.5, 3.5 / (2.5 * 5) ** 0.5]
    assert found == pytest.approx({"working_neurons": 2, "output_share": 6.5 / 5, "output_alignment": min(cosines), "weight_alignment": 0})


def test_a_neuron_that_works_against_the_target_is_not_aligned():
    assert taken(two_layer([2.0, 1.0], [1.0, 0.5], [1.0, -1.0]))["output_alignment"] == pytest.approx(-1)


@pytest.mark.parametrize("bias", [-1.0, -2.0], ids=["on one sample", "on both"])
def test_a_neuron_that_is_silent_leaves_nothing_to_say(bias):
    assert taken(two_layer([1.0, 1.0], [0.5, bias], [1.0, 1.0])) == {"working_neurons": 1.0}


def test_several_outputs_are_one_vector():
    model = nn.Sequential(nn.Flatten(), linear([[1.0], [1.0]], [0.5, 0.5]), nn.ReLU(), linear([[1.0, 0.0], [0.0, 1.0]]))
    found = taken(model, torch.tensor([[1.0, 0.0], [2.0, 0.0]], dtype=torch.float64))
    assert (found["output_share"], found["output_alignment"]) == pytest.approx((1.0, 0.0))


def test_of_several_hidden_layers_the_last_is_looked_at():
    model = nn.Sequential(nn.Flatten(), linear([[1.0]], [0.5]), nn.ReLU(), linear([[1.0], [-1.0]], [0.0, 4.0]), nn.ReLU(), linear([[1.0, 1.0]]))
    assert taken(model)["working_neurons"] == 2


def test_other_networks_are_refused():
    with pytest.raises(UsageError, match="fully connected"):
        neuron_outputs(view_of(nn.Sequential(nn.Conv1d(1, 1, 1))))
