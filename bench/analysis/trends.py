"""Trends over an axis: one number per seed, then the t interval over seeds; and Page's test of an order.

Values of one seed are dependent, as they share initial weights and the order of the data. A trend is therefore taken
within each seed, and seeds are the only replicates.
"""

from __future__ import annotations

import math

import numpy as np
import scipy
from numpy.typing import ArrayLike

from bench.analysis.statistics import Interval, Values, mean_interval

_ROUNDING = 1e-12


def slope(values: ArrayLike, positions: ArrayLike, resolution: float = 0.0) -> Interval:
    """The least-squares slope of each seed, and its mean over seeds.

    Slope of a seed: Σ_j (x_j − x̄) y_j / Σ_j (x_j − x̄)².

    Args:
        values: shape (seeds, points), on the scale that differences are taken on.
        positions: shape (points,), as the logarithms of batch sizes; not all equal.
        resolution: the smallest step of the values; 0 if there is none.

    Returns:
        Mean and t interval of the slopes, per unit of position, with the floor that the resolution sets: r²/12 Σ_j w_j²
        for a slope Σ_j w_j y_j.

    Raises:
        ValueError: if the shapes do not fit, positions are all equal, or a value is not finite.
    """
    table, x = _checked(values, positions)
    centred = x - x.mean()
    weights = centred / (centred**2).sum()
    slopes = table @ weights
    # What rounding leaves of equal values is no slope.
    slopes[np.abs(slopes) <= _ROUNDING * np.abs(table).max() * np.abs(weights).sum()] = 0.0
    return mean_interval(slopes, resolution * math.sqrt(float((weights**2).sum())))


def kendall(values: ArrayLike, positions: ArrayLike) -> Interval:
    """Kendall's τ between values and positions in each seed, and its mean over seeds.

    τ_b of a seed: (concordant − discordant pairs) / √(pairs untied in x · pairs untied in y); 0 where all values are equal.

    Args:
        values: shape (seeds, points).
        positions: shape (points,), not all equal.

    Returns:
        Mean and t interval of τ, between −1 and 1; the interval's ends may lie beyond.

    Raises:
        ValueError: if the shapes do not fit, positions are all equal, or a value is not finite.
    """
    table, x = _checked(values, positions)
    return mean_interval([0.0 if np.ptp(row) == 0 else float(scipy.stats.kendalltau(x, row).statistic) for row in table])


def page(values: ArrayLike, positions: ArrayLike) -> float:
    """Page's test that values rise along an axis, with ranks taken within each seed.

    L = Σ_j j R_j, R_j the sum over seeds of the ranks at the j-th position.

    Args:
        values: shape (seeds, points): three points or more.
        positions: shape (points,), all different; their order is that of the test.

    Returns:
        One-sided p, exact where there are no ties; that of a fall is the p of −values (E. Page, Ordered hypotheses for
        multiple treatments, 1963).

    Raises:
        ValueError: if the shapes do not fit, there are fewer than three points or two seeds, or two positions are equal.
    """
    table, x = _checked(values, positions)
    if len(np.unique(x)) < max(len(x), 3) or len(table) < 2:
        raise ValueError("an order takes three different positions and two seeds")
    return float(scipy.stats.page_trend_test(table[:, np.argsort(x)]).pvalue)


def _checked(values: ArrayLike, positions: ArrayLike) -> tuple[Values, Values]:
    table, x = np.asarray(values, dtype=np.float64), np.asarray(positions, dtype=np.float64)
    if table.ndim != 2 or x.shape != table.shape[1:] or table.size == 0 or not (np.isfinite(table).all() and np.isfinite(x).all()):
        raise ValueError(f"values of shape (seeds, points) and one position per point are needed, all finite; the shapes are {table.shape} and {x.shape}")
    if np.ptp(x) == 0:
        raise ValueError("all positions are equal, so there is no trend along them")
    return table, x
