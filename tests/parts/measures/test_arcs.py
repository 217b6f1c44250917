"""The fewest arcs on a circle: against brute force, closed forms, turns and orders."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.parts.measures.arcs import arc_numbers

GRID = st.lists(st.integers(0, 35), min_size=1, max_size=9)
"""Angles in tens of degrees, so that turning them by whole tens is exact."""
LENGTH = math.radians(31)


def count(angles, length=LENGTH):
    return int(arc_numbers(np.asarray(angles, dtype=float), length).max()) + 1


def brute_force(tens):
    """The fewest arcs of 31 degrees, so of three steps of ten, over all sets of angles at which they might begin."""
    held = {start: {place for place in tens if (place - start) % 36 <= 3} for start in set(tens)}
    sizes = range(1, len(held) + 1)
    return next(size for size in sizes for starts in itertools.combinations(held, size) if set().union(*(held[start] for start in starts)) == set(tens))


@given(GRID)
def test_against_all_sets_of_arcs(tens):
    assert count(np.radians(10 * np.array(tens))) == brute_force(tens)


@given(GRID, st.randoms(use_true_random=False), st.integers(-36, 36))
def test_order_and_turns_do_not_matter(tens, random, turn):
    angles = np.radians(10 * np.array(tens))
    numbers = arc_numbers(angles, LENGTH)
    places = random.sample(range(len(tens)), len(tens))
    assert arc_numbers(angles[places], LENGTH).tolist() == numbers[places].tolist()
    assert count(np.radians(10 * (np.array(tens) + turn))) == numbers.max() + 1


@given(GRID)
def test_each_arc_is_short_enough(tens):
    numbers = arc_numbers(np.radians(10 * np.array(tens)), LENGTH)
    assert set(numbers.tolist()) == set(range(numbers.max() + 1))
    for number in set(numbers.tolist()):
        held = [place for place, found in zip(tens, numbers, strict=True) if found == number]
        assert any(all((place - start) % 36 <= 3 for place in held) for start in held)


@pytest.mark.parametrize(("points", "degrees", "expected"), [(720, 5, 66), (720, 90, 4), (4, 5, 4), (4, 180, 2), (1, 5, 1)])
def test_points_all_around(points, degrees, expected):
    """720 points are half a degree apart; an arc of 5 degrees, closed, holds 11 of them, and 720 / 11 is above 65."""
    assert count(np.arange(points) * 2 * np.pi / points, math.radians(degrees)) == expected


def test_a_group_across_the_seam_is_one():
    assert count(np.radians([179, -179, -180, 90]), math.radians(5)) == 2
    assert count(np.radians([359, 1, 0.0]), math.radians(5)) == 1
    assert count(np.radians([0, 722, 90, -269]), math.radians(5)) == 2


def test_no_angles_have_no_arcs():
    assert arc_numbers(np.zeros(0), 1.0).tolist() == []
