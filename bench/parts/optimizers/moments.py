"""Moments: the two running averages of the gradient that Adam and AdamW share."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from bench.parts.optimizers import State
from bench.parts.optimizers.hyperparameters import Number, factor, power


def initial_moments(params: Tensor) -> State:
    """Zeros of the parameters' shape for the averages of the gradient and of its square."""
    return {"mean": torch.zeros_like(params), "square": torch.zeros_like(params)}


def descend(grads: Tensor, state: State, hyperparameters: Mapping[str, Number], step: int | Tensor) -> tuple[Tensor, State]:
    """What Adam subtracts from the parameters: ``lr m^ / (sqrt(v^) + eps)`` with ``m^ = m / (1 - beta1^t)``, ``v^ = v / (1 - beta2^t)``.

    Args:
        grads: the gradient.
        state: the moments before this step, of the shape of `grads`.
        hyperparameters: ``lr``, ``beta1``, ``beta2`` and ``eps`` in double precision.
        step: how many steps were made before this one; t is one more.

    Returns:
        What to subtract, in a tensor of its own, and the new moments.

    Source: Kingma and Ba, Adam: a method for stochastic optimization (2015), algorithm 1.
    """
    lr, beta1, beta2, eps = (hyperparameters[name] for name in ("lr", "beta1", "beta2", "eps"))
    mean = torch.lerp(state["mean"], grads, factor(1 - beta1, grads))
    square = torch.lerp(state["square"], grads * grads, factor(1 - beta2, grads))
    root = square.div(factor(1 - power(beta2, step + 1), grads)).sqrt_()
    change = mean.div(root.add_(factor(eps, grads)))
    return change.mul_(factor(lr / (1 - power(beta1, step + 1)), grads)), {"mean": mean, "square": square}
