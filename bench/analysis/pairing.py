"""The two sides of one cell, paired by seed: whether they can be compared, and their values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from bench.analysis.points import Point, Row, Seeds, listed, value
from bench.analysis.statistics import Values
from bench.metric import Metric
from bench.selection import text

TIMINGS: Mapping[str, Metric] = {
    "samples_per_second": Metric("samples_per_second", "1/s", "higher", "log", "training samples per second, evaluations excluded"),
}

REPEATED = "rows that repeat an earlier run were not timed anew"


@dataclass(frozen=True)
class Pair:
    """A cell in base and in head, each seed -> row."""

    point: Point
    base: Seeds
    head: Seeds

    def rows(self) -> list[tuple[Row, Row]]:
        """The rows of the common seeds, in the seeds' order."""
        return [(self.base[seed], self.head[seed]) for seed in sorted(self.base.keys() & self.head.keys())]

    @property
    def unchanged(self) -> bool:
        """Whether nothing changed that decides the numbers: the same configurations, seeds and code on both sides."""
        return all(base[key] == head[key] for base, head in self.rows() for key in ("run_id", "code_id"))

    def obstacle(self) -> str:
        """Why no number of the cell can be compared, or an empty text."""
        for column, meaning in (("suite_version", "version of the suite"), ("data_checksum", "data")):
            one, other = _distinct(self.base, column), _distinct(self.head, column)
            if one and other and one != other:
                return f"other {meaning}: {_named(one)} -> {_named(other)}"
        if not self.rows():
            return f"disjoint seeds: {listed(self.base)} -> {listed(self.head)}"
        return ""

    def timing_obstacle(self) -> str:
        """Why timings of the cell cannot be compared, or an empty text."""
        for column in ("hardware", "device", "threads"):
            one, other = _distinct(self.base, column), _distinct(self.head, column)
            if one != other:
                return f"other {column}: {_named(one)} -> {_named(other)}"
        if any(row.get("reused_from") is not None for pair in self.rows() for row in pair):
            return REPEATED
        return ""

    def values(self, metric: Metric) -> tuple[Values, Values]:
        """What both sides measured: one entry per seed, or per pair of packs for timings.

        Members of a pack are timed together, so that a pack is one measurement however many seeds it holds.
        """
        both = list(self._measured(metric.name))
        if metric.name in TIMINGS:
            packs = sorted({pack for pack, _ in both})
            table = np.array([np.mean([pair for other, pair in both if other == pack], axis=0) for pack in packs])
        else:
            table = np.array([pair for _, pair in both], dtype=np.float64)
        table = table.reshape(-1, 2)
        return table[:, 0], table[:, 1]

    def measured(self, metric: str) -> tuple[bool, bool]:
        """Whether some seed of base, and of head, has the metric."""
        base, head = (any(value(row, metric) is not None for row in side.values()) for side in (self.base, self.head))
        return base, head

    def failed_once(self) -> tuple[int, int]:
        """How many of the common seeds failed in base alone, and in head alone."""
        failed = [(base["status"] != "ok", head["status"] != "ok") for base, head in self.rows()]
        return failed.count((True, False)), failed.count((False, True))

    def unpaired(self) -> str:
        """The seeds that only one side has, as a remark."""
        base, head = self.base.keys() - self.head.keys(), self.head.keys() - self.base.keys()
        sides = ((listed(base), "base"), (listed(head), "head"))
        return "; ".join(f"seeds {seeds} only in {side}" for seeds, side in sides if seeds)

    def _measured(self, metric: str) -> Iterator[tuple[tuple[str, str], tuple[float, float]]]:
        for base, head in self.rows():
            before, after = value(base, metric), value(head, metric)
            if before is not None and after is not None:
                yield (text(base.get("pack")), text(head.get("pack"))), (before, after)


def _distinct(side: Seeds, column: str) -> set[str]:
    return {text(row[column]) for row in side.values() if row.get(column) is not None}


def _named(values: set[str]) -> str:
    """Distinct values as text; checksums by their first digits."""
    return " and ".join(sorted(name[:12] if len(name) == 64 else name for name in values)) or "unknown"
