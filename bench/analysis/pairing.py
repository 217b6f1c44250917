"""The two sides of one cell, paired by seed, and whether they can be compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from bench.analysis.placed import Placed
from bench.analysis.points import Point, Seeds, failures, listed, settings, value
from bench.analysis.records import Record
from bench.analysis.shares import mcnemar
from bench.metric import Metric
from bench.selection import Selection, text

TIMINGS: Mapping[str, Metric] = {
    "samples_per_second": Metric("samples_per_second", "1/s", "higher", "log", "training samples per second, evaluations excluded"),
}

VERSIONS = {"suite_version": "version of the suite", "data_checksum": "data"}
"""The columns that say what was measured -> what they are to a reader."""

CONDITIONS = ("hardware", "device", "threads")
"""The columns that say how timings were taken."""

REPEATED = "rows that repeat an earlier run were not timed anew"
SHARED = "other processes used the GPU meanwhile"


@dataclass(frozen=True)
class Pair:
    """A cell in base and in head, each seed -> row."""

    point: Point
    base: Seeds
    head: Seeds

    @cached_property
    def rows(self) -> list[tuple[Record, Record]]:
        """The rows of the common seeds, in the seeds' order."""
        return [(self.base[seed], self.head[seed]) for seed in sorted(self.base.keys() & self.head.keys())]

    @cached_property
    def failed(self) -> tuple[str, str]:
        """How many runs of base failed and how, and of head; empty texts where none did."""
        return failures(self.base.values()), failures(self.head.values())

    @cached_property
    def obstacle(self) -> str:
        """Why no number of the cell can be compared, or an empty text."""
        for name, meaning in VERSIONS.items():
            one, other = _distinct(self.base, name), _distinct(self.head, name)
            if one and other and one != other:
                return f"other {meaning}: {_named(one)} -> {_named(other)}"
        if not self.rows:
            return f"disjoint seeds: {listed(self.base)} -> {listed(self.head)}"
        return ""

    @cached_property
    def timing_obstacle(self) -> str:
        """Why timings of the cell cannot be compared, or an empty text."""
        for name in CONDITIONS:
            one, other = _distinct(self.base, name), _distinct(self.head, name)
            if one != other:
                return f"other {name}: {_named(one)} -> {_named(other)}"
        if any(row.get("reused_from") is not None for pair in self.rows for row in pair):
            return REPEATED
        if any(row.get("shared") is True for pair in self.rows for row in pair):
            return SHARED
        return ""

    def matches(self, selection: Selection) -> bool:
        """Whether the cell is selected: by its suite, profile, variant or experiment, a value on its axes, or a setting of base."""
        names = {key: getattr(self.point, key) for key in ("suite", "profile", "variant", "experiment")}
        return selection.matches(names, dict(self.point.axes), settings(next(iter(self.base.values()))))

    def measured(self, metric: str) -> tuple[bool, bool]:
        """Whether some seed of base, and of head, has the metric."""
        base, head = (any(value(row, metric) is not None for row in side.values()) for side in (self.base, self.head))
        return base, head

    @cached_property
    def failed_p(self) -> float | None:
        """P of McNemar's exact test that one side fails more often, over the common seeds; None where none failed."""
        failed = [(base["status"] != "ok", head["status"] != "ok") for base, head in self.rows]
        return mcnemar(failed.count((True, False)), failed.count((False, True))) if any(self.failed) else None

    @cached_property
    def unpaired(self) -> str:
        """The seeds that only one side has, as a remark."""
        base, head = self.base.keys() - self.head.keys(), self.head.keys() - self.base.keys()
        sides = ((listed(base), "base"), (listed(head), "head"))
        return "; ".join(f"seeds {seeds} only in {side}" for seeds, side in sides if seeds)


class Sides:
    """Base and head.

    Args:
        base: the rows of one.
        head: those of the other.

    Attributes:
        base: as above.
        head: the same.
        common: the points that both have, in order.
    """

    def __init__(self, base: Placed, head: Placed) -> None:
        self.base, self.head = base, head
        self.common = sorted(base.keys() & head.keys())
        self._pairs: dict[Point, Pair] = {}

    def __iter__(self) -> Iterator[Placed]:
        yield from (self.base, self.head)

    def pair(self, point: Point) -> Pair:
        """The cell at a common point."""
        if point not in self._pairs:
            self._pairs[point] = Pair(point, self.base[point], self.head[point])
        return self._pairs[point]


def _distinct(side: Seeds, name: str) -> set[str]:
    return {text(found) for found in {row.get(name) for row in side.values()} if found is not None}


def _named(values: set[str]) -> str:
    """Distinct values as text; checksums by their first digits."""
    return " and ".join(sorted(name[:12] if len(name) == 64 else name for name in values)) or "unknown"
