"""The path norm: over all paths from an input to an output, the product of the squared weights on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode

from bench.errors import UsageError
from bench.metric import Metric
from bench.parts.measures import Measured, View, measures

NORM = Metric("path_norm", "", "neither", "log", "√ of the sum over paths from inputs to outputs of the product of w² on the path", family="norm")

_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, _BatchNorm)


@measures.register(metrics=(NORM,), table=None, tasks=("classification", "regression"), reference="Neyshabur et al. 2015; Jiang et al. 2020")
def path_norm(view: View) -> Measured:
    """√ Σ_k F(1)_k, where F is the network with squared weights and without activations, at an input of ones.

    A bias starts a path. A batch norm is a layer with the weight γ / √(running variance + ε) and the bias that belongs to
    it. Pooling stays as it is. Where ReLU follows a layer, rescaling layers or neurons against each other, with their
    biases, changes nothing.

    Args:
        view: the trained run.

    Returns:
        ``path_norm``.

    Raises:
        UsageError: if the network has layers with weights other than linear ones, convolutions and batch norms.
    """
    _check(view.model)
    ones = torch.ones(1, *view.spec.inputs, dtype=torch.float64, device=view.data.train_inputs.device)
    held = [*view.model.named_parameters(), *view.model.named_buffers()]
    weights = {name: tensor.double() for name, tensor in held if tensor.is_floating_point()}
    with torch.no_grad(), _Paths():
        sums = torch.func.functional_call(view.model, weights, (ones,))
    return Measured({NORM.name: float(sums.sum().sqrt())})


def _check(model: nn.Module) -> None:
    for path, module in model.named_modules():
        if next(module.parameters(recurse=False), None) is not None and not isinstance(module, _LAYERS):
            hint = "Leave the measure out for this model."
            raise UsageError(
                f"the path norm is for linear layers, convolutions and batch norms, and {path or 'the model'} is a {type(module).__name__}", hint=hint
            )


class _Paths(TorchFunctionMode):
    """Within its block layers use squared weights, batch norms are layers, and activations are the identity."""

    def __torch_function__(
        self, function: Callable[..., Any], types: Iterable[type], arguments: tuple[Any, ...] = (), options: Mapping[str, Any] | None = None
    ) -> Any:
        """Call a function of PyTorch's, or what stands for it."""
        if function in _ACTIVATIONS:
            return arguments[0]
        standing: Callable[..., Any] = _REPLACED.get(function, function)
        return standing(*arguments, **(options or {}))


def _squared(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A linear layer or a convolution with squared weights and biases."""

    def layer(inputs: Tensor, weight: Tensor, bias: Tensor | None = None, *rest: Any, **options: Any) -> Tensor:
        return function(inputs, weight.square(), None if bias is None else bias.square(), *rest, **options)

    return layer


def _batch_norm(inputs: Tensor, mean: Tensor, variance: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, *rest: Any, **options: Any) -> Tensor:
    """A batch norm with frozen statistics as a layer with squared weights: s² x + (β - s μ)², s = γ / √(σ² + ε)."""
    # Its own function finds s and β - s μ, whatever the arguments mean: it is affine in the inputs of each channel.
    zeros = torch.zeros_like(inputs)
    shift = functional.batch_norm(zeros, mean, variance, weight, bias, *rest, **options)
    slope = functional.batch_norm(zeros + 1, mean, variance, weight, bias, *rest, **options) - shift
    return slope.square() * inputs + shift.square()


_REPLACED: Mapping[Callable[..., Any], Callable[..., Tensor]] = {
    functional.batch_norm: _batch_norm,
    **{function: _squared(function) for function in (functional.linear, torch.conv1d, torch.conv2d, torch.conv3d)},
}
_ACTIVATIONS = frozenset(
    getattr(place, name)
    for place in (torch, Tensor, functional)
    for base in ("relu", "tanh", "sigmoid", "elu", "gelu", "leaky_relu", "silu", "softplus", "selu", "celu", "relu6", "hardtanh", "mish")
    for name in (base, f"{base}_")
    if hasattr(place, name)
)
