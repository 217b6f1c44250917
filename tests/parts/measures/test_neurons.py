"""The table of neurons: rows in closed form, at which steps, and what rescaling leaves alone."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from bench.errors import UsageError
from bench.parts.measures.neurons import neurons
from tests.parts.measures.networks import linear, two_layer, view_of

W, B, A = [3.0, 0.0, -1.0, 0.0], [4.0, -2.0, 0.01, 0.0], [2.0, -1.0, 0.5, 9.0]
FACTORS = st.lists(st.sampled_from([0.01, 0.5, 1.0, 7.0]), min_size=4, max_size=4)


def column(measured, name):
    return [row[name] for row in measured.rows]


def test_rows_in_closed_form():
    """A = (2 * 5, 1 * 2, .5 * |(-1, .01)|, 9 * 0): two are above a tenth of the largest."""
    measured = neurons(view_of(two_layer(W, B, A)))
    assert column(measured, "amplitude") == pytest.approx([10, 2, 0.5 * math.hypot(1, 0.01), 0])
    assert column(measured, "share") == pytest.approx([1, 0.2, 0.05 * math.hypot(1, 0.01), 0])
    assert column(measured, "orientation") == [math.atan2(4, 3), -math.pi / 2, math.atan2(0.01, -1), None]
    assert column(measured, "cluster") == [0, 1, None, None]
    assert {(row["step"], row["layer"]) for row in measured.rows} == {(5, "1")}
    assert column(measured, "neuron") == [0, 1, 2, 3]
    assert measured.values == {"active_neurons": 2.0, "total_amplitude": pytest.approx(sum(column(measured, "amplitude")))}


@given(FACTORS)
def test_rescaling_of_a_neuron_changes_nothing(factors):
    """relu(c z) = c relu(z): (a / c, c w, c b) is the same function, and has the same amplitude and orientation."""
    scaled = two_layer(*([value * c for value, c in zip(values, factors, strict=True)] for values in (W, B)), [a / c for a, c in zip(A, factors, strict=True)])
    plain, other = neurons(view_of(two_layer(W, B, A))), neurons(view_of(scaled))
    assert other.values == pytest.approx(plain.values)
    for name in ("amplitude", "share"):
        assert column(other, name) == pytest.approx(column(plain, name))
    assert column(other, "cluster") == column(plain, "cluster")
    assert column(other, "orientation")[:3] == pytest.approx(column(plain, "orientation")[:3])


def test_the_bias_counts_in_amplitude_and_the_sign_in_orientation():
    ours, theirs = (neurons(view_of(two_layer([1.0], [b], [1.0]))).rows[0] for b in (0.0, 1.0))
    assert (ours["amplitude"], theirs["amplitude"]) == (1.0, pytest.approx(2**0.5))
    opposite = neurons(view_of(two_layer([-1.0], [-1.0], [1.0]))).rows[0]
    assert theirs["orientation"] - opposite["orientation"] == pytest.approx(math.pi)


def test_snapshots_are_recorded_besides_the_end():
    model, before = two_layer([1.0], [1.0], [1.0]), two_layer([0.0], [2.0], [3.0])
    stale = two_layer([5.0], [5.0], [5.0]).state_dict()
    measured = neurons(view_of(model, snapshots={0: before.state_dict(), 5: stale}))
    assert column(measured, "step") == [0, 5]
    assert column(measured, "amplitude") == pytest.approx([6, 2**0.5])
    assert measured.values["total_amplitude"] == pytest.approx(2**0.5)


def test_several_inputs_have_amplitudes_alone():
    measured = neurons(view_of(nn.Sequential(linear([[3.0, 4.0], [0.0, 1.0]]), nn.ReLU(), linear([[2.0, 1.0]]))))
    assert [column(measured, name) for name in ("amplitude", "orientation", "cluster")] == [[10, 1], [None, None], [None, None]]


def test_a_dead_layer_has_no_active_neuron():
    measured = neurons(view_of(two_layer([0.0, 1.0], [0.0, 1.0], [1.0, 0.0])))
    assert measured.values == {"active_neurons": 0.0, "total_amplitude": 0.0}
    assert column(measured, "share") == [0, 0]


def test_other_networks_are_refused():
    with pytest.raises(UsageError, match="fully connected"):
        neurons(view_of(nn.Sequential(nn.Conv2d(1, 1, 1), nn.Flatten(), nn.Linear(4, 1)), inputs=(1, 2, 2)))


def test_values_are_those_of_single_precision_weights():
    model = two_layer([3.0], [4.0], [2.0]).float()
    assert neurons(view_of(model)).rows[0]["amplitude"] == 10
    assert model[1].weight.dtype == torch.float32
