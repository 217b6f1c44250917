"""Run -> what a lane trains: the data on the device, the model with its initial weights, the parts made from their names."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench import datafiles, seeding
from bench.config import Cell, PartSpec, Run, canonical
from bench.parts.augmentations import augmentations
from bench.parts.datasets import Data, Dataset, DataSpec, Relabelled, checksum, datasets
from bench.parts.initializers import initializers
from bench.parts.models import models
from bench.parts.objectives import Objective, objectives
from bench.parts.optimizers import Optimizer, TorchOptimizer, optimizers
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
class Prepared:
    """Everything that training one run needs, ready on its device.

    Attributes:
        run: the run.
        spec: the data set's sizes and shapes.
        data: the samples, on the device, with this run's labels.
        data_checksum: SHA-256 of the data before label noise.
        model: the model with its initial weights, its dropout replaced.
        dropouts: the engine's dropout modules in it.
        objective: the loss.
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
    objective: Objective
    optimizer: Optimizer | TorchOptimizer
    schedule: Schedule
    augment: tuple[Augment, ...]
    snapshots: frozenset[int] = frozenset()
    checkpoint: str = ""

    @property
    def length(self) -> Length:
        """How long it is trained."""
        return Length(self.run.cell, self.spec)


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
        objective=_make(objectives, cell.objective),
        optimizer=_make(optimizers, cell.optimizer),
        schedule=_make(schedules, cell.schedule),
        augment=tuple(partial(augmentations[part.name].target, **part.parameters) for part in cell.augmentation),
    )


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
