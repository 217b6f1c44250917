"""The weights of a network's layers, as norms of them are taken: batch norm folded in, biases left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from bench.parts.measures import View

_FOLDED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


@torch.no_grad()
def squared_norms(view: View) -> Tensor:
    """The squared Frobenius norm ‖W_l‖² of each parameter of two axes or more, in the order of the model.

    A batch norm that takes what a linear layer or a convolution gives scales its rows by γ / √(running variance + ε):
    the weights that the network computes with do not change when that layer's are scaled.

    Args:
        view: the trained run.

    Returns:
        Shape (layers,), float64.
    """
    scales = _scales(view.model, view.data.train_inputs[:1])
    rows = {name: weight.double().flatten(1).square().sum(dim=1) for name, weight in view.model.named_parameters() if weight.dim() > 1}
    return torch.stack([(squares * scales[name].square()).sum() if name in scales else squares.sum() for name, squares in rows.items()])


def _scales(model: nn.Module, inputs: Tensor) -> dict[str, Tensor]:
    """The name of a weight -> how much a batch norm scales each of its rows; what feeds what is seen in one pass."""
    made: dict[int, tuple[Tensor, int, str]] = {}
    scales: dict[str, Tensor] = {}
    hooks = []
    for path, module in model.named_modules():
        if isinstance(module, _FOLDED):
            hooks.append(module.register_forward_hook(_remember(made, f"{path}.weight" if path else "weight")))
        elif isinstance(module, _BatchNorm) and module.running_var is not None:
            hooks.append(module.register_forward_pre_hook(_match(made, scales)))
    try:
        if hooks:
            model(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return scales


def _remember(made: dict[int, tuple[Tensor, int, str]], name: str) -> Callable[[nn.Module, Any, Tensor], None]:
    """A hook that keeps what a layer gives. The version tells whether an activation has changed it in place since."""

    def hook(layer: nn.Module, inputs: Any, output: Tensor) -> None:
        made[id(output)] = (output, output._version, name)

    return hook


def _match(made: dict[int, tuple[Tensor, int, str]], scales: dict[str, Tensor]) -> Callable[[nn.Module, Any], None]:
    """A hook that notes the scale of a batch norm whose input a layer has just given."""

    def hook(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        output, version, name = made.get(id(inputs[0]), (None, 0, ""))
        if output is inputs[0] and version == output._version:
            scales[name] = _scale(norm)

    return hook


def _scale(norm: Any) -> Tensor:
    """γ / √(running variance + ε) of each feature; γ = 1 where it is not learned."""
    scale: Tensor = (norm.running_var.double() + norm.eps).rsqrt()
    return scale if norm.weight is None else scale * norm.weight.double()
