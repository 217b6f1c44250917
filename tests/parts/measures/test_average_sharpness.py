"""The mean rise under changes in proportion to the weights: closed forms on quadratic losses, and what rescaling changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from bench import seeding
from tests.parts.measures.rescaling import filled, layers_rescaled, linear_net, neurons_rescaled, relu_net, take, view

OBJECTIVES = pytest.mark.parametrize("objective", ["squared", "cross_entropy"])


def normal(seed, pair, *shape):
    generator = torch.Generator().manual_seed(seeding.key(seed, "average-sharpness", pair))
    return torch.randn(shape, generator=generator).double()


@pytest.mark.parametrize("rho", [0.1, 0.5])
def test_a_linear_model_rises_by_half_the_weighted_trace(rho):
    """E = ρ²/2 Σ_i H_ii w_i², and H_ii is the second moment of the input of w_i."""
    seen = view(linear_net())
    moments = seen.data.train_inputs.square().mean(dim=0)
    expected = rho**2 / 2 * float((seen.model.weight.square() * moments).sum())
    values = take("average_sharpness", seen, rho=rho, pairs=300)
    assert abs(values["average_sharpness"] - expected) < 3 * values["average_sharpness_error"] < 0.3 * expected


def test_a_pair_has_no_term_of_first_order():
    """(L(W + D) + L(W - D)) / 2 - L(W) = |D x|² / 2n for f = W x, D = ρ |W| times normal numbers; the error is that of a mean."""
    seen = view(linear_net(), seed=5)
    changes = [0.3 * seen.model.weight.abs() * normal(5, pair, 2, 3) for pair in range(7)]
    rises = np.array([float((seen.data.train_inputs @ change.T).square().sum() / 40) for change in changes])
    values = take("average_sharpness", seen, rho=0.3, pairs=7)
    assert values == pytest.approx({"average_sharpness": rises.mean(), "average_sharpness_error": rises.std(ddof=1) / np.sqrt(7)}, rel=1e-4)


def test_biases_move_too():
    model = filled(nn.Linear(3, 1))
    model.weight.zero_()
    values = take("average_sharpness", view(model, outputs=1), rho=0.3, pairs=4)
    changes = [0.3 * float(model.bias.abs()) * bias_draw(pair) for pair in range(4)]
    assert values["average_sharpness"] == pytest.approx(np.mean(np.square(changes)) / 2, rel=1e-4)


def bias_draw(pair):
    """The normal number of the bias: the fourth, after those of three weights."""
    generator = torch.Generator().manual_seed(seeding.key(0, "average-sharpness", pair))
    torch.randn(1, 3, generator=generator)
    return float(torch.randn(1, generator=generator))


@OBJECTIVES
@pytest.mark.parametrize("rescaled", [layers_rescaled, neurons_rescaled])
def test_rescaling_changes_nothing(objective, rescaled):
    first, second = (take("average_sharpness", view(model, objective=objective)) for model in (relu_net(bias=True), rescaled(relu_net(bias=True))))
    assert second == pytest.approx(first, rel=1e-5)


def test_the_seed_says_which_changes():
    seen = view(relu_net())
    assert take("average_sharpness", seen) == take("average_sharpness", view(relu_net()))
    assert take("average_sharpness", seen) != take("average_sharpness", replace(seen, seed=1))


def test_a_part_of_the_samples_is_enough():
    seen = view(relu_net())
    some = replace(seen.data, train_inputs=seen.data.train_inputs[:8], train_targets=seen.data.train_targets[:8])
    assert take("average_sharpness", seen, samples=8) == take("average_sharpness", replace(seen, data=some))
    assert take("average_sharpness", seen, samples=8) != take("average_sharpness", seen)
