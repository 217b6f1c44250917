"""A statement about one number, held against the values of one cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.analysis.arms import Sample
from bench.analysis.estimates import Estimate, estimate
from bench.analysis.evidence import FIRST, NOT_RUN, Evidence, Judgement, of_equivalence, of_mean, of_share
from bench.analysis.shares import Share, share
from bench.metric import Metric
from bench.statement import Number, Statement

SHARE_UNIT = "% of seeds"


@dataclass(frozen=True)
class Finding:
    """What one cell shows of a statement.

    Attributes:
        cell: the values on the axes that the claim leaves open, as ``model=fnn``; empty if there are none.
        evidence: the verdict on this cell alone, with its p values.
        number: which number the statement speaks of.
        effect: the mean over seeds in `unit`: of differences, of ratios (geometric), of values, of slopes or of
            Kendall's τ; or the share of the seeds.
        low: lower end of its 95% interval; of a share the lower bound that holds with 95%.
        high: upper end.
        n: how many seeds.
        unit: ``pp``, ``×``, ``%``, ``τ``, ``% of seeds`` or the metric's own; slopes per step of the axis.
        reason: why there is no verdict, and which seeds do not count.
    """

    cell: str
    evidence: Evidence = NOT_RUN
    number: Number = "value"
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    unit: str = ""
    reason: str = ""

    @property
    def judgement(self) -> Judgement:
        """The verdict on this cell alone."""
        return self.evidence.judgement


def find(statement: Statement, sample: Sample, metric: Metric) -> Finding:
    """Judge one cell.

    Args:
        statement: what is said, and of which number.
        sample: the cell's values.
        metric: the metric.
    """
    blank = Finding(sample.cell, number=statement.number)
    if sample.problem:
        return replace(blank, reason=_joined(sample.problem, sample.remark))
    found = estimate(statement.number, sample, metric)
    if isinstance(found, str):
        return replace(blank, n=len(sample.arms[0]), reason=_joined(found, sample.remark))
    if statement.share_bound is not None:
        return _of_share(replace(blank, reason=sample.remark), statement, found)
    interval, bound = found.interval, found.scaled(statement.bound)
    return replace(
        blank,
        evidence=of_mean(interval, bound) if statement.equivalent is None else of_equivalence(interval, bound.high),
        effect=found.displayed(interval.mean),
        low=found.displayed(interval.low),
        high=found.displayed(interval.high),
        n=interval.n,
        unit=found.unit,
        reason=_joined(interval.obstacle, sample.remark),
    )


def deciding(findings: Sequence[Finding], alternatives: bool = False) -> list[Finding]:
    """Findings in the order in which they decide: what refutes most first, then what was not run, then the weakest support.

    Args:
        findings: those of the cells of a statement, or of several statements.
        alternatives: whether one is enough; then what supports most comes first.
    """
    key = _support if alternatives else _refutation
    return sorted(findings, key=key)


def _refutation(finding: Finding) -> tuple[int, float, float]:
    evidence = finding.evidence
    refutes, supports = evidence.refutes, evidence.supports
    return FIRST.index(evidence.judgement), 1.0 if refutes is None else refutes, 0.0 if supports is None else -supports


def _support(finding: Finding) -> tuple[bool, float, float]:
    refutes, supports = finding.evidence.refutes, finding.evidence.supports
    return finding.judgement == "not run", 1.0 if supports is None else supports, 0.0 if refutes is None else -refutes


def _of_share(blank: Finding, statement: Statement, found: Estimate) -> Finding:
    true = sum(statement.bound.holds(found.plain(float(value))) for value in found.each)
    seeds: Share = share(true, len(found.each))
    bound = statement.share_bound or statement.bound
    evidence = of_share(seeds, bound)
    few = found.interval.obstacle if evidence is NOT_RUN else ""
    reason = _joined(few, f"true of {true} of {seeds.n} seeds", blank.reason)
    low, high = 100 * seeds.low, 100 * seeds.high
    return replace(blank, evidence=evidence, effect=100 * seeds.mean, low=low, high=high, n=seeds.n, unit=SHARE_UNIT, reason=reason)


def _joined(*pieces: str) -> str:
    return "; ".join(filter(None, pieces))
