"""What all lanes share: the order of the samples, the evaluations along the way, and how training is told to have gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from bench import seeding
from bench.parts.measures import History
from bench.train.evaluate import evaluation_batch, loss_and_accuracy
from bench.train.setup import Prepared

CHECK_EVERY = 50
"""Steps between looks at the loss, so that a GPU need not wait for the host at each step."""

Report = Callable[[float, float], None]


@dataclass
class Trained:
    """How training went.

    Attributes:
        history: the course of training, evaluated on both splits.
        diverged_at: the first step whose loss was not finite, or None.
        steps: steps made.
        step_seconds: time spent in steps, without evaluations.
    """

    history: History
    diverged_at: int | None
    steps: int
    step_seconds: float


@dataclass
class Course:
    """Evaluations of a run as they come."""

    prepared: Prepared
    steps: list[int] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=dict)

    def evaluate(self, step: int) -> float:
        """Evaluate both splits, and return the training loss."""
        data, batch = self.prepared.data, evaluation_batch(self.prepared.spec.inputs, self.prepared.data.train_inputs.device)
        self.steps.append(step)
        for split, inputs, targets in (("train", data.train_inputs, data.train_targets), ("test", data.test_inputs, data.test_targets)):
            loss, accuracy = loss_and_accuracy(self.prepared.model, self.prepared.objective, inputs, targets, batch)
            self.values.setdefault(f"{split}_loss", []).append(loss)
            if accuracy is not None:
                self.values.setdefault(f"{split}_accuracy", []).append(accuracy)
        return self.values["train_loss"][-1]

    def history(self) -> History:
        """What was seen."""
        return History(self.steps, [step / self.prepared.length.steps_per_epoch for step in self.steps], self.values)


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
