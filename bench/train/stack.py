"""A stack: the parameters of members of one shape, with a leading axis of members, and the steps that advance them all."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import torch
from torch import Tensor

from bench.parts.objectives import SampleObjective
from bench.parts.optimizers import Optimizer, State
from bench.train.compiler import Backend, Programs
from bench.train.course import CHECK_EVERY
from bench.train.graphs import Recorded
from bench.train.layers import Layer
from bench.train.samples import Samples
from bench.train.setup import Prepared, Stretch
from bench.train.step import Step
from bench.train.tables import Tables

Slots = list[State]
"""The optimizer's state of one member, parameter by parameter."""


class Stack:
    """Members in lockstep, in one stretch: what they have in common is the program, all else stands in tensors.

    Args:
        members: what is trained, from the weights in their models.
        layers: their network.
        rows: the samples of a step, see `bench.train.samples`.
        backend: eager or compiled.
        programs: what was compiled before.
        key: equal for stacks of equal programs.
        step: how many steps the members have made.
        slots: their optimizers' states; fresh ones by default.

    Attributes:
        seats: how many members there is room for. What is compiled has 1, 2, 4, … seats, so that few sizes are
            compiled; copies of the last member fill those that are left, and are never looked at.
        step: how many steps were made.
        ended: for each member, the step whose loss was not finite, or None.
    """

    def __init__(
        self,
        members: Sequence[Prepared],
        layers: tuple[Layer, ...],
        rows: int,
        backend: Backend,
        programs: Programs,
        key: Hashable,
        step: int = 0,
        slots: Sequence[Slots] = (),
    ) -> None:
        self.step = step
        self.ended: list[int | None] = [None] * len(members)
        self._members = members
        self.seats = 1 << (len(members) - 1).bit_length() if backend == "compiled" else len(members)
        spare = self.seats - len(members)
        seated = [*members, *[members[-1]] * spare]
        self._values = [torch.stack(tensors).detach() for tensors in zip(*(list(member.model.parameters()) for member in seated), strict=True)]
        optimizer = members[0].optimizer
        assert isinstance(optimizer, Optimizer)
        self._states = _stacked([*slots, *[slots[-1]] * spare]) if slots else [optimizer.init(value) for value in self._values]
        self._samples = Samples(seated, rows, step)
        self._tables = Tables(seated, optimizer, seated[0].began(step))
        stretches = [member.stretch(step) for member in seated]
        program = programs.of(_step(members[0], stretches[0], layers, optimizer), backend, (key, stretches[0].until))
        self._program = Recorded(program) if self._values[0].is_cuda else program
        coefficients = [[penalty.coefficient for penalty in stretch.penalties] for stretch in stretches]
        self._penalties = torch.tensor(coefficients, dtype=self._values[0].dtype, device=self._values[0].device).T
        self._losses: list[Tensor] = []

    @torch.no_grad()
    def advance(self, until: int) -> None:
        """Make steps up to a number, and note members whose loss is no longer finite."""
        while self.step < until:
            numbers, draw = self._tables.at(self.step)
            terms = [self._tables.terms(self.step, self._penalties)] if len(self._penalties) else []
            self._losses.append(self._program(self._values, self._states, self._samples.next(), draw, numbers, *terms))
            self.step += 1
            if self.step % CHECK_EVERY == 0 or self.step == until:
                self._find_divergence()

    @torch.no_grad()
    def unload(self, number: int) -> None:
        """Write a member's weights into its model."""
        for parameter, value in zip(self._members[number].model.parameters(), self._values, strict=True):
            parameter.copy_(value[number])

    def slots(self, number: int) -> Slots:
        """The optimizer's state of a member."""
        return [{name: tensor[number].clone() for name, tensor in state.items()} for state in self._states]

    def _find_divergence(self) -> None:
        first = self.step - len(self._losses)
        bad = ~torch.isfinite(torch.stack(self._losses)[:, : len(self._members)])
        self._losses = []
        for number in bad.any(0).nonzero().flatten().tolist():
            if self.ended[number] is None:
                self.ended[number] = first + int(bad[:, number].nonzero()[0])


def _stacked(slots: Sequence[Slots]) -> list[State]:
    return [{name: torch.stack([each[name] for each in states]) for name in states[0]} for states in zip(*slots, strict=True)]


def _step(member: Prepared, stretch: Stretch, layers: tuple[Layer, ...], optimizer: Optimizer) -> Step:
    """What members have in common, from any of them."""
    assert isinstance(stretch.objective, SampleObjective)
    names = tuple(optimizer.coefficients(optimizer.hyperparameters(), 0))
    drops = tuple(module.rate > 0 for module in member.dropouts)
    return Step(layers, stretch.objective, optimizer, names, drops, member.run.cell.dropout.mask == "shared", stretch.penalties)
