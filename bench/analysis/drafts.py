"""One metric in one cell, or on average over several, base against head: its numbers, before p values are corrected."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bench.analysis.change import Change
from bench.analysis.pairing import TIMINGS, Numbers, Pair, numbers
from bench.analysis.points import resolution
from bench.analysis.pooled import Pool
from bench.analysis.shares import mcnemar
from bench.analysis.signs import sign_flip, wilcoxon
from bench.analysis.statistics import Difference, Values, differences, paired, paired_each
from bench.metric import Metric

Sample = tuple[Values, Values]
"""What base and head measured, each of shape (seeds,); nothing where they cannot be compared."""

_NOTHING: Sample = (np.empty(0), np.empty(0))
_Estimate = tuple[float, float, float, Difference]
"""Base's mean, head's, base's standard deviation, and the difference."""


def cell_drafts(pairs: Sequence[Pair], metric: Metric) -> list[Change]:
    """A metric in each of several cells.

    Args:
        pairs: the cells in base and in head.
        metric: the metric.

    Returns:
        For each cell of which a side has the metric, in their order, a change whose kind is not decided yet, or that
        cannot be compared.
    """
    timed = metric.name in TIMINGS
    every = zip(pairs, numbers(pairs, metric.name), strict=True)
    cells = [(pair, found) for pair, found in every if len(found.seeds) or any(pair.measured(metric.name))]
    samples = [_timings(pair, found) if timed else (found.base, found.head) for pair, found in cells]
    resolutions = [resolution(metric, (row for rows in pair.rows for row in rows)) for pair, _ in cells]
    estimates = _estimates(samples, metric, resolutions)
    return [_cell_draft(pair, metric, estimate) for (pair, _), estimate in zip(cells, estimates, strict=True)]


def average_draft(pool: Pool, metric: Metric) -> Change:
    """A metric on average over cells, taken per seed over the seeds that are complete in all of them.

    Args:
        pool: the cells.
        metric: the metric.

    Returns:
        A change whose kind is not decided yet, or that cannot be compared. From six seeds on its remarks have tests that
        assume symmetry alone.
    """
    seeds, *sample = pool.values(metric)
    if not len(seeds):
        return Change(pool.point, metric, "incomparable", f"no seed is complete in all {len(pool.pairs)} cells", cells=len(pool.pairs))
    base, head = sample
    difference = paired(base, head, metric.scale, resolution(metric, pool.rows()))
    ((before, after, sd),) = _moments([(base.mean(axis=1), head.mean(axis=1))])
    remarks = (pool.left_out(seeds.tolist()), _raw(metric, difference), _secondary(base, head, difference))
    return Change(pool.point, metric, "inconclusive", "; ".join(filter(None, remarks)), before, after, sd, difference, cells=len(pool.pairs))


def barred(pair: Pair, reason: str) -> Change:
    """A common cell of which no number can be compared.

    Args:
        pair: the cell in base and in head.
        reason: why.
    """
    return Change(pair.point, None, "incomparable", reason, base_failed=pair.failed[0], head_failed=pair.failed[1], failed_p=_failed_p(pair))


def _timings(pair: Pair, found: Numbers) -> Sample:
    return _NOTHING if pair.timing_obstacle else pair.per_pack(found)


def _cell_draft(pair: Pair, metric: Metric, estimate: _Estimate | None) -> Change:
    before, after = pair.failed
    if estimate is None:
        reason = (pair.timing_obstacle if metric.name in TIMINGS else "") or _missing(pair, metric.name)
        return Change(pair.point, metric, "incomparable", reason, base_failed=before, head_failed=after, failed_p=_failed_p(pair))
    base, head, sd, difference = estimate
    reason = "; ".join(filter(None, (pair.unpaired, _raw(metric, difference))))
    untouched = difference.identical and pair.unchanged
    return Change(pair.point, metric, "inconclusive", reason, base, head, sd, difference, None, before, after, _failed_p(pair), untouched=untouched)


def _estimates(samples: Sequence[Sample], metric: Metric, resolutions: Sequence[float]) -> list[_Estimate | None]:
    """Means and difference of each of many samples; None where nothing was measured."""
    known = [index for index, (base, _) in enumerate(samples) if len(base)]
    measured = [samples[index] for index in known]
    found = paired_each([base for base, _ in measured], [head for _, head in measured], metric.scale, [resolutions[index] for index in known])
    estimates = {index: (*moments, difference) for index, moments, difference in zip(known, _moments(measured), found, strict=True)}
    return [estimates.get(index) for index in range(len(samples))]


def _raw(metric: Metric, difference: Difference) -> str:
    return "" if difference.scale == metric.scale else "difference taken raw: not all values are positive"


def _moments(samples: Sequence[Sample]) -> list[tuple[float, float, float]]:
    """Of each of many samples base's mean over seeds, head's, and base's standard deviation, NaN for one seed."""
    if not samples:
        return []
    counts = np.array([len(base) for base, _ in samples])
    starts = np.cumsum(counts) - counts
    base, head = (np.concatenate(side) for side in zip(*samples, strict=True))
    means, others = (np.add.reduceat(values, starts) / counts for values in (base, head))
    squares = np.add.reduceat((base - np.repeat(means, counts)) ** 2, starts)
    sds = np.sqrt(squares / np.where(counts > 1, counts - 1, math.nan))
    return list(zip(means.tolist(), others.tolist(), sds.tolist(), strict=True))


def _secondary(base: Values, head: Values, difference: Difference) -> str:
    """Tests that assume symmetry alone, where there are seeds enough for them to say something."""
    if difference.identical:
        return ""
    each = differences(base, head, difference.scale)
    flipped, ranked = sign_flip(each), wilcoxon(each)
    return "" if flipped is None or ranked is None else f"sign flips p = {flipped[0]:.2g}, Wilcoxon p = {ranked:.2g}"


def _failed_p(pair: Pair) -> float | None:
    return mcnemar(*pair.failed_once()) if any(pair.failed) else None


def _missing(pair: Pair, metric: str) -> str:
    """Why no seed has the metric on both sides."""
    for side, has, failures in zip(("base", "head"), pair.measured(metric), pair.failed, strict=True):
        if not has:
            return f"not measured in {side}{f': {failures}' if failures else ''}"
    return "no seed has it on both sides"
