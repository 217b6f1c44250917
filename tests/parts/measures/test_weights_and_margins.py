"""Norms and margins: closed forms, what rescaling changes and what not, and batch norm as part of the layer before it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, strategies
from torch import nn

from bench.parts.datasets import Data, DataSpec
from bench.parts.measures import History, View, measures
from bench.parts.measures.weights import squared_norms
from bench.parts.objectives import objectives
from tests.parts.measures.rescaling import filled


def view(model, inputs=(3,), outputs=4, samples=40, batch=7):
    generator = torch.Generator().manual_seed(7)
    x = torch.randn(samples, *inputs, generator=generator, dtype=torch.float64)
    y = torch.randint(outputs, (samples,), generator=generator)
    spec = DataSpec("classification", inputs, outputs, samples, samples)
    return View(model, objectives["cross_entropy"].target(), Data(x, y, x, y), spec, History([], [], {}), 0, batch)


def take(name, seen):
    return measures[name].target(seen).values


def relu_net(bias=False):
    return filled(nn.Sequential(nn.Linear(3, 6, bias=bias), nn.ReLU(), nn.Linear(6, 4, bias=bias)))


def rescaled(model, factors):
    """The same function of a two-layer ReLU network: rows of the first layer times a factor, columns of the second over it."""
    model[0].weight.mul_(factors[:, None])
    model[2].weight.div_(factors)
    return model


def test_norms_are_sums_and_products_of_squares():
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        model[2].weight.copy_(torch.tensor([[5.0, 6.0]]))
        model[0].bias.fill_(100.0)
    values = take("parameter_norm", view(model.double(), (2,)))
    assert values == {"parameter_norm": 30.0 + 61.0, "frobenius_product": pytest.approx(math.log(30.0 * 61.0))}


def test_a_layer_that_is_zero_has_no_logarithm():
    model = relu_net()
    model[2].weight.zero_()
    seen = view(model)
    assert take("parameter_norm", seen) == {"parameter_norm": float(model[0].weight.square().sum())}
    assert take("margin", seen) == {"output_margin": 0.0}


@given(strategies.floats(0.1, 10.0))
def test_a_uniform_rescaling_keeps_product_and_margins_and_moves_the_sum(factor):
    before, after = view(relu_net()), view(rescaled(relu_net(), torch.full((6,), factor, dtype=torch.float64)))
    assert take("margin", after) == pytest.approx(take("margin", before))
    first, second = (float(layer.weight.square().sum()) for layer in (before.model[0], before.model[2]))
    expected = {"parameter_norm": first * factor**2 + second / factor**2, "frobenius_product": math.log(first * second)}
    assert take("parameter_norm", after) == pytest.approx(expected)


def test_a_rescaling_neuron_by_neuron_keeps_the_output_margin_alone():
    before, after = view(relu_net()), view(rescaled(relu_net(), torch.arange(1.0, 7.0, dtype=torch.float64)))
    assert take("margin", after)["output_margin"] == pytest.approx(take("margin", before)["output_margin"])
    assert take("margin", after)["normalized_margin"] != pytest.approx(take("margin", before)["normalized_margin"], rel=0.01)
    for name, value in take("parameter_norm", before).items():
        assert take("parameter_norm", after)[name] != pytest.approx(value, rel=0.01)


@pytest.mark.parametrize("layer", [0, 2])
def test_a_larger_layer_has_larger_margins_and_the_same_normalized_one(layer):
    before, model = take("margin", view(relu_net())), relu_net()
    model[layer].weight.mul_(3.0)
    after = take("margin", view(model))
    assert after["output_margin"] == pytest.approx(3 * before["output_margin"])
    assert after["normalized_margin"] == pytest.approx(before["normalized_margin"])


@pytest.mark.parametrize(("samples", "rank"), [(40, 4), (49, 4), (19, 1), (5, 1)])
def test_the_margin_is_the_tenth_percentile(samples, rank):
    seen = view(relu_net(bias=True), samples=samples)
    outputs = seen.model(seen.data.train_inputs)
    each = [float(row[label] - max(value for k, value in enumerate(row) if k != label)) for row, label in zip(outputs, seen.data.train_targets, strict=True)]
    assert take("margin", seen)["output_margin"] == pytest.approx(sorted(each)[rank - 1])


def test_margins_of_right_and_wrong_answers():
    """f(x) = x: right by 2, or right by 0.5, or wrong by 3."""
    model = nn.Linear(2, 2, bias=False).double().requires_grad_(False)
    model.weight.copy_(torch.eye(2))
    for outputs, expected in (([3.0, 1.0], 2.0), ([1.5, 1.0], 0.5), ([1.0, 4.0], -3.0)):
        x, y = torch.tensor([outputs], dtype=torch.float64), torch.tensor([0])
        seen = replace(view(model, (2,), 2), data=Data(x, y, x, y))
        assert take("margin", seen) == pytest.approx({"output_margin": expected, "normalized_margin": expected / math.sqrt(2)})


def normed(layer, norm, *between):
    return filled(nn.Sequential(layer, *between, norm, nn.ReLU(), nn.Flatten(), nn.Linear(5 * 16 if isinstance(layer, nn.Conv2d) else 5, 4)))


LAYERS = {
    "convolution": (lambda: normed(nn.Conv2d(2, 5, 3), nn.BatchNorm2d(5)), (2, 6, 6)),
    "linear": (lambda: normed(nn.Linear(3, 5), nn.BatchNorm1d(5)), (3,)),
    "no learned scale": (lambda: normed(nn.Linear(3, 5), nn.BatchNorm1d(5, affine=False)), (3,)),
}


@pytest.mark.parametrize(("build", "inputs"), LAYERS.values(), ids=LAYERS)
def test_batch_norm_is_folded_into_the_layer_before_it(build, inputs):
    """The folded layer computes what both did: f(x) - f(0) is linear in x with the folded weight."""
    seen = view(build(), inputs)
    layer, norm = seen.model[0], seen.model[1]
    gamma = 1.0 if norm.weight is None else norm.weight
    weight = layer.weight.flatten(1) * (gamma / (norm.running_var + norm.eps).sqrt() * torch.ones(5)).unsqueeze(1)
    x = torch.randn(1, *inputs, dtype=torch.float64)
    change = (norm(layer(x)) - norm(layer(torch.zeros_like(x)))).flatten(2 if len(inputs) > 1 else 1)
    columns = nn.functional.unfold(x, 3)[0] if len(inputs) > 1 else x.T
    torch.testing.assert_close(change.reshape(5, -1), weight @ columns)
    torch.testing.assert_close(squared_norms(seen), torch.stack([weight.square().sum(), seen.model[-1].weight.square().sum()]))


@pytest.mark.parametrize(("build", "inputs"), LAYERS.values(), ids=LAYERS)
def test_a_scale_that_batch_norm_takes_away_changes_nothing(build, inputs):
    before, after = view(build(), inputs), view(build(), inputs)
    after.model[0].weight.mul_(3.0)
    after.model[0].bias.mul_(3.0)
    after.model[1].running_mean.mul_(3.0)
    after.model[1].running_var.add_(after.model[1].eps).mul_(9.0).sub_(after.model[1].eps)
    for name in ("parameter_norm", "margin"):
        assert take(name, after) == pytest.approx(take(name, before))


@pytest.mark.parametrize("between", [nn.ReLU(), nn.ReLU(inplace=True)], ids=["a new tensor", "in place"])
def test_batch_norm_behind_an_activation_is_not_folded(between):
    seen = view(normed(nn.Linear(3, 5), nn.BatchNorm1d(5), between))
    torch.testing.assert_close(squared_norms(seen), torch.stack([seen.model[0].weight.square().sum(), seen.model[-1].weight.square().sum()]))


def test_no_hook_stays():
    seen = view(LAYERS["linear"][0]())
    take("margin", seen)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in seen.model.modules())
