"""Cells to measure: Adam at a learning rate of 0.001, initial weights as PyTorch gives them."""

from __future__ import annotations

from typing import Literal

from bench.config import Cell, Dropout, PartSpec, Precision

LEARNING_RATE = 0.001


def epochs_of_digits(model: PartSpec, rate: float, epochs: int) -> Cell:
    """Classification of digits in batches of 64."""
    return _cell(model, PartSpec("digits"), "cross_entropy", rate, 64, epochs, None, "float32")


def full_batch(model: PartSpec, dataset: PartSpec, rate: float, precision: Precision) -> Cell:
    """Squared loss on a full batch, for as many steps as in the dropout paper."""
    return _cell(model, dataset, "squared", rate, "full", None, 400_000, precision)


def _cell(
    model: PartSpec,
    dataset: PartSpec,
    objective: str,
    rate: float,
    batch_size: int | Literal["full"],
    epochs: int | None,
    steps: int | None,
    precision: Precision,
) -> Cell:
    return Cell(
        model=model,
        dataset=dataset,
        objective=PartSpec(objective),
        optimizer=PartSpec("adam", {"lr": LEARNING_RATE}),
        schedule=PartSpec("constant"),
        initializer=PartSpec("default"),
        augmentation=(),
        dropout=Dropout(rate),
        batch_size=batch_size,
        epochs=epochs,
        steps=steps,
        precision=precision,
    )
