"""Filter-normalized loss curves: the training loss along random directions from the trained weights (Li et al. 2018).

A direction d is Gaussian and scaled piecewise to the weights. With ``filter`` each filter (row j along axis 0) becomes
d_j ||w_j|| / ||d_j||; with ``layer`` the whole tensor becomes d ||w|| / ||d||, as the dropout paper does for fully
connected networks. Biases and batch-norm parameters, tensors of at most one axis, are left where they are, or, with
``bias: joint``, share the scale of their layer's weight.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, get_args

import torch
from pydantic import Field
from torch import Tensor, nn

from bench import seeding
from bench.errors import UsageError, did_you_mean
from bench.metric import Metric
from bench.parts.measures import Measured, View, measures
from bench.parts.measures.surface import losses_at

Normalization = Literal["filter", "layer"]
Bias = Literal["zero", "joint"]

_MEANING = "mean over directions of (L(radius) + L(-radius)) / 2 - L(0), the training loss of the clean network, directions {}-normalized"
METRICS: dict[Normalization, Metric] = {
    name: Metric(f"sharpness_{name}", "", "lower", "raw", _MEANING.format(name), version=2, family="sharpness") for name in get_args(Normalization)
}


@measures.register(
    metrics=tuple(METRICS.values()),
    table="landscape",
    tasks=("classification", "regression", "translation"),
    reference="Li et al. 2018; dropout lecture, figs. 1.8 and 1.9",
)
def loss_curve(
    view: View,
    *,
    radius: Annotated[float, Field(gt=0)] = 0.5,
    span: Annotated[float, Field(gt=0)] = 1.0,
    points: Annotated[int, Field(ge=3, le=201)] = 21,
    directions: Annotated[int, Field(ge=1, le=1000)] = 5,
    samples: Annotated[int, Field(ge=1)] = 1024,
    bias: Bias = "zero",
    only: str = "",
) -> Measured:
    """The loss along random directions, and the sharpness E_d[(L(radius) + L(-radius)) / 2 - L(0)] of both normalizations.

    Args:
        view: the trained run.
        radius: distance at which sharpness is taken, in norms of the weights.
        span: the curve goes from -span to span.
        points: points on the curve.
        directions: random directions, the same for every run of a seed.
        samples: the first so many training samples are used.
        bias: whether parameters of at most one axis stay, or move with their layer.
        only: the one parameter that moves, as ``layer1.0.conv1.weight``; all do by default.

    Returns:
        ``sharpness_filter``, ``sharpness_layer``, and rows for the table ``landscape``.

    Raises:
        UsageError: if there is no such parameter.
    """
    inputs, targets = view.data.train_inputs[:samples], view.data.train_targets[:samples]
    weights = dict(view.model.named_parameters())
    if only and only not in weights:
        raise UsageError(f"loss_curve: the model has no parameter {only!r}. {did_you_mean(only, weights)}")
    alphas = _alphas(span, points, radius)
    (center,) = losses_at(view, inputs, targets, weights, [], [()])
    values: dict[str, float] = {}
    rows: list[dict[str, Any]] = []
    for normalization, metric in METRICS.items():
        rises = []
        for number in range(directions):
            whole = normalize(view.model, gaussian(weights, view.seed, number), normalization, bias)
            direction = {only: whole[only]} if only else whole
            losses = dict(zip(alphas, losses_at(view, inputs, targets, weights, [direction], [(alpha,) for alpha in alphas]), strict=True))
            rises.append((losses[radius] + losses[-radius]) / 2 - center)
            rows += [{"normalization": normalization, "direction": number, "alpha": alpha, "loss": loss, "accuracy": None} for alpha, loss in losses.items()]
        values[metric.name] = sum(rises) / len(rises)
    return Measured(values, rows)


def gaussian(weights: Mapping[str, Tensor], seed: int, number: int) -> dict[str, Tensor]:
    """A Gaussian direction: one standard normal number for each weight, from the stream ``landscape-direction``.

    Args:
        weights: name -> tensor.
        seed: the run's seed.
        number: which direction.
    """
    generator = torch.Generator().manual_seed(seeding.key(seed, "landscape-direction", number))
    return {name: torch.randn(weight.shape, generator=generator).to(weight) for name, weight in weights.items()}


def normalize(model: nn.Module, direction: Mapping[str, Tensor], normalization: Normalization, bias: Bias) -> dict[str, Tensor]:
    """Scale a direction to the weights of a model.

    Args:
        model: the trained model.
        direction: name -> tensor of the parameter's shape.
        normalization: per filter or per layer.
        bias: ``zero``: tensors of at most one axis get no direction; ``joint``: with ``layer`` they are scaled with the
            weight beside them as one vector, with ``filter`` each row with its bias.
    """
    scaled: dict[str, Tensor] = {}
    for group in _layers(model):
        tensors = {name: (weight.detach(), direction[name]) for name, weight in group.items() if name in direction}
        main = [name for name, (weight, _) in tensors.items() if weight.dim() > 1]
        if not main or bias == "zero":
            scaled |= {name: (_scale([(w, d)], normalization)[0] if w.dim() > 1 else torch.zeros_like(d)) for name, (w, d) in tensors.items()}
        else:
            scaled |= dict(zip(tensors, _scale(list(tensors.values()), normalization), strict=True))
    return scaled


def _scale(pairs: list[tuple[Tensor, Tensor]], normalization: Normalization) -> list[Tensor]:
    """Scale the tensors of one group together, rows apart for ``filter``."""
    rows = [len(weight) if normalization == "filter" else 1 for weight, _ in pairs]
    if len(set(rows)) > 1:
        return [_scale([pair], normalization)[0] for pair in pairs]
    weight = torch.cat([w.reshape(rows[0], -1) for w, _ in pairs], dim=1).norm(dim=1)
    length = torch.cat([d.reshape(rows[0], -1) for _, d in pairs], dim=1).norm(dim=1)
    factor = weight / length.clamp_min(1e-10)
    return [d * factor.view(-1, *[1] * (d.dim() - 1)) if normalization == "filter" else d * factor for _, d in pairs]


def _layers(model: nn.Module) -> Iterator[dict[str, Tensor]]:
    """The parameters of each module that has some of its own."""
    for path, module in model.named_modules():
        own = {f"{path}.{name}" if path else name: parameter for name, parameter in module.named_parameters(recurse=False)}
        if own:
            yield own


def _alphas(span: float, points: int, radius: float) -> list[float]:
    """Equally spaced distances from -span to span, and those at which sharpness is taken."""
    grid = {round(-span + 2 * span * index / (points - 1), 9) + 0.0 for index in range(points)}
    return sorted(grid | {radius, -radius})
