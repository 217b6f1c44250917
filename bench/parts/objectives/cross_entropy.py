"""The cross entropy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from bench.parts.datasets import IGNORED
from bench.parts.objectives import Network, objectives


@objectives.register("cross_entropy", tasks=("classification", "translation"))
@dataclass(frozen=True, kw_only=True)
class CrossEntropy:
    """The mean cross entropy in nats: ``-1/n sum_i log softmax(f(x_i))[y_i]``.

    With smoothing the true one of k classes counts 1 - eps and each other one eps / (k - 1). Torch spreads its
    ``label_smoothing`` over all k classes, the true one too: eps here is (k - 1) / k times as much. For translation the
    mean is over the words of all sentences, ends included and fillers left out.

    Attributes:
        network: whether dropout is on in the pass that is differentiated.
        smoothing: eps, the share of all classes but the true one; at most that of two classes alike.

    Source of smoothing: Szegedy et al., Rethinking the Inception architecture for computer vision (2016), section 7, in
    the form of Goodfellow, Bengio and Courville, Deep Learning (2016), section 7.5.1.
    """

    network: Network = "dropped"
    smoothing: Annotated[float, Field(ge=0, le=0.5)] = 0.0

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean loss of a batch.

        Args:
            outputs: (batch, classes) or (batch, length, words), logits.
            targets: (batch,) or (batch, length), classes or words as int64.

        Returns:
            A scalar.
        """
        return functional.cross_entropy(outputs.flatten(0, -2), targets.flatten(), ignore_index=IGNORED, label_smoothing=self._spread(outputs))

    def per_sample(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of each sample of a classification.

        Args:
            outputs: (…, batch, classes), logits.
            targets: (…, batch), classes as int64.

        Returns:
            (…, batch).
        """
        logarithms = functional.log_softmax(outputs, dim=-1)
        losses = -logarithms.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
        spread = self._spread(outputs)
        return (1 - spread) * losses - spread * logarithms.mean(dim=-1) if spread else losses

    def _spread(self, outputs: Tensor) -> float:
        """The share of all classes together, the true one too, as torch counts it."""
        classes = outputs.shape[-1]
        return self.smoothing * classes / (classes - 1) if self.smoothing else 0.0
