"""The correction of the flow by which steps of finite size are followed, to the order that it claims; and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from bench.parts.penalties.r2 import R2
from tests.parts.penalties.small import network, passes
from tests.train.runs import run_of


def test_of_a_linear_model_it_has_a_closed_form():
    torch.manual_seed(0)
    inputs, targets = torch.randn(6, 3, dtype=torch.float64), torch.randn(6, 1, dtype=torch.float64)
    model = nn.Sequential(nn.Identity(), nn.Linear(3, 1, bias=False)).double()
    found = R2()(passes(model, inputs, lambda outputs: ((outputs - targets) ** 2).mean() / 2, lr=0.3))
    slope = inputs.T @ (inputs @ model[-1].weight.T - targets) / 6
    assert found.item() == pytest.approx((0.3 / 4 * (slope**2).sum()).item())


def test_it_looks_at_the_dropped_network_with_the_masks_of_the_step():
    torch.manual_seed(1)
    model, inputs, targets = network(1, 1), torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 1, dtype=torch.float64)
    mask = torch.tensor([2.0, 0.0, 2.0, 2.0, 0.0], dtype=torch.float64)

    def loss(outputs):
        return ((outputs - targets) ** 2).mean() / 2

    found = R2()(passes(model, inputs, loss, lr=1.0, multipliers=mask))
    slopes = torch.autograd.grad(loss(model[-1](model[:-1](inputs) * mask)), list(model.parameters()))
    assert found.item() == pytest.approx(sum((slope**2).sum().item() for slope in slopes) / 4)
    assert found.item() != pytest.approx(R2()(passes(model, inputs, loss, lr=1.0)).item())


def flow(theta, slope, time, pieces=200):
    """The gradient flow, by Runge and Kutta's method of fourth order."""
    step = time / pieces
    for _ in range(pieces):
        one = slope(theta)
        two = slope(theta - step / 2 * one)
        three = slope(theta - step / 2 * two)
        four = slope(theta - step * three)
        theta = theta - step / 6 * (one + 2 * two + 2 * three + four)
    return theta


@pytest.mark.parametrize(("corrected", "order"), [(True, 3), (False, 2)])
def test_a_step_follows_the_corrected_flow_to_third_order(corrected, order):
    torch.manual_seed(2)
    inputs, targets = torch.linspace(-1, 1, 5, dtype=torch.float64).unsqueeze(1), torch.tensor([[0.5], [-0.2], [0.1], [0.4], [-0.6]], dtype=torch.float64)
    model = network(1, 1, width=4, inputs=1)
    mask = torch.tensor([1.25, 0.0, 1.25, 1.25], dtype=torch.float64)
    start = nn.utils.parameters_to_vector(model.parameters()).detach()

    def slope(theta, lr):
        nn.utils.vector_to_parameters(theta, model.parameters())
        here = passes(model, inputs, lambda outputs: ((outputs - targets) ** 2).mean() / 2, lr=lr, multipliers=mask)
        whole = here.total("dropped", [R2()] if lr else [], [inputs.new_tensor(1.0)] if lr else [])
        return nn.utils.parameters_to_vector(torch.autograd.grad(whole, list(model.parameters())))

    rates = [0.02 * 2**power for power in range(4)]
    errors = []
    for lr in rates:
        stepped = start - lr * slope(start, 0.0)
        errors.append(float((stepped - flow(start, lambda theta, lr=lr: slope(theta, lr if corrected else 0.0), lr)).norm()))
    assert np.polyfit(np.log(rates), np.log(errors), 1)[0] == pytest.approx(order, abs=0.2)


@pytest.mark.parametrize(
    ("optimizer", "refused"),
    [({"name": "sgd", "lr": 0.1}, False), ({"name": "sgd", "lr": 0.1, "momentum": 0.5}, True), ({"name": "adam", "lr": 0.1}, True)],
)
def test_it_belongs_to_plain_gradient_descent(optimizer, refused):
    assert ("plain gradient descent" in R2().obstacle(run_of(optimizer=optimizer).cell, [0.1])) == refused
