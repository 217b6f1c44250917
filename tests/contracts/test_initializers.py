"""What every initializer of the catalogue keeps, and the laws of those that ship."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from bench.parts.initializers import initializers
from bench.parts.models import models

REQUIRED = {"normal": {"scale": 0.02, "meaning": "std"}, "width_power": {"power": 0.2, "meaning": "variance"}}
PARTS = list(initializers)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm)
SCALED = ["kaiming_normal", "kaiming_uniform", "lecun_normal", "xavier_normal", "xavier_uniform"]
each = pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)


class Mixed(nn.Module):
    """One of each: convolution, norms, an embedding, linear layers, a vector of its own."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 20, 3)
        self.batch = nn.BatchNorm2d(20)
        self.embedding = nn.Embedding(11, 5)
        self.layer = nn.LayerNorm(20)
        self.gain = nn.Parameter(torch.ones(3))
        self.hidden = nn.Linear(20, 30, bias=False)
        self.last = nn.Linear(30, 4)


def initialize(part, model, seed=0, **parameters):
    complete, problems = part.check({**REQUIRED.get(part.name, {}), **parameters})
    assert not problems
    generator = torch.Generator().manual_seed(seed)
    assert part.target(model, generator, **complete) is None
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def built(factory=Mixed):
    with torch.random.fork_rng():
        torch.manual_seed(7)
        return factory()


@each
def test_a_seed_decides_every_weight(part):
    one, same, other = (initialize(part, built(), seed) for seed in (0, 0, 1))
    assert equal(one, same)
    assert part.name == "default" or not equal(one, other)


@each
def test_weights_do_not_depend_on_what_was_there(part):
    first, again = built(), built()
    with torch.no_grad():
        for parameter in again.hidden.parameters():
            parameter.fill_(3.0)
    assert part.name == "default" or torch.equal(initialize(part, first)["hidden.weight"], initialize(part, again)["hidden.weight"])


@each
def test_the_global_generator_is_left_alone(part):
    model, before = built(), torch.get_rng_state()
    initialize(part, model)
    assert torch.equal(before, torch.get_rng_state())


@each
def test_norms_and_vectors_of_their_own_stay(part):
    model = built()
    nn.init.constant_(model.batch.weight, 0.3)
    nn.init.constant_(model.layer.bias, 0.3)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    after = initialize(part, model)
    for name in before:
        if name.split(".")[0] in {"batch", "layer", "gain"}:
            assert torch.equal(before[name], after[name]), name


@each
def test_parameters_stay_the_same_objects_and_trainable(part):
    model = built()
    before = list(model.parameters())
    initialize(part, model)
    assert all(one is other for one, other in zip(before, model.parameters(), strict=True))
    assert all(parameter.requires_grad and parameter.grad_fn is None for parameter in model.parameters())


@each
def test_every_dtype_gets_the_numbers_of_float32(part):
    single, double = initialize(part, built()), initialize(part, built().double())
    assert all(torch.equal(single[name].double(), double[name].double()) for name in single)


@each
@pytest.mark.parametrize("model", [model for model in models if model.traits.get("inputs", "any") in {"any", "images"}], ids=lambda model: model.name)
def test_every_model_can_be_initialized(part, model):
    parameters = {"width": 4} if "width" in model.schema.model_fields else {}
    before = built(lambda: model.target((1, 8, 8), 10, 0.0, **parameters))
    drawn = initialize(part, built(lambda: model.target((1, 8, 8), 10, 0.0, **parameters)))
    for name, tensor in before.named_parameters():
        norm = isinstance(before.get_submodule(name.rpartition(".")[0]), NORMS)
        assert drawn[name].isfinite().all()
        assert torch.equal(drawn[name], tensor) == (norm or part.name == "default"), name


def parameters_of(name, module, **parameters):
    model = nn.Sequential(module)
    initialize(initializers[name], model, **parameters)
    return module


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("kaiming_normal", lambda fan_in, fan_out: 2 / fan_in),
        ("kaiming_uniform", lambda fan_in, fan_out: 2 / fan_in),
        ("xavier_normal", lambda fan_in, fan_out: 2 / (fan_in + fan_out)),
        ("xavier_uniform", lambda fan_in, fan_out: 2 / (fan_in + fan_out)),
        ("lecun_normal", lambda fan_in, fan_out: 1 / fan_in),
    ],
)
@pytest.mark.parametrize("module", [nn.Linear(300, 700), nn.Conv2d(40, 90, (3, 5))], ids=["linear", "convolution"])
def test_variance_follows_the_fans(name, variance, module):
    kernel = module.weight[0, 0].numel()
    expected = variance(module.weight.shape[1] * kernel, module.weight.shape[0] * kernel)
    weight = parameters_of(name, module, multiplier=3.0).weight
    assert weight.var().item() == pytest.approx(9 * expected, rel=0.03)
    assert weight.mean().item() == pytest.approx(0, abs=4 * 3 * math.sqrt(expected / weight.numel()))
    kurtosis = (weight**4).mean() / weight.var() ** 2
    assert kurtosis.item() == pytest.approx(1.8 if name.endswith("uniform") else 3.0, rel=0.05)


@pytest.mark.parametrize("name", ["xavier_uniform", "kaiming_uniform"])
def test_uniform_laws_have_torchs_bounds(name):
    torch_law = {"xavier_uniform": nn.init.xavier_uniform_, "kaiming_uniform": nn.init.kaiming_uniform_}[name]
    reference = torch_law(torch.empty(300, 500), generator=torch.Generator().manual_seed(1))
    weight = parameters_of(name, nn.Linear(500, 300)).weight
    assert weight.abs().max().item() == pytest.approx(reference.abs().max().item(), rel=1e-3)


@pytest.mark.parametrize("name", SCALED)
def test_multiplier_scales_the_same_draws(name):
    one, four = (parameters_of(name, nn.Linear(20, 30), multiplier=factor, biases="same") for factor in (1.0, 4.0))
    torch.testing.assert_close(4 * one.weight, four.weight)
    torch.testing.assert_close(4 * one.bias, four.bias)


@pytest.mark.parametrize("name", SCALED)
def test_biases_are_zero_or_under_the_same_law_and_weights_do_not_care(name):
    zero, same = (initialize(initializers[name], nn.Sequential(nn.Linear(5, 4000), nn.Linear(4000, 5)), biases=biases) for biases in ("zero", "same"))
    assert not zero["0.bias"].any()
    assert same["0.bias"].std().item() == pytest.approx(same["0.weight"].std().item(), rel=0.05)
    assert torch.equal(zero["0.weight"], same["0.weight"])
    assert torch.equal(zero["1.weight"], same["1.weight"])


@pytest.mark.parametrize(("meaning", "std"), [("std", 0.04), ("variance", 0.2)])
def test_normal_says_what_its_scale_is(meaning, std):
    drawn = initialize(initializers["normal"], built(lambda: nn.Sequential(nn.Linear(10, 4000), nn.Linear(4000, 10))), scale=0.04, meaning=meaning)
    for name in ("0.weight", "0.bias", "1.weight"):
        assert drawn[name].std().item() == pytest.approx(std, rel=0.05), name


@pytest.mark.parametrize(
    ("width", "meaning", "deviations"),
    [
        ("hidden", "variance", [1000**-0.1, 800**-0.1, 800**-0.1]),
        ("hidden", "std", [1000**-0.2, 800**-0.2, 800**-0.2]),
        ("out", "variance", [1000**-0.1, 800**-0.1, 10**-0.1]),
        ("mean", "variance", [510**-0.1, 900**-0.1, 405**-0.1]),
    ],
)
def test_width_power_of_each_layer(width, meaning, deviations):
    model = built(lambda: nn.Sequential(nn.Linear(20, 1000), nn.ReLU(), nn.Linear(1000, 800), nn.ReLU(), nn.Linear(800, 10)))
    drawn = initialize(initializers["width_power"], model, power=0.2, meaning=meaning, width=width)
    for layer, deviation in zip((0, 2, 4), deviations, strict=True):
        assert drawn[f"{layer}.weight"].std().item() == pytest.approx(deviation, rel=0.03)
    assert drawn["0.bias"].std().item() == pytest.approx(deviations[0], rel=0.1)
    assert drawn["4.bias"].any()


@pytest.mark.parametrize("name", ["normal", "width_power"])
def test_meaning_has_no_default(name):
    given = {key: value for key, value in REQUIRED[name].items() if key != "meaning"}
    assert "needs the parameter 'meaning'" in str(initializers[name].check(given)[1][0])
    assert initializers[name].check({**given, "meaning": "sigma"})[1]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@each
def test_every_device_gets_the_same_bits(part):
    here, there = initialize(part, built()), initialize(part, built().cuda())
    assert all(torch.equal(here[name], there[name].cpu()) for name in here)
