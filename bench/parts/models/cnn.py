"""A small convolutional network."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import nn

from bench.parts.models import drop_rates, models


@models.register(inputs="images")
def cnn(inputs: tuple[int, ...], outputs: int, dropout: float | tuple[float, ...], *, width: Annotated[int, Field(ge=1, le=4096)] = 32) -> nn.Module:
    """Two 3x3 convolutions with ReLU, dropout and 2x2 max pooling, then a linear layer.

    The smallest network of the generalization lecture's Fig. 1.7, which gives no channels: 32 and 64 are ours.

    Args:
        inputs: (channels, height, width) of one image; a side of one pixel is not pooled.
        outputs: how many numbers the network returns.
        dropout: the drop rate, or one for each of the two activations.
        width: channels of the first convolution; the second has twice as many.

    Returns:
        A sequence of the layers.
    """
    channels, *sides = inputs
    layers: list[nn.Module] = []
    for features, rate in zip((width, 2 * width), drop_rates(dropout, 2), strict=True):
        window = tuple(min(2, side) for side in sides)
        layers += [nn.Conv2d(channels, features, 3, padding=1), nn.ReLU(), nn.Dropout(rate), nn.MaxPool2d(window)]
        channels, sides = features, [side // pooled for side, pooled in zip(sides, window, strict=True)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * sides[0] * sides[1], outputs))
