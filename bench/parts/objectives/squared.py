"""The squared error."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bench.errors import UsageError
from bench.parts.objectives import Network, objectives


@objectives.register("squared", tasks=("classification", "regression"))
@dataclass(frozen=True, kw_only=True)
class Squared:
    """Half the mean squared distance: ``R_S = 1/(2n) sum_i |f(x_i) - y_i|^2``, with y_i one-hot for classes.

    ``torch.nn.MSELoss`` divides by the number of outputs d as well: R_S is d/2 times as large, and so are its
    gradients; a learning rate means another thing there.

    Attributes:
        network: whether dropout is on in the pass that is differentiated.

    Source: Zhang and Xu, Implicit regularization of dropout (2024), setting 2.
    """

    network: Network = "dropped"

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean loss of a batch.

        Args:
            outputs: (batch, outputs), what the model returned.
            targets: (batch,) classes as int64, or (batch, outputs) values.

        Returns:
            A scalar.

        Raises:
            UsageError: if values have another shape than the outputs, which would be stretched to fit.
        """
        return self.per_sample(outputs, targets).mean()

    def per_sample(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of each sample, ``|f(x_i) - y_i|^2 / 2``.

        Args:
            outputs: (…, batch, outputs).
            targets: (…, batch) classes as int64, or (…, batch, outputs) values.

        Returns:
            (…, batch).

        Raises:
            UsageError: if values have another shape than the outputs, which would be stretched to fit.
        """
        wanted = targets if targets.is_floating_point() else _one_hot(targets, outputs)
        if wanted.shape != outputs.shape:
            raise UsageError(f"objective 'squared' compares outputs of shape {tuple(outputs.shape)} with targets of shape {tuple(wanted.shape)}")
        return (outputs - wanted).square().sum(dim=-1) / 2


def _one_hot(classes: Tensor, outputs: Tensor) -> Tensor:
    """Classes as rows with a 1, for any leading axes."""
    return (classes.unsqueeze(-1) == torch.arange(outputs.shape[-1], device=classes.device)).to(outputs.dtype)
