"""The small convolutional network: its structure and its number of parameters."""

from __future__ import annotations

import torch
from torch import nn

from bench.parts.models.cnn import cnn


def test_structure():
    model = cnn((3, 32, 32), 10, 0.5)
    assert [type(layer) for layer in model] == [*[nn.Conv2d, nn.ReLU, nn.Dropout, nn.MaxPool2d] * 2, nn.Flatten, nn.Linear]
    shapes = [tuple(layer.weight.shape) for layer in model if hasattr(layer, "weight")]
    assert shapes == [(32, 3, 3, 3), (64, 32, 3, 3), (10, 64 * 8 * 8)]


def test_sides_of_one_pixel_are_not_pooled():
    model = cnn((1, 1, 8), 10, 0.0, width=2)
    assert [layer.kernel_size for layer in model if isinstance(layer, nn.MaxPool2d)] == [(1, 2), (1, 2)]
    assert model(torch.zeros(5, 1, 1, 8)).shape == (5, 10)
