"""Relative flatness: the curvature of the loss in the weights of one layer, weighed by their inner products."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.func import grad, vjp

from bench.errors import UsageError
from bench.metric import Metric
from bench.parts.measures import Measured, View, measures
from bench.parts.measures.layers import Layer, path_of
from bench.parts.measures.training_loss import TrainingLoss

FLATNESS = Metric(
    "relative_flatness",
    "",
    "lower",
    "raw",
    "κ_tr = Σ over rows s, s' of a layer's weight W of <w_s, w_s'> tr ∂²L/∂w_s ∂w_s', L the training loss of the clean network",
    family="sharpness",
)


@measures.register(metrics=(FLATNESS,), table=None, tasks=("classification", "regression"), reference="Petzka et al. 2021")
def relative_flatness(view: View, *, layer: Layer | None = None, samples: Annotated[int, Field(ge=1)] = 1024) -> Measured:
    """κ_tr = Σ_{s,s'} <w_s, w_s'> tr H_{s,s'} with H_{s,s'} = ∂²L/∂w_s ∂w_s', small where the loss is flat for the size of the weights.

    A linear layer gives z_i = W φ_i + b for sample i. With M_i = ∂²l_i/∂z² of the sample's loss, H_{s,s'} is the mean of
    M_i[s, s'] φ_i φ_iᵀ, so κ_tr = 1/n Σ_i ‖φ_i‖² tr(M_i W Wᵀ), exactly, at the cost of as many products as W has rows.
    Batch statistics are frozen. Where ReLU comes before the layer, (c W_1, W_2 / c) is the same function and has the same
    κ_tr; so has one in which the rows of W are scaled against what follows, and not one in which its columns are.

    Args:
        view: the trained run.
        layer: number or path of a linear layer; the last where none is said.
        samples: the first so many training samples are used.

    Returns:
        ``relative_flatness``.

    Raises:
        UsageError: if the model has no such layer, or it is not a linear one that sees each sample once.
    """
    weighed = _linear(view.model, layer)
    loss = TrainingLoss(view, samples)
    weight = weighed.weight.detach().double()
    shares = [_share(view, loss, weighed, weight @ weight.T, piece) for piece in loss.pieces()]
    return Measured({FLATNESS.name: sum(shares) / sum(len(inputs) for inputs, _ in loss.pieces())})


def _linear(model: nn.Module, layer: Layer | None) -> nn.Linear:
    """The linear layer that is meant.

    Raises:
        UsageError: if there is none.
    """
    found = [module for module in model.modules() if isinstance(module, nn.Linear)] if layer is None else [model.get_submodule(path_of(model, layer))]
    if not found:
        raise UsageError("relative flatness is for linear layers, and the model has none", hint="Leave the measure out for this model.")
    if not isinstance(found[-1], nn.Linear):
        raise UsageError(f"relative flatness is for linear layers, and layer {layer!r} is a {type(found[-1]).__name__}", hint="Name a linear layer.")
    return found[-1]


def _share(view: View, loss: TrainingLoss, layer: nn.Linear, products: Tensor, piece: tuple[Tensor, Tensor]) -> float:
    """Σ_i ‖φ_i‖² tr(M_i G) over the samples of a piece, with G = W Wᵀ.

    Raises:
        UsageError: if the layer does not see each sample once.
    """
    inputs, targets = piece
    with _moved(layer, torch.zeros((), dtype=torch.float64)) as seen:
        loss.outputs(loss.weights, inputs)
    if [features.shape[:-1] for features in seen] != [inputs.shape[:1]]:
        raise UsageError("relative flatness is for a layer that sees each sample once", hint="Name another layer.")
    squares = seen[0].square().sum(dim=1)

    def summed(moves: Tensor) -> Tensor:
        """The sum of the losses of samples when z_i is moved by the i-th row."""
        with _moved(layer, moves):
            return view.objective(loss.outputs(loss.weights, inputs), targets) * len(inputs)

    start = torch.zeros(len(inputs), layer.out_features, dtype=torch.float64, device=inputs.device)
    # Each sample's loss depends on its own row, so one product with the same vector in all rows has M_i times it in row i.
    product = vjp(grad(summed), start)[1]
    return sum(float((squares * product(row.expand_as(start))[0][:, index]).sum()) for index, row in enumerate(products))


@contextmanager
def _moved(layer: nn.Module, moves: Tensor) -> Iterator[list[Tensor]]:
    """Within the block a layer gives z + moves; the list takes what enters it."""
    seen: list[Tensor] = []

    def hook(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        seen.append(inputs[0])
        return output + moves

    handle = layer.register_forward_hook(hook)
    try:
        yield seen
    finally:
        handle.remove()
