"""What changed between two states of the code: cell by cell and on average, paired by seed, corrected over the cells.

Cells are joined by their place in the grid, not by their configuration: a default or a fixed setting that changed is
then a difference in results, and is named.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.change import Change, Kind
from bench.analysis.changed_settings import Setting, changed_settings
from bench.analysis.circumstances import notes
from bench.analysis.drafts import average_draft, barred, cell_drafts
from bench.analysis.gates import Gate, GateResult, gate_threshold, judge_gate
from bench.analysis.multiplicity import holm
from bench.analysis.pairing import REPEATED, TIMINGS, Pair
from bench.analysis.points import Point, Seeds, failures, points
from bench.analysis.pooled import experiments, suites
from bench.errors import NothingError, UsageError
from bench.metric import Metric


@dataclass(frozen=True)
class Comparison:
    """The comparison of two states.

    Attributes:
        changes: every metric in every common cell, then the cells that cannot be compared or are on one side only.
        averages: every metric on average over the cells of each suite, then of each experiment.
        settings: what was configured otherwise, by experiment.
        notes: what else to know: other machines, versions, uncommitted changes.
        gates: what each gate says of each cell, then of the average over them.
    """

    changes: tuple[Change, ...]
    averages: tuple[Change, ...]
    settings: tuple[Setting, ...]
    notes: tuple[str, ...]
    gates: tuple[GateResult, ...]

    @property
    def crossed(self) -> bool:
        """Whether a gate was crossed, or a strict one not shown to hold."""
        return any(result.fails for result in self.gates)

    @property
    def comparable(self) -> bool:
        """Whether any number was compared."""
        return any(change.difference is not None for change in self.changes)

    def counts(self) -> dict[Kind, int]:
        """How many changes of cells there are of each kind."""
        return dict(Counter(change.kind for change in self.changes))

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
    before, after = points(base), points(head)
    pairs = [Pair(point, before[point], after[point]) for point in sorted(before.keys() & after.keys())]
    if not pairs:
        raise NothingError(f"no cell is in both: base has {_summary(before)}; head has {_summary(after)}", hint="Run the same suite at both commits.")
    sound = [pair for pair in pairs if not pair.obstacle]
    closed = [barred(pair, pair.obstacle) for pair in pairs if pair.obstacle]
    gone = list(_one_sided(before, after))
    changes: list[Change] = []
    averages: list[Change] = []
    results: list[GateResult] = []
    for metric in known.values():
        wanted = [gate for gate in gates if gate.metric == metric.name]
        drafts = _drafts(sound, metric, wanted)
        found, _ = _classified(drafts, wanted)
        changes += found
        averages += [average for pooled in _averages(sound, found, metric, wanted)[:2] for average in pooled]
        for gate in wanted:
            results += _judged(gate, pairs, drafts, [*closed, *gone], metric)
    compared = {change.point for change in changes}
    closed += [barred(pair, "no run has a known metric") for pair in sound if pair.point not in compared]
    changes += [*closed, *gone]
    rows = [row for pair in pairs for row in pair.rows]
    return Comparison(tuple(changes), tuple(averages), changed_settings(rows), notes(rows), tuple(results))


def _judged(gate: Gate, pairs: Sequence[Pair], drafts: Sequence[Change], others: Sequence[Change], metric: Metric) -> list[GateResult]:
    """What a gate says of the cells that it selects, and of the average over those of each suite.

    What could not be compared is named; what is gone from head fails a strict gate.

    Raises:
        UsageError: if it selects nothing.
    """
    chosen = [pair for pair in pairs if not gate.cells or pair.matches(gate.selection)]
    if not chosen:
        raise UsageError(f"gate {gate}: no common cell is {gate.cells}", hint=f"There are {_some(pairs)}.")
    places = {pair.point for pair in chosen}
    found, tests = _classified([draft for draft in drafts if draft.point in places], [gate])
    unknown = [other for other in others if other.point in places or (gate.strict and other.kind == "only in base" and not gate.cells)]
    whole, _, wholes = _averages(chosen, found, metric, [gate])
    return [*judge_gate(gate, [*found, *unknown], tests), *(judge_gate(gate, whole, wholes) if whole else ())]


def _drafts(pairs: Sequence[Pair], metric: Metric, gates: Sequence[Gate]) -> list[Change]:
    """A metric in each cell; without timings that were not taken anew, unless a gate asks for them."""
    return [draft for draft in cell_drafts(pairs, metric) if gates or draft.reason != REPEATED]


def _classified(drafts: Sequence[Change], gates: Sequence[Gate]) -> tuple[list[Change], int]:
    """Drafts with their kinds, and over how many tests their p values are corrected."""
    p_values = {index: p for index, draft in enumerate(drafts) if draft.difference and not draft.untouched and (p := draft.difference.p) is not None}
    adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    margins = [float(np.fmin.reduce([gate_threshold(gate, draft) for gate in gates])) if gates else math.nan for draft in drafts]
    return [draft.classified(adjusted.get(index), margins[index]) for index, draft in enumerate(drafts)], len(p_values)


def _averages(pairs: Sequence[Pair], found: Sequence[Change], metric: Metric, gates: Sequence[Gate]) -> tuple[list[Change], list[Change], int]:
    """A metric on average over the cells of each suite, and of each experiment; and over how many tests p of the suites is corrected."""
    places = {change.point for change in found if change.difference and not change.untouched and metric.name not in TIMINGS}
    touched = [pair for pair in pairs if pair.point in places]
    whole, tests = _classified([average_draft(pool, metric) for pool in suites(touched)], gates)
    parts, _ = _classified([average_draft(pool, metric) for pool in experiments(touched)], gates)
    return whole, parts, tests


def _one_sided(base: Mapping[Point, Seeds], head: Mapping[Point, Seeds]) -> Iterator[Change]:
    for point in sorted(base.keys() - head.keys()):
        yield Change(point, None, "only in base", base_failed=failures(base[point].values()))
    for point in sorted(head.keys() - base.keys()):
        yield Change(point, None, "only in head", head_failed=failures(head[point].values()))


def _some(pairs: Sequence[Pair]) -> str:
    """The first cells, as an example."""
    names = [f"{pair.point.experiment} with {pair.point.cell}" if pair.point.cell else pair.point.experiment for pair in pairs]
    return "; ".join(names[:5]) + ("; …" if len(names) > 5 else "")


def _summary(side: Mapping[Point, Seeds]) -> str:
    """Which experiments a side holds."""
    names = sorted({" / ".join(filter(None, (point.suite, point.profile, point.variant, point.experiment))) for point in side})
    return "no rows" if not names else ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
