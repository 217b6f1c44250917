"""The initial weights that PyTorch gives."""

from __future__ import annotations

import torch
from torch import nn

from bench.parts.initializers import initializers


@initializers.register()
def default(model: nn.Module, generator: torch.Generator) -> None:
    """Leave the model as PyTorch made it.

    For linear and convolutional layers, weights and biases are uniform on [-a, a] with a = 1/√fan_in: variance 1/(3 fan_in).

    Args:
        model: any model.
        generator: not used; the model was built under the same stream.
    """
