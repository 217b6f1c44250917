"""Cosines between neurons: blocks, random directions in closed form, and invariances."""

from __future__ import annotations

import math

import numpy as np
import pytest
from torch import nn

from bench.parts.measures.similarity import similarity
from tests.parts.measures.networks import linear, two_layer, view_of


def measured(rows, **parameters):
    rows = np.asarray(rows, dtype=float)
    return similarity(view_of(nn.Sequential(linear(rows), nn.Tanh(), linear(np.ones((1, len(rows)))))), **parameters).values


def test_a_layer_on_one_line_has_one_everywhere():
    assert measured(np.outer([1.0, -2.0, 0.3], [3.0, 4.0])) == pytest.approx({"similarity_median": 1, "similarity_mean": 1, "similarity_share": 1})


def test_pairs_in_closed_form():
    """0, 60 and 90 degrees: |cos| is 1/2, 0 and sqrt(3)/2; none is above .9, and the diagonal does not count."""
    found = measured([[1.0, 0.0], [0.5, 3**0.5 / 2], [0.0, 1.0]])
    assert found == pytest.approx({"similarity_median": 0.5, "similarity_mean": (0.5 + 3**0.5 / 2) / 3, "similarity_share": 0})


@pytest.mark.parametrize("size", [2, 9, 100])
def test_random_directions(size):
    """E|D| = Gamma(d/2) / (sqrt(pi) Gamma((d+1)/2)), .2735 for slices of 9 numbers."""
    expected = math.exp(math.lgamma(size / 2) - math.lgamma((size + 1) / 2)) / math.pi**0.5
    found = measured(np.random.default_rng(0).standard_normal((1500, size)))
    assert found["similarity_mean"] == pytest.approx(expected, rel=0.03)
    assert size != 9 or expected == pytest.approx(0.2735, abs=1e-4)


def test_scale_sign_and_order_of_neurons_do_not_matter():
    random = np.random.default_rng(1)
    rows = random.standard_normal((20, 3))
    assert measured(random.permutation(rows * random.uniform(-5, 5, (20, 1)))) == pytest.approx(measured(rows))


def test_the_bias_belongs_to_a_neuron_unless_not_wanted():
    model = two_layer([1.0, 1.0], [0.0, 1.0], [1.0, 1.0])
    assert similarity(view_of(model)).values["similarity_median"] == pytest.approx(0.5**0.5)
    assert similarity(view_of(model), bias=False).values["similarity_median"] == 1


def test_dead_neurons_are_left_out_and_one_has_no_pair():
    assert measured([[1.0, 0.0], [0.0, 0.0], [3.0, 0.0]])["similarity_share"] == 1
    assert measured([[1.0, 0.0], [0.0, 0.0]]) == {}


def test_of_many_neurons_the_first_are_looked_at():
    assert measured([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]], most=2)["similarity_mean"] == 1


def test_filters_are_neurons():
    convolution = nn.Conv2d(1, 2, 2, bias=False)
    convolution.weight.data = convolution.weight.new_tensor([[[[1.0, 0.0], [0.0, 1.0]]], [[[1.0, 0.0], [0.0, 0.0]]]])
    assert similarity(view_of(nn.Sequential(convolution))).values["similarity_median"] == pytest.approx(0.5**0.5)


def matrix(rows, seed=0, **parameters):
    """D as it is recorded, both halves."""
    rows = np.asarray(rows, dtype=float)
    recorded = similarity(view_of(nn.Sequential(linear(rows), nn.Tanh(), linear(np.ones((1, len(rows))))), seed=seed), **parameters).rows
    size = max(row["second"] for row in recorded) + 1
    assert len(recorded) == size * (size + 1) // 2
    full = np.full((size, size), np.nan)
    for row in recorded:
        full[row["first"], row["second"]] = full[row["second"], row["first"]] = row["cosine"]
    return full


@pytest.mark.parametrize("seed", range(4))
def test_neurons_of_one_direction_stand_together(seed):
    """Five of w and three of -w, mixed: two blocks of ones, the smaller first, and -1 across, from wherever the eigenvector is looked for."""
    signs = np.array([1, -1, 1, 1, -1, 1, -1, 1])
    expected = np.outer(np.sort(signs), np.sort(signs))
    assert matrix(np.outer(signs * np.arange(1, 9), [3.0, 4.0]), seed) == pytest.approx(expected)


def test_the_order_is_that_of_the_leading_eigenvector():
    rows = np.random.default_rng(2).standard_normal((12, 3))
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    leading = np.linalg.eigh(units @ units.T)[1][:, -1]
    order = np.argsort(leading if np.median(leading) >= 0 else -leading)
    assert matrix(rows) == pytest.approx((units @ units.T)[np.ix_(order, order)])


def test_of_a_large_matrix_some_neurons_in_equal_steps_are_kept():
    rows = np.random.default_rng(3).standard_normal((30, 4))
    whole, some = matrix(rows), matrix(rows, matrix=4)
    places = [0, 10, 19, 29]
    assert some == pytest.approx(whole[np.ix_(places, places)])
