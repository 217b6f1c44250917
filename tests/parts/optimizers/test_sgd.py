"""Gradient descent by hand."""

from __future__ import annotations

import pytest
import torch

from bench.errors import UsageError
from bench.parts.optimizers.sgd import SGD


def walk(optimizer, gradients):
    params = torch.zeros(1, dtype=torch.float64)
    state, places = optimizer.init(params), []
    for step, value in enumerate(gradients):
        params, state = optimizer.update(params, torch.tensor([value], dtype=torch.float64), state, optimizer.coefficients(optimizer.hyperparameters(), step))
        places.append(float(params))
    return places


def test_without_momentum_each_step_is_the_gradient():
    assert walk(SGD(lr=0.5), [1.0, -2.0]) == [-0.5, 0.5]


def test_momentum_approaches_a_step_that_is_longer_by_its_geometric_series():
    places = walk(SGD(lr=0.1, momentum=0.5), [1.0] * 60)
    assert places[0] - places[1] == pytest.approx(0.1 * 1.5)
    assert places[-2] - places[-1] == pytest.approx(0.1 / (1 - 0.5))


def test_nesterov_is_one_momentum_ahead():
    assert walk(SGD(lr=0.1, momentum=0.5, nesterov=True), [1.0, 0.0]) == pytest.approx([-0.15, -0.175])


def test_nesterov_needs_momentum():
    with pytest.raises(UsageError, match="nesterov: true with momentum: 0"):
        SGD(lr=0.1, nesterov=True)
