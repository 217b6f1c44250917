"""The cells of an experiment or a suite as one: what each seed did on average over them.

Cells share seeds, hence initial weights and the order of the data, so that cells × seeds are no replicates. Values are
averaged over the cells per seed, with equal weights that no result decides, and seeds are what is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.analysis.pairing import Numbers, Pair, numbers
from bench.analysis.points import Point, listed
from bench.analysis.records import Row
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

    def values(self, metric: Metric) -> Numbers:
        """What both sides measured with each seed that has the metric in every cell; tables of shape (seeds, cells)."""
        cells = numbers(self.pairs, metric.name)
        complete = sorted(set.intersection(*(set(cell.seeds.tolist()) for cell in cells)))
        if not complete:
            return Numbers(np.empty(0, dtype=np.int64), np.empty((0, len(cells))), np.empty((0, len(cells))))
        # Most cells have the complete seeds and no others; to look for them takes longer than all else.
        chosen = [np.isin(cell.seeds, complete) if len(cell.seeds) > len(complete) else slice(None) for cell in cells]
        base = np.stack([cell.base[places] for cell, places in zip(cells, chosen, strict=True)], axis=1)
        head = np.stack([cell.head[places] for cell, places in zip(cells, chosen, strict=True)], axis=1)
        return Numbers(np.array(complete, dtype=np.int64), base, head)

    def left_out(self, seeds: Iterable[int]) -> str:
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
