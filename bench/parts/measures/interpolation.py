"""Linear interpolation between two networks: the training loss at (1 - α) θ_1 + α θ_2, and what it says of both minima.

Source: dropout lecture, fig. 1.11; Goodfellow, Vinyals and Saxe, Qualitatively characterizing neural network
optimization problems (2015), section 3.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from bench.errors import UsageError
from bench.metric import Metric
from bench.parts.measures import Measured, View, measures
from bench.parts.measures.batch_norm import recompute
from bench.parts.measures.scoring import loss_and_accuracy

BARRIER = Metric("barrier", "", "lower", "raw", "max over α in [0, 1] of the training loss at (1 - α) θ_1 + α θ_2, minus the larger of the losses at 0 and 1")
ACCURACY_BARRIER = Metric(
    "accuracy_barrier", "fraction", "lower", "points", "the smaller of the training accuracies at α = 0 and 1, minus the least over α in [0, 1]", "train"
)
FIRST = Metric("width_first", "", "higher", "log", "distance in α outward from the first of two runs at which the training loss is `rise` above its own")
SECOND = Metric("width_second", "", "higher", "log", "distance in α outward from the second of two runs at which the training loss is `rise` above its own")
RATIO = Metric("width_ratio", "", "neither", "log", "width_first over width_second: above 1 where the first of two minima is the flatter one")
DISTANCE = Metric("distance", "", "neither", "log", "Euclidean norm of the difference of the parameters of two runs")

FARTHEST = 64.0
"""Distance in α beyond which a width is not looked for."""

_HALVINGS = 16

Point = tuple[float, float | None]
"""Loss, and accuracy where there are classes."""


@measures.register(
    metrics=(BARRIER, ACCURACY_BARRIER, FIRST, SECOND, RATIO, DISTANCE),
    table="landscape",
    tasks=("classification", "regression", "translation"),
    reference="dropout lecture, fig. 1.11",
    views=2,
)
def interpolation(
    first: View,
    second: View,
    *,
    points: Annotated[int, Field(ge=5, le=1001)] = 101,
    beyond: Annotated[float, Field(gt=0, le=10)] = 0.5,
    rise: Annotated[float, Field(gt=0)] = 0.02,
    samples: Annotated[int, Field(ge=1)] = 1024,
) -> Measured:
    """The training loss and accuracy on the line through two trained networks, its barrier and its widths.

    Buffers are not interpolated: batch norms take their statistics anew at each point, the ends included.

    Args:
        first: the run at α = 0, whose objective gives the loss.
        second: the run at α = 1.
        points: points on the curve; 0 and 1 are always among them.
        beyond: the curve goes from -beyond to 1 + beyond.
        rise: how far the loss rises over a width.
        samples: the first so many training samples are used.

    Returns:
        ``barrier``, ``distance``; ``accuracy_barrier`` where there are classes; ``width_first``, ``width_second`` and
        ``width_ratio`` where the loss rises so far within `FARTHEST`; and rows for the table ``landscape``.

    Raises:
        UsageError: if the parameters of the networks differ in names or shapes.
    """
    line = _Line(first, second, samples)
    alphas = _alphas(points, beyond)
    curve = {alpha: line.at(alpha) for alpha in alphas}
    rows = [{"normalization": "interpolation", "direction": 0, "alpha": alpha, "loss": loss, "accuracy": accuracy} for alpha, (loss, accuracy) in curve.items()]
    between = [curve[alpha] for alpha in alphas if 0 <= alpha <= 1]
    values = {DISTANCE.name: line.length, **_barriers(between)}
    values |= _widths(lambda alpha: curve[alpha][0] if alpha in curve else line.at(alpha)[0], alphas, rise)
    return Measured({name: value for name, value in values.items() if math.isfinite(value)}, rows)


class _Line:
    """The straight line through the parameters of two networks.

    Args:
        first: the run at 0.
        second: the run at 1.
        samples: the first so many training samples are used.
    """

    def __init__(self, first: View, second: View, samples: int) -> None:
        self._view = first
        self._inputs, self._targets = first.data.train_inputs[:samples], first.data.train_targets[:samples]
        self._model = copy.deepcopy(first.model)
        self._ends = dict(first.model.named_parameters()), dict(second.model.named_parameters())
        if _shapes(self._ends[0]) != _shapes(self._ends[1]):
            raise UsageError("there is no line between two models of other parameters", hint="Pair runs of one model.")

    @property
    def length(self) -> float:
        """The distance between its ends."""
        start, end = self._ends
        return math.sqrt(sum(float((end[name].double() - value.double()).square().sum()) for name, value in start.items()))

    @torch.no_grad()
    def at(self, alpha: float) -> Point:
        """Mean loss, and accuracy where there are classes, at a point of it."""
        start, end = self._ends
        for name, parameter in self._model.named_parameters():
            parameter.copy_(torch.lerp(start[name], end[name], alpha))
        recompute(self._model, self._inputs)
        return loss_and_accuracy(self._model, self._view.objective, self._inputs, self._targets, self._view.batch)


def _shapes(parameters: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: parameter.shape for name, parameter in parameters.items()}


def _alphas(points: int, beyond: float) -> list[float]:
    """Equally spaced numbers from -beyond to 1 + beyond, and 0 and 1."""
    grid = {round(-beyond + (1 + 2 * beyond) * index / (points - 1), 9) + 0.0 for index in range(points)}
    return sorted(grid | {0.0, 1.0})


def _barriers(between: Sequence[Point]) -> dict[str, float]:
    """How far loss and accuracy between the ends are worse than at the worse end; NaN where a loss is not finite."""
    losses = [loss for loss, _ in between]
    height = max(losses) - max(losses[0], losses[-1]) if all(map(math.isfinite, losses)) else math.nan
    accuracies = [accuracy for _, accuracy in between if accuracy is not None]
    depth = {ACCURACY_BARRIER.name: min(accuracies[0], accuracies[-1]) - min(accuracies)} if accuracies else {}
    return {BARRIER.name: height, **depth}


def _widths(loss: Callable[[float], float], alphas: Sequence[float], rise: float) -> dict[str, float]:
    """The widths of both minima outward, and their ratio; NaN where the loss does not rise so far."""
    left = [-alpha for alpha in reversed(alphas) if alpha < 0]
    right = [alpha - 1 for alpha in alphas if alpha > 1]
    first = _width(lambda distance: loss(-distance), left, rise)
    second = _width(lambda distance: loss(1 + distance), right, rise)
    return {FIRST.name: first, SECOND.name: second, RATIO.name: first / second}


def _width(loss: Callable[[float], float], distances: Sequence[float], rise: float) -> float:
    """The first distance at which the loss is `rise` above that at 0, NaN if that is beyond `FARTHEST`.

    Args:
        loss: distance -> loss.
        distances: where the curve has points, ascending; beyond the last one steps are doubled.
        rise: how far it rises.
    """
    limit = loss(0.0) + rise
    near, far = 0.0, math.nan
    for distance in [*distances, *(distances[-1] * 2**power for power in range(1, int(math.log2(FARTHEST / distances[-1])) + 1))]:
        if not loss(distance) < limit:
            far = distance
            break
        near = distance
    for _ in range(_HALVINGS if math.isfinite(far) else 0):
        middle = (near + far) / 2
        near, far = (middle, far) if loss(middle) < limit else (near, middle)
    return (near + far) / 2
