"""Steps to a loss: how long it takes to learn the training set."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bench.metric import Metric
from bench.parts.measures import Measured, View, measures

STEPS = Metric("steps_to_loss", "steps", "lower", "log", "steps until an evaluation finds the training loss below the threshold; absent if none does")


@measures.register(
    metrics=(STEPS,),
    table=None,
    tasks=("classification", "regression", "translation"),
    reference="Understanding Deep Learning, ch. Generalization, section 1.4.5",
)
def steps_to_loss(view: View, *, threshold: Annotated[float, Field(gt=0)] = 0.005) -> Measured:
    """The first evaluated step at which the training loss is below a threshold.

    Args:
        view: the trained run.
        threshold: of the run's objective; for the squared loss R_S = MSE / 2, so 0.005 is an MSE of 0.01.

    Returns:
        The step; no value if the loss stayed above. Its resolution is that of the evaluations.
    """
    for step, value in zip(view.history.steps, view.history.values["train_loss"], strict=True):
        if value < threshold:
            return Measured({STEPS.name: float(step)})
    return Measured()
