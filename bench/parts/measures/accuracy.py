"""Accuracy: the share of samples, or of words after true ones, whose largest output is the right one."""

from __future__ import annotations

from bench.metric import Metric
from bench.parts.measures import Measured, View, measures

TRAIN = Metric(
    "train_accuracy",
    "fraction",
    "higher",
    "points",
    "share of training samples classified correctly, or of words foretold from the true ones before, dropout off",
    "train",
)
TEST = Metric(
    "test_accuracy",
    "fraction",
    "higher",
    "points",
    "share of test samples classified correctly, or of words foretold from the true ones before, dropout off",
    "test",
)


@measures.register(metrics=(TRAIN, TEST), table=None, tasks=("classification", "translation"), reference="")
def accuracy(view: View) -> Measured:
    """Accuracy of the final weights on the training and the test set."""
    return Measured({metric.name: view.final(metric.name) for metric in (TRAIN, TEST)})
