"""The wiring: plan -> packs -> executor -> registry. Only this module writes rows."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Hashable, Iterator, Mapping, Sequence, Set
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from bench import datafiles
from bench import suite as suites
from bench.blocks import Profile
from bench.catalog import load_entry_points, load_plugin
from bench.cells import CATALOGS, CellBuilder
from bench.config import Cell, Pair, PartSpec
from bench.devices import devices
from bench.errors import NothingError
from bench.executors import Advanced, Asked, Failed, Finished, MakeTrainer, Notice, executors
from bench.leases import Leases
from bench.measuring import lacking_runs, looks_at_pairs, looks_at_runs
from bench.overrides import Overrides
from bench.packing import Pack, pack
from bench.parts.optimizers import Optimizer, optimizers
from bench.plan import COLUMNS, Origin, Plan, PlannedRun, Policy, plan
from bench.recorder import Recorded, Recorder
from bench.references import resolve_whole
from bench.registry.git import git_state
from bench.registry.layout import CHECKPOINTS, LEASES, WEIGHTS
from bench.registry.provenance import environment, processor
from bench.registry.store import Registry
from bench.resolve import MAX_CELLS, Choice, ResolvedExperiment, resolve
from bench.results import RunResult
from bench.rows import Circumstances, check_types
from bench.selection import Selection
from bench.sharing import Sharing, SomePack
from bench.sources import Sources
from bench.stopping import Stopping
from bench.train.checkpoints import Checkpoints
from bench.train.lanes.stacked import agreement
from bench.train.looking import Looker
from bench.train.probe import Probes
from bench.train.trainer import Trainer
from bench.train.weights import WeightStore

PAST = ("reused_from", "train_seconds", "measure_seconds", "peak_memory")
"""What estimates of time and memory look at in past rows, besides what a plan does."""

Event = Recorded | Advanced | Notice
"""What happens while a job is done."""


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
        experiments: the resolved experiments.
        only: which runs of them.
        policy: which rows count as done.
        sources: the code, as the plan knows it.
        seen: the files of `runs` that were there before `past` was read.
    """

    suite: suites.Suite
    plan: Plan
    past: pd.DataFrame
    circumstances: Circumstances
    plugins: tuple[Path, ...]
    experiments: Sequence[ResolvedExperiment]
    only: Selection
    policy: Policy
    sources: Sources
    seen: Set[str]

    @property
    def codes(self) -> dict[str, str]:
        """run_id -> code_id."""
        return {run.run.run_id: run.code_id for run in self.plan.runs}


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
    if overrides.values or request.experiments or request.only:
        experiments = resolve(suite, request.profile, overrides, Choice(request.experiments, only, request.max_cells))
    else:
        experiments = resolve_whole(suite, request.profile, request.max_cells)
    check_types(resolved.cell for experiment in experiments for resolved in experiment.cells)
    used = [*plugins, *([suite.path] if suite.path else [])]
    git = git_state(suite.path or Path(), exclude=[registry.root, *request.outputs], used=used)
    digest = hashlib.sha256(suite.document.text.encode()).hexdigest()
    origin = Origin(suite.name, digest, request.profile, overrides.variant, git.commit, git.diff_hash)
    seen, past = _past(registry)
    sources = Sources()
    planned = plan(experiments, past, origin, request.policy, only, sources)
    if not planned.runs:
        raise NothingError(f"no run of suite {suite.name!r} matches {request.only!r}")
    circumstances = Circumstances(origin, suite.file.version, git, environment())
    return Job(suite, planned, past, circumstances, plugins, experiments, only, request.policy, sources, seen)


def _past(registry: Registry) -> tuple[Set[str], pd.DataFrame]:
    """The files of `runs`, and their rows; those of a file that came in between may be there too."""
    seen = registry.stems()
    return seen, registry.runs(columns=[*COLUMNS, *PAST]) if registry.exists else pd.DataFrame()


@dataclass(frozen=True)
class Way:
    """How runs are trained; nothing of it changes their numbers.

    Attributes:
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:0``.
        jobs: how many workers; as many as fit by default.
        executor: a name in the catalogue of executors.
        pack_size: how many runs a pack has at most, instead of what pays.
        checkpoint_every: seconds between the checkpoints of runs that are being trained.
        timeout: seconds that a run may take; as long as it takes by default.
    """

    device: str = "auto"
    jobs: int | None = None
    executor: str = "processes"
    pack_size: int | None = None
    checkpoint_every: float = 300.0
    timeout: float | None = None


def packs_of(planned: Sequence[PlannedRun], workers: Sequence[str], size: int | None = None) -> list[Pack]:
    """The packs in which runs are trained.

    Args:
        planned: the runs to train.
        workers: the device of each; a GPU is probed for what pays, unless it was before.
        size: how many runs a pack has at most, instead of what pays.
    """
    builder = CellBuilder()
    cells = {run.run.cell_id: run.run.cells[0] for run in planned}
    forms = _forms(cells)
    one_of_each = {forms[cell_id]: cell for cell_id, cell in cells.items()}
    fits = {form: agreement(cell, builder.data(cell.dataset)) for form, cell in one_of_each.items()}
    tasks, agreed = [run.task for run in planned], [fits[forms[run.run.cell_id]] for run in planned]
    if not workers[0].startswith("cuda"):
        return pack(tasks, agreed, len(workers), size)
    probes = Probes(workers[0], datafiles.data_folder(), datafiles.cache_folder() / "packs")
    return pack(tasks, agreed, len(workers), size, lambda fit, task: probes(fit, task.run))


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


def execute(job: Job, registry: Registry, way: Way) -> Generator[Event, None, None]:
    """Write what is reused, train what is not, write each pack as it ends, and then measure pairs of runs.

    Other runners on the registry share the plan: what they are at is waited for, and done if they end without it. The first
    Ctrl-C or SIGTERM stops it where it can go on, and is passed on at the end.

    Args:
        job: what to do.
        registry: where rows go.
        way: how runs are trained.

    Yields:
        What happens, as it does.

    Raises:
        MissingError: if data or a device are missing; or devices were lost, and runs are left.
        StorageError: if the registry cannot be written.
    """
    with Stopping() as stopping, Leases(registry.root / LEASES) as leases:
        sharing = Sharing(leases, registry, job.codes, job.seen)
        yield from _Work(job, registry, way, sharing, stopping.asked).train()
        while sharing.elsewhere and not stopping.asked():
            yield Notice(sharing.describe())
            sharing.wait(stopping.asked)
            run_ids = frozenset(sharing.elsewhere)
            job = _again(job, registry, run_ids)
            yield from _done_elsewhere(job, run_ids)
            sharing = Sharing(leases, registry, job.codes, job.seen)
            yield from _Work(job, registry, way, sharing, stopping.asked).train()


def measure(job: Job, registry: Registry, way: Way) -> Generator[Event, None, None]:
    """Take the measures that rows lack, of weights that were kept, and write complete rows; nothing is trained.

    Args:
        job: what to do.
        registry: where rows and weights are.
        way: how looks are taken.

    Yields:
        What happens, as it does. A look that fails leaves the row as it was.

    Raises:
        MissingError: if data or a device are missing.
        StorageError: if the registry cannot be written.
    """
    with Stopping() as stopping, Leases(registry.root / LEASES) as leases:
        yield from _Work(job, registry, way, Sharing(leases, registry, job.codes, job.seen), stopping.asked).measure()


def _again(job: Job, registry: Registry, run_ids: Set[str]) -> Job:
    """A job that others have had a part in, planned again for that part, and for the pairs, which come last."""
    seen, past = _past(registry)
    planned = plan(job.experiments, past, job.plan.origin, replace(job.policy, force=False), job.only, job.sources)
    left = tuple(run for run in planned.runs if run.run.run_id in run_ids or isinstance(run.run, Pair))
    return replace(job, plan=replace(planned, runs=left), past=past, seen=seen)


def _done_elsewhere(job: Job, run_ids: Set[str]) -> Iterator[Recorded]:
    """The runs that others have recorded, each once."""
    rows = {run.run.run_id: run for run in job.plan.runs if run.run.run_id in run_ids and run.row is not None}
    for run_id, planned in rows.items():
        assert planned.row is not None
        yield Recorded(planned, RunResult(run_id, planned.row["status"], planned.row["reason"]))


class _Work:
    """What one runner does of a job.

    Args:
        job: the job.
        registry: where rows go.
        way: how runs are trained.
        sharing: what falls to this runner.
        asked: whether to stop.
    """

    def __init__(self, job: Job, registry: Registry, way: Way, sharing: Sharing, asked: Asked) -> None:
        self._job, self._registry, self._way, self._sharing, self._asked = job, registry, way, sharing, asked
        self._devices = devices(way.device, way.jobs)
        self._executor = executors[way.executor].target(self._devices, way.timeout)
        self._recorder = Recorder(job.plan, job.circumstances, registry)
        self._checkpoints = Checkpoints(registry.root / CHECKPOINTS, way.checkpoint_every)
        weights = WeightStore(registry.root / WEIGHTS)
        self._common: dict[str, Any] = {"folder": datafiles.data_folder(), "processor": processor(), "plugins": job.plugins, "weights": weights}

    def train(self) -> Iterator[Event]:
        """Train what is to be trained, and then measure pairs."""
        runs = self._job.plan.to_train()
        self._prepare(runs)
        packs = packs_of(runs, self._devices, self._way.pack_size)
        make_trainer = partial(Trainer, checkpoints=self._checkpoints, sources=self._job.sources.stamps, **self._common)
        yield from self._run(packs, runs, make_trainer)
        self._recorder.write_shared(runs)
        yield from self._measure_pairs()

    def measure(self) -> Iterator[Event]:
        """Take the measures that runs lack, and then measure pairs."""
        found = lacking_runs(self._job.plan)
        runs = [each.planned for each in found if not each.obstacle]
        self._prepare(runs)
        yield from self._run(looks_at_runs(found, self._registry), runs, partial(Looker, **self._common))
        self._recorder.write_shared(runs)
        yield from self._measure_pairs()

    def _measure_pairs(self) -> Iterator[Event]:
        """Measure the pairs, if rows of all runs are written."""
        pairs = self._job.plan.to_pair()
        if pairs and not self._sharing.elsewhere and not self._asked():
            looks, failed = looks_at_pairs(pairs, self._job.plan.origin, self._registry)
            yield from self._recorder.write(failed)
            yield from self._run(looks, pairs, partial(Looker, **self._common))
            self._recorder.write_shared(pairs)

    def _prepare(self, runs: Sequence[PlannedRun]) -> None:
        """See that all is there before anything is trained, and write what is reused."""
        check_data([*runs, *self._job.plan.to_pair()])
        self._registry.prepare()
        self._registry.store_suite(self._job.suite.document.text)
        self._recorder.write_repeated(self._job.plan.to_repeat())

    def _run(self, packs: Sequence[SomePack], runs: Sequence[PlannedRun], make_trainer: MakeTrainer) -> Iterator[Event]:
        """Do what falls to this runner, and write what comes of it."""
        by_run = {run.run.run_id: run for run in runs}
        if not packs:
            return
        with closing(self._executor.run(self._sharing.claimed(packs), make_trainer, self._asked)) as events:
            for event in events:
                if isinstance(event, Finished | Failed):
                    yield from self._recorder.take(event, by_run)
                    self._sharing.ended(event.pack, self._recorder.stem(event.pack.name))
                    if isinstance(event, Finished):
                        self._checkpoints.drop({task.run.run_id for task in event.pack.tasks})
                else:
                    yield event


def check_data(planned: Sequence[PlannedRun]) -> None:
    """Verify the files of every data set that will be used.

    Raises:
        MissingError: for the first that is missing or not what it should be.
    """
    folder = datafiles.data_folder()
    checked: set[str] = set()
    for run in planned:
        spec = run.run.cells[0].dataset
        if spec.name not in checked:
            checked.add(spec.name)
            datafiles.verify(CATALOGS["dataset"][spec.name].target(**spec.parameters).files(), folder, spec.name)
