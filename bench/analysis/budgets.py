"""Whether runs are as long as what a claim is about: where training is cut short, effects may well turn their sign."""

from __future__ import annotations

import math
from collections.abc import Iterable

from bench.analysis.points import settings
from bench.analysis.records import Row
from bench.claim import Budget


def shortfall(budget: Budget | None, rows: Iterable[Row]) -> str:
    """Why runs are too short for a claim, or an empty text.

    Lengths are compared in the unit of the budget; steps and epochs are converted by the steps of an epoch,
    ⌈training samples / batch size⌉. A run that a stop rule ended has the length that it was given.

    Args:
        budget: the length that the claim is about; None for any.
        rows: the runs.
    """
    if budget is None:
        return ""
    short = [length for row in rows if (length := _length(row, budget)) < (budget.steps or budget.epochs or 0)]
    unit = "steps" if budget.epochs is None else "epochs"
    return f"budget: the claim is about {budget}, and there are runs of {min(short):g} {unit}" if short else ""


def _length(row: Row, budget: Budget) -> float:
    """How long a run is, in the unit of a budget."""
    given = settings(row)
    in_epoch = math.ceil(row["train_size"] / given["batch_size"])
    if budget.epochs is None:
        return float(given["steps"] if "steps" in given else given["epochs"] * in_epoch)
    return float(given["epochs"] if "epochs" in given else given["steps"] / in_epoch)
