"""Random mirror images."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from bench.parts.augmentations import augmentations


@augmentations.register()
def flip(images: Tensor, generator: torch.Generator, *, probability: Annotated[float, Field(ge=0, le=1)] = 0.5) -> Tensor:
    """Swap left and right of each image at random.

    Args:
        images: (batch, channels, height, width), on any device.
        generator: a CPU generator; gives one number per image.
        probability: with which an image is flipped.

    Returns:
        The same shape, on the same device.
    """
    flipped = torch.rand(len(images), generator=generator) < probability
    return torch.where(flipped.to(images.device)[:, None, None, None], images.flip(-1), images)
