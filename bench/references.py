"""What claims, tables and figures of a suite refer to: metrics that are measured, settings that some cell has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench import yaml
from bench.blocks import Profile
from bench.cells import CATALOGS
from bench.claim import Assertion, Claim
from bench.errors import BenchError, SuiteError, UsageError, did_you_mean
from bench.metric import COURSE
from bench.pairs import AXIS
from bench.resolve import ResolvedExperiment, attempt, in_order
from bench.selection import Selection, text
from bench.suite import Suite
from bench.suite_file import CELL_KEYS, DOTTED_KEYS, PROFILES, Figure, Table


def check(suite: Suite, max_cells: int) -> dict[Profile, list[ResolvedExperiment]]:
    """Check a suite at every profile.

    Args:
        suite: the suite, with the problems found so far.
        max_cells: how many cells an experiment may have.

    Returns:
        Its experiments at each profile.

    Raises:
        SuiteError: with every problem at any profile; one that is not there at each says at which it is.
    """
    tried = {profile: attempt(suite, profile, max_cells) for profile in PROFILES}
    loose = [problem for profile, (experiments, _) in tried.items() for problem in dangling(suite, profile, experiments)]
    found = {profile: {str(problem): problem for problem in problems} for profile, (_, problems) in tried.items()}
    everywhere = set.intersection(*map(set, found.values()))
    wrong = [problem if key in everywhere else _at(profile, problem) for profile, those in found.items() for key, problem in those.items()]
    if wrong or loose:
        raise SuiteError(in_order([*wrong, *loose]))
    return {profile: experiments for profile, (experiments, _) in tried.items()}


def _at(profile: Profile, problem: BenchError) -> BenchError:
    """The problem, which says at which profile it is."""
    return UsageError(f"at profile {profile}: {problem.message}", problem.place, problem.hint)


def resolve_whole(suite: Suite, profile: Profile, max_cells: int) -> list[ResolvedExperiment]:
    """Resolve all of a suite at a profile, and check what it refers to.

    Raises:
        SuiteError: with every problem at that profile.
    """
    experiments, problems = attempt(suite, profile, max_cells)
    if problems := [*problems, *dangling(suite, profile, experiments)]:
        raise SuiteError(in_order(problems))
    return experiments


def dangling(suite: Suite, profile: Profile, experiments: Sequence[ResolvedExperiment]) -> list[BenchError]:
    """The references of a suite that lead nowhere at a profile.

    Args:
        suite: the suite.
        profile: the scale; claims about others are left alone.
        experiments: its experiments, resolved at that profile without overrides; of those without cells, which are not
            sound, metrics are looked for alone.
    """
    by_name = {experiment.name: experiment for experiment in experiments}
    return [*_of_claims(suite, profile, by_name), *_of_report(suite, by_name)]


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
    if not experiment.cells:
        return
    missing = False
    for side, wanted in _sides(assertion):
        if missing := not any(Selection.equal(wanted).matches(*place) for place in _places(experiment)):
            shown = ", ".join(f"{key}={text(value)}" for key, value in wanted.items())
            known = _keys(experiment)
            guesses = " ".join(did_you_mean(key, known) for key in wanted if key not in known)
            yield (side,), f"no cell at profile {profile} has {shown}{f'. {guesses}' if guesses else ''}"
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


def _of_report(suite: Suite, experiments: Mapping[str, ResolvedExperiment]) -> Iterator[BenchError]:
    """What tables and figures name that leads nowhere."""
    declared: dict[str, Mapping[str, Table | Figure]] = {"tables": suite.file.tables, "figures": suite.file.figures}
    for block, entries in declared.items():
        for name, entry in entries.items():
            if experiment := experiments.get(entry.experiment):
                for path, message in _of_table(entry, experiment) if isinstance(entry, Table) else _of_figure(entry, experiment):
                    yield UsageError(message, suite.document.place((block, name, *path)))


def _of_table(table: Table, experiment: ResolvedExperiment) -> Iterator[tuple[yaml.KeyPath, str]]:
    """What leads nowhere, with where it stands below the table."""
    known = _keys(experiment)
    yield from ((("rows", index), _no_key(key, known)) for index, key in enumerate(table.rows) if key not in known)
    selections = {group: Selection.parse(expression).keys() for group, expression in table.columns.items()}
    yield from ((("columns", group), _no_key(key, known)) for group, keys in selections.items() for key in sorted(keys - known))
    metrics = _metrics(experiment)
    for index, value in enumerate(table.values):
        if value not in metrics:
            yield ("values", index), f"no measure of experiment {table.experiment!r} gives {value!r}. {did_you_mean(value, metrics)}"
    named = {*table.rows, *table.values}.union(*selections.values())
    for index, entry in enumerate(table.reference):
        yield from ((("reference", index, key), f"the table has no {key!r}. {did_you_mean(key, named)}") for key in entry if key not in named)


def _of_figure(figure: Figure, experiment: ResolvedExperiment) -> Iterator[tuple[yaml.KeyPath, str]]:
    """What leads nowhere, with where it stands below the figure."""
    known = _keys(experiment)
    yield from ((("by", index), _no_key(key, known)) for index, key in enumerate(figure.by) if key not in known)
    metrics = _metrics(experiment) if figure.kind == "heatmap" else {*COURSE, *_metrics(experiment, table="history")}
    if figure.kind in ("heatmap", "curves"):
        for index, value in enumerate(figure.y):
            if value not in metrics:
                what = "is no metric over training" if figure.kind == "curves" else f"is given by no measure of experiment {figure.experiment!r}"
                yield ("y", index), f"{value!r} {what}. {did_you_mean(value, metrics)}"


def _no_key(key: str, known: set[str]) -> str:
    return f"no cell has {key!r}. {did_you_mean(key, known)}"


def _keys(experiment: ResolvedExperiment) -> set[str]:
    """What cells can be told apart by: their axes, their settings, and those that cells of other parts have; and the seed."""
    parts = {f"{kind}.{name}" for kind in DOTTED_KEYS if kind in CATALOGS for part in CATALOGS[kind] for name in part.column_types()}
    return {"seed", *CELL_KEYS, *experiment.keys, *({AXIS} if experiment.pairs else ()), *parts}


def _places(experiment: ResolvedExperiment) -> Iterator[tuple[Mapping[str, Any], Mapping[str, str]]]:
    """The settings and the axes of each cell, and of each pair of cells."""
    yield from ((cell.cell.flat(), cell.axes) for cell in experiment.cells)
    yield from ((pair.flat(), pair.axes) for pair in experiment.pairs)


def _metrics(experiment: ResolvedExperiment, table: str | None = None) -> set[str]:
    """What the experiment's measures give; with a table, those that fill it."""
    parts = [CATALOGS["measure"][spec.name] for spec in experiment.measures]
    return {metric.name for part in parts if table in (None, part.traits["table"]) for metric in part.traits["metrics"]}


def _sides(assertion: Assertion) -> Iterator[tuple[str, Mapping[str, Any]]]:
    where = assertion.along.where if assertion.along else None
    for side, wanted in (("contrast", assertion.contrast), ("against", assertion.against), ("value", assertion.value), ("trend", where)):
        if wanted:
            yield side, wanted
