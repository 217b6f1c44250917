"""The layers of a network as vectors: the weights that enter each neuron, its bias joined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from bench.errors import UsageError

Values = NDArray[np.float64]
Weights = Mapping[str, Tensor]
"""A model's parameters by name, and its buffers."""

Layer = Annotated[int, Field(ge=0)] | str
"""Which layer is meant: its number among linear layers and convolutions, from 0, or its path in the model, as ``layer2.0.conv1``."""

Unit = Literal["neuron", "slice"]

ACTIVE = 0.1
"""A neuron is active whose amplitude is above this share of the largest."""

_WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def path_of(model: nn.Module, layer: Layer) -> str:
    """The path of a layer in a model.

    Args:
        model: the network.
        layer: its number or its path.

    Raises:
        UsageError: if the model has no such layer.
    """
    paths = [path for path, module in model.named_modules() if isinstance(module, _WEIGHTED)]
    if isinstance(layer, int) and layer < len(paths):
        return str(paths[layer])
    if layer in paths:
        return str(layer)
    hint = f"Give a number from 0 to {len(paths) - 1}, or one of {', '.join(paths)}." if paths else "It has no linear layer and no convolution."
    raise UsageError(f"the model has no layer {layer!r}", hint=hint)


def vectors(weights: Weights, path: str, *, unit: Unit = "neuron", bias: bool = True) -> Values:
    """The weights of a layer, a row for each neuron.

    Args:
        weights: name -> tensor.
        path: the layer's path.
        unit: ``neuron``: what enters one output, a row of a linear layer or a filter of a convolution; ``slice``: what a
            filter of a convolution takes from one channel.
        bias: whether a neuron's bias is the last entry of its vector, where the layer has one; a slice has none.

    Returns:
        Shape (neurons, inputs), or one more column with the bias.

    Raises:
        UsageError: if slices are asked of a linear layer.
    """
    weight = weights[_name(path, "weight")].detach().double().cpu()
    if unit == "slice":
        if weight.dim() < 3:
            raise UsageError(f"layer {path!r} is linear, and has no slices", hint="Set unit: neuron, or name a convolution.")
        return weight.flatten(2).flatten(0, 1).numpy()
    rows = weight.flatten(1).numpy()
    name = _name(path, "bias")
    return np.column_stack([rows, weights[name].detach().double().cpu().numpy()]) if bias and name in weights else rows


def directions(rows: Values) -> Values:
    """The rows with length one; those of length zero, which point nowhere, are left out."""
    lengths = np.linalg.norm(rows, axis=1)
    kept = lengths > 0
    scaled: Values = rows[kept] / lengths[kept, None]
    return scaled


@dataclass(frozen=True)
class Hidden:
    """The first hidden layer of a fully connected network.

    Attributes:
        path: the path of its weights.
        behind: the path of the layer that it feeds.
        inputs: how many numbers enter the network.
    """

    path: str
    behind: str
    inputs: int

    def neurons(self, weights: Weights) -> Values:
        """The vectors [w_j; b_j], (neurons, inputs + 1)."""
        return vectors(weights, self.path)

    def amplitudes(self, weights: Weights) -> Values:
        """A_j = ||a_j|| ||[w_j; b_j]||, (neurons,): a_j is what leaves neuron j, |a_j| where the network has one output next."""
        leaving = np.linalg.norm(vectors(weights, self.behind, bias=False), axis=0)
        amplitudes: Values = leaving * np.linalg.norm(self.neurons(weights), axis=1)
        return amplitudes

    def angles(self, weights: Weights) -> Values | None:
        """atan2(b_j, w_j) in [-pi, pi), (neurons,), where one number enters the network.

        Without a bias b_j = 0. The angle of a neuron that nothing enters is NaN.
        """
        if self.inputs != 1:
            return None
        rows = self.neurons(weights)
        found = np.arctan2(rows[:, 1] if rows.shape[1] > 1 else np.zeros(len(rows)), rows[:, 0])
        found[found == np.pi] = -np.pi
        angles: Values = np.where(rows.any(axis=1), found, np.nan)
        return angles


def first_hidden(model: nn.Module) -> Hidden:
    """The first hidden layer of a fully connected network.

    Args:
        model: a sequence of linear layers and modules without parameters.

    Raises:
        UsageError: if it is no such sequence, or has no hidden layer.
    """
    children = list(model.named_children()) if type(model) is nn.Sequential else []
    weighted = [(name, module) for name, module in children if next(module.parameters(), None) is not None]
    if len(weighted) < 2 or not all(isinstance(module, nn.Linear) for _, module in weighted):
        hint = "An nn.Sequential of linear layers, with one or more hidden ones, is meant."
        raise UsageError(f"amplitudes of neurons are defined for fully connected networks, and this is a {type(model).__name__} of another kind", hint=hint)
    (path, first), (behind, _) = weighted[:2]
    assert isinstance(first, nn.Linear)
    return Hidden(path, behind, first.in_features)


def _name(path: str, parameter: str) -> str:
    return f"{path}.{parameter}" if path else parameter
