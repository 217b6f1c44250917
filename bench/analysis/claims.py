"""Claims: what a suite says that its source found, judged by the rows of the registry.

The verdict is about what the source says; the size that it names is judged beside it, and never contradicts a claim.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import pandas as pd

from bench.analysis.arms import Grid, Sample, samples
from bench.analysis.budgets import shortfall
from bench.analysis.evidence import ALPHA, NOT_RUN, Evidence, Judgement, all_of, any_of
from bench.analysis.findings import SHARE_UNIT, Finding, deciding, find
from bench.analysis.multiplicity import benjamini_hochberg, holm
from bench.analysis.placed import Placed
from bench.claim import Assertion, Budget, Claim
from bench.errors import did_you_mean
from bench.metric import Metric
from bench.statement import Statement
from bench.suite import Suite
from bench.suite_file import Experiment

Size = Literal["met", "not met", "unclear", "—"]
ABOUT = "about the profile"
"""How the reason begins where a claim is about another profile."""

SIZES: Mapping[Judgement, Size] = {"reproduced": "met", "contradicted": "not met", "inconclusive": "unclear", "not run": "—"}


@dataclass(frozen=True)
class Verdict:
    """What the rows say of a claim.

    Attributes:
        claim: its name.
        experiment: the experiment that it stands in.
        figure: the source's figure or table.
        text: the claim in words.
        metric: the metric; of several statements each of theirs.
        says: the statement, as ``difference > 0``; several are joined by ``and`` or ``or``, each with its metric.
        verdict: reproduced, contradicted, inconclusive or not run.
        size: whether the size that the source names is met; — if it names none, or it cannot be judged.
        size_says: that size, as ``difference >= 0.02``.
        source: the source's own values.
        reason: why.
        findings: what each cell shows; the cell that decides comes first.
        several: whether it makes several statements.
        evidence: p of what reproduces it, and of what contradicts it; over all its cells and statements.
        q: p of reproducing it, adjusted by Benjamini and Hochberg over the claims of its experiment; None if not judged.
        adjusted: p of contradicting it, adjusted by Holm over the claims of the suite; None if not judged.
    """

    claim: str
    experiment: str
    figure: str
    text: str
    metric: str
    says: str
    verdict: Judgement
    size: Size
    size_says: str
    source: Mapping[str, float]
    reason: str
    findings: tuple[Finding, ...] = ()
    several: bool = False
    evidence: Evidence = NOT_RUN
    q: float | None = None
    adjusted: float | None = None

    @property
    def fails(self) -> bool:
        """Whether it is contradicted after correction over the claims of the suite."""
        return self.verdict == "contradicted" and self.adjusted is not None and self.adjusted <= ALPHA

    @property
    def source_effect(self) -> float | None:
        """The source's figure for what `effect` shows, in `unit`: under the name of the number, or of the metric for a value."""
        if not self.findings or self.findings[0].effect is None:
            return None
        first = self.findings[0]
        names = ["share"] if first.unit == SHARE_UNIT else [first.number, *([self.metric] if first.number == "value" else [])]
        given = next((self.source[name] for name in names if name in self.source), None)
        in_hundredths = first.unit.startswith(("pp", "%"))
        return given if given is None or not in_hundredths else 100 * given

    @property
    def effect(self) -> float | None:
        """The effect in the cell that decides, in `unit`."""
        return self.findings[0].effect if self.findings else None

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """Its 95% interval."""
        return (self.findings[0].low, self.findings[0].high) if self.findings else (None, None)

    @property
    def n(self) -> int:
        """Its number of seeds."""
        return self.findings[0].n if self.findings else 0

    @property
    def unit(self) -> str:
        """``pp``, ``×``, ``%`` or the metric's own."""
        return self.findings[0].unit if self.findings else ""

    def row(self) -> dict[str, Any]:
        """A flat form; effect, interval and n are those of the cell that decides."""
        return {
            "experiment": self.experiment,
            "claim": self.claim,
            "figure": self.figure,
            "text": self.text,
            "metric": self.metric,
            "says": self.says,
            "verdict": self.verdict,
            "q": self.q if self.verdict == "reproduced" else None,
            "adjusted_p": self.adjusted,
            "effect": self.effect,
            "low": self.interval[0],
            "high": self.interval[1],
            "unit": self.unit,
            "n": self.n,
            "cells": len(self.findings),
            "size": self.size,
            "size_says": self.size_says,
            "source": ", ".join(f"{name} = {value:g}" for name, value in self.source.items()),
            "reason": self.reason,
        }


def judge(suite: Suite, profile: str, runs: pd.DataFrame, metrics: Mapping[str, Metric], variant: str = "") -> list[Verdict]:
    """Judge every claim of a suite.

    With the 95% interval [l, u] of the effect over seeds and a bound (a, b): reproduced when a < l and u < b;
    contradicted when u < a or l > b; else inconclusive. A claim about k cells, or about all of k statements, is
    reproduced when each reproduces it (intersection–union, no correction), contradicted when one does so at the level
    1 − 0.05/k (the first step of Holm's); one that any of k statements makes true the other way round. Verdicts are not
    corrected over claims: q stands beside those that reproduce, and `Verdict.fails` tells which contradict after Holm's
    correction over the suite.

    Args:
        suite: the suite; only rows of its present version count.
        profile: the profile.
        runs: rows of `runs` of one state; those of other suites, profiles and variants are left out.
        metrics: metric -> its description.
        variant: the ``--set`` overrides.

    Returns:
        A verdict per claim, in the suite's order.

    Raises:
        UsageError: if the rows are of several states.
    """
    mine = runs[(runs["suite"] == suite.name) & (runs["profile"] == profile) & (runs["variant"] == variant)]
    verdicts = []
    for name, experiment in suite.file.experiments.items():
        rows = mine[mine["experiment"] == name]
        grid = dict(Placed(rows[rows["suite_version"] == suite.file.version]))
        absent = f"the rows are of another version of the suite than {suite.file.version}" if len(rows) else "there are no rows"
        found = []
        for claim_name, claim in experiment.claims.items():
            verdict = _blank(claim_name, name, experiment)
            reason = _not_run(claim, profile, metrics) or ("" if grid else absent)
            found.append(replace(verdict, reason=reason) if reason else _judged(verdict, claim, grid, metrics, profile))
        qs = _corrected([verdict.evidence.supports for verdict in found], benjamini_hochberg)
        verdicts += [replace(verdict, q=q) for verdict, q in zip(found, qs, strict=True)]
    adjusted = _corrected([verdict.evidence.refutes for verdict in verdicts], holm)
    return [_told(replace(verdict, adjusted=p)) for verdict, p in zip(verdicts, adjusted, strict=True)]


def _corrected(p_values: Sequence[float | None], correction: Callable[[Sequence[float]], list[float]]) -> list[float | None]:
    """P values corrected for how many there are; None stays None and is not counted."""
    known = iter(correction([p for p in p_values if p is not None]))
    return [None if p is None else next(known) for p in p_values]


def _told(verdict: Verdict) -> Verdict:
    """The verdict, which says so where it is contradicted by itself and not among all claims of its suite."""
    if verdict.verdict != "contradicted" or verdict.fails or verdict.adjusted is None:
        return verdict
    remark = f"not contradicted after correction over the suite's claims (p = {verdict.adjusted:.2g})"
    return replace(verdict, reason="; ".join(filter(None, (remark, verdict.reason))))


def _not_run(claim: Claim, profile: str, metrics: Mapping[str, Metric]) -> str:
    """Why a claim is not judged whatever rows there are, or an empty text."""
    if profile not in claim.profiles:
        return f"{ABOUT} {' and '.join(claim.profiles)}"
    unknown = [metric for metric in dict.fromkeys(assertion.metric for assertion in claim.assertions) if metric not in metrics]
    return "; ".join(f"no row has the metric {metric!r}. {did_you_mean(metric, metrics)}" for metric in unknown)


def _blank(name: str, experiment_name: str, experiment: Experiment) -> Verdict:
    """The verdict on a claim that was not run."""
    claim = experiment.claims[name]
    metric = ", ".join(dict.fromkeys(assertion.metric for assertion in claim.assertions))
    says, size_says = (_joined(claim, [(assertion, getattr(assertion, key)) for assertion in claim.assertions]) for key in ("says", "size"))
    return Verdict(
        name, experiment_name, experiment.figure or "", claim.text, metric, says, "not run", "—", size_says, claim.source or {}, "", several=bool(claim.joint)
    )


def _joined(claim: Claim, statements: Sequence[tuple[Assertion, Statement | None]]) -> str:
    """What a claim says, in one line; what it says of several cells alike is said once."""
    said = [(assertion.metric, _said(assertion, statement)) for assertion, statement in statements if statement]
    counts = Counter(f"{metric} {words}" if claim.joint else words for metric, words in said)
    some = "any" if claim.joint == "any" else "each"
    texts = [f"{text} in {some} of {count}" if count > 1 else text for text, count in counts.items()]
    return (" or " if claim.joint == "any" else " and ").join(texts)


def _said(assertion: Assertion, statement: Statement) -> str:
    """A statement in words, with how many times one side is taken."""
    return f"{statement}" if assertion.times is None else f"{statement} from {assertion.times:g} times as much"


def _judged(blank: Verdict, claim: Claim, grid: Grid, metrics: Mapping[str, Metric], profile: str) -> Verdict:
    budget = claim.budget and claim.budget.of(profile)
    together = any_of if claim.joint == "any" else all_of
    says, sizes, findings = [], [], []
    for index, assertion in enumerate(claim.assertions, 1):
        cells = [_long_enough(sample, budget) for sample in samples(assertion, grid)]
        metric = metrics[assertion.metric]
        here = [find(assertion.says, sample, metric) for sample in cells]
        says.append(all_of([finding.evidence for finding in here]))
        if assertion.size and budget == claim.budget:
            sizes.append(all_of([find(assertion.size, sample, metric).evidence for sample in cells]))
        findings.append([replace(finding, cell=_labelled(claim, index, finding.cell)) for finding in here])
    evidence = together(says)
    ordered = _ordered(claim, findings)
    size = SIZES[together(sizes).judgement] if sizes else "—"
    reason = _reason(evidence.judgement, ordered, "" if claim.joint else " cells")
    return replace(blank, verdict=evidence.judgement, size=size, reason=reason, findings=tuple(ordered), evidence=evidence)


def _long_enough(sample: Sample, budget: Budget | None) -> Sample:
    return replace(sample, problem=sample.problem or shortfall(budget, sample.rows))


def _labelled(claim: Claim, index: int, cell: str) -> str:
    """A cell's name, with the number of the statement before it where the claim makes several."""
    return ", ".join(filter(None, (f"statement {index}" if claim.joint else "", cell)))


def _ordered(claim: Claim, findings: Sequence[Sequence[Finding]]) -> list[Finding]:
    """All findings, the one that decides first: of each statement the worst cell, of any of several the best such one."""
    groups = [deciding(group) for group in findings]
    if claim.joint != "any":
        return deciding([finding for group in groups for finding in group])
    first = deciding([group[0] for group in groups], alternatives=True)
    return first + [finding for group in groups for finding in group[1:]]


def _reason(verdict: Judgement, ordered: Sequence[Finding], noun: str) -> str:
    """What decided, and which seeds do not count."""
    first = ordered[0]
    several = len(ordered) > 1
    corrected = several and verdict in ("inconclusive", "not run") and first.judgement in ("contradicted", "reproduced")
    against = "against it" if first.judgement == "contradicted" else "for it"
    pieces = [
        f"{first.cell} decides, of {len(ordered)}{noun}" if several and first.cell else "",
        f"{against} there, but not after correction over {len(ordered)}{noun}" if corrected else "",
        *dict.fromkeys(f"{finding.cell}: {finding.reason}" if finding.cell else finding.reason for finding in ordered if finding.reason),
    ]
    return "; ".join(filter(None, pieces))
