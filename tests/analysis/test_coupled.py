"""Coupled pairs, their concordance, and how certain the order of their gaps is."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.analysis.coupled import Pairs, concordance, coupled, weights

ONE = Pairs(np.array([0]), np.array([1]), np.array([0]))


def pair_weight(difference, first, second):
    return weights(np.array([0.1, 0.1 + difference]), np.array([first, second], dtype=float), ONE)[0]


@given(st.sets(st.tuples(st.integers(0, 2), st.integers(-1, 3), st.integers(0, 2)), max_size=25), st.integers(0, 1))
def test_pairs_are_those_that_differ_on_one_axis(places, axis):
    table = np.array(sorted(places), dtype=np.intp).reshape(-1, 3)
    pairs = coupled(table[:, 0], table[:, 1:], axis)
    expected = {
        frozenset(pair)
        for pair in itertools.combinations(range(len(table)), 2)
        if [int(index) for index in np.flatnonzero(table[pair[0]] != table[pair[1]])] == [axis + 1]
    }
    found = [frozenset(pair) for pair in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)]
    assert set(found) == expected
    assert len(found) == len(expected)
    for (one, one_group), (other, other_group) in itertools.combinations(zip(pairs.first, pairs.group, strict=True), 2):
        fixed = [column for column in range(3) if column != axis + 1]
        assert (one_group == other_group) == bool((table[one, fixed] == table[other, fixed]).all())


def test_pairs_within_some_runs_have_both_of_them():
    pairs = coupled(np.zeros(3, dtype=np.intp), np.arange(3, dtype=np.intp)[:, None], 0)
    kept = pairs.within(np.array([True, False, True]))
    assert sorted((int(kept.first[0]), int(kept.second[0]))) == [0, 2]
    assert len(kept.first) == len(kept.second) == len(kept.group) == 1


@pytest.mark.parametrize(
    ("values", "gaps", "expected"),
    [((1, 2), (0.1, 0.2), 1), ((1, 2), (0.2, 0.1), -1), ((1, 1), (0.2, 0.1), 0), ((1, 2), (0.1, 0.1), 0), ((1, 1), (0.1, 0.1), 0)],
)
def test_concordance_of_two(values, gaps, expected):
    assert concordance(np.array(values, dtype=float), np.array(gaps), ONE).tolist() == [expected]


@pytest.mark.parametrize(("difference", "size"), [(0.02, 10_000), (0.03, 10_000), (-0.05, 10_000), (0.3, 360)])
def test_the_weight_of_two_cells_has_a_closed_form(difference, size):
    certain = (1 - 2 * math.exp(-size * difference**2 / 2)) ** 2
    assert certain > 0.5
    assert pair_weight(difference, size, size) == pytest.approx(certain - 0.5)


@pytest.mark.parametrize(("difference", "size"), [(0.0, 10_000), (0.0195, 10_000), (0.1, 360), (0.5, 10)])
def test_a_difference_that_may_be_noise_weighs_nothing(difference, size):
    assert pair_weight(difference, size, size) == 0.0


def test_the_smaller_test_set_limits_the_certainty():
    large, mixed, small = (pair_weight(0.05, *sizes) for sizes in ((10**6, 10**6), (10**6, 2000), (2000, 2000)))
    assert large == pytest.approx(0.5)
    assert mixed == pytest.approx(1 - 2 * math.exp(-2000 * 0.05**2 / 2) - 0.5)
    assert small < mixed < large


def test_what_is_called_certain_is_so_seldom_wrong():
    """Two networks of one true gap, over and over: weights above 0 say that one is better, and one is not."""
    random = np.random.default_rng(0)
    gaps = random.binomial(1000, 0.3, 20_000) / 1000
    pairs = Pairs(np.arange(0, 20_000, 2), np.arange(1, 20_000, 2), np.arange(10_000))
    assert np.mean(weights(gaps, np.full(20_000, 1000.0), pairs) > 0) < 0.01
