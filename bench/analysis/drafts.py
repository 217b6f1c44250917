"""One metric in one cell, or on average over several, base against head: its numbers, before p values are corrected."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bench.analysis.change import Change
from bench.analysis.pairing import TIMINGS, Pair
from bench.analysis.points import resolution
from bench.analysis.pooled import Pool
from bench.analysis.shares import mcnemar
from bench.analysis.signs import sign_flip, wilcoxon
from bench.analysis.statistics import Difference, Values, differences, paired, paired_each
from bench.metric import Metric

Sample = tuple[Values, Values]
"""What base and head measured: shape (seeds,), or (seeds, cells); none where nothing can be compared."""

_NOTHING: Sample = (np.empty(0), np.empty(0))


def cell_drafts(pairs: Sequence[Pair], metric: Metric) -> list[Change]:
    """A metric in each of several cells.

    Args:
        pairs: the cells in base and in head.
        metric: the metric.

    Returns:
        For each cell of which a side has the metric, in their order, a change whose kind is not decided yet, or that
        cannot be compared.
    """
    sides = [(pair, measured) for pair in pairs if any(measured := pair.measured(metric.name))]
    samples = [_NOTHING if metric.name in TIMINGS and pair.timing_obstacle else pair.values(metric) for pair, _ in sides]
    found = _differences(samples, metric, [resolution(metric, (row for rows in pair.rows for row in rows)) for pair, _ in sides])
    return [_cell_draft(pair, metric, measured, sample, each) for (pair, measured), sample, each in zip(sides, samples, found, strict=True)]


def average_draft(pool: Pool, metric: Metric) -> Change:
    """A metric on average over cells, taken per seed over the seeds that are complete in all of them.

    Args:
        pool: the cells.
        metric: the metric.

    Returns:
        A change whose kind is not decided yet, or that cannot be compared. From six seeds on its remarks have tests that
        assume symmetry alone.
    """
    seeds = pool.complete(metric)
    if not seeds:
        return Change(pool.point, metric, "incomparable", f"no seed is complete in all {len(pool.pairs)} cells", cells=len(pool.pairs))
    sample = pool.values(metric, seeds)
    difference = paired(*sample, metric.scale, resolution(metric, pool.rows()))
    base, head, sd = _moments(*sample)
    remarks = (pool.left_out(seeds), _raw(metric, difference), _secondary(sample, difference))
    return Change(pool.point, metric, "inconclusive", "; ".join(filter(None, remarks)), base, head, sd, difference, cells=len(pool.pairs))


def barred(pair: Pair, reason: str) -> Change:
    """A common cell of which no number can be compared.

    Args:
        pair: the cell in base and in head.
        reason: why.
    """
    return Change(pair.point, None, "incomparable", reason, base_failed=pair.failed[0], head_failed=pair.failed[1], failed_p=_failed_p(pair))


def _cell_draft(pair: Pair, metric: Metric, measured: tuple[bool, bool], sample: Sample, difference: Difference | None) -> Change:
    before, after = pair.failed
    if difference is None:
        reason = (pair.timing_obstacle if metric.name in TIMINGS else "") or _missing(measured, pair.failed)
        return Change(pair.point, metric, "incomparable", reason, base_failed=before, head_failed=after, failed_p=_failed_p(pair))
    base, head, sd = _moments(*sample)
    reason = "; ".join(filter(None, (pair.unpaired, _raw(metric, difference))))
    untouched = difference.identical and pair.unchanged
    return Change(pair.point, metric, "inconclusive", reason, base, head, sd, difference, None, before, after, _failed_p(pair), untouched=untouched)


def _differences(samples: Sequence[Sample], metric: Metric, resolutions: Sequence[float]) -> list[Difference | None]:
    """The difference of each of many samples; None where nothing was measured."""
    known = [index for index, (base, _) in enumerate(samples) if len(base)]
    base, head = ([samples[index][side] for index in known] for side in (0, 1))
    found = dict(zip(known, paired_each(base, head, metric.scale, [resolutions[index] for index in known]), strict=True))
    return [found.get(index) for index in range(len(samples))]


def _raw(metric: Metric, difference: Difference) -> str:
    return "" if difference.scale == metric.scale else "difference taken raw: not all values are positive"


def _moments(base: Values, head: Values) -> tuple[float, float, float]:
    """Base's mean over seeds, head's, and base's standard deviation; without NumPy, whose calls take longer than such short sums."""
    before, after = ((values if values.ndim == 1 else values.mean(axis=1)).tolist() for values in (base, head))
    n = len(before)
    mean = math.fsum(before) / n
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in before) / (n - 1)) if n > 1 else math.nan
    return mean, math.fsum(after) / n, sd


def _secondary(sample: Sample, difference: Difference) -> str:
    """Tests that assume symmetry alone, where there are seeds enough for them to say something."""
    if difference.identical:
        return ""
    each = differences(*sample, difference.scale)
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
