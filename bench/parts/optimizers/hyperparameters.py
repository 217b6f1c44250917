"""Arithmetic on hyperparameters: in double precision, with the same bits for a number, a tensor and a row of a stack."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from bench.parts.optimizers import Hyperparameters

Number = float | Tensor

# On a CPU, PyTorch's pow rounds differently in its vector loop, which depends on how many elements there are; copies by
# a stride of zero never take it. Their maximum is a reduction, which the compiler computes once and, being longer than
# eight, does not unroll: else it would compute a power for every parameter.
COPIES = 9


def in_double(hyperparameters: Hyperparameters) -> Mapping[str, Number]:
    """The same hyperparameters with tensors as float64, so that 1 - 0.999 is as exact as it is in Python."""
    return {name: value.double() if isinstance(value, Tensor) else value for name, value in hyperparameters.items()}


def factor(value: Number, params: Tensor) -> Number:
    """A number for use with `params`: a tensor is rounded to their precision, as PyTorch rounds Python's numbers itself.

    Args:
        value: a number, or a tensor that broadcasts against `params`.
        params: a tensor of the wanted precision.

    Returns:
        What may be multiplied with `params` without changing their dtype.
    """
    return value.to(params.dtype) if isinstance(value, Tensor) else value


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
    return copies.amax(-1)
