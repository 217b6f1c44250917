"""Powers: right to the last place, and blind to how many rows there are."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch

from bench.parts.optimizers.power import power

BASES = [0.9, 0.999, 0.99, 0.95, 0.8, 0.0, 0.12345, 0.9999]


@pytest.mark.parametrize("rows", [1, 3, 16, 37, 200])
def test_a_power_does_not_depend_on_the_number_of_rows(rows):
    bases = torch.tensor([[BASES[row % len(BASES)]] for row in range(rows)], dtype=torch.float64)
    for exponent in range(1, 400):
        together = power(bases, exponent)
        assert together.shape == bases.shape
        assert together.flatten().tolist() == [power(float(base), exponent) for base in bases]


def test_the_plain_power_would_depend_on_it():
    bases = torch.full((64,), 0.9, dtype=torch.float64)
    plain = torch.stack([bases**exponent for exponent in range(1, 400)])
    assert (plain[:, 0] != torch.tensor([0.9**exponent for exponent in range(1, 400)], dtype=torch.float64)).any()


@pytest.mark.parametrize("base", BASES)
def test_a_power_is_right_to_the_last_place(base):
    for exponent in (1, 2, 3, 50, 1001):
        exact = float(Fraction(base) ** exponent)
        assert power(base, exponent) == pytest.approx(exact, rel=3e-16)
        assert float(power(torch.tensor(base, dtype=torch.float64), exponent)) == pytest.approx(exact, rel=3e-16)


def test_rows_may_be_at_different_steps():
    steps = torch.tensor([[1], [5], [9]])
    assert power(0.9, steps).flatten().tolist() == [0.9**1, 0.9**5, 0.9**9]
    bases = torch.tensor([[0.9], [0.5], [0.1]], dtype=torch.float64)
    assert power(bases, steps).flatten().tolist() == [0.9**1, 0.5**5, 0.1**9]
