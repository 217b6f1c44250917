"""Fully connected networks as a list of layers: what the stacked lane can train, read from an ordinary ``nn.Sequential``.

The structure is Flatten, then Linear, an elementwise activation and Dropout for each hidden layer, then Linear; the
catalogue's `fnn` has it, and so may any model of a user's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from bench.train.dropout import CounterDropout
from bench.train.tanh import rational_tanh

_aten = torch.ops.aten

Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Activation:
    """An elementwise activation: the function, and its gradient as PyTorch's own backward pass computes it.

    Attributes:
        forward: the function.
        backward: (gradient at the output, what is saved) -> gradient at the input.
        saves: whether the backward pass needs the function's input or its output.
        fused: the function in float32 for a compiler, where that is faster than its own.
    """

    forward: Function
    backward: Callable[[Tensor, Tensor], Tensor]
    saves: Literal["input", "output"]
    fused: Function | None = None


ACTIVATIONS: Mapping[type[nn.Module], Activation] = {
    nn.ReLU: Activation(torch.relu, lambda grad, h: _aten.threshold_backward(grad, h, 0), "output"),
    nn.Tanh: Activation(torch.tanh, lambda grad, h: _aten.tanh_backward(grad, h), "output", rational_tanh),
    nn.Sigmoid: Activation(torch.sigmoid, lambda grad, h: _aten.sigmoid_backward(grad, h), "output"),
    nn.SiLU: Activation(nn.functional.silu, lambda grad, z: _aten.silu_backward(grad, z), "input"),
    nn.GELU: Activation(nn.functional.gelu, lambda grad, z: _aten.gelu_backward(grad, z), "input"),
    nn.Softplus: Activation(nn.functional.softplus, lambda grad, z: _aten.softplus_backward(grad, z, 1, 20), "input"),
    nn.ELU: Activation(nn.functional.elu, lambda grad, z: _aten.elu_backward(grad, 1, 1, 1, False, z), "input"),
    nn.LeakyReLU: Activation(nn.functional.leaky_relu, lambda grad, z: _aten.leaky_relu_backward(grad, z, 0.01, False), "input"),
}


@dataclass(frozen=True)
class Layer:
    """A linear map with what follows it.

    Attributes:
        inputs: features that come in.
        outputs: features that go out.
        bias: whether it has a bias.
        activation: its type, or None after the last layer.
        dropout: the number of its dropout module among those of the network, or None.
    """

    inputs: int
    outputs: int
    bias: bool
    activation: type[nn.Module] | None = None
    dropout: int | None = None

    @property
    def size(self) -> int:
        """How many parameters it has."""
        return self.outputs * (self.inputs + self.bias)


def layers_of(model: nn.Module) -> tuple[Layer, ...] | None:
    """The layers of a fully connected network.

    Args:
        model: any model, with ``nn.Dropout`` or with the engine's dropout in its place.

    Returns:
        Its layers, or None if it is of another structure, or if an activation has other than its default settings.
    """
    if not isinstance(model, nn.Sequential) or not all(parameter.requires_grad for parameter in model.parameters()):
        return None
    modules = list(model)
    if len({id(module) for module in modules}) < len(modules):
        return None
    rest = modules[1:] if modules and _is_flatten(modules[0]) else modules
    layers: list[Layer] = []
    dropouts = 0
    while rest:
        block, rest = _block(rest)
        if block is None or (layers and layers[-1].activation is None):
            return None
        linear, activation, drops = block
        layers.append(Layer(linear.in_features, linear.out_features, linear.bias is not None, activation, dropouts if drops else None))
        dropouts += drops
    return tuple(layers) if layers and layers[-1].activation is None and layers[-1].dropout is None else None


def _block(modules: list[nn.Module]) -> tuple[tuple[nn.Linear, type[nn.Module] | None, bool] | None, list[nn.Module]]:
    """A linear layer, and the activation and dropout behind it; and the modules that are left."""
    linear, *rest = modules
    if type(linear) is not nn.Linear:
        return None, rest
    activation: type[nn.Module] | None = None
    drops = False
    if rest and _is_activation(rest[0]):
        activation, rest = type(rest[0]), rest[1:]
    if rest and isinstance(rest[0], nn.Dropout | CounterDropout):
        drops, rest = True, rest[1:]
    return (linear, activation, drops), rest


def _is_flatten(module: nn.Module) -> bool:
    return type(module) is nn.Flatten and (module.start_dim, module.end_dim) == (1, -1)


def _is_activation(module: nn.Module) -> bool:
    return type(module) in ACTIVATIONS and repr(module) in (repr(type(module)()), repr(type(module)(inplace=True)) if hasattr(module, "inplace") else "")
