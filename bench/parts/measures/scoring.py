"""Loss and accuracy of a network on given samples, in passes that memory bears."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.parts.measures.kernels import CpuKernels
from bench.parts.objectives import Objective, terms


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
