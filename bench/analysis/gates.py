"""Gates such as ``test_accuracy:0.5pp:dropout>0``: how much worse a metric may become between two commits, and where."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from bench.analysis.change import Change, display_unit, on_display
from bench.analysis.equivalence import EQUIVALENCE_LEVEL
from bench.analysis.power import MOST_SEEDS, POWER, detectable, seeds_needed
from bench.analysis.statistics import FEWEST, LEVEL
from bench.errors import UsageError, did_you_mean
from bench.metric import Metric, Scale
from bench.selection import Selection

AmountUnit = Literal["", "pp", "%", "sd"]
Outcome = Literal["crossed", "not shown", "held", "undetectable", "not judged"]
FAILING: tuple[Outcome, ...] = ("crossed", "not shown")
ROUNDING = 1e-9  # pp; no test set is so large that one of its samples weighs less: what sums of shares leave of a difference of nothing
_GATE = re.compile(r"\s*(?P<metric>[A-Za-z_]\w*)\s*:\s*(?P<amount>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(?P<unit>pp|%|sd)?\s*(?::(?P<cells>.*))?", re.DOTALL)


@dataclass(frozen=True)
class Gate:
    """The amount by which a metric may become worse.

    Attributes:
        metric: the metric's name.
        amount: how much.
        unit: ``pp``: percentage points; ``%``: of base's mean; ``sd``: of base's standard deviation over seeds; empty: the
            metric's own unit, if it is no share, as 0.5 is easily taken for 0.5 pp.
        cells: a selection of cells, as ``experiment=dropout,dropout>0``; all when empty. What is corrected and averaged is what it selects.
        strict: whether it takes to be shown that no cell is worse by the amount, rather than that one is.
    """

    metric: str
    amount: float
    unit: AmountUnit
    cells: str = ""
    strict: bool = False

    @classmethod
    def parse(cls, text: str, strict: bool = False) -> Gate:
        """Parse ``metric:amount`` with a unit or none, and with ``:`` and a selection of cells or none.

        Raises:
            UsageError: if it is none.
        """
        match = _GATE.fullmatch(text)
        if match is None or (match["cells"] is not None and not match["cells"].strip()):
            raise UsageError(
                f"{text!r} is no gate",
                hint="Write metric:amount with pp, %, sd or nothing after it, then cells or none: test_accuracy:0.5pp, test_loss:5%:dropout>0, sharpness:0.5sd.",
            )
        cells = (match["cells"] or "").strip()
        Selection.parse(cells)
        return cls(match["metric"], float(match["amount"]), cast("AmountUnit", match["unit"] or ""), cells, strict)

    def __str__(self) -> str:
        return f"{self.metric}:{self.amount:g}{self.unit}{f':{self.cells}' if self.cells else ''}"

    @property
    def selection(self) -> Selection:
        """`cells` as conditions."""
        return Selection.parse(self.cells)

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
        if not self.unit and metric.scale == "points":
            hint = f"Write {self.metric}:{100 * self.amount:g}pp if that is meant, or another amount with pp, % or sd."
            raise UsageError(f"gate {self}: {self.metric} is a share, of which {self.amount:g} are {100 * self.amount:g} percentage points", hint=hint)
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
        outcome: ``crossed``: shown to be worse, and by the amount at least; ``not shown``, of a strict gate: not shown to be
            less worse than by the amount; ``held``; ``undetectable``: not crossed, but this n could not have detected the
            amount; ``not judged``.
        finding: a sentence on it.
    """

    gate: Gate
    where: str
    outcome: Outcome
    finding: str

    @property
    def fails(self) -> bool:
        """Whether it is a reason to stop."""
        return self.outcome in FAILING

    def row(self) -> dict[str, str]:
        """A flat form."""
        return {"gate": str(self.gate), "cell": self.where, "outcome": self.outcome, "finding": self.finding}


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
        return "not shown" if gate.strict else "not judged", change.reason or change.kind
    if difference.identical:
        return "held", "identical"
    threshold = gate_threshold(gate, change)
    if math.isnan(threshold):
        return "not shown" if gate.strict else "not judged", "base's standard deviation takes two seeds"
    estimate = f"{_shown(difference.mean, change)}; {gate.amount:g}{gate.unit} worse is allowed"
    if change.kind == "worse" and change.worse_by >= threshold:
        return "crossed", estimate
    if gate.strict:
        return _of_strict(change, threshold, estimate)
    if change.kind in {"better", "worse", "same"}:
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


def _of_strict(change: Change, threshold: float, estimate: str) -> tuple[Outcome, str]:
    """Whether a cell is shown to be less worse than by an amount: by a one-sided t test at 5%, the 90% interval's end.

    All cells must be shown, so that each is tested at the full level (intersection–union).
    """
    if change.difference is None or change.metric is None or change.difference.obstacle:
        return "not shown", change.difference.obstacle if change.difference else change.kind
    low, high = change.difference.ends(EQUIVALENCE_LEVEL)
    if low is None or high is None:
        return "not shown", estimate
    worst = low if change.metric.better == "higher" else high
    worse_by = -worst if change.metric.better == "higher" else worst
    return "held" if worse_by < threshold else "not shown", f"{estimate}; with 95% it is no worse than {_shown(worst, change)}"


def gate_threshold(gate: Gate, change: Change) -> float:
    """The gate's amount on the scale of a change; NaN where nothing was compared."""
    if change.difference is None or change.metric is None or change.base is None:
        return math.nan
    return gate.threshold(change.base, change.base_sd, change.difference.scale, change.metric.better)


def _shown(effect: float, change: Change) -> str:
    if change.difference is None or change.metric is None:
        return ""
    scale = change.difference.scale
    amount = on_display(effect, scale)
    if scale == "points" and abs(amount) < ROUNDING:
        amount = 0.0
    return f"{amount:+.3g} {display_unit(scale, change.metric)}".strip()
