"""What the report of one suite at one profile holds: its claims, tables and figures, from the rows alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import get_args

import pandas as pd

from bench.analysis.claims import judge
from bench.errors import UsageError
from bench.metric import Metric
from bench.report.predictors import predictor_table
from bench.report.published import published_verdicts
from bench.report.source import Rows
from bench.report.suite_table import suite_table
from bench.report.summary import failed
from bench.report.table import Table
from bench.report.tables import experiment_table
from bench.report.verdicts import verdict_table
from bench.suite import Suite
from bench.suite_file import NAME, Experiment
from bench.suite_file import Figure as FigureSpec


@dataclass(frozen=True)
class Content:
    """The report of one suite at one profile.

    Attributes:
        name: the suite.
        profile: the profile.
        variant: the ``--set`` overrides, or empty.
        rows: its rows of `runs`, one state per experiment.
        suite: the suite file, or None if it is lost.
        claims: verdicts; None if the suite makes no claims.
        tables: the tables that the suite declares, by name, then those of what predicts the generalization gap.
        experiments: a table per experiment, by name.
        figures: what to draw, by name.
        remarks: what a reader must know first.
    """

    name: str
    profile: str
    variant: str
    rows: pd.DataFrame
    suite: Suite | None
    claims: Table | None
    tables: Mapping[str, Table]
    experiments: Mapping[str, Table]
    figures: Mapping[str, FigureSpec]
    remarks: tuple[str, ...]

    @property
    def title(self) -> str:
        """The suite's title, or its name."""
        return self.suite.file.title if self.suite else self.name

    def tables_of(self, experiments: Collection[str]) -> list[Table]:
        """The tables of some experiments: those that the suite declares for them, and else each experiment's own.

        Args:
            experiments: names; where they are all of the suite's, its declared tables speak for the whole.
        """
        declared = {name: spec.experiment for name, spec in self.suite.file.tables.items()} if self.suite else {}
        chosen = [table for name, table in self.tables.items() if declared.get(name) in experiments]
        if chosen and set(self.experiments) <= set(experiments):
            return chosen
        return chosen + [table for name, table in self.experiments.items() if name in experiments and name not in declared.values()]

    def experiment(self, name: str) -> Experiment | None:
        """An experiment as the suite file has it."""
        return self.suite.file.experiments.get(name) if self.suite else None


def gather(rows: pd.DataFrame, suite: Suite | None, metrics: Mapping[str, Metric], published: Rows | None = None) -> Content:
    """Build the content from rows of one suite, profile and variant.

    Args:
        rows: rows of `runs`, one state per experiment.
        suite: the suite file; without it each experiment gets its table and figures, and there are no claims.
        metrics: what the registry says of its metrics.
        published: the registry of published results.
    """
    first = rows.iloc[0]
    present = [str(name) for name in sorted(rows["experiment"].unique()) if NAME.fullmatch(str(name))]
    names = [name for name in suite.file.experiments if name in present] if suite else present
    shown = rows[rows["experiment"].isin(names)]
    claims, problem = _claims(suite, shown, metrics, published)
    tables = _tables(suite, names, shown, metrics)
    return Content(
        name=str(first["suite"]),
        profile=str(first["profile"]),
        variant=str(first["variant"]),
        rows=shown,
        suite=suite,
        claims=claims,
        tables=tables | _predictors(suite, names, shown, metrics) | tables,
        experiments={name: experiment_table(shown, name, metrics, title=_experiment_title(suite, name)) for name in names},
        figures=_figures(suite, names),
        remarks=(*_remarks(rows, suite, names), *problem),
    )


def _claims(suite: Suite | None, rows: pd.DataFrame, metrics: Mapping[str, Metric], published: Rows | None) -> tuple[Table | None, tuple[str, ...]]:
    if suite is None or rows.empty or not any(experiment.claims for experiment in suite.file.experiments.values()):
        return None, ()
    first = rows.iloc[0]
    try:
        verdicts = judge(suite, first["profile"], rows, metrics, first["variant"])
        return verdict_table(verdicts, published=published_verdicts(suite, published)), ()
    except UsageError as error:
        return None, (f"The claims are not judged: {error}",)


def _tables(suite: Suite | None, names: list[str], rows: pd.DataFrame, metrics: Mapping[str, Metric]) -> dict[str, Table]:
    specs = suite.file.tables if suite else {}
    return {name: suite_table(spec, rows, metrics, name) for name, spec in specs.items() if spec.experiment in names}


def _predictors(suite: Suite | None, names: list[str], rows: pd.DataFrame, metrics: Mapping[str, Metric]) -> dict[str, Table]:
    """What predicts the generalization gap, of the experiments that can tell."""
    titled = {name: f"{_experiment_title(suite, name)}: predictors of the generalization gap" for name in names}
    found = {name: predictor_table(rows[rows["experiment"] == name], metrics, title) for name, title in titled.items()}
    return {f"predictors-{name}": table for name, table in found.items() if table is not None}


def _figures(suite: Suite | None, names: list[str]) -> dict[str, FigureSpec]:
    """The figures that the suite declares; for an experiment without any, one of each kind."""
    specs = suite.file.figures if suite else {}
    declared = {name: spec for name, spec in specs.items() if spec.experiment in names}
    without = [name for name in names if name not in {spec.experiment for spec in declared.values()}]
    usual = {f"{name}-{kind}": FigureSpec(experiment=name, kind=kind) for name in without for kind in get_args(FigureSpec.model_fields["kind"].annotation)}
    return {name: spec.model_copy(update={"title": spec.title or _experiment_title(suite, spec.experiment)}) for name, spec in {**usual, **declared}.items()}


def _experiment_title(suite: Suite | None, name: str) -> str:
    experiment = suite.file.experiments.get(name) if suite else None
    return experiment.title if experiment and experiment.title else name


def _remarks(rows: pd.DataFrame, suite: Suite | None, names: list[str]) -> list[str]:
    total, good = len(rows), int((rows["status"] == "ok").sum())
    remarks = [f"{good} of {total} runs are ok{f'; {failed(rows)}' if good < total else ''}."]
    gone = sorted({str(name) for name in rows["experiment"]} - set(names))
    if gone:
        remarks.append(f"Not in the suite file, and not shown: {', '.join(gone)}.")
    if suite is None:
        return [*remarks, "The suite file is lost: there are no claims and no declared tables or figures."]
    versions = sorted({int(version) for version in rows["suite_version"]} - {suite.file.version})
    if versions:
        remarks.append(f"There are rows of version {', '.join(map(str, versions))} of the suite; the suite file is version {suite.file.version}.")
    absent = [name for name in suite.file.experiments if name not in names]
    if absent:
        remarks.append(f"No runs yet of: {', '.join(absent)}.")
    return remarks
