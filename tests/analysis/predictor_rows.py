"""Synthetic experiments for rank correlations: cells of a grid with seeds, a gap and one predictor."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from bench.metric import Metric

SHARPNESS = Metric("sharpness", "", "lower", "raw", "flatness", family="sharpness")
MARGIN = Metric("margin", "", "higher", "raw", "margin", family="margin")
METRICS = {"sharpness": SHARPNESS}
TEST_SIZE = 10_000
TRAINED = {"hp.objective": "cross_entropy", "train_loss": 0.001, "train_accuracy": 1.0}


def grid(axes, values, seeds=3, **columns):
    """A row per cell and seed.

    Args:
        axes: axis -> its values.
        values: (seed, *places on the axes) -> the columns that differ.
        seeds: how many.
        columns: columns that all rows share.
    """
    rows = []
    for places in itertools.product(*(range(len(levels)) for levels in axes.values())):
        cell = {f"axis.{axis}": str(levels[place]) for (axis, levels), place in zip(axes.items(), places, strict=True)}
        shared = {"status": "ok", "test_size": TEST_SIZE, **TRAINED, **cell, **columns}
        rows.extend({"seed": seed, **shared, **values(seed, *places)} for seed in range(seeds))
    return pd.DataFrame(rows)


def noisy(seed=0, axes=None, seeds=3, missing=0.0):
    """Unrelated gaps and predictors on a coarse grid, so that there are ties, with runs that failed and that did not converge."""
    random = np.random.default_rng(seed)

    def values(*places):
        gap, value, train_loss = random.integers(0, 6) / 20, float(random.integers(0, 5)), random.choice([0.001, 1.0], p=[1 - missing, missing])
        status = "ok" if random.random() > missing / 2 else "diverged"
        return {"generalization_gap": gap, "sharpness": value if random.random() > missing / 2 else np.nan, "train_loss": train_loss, "status": status}

    return grid(axes or {"a": [1, 2, 3], "b": ["x", "y", "z"], "c": [0, 1]}, values, seeds, test_size=200)
