"""Random crops of padded images."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import pad

from bench.parts.augmentations import augmentations


@augmentations.register()
def crop(images: Tensor, generator: torch.Generator, *, padding: Annotated[int, Field(ge=1)] = 4) -> Tensor:
    """Pad each image with zeros and cut a window of its original size out at random.

    Zero is added after standardization: with ``normalize: dataset`` it is the mean colour.

    Args:
        images: (batch, channels, height, width), on any device.
        generator: a CPU generator; gives each image a row and a column, each uniform over 0 … 2·padding.
        padding: how many pixels are added on each side.

    Returns:
        The same shape, on the same device.

    Source: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition" (2016), Sec. 4.2.
    """
    batch, channels, height, width = images.shape
    corners = torch.randint(2 * padding + 1, (batch, 2), generator=generator).to(images.device)
    rows = corners[:, 0, None] + torch.arange(height, device=images.device)
    columns = corners[:, 1, None] + torch.arange(width, device=images.device)
    sample = torch.arange(batch, device=images.device)
    channel = torch.arange(channels, device=images.device)
    padded = pad(images, (padding,) * 4)
    return padded[sample[:, None, None, None], channel[:, None, None], rows[:, None, :, None], columns[:, None, None, :]]
