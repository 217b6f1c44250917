"""The cells of an experiment or a suite as one: what each seed did on average over them.

Cells share seeds, hence initial weights and the order of the data, so that cells × seeds are no replicates. Values are
averaged over the cells per seed, with equal weights that no result decides, and seeds are what is counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from bench.analysis.measured import Cells, Numbers
from bench.analysis.points import Point, listed
from bench.analysis.statistics import Counts, Truths, Values


class Complete(NamedTuple):
    """What both sides measured with the seeds that have a metric in every cell: seeds of shape (seeds,), tables of shape (seeds, cells)."""

    seeds: Counts
    base: Values
    head: Values


@dataclass(frozen=True, eq=False)
class Pool:
    """Cells that are averaged per seed.

    Attributes:
        point: their experiment, or their suite, without values on axes.
        cells: those that can be compared.
        members: which of them these are, two or more; shape (cells,).
    """

    point: Point
    cells: Cells
    members: Truths

    @cached_property
    def size(self) -> int:
        """How many cells are averaged."""
        return int(self.members.sum())

    def complete(self, numbers: Numbers) -> Complete:
        """The numbers of each seed that has one in every cell.

        Args:
            numbers: those of a metric in all cells, of these one or more in each.
        """
        mine = numbers.of(self.members)
        seeds, counts = np.unique(mine.seed, return_counts=True)
        complete = seeds[counts == self.size]
        kept = np.isin(mine.seed, complete)
        base, head = (values[kept].reshape(self.size, -1).T for values in (mine.base, mine.head))
        return Complete(complete, base, head)

    def left_out(self, complete: Complete) -> str:
        """A remark on the common seeds that are not among the complete ones, or an empty text."""
        missing = listed(set(self.cells.seed[self.members[self.cells.cell]].tolist()) - set(complete.seeds.tolist()))
        return f"left out, not in every cell: seeds {missing}" if missing else ""


def suites(cells: Cells, members: Truths) -> list[Pool]:
    """Of some cells those of each suite, profile and variant that has two or more.

    Args:
        cells: those that can be compared.
        members: which of them are meant; shape (cells,).
    """
    return _pools(cells, members, cells.suites)


def experiments(cells: Cells, members: Truths) -> list[Pool]:
    """Of some cells those of each experiment that has two or more, unless they are all that its suite has.

    Args:
        cells: those that can be compared.
        members: which of them are meant; shape (cells,).
    """
    sizes = {pool.point: pool.size for pool in suites(cells, members)}
    return [pool for pool in _pools(cells, members, cells.experiments) if pool.size < sizes[pool.point._replace(experiment="")]]


def _pools(cells: Cells, members: Truths, groups: Mapping[Point, Truths]) -> list[Pool]:
    pools = (Pool(point, cells, group & members) for point, group in groups.items())
    return [pool for pool in pools if pool.size > 1]
