"""Many tests at once: p values corrected for how many there are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p values: p below α after adjustment holds the family-wise error α under any dependence.

    Adjusted p of rank i (from 0, ascending) of m: the largest of (m − j) p_j over j ≤ i, at most 1.

    Args:
        p_values: the p values of one family of tests.

    Returns:
        The adjusted values in the same order (S. Holm, A simple sequentially rejective multiple test procedure, 1979).
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order]))
    return [float(value) for value in adjusted]


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values q: of the tests with q below α, no more than the share α is expected to be false.

    The q of rank i (from 1, ascending) of m: the smallest of m p_j / j over j ≥ i. It holds for independent tests and for
    those whose statistics are positively dependent, as of cells that share seeds.

    Args:
        p_values: the p values of one family of tests.

    Returns:
        The q values in the same order (Y. Benjamini and Y. Hochberg, Controlling the false discovery rate, 1995).
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(-p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum.accumulate(p[order] * len(p) / np.arange(len(p), 0, -1))
    return [float(q) for q in adjusted]
