"""Objectives: the loss that is minimized, on the clean or on the dropped network."""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable

from torch import Tensor

from bench.catalog import Catalog
from bench.parts.datasets import IGNORED

Network = Literal["clean", "dropped"]


class Objective(Protocol):
    """A loss, as a mean over samples; for translation over the words of all samples, see `terms`.

    The trait ``tasks`` of an objective names the tasks that it fits: ``classification``, ``regression``, ``translation``.

    Attributes:
        network: whether dropout is on (``dropped``) or off (``clean``) in the pass that is differentiated.
    """

    network: Network

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean loss of a batch.

        Args:
            outputs: (batch, outputs), what the model returned; (batch, length, words) for translation.
            targets: (batch,) classes as int64, (batch, outputs) values, or (batch, length) words, see `bench.parts.datasets.Data`.

        Returns:
            A scalar.
        """


@runtime_checkable
class SampleObjective(Objective, Protocol):
    """An objective that is a mean of losses of samples, so that many members can be trained as one program."""

    def per_sample(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of each sample.

        Args:
            outputs: (…, batch, outputs), with any leading axes.
            targets: (…, batch) classes as int64, or (…, batch, outputs) values.

        Returns:
            (…, batch).
        """


def terms(targets: Tensor) -> int:
    """How many losses the mean of an `Objective` is over: the samples, or the words that are foretold in them.

    Args:
        targets: (n,) classes, (n, outputs) values, or (n, length) words.
    """
    if targets.dim() == 1 or targets.is_floating_point():
        return len(targets)
    return int((targets != IGNORED).sum())


objectives: Catalog[type[Objective]] = Catalog("objective", __name__)
