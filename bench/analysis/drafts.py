"""One metric in one cell, or on average over several, base against head: its numbers, before p values are corrected."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from bench.analysis.change import Change
from bench.analysis.pairing import TIMINGS, Pair
from bench.analysis.points import Row, failures, resolution
from bench.analysis.pooled import Pool
from bench.analysis.shares import mcnemar
from bench.analysis.signs import sign_flip, wilcoxon
from bench.analysis.statistics import Values, differences, paired
from bench.metric import Metric


def cell_draft(pair: Pair, metric: Metric) -> Change | None:
    """A metric in one cell.

    Args:
        pair: the cell in base and in head.
        metric: the metric.

    Returns:
        A change whose kind is not decided yet, or that cannot be compared; None if neither side has the metric.
    """
    measured = pair.measured(metric.name)
    if not any(measured):
        return None
    failed = failures(pair.base.values()), failures(pair.head.values())
    blank = Change(pair.point, metric, "incomparable", "", base_failed=failed[0], head_failed=failed[1], failed_p=_failed_p(pair, failed))
    base, head = pair.values(metric)
    obstacle = pair.timing_obstacle() if metric.name in TIMINGS else ""
    if obstacle or not len(base):
        return replace(blank, reason=obstacle or _missing(measured, failed))
    draft = _estimated(blank, base, head, [row for rows in pair.rows() for row in rows], pair.unpaired())
    identical = draft.difference is not None and draft.difference.identical
    return replace(draft, untouched=True) if identical and pair.unchanged else draft


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
    draft = _estimated(blank, base, head, pool.rows(), pool.left_out(seeds))
    return replace(draft, reason="; ".join(filter(None, (draft.reason, _secondary(draft, base, head)))))


def barred(pair: Pair, reason: str) -> Change:
    """A common cell of which no number can be compared.

    Args:
        pair: the cell in base and in head.
        reason: why.
    """
    failed = failures(pair.base.values()), failures(pair.head.values())
    return Change(pair.point, None, "incomparable", reason, base_failed=failed[0], head_failed=failed[1], failed_p=_failed_p(pair, failed))


def _estimated(blank: Change, base: Values, head: Values, rows: Sequence[Row], remark: str) -> Change:
    """A change with its numbers: values of shape (seeds,), or (seeds, cells)."""
    if blank.metric is None:
        return blank
    difference = paired(base, head, blank.metric.scale, resolution(blank.metric, rows))
    raw = "difference taken raw: not all values are positive" if difference.scale != blank.metric.scale else ""
    seeds = base.reshape(len(base), -1).mean(axis=1)
    sd = float(seeds.std(ddof=1)) if len(seeds) > 1 else math.nan
    reason = "; ".join(filter(None, (remark, raw)))
    return replace(blank, kind="inconclusive", reason=reason, base=float(base.mean()), head=float(head.mean()), base_sd=sd, difference=difference)


def _secondary(draft: Change, base: Values, head: Values) -> str:
    """Tests that assume symmetry alone, where there are seeds enough for them to say something."""
    if draft.difference is None or draft.difference.identical:
        return ""
    each = differences(base, head, draft.difference.scale)
    flipped, ranked = sign_flip(each), wilcoxon(each)
    return "" if flipped is None or ranked is None else f"sign flips p = {flipped[0]:.2g}, Wilcoxon p = {ranked:.2g}"


def _failed_p(pair: Pair, failed: tuple[str, str]) -> float | None:
    return mcnemar(*pair.failed_once()) if any(failed) else None


def _missing(measured: tuple[bool, bool], failed: tuple[str, str]) -> str:
    """Why no seed has the metric on both sides."""
    for side, has, failures_ in zip(("base", "head"), measured, failed, strict=True):
        if not has:
            return f"not measured in {side}{f': {failures_}' if failures_ else ''}"
    return "no seed has it on both sides"
