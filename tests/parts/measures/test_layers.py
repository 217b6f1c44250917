"""Layers as vectors: which layer, which rows, amplitude and angle in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from bench.errors import UsageError
from bench.parts.measures.layers import directions, first_hidden, path_of, vectors
from tests.parts.measures.networks import linear, two_layer


class Branches(nn.Module):
    """A convolution below a name, and a linear layer."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(2, 3, 2, bias=False), nn.BatchNorm2d(3))
        self.head = nn.Linear(3, 4)


@pytest.mark.parametrize(("layer", "path"), [(0, "stem.0"), (1, "head"), ("head", "head"), ("stem.0", "stem.0")])
def test_layers_go_by_number_or_path(layer, path):
    assert path_of(Branches(), layer) == path


@pytest.mark.parametrize("layer", [2, "stem", "stem.1"])
def test_another_layer_is_refused_with_those_there_are(layer):
    with pytest.raises(UsageError, match=f"no layer {layer!r}") as refused:
        path_of(Branches(), layer)
    assert refused.value.hint == "Give a number from 0 to 1, or one of stem.0, head."


def test_a_model_of_one_layer_has_no_name_for_it():
    assert vectors(linear([[1.0, 2.0]], [3.0]).state_dict(), path_of(linear([[1.0]]), 0)).tolist() == [[1, 2, 3]]


def test_rows_have_their_bias_last_if_it_is_wanted():
    weights = nn.Sequential(linear([[1.0, 2.0], [3.0, 4.0]], [5.0, 6.0])).state_dict()
    assert vectors(weights, "0").tolist() == [[1, 2, 5], [3, 4, 6]]
    assert vectors(weights, "0", bias=False).tolist() == [[1, 2], [3, 4]]


def test_filters_and_slices_of_a_convolution():
    weight = torch.arange(24.0).reshape(3, 2, 2, 2)
    weights = {"c.weight": weight, "c.bias": torch.tensor([-1.0, -2.0, -3.0])}
    assert vectors(weights, "c").tolist() == [[*range(8), -1], [*range(8, 16), -2], [*range(16, 24), -3]]
    assert vectors(weights, "c", unit="slice").tolist() == np.arange(24).reshape(6, 4).tolist()


def test_a_linear_layer_has_no_slices():
    with pytest.raises(UsageError, match="has no slices"):
        vectors({"c.weight": torch.eye(2)}, "c", unit="slice")


def test_directions_have_length_one_and_zero_has_none():
    assert directions(np.array([[3.0, 4.0], [0.0, 0.0], [0.0, -2.0]])).tolist() == [[0.6, 0.8], [0, -1]]


def test_amplitude_and_angle_in_closed_form():
    """w = (3, 0, -1), b = (4, -2, 0), a = (2, -1, 5): A = (2 * 5, 1 * 2, 5 * 1)."""
    model = two_layer([3.0, 0.0, -1.0], [4.0, -2.0, 0.0], [2.0, -1.0, 5.0])
    hidden = first_hidden(model)
    assert (hidden.path, hidden.behind, hidden.inputs) == ("1", "4", 1)
    assert hidden.amplitudes(model.state_dict()).tolist() == [10, 2, 5]
    assert hidden.angles(model.state_dict()).tolist() == [math.atan2(4, 3), -math.pi / 2, -math.pi]


def test_several_outputs_leave_by_their_norm_and_the_deeper_layers_do_not_count():
    model = nn.Sequential(linear([[3.0, 4.0]]), nn.Tanh(), linear([[5.0], [12.0]]), nn.Tanh(), linear([[7.0, 7.0]]))
    assert first_hidden(model).amplitudes(model.state_dict()).tolist() == [65]
    assert first_hidden(model).angles(model.state_dict()) is None


def test_without_a_bias_there_are_two_angles_and_none_for_a_dead_neuron():
    model = two_layer([2.0, -2.0, 0.0], None, [1.0, 1.0, 1.0])
    assert first_hidden(model).angles(model.state_dict()).tolist() == pytest.approx([0, -math.pi, math.nan], nan_ok=True)


@pytest.mark.parametrize("model", [nn.Sequential(linear([[1.0]])), linear([[1.0]]), Branches(), nn.Sequential(nn.Conv1d(1, 1, 1), nn.Linear(1, 1))])
def test_other_networks_have_no_amplitudes(model):
    with pytest.raises(UsageError, match="fully connected"):
        first_hidden(model)
