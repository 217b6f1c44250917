"""PAC-Bayes flatness: closed forms of linear models, that σ is a standard deviation, and where it ends."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from bench import seeding
from tests.parts.measures.rescaling import filled, layers_rescaled, linear_net, neurons_rescaled, relu_net, take, view

WIDTH = 2 / 2**15


def normal(draw, *shape, seed=0):
    generator = torch.Generator().manual_seed(seeding.key(seed, "pac-bayes", draw))
    return torch.randn(shape, generator=generator).double()


def root(seen, changes, worse):
    """The σ > 0 at which the mean over changes D of L(W + σ D) - L(W) = σ <G, D> + σ² |D x|² / 2n is ``worse``, f = W x."""
    x, y = seen.data.train_inputs, seen.data.train_targets
    slope = (seen.model(x) - y).T @ x / len(x)
    linear = sum(float((slope * change).sum()) for change in changes) / len(changes)
    square = sum(float((x @ change.T).square().sum()) / (2 * len(x)) for change in changes) / len(changes)
    return (-linear + math.sqrt(linear**2 + 4 * square * worse)) / (2 * square)


def fitted(seen):
    """The view with targets that the network meets."""
    outputs = seen.model(seen.data.train_inputs)
    return replace(seen, data=replace(seen.data, train_targets=outputs if seen.spec.task == "regression" else outputs.argmax(dim=1)))


@pytest.mark.parametrize("worse", [0.01, 0.1, 1.0])
def test_a_linear_model_is_worse_by_the_quadratic(worse):
    seen = view(linear_net())
    values = take("pac_bayes", seen, worse=worse, epsilon=0.0)
    changes = [normal(draw, 2, 3) for draw in range(10)]
    assert values["pac_bayes_sigma"] == pytest.approx(root(seen, changes, worse), abs=WIDTH)
    changes = [seen.model.weight.abs() * change for change in changes]
    assert values["magnitude_pac_bayes_sigma"] == pytest.approx(root(seen, changes, worse), abs=WIDTH)


def test_many_draws_give_the_root_of_the_trace():
    """At a minimum E L(W + d) - L(W) = σ²/2 tr H, so σ = √(2 · 0.1 / tr H)."""
    seen = fitted(view(linear_net()))
    trace = 2 * float(seen.data.train_inputs.square().sum(dim=1).mean())
    assert take("pac_bayes", seen, draws=100)["pac_bayes_sigma"] == pytest.approx(math.sqrt(0.2 / trace), rel=0.1)


def test_flatness_is_one_over_the_square():
    values = take("pac_bayes", view(relu_net()))
    for law in ("pac_bayes", "magnitude_pac_bayes"):
        assert values[f"{law}_flatness"] == pytest.approx(1 / values[f"{law}_sigma"] ** 2)


def test_the_accuracy_is_what_may_fall():
    """f(x) = (w x, -w x) on positive x is right while w > 0: of ten draws, one may turn the sign of w_1 - w_2."""
    model = nn.Linear(1, 2, bias=False).double().requires_grad_(False)
    model.weight.copy_(torch.tensor([[0.5], [-0.5]]))
    seen = view(model, (1,), objective="cross_entropy")
    seen = replace(seen, data=replace(seen.data, train_inputs=seen.data.train_inputs.abs() + 0.1, train_targets=torch.zeros(20, dtype=torch.int64)))
    # w_1 - w_2 = 1 + σ (z_1 - z_2) turns at σ = 1 / (z_2 - z_1).
    turns = sorted(1 / float(change[1] - change[0]) for change in (normal(draw, 2, 1) for draw in range(10)) if change[1] > change[0])
    assert take("pac_bayes", seen)["pac_bayes_sigma"] == pytest.approx(min(turns[1], 2.0), abs=WIDTH)
    assert take("pac_bayes", seen, worse=0.25)["pac_bayes_sigma"] == pytest.approx(min(turns[2], 2.0), abs=WIDTH)
    assert turns[1] < 2


def test_it_ends_at_two():
    model = linear_net()
    seen = view(model)
    dull = replace(seen, data=replace(seen.data, train_inputs=seen.data.train_inputs * 1e-3))
    values = take("pac_bayes", dull)
    assert values["pac_bayes_sigma"] == 2.0
    assert values["pac_bayes_flatness"] == 0.25


def test_what_is_never_harmless_is_absent():
    seen = view(linear_net())
    sharp = replace(seen, data=replace(seen.data, train_inputs=seen.data.train_inputs * 1e6))
    assert take("pac_bayes", sharp) == {}


def test_epsilon_moves_weights_of_zero():
    model = linear_net()
    model.weight.zero_()
    seen = view(model)
    assert take("pac_bayes", seen, epsilon=0.0)["magnitude_pac_bayes_sigma"] == 2.0
    assert "magnitude_pac_bayes_sigma" not in take("pac_bayes", seen, epsilon=10.0)


@pytest.mark.parametrize("objective", ["squared", "cross_entropy"])
@pytest.mark.parametrize("rescaled", [layers_rescaled, neurons_rescaled])
def test_rescaling_changes_the_plain_number_alone(objective, rescaled):
    models = (relu_net(bias=True), rescaled(relu_net(bias=True)))
    first, second = (take("pac_bayes", fitted(view(model, samples=100, objective=objective)), epsilon=0.0) for model in models)
    assert second["magnitude_pac_bayes_sigma"] == pytest.approx(first["magnitude_pac_bayes_sigma"], abs=2 * WIDTH)
    assert abs(second["pac_bayes_sigma"] / first["pac_bayes_sigma"] - 1) > 0.2


def test_a_batch_norm_is_frozen():
    model = filled(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)))
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    take("pac_bayes", view(model))
    assert all(torch.equal(buffer, before[name]) for name, buffer in model.named_buffers())


def test_the_seed_says_which_changes():
    seen = view(relu_net())
    assert take("pac_bayes", seen) == take("pac_bayes", view(relu_net()))
    assert take("pac_bayes", seen) != take("pac_bayes", replace(seen, seed=1))


def test_a_part_of_the_samples_is_enough():
    seen = view(relu_net())
    some = replace(seen.data, train_inputs=seen.data.train_inputs[:8], train_targets=seen.data.train_targets[:8])
    assert take("pac_bayes", seen, samples=8) == take("pac_bayes", replace(seen, data=some))
    assert take("pac_bayes", seen, samples=8) != take("pac_bayes", seen)
