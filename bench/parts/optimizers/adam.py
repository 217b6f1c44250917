"""Adam, with weight decay as an L2 term of the loss."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from bench.parts.optimizers import Hyperparameters, State, optimizers
from bench.parts.optimizers.moments import corrected, descend, initial_moments


@optimizers.register("adam")
@dataclass(frozen=True, kw_only=True)
class Adam:
    """Adam: ``m = beta1 m + (1 - beta1) g``, ``v = beta2 v + (1 - beta2) g^2``, ``theta = theta - lr m^ / (sqrt(v^) + eps)``.

    The hats divide by ``1 - beta^t``. Weight decay adds ``weight_decay theta`` to the gradient g before the averages,
    as in ``torch.optim.Adam``; `adamw` keeps it apart from them.

    Attributes:
        lr: the learning rate.
        beta1: the share of the average of g that is kept.
        beta2: the share of the average of g^2 that is kept.
        eps: what is added to the root of the average of g^2.
        weight_decay: the coefficient of the L2 term ``weight_decay / 2 |theta|^2``.

    Source: Kingma and Ba, Adam: a method for stochastic optimization (2015), algorithm 1.
    """

    lr: Annotated[float, Field(gt=0)] = 1e-3
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    eps: Annotated[float, Field(gt=0)] = 1e-8
    weight_decay: Annotated[float, Field(ge=0)] = 0.0

    def hyperparameters(self) -> dict[str, float]:
        """All five numbers."""
        return asdict(self)

    def init(self, params: Tensor) -> State:
        """Moments of zero."""
        return initial_moments(params)

    def coefficients(self, hyperparameters: Hyperparameters, step: int | Tensor) -> Hyperparameters:
        """The corrected rate and the shares of the averages, see `corrected`, and the weight decay."""
        return {**corrected(hyperparameters, step), "weight_decay": hyperparameters["weight_decay"]}

    def update(self, params: Tensor, grads: Tensor, state: State, coefficients: Hyperparameters) -> tuple[Tensor, State]:
        """One step, see `bench.parts.optimizers.Optimizer.update`."""
        slope = params * coefficients["weight_decay"] + grads
        change, moments = descend(slope, state, coefficients)
        return params - change, moments
