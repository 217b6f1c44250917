"""Pairs of runs that differ in one hyperparameter, and how sure it is which of them generalizes worse.

Two runs are coupled if they have one seed and differ on exactly one axis (Jiang et al. 2020; Dziugaite et al. 2020). What
a predictor says of such a pair cannot be the work of another axis that moves both it and the gap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.analysis.statistics import Values

Indices = NDArray[np.intp]

LEAST_CERTAIN = 0.5
"""A pair of which the order is less certain weighs nothing."""


@dataclass(frozen=True)
class Pairs:
    """The coupled pairs of an axis.

    Attributes:
        first: shape (pairs,): one run of each.
        second: the other.
        group: which runs of one seed, equal on all other axes, it is of; numbered from 0.
    """

    first: Indices
    second: Indices
    group: Indices

    def within(self, used: NDArray[np.bool_]) -> Pairs:
        """The pairs both of whose runs are used.

        Args:
            used: shape (runs,).
        """
        kept = used[self.first] & used[self.second]
        return Pairs(self.first[kept], self.second[kept], self.group[kept])


def coupled(seeds: Indices, axes: Indices, axis: int) -> Pairs:
    """Every pair of runs of one seed that differ on one axis alone.

    Args:
        seeds: shape (runs,): numbers of the seeds.
        axes: shape (runs, axes): numbers of the values on the axes; no two runs of a seed are equal in all.
        axis: which axis.
    """
    fixed = np.column_stack([seeds, np.delete(axes, axis, axis=1)])
    groups: Indices = np.unique(fixed, axis=0, return_inverse=True)[1].reshape(-1)
    order = np.argsort(groups, kind="stable")
    ranked = groups[order]
    first, second = [order[:0]], [order[:0]]
    # Runs of a group lie side by side: at every distance that a group spans, its pairs are found at once.
    for distance in range(1, int(np.bincount(groups).max(initial=1))):
        same = np.flatnonzero(ranked[distance:] == ranked[:-distance])
        first.append(order[same])
        second.append(order[same + distance])
    left = np.concatenate(first)
    return Pairs(left, np.concatenate(second), groups[left])


def concordance(values: Values, gaps: Values, pairs: Pairs) -> Values:
    """sign(Δ value) · sign(Δ gap) of each pair: 1 in one order, −1 in opposite ones, 0 where either is tied.

    The sign error of a pair is (1 − concordance) / 2: a tie counts as a coin flip.

    Args:
        values: shape (runs,).
        gaps: shape (runs,).
        pairs: which runs.

    Returns:
        Shape (pairs,).
    """
    signs: Values = np.sign(values[pairs.first] - values[pairs.second]) * np.sign(gaps[pairs.first] - gaps[pairs.second])
    return signs


def weights(gaps: Values, sizes: Values, pairs: Pairs) -> Values:
    """How much each pair counts, by the certainty c that its two gaps are in the order that was seen: (c − ½)₊.

    By Hoeffding's inequality an accuracy over n test samples is within Δ/2 of its expectation with probability
    1 − 2 exp(−n Δ²/2) or more; if both are, a difference Δ of two gaps has the right sign. c is the product of both
    bounds, (1 − 2 exp(−n Δ²/2))² where test sets are of one size (Dziugaite et al. 2020).

    Args:
        gaps: shape (runs,), as fractions.
        sizes: shape (runs,): samples of the test set.
        pairs: which runs.

    Returns:
        Shape (pairs,), between 0 and ½.
    """
    halves = (gaps[pairs.first] - gaps[pairs.second]) ** 2 / 2
    bounds = [np.maximum(1 - 2 * np.exp(-sizes[side] * halves), 0) for side in (pairs.first, pairs.second)]
    certain: Values = np.maximum(bounds[0] * bounds[1] - LEAST_CERTAIN, 0)
    return certain
