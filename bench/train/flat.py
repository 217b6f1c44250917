"""A model's parameters as one vector: each parameter is a view of it, so that an elementwise update is a few operations."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class FlatParameters:
    """One vector of parameters and one of gradients, seen by the model as its own tensors.

    Args:
        model: a model on its device; its parameters are moved into the vector.
    """

    def __init__(self, model: nn.Module) -> None:
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.values = torch.cat([parameter.detach().reshape(-1) for parameter in parameters])
        self.grads = torch.zeros_like(self.values)
        start = 0
        for parameter in parameters:
            piece = slice(start, start + parameter.numel())
            parameter.data = self.values[piece].view(parameter.shape)
            parameter.grad = self.grads[piece].view(parameter.shape)
            start = piece.stop

    def zero_grads(self) -> None:
        """Set the gradients to zero; backward passes add to them."""
        self.grads.zero_()

    def assign(self, values: Tensor) -> None:
        """Write new values, (parameters,), into the model."""
        self.values.copy_(values)
