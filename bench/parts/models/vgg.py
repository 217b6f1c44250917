"""VGG networks for small images, without batch norm.

Batch norm is left out because its statistics see the dropped activations, so that it and dropout get in each other's way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import Field
from torch import nn

from bench.parts.models import drop_rates, models

Plan = tuple[tuple[int, ...], ...]
VGG9: Plan = ((1, 1), (2, 2), (4, 4, 4))
VGG16: Plan = ((1, 1), (2, 2), (4, 4, 4), (8, 8, 8), (8, 8, 8))


@models.register(inputs="images")
def vgg9(
    inputs: tuple[int, ...],
    outputs: int,
    dropout: float | tuple[float, ...],
    *,
    width: Annotated[int, Field(ge=1, le=4096)] = 64,
    drop_after: Literal["activation", "pool"] = "activation",
) -> nn.Module:
    """VGG-9: seven convolutions, pooled after the 2nd, 4th and 7th, and two linear layers; no batch norm.

    With w for the width the channels are [w, w, M, 2w, 2w, M, 4w, 4w, 4w, M] and the linear layer between has 4w units.
    The network of Li et al. 2018, "Visualizing the loss landscape of neural nets", whose batch norm is left out;
    the dropout lecture (Fig. 1.9 b, Table 1.1) uses it with dropout after the pooling layers.

    Args:
        inputs: (channels, height, width) of one image; a side of one pixel is not pooled.
        outputs: how many numbers the network returns.
        dropout: the drop rate, or one for each place.
        width: channels of the first convolution, which scales all others.
        drop_after: ``activation``: after each of the 8 activations; ``pool``: after each of the 3 pooling layers.

    Returns:
        A sequence of the layers.
    """
    pooled = drop_after == "pool"
    rates = iter(drop_rates(dropout, 3 if pooled else 8))
    layers, features = _convolutions(inputs, _scaled(VGG9, width), rates, pooled)
    layers += [nn.Flatten(), nn.Linear(features, 4 * width), nn.ReLU()]
    layers += [] if pooled else [nn.Dropout(next(rates))]
    return nn.Sequential(*layers, nn.Linear(4 * width, outputs))


@models.register(inputs="images")
def vgg16(inputs: tuple[int, ...], outputs: int, dropout: float | tuple[float, ...], *, width: Annotated[int, Field(ge=1, le=4096)] = 64) -> nn.Module:
    """VGG-16 for small images: 13 convolutions and three linear layers, dropout after every activation; no batch norm.

    Configuration D of Simonyan and Zisserman 2015: [w, w, M, 2w, 2w, M, 4w, 4w, 4w, M, 8w, 8w, 8w, M, 8w, 8w, 8w, M].
    The two hidden linear layers have 8w units (512) in place of 4096, as is usual for CIFAR, where one pixel is left.
    The generalization lecture's Figs. 1.6 and 1.7. Without batch norm it wants the initializer ``kaiming_normal``.

    Args:
        inputs: (channels, height, width) of one image; a side of one pixel is not pooled.
        outputs: how many numbers the network returns.
        dropout: the drop rate, or one for each of the 15 activations.
        width: w, channels of the first convolution.

    Returns:
        A sequence of the layers.
    """
    rates = iter(drop_rates(dropout, 15))
    layers, features = _convolutions(inputs, _scaled(VGG16, width), rates, pooled=False)
    layers.append(nn.Flatten())
    for rate in rates:
        layers += [nn.Linear(features, 8 * width), nn.ReLU(), nn.Dropout(rate)]
        features = 8 * width
    return nn.Sequential(*layers, nn.Linear(features, outputs))


def _scaled(plan: Plan, width: int) -> list[list[int]]:
    return [[factor * width for factor in stage] for stage in plan]


def _convolutions(inputs: tuple[int, ...], stages: Sequence[Sequence[int]], rates: Iterator[float], pooled: bool) -> tuple[list[nn.Module], int]:
    """The convolutions, each stage closed by a 2x2 max pooling, and how many numbers they return for a sample.

    Args:
        inputs: (channels, height, width) of one image.
        stages: the channels of each convolution, by stage.
        rates: drop rates, of which as many are taken as there are places.
        pooled: whether to drop after each pooling layer instead of after each activation.
    """
    channels, *sides = inputs
    layers: list[nn.Module] = []
    for stage in stages:
        for features in stage:
            layers += [nn.Conv2d(channels, features, 3, padding=1), nn.ReLU()]
            layers += [] if pooled else [nn.Dropout(next(rates))]
            channels = features
        window = tuple(min(2, side) for side in sides)
        layers += [nn.MaxPool2d(window)]
        layers += [nn.Dropout(next(rates))] if pooled else []
        sides = [side // size for side, size in zip(sides, window, strict=True)]
    return layers, channels * sides[0] * sides[1]
