"""The Fisher-Rao norm: its definition sample by sample, the closed form of homogeneous networks, and what rescaling changes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from tests.parts.measures.rescaling import filled, layers_rescaled, neurons_rescaled, relu_net, take, view

OBJECTIVES = pytest.mark.parametrize("objective", ["squared", "cross_entropy"])
NETWORKS = {
    "relu": (lambda: relu_net(bias=True), (3,)),
    "tanh": (lambda: filled(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))), (3,)),
    "batch norm": (lambda: filled(nn.Sequential(nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(8, 2))), (1, 3, 3)),
}


def by_definition(seen):
    """The mean of (w·∇l)², a gradient for each sample."""
    weights = dict(seen.model.named_parameters())
    total = 0.0
    for x, y in zip(seen.data.train_inputs, seen.data.train_targets, strict=True):
        slopes = torch.func.grad(lambda w, x=x, y=y: seen.objective(torch.func.functional_call(seen.model, w, (x[None],)), y[None]))(weights)
        total += float(sum((weights[name] * slope).sum() for name, slope in slopes.items())) ** 2
    return total / len(seen.data.train_inputs)


@OBJECTIVES
@pytest.mark.parametrize(("build", "inputs"), NETWORKS.values(), ids=NETWORKS)
def test_is_the_mean_square_over_samples(build, inputs, objective):
    seen = view(build(), inputs, objective=objective)
    assert take("fisher_rao", seen)["fisher_rao_norm"] ** 2 == pytest.approx(by_definition(seen))


@OBJECTIVES
@pytest.mark.parametrize("hidden", [0, 1, 2, 4])
def test_networks_without_biases_have_a_closed_form(objective, hidden):
    """(L + 1)² E <∂l/∂f, f>²: for the cross entropy <softmax(f), f> - f_y, for R_S <f - y, f>."""
    layers = [module for _ in range(hidden) for module in (nn.Linear(3, 3, bias=False), nn.ReLU())]
    seen = view(filled(nn.Sequential(*layers, nn.Linear(3, 2, bias=False))), objective=objective)
    outputs, targets = seen.model(seen.data.train_inputs), seen.data.train_targets
    if objective == "cross_entropy":
        inner = (outputs.softmax(dim=1) * outputs).sum(dim=1) - outputs.gather(1, targets[:, None]).squeeze(1)
    else:
        inner = ((outputs - targets) * outputs).sum(dim=1)
    assert take("fisher_rao", seen)["fisher_rao_norm"] ** 2 == pytest.approx((hidden + 1) ** 2 * float(inner.square().mean()))


def test_biases_break_the_closed_form():
    seen = view(relu_net(bias=True))
    outputs = seen.model(seen.data.train_inputs)
    closed = 4 * float(((outputs - seen.data.train_targets) * outputs).sum(dim=1).square().mean())
    assert abs(take("fisher_rao", seen)["fisher_rao_norm"] ** 2 / closed - 1) > 0.05


@OBJECTIVES
@pytest.mark.parametrize("rescaled", [layers_rescaled, neurons_rescaled])
def test_rescaling_changes_nothing(objective, rescaled):
    first, second = (take("fisher_rao", view(model, objective=objective)) for model in (relu_net(bias=True), rescaled(relu_net(bias=True))))
    assert second == pytest.approx(first)


def test_a_larger_layer_has_another_norm():
    model = relu_net()
    before = take("fisher_rao", view(model))["fisher_rao_norm"]
    model[2].weight.mul_(3.0)
    assert take("fisher_rao", view(model))["fisher_rao_norm"] > 2 * before


def test_a_part_of_the_samples_is_enough():
    seen = view(relu_net())
    some = replace(seen.data, train_inputs=seen.data.train_inputs[:8], train_targets=seen.data.train_targets[:8])
    assert take("fisher_rao", seen, samples=8) == take("fisher_rao", replace(seen, data=some))
    assert take("fisher_rao", seen, samples=8) != take("fisher_rao", seen)
