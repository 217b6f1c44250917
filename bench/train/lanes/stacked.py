"""The stacked lane: fully connected networks of one shape, trained together with a leading axis of members.

One step advances all members. No operation mixes them, so that a member gets the numbers that it would get alone, bit
for bit on a CPU, and one that diverges leaves the others as they are.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import torch
from torch import nn

from bench.config import Cell, canonical
from bench.parts.datasets import DataSpec
from bench.parts.models import models
from bench.parts.objectives import SampleObjective, objectives
from bench.parts.optimizers import Optimizer, optimizers
from bench.train.compiler import Backend, Programs, backend_of
from bench.train.course import Course, Trained
from bench.train.evaluate import evaluation_epochs
from bench.train.layers import Layer, layers_of
from bench.train.samples import padded
from bench.train.setup import Length, Prepared
from bench.train.stack import Stack

LARGE = 300_000
"""Parameters above which members are trained one at a time on a CPU: their weights and moments fill its cache."""

CACHE_BYTES = 2**23
"""What the members of a stack may take of a CPU's cache together."""

ACTIVATION_BYTES = {"eager": 24, "compiled": 12}
"""For each activation: those that are in use at once. What is compiled keeps the output, the mask and little else."""

PARAMETER_BYTES = 20

Report = Callable[[int, float, float], None]
"""Told (member, share of steps done, last training loss) after each evaluation."""


def train(members: Sequence[Prepared], fit: Agreement, report: Report, programs: Programs) -> list[Trained]:
    """Train members of one shape to their end; one whose loss is no longer finite ends there.

    Args:
        members: what is trained. Layers, optimizer, objective, schedule, batch size, number of samples and length agree;
            seeds, data, initial weights, drop rates and the numbers of the optimizer may differ. Each model is left with
            its final weights.
        fit: what they agree on.
        report: told how far a member is.
        programs: what was compiled before.

    Returns:
        How training went, in the order of the members.
    """
    first = members[0]
    stack = Stack(members, fit.layers, fit.rows, fit.backend, programs, fit)
    courses = [Course(member) for member in members]
    for course in courses:
        course.evaluate(0)
    seconds = 0.0
    for epoch in evaluation_epochs(-(-first.length.total_steps // first.length.steps_per_epoch)):
        start = time.monotonic()
        stack.advance(min(epoch * first.length.steps_per_epoch, first.length.total_steps))
        seconds += time.monotonic() - start
        stack.unload()
        for number in [number for number, end in enumerate(stack.ended) if end is None]:
            loss = courses[number].evaluate(stack.step)
            if math.isfinite(loss):
                report(number, stack.step / first.length.total_steps, loss)
            else:
                stack.ended[number] = stack.step
        if None not in stack.ended:
            break
    # Members share the time of their steps.
    share = seconds / len(members)
    steps = [stack.step if end is None else min(end + 1, stack.step) for end in stack.ended]
    return [Trained(course.history(), end, made, share) for course, end, made in zip(courses, stack.ended, steps, strict=True)]


@dataclass(frozen=True)
class Agreement:
    """What runs have in common that are members of one stack; runs of equal agreements fit together.

    Attributes:
        layers: the network.
        rows: the samples of a step, see `bench.train.samples`.
        total_steps: the length.
        backend: eager or compiled.
        rest: everything else that must be equal.
    """

    layers: tuple[Layer, ...]
    rows: int
    total_steps: int
    backend: Backend
    rest: tuple[object, ...]

    @property
    def members(self) -> int:
        """How many members of a stack pay on a CPU: as many as keep their activations in its cache, at most 32.

        For a compiled stack it is a power of two, as its seats are.
        """
        parameters = sum(layer.size for layer in self.layers)
        if parameters > LARGE:
            return 1
        activations = self.rows * sum(layer.outputs for layer in self.layers) * ACTIVATION_BYTES[self.backend]
        most = max(1, min(32, CACHE_BYTES // (activations + parameters * PARAMETER_BYTES)))
        return most if self.backend == "eager" else 1 << (most.bit_length() - 1)


def agreement(cell: Cell, spec: DataSpec) -> Agreement | None:
    """What a run must agree on with the others of its stack.

    Args:
        cell: its configuration.
        spec: the sizes and shapes of its data.

    Returns:
        The agreement, or None for a run that this lane does not train: its model must say ``stacked`` and have that
        structure. It depends on the cell alone.
    """
    if not models[cell.model.name].traits.get("stacked"):
        return None
    optimizer = optimizers[cell.optimizer.name].target(**cell.optimizer.parameters)
    if not isinstance(optimizer, Optimizer) or cell.augmentation or cell.precision != "float32":
        return None
    with torch.device("meta"), torch.random.fork_rng(devices=[]):
        model = models[cell.model.name].target(spec.inputs, spec.outputs, cell.dropout.rate, **cell.model.parameters)
    layers = layers_of(model)
    if layers is None or not isinstance(objectives[cell.objective.name].target(**cell.objective.parameters), SampleObjective):
        return None
    form = {name: value for name, value in cell.optimizer.parameters.items() if name not in optimizer.hyperparameters()}
    drops = [module.p > 0 for module in model.modules() if isinstance(module, nn.Dropout)]
    same = (cell.optimizer.name, form, asdict(cell.objective), asdict(cell.schedule), cell.dropout.mask, drops)
    length = Length(cell, spec)
    large = sum(layer.size for layer in layers) > LARGE
    rows = padded(spec.train) if length.full_batch and not large else length.batch_size
    # The samples of a full batch are padded, so that members of other numbers of them fit in; else epochs must agree.
    data = replace(spec, train=rows) if length.full_batch else spec
    return Agreement(layers, rows, length.total_steps, backend_of(length.total_steps), (data, canonical(same)))
