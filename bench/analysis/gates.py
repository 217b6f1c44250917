"""Gates such as ``test_accuracy:0.5pp``: how much worse a metric may become between two commits."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from bench.analysis.change import Change, display_unit, on_display
from bench.analysis.power import MOST_SEEDS, POWER, detectable, seeds_needed
from bench.analysis.statistics import FEWEST, LEVEL
from bench.errors import UsageError, did_you_mean
from bench.metric import Metric, Scale

AmountUnit = Literal["", "pp", "%", "sd"]
Outcome = Literal["crossed", "held", "undetectable", "not judged"]
_GATE = re.compile(r"\s*(?P<metric>[A-Za-z_]\w*)\s*:\s*(?P<amount>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(?P<unit>pp|%|sd)?\s*")


@dataclass(frozen=True)
class Gate:
    """The amount by which a metric may become worse.

    Attributes:
        metric: the metric's name.
        amount: how much.
        unit: ``pp``: percentage points; ``%``: of base's mean; ``sd``: of base's standard deviation over seeds; empty: the metric's own unit.
    """

    metric: str
    amount: float
    unit: AmountUnit

    @classmethod
    def parse(cls, text: str) -> Gate:
        """Parse ``metric:amount`` with a unit or none.

        Raises:
            UsageError: if it is none.
        """
        match = _GATE.fullmatch(text)
        if match is None:
            raise UsageError(
                f"{text!r} is no gate", hint="Write metric:amount with pp, %, sd or nothing after it: test_accuracy:0.5pp, test_loss:5%, sharpness:0.5sd."
            )
        return cls(match["metric"], float(match["amount"]), cast("AmountUnit", match["unit"] or ""))

    def __str__(self) -> str:
        return f"{self.metric}:{self.amount:g}{self.unit}"

    def check(self, metrics: Mapping[str, Metric]) -> None:
        """Check that the metric is known, has a better direction, and can be counted in the unit.

        Raises:
            UsageError: if not.
        """
        metric = metrics.get(self.metric)
        if metric is None:
            raise UsageError(f"gate {self}: there is no metric {self.metric!r}. {did_you_mean(self.metric, metrics)}")
        if metric.better == "neither":
            raise UsageError(f"gate {self}: neither direction of {self.metric} is better, so it cannot become worse")
        if self.unit == "pp" and metric.scale != "points":
            raise UsageError(f"gate {self}: {self.metric} is no share, so it has no percentage points", hint="Use %, sd, or the metric's own unit.")

    def threshold(self, mean: float, sd: float, scale: Scale, better: str) -> float:
        """The amount on the scale of a difference; on the log scale it is taken from base's mean towards worse.

        Args:
            mean: base's mean in the metric's unit.
            sd: base's standard deviation over seeds, in the metric's unit.
            scale: the scale of the difference.
            better: the metric's better direction.

        Returns:
            The threshold, not negative; NaN where the standard deviation is not known; infinity where no value is that much worse.
        """
        absolute = self.amount * {"": 1.0, "pp": 0.01, "%": abs(mean) / 100, "sd": sd}[self.unit]
        if scale == "points":
            return 100 * absolute
        if scale == "raw" or math.isnan(absolute):
            return absolute
        if better == "lower":
            return math.log1p(absolute / mean)
        return -math.log1p(-absolute / mean) if absolute < mean else math.inf


@dataclass(frozen=True)
class GateResult:
    """What a gate says of one cell.

    Attributes:
        gate: the gate.
        where: the cell, or the average over cells; empty where no cell has the metric on both sides.
        outcome: ``crossed``: shown to be worse, and by the amount at least; ``held``; ``undetectable``: not crossed, but
            this n could not have detected the amount; ``not judged``.
        text: a sentence on it.
    """

    gate: Gate
    where: str
    outcome: Outcome
    text: str

    def row(self) -> dict[str, str]:
        """A flat form."""
        return {"gate": str(self.gate), "cell": self.where, "outcome": self.outcome, "text": self.text}


def judge_gate(gate: Gate, changes: Sequence[Change], tests: int) -> list[GateResult]:
    """What a gate says of each cell, or of each average over cells.

    Args:
        gate: the gate.
        changes: the gate's metric in each.
        tests: over how many tests p was corrected, for what could have been detected.
    """
    if not changes:
        return [GateResult(gate, "", "not judged", f"no common cell has {gate.metric}")]
    return [GateResult(gate, change.where, *_outcome(gate, change, tests)) for change in changes]


def _outcome(gate: Gate, change: Change, tests: int) -> tuple[Outcome, str]:
    difference = change.difference
    if difference is None:
        return "not judged", change.reason
    if difference.identical:
        return "held", "identical"
    threshold = gate_threshold(gate, change)
    if math.isnan(threshold):
        return "not judged", "base's standard deviation takes two seeds"
    estimate = f"{_shown(difference.mean, change)}; {gate.amount:g}{gate.unit} worse is allowed"
    if change.kind == "worse":
        return ("crossed" if change.worse_by >= threshold else "held"), estimate
    if change.kind in {"better", "same"}:
        return "held", estimate
    if difference.n < FEWEST or difference.constant:
        return "undetectable", difference.obstacle or estimate
    alpha = (1 - LEVEL) / max(tests, 1)
    smallest = detectable(difference.n, difference.sd, alpha)
    if smallest > threshold:
        enough = seeds_needed(threshold, difference.sd, alpha) or f"more than {MOST_SEEDS}"
        found = f"n = {difference.n} finds no less than {_shown(smallest, change)} (power {POWER:g})"
        return "undetectable", f"{estimate}; {found}; {gate.amount:g}{gate.unit} takes {enough} seeds"
    return "held", estimate


def gate_threshold(gate: Gate, change: Change) -> float:
    """The gate's amount on the scale of a change; NaN where nothing was compared."""
    if change.difference is None or change.metric is None or change.base is None:
        return math.nan
    return gate.threshold(change.base, change.base_sd, change.difference.scale, change.metric.better)


def _shown(effect: float, change: Change) -> str:
    if change.difference is None or change.metric is None:
        return ""
    scale = change.difference.scale
    return f"{on_display(effect, scale):+.3g} {display_unit(scale, change.metric)}".strip()
