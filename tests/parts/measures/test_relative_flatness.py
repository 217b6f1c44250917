"""Relative flatness: its definition by the exact Hessian, closed forms, and what rescaling changes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from bench.errors import UsageError
from tests.parts.measures.rescaling import filled, layers_rescaled, linear_net, neurons_rescaled, relu_net, take, view

OBJECTIVES = pytest.mark.parametrize("objective", ["squared", "cross_entropy"])


def by_definition(seen, name):
    """Σ_{s,s'} <w_s, w_s'> tr ∂²L/∂w_s ∂w_s', the Hessian by autograd."""
    weight = dict(seen.model.named_parameters())[name]

    def loss(moved):
        return seen.objective(torch.func.functional_call(seen.model, {name: moved}, (seen.data.train_inputs,)), seen.data.train_targets)

    hessian = torch.autograd.functional.hessian(loss, weight)
    return float(torch.einsum("sj,tj,sktk->", weight, weight, hessian))


@OBJECTIVES
@pytest.mark.parametrize("layer", [0, 1, 2, None])
def test_is_what_the_hessian_of_the_layer_says(objective, layer):
    model = filled(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)))
    seen = view(model, objective=objective)
    expected = by_definition(seen, f"{(4 if layer is None else 2 * layer)}.weight")
    assert take("relative_flatness", seen, layer=layer)["relative_flatness"] == pytest.approx(expected)


def test_batch_norm_is_frozen():
    seen = view(filled(nn.Sequential(nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2))), (1, 3, 3))
    assert take("relative_flatness", seen)["relative_flatness"] == pytest.approx(by_definition(seen, "4.weight"))


def test_a_linear_model_has_norms_of_inputs_and_weights():
    """R_S has M = I: κ_tr = ‖W‖² times the mean of ‖x‖²."""
    seen = view(linear_net())
    expected = float(seen.model.weight.square().sum() * seen.data.train_inputs.square().sum(dim=1).mean())
    assert take("relative_flatness", seen) == {"relative_flatness": pytest.approx(expected)}


@OBJECTIVES
@pytest.mark.parametrize("factor", [0.1, 3.0])
def test_rescaling_layers_changes_nothing(objective, factor):
    first, second = (
        take("relative_flatness", view(model, objective=objective)) for model in (relu_net(bias=True), layers_rescaled(relu_net(bias=True), factor))
    )
    assert second == pytest.approx(first)


def test_rescaling_what_leaves_the_layer_changes_nothing_but_what_enters_does():
    first, second = (view(model) for model in (relu_net(bias=True), neurons_rescaled(relu_net(bias=True))))
    assert take("relative_flatness", second, layer=0) == pytest.approx(take("relative_flatness", first, layer=0))
    before, after = (take("relative_flatness", seen, layer=1)["relative_flatness"] for seen in (first, second))
    assert abs(after / before - 1) > 0.05


def test_a_part_of_the_samples_is_enough():
    seen = view(relu_net())
    some = replace(seen.data, train_inputs=seen.data.train_inputs[:8], train_targets=seen.data.train_targets[:8])
    assert take("relative_flatness", seen, samples=8) == take("relative_flatness", replace(seen, data=some))
    assert take("relative_flatness", seen, samples=8) != take("relative_flatness", seen)


class Twice(nn.Module):
    """A layer that is called two times."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, inputs):
        return self.layer(self.layer(inputs))


def test_other_layers_are_refused():
    images = filled(nn.Sequential(nn.Conv2d(1, 2, 2), nn.Flatten()))
    with pytest.raises(UsageError, match="layer 0 is a Conv2d"):
        take("relative_flatness", view(images, (1, 2, 2)), layer=0)
    with pytest.raises(UsageError, match="the model has none"):
        take("relative_flatness", view(images, (1, 2, 2)))
    with pytest.raises(UsageError, match="sees each sample once"):
        take("relative_flatness", view(filled(Twice()), outputs=3))
    rows = filled(nn.Sequential(nn.Linear(2, 2), nn.Flatten(), nn.Identity()))
    with pytest.raises(UsageError, match="sees each sample once"):
        take("relative_flatness", view(rows, (3, 2), 6))


def test_no_hook_stays():
    seen = view(filled(Twice()), outputs=3)
    with pytest.raises(UsageError):
        take("relative_flatness", seen)
    plain = view(relu_net())
    take("relative_flatness", plain)
    assert not any(module._forward_hooks for model in (seen.model, plain.model) for module in model.modules())
