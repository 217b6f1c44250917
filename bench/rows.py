"""Results -> rows of the registry: the only place that knows how a run, its plan and its circumstances become columns."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from bench.cells import CATALOGS, CellBuilder
from bench.config import SINGLE, Cell, Pair, PartSpec, Run
from bench.errors import UsageError
from bench.metric import Metric
from bench.pairs import AXIS
from bench.plan import Origin, PlannedRun, measure_version
from bench.registry.git import GitState
from bench.registry.provenance import Environment
from bench.registry.rows import table_from_rows
from bench.registry.schema import TABLES, arrow_schema
from bench.results import RunResult
from bench.selection import text

Row = dict[str, Any]

PLAIN_TYPES = {
    "augmentation": "string",
    "dropout": "float64",
    "penalties": "string",
    "phases": "string",
    "stop.metric": "string",
    "stop.below": "float64",
    "dropout.rates": "string",
    "dropout.mask": "string",
    "batch_size": "int64",
    "chunk": "int64",
    "epochs": "int64",
    "steps": "int64",
    "precision": "string",
}


@dataclass(frozen=True)
class Circumstances:
    """What all rows of an invocation share.

    Attributes:
        origin: suite, profile, variant, commit.
        suite_version: the suite's version.
        git: the state of the repository that holds the suite.
        environment: versions.
    """

    origin: Origin
    suite_version: int
    git: GitState
    environment: Environment


class RowWriter:
    """Makes rows and the tables that hold them.

    Args:
        circumstances: what all rows share.
        cells: knows the sizes of data sets.
    """

    def __init__(self, circumstances: Circumstances, cells: CellBuilder) -> None:
        self._shared = circumstances
        self._cells = cells

    def trained(self, planned: PlannedRun, result: RunResult, pack: str) -> tuple[Row, dict[str, list[Row]]]:
        """The row of a run that was trained now, and its rows for other tables."""
        row = {**self._identity(planned, pack), **_machine(result), **dict(result.metrics)}
        for column in (
            "status",
            "reason",
            "signal",
            "log",
            "shared",
            "steps_done",
            "parameters",
            "train_seconds",
            "measure_seconds",
            "samples_per_second",
            "peak_memory",
            "data_checksum",
            "weights",
        ):
            row[column] = getattr(result, column)
        return {**row, "remarks": _json(result.remarks)}, _tables(row, result)

    def measured(
        self, planned: PlannedRun, source: Mapping[str, Any], specs: Sequence[PartSpec], result: RunResult, pack: str
    ) -> tuple[Row, dict[str, list[Row]]]:
        """The row of a run that was trained before and measured now, and its rows for other tables.

        Args:
            planned: the run.
            source: the row of its training, whose other numbers stay.
            specs: the measures that were taken now; what `source` has of their metrics does not stay.
            result: their numbers, and all rows of other tables.
            pack: the pack.
        """
        anew = {metric.name: result.metrics.get(metric.name) for spec in specs for metric in CATALOGS["measure"][spec.name].traits["metrics"]}
        said = json.loads(source.get("remarks") or "{}")
        remarks = _json({**{name: remark for name, remark in said.items() if name not in {spec.name for spec in specs}}, **result.remarks})
        row = {**self.reused(planned, source, pack), **anew, "measure_seconds": result.measure_seconds, "remarks": remarks, "reused_from": None}
        return row, _tables(row, result)

    def reused(self, planned: PlannedRun, source: Mapping[str, Any], pack: str) -> Row:
        """The row of a run that was trained before: the numbers of `source`, for this experiment and commit."""
        taken = [column.name for column in TABLES["runs"]] + [metric.name for metric in metrics_of(planned)]
        row = {name: source[name] for name in taken if name in source}
        return {**row, **self._identity(planned, pack), "reused_from": source["reused_from"] or source["row"]}

    def _identity(self, planned: PlannedRun, pack: str) -> Row:
        origin, git, environment = self._shared.origin, self._shared.git, self._shared.environment
        run = planned.run
        data = self._cells.data(run.cells[0].dataset)
        return {
            "row": uuid.uuid4().hex,
            **asdict(origin),
            "suite_version": self._shared.suite_version,
            "experiment": planned.experiment,
            "run_id": run.run_id,
            "cell_id": run.cell_id,
            "cell": run.json,
            "seed": run.seed,
            "pair": json.dumps([run.first.run_id, run.second.run_id]) if isinstance(run, Pair) else None,
            "train_size": data.train,
            "test_size": data.test,
            "commit_time": git.commit_time,
            "dirty": git.dirty,
            "code_id": planned.code_id,
            "code_files": json.dumps(dict(planned.code)),
            "bench_version": environment.bench_version,
            "python": environment.python,
            "numpy": environment.numpy,
            "platform": environment.platform,
            "measures": json.dumps({spec.name: {"version": measure_version(spec.name), "parameters": dict(spec.parameters)} for spec in planned.measures}),
            "generation": planned.generation,
            "pack": pack,
            "written": datetime.now(UTC),
            **{f"axis.{axis}": value for axis, value in planned.axes.items()},
            **{f"hp.{name}": value for name, value in _settings(planned, data.train).items()},
        }


def runs_table(rows: Sequence[Row], planned: Iterable[PlannedRun]) -> pa.Table:
    """The table ``runs`` of one file.

    Args:
        rows: its rows.
        planned: the runs that they are of, which decide the columns.
    """
    axes: dict[str, None] = {}
    types: dict[str, str] = {}
    metrics: dict[str, Metric] = {}
    for run in planned:
        axes |= dict.fromkeys(run.axes)
        types |= {AXIS: "string"} if isinstance(run.run, Pair) else {}
        for cell in run.run.cells:
            types |= parameter_types(cell)
        metrics |= {metric.name: metric for metric in metrics_of(run)}
    return table_from_rows(arrow_schema("runs", list(axes), types, list(metrics.values())), rows)


def metrics_of(planned: PlannedRun) -> list[Metric]:
    """The metrics that a run's measures give."""
    return [metric for spec in planned.measures for metric in CATALOGS["measure"][spec.name].traits["metrics"]]


def parameters_of(cell: Cell, train: int) -> Row:
    """The columns ``hp.*`` of a cell.

    Args:
        cell: the cell.
        train: the size of its training set, which a full batch has.
    """
    flat = cell.flat()
    rate = cell.dropout.rate
    flat["dropout"] = None if isinstance(rate, tuple) else rate
    flat["batch_size"] = train if cell.batch_size == "full" else cell.batch_size
    types = parameter_types(cell)
    return {name: text(value) if types[name] == "string" and value is not None else value for name, value in flat.items()}


def parameter_types(cell: Cell) -> dict[str, str]:
    """The types of the columns ``hp.*`` of a cell, from the signatures of its parts."""
    types = dict(PLAIN_TYPES)
    for kind in SINGLE:
        types[kind] = "string"
        types |= {f"{kind}.{name}": column for name, column in CATALOGS[kind][getattr(cell, kind).name].column_types().items()}
    return types


def check_types(cells: Iterable[Cell]) -> None:
    """Two parts that give one parameter different types cannot share a column.

    Args:
        cells: all cells of a plan.

    Raises:
        UsageError: if two differ.
    """
    seen: dict[str, tuple[str, str]] = {}
    for kind, name in sorted({(kind, getattr(cell, kind).name) for cell in cells for kind in SINGLE}):
        for parameter, column in CATALOGS[kind][name].column_types().items():
            other = seen.setdefault(f"{kind}.{parameter}", (column, name))
            if other[0] != column:
                raise UsageError(f"{kind} {name!r} has {parameter!r} as {column}, and {kind} {other[1]!r} has it as {other[0]}: rename one of them")


def _settings(planned: PlannedRun, train: int) -> Row:
    """The columns ``hp.*`` of a run; of a pair its name, and those on which its runs agree."""
    first, *others = (parameters_of(cell, train) for cell in planned.run.cells)
    if isinstance(planned.run, Run):
        return first
    return {AXIS: planned.axes[AXIS], **{name: value for name, value in first.items() if all(value == other.get(name) for other in others)}}


def _json(remarks: Mapping[str, str]) -> str | None:
    return json.dumps(remarks, sort_keys=True) if remarks else None


def _tables(row: Row, result: RunResult) -> dict[str, list[Row]]:
    """The rows of other tables that belong to a row."""
    key = {"row": row["row"], "run_id": row["run_id"]}
    return {table: [{**key, **dict(item)} for item in rows] for table, rows in result.tables.items()}


def _machine(result: RunResult) -> Row:
    return asdict(result.machine) if result.machine is not None else {}
