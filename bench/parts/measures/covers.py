"""How many vectors stand for all: covers of unit vectors, u near v where u . v > threshold.

Three readings of Definition 1 of the dropout lecture differ (SCIENCE.md, M7). With F free unit vectors at least, D vectors
among those given at least, and L taken in some order, each that is near none before it: F <= D <= L. D is a minimum
dominating set, which is hard to find, so bounds stand beside it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Places = NDArray[np.int64]

_BLOCK = 2**22
"""Cosines that are looked at in one go; all of 32,768 vectors would take 8 GB."""


class Cover:
    """Unit vectors, and which of them are near one another.

    Args:
        units: rows of length one, (n, d).
        threshold: vectors are near if their cosine is above it, between 0 and 1.

    Attributes:
        alone: how many vectors are near no other; each of them stands for itself in every cover from among the vectors.
    """

    def __init__(self, units: Values, threshold: float) -> None:
        self._threshold = threshold
        self._units = units
        degrees = self._degrees(np.arange(len(units)))
        self.alone = int((degrees <= 1).sum())
        self._units, self._near = units[degrees > 1], degrees[degrees > 1]

    def first_fit(self, random: np.random.Generator) -> int:
        """L: the vectors are taken in a random order, and those kept that are near none kept before."""
        return self.alone + leaders(self._units, random.permutation(len(self._units)), self._threshold)

    def greedy(self) -> int:
        """An upper bound of D: always the vector that is near most of those not yet covered; of several, the first."""
        gains, left = self._near.copy(), np.ones(len(self._units), dtype=bool)
        chosen = 0
        while left.any():
            best = int(gains.argmax())
            if gains[best] <= 1:
                # No vector is near two that are left: each needs its own.
                chosen += int(left.sum())
                break
            covered = np.flatnonzero(self._row(best) & left)
            left[covered] = False
            gains -= self._degrees(covered)
            gains[best] = 0
            chosen += 1
        return self.alone + chosen

    def fewest(self, largest: int, nodes: int) -> int | None:
        """D, by an integer program for each set of vectors that hang together.

        Limits are sizes and not times, so that the answer does not depend on the machine.

        Args:
            largest: a set of more vectors is not tried.
            nodes: how many nodes the solver may branch into, for each set.

        Returns:
            D, or None where it was not proven.
        """
        total = self.alone
        for members in sorted(self._components(), key=len, reverse=True):
            found = self._dominating(members, nodes) if len(members) <= largest else None
            if found is None:
                return None
            total += found
        return total

    def _row(self, place: int) -> NDArray[np.bool_]:
        near: NDArray[np.bool_] = self._units @ self._units[place] > self._threshold
        return near

    def _degrees(self, places: Places) -> Places:
        """How many of some vectors each vector is near, itself counted."""
        degrees = np.zeros(len(self._units), dtype=np.int64)
        for block in _blocks(places, len(self._units)):
            degrees += np.count_nonzero(self._units @ self._units[block].T > self._threshold, axis=1)
        return degrees

    def _components(self) -> Iterator[Places]:
        """The sets of vectors that hang together by steps from near to near."""
        left = np.ones(len(self._units), dtype=bool)
        while left.any():
            reached = [np.array([left.argmax()])]
            left[reached[0]] = False
            while len(reached[-1]):
                outside = np.flatnonzero(left)
                touched = np.zeros(len(outside), dtype=bool)
                for block in _blocks(reached[-1], len(outside)):
                    touched |= (self._units[outside] @ self._units[block].T > self._threshold).any(axis=1)
                reached.append(outside[touched])
                left[reached[-1]] = False
            yield np.sort(np.concatenate(reached))

    def _dominating(self, members: Places, nodes: int) -> int | None:
        """The size of a minimum dominating set: min sum_i x_i over x in {0, 1}, sum over i near j of x_i >= 1 for each j."""
        if self._near[members].max() == len(members):
            return 1
        from scipy.optimize import Bounds, LinearConstraint, milp
        from scipy.sparse import csr_array

        units = self._units[members]
        near = csr_array((units @ units.T > self._threshold).astype(np.float64))
        ones = np.ones(len(members))
        options = {"node_limit": nodes, "mip_rel_gap": 0}
        solved = milp(ones, integrality=ones, bounds=Bounds(0, 1), constraints=LinearConstraint(near, lb=1), options=options)
        return round(solved.fun) if solved.success else None


def packing(units: Values, threshold: float) -> int:
    """A lower bound of F: many vectors of which no two are near one and the same unit vector, wherever that lies.

    Two vectors are each within an angle phi = arccos(threshold) of a third only if they are within 2 phi of each other, so
    vectors whose cosines are at most cos 2 phi = 2 threshold^2 - 1 need one each. Those with few others in reach go first.

    Args:
        units: rows of length one, (n, d).
        threshold: what a cosine must be above, between 0 and 1.
    """
    reach = 2 * threshold**2 - 1
    degrees = np.zeros(len(units), dtype=np.int64)
    for block in _blocks(np.arange(len(units)), len(units)):
        degrees[block] = np.count_nonzero(units[block] @ units.T > reach, axis=1)
    return leaders(units, np.argsort(degrees, kind="stable"), reach)


def leaders(units: Values, order: Places, threshold: float) -> int:
    """How many vectors are kept if each is that is near none kept before.

    Args:
        units: rows of length one, (n, d).
        order: in which they are taken, (n,).
        threshold: vectors are near if their cosine is above it.
    """
    left, kept = units[order], 0
    while len(left):
        # The first is near itself, whatever rounding says.
        left = left[1:][left[1:] @ left[0] <= threshold]
        kept += 1
    return kept


def nearby(units: Values, weights: Values, threshold: float) -> Values:
    """How much weight is near each vector, its own included, (n,).

    Args:
        units: rows of length one, (n, d).
        weights: of the vectors, (n,).
        threshold: vectors are near if their cosine is above it.
    """
    return np.concatenate([(units[block] @ units.T > threshold) @ weights for block in _blocks(np.arange(len(units)), len(units))])


def _blocks(places: Places, width: int) -> Iterator[Places]:
    """The places in pieces, of which each has no more cosines with so many vectors than are looked at in one go."""
    size = max(1, _BLOCK // max(width, 1))
    yield from (places[start : start + size] for start in range(0, len(places), size))
