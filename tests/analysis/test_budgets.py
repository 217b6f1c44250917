from __future__ import annotations

import pytest

from bench.analysis.budgets import shortfall
from bench.claim import Budget


def rows(**given):
    return [{"train_size": 1000, "hp.batch_size": 300, **{f"hp.{key}": value for key, value in given.items()}}]


@pytest.mark.parametrize(
    ("budget", "given", "expected"),
    [
        ({"epochs": 10}, {"epochs": 10}, ""),
        ({"epochs": 11}, {"epochs": 10}, "budget: the claim is about 11 epochs, and there are runs of 10 epochs"),
        ({"steps": 40}, {"epochs": 10}, ""),
        ({"steps": 41}, {"epochs": 10}, "budget: the claim is about 41 steps, and there are runs of 40 steps"),
        ({"epochs": 2}, {"steps": 8}, ""),
        ({"epochs": 2}, {"steps": 7}, "budget: the claim is about 2 epochs, and there are runs of 1.75 epochs"),
        ({"steps": 8}, {"steps": 7, "epochs": None}, "budget: the claim is about 8 steps, and there are runs of 7 steps"),
    ],
)
def test_lengths_in_the_unit_of_the_budget(budget, given, expected):
    assert shortfall(Budget(**budget), rows(**given)) == expected


def test_the_shortest_run_counts_and_no_budget_asks_for_nothing():
    assert "runs of 3 epochs" in shortfall(Budget(epochs=5), rows(epochs=9) + rows(epochs=3) + rows(epochs=4))
    assert shortfall(None, rows(epochs=1)) == ""
