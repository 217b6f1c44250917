"""The path norm: sums over paths written out, what rescaling changes, and what stands for each layer."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from bench.errors import UsageError
from bench.parts.models import models
from tests.parts.measures.rescaling import filled, layers_rescaled, neurons_rescaled, relu_net, take, view


def test_paths_of_two_layers():
    """Two inputs, two neurons, one output: 5² (1² + 2²) + 6² (3² + 4²)."""
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 1, bias=False)).double().requires_grad_(False)
    model[0].weight.copy_(torch.tensor([[1.0, -2.0], [3.0, 4.0]]))
    model[2].weight.copy_(torch.tensor([[5.0, -6.0]]))
    assert take("path_norm", view(model, (2,), 1)) == pytest.approx({"path_norm": math.sqrt(25 * 5 + 36 * 25)})


def test_a_bias_starts_a_path():
    model = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 2)).double().requires_grad_(False)
    for parameter, values in zip(model.parameters(), ([[2.0]], [-3.0], [[4.0], [5.0]], [6.0, 7.0]), strict=True):
        parameter.copy_(torch.tensor(values))
    assert take("path_norm", view(model, (1,)))["path_norm"] ** 2 == pytest.approx((4 + 9) * (16 + 25) + 36 + 49)


def test_a_deep_network_is_a_product_of_squared_matrices():
    model = filled(nn.Sequential(nn.Linear(3, 5, bias=False), nn.ReLU(), nn.Linear(5, 4, bias=False), nn.ReLU(), nn.Linear(4, 2, bias=False)))
    first, second, third = (parameter.square() for parameter in model.parameters())
    assert take("path_norm", view(model))["path_norm"] ** 2 == pytest.approx(float((third @ second @ first).sum()))


@pytest.mark.parametrize("activation", ["elu", "gelu", "leaky_relu", "relu", "sigmoid", "silu", "softplus", "tanh"])
def test_activations_are_the_identity(activation):
    built = [filled(models["fnn"].target((3,), 2, 0.0, width=4, depth=2, activation=name)) for name in (activation, "relu")]
    first, second = (take("path_norm", view(model)) for model in built)
    assert first == second


class Functional(nn.Module):
    """A residual block whose activations are functions, one of them in place."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3, bias=False)

    def forward(self, inputs):
        return functional.relu(self.layer(inputs).tanh(), inplace=True) + inputs.sigmoid_()


def test_paths_around_a_layer_count():
    model = filled(Functional())
    assert take("path_norm", view(model, outputs=3))["path_norm"] ** 2 == pytest.approx(float(model.layer.weight.square().sum()) + 3)


@pytest.mark.parametrize("rescaled", [layers_rescaled, neurons_rescaled])
@pytest.mark.parametrize("bias", [False, True])
def test_rescaling_changes_nothing(rescaled, bias):
    first, second = (take("path_norm", view(model)) for model in (relu_net(bias), rescaled(relu_net(bias))))
    assert second == pytest.approx(first)


def test_a_larger_layer_has_a_larger_norm():
    """The norm is of first degree in each layer: the root is taken."""
    model = relu_net()
    before = take("path_norm", view(model))["path_norm"]
    model[2].weight.mul_(3.0)
    assert take("path_norm", view(model))["path_norm"] == pytest.approx(3 * before)


def test_a_convolution_has_paths_from_every_pixel():
    """One 2x2 filter on 3x3 pixels gives four outputs, each with all four weights."""
    model = filled(nn.Sequential(nn.Conv2d(1, 1, 2, bias=False), nn.ReLU(), nn.Flatten()))
    assert take("path_norm", view(model, (1, 3, 3), 4))["path_norm"] ** 2 == pytest.approx(4 * float(model[0].weight.square().sum()))


@pytest.mark.parametrize("affine", [True, False])
def test_batch_norm_is_a_layer(affine):
    model = filled(nn.Sequential(nn.Linear(3, 4, bias=False), nn.BatchNorm1d(4, affine=affine), nn.ReLU(), nn.Linear(4, 2, bias=False)))
    norm = model[1]
    scale = (norm.weight if affine else 1.0) / (norm.running_var + norm.eps).sqrt()
    shift = (norm.bias if affine else 0.0) - scale * norm.running_mean
    hidden = scale.square() * model[0].weight.square().sum(dim=1) + shift.square()
    assert take("path_norm", view(model))["path_norm"] ** 2 == pytest.approx(float((model[3].weight.square() @ hidden).sum()))


def test_a_scale_that_batch_norm_takes_away_changes_nothing():
    def build():
        return filled(nn.Sequential(nn.Conv2d(2, 5, 3), nn.BatchNorm2d(5), nn.ReLU(), nn.Flatten(), nn.Linear(5 * 16, 4)))

    before, after = build(), build()
    after[0].weight.mul_(3.0)
    after[0].bias.mul_(3.0)
    after[1].running_mean.mul_(3.0)
    after[1].running_var.add_(after[1].eps).mul_(9.0).sub_(after[1].eps)
    first, second = (take("path_norm", view(model, (2, 6, 6), 4)) for model in (before, after))
    # The biases of the convolution grew with its weights, as those of a layer do.
    assert second == pytest.approx(first)


def test_single_precision_does_not_overflow():
    model = nn.Sequential(*(nn.Linear(2, 2, bias=False) for _ in range(12))).requires_grad_(False)
    for layer in model:
        layer.weight.fill_(1e3)
    assert take("path_norm", view(model, (2,)))["path_norm"] == pytest.approx(math.sqrt(2**13) * 1e36)


def test_other_layers_are_refused():
    with pytest.raises(UsageError, match=r"1 is a LayerNorm"):
        take("path_norm", view(filled(nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2)))))
