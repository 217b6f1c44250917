"""The end of packs -> rows of the registry: the only place that writes rows."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bench.cells import CATALOGS, CellBuilder
from bench.config import Run
from bench.errors import BenchError
from bench.executors import Failed, Finished
from bench.measuring import tables_of
from bench.packing import Pack
from bench.plan import Plan, PlannedRun, lacking
from bench.registry.rows import table_from_rows
from bench.registry.schema import arrow_schema
from bench.registry.store import Registry
from bench.results import FAILED, RunResult
from bench.rows import Circumstances, RowWriter, runs_table
from bench.rows import Row as RegistryRow
from bench.train.looking import Looks

REPEATED = 10_000
"""How many rows of runs that were trained before are written into one file; they are all in memory at once."""


@dataclass(frozen=True)
class Recorded:
    """A run's row was written; `traceback` is that of its failure, where there is one, and is not kept."""

    planned: PlannedRun
    result: RunResult
    traceback: str = ""

    @property
    def outcome(self) -> str:
        """Its status, or that a measure of it failed."""
        return "a measure failed" if self.result.status == "ok" and self.result.failed_measures else self.result.status


class Recorder:
    """Turns events into rows, and writes them.

    Args:
        plan: what is to be done.
        circumstances: what all rows share.
        registry: where they go.
    """

    def __init__(self, plan: Plan, circumstances: Circumstances, registry: Registry) -> None:
        self._plan = plan
        self._registry = registry
        self._writer = RowWriter(circumstances, CellBuilder())
        wanted = Counter(run.run.run_id for run in plan.runs)
        self._shared = {run_id for run_id, count in wanted.items() if count > 1}
        self._rows: dict[str, RegistryRow] = {}

    def stem(self, name: str) -> str:
        """The name of the files of a pack."""
        return f"{self._plan.origin.suite}.{self._plan.origin.profile}.{name}"

    def take(self, event: Finished | Failed, by_run: Mapping[str, PlannedRun]) -> Iterator[Recorded]:
        """Write what an executor reports of the end of a pack.

        Args:
            event: the end.
            by_run: run_id -> what was planned.

        Yields:
            Each run, when its row is on the disk.
        """
        results = list(_results(event))
        ended = [(by_run[result.run_id], _storable(by_run[result.run_id], result)) for result in results]
        self._write_results(event.pack, [(run, result) for run, result in ended if result.status == "ok" or not _looks_again(event.pack, run)])
        for run, result in ended:
            yield Recorded(run, result, event.detail if isinstance(event, Failed) else "")

    def write(self, ended: Sequence[tuple[PlannedRun, RunResult]]) -> Iterator[Recorded]:
        """Write results that no executor reports."""
        self._write_results(Looks(uuid.uuid4().hex, ()), ended)
        for run, result in ended:
            yield Recorded(run, result)

    def _write_results(self, pack: Pack | Looks, ended: Sequence[tuple[PlannedRun, RunResult]]) -> None:
        rows: list[RegistryRow] = []
        tables: dict[str, list[RegistryRow]] = {}
        for run, result in ended:
            row, others = self._row(pack, run, result)
            rows.append(row)
            if result.run_id in self._shared:
                self._rows[result.run_id] = row
            for table, items in others.items():
                tables.setdefault(table, []).extend(items)
        self._write(pack.name, rows, [run for run, _ in ended], tables)

    def _row(self, pack: Pack | Looks, run: PlannedRun, result: RunResult) -> tuple[RegistryRow, dict[str, list[RegistryRow]]]:
        if run.finished is None or not _looks_again(pack, run):
            return self._writer.trained(run, result, pack.name)
        specs = [spec for spec, _ in lacking(run.finished, run.measures)]
        (source,) = ({str(name): value for name, value in row.items()} for row in self._registry.rows({run.finished["row"]}).head(1).to_dict("records"))
        tables = tables_of(self._registry, source, specs)
        for table, items in result.tables.items():
            tables.setdefault(table, []).extend(dict(item) for item in items)
        return self._writer.measured(run, source, specs, replace(result, tables=tables), pack.name)

    def write_repeated(self, planned: Sequence[PlannedRun]) -> None:
        """Write anew the rows of runs that were trained before."""
        if not planned:
            return
        names = [run.row["row"] for run in planned if run.row is not None]
        known = self._registry.rows(set(names)).drop_duplicates("row").set_index("row", drop=False)
        for start in range(0, len(planned), REPEATED):
            stem = uuid.uuid4().hex
            some = planned[start : start + REPEATED]
            sources = known.loc[names[start : start + REPEATED]].to_dict("records")
            rows = [self._writer.reused(run, {str(name): value for name, value in source.items()}, stem) for run, source in zip(some, sources, strict=True)]
            self._write(stem, rows, some, {})

    def write_shared(self, trained: Sequence[PlannedRun]) -> None:
        """Write the rows of experiments that share a run which was trained, or a pair which was measured, now."""
        owners = {run.run.run_id: run.experiment for run in trained}
        shared = [run for run in self._plan.runs if run.run.run_id in self._rows and owners.get(run.run.run_id, run.experiment) != run.experiment]
        stem = uuid.uuid4().hex
        rows = [self._writer.reused(run, {"reused_from": None, **self._rows[run.run.run_id]}, stem) for run in shared]
        self._write(stem, rows, shared, {})

    def _write(self, stem: str, rows: list[RegistryRow], planned: Sequence[PlannedRun], tables: dict[str, list[RegistryRow]]) -> None:
        if rows:
            others = {table: table_from_rows(arrow_schema(table), items) for table, items in tables.items()}
            self._registry.append(self.stem(stem), {**others, "runs": runs_table(rows, planned)})


def _storable(planned: PlannedRun, result: RunResult) -> RunResult:
    """A result without the rows that a measure gave for a table which cannot hold them; the measure has failed then."""
    faults: dict[str, str] = {}
    for table, items in result.tables.items():
        try:
            table_from_rows(arrow_schema(table), [{"row": "", "run_id": "", **item} for item in items])
        except BenchError as error:
            faults[table] = error.message
        except KeyError:
            faults[table] = f"the registry has no table {table!r}"
    if not faults:
        return result
    tables = {spec.name: CATALOGS["measure"][spec.name].traits["table"] for spec in planned.measures}
    failed = {name: f"{FAILED}{faults[table]}" for name, table in tables.items() if table in faults}
    kept = {table: items for table, items in result.tables.items() if table not in faults}
    return replace(result, tables=kept, remarks={**result.remarks, **failed})


def _looks_again(pack: Pack | Looks, planned: PlannedRun) -> bool:
    """Whether a run that has a row was looked at, so that a failure leaves that row as it is."""
    return isinstance(pack, Looks) and isinstance(planned.run, Run)


def _results(event: Finished | Failed) -> Iterator[RunResult]:
    if isinstance(event, Finished):
        yield from event.results
    else:
        for task in event.pack.tasks:
            yield RunResult(task.run.run_id, event.status, event.reason, signal=event.signal, log=event.log)
