"""Laws for initial weights, drawn layer by layer.

A layer is a module that owns a tensor of two or more dimensions; all such tensors are its weights, its vectors are its biases.
Modules that own vectors alone, as batch and layer norm, keep what they have: scale 1, shift 0. Each layer draws its weights
first, then its biases, in float32 on the CPU, so that a seed gives the same bits on every device and for every dtype.
Biases that are to be zero are drawn too, with deviation 0, so that the weights of a seed do not depend on that choice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from bench.parts.initializers import initializers

Meaning = Literal["variance", "std"]
Biases = Literal["zero", "same"]
Width = Literal["hidden", "out", "mean"]
Multiplier = Annotated[float, Field(gt=0)]
Draw = Callable[[Tensor, float, torch.Generator], Tensor]


@dataclass(frozen=True)
class Layer:
    """The parameters of one layer.

    Attributes:
        weights: its tensors of shape (outputs, inputs, *kernel).
        biases: its vectors.
    """

    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]

    @property
    def inputs(self) -> int:
        """How many units or channels come in."""
        return self.weights[0].shape[1]

    @property
    def outputs(self) -> int:
        """How many units or channels go out."""
        return self.weights[0].shape[0]

    @property
    def fan_in(self) -> int:
        """How many numbers an output is made of: inputs times the size of the kernel."""
        return self.inputs * self.weights[0][0, 0].numel()

    @property
    def fan_out(self) -> int:
        """How many numbers an input goes into: outputs times the size of the kernel."""
        return self.outputs * self.weights[0][0, 0].numel()


def layers(model: nn.Module) -> Iterator[Layer]:
    """The layers of a model, in the order in which its modules were registered."""
    for module in model.modules():
        own = tuple(module.parameters(recurse=False))
        weights = tuple(tensor for tensor in own if tensor.ndim > 1)
        if weights:
            yield Layer(weights, tuple(tensor for tensor in own if tensor.ndim <= 1))


@initializers.register()
def kaiming_normal(model: nn.Module, generator: torch.Generator, *, multiplier: Multiplier = 1.0, biases: Biases = "zero") -> None:
    """N(0, variance) with variance = multiplier² · 2 / fan_in: ReLU layers keep the size of their signals.

    He et al. 2015, "Delving deep into rectifiers", Eq. 10.

    Args:
        model: the model, changed in place.
        generator: where the draws come from.
        multiplier: times the standard deviation.
        biases: ``zero``, or ``same``: under the law of their layer's weights.
    """
    _fill(model, generator, lambda layer: multiplier * math.sqrt(2 / layer.fan_in), _normal, biases)


@initializers.register()
def kaiming_uniform(model: nn.Module, generator: torch.Generator, *, multiplier: Multiplier = 1.0, biases: Biases = "zero") -> None:
    """Uniform on [-a, a] with a = multiplier · √(6 / fan_in), so that the variance is multiplier² · 2 / fan_in.

    He et al. 2015, "Delving deep into rectifiers", Eq. 10.

    Args:
        model: the model, changed in place.
        generator: where the draws come from.
        multiplier: times the standard deviation.
        biases: ``zero``, or ``same``: under the law of their layer's weights.
    """
    _fill(model, generator, lambda layer: multiplier * math.sqrt(2 / layer.fan_in), _uniform, biases)


@initializers.register()
def xavier_normal(model: nn.Module, generator: torch.Generator, *, multiplier: Multiplier = 1.0, biases: Biases = "zero") -> None:
    """N(0, variance) with variance = multiplier² · 2 / (fan_in + fan_out), also called Glorot's.

    Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks", Eq. 12.
    The generalization lecture's Fig. 1.4 compares multipliers, with ``biases: same``.

    Args:
        model: the model, changed in place.
        generator: where the draws come from.
        multiplier: times the standard deviation.
        biases: ``zero``, or ``same``: under the law of their layer's weights.
    """
    _fill(model, generator, lambda layer: multiplier * math.sqrt(2 / (layer.fan_in + layer.fan_out)), _normal, biases)


@initializers.register()
def xavier_uniform(model: nn.Module, generator: torch.Generator, *, multiplier: Multiplier = 1.0, biases: Biases = "zero") -> None:
    """Uniform on [-a, a] with a = multiplier · √(6 / (fan_in + fan_out)): variance multiplier² · 2 / (fan_in + fan_out).

    Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks", Eq. 16.

    Args:
        model: the model, changed in place.
        generator: where the draws come from.
        multiplier: times the standard deviation.
        biases: ``zero``, or ``same``: under the law of their layer's weights.
    """
    _fill(model, generator, lambda layer: multiplier * math.sqrt(2 / (layer.fan_in + layer.fan_out)), _uniform, biases)


@initializers.register()
def lecun_normal(model: nn.Module, generator: torch.Generator, *, multiplier: Multiplier = 1.0, biases: Biases = "zero") -> None:
    """N(0, variance) with variance = multiplier² / fan_in.

    LeCun et al. 1998, "Efficient backprop", Eq. 16.

    Args:
        model: the model, changed in place.
        generator: where the draws come from.
        multiplier: times the standard deviation.
        biases: ``zero``, or ``same``: under the law of their layer's weights.
    """
    _fill(model, generator, lambda layer: multiplier * math.sqrt(1 / layer.fan_in), _normal, biases)


@initializers.register()
def normal(model: nn.Module, generator: torch.Generator, *, scale: Annotated[float, Field(gt=0)], meaning: Meaning) -> None:
    """N(0, scale) for all weights and biases of all layers.

    Args:
        model: the model, changed in place.
        generator: where the draws come from.
        scale: the variance or the standard deviation.
        meaning: which of the two `scale` is.
    """
    _fill(model, generator, lambda _: _deviation(scale, meaning), _normal, "same")


@initializers.register()
def width_power(
    model: nn.Module,
    generator: torch.Generator,
    *,
    power: Annotated[float, Field(ge=0, le=10)],
    meaning: Meaning,
    width: Width = "hidden",
) -> None:
    """N(0, 1/m^power) for all weights and biases of a layer of width m.

    The dropout lecture's θ ~ N(0, m^-0.2): its text speaks of a variance, its authors' code of a standard deviation.
    The condensation lecture's N(0, 1/m^4) (Figs. 1.6 and 1.7) is a variance.

    Args:
        model: the model, changed in place.
        generator: where the draws come from.
        power: how fast the law shrinks as m grows.
        meaning: whether 1/m^power is the variance or the standard deviation.
        width: what m is, in units or channels: ``hidden``, a layer's outputs but the last layer's inputs, so that a network with one
            hidden layer has one m; ``out``, every layer's outputs; ``mean``, the mean of its inputs and outputs.
    """
    *_, last = layers(model)
    units = WIDTHS[width]
    _fill(model, generator, lambda layer: _deviation(units(layer, last) ** -power, meaning), _normal, "same")


WIDTHS: Mapping[Width, Callable[[Layer, Layer], float]] = {
    "hidden": lambda layer, last: layer.inputs if layer.weights[0] is last.weights[0] else layer.outputs,
    "out": lambda layer, last: layer.outputs,
    "mean": lambda layer, last: (layer.inputs + layer.outputs) / 2,
}


def _deviation(scale: float, meaning: Meaning) -> float:
    return math.sqrt(scale) if meaning == "variance" else scale


def _fill(model: nn.Module, generator: torch.Generator, deviation: Callable[[Layer], float], draw: Draw, biases: Biases) -> None:
    """Draw every layer in place, with the standard deviation that the layer is given; see `kaiming_normal` for the rest."""
    for layer in layers(model):
        std = deviation(layer)
        for weight in layer.weights:
            _draw(weight, std, draw, generator)
        for bias in layer.biases:
            _draw(bias, std if biases == "same" else 0.0, draw, generator)


@torch.no_grad()
def _draw(parameter: Tensor, std: float, draw: Draw, generator: torch.Generator) -> None:
    parameter.copy_(draw(torch.empty(parameter.shape, dtype=torch.float32), std, generator))


def _normal(tensor: Tensor, std: float, generator: torch.Generator) -> Tensor:
    return tensor.normal_(0.0, std, generator=generator)


def _uniform(tensor: Tensor, std: float, generator: torch.Generator) -> Tensor:
    return tensor.uniform_(-math.sqrt(3) * std, math.sqrt(3) * std, generator=generator)
