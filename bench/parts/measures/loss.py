"""Loss: the run's own objective on the clean network."""

from __future__ import annotations

from bench.metric import Metric
from bench.parts.measures import Measured, View, measures

TRAIN = Metric("train_loss", "", "lower", "log", "mean objective over the training set, dropout off")
TEST = Metric("test_loss", "", "lower", "log", "mean objective over the test set, dropout off")


@measures.register(metrics=(TRAIN, TEST), table=None, tasks=("classification", "regression", "translation"), reference="")
def loss(view: View) -> Measured:
    """Loss of the final weights on the training and the test set."""
    return Measured({metric.name: view.final(metric.name) for metric in (TRAIN, TEST)})
