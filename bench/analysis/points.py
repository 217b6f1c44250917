"""Points of grids, and what the rows at one say of a metric."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from bench.analysis.records import Record, Row
from bench.metric import Metric

Seeds = Mapping[int, Record]


class Point(NamedTuple):
    """A place in a grid, whatever is configured there: suite, profile, variant, experiment and values on the axes."""

    suite: str
    profile: str
    variant: str
    experiment: str
    axes: tuple[tuple[str, str], ...]

    @property
    def cell(self) -> str:
        """The values on the axes, as ``dropout=0.1, model=fnn``; a grid of one cell has no axes."""
        return ", ".join(f"{axis}={value}" for axis, value in self.axes)

    def __str__(self) -> str:
        names = (self.suite, self.profile, self.variant, self.experiment)
        return " / ".join(name for name in (*names, self.cell) if name)


def settings(row: Row) -> dict[str, Any]:
    """The row's settings as selections see them: the columns ``hp.*`` that hold a value, without ``hp.``."""
    return {key: given for name, key in _settings(tuple(row)) if (given := row[name]) is not None}


@lru_cache(maxsize=16)
def _settings(columns: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The columns that are settings, and what selections call them."""
    return tuple((name, name.removeprefix("hp.")) for name in columns if name.startswith("hp."))


def value(row: Row, metric: str) -> float | None:
    """What an `ok` run measured; None for a run that failed or was not measured."""
    return row.get(metric) if row["status"] == "ok" else None


def complete_seeds(cells: Iterable[Seeds], metric: str) -> list[int]:
    """The seeds whose runs are ok and measured in every one of several cells, ascending."""
    return sorted(set.intersection(*({seed for seed, row in seeds.items() if value(row, metric) is not None} for seeds in cells)))


def resolution(metric: Metric, rows: Iterable[Row]) -> float:
    """The smallest step of a share of samples, 1 over the size of the split that is counted; 0 for other metrics."""
    if not metric.counted_over:
        return 0.0
    sizes = [row[f"{metric.counted_over}_size"] for row in rows]
    return max((1 / size for size in sizes if size), default=0.0)


def failures(rows: Iterable[Row]) -> str:
    """How many runs did not come to a good end, as ``1 crashed, 2 diverged``."""
    counts = Counter(row["status"] for row in rows if row["status"] != "ok")
    return ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in sorted(counts.items()))


def listed(seeds: Iterable[int]) -> str:
    """Seeds as a reader counts them: ``0–4, 7``."""
    ranges: list[list[int]] = []
    for seed in sorted(seeds):
        if ranges and seed == ranges[-1][1] + 1:
            ranges[-1][1] = seed
        else:
            ranges.append([seed, seed])
    return ", ".join(str(low) if low == high else f"{low}–{high}" for low, high in ranges)
