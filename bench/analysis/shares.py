"""Shares of seeds, and failures of paired runs: exact binomial tests."""

from __future__ import annotations

from dataclasses import dataclass

import scipy

from bench.analysis.statistics import LEVEL


@dataclass(frozen=True)
class Share:
    """The share of seeds of which something is true, with its Clopper–Pearson bounds.

    Attributes:
        count: of how many it is true.
        n: of how many seeds.
        low: the share is at least this, with 95% confidence.
        high: the share is at most this, with 95% confidence; the two together are the 90% interval.
    """

    count: int
    n: int
    low: float
    high: float

    @property
    def mean(self) -> float:
        """The share of the seeds."""
        return self.count / self.n


def share(count: int, n: int, level: float = LEVEL) -> Share:
    """The share of seeds of which something is true.

    Args:
        count: of how many seeds it is true.
        n: how many seeds there are.
        level: the confidence of each of the two bounds.

    Returns:
        The share with bounds that hold at any n (C. Clopper and E. Pearson, The use of confidence or fiducial limits, 1934).

    Raises:
        ValueError: if there are no seeds, or fewer than `count`.
    """
    if not 0 <= count <= n or n == 0:
        raise ValueError(f"{count} of {n} seeds is no share")
    bounds = scipy.stats.binomtest(count, n).proportion_ci(2 * level - 1, method="exact")
    return Share(count, n, float(bounds.low), float(bounds.high))


def fewest_for_share(least: float, misses: int = 0, level: float = LEVEL) -> int:
    """How many seeds show that something is true of more than a share of them, when it is not of some.

    Args:
        least: the share, below 1.
        misses: of how many seeds it is not true.
        level: the confidence.

    Returns:
        The smallest n for which the lower bound of n − misses in n is above the share.
    """
    n = misses + 1
    while share(n - misses, n, level).low <= least:
        n += 1
    return n


def mcnemar(only_base: int, only_head: int) -> float:
    """The exact McNemar test of paired failures: whether one side fails more often than the other.

    Args:
        only_base: seeds that failed in base alone.
        only_head: seeds that failed in head alone. Seeds that failed in both, or in neither, say nothing.

    Returns:
        Two-sided p: under no difference each of these seeds is as likely to be of either side (Q. McNemar, 1947).
    """
    together = only_base + only_head
    return min(1.0, 2 * float(scipy.special.bdtr(min(only_base, only_head), together, 0.5)))
