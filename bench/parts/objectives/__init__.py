"""Objectives: the loss that is minimized, on the clean or on the dropped network."""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable

from torch import Tensor

from bench.catalog import Catalog

Network = Literal["clean", "dropped"]


class Objective(Protocol):
    """A loss, as a mean over samples.

    The trait ``tasks`` of an objective names the tasks that it fits: ``classification``, ``regression``.

    Attributes:
        network: whether dropout is on (``dropped``) or off (``clean``) in the pass that is differentiated.
    """

    network: Network

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean loss of a batch.

        Args:
            outputs: (batch, outputs), what the model returned.
            targets: (batch,) classes as int64, or (batch, outputs) values.

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


objectives: Catalog[type[Objective]] = Catalog("objective", __name__)
