"""What changed between two states of the code: cell by cell and on average, paired by seed, corrected over the cells.

Cells are joined by their place in the grid, not by their configuration: a default or a fixed setting that changed is
then a difference in results, and is named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.change import Change, Kind
from bench.analysis.changed_settings import Setting, changed_settings
from bench.analysis.circumstances import notes
from bench.analysis.classes import Changes, classified
from bench.analysis.drafts import Drafts, average_draft, barred
from bench.analysis.gates import Gate, GateResult, judge_gate
from bench.analysis.measured import Cells
from bench.analysis.pairing import REPEATED, TIMINGS, Sides
from bench.analysis.placed import Placed
from bench.analysis.points import Point, Seeds, failures
from bench.analysis.pooled import experiments, suites
from bench.errors import NothingError, UsageError
from bench.metric import Metric


@dataclass(frozen=True)
class Comparison:
    """The comparison of two states.

    Attributes:
        metrics: every metric in every common cell.
        closed: the cells that cannot be compared, then those on one side only.
        averages: every metric on average over the cells of each suite, then of each experiment.
        settings: what was configured otherwise, by experiment.
        notes: what else to know: other machines, versions, uncommitted changes.
        gates: what each gate says of each cell, then of the average over them.
    """

    metrics: tuple[Changes, ...]
    closed: tuple[Change, ...]
    averages: tuple[Change, ...]
    settings: tuple[Setting, ...]
    notes: tuple[str, ...]
    gates: tuple[GateResult, ...]

    @property
    def changes(self) -> tuple[Change, ...]:
        """Everything said of cells."""
        return (*chain.from_iterable(self.metrics), *self.closed)

    @property
    def crossed(self) -> bool:
        """Whether a gate was crossed, or a strict one not shown to hold."""
        return any(result.fails for result in self.gates)

    @property
    def comparable(self) -> bool:
        """Whether any number was compared."""
        return any((changes.chosen & changes.drafts.compared).any() for changes in self.metrics)

    @property
    def places(self) -> set[tuple[str, str, str]]:
        """Suite, profile and variant of what is compared."""
        points = chain((change.point for change in self.closed), *(changes.points for changes in self.metrics))
        return {(point.suite, point.profile, point.variant) for point in points}

    def of(self, kinds: Collection[Kind]) -> list[Change]:
        """What is said of cells of some kinds."""
        return [*chain.from_iterable(changes.of(kinds) for changes in self.metrics), *(change for change in self.closed if change.kind in kinds)]

    def counts(self) -> dict[Kind, int]:
        """How many changes of cells there are of each kind."""
        return dict(Counter(chain((change.kind for change in self.closed), *(changes.kinds for changes in self.metrics))))

    def rows(self) -> list[dict[str, Any]]:
        """The changes and averages in a flat form."""
        return [change.row() for change in (*self.changes, *self.averages)]


def compare(base: pd.DataFrame, head: pd.DataFrame, metrics: Mapping[str, Metric], gates: Sequence[Gate] = ()) -> Comparison:
    """Compare two states.

    Cells are joined on suite, profile, variant, experiment and axis values, runs on the seed. Per cell and metric: the
    mean difference over the common seeds that are ok on both sides, its 95% interval and paired t test, Holm's
    correction over the cells of the metric. Failed runs are counted, never averaged in. A cell whose configuration and
    code are the same on both sides, and whose numbers are too, tests nothing and is not counted in the correction.

    Per metric and suite, and per experiment of several: the same of the average over the other cells, taken per seed over
    the seeds that are complete in all of them; corrected over the suites, or the experiments. It finds what moves many
    cells a little, which the correction over the cells hides. Timings belong to packs rather than to seeds, and have none.

    Args:
        base: rows of `runs` of one state.
        head: rows of the other.
        metrics: metric -> its description; timings are added.
        gates: how much worse metrics may become.

    Returns:
        The comparison.

    Raises:
        UsageError: if a gate is not possible, or a side holds rows of several states.
        NothingError: if no cell is on both sides.
    """
    known = {**metrics, **TIMINGS}
    for gate in gates:
        gate.check(known)
    sides = Sides(Placed(base), Placed(head))
    if not sides.common:
        raise NothingError(f"no cell is in both: base has {_summary(sides.base)}; head has {_summary(sides.head)}", hint="Run the same suite at both commits.")
    joined = Cells(sides, sides.common)
    cells = joined.comparable
    closed = [barred(pair, pair.obstacle) for pair in map(sides.pair, sorted(set(sides.common).difference(cells.points)))]
    gone = list(_one_sided(sides.base, sides.head))
    # Timings that repeat those of an earlier run are of interest to a gate alone.
    anew = np.array([obstacle != REPEATED for obstacle in cells.timing_obstacles], dtype=bool)
    found: list[Changes] = []
    averages: list[Change] = []
    results: list[GateResult] = []
    for metric in known.values():
        wanted = [gate for gate in gates if gate.metric == metric.name]
        drafts = Drafts(cells, metric)
        found.append(Changes(drafts, drafts.listed & anew if metric.name in TIMINGS and not wanted else drafts.listed, wanted))
        averages += [average for pooled in _averages(found[-1], wanted)[:2] for average in pooled]
        for gate in wanted:
            results += _judged(gate, sides, drafts, [*closed, *gone])
    unknown = ~np.logical_or.reduce([changes.chosen for changes in found])
    closed += [barred(cells.pair(cell), "no run has a known metric") for cell in np.flatnonzero(unknown).tolist()]
    return Comparison(tuple(found), (*closed, *gone), tuple(averages), changed_settings(joined.differing("cell_id")), notes(joined), tuple(results))


def _judged(gate: Gate, sides: Sides, drafts: Drafts, others: Sequence[Change]) -> list[GateResult]:
    """What a gate says of each cell that it selects, and of the average over those of each suite.

    What could not be compared is named; what is gone from head fails a strict gate.

    Raises:
        UsageError: if it selects nothing.
    """
    places = {point for point in sides.common if not gate.cells or sides.pair(point).matches(gate.selection)}
    if not places:
        raise UsageError(f"gate {gate}: no common cell is {gate.cells}", hint=f"There are {_some(sides.common)}.")
    chosen = np.array([point in places for point in drafts.cells.points], dtype=bool)
    changes = Changes(drafts, drafts.listed & chosen, [gate])
    unknown = [other for other in others if other.point in places or (gate.strict and other.kind == "only in base" and not gate.cells)]
    whole, _, wholes = _averages(changes, [gate])
    return [*judge_gate(gate, [*changes, *unknown], changes.tests), *(judge_gate(gate, whole, wholes) if whole else ())]


def _averages(changes: Changes, gates: Sequence[Gate]) -> tuple[list[Change], list[Change], int]:
    """A metric on average over the cells of each suite, and of each experiment; and over how many tests p of the suites is corrected."""
    drafts = changes.drafts
    if drafts.metric.name in TIMINGS:
        return [], [], 0
    pools = (suites(drafts.cells, changes.touched), experiments(drafts.cells, changes.touched))
    (whole, tests), (parts, _) = (classified([average_draft(pool, drafts) for pool in each], gates) for each in pools)
    return whole, parts, tests


def _one_sided(base: Mapping[Point, Seeds], head: Mapping[Point, Seeds]) -> Iterator[Change]:
    for point in sorted(base.keys() - head.keys()):
        yield Change(point, None, "only in base", base_failed=failures(base[point].values()))
    for point in sorted(head.keys() - base.keys()):
        yield Change(point, None, "only in head", head_failed=failures(head[point].values()))


def _some(points: Sequence[Point]) -> str:
    """The first cells, as an example."""
    names = [f"{point.experiment} with {point.cell}" if point.cell else point.experiment for point in points]
    return "; ".join(names[:5]) + ("; …" if len(names) > 5 else "")


def _summary(side: Mapping[Point, Seeds]) -> str:
    """Which experiments a side holds."""
    names = sorted({" / ".join(filter(None, (point.suite, point.profile, point.variant, point.experiment))) for point in side})
    return "no rows" if not names else ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
