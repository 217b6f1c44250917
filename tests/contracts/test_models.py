"""What every model of the catalogue keeps: the engine, the packs and the measures rely on it."""

from __future__ import annotations

import inspect

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from bench.errors import UsageError
from bench.parts.datasets import PADDING
from bench.parts.models import models

PARTS = list(models)
SMALL = {"width": 8, "d_model": 8, "d_ff": 16, "d_head": 4, "layers": 2}
SHAPES = {"images": [(1, 8, 8), (3, 32, 32)], "any": [(1, 8, 8), (3, 32, 32), (1,)], "tokens": [(2, 6), (2, 9)]}
OUTPUTS = 10


def shapes(part):
    """Shapes of samples that a model takes."""
    return SHAPES[part.traits.get("inputs", "any")]


CASES = [pytest.param(part, shape, id=f"{part.name}-{'x'.join(map(str, shape))}") for part in PARTS for shape in shapes(part)]
each = pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def build(part, shape=None, dropout=0.0, seed=0, **parameters):
    """The model as the engine makes it: small where it can be, all parameters given."""
    given = {**{name: value for name, value in SMALL.items() if name in part.schema.model_fields}, **parameters}
    complete, problems = part.check(given)
    assert not problems
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return part.target(shape or shapes(part)[0], OUTPUTS, dropout, **complete)


def batch(part, shape=None, size=6):
    """Samples; sentences of all lengths that their shape has room for."""
    generator, shape = torch.Generator().manual_seed(1), shape or shapes(part)[0]
    if part.traits.get("inputs") != "tokens":
        return torch.randn(size, *shape, generator=generator)
    words = torch.randint(PADDING + 1, OUTPUTS, (size, *shape), generator=generator)
    lengths = torch.randint(1, shape[1] + 1, (size, 2, 1), generator=generator)
    return words.where(torch.arange(shape[1]) < lengths, PADDING)


def double(model, inputs):
    return model.double(), inputs.double() if inputs.is_floating_point() else inputs


def dropouts(model):
    return [module for module in model.modules() if isinstance(module, nn.Dropout)]


def without_dropout(model):
    """The model with its dropout modules taken out."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Dropout):
                setattr(module, name, nn.Identity())
    return model


class Recorder(TorchFunctionMode):
    """Notes every function of torch that draws random numbers."""

    def __init__(self):
        super().__init__()
        self.random = []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        name = getattr(function, "__name__", "")
        if any(word in name for word in ("dropout", "bernoulli", "rand", "normal_", "uniform_")):
            self.random.append(name)
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize(("part", "shape"), CASES)
def test_output_has_one_row_per_sample_and_one_column_per_output(part, shape):
    words = shape[1:] if part.traits.get("inputs") == "tokens" else ()
    assert build(part, shape)(batch(part, shape)).shape == (6, *words, OUTPUTS)


@pytest.mark.parametrize(("part", "shape"), CASES)
def test_evaluation_is_deterministic_and_samples_do_not_see_each_other(part, shape):
    model = build(part, shape, dropout=0.5).eval()
    inputs = batch(part, shape)
    assert torch.equal(model(inputs), model(inputs))
    torch.testing.assert_close(model(inputs)[2:3], model(inputs[2:3]))


@pytest.mark.parametrize(("part", "shape"), CASES)
def test_every_parameter_is_trained(part, shape):
    # float64 tells a small gradient, as behind vgg16's 15 activations, from rounding errors, as of a bias ahead of batch norm
    model, inputs = double(build(part, shape), batch(part, shape))
    outputs = model(inputs).flatten(0, -2)
    functional.cross_entropy(outputs, torch.arange(len(outputs)) % OUTPUTS).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 1e-12, name


@each
def test_initial_weights_depend_on_the_global_seed_alone(part):
    same, again, other = (build(part, seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(same[name], again[name]) for name in same)
    assert any(not torch.equal(same[name], other[name]) for name in same)


@each
def test_places_of_dropout_do_not_depend_on_the_rate(part):
    off, on = (dict(build(part, dropout=rate).named_modules()) for rate in (0.0, 0.5))
    paths = [path for path, module in off.items() if isinstance(module, nn.Dropout)]
    assert paths
    assert paths == [path for path, module in on.items() if isinstance(module, nn.Dropout)]
    assert {on[path].p for path in paths} == {0.5}


@each
def test_one_rate_for_each_place_in_order(part):
    places = len(dropouts(build(part)))
    rates = tuple(0.01 * place for place in range(places))
    assert [module.p for module in dropouts(build(part, dropout=rates))] == list(rates)
    with pytest.raises(UsageError, match=f"the model drops at {places} places"):
        build(part, dropout=(*rates, 0.5))


@each
def test_dropout_acts_in_training_at_every_place_and_nowhere_else(part):
    inputs, places = batch(part), len(dropouts(build(part)))
    reference = without_dropout(build(part))(inputs)
    assert torch.equal(build(part, dropout=0.0)(inputs), reference)
    for place in range(places):
        rates = tuple(0.9 if other == place else 0.0 for other in range(places))
        assert not torch.equal(build(part, dropout=rates)(inputs), reference), place


@each
def test_nothing_random_happens_outside_dropout_modules(part):
    model, inputs = without_dropout(build(part, dropout=0.5)), batch(part)
    before = torch.get_rng_state()
    with Recorder() as recorder:
        model(inputs)
    assert recorder.random == []
    assert torch.equal(before, torch.get_rng_state())


def test_recorder_sees_functional_dropout():
    with Recorder() as recorder:
        functional.dropout(torch.ones(3))
        torch.dropout(torch.ones(3), 0.5, True)
    assert recorder.random.count("dropout") >= 2


@each
def test_no_two_places_share_a_module(part):
    model = build(part)
    assert len(list(model.named_modules(remove_duplicate=False))) == len(list(model.modules()))


@each
def test_every_width_works(part):
    if "width" not in part.schema.model_fields:
        pytest.skip("it has no width")
    counts = []
    for width in (1, 2, 3, 5):
        model = build(part, width=width)
        assert model(batch(part)).isfinite().all()
        counts.append(sum(parameter.numel() for parameter in model.parameters()))
    assert counts == sorted(set(counts))


@each
def test_names_of_parameters_depend_on_neither_rate_nor_shape(part):
    keys = list(build(part).state_dict())
    assert keys == list(build(part, dropout=0.3).state_dict()) == list(build(part, shapes(part)[1]).state_dict())


@pytest.mark.parametrize("part", [part for part in PARTS if part.traits.get("inputs", "any") == "images"], ids=lambda part: part.name)
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 5, 5), (2, 28, 28), (3, 1, 9), (1, 12, 7)], ids=str)
def test_images_of_any_size(part, shape):
    assert build(part, shape).eval()(batch(part, shape)).shape == (6, OUTPUTS)


@each
def test_signature_is_a_schema(part):
    parameters = list(inspect.signature(part.target).parameters.values())
    assert [parameter.name for parameter in parameters[:3]] == ["inputs", "outputs", "dropout"]
    assert all(parameter.kind is parameter.KEYWORD_ONLY and parameter.default is not parameter.empty for parameter in parameters[3:])
    assert part.summary.endswith(".")
    assert not part.check({})[1]
