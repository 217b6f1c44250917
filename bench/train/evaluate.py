"""Loss and accuracy on the whole of a split, and when they are taken."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from bench.parts.datasets import DataSpec
from bench.parts.measures.kernels import CpuKernels
from bench.parts.objectives import Objective, terms

MAX_POINTS = 200
"""How many evaluations a run has at most: every epoch up to this many, then epochs at equal ratios."""

BATCH_ELEMENTS = {"cpu": 2**18, "cuda": 2**22}
"""How many input elements go through the model at once, at most: on a CPU so few that activations stay in its cache."""

OUTPUT_RATIO = 16
"""How many times as many output elements: a model ends with them, and no layer is behind that would find them in the cache."""


def evaluation_epochs(epochs: int) -> list[int]:
    """The epochs after which a run is evaluated: all up to `MAX_POINTS`, else at equal ratios; always the last."""
    if epochs <= MAX_POINTS:
        return list(range(1, epochs + 1))
    ratio = epochs ** (1 / (MAX_POINTS - 1))
    return sorted({min(epochs, math.ceil(ratio**index)) for index in range(MAX_POINTS)})


def evaluation_batch(spec: DataSpec, device: torch.device) -> int:
    """How many samples of a data set go through the model at once in an evaluation on a device."""
    elements = BATCH_ELEMENTS[device.type]
    return max(1, min(1024, elements // math.prod(spec.inputs), OUTPUT_RATIO * elements // spec.numbers))


@torch.no_grad()
def loss_and_accuracy(model: nn.Module, objective: Objective, inputs: Tensor, targets: Tensor, batch: int) -> tuple[float, float | None]:
    """The mean loss of the clean network, and the share of correct classes, or of correct words after true ones.

    Args:
        model: the model; put into evaluation mode and back.
        objective: the loss.
        inputs: (n, …).
        targets: (n,) classes, (n, outputs) values, or (n, length) words.
        batch: samples per pass.

    Returns:
        The loss, and the accuracy, or None for values.
    """
    was_training = model.training
    model.eval()
    loss = torch.zeros((), dtype=torch.float64)
    total = correct = 0
    classes = not targets.is_floating_point()
    for start in range(0, len(inputs), batch):
        with CpuKernels():
            outputs = model(inputs[start : start + batch]).float()
        wanted = targets[start : start + batch]
        count = terms(wanted)
        loss += float(objective(outputs, wanted)) * count
        total += count
        if classes:
            correct += int((outputs.argmax(dim=-1) == wanted).sum())
    model.train(was_training)
    return float(loss / total), correct / total if classes else None
