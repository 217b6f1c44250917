"""The fully connected network: its structure, its numbers, its formula."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bench.parts.models.fnn import ACTIVATIONS, fnn

FORMULAS = {
    "elu": lambda x: torch.where(x > 0, x, x.exp() - 1),
    "gelu": lambda x: x * (1 + torch.erf(x / 2**0.5)) / 2,
    "leaky_relu": lambda x: torch.where(x > 0, x, 0.01 * x),
    "relu": lambda x: x.clamp(min=0),
    "sigmoid": lambda x: 1 / (1 + (-x).exp()),
    "silu": lambda x: x / (1 + (-x).exp()),
    "softplus": lambda x: (1 + x.exp()).log(),
    "tanh": lambda x: (x.exp() - (-x).exp()) / (x.exp() + (-x).exp()),
}


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def test_structure_is_the_one_that_can_be_stacked():
    model = fnn((3, 4, 4), 10, 0.5, width=7, depth=2, activation="tanh")
    assert type(model) is nn.Sequential
    assert [type(layer) for layer in model] == [nn.Flatten, *[nn.Linear, nn.Tanh, nn.Dropout] * 2, nn.Linear]
    assert [tuple(layer.weight.shape) for layer in model if isinstance(layer, nn.Linear)] == [(7, 48), (7, 7), (10, 7)]


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_forward_is_the_formula(activation):
    model = fnn((3,), 2, 0.0, width=5, depth=1, activation=activation).double()
    first, last = (layer for layer in model if isinstance(layer, nn.Linear))
    x = torch.linspace(-2, 2, 12, dtype=torch.float64).reshape(4, 3)
    expected = FORMULAS[activation](x @ first.weight.T + first.bias) @ last.weight.T + last.bias
    torch.testing.assert_close(model(x), expected)


@pytest.mark.parametrize(
    ("inputs", "outputs", "parameters", "number"),
    [
        pytest.param((3, 28, 28), 10, {"width": 512}, 1_209_866, id="Zhang et al. 2017, Table 1, MLP 1x512"),
        pytest.param((3, 28, 28), 10, {"width": 512, "depth": 3}, 1_735_178, id="Zhang et al. 2017, Table 1, MLP 3x512"),
        pytest.param((1,), 1, {}, 3 * 1000 + 1, id="dropout lecture, Fig. 1.1"),
        pytest.param((1,), 1, {"output_bias": False}, 3 * 1000, id="no output bias"),
        pytest.param((1,), 1, {"bias": False}, 2 * 1000 + 1, id="no hidden bias"),
    ],
)
def test_number_of_parameters(inputs, outputs, parameters, number):
    assert count(fnn(inputs, outputs, 0.0, **parameters)) == number
