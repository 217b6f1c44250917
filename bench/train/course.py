"""What all lanes share: the order of the samples, the looks at a run along the way, and how training is told to have gone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from bench import seeding
from bench.parts.measures import History
from bench.parts.measures.scoring import loss_and_accuracy
from bench.train.evaluate import evaluation_batch, evaluation_epochs
from bench.train.setup import Prepared

CHECK_EVERY = 50
"""Steps between looks at the loss, so that a GPU need not wait for the host at each step."""

Report = Callable[[float, float], None]

Weights = Mapping[str, Tensor]
"""A model's parameters and buffers by name."""


@dataclass(frozen=True)
class Trained:
    """How training went.

    Attributes:
        history: the course of training, evaluated on both splits.
        snapshots: step -> the weights then, where they were asked for.
        diverged_at: the first step whose loss was not finite, or None.
        steps: steps made.
        step_seconds: time spent in steps, without evaluations.
    """

    history: History
    snapshots: Mapping[int, Weights]
    diverged_at: int | None
    steps: int
    step_seconds: float


@dataclass(frozen=True)
class Checkpoint:
    """Where a run is, so that it can go on from there with the numbers that it would have had.

    Attributes:
        step: steps made.
        weights: the model's parameters and buffers.
        optimizer: its state, in the form of the lane.
        looks: what the course has seen.
    """

    step: int
    weights: Weights
    optimizer: Any
    looks: Mapping[str, Any]


@dataclass
class Course:
    """A run on its way: its evaluations and snapshots as they come, and whether it is over.

    Attributes:
        prepared: the run.
        step: where it is.
        diverged_at: the first step whose loss was not finite, or None.
        stopped: whether its stop rule ended it.
        seconds: time spent in steps.
    """

    prepared: Prepared
    step: int = 0
    diverged_at: int | None = None
    stopped: bool = False
    seconds: float = 0.0
    _steps: list[int] = field(default_factory=list)
    _values: dict[str, list[float]] = field(default_factory=dict)
    _snapshots: dict[int, Weights] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        """Whether no step is left."""
        return self.diverged_at is not None or self.stopped or self.step >= self.prepared.length.total_steps

    @cached_property
    def evaluations(self) -> frozenset[int]:
        """The steps after which the run is evaluated, from 0."""
        length = self.prepared.length
        epochs = evaluation_epochs(-(-length.total_steps // length.steps_per_epoch))
        return frozenset({0, *(min(epoch * length.steps_per_epoch, length.total_steps) for epoch in epochs)})

    def ahead(self) -> list[int]:
        """The steps at which something will be looked at; the first is where the run starts, if nothing was yet."""
        return sorted(step for step in self.evaluations | self.prepared.snapshots | self.prepared.turns if step > self.step or not self._steps)

    def look(self, step: int) -> None:
        """Evaluate and take a snapshot, where it is time for it; end the run if its loss is not finite or low enough."""
        self.step = step
        if step in self.prepared.snapshots:
            self._snapshots[step] = {name: tensor.clone() for name, tensor in self.prepared.model.state_dict().items()}
        if step in self.evaluations:
            self._evaluate(step)

    def diverge(self, step: int) -> None:
        """End the run at a step whose loss was not finite."""
        self.diverged_at = step
        self.step = step + 1

    def loss(self) -> float:
        """The training loss when it was last evaluated."""
        return self._values["train_loss"][-1]

    def trained(self) -> Trained:
        """How it went."""
        epochs = [step / self.prepared.length.steps_per_epoch for step in self._steps]
        return Trained(History(self._steps, epochs, self._values), self._snapshots, self.diverged_at, self.step, self.seconds)

    def checkpoint(self, optimizer: Any) -> Checkpoint:
        """Where it is.

        Args:
            optimizer: the optimizer's state.
        """
        looks = {"steps": self._steps, "values": self._values, "snapshots": self._snapshots, "seconds": self.seconds}
        return Checkpoint(self.step, self.prepared.model.state_dict(), optimizer, looks)

    def resume(self, checkpoint: Checkpoint) -> None:
        """Go back to where a checkpoint was made; the model is given its weights."""
        self.prepared.model.load_state_dict(checkpoint.weights)
        self.step, looks = checkpoint.step, checkpoint.looks
        self._steps, self._values, self._snapshots, self.seconds = looks["steps"], looks["values"], looks["snapshots"], looks["seconds"]

    def _evaluate(self, step: int) -> None:
        data, batch = self.prepared.data, evaluation_batch(self.prepared.spec, self.prepared.data.train_inputs.device)
        self._steps.append(step)
        for split, inputs, targets in (("train", data.train_inputs, data.train_targets), ("test", data.test_inputs, data.test_targets)):
            loss, accuracy = loss_and_accuracy(self.prepared.model, self.prepared.objective, inputs, targets, batch)
            self._values.setdefault(f"{split}_loss", []).append(loss)
            if accuracy is not None:
                self._values.setdefault(f"{split}_accuracy", []).append(accuracy)
        rule = self.prepared.run.cell.stop
        if step and not math.isfinite(self.loss()):
            self.diverged_at = step
        elif rule is not None and self._values[rule.metric][-1] < rule.below:
            self.stopped = True


def order(prepared: Prepared, step: int = 0) -> Iterator[Tensor | slice]:
    """The samples of each step: epochs of shuffled batches from the run's stream ``order``; a full batch as it stands.

    Args:
        prepared: the run.
        step: which step comes first.
    """
    total, length, device = prepared.spec.train, prepared.length, prepared.data.train_inputs.device
    while length.full_batch:
        yield slice(None)
    epoch, skipped = divmod(step, length.steps_per_epoch)
    while True:
        generator = torch.Generator().manual_seed(seeding.key(prepared.run.seed, "order", epoch))
        yield from torch.split(torch.randperm(total, generator=generator).to(device), length.batch_size)[skipped:]
        epoch, skipped = epoch + 1, 0
