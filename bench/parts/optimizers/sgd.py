"""Gradient descent, stochastic or not, with momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from bench.errors import UsageError
from bench.parts.optimizers import Hyperparameters, State, optimizers


@optimizers.register("sgd")
@dataclass(frozen=True, kw_only=True)
class SGD:
    """Gradient descent: ``b = momentum b + g``, ``theta = theta - lr b``, or ``theta - lr (g + momentum b)`` with Nesterov.

    Weight decay adds ``weight_decay theta`` to the gradient g. A full batch makes this gradient descent.

    Attributes:
        lr: the learning rate.
        momentum: the share of the last velocity that is kept.
        weight_decay: the coefficient of the L2 term ``weight_decay / 2 |theta|^2``.
        nesterov: whether the gradient is taken to be ahead of the velocity.

    Raises:
        UsageError: if Nesterov is asked for without momentum.

    Source: Sutskever, Martens, Dahl and Hinton, On the importance of initialization and momentum in deep learning
    (2013), equations 1 to 4, in the form of ``torch.optim.SGD``, whose velocity does not contain the learning rate.
    """

    lr: Annotated[float, Field(gt=0)]
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        if self.nesterov and self.momentum == 0:
            raise UsageError("optimizer 'sgd' has nesterov: true with momentum: 0", hint="Nesterov's method needs a momentum above 0.")

    def hyperparameters(self) -> dict[str, float]:
        """The learning rate, the momentum and the weight decay."""
        return {"lr": self.lr, "momentum": self.momentum, "weight_decay": self.weight_decay}

    def init(self, params: Tensor) -> State:
        """A velocity of zero."""
        return {"velocity": torch.zeros_like(params)}

    def coefficients(self, hyperparameters: Hyperparameters, step: int | Tensor) -> Hyperparameters:
        """The hyperparameters themselves."""
        return hyperparameters

    def update(self, params: Tensor, grads: Tensor, state: State, coefficients: Hyperparameters) -> tuple[Tensor, State]:
        """One step, see `bench.parts.optimizers.Optimizer.update`."""
        lr, momentum, decay = (coefficients[name] for name in ("lr", "momentum", "weight_decay"))
        slope = params * decay + grads
        velocity = state["velocity"] * momentum + slope
        change = (velocity * momentum + slope if self.nesterov else velocity) * lr
        return params - change, {"velocity": velocity}
