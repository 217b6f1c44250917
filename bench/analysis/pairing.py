"""The two sides of one cell, paired by seed: whether they can be compared, and their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.analysis.points import Point, Seeds, failures, listed, settings, value
from bench.analysis.records import Record, column
from bench.analysis.statistics import Values
from bench.metric import Metric
from bench.selection import Selection, text

TIMINGS: Mapping[str, Metric] = {
    "samples_per_second": Metric("samples_per_second", "1/s", "higher", "log", "training samples per second, evaluations excluded"),
}

REPEATED = "rows that repeat an earlier run were not timed anew"
SHARED = "other processes used the GPU meanwhile"


class Numbers(NamedTuple):
    """What both sides measured in a cell, in the order of the seeds; each of shape (seeds,)."""

    seeds: NDArray[np.int64]
    base: Values
    head: Values


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
    def known(self) -> dict[str, Numbers]:
        """Metric -> what `numbers` found of it."""
        return {}

    @cached_property
    def sound(self) -> tuple[list[Record], list[Record]]:
        """The rows of base, and of head, of the common seeds that are ok on both sides."""
        both = [(base, head) for base, head in self.rows if base["status"] == head["status"] == "ok"]
        return [base for base, _ in both], [head for _, head in both]

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
        for name, meaning in (("suite_version", "version of the suite"), ("data_checksum", "data")):
            one, other = _distinct(self.base, name), _distinct(self.head, name)
            if one and other and one != other:
                return f"other {meaning}: {_named(one)} -> {_named(other)}"
        if not self.rows:
            return f"disjoint seeds: {listed(self.base)} -> {listed(self.head)}"
        return ""

    @cached_property
    def timing_obstacle(self) -> str:
        """Why timings of the cell cannot be compared, or an empty text."""
        for name in ("hardware", "device", "threads"):
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

    def per_pack(self, numbers: Numbers) -> tuple[Values, Values]:
        """Timings of base and of head, one for each pair of packs.

        Members of a pack are timed together, so that a pack is one measurement however many seeds it holds.
        """
        packs: dict[tuple[str, str], list[tuple[float, float]]] = {}
        for seed, *both in zip(*(values.tolist() for values in numbers), strict=True):
            packs.setdefault((text(self.base[seed].get("pack")), text(self.head[seed].get("pack"))), []).append((both[0], both[1]))
        table = np.array([np.mean(packs[names], axis=0) for names in sorted(packs)], dtype=np.float64).reshape(-1, 2)
        return table[:, 0], table[:, 1]

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


def numbers(pairs: Sequence[Pair], metric: str) -> list[Numbers]:
    """What base and head measured in each of several cells, with each seed that is ok and measured on both sides.

    Args:
        pairs: the cells.
        metric: the metric's name.
    """
    unknown = [pair for pair in pairs if metric not in pair.known]
    for pair, found in zip(unknown, _numbers(unknown, metric), strict=True):
        pair.known[metric] = found
    return [pair.known[metric] for pair in pairs]


def _numbers(pairs: Sequence[Pair], metric: str) -> list[Numbers]:
    """The numbers of several cells, taken together."""
    sides = [list(chain.from_iterable(pair.sound[side] for pair in pairs)) for side in (0, 1)]
    base, head = (np.array(column(rows, metric), dtype=np.float64) for rows in sides)
    known = ~(np.isnan(base) | np.isnan(head))
    seeds = np.array(column(sides[0], "seed"), dtype=np.int64)
    counts = np.concatenate([[0], np.cumsum(known)])
    ends = counts[np.cumsum([0, *(len(pair.sound[0]) for pair in pairs)])].tolist()
    seeds, base, head = seeds[known], base[known], head[known]
    return [Numbers(seeds[start:end], base[start:end], head[start:end]) for start, end in pairwise(ends)]


def _distinct(side: Seeds, name: str) -> set[str]:
    return {text(value_) for value_ in set(column(list(side.values()), name)) if value_ is not None}


def _named(values: set[str]) -> str:
    """Distinct values as text; checksums by their first digits."""
    return " and ".join(sorted(name[:12] if len(name) == 64 else name for name in values)) or "unknown"
