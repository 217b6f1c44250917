"""What readers need to know of a number: its unit, which direction is better, and how differences are taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Better = Literal["higher", "lower", "neither"]
Scale = Literal["points", "log", "raw"]
Split = Literal["", "train", "test"]
Family = Literal["", "sharpness", "norm", "margin"]

COURSE = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")
"""The metrics of `history` that training gives; measures may add others, at steps of their own."""


@dataclass(frozen=True)
class Metric:
    """One number that a measure gives; stored beside its values, so that readers need no part.

    Attributes:
        name: the column's name.
        unit: what it is counted in.
        better: which direction is an improvement.
        scale: how differences are taken: in percentage points (of a share), as log ratios (of positive numbers), or raw.
        meaning: a sentence, with the formula.
        counted_over: for shares of samples the split that is counted; its size is the resolution.
        version: raised when the same weights would give other numbers.
        family: of what kind it is as a candidate predictor of the generalization gap; empty for what is none.
    """

    name: str
    unit: str
    better: Better
    scale: Scale
    meaning: str
    counted_over: Split = ""
    version: int = 1
    family: Family = ""
