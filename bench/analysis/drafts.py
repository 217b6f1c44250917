"""One metric in each of several cells, and on average over them, base against head: its numbers, before p values are corrected."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.analysis.change import Change
from bench.analysis.measured import Cells, Numbers
from bench.analysis.pairing import TIMINGS, Pair
from bench.analysis.pooled import Pool
from bench.analysis.signs import sign_flip, wilcoxon
from bench.analysis.statistics import Difference, Truths, Values, differences, paired, paired_each
from bench.metric import Metric


class Drafts:
    """A metric in each of several cells, in columns; the change of a cell, whose kind is not decided yet, is made when asked for.

    Args:
        cells: the cells in base and in head.
        metric: the metric.

    Attributes:
        numbers: what both sides measured, in the cells in which that can be compared.
        compared: of each cell whether it is such a one.
        resolutions: of each cell the smallest step of the metric.
        differences: head − base in those that are, in their order.
    """

    def __init__(self, cells: Cells, metric: Metric) -> None:
        self.cells, self.metric = cells, metric
        self.numbers = _timings(cells, metric) if metric.name in TIMINGS else cells.numbers(metric.name)
        counts = np.bincount(self.numbers.cell, minlength=len(cells))
        self.compared = counts > 0
        self.resolutions = cells.resolutions(metric)
        self._counts, self._places = counts[self.compared], np.cumsum(self.compared) - 1
        self.differences = paired_each(self.numbers.base, self.numbers.head, self._counts, metric.scale, self.resolutions[self.compared])

    def __getitem__(self, cell: int) -> Change:
        pair = self.cells.pair(cell)
        if not self.compared[cell]:
            reason = pair.timing_obstacle if self.metric.name in TIMINGS else ""
            return barred(pair, reason or _missing(pair, self.metric.name), self.metric)
        place = self._places[cell]
        difference = self.differences[place]
        reason = "; ".join(filter(None, (pair.unpaired, _raw(self.metric, difference))))
        base, head, sd = (float(values[place]) for values in self._moments)
        untouched = bool(self.untouched[cell])
        return Change(
            pair.point, self.metric, "inconclusive", reason, base, head, sd, difference, None, *pair.failed, failed_p=pair.failed_p, untouched=untouched
        )

    @cached_property
    def listed(self) -> Truths:
        """Of each cell whether a side has the metric."""
        every = enumerate(self.compared.tolist())
        return np.array([compared or any(self.cells.pair(cell).measured(self.metric.name)) for cell, compared in every], dtype=bool)

    @cached_property
    def untouched(self) -> Truths:
        """`Change.untouched` of each cell."""
        return self.identical & self.cells.unchanged

    @cached_property
    def identical(self) -> Truths:
        """Of each cell whether head equals base, bit for bit."""
        return self._of_all(self.differences.columns.identical, fill=False)

    @cached_property
    def means(self) -> Values:
        """Of each cell the mean of head − base; NaN where it is not compared."""
        return self._of_all(self.differences.columns.mean, fill=math.nan)

    @cached_property
    def p(self) -> Values:
        """P of the difference in each cell; NaN where nothing is tested."""
        return np.where(self.untouched, math.nan, self._of_all(self.differences.p, fill=math.nan))

    @cached_property
    def _moments(self) -> tuple[Values, Values, Values]:
        """Of each cell that is compared base's mean over seeds, head's, and base's standard deviation, NaN for one seed."""
        starts = np.cumsum(self._counts) - self._counts
        base, head = (np.add.reduceat(values, starts) / self._counts for values in (self.numbers.base, self.numbers.head))
        squares = np.add.reduceat((self.numbers.base - np.repeat(base, self._counts)) ** 2, starts)
        return base, head, np.sqrt(squares / np.where(self._counts > 1, self._counts - 1, math.nan))

    def _of_all(self, values: NDArray[Any], fill: float) -> NDArray[Any]:
        """What the compared cells have, and something else in the others."""
        found = np.full(len(self.compared), fill, dtype=values.dtype)
        found[self.compared] = values
        return found


def _timings(cells: Cells, metric: Metric) -> Numbers:
    """Timings, in the cells in which these can be compared."""
    return cells.timings(metric.name).of(np.array([not obstacle for obstacle in cells.timing_obstacles], dtype=bool))


def average_draft(pool: Pool, drafts: Drafts) -> Change:
    """A metric on average over cells, taken per seed over the seeds that are complete in all of them.

    Args:
        pool: the cells, each of which is compared.
        drafts: the metric in these cells and others.

    Returns:
        A change whose kind is not decided yet, or that cannot be compared. From six seeds on its remarks have tests that
        assume symmetry alone.
    """
    metric, found = drafts.metric, pool.complete(drafts.numbers)
    if not len(found.seeds):
        return Change(pool.point, metric, "incomparable", f"no seed is complete in all {pool.size} cells", cells=pool.size)
    difference = paired(found.base, found.head, metric.scale, float(drafts.resolutions[pool.members].max()))
    before, after = found.base.mean(axis=1), found.head.mean(axis=1)
    sd = float(before.std(ddof=1)) if len(before) > 1 else math.nan
    remarks = (pool.left_out(found), _raw(metric, difference), _secondary(found.base, found.head, difference))
    reason = "; ".join(filter(None, remarks))
    return Change(pool.point, metric, "inconclusive", reason, float(before.mean()), float(after.mean()), sd, difference, cells=pool.size)


def barred(pair: Pair, reason: str, metric: Metric | None = None) -> Change:
    """A common cell that cannot be compared.

    Args:
        pair: the cell in base and in head.
        reason: why.
        metric: in which metric; None for the cell as a whole.
    """
    before, after = pair.failed
    return Change(pair.point, metric, "incomparable", reason, base_failed=before, head_failed=after, failed_p=pair.failed_p)


def _raw(metric: Metric, difference: Difference) -> str:
    return "" if difference.scale == metric.scale else "difference taken raw: not all values are positive"


def _secondary(base: Values, head: Values, difference: Difference) -> str:
    """Tests that assume symmetry alone, where there are seeds enough for them to say something."""
    if difference.identical:
        return ""
    each = differences(base, head, difference.scale)
    flipped, ranked = sign_flip(each), wilcoxon(each)
    return "" if flipped is None or ranked is None else f"sign flips p = {flipped[0]:.2g}, Wilcoxon p = {ranked:.2g}"


def _missing(pair: Pair, metric: str) -> str:
    """Why no seed has the metric on both sides."""
    for side, has, failures in zip(("base", "head"), pair.measured(metric), pair.failed, strict=True):
        if not has:
            return f"not measured in {side}{f': {failures}' if failures else ''}"
    return "no seed has it on both sides"
