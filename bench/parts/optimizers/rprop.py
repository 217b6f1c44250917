"""Rprop: steps from the sign of the gradient alone, with a size of its own for each weight."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from bench.parts.optimizers import Hyperparameters, State, optimizers


@optimizers.register("rprop")
@dataclass(frozen=True, kw_only=True)
class Rprop:
    """Resilient propagation: ``theta = theta - size sign(g)``; the size grows while the sign stays and shrinks when it turns.

    Where the gradient changed its sign the size shrinks, the weight rests for this step, and the gradient counts as
    zero in the next comparison (the variant iRprop-, as in ``torch.optim.Rprop``). Made for full batches. A schedule
    multiplies ``lr``, which is the initial size alone: after the first step it changes nothing.

    Attributes:
        lr: the size of the first step.
        eta_minus: what a size is multiplied by when the sign changed.
        eta_plus: what a size is multiplied by when the sign stayed.
        step_min: the smallest size.
        step_max: the largest size.

    Source: Riedmiller and Braun, A direct adaptive method for faster backpropagation learning: the RPROP algorithm
    (1993); the variant: Igel and Hüsken, Empirical evaluation of the improved Rprop learning algorithms (2003).
    """

    lr: Annotated[float, Field(gt=0)] = 1e-2
    eta_minus: Annotated[float, Field(gt=0, lt=1)] = 0.5
    eta_plus: Annotated[float, Field(gt=1)] = 1.2
    step_min: Annotated[float, Field(gt=0)] = 1e-6
    step_max: Annotated[float, Field(gt=0)] = 50.0

    def hyperparameters(self) -> dict[str, float]:
        """All five numbers."""
        return asdict(self)

    def init(self, params: Tensor) -> State:
        """No last gradient, and sizes of zero, which stand for sizes that are not set yet."""
        return {"last": torch.zeros_like(params), "size": torch.zeros_like(params)}

    def coefficients(self, hyperparameters: Hyperparameters, step: int | Tensor) -> Hyperparameters:
        """The hyperparameters themselves."""
        return hyperparameters

    def update(self, params: Tensor, grads: Tensor, state: State, coefficients: Hyperparameters) -> tuple[Tensor, State]:
        """One step, see `bench.parts.optimizers.Optimizer.update`."""
        agreement = grads * state["last"]
        turned = agreement < 0
        size = torch.where(state["size"] == 0, coefficients["lr"], state["size"])
        shrunk = torch.where(turned, size * coefficients["eta_minus"], size)
        size = torch.where(agreement > 0, size * coefficients["eta_plus"], shrunk)
        size = size.clamp(min=coefficients["step_min"]).clamp(max=coefficients["step_max"])
        moved = grads.masked_fill(turned, 0.0)
        return params - moved.sign() * size, {"last": moved, "size": size}
