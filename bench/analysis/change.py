"""What became of one metric in one cell between base and head."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

from bench.analysis.equivalence import equivalent
from bench.analysis.points import Point
from bench.analysis.statistics import LEVEL, Difference, relative
from bench.metric import Metric, Scale

Kind = Literal["identical", "better", "worse", "changed", "same", "inconclusive", "incomparable", "only in base", "only in head"]


@dataclass(frozen=True)
class Change:
    """One metric in one cell, or averaged over several, base against head; or a cell as a whole, where no number of it can be compared.

    Attributes:
        point: the cell; for an average the experiment, or the suite, without values on axes.
        metric: the metric; None for the cell as a whole.
        kind: ``identical`` in every bit; ``better``, ``worse`` (``changed`` where no direction is better) by the corrected
            test; ``same``: the 90% interval lies within a gate's amount; ``inconclusive``; ``incomparable``; only on one side.
        reason: why it is of that kind, or what to know of the pairs.
        base: base's mean over the paired seeds, in the metric's unit.
        head: head's.
        base_sd: base's standard deviation over these seeds; NaN for one.
        difference: head − base over these seeds.
        adjusted: its p, corrected over the cells of the metric, or over the averages of its kind (Holm).
        base_failed: how many runs of base failed, and how.
        head_failed: the same of head.
        failed_p: p of McNemar's exact test that one side fails more often, over the common seeds; None where none failed.
        cells: over how many cells the values of each seed are averaged.
        untouched: whether nothing was changed that decides its numbers, and they are identical: then nothing is tested.
    """

    point: Point
    metric: Metric | None
    kind: Kind
    reason: str = ""
    base: float | None = None
    head: float | None = None
    base_sd: float = math.nan
    difference: Difference | None = None
    adjusted: float | None = None
    base_failed: str = ""
    head_failed: str = ""
    failed_p: float | None = None
    cells: int = 1
    untouched: bool = False

    @property
    def cell(self) -> str:
        """The values on the axes, or how many cells are averaged."""
        return self.point.cell if self.cells == 1 else f"all {self.cells} cells"

    @property
    def where(self) -> str:
        """The full name of the cell, or of what is averaged."""
        return str(self.point) if self.cells == 1 else f"{self.point} / {self.cell}"

    @property
    def worse_by(self) -> float:
        """The mean difference towards worse, on its scale; NaN where nothing was compared."""
        return math.nan if self.difference is None or self.metric is None else _worse_by(self.metric, self.difference.mean)

    def classified(self, adjusted: float, margin: float) -> Change:
        """The change with its kind.

        Args:
            adjusted: the corrected p of its difference; NaN where it has none.
            margin: the amount within which it counts as the same, on the scale of the difference; NaN for none.
        """
        if self.difference is None or self.metric is None:
            return self
        difference = self.difference
        kind = kind_of(self.metric, difference.mean, difference.identical, adjusted, equivalent(difference, margin))
        reasons = (self.reason, difference.obstacle if kind == "inconclusive" else "")
        return replace(self, kind=kind, adjusted=None if math.isnan(adjusted) else adjusted, reason="; ".join(filter(None, reasons)))

    def row(self) -> dict[str, Any]:
        """A flat form: effects in percentage points, in percent of base (log scale), or in the metric's unit."""
        mean, low, high, unit = self._effect()
        return {
            "suite": self.point.suite,
            "profile": self.point.profile,
            "variant": self.point.variant,
            "experiment": self.point.experiment,
            "cell": self.cell,
            "metric": self.metric.name if self.metric else "",
            "n": self.difference.n if self.difference else 0,
            "base": self.base,
            "head": self.head,
            "effect": mean,
            "low": low,
            "high": high,
            "unit": unit,
            "p": self.difference.p if self.difference else None,
            "adjusted_p": self.adjusted,
            "class": self.kind,
            "reason": self.reason,
            "base_failed": self.base_failed,
            "head_failed": self.head_failed,
            "failed_p": self.failed_p,
        }

    def _effect(self) -> tuple[float | None, float | None, float | None, str]:
        if self.difference is None or self.metric is None:
            return None, None, None, ""
        scale = self.difference.scale
        low, high = (0.0, 0.0) if self.difference.identical else (self.difference.low, self.difference.high)
        shown = [None if end is None else on_display(end, scale) for end in (self.difference.mean, low, high)]
        return shown[0], shown[1], shown[2], display_unit(scale, self.metric)


def on_display(effect: float, scale: Scale) -> float:
    """An effect as readers see it: a log ratio x as the percentage 100 (e^x − 1), others as they are."""
    return 100 * relative(effect) if scale == "log" else effect


def display_unit(scale: Scale, metric: Metric) -> str:
    """The unit of `on_display`."""
    return {"points": "pp", "log": "%", "raw": metric.unit}[scale]


def kind_of(metric: Metric, mean: float, identical: bool, adjusted: float, same: bool = False) -> Kind:
    """The class of a metric in a cell where it was compared.

    Args:
        metric: the metric.
        mean: the mean of head − base.
        identical: whether they are, bit for bit.
        adjusted: the corrected p of the difference; NaN where it has none.
        same: whether it is shown to be small.
    """
    if identical:
        return "identical"
    if not adjusted < 1 - LEVEL:
        return "same" if same else "inconclusive"
    if metric.better == "neither":
        return "changed"
    return "worse" if _worse_by(metric, mean) > 0 else "better"


def _worse_by(metric: Metric, mean: float) -> float:
    return -mean if metric.better == "higher" else mean
