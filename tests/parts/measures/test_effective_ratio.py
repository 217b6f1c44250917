"""The effective ratio: known groups, units, invariances, and the chain of inequalities."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from bench.errors import UsageError
from bench.parts.measures.effective_ratio import effective_ratio
from tests.parts.measures.networks import linear, spider, two_layer, view_of

NAMES = ["effective_ratio_lower", "effective_ratio_exact", "effective_ratio_upper", "effective_ratio_first_fit"]


def layer_of(rows):
    """A network whose first layer has given rows."""
    return nn.Sequential(linear(rows), nn.ReLU(), linear(np.ones((1, len(rows)))))


def ratios(model, seed=0, **parameters):
    values = effective_ratio(view_of(model, seed=seed), **parameters).values
    return [values.get(name) for name in NAMES]


def test_two_blocks_of_a_hundred_neurons():
    """Fig. 1.3a: 57 and 43 neurons of opposite direction, sign-sensitive."""
    rows = np.outer([1.0] * 57 + [-2.0] * 43, np.arange(1.0, 11.0))
    assert ratios(layer_of(rows)) == [0.02] * 4


def test_orthogonal_neurons_are_all_effective():
    assert ratios(layer_of(np.eye(6))) == [1] * 4


@given(st.integers(0, 9999), st.sampled_from([0.5, 0.8, 0.95]))
@settings(max_examples=40, deadline=None)
def test_the_bounds_are_in_order_and_rescaling_does_not_matter(seed, threshold):
    random = np.random.default_rng(seed)
    rows = random.standard_normal((30, 3))
    found = ratios(layer_of(rows), seed, threshold=threshold)
    assert found == sorted(found)
    assert ratios(layer_of(rows * random.uniform(0.1, 10, (30, 1))), seed, threshold=threshold) == found


def test_the_ratio_is_over_all_neurons_and_dead_ones_need_nobody():
    assert ratios(layer_of([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]])) == [0.5] * 4
    assert ratios(layer_of([[0.0, 0.0]])) == [0] * 4


def test_the_bias_belongs_to_a_neuron_unless_not_wanted():
    model = two_layer([1.0, 1.0], [0.0, 5.0], [1.0, 1.0])
    assert ratios(model) == [1] * 4
    assert ratios(model, bias=False) == [0.5] * 4


def test_the_first_fit_depends_on_the_seed_and_not_on_the_time():
    angles = np.radians([0, 15, 30, 45, 60])
    model = layer_of(np.column_stack([np.cos(angles), np.sin(angles)]))
    found = {seed: ratios(model, seed) for seed in range(20)}
    assert {tuple(each[:2]) for each in found.values()} == {(0.2 * 2, 0.4)}
    assert {each[3] for each in found.values()} == {0.4, 0.6}
    assert found[3] == ratios(model, 3)


def test_the_upper_bound_is_the_smallest_set_that_was_found():
    """Of a spider the greedy way takes 4 of 7, and some orders take the 3 that are fewest."""
    found = {tuple(ratios(layer_of(spider()), seed)) for seed in range(20)}
    assert {(exact, min(upper, first_fit)) for _, exact, upper, first_fit in found} == {(3 / 7, 3 / 7), (3 / 7, 4 / 7)}
    assert all(upper <= first_fit for _, _, upper, first_fit in found)


def test_what_is_not_tried_has_no_exact_ratio():
    angles = np.radians([0, 15, 30, 45, 60])
    values = effective_ratio(view_of(layer_of(np.column_stack([np.cos(angles), np.sin(angles)]))), largest=4).values
    assert values.keys() == set(NAMES) - {"effective_ratio_exact"}


def test_slices_of_filters():
    """Each of two filters takes the same slice from one channel, and its own from the other."""
    convolution = nn.Conv2d(2, 2, 3)
    same, own = np.eye(3), [np.diag([1.0, -1.0, 0.0]), np.ones((3, 3)) - 2 * np.eye(3)]
    convolution.weight.data = convolution.weight.new_tensor(np.array([[same, own[0]], [2 * same, own[1]]]))
    model = nn.Sequential(nn.Flatten(), nn.Unflatten(1, (2, 3, 3)), convolution)
    assert ratios(model, unit="slice") == [0.75] * 4
    assert ratios(model) == [1] * 4


def test_another_layer_is_looked_at_where_it_is_named():
    model = nn.Sequential(linear(np.eye(3)), nn.ReLU(), linear([[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]]))
    assert [ratios(model, layer=layer)[1] for layer in (0, 1, "2")] == [1, 0.5, 0.5]
    with pytest.raises(UsageError, match="no layer 'fc'"):
        ratios(model, layer="fc")
    with pytest.raises(UsageError, match="has no slices"):
        ratios(model, unit="slice")


def test_the_threshold_is_a_cosine_and_not_its_square():
    """At 15 degrees the cosine is .966, its square .933."""
    angle = math.radians(15)
    assert ratios(layer_of([[1.0, 0.0], [math.cos(angle), math.sin(angle)]])) == [0.5] * 4
    assert ratios(layer_of([[1.0, 0.0], [math.cos(angle), math.sin(angle)]]), threshold=0.97)[1:] == [1] * 3
