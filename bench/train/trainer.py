"""The trainer: what an executor runs. It turns packs into results, one device and one process at a time."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

import torch

from bench.catalog import load_entry_points, load_plugin
from bench.config import PartSpec
from bench.packing import Pack, Task
from bench.parts.measures import Measured, View, measures
from bench.results import Interrupted, Machine, Progress, RunResult
from bench.sources import Stamp, edited
from bench.train.checkpoints import Checkpoints, checkpoint_name, never
from bench.train.compiler import Programs
from bench.train.course import Trained
from bench.train.evaluate import evaluation_batch
from bench.train.lanes import resident, stacked
from bench.train.lanes.stacked import Agreement, agreement
from bench.train.memory import keep_freed_memory
from bench.train.neighbours import shared
from bench.train.products import fast_products
from bench.train.setup import DataStore, Prepared, dataset_of, prepare
from bench.train.snapshots import snapshot_steps
from bench.train.taking import take
from bench.train.weights import WeightStore

Emit = Callable[[Progress], None]

EMPTY: Mapping[Path, Stamp] = MappingProxyType({})


class Trainer:
    """Trains packs on one device.

    On a CPU it uses one thread: numbers depend on how many there are, and two workers of one thread beat one of two.

    Args:
        device: ``cpu`` or ``cuda:0``.
        folder: the data folder.
        processor: the CPU's name, for the record.
        plugins: files that define parts.
        checkpoints: where runs are kept while they are trained.
        weights: where final weights are kept, of runs that ask for it.
        sources: the files of the code as the plan knows them.

    Raises:
        Interrupted: if the code was changed since; what was loaded is not what the plan says then.
    """

    def __init__(
        self,
        device: str,
        folder: Path,
        processor: str,
        plugins: Sequence[Path] = (),
        checkpoints: Checkpoints | None = None,
        weights: WeightStore | None = None,
        sources: Mapping[Path, Stamp] = EMPTY,
    ) -> None:
        load_entry_points()
        for plugin in plugins:
            load_plugin(plugin)
        if names := edited(sources):
            raise Interrupted(f"the code was changed since the plan was made: {', '.join(names)}")
        torch.set_num_threads(1)
        keep_freed_memory()
        # Without this a GPU rounds the factors of convolutions to ten bits, and float32 would not mean float32.
        torch.backends.cudnn.allow_tf32 = False
        self._device = torch.device(device)
        self._store = DataStore(folder, self._device)
        self._programs = Programs()
        self._checkpoints = checkpoints or Checkpoints()
        self._weights = weights
        self._machine = Machine(
            self._device.type, device_name(self._device, processor), "resident", "eager", "highest", torch.get_num_threads(), torch.__version__
        )

    def __call__(self, pack: Pack, emit: Emit, asked: Callable[[], bool] = never) -> list[RunResult]:
        """Train a pack.

        Args:
            pack: the tasks.
            emit: told how far a run is.
            asked: whether to stop.

        Returns:
            A result for each task, in their order.

        Raises:
            Interrupted: if it was asked to stop; it is kept where it is.
        """
        self._checkpoints.asked = asked
        results: dict[int, RunResult] = {}
        for fit, numbers in self._stacks(pack.tasks):
            tasks = [pack.tasks[number] for number in numbers]
            # The faster way rounds the products of several members otherwise than those of one.
            with fast_products(self._device, allowed=fit is None or fit.large) as precision:
                machine = replace(self._machine, matmul=precision)
                machine = machine if fit is None else replace(machine, lane="stacked", backend=fit.backend)
                results |= dict(zip(numbers, self._train(tasks, fit, machine, emit), strict=True))
        return [results[number] for number in range(len(pack.tasks))]

    @staticmethod
    def _stacks(tasks: Sequence[Task]) -> list[tuple[Agreement | None, list[int]]]:
        """The numbers of the tasks that are trained together; those that the stacked lane does not train are alone."""
        stacks: dict[object, tuple[Agreement | None, list[int]]] = {}
        for number, task in enumerate(tasks):
            fit = agreement(task.run.cell, dataset_of(task.run.cell).spec())
            stacks.setdefault(number if fit is None else fit, (fit, []))[1].append(number)
        return list(stacks.values())

    def _train(self, tasks: Sequence[Task], fit: Agreement | None, machine: Machine, emit: Emit) -> list[RunResult]:
        start = time.monotonic()
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        members = [self._prepare(task, machine) for task in tasks]

        def report(member: int, done: float, loss: float) -> None:
            emit(Progress(tasks[member].run.run_id, done, loss))

        if fit is None:
            trained = [resident.train(members[0], partial(report, 0), self._checkpoints)]
        else:
            trained = stacked.train(members, fit, report, self._programs, self._checkpoints)
        seconds = (time.monotonic() - start) / len(members)
        return [self._result(member, how, task, machine, seconds) for member, how, task in zip(members, trained, tasks, strict=True)]

    def _prepare(self, task: Task, machine: Machine) -> Prepared:
        prepared = prepare(task.run, self._store, self._device)
        name = checkpoint_name(task.run.run_id, task.code_id, *(str(value) for value in vars(machine).values()))
        return replace(prepared, snapshots=_snapshots(prepared, task.measures), checkpoint=name)

    def _result(self, prepared: Prepared, trained: Trained, task: Task, machine: Machine, seconds: float) -> RunResult:
        ok = trained.diverged_at is None
        parameters = sum(parameter.numel() for parameter in prepared.model.parameters() if parameter.requires_grad)
        start = time.monotonic()
        taken = self._measure(prepared, trained, task.measures) if ok else []
        epochs, rest = divmod(trained.steps, prepared.length.steps_per_epoch)
        samples = epochs * prepared.spec.train + rest * prepared.length.batch_size
        return RunResult(
            run_id=prepared.run.run_id,
            status="ok" if ok else "diverged",
            reason=None if ok else f"the loss was not finite at step {trained.diverged_at}",
            metrics={name: value for _, measured in taken for name, value in measured.values.items()},
            tables=_with_history(trained, table_rows(taken)),
            remarks=remarks(taken),
            machine=machine,
            steps_done=trained.steps,
            parameters=parameters,
            train_seconds=seconds,
            measure_seconds=time.monotonic() - start,
            samples_per_second=samples / trained.step_seconds if trained.step_seconds > 0 else None,
            peak_memory=peak_memory(self._device),
            shared=shared(self._device),
            data_checksum=prepared.data_checksum,
            weights=self._weights.keep(prepared.model.state_dict()) if ok and task.keep and self._weights else None,
        )

    @staticmethod
    def _measure(prepared: Prepared, trained: Trained, wanted: Sequence[PartSpec]) -> list[tuple[PartSpec, Measured]]:
        model = prepared.model.eval().requires_grad_(False)
        batch = evaluation_batch(prepared.spec, prepared.data.train_inputs.device)
        view = View(model, prepared.objective, prepared.data, prepared.spec, trained.history, prepared.run.seed, batch, trained.snapshots)
        return [(spec, take(spec, _as_asked(view, spec, prepared))) for spec in wanted]


def _as_asked(view: View, spec: PartSpec, prepared: Prepared) -> View:
    """The view with the snapshots that one measure asks for, and not those of others."""
    steps = _snapshots(prepared, [spec])
    return replace(view, snapshots={step: weights for step, weights in view.snapshots.items() if step in steps})


def _snapshots(prepared: Prepared, wanted: Sequence[PartSpec]) -> frozenset[int]:
    return snapshot_steps(wanted, prepared.length.total_steps, prepared.length.steps_per_epoch)


def _with_history(trained: Trained, tables: dict[str, list[dict[str, object]]]) -> dict[str, list[dict[str, object]]]:
    """The rows of measures with the course of training, to which a measure may add."""
    return {**tables, "history": [*_history_rows(trained), *tables.get("history", [])]}


def _history_rows(trained: Trained) -> list[dict[str, object]]:
    history = trained.history
    return [
        {"step": step, "epoch": epoch, "metric": metric, "value": values[index]}
        for index, (step, epoch) in enumerate(zip(history.steps, history.epochs, strict=True))
        for metric, values in history.values.items()
    ]


def device_name(device: torch.device, processor: str) -> str:
    """The name of a GPU, or that of the processor."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else processor


def peak_memory(device: torch.device) -> int:
    """Bytes that were held at most, on a GPU or else by the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def remarks(taken: Sequence[tuple[PartSpec, Measured]]) -> dict[str, str]:
    """What measures remark, measure -> remark."""
    return {spec.name: measured.remark for spec, measured in taken if measured.remark}


def table_rows(taken: Sequence[tuple[PartSpec, Measured]]) -> dict[str, list[dict[str, object]]]:
    """The rows of measures by the table that they fill."""
    tables: dict[str, list[dict[str, object]]] = {}
    for spec, measured in taken:
        table = measures[spec.name].traits["table"]
        if table is not None:
            tables.setdefault(table, []).extend(dict(row) for row in measured.rows)
    return tables
