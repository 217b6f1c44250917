"""Measures: numbers and curves that are taken from a trained model.

A measure sees a read-only view of a run and returns values for its metrics and rows for its table. Its version stands
beside its values in the registry; raise it when the same weights would give other numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Protocol

import torch
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from torch import Tensor, nn

from bench.catalog import Catalog
from bench.parts.datasets import Data, DataSpec
from bench.parts.objectives import Objective, terms

Snapshots = list[Annotated[int, Field(ge=0)]] | dict[Literal["log"], Annotated[int, Field(ge=2, le=1000)]] | None
"""When a measure looks at training as it goes: at listed steps, or ``{log: n}``, at n steps of equal ratios up to the last.

A measure with a parameter ``snapshots`` of this type is given the weights of these steps; the suite's key ``snapshots``
stands for the parameter where it is not set.
"""


def _whole(given: dict[str, int]) -> dict[str, int]:
    if "last" not in given:
        raise PydanticCustomError("no_last", "the key 'last' is missing")
    return given


LastEpochs = Annotated[dict[Literal["last", "every"], Annotated[int, Field(ge=1, le=1000)]], AfterValidator(_whole)]
"""``{last: k, every: n}``: the ends of the last k of every n epochs, from the last epoch back; every epoch by default, and as many as there are."""


@dataclass(frozen=True)
class History:
    """The course of training: one entry per evaluation.

    Attributes:
        steps: how many steps were done.
        epochs: how many epochs that is.
        values: metric -> its values; ``train_loss``, ``test_loss`` and for classes and words ``train_accuracy``, ``test_accuracy``.
    """

    steps: Sequence[int]
    epochs: Sequence[float]
    values: Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class View:
    """A trained run, to look at and not to change.

    Attributes:
        model: the model, in evaluation mode: dropout off, batch statistics frozen.
        objective: the loss that it was trained on.
        data: the samples, on the model's device.
        spec: the data set's sizes and shapes.
        history: the course of training.
        seed: the run's seed, for streams of the measure's own.
        batch: how many samples fit in one pass.
        snapshots: step -> the model's parameters and buffers then, where the measure's ``snapshots`` ask for them.
    """

    model: nn.Module
    objective: Objective
    data: Data
    spec: DataSpec
    history: History
    seed: int
    batch: int
    snapshots: Mapping[int, Mapping[str, Tensor]] = field(default_factory=dict)

    def final(self, metric: str) -> float:
        """The last value of a metric in the history."""
        return self.history.values[metric][-1]

    @torch.no_grad()
    def loss(self, inputs: Tensor, targets: Tensor, parameters: Mapping[str, Tensor] | None = None) -> float:
        """The mean loss over samples, with other parameters if given; the model itself stays as it is."""
        total, count = torch.zeros((), dtype=torch.float64, device=inputs.device), 0
        for start in range(0, len(inputs), self.batch):
            piece = slice(start, start + self.batch)
            outputs = self.model(inputs[piece]) if parameters is None else torch.func.functional_call(self.model, dict(parameters), (inputs[piece],))
            total += self.objective(outputs.float(), targets[piece]).double() * terms(targets[piece])
            count += terms(targets[piece])
        return float(total / count)


@dataclass(frozen=True)
class Measured:
    """What a measure returns: metric -> value, rows for the table that it fills, and what must be said with the values."""

    values: Mapping[str, float] = field(default_factory=dict)
    rows: Sequence[Mapping[str, Any]] = ()
    remark: str = ""


class MeasurePart(Protocol):
    """A measure of one run, or of two.

    Traits: ``metrics`` (a tuple of `bench.metric.Metric`), ``table`` (the registry's table that its rows fill,
    or None), ``tasks`` (which tasks it fits), ``reference`` (paper or lecture); ``stacked`` where it takes only models
    that say ``stacked``, which are fully connected; ``views=2`` where it is of a pair of runs, which have one model and one data set.
    """

    def __call__(self, *views: View, **parameters: Any) -> Measured:
        """Take the measure.

        Args:
            *views: the trained run, or the two of a pair.
            **parameters: what the suite says.
        """


measures: Catalog[MeasurePart] = Catalog("measure", __name__)


def views_of(name: str) -> int:
    """How many runs a measure is of: one, or two."""
    return int(measures[name].traits.get("views", 1))
