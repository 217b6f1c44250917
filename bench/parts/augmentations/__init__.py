"""Augmentations: random changes of a training batch, in one operation on the device that holds it."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from bench.catalog import Catalog


class AugmentationPart(Protocol):
    """Changes a batch of images at random."""

    def __call__(self, images: Tensor, generator: torch.Generator, **parameters: Any) -> Tensor:
        """Augment a batch.

        Args:
            images: (batch, channels, height, width), on any device.
            generator: a CPU generator, seeded by the run, the augmentation's place and the step.
            **parameters: what the suite says.

        Returns:
            A batch of the same shape on the same device.
        """


augmentations: Catalog[AugmentationPart] = Catalog("augmentation", __name__)
