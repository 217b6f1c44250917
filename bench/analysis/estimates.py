"""The number that a statement speaks of, from the values of one cell: per seed, and its mean over seeds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bench.analysis.arms import Sample
from bench.analysis.points import resolution
from bench.analysis.statistics import Interval, Values, differences, mean_interval, paired, relative
from bench.analysis.trends import kendall, slope
from bench.metric import Metric, Scale
from bench.statement import Bound, Number


@dataclass(frozen=True)
class Estimate:
    """A number over seeds.

    Attributes:
        interval: its mean over seeds, on `scale`.
        each: shape (seeds,), on the same scale.
        scale: ``log`` for ratios, ``points`` for what is counted in percentage points, else ``raw``.
        unit: ``pp``, ``×``, ``%``, ``τ`` or the metric's own; of a slope per step of the axis.
    """

    interval: Interval
    each: Values
    scale: Scale
    unit: str

    def scaled(self, bound: Bound) -> Bound:
        """A bound on the scale of the estimate."""
        return Bound(self._scaled(bound.low), self._scaled(bound.high), bound.text)

    def plain(self, value: float) -> float:
        """A value on the scale of the estimate in the unit of bounds: the inverse of `scaled`."""
        return math.exp(value) if self.scale == "log" else value / (100 if self.scale == "points" else 1)

    def displayed(self, value: float | None) -> float | None:
        """A value on the scale of the estimate in `unit`."""
        return 1 + relative(value) if value is not None and self.scale == "log" else value

    def _scaled(self, end: float) -> float:
        if math.isinf(end):
            return end
        return math.log(end) if self.scale == "log" and end > 0 else end * (100 if self.scale == "points" else 1)


def estimate(number: Number, sample: Sample, metric: Metric) -> Estimate | str:
    """The number of one cell.

    Args:
        number: which one.
        sample: the cell's values.
        metric: the metric.

    Returns:
        The estimate, or why there is none.
    """
    if number in ("slope", "kendall"):
        return _trend(number == "slope", sample, metric)
    step = resolution(metric, sample.rows)
    linear: Scale = "points" if metric.scale == "points" else "raw"
    if number == "value":
        factor = 100 if linear == "points" else 1
        values = factor * sample.arms[0]
        return Estimate(mean_interval(values, factor * step), values.mean(axis=1), linear, "%" if linear == "points" else metric.unit)
    contrast, against = sample.arms
    difference = paired(against, contrast, "log" if number == "ratio" else linear, step)
    if number == "ratio" and difference.scale != "log":
        return "not all values are positive, so there is no ratio"
    unit = {"points": "pp", "log": "×", "raw": metric.unit}[difference.scale]
    return Estimate(difference, differences(against, contrast, difference.scale), difference.scale, unit)


def _trend(linear: bool, sample: Sample, metric: Metric) -> Estimate:
    positions = np.array(sample.positions)
    table = np.stack([arm.mean(axis=1) for arm in sample.arms], axis=1)
    if not linear:
        return Estimate(kendall(table, positions), np.array([kendall(row[None], positions).mean for row in table]), "raw", "τ")
    scale: Scale = "points" if metric.scale == "points" else "raw"
    factor = 100 if scale == "points" else 1
    # Averages over pooled cells are rounded less, and their variance is that of one cell over their number.
    step = factor * resolution(metric, sample.rows) / math.sqrt(sample.arms[0].shape[1])
    each = np.array([slope(row[None], positions).mean for row in factor * table])
    unit = f"{'pp' if scale == 'points' else metric.unit}/{sample.per}"
    return Estimate(slope(factor * table, positions, step), each, scale, unit)
