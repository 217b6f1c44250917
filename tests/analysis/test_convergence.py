"""Which runs count as converged."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bench.analysis.convergence import converged

CROSS_ENTROPY = {"hp.objective": "cross_entropy"}


@pytest.mark.parametrize(
    ("row", "met"),
    [
        ({**CROSS_ENTROPY, "train_loss": 0.009, "train_accuracy": 0.5}, True),
        ({**CROSS_ENTROPY, "train_loss": 0.01, "train_accuracy": 1.0}, False),
        ({**CROSS_ENTROPY, "train_accuracy": 0.99}, True),
        ({**CROSS_ENTROPY, "train_accuracy": 0.98}, False),
        ({"hp.objective": "squared", "train_loss": 0.001, "train_accuracy": 0.5}, False),
        ({"hp.objective": "squared", "train_loss": 0.5, "train_accuracy": 1.0}, True),
        ({**CROSS_ENTROPY, "hp.stop.metric": "train_loss", "hp.stop.below": 0.2, "train_loss": 0.19}, True),
        ({**CROSS_ENTROPY, "hp.stop.metric": "train_loss", "hp.stop.below": 0.001, "train_loss": 0.005, "train_accuracy": 1.0}, False),
        ({**CROSS_ENTROPY, "hp.stop.metric": "test_loss", "hp.stop.below": 0.5, "test_loss": 0.4, "train_loss": 1.0}, True),
        ({**CROSS_ENTROPY, "hp.stop.metric": "test_loss", "hp.stop.below": 0.5, "train_accuracy": 1.0}, True),
        (CROSS_ENTROPY, False),
        ({}, False),
    ],
)
def test_the_first_rule_that_can_tell_decides(row, met):
    assert converged(pd.DataFrame([{"seed": 0, **row}])).tolist() == [met]


def test_rows_are_judged_each_by_its_own_rule():
    rows = [
        {"hp.stop.metric": "train_loss", "hp.stop.below": 0.5, "train_loss": 0.4, "train_accuracy": 0.1},
        {"hp.stop.metric": "train_loss", "hp.stop.below": 0.3, "train_loss": 0.4, "train_accuracy": 1.0},
        {"hp.stop.metric": None, "hp.stop.below": np.nan, "train_loss": 0.4, "train_accuracy": 1.0},
        {"hp.stop.metric": "test_loss", "hp.stop.below": 1.0, "train_loss": 0.4, "train_accuracy": 0.1, "test_loss": 2.0},
    ]
    assert converged(pd.DataFrame(rows).assign(**CROSS_ENTROPY)).tolist() == [True, False, False, False]
