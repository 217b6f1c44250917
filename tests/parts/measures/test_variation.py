"""How a fit bends: piecewise linear networks in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from bench.errors import UsageError
from bench.parts.measures.variation import variation
from tests.parts.measures.networks import linear, two_layer, view_of

GRID = np.linspace(-5 / 3, 5 / 3, 1000)
SIX = np.linspace(-5 / 3, 5 / 3, 6)


class Sine(nn.Module):
    """sin(x)."""

    def forward(self, inputs):
        return inputs.sin()


def measured(model, train=SIX, grid=GRID):
    return variation(view_of(model, train, grid)).values


def test_the_lectures_target():
    """relu(-x - 1/3) / 2 + relu(x - 1/3) / 2: the slope rises by 1/2 at two kinks, and nothing happens between them."""
    found = measured(two_layer([-1.0, 1.0], [-1 / 3, -1 / 3], [0.5, 0.5]))
    assert found == pytest.approx({"slope_variation": 1, "inner_range": 0, "largest_output": 2 / 3})


@given(st.lists(st.tuples(st.sampled_from([-1.5, -0.9, -0.4, 0.1, 0.77, 1.4]), st.floats(-3, 3)), min_size=1, max_size=6, unique_by=lambda kink: kink[0]))
def test_the_variation_of_the_slope_is_the_sum_over_kinks(kinks):
    places, sizes = zip(*kinks, strict=True)
    found = measured(two_layer([1.0] * len(places), [-place for place in places], sizes))
    assert found["slope_variation"] == pytest.approx(sum(map(abs, sizes)), abs=1e-9)


def test_a_straight_line_does_not_bend():
    found = measured(linear([[-2.0]], [1.0]))
    assert found["slope_variation"] == pytest.approx(0, abs=1e-8)
    assert (found["inner_range"], found["largest_output"]) == pytest.approx((4 / 3, 1 + 10 / 3))


def test_a_factor_scales_all_three_and_a_shift_the_largest_alone():
    w, b, a = [1.0, -1.0, 2.0], [0.2, 0.5, -0.1], np.array([1.0, -2.0, 0.7])
    plain, scaled = measured(two_layer(w, b, a)), measured(two_layer(w, b, -3 * a))
    assert scaled == pytest.approx({name: 3 * value for name, value in plain.items()})
    shifted = two_layer(w, b, a)
    shifted[4] = linear(a[None], [100.0])
    assert measured(shifted)["slope_variation"] == pytest.approx(plain["slope_variation"])
    assert measured(shifted)["inner_range"] == pytest.approx(plain["inner_range"])
    assert measured(shifted)["largest_output"] == pytest.approx(100, abs=5)


def test_a_sine_over_a_period():
    """The slope is a cosine: it falls by 2 and rises by 2."""
    found = measured(Sine(), grid=np.linspace(0, 2 * math.pi, 2001))
    assert found["slope_variation"] == pytest.approx(4, rel=1e-4)
    assert found["largest_output"] == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize(
    ("train", "expected"),
    [((0.0, 1.0), 2), ((0.0, 1.0, 3.0), 6), ((3.0, 1.0, 0.0, 1.0), 6), ((0.0, 1.0, 3.0, 7.0), 4), ((0.0, 1.0, 2.0, 3.0, 9.0), 4), ((1.0,), None)],
)
def test_which_samples_are_in_the_middle(train, expected):
    """Of an odd number those beside the median, of an even number the two around it; order and repetition do not matter."""
    assert measured(linear([[2.0]]), train).get("inner_range") == expected


def test_a_bump_between_the_middle_samples_is_seen_on_the_grid():
    bump = two_layer([1.0, 1.0, 1.0], [0.1, 0.0, -0.1], [10.0, -20.0, 10.0])
    assert measured(bump)["inner_range"] == pytest.approx(1, abs=0.02)


def test_slopes_of_single_precision_weights_are_exact():
    """In single precision neighbours on the grid differ by little more than rounding."""
    model = two_layer([-1.0, 1.0], [-0.25, -0.25], [0.5, 0.5]).float()
    assert measured(model)["slope_variation"] == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("shape", [{"inputs": (2,)}, {"outputs": 2}])
def test_refuses_other_shapes(shape):
    with pytest.raises(UsageError, match="takes functions of one number"):
        variation(view_of(nn.Identity(), **shape))
