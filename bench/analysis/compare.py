"""What changed between two states of the code: cell by cell, paired by seed, corrected over the cells.

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
from bench.analysis.gates import Gate, GateResult, gate_threshold, judge_gate
from bench.analysis.pairing import REPEATED, TIMINGS, Pair
from bench.analysis.points import Point, Seeds, failures, points, resolution
from bench.analysis.statistics import holm, paired
from bench.errors import NothingError
from bench.metric import Metric


@dataclass(frozen=True)
class Comparison:
    """The comparison of two states.

    Attributes:
        changes: every metric in every common cell, then the cells that cannot be compared or are on one side only.
        settings: what was configured otherwise, by experiment.
        notes: what else to know: other machines, versions, uncommitted changes.
        gates: what each gate says of each cell.
    """

    changes: tuple[Change, ...]
    settings: tuple[Setting, ...]
    notes: tuple[str, ...]
    gates: tuple[GateResult, ...]

    @property
    def crossed(self) -> bool:
        """Whether a gate was crossed."""
        return any(result.outcome == "crossed" for result in self.gates)

    @property
    def comparable(self) -> bool:
        """Whether any number was compared."""
        return any(change.difference is not None for change in self.changes)

    def counts(self) -> dict[Kind, int]:
        """How many changes there are of each kind."""
        return dict(Counter(change.kind for change in self.changes))

    def rows(self) -> list[dict[str, Any]]:
        """The changes in a flat form."""
        return [change.row() for change in self.changes]


def compare(base: pd.DataFrame, head: pd.DataFrame, metrics: Mapping[str, Metric], gates: Sequence[Gate] = ()) -> Comparison:
    """Compare two states.

    Cells are joined on suite, profile, variant, experiment and axis values, runs on the seed. Per cell and metric: the
    mean difference over the common seeds that are ok on both sides, its 95% interval and paired t test, Holm's
    correction over the cells of the metric. Failed runs are counted, never averaged in. A cell whose configuration and
    code are the same on both sides, and whose numbers are too, tests nothing and is not counted in the correction.

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
    sound = [pair for pair in pairs if not pair.obstacle()]
    barred = [_barred(pair, pair.obstacle()) for pair in pairs if pair.obstacle()]
    changes: list[Change] = []
    results: list[GateResult] = []
    for metric in known.values():
        wanted = [gate for gate in gates if gate.metric == metric.name]
        found, tests = _changes(sound, metric, wanted)
        changes += found
        results += [result for gate in wanted for result in judge_gate(gate, [*found, *barred], tests)]
    compared = {change.point for change in changes}
    barred += [_barred(pair, "no run has a known metric") for pair in sound if pair.point not in compared]
    changes += [*barred, *_one_sided(before, after)]
    rows = [row for pair in pairs for row in pair.rows()]
    return Comparison(tuple(changes), changed_settings(rows), notes(rows), tuple(results))


def _changes(pairs: Sequence[Pair], metric: Metric, gates: Sequence[Gate]) -> tuple[list[Change], int]:
    """One metric in each cell, and over how many tests its p values are corrected."""
    drafts = [(pair, draft) for pair in pairs if (draft := _draft(pair, metric)) is not None and (gates or draft.reason != REPEATED)]
    p_values = {index: draft.difference.p for index, (pair, draft) in enumerate(drafts) if draft.difference and _is_test(pair, draft)}
    adjusted = dict(zip(p_values, holm([p for p in p_values.values() if p is not None]), strict=True))
    margins = [np.fmin.reduce([gate_threshold(gate, draft) for gate in gates] or [math.nan]) for _, draft in drafts]
    return [draft.classified(adjusted.get(index), float(margins[index])) for index, (_, draft) in enumerate(drafts)], len(p_values)


def _is_test(pair: Pair, draft: Change) -> bool:
    """Whether a change could have been found: there is a p value, and not nothing that was changed and nothing that came of it."""
    difference = draft.difference
    return difference is not None and difference.p is not None and not (pair.unchanged and difference.identical)


def _draft(pair: Pair, metric: Metric) -> Change | None:
    """A metric in a cell before the correction; None if neither side has it."""
    measured = pair.measured(metric.name)
    if not any(measured):
        return None
    failed = failures(pair.base.values()), failures(pair.head.values())
    base, head = pair.values(metric)
    obstacle = pair.timing_obstacle() if metric.name in TIMINGS else ""
    if obstacle or not len(base):
        return Change(pair.point, metric, "incomparable", obstacle or _missing(measured, failed), base_failed=failed[0], head_failed=failed[1])
    difference = paired(base, head, metric.scale, resolution(metric, [row for rows in pair.rows() for row in rows]))
    remark = "difference taken raw: not all values are positive" if difference.scale != metric.scale else ""
    reason = "; ".join(filter(None, (pair.unpaired(), remark)))
    sd = float(base.std(ddof=1)) if len(base) > 1 else math.nan
    return Change(pair.point, metric, "inconclusive", reason, float(base.mean()), float(head.mean()), sd, difference, None, *failed)


def _missing(measured: tuple[bool, bool], failed: tuple[str, str]) -> str:
    """Why no seed has the metric on both sides."""
    for side, has, failures_ in zip(("base", "head"), measured, failed, strict=True):
        if not has:
            return f"not measured in {side}{f': {failures_}' if failures_ else ''}"
    return "no seed has it on both sides"


def _barred(pair: Pair, reason: str) -> Change:
    """A common cell of which no number can be compared."""
    return Change(pair.point, None, "incomparable", reason, base_failed=failures(pair.base.values()), head_failed=failures(pair.head.values()))


def _one_sided(base: Mapping[Point, Seeds], head: Mapping[Point, Seeds]) -> Iterator[Change]:
    for point in sorted(base.keys() - head.keys()):
        yield Change(point, None, "only in base", base_failed=failures(base[point].values()))
    for point in sorted(head.keys() - base.keys()):
        yield Change(point, None, "only in head", head_failed=failures(head[point].values()))


def _summary(side: Mapping[Point, Seeds]) -> str:
    """Which experiments a side holds."""
    names = sorted({" / ".join(filter(None, (point.suite, point.profile, point.variant, point.experiment))) for point in side})
    return "no rows" if not names else ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
