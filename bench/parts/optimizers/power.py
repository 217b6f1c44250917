"""Powers of hyperparameters: in double precision, with the same bits for a number, a tensor and a row of a stack."""

from __future__ import annotations

import torch
from torch import Tensor

Number = float | Tensor

# On a CPU, PyTorch's pow rounds differently in its vector loop, which depends on how many elements there are; copies by
# a stride of zero never take it.
COPIES = 9


def power(base: Number, exponent: int | Tensor) -> Number:
    """``base ** exponent`` in float64, each element with the same bits however many there are.

    Args:
        base: a number, or a float64 tensor.
        exponent: an integer, or a tensor of integers.

    Returns:
        A number if both are numbers, else a float64 tensor of the broadcast shape.
    """
    if not isinstance(base, Tensor) and not isinstance(exponent, Tensor):
        return float(base**exponent)
    bases, exponents = (torch.as_tensor(value, dtype=torch.float64).unsqueeze(-1) for value in (base, exponent))
    copies = torch.pow(bases.expand(*bases.shape[:-1], COPIES), exponents.expand(*exponents.shape[:-1], COPIES))
    return copies[..., 0]
