"""The training loss as a function of all weights, laid end to end in one vector, with its derivatives.

In double precision, whatever the model was trained in: differences of losses of near weights, and second derivatives, are
lost in rounding otherwise. Batch statistics are those of training, frozen, and are no weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.func import functional_call, grad, vjp

from bench.parts.measures import View
from bench.parts.objectives import terms


class TrainingLoss:
    """The mean loss L(w) of the clean network over the first training samples.

    Args:
        view: the trained run; its model stays as it is.
        samples: the first so many training samples are used.

    Attributes:
        weights: (p,), the trained weights, float64; a tensor that layers share is there once.
        names: what the weights belong to: name of a parameter -> its shape, in the order of the vector.
    """

    def __init__(self, view: View, samples: int) -> None:
        self._view = view
        self._inputs, self._targets = view.data.train_inputs[:samples], view.data.train_targets[:samples]
        parameters = dict(view.model.named_parameters())
        self._buffers = {name: _doubled(buffer) for name, buffer in view.model.named_buffers()}
        self.names = {name: parameter.shape for name, parameter in parameters.items()}
        self.weights = torch.cat([parameter.detach().double().flatten() for parameter in parameters.values()])

    @torch.no_grad()
    def at(self, weights: Tensor) -> float:
        """L(w) at a vector of weights, (p,)."""
        return sum(float(self._loss(weights, inputs, targets)) for inputs, targets in self.pieces())

    def gradient(self) -> Tensor:
        """∇L at the trained weights, (p,)."""
        return torch.stack([grad(self._loss)(self.weights, inputs, targets) for inputs, targets in self.pieces()]).sum(dim=0)

    def curvatures(self) -> Iterator[Callable[[Tensor], Tensor]]:
        """The Hessian in parts: for each piece of the samples the function d -> H d, where the parts sum to ∇²L at the trained weights.

        A part keeps what its products have in common, and only one part at a time is in memory: give it all directions in turn.
        """
        for inputs, targets in self.pieces():
            slope = grad(lambda weights, inputs=inputs, targets=targets: self._loss(weights, inputs, targets))
            # H is symmetric, so d -> d H will do; torch.func.jvp would load code that PyTorch warns of.
            yield _first_of(vjp(slope, self.weights)[1])

    def curvature(self, direction: Tensor) -> Tensor:
        """∇²L d at the trained weights for one direction d of shape (p,)."""
        return torch.stack([product(direction) for product in self.curvatures()]).sum(dim=0)

    def outputs(self, weights: Tensor, inputs: Tensor) -> Tensor:
        """What the network makes of inputs with given weights, (p,)."""
        outputs: Tensor = functional_call(self._view.model, self.tensors(weights) | self._buffers, (inputs,))
        return outputs

    def tensors(self, vector: Tensor) -> dict[str, Tensor]:
        """The pieces of a vector, (p,), in the shapes of the parameters that they belong to."""
        pieces = torch.split(vector, [shape.numel() for shape in self.names.values()])
        return {name: piece.view(shape) for (name, shape), piece in zip(self.names.items(), pieces, strict=True)}

    def pieces(self) -> Iterator[tuple[Tensor, Tensor]]:
        """The samples, as many at a time as fit: inputs and targets in double precision, classes as they are."""
        for start in range(0, len(self._inputs), self._view.batch):
            piece = slice(start, start + self._view.batch)
            yield _doubled(self._inputs[piece]), _doubled(self._targets[piece])

    def share(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """What a piece of the samples adds to the mean loss, by what the network makes of it."""
        return self._view.objective(outputs, targets) * (terms(targets) / terms(self._targets))

    def _loss(self, weights: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
        return self.share(self.outputs(weights, inputs), targets)


def _first_of(function: Callable[[Tensor], tuple[Tensor, ...]]) -> Callable[[Tensor], Tensor]:
    return lambda argument: function(argument)[0]


def _doubled(tensor: Tensor) -> Tensor:
    return tensor.double() if tensor.is_floating_point() else tensor
