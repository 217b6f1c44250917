"""What steps of finite size add to the loss of dropout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.config import Cell
from bench.parts.penalties import Passes, penalties


@penalties.register("r2")
@dataclass(frozen=True, kw_only=True)
class R2:
    """What gradient descent with a finite learning rate adds to the loss of dropout: ``R2~ = eps/4 |grad R_S^drop(theta, eta)|^2``.

    eps is the learning rate, and eta the masks of the step itself, so that R2 is its mean over masks. It is the correction
    of plain gradient descent, whose steps follow the gradient flow of ``R + eps/4 |grad R|^2`` to third order.

    Attributes:
        coefficient: what it is multiplied by; of either sign.

    Source: Zhang and Xu, Implicit regularization of dropout (2024), equation for R2 and section 5.2; the modified flow of
    Barrett and Dherin, Implicit gradient regularization (2021).
    """

    coefficient: float = 1.0

    def __call__(self, passes: Passes) -> Tensor:
        """The penalty, see `bench.parts.penalties.Penalty`."""
        slopes = torch.autograd.grad(passes.loss("dropped").sum(), passes.parameters, create_graph=True)
        members = passes.lr.dim()
        return passes.lr / 4 * torch.stack([slope.square().flatten(members).sum(dim=-1) for slope in slopes]).sum(dim=0)

    def obstacle(self, cell: Cell, rates: Sequence[float]) -> str:
        """See `bench.parts.penalties.Penalty`; it belongs to gradient descent without momentum."""
        if cell.optimizer.name != "sgd" or cell.optimizer.parameters.get("momentum"):
            return "it belongs to plain gradient descent: optimizer sgd without momentum"
        return ""
