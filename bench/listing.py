"""What there is, as tables: suites, parts with their parameters, and the runs of a plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import pandas as pd

from bench import suite as suites
from bench.catalog import Catalog, Part, load_entry_points, load_plugin
from bench.cells import CATALOGS
from bench.counted import counted
from bench.datafiles import Files
from bench.errors import BenchError, UsageError, did_you_mean
from bench.measuring import Lacking, lacking_runs
from bench.plan import Plan, PlannedRun
from bench.report.table import Table, plain_table

METRICS = "metrics"
"""The kind of what measures give; all others are kinds of parts."""


def suites_table() -> Table:
    """The named suites."""
    return plain_table("suites", ("name", "title", "experiments"), [_suite_row(name) for name in suites.available(suites.folders())])


def _suite_row(name: str) -> tuple[str, str, str]:
    try:
        suite = suites.load(suites.find(name, suites.folders()))
    except BenchError as error:
        return name, f"cannot be read: {error.message}", ""
    return name, suite.file.title, ", ".join(suite.file.experiments)


def parts_table(kind: str | None, plugins: Sequence[str]) -> Iterator[Table]:
    """The parts of a kind, or of all, with what a suite may set; and the metrics that measures give.

    Args:
        kind: ``models`` or ``model``, or ``metrics``; all by default.
        plugins: files that define further parts.

    Raises:
        UsageError: if there is no such kind.
    """
    load_entry_points()
    for plugin in plugins:
        load_plugin(plugin)
    plurals = {_plural(name): name for name in CATALOGS}
    chosen = plurals.get(kind, kind) if kind else None
    if chosen not in (None, METRICS) and chosen not in CATALOGS:
        raise UsageError(f"there is no kind {kind!r}. {did_you_mean(str(kind), [*plurals, METRICS, 'suites'])}")
    for name, catalog in CATALOGS.items():
        if chosen in (None, name):
            yield _catalog_table(name, catalog)
    if chosen in (None, METRICS):
        yield _metrics_table()


def _plural(kind: str) -> str:
    return f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"


def _catalog_table(kind: str, catalog: Catalog[object]) -> Table:
    return plain_table(_plural(kind), ("name", "parameters", "what it is"), [(part.name, _parameters(part), part.summary) for part in catalog])


def _metrics_table() -> Table:
    """What tables, claims and gates may name, and the measure that a suite asks for to have it."""
    rows = [(metric.name, part.name, metric.better, metric.meaning) for part in CATALOGS["measure"] for metric in part.traits["metrics"]]
    return plain_table(METRICS, ("name", "measure", "better", "what it is"), sorted(rows))


def _parameters(part: Part[object]) -> str:
    fields = part.schema.model_fields.items()
    return ", ".join(name if info.is_required() else f"{name}={info.default!r}" for name, info in fields)


def plan_tables(plan: Plan, packs: int, rows: pd.DataFrame) -> list[Table]:
    """The runs of a plan by experiment, and why they are in their state.

    Args:
        plan: the plan.
        packs: in how many packs its runs are trained.
        rows: rows of `runs`, from which times are estimated; may be empty.
    """
    states = ("done", "reuse", "new", "stale", "failed")
    summary: list[tuple[str | int, ...]] = []
    for experiment, runs in _by_experiment(plan):
        counts = [sum(run.state == state for run in runs) for state in states]
        summary.append((experiment, len({run.run.cell_id for run in runs}), len(runs), *counts))
    to_train = plan.to_train()
    measurable = sum(not each.obstacle for each in lacking_runs(plan))
    notes = [f"{counted(len(plan.runs), 'run')}; to train: {counted(len(to_train), 'run')} in {counted(packs, 'pack')}.", *_estimate(to_train, rows)]
    notes += [f"{measurable} of these only lack measures, and their weights were kept: bench measure takes them without training."] if measurable else []
    first = plain_table(f"{plan.origin.suite} at {plan.origin.profile}", ("experiment", "cells", "runs", *states), summary, notes)
    reasons = [
        (experiment, state, why, len(list(same)))
        for experiment, runs in _by_experiment(plan)
        for (state, why), same in groupby(sorted(runs, key=lambda run: (run.state, run.why)), key=lambda run: (run.state, run.why))
    ]
    return [first, plain_table("why", ("experiment", "state", "why", "runs"), reasons)]


def _by_experiment(plan: Plan) -> Iterator[tuple[str, list[PlannedRun]]]:
    for experiment, runs in groupby(plan.runs, key=lambda run: run.experiment):
        yield experiment, list(runs)


def _estimate(to_train: Sequence[PlannedRun], rows: pd.DataFrame) -> list[str]:
    """What past rows say of the time and memory that a plan needs."""
    if rows.empty or not to_train:
        return []
    trained = rows[(rows["status"] == "ok") & rows["reused_from"].isna()]
    seconds = (trained["train_seconds"] + trained["measure_seconds"]).groupby(trained["experiment"]).mean().to_dict()
    known = [seconds[run.experiment] for run in to_train if run.experiment in seconds]
    if not known:
        return []
    memory = trained["peak_memory"].max() / 2**20
    unknown = f"; not counted: {counted(len(to_train) - len(known), 'run')} of experiments that were never run" if len(known) < len(to_train) else ""
    return [f"About {sum(known):.0f} s of one worker, by past rows{unknown}; at most {memory:.0f} MiB per worker so far."]


def lacking_table(found: Sequence[Lacking], pairs: Sequence[PlannedRun]) -> Table:
    """What can be measured of kept weights, and what stands in the way of the rest.

    Args:
        found: runs that lack measures.
        pairs: pairs that do.
    """
    wanted = [(each.planned.experiment, ", ".join(spec.name for spec in each.wanted) or "none", each.obstacle or "of its weights") for each in found]
    wanted += [(pair.experiment, ", ".join(spec.name for spec in pair.measures), "of the weights of both runs") for pair in pairs]
    rows = [(*kind, wanted.count(kind)) for kind in dict.fromkeys(wanted)]
    return plain_table("Measures that are missing", ("experiment", "measures", "how", "runs"), rows)


def data_names() -> list[str]:
    """The data sets that need files."""
    return [part.name for part in CATALOGS["dataset"] if data_files(part.name).sha256]


def data_files(name: str) -> Files:
    """The files of a data set; one that cannot be made without parameters is generated, and has none."""
    part = CATALOGS["dataset"][name]
    if any(info.is_required() for info in part.schema.model_fields.values()):
        return Files()
    files: Files = part.target().files()
    return files
