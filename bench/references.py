"""What claims and tables of a suite refer to: metrics that are measured, settings that some cell has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench import yaml
from bench.blocks import Profile
from bench.cells import CATALOGS
from bench.claim import Assertion, Claim
from bench.errors import BenchError, UsageError, did_you_mean
from bench.resolve import ResolvedExperiment
from bench.selection import Selection, text
from bench.suite import Suite


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
        for claim_name, claim in suite.file.experiments[name].claims.items():
            if profile in claim.profiles:
                for path, assertion in _assertions(claim):
                    for inner, message in _of_assertion(assertion, profile, experiment):
                        yield UsageError(message, suite.document.place(("experiments", name, "claims", claim_name, *path, *inner)))


def _assertions(claim: Claim) -> Iterator[tuple[yaml.KeyPath, Assertion]]:
    """The statements of a claim, each with where it stands below the claim."""
    for index, assertion in enumerate(claim.assertions):
        yield (claim.joint, index) if claim.joint else (), assertion


def _of_assertion(assertion: Assertion, profile: Profile, experiment: ResolvedExperiment) -> Iterator[tuple[yaml.KeyPath, str]]:
    """What leads nowhere, with where it stands below the statement."""
    known = _metrics(experiment)
    if assertion.metric not in known:
        yield ("metric",), f"no measure of the experiment gives {assertion.metric!r}. {did_you_mean(assertion.metric, known)}"
    missing = False
    for side, wanted in _sides(assertion):
        if missing := not any(Selection.equal(wanted).matches(*place) for place in _places(experiment)):
            shown = ", ".join(f"{key}={text(value)}" for key, value in wanted.items())
            yield (side,), f"no cell at profile {profile} has {shown}"
    axes = {axis for _, place in _places(experiment) for axis in place}
    for index, axis in enumerate(assertion.pool):
        if axis not in axes:
            yield ("pool", index), f"{axis!r} is no axis at profile {profile}. {did_you_mean(axis, axes)}"
    if assertion.along and not missing:
        # The size of a full batch is that of the data, which is not known here.
        flat = [cell.cell.flat() for cell in experiment.cells if cell.cell.batch_size != "full"]
        levels = assertion.along.levels(flat) if len(flat) == len(experiment.cells) else []
        if isinstance(levels, str):
            yield ("trend",), f"at profile {profile} {levels}"


def _of_tables(suite: Suite, experiments: Mapping[str, ResolvedExperiment]) -> Iterator[BenchError]:
    for name, table in suite.file.tables.items():
        experiment = experiments.get(table.experiment)
        known = _metrics(experiment) if experiment else set(table.values)
        for index, value in enumerate(table.values):
            if value not in known:
                message = f"no measure of experiment {table.experiment!r} gives {value!r}. {did_you_mean(value, known)}"
                yield UsageError(message, suite.document.place(("tables", name, "values", index)))


def _places(experiment: ResolvedExperiment) -> Iterator[tuple[Mapping[str, Any], Mapping[str, str]]]:
    """The settings and the axes of each cell, and of each pair of cells."""
    yield from ((cell.cell.flat(), cell.axes) for cell in experiment.cells)
    yield from ((pair.flat(), pair.axes) for pair in experiment.pairs)


def _metrics(experiment: ResolvedExperiment) -> set[str]:
    return {metric.name for spec in experiment.measures for metric in CATALOGS["measure"][spec.name].traits["metrics"]}


def _sides(assertion: Assertion) -> Iterator[tuple[str, Mapping[str, Any]]]:
    where = assertion.along.where if assertion.along else None
    for side, wanted in (("contrast", assertion.contrast), ("against", assertion.against), ("value", assertion.value), ("trend", where)):
        if wanted:
            yield side, wanted
