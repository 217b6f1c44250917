"""RMSprop: steps divided by a running root mean square of the gradient."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from bench.parts.optimizers import Hyperparameters, State, optimizers


@optimizers.register("rmsprop")
@dataclass(frozen=True, kw_only=True)
class RMSprop:
    """RMSprop: ``v = alpha v + (1 - alpha) g^2``, ``b = momentum b + g / (sqrt(v) + eps)``, ``theta = theta - lr b``.

    Weight decay adds ``weight_decay theta`` to the gradient g. As in ``torch.optim.RMSprop``, eps stands outside of the
    root and v starts at zero without a correction, so that the first steps are up to ``1 / sqrt(1 - alpha)`` times longer.

    Attributes:
        lr: the learning rate.
        alpha: the share of the average of g^2 that is kept.
        eps: what is added to the root of the average.
        momentum: the share of the last velocity that is kept.
        weight_decay: the coefficient of the L2 term ``weight_decay / 2 |theta|^2``.

    Source: Tieleman and Hinton, Neural networks for machine learning, lecture 6.5 (2012); momentum as in Graves,
    Generating sequences with recurrent neural networks (2013), equations 38 to 41, without centering.
    """

    lr: Annotated[float, Field(gt=0)] = 1e-2
    alpha: Annotated[float, Field(ge=0, lt=1)] = 0.99
    eps: Annotated[float, Field(gt=0)] = 1e-8
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    weight_decay: Annotated[float, Field(ge=0)] = 0.0

    def hyperparameters(self) -> dict[str, float]:
        """All five numbers."""
        return asdict(self)

    def init(self, params: Tensor) -> State:
        """An average and a velocity of zero."""
        return {"square": torch.zeros_like(params), "velocity": torch.zeros_like(params)}

    def coefficients(self, hyperparameters: Hyperparameters, step: int | Tensor) -> Hyperparameters:
        """The hyperparameters, and the share of the new square in its average."""
        return {**hyperparameters, "share": 1 - hyperparameters["alpha"]}

    def update(self, params: Tensor, grads: Tensor, state: State, coefficients: Hyperparameters) -> tuple[Tensor, State]:
        """One step, see `bench.parts.optimizers.Optimizer.update`."""
        lr, eps, momentum, decay = (coefficients[name] for name in ("lr", "eps", "momentum", "weight_decay"))
        slope = params * decay + grads
        square = torch.lerp(state["square"], slope * slope, coefficients["share"])
        velocity = state["velocity"] * momentum + slope / (square.sqrt() + eps)
        return params - velocity * lr, {"square": square, "velocity": velocity}
