"""Initializers: laws for a model's initial weights.

Every law states whether its scale is a variance or a standard deviation.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import nn

from bench.catalog import Catalog


class InitializerPart(Protocol):
    """Sets a model's initial weights in place."""

    def __call__(self, model: nn.Module, generator: torch.Generator, **parameters: Any) -> None:
        """Draw the weights.

        Args:
            model: a model that has PyTorch's own initial weights.
            generator: a CPU generator, seeded by the run's stream ``initial-weights``.
            **parameters: what the suite says.
        """


initializers: Catalog[InitializerPart] = Catalog("initializer", __name__)
