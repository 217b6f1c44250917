from __future__ import annotations

import pytest
import torch
from torch import nn

from bench.parts.models import models
from bench.train.dropout import install
from bench.train.layers import ACTIVATIONS, Layer, layers_of


def test_the_layers_of_our_networks():
    model = models["fnn"].target((1, 8, 8), 10, 0.5, width=7, depth=2, activation="tanh", bias=True, output_bias=False)
    wanted = (Layer(64, 7, True, nn.Tanh, 0), Layer(7, 7, True, nn.Tanh, 1), Layer(7, 10, False))
    assert layers_of(model) == wanted
    assert sum(layer.size for layer in wanted) == sum(parameter.numel() for parameter in model.parameters())
    install(model, 0, "per_sample")
    assert layers_of(model) == wanted


@pytest.mark.parametrize(
    "model",
    [
        nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2)),
        nn.Sequential(nn.Linear(4, 3), nn.ReLU()),
        nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.1)),
        nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2)),
        nn.Sequential(nn.Linear(4, 3), nn.LeakyReLU(0.2), nn.Linear(3, 2)),
        nn.Sequential(nn.Linear(4, 3), nn.Softplus(beta=2), nn.Linear(3, 2)),
        nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=1), nn.Linear(3, 2)),
        nn.Sequential(nn.Flatten(0), nn.Linear(4, 3)),
        nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Dropout(0.1), nn.Dropout(0.1), nn.Linear(4, 2)),
        nn.Sequential(),
        nn.Linear(4, 3),
    ],
    ids=str,
)
def test_other_structures_are_none(model):
    assert layers_of(model) is None


def test_frozen_or_shared_modules_are_none():
    frozen = nn.Sequential(nn.Linear(4, 3))
    frozen[0].bias.requires_grad_(False)
    assert layers_of(frozen) is None
    linear, tanh = nn.Linear(4, 4), nn.Tanh()
    assert layers_of(nn.Sequential(linear, tanh, linear)) is None


@pytest.mark.parametrize("kind", ACTIVATIONS, ids=lambda kind: kind.__name__)
def test_activations_and_their_gradients_are_those_of_torch(kind):
    z = torch.linspace(-30, 30, 4001, dtype=torch.float64, requires_grad=True)
    grad = torch.linspace(1, 2, 4001, dtype=torch.float64)
    expected = kind()(z)
    (wanted,) = torch.autograd.grad(expected, z, grad)
    found = ACTIVATIONS[kind].forward(z.detach())
    assert torch.equal(found, expected)
    saved = found if ACTIVATIONS[kind].saves == "output" else z.detach()
    assert torch.equal(ACTIVATIONS[kind].backward(grad, saved), wanted)
