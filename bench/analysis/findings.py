"""A statement about one number, held against the values of one cell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from bench.analysis.arms import Sample
from bench.analysis.points import resolution
from bench.analysis.statistics import FEWEST, LEVEL, Interval, mean_interval, paired, relative
from bench.metric import Metric, Scale
from bench.suite_file import Bound, Statement

Judgement = Literal["reproduced", "contradicted", "inconclusive", "not run"]
FIRST: tuple[Judgement, ...] = ("contradicted", "not run", "inconclusive", "reproduced")


@dataclass(frozen=True)
class Finding:
    """What one cell shows of a statement.

    Attributes:
        cell: the values on the axes that the claim leaves open, as ``model=fnn``; empty if there are none.
        judgement: the verdict on this cell alone.
        effect: the mean over seeds in `unit`: of differences, of ratios (geometric), or of values.
        low: lower end of its 95% interval.
        high: upper end.
        n: how many seeds.
        unit: ``pp``, ``×``, ``%`` or the metric's own.
        margin: how far the interval lies inside the bound on the scale of the test; negative where it does not.
        refuted: whether it contradicts the statement at the level that is corrected for the number of cells.
        reason: why there is no verdict, and which seeds do not count.
    """

    cell: str
    judgement: Judgement
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    unit: str = ""
    margin: float = -math.inf
    refuted: bool = False
    reason: str = ""


def find(statement: Statement, sample: Sample, metric: Metric, cells: int) -> Finding:
    """Judge one cell.

    Args:
        statement: what is said, and of which number.
        sample: the cell's values.
        metric: the metric.
        cells: how many cells the claim is about, for the correction of what refutes it.
    """
    if sample.problem:
        return Finding(sample.cell, "not run", reason=_joined(sample.problem, sample.remark))
    estimate, scale = _estimate(statement, sample, metric)
    if statement.kind == "ratio" and scale != "log":
        return Finding(sample.cell, "not run", n=estimate.n, reason=_joined("not all values are positive, so there is no ratio", sample.remark))
    bound = _scaled(statement.bound, scale)
    few = estimate.n < FEWEST
    return Finding(
        sample.cell,
        "not run" if few else position(estimate.ends(), bound),
        _displayed(estimate.mean, scale),
        _displayed(estimate.low, scale),
        _displayed(estimate.high, scale),
        estimate.n,
        _unit(statement, scale, metric),
        _margin(estimate, bound),
        not few and position(estimate.ends(1 - (1 - LEVEL) / cells), bound) == "contradicted",
        _joined(estimate.obstacle, sample.remark),
    )


def together(findings: list[Finding]) -> Judgement:
    """The verdict on a statement about every cell: reproduced if each reproduces it, contradicted if one refutes it."""
    if any(finding.refuted for finding in findings):
        return "contradicted"
    judgements = {finding.judgement for finding in findings}
    if judgements == {"reproduced"}:
        return "reproduced"
    return "not run" if "not run" in judgements else "inconclusive"


def position(ends: tuple[float, float] | tuple[None, None], bound: Bound) -> Judgement:
    """Where an interval lies: inside a bound, wholly outside, or neither."""
    low, high = ends
    if low is None or high is None:
        return "inconclusive"
    if bound.low < low and high < bound.high:
        return "reproduced"
    return "contradicted" if high < bound.low or low > bound.high else "inconclusive"


def _estimate(statement: Statement, sample: Sample, metric: Metric) -> tuple[Interval, Scale]:
    """The effect and the scale that it is on."""
    step = resolution(metric, sample.rows)
    linear: Scale = "points" if metric.scale == "points" else "raw"
    if statement.kind == "value":
        factor = 100 if linear == "points" else 1
        return mean_interval(factor * sample.arms[0], factor * step), linear
    contrast, against = sample.arms
    difference = paired(against, contrast, "log" if statement.kind == "ratio" else linear, step)
    return difference, difference.scale


def _scaled(bound: Bound, scale: Scale) -> Bound:
    """The bound on the scale of the estimate."""
    low, high = (_end(end, scale) for end in (bound.low, bound.high))
    return Bound(low, high, bound.text)


def _end(end: float, scale: Scale) -> float:
    if math.isinf(end):
        return end
    return math.log(end) if scale == "log" else end * (100 if scale == "points" else 1)


def _displayed(value: float | None, scale: Scale) -> float | None:
    return 1 + relative(value) if value is not None and scale == "log" else value


def _unit(statement: Statement, scale: Scale, metric: Metric) -> str:
    points = "%" if statement.kind == "value" else "pp"
    return {"points": points, "log": "×", "raw": metric.unit}[scale]


def _margin(estimate: Interval, bound: Bound) -> float:
    return -math.inf if estimate.low is None or estimate.high is None else min(estimate.low - bound.low, bound.high - estimate.high)


def _joined(*pieces: str) -> str:
    return "; ".join(filter(None, pieces))
