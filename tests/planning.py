"""What tests of suites and plans share: small suites as text, and the way from there to cells, plans and rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML

from bench import suite as suites
from bench import yaml
from bench.cells import CellBuilder
from bench.errors import BenchError
from bench.overrides import Overrides
from bench.plan import Origin, Plan, PlannedRun, Policy, plan
from bench.registry.frames import frame
from bench.registry.git import GitState
from bench.registry.provenance import Environment
from bench.resolve import Choice, ResolvedExperiment, resolve
from bench.results import Machine, RunResult
from bench.rows import Circumstances, RowWriter, runs_table
from bench.selection import Selection
from bench.sources import Sources

HEAD = """\
title: Demo
version: 1
defaults: {dataset: digits, model: {name: fnn, width: 4}, optimizer: {name: sgd, lr: 0.1}, batch_size: 32, epochs: 1}
"""
ORIGIN = Origin("demo", "d" * 64, "quick", "", "c" * 40, None)
METRICS = {"train_loss": 0.25, "test_loss": 0.5, "train_accuracy": 0.875, "test_accuracy": 0.75}


def make_suite(text: str, head: str = HEAD) -> suites.Suite:
    return suites.from_document("demo", yaml.parse(head + text, "demo.yaml"))


def resolved(text: str, *, profile: Any = "quick", sets: Sequence[str] = (), head: str = HEAD, **choice: Any) -> list[ResolvedExperiment]:
    chosen = Choice(**{**choice, "only": Selection.parse(choice.get("only", ""))})
    return resolve(make_suite(text, head), profile, Overrides.parse(sets), chosen)


def flat(text: str, **options: Any) -> list[dict[str, Any]]:
    """The settings of every cell."""
    return [found.cell.flat() for experiment in resolved(text, **options) for found in experiment.cells]


def planned(experiments: Sequence[ResolvedExperiment], rows: pd.DataFrame | None = None, policy: Policy | None = None, **options: Any) -> Plan:
    origin, only = options.get("origin", ORIGIN), Selection.parse(options.get("only", ""))
    return plan(experiments, pd.DataFrame() if rows is None else rows, origin, policy or Policy(), only, options.get("sources", SOURCES))


def writer(origin: Origin = ORIGIN) -> RowWriter:
    git = GitState(origin.commit, None, origin.diff_hash is not None, origin.diff_hash)
    return RowWriter(Circumstances(origin, 1, git, Environment("0", "3", "2", "2", "Linux")), CellBuilder())


def result(run: PlannedRun, status: Any = "ok", reason: str | None = None) -> RunResult:
    machine = Machine("cpu", "a processor", "resident", "eager", "highest", 1, "2")
    return RunResult(run.run.run_id, status, reason, METRICS if status == "ok" else {}, {}, machine, 40, 100, 1.5, 0.5, 1000.0, 2**20, "e" * 64)


def rows_of(made: Plan, changes: Mapping[str, Any] | None = None, status: Any = "ok", reason: str | None = None) -> pd.DataFrame:
    """What the registry gives back after every run of a plan was trained with this status.

    Args:
        made: the plan.
        changes: column -> value, put into every row.
        status: of every run.
        reason: of every run.
    """
    rows = [writer(made.origin).trained(run, result(run, status, reason), "pack")[0] | dict(changes or {}) for run in made.runs]
    columns = set(runs_table([], made.runs).schema.names)
    kept = [{name: value for name, value in row.items() if name in columns} for row in rows]
    return frame(runs_table(kept, made.runs), "runs")


def dump(tree: Any) -> str:
    """A tree as YAML in one line."""
    stream = StringIO()
    dumper = YAML(typ="safe", pure=True)
    dumper.default_flow_style = True
    dumper.width = 10**6
    dumper.sort_base_mapping_type_on_output = False
    dumper.representer.ignore_aliases = lambda data: True
    dumper.dump(tree, stream)
    return stream.getvalue()


def write(folder: Path, text: str, name: str = "demo.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refusal(action: Callable[[], object]) -> BenchError | None:
    """The error of bench that an action ends in, if it does; any other error is a bug, and is raised."""
    try:
        action()
    except BenchError as error:
        return error
    return None


SOURCES = Sources()
"""Shared, so that every file is read once in all tests."""
