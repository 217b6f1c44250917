"""The step of a stack of fully connected networks, as a function of tensors: forward, loss, backward, update.

Nothing mixes members, the leading axis of every tensor. The backward pass is written by hand; tests hold it against
autograd's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from bench.parts.objectives import Network, SampleObjective
from bench.parts.optimizers import Optimizer, State
from bench.parts.penalties import FeaturePenalty, Penalty
from bench.train import dropout
from bench.train.layers import ACTIVATIONS, Layer
from bench.train.passes import Pass, Passes


class Draw(NamedTuple):
    """What the masks of a step are drawn from.

    Attributes:
        keys: (places, 2, members), the subkeys of the step, as int32.
        thresholds: (places, members), int32.
        scales: (places, members), what a unit that stays is multiplied by.
    """

    keys: Tensor
    thresholds: Tensor
    scales: Tensor


class Terms(NamedTuple):
    """The numbers of penalties.

    Attributes:
        lr: (members,), the learning rates of the step.
        odds: (members,), q / (1 − q) of the drop rates q in front of the last layer.
        coefficients: (penalties, members).
    """

    lr: Tensor
    odds: Tensor
    coefficients: Tensor


class Batch(NamedTuple):
    """The samples of a step.

    Attributes:
        inputs: (members or 1, rows, features).
        targets: (members, rows) classes, or (members, rows, outputs) values.
        weights: (members, rows), the share of each row in a member's loss; rows beyond its own samples have none.
    """

    inputs: Tensor
    targets: Tensor
    weights: Tensor


class Kept(NamedTuple):
    """What the forward pass of a layer keeps for the backward pass.

    Attributes:
        sums: the input of the activation, where its gradient needs that, else None.
        active: its output.
        mask: the mask times its scale, or None.
    """

    sums: Tensor | None
    active: Tensor
    mask: Tensor | None


@dataclass(frozen=True)
class Step:
    """A step, but for the numbers.

    Attributes:
        layers: the network.
        objective: the loss.
        optimizer: the update rule.
        coefficients: the names of the numbers of an update, in the order in which they come.
        drops: which places have a drop rate above 0, and draw masks where the network is dropped.
        shared: whether the samples of a batch share a mask.
        penalties: what is added to the loss; autograd differentiates them, and all before them that they may look at, which is slower.
        fused: whether a compiler will fuse what stands here, so that activations come in their fused form.
    """

    layers: tuple[Layer, ...]
    objective: SampleObjective
    optimizer: Optimizer
    coefficients: tuple[str, ...]
    drops: tuple[bool, ...]
    shared: bool
    penalties: tuple[Penalty, ...] = ()
    fused: bool = False

    def __call__(self, parameters: Sequence[Tensor], states: Sequence[State], batch: Batch, draw: Draw, numbers: Tensor, terms: Terms | None = None) -> Tensor:
        """Make a step.

        Args:
            parameters: weight (members, outputs, inputs) and bias (members, outputs) of each layer, in turn; changed.
            states: the optimizer's state of each; changed.
            batch: the samples.
            draw: what masks are drawn from.
            numbers: (coefficients, members), of this step.
            terms: the numbers of penalties, where there are any.

        Returns:
            The losses, penalties included, (members,).
        """
        if terms is None:
            grads, losses = self._slopes(parameters, batch, draw)
        elif all(isinstance(penalty, FeaturePenalty) for penalty in self.penalties):
            grads, losses = self._penalized_at_features(parameters, batch, draw, terms)
        else:
            grads, losses = self._penalized(parameters, batch, draw, terms)
        for value, slope, state in zip(parameters, grads, states, strict=True):
            shape = (-1, *[1] * (value.dim() - 1))
            coefficients = {name: number.view(shape) for name, number in zip(self.coefficients, numbers, strict=True)}
            new, after = self.optimizer.update(value, slope, state, coefficients)
            value.copy_(new)
            for name, old in state.items():
                old.copy_(after[name])
        return losses

    def _slopes(self, parameters: Sequence[Tensor], batch: Batch, draw: Draw) -> tuple[list[Tensor], Tensor]:
        """The gradients and the losses."""
        kept, outputs = self._forward(parameters, batch.inputs, draw if self.objective.network == "dropped" else None)
        grad, losses = self._loss(outputs, batch)
        return self._backward(parameters, batch.inputs, kept, grad), losses

    def _penalized(self, parameters: Sequence[Tensor], batch: Batch, draw: Draw, terms: Terms) -> tuple[list[Tensor], Tensor]:
        """The gradients and the losses, by autograd."""
        leaves = [value.detach().requires_grad_() for value in parameters]

        def make(network: Network) -> Pass:
            kept, outputs = self._forward(leaves, batch.inputs, draw if network == "dropped" else None)
            features = kept[-1].active if kept else batch.inputs
            return features, (self.objective.per_sample(outputs, batch.targets) * batch.weights).sum(-1)

        with torch.enable_grad():
            passes = Passes(make, leaves, self._pairs(leaves)[-1][0], terms.odds, terms.lr, batch.weights)
            losses = passes.total(self.objective.network, self.penalties, terms.coefficients.unbind())
            grads = torch.autograd.grad(losses.sum(), leaves)
        return list(grads), losses.detach()

    def _penalized_at_features(self, parameters: Sequence[Tensor], batch: Batch, draw: Draw, terms: Terms) -> tuple[list[Tensor], Tensor]:
        """The gradients and the losses: by autograd from the features on, by hand before them."""
        networks = tuple(dict.fromkeys((self.objective.network, "clean")))
        hidden = {network: self._hidden(parameters, batch.inputs, draw if network == "dropped" else None) for network in networks}
        with torch.enable_grad():
            fronts = {network: _features(kept, batch.inputs).detach().requires_grad_() for network, kept in hidden.items()}
            ends = [value.detach().requires_grad_() for value in self._pairs(parameters)[-1] if value is not None]

            def make(network: Network) -> Pass:
                outputs = _affine(fronts[network], ends[0], ends[1] if len(ends) > 1 else None)
                return fronts[network], (self.objective.per_sample(outputs, batch.targets) * batch.weights).sum(-1)

            passes = Passes(make, (), ends[0], terms.odds, terms.lr, batch.weights)
            losses = passes.total(self.objective.network, self.penalties, terms.coefficients.unbind())
            slopes = torch.autograd.grad(losses.sum(), [*fronts.values(), *ends], allow_unused=True)
        before = [
            self._before(parameters, batch.inputs, kept, self._stored(slope))
            for kept, slope in zip(hidden.values(), slopes[: len(fronts)], strict=True)
            if slope is not None
        ]
        grads = [torch.stack(parts).sum(0) if len(parts) > 1 else parts[0] for parts in zip(*before, strict=True)]
        return [*grads, *slopes[len(fronts) :]], losses.detach()

    def _forward(self, parameters: Sequence[Tensor], inputs: Tensor, draw: Draw | None) -> tuple[list[Kept], Tensor]:
        """What each layer but the last keeps, and the outputs, (members, rows, outputs)."""
        kept = self._hidden(parameters, inputs, draw)
        return kept, _affine(_features(kept, inputs), *self._pairs(parameters)[-1])

    def _hidden(self, parameters: Sequence[Tensor], inputs: Tensor, draw: Draw | None) -> list[Kept]:
        """What each layer but the last keeps."""
        kept: list[Kept] = []
        for layer, (weight, bias) in zip(self.layers[:-1], self._pairs(parameters)[:-1], strict=True):
            kept.append(self._activate(layer, _affine(_features(kept, inputs), weight, bias), draw))
        return kept

    def _loss(self, outputs: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """The gradient at the outputs, and the losses."""
        with torch.enable_grad():
            leaf = outputs.detach().requires_grad_()
            losses = (self.objective.per_sample(leaf, batch.targets) * batch.weights).sum(-1)
            (grad,) = torch.autograd.grad(losses.sum(), leaf)
        return self._stored(grad), losses.detach()

    def _backward(self, parameters: Sequence[Tensor], inputs: Tensor, kept: Sequence[Kept], grad: Tensor) -> list[Tensor]:
        """The gradients of the parameters, from that of the outputs."""
        weight, bias = self._pairs(parameters)[-1]
        last = [_outer(grad, _features(kept, inputs)), *([] if bias is None else [grad.sum(1)])]
        return [*(self._before(parameters, inputs, kept, _back(grad, weight)) if kept else []), *last]

    def _before(self, parameters: Sequence[Tensor], inputs: Tensor, kept: Sequence[Kept], grad: Tensor) -> list[Tensor]:
        """The gradients of all layers but the last, from that of what enters the last."""
        grads: list[Tensor] = []
        pairs = self._pairs(parameters)
        for place in reversed(range(len(kept))):
            grad = _through(self.layers[place], kept[place], grad)
            grads += [grad.sum(1)] if self.layers[place].bias else []
            grads.append(_outer(grad, _features(kept[:place], inputs)))
            if place:
                grad = _back(grad, pairs[place][0])
        return grads[::-1]

    def _pairs(self, parameters: Sequence[Tensor]) -> list[tuple[Tensor, Tensor | None]]:
        """Weight and bias of each layer."""
        rest = list(parameters)
        return [(rest.pop(0), rest.pop(0) if layer.bias else None) for layer in self.layers]

    def _activate(self, layer: Layer, sums: Tensor, draw: Draw | None) -> Kept:
        if layer.activation is None:
            active, saved = sums, None
        else:
            activation = ACTIVATIONS[layer.activation]
            function = activation.fused if self.fused and activation.fused and sums.dtype == torch.float32 else activation.forward
            active = self._stored(function(sums))
            saved = self._stored(sums) if activation.saves == "input" else None
        place = layer.dropout
        if place is None or draw is None or not self.drops[place]:
            return Kept(saved, active, None)
        members, rows, units = active.shape
        kept = dropout.keep((1 if self.shared else rows, units), draw.keys[place, 0], draw.keys[place, 1], draw.thresholds[place])
        return Kept(saved, active, self._stored(kept.to(active.dtype) * draw.scales[place].view(members, 1, 1)))

    def _stored(self, values: Tensor) -> Tensor:
        """The values, as something that a compiler works out once and reads from memory: else it would do so at each use."""
        return values.as_strided(values.shape, values.stride()) if self.fused else values


def _features(kept: Sequence[Kept], inputs: Tensor) -> Tensor:
    """What enters the layer behind those that are kept."""
    if not kept:
        return inputs
    return kept[-1].active if kept[-1].mask is None else kept[-1].active * kept[-1].mask


def _affine(hidden: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The sums of a layer."""
    sums = _linear(hidden, weight)
    return sums if bias is None else sums + bias.unsqueeze(1)


def _through(layer: Layer, kept: Kept, grad: Tensor) -> Tensor:
    """The gradient before a layer's mask and activation, from that behind them."""
    if kept.mask is not None:
        grad = grad * kept.mask
    if layer.activation is None:
        return grad
    return ACTIVATIONS[layer.activation].backward(grad, kept.active if kept.sums is None else kept.sums)


def _linear(hidden: Tensor, weight: Tensor) -> Tensor:
    """(members or 1, rows, inputs) and (members, outputs, inputs) -> (members, rows, outputs).

    Where one side is one wide, a product and a sum: a batched matrix product is several times slower there, and for one
    member alone it takes another path with other rounding.
    """
    if weight.shape[2] == 1:
        return hidden * weight.transpose(1, 2)
    if weight.shape[1] == 1:
        return (hidden * weight).sum(2, keepdim=True)
    return torch.bmm(hidden.expand(len(weight), -1, -1), weight.transpose(1, 2))


def _outer(grad: Tensor, inputs: Tensor) -> Tensor:
    """The gradient of a weight: (members, rows, outputs) and (members or 1, rows, inputs) -> (members, outputs, inputs)."""
    if inputs.shape[2] == 1:
        return (grad * inputs).sum(1).unsqueeze(2)
    if grad.shape[2] == 1:
        return (grad * inputs).sum(1).unsqueeze(1)
    return torch.bmm(grad.transpose(1, 2), inputs.expand(len(grad), -1, -1))


def _back(grad: Tensor, weight: Tensor) -> Tensor:
    """The gradient of a layer's input: (members, rows, outputs) and (members, outputs, inputs) -> (members, rows, inputs)."""
    if weight.shape[1] == 1:
        return grad * weight
    if weight.shape[2] == 1:
        return (grad * weight.transpose(1, 2)).sum(2, keepdim=True)
    return torch.bmm(grad, weight)
