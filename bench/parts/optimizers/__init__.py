"""Optimizers: pairs of pure functions in elementwise tensor operations.

All numbers that may vary between the members of a pack (learning rate, momentum, …) arrive as hyperparameters that
broadcast against the parameters; what changes the form of the update (Nesterov or not) is fixed at construction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from bench.catalog import Catalog

State = dict[str, Tensor]
Hyperparameters = Mapping[str, float | Tensor]


@runtime_checkable
class Optimizer(Protocol):
    """An update rule without memory of its own."""

    def hyperparameters(self) -> dict[str, float]:
        """The numbers that may differ between members; always has ``lr``, which schedules multiply."""

    def init(self, params: Tensor) -> State:
        """The state before the first step: tensors of the parameters' shape."""

    def update(self, params: Tensor, grads: Tensor, state: State, hyperparameters: Hyperparameters, step: int | Tensor) -> tuple[Tensor, State]:
        """One step; changes none of its arguments.

        Args:
            params: parameters of any shape; all operations are elementwise.
            grads: the gradient, of the same shape.
            state: what `init` or the last step returned.
            hyperparameters: numbers or tensors that broadcast against `params`.
            step: how many steps were made before this one, from 0.

        Returns:
            The new parameters and the new state.
        """


@runtime_checkable
class TorchOptimizer(Protocol):
    """An optimizer of ``torch.optim``, for the resident lane alone."""

    def build(self, params: Iterable[Tensor]) -> torch.optim.Optimizer:
        """Make the optimizer for these parameters; the engine multiplies each group's ``lr`` by the schedule."""


optimizers: Catalog[type[Optimizer] | type[TorchOptimizer]] = Catalog("optimizer", __name__)
