"""The trainer: what an executor runs. It turns packs into results, one device and one process at a time."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from bench.catalog import load_entry_points, load_plugin
from bench.config import PartSpec
from bench.packing import Pack, Task
from bench.parts.measures import Measured, View, measures
from bench.results import Machine, Progress, RunResult
from bench.train.checkpoints import Checkpoints, checkpoint_name
from bench.train.compiler import Programs
from bench.train.course import Trained
from bench.train.evaluate import evaluation_batch
from bench.train.lanes import resident, stacked
from bench.train.lanes.stacked import Agreement, agreement
from bench.train.memory import keep_freed_memory
from bench.train.products import fast_products
from bench.train.setup import DataStore, Prepared, dataset_of, prepare
from bench.train.snapshots import snapshot_steps

Emit = Callable[[Progress], None]


class Trainer:
    """Trains packs on one device.

    On a CPU it uses one thread: numbers depend on how many there are, and two workers of one thread beat one of two.

    Args:
        device: ``cpu`` or ``cuda:0``.
        folder: the data folder.
        processor: the CPU's name, for the record.
        plugins: files that define parts.
        checkpoints: where runs are kept while they are trained.
    """

    def __init__(self, device: str, folder: Path, processor: str, plugins: Sequence[Path] = (), checkpoints: Checkpoints | None = None) -> None:
        load_entry_points()
        for plugin in plugins:
            load_plugin(plugin)
        torch.set_num_threads(1)
        keep_freed_memory()
        # Without this a GPU rounds the factors of convolutions to ten bits, and float32 would not mean float32.
        torch.backends.cudnn.allow_tf32 = False
        self._device = torch.device(device)
        self._store = DataStore(folder, self._device)
        self._programs = Programs()
        self._checkpoints = checkpoints or Checkpoints()
        name = torch.cuda.get_device_name(self._device) if self._device.type == "cuda" else processor
        self._machine = Machine(self._device.type, name, "resident", "eager", "highest", torch.get_num_threads(), torch.__version__)

    def __call__(self, pack: Pack, emit: Emit) -> list[RunResult]:
        """Train a pack.

        Args:
            pack: the tasks.
            emit: told how far a run is.

        Returns:
            A result for each task, in their order.
        """
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
        return [self._result(member, how, task.measures, machine, seconds) for member, how, task in zip(members, trained, tasks, strict=True)]

    def _prepare(self, task: Task, machine: Machine) -> Prepared:
        prepared = prepare(task.run, self._store, self._device)
        name = checkpoint_name(task.run.run_id, task.code_id, *(str(value) for value in vars(machine).values()))
        return replace(prepared, snapshots=snapshot_steps(task.measures, prepared.length.total_steps), checkpoint=name)

    def _result(self, prepared: Prepared, trained: Trained, wanted: Sequence[PartSpec], machine: Machine, seconds: float) -> RunResult:
        ok = trained.diverged_at is None
        parameters = sum(parameter.numel() for parameter in prepared.model.parameters() if parameter.requires_grad)
        start = time.monotonic()
        taken = self._measure(prepared, trained, wanted) if ok else []
        epochs, rest = divmod(trained.steps, prepared.length.steps_per_epoch)
        samples = epochs * prepared.spec.train + rest * prepared.length.batch_size
        return RunResult(
            run_id=prepared.run.run_id,
            status="ok" if ok else "diverged",
            reason=None if ok else f"the loss was not finite at step {trained.diverged_at}",
            metrics={name: value for _, measured in taken for name, value in measured.values.items()},
            tables={"history": _history_rows(trained), **_table_rows(taken)},
            machine=machine,
            steps_done=trained.steps,
            parameters=parameters,
            train_seconds=seconds,
            measure_seconds=time.monotonic() - start,
            samples_per_second=samples / trained.step_seconds if trained.step_seconds > 0 else None,
            peak_memory=self._peak_memory(),
            data_checksum=prepared.data_checksum,
        )

    @staticmethod
    def _measure(prepared: Prepared, trained: Trained, wanted: Sequence[PartSpec]) -> list[tuple[PartSpec, Measured]]:
        model = prepared.model.eval().requires_grad_(False)
        batch = evaluation_batch(prepared.spec, prepared.data.train_inputs.device)
        view = View(model, prepared.objective, prepared.data, prepared.spec, trained.history, prepared.run.seed, batch, trained.snapshots)
        return [(spec, measures[spec.name].target(_as_asked(view, spec, prepared), **spec.parameters)) for spec in wanted]

    def _peak_memory(self) -> int:
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device)
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _as_asked(view: View, spec: PartSpec, prepared: Prepared) -> View:
    """The view with the snapshots that one measure asks for, and not those of others."""
    steps = snapshot_steps([spec], prepared.length.total_steps)
    return replace(view, snapshots={step: weights for step, weights in view.snapshots.items() if step in steps})


def _history_rows(trained: Trained) -> list[dict[str, object]]:
    history = trained.history
    return [
        {"step": step, "epoch": epoch, "metric": metric, "value": values[index]}
        for index, (step, epoch) in enumerate(zip(history.steps, history.epochs, strict=True))
        for metric, values in history.values.items()
    ]


def _table_rows(taken: Sequence[tuple[PartSpec, Measured]]) -> dict[str, list[dict[str, object]]]:
    tables: dict[str, list[dict[str, object]]] = {}
    for spec, measured in taken:
        table = measures[spec.name].traits["table"]
        if table is not None:
            tables.setdefault(table, []).extend(dict(row) for row in measured.rows)
    return tables
