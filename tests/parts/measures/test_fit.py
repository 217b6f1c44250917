"""The fit of a 1-D target: total variation in closed forms, and the rows of the curve."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from bench.errors import UsageError
from bench.parts.datasets import Data, DataSpec
from bench.parts.measures import History, View
from bench.parts.measures.fit import fit, total_variation

GRID = torch.linspace(0, 2 * math.pi, 2001, dtype=torch.float64)
VALUES = st.lists(st.integers(-1000, 1000), min_size=2, max_size=30)


class Wave(nn.Module):
    """A sine."""

    def __init__(self, frequency):
        super().__init__()
        self.frequency = frequency

    def forward(self, inputs):
        return torch.sin(self.frequency * inputs)


def view(model, train, test, target=torch.zeros_like, inputs=(1,), outputs=1):
    train, test = (points.float().unsqueeze(1) for points in (train, test))
    spec = DataSpec("regression", inputs, outputs, len(train), len(test))
    return View(model, None, Data(train, target(train), test, target(test)), spec, History([0, 5], [0.0, 5.0], {}), 0, 100)


@pytest.mark.parametrize("frequency", [1, 2, 5])
def test_of_a_sine(frequency):
    """A sine goes up and down by 2 twice in a period."""
    assert total_variation(GRID, torch.sin(frequency * GRID)) == pytest.approx(4 * frequency, rel=1e-4)


def test_of_a_constant_and_a_point():
    assert total_variation(GRID, torch.ones_like(GRID)) == 0
    assert total_variation(torch.tensor([1.0]), torch.tensor([3.0])) == 0


@given(VALUES.map(sorted))
def test_of_a_monotone_function(values):
    y = torch.tensor(values, dtype=torch.float64)
    assert total_variation(torch.arange(len(values)), y) == values[-1] - values[0] == total_variation(torch.arange(len(values)), -y)


@given(VALUES, st.randoms(use_true_random=False), st.integers(-5, 5), st.integers(-9, 9))
def test_order_shape_shift_and_factor(values, random, factor, shift):
    x, y = torch.arange(len(values)), torch.tensor(values, dtype=torch.float64)
    plain = total_variation(x, y)
    places = random.sample(range(len(values)), len(values))
    assert total_variation(x[places].unsqueeze(1), y[places].unsqueeze(1)) == plain
    assert total_variation(x, factor * y + shift) == abs(factor) * plain
    assert plain >= abs(values[-1] - values[0])


def test_a_straight_interpolation_has_ratio_one():
    train = torch.tensor([-1.0, 0.0, 1.0, 3.0])
    measured = fit(view(nn.Identity(), train, torch.linspace(-1, 3, 401), target=lambda x: x))
    assert measured.values["total_variation_ratio"] == pytest.approx(1, rel=1e-6)


def test_oscillation_between_the_samples_raises_the_ratio():
    """Samples of sin(9 x) and of sin x at multiples of pi/4 agree; the fast wave varies nine times as much."""
    train = torch.arange(9) * math.pi / 4
    ratio = {frequency: fit(view(Wave(frequency), train, GRID, target=torch.sin)).values["total_variation_ratio"] for frequency in (1, 9)}
    assert ratio[1] == pytest.approx(1, rel=1e-4)
    assert ratio[9] == pytest.approx(9, rel=1e-3)


def test_the_output_outside_of_the_samples_does_not_count():
    train, wide = torch.tensor([0.0, math.pi / 2]), torch.linspace(-20, 20, 20001)
    assert fit(view(Wave(1.0), train, wide, target=torch.sin)).values["total_variation_ratio"] == pytest.approx(1, abs=0.004)


def test_no_ratio_where_the_samples_do_not_vary():
    assert fit(view(Wave(1.0), torch.arange(4), GRID)).values == {}


def test_rows_are_samples_and_grid_at_the_last_step():
    rows = fit(view(Wave(2.0), torch.tensor([0.0, 1.0]), torch.tensor([0.5]), target=torch.cos)).rows
    assert [(row["step"], row["split"], row["x"]) for row in rows] == [(5, "train", 0.0), (5, "train", 1.0), (5, "test", 0.5)]
    assert [row["output"] for row in rows] == pytest.approx([0.0, math.sin(2.0), math.sin(1.0)], rel=1e-6)
    assert [row["target"] for row in rows] == pytest.approx([1.0, math.cos(1.0), math.cos(0.5)], rel=1e-6)


@pytest.mark.parametrize("shape", [{"inputs": (2,)}, {"outputs": 2}])
def test_refuses_other_shapes(shape):
    with pytest.raises(UsageError, match="takes functions of one number"):
        fit(view(nn.Identity(), GRID, GRID, **shape))
