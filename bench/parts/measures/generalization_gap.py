"""Generalization gap: how much worse a network does on samples that it has not seen."""

from __future__ import annotations

from bench.metric import Metric
from bench.parts.measures import Measured, View, measures

GAP = Metric("generalization_gap", "fraction", "lower", "points", "training accuracy minus test accuracy", "test")


@measures.register(
    metrics=(GAP,), table=None, tasks=("classification", "translation"), reference="Understanding Deep Learning, ch. Generalization (2023-11-28)"
)
def generalization_gap(view: View) -> Measured:
    """Training accuracy minus test accuracy of the final weights."""
    return Measured({GAP.name: view.final("train_accuracy") - view.final("test_accuracy")})
