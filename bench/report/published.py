"""What published results say of a suite's claims, to stand beside ours."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from bench.analysis.claims import Verdict, judge
from bench.metric import Metric
from bench.report.current import current
from bench.suite import Suite
from bench.suite_file import PROFILES

Published = Mapping[tuple[str, str], Verdict]
"""(experiment, claim) -> its verdict."""


def published_verdicts(suite: Suite, runs: pd.DataFrame, metrics: Mapping[str, Metric]) -> Published:
    """Judge the claims of a suite by published rows, at the largest scale that has some.

    Args:
        suite: the suite.
        runs: rows of `runs` of the published registry.
        metrics: what that registry says of its metrics.

    Returns:
        The verdict on each claim that was run.

    Raises:
        UsageError: if a claim asks for what the rows do not have, as for other rows.
    """
    mine = current(runs[(runs["suite"] == suite.name) & (runs["variant"] == "")])
    found: dict[tuple[str, str], Verdict] = {}
    for profile in PROFILES:
        verdicts = judge(suite, profile, mine[mine["profile"] == profile], metrics) if (mine["profile"] == profile).any() else []
        found |= {(verdict.experiment, verdict.claim): verdict for verdict in verdicts if verdict.verdict != "not run"}
    return found
