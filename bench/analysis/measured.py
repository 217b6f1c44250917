"""What both sides measured in many cells, in columns: rows that are paired by seed, cell after cell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.pairing import CONDITIONS, VERSIONS, Pair, Sides
from bench.analysis.points import Point
from bench.analysis.records import Record
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
    """Cells of base and head at the same points, each with a common seed or more.

    Args:
        sides: base and head.
        points: which of their common points are meant, in order; those without a common seed are left out.

    Attributes:
        points: where these cells are, in order.
        cell: the place of each common seed's cell among them, ascending; shape (common seeds,).
        seed: the common seeds, ascending in each cell.
    """

    def __init__(self, sides: Sides, points: Sequence[Point]) -> None:
        self._sides = sides
        places, self.seed, self._rows = _joined(sides, points)
        present, self.cell, self._counts = np.unique(places, return_inverse=True, return_counts=True)
        self.points = tuple(points[place] for place in present.tolist())

    def __len__(self) -> int:
        return len(self.points)

    def pair(self, cell: int) -> Pair:
        """One of the cells."""
        return self._sides.pair(self.points[cell])

    def both(self, name: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """What the rows of the common seeds have in a column, in base and in head; None where that is nothing."""
        base, head = (side.columns.objects(name)[rows] for side, rows in zip(self._sides, self._rows, strict=True))
        return base, head

    def differing(self, name: str) -> list[tuple[Record, Record]]:
        """The rows of base and head with a common seed that differ in a column."""
        base, head = self._sides
        unequal = np.flatnonzero(np.not_equal(*self.both(name)))
        rows = zip(*(rows[unequal].tolist() for rows in self._rows), strict=True)
        return [(base.record(one), head.record(other)) for one, other in rows]

    @cached_property
    def comparable(self) -> Cells:
        """Those whose numbers can be compared."""
        sound = [
            point for cell, (point, clear) in enumerate(zip(self.points, self._alike(VERSIONS).tolist(), strict=True)) if clear or not self.pair(cell).obstacle
        ]
        return self if len(sound) == len(self) else Cells(self._sides, sound)

    @cached_property
    def suites(self) -> dict[Point, Truths]:
        """Suite, profile and variant, in order -> which cells are theirs."""
        return self._groups(lambda point: point._replace(experiment="", axes=()))

    @cached_property
    def experiments(self) -> dict[Point, Truths]:
        """Experiment, in order -> which cells are its own."""
        return self._groups(lambda point: point._replace(axes=()))

    @cached_property
    def timing_obstacles(self) -> list[str]:
        """`Pair.timing_obstacle` of each cell."""
        new = [pd.isna(reused) & (shared != True) for reused, shared in zip(self.both("reused_from"), self.both("shared"), strict=True)]  # noqa: E712 - an array of objects
        clear = self._alike(CONDITIONS) & self._each(np.logical_and, np.logical_and(*new))
        return ["" if known else self.pair(cell).timing_obstacle for cell, known in enumerate(clear.tolist())]

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
            return np.zeros(len(self))
        sizes = self._numbers(f"{metric.counted_over}_size")
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
        base, head = self._numbers(metric)
        known = self._sound & ~(np.isnan(base) | np.isnan(head))
        return known, base[known], head[known]

    def _numbers(self, name: str) -> tuple[Values, Values]:
        """The same of a column of numbers; NaN where that is nothing."""
        base, head = (side.columns.numbers(name)[rows] for side, rows in zip(self._sides, self._rows, strict=True))
        return base, head

    def _alike(self, names: Iterable[str]) -> Truths:
        """Of each cell whether all its seeds are common ones, whose rows agree in some columns.

        Nearly all cells do, and to look for the names of what differs takes long.
        """
        paired = np.logical_and(*(side.counts[side.numbers(self.points)] == self._counts for side in self._sides))
        agree = np.logical_and.reduce([np.equal(*self.both(name)).astype(bool) for name in names])
        found: Truths = paired & self._each(np.logical_and, agree)
        return found

    def _each(self, over: np.ufunc, values: NDArray[Any]) -> NDArray[Any]:
        """Something over the common seeds of each cell."""
        found: NDArray[Any] = over.reduceat(values, np.cumsum(self._counts) - self._counts) if len(values) else values
        return found

    def _groups(self, place: Callable[[Point], Point]) -> dict[Point, Truths]:
        found: dict[Point, list[int]] = {}
        for index, point in enumerate(self.points):
            found.setdefault(place(point), []).append(index)
        return {point: np.isin(np.arange(len(self)), indices) for point, indices in sorted(found.items())}


def _joined(sides: Sides, points: Sequence[Point]) -> tuple[Counts, Counts, tuple[Counts, Counts]]:
    """The seeds that both sides have at points.

    Returns:
        The place of each one's point, ascending; the seed, ascending at each point; the row of base and the row of head.
    """
    places: list[Counts] = []
    for side in sides:
        numbers = np.full(len(side), -1)
        numbers[side.numbers(points)] = np.arange(len(points))
        places.append(np.repeat(numbers, side.counts))
    place, seed, row = (np.concatenate(each) for each in (places, [side.seed for side in sides], [side.row for side in sides]))
    # Stable, so that of two equal ones the first is base's.
    order = np.lexsort((seed, place))
    place, seed, row = place[order], seed[order], row[order]
    first = np.flatnonzero((np.diff(place) == 0) & (np.diff(seed) == 0) & (place[:-1] >= 0))
    return place[first], seed[first], (row[first], row[first + 1])
