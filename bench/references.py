"""What claims and tables of a suite refer to: metrics that are measured, settings that some cell has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.cells import CATALOGS
from bench.errors import BenchError, UsageError, did_you_mean
from bench.resolve import ResolvedExperiment
from bench.selection import Selection, text
from bench.suite import Suite
from bench.suite_file import Claim, Profile


def dangling(suite: Suite, profile: Profile, experiments: Sequence[ResolvedExperiment]) -> list[BenchError]:
    """The references of a suite that lead nowhere at a profile.

    Args:
        suite: the suite.
        profile: the scale; claims about others are left alone.
        experiments: all its experiments, resolved at that profile without overrides.
    """
    by_name = {experiment.name: experiment for experiment in experiments}
    return [*_of_claims(suite, profile, by_name), *_of_tables(suite, by_name)]


def _of_claims(suite: Suite, profile: Profile, experiments: Mapping[str, ResolvedExperiment]) -> Iterator[BenchError]:
    for name, experiment in experiments.items():
        known = _metrics(experiment)
        for claim_name, claim in suite.file.experiments[name].claims.items():
            if profile not in claim.profiles:
                continue
            path = ("experiments", name, "claims", claim_name)
            if claim.metric not in known:
                message = f"no measure of the experiment gives {claim.metric!r}. {did_you_mean(claim.metric, known)}"
                yield UsageError(message, suite.document.place((*path, "metric")))
            for side, wanted in _sides(claim):
                if not any(Selection.equal(wanted).matches(cell.cell.flat(), cell.axes) for cell in experiment.cells):
                    shown = ", ".join(f"{key}={text(value)}" for key, value in wanted.items())
                    yield UsageError(f"no cell at profile {profile} has {shown}", suite.document.place((*path, side)))


def _of_tables(suite: Suite, experiments: Mapping[str, ResolvedExperiment]) -> Iterator[BenchError]:
    for name, table in suite.file.tables.items():
        experiment = experiments.get(table.experiment)
        known = _metrics(experiment) if experiment else set(table.values)
        for index, value in enumerate(table.values):
            if value not in known:
                message = f"no measure of experiment {table.experiment!r} gives {value!r}. {did_you_mean(value, known)}"
                yield UsageError(message, suite.document.place(("tables", name, "values", index)))


def _metrics(experiment: ResolvedExperiment) -> set[str]:
    return {metric.name for spec in experiment.measures for metric in CATALOGS["measure"][spec.name].traits["metrics"]}


def _sides(claim: Claim) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for side, wanted in (("contrast", claim.contrast), ("against", claim.against), ("value", claim.value)):
        if wanted:
            yield side, wanted
