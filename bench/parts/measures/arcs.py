"""Clusters on the circle: the fewest arcs of a given length that hold all of some angles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ARC = 5.0
"""The length of an arc, in degrees: targets of the lectures have orientations that are 16 degrees and more apart."""


def arc_numbers(angles: NDArray[np.float64], length: float) -> NDArray[np.int64]:
    """Cover angles with as few closed arcs of one length as possible, and say which arc holds which angle.

    Some cover of fewest arcs has each arc begin at an angle, and one of them holds the smallest angle; so each angle at
    which that one may begin is tried, and from there each arc begins at the first angle that is not held yet. The order of
    the angles does not matter: of several such covers the one that begins at the smallest angle counts.

    Args:
        angles: in radians, (n,).
        length: of an arc, in radians, below a full turn.

    Returns:
        The number of each angle's arc, counted from 0 along the circle, (n,).
    """
    distinct, places = np.unique(np.mod(angles, 2 * np.pi), return_inverse=True)
    count = len(distinct)
    if not count:
        return np.zeros(0, dtype=np.int64)
    turned = np.concatenate([distinct, distinct + 2 * np.pi])
    # Rounding: two angles that are an arc apart, but for the last bits, share one.
    following = np.searchsorted(turned, turned + length * (1 + 1e-12), side="right")
    starts = [0, *(start for start in range(1, count) if following[start] > count)]
    covers = [_arcs(following, start, count) for start in starts]
    best = min(range(len(starts)), key=lambda place: len(covers[place]))
    numbers = np.zeros(count, dtype=np.int64)
    for number, (begin, end) in enumerate(covers[best]):
        numbers[np.arange(begin, end) % count] = number
    return numbers[places]


def _arcs(following: NDArray[np.int64], start: int, count: int) -> list[tuple[int, int]]:
    """Where the arcs of one cover begin and end, as places on two turns of the circle."""
    arcs = []
    place = start
    while place < start + count:
        end = min(int(following[place]), start + count)
        arcs.append((place, end))
        place = end
    return arcs
