"""The stacked lane: fully connected networks of one shape, trained together with a leading axis of members.

One step advances all members: parameters are (members, parameters), activations (members, batch, units). No operation
mixes members, so that a member gets the numbers that it would get alone, bit for bit on a CPU, and one that diverges
leaves the others as they are. The backward pass is written by hand; tests hold it against autograd's.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from bench.config import Cell, canonical
from bench.parts.datasets import DataSpec
from bench.parts.models import models
from bench.parts.objectives import SampleObjective, objectives
from bench.parts.optimizers import Optimizer, State, optimizers
from bench.train import dropout
from bench.train.course import CHECK_EVERY, Course, Trained, order
from bench.train.evaluate import evaluation_epochs
from bench.train.layers import ACTIVATIONS, Layer, layers_of
from bench.train.setup import Length, Prepared

LARGE = 300_000
"""Parameters above which members are trained one at a time on a CPU: their weights and moments fill its cache."""

CACHE_BYTES = 2**23
ACTIVATION_BYTES = 24
PARAMETER_BYTES = 20

Report = Callable[[int, float, float], None]
"""Told (member, share of steps done, last training loss) after each evaluation."""


def train(members: Sequence[Prepared], report: Report) -> list[Trained]:
    """Train members of one shape to their end; one whose loss is no longer finite ends there.

    Args:
        members: what is trained. Layers, optimizer, objective, schedule, batch size, number of samples and length agree;
            seeds, data, initial weights, drop rates and the numbers of the optimizer may differ. Each model is left with
            its final weights.
        report: told how far a member is.

    Returns:
        How training went, in the order of the members.
    """
    stack = _Stack(members)
    courses = [Course(member) for member in members]
    first = members[0]
    for course in courses:
        course.evaluate(0)
    seconds = 0.0
    for epoch in evaluation_epochs(-(-first.length.total_steps // first.length.steps_per_epoch)):
        start = time.monotonic()
        stack.advance(min(epoch * first.length.steps_per_epoch, first.length.total_steps))
        seconds += time.monotonic() - start
        stack.unload()
        for number in stack.alive():
            loss = courses[number].evaluate(stack.step)
            if math.isfinite(loss):
                report(number, stack.step / first.length.total_steps, loss)
            else:
                stack.ended[number] = stack.step
        if not stack.alive():
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
        batch_size: samples per step.
        total_steps: the length.
        rest: everything else that must be equal.
    """

    layers: tuple[Layer, ...]
    batch_size: int
    total_steps: int
    rest: tuple[object, ...]

    @property
    def members(self) -> int:
        """How many members of a stack pay on a CPU: as many as keep their activations in its cache, at most 32."""
        parameters = sum(layer.size for layer in self.layers)
        if parameters > LARGE:
            return 1
        activations = self.batch_size * sum(layer.outputs for layer in self.layers) * ACTIVATION_BYTES
        return max(1, min(32, CACHE_BYTES // (activations + parameters * PARAMETER_BYTES)))


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
    return Agreement(layers, length.batch_size, length.total_steps, (spec, canonical(same)))


@dataclass(frozen=True)
class _Kept:
    """What the forward pass of a layer keeps for the backward pass: input, sum, activation, and mask times scale."""

    inputs: Tensor
    sums: Tensor
    active: Tensor
    mask: Tensor | None


class _Stack:
    """The members' parameters, and the step."""

    def __init__(self, members: Sequence[Prepared]) -> None:
        first = members[0]
        layers = layers_of(first.model)
        assert layers is not None
        assert isinstance(first.optimizer, Optimizer)
        self._members = members
        self._layers = layers
        self._optimizer = first.optimizer
        self._values = torch.stack([torch.cat([p.detach().reshape(-1) for p in member.model.parameters()]) for member in members])
        self._state: State = first.optimizer.init(self._values)
        self._hyperparameters = _hyperparameters(members)
        self._batches = _Batches(members)
        self._dropout = _Dropout(members)
        assert isinstance(first.objective, SampleObjective)
        self._objective = first.objective
        self._window = torch.zeros(CHECK_EVERY, len(members), device=self._values.device)
        self.step = 0
        self.ended: list[int | None] = [None] * len(members)

    def alive(self) -> list[int]:
        """The members that have not diverged."""
        return [number for number, end in enumerate(self.ended) if end is None]

    @torch.no_grad()
    def advance(self, until: int) -> None:
        """Make steps up to a number, and note members whose loss is no longer finite."""
        while self.step < until:
            self._window[self.step % CHECK_EVERY] = self._one()
            self.step += 1
            if self.step % CHECK_EVERY == 0 or self.step == until:
                self._find_divergence()

    def unload(self) -> None:
        """Write the weights into the members' models; a member that has diverged is left as it was."""
        for number in self.alive():
            torch.nn.utils.vector_to_parameters(self._values[number], self._members[number].model.parameters())

    def _one(self) -> Tensor:
        """One step of all members; returns their losses, (members,)."""
        inputs, targets = self._batches.next()
        kept, outputs = self._forward(inputs)
        grads_of_outputs, losses = self._gradient_and_loss(outputs, targets)
        grads = self._backward(kept, grads_of_outputs)
        first = self._members[0]
        factor = first.schedule(self.step / first.length.steps_per_epoch, first.length.total_steps / first.length.steps_per_epoch)
        numbers = {**self._hyperparameters, "lr": self._hyperparameters["lr"] * factor}
        self._values, self._state = self._optimizer.update(self._values, grads, self._state, numbers, self.step)
        return losses

    def _gradient_and_loss(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """The gradient at the outputs, (members, batch, outputs), and each member's loss, (members,)."""
        with torch.enable_grad():
            leaf = outputs.detach().requires_grad_()
            losses = self._objective.per_sample(leaf, targets).mean(-1)
            (grad,) = torch.autograd.grad(losses.sum(), leaf)
        return grad, losses.detach()

    def _forward(self, inputs: Tensor) -> tuple[list[_Kept], Tensor]:
        kept = []
        hidden = inputs
        for layer, (weight, bias) in zip(self._layers, self._tensors(self._values), strict=True):
            sums = _linear(hidden, weight)
            if bias is not None:
                sums = sums + bias.unsqueeze(1)
            active = ACTIVATIONS[layer.activation].forward(sums) if layer.activation else sums
            mask = self._dropout.mask(layer, self.step, active.shape)
            kept.append(_Kept(hidden, sums, active, mask))
            hidden = active if mask is None else active * mask
        return kept, hidden

    def _backward(self, kept: Sequence[_Kept], grad: Tensor) -> Tensor:
        """The gradient of all parameters, (members, parameters), from that of the outputs, (members, batch, outputs)."""
        pieces: list[Tensor] = []
        for layer, keep, (weight, _) in reversed(list(zip(self._layers, kept, self._tensors(self._values), strict=True))):
            if keep.mask is not None:
                grad = grad * keep.mask
            if layer.activation:
                grad = ACTIVATIONS[layer.activation].backward(grad, keep.sums, keep.active)
            if layer.bias:
                pieces.append(grad.sum(1))
            pieces.append(_outer(grad, keep.inputs).flatten(1))
            if layer is not self._layers[0]:
                grad = _back(grad, weight)
        return torch.cat(pieces[::-1], dim=1)

    def _tensors(self, values: Tensor) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Weight (members, outputs, inputs) and bias (members, outputs) of each layer, as views."""
        start = 0
        for layer in self._layers:
            end = start + layer.outputs * layer.inputs
            weight = values[:, start:end].view(-1, layer.outputs, layer.inputs)
            start = end + layer.outputs * layer.bias
            yield weight, values[:, end:start] if layer.bias else None

    def _find_divergence(self) -> None:
        first = (self.step - 1) // CHECK_EVERY * CHECK_EVERY
        bad = ~torch.isfinite(self._window[: self.step - first])
        for number in bad.any(0).nonzero().flatten().tolist():
            if self.ended[number] is None:
                self.ended[number] = first + int(bad[:, number].nonzero()[0])


class _Batches:
    """The samples of each step for all members: inputs (members, batch, features), targets (members, batch, …)."""

    def __init__(self, members: Sequence[Prepared]) -> None:
        inputs = [member.data.train_inputs.flatten(1) for member in members]
        self._shared = all(torch.equal(inputs[0], other) for other in inputs[1:])
        self._inputs = inputs[0] if self._shared else torch.stack(inputs)
        self._targets = torch.stack([member.data.train_targets for member in members])
        self._orders = [order(member) for member in members]
        self._rows = torch.arange(len(members), device=self._targets.device).unsqueeze(1)

    def next(self) -> tuple[Tensor, Tensor]:
        """The batch of the next step."""
        picks = [next(each) for each in self._orders]
        if isinstance(picks[0], slice):
            whole = self._inputs.expand(len(picks), *self._inputs.shape) if self._shared else self._inputs
            return whole, self._targets
        index = torch.stack([pick for pick in picks if isinstance(pick, Tensor)])
        inputs = self._inputs[index] if self._shared else self._inputs[self._rows, index]
        return inputs, self._targets[self._rows, index]


class _Dropout:
    """Masks times scale for all members, drawn from the same counters as in the resident lane."""

    def __init__(self, members: Sequence[Prepared]) -> None:
        first = members[0]
        self._shared = first.run.cell.dropout.mask == "shared"
        self._on = first.objective.network == "dropped"
        self._device = first.data.train_inputs.device
        self._rates = [[module.rate for module in member.dropouts] for member in members]
        self._keys = [[module.key(0) for module in member.dropouts] for member in members]
        self._scales = torch.tensor([[1 / (1 - rate) for rate in rates] for rates in self._rates], device=self._device)

    def mask(self, layer: Layer, step: int, shape: torch.Size) -> Tensor | None:
        """The mask of a layer, (members, batch or 1, units), or None where no member drops."""
        site = layer.dropout
        if site is None or not self._on or all(rates[site] == 0 for rates in self._rates):
            return None
        members, batch, units = shape
        keys = [dropout.step_keys(member[site], step) for member in self._keys]
        rates = [rates[site] for rates in self._rates]
        keep = dropout.keep_masks((1 if self._shared else batch, units), keys, rates, self._device)
        return keep.to(self._scales.dtype) * self._scales[:, site].view(members, 1, 1)


def _hyperparameters(members: Sequence[Prepared]) -> dict[str, Tensor]:
    """Each number of the optimizer as (members, 1), in double precision."""
    numbers = [member.optimizer.hyperparameters() for member in members if isinstance(member.optimizer, Optimizer)]
    device = members[0].data.train_inputs.device
    return {name: torch.tensor([[each[name]] for each in numbers], dtype=torch.float64, device=device) for name in numbers[0]}


def _linear(hidden: Tensor, weight: Tensor) -> Tensor:
    """(members, batch, inputs) and (members, outputs, inputs) -> (members, batch, outputs).

    Where one side is one wide, a product and a sum: a batched matrix product is several times slower there, and for one
    member alone it takes another path with other rounding.
    """
    if weight.shape[2] == 1:
        return hidden * weight.transpose(1, 2)
    if weight.shape[1] == 1:
        return (hidden * weight).sum(2, keepdim=True)
    return torch.bmm(hidden, weight.transpose(1, 2))


def _outer(grad: Tensor, inputs: Tensor) -> Tensor:
    """The gradient of a weight: (members, batch, outputs) and (members, batch, inputs) -> (members, outputs, inputs)."""
    if inputs.shape[2] == 1:
        return (grad * inputs).sum(1).unsqueeze(2)
    if grad.shape[2] == 1:
        return (grad * inputs).sum(1).unsqueeze(1)
    return torch.bmm(grad.transpose(1, 2), inputs)


def _back(grad: Tensor, weight: Tensor) -> Tensor:
    """The gradient of a layer's input: (members, batch, outputs) and (members, outputs, inputs) -> (members, batch, inputs)."""
    if weight.shape[1] == 1:
        return grad * weight
    if weight.shape[2] == 1:
        return (grad * weight.transpose(1, 2)).sum(2, keepdim=True)
    return torch.bmm(grad, weight)
