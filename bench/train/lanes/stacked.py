"""The stacked lane: fully connected networks of one shape, trained together with a leading axis of members.

One step advances all members. No operation mixes them, so that a member gets the numbers that it would get alone, bit
for bit on a CPU, and one that diverges leaves the others as they are.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import torch
from torch import nn

from bench.config import Cell, PartSpec, canonical
from bench.parts.datasets import DataSpec
from bench.parts.models import models
from bench.parts.objectives import SampleObjective, objectives
from bench.parts.optimizers import Optimizer, optimizers
from bench.parts.penalties import FeaturePenalty, penalties
from bench.train.checkpoints import Checkpoints
from bench.train.compiler import Backend, Programs, backend_of
from bench.train.course import Course, Trained
from bench.train.layers import Layer, layers_of
from bench.train.samples import padded
from bench.train.setup import Length, Prepared
from bench.train.stack import Slots, Stack

LARGE = 300_000
"""Parameters above which members are trained one at a time on a CPU: their weights and moments fill its cache."""

CACHE_BYTES = 2**23
"""What the members of a stack may take of a CPU's cache together."""

ACTIVATION_BYTES = {"eager": 24, "compiled": 12}
"""For each activation: those that are in use at once. What is compiled keeps the output, the mask and little else."""

PARAMETER_BYTES = 20

Report = Callable[[int, float, float], None]
"""Told (member, share of steps done, last training loss) after each evaluation."""


def train(members: Sequence[Prepared], fit: Agreement, report: Report, programs: Programs, checkpoints: Checkpoints) -> list[Trained]:
    """Train members of one shape, each to its end: the length, its stop rule, or a loss that is no longer finite.

    Args:
        members: what is trained. Seeds, data, initial weights, drop rates, stop rules and the numbers of the optimizer
            may differ, and the numbers of samples in full batches. Each model is left with its final weights.
        fit: what they agree on.
        report: told how far a member is.
        programs: what was compiled before.
        checkpoints: where members go on from, and are kept on the way.

    Returns:
        How training went, in the order of the members.
    """
    runners = [_Runner(number, Course(member)) for number, member in enumerate(members)]
    for runner in runners:
        runner.resume(checkpoints)
    # Those that were interrupted at different steps go on apart, as large ones do in any case on a CPU.
    apart = fit.large and members[0].data.train_inputs.device.type == "cpu"
    groups: dict[tuple[int, int], list[_Runner]] = {}
    for runner in runners:
        groups.setdefault((runner.course.step, runner.number if apart else 0), []).append(runner)
    for group in groups.values():
        _Race(group, fit, programs, checkpoints).run(report)
    return [runner.course.trained() for runner in runners]


@dataclass
class _Runner:
    """A member on its way, and the optimizer's state from which it goes on."""

    number: int
    course: Course
    slots: Slots | None = None

    def resume(self, checkpoints: Checkpoints) -> None:
        prepared = self.course.prepared
        checkpoint = checkpoints.load(prepared.checkpoint, prepared.data.train_inputs.device)
        if checkpoint is not None:
            self.course.resume(checkpoint)
            self.slots = checkpoint.optimizer


class _Race:
    """Members that advance together; those that are over leave, and the others close up."""

    def __init__(self, runners: Sequence[_Runner], fit: Agreement, programs: Programs, checkpoints: Checkpoints) -> None:
        self._runners = list(runners)
        self._fit, self._programs, self._checkpoints = fit, programs, checkpoints

    def run(self, report: Report) -> None:
        """Advance until all are over."""
        milestones = sorted({step for runner in self._runners for step in runner.course.ahead()})
        stack = self._stack()
        for milestone in milestones:
            start = time.monotonic()
            stack.advance(milestone)
            self._look(stack, milestone, time.monotonic() - start, report)
            left = [seat for seat, runner in enumerate(self._runners) if not runner.course.over]
            if not left:
                return
            if milestone and self._checkpoints.due():
                self._save(stack, left)
                self._checkpoints.leave()
            if len(left) <= stack.seats // 2 or milestone in self._runners[0].course.prepared.turns:
                self._runners = [replace(self._runners[seat], slots=stack.slots(seat)) for seat in left]
                stack = self._stack()

    def _stack(self) -> Stack:
        members, step = [runner.course.prepared for runner in self._runners], self._runners[0].course.step
        slots = [runner.slots for runner in self._runners if runner.slots is not None and members[0].began(step) < step]
        return Stack(members, self._fit.layers, self._fit.rows, self._fit.backend, self._programs, self._fit, step, slots)

    def _look(self, stack: Stack, step: int, seconds: float, report: Report) -> None:
        """Look at those who are still on their way; they share the time of the steps."""
        on_way = [(seat, runner) for seat, runner in enumerate(self._runners) if not runner.course.over]
        for seat, runner in on_way:
            course, end = runner.course, stack.ended[seat]
            course.seconds += seconds / len(on_way)
            if end is not None:
                course.diverge(end)
            else:
                stack.unload(seat)
                course.look(step)
                if step and course.diverged_at is None:
                    report(runner.number, step / course.prepared.length.total_steps, course.loss())

    def _save(self, stack: Stack, seats: Sequence[int]) -> None:
        for seat in seats:
            course = self._runners[seat].course
            self._checkpoints.save(course.prepared.checkpoint, course.checkpoint(stack.slots(seat)))


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
    def parameters(self) -> int:
        """How many a member has."""
        return sum(layer.size for layer in self.layers)

    @property
    def large(self) -> bool:
        """Whether members are trained one at a time on a CPU, in packs too."""
        return self.parameters > LARGE

    @property
    def members(self) -> int:
        """How many members of a stack pay on a CPU: as many as keep their activations in its cache, at most 32.

        For a compiled stack it is a power of two, as its seats are.
        """
        if self.large:
            return 1
        activations = self.rows * sum(layer.outputs for layer in self.layers) * ACTIVATION_BYTES[self.backend]
        most = max(1, min(32, CACHE_BYTES // (activations + self.parameters * PARAMETER_BYTES)))
        return most if self.backend == "eager" else 1 << (most.bit_length() - 1)


@functools.lru_cache(maxsize=4096)
def _network(
    make: Callable[..., nn.Module], model: str, inputs: tuple[int, ...], outputs: int, rate: float | tuple[float, ...]
) -> tuple[tuple[Layer, ...] | None, tuple[bool, ...]]:
    """The layers of a model, and which of its places drop; made once for all cells of a large grid that share it."""
    with torch.device("meta"), torch.random.fork_rng(devices=[]):
        made = make(inputs, outputs, rate, **json.loads(model)["parameters"])
    return layers_of(made), tuple(module.p > 0 for module in made.modules() if isinstance(module, nn.Dropout))


def agreement(cell: Cell, spec: DataSpec) -> Agreement | None:
    """What a run must agree on with the others of its stack.

    Args:
        cell: its configuration.
        spec: the sizes and shapes of its data.

    Returns:
        The agreement, or None for a run that this lane does not train: its model must say ``stacked`` and have that
        structure, and its batches must be computed whole. It depends on the cell alone.
    """
    if not models[cell.model.name].traits.get("stacked"):
        return None
    optimizer = optimizers[cell.optimizer.name].target(**cell.optimizer.parameters)
    if not isinstance(optimizer, Optimizer) or cell.augmentation or cell.precision != "float32" or cell.chunk is not None:
        return None
    make: Callable[..., nn.Module] = models[cell.model.name].target
    layers, drops = _network(make, cell.model.json, spec.inputs, spec.outputs, cell.dropout.rate)
    named = [objectives[spec.name].target(**spec.parameters) for kind, spec in cell.parts() if kind == "objective"]
    if layers is None or not all(isinstance(objective, SampleObjective) for objective in named):
        return None
    form = {name: value for name, value in cell.optimizer.parameters.items() if name not in optimizer.hyperparameters()}
    same = (cell.optimizer.name, form, asdict(cell.objective), asdict(cell.schedule), cell.dropout.mask, drops, *_terms(cell))
    length = Length(cell, spec)
    # A gradient of a gradient, which other penalties may take, is not compiled.
    of_features = all(issubclass(penalties[spec.name].target, FeaturePenalty) for kind, spec in cell.parts() if kind == "penalty")
    backend: Backend = backend_of(length.total_steps) if of_features else "eager"
    fit = Agreement(layers, length.batch_size, length.total_steps, backend, (spec, canonical(same)))
    if not length.full_batch or fit.large:
        return fit
    # The samples of a full batch are padded, so that members of other numbers of them fit in; else epochs must agree.
    rows = padded(spec.train)
    return replace(fit, rows=rows, rest=(replace(spec, train=rows), canonical(same)))


def _terms(cell: Cell) -> tuple[object, ...]:
    """Penalties without their coefficients, and the phases."""
    here = [_kind(spec) for spec in cell.penalties]
    before = [(phase.until, phase.optimizer_state, asdict(phase.objective), [_kind(spec) for spec in phase.penalties]) for phase in cell.phases]
    return (here, before) if here or before else ()


def _kind(spec: PartSpec) -> tuple[str, dict[str, object]]:
    return spec.name, {name: value for name, value in spec.parameters.items() if name != "coefficient"}
