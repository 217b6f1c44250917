"""What penalties look at in a step: the network's passes, made when asked for and once, and the numbers of the step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from bench.parts.objectives import Network
from bench.parts.penalties import Penalty

Pass = tuple[Tensor, Tensor]
"""What enters the last linear layer, (…, rows, units), and the losses, (…)."""


class Passes:
    """The passes of a step, see `bench.parts.penalties.Passes`.

    Args:
        make: makes a pass of the clean or the dropped network.
        parameters: those that are trained.
        weight: of the last linear layer.
        odds: q / (1 − q) of the drop rate in front of it.
        lr: the learning rate.
        shares: the share of each sample in the mean loss.
    """

    def __init__(self, make: Callable[[Network], Pass], parameters: Sequence[Tensor], weight: Tensor, odds: Tensor, lr: Tensor, shares: Tensor) -> None:
        self._make = make
        self._made: dict[Network, Pass] = {}
        self.parameters, self.weight, self.odds, self.lr, self.shares = parameters, weight, odds, lr, shares

    @property
    def features(self) -> Tensor:
        """What enters the last linear layer of the clean network."""
        return self._pass("clean")[0]

    def loss(self, network: Network) -> Tensor:
        """The loss of the clean or the dropped network."""
        return self._pass(network)[1]

    def total(self, network: Network, penalties: Sequence[Penalty], coefficients: Sequence[Tensor]) -> Tensor:
        """The loss with penalties.

        Args:
            network: which network's loss it is.
            penalties: what is added.
            coefficients: of each penalty, (…).
        """
        whole = self.loss(network)
        for penalty, coefficient in zip(penalties, coefficients, strict=True):
            whole = whole + coefficient * penalty(self)
        return whole

    def _pass(self, network: Network) -> Pass:
        if network not in self._made:
            self._made[network] = self._make(network)
        return self._made[network]
