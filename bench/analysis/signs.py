"""Tests beside the t test that assume symmetry alone: sign flips and Wilcoxon's signed ranks.

Where nothing changed in law, base and head of a seed could as well be exchanged, which turns the sign of its
difference. The smallest p is 2^(1−n), so they say nothing below six seeds.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from bench.analysis.statistics import Values, fewest_constant

EXACT = 14
"""Up to so many seeds all 2^n turns of signs are counted."""

DRAWN = 20_000
_ROUNDING = 1e-12


def sign_flip(differences: ArrayLike) -> list[float] | None:
    """The sign-flip test of several means against 0, with the largest statistic as reference (max-t).

    With t_j = |Σ_i d_ij| / √(Σ_i d_ij²), p of column j is the share of turns s of the seeds' signs with
    max_k |Σ_i s_i d_ik| / √(Σ_i d_ik²) ≥ t_j. The dependence between columns is kept, so that comparisons with one
    control are corrected by less than Holm would; one column is the plain test.

    Args:
        differences: shape (seeds,), or (seeds, columns) with the difference of each arm to the control.

    Returns:
        Two-sided p per column, which holds the family-wise error; exact up to `EXACT` seeds, else over `DRAWN` turns
        drawn from a fixed seed; None below six seeds (P. Westfall and S. Young, Resampling-based multiple testing, 1993).
    """
    table = np.asarray(differences, dtype=np.float64)
    table = table[:, None] if table.ndim == 1 else table
    if len(table) < fewest_constant():
        return None
    return _turned(table)


def wilcoxon(differences: ArrayLike) -> float | None:
    """Wilcoxon's signed-rank test of differences against 0.

    Args:
        differences: shape (seeds,).

    Returns:
        Two-sided p, the sign-flip test of the ranks of their sizes with their signs, those of one size sharing a rank;
        differences of 0 are left out. None below six seeds (F. Wilcoxon, Individual comparisons by ranking methods, 1945).
    """
    each = np.asarray(differences, dtype=np.float64)
    if len(each) < fewest_constant():
        return None
    moved = each[each != 0]
    if not moved.size:
        return 1.0
    _, places, counts = np.unique(np.abs(moved), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return _turned((np.sign(moved) * ranks)[:, None])[0]


def _turned(table: Values) -> list[float]:
    """The share of turns whose largest statistic reaches each column's."""
    sizes = np.sqrt((table**2).sum(axis=0))
    scaled = np.divide(table, sizes, out=np.zeros_like(table), where=sizes > 0)
    largest = np.abs(_turns(len(table)) @ scaled).max(axis=1)
    return [float(np.mean(largest >= observed - _ROUNDING)) for observed in np.abs(scaled.sum(axis=0))]


@lru_cache(maxsize=16)
def _turns(n: int) -> Values:
    """Signs of seeds, shape (turns, n): all, or the observed one and others drawn."""
    if n <= EXACT:
        return np.asarray(1.0 - 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1), dtype=np.float64)
    drawn = np.random.default_rng(0).integers(0, 2, (DRAWN, n))
    drawn[0] = 0
    return np.asarray(1.0 - 2.0 * drawn, dtype=np.float64)
