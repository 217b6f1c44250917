"""The cases of Rprop by hand."""

from __future__ import annotations

import pytest
import torch

from bench.parts.optimizers.rprop import Rprop

RULE = Rprop(lr=0.1, eta_minus=0.5, eta_plus=1.2, step_min=0.06, step_max=0.13)


def walk(gradients, lr=0.1):
    """Positions and step sizes after each gradient, from 0."""
    params, state, places, sizes = torch.zeros(1, dtype=torch.float64), RULE.init(torch.zeros(1, dtype=torch.float64)), [], []
    for step, value in enumerate(gradients):
        rate = lr if isinstance(lr, float) else lr[step]
        params, state = RULE.update(params, torch.tensor([value], dtype=torch.float64), state, RULE.coefficients({**RULE.hyperparameters(), "lr": rate}, step))
        places.append(float(params))
        sizes.append(float(state["size"]))
    return torch.tensor(places), torch.tensor(sizes)


def test_grows_while_the_sign_stays_up_to_the_largest_size():
    places, sizes = walk([5.0, 0.001, 7.0])
    torch.testing.assert_close(sizes, torch.tensor([0.1, 0.12, 0.13]))
    torch.testing.assert_close(places, torch.tensor([-0.1, -0.22, -0.35]))


def test_rests_and_shrinks_where_the_sign_turns_and_then_keeps_its_size():
    places, sizes = walk([1.0, -1.0, -1.0, -1.0])
    torch.testing.assert_close(sizes, torch.tensor([0.1, 0.06, 0.06, 0.072]))
    torch.testing.assert_close(places, torch.tensor([-0.1, -0.1, -0.04, 0.032]))


def test_a_zero_gradient_changes_nothing():
    places, sizes = walk([1.0, 0.0, 1.0])
    torch.testing.assert_close(sizes, torch.tensor([0.1, 0.1, 0.1]))
    torch.testing.assert_close(places, torch.tensor([-0.1, -0.1, -0.2]))


def test_a_schedule_acts_on_the_first_step_alone():
    falling, constant = walk([1.0, 1.0, 1.0], lr=[0.1, 0.01, 0.001]), walk([1.0, 1.0, 1.0])
    assert torch.equal(falling[0], constant[0])
    assert float(walk([1.0], lr=0.07)[1]) == pytest.approx(0.07)
