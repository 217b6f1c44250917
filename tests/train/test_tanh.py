"""The fused hyperbolic tangent against double precision, near zero as elsewhere."""

from __future__ import annotations

import torch

from bench.train.tanh import rational_tanh

BOUND = 4e-7
POSITIVE = torch.cat([torch.logspace(-30, 2, 200_001, dtype=torch.float64), torch.linspace(0, 10, 200_001, dtype=torch.float64)[1:]]).float()


def error(found, values):
    """The relative error of each element against tanh in double precision."""
    exact = values.double().tanh()
    return ((found.double() - exact) / exact).abs()


def test_as_exact_near_zero_as_elsewhere():
    values = torch.cat([POSITIVE, -POSITIVE])
    assert error(rational_tanh(values), values).max() <= BOUND


def test_the_way_over_a_sigmoid_is_not():
    """The control: the same bound catches what experiments with small initial weights would suffer from."""
    value = torch.tensor([1e-6])
    assert error(2 * torch.sigmoid(2 * value) - 1, value).item() > 1e4 * BOUND
    assert error(rational_tanh(value), value).item() <= BOUND


def test_is_odd_and_keeps_zero():
    assert torch.equal(rational_tanh(-POSITIVE), -rational_tanh(POSITIVE))
    assert rational_tanh(torch.zeros(1)).item() == 0.0


def test_is_constant_where_float32_can_tell_no_more():
    found = rational_tanh(torch.tensor([7.91, 8.0, 100.0, 3e38, torch.inf]))
    assert len(found.unique()) == 1
    assert abs(found[0].item() - 1) <= torch.finfo(torch.float32).eps


def test_what_is_not_a_number_passes():
    assert rational_tanh(torch.tensor([torch.nan, 1.0])).isnan().tolist() == [True, False]


def test_keeps_shape_and_precision():
    found = rational_tanh(torch.ones(2, 3, 4))
    assert found.shape == (2, 3, 4)
    assert found.dtype == torch.float32
