"""Run -> what a lane trains: the data on the device, the model with its initial weights, the parts made from their names."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench import datafiles, seeding
from bench.config import Cell, OptimizerState, PartSpec, Run, canonical
from bench.parts.augmentations import augmentations
from bench.parts.datasets import Data, Dataset, DataSpec, Relabelled, checksum, datasets
from bench.parts.initializers import initializers
from bench.parts.models import models
from bench.parts.objectives import Objective, objectives
from bench.parts.optimizers import Optimizer, TorchOptimizer, optimizers
from bench.parts.penalties import Penalty, penalties
from bench.parts.schedules import Schedule, schedules
from bench.train.dropout import CounterDropout, install, refuse_other_randomness

Augment = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class Length:
    """How long a cell is trained on its data, in samples, steps and epochs."""

    cell: Cell
    spec: DataSpec

    @property
    def batch_size(self) -> int:
        """Samples per step, a full batch resolved."""
        size = self.cell.batch_size
        return self.spec.train if size == "full" else size

    @property
    def full_batch(self) -> bool:
        """Whether a step sees all samples."""
        return self.batch_size == self.spec.train

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which each sample is seen once; the last, smaller batch counts."""
        return math.ceil(self.spec.train / self.batch_size)

    @property
    def total_steps(self) -> int:
        """Steps of the whole run."""
        return self.cell.steps if self.cell.steps is not None else (self.cell.epochs or 0) * self.steps_per_epoch


@dataclass(frozen=True)
class Stretch:
    """The steps between two changes of what is minimized.

    Attributes:
        until: the step at which it ends; None for the end of training.
        objective: the loss.
        penalties: what is added to it.
        optimizer_state: what becomes of the optimizer's state at its end.
    """

    until: int | None
    objective: Objective
    penalties: tuple[Penalty, ...] = ()
    optimizer_state: OptimizerState = "keep"


@dataclass(frozen=True)
class Prepared:
    """Everything that training one run needs, ready on its device.

    Attributes:
        run: the run.
        spec: the data set's sizes and shapes.
        data: the samples, on the device, with this run's labels.
        data_checksum: SHA-256 of the data before label noise.
        model: the model with its initial weights, its dropout replaced.
        dropouts: the engine's dropout modules in it.
        stretches: what is minimized, one after the other.
        optimizer: the update rule.
        schedule: the factor on the learning rate.
        augment: random changes of a batch, in order.
        snapshots: the steps after which the weights are kept for measures.
        checkpoint: the name of its checkpoint.
    """

    run: Run
    spec: DataSpec
    data: Data
    data_checksum: str
    model: nn.Module
    dropouts: list[CounterDropout]
    stretches: tuple[Stretch, ...]
    optimizer: Optimizer | TorchOptimizer
    schedule: Schedule
    augment: tuple[Augment, ...]
    snapshots: frozenset[int] = frozenset()
    checkpoint: str = ""

    @property
    def length(self) -> Length:
        """How long it is trained."""
        return Length(self.run.cell, self.spec)

    def factor(self, step: int) -> float:
        """The factor on the learning rate in a step, counted from 0."""
        length = self.length
        unit = 1 if schedules[self.run.cell.schedule.name].traits.get("counts") == "steps" else length.steps_per_epoch
        return self.schedule(step / unit, length.total_steps / unit)

    @property
    def objective(self) -> Objective:
        """The loss that it is evaluated by: that of the last stretch."""
        return self.stretches[-1].objective

    @property
    def turns(self) -> frozenset[int]:
        """The steps at which what is minimized changes."""
        return frozenset(stretch.until for stretch in self.stretches if stretch.until is not None)

    def stretch(self, step: int) -> Stretch:
        """The stretch in which a step is made, counted from 0."""
        return next(stretch for stretch in self.stretches if stretch.until is None or step < stretch.until)

    def began(self, step: int) -> int:
        """The step with which the optimizer's state began that a step is made with: 0, or the last turn to a fresh one."""
        return max((turn.until for turn in self.stretches if turn.until is not None and turn.optimizer_state == "fresh" and turn.until <= step), default=0)


class DataStore:
    """The data set in use on a device, read and verified once; runs that differ in their seed alone share its inputs.

    Args:
        folder: the data folder.
        device: where the tensors go.
    """

    def __init__(self, folder: Path, device: torch.device) -> None:
        self._folder = folder
        self._device = device
        self._name = ""
        self._checksum = ""
        self._kept: dict[int | None, Data] = {}

    def get(self, spec: PartSpec, seed: int) -> tuple[DataSpec, Data, str]:
        """The samples of a run, and the checksum of the data before label noise.

        Raises:
            MissingError: if files are missing or not what they should be.
        """
        dataset = _make_dataset(spec)
        name = canonical([spec.name, dict(spec.parameters)])
        if name != self._name:
            datafiles.verify(dataset.files(), self._folder, spec.name)
            self._name, self._checksum, self._kept = name, checksum(dataset, self._folder), {}
        key = seed if _is_noisy(dataset) else None
        if key not in self._kept:
            self._kept[key] = self._read(dataset, seed)
        return dataset.spec(), self._kept[key], self._checksum

    def _read(self, dataset: Dataset, seed: int) -> Data:
        data = dataset.read(self._folder, seed)
        # A seed changes labels and nothing else, so that the inputs need to lie on the device once.
        first = next(iter(self._kept.values()), data)
        return Data(*(tensor.to(self._device) for tensor in (first.train_inputs, data.train_targets, first.test_inputs, data.test_targets)))


def _is_noisy(dataset: Dataset) -> bool:
    """Whether the seed may change the labels of a data set."""
    return not (isinstance(dataset, Relabelled) and vars(dataset) == vars(dataset.clean()))


def prepare(run: Run, store: DataStore, device: torch.device) -> Prepared:
    """Make everything that training a run needs.

    Raises:
        MissingError: if its data are not there.
        UsageError: if its model cannot be trained by the engine.
    """
    cell = run.cell
    spec, data, digest = store.get(cell.dataset, run.seed)
    model = build_model(cell, spec, run.seed)
    dropouts = install(model, run.seed, cell.dropout.mask)
    refuse_other_randomness(model, data.train_inputs[:2].cpu())
    model.to(device)
    return Prepared(
        run=run,
        spec=spec,
        data=data,
        data_checksum=digest,
        model=model.train(),
        dropouts=dropouts,
        stretches=_stretches(cell),
        optimizer=_make(optimizers, cell.optimizer),
        schedule=_make(schedules, cell.schedule),
        augment=tuple(partial(augmentations[part.name].target, **part.parameters) for part in cell.augmentation),
    )


def _stretches(cell: Cell) -> tuple[Stretch, ...]:
    first = [Stretch(phase.until, _make(objectives, phase.objective), _terms(phase.penalties), phase.optimizer_state) for phase in cell.phases]
    return (*first, Stretch(None, _make(objectives, cell.objective), _terms(cell.penalties)))


def _terms(specs: Sequence[PartSpec]) -> tuple[Penalty, ...]:
    return tuple(_make(penalties, spec) for spec in specs)


def build_model(cell: Cell, spec: DataSpec, seed: int) -> nn.Module:
    """A model with the initial weights of a seed, the same on every device and for every optimizer.

    Args:
        cell: names the model, the initializer and the drop rates.
        spec: the data set's sizes and shapes.
        seed: the run's seed.
    """
    key = seeding.key(seed, "initial-weights")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(key)
        model = models[cell.model.name].target(spec.inputs, spec.outputs, cell.dropout.rate, **cell.model.parameters)
    initializers[cell.initializer.name].target(model, torch.Generator().manual_seed(key), **cell.initializer.parameters)
    return model


def dataset_of(cell: Cell) -> Dataset:
    """The data set of a cell, with its options."""
    return _make_dataset(cell.dataset)


def _make_dataset(spec: PartSpec) -> Dataset:
    dataset: Dataset = datasets[spec.name].target(**spec.parameters)
    return dataset


def _make(catalog: Any, spec: PartSpec) -> Any:
    return catalog[spec.name].target(**spec.parameters)
