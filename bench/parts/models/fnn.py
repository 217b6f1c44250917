"""Fully connected networks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field
from torch import nn

from bench.parts.models import drop_rates, models

Activation = Literal["elu", "gelu", "leaky_relu", "relu", "sigmoid", "silu", "softplus", "tanh"]
ACTIVATIONS: Mapping[Activation, type[nn.Module]] = {
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "leaky_relu": nn.LeakyReLU,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "tanh": nn.Tanh,
}


@models.register(inputs="any", stacked=True)
def fnn(
    inputs: tuple[int, ...],
    outputs: int,
    dropout: float | tuple[float, ...],
    *,
    width: Annotated[int, Field(ge=1, le=1_000_000)] = 1000,
    depth: Annotated[int, Field(ge=1, le=1000)] = 1,
    activation: Activation = "relu",
    bias: bool = True,
    output_bias: bool = True,
) -> nn.Module:
    """A fully connected network, with dropout after the activation of every hidden layer.

    f(x) = W_L h_{L-1} + b_L with h_l = σ(W_l h_{l-1} + b_l), h_0 = x flattened, L = depth + 1.
    With one hidden layer and a scalar input it is the network of the dropout lecture's Fig. 1.1.

    Args:
        inputs: the shape of one sample, flattened at the entrance.
        outputs: how many numbers the network returns.
        dropout: the drop rate, or one for each hidden layer.
        width: units in each hidden layer.
        depth: how many hidden layers there are.
        activation: σ.
        bias: whether the hidden layers have biases.
        output_bias: whether the output layer has biases.

    Returns:
        A sequence of Flatten, then Linear, activation and Dropout for each hidden layer, then Linear.
    """
    layers: list[nn.Module] = [nn.Flatten()]
    features = math.prod(inputs)
    for rate in drop_rates(dropout, depth):
        layers += [nn.Linear(features, width, bias=bias), ACTIVATIONS[activation](), nn.Dropout(rate)]
        features = width
    return nn.Sequential(*layers, nn.Linear(features, outputs, bias=output_bias))
