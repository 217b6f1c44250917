"""Sharpness by one step uphill: closed forms on quadratic losses, and what rescaling changes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from bench.parts.datasets import Data
from tests.parts.measures.rescaling import filled, layers_rescaled, linear_net, neurons_rescaled, relu_net, take, view

OBJECTIVES = pytest.mark.parametrize("objective", ["squared", "cross_entropy"])


def rise(seen, step):
    """L(W + E) - L(W) = <G, E> + |E x|^2 / 2n for f = W x with R_S."""
    x = seen.data.train_inputs
    return float((slope(seen) * step).sum() + (x @ step.T).square().sum() / (2 * len(x)))


def slope(seen):
    """G, the gradient."""
    x, y = seen.data.train_inputs, seen.data.train_targets
    return (seen.model(x) - y).T @ x / len(x)


@pytest.mark.parametrize("rho", [0.05, 0.5, 2.0])
def test_a_linear_model_rises_by_the_quadratic(rho):
    seen = view(linear_net())
    step = rho * slope(seen) / slope(seen).norm()
    assert take("sam_sharpness", seen, rho=rho)["sam_sharpness"] == pytest.approx(rise(seen, step), rel=1e-10)


@pytest.mark.parametrize("rho", [0.05, 0.5])
@pytest.mark.parametrize("eta", [0.0, 0.01, 1.0])
def test_the_adaptive_step_is_scaled_to_the_weights(rho, eta):
    seen = view(linear_net())
    scale = seen.model.weight.abs() + eta
    step = rho * scale**2 * slope(seen) / (scale * slope(seen)).norm()
    assert float((step / scale).norm()) == pytest.approx(rho)
    assert take("sam_sharpness", seen, adaptive_rho=rho, eta=eta)["asam_sharpness"] == pytest.approx(rise(seen, step), rel=1e-10)


def test_both_are_lower_bounds_of_the_largest_rise():
    """Fifty steps of projected ascent find a higher point of the sphere, though not a much higher one."""
    seen = view(relu_net())
    values = take("sam_sharpness", seen, rho=0.3)
    generator = torch.Generator().manual_seed(0)
    highest = values["sam_sharpness"]
    for _ in range(3):
        found = ascend(seen, 0.3, generator)
        highest = max(highest, found)
    assert values["sam_sharpness"] <= highest <= 1.5 * values["sam_sharpness"]
    assert highest > values["sam_sharpness"] * (1 + 1e-6)


def ascend(seen, rho, generator):
    """Projected gradient ascent on the sphere of a radius, from a random point."""
    weights = {name: parameter.clone() for name, parameter in seen.model.named_parameters()}
    vector = torch.cat([weight.flatten() for weight in weights.values()])
    step = torch.randn(len(vector), generator=generator, dtype=torch.float64)
    step *= rho / step.norm()

    def loss(step):
        pieces = (vector + step).split([weight.numel() for weight in weights.values()])
        moved = {name: piece.view(weight.shape) for (name, weight), piece in zip(weights.items(), pieces, strict=True)}
        return seen.objective(torch.func.functional_call(seen.model, moved, (seen.data.train_inputs,)), seen.data.train_targets)

    for _ in range(50):
        moved = step + 0.2 * torch.func.grad(loss)(step)
        step = moved * (rho / moved.norm())
    return float(loss(step) - loss(torch.zeros_like(step)))


@OBJECTIVES
@pytest.mark.parametrize("factor", [0.1, 3.0, 10.0])
def test_rescaled_layers_are_as_sharp_adaptively(objective, factor):
    before, after = (view(model, objective=objective) for model in (relu_net(), layers_rescaled(relu_net(), factor)))
    first, second = (take("sam_sharpness", seen, eta=0.0) for seen in (before, after))
    assert second["asam_sharpness"] == pytest.approx(first["asam_sharpness"], rel=1e-8)


@OBJECTIVES
def test_rescaled_neurons_are_as_sharp_adaptively_if_biases_scale_too(objective):
    before, after = (view(model, objective=objective) for model in (relu_net(bias=True), neurons_rescaled(relu_net(bias=True))))
    first, second = (take("sam_sharpness", seen, eta=0.0, bias="scaled") for seen in (before, after))
    assert second["asam_sharpness"] == pytest.approx(first["asam_sharpness"], rel=1e-8)


@pytest.mark.parametrize("parameters", [{"eta": 0.01, "bias": "scaled"}, {"eta": 0.0, "bias": "identity"}], ids=["eta", "biases outside"])
def test_otherwise_the_adaptive_sharpness_depends_on_the_scale(parameters):
    before, after = (view(model) for model in (relu_net(bias=True), neurons_rescaled(relu_net(bias=True))))
    first, second = (take("sam_sharpness", seen, **parameters)["asam_sharpness"] for seen in (before, after))
    assert abs(second / first - 1) > 1e-3


def test_the_plain_sharpness_depends_on_the_scale():
    before, after = (view(model) for model in (relu_net(), layers_rescaled(relu_net())))
    first, second = (take("sam_sharpness", seen)["sam_sharpness"] for seen in (before, after))
    assert abs(second / first - 1) > 0.5


def test_biases_move_as_they_are_unless_they_are_scaled():
    """A bias alone has a gradient where all inputs are zero: one step of ρ, or of ρ |b|."""
    model = filled(nn.Linear(3, 1))
    model.bias.fill_(3.0)
    x, y = torch.zeros(4, 3, dtype=torch.float64), torch.zeros(4, 1, dtype=torch.float64)
    seen = replace(view(model, outputs=1), data=Data(x, y, x, y))
    for bias, step in (("identity", 0.5), ("scaled", 1.5)):
        values = take("sam_sharpness", seen, eta=0.0, bias=bias)
        assert values["asam_sharpness"] == pytest.approx(((3 + step) ** 2 - 9) / 2)


def test_there_is_no_step_at_a_critical_point():
    seen = view(linear_net())
    fitted = replace(seen.data, train_targets=seen.model(seen.data.train_inputs))
    assert take("sam_sharpness", replace(seen, data=fitted)) == {"sam_sharpness": 0.0, "asam_sharpness": 0.0}


def test_batch_statistics_are_those_of_training():
    """A frozen batch norm is a linear map: with γ = sqrt(σ² + ε), β = μ it is the identity."""
    model = filled(nn.Sequential(nn.Linear(3, 2, bias=False), nn.BatchNorm1d(2)))
    norm = model[1]
    norm.weight.copy_((norm.running_var + norm.eps).sqrt())
    norm.bias.copy_(norm.running_mean)
    plain = nn.Sequential(model[0], nn.Identity())
    values = take("sam_sharpness", view(model), rho=1e-6)
    x = view(model).data.train_inputs
    torch.testing.assert_close(model(x), plain(x))
    gradient = torch.func.grad(lambda weights: loss_of(view(model), weights))(dict(model.named_parameters()))
    length = torch.cat([piece.flatten() for piece in gradient.values()]).norm()
    assert values["sam_sharpness"] == pytest.approx(1e-6 * float(length), rel=1e-4)


def loss_of(seen, weights):
    outputs = torch.func.functional_call(seen.model, weights, (seen.data.train_inputs,))
    return seen.objective(outputs, seen.data.train_targets)


def test_a_part_of_the_samples_is_enough():
    seen = view(relu_net())
    some = Data(*(tensor[:8] for tensor in (seen.data.train_inputs, seen.data.train_targets)), seen.data.test_inputs, seen.data.test_targets)
    assert take("sam_sharpness", seen, samples=8) == take("sam_sharpness", replace(seen, data=some))
    assert take("sam_sharpness", seen, samples=8) != take("sam_sharpness", seen)
