"""The cross entropy."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from bench.parts.objectives import Network, objectives


@objectives.register("cross_entropy", tasks=("classification",))
@dataclass(frozen=True, kw_only=True)
class CrossEntropy:
    """The mean cross entropy in nats: ``-1/n sum_i log softmax(f(x_i))[y_i]``.

    Attributes:
        network: whether dropout is on in the pass that is differentiated.
    """

    network: Network = "dropped"

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean loss of a batch.

        Args:
            outputs: (batch, classes), logits.
            targets: (batch,), classes as int64.

        Returns:
            A scalar.
        """
        return functional.cross_entropy(outputs, targets)

    def per_sample(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of each sample.

        Args:
            outputs: (…, batch, classes), logits.
            targets: (…, batch), classes as int64.

        Returns:
            (…, batch).
        """
        return -functional.log_softmax(outputs, dim=-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
