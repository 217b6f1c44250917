"""Tests beside the t test that assume symmetry alone: sign flips and Wilcoxon's signed ranks.

Where nothing changed in law, base and head of a seed could as well be exchanged, which turns the sign of its
difference. The smallest p is 2^(1−n), so they say nothing below six seeds.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

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
    sizes = np.sqrt((table**2).sum(axis=0))
    scaled = np.divide(table, sizes, out=np.zeros_like(table), where=sizes > 0)
    largest = np.abs(_turns(len(table)) @ scaled).max(axis=1)
    return [float(np.mean(largest >= observed - _ROUNDING)) for observed in np.abs(scaled.sum(axis=0))]


def wilcoxon(differences: ArrayLike) -> float | None:
    """Wilcoxon's signed-rank test of differences against 0.

    Args:
        differences: shape (seeds,).

    Returns:
        Two-sided p, exact where no two are equal in size; differences of 0 are left out. None below six seeds.
    """
    each = np.asarray(differences, dtype=np.float64)
    if len(each) < fewest_constant():
        return None
    return float(stats.wilcoxon(each).pvalue) if each.any() else 1.0


@lru_cache(maxsize=16)
def _turns(n: int) -> Values:
    """Signs of seeds, shape (turns, n): all, or the observed one and others drawn."""
    if n <= EXACT:
        return np.asarray(1.0 - 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1), dtype=np.float64)
    drawn = np.random.default_rng(0).integers(0, 2, (DRAWN, n))
    drawn[0] = 0
    return np.asarray(1.0 - 2.0 * drawn, dtype=np.float64)
