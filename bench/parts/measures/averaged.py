"""Loss and accuracy of averaged weights: those of the last epochs, whose single steps fluctuate with dropout and batches."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.func import functional_call

from bench.metric import Metric
from bench.parts.measures import LastEpochs, Measured, View, measures
from bench.parts.objectives import terms

TRAIN_LOSS = Metric("averaged_train_loss", "", "lower", "log", "mean objective over the training set, averaged weights, dropout off")
TEST_LOSS = Metric("averaged_test_loss", "", "lower", "log", "mean objective over the test set, averaged weights, dropout off")
_SHARE = "share of {} samples classified correctly, or of words foretold from the true ones before, averaged weights, dropout off"
TRAIN_ACCURACY = Metric("averaged_train_accuracy", "fraction", "higher", "points", _SHARE.format("training"), "train")
TEST_ACCURACY = Metric("averaged_test_accuracy", "fraction", "higher", "points", _SHARE.format("test"), "test")

LAST: LastEpochs = {"last": 20}


@measures.register(
    metrics=(TRAIN_LOSS, TEST_LOSS),
    table=None,
    tasks=("classification", "regression", "translation"),
    reference="Vaswani et al., Attention is all you need (2017), section 6.1",
)
def averaged_loss(view: View, *, snapshots: LastEpochs = LAST) -> Measured:
    """Loss of the mean of the weights at the ends of the last epochs.

    Args:
        view: the trained run.
        snapshots: how many of the last epochs, and how many epochs lie between two of them.

    Returns:
        ``averaged_train_loss`` and ``averaged_test_loss``.
    """
    data, weights = view.data, mean(view.snapshots)
    values = (view.loss(data.train_inputs, data.train_targets, weights), view.loss(data.test_inputs, data.test_targets, weights))
    return Measured({TRAIN_LOSS.name: values[0], TEST_LOSS.name: values[1]})


@measures.register(
    metrics=(TRAIN_ACCURACY, TEST_ACCURACY),
    table=None,
    tasks=("classification", "translation"),
    reference="Vaswani et al., Attention is all you need (2017), section 6.1",
)
def averaged_accuracy(view: View, *, snapshots: LastEpochs = LAST) -> Measured:
    """Accuracy of the mean of the weights at the ends of the last epochs.

    Args:
        view: the trained run.
        snapshots: how many of the last epochs, and how many epochs lie between two of them.

    Returns:
        ``averaged_train_accuracy`` and ``averaged_test_accuracy``.
    """
    data, weights = view.data, mean(view.snapshots)
    values = (_accuracy(view, data.train_inputs, data.train_targets, weights), _accuracy(view, data.test_inputs, data.test_targets, weights))
    return Measured({TRAIN_ACCURACY.name: values[0], TEST_ACCURACY.name: values[1]})


def mean(snapshots: Mapping[int, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of each parameter and buffer, summed in double precision; of whole numbers, as counts of batches, the last.

    The statistics of a batch norm are averaged as well, and not taken anew.

    Args:
        snapshots: step -> weights, at least one.
    """
    last = snapshots[max(snapshots)]
    return {name: _mean([weights[name] for weights in snapshots.values()]) if tensor.is_floating_point() else tensor for name, tensor in last.items()}


def _mean(tensors: list[Tensor]) -> Tensor:
    total = torch.zeros_like(tensors[0], dtype=torch.float64)
    for tensor in tensors:
        total += tensor
    return (total / len(tensors)).to(tensors[0].dtype)


@torch.no_grad()
def _accuracy(view: View, inputs: Tensor, targets: Tensor, weights: Mapping[str, Tensor]) -> float:
    correct = 0
    for start in range(0, len(inputs), view.batch):
        outputs = functional_call(view.model, dict(weights), (inputs[start : start + view.batch],))
        correct += int((outputs.argmax(dim=-1) == targets[start : start + view.batch]).sum())
    return correct / terms(targets)
