"""The small Inception network of Zhang et al. 2017."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from bench.parts.models import drop_rates, models

STEM = 96
# A pair is an Inception module, by the channels of its 1x1 and 3x3 convolutions; a number is a downsampling module, by those of its convolution.
PLAN: tuple[tuple[int, int] | int, ...] = ((32, 32), (32, 48), 80, (112, 48), (96, 64), (80, 80), (48, 96), 96, (176, 160), (176, 160))


class ShiftedBatchNorm2d(nn.BatchNorm2d):
    """Batch norm with a learned shift β and no learned scale: (x - mean) / √(variance + ε) + β, for each channel.

    A positive scale adds nothing in front of a ReLU and a convolution, which can take it up; a bias before the norm would be lost.

    Args:
        features: how many channels there are.
    """

    def __init__(self, features: int) -> None:
        super().__init__(features, affine=False)
        self.shift = nn.Parameter(torch.zeros(features))

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # the name in torch's signature
        """Normalize and shift (batch, features, height, width)."""
        return super().forward(input) + self.shift[:, None, None]


class Branches(nn.Module):
    """Two modules side by side, their channels joined.

    Args:
        left: from (batch, channels, height, width) to as many or fewer pixels.
        right: the same, to as many pixels as `left`.
    """

    def __init__(self, left: nn.Module, right: nn.Module) -> None:
        super().__init__()
        self.left = left
        self.right = right

    def forward(self, images: Tensor) -> Tensor:
        """The channels of `left`, then those of `right`."""
        return torch.cat([self.left(images), self.right(images)], dim=1)


@models.register(inputs="images")
def inception(
    inputs: tuple[int, ...],
    outputs: int,
    dropout: float | tuple[float, ...],
    *,
    width: Annotated[int, Field(ge=1, le=4096)] = 96,
    batch_norm: bool = True,
) -> nn.Module:
    """The small Inception of Zhang et al. 2017, with dropout before the linear layer.

    A 3x3 convolution, eight Inception modules (a 1x1 beside a 3x3 convolution), two downsampling modules (a 3x3 convolution beside a
    3x3 max pooling, both of stride 2), the mean over pixels, a linear layer; "Understanding deep learning requires rethinking
    generalization", Fig. 3; the generalization lecture's Fig. 1.3. Each convolution is followed by batch norm and ReLU. The published
    number of parameters, 1,649,402 for 3 channels and 10 classes, is one number per channel beside the weights: the shift of the batch
    norm, which then has no scale and follows a convolution without bias, or else the bias of the convolution. So it is here, with and without batch norm.

    Args:
        inputs: (channels, height, width) of one image, any size; the source has 28x28.
        outputs: how many numbers the network returns.
        dropout: the drop rate, at one place.
        width: channels of the first convolution; the others scale with it, rounded, and are one at least.
        batch_norm: whether convolutions are followed by batch norm.

    Returns:
        A sequence of the layers.
    """
    (rate,) = drop_rates(dropout, 1)
    features = _scaled(STEM, width)
    layers: list[nn.Module] = [_convolution(inputs[0], features, 3, 1, batch_norm)]
    for entry in PLAN:
        if isinstance(entry, int):
            added = _scaled(entry, width)
            layers.append(Branches(_convolution(features, added, 3, 2, batch_norm), nn.MaxPool2d(3, 2, padding=1)))
            features += added
        else:
            left, right = (_scaled(channels, width) for channels in entry)
            layers.append(Branches(_convolution(features, left, 1, 1, batch_norm), _convolution(features, right, 3, 1, batch_norm)))
            features = left + right
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(rate), nn.Linear(features, outputs))


def _scaled(channels: int, width: int) -> int:
    return max(1, round(channels * width / STEM))


def _convolution(channels: int, features: int, kernel: int, stride: int, batch_norm: bool) -> nn.Module:
    convolution = nn.Conv2d(channels, features, kernel, stride, padding=kernel // 2, bias=not batch_norm)
    norm = [ShiftedBatchNorm2d(features)] if batch_norm else []
    return nn.Sequential(convolution, *norm, nn.ReLU())
