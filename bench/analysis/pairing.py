"""The two sides of one cell, paired by seed: whether they can be compared, and their values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bench.analysis.points import Point, Seeds, failures, listed, settings, value
from bench.analysis.records import Row
from bench.analysis.statistics import Values
from bench.metric import Metric
from bench.selection import Selection, text

TIMINGS: Mapping[str, Metric] = {
    "samples_per_second": Metric("samples_per_second", "1/s", "higher", "log", "training samples per second, evaluations excluded"),
}

REPEATED = "rows that repeat an earlier run were not timed anew"
SHARED = "other processes used the GPU meanwhile"


@dataclass(frozen=True)
class Pair:
    """A cell in base and in head, each seed -> row."""

    point: Point
    base: Seeds
    head: Seeds

    @cached_property
    def rows(self) -> list[tuple[Row, Row]]:
        """The rows of the common seeds, in the seeds' order."""
        return [(self.base[seed], self.head[seed]) for seed in sorted(self.base.keys() & self.head.keys())]

    @cached_property
    def _sound(self) -> list[tuple[Row, Row]]:
        """The rows of the common seeds that are ok on both sides."""
        return [(base, head) for base, head in self.rows if base["status"] == head["status"] == "ok"]

    @cached_property
    def _numbers(self) -> dict[str, dict[int, tuple[float, float]]]:
        return {}

    @cached_property
    def failed(self) -> tuple[str, str]:
        """How many runs of base failed and how, and of head; empty texts where none did."""
        return failures(self.base.values()), failures(self.head.values())

    @cached_property
    def unchanged(self) -> bool:
        """Whether nothing changed that decides the numbers: the same configurations, seeds and code on both sides."""
        return all(base[key] == head[key] for base, head in self.rows for key in ("run_id", "code_id"))

    @cached_property
    def obstacle(self) -> str:
        """Why no number of the cell can be compared, or an empty text."""
        for column, meaning in (("suite_version", "version of the suite"), ("data_checksum", "data")):
            one, other = _distinct(self.base, column), _distinct(self.head, column)
            if one and other and one != other:
                return f"other {meaning}: {_named(one)} -> {_named(other)}"
        if not self.rows:
            return f"disjoint seeds: {listed(self.base)} -> {listed(self.head)}"
        return ""

    @cached_property
    def timing_obstacle(self) -> str:
        """Why timings of the cell cannot be compared, or an empty text."""
        for column in ("hardware", "device", "threads"):
            one, other = _distinct(self.base, column), _distinct(self.head, column)
            if one != other:
                return f"other {column}: {_named(one)} -> {_named(other)}"
        if any(row.get("reused_from") is not None for pair in self.rows for row in pair):
            return REPEATED
        if any(row.get("shared") is True for pair in self.rows for row in pair):
            return SHARED
        return ""

    def matches(self, selection: Selection) -> bool:
        """Whether the cell is selected: by its suite, profile, variant or experiment, a value on its axes, or a setting of base."""
        names = {key: getattr(self.point, key) for key in ("suite", "profile", "variant", "experiment")}
        return selection.matches(names, dict(self.point.axes), settings(next(iter(self.base.values()))))

    def values(self, metric: Metric) -> tuple[Values, Values]:
        """What both sides measured: one entry per seed, or per pair of packs for timings.

        Members of a pack are timed together, so that a pack is one measurement however many seeds it holds.
        """
        both = self.numbers(metric.name)
        if metric.name in TIMINGS:
            packs: dict[tuple[str, str], list[tuple[float, float]]] = {}
            for seed, numbers in both.items():
                packs.setdefault((text(self.base[seed].get("pack")), text(self.head[seed].get("pack"))), []).append(numbers)
            table = np.array([np.mean(packs[names], axis=0) for names in sorted(packs)], dtype=np.float64).reshape(-1, 2)
        else:
            table = np.array(list(both.values()), dtype=np.float64).reshape(-1, 2)
        return table[:, 0], table[:, 1]

    def numbers(self, metric: str) -> Mapping[int, tuple[float, float]]:
        """What base and head measured with each seed that is ok and measured on both sides, in the seeds' order."""
        if metric not in self._numbers:
            both = ((base["seed"], base.get(metric), head.get(metric)) for base, head in self._sound)
            self._numbers[metric] = {seed: (before, after) for seed, before, after in both if before is not None and after is not None}
        return self._numbers[metric]

    def measured(self, metric: str) -> tuple[bool, bool]:
        """Whether some seed of base, and of head, has the metric."""
        base, head = (any(value(row, metric) is not None for row in side.values()) for side in (self.base, self.head))
        return base, head

    def failed_once(self) -> tuple[int, int]:
        """How many of the common seeds failed in base alone, and in head alone."""
        failed = [(base["status"] != "ok", head["status"] != "ok") for base, head in self.rows]
        return failed.count((True, False)), failed.count((False, True))

    @cached_property
    def unpaired(self) -> str:
        """The seeds that only one side has, as a remark."""
        base, head = self.base.keys() - self.head.keys(), self.head.keys() - self.base.keys()
        sides = ((listed(base), "base"), (listed(head), "head"))
        return "; ".join(f"seeds {seeds} only in {side}" for seeds, side in sides if seeds)


def _distinct(side: Seeds, column: str) -> set[str]:
    return {text(value_) for value_ in {row.get(column) for row in side.values()} if value_ is not None}


def _named(values: set[str]) -> str:
    """Distinct values as text; checksums by their first digits."""
    return " and ".join(sorted(name[:12] if len(name) == 64 else name for name in values)) or "unknown"
