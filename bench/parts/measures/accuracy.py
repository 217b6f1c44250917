"""Accuracy: the share of samples whose largest output is their class."""

from __future__ import annotations

from bench.metric import Metric
from bench.parts.measures import Measured, View, measures

TRAIN = Metric("train_accuracy", "fraction", "higher", "points", "share of training samples classified correctly, dropout off", "train")
TEST = Metric("test_accuracy", "fraction", "higher", "points", "share of test samples classified correctly, dropout off", "test")


@measures.register(metrics=(TRAIN, TEST), table=None, tasks=("classification",), reference="")
def accuracy(view: View) -> Measured:
    """Accuracy of the final weights on the training and the test set."""
    return Measured({metric.name: view.final(metric.name) for metric in (TRAIN, TEST)})
