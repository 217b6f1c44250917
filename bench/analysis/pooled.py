"""The cells of an experiment or a suite as one: what each seed did on average over them.

Cells share seeds, hence initial weights and the order of the data, so that cells × seeds are no replicates. Values are
averaged over the cells per seed, with equal weights that no result decides, and seeds are what is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.analysis.pairing import Pair
from bench.analysis.points import Point, listed
from bench.analysis.records import Row
from bench.analysis.statistics import Values
from bench.metric import Metric


@dataclass(frozen=True)
class Pool:
    """Cells that are averaged per seed.

    Attributes:
        point: their experiment, or their suite, without values on axes.
        pairs: two cells or more, each in base and in head.
    """

    point: Point
    pairs: tuple[Pair, ...]

    def rows(self) -> list[Row]:
        """The rows of the common seeds of all cells, of both sides."""
        return [row for pair in self.pairs for both in pair.rows for row in both]

    def complete(self, metric: Metric) -> list[int]:
        """The seeds that have the metric in every cell, on both sides."""
        return sorted(set.intersection(*(set(pair.numbers(metric.name)) for pair in self.pairs)))

    def values(self, metric: Metric, seeds: Sequence[int]) -> tuple[Values, Values]:
        """What base and head measured: two tables of shape (seeds, cells).

        Args:
            metric: the metric.
            seeds: complete seeds.
        """
        cells = [pair.numbers(metric.name) for pair in self.pairs]
        table = np.array([[cell[seed] for cell in cells] for seed in seeds], dtype=np.float64)
        return table[:, :, 0], table[:, :, 1]

    def left_out(self, seeds: Sequence[int]) -> str:
        """A remark on the common seeds that are not among the complete ones, or an empty text."""
        common = {seed for pair in self.pairs for seed in pair.base.keys() & pair.head.keys()}
        missing = listed(common - set(seeds))
        return f"left out, not in every cell: seeds {missing}" if missing else ""


def suites(pairs: Sequence[Pair]) -> list[Pool]:
    """The cells of each suite, profile and variant that has two or more."""
    return _pools(pairs, lambda point: (point.suite, point.profile, point.variant, ""))


def experiments(pairs: Sequence[Pair]) -> list[Pool]:
    """The cells of each experiment that has two or more, unless they are all that its suite has."""
    sizes = {pool.point: len(pool.pairs) for pool in suites(pairs)}
    found = _pools(pairs, lambda point: (point.suite, point.profile, point.variant, point.experiment))
    return [pool for pool in found if len(pool.pairs) < sizes[replace(pool.point, experiment="")]]


def _pools(pairs: Sequence[Pair], place: Callable[[Point], tuple[str, str, str, str]]) -> list[Pool]:
    found: dict[tuple[str, str, str, str], list[Pair]] = {}
    for pair in pairs:
        found.setdefault(place(pair.point), []).append(pair)
    return [Pool(Point(*names, ()), tuple(members)) for names, members in sorted(found.items()) if len(members) > 1]
