"""Classes of changes, better or worse: p values are corrected over the cells of a metric, or over averages of a kind."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property

import numpy as np

from bench.analysis.change import Change, Kind, kind_of
from bench.analysis.drafts import Drafts
from bench.analysis.gates import Gate, gate_threshold
from bench.analysis.multiplicity import holm
from bench.analysis.points import Point
from bench.analysis.statistics import Truths, Values


class Changes:
    """A metric in several cells, corrected over them; a change is made when it is asked for.

    Args:
        drafts: the metric in these cells and others.
        chosen: which cells are meant, shape (cells,).
        gates: the amounts within which a difference counts as none.

    Attributes:
        drafts: as above.
        chosen: the same.
        tests: over how many p values these are corrected.
    """

    def __init__(self, drafts: Drafts, chosen: Truths, gates: Sequence[Gate] = ()) -> None:
        self.drafts, self.chosen = drafts, chosen
        self._cells, self._gates = np.flatnonzero(chosen), gates
        self._adjusted, self.tests = _adjusted(drafts.p[self._cells])

    def __len__(self) -> int:
        return len(self._cells)

    def __iter__(self) -> Iterator[Change]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Change:
        draft = self.drafts[int(self._cells[index])]
        return draft.classified(self._adjusted[index].item(), _margin(self._gates, draft))

    @property
    def touched(self) -> Truths:
        """Of each cell of the drafts whether it is one of these, is compared, and something was changed in it."""
        return self.chosen & self.drafts.compared & ~self.drafts.untouched

    @property
    def points(self) -> Iterator[Point]:
        """The cells."""
        return (self.drafts.cells.points[cell] for cell in self._cells.tolist())

    @cached_property
    def kinds(self) -> list[Kind]:
        """The kind of each."""
        if self._gates:
            return [change.kind for change in self]
        drafts, metric = self.drafts, self.drafts.metric
        columns = (drafts.compared, drafts.means, drafts.identical)
        every = zip(*(values[self._cells].tolist() for values in columns), self._adjusted.tolist(), strict=True)
        return [kind_of(metric, mean, identical, adjusted) if compared else "incomparable" for compared, mean, identical, adjusted in every]

    def of(self, kinds: Collection[Kind]) -> Iterator[Change]:
        """Those of some kinds."""
        return (self[index] for index, kind in enumerate(self.kinds) if kind in kinds)


def classified(drafts: Sequence[Change], gates: Sequence[Gate] = ()) -> tuple[list[Change], int]:
    """Changes with their kinds, corrected over all of them.

    Args:
        drafts: changes whose kind is not decided yet.
        gates: the amounts within which a difference counts as none.

    Returns:
        The changes, and over how many p values these are corrected.
    """
    p = [draft.difference.p if draft.difference else None for draft in drafts]
    adjusted, tests = _adjusted(np.array(p, dtype=np.float64))
    return [draft.classified(each, _margin(gates, draft)) for draft, each in zip(drafts, adjusted.tolist(), strict=True)], tests


def _adjusted(p_values: Values) -> tuple[Values, int]:
    """Holm's correction of those that are no NaN, and how many they are."""
    known = ~np.isnan(p_values)
    adjusted = np.full(len(p_values), math.nan)
    adjusted[known] = holm(p_values[known].tolist())
    return adjusted, int(known.sum())


def _margin(gates: Sequence[Gate], draft: Change) -> float:
    return float(np.fmin.reduce([gate_threshold(gate, draft) for gate in gates])) if gates else math.nan
