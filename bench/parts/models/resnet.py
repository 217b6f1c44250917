"""Residual networks for small images: a 3x3 stem without pooling, basic blocks, the mean over pixels, a linear layer."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from bench.parts.models import drop_rates, models

BlockFactory = Callable[[int, int, int], nn.Module]


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with batch norm beside a shortcut: D₂ ReLU(B₂ C₂ D₁ ReLU(B₁ C₁ x) + S x).

    He et al. 2016, "Deep residual learning for image recognition", Fig. 5 (left).

    Args:
        channels: channels that come in.
        features: channels that go out.
        stride: the stride of the first convolution.
        shortcut: S, which takes the input to the output's shape.
        inner: D₁, after the first activation.
        last: D₂, after the second.
    """

    def __init__(self, channels: int, features: int, stride: int, shortcut: nn.Module, inner: nn.Module, last: nn.Module) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, features, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(features)
        self.dropout1 = inner
        self.conv2 = nn.Conv2d(features, features, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(features)
        self.shortcut = shortcut
        self.dropout2 = last

    def forward(self, images: Tensor) -> Tensor:
        """From (batch, channels, height, width) to (batch, features, ⌈height/stride⌉, ⌈width/stride⌉)."""
        hidden = self.dropout1(functional.relu(self.bn1(self.conv1(images))))
        return self.dropout2(functional.relu(self.bn2(self.conv2(hidden)) + self.shortcut(images)))  # type: ignore[no-any-return]  # modules return Any


class PaddedShortcut(nn.Module):
    """A shortcut without parameters: every stride-th pixel, and channels of zeros (option A of He et al. 2016, Sec. 3.3).

    Args:
        channels: channels that come in.
        features: channels that go out.
        stride: the distance between the pixels that are kept.
    """

    def __init__(self, channels: int, features: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.below = (features - channels) // 2
        self.above = features - channels - self.below

    def forward(self, images: Tensor) -> Tensor:
        """From (batch, channels, height, width) to (batch, features, ⌈height/stride⌉, ⌈width/stride⌉)."""
        return functional.pad(images[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.below, self.above))


@models.register(inputs="images")
def resnet18(inputs: tuple[int, ...], outputs: int, dropout: float | tuple[float, ...], *, width: Annotated[int, Field(ge=1, le=4096)] = 64) -> nn.Module:
    """ResNet-18 with a 3x3 stem and no pooling at the entrance; dropout after the last activation of each block.

    Four stages of two blocks with w, 2w, 4w, 8w channels; 1x1 convolutions with batch norm as shortcuts where shapes change
    (option B of He et al. 2016). The dropout lecture's Fig. 1.3 c, the generalization lecture's Figs. 1.5, 1.7 and 1.8.

    Args:
        inputs: (channels, height, width) of one image, any size.
        outputs: how many numbers the network returns.
        dropout: the drop rate, or one for each of the 8 blocks.
        width: w, channels of the stem.

    Returns:
        A sequence of the named parts conv1, bn1, relu, dropout, layer1 … layer4, pool, flatten, fc.
    """
    rates = iter(drop_rates(dropout, 8))

    def block(channels: int, features: int, stride: int) -> nn.Module:
        return BasicBlock(channels, features, stride, _projection(channels, features, stride), nn.Identity(), nn.Dropout(next(rates)))

    return _resnet(inputs[0], outputs, [width, 2 * width, 4 * width, 8 * width], 2, nn.Identity(), block)


@models.register(inputs="images")
def resnet20(inputs: tuple[int, ...], outputs: int, dropout: float | tuple[float, ...], *, width: Annotated[int, Field(ge=1, le=4096)] = 16) -> nn.Module:
    """ResNet-20, the CIFAR network of He et al. 2016 (Sec. 4.2); dropout after every activation.

    Three stages of three blocks with w, 2w, 4w channels; shortcuts without parameters (option A). The dropout lecture's
    Fig. 1.9 c drops "after the convolutional layers"; here that is after the activation behind each of the 19 convolutions,
    in a block's second one after the shortcut is added.

    Args:
        inputs: (channels, height, width) of one image, any size.
        outputs: how many numbers the network returns.
        dropout: the drop rate, or one for each of the 19 activations.
        width: w, channels of the stem.

    Returns:
        A sequence of the named parts conv1, bn1, relu, dropout, layer1 … layer3, pool, flatten, fc.
    """
    rates = iter(drop_rates(dropout, 19))
    stem = nn.Dropout(next(rates))

    def block(channels: int, features: int, stride: int) -> nn.Module:
        shortcut = nn.Identity() if channels == features else PaddedShortcut(channels, features, stride)
        return BasicBlock(channels, features, stride, shortcut, nn.Dropout(next(rates)), nn.Dropout(next(rates)))

    return _resnet(inputs[0], outputs, [width, 2 * width, 4 * width], 3, stem, block)


def _projection(channels: int, features: int, stride: int) -> nn.Module:
    if channels == features:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(channels, features, 1, stride, bias=False), nn.BatchNorm2d(features))


def _resnet(channels: int, outputs: int, widths: Sequence[int], blocks: int, stem: nn.Module, block: BlockFactory) -> nn.Module:
    """The stem, one stage per width with `blocks` blocks, each but the first halving the sides, and the head.

    Args:
        channels: channels of an image.
        outputs: how many numbers the network returns.
        widths: channels of each stage; the stem has those of the first.
        blocks: blocks in each stage.
        stem: what follows the stem's activation.
        block: makes a block from its channels, features and stride.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=nn.Conv2d(channels, widths[0], 3, padding=1, bias=False), bn1=nn.BatchNorm2d(widths[0]), relu=nn.ReLU(), dropout=stem
    )
    before = widths[0]
    for number, features in enumerate(widths, start=1):
        first = block(before, features, 1 if number == 1 else 2)
        layers[f"layer{number}"] = nn.Sequential(first, *(block(features, features, 1) for _ in range(blocks - 1)))
        before = features
    return nn.Sequential(OrderedDict(**layers, pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(), fc=nn.Linear(before, outputs)))
