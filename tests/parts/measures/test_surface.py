"""The loss surface against copies of the model that are moved one by one, and when the first layer is shared by all points."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from bench.parts.datasets import Data, DataSpec
from bench.parts.measures import History, View
from bench.parts.measures import surface as surfaces
from bench.parts.measures.loss_curve import gaussian, normalize
from bench.parts.measures.surface import losses_at, moved
from bench.parts.models import models
from bench.parts.models.fnn import ACTIVATIONS
from bench.parts.objectives import objectives

pytestmark = pytest.mark.usefixtures("pieces_of_the_batch")
LINE = [(-1.0,), (-0.3,), (0.0,), (0.5,), (1.0,)]
PLANE = [(a, b) for a in (-1.0, 0.0, 0.7) for b in (-0.2, 0.0, 1.0)]


def view_of(model, inputs=(6,), outputs=3, objective="cross_entropy", samples=17, batch=7):
    """A view of a model whose parameters are Gaussian, of the size that they are at the start of training."""
    generator = torch.Generator().manual_seed(3)
    for parameter in model.requires_grad_(False).parameters():
        fan_in = max(parameter[0].numel(), 1)
        parameter.copy_(torch.randn(parameter.shape, generator=generator) / fan_in**0.5)
    x = torch.randn(samples, *inputs, generator=generator)
    y = torch.randint(outputs, (samples,), generator=generator) if objective == "cross_entropy" else torch.randn(samples, outputs, generator=generator)
    spec = DataSpec("classification", inputs, outputs, samples, samples)
    return View(model.eval(), objectives[objective].target(), Data(x, y, x, y), spec, History([], [], {}), 0, batch)


def base_of(view):
    return {name: parameter.clone() for name, parameter in view.model.named_parameters()}


def directions_of(view, count=1, bias="joint"):
    weights = base_of(view)
    return [normalize(view.model, gaussian(weights, 0, number), "filter", bias) for number in range(count)]


def surface(view, base, directions, coefficients):
    return losses_at(view, view.data.train_inputs, view.data.train_targets, base, directions, coefficients)


@torch.no_grad()
def of_copies(view, base, directions, coefficients):
    """What anyone would write: a copy of the model for each point, and all samples at once."""
    losses = []
    for point in coefficients:
        model = copy.deepcopy(view.model)
        for name, parameter in model.named_parameters():
            parameter.copy_(base[name])
            for coefficient, direction in zip(point, directions, strict=True):
                parameter.add_(direction[name] * coefficient)
        losses.append(float(view.objective(model(view.data.train_inputs), view.data.train_targets)))
    return losses


def assert_agrees(view, coefficients, directions=None, base=None):
    base = base or base_of(view)
    directions = directions or directions_of(view, len(coefficients[0]))
    expected = of_copies(view, base, directions, coefficients)
    assert surface(view, base, directions, coefficients) == pytest.approx(expected, rel=1e-5)
    assert len(set(expected)) == len(set(coefficients))


def applications(view, coefficients):
    """How often the first layer with parameters is applied for a surface."""
    first = next(module for module in view.model.modules() if dict(module.named_parameters(recurse=False)))
    calls = []
    handle = first.register_forward_hook(lambda *_: calls.append(1))
    surface(view, base_of(view), directions_of(view, len(coefficients[0])), coefficients)
    handle.remove()
    return len(calls)


def fnn(**parameters):
    return models["fnn"].target((6,), 3, 0.5, **{"width": 12, **parameters})


def plain(*layers):
    return nn.Sequential(nn.Linear(6, 6), *layers, nn.Linear(6, 3))


@pytest.mark.parametrize("objective", ["cross_entropy", "squared"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_fully_connected_networks(depth, bias, objective):
    assert_agrees(view_of(fnn(depth=depth, bias=bias, output_bias=bias), objective=objective), LINE)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation(activation):
    assert_agrees(view_of(fnn(activation=activation)), LINE)


@pytest.mark.parametrize("bias", ["zero", "joint"])
@pytest.mark.parametrize("name", ["cnn", "vgg9", "resnet20"])
def test_convolutional_networks(name, bias):
    view = view_of(models[name].target((2, 8, 8), 3, 0.5, width=2), inputs=(2, 8, 8))
    assert_agrees(view, LINE, directions_of(view, bias=bias))


@pytest.mark.parametrize("bias", ["zero", "joint"])
def test_biases_stay_or_move_with_their_layer(bias):
    view = view_of(fnn(depth=2))
    assert_agrees(view, LINE, directions_of(view, bias=bias))
    assert any(direction.any() for name, direction in directions_of(view, bias=bias)[0].items() if "bias" in name) == (bias == "joint")


@pytest.mark.parametrize("model", [fnn(depth=2), models["cnn"].target((1, 3, 2), 3, 0.5, width=2)], ids=["fnn", "cnn"])
def test_a_plane_of_two_directions(model):
    assert_agrees(view_of(model, inputs=(1, 3, 2)), PLANE)


def test_the_line_between_two_weights():
    first, second = view_of(fnn()), view_of(fnn(), samples=18)
    with torch.no_grad():
        for parameter in second.model.parameters():
            parameter.mul_(1.5).add_(0.1)
    base, end = base_of(first), base_of(second)
    difference = {name: end[name] - base[name] for name in base}
    assert_agrees(first, [(0.0,), (0.25,), (1.0,)], [difference], base)
    losses = surface(first, base, [difference], [(0.0,), (1.0,)])
    inputs, targets = first.data.train_inputs, first.data.train_targets
    assert losses == pytest.approx([first.loss(inputs, targets), replace(first, model=second.model).loss(inputs, targets)], rel=1e-6)


def test_the_base_need_not_be_where_the_model_stands():
    view = view_of(fnn())
    assert_agrees(view, LINE, base={name: value * 2 for name, value in base_of(view).items()})


@settings(deadline=None, max_examples=40)
@given(
    depth=st.integers(1, 3),
    directions=st.integers(0, 3),
    samples=st.integers(1, 12),
    batch=st.integers(1, 13),
    data=st.data(),
)
def test_any_points_directions_and_pieces(depth, directions, samples, batch, data):
    number = st.sampled_from([0.0, -1.0, 0.5]) | st.floats(-2, 2, width=32)
    coefficients = data.draw(st.lists(st.tuples(*[number] * directions), max_size=4))
    view = view_of(fnn(depth=depth, activation="tanh"), samples=samples, batch=batch)
    given_directions = directions_of(view, directions)
    expected = of_copies(view, base_of(view), given_directions, coefficients)
    # The cross entropy is a difference of logits of order 10: near zero it is exact to their roundings, not to its own.
    assert surface(view, base_of(view), given_directions, coefficients) == pytest.approx(expected, rel=1e-5, abs=4 * 10 * 2**-24)


@pytest.mark.parametrize("batch", [1, 4, 16, 17, 18, 1000])
def test_pieces_of_any_size_give_the_same(batch):
    view = view_of(fnn(depth=2))
    expected = surface(view, base_of(view), directions_of(view), LINE)
    assert surface(replace(view, batch=batch), base_of(view), directions_of(view), LINE) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("samples", "batch", "images"),
    [(1000, 1, [500, 500]), (1000, 523, [500, 500]), (1000, 700, [700, 300]), (1000, 1000, [1000]), (20, 7, [20]), (1573, 1, [394, 394, 394, 391])],
)
def test_small_images_are_taken_together_in_pieces_of_one_size(monkeypatch, samples, batch, images):
    monkeypatch.setattr(surfaces, "IMAGE", 2**19)
    view = view_of(nn.Sequential(nn.Linear(6, 1000), nn.Tanh(), nn.Linear(1000, 3)), samples=samples, batch=batch)
    taken = []
    monkeypatch.setattr(surfaces._Split, "outputs", lambda self, inputs, *_: taken.append(len(inputs)) or [torch.zeros(len(inputs), 3)])
    surface(view, base_of(view), [], [()])
    assert taken == images


def test_no_direction_is_the_base():
    view = view_of(fnn())
    assert surface(view, base_of(view), [], [()]) == pytest.approx([view.loss(view.data.train_inputs, view.data.train_targets)], rel=1e-6)
    assert surface(view, base_of(view), [], [()]) == surface(view, base_of(view), directions_of(view), [(0.0,)])


@pytest.mark.parametrize("kept", ["1.weight", "1.bias", "4.weight"])
def test_what_a_direction_lacks_stays(kept):
    view = view_of(fnn())
    [direction] = directions_of(view)
    still = {name: torch.zeros_like(tensor) if name == kept else tensor for name, tensor in direction.items()}
    lacking = {name: tensor for name, tensor in direction.items() if name != kept}
    assert surface(view, base_of(view), [lacking], LINE) == surface(view, base_of(view), [still], LINE)
    assert surface(view, base_of(view), [lacking], LINE) != surface(view, base_of(view), [direction], LINE)


def test_an_activation_may_work_in_place():
    assert_agrees(view_of(plain(nn.ReLU(inplace=True))), LINE)
    view = view_of(plain(nn.ReLU(inplace=True)))
    first, second = surface(view, base_of(view), directions_of(view), [(0.0,), (0.0,)])
    assert first == second


def test_a_sequence_of_one_layer():
    assert_agrees(view_of(nn.Sequential(nn.Linear(6, 3))), LINE)


def test_batch_norm_behind_the_first_layer():
    view = view_of(plain(nn.BatchNorm1d(6), nn.Tanh()))
    with torch.no_grad():
        view.model[1].running_mean.add_(0.5)
    assert_agrees(view, LINE)


def test_the_model_and_the_weights_stay_as_they_are():
    view = view_of(fnn(depth=2))
    base, directions = base_of(view), directions_of(view, 2)
    before = copy.deepcopy((base, directions, view.model.state_dict()))
    surface(view, base, directions, PLANE)
    for now, then in zip((base, *directions, view.model.state_dict()), (before[0], *before[1], before[2]), strict=True):
        assert all(torch.equal(now[name], then[name]) for name in then)


@pytest.mark.parametrize("coefficients", [LINE, PLANE], ids=["line", "plane"])
@pytest.mark.parametrize("name", ["fnn", "cnn", "vgg9"])
def test_one_product_per_direction_serves_all_points(name, coefficients):
    view = view_of(models[name].target((1, 8, 8), 3, 0.5, width=2), inputs=(1, 8, 8), samples=17, batch=7)
    assert applications(view, coefficients) == 3 * (1 + len(coefficients[0]))


class Scaled(nn.Linear):
    """Not affine in its weight."""

    def forward(self, inputs):
        return nn.functional.linear(inputs, self.weight**3, self.bias)


class Residual(nn.Sequential):
    """Not the composition of its layers."""

    def forward(self, inputs):
        return self[2](self[1](self[0](inputs)) + inputs)


def tied():
    model = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 3))
    model[2].weight = model[0].weight
    return model


def twice():
    layer = nn.Linear(6, 6)
    return nn.Sequential(layer, nn.Tanh(), layer, nn.Linear(6, 3))


def normalized():
    """Its first layer has other parameters than a weight and a bias, and is not affine in them."""
    model = plain(nn.Tanh())
    nn.utils.parametrizations.weight_norm(model[0])
    return model


OTHERS = {
    "a layer of a user's own": lambda: nn.Sequential(Scaled(6, 6), nn.Tanh(), nn.Linear(6, 3)),
    "a sequence of a user's own": lambda: Residual(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 3)),
    "a shared weight": tied,
    "a shared layer": twice,
    "a normalized weight": normalized,
    "a norm first": lambda: nn.Sequential(nn.LayerNorm(6), *plain(nn.Tanh())),
    "another module": lambda: nn.Bilinear(6, 6, 3),
}


class Squares(nn.Module):
    """Behind a layer of two arguments."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, inputs):
        return self.layer(inputs, inputs)


@pytest.mark.parametrize("name", OTHERS)
def test_other_models_are_evaluated_point_by_point(name):
    model = OTHERS[name]()
    view = view_of(Squares(model) if isinstance(model, nn.Bilinear) else model)
    assert_agrees(view, LINE)
    assert applications(view, LINE) >= 3 * len(LINE)


def test_moved_adds_up():
    base = {"w": torch.ones(2), "b": torch.zeros(1)}
    found = moved(base, [{"w": torch.tensor([1.0, 2.0])}, {"w": torch.tensor([0.0, 1.0]), "b": torch.ones(1)}], [2.0, -1.0])
    assert {name: value.tolist() for name, value in found.items()} == {"w": [3.0, 4.0], "b": [-1.0]}
    assert torch.equal(base["w"], torch.ones(2))


def test_points_have_a_number_for_each_direction():
    view = view_of(fnn())
    with pytest.raises(ValueError, match="zip"):
        surface(view, base_of(view), directions_of(view, 2), [(1.0,)])
