"""What both sides measured in many cells, in columns: rows that are paired by seed, cell after cell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.pairing import CONDITIONS, VERSIONS, Pair
from bench.analysis.points import Point
from bench.analysis.records import Record, Selected
from bench.analysis.statistics import Counts, Truths, Values
from bench.metric import Metric


class Numbers(NamedTuple):
    """What both sides measured of a metric in several cells, cell after cell.

    Attributes:
        cell: the place of each value's cell among the cells, ascending; each of shape (values,).
        seed: the seeds, ascending in each cell; of timings the place of the pack.
        base: the values of base.
        head: those of head.
    """

    cell: Counts
    seed: Counts
    base: Values
    head: Values

    def of(self, cells: Truths) -> Numbers:
        """Those of some cells.

        Args:
            cells: which they are, shape (cells,).
        """
        mine = cells[self.cell]
        return Numbers(self.cell[mine], self.seed[mine], self.base[mine], self.head[mine])


class Cells:
    """Several cells, each in base and in head with a common seed or more.

    Args:
        pairs: these; those without a common seed are left out.
    """

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self.pairs = tuple(pair for pair in pairs if pair.rows)
        self.rows = list(chain.from_iterable(pair.rows for pair in self.pairs))
        self._counts = np.array([len(pair.rows) for pair in self.pairs], dtype=np.int64)
        self._sides = tuple(Selected([row[side] for row in self.rows]) for side in (0, 1))

    def both(self, name: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """What the rows of the common seeds have in a column, in base and in head; None where that is nothing."""
        base, head = (side.objects(name) for side in self._sides)
        return base, head

    def differing(self, name: str) -> list[tuple[Record, Record]]:
        """The rows of base and head with a common seed that differ in a column."""
        return [self.rows[place] for place in np.flatnonzero(np.not_equal(*self.both(name))).tolist()]

    @cached_property
    def comparable(self) -> Cells:
        """Those whose numbers can be compared."""
        alike = self._alike(VERSIONS)
        sound = [pair for pair, clear in zip(self.pairs, alike.tolist(), strict=True) if clear or not pair.obstacle]
        return self if len(sound) == len(self.pairs) else Cells(sound)

    @cached_property
    def cell(self) -> Counts:
        """The place of each common seed's cell, shape (common seeds,)."""
        return np.repeat(np.arange(len(self.pairs)), self._counts)

    @cached_property
    def seed(self) -> Counts:
        """The common seeds, cell after cell."""
        return self._sides[0].objects("seed").astype(np.int64)

    @cached_property
    def suites(self) -> dict[Point, Truths]:
        """Suite, profile and variant, in order -> which cells are theirs."""
        return self._groups(lambda point: Point(point.suite, point.profile, point.variant, "", ()))

    @cached_property
    def experiments(self) -> dict[Point, Truths]:
        """Experiment, in order -> which cells are its own."""
        return self._groups(lambda point: Point(point.suite, point.profile, point.variant, point.experiment, ()))

    @cached_property
    def timing_obstacles(self) -> list[str]:
        """`Pair.timing_obstacle` of each cell."""
        new = [pd.isna(side.objects("reused_from")) & (side.objects("shared") != True) for side in self._sides]  # noqa: E712 - an array of objects
        clear = self._alike(CONDITIONS) & self._each(np.logical_and, np.logical_and(*new))
        return ["" if known else pair.timing_obstacle for known, pair in zip(clear.tolist(), self.pairs, strict=True)]

    @cached_property
    def unchanged(self) -> Truths:
        """Of each cell whether nothing changed that decides the numbers: the same configurations, seeds and code on both sides."""
        same = [np.equal(*self.both(name)).astype(bool) for name in ("run_id", "code_id")]
        found: Truths = self._each(np.logical_and, np.logical_and(*same))
        return found

    def numbers(self, metric: str) -> Numbers:
        """What was measured of a metric with each seed that is ok, and has it, on both sides."""
        known, base, head = self._known(metric)
        return Numbers(self.cell[known], self.seed[known], base, head)

    def timings(self, metric: str) -> Numbers:
        """The same of a timing, one for each pair of packs of a cell.

        Members of a pack are timed together, so that a pack is one measurement however many seeds it holds.
        """
        known, base, head = self._known(metric)
        packs = [np.unique(names[known].astype(str), return_inverse=True)[1] for names in self.both("pack")]
        places, member, counts = np.unique(np.stack([self.cell[known], *packs], axis=1), axis=0, return_inverse=True, return_counts=True)
        means = [np.bincount(member, values, len(places)) / counts for values in (base, head)]
        return Numbers(places[:, 0], np.arange(len(places)), *means)

    def resolutions(self, metric: Metric) -> Values:
        """Of each cell the smallest step of a share of samples, 1 over the size of the split that is counted; 0 for other metrics."""
        if not metric.counted_over:
            return np.zeros(len(self.pairs))
        sizes = [side.numbers(f"{metric.counted_over}_size") for side in self._sides]
        steps = [np.divide(1, size, out=np.zeros_like(size), where=size > 0) for size in sizes]
        return self._each(np.maximum, np.maximum(*steps))

    @cached_property
    def _sound(self) -> Truths:
        """Of each common seed whether it is ok on both sides."""
        base, head = self.both("status")
        found: Truths = np.logical_and(base == "ok", head == "ok")
        return found

    def _known(self, metric: str) -> tuple[Truths, Values, Values]:
        """Which common seeds are ok and have a metric on both sides, and the values of these."""
        base, head = (side.numbers(metric) for side in self._sides)
        known = self._sound & ~(np.isnan(base) | np.isnan(head))
        return known, base[known], head[known]

    def _alike(self, names: Iterable[str]) -> Truths:
        """Of each cell whether all its seeds are common ones, whose rows agree in some columns.

        Nearly all cells do, and to look for the names of what differs takes long.
        """
        paired = np.array([len(pair.base) == len(pair.head) == len(pair.rows) for pair in self.pairs], dtype=bool)
        agree = np.logical_and.reduce([np.equal(*self.both(name)).astype(bool) for name in names])
        found: Truths = paired & self._each(np.logical_and, agree)
        return found

    def _each(self, over: np.ufunc, values: NDArray[Any]) -> NDArray[Any]:
        """Something over the common seeds of each cell."""
        found: NDArray[Any] = over.reduceat(values, np.cumsum(self._counts) - self._counts) if len(values) else values
        return found

    def _groups(self, place: Callable[[Point], Point]) -> dict[Point, Truths]:
        found: dict[Point, list[int]] = {}
        for index, pair in enumerate(self.pairs):
            found.setdefault(place(pair.point), []).append(index)
        return {point: np.isin(np.arange(len(self.pairs)), indices) for point, indices in sorted(found.items())}
