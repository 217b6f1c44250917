"""Two one-sided tests: whether a mean is shown to lie within an amount of 0."""

from __future__ import annotations

import math

import scipy

from bench.analysis.statistics import LEVEL, Interval

EQUIVALENCE_LEVEL = 2 * LEVEL - 1
"""Each side is tested at 5%, so the interval that must lie inside is that of 90%."""


def equivalent(estimate: Interval, within: float) -> bool:
    """Whether the 90% t interval of a mean lies inside ±within.

    Args:
        estimate: the mean, as a difference that is paired by seed.
        within: the amount, on the scale of the estimate; NaN for none.

    Returns:
        False as well where too few seeds give no verdict.
    """
    if math.isnan(within):
        return False
    low, high = estimate.ends(EQUIVALENCE_LEVEL)
    return low is not None and high is not None and not estimate.obstacle and -within <= low <= high <= within


def equivalence_p(estimate: Interval, within: float) -> float | None:
    """The p value of equivalence: the larger of those of two one-sided t tests, of mean ≤ −within and of mean ≥ within.

    Args:
        estimate: the mean.
        within: the amount, on the scale of the estimate.

    Returns:
        At most 0.05 where `equivalent` holds; None where too few seeds give no verdict (D. Schuirmann, A comparison of
        the two one-sided tests procedure and the power approach, 1987).
    """
    if estimate.obstacle:
        return None
    distance = within - abs(estimate.mean)
    if estimate.sd == 0:
        return float(distance < 0)
    return float(scipy.special.stdtr(estimate.n - 1, -distance / estimate.sd * math.sqrt(estimate.n)))
