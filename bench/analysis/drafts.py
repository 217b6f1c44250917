"""One metric in one cell, or on average over several, base against head: its numbers, before p values are corrected."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from bench.analysis.change import Change
from bench.analysis.pairing import TIMINGS, Pair
from bench.analysis.points import resolution
from bench.analysis.pooled import Pool
from bench.analysis.shares import mcnemar
from bench.analysis.signs import sign_flip, wilcoxon
from bench.analysis.statistics import Difference, Values, differences, paired_each
from bench.metric import Metric


@dataclass(frozen=True)
class _Measured:
    """What was measured for a change that is not worked out yet.

    Attributes:
        blank: the change without its numbers.
        base: base's values, shape (seeds,) or (seeds, cells); none where nothing can be compared.
        head: head's.
        resolution: the smallest step of the values.
        remark: what to know of the pairs.
    """

    blank: Change
    base: Values = field(default_factory=lambda: np.empty(0))
    head: Values = field(default_factory=lambda: np.empty(0))
    resolution: float = 0.0
    remark: str = ""


def cell_drafts(pairs: Sequence[Pair], metric: Metric) -> list[Change]:
    """A metric in each of several cells.

    Args:
        pairs: the cells in base and in head.
        metric: the metric.

    Returns:
        For each cell of which a side has the metric, in their order, a change whose kind is not decided yet, or that
        cannot be compared.
    """
    found = [(pair, measured) for pair in pairs if any(measured := pair.measured(metric.name))]
    drafts = _estimated([_measured(pair, metric, measured) for pair, measured in found], metric)
    return [replace(draft, untouched=True) if _is_untouched(draft, pair) else draft for draft, (pair, _) in zip(drafts, found, strict=True)]


def average_draft(pool: Pool, metric: Metric) -> Change:
    """A metric on average over cells, taken per seed over the seeds that are complete in all of them.

    Args:
        pool: the cells.
        metric: the metric.

    Returns:
        A change whose kind is not decided yet, or that cannot be compared. From six seeds on its remarks have tests that
        assume symmetry alone.
    """
    blank = Change(pool.point, metric, "incomparable", f"no seed is complete in all {len(pool.pairs)} cells", cells=len(pool.pairs))
    seeds = pool.complete(metric)
    if not seeds:
        return blank
    base, head = pool.values(metric, seeds)
    measured = _Measured(blank, base, head, resolution(metric, pool.rows()), pool.left_out(seeds))
    draft = _estimated([measured], metric)[0]
    return replace(draft, reason="; ".join(filter(None, (draft.reason, _secondary(draft, base, head)))))


def barred(pair: Pair, reason: str) -> Change:
    """A common cell of which no number can be compared.

    Args:
        pair: the cell in base and in head.
        reason: why.
    """
    return Change(pair.point, None, "incomparable", reason, base_failed=pair.failed[0], head_failed=pair.failed[1], failed_p=_failed_p(pair))


def _measured(pair: Pair, metric: Metric, measured: tuple[bool, bool]) -> _Measured:
    """What a cell has of a metric, of which the sides named have values."""
    blank = Change(pair.point, metric, "incomparable", "", base_failed=pair.failed[0], head_failed=pair.failed[1], failed_p=_failed_p(pair))
    obstacle = pair.timing_obstacle if metric.name in TIMINGS else ""
    base, head = pair.values(metric)
    if obstacle or not len(base):
        return _Measured(replace(blank, reason=obstacle or _missing(measured, pair.failed)))
    return _Measured(blank, base, head, resolution(metric, (row for rows in pair.rows for row in rows)), pair.unpaired)


def _is_untouched(draft: Change, pair: Pair) -> bool:
    return draft.difference is not None and draft.difference.identical and pair.unchanged


def _estimated(drafts: Sequence[_Measured], metric: Metric) -> list[Change]:
    """Changes with their numbers, where something was measured."""
    known = [draft for draft in drafts if len(draft.base)]
    found = iter(paired_each([draft.base for draft in known], [draft.head for draft in known], metric.scale, [draft.resolution for draft in known]))
    return [_with_numbers(draft, metric, next(found)) if len(draft.base) else draft.blank for draft in drafts]


def _with_numbers(draft: _Measured, metric: Metric, difference: Difference) -> Change:
    raw = "difference taken raw: not all values are positive" if difference.scale != metric.scale else ""
    base, sd = _moments(draft.base)
    head, _ = _moments(draft.head)
    reason = "; ".join(filter(None, (draft.remark, raw)))
    return replace(draft.blank, kind="inconclusive", reason=reason, base=base, head=head, base_sd=sd, difference=difference)


def _moments(values: Values) -> tuple[float, float]:
    """The mean over seeds and its standard deviation; without NumPy, whose calls take longer than such short sums."""
    seeds = (values if values.ndim == 1 else values.mean(axis=1)).tolist()
    mean = math.fsum(seeds) / len(seeds)
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in seeds) / (len(seeds) - 1)) if len(seeds) > 1 else math.nan


def _secondary(draft: Change, base: Values, head: Values) -> str:
    """Tests that assume symmetry alone, where there are seeds enough for them to say something."""
    if draft.difference is None or draft.difference.identical:
        return ""
    each = differences(base, head, draft.difference.scale)
    flipped, ranked = sign_flip(each), wilcoxon(each)
    return "" if flipped is None or ranked is None else f"sign flips p = {flipped[0]:.2g}, Wilcoxon p = {ranked:.2g}"


def _failed_p(pair: Pair) -> float | None:
    return mcnemar(*pair.failed_once()) if any(pair.failed) else None


def _missing(measured: tuple[bool, bool], failed: tuple[str, str]) -> str:
    """Why no seed has the metric on both sides."""
    for side, has, failures_ in zip(("base", "head"), measured, failed, strict=True):
        if not has:
            return f"not measured in {side}{f': {failures_}' if failures_ else ''}"
    return "no seed has it on both sides"
