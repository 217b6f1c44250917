"""VGG networks: the layers of the sources, their numbers of parameters, where they drop."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bench.parts.models.vgg import vgg9, vgg16

SHORT = {nn.MaxPool2d: "M", nn.Dropout: "D", nn.Flatten: "F"}


def layers(model):
    """The layers as one word: channels of convolutions, units of linear layers, M, D, F; activations are left out."""
    outputs = (getattr(layer, "out_channels", getattr(layer, "out_features", SHORT.get(type(layer)))) for layer in model)
    return " ".join(str(word) for word in outputs if word is not None)


def test_vgg9_is_the_network_of_li_et_al():
    model = vgg9((3, 32, 32), 10, 0.0)
    assert layers(model).replace(" D", "") == "64 64 M 128 128 M 256 256 256 M F 256 10"
    convolutions = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 256)]
    number = sum(9 * a * b + b for a, b in convolutions) + (4096 * 256 + 256) + (256 * 10 + 10)
    assert sum(parameter.numel() for parameter in model.parameters()) == number == 2_786_890


def test_vgg9_drops_after_activations_or_after_pools():
    assert layers(vgg9((3, 32, 32), 10, 0.0)) == "64 D 64 D M 128 D 128 D M 256 D 256 D 256 D M F 256 D 10"
    assert layers(vgg9((3, 32, 32), 10, 0.0, drop_after="pool")) == "64 64 M D 128 128 M D 256 256 256 M D F 256 10"


def test_vgg16_is_configuration_d_with_a_small_head():
    model = vgg16((3, 32, 32), 10, 0.0)
    body = "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512 M"
    assert layers(model).replace(" D", "") == f"{body} F 512 512 10"
    convolutions = sum(parameter.numel() for layer in model if isinstance(layer, nn.Conv2d) for parameter in layer.parameters())
    assert convolutions == 14_714_688  # the published configuration D: 138,357,544 less its three linear layers' 123,642,856
    assert sum(parameter.numel() for parameter in model.parameters()) == 14_714_688 + 2 * (512 * 512 + 512) + 5130


def test_vgg16_drops_behind_every_activation():
    names = [type(layer) for layer in vgg16((3, 32, 32), 10, 0.0, width=2)]
    followers = [names[place + 1] for place, name in enumerate(names) if name is nn.ReLU]
    assert followers == [nn.Dropout] * 15
    assert names.count(nn.Dropout) == 15


@pytest.mark.parametrize("factory", [vgg9, vgg16])
def test_no_batch_norm(factory):
    assert not list(factory((3, 8, 8), 10, 0.0, width=2).buffers())


@pytest.mark.parametrize(("side", "windows"), [(8, [2, 2, 2, 1, 1]), (28, [2, 2, 2, 2, 1]), (32, [2, 2, 2, 2, 2])])
def test_one_pixel_is_not_pooled(side, windows):
    model = vgg16((1, side, side), 10, 0.0, width=2)
    assert [layer.kernel_size[0] for layer in model if isinstance(layer, nn.MaxPool2d)] == windows
    assert model(torch.zeros(1, 1, side, side)).shape == (1, 10)
