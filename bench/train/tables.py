"""The numbers of the steps ahead, worked out for many steps and all members at once: the optimizer's and dropout's."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from bench.parts.optimizers import Optimizer
from bench.train import dropout
from bench.train.setup import Prepared
from bench.train.step import Draw, Terms

AHEAD = 50


class Tables:
    """What differs from step to step and from member to member.

    Args:
        members: what is trained.
        optimizer: their update rule; the numbers are each member's own.
        began: the step with which the optimizer's state began.
    """

    def __init__(self, members: Sequence[Prepared], optimizer: Optimizer, began: int = 0) -> None:
        self._began = began
        first = members[0]
        self._factor, self._optimizer = first.factor, optimizer
        self._device, self._dtype = first.data.train_inputs.device, first.data.train_inputs.dtype
        own = [member.optimizer.hyperparameters() for member in members if isinstance(member.optimizer, Optimizer)]
        self._hyperparameters = {name: torch.tensor([each[name] for each in own], dtype=torch.float64) for name in own[0]}
        keys = [[module.key(0) for module in member.dropouts] for member in members]
        self._keys = torch.tensor(keys, dtype=torch.int64).T
        rates = [[module.rate for module in member.dropouts] for member in members]
        self._thresholds = torch.tensor([[dropout.threshold(rate) for rate in each] for each in rates], dtype=torch.int32, device=self._device).T
        self._scales = torch.tensor([[1 / (1 - rate) for rate in each] for each in rates], dtype=self._dtype, device=self._device).T
        odds = [each[-1] / (1 - each[-1]) if each else 0.0 for each in rates]
        self._odds = torch.tensor(odds, dtype=self._dtype, device=self._device)
        self._start: int | None = None

    def at(self, step: int) -> tuple[Tensor, Draw]:
        """The numbers of a step.

        Returns:
            The optimizer's coefficients, (coefficients, members), and what masks are drawn from.
        """
        start = step // AHEAD * AHEAD
        if start != self._start:
            rates = self._rates(range(start, start + AHEAD))
            self._start, self._numbers, self._draws = start, self._coefficients(start, rates).unbind(), self._drawn(start)
            self._lrs = rates.to(self._device, self._dtype).unbind()
        return self._numbers[step - start], self._draws[step - start]

    def terms(self, step: int, coefficients: Tensor) -> Terms:
        """The numbers of penalties in the step that `at` was asked for, whose coefficients are (penalties, members)."""
        return Terms(self._lrs[step % AHEAD], self._odds, coefficients)

    def _coefficients(self, start: int, rates: Tensor) -> Tensor:
        """(steps, coefficients, members), in the precision of the parameters."""
        numbers = {**self._hyperparameters, "lr": rates}
        # Steps before it began are in the table where it began within one, and are never made.
        made = (torch.arange(start, start + AHEAD) - self._began).clamp(min=0)
        found = self._optimizer.coefficients(numbers, made.unsqueeze(1))
        tables = [torch.as_tensor(table, dtype=torch.float64).expand(AHEAD, len(numbers["lr"].T)) for table in found.values()]
        return torch.stack(tables, dim=1).to(self._device, self._dtype)

    def _rates(self, steps: Sequence[int]) -> Tensor:
        """The learning rates, (steps, members), in double precision."""
        factors = torch.tensor([[self._factor(step)] for step in steps], dtype=torch.float64)
        return self._hyperparameters["lr"] * factors

    def _drawn(self, start: int) -> list[Draw]:
        steps = torch.arange(start, start + AHEAD).view(-1, 1, 1)
        subkeys = torch.stack(dropout.step_keys(self._keys, steps), dim=2)
        return [Draw(keys, self._thresholds, self._scales) for keys in dropout.signed(subkeys).to(self._device, torch.int32)]
