"""Claims: what a suite says that its source found, judged by the rows of the registry.

The verdict is about what the source says; the size that it names is judged beside it, and never contradicts a claim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import pandas as pd

from bench.analysis.arms import Sample, samples
from bench.analysis.findings import FIRST, Finding, Judgement, find, together
from bench.analysis.points import points
from bench.errors import did_you_mean
from bench.metric import Metric
from bench.suite import Suite
from bench.suite_file import Claim, Experiment, Statement

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
        metric: the metric.
        says: the statement, as ``difference > 0``.
        verdict: reproduced, contradicted, inconclusive or not run.
        size: whether the size that the source names is met; — if it names none, or it cannot be judged.
        size_says: that size, as ``difference >= 0.02``.
        source: the source's own values.
        reason: why.
        findings: what each cell shows; the cell that decides comes first.
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
    contradicted when u < a or l > b; else inconclusive. A claim about k cells is reproduced when each reproduces it
    (intersection–union, no correction), contradicted when one does so at the level 1 − 0.05/k (the first step of Holm's).

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
        grid = points(rows[rows["suite_version"] == suite.file.version])
        absent = f"the rows are of another version of the suite than {suite.file.version}" if len(rows) else "there are no rows"
        for claim_name, claim in experiment.claims.items():
            verdict = _blank(claim_name, name, experiment)
            reason = _not_run(claim, profile, metrics) or ("" if grid else absent)
            verdicts.append(replace(verdict, reason=reason) if reason else _judged(verdict, claim, samples(claim, grid), metrics[claim.metric]))
    return verdicts


def _not_run(claim: Claim, profile: str, metrics: Mapping[str, Metric]) -> str:
    """Why a claim is not judged whatever rows there are, or an empty text."""
    if profile not in claim.profiles:
        return f"{ABOUT} {' and '.join(claim.profiles)}"
    return "" if claim.metric in metrics else f"no row has the metric {claim.metric!r}. {did_you_mean(claim.metric, metrics)}"


def _blank(name: str, experiment_name: str, experiment: Experiment) -> Verdict:
    """The verdict on a claim that was not run."""
    claim = experiment.claims[name]
    size_says = _says(claim.size) if claim.size else ""
    source = claim.source or {}
    return Verdict(name, experiment_name, experiment.figure or "", claim.text, claim.metric, _says(claim.says), "not run", "—", size_says, source, "")


def _judged(blank: Verdict, claim: Claim, cells: Sequence[Sample], metric: Metric) -> Verdict:
    findings = [find(claim.says, sample, metric, len(cells)) for sample in cells]
    verdict = together(findings)
    size = SIZES[together([find(claim.size, sample, metric, len(cells)) for sample in cells])] if claim.size else "—"
    ordered = sorted(findings, key=lambda finding: (not finding.refuted, FIRST.index(finding.judgement), finding.margin))
    return replace(blank, verdict=verdict, size=size, reason=_reason(verdict, ordered), findings=tuple(ordered))


def _reason(verdict: Judgement, ordered: Sequence[Finding]) -> str:
    """What decided, and which seeds do not count."""
    first = ordered[0]
    corrected = verdict != "contradicted" and first.judgement == "contradicted"
    pieces = [
        f"{first.cell} decides, of {len(ordered)} cells" if len(ordered) > 1 and first.cell else "",
        f"against it there, but not after correction over {len(ordered)} cells" if corrected else "",
        *(f"{finding.cell}: {finding.reason}" if finding.cell else finding.reason for finding in ordered if finding.reason),
    ]
    return "; ".join(filter(None, pieces))


def _says(statement: Statement) -> str:
    return f"{statement.kind} {statement.bound.text.strip()}"
