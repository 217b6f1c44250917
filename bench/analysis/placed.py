"""Rows of `runs` at points of grids, in columns: which rows are the seeds of one cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.points import Point, Seeds
from bench.analysis.records import Columns, Record, Row
from bench.analysis.statistics import Counts
from bench.errors import UsageError

_PLACE = ("suite", "profile", "variant", "experiment")


class Placed(Mapping[Point, Seeds]):
    """The rows of each point by seed; what is NULL or NaN becomes None.

    Args:
        frame: rows of `runs`, of one state of each suite.

    Attributes:
        columns: what the rows hold.
        row: the rows, point after point, those of a point by seed; shape (rows,).
        seed: their seeds.
        counts: how many rows each point has, shape (points,).

    Raises:
        UsageError: if a point has two rows for one seed.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self.columns = Columns(frame)
        self._numbers, point = _points(frame, self.columns)
        seeds = self.columns.objects("seed").astype(np.int64)
        self.row: Counts = np.lexsort((seeds, point))
        self.seed: Counts = seeds[self.row]
        self.counts: Counts = np.bincount(point, minlength=len(self._numbers))
        self._starts = np.cumsum(self.counts) - self.counts
        self._refuse_repeated(point[self.row])

    def __getitem__(self, point: Point) -> Seeds:
        number = self._numbers[point]
        mine = slice(self._starts[number], self._starts[number] + self.counts[number])
        return {seed: self.record(row) for seed, row in zip(self.seed[mine].tolist(), self.row[mine].tolist(), strict=True)}

    # The mixin's makes the rows of the point.
    def __contains__(self, point: object) -> bool:
        return point in self._numbers

    def __iter__(self) -> Iterator[Point]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def numbers(self, points: Sequence[Point]) -> Counts:
        """The places of points among all."""
        return np.array([self._numbers[point] for point in points], dtype=np.int64)

    def record(self, row: int) -> Record:
        """One row."""
        return Record(self.columns, row)

    def _refuse_repeated(self, point: Counts) -> None:
        repeated = np.flatnonzero((np.diff(point) == 0) & (np.diff(self.seed) == 0))
        if not len(repeated):
            return
        one, other = (self.record(row) for row in self.row[repeated[0] : repeated[0] + 2].tolist())
        raise UsageError(
            f"{list(self._numbers)[point[repeated[0]]]}: two rows for seed {one['seed']}{_apart(one, other)}",
            hint="Select the rows of one state: one commit, one diff_hash.",
        )


def _points(frame: pd.DataFrame, columns: Columns) -> tuple[dict[Point, int], Counts]:
    """Point -> its place among the points, in the order of the rows, and the place of each row's point."""
    axes = sorted(name for name in columns.names if name.startswith("axis."))
    groups = frame.groupby([*_PLACE, *axes], dropna=False, sort=False, observed=True).ngroup().to_numpy(np.int64)
    first = np.unique(groups, return_index=True)[1]
    places = zip(*(columns.objects(name)[first].tolist() for name in (*_PLACE, *axes)), strict=True)
    numbers: dict[Point, int] = {}
    # Values of different types may read the same: then two groups are one point.
    each = [numbers.setdefault(_point(place, axes), len(numbers)) for place in places]
    return numbers, np.array(each, dtype=np.int64)[groups]


def _point(place: tuple[Any, ...], axes: Sequence[str]) -> Point:
    values = zip(axes, place[len(_PLACE) :], strict=True)
    suite, profile, variant, experiment = place[: len(_PLACE)]
    return Point(suite, profile, variant, experiment, tuple((axis.removeprefix("axis."), str(value)) for axis, value in values if value is not None))


def _apart(one: Row, other: Row) -> str:
    """What tells two rows apart that should be one."""
    columns = [name for name in ("commit", "diff_hash", "suite_version", "run_id") if one.get(name) != other.get(name)]
    return f", with different {' and '.join(columns)}" if columns else ""
