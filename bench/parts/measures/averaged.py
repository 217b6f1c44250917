"""Loss and accuracy of averaged weights: those of the last epochs, whose single steps fluctuate with dropout and batches."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor

from bench.metric import Metric
from bench.parts.measures import LastEpochs, Measured, View, measures
from bench.parts.measures.scoring import loss_and_accuracy

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
    (train, _), (test, _) = _at_mean(view)
    return Measured({TRAIN_LOSS.name: train, TEST_LOSS.name: test})


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
    (_, train), (_, test) = _at_mean(view)
    assert train is not None  # as for every task that this measure takes
    assert test is not None
    return Measured({TRAIN_ACCURACY.name: train, TEST_ACCURACY.name: test})


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


def _at_mean(view: View) -> tuple[tuple[float, float | None], tuple[float, float | None]]:
    """Loss and accuracy of averaged weights, on the training and on the test set."""
    model, data = copy.deepcopy(view.model), view.data
    model.load_state_dict(mean(view.snapshots))
    train, test = (data.train_inputs, data.train_targets), (data.test_inputs, data.test_targets)
    return loss_and_accuracy(model, view.objective, *train, view.batch), loss_and_accuracy(model, view.objective, *test, view.batch)
