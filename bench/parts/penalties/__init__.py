"""Penalties: what is added to the loss that is minimized, as the terms by which dropout is explained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from bench.catalog import Catalog
from bench.config import Cell
from bench.parts.objectives import Network


class Passes(Protocol):
    """What a penalty may look at in a step: the clean and the dropped network, and its numbers. Every tensor has a leading axis of members, or in the resident lane none.

    Attributes:
        parameters: those that are trained.
        weight: (…, outputs, units), of the last linear layer.
        odds: (…), drop rate q of the place in front of it as q / (1 − q), the variance of its masks.
        lr: (…), the learning rate of the step.
        shares: (…, rows), the share of each sample in the mean loss.
    """

    parameters: Sequence[Tensor]
    weight: Tensor
    odds: Tensor
    lr: Tensor
    shares: Tensor

    @property
    def features(self) -> Tensor:
        """(…, rows, units), what enters the last linear layer of the network without dropout."""

    def loss(self, network: Network) -> Tensor:
        """(…), the loss of the step without penalties, with the step's own masks where the network is dropped."""


class Penalty(Protocol):
    """A term of the loss, written over tensors with leading axes and differentiated by autograd.

    Attributes:
        coefficient: what it is multiplied by; of either sign.
    """

    coefficient: float

    def __call__(self, passes: Passes) -> Tensor:
        """The penalty, (…), without its coefficient.

        Args:
            passes: what it looks at.
        """

    def obstacle(self, cell: Cell, rates: Sequence[float]) -> str:
        """Why it has no meaning for a cell, or an empty text.

        Args:
            cell: the cell.
            rates: the drop rates of the model's places, in order.
        """


class FeaturePenalty:
    """Base of the penalties that look at nothing but features, the last layer's weight and the numbers, never at `Passes.parameters`.

    The stacked lane then differentiates by hand what lies before the features, and compiles it all.
    """


penalties: Catalog[type[Penalty]] = Catalog("penalty", __name__)
