"""The floor under the time of a step of a network whose work is matrix products: those of its first layer, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def first_layer(inputs: Tensor, units: int) -> Callable[[int], None]:
    """As many times as asked for, the sums of the first layer and the gradient of its weights.

    Args:
        inputs: (n, features), in the precision to measure.
        units: how many there are in the layer.
    """
    weight = torch.full((units, inputs.shape[1]), 0.01, dtype=inputs.dtype)
    grad = torch.full((len(inputs), units), 0.01, dtype=inputs.dtype)

    def advance(steps: int) -> None:
        for _ in range(steps):
            torch.mm(inputs, weight.t())
            torch.mm(grad.t(), inputs)

    return advance
