"""What few seeds can show: means over seeds and differences paired by seed, with their t intervals and tests.

Seeds are the only replicates. Cells that share seeds share initial weights and the order of the data, so values of
several cells are first averaged per seed. Nothing is concluded from fewer than `FEWEST` seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from bench.metric import Scale

LEVEL = 0.95
FEWEST = 3
UNITS: dict[Scale, str] = {"points": "pp", "log": "log ratio", "raw": ""}
_ROUNDING = 1e-12

Values = NDArray[np.float64]
Counts = NDArray[np.int64]
Truths = NDArray[np.bool_]
Ends = tuple[float, float] | tuple[None, None]
"""An interval, or nothing where nothing can be said."""

_Bounds = tuple[Values, Values]
"""The lower and the upper ends of many intervals; NaN for those that have none."""


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

    def ends(self, level: float = LEVEL) -> Ends:
        """The t interval mean ± t(n − 1) sd / √n at another level; no ends where nothing can be said at that level."""
        return _one(_bounds(self.mean, self.sd, self.n, self.constant, level))

    @property
    def p(self) -> float | None:
        """Two-sided p of the t test that the mean is 0, for equal values not below 2^(1−n); None where n gives no verdict."""
        return None if self.n < FEWEST else float(_t_p(self.mean, self.sd, self.n, self.constant))

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
        scale: ``points``: percentage points; ``log``: log(head / base); ``raw``: the metric's unit.
        identical: whether head equals base in every seed, bit for bit.
        signs_p: p of the exact sign test where no seed moved by more than one step of the resolution, so that only
            signs speak; 0 elsewhere.
    """

    scale: Scale
    identical: bool
    signs_p: float = 0.0

    @property
    def unit(self) -> str:
        """What the mean is counted in; empty for the metric's own unit."""
        return UNITS[self.scale]

    @property
    def p(self) -> float | None:
        """Two-sided p of the paired t test, where only signs speak not below that of the sign test."""
        p = super().p
        return None if p is None else max(p, self.signs_p)

    def ends(self, level: float = LEVEL) -> Ends:
        """The t interval at another level; it reaches 0 where the signs that alone speak do not tell the mean from 0."""
        return _one(_reaching_zero(_bounds(self.mean, self.sd, self.n, self.constant, level), self.signs_p, level))


class Columns(NamedTuple):
    """What `Difference` has of each of many samples, each of shape (samples,); `raw`: whether its scale is ``raw``."""

    mean: Values
    n: Counts
    sd: Values
    constant: Truths
    raw: Truths
    identical: Truths
    signs_p: Values


@dataclass(frozen=True, eq=False)
class Differences:
    """The differences of many samples: a comparison of many cells makes only those into objects that somebody looks at.

    Attributes:
        columns: what they are.
        scale: the scale of those that are not raw.
    """

    columns: Columns
    scale: Scale

    def __len__(self) -> int:
        return len(self.columns.mean)

    def __getitem__(self, index: int) -> Difference:
        mean, n, sd, constant, raw, identical, signs_p = (column[index].item() for column in self.columns)
        lows, highs = self._bounds
        low, high = _one((lows[index], highs[index]))
        return Difference(mean, low, high, n, sd, constant, "raw" if raw else self.scale, identical, signs_p)

    @cached_property
    def p(self) -> Values:
        """`Difference.p` of each; NaN where there is none."""
        columns = self.columns
        p = np.maximum(_t_p(columns.mean, columns.sd, columns.n, columns.constant), columns.signs_p)
        return np.where(columns.n < FEWEST, math.nan, p)

    @cached_property
    def _bounds(self) -> _Bounds:
        columns = self.columns
        return _reaching_zero(_bounds(columns.mean, columns.sd, columns.n, columns.constant, LEVEL), columns.signs_p, LEVEL)


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
    return mean_intervals([values], resolution, level)[0]


def mean_intervals(samples: Sequence[ArrayLike], resolution: float = 0.0, level: float = LEVEL) -> list[Interval]:
    """`mean_interval` of each of many samples of one shape, worked out together.

    Args:
        samples: of each the values, as in `mean_interval`.
        resolution: the smallest step of all values.
        level: the intervals' level.

    Raises:
        ValueError: as `mean_interval`.
    """
    if not len(samples):
        return []
    tables = _tables(samples)
    _, n, cells = tables.shape
    seeds = tables.mean(axis=2)
    means = seeds.mean(axis=1)
    sds = np.maximum(_spreads(seeds, np.abs(tables).max(axis=(1, 2))), resolution / math.sqrt(12 * cells))
    lows, highs = _bounds(means, sds, n, sds == 0, level)
    every = zip(means.tolist(), map(_one, zip(lows, highs, strict=True)), sds.tolist(), strict=True)
    return [Interval(mean, low, high, n, sd, sd == 0) for mean, (low, high), sd in every]


def paired(base: ArrayLike, head: ArrayLike, scale: Scale, resolution: float = 0.0) -> Difference:
    """The mean difference head − base over seeds, paired by seed: t interval and paired t test.

    The variance has a floor: two values on a grid of width r differ with a rounding variance of r²/6 (to first order
    r²/12 · (1/base² + 1/head²) on the log scale). Where every seed gives one difference other than 0, signs alone
    speak: p is not below 2^(1−n), and there is no interval below six seeds. They speak alone as well where no seed
    moves by more than one step: seven seeds that move by −1 or 1, each as likely, are significant in 12.5% by a t test,
    so p is not below that of the exact sign test.

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
    if np.shape(base) != np.shape(head):
        raise ValueError(f"base has the shape {np.shape(base)}, head {np.shape(head)}: they are paired by seed")
    return Differences(_paired(_tables([base]), _tables([head]), scale, np.array([resolution])), scale)[0]


def paired_each(base: Values, head: Values, counts: Counts, scale: Scale, resolutions: Values) -> Differences:
    """`paired` of each of many samples of one value per seed; those of one size are worked out together.

    Args:
        base: the values of all samples, one sample after the other.
        head: the same of head.
        counts: how many values each sample has, one at least; shape (samples,).
        scale: how differences are taken.
        resolutions: of each sample the smallest step of its values; shape (samples,).

    Raises:
        ValueError: as `paired`.
    """
    size, starts = len(counts), np.cumsum(counts) - counts
    whole = Columns(*(np.empty(size, dtype) for dtype in (float, int, float, bool, bool, bool, float)))
    for n in np.unique(counts).tolist():
        chosen = np.flatnonzero(counts == n)
        places = starts[chosen, None] + np.arange(n)
        for column, values in zip(whole, _paired(_tables(base[places]), _tables(head[places]), scale, resolutions[chosen]), strict=True):
            column[chosen] = values
    return Differences(whole, scale)


def _paired(before: Values, after: Values, scale: Scale, resolutions: Values) -> Columns:
    """The differences of samples of one shape, (samples, seeds, cells)."""
    if scale != "log":
        return _paired_on(before, after, scale, resolutions)
    raw = np.minimum(before, after).min(axis=(1, 2)) <= 0
    parts = (_paired_on(before[~raw], after[~raw], "log", resolutions[~raw]), _paired_on(before[raw], after[raw], "raw", resolutions[raw]))
    order = np.argsort(np.concatenate([np.flatnonzero(~raw), np.flatnonzero(raw)]))
    return Columns(*(np.concatenate(both)[order] for both in zip(*parts, strict=True)))._replace(raw=raw)


def _paired_on(before: Values, after: Values, scale: Scale, resolutions: Values) -> Columns:
    """The differences of samples of one shape on a scale on which all of them can be taken."""
    size, n, cells = before.shape
    left, right = _scaled(before, scale), _scaled(after, scale)
    largest = np.maximum(np.abs(left), np.abs(right)).max(axis=(1, 2), initial=1.0 if scale == "log" else 0.0)
    each = (right - left).mean(axis=2)
    means, spreads = each.mean(axis=1), _spreads(each, largest)
    constant = (spreads == 0) & (np.abs(means) > _ROUNDING * largest)
    slopes = (_slope(before, scale) ** 2 + _slope(after, scale) ** 2).mean(axis=(1, 2))
    sds = np.maximum(spreads, resolutions * np.sqrt(slopes / 12 / cells))
    signs = _signs_p((after - before).mean(axis=2), resolutions / cells)
    identical = (before == after).all(axis=(1, 2))
    return Columns(means, np.full(size, n), sds, constant, np.full(size, scale == "raw"), identical, signs)


def differences(base: ArrayLike, head: ArrayLike, scale: Scale) -> Values:
    """The difference head − base of each seed on a scale, averaged over its cells.

    Args:
        base: shape (seeds,) or (seeds, cells).
        head: the same shape.
        scale: ``points``: times 100; ``log``: log(head / base); ``raw``: as it stands.

    Returns:
        Shape (seeds,).
    """
    each: Values = (_scaled(_table(head), scale) - _scaled(_table(base), scale)).mean(axis=1)
    return each


def relative(log_ratio: float) -> float:
    """The relative change e^x − 1 of a log ratio x; infinity where it exceeds every float."""
    try:
        return math.expm1(log_ratio)
    except OverflowError:
        return math.inf


def fewest_constant(level: float = LEVEL) -> int:
    """How many seeds with one and the same difference it takes to tell it from none: 2^(1−n) ≤ 1 − level."""
    return 1 + math.ceil(-math.log2(1 - level))


def _table(values: ArrayLike) -> Values:
    """Values of shape (seeds,) or (seeds, cells) as (seeds, cells)."""
    table: Values = _tables([values])[0]
    return table


def _tables(samples: ArrayLike | Sequence[ArrayLike]) -> Values:
    """Samples of one shape, (seeds,) or (seeds, cells), as (samples, seeds, cells).

    Raises:
        ValueError: if there are no values, or one is not finite.
    """
    tables = np.array(samples, dtype=np.float64)
    tables = tables[:, :, None] if tables.ndim == 2 else tables
    if tables.size == 0 or tables.ndim != 3 or not np.isfinite(tables).all():
        raise ValueError("values of one seed or more, all finite, of shape (seeds,) or (seeds, cells) are needed; runs that failed are left out before")
    return tables


def _scaled(values: Values, scale: Scale) -> Values:
    return np.log(values) if scale == "log" else values * (100.0 if scale == "points" else 1.0)


def _slope(values: Values, scale: Scale) -> Values:
    """The derivative of `_scaled`."""
    return 1 / values if scale == "log" else np.full_like(values, 100.0 if scale == "points" else 1.0)


def _spreads(values: Values, largest: ArrayLike) -> Values:
    """Standard deviations over the last axis; what is rounding of numbers as large as `largest` counts as none, and one seed has none."""
    if values.shape[-1] == 1:
        return np.full(values.shape[:-1], math.nan)
    return np.where(np.ptp(values, axis=-1) <= _ROUNDING * np.asarray(largest), 0.0, values.std(axis=-1, ddof=1))


def _t_p(mean: float | Values, sd: float | Values, n: int | Counts, constant: bool | Truths) -> Values:
    """Two-sided p of t tests that means are 0, for equal values not below 2^(1−n)."""
    smallest = np.where(np.logical_and(constant, np.not_equal(mean, 0)), np.exp2(np.subtract(1.0, n)), 0.0)
    # One value has no deviation, and equal ones may have none.
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * scipy.special.stdtr(np.subtract(n, 1), -np.abs(mean) * np.sqrt(n) / np.asarray(sd))
    return np.where(np.equal(sd, 0), np.where(smallest > 0, smallest, 1.0), np.maximum(p, smallest))


def _bounds(mean: float | Values, sd: float | Values, n: int | Counts, constant: bool | Truths, level: float) -> _Bounds:
    """The ends of t intervals; NaN for one value, and for equal ones too few to tell."""
    counts, places = np.unique(np.asarray(n), return_inverse=True)
    halves = np.array([_half(count, level) for count in counts.tolist()])[places] * np.asarray(sd)
    halves = np.where(np.logical_and(constant, np.less(n, fewest_constant(level))), math.nan, halves)
    return mean - halves, mean + halves


@lru_cache(maxsize=256)
def _half(n: int, level: float) -> float:
    """Half of the t interval of n values with a standard deviation of 1."""
    return math.nan if n == 1 else float(scipy.special.stdtrit(n - 1, (1 + level) / 2)) / math.sqrt(n)


def _reaching_zero(bounds: _Bounds, signs_p: float | Values, level: float) -> _Bounds:
    """Intervals that hold 0 where the sign test does not tell the mean from it at the level."""
    low, high = bounds
    told = np.less_equal(signs_p, 1 - level)
    return np.where(told, low, np.minimum(low, 0.0)), np.where(told, high, np.maximum(high, 0.0))


def _one(bounds: _Bounds) -> Ends:
    """The ends of a single interval."""
    low, high = map(float, bounds)
    return (None, None) if math.isnan(low) else (low, high)


def _signs_p(moves: Values, steps: Values) -> Values:
    """Two-sided p of exact sign tests of moves, (samples, seeds), none of which exceeds its sample's step; 0 if one does or there is no step."""
    sizes = steps[:, None]
    up, down = (moves > sizes / 2).sum(axis=1), (moves < -sizes / 2).sum(axis=1)
    alone = (steps > 0) & (np.abs(moves) < 1.5 * sizes).all(axis=1)
    return np.where(alone, np.minimum(1.0, 2 * scipy.special.bdtr(np.minimum(up, down), up + down, 0.5)), 0.0)
