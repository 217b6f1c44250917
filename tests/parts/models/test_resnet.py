"""Residual networks: published numbers of parameters, the block's formula, the shortcut of option A, names and places."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from bench.parts.models.resnet import BasicBlock, PaddedShortcut, resnet18, resnet20


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def test_published_numbers_of_parameters():
    assert count(resnet18((3, 32, 32), 10, 0.0)) == 11_173_962
    assert count(resnet20((3, 32, 32), 10, 0.0)) == 269_722


def test_names_that_measures_use():
    model = resnet18((3, 32, 32), 10, 0.0)
    assert model.get_parameter("layer2.0.conv1.weight").shape == (128, 64, 3, 3)
    assert model.get_parameter("layer3.0.conv1.weight").shape == (256, 128, 3, 3)
    assert [name for name, _ in model.named_children()] == ["conv1", "bn1", "relu", "dropout", *(f"layer{n}" for n in range(1, 5)), "pool", "flatten", "fc"]


def test_places_of_dropout():
    places = [name for name, module in resnet18((1, 8, 8), 10, 0.0, width=2).named_modules() if isinstance(module, nn.Dropout)]
    assert places == [f"layer{stage}.{block}.dropout2" for stage in (1, 2, 3, 4) for block in (0, 1)]
    places = [name for name, module in resnet20((1, 8, 8), 10, 0.0, width=2).named_modules() if isinstance(module, nn.Dropout)]
    assert places == ["dropout", *(f"layer{stage}.{block}.dropout{n}" for stage in (1, 2, 3) for block in (0, 1, 2) for n in (1, 2))]


@pytest.mark.parametrize(("factory", "sides"), [(resnet18, [32, 16, 8, 4]), (resnet20, [32, 16, 8])])
def test_each_stage_but_the_first_halves_the_sides(factory, sides):
    model = factory((3, 32, 32), 10, 0.0, width=4)
    seen = []
    for stage in range(1, len(sides) + 1):
        getattr(model, f"layer{stage}").register_forward_hook(lambda module, inputs, output: seen.append(tuple(output.shape)))
    model(torch.zeros(2, 3, 32, 32))
    assert seen == [(2, 4 * 2**stage, side, side) for stage, side in enumerate(sides)]


def test_block_is_the_formula():
    block = BasicBlock(2, 3, 2, PaddedShortcut(2, 3, 2), nn.Identity(), nn.Identity())
    x = torch.randn(4, 2, 5, 5, generator=torch.Generator().manual_seed(0))

    def normalized(y):
        mean, variance = y.mean((0, 2, 3), keepdim=True), y.var((0, 2, 3), keepdim=True, correction=0)
        return (y - mean) / (variance + 1e-5).sqrt()

    hidden = normalized(functional.conv2d(x, block.conv1.weight, stride=2, padding=1)).clamp(min=0)
    shortcut = torch.cat([x[:, :, ::2, ::2], torch.zeros(4, 1, 3, 3)], dim=1)
    expected = (normalized(functional.conv2d(hidden, block.conv2.weight, padding=1)) + shortcut).clamp(min=0)
    torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize(("channels", "features", "below", "above"), [(2, 4, 1, 1), (3, 6, 1, 2), (1, 2, 0, 1)])
def test_padded_shortcut_keeps_every_second_pixel_between_zeros(channels, features, below, above):
    x = torch.arange(1.0, channels * 25 + 1).reshape(1, channels, 5, 5)
    kept = PaddedShortcut(channels, features, 2)(x)
    assert kept.shape == (1, features, 3, 3)
    assert torch.equal(kept[:, below : features - above, 1, 2], x[:, :, 2, 4])
    assert not kept[:, :below].any()
    assert not kept[:, features - above :].any()
