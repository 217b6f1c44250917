"""Covers of unit vectors: brute force on few vectors, the order of the bounds, and random baselines."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.parts.measures import covers
from bench.parts.measures.covers import Cover, leaders, packing
from tests.parts.measures.networks import spider

CASES = st.tuples(st.integers(0, 10_000), st.integers(1, 10), st.integers(2, 4), st.sampled_from([0.3, 0.6, 0.8, 0.95]))


def units_of(seed, count, size):
    rows = np.random.default_rng(seed).standard_normal((count, size))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def circle(*degrees):
    return np.column_stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])


def dominating(units, threshold):
    """D by trying all sets."""
    near = units @ units.T > threshold
    sizes = range(1, len(units) + 1)
    return next(size for size in sizes for chosen in itertools.combinations(range(len(units)), size) if near[list(chosen)].any(axis=0).all())


def caps_on_the_circle(units, threshold):
    """F in the plane: the fewest open arcs of 2 arccos(threshold), each of which may begin just below a vector."""
    angles = np.mod(np.arctan2(units[:, 1], units[:, 0]), 2 * np.pi)
    length = 2 * math.acos(threshold)
    held = [frozenset(np.flatnonzero(np.mod(angles - start, 2 * np.pi) < length - 1e-9).tolist()) for start in angles]
    sizes = range(1, len(units) + 1)
    return next(size for size in sizes for sets in itertools.combinations(held, size) if len(frozenset().union(*sets)) == len(units))


@given(CASES)
@settings(max_examples=60, deadline=None)
def test_the_bounds_hold_around_brute_force(case):
    seed, count, size, threshold = case
    units = units_of(seed, count, size)
    cover, fewest = Cover(units, threshold), dominating(units, threshold)
    assert cover.fewest(100, 1000) == fewest
    assert packing(units, threshold) <= fewest <= cover.greedy() <= count
    assert fewest <= cover.first_fit(np.random.default_rng(seed)) <= count


@given(st.integers(0, 10_000), st.integers(1, 9), st.sampled_from([0.3, 0.8, 0.95]))
@settings(max_examples=60, deadline=None)
def test_free_vectors_are_between_the_packing_and_the_exact_number(seed, count, threshold):
    units = units_of(seed, count, 2)
    assert packing(units, threshold) <= caps_on_the_circle(units, threshold) <= Cover(units, threshold).fewest(100, 1000)


def test_the_three_readings_differ():
    """At 0, 30, 60 and 90 degrees with caps of 18.2: one free vector holds two; none of the four is near another."""
    units = circle(0, 30, 60, 90)
    cover = Cover(units, 0.95)
    assert (packing(units, 0.95), caps_on_the_circle(units, 0.95), cover.fewest(100, 10), cover.greedy(), cover.alone) == (2, 2, 4, 4, 4)


def test_a_chain_of_five_needs_two():
    """Each is near its neighbours alone: the second and the fourth or fifth stand for all; in a bad order three are kept."""
    units = circle(0, 15, 30, 45, 60)
    cover = Cover(units, 0.95)
    assert cover.fewest(100, 10) == cover.greedy() == 2
    assert leaders(units, np.array([0, 2, 4, 1, 3]), 0.95) == 3
    assert {cover.first_fit(np.random.default_rng(seed)) for seed in range(30)} == {2, 3}


def test_greedy_may_miss_the_fewest():
    """The hub of a spider is near most, and its legs then need one each beside it: 1 + 3 against 3."""
    cover = Cover(spider(), 0.95)
    assert (cover.fewest(100, 100), cover.greedy()) == (3, 4)


def test_opposite_vectors_are_not_near():
    units = circle(0, 180)
    assert Cover(units, 0.95).fewest(10, 10) == packing(units, 0.95) == 2


def test_too_large_a_set_is_not_tried_and_a_star_needs_no_search():
    chain = Cover(circle(0, 15, 30, 45, 60), 0.95)
    assert chain.fewest(4, 10) is None
    assert chain.fewest(5, 10) == 2
    assert Cover(circle(0, 1, 2, 180), 0.95).fewest(3, 1) == 2


def test_an_unproven_number_is_not_given():
    """The search for these directions ends at its first node with a set whose neighbour in size is not ruled out."""
    cover = Cover(units_of(0, 100, 6), 0.6)
    assert cover.fewest(1000, 1) is None
    assert cover.greedy() >= packing(units_of(0, 100, 6), 0.6) > 1


@pytest.mark.parametrize(("function", "value"), [("fewest", 0), ("greedy", 0), ("first_fit", 0)])
def test_nothing_needs_nobody(function, value):
    arguments = {"fewest": (10, 10), "greedy": (), "first_fit": (np.random.default_rng(0),)}[function]
    assert getattr(Cover(np.zeros((0, 3)), 0.95), function)(*arguments) == value
    assert packing(np.zeros((0, 3)), 0.95) == 0


def test_the_size_of_a_block_does_not_matter(monkeypatch):
    units = units_of(1, 300, 3)
    whole = (Cover(units, 0.95).greedy(), packing(units, 0.95), sorted(map(len, Cover(units, 0.95)._components())))
    monkeypatch.setattr(covers, "_BLOCK", 1000)
    assert (Cover(units, 0.95).greedy(), packing(units, 0.95), sorted(map(len, Cover(units, 0.95)._components()))) == whole


def test_nine_numbers_at_random_as_in_the_lectures_figure():
    """8,192 Gaussian slices of 9 numbers: first fit .950 to .953, greedy .948 to .951 (the figure: .955)."""
    units = units_of(0, 8192, 9)
    cover = Cover(units, 0.95)
    assert 0.949 <= cover.first_fit(np.random.default_rng(0)) / 8192 <= 0.954
    assert 0.945 <= cover.fewest(100, 10) / 8192 <= cover.greedy() / 8192 <= 0.952
