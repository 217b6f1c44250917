"""Moments: the two running averages of the gradient that Adam and AdamW share."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.parts.optimizers import Hyperparameters, State
from bench.parts.optimizers.power import power


def initial_moments(params: Tensor) -> State:
    """Zeros of the parameters' shape for the averages of the gradient and of its square."""
    return {"mean": torch.zeros_like(params), "square": torch.zeros_like(params)}


def corrected(hyperparameters: Hyperparameters, step: int | Tensor) -> Hyperparameters:
    """What `descend` needs of a step t = `step` + 1: ``lr / (1 - beta1^t)``, ``1 - beta2^t``, the shares ``1 - beta`` and eps.

    Args:
        hyperparameters: ``lr``, ``beta1``, ``beta2`` and ``eps``, numbers or float64 tensors.
        step: how many steps were made before this one.
    """
    lr, beta1, beta2, eps = (hyperparameters[name] for name in ("lr", "beta1", "beta2", "eps"))
    return {
        "rate": lr / (1 - power(beta1, step + 1)),
        "correction": 1 - power(beta2, step + 1),
        "mean_share": 1 - beta1,
        "square_share": 1 - beta2,
        "eps": eps,
    }


def descend(grads: Tensor, state: State, coefficients: Hyperparameters) -> tuple[Tensor, State]:
    """What Adam subtracts from the parameters: ``lr m^ / (sqrt(v^) + eps)`` with ``m^ = m / (1 - beta1^t)``, ``v^ = v / (1 - beta2^t)``.

    Args:
        grads: the gradient.
        state: the moments before this step, of the shape of `grads`.
        coefficients: what `corrected` gives for the step.

    Returns:
        What to subtract, and the new moments.

    Source: Kingma and Ba, Adam: a method for stochastic optimization (2015), algorithm 1.
    """
    mean = torch.lerp(state["mean"], grads, coefficients["mean_share"])
    square = torch.lerp(state["square"], grads * grads, coefficients["square_share"])
    root = (square / coefficients["correction"]).sqrt() + coefficients["eps"]
    return mean / root * coefficients["rate"], {"mean": mean, "square": square}
