"""Models: ordinary ``nn.Module`` objects, written as any PyTorch user writes them.

A model uses ``nn.Dropout`` wherever it drops; the engine replaces these modules by its own counter-based dropout, so
that masks depend on the run's seed, the module's path, the step, the sample and the unit alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from torch import nn

from bench.catalog import Catalog
from bench.errors import UsageError


class ModelPart(Protocol):
    """Builds a model.

    Traits: ``inputs`` (``images``; ``tokens``, the sentences of a translation; or ``any`` numbers); ``stacked`` (whether it is an ``nn.Sequential`` of Flatten, then Linear,
    an activation and Dropout for each hidden layer, then Linear, so that many are trained as one program).
    """

    def __call__(self, inputs: tuple[int, ...], outputs: int, dropout: float | tuple[float, ...], **parameters: Any) -> nn.Module:
        """Build a model with PyTorch's own initial weights.

        Args:
            inputs: the shape of one sample, as (1,) or (3, 32, 32).
            outputs: how many numbers the model returns for a sample, or for each word of one.
            dropout: the drop rate, or one for each place where the model drops.
            **parameters: what the suite says.

        Returns:
            A module from (batch, *inputs) to (batch, outputs); from word numbers (batch, 2, length) to (batch, length, outputs).
        """


models: Catalog[ModelPart] = Catalog("model", __name__)


def drop_rates(dropout: float | Sequence[float], places: int) -> list[float]:
    """One drop rate for each place where a model drops.

    Args:
        dropout: a rate for all places, or one for each.
        places: how many places there are.

    Raises:
        UsageError: if the numbers of rates and places differ.
    """
    if isinstance(dropout, int | float):
        return [float(dropout)] * places
    if len(dropout) != places:
        raise UsageError(f"dropout gives {len(dropout)} rates, and the model drops at {places} places")
    return [float(rate) for rate in dropout]
