"""Loss curves: closed forms on quadratic losses, norms of directions, and what rescaling changes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from bench import seeding
from bench.errors import UsageError
from bench.parts.datasets import Data, DataSpec
from bench.parts.measures import History, View
from bench.parts.measures.loss_curve import gaussian, loss_curve, normalize
from bench.parts.measures.surface import moved
from bench.parts.objectives import objectives

pytestmark = pytest.mark.usefixtures("pieces_of_the_batch")

NORMALIZATIONS = ("filter", "layer")
BIASES = ("zero", "joint")


def filled(model, seed=0):
    """The model in float64 with Gaussian parameters."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.double().requires_grad_(False).parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return model.eval()


def view(model, inputs=3, outputs=2, samples=20, seed=0, objective="squared"):
    generator = torch.Generator().manual_seed(7)
    x = torch.randn(samples, inputs, generator=generator, dtype=torch.float64)
    y = torch.randn(samples, outputs, generator=generator)
    if objective == "cross_entropy":
        y = y.argmax(dim=1)
    spec = DataSpec("regression", (inputs,), outputs, samples, samples)
    return View(model, objectives[objective].target(), Data(x, y, x, y), spec, History([], [], {}), seed, 6)


def take(given, **parameters):
    return loss_curve(given, **{"directions": 3, "points": 5, **parameters})


def direction(model, normalization, bias, seed=0, number=0):
    return normalize(model, gaussian(dict(model.named_parameters()), seed, number), normalization, bias)


def relu_net(bias=False):
    return filled(nn.Sequential(nn.Linear(3, 6, bias=bias), nn.ReLU(), nn.Linear(6, 2, bias=bias)))


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("radius", [0.1, 0.5, 2.0])
def test_a_linear_model_has_a_quadratic_curve(normalization, radius):
    """f = W x with R_S: (L(r) + L(-r)) / 2 - L(0) = r^2 / 2 d^T H d = r^2 / 2n sum |D x|^2, and the slope is 1/n sum (f - y) D x."""
    given = view(filled(nn.Linear(3, 2, bias=False)))
    measured = take(given, radius=radius)
    inputs, targets = given.data.train_inputs, given.data.train_targets.double()
    changes = [inputs @ direction(given.model, normalization, "zero", number=number)["weight"].T for number in range(3)]
    expected = sum(radius**2 / 2 * float(change.square().sum(1).mean()) for change in changes) / 3
    assert measured.values[f"sharpness_{normalization}"] == pytest.approx(expected, rel=1e-5)
    center = float((given.model(inputs) - targets).square().sum(1).mean()) / 2
    for row in measured.rows:
        if row["normalization"] == normalization:
            change = changes[row["direction"]]
            slope = float(((given.model(inputs) - targets) * change).sum(1).mean())
            bend = float(change.square().sum(1).mean()) / 2
            assert row["loss"] == pytest.approx(center + slope * row["alpha"] + bend * row["alpha"] ** 2, rel=1e-5)


@pytest.mark.parametrize("bias", BIASES)
def test_rows_of_a_filter_direction_have_the_norms_of_the_weights(bias):
    model = filled(nn.Sequential(nn.Conv2d(3, 5, 3), nn.Flatten(), nn.Linear(20, 4)))
    scaled, weights = direction(model, "filter", bias), dict(model.named_parameters())
    for name in ("0", "2"):
        rows = [tensors[f"{name}.weight"].flatten(1) for tensors in (scaled, weights)]
        if bias == "joint":
            rows = [torch.cat([row, tensors[f"{name}.bias"].unsqueeze(1)], dim=1) for row, tensors in zip(rows, (scaled, weights), strict=True)]
        torch.testing.assert_close(rows[0].norm(dim=1), rows[1].norm(dim=1))
        assert scaled[f"{name}.bias"].any() == (bias == "joint")


@pytest.mark.parametrize("bias", BIASES)
def test_a_layer_direction_has_the_norm_of_the_layer(bias):
    model = filled(nn.Sequential(nn.Conv2d(3, 5, 3), nn.Flatten(), nn.Linear(20, 4)))
    scaled, weights = direction(model, "layer", bias), dict(model.named_parameters())
    for name in ("0", "2"):
        members = ("weight", "bias") if bias == "joint" else ("weight",)
        norms = [torch.cat([tensors[f"{name}.{member}"].flatten() for member in members]).norm() for tensors in (scaled, weights)]
        torch.testing.assert_close(*norms)
        assert scaled[f"{name}.bias"].any() == (bias == "joint")


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_scaling_keeps_the_direction(normalization):
    model = filled(nn.Linear(4, 3))
    raw = gaussian(dict(model.named_parameters()), 0, 0)["weight"]
    ratio = direction(model, normalization, "zero")["weight"] / raw
    assert (ratio > 0).all()
    torch.testing.assert_close(ratio, ratio[:, :1].expand_as(ratio))
    assert torch.allclose(ratio, ratio[0, 0]) == (normalization == "layer")


@pytest.mark.parametrize("bias", BIASES)
def test_batch_norm_stays_where_it_is(bias):
    model = filled(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)))
    scaled = direction(model, "layer", bias)
    assert not scaled["1.weight"].any()
    assert not scaled["1.bias"].any()
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    take(view(model))
    assert all(torch.equal(buffer, before[name]) for name, buffer in model.named_buffers())


def test_a_weight_of_zero_stays_zero():
    model = filled(nn.Linear(3, 4))
    with torch.no_grad():
        model.weight[1] = 0
    scaled = direction(model, "filter", "zero")["weight"]
    assert scaled.isfinite().all()
    assert not scaled[1].any()
    assert scaled[0].any()


def test_a_tied_weight_moves_once():
    model = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3))
    model[2].weight = model[0].weight
    given = view(filled(model), outputs=3)
    assert direction(model, "layer", "joint").keys() == dict(model.named_parameters()).keys()
    row = take(given, directions=1).rows[0]
    with torch.no_grad():
        model[0].weight += row["alpha"] * direction(model, "filter", "zero")["0.weight"]
    assert given.loss(given.data.train_inputs, given.data.train_targets) == pytest.approx(row["loss"], rel=1e-9)


def test_directions_are_those_of_the_seed_and_differ():
    weights = dict(relu_net().named_parameters())
    first, same, other_seed, other_number = (gaussian(weights, *stream)["0.weight"] for stream in ((1, 0), (1, 0), (2, 0), (1, 1)))
    assert torch.equal(first, same)
    assert not torch.equal(first, other_seed)
    assert not torch.equal(first, other_number)
    expected = torch.randn(6, 3, generator=torch.Generator().manual_seed(seeding.key(1, "landscape-direction", 0)))
    assert torch.equal(first, expected.double())


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_rescaling_layers_against_each_other_changes_nothing(normalization):
    """ReLU without biases: (c W_1, W_2 / c) is the same function, and the same directions have the same curve."""
    model, rescaled = relu_net(), relu_net()
    with torch.no_grad():
        rescaled[0].weight.mul_(10.0)
        rescaled[2].weight.div_(10.0)
    first, second = (take(view(each)) for each in (model, rescaled))
    name = f"sharpness_{normalization}"
    assert second.values[name] == pytest.approx(first.values[name], rel=1e-6)
    losses = [[row["loss"] for row in measured.rows if row["normalization"] == normalization] for measured in (first, second)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)


def test_rescaling_neurons_changes_the_layer_curve_but_not_the_function():
    model, rescaled = relu_net(), relu_net()
    factors = torch.tensor([0.1, 0.5, 1.0, 2.0, 5.0, 10.0], dtype=torch.float64)
    with torch.no_grad():
        rescaled[0].weight.mul_(factors[:, None])
        rescaled[2].weight.div_(factors)
    inputs = view(model).data.train_inputs
    torch.testing.assert_close(model(inputs), rescaled(inputs))
    first, second = (take(view(each)).values["sharpness_layer"] for each in (model, rescaled))
    assert abs(second / first - 1) > 0.05


def test_the_curve_goes_through_radius_and_span():
    measured = take(view(relu_net()), radius=0.3, span=2.0, points=5, directions=2)
    assert len(measured.rows) == 2 * 2 * 7
    for normalization in NORMALIZATIONS:
        for number in (0, 1):
            alphas = [row["alpha"] for row in measured.rows if (row["normalization"], row["direction"]) == (normalization, number)]
            assert alphas == [-2.0, -1.0, -0.3, 0.0, 0.3, 1.0, 2.0]


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_sharpness_is_read_off_the_rows(normalization):
    measured = take(view(relu_net(bias=True), objective="cross_entropy"), bias="joint")
    at = {(row["direction"], row["alpha"]): row["loss"] for row in measured.rows if row["normalization"] == normalization}
    rises = [(at[number, 0.5] + at[number, -0.5]) / 2 - at[number, 0.0] for number in range(3)]
    assert measured.values[f"sharpness_{normalization}"] == pytest.approx(sum(rises) / 3, abs=1e-12)


def test_the_losses_are_those_of_the_moved_network():
    given = view(relu_net(bias=True))
    row = take(given, bias="joint").rows[0]
    changed = moved(dict(given.model.named_parameters()), [direction(given.model, row["normalization"], "joint")], [row["alpha"]])
    copy = relu_net(bias=True)
    copy.load_state_dict(changed)
    assert row["loss"] == pytest.approx(replace(given, model=copy).loss(given.data.train_inputs, given.data.train_targets), rel=1e-12)


def test_a_part_of_the_samples_is_enough():
    given = view(relu_net())
    some = Data(*(tensor[:8] for tensor in (given.data.train_inputs, given.data.train_targets)), given.data.test_inputs, given.data.test_targets)
    assert take(given, samples=8).values == take(replace(given, data=some)).values
    assert take(given, samples=8).values != take(given).values


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_one_parameter_alone_may_move(normalization):
    given = view(relu_net(bias=True))
    rows = [row for row in take(given, only="2.weight", bias="joint", directions=1).rows if row["normalization"] == normalization]
    change = direction(given.model, normalization, "joint")["2.weight"]
    weights = {name: tensor.detach() for name, tensor in given.model.named_parameters()}
    for row in rows:
        moved = given.loss(given.data.train_inputs, given.data.train_targets, {**weights, "2.weight": weights["2.weight"] + row["alpha"] * change})
        assert row["loss"] == pytest.approx(moved, rel=1e-9)
    with pytest.raises(UsageError, match=r"no parameter '2\.weigth'\. Did you mean '2\.weight'"):
        take(given, only="2.weigth")
