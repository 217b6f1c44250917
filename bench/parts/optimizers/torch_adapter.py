"""Any optimizer of torch.optim, for the resident lane."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bench.errors import UsageError, did_you_mean
from bench.parts.optimizers import optimizers


@optimizers.register("torch")
@dataclass(frozen=True, kw_only=True)
class TorchAdapter:
    """An optimizer of ``torch.optim`` by its class name; it runs one member at a time, never in a pack.

    Attributes:
        algorithm: the class, as ``NAdam``.
        arguments: what the class is called with, ``lr`` at least.

    Raises:
        UsageError: if there is no such class, if it cannot be used here, or if it refuses the arguments.

    Source: PyTorch's documentation of the class.
    """

    algorithm: str
    arguments: dict[str, Any]

    def __post_init__(self) -> None:
        """Build once for a stand-in, so that wrong arguments show before any training."""
        self._check_arguments(_class_of(self.algorithm))
        self.build([torch.zeros(1, 1, requires_grad=True)])

    def build(self, params: Iterable[Tensor]) -> torch.optim.Optimizer:
        """Make the optimizer.

        Args:
            params: the parameters, which it changes in place.

        Returns:
            An optimizer whose groups hold ``lr``, for the engine to multiply by the schedule.

        Raises:
            UsageError: if the class refuses the arguments or the parameters.
        """
        try:
            return _class_of(self.algorithm)(params, **self.arguments)
        except (TypeError, ValueError, RuntimeError) as error:
            raise UsageError(f"torch.optim.{self.algorithm} refuses the arguments {self.arguments}: {error}") from error

    def _check_arguments(self, algorithm: type[torch.optim.Optimizer]) -> None:
        known = [name for name in inspect.signature(algorithm).parameters if name != "params"]
        for name in self.arguments:
            if name not in known:
                raise UsageError(f"torch.optim.{self.algorithm} has no argument {name!r}. {did_you_mean(name, known)}")
        if "lr" not in self.arguments:
            raise UsageError("optimizer 'torch' needs 'lr' among its arguments", hint="Write arguments: {lr: 0.001}.")


def _class_of(name: str) -> type[torch.optim.Optimizer]:
    known = _classes()
    if name not in known:
        raise UsageError(f"torch.optim has no optimizer {name!r}. {did_you_mean(name, known)}")
    refusal = _refusal(known[name])
    if refusal is not None:
        raise UsageError(f"torch.optim.{name} cannot be used here: {refusal}")
    return known[name]


def _classes() -> Mapping[str, type[torch.optim.Optimizer]]:
    members = inspect.getmembers(torch.optim, inspect.isclass)
    return {name: member for name, member in members if issubclass(member, torch.optim.Optimizer) and member is not torch.optim.Optimizer}


def _refusal(algorithm: type[torch.optim.Optimizer]) -> str | None:
    """Why the engine, which computes one dense gradient per step, cannot serve a class; None if it can."""
    if inspect.signature(algorithm.step).parameters["closure"].default is inspect.Parameter.empty:
        return "it evaluates the loss several times in a step (a closure), and the engine computes one gradient per step"
    if algorithm is torch.optim.SparseAdam:
        return "it takes sparse gradients alone, and the models' gradients are dense"
    return None
