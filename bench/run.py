"""The wiring: plan -> packs -> executor -> registry. Only this module writes rows."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pandas as pd
import psutil
import torch

from bench import datafiles
from bench import suite as suites
from bench.blocks import Profile
from bench.catalog import load_entry_points, load_plugin
from bench.cells import CATALOGS, CellBuilder
from bench.config import Cell, PartSpec
from bench.errors import MissingError, NothingError, SuiteError, UsageError
from bench.executors import Advanced, Event, Failed, Finished, executors
from bench.overrides import Overrides
from bench.packing import Pack, pack
from bench.parts.optimizers import Optimizer, optimizers
from bench.plan import COLUMNS, Origin, Plan, PlannedRun, Policy, plan
from bench.references import dangling
from bench.registry.git import git_state
from bench.registry.provenance import environment, processor
from bench.registry.rows import table_from_rows
from bench.registry.schema import arrow_schema
from bench.registry.store import Registry
from bench.resolve import MAX_CELLS, Choice, resolve
from bench.results import RunResult
from bench.rows import Circumstances, RowWriter, check_types, runs_table
from bench.rows import Row as RegistryRow
from bench.selection import Selection
from bench.sources import Sources
from bench.train.checkpoints import Checkpoints
from bench.train.lanes.stacked import agreement
from bench.train.trainer import Trainer

PAST = ("reused_from", "train_seconds", "measure_seconds", "peak_memory")
"""What estimates of time and memory look at in past rows, besides what a plan does."""

REPEATED = 10_000
"""How many rows of runs that were trained before are written into one file; they are all in memory at once."""

WORKER_BYTES = 1_500_000_000
"""Memory that a worker is taken to need."""


@dataclass(frozen=True)
class Request:
    """What is asked of a run.

    Attributes:
        suite: a name or a path.
        profile: the scale.
        overrides: ``--set key=value`` texts.
        experiments: names; all when empty.
        only: which runs.
        policy: which rows count as done.
        plugins: files that define parts, besides those that the suite names.
        max_cells: how many cells a grid may have.
        outputs: folders besides the registry that are written, and are no changes of the code.
    """

    suite: str
    profile: Profile = "quick"
    overrides: Sequence[str] = ()
    experiments: Sequence[str] = ()
    only: str = ""
    policy: Policy = field(default_factory=Policy)
    plugins: Sequence[str] = ()
    max_cells: int = MAX_CELLS
    outputs: Sequence[Path] = ()


@dataclass(frozen=True)
class Job:
    """A request, resolved and planned against a registry.

    Attributes:
        suite: the suite.
        plan: its runs.
        past: the rows of the registry, in the columns `bench.plan.COLUMNS` and `PAST`; empty if there is none.
        circumstances: what all its rows share.
        plugins: the plugin files.
    """

    suite: suites.Suite
    plan: Plan
    past: pd.DataFrame
    circumstances: Circumstances
    plugins: tuple[Path, ...]


@dataclass(frozen=True)
class Recorded:
    """A run's row was written; `traceback` is that of its failure, where there is one, and is not kept."""

    planned: PlannedRun
    result: RunResult
    traceback: str = ""


def load_suite(name: str, plugins: Sequence[str] = ()) -> tuple[suites.Suite, tuple[Path, ...]]:
    """Find and read a suite, and import its plugins, so that its names can be checked.

    Args:
        name: a name or a path.
        plugins: further plugin files.

    Raises:
        BenchError: if the suite or a plugin cannot be read.
    """
    load_entry_points()
    suite = suites.load(suites.find(name, suites.folders()))
    beside = suite.path.parent if suite.path else Path()
    files = [*(beside / plugin for plugin in suite.file.plugins), *(Path(plugin) for plugin in plugins)]
    return suite, tuple(load_plugin(file) for file in files)


def make_job(request: Request, registry: Registry) -> Job:
    """Resolve a request and plan it against a registry.

    Raises:
        SuiteError: with every problem of the suite.
        NothingError: if no run is selected.
    """
    suite, plugins = load_suite(request.suite, request.plugins)
    overrides = Overrides.parse(request.overrides)
    only = Selection.parse(request.only)
    experiments = resolve(suite, request.profile, overrides, Choice(request.experiments, only, request.max_cells))
    if not (overrides.values or request.experiments or request.only) and (problems := dangling(suite, request.profile, experiments)):
        raise SuiteError(problems)
    check_types(resolved.cell for experiment in experiments for resolved in experiment.cells)
    used = [*plugins, *([suite.path] if suite.path else [])]
    git = git_state(suite.path or Path(), exclude=[registry.root, *request.outputs], used=used)
    digest = hashlib.sha256(suite.document.text.encode()).hexdigest()
    origin = Origin(suite.name, digest, request.profile, overrides.variant, git.commit, git.diff_hash)
    past = registry.runs(columns=[*COLUMNS, *PAST]) if registry.exists else pd.DataFrame()
    planned = plan(experiments, past, origin, request.policy, only, Sources())
    if not planned.runs:
        raise NothingError(f"no run of suite {suite.name!r} matches {request.only!r}")
    return Job(suite, planned, past, Circumstances(origin, suite.file.version, git, environment()), plugins)


@dataclass(frozen=True)
class Way:
    """How runs are trained; nothing of it changes their numbers.

    Attributes:
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:0``.
        jobs: how many workers; as many as fit by default.
        executor: a name in the catalogue of executors.
        pack_size: how many runs a pack has at most, instead of what pays.
        checkpoint_every: seconds between the checkpoints of runs that are being trained.
    """

    device: str = "auto"
    jobs: int | None = None
    executor: str = "processes"
    pack_size: int | None = None
    checkpoint_every: float = 300.0


def packs_of(planned: Sequence[PlannedRun], workers: int, size: int | None = None) -> list[Pack]:
    """The packs in which runs are trained.

    Args:
        planned: the runs to train.
        workers: how many packs are trained at once.
        size: how many runs a pack has at most, instead of what pays.
    """
    builder = CellBuilder()
    cells = {run.run.cell.cell_id: run.run.cell for run in planned}
    forms = _forms(cells)
    one_of_each = {forms[cell_id]: cell for cell_id, cell in cells.items()}
    fits = {form: agreement(cell, builder.data(cell.dataset)) for form, cell in one_of_each.items()}
    return pack([run.task for run in planned], [fits[forms[run.run.cell.cell_id]] for run in planned], workers, size)


def _forms(cells: Mapping[str, Cell]) -> dict[str, tuple[Hashable, ...]]:
    """What `agreement` can tell cells apart by: all but the numbers of the optimizer; a large grid has few forms.

    Args:
        cells: cell_id -> cell.

    Returns:
        cell_id -> form.
    """
    specs = {cell.optimizer.json: cell.optimizer for cell in cells.values()}
    fixed = {name: _without_numbers(spec) for name, spec in specs.items()}
    return {cell_id: tuple({**cell.texts(), "optimizer": fixed[cell.optimizer.json]}.items()) for cell_id, cell in cells.items()}


def _without_numbers(spec: PartSpec) -> str:
    """An optimizer without the numbers that may differ between the members of a stack, as canonical JSON."""
    optimizer = optimizers[spec.name].target(**spec.parameters)
    numbers = optimizer.hyperparameters() if isinstance(optimizer, Optimizer) else {}
    return PartSpec(spec.name, {name: value for name, value in spec.parameters.items() if name not in numbers}).json


def execute(job: Job, registry: Registry, way: Way) -> Iterator[Recorded | Advanced]:
    """Write what is reused, train what is not, and write each pack as it ends.

    Args:
        job: what to do.
        registry: where rows go.
        way: how runs are trained.

    Yields:
        What happens, as it does.

    Raises:
        MissingError: if data or a device are missing; nothing was trained then.
        StorageError: if the registry cannot be written.
    """
    to_train = job.plan.to_train()
    chosen = devices(way.device, way.jobs)
    executor = executors[way.executor].target(chosen)
    check_data(to_train)
    registry.prepare()
    registry.store_suite(job.suite.document.text)
    recorder = _Recorder(job, registry)
    recorder.write_repeated(job.plan.to_repeat())
    if to_train:
        by_run = {planned.run.run_id: planned for planned in to_train}
        packs = packs_of(to_train, len(chosen), way.pack_size)
        checkpoints = Checkpoints(registry.root / "checkpoints", way.checkpoint_every)
        make_trainer = partial(Trainer, folder=datafiles.data_folder(), processor=processor(), plugins=job.plugins, checkpoints=checkpoints)
        for event in executor.run(packs, make_trainer):
            yield from recorder.take(event, by_run)
            if isinstance(event, Finished):
                checkpoints.drop({task.run.run_id for task in event.pack.tasks})
    recorder.write_shared(to_train)


def check_data(planned: Sequence[PlannedRun]) -> None:
    """Verify the files of every data set that will be used.

    Raises:
        MissingError: for the first that is missing or not what it should be.
    """
    folder = datafiles.data_folder()
    checked: set[str] = set()
    for run in planned:
        spec = run.run.cell.dataset
        if spec.name not in checked:
            checked.add(spec.name)
            datafiles.verify(CATALOGS["dataset"][spec.name].target(**spec.parameters).files(), folder, spec.name)


def devices(kind: str, jobs: int | None) -> list[str]:
    """One device for each worker.

    Args:
        kind: ``auto``: the GPUs, or else the CPU; ``cpu``; ``cuda``; ``cuda:0``.
        jobs: how many workers at most; on a CPU as many as cores and memory allow, by default.

    Raises:
        UsageError: if the kind is none of these.
        MissingError: if a GPU is asked for and there is none.
    """
    gpus = [f"cuda:{index}" for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    if kind in ("cuda", *gpus) or (kind == "auto" and gpus):
        if not gpus:
            raise MissingError("there is no CUDA device", hint="Use --device cpu, or see `bench doctor`.")
        return ([kind] if ":" in kind else gpus)[:jobs]
    if kind.startswith("cuda:"):
        raise MissingError(f"there is no device {kind!r}; there are {len(gpus)} GPUs", hint="See `bench doctor`.")
    if kind not in ("auto", "cpu"):
        raise UsageError(f"{kind!r} is no device; use auto, cpu, cuda or cuda:0")
    fitting = max(1, min(len(os.sched_getaffinity(0)), psutil.virtual_memory().available // WORKER_BYTES))
    return ["cpu"] * (jobs or int(fitting))


class _Recorder:
    """Turns events into rows, and writes them."""

    def __init__(self, job: Job, registry: Registry) -> None:
        self._job = job
        self._registry = registry
        self._writer = RowWriter(job.circumstances, CellBuilder())
        wanted = Counter(run.run.run_id for run in job.plan.runs)
        self._shared = {run_id for run_id, count in wanted.items() if count > 1}
        self._rows: dict[str, RegistryRow] = {}

    def take(self, event: Event, by_run: dict[str, PlannedRun]) -> Iterator[Recorded | Advanced]:
        """Write what an executor reports."""
        if isinstance(event, Advanced):
            yield event
            return
        results = list(_results(event))
        planned = [by_run[result.run_id] for result in results]
        rows: list[RegistryRow] = []
        tables: dict[str, list[RegistryRow]] = {}
        for run, result in zip(planned, results, strict=True):
            row, others = self._writer.trained(run, result, event.pack.name)
            rows.append(row)
            if result.run_id in self._shared:
                self._rows[result.run_id] = row
            for table, items in others.items():
                tables.setdefault(table, []).extend(items)
        self._write(event.pack.name, rows, planned, tables)
        for run, result in zip(planned, results, strict=True):
            yield Recorded(run, result, event.detail if isinstance(event, Failed) else "")

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
        """Write the rows of experiments that share a run which was trained now."""
        owners = {run.run.run_id: run.experiment for run in trained}
        shared = [run for run in self._job.plan.runs if run.run.run_id in self._rows and owners[run.run.run_id] != run.experiment]
        stem = uuid.uuid4().hex
        rows = [self._writer.reused(run, {"reused_from": None, **self._rows[run.run.run_id]}, stem) for run in shared]
        self._write(stem, rows, shared, {})

    def _write(self, stem: str, rows: list[RegistryRow], planned: Sequence[PlannedRun], tables: dict[str, list[RegistryRow]]) -> None:
        if rows:
            others = {table: table_from_rows(arrow_schema(table), items) for table, items in tables.items()}
            origin = self._job.plan.origin
            self._registry.append(f"{origin.suite}.{origin.profile}.{stem}", {**others, "runs": runs_table(rows, planned)})


def _results(event: Finished | Failed) -> Iterator[RunResult]:
    if isinstance(event, Finished):
        yield from event.results
    else:
        for task in event.pack.tasks:
            yield RunResult(task.run.run_id, event.status, event.reason)
