"""Optimizers: pure functions in elementwise tensor operations.

All numbers that may vary between the members of a pack (learning rate, momentum, …) arrive as hyperparameters that
broadcast against the parameters; what changes the form of the update (Nesterov or not) is fixed at construction. What
depends on the step but on no parameter, as Adam's corrections, stands apart: it is worked out in double precision once
for many steps, and the update itself is left with few operations that a compiler can fuse.
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

    def coefficients(self, hyperparameters: Hyperparameters, step: int | Tensor) -> Hyperparameters:
        """The numbers that the update of a step is made with.

        Args:
            hyperparameters: numbers, or float64 tensors.
            step: how many steps were made before this one, from 0; a tensor of integers for many steps at once.

        Returns:
            Numbers if both are numbers, else float64 tensors of their broadcast shape, or of that of the hyperparameters.
        """

    def update(self, params: Tensor, grads: Tensor, state: State, coefficients: Hyperparameters) -> tuple[Tensor, State]:
        """One step; changes none of its arguments.

        Args:
            params: parameters of any shape; all operations are elementwise.
            grads: the gradient, of the same shape.
            state: what `init` or the last step returned.
            coefficients: of this step; numbers, or tensors of the dtype of `params` that broadcast against it.

        Returns:
            The new parameters and the new state.
        """


@runtime_checkable
class TorchOptimizer(Protocol):
    """An optimizer of ``torch.optim``, for the resident lane alone."""

    def build(self, params: Iterable[Tensor]) -> torch.optim.Optimizer:
        """Make the optimizer for these parameters; the engine multiplies each group's ``lr`` by the schedule."""


optimizers: Catalog[type[Optimizer] | type[TorchOptimizer]] = Catalog("optimizer", __name__)
