"""Loss and accuracy on the whole of a split, and when they are taken."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from bench.parts.measures.kernels import CpuKernels
from bench.parts.objectives import Objective

MAX_POINTS = 200
"""How many evaluations a run has at most: every epoch up to this many, then epochs at equal ratios."""

BATCH_ELEMENTS = {"cpu": 2**18, "cuda": 2**22}
"""How many input elements go through the model at once, at most: on a CPU so few that activations stay in its cache."""


def evaluation_epochs(epochs: int) -> list[int]:
    """The epochs after which a run is evaluated: all up to `MAX_POINTS`, else at equal ratios; always the last."""
    if epochs <= MAX_POINTS:
        return list(range(1, epochs + 1))
    ratio = epochs ** (1 / (MAX_POINTS - 1))
    return sorted({min(epochs, math.ceil(ratio**index)) for index in range(MAX_POINTS)})


def evaluation_batch(inputs: tuple[int, ...], device: torch.device) -> int:
    """How many samples of a shape go through the model at once in an evaluation on a device."""
    return max(1, min(1024, BATCH_ELEMENTS[device.type] // math.prod(inputs)))


@torch.no_grad()
def loss_and_accuracy(model: nn.Module, objective: Objective, inputs: Tensor, targets: Tensor, batch: int) -> tuple[float, float | None]:
    """The mean loss of the clean network, and the share of correct classes.

    Args:
        model: the model; put into evaluation mode and back.
        objective: the loss.
        inputs: (n, …).
        targets: (n,) classes, or (n, outputs) values.
        batch: samples per pass.

    Returns:
        The loss, and the accuracy, or None for values.
    """
    was_training = model.training
    model.eval()
    loss = torch.zeros((), dtype=torch.float64)
    correct = 0
    classes = targets.dim() == 1
    for start in range(0, len(inputs), batch):
        with CpuKernels():
            outputs = model(inputs[start : start + batch]).float()
        wanted = targets[start : start + batch]
        loss += float(objective(outputs, wanted)) * len(wanted)
        if classes:
            correct += int((outputs.argmax(dim=1) == wanted).sum())
    model.train(was_training)
    return float(loss / len(inputs)), correct / len(inputs) if classes else None
