"""Which runs have learned their training set: measures of unequally trained networks do not compare."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

CROSS_ENTROPY = 0.01
ACCURACY = 0.99


def converged(runs: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether each run ended well trained.

    The first of these that the row can answer decides: the metric of its stop rule is below the rule's threshold; its
    training cross entropy is below `CROSS_ENTROPY`; its training accuracy is `ACCURACY` or more. A row that answers none
    has not converged. The thresholds are those of Jiang et al. 2020 and Dziugaite et al. 2020.

    Args:
        runs: rows of `runs`.

    Returns:
        Shape (runs,).
    """
    known = np.zeros(len(runs), dtype=np.bool_)
    met = known.copy()
    for values, good in _answers(runs):
        answers = np.isfinite(values) & ~known
        met |= answers & good
        known |= answers
    return met


def _answers(runs: pd.DataFrame) -> list[tuple[NDArray[np.float64], NDArray[np.bool_]]]:
    """For each rule the values that it looks at, NaN where it does not apply, and which of them are good."""
    below, rules = _numbers(runs, "hp.stop.below"), _texts(runs, "hp.stop.metric")
    stopped = [np.where(rules == name, _numbers(runs, name), np.nan) for name in sorted(set(rules) - {""})]
    loss = np.where(_texts(runs, "hp.objective") == "cross_entropy", _numbers(runs, "train_loss"), np.nan)
    accuracy = _numbers(runs, "train_accuracy")
    return [*((values, values < below) for values in stopped), (loss, loss < CROSS_ENTROPY), (accuracy, accuracy >= ACCURACY)]


def _numbers(runs: pd.DataFrame, column: str) -> NDArray[np.float64]:
    return runs[column].to_numpy(np.float64, na_value=np.nan) if column in runs else np.full(len(runs), np.nan)


def _texts(runs: pd.DataFrame, column: str) -> NDArray[np.object_]:
    texts = runs[column].fillna("") if column in runs else pd.Series("", index=runs.index)
    return texts.to_numpy(object)
