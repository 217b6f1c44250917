"""AdamW: Adam with weight decay apart from the gradient."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from bench.parts.optimizers import Hyperparameters, State, optimizers
from bench.parts.optimizers.moments import corrected, descend, initial_moments


@optimizers.register("adamw")
@dataclass(frozen=True, kw_only=True)
class AdamW:
    """Adam with decoupled weight decay: ``theta = (1 - lr weight_decay) theta - lr m^ / (sqrt(v^) + eps)``.

    The learning rate multiplies the decay too, as in ``torch.optim.AdamW``, so schedules act on both.

    Attributes:
        lr: the learning rate.
        beta1: the share of the average of g that is kept.
        beta2: the share of the average of g^2 that is kept.
        eps: what is added to the root of the average of g^2.
        weight_decay: the share of the weights that is lost in a step, in units of the learning rate.

    Source: Loshchilov and Hutter, Decoupled weight decay regularization (2019), algorithm 2.
    """

    lr: Annotated[float, Field(gt=0)] = 1e-3
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    eps: Annotated[float, Field(gt=0)] = 1e-8
    weight_decay: Annotated[float, Field(ge=0)] = 0.01

    def hyperparameters(self) -> dict[str, float]:
        """All five numbers."""
        return asdict(self)

    def init(self, params: Tensor) -> State:
        """Moments of zero."""
        return initial_moments(params)

    def coefficients(self, hyperparameters: Hyperparameters, step: int | Tensor) -> Hyperparameters:
        """The corrected rate and the shares of the averages, see `corrected`, and the share of the weights that is kept."""
        return {**corrected(hyperparameters, step), "kept": 1 - hyperparameters["lr"] * hyperparameters["weight_decay"]}

    def update(self, params: Tensor, grads: Tensor, state: State, coefficients: Hyperparameters) -> tuple[Tensor, State]:
        """One step, see `bench.parts.optimizers.Optimizer.update`."""
        change, moments = descend(grads, state, coefficients)
        return params * coefficients["kept"] - change, moments
