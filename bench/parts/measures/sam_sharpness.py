"""The rise of the training loss by one step uphill, over a ball of weights or over one that is scaled to the weights."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from bench.metric import Metric
from bench.parts.measures import Measured, View, measures
from bench.parts.measures.training_loss import TrainingLoss

Bias = Literal["identity", "scaled"]

PLAIN = Metric("sam_sharpness", "", "lower", "raw", "L(w + ρ g / ‖g‖) - L(w), g the gradient of the training loss L of the clean network", family="sharpness")
ADAPTIVE = Metric("asam_sharpness", "", "lower", "raw", "L(w + ρ T² g / ‖T g‖) - L(w), T = diag(|w| + η), ρ its own", family="sharpness")


@measures.register(
    metrics=(PLAIN, ADAPTIVE), table=None, tasks=("classification", "regression", "translation"), reference="Foret et al. 2021; Kwon et al. 2021"
)
def sam_sharpness(
    view: View,
    *,
    rho: Annotated[float, Field(gt=0)] = 0.05,
    adaptive_rho: Annotated[float, Field(gt=0)] = 0.5,
    eta: Annotated[float, Field(ge=0)] = 0.01,
    bias: Bias = "identity",
    samples: Annotated[int, Field(ge=1)] = 1024,
) -> Measured:
    """L(w + e) - L(w) for the step e that raises the loss most to first order, over ‖e‖ <= ρ and over ‖T⁻¹ e‖ <= ρ.

    The step stays in the ball, so each is a lower bound of the largest rise there, max L(w + e) - L(w). On the whole of
    the samples at once; batch statistics are frozen. Where the gradient is zero no step is taken and the bound is 0.

    A network with ReLU is the same function when layers or neurons are rescaled against each other. The adaptive number
    is then the same with ``eta: 0`` and ``bias: scaled``; with others it changes, and the plain one does.

    Args:
        view: the trained run.
        rho: ρ of the plain ball, in the units of the weights.
        adaptive_rho: ρ of the adaptive ball, in shares of the weights.
        eta: η, what T adds to |w|, so that weights near zero move too.
        bias: T of parameters whose name does not end in ``weight``: 1, as in the authors' code, or |w| + η as of others.
        samples: the first so many training samples are used.

    Returns:
        ``sam_sharpness`` and ``asam_sharpness``.
    """
    loss = TrainingLoss(view, samples)
    start, slope = loss.at(loss.weights), loss.gradient()
    scale = _scale(loss, eta, bias)
    steps = {PLAIN: _of_length(rho, slope), ADAPTIVE: scale * _of_length(adaptive_rho, scale * slope)}
    return Measured({metric.name: loss.at(loss.weights + step) - start for metric, step in steps.items()})


def _scale(loss: TrainingLoss, eta: float, bias: Bias) -> Tensor:
    """The diagonal of T, (p,)."""
    tensors = loss.tensors(loss.weights.abs() + eta)
    return torch.cat([(tensor if bias == "scaled" or name.endswith("weight") else torch.ones_like(tensor)).flatten() for name, tensor in tensors.items()])


def _of_length(length: float, vector: Tensor) -> Tensor:
    """The vector at a length; zero stays zero."""
    norm = float(vector.norm())
    return vector * (length / norm) if norm else vector
