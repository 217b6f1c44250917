"""The Fisher-Rao norm: how much the losses of samples change when all weights are scaled."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.func import grad, vjp

from bench.metric import Metric
from bench.parts.measures import Measured, View, measures
from bench.parts.measures.training_loss import TrainingLoss

NORM = Metric("fisher_rao_norm", "", "neither", "log", "√ E (w·∇l)², l the loss of a training sample on the clean network", family="norm")


@measures.register(metrics=(NORM,), table=None, tasks=("classification", "regression"), reference="Liang et al. 2019")
def fisher_rao(view: View, *, samples: Annotated[int, Field(ge=1)] = 1024) -> Measured:
    """√ (1/n Σ_i (w·∇l_i)²) over all weights w, biases among them, where w·∇l_i = ∂l_i/∂f · (J w) with the Jacobian J of f(x_i).

    Labels are those of the data. A network with L hidden layers of ReLU and no biases has J w = (L + 1) f, so that this is
    (L + 1) √ (1/n Σ_i (∂l_i/∂f · f)²). Batch statistics are frozen. Where ReLU follows a layer, rescaling layers or neurons
    against each other, with their biases, changes nothing.

    Args:
        view: the trained run.
        samples: the first so many training samples are used.

    Returns:
        ``fisher_rao_norm``.
    """
    loss = TrainingLoss(view, samples)
    products = torch.cat([_products(view, loss, inputs, targets) for inputs, targets in loss.pieces()])
    return Measured({NORM.name: float(products.square().mean().sqrt())})


def _products(view: View, loss: TrainingLoss, inputs: Tensor, targets: Tensor) -> Tensor:
    """w·∇l of each sample, (n,)."""
    outputs, pull = vjp(lambda weights: loss.outputs(weights, inputs), loss.weights)[:2]
    # u -> Jᵀ u is linear, so its own transpose is J, at any u.
    (change,) = vjp(lambda direction: pull(direction)[0], torch.zeros_like(outputs))[1](loss.weights)
    # The objective is a mean over samples, and the loss of each depends on its own outputs.
    slope = grad(lambda given: view.objective(given, targets) * len(inputs))(outputs)
    products: Tensor = (slope * change).flatten(1).sum(dim=1)
    return products
