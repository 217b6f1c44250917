"""What published results say of a suite's claims, to stand beside ours."""

from __future__ import annotations

from collections.abc import Mapping

from bench.analysis.claims import Verdict, judge
from bench.report.current import current
from bench.report.source import Rows
from bench.suite import Suite
from bench.suite_file import PROFILES

Published = Mapping[tuple[str, str], Verdict]
"""(experiment, claim) -> its verdict."""


def published_verdicts(suite: Suite, registry: Rows | None) -> Published:
    """Judge the claims of a suite by published rows, at the largest scale that has some.

    Args:
        suite: the suite.
        registry: where published results are, if anywhere.

    Returns:
        The verdict on each claim that was run.

    Raises:
        UsageError: if a claim asks for what the rows do not have, as for other rows.
    """
    if registry is None:
        return {}
    runs, metrics = registry.runs(), registry.metrics()
    mine = current(runs[(runs["suite"] == suite.name) & (runs["variant"] == "")])
    found: dict[tuple[str, str], Verdict] = {}
    for profile in PROFILES:
        verdicts = judge(suite, profile, mine[mine["profile"] == profile], metrics) if (mine["profile"] == profile).any() else []
        found |= {(verdict.experiment, verdict.claim): verdict for verdict in verdicts if verdict.verdict != "not run"}
    return found
