"""Clusters of neurons: groups of known orientation, random ones, and what must not change the counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from bench.parts.measures.clusters import clusters
from tests.parts.measures.networks import linear, two_layer, view_of

DEGREES = st.lists(st.integers(-180, 179), min_size=1, max_size=12)


def measured(degrees, amplitudes=None, **parameters):
    """The counts of a network of one input, whose neurons have given orientations and amplitudes."""
    angles = np.radians(degrees)
    leaving = np.ones(len(angles)) if amplitudes is None else np.asarray(amplitudes, dtype=float)
    return clusters(view_of(two_layer(np.cos(angles), np.sin(angles), leaving)), **parameters).values


def test_groups_are_counted_whatever_their_size():
    """Four orientations 20 degrees and more apart, as fig. 1.2d has them, each a little spread."""
    degrees = [center + spread for center in (-100, -80, 83, 103) for spread in (-1.1, 0, 0.3, 1)]
    assert measured(degrees) == {"clusters": 4.0, "effective_clusters": pytest.approx(4)}


def test_neurons_all_around_are_not_one_cluster():
    """Plain gaps of 5 degrees would find a single one. A neuron holds its own share and 1/72 of that of the others."""
    found = measured(np.random.default_rng(0).uniform(-180, 180, 1000))
    assert 60 <= found["clusters"] <= 72
    assert found["effective_clusters"] == pytest.approx(1 / (0.001 + 0.999 / 72), rel=0.02)


def test_inactive_neurons_do_not_count():
    assert measured([0, 90, 180], [1, 0.11, -0.09])["clusters"] == measured([0, 90, 180], [9, 0.99, -0.81])["clusters"] == 2
    assert measured([0, 90, 180], [1, 0.11, 0.09], active=0.05)["clusters"] == 3


def test_amplitudes_weigh_in_the_effective_number():
    """Shares 3/4 and 1/4: 1 / (9/16 + 1/16) = 1.6."""
    assert measured([0, 90], [3, 1]) == {"clusters": 2.0, "effective_clusters": pytest.approx(1.6)}
    assert measured([90, 1, 0], [6, 1, 1]) == {"clusters": 2.0, "effective_clusters": pytest.approx(1.6)}
    several = nn.Sequential(linear([[1.0, 0.0], [0.0, 1.0]]), nn.ReLU(), linear([[3.0, 1.0]]))
    assert clusters(view_of(several)).values == {"clusters": 2.0, "effective_clusters": pytest.approx(1.6)}


def test_a_stray_neuron_adds_one_and_weighs_little():
    found = measured([0] * 50 + [90], [1] * 50 + [0.2])
    assert found["clusters"] == 2
    assert found["effective_clusters"] == pytest.approx(1, abs=0.01)


def test_opposite_orientations_are_two_and_the_seam_is_none():
    assert measured([0, -180])["clusters"] == 2
    assert measured([179, -179]) == {"clusters": 1.0, "effective_clusters": pytest.approx(1)}


def test_the_length_of_an_arc():
    assert [measured([0, 4, 8], arc=arc)["clusters"] for arc in (3.0, 5.0, 8.5)] == [3, 2, 1]
    assert measured([0, 18], arc=18.19)["clusters"] == 1


@given(DEGREES, st.randoms(use_true_random=False))
def test_the_order_of_neurons_does_not_matter(degrees, random):
    assert measured(random.sample(degrees, len(degrees))) == pytest.approx(measured(degrees))


@given(DEGREES, st.sampled_from([0.01, 3.0]))
def test_rescaling_does_not_matter(degrees, factor):
    angles = np.radians(degrees)
    ones = np.ones(len(angles))
    scaled = clusters(view_of(two_layer(factor * np.cos(angles), factor * np.sin(angles), ones / factor))).values
    assert scaled == pytest.approx(measured(degrees))


def test_of_several_inputs_the_larger_amplitude_leads():
    """Columns lie in one plane of three dimensions, 15 degrees apart: the middle one, which is the largest, stands for all."""
    angles = np.radians([0, 15, 30])
    rows = np.column_stack([np.cos(angles), np.zeros(3), np.sin(angles)])
    counts = {
        leaving: clusters(view_of(nn.Sequential(linear(rows), nn.ReLU(), linear([leaving])))).values["clusters"]
        for leaving in [(1.0, 2.0, 1.0), (2.0, 1.0, 1.0)]
    }
    assert counts == {(1.0, 2.0, 1.0): 1, (2.0, 1.0, 1.0): 2}


def test_of_several_inputs_signs_differ():
    model = nn.Sequential(linear([[1.0, 0.0], [-1.0, 0.0], [1.0, 0.1]]), nn.ReLU(), linear([[1.0, 1.0, 1.0]]))
    assert clusters(view_of(model)).values == {"clusters": 2.0, "effective_clusters": pytest.approx(1.8, rel=0.01)}


def test_a_dead_layer_has_none():
    assert clusters(view_of(two_layer([1.0], [1.0], [0.0]))).values == {}
