"""What few seeds can show: intervals, differences paired by seed, and the correction for many tests.

Seeds are the only replicates. Cells that share seeds share initial weights and the order of the data, so values of
several cells are first averaged per seed. Nothing is concluded from fewer than `FEWEST` seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats

from bench.metric import Scale

LEVEL = 0.95
POWER = 0.8
FEWEST = 3
UNITS: dict[Scale, str] = {"points": "pp", "log": "log ratio", "raw": ""}
_ROUNDING = 1e-12

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A mean over seeds and its interval.

    Attributes:
        mean: the mean over seeds.
        low: lower end of the 95% interval; None where there is none.
        high: upper end.
        n: how many seeds.
        sd: standard deviation over seeds, not below the floor that the resolution sets; NaN for one seed.
        constant: whether every seed gives one value, so that the spread over seeds is not known.
    """

    mean: float
    low: float | None
    high: float | None
    n: int
    sd: float
    constant: bool

    def ends(self, level: float = LEVEL) -> tuple[float, float] | tuple[None, None]:
        """The t interval mean ± t(n − 1) sd / √n at another level; no ends where nothing can be said at that level."""
        return _ends(self.mean, self.sd, self.n, self.constant, level)

    @property
    def obstacle(self) -> str:
        """Why no verdict can rest on it, or an empty text."""
        if self.n < FEWEST:
            return f"n = {self.n} gives no verdict; it takes {FEWEST} seeds"
        if self.constant and self.low is None:
            return f"the same value in all {self.n} seeds gives no verdict; it takes {fewest_constant()} seeds"
        return ""


@dataclass(frozen=True)
class Difference(Interval):
    """The mean over seeds of head − base, with its interval and test.

    Attributes:
        p: two-sided p of the paired t test; None where no verdict is possible at this n.
        scale: ``points``: percentage points; ``log``: log(head / base); ``raw``: the metric's unit.
        identical: whether head equals base in every seed, bit for bit.
    """

    p: float | None
    scale: Scale
    identical: bool

    @property
    def unit(self) -> str:
        """What the mean is counted in; empty for the metric's own unit."""
        return UNITS[self.scale]


def mean_interval(values: ArrayLike, resolution: float = 0.0, level: float = LEVEL) -> Interval:
    """The mean over seeds and its t interval.

    A value that is rounded to a grid of width r carries a variance of r²/12, the floor of the variance over seeds.

    Args:
        values: shape (seeds,), or (seeds, cells), which is averaged per seed first; in the metric's unit.
        resolution: the smallest step of the values, as 1/10000 for an accuracy over 10,000 images; 0 if there is none.
        level: the interval's level.

    Returns:
        The interval; without ends for one seed, and for equal values without a resolution while 2^(1−n) > 1 − level.

    Raises:
        ValueError: if there are no values or one is not finite.
    """
    table = _table(values)
    floor = resolution**2 / 12 / table.shape[1]
    mean, sd = _moments(table.mean(axis=1), floor, float(np.abs(table).max()))
    constant = sd == 0
    low, high = _ends(mean, sd, len(table), constant, level)
    return Interval(mean, low, high, len(table), sd, constant)


def paired(base: ArrayLike, head: ArrayLike, scale: Scale, resolution: float = 0.0) -> Difference:
    """The mean difference head − base over seeds, paired by seed: t interval and paired t test.

    The variance has a floor: two values on a grid of width r differ with a rounding variance of r²/6 (to first order
    r²/12 · (1/base² + 1/head²) on the log scale). Where every seed gives one difference other than 0, signs alone
    speak: p is not below 2^(1−n), and there is no interval below six seeds.

    Args:
        base: shape (seeds,), or (seeds, cells), whose differences are averaged per seed first; in the metric's unit.
        head: the same shape, the same seeds in the same order.
        scale: how differences are taken; ``log`` becomes ``raw`` unless all values are positive.
        resolution: the smallest step of the values in their unit; 0 if there is none.

    Returns:
        The difference on the scale that it names.

    Raises:
        ValueError: if the shapes differ, there are no values, or one is not finite.
    """
    before, after = _table(base), _table(head)
    if before.shape != after.shape:
        raise ValueError(f"base has the shape {before.shape}, head {after.shape}: they are paired by seed")
    used: Scale = "raw" if scale == "log" and min(before.min(), after.min()) <= 0 else scale
    n, cells = before.shape
    left, right = _scaled(before, used), _scaled(after, used)
    largest = max(float(np.abs(left).max()), float(np.abs(right).max()), 1.0 if used == "log" else 0.0)
    mean, spread = _moments((right - left).mean(axis=1), 0.0, largest)
    constant = spread == 0 and abs(mean) > _ROUNDING * largest
    steps = (_slope(before, used) ** 2 + _slope(after, used) ** 2).mean()
    sd = max(spread, resolution * math.sqrt(steps / 12 / cells))
    low, high = _ends(mean, sd, n, constant, LEVEL)
    return Difference(mean, low, high, n, sd, constant, _p_value(mean, sd, n, constant), used, bool(np.array_equal(before, after)))


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


def detectable(n: int, sd: float, alpha: float = 1 - LEVEL, power: float = POWER) -> float:
    """The smallest true mean that a two-sided t test at `alpha` finds with the given power.

    Args:
        n: seeds.
        sd: standard deviation over seeds (of the differences), in any unit.
        alpha: level of the test, divided by the number of tests where there are several.
        power: probability of finding it.

    Returns:
        The mean in the unit of `sd`: δ sd / √n with δ from the noncentral t distribution; infinity below `FEWEST` seeds.
    """
    return math.inf if n < FEWEST else _noncentrality(n, alpha, power) * sd / math.sqrt(n)


def relative(log_ratio: float) -> float:
    """The relative change e^x − 1 of a log ratio x; infinity where it exceeds every float."""
    try:
        return math.expm1(log_ratio)
    except OverflowError:
        return math.inf


def fewest_constant(level: float = LEVEL) -> int:
    """How many seeds with one and the same difference it takes to tell it from none: 2^(1−n) ≤ 1 − level."""
    return 1 + math.ceil(-math.log2(1 - level))


@lru_cache(maxsize=1024)
def _noncentrality(n: int, alpha: float, power: float) -> float:
    critical = float(special.stdtrit(n - 1, 1 - alpha / 2))
    return float(optimize.brentq(lambda delta: stats.nct.sf(critical, n - 1, delta) - power, 0.0, 10 * critical + 10))


def _table(values: ArrayLike) -> Values:
    table = np.asarray(values, dtype=np.float64)
    table = table[:, None] if table.ndim == 1 else table
    if table.size == 0 or table.ndim != 2 or not np.isfinite(table).all():
        raise ValueError("values of one seed or more, all finite, of shape (seeds,) or (seeds, cells) are needed; runs that failed are left out before")
    return table


def _scaled(values: Values, scale: Scale) -> Values:
    return np.log(values) if scale == "log" else values * (100.0 if scale == "points" else 1.0)


def _slope(values: Values, scale: Scale) -> Values:
    """The derivative of `_scaled`."""
    return 1 / values if scale == "log" else np.full_like(values, 100.0 if scale == "points" else 1.0)


def _moments(values: Values, floor: float, largest: float) -> tuple[float, float]:
    """Mean and standard deviation; a spread that is rounding of numbers as large as `largest` counts as none."""
    mean = float(values.mean())
    if len(values) == 1:
        return mean, math.nan
    spread = 0.0 if np.ptp(values) <= _ROUNDING * largest else float(values.std(ddof=1))
    return mean, max(spread, math.sqrt(floor))


def _ends(mean: float, sd: float, n: int, constant: bool, level: float) -> tuple[float, float] | tuple[None, None]:
    if n == 1 or (constant and n < fewest_constant(level)):
        return None, None
    half = float(special.stdtrit(n - 1, (1 + level) / 2)) * sd / math.sqrt(n)
    return mean - half, mean + half


def _p_value(mean: float, sd: float, n: int, constant: bool) -> float | None:
    if n < FEWEST:
        return None
    smallest = 2.0 ** (1 - n)
    if sd == 0:
        return smallest if constant else 1.0
    p = 2 * float(special.stdtr(n - 1, -abs(mean) / sd * math.sqrt(n)))
    return max(p, smallest) if constant else p
