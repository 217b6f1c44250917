"""The loss surface around given weights: on lines, planes and whatever else a few directions span.

A first layer that is linear or a convolution is affine in its weights: (W + sum_k c_k D_k) x + b + sum_k c_k d_k is
(W x + b) + sum_k c_k (D_k x + d_k). So one product with the weights and one with each direction serve all points, and
only the layers behind it are evaluated at every point. In a fully connected network the first layer is most of the work.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from bench.parts.measures import View
from bench.parts.measures.kernels import CpuKernels

Weights = Mapping[str, Tensor]
"""The name of a parameter -> its values."""

IMAGE = 2**19
"""How many numbers the first layer makes of all samples that are taken at once; with half as many and with twice as many a curve took longer."""

_AFFINE = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


@torch.no_grad()
def losses_at(
    view: View, inputs: Tensor, targets: Tensor, base: Weights, directions: Sequence[Weights], coefficients: Sequence[Sequence[float]]
) -> list[float]:
    """The mean losses of the clean network at the points ``base + sum_k c_k directions[k]``.

    A line is one direction, a plane is two; the line from w_0 to w_1 has the base w_0 and the direction w_1 - w_0. The
    losses agree with those of moved copies of the model within rounding. Memory is bounded by that of ``view.batch``
    samples, or of as many as have images of `IMAGE` numbers: their images under the first layer, one for the base, one for each direction and one for the point; and the
    outputs at all points, and one copy of the layers behind the first.

    Args:
        view: the run whose model, objective and batch are used; the model stays as it is.
        inputs: (n, …).
        targets: (n,) classes, or (n, outputs) values.
        base: every parameter of the model.
        directions: tensors of the parameters' shapes; a parameter that a direction lacks is not moved by it.
        coefficients: (points, directions).

    Returns:
        A loss for each point.
    """
    split = _split(view.model)
    with CpuKernels():
        if split is None:
            return [view.loss(inputs, targets, moved(base, directions, point)) for point in coefficients]
        totals = [0.0] * len(coefficients)
        rows = _rows(split, inputs, view.batch)
        for given, wanted in zip(torch.split(inputs, rows), torch.split(targets, rows), strict=True):
            # Losses are taken when all outputs are there: in turn with the layers both took longer, out of each other's caches.
            outputs = list(split.outputs(given, base, directions, coefficients))
            losses = [float(view.objective(each.float(), wanted)) for each in outputs]
            totals = [total + loss * len(wanted) for total, loss in zip(totals, losses, strict=True)]
        return [total / len(inputs) for total in totals]


def _rows(split: _Split, inputs: Tensor, batch: int) -> int:
    """How many samples are taken at once: the batch, or behind a linear layer as many in parts of one size as `IMAGE` allows."""
    [first] = split.first
    images = IMAGE // (first.out_features * inputs[0].numel() // first.in_features) if isinstance(first, nn.Linear) else 0
    return batch if images <= batch else math.ceil(len(inputs) / math.ceil(len(inputs) / images))


def moved(base: Weights, directions: Sequence[Weights], point: Sequence[float]) -> dict[str, Tensor]:
    """The weights ``base + sum_k c_k directions[k]`` of a point.

    Args:
        base: name -> tensor.
        directions: name -> tensor, for all or some of the names.
        point: c, one number for each direction.
    """
    return {name: _sum(value, [direction.get(name) for direction in directions], point) for name, value in base.items()}


def _sum(value: Tensor, changes: Sequence[Tensor | None], point: Sequence[float]) -> Tensor:
    """The value with the changes times their coefficients; nothing is added for a coefficient of zero."""
    for change, coefficient in zip(changes, point, strict=True):
        if change is not None and coefficient:
            value = torch.add(value, change, alpha=coefficient)
    return value


@dataclass(frozen=True)
class _Split:
    """A model in three: what comes before its first layer with parameters and has none, that layer, and what comes behind."""

    head: nn.Sequential
    first: nn.Sequential
    tail: nn.Sequential

    def outputs(self, inputs: Tensor, base: Weights, directions: Sequence[Weights], coefficients: Sequence[Sequence[float]]) -> Iterator[Tensor]:
        """The network's outputs at each point, (batch, outputs)."""
        entered = self.head(inputs)
        start, *changes = (self._image(entered, weights, base) for weights in (base, *directions))
        tail = copy.deepcopy(self.tail)
        own = dict(tail.named_parameters())
        behind = {name: base[name] for name in own}
        for point in coefficients:
            for name, value in moved(behind, directions, point).items():
                own[name].copy_(value)
            image = _sum(start, changes, point)
            # An activation may work in place, and the start is needed again.
            yield tail(image.clone() if image is start else image)

    def _image(self, inputs: Tensor, weights: Weights, base: Weights) -> Tensor:
        """What the first layer makes of inputs with given weights."""
        own = {name: weights[name] if name in weights else torch.zeros_like(base[name]) for name, _ in self.first.named_parameters()}
        image: Tensor = functional_call(self.first, own, (inputs,))
        return image


def _split(model: nn.Module) -> _Split | None:
    """A sequence whose first layer with parameters is affine in them, and shares none of them with a later one."""
    if type(model) is not nn.Sequential:
        return None
    for place, module in enumerate(model):
        if any(True for _ in module.parameters()):
            split = _Split(model[:place], model[place : place + 1], model[place + 1 :])
            return split if type(module) in _AFFINE and _is_whole(model, split) else None
    return None


def _is_whole(model: nn.Module, split: _Split) -> bool:
    """Whether the parts have the parameters of the model under its own names: a shared one has another name in the tail."""
    names = [name for part in (split.first, split.tail) for name, _ in part.named_parameters()]
    return names == [name for name, _ in model.named_parameters()]
