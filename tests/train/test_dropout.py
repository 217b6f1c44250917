"""Dropout from a counter: its bits, its law, its keys, and what is refused."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from bench.errors import UsageError
from bench.train import dropout
from bench.train.dropout import CounterDropout, install, keep_masks, mix, refuse_other_randomness, step_keys

MILLION = 1_000_000
WORDS = st.integers(0, 2**32 - 1)
KEY = 0x1234_5678_9ABC_DEF0


def unshift(word, by):
    """The inverse of ``word ^ (word >> by)``."""
    result = word
    for _ in range(32 // by):
        result = word ^ (result >> by)
    return result


def unmix(word):
    """The inverse of `mix`, step by step."""
    word = unshift(word, 16)
    word = word * pow(0x846CA68B, -1, 2**32) % 2**32
    word = unshift(word, 15)
    word = word * pow(0x7FEB352D, -1, 2**32) % 2**32
    return unshift(word, 16)


def bits(key=KEY, step=0, rate=0.5, count=MILLION):
    return keep_masks((count,), [step_keys(key, step)], [rate])[0].numpy()


def draw(module, shape, step=0):
    """What a dropout module multiplies by at a step."""
    module.set_step(step)
    return module.train()(torch.ones(shape))


def correlation(first, second):
    """The correlation of two masks, in standard deviations of that of independent ones."""
    return abs(np.corrcoef(first, second)[0, 1]) * math.sqrt(len(first))


class Two(nn.Module):
    """Two places of the same shape; `names` name their modules."""

    def __init__(self, names=("one", "two"), rate=0.5):
        super().__init__()
        self.names = names
        for name in set(names):
            setattr(self, name, nn.Dropout(rate))

    def forward(self, inputs):
        return torch.stack([getattr(self, name)(inputs) for name in self.names])


class Functional(nn.Module):
    """Drops by a function of its own."""

    def __init__(self, drop):
        super().__init__()
        self.drop = drop

    def forward(self, inputs):
        return self.drop(inputs, self.training)


@given(WORDS)
def test_mix_can_be_undone(word):
    assert 0 <= mix(word) < 2**32
    assert unmix(mix(word)) == word == mix(unmix(word))


@given(st.lists(WORDS, min_size=1, max_size=50))
def test_mix_of_tensors_has_the_same_bits(words):
    signed = torch.tensor([word - 2**32 if word >= 2**31 else word for word in words], dtype=torch.int32)
    assert [word % 2**32 for word in dropout._mix_(signed).tolist()] == [mix(word) for word in words]


def test_mix_spreads_every_bit():
    """Flipping one bit of the input flips each bit of the output in about half of the cases."""
    words = np.random.default_rng(1).integers(0, 2**32, 400, dtype=np.uint64).tolist()
    flips = np.array([[[(mix(word) ^ mix(word ^ (1 << place))) >> bit & 1 for bit in range(32)] for place in range(32)] for word in words])
    assert np.abs(flips.mean(axis=0) - 0.5).max() < 5 * 0.5 / math.sqrt(len(words))


def test_step_keys_differ_and_spread():
    keys = {step_keys(key, step) for key in range(60) for step in range(60)}
    assert len(keys) == 3600
    assert len({first for first, _ in keys}) > 3590
    assert len({step_keys(KEY, 1 << place) for place in range(40)} | {step_keys(1 << place, 0) for place in range(64)}) == 104


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.2, 0.5, 0.9, 0.999])
def test_drops_at_its_rate(rate):
    for key in (1, KEY):
        dropped = MILLION - int(bits(key=key, rate=rate).sum())
        assert abs(dropped - rate * MILLION) < 4 * math.sqrt(rate * (1 - rate) * MILLION)


def test_the_least_and_the_largest_rate():
    assert bits(rate=0.0).all()
    assert not bits(rate=1 - 2**-40).any()


def test_multiplier_has_mean_one_and_the_variance_of_the_lecture():
    """Dropout lecture, section 1.1: eta = multiplier - 1 has E eta = 0 and Var eta = rate / (1 - rate)."""
    for rate in (0.1, 0.5, 0.8):
        eta = draw(CounterDropout(rate, 0, "place", "per_sample"), (1000, 1000)).double() - 1
        variance = rate / (1 - rate)
        assert set(eta.unique().tolist()) == {-1.0, float(torch.tensor(1.0) / (1 - rate)) - 1}
        assert abs(float(eta.mean())) < 4 * math.sqrt(variance / MILLION)
        fourth = rate + (1 - rate) * (rate / (1 - rate)) ** 4
        assert abs(float(eta.var()) - variance) < 4 * math.sqrt((fourth - variance**2) / MILLION) + 1e-6


@pytest.mark.parametrize(
    "pair",
    [
        lambda: (bits(key=1), bits(key=2)),
        lambda: (bits(key=KEY), bits(key=KEY ^ (1 << 63))),
        lambda: (bits(step=0), bits(step=1)),
        lambda: (bits(step=7), bits(step=7 + 2**32)),
        lambda: (bits()[:-1], bits()[1:]),
        lambda: (bits()[:-1000], bits()[1000:]),
        lambda: (bits(step=3)[1:], bits(step=4)[:-1]),
    ],
    ids=["keys", "high bit of the key", "steps", "far steps", "neighbours", "rows", "neighbours of neighbouring steps"],
)
def test_masks_are_not_correlated(pair):
    first, second = pair()
    assert not np.array_equal(first, second)
    assert correlation(first, second) < 4.5


def test_patterns_of_neighbouring_bits_are_equally_likely():
    words = np.packbits(bits()[: MILLION // 8 * 8]).astype(int)
    expected = len(words) / 256
    chi_square = ((np.bincount(words, minlength=256) - expected) ** 2 / expected).sum()
    assert abs(chi_square - 255) < 5 * math.sqrt(2 * 255)


def test_each_of_seed_place_step_and_call_has_its_own_mask():
    masks = {}
    for seed, path, step in itertools.product((0, 1), ("a", "b"), (0, 1)):
        module = CounterDropout(0.5, seed, path, "per_sample")
        masks[seed, path, step, 0] = draw(module, (16, 8), step)
        masks[seed, path, step, 1] = module(torch.ones(16, 8))
    for first, second in itertools.combinations(masks.values(), 2):
        assert 20 < int((first != second).sum()) < 108


def test_samples_and_units_have_their_own_bits_or_share_them():
    per_sample = draw(CounterDropout(0.5, 0, "a", "per_sample"), (64, 32))
    shared = draw(CounterDropout(0.5, 0, "a", "shared"), (64, 32))
    assert len({tuple(row.tolist()) for row in per_sample}) == 64
    assert len({tuple(column.tolist()) for column in per_sample.T}) == 32
    assert len({tuple(row.tolist()) for row in shared}) == 1
    assert Counter(shared[0].tolist()).keys() == {0.0, 2.0}


def test_a_shared_mask_does_not_depend_on_the_batch():
    module = CounterDropout(0.5, 0, "a", "shared")
    assert torch.equal(draw(module, (3, 5, 4, 4))[0], draw(module, (9, 5, 4, 4))[8])


def test_the_same_step_has_the_same_mask():
    module = CounterDropout(0.3, 5, "a", "per_sample")
    first = draw(module, (20, 20), 3)
    draw(module, (20, 20), 4)
    assert torch.equal(draw(module, (20, 20), 3), first)


@pytest.mark.parametrize("off", ["evaluation", "clean network", "rate 0"])
def test_is_the_identity_when_off(off):
    module = CounterDropout(0.0 if off == "rate 0" else 0.5, 0, "a", "per_sample")
    module.train(off != "evaluation")
    module.enabled = off != "clean network"
    inputs = torch.randn(8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(module(inputs), inputs)


def test_gradients_pass_through_the_mask():
    inputs = torch.full((10, 10), 3.0, requires_grad=True)
    module = CounterDropout(0.25, 0, "a", "per_sample")
    module(inputs).sum().backward()
    assert torch.equal(inputs.grad, draw(module, (10, 10)))


def test_install_replaces_every_dropout_and_keeps_its_rate():
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.1), nn.Sequential(nn.Dropout(0.2)))
    installed = install(model, 0, "shared")
    assert installed == [model[1], model[2][0]]
    assert [module.rate for module in installed] == [0.1, 0.2]
    assert "rate=0.2, mask=shared" in repr(model)
    first, second = (draw(module, (2, 500)) != 0 for module in installed)
    assert not torch.equal(first, second)


def test_install_hands_on_the_seed():
    masks = []
    for seed in (0, 1, 0):
        (module,) = install(nn.Sequential(nn.Dropout(0.5)), seed, "per_sample")
        masks.append(draw(module, (8, 8)))
    assert torch.equal(masks[0], masks[2])
    assert not torch.equal(masks[0], masks[1])


def test_masks_depend_on_the_path_and_on_nothing_else_in_the_model():
    small, large = Two(), nn.Sequential(nn.Dropout(0.5), Two())
    install(small, 0, "per_sample")
    install(large, 0, "per_sample")
    assert not torch.equal(draw(small.one, (8, 8)), draw(small.two, (8, 8)))
    assert torch.equal(draw(small.one, (8, 8)), draw(CounterDropout(0.5, 0, "one", "per_sample"), (8, 8)))
    assert torch.equal(draw(large[1].one, (8, 8)), draw(CounterDropout(0.5, 0, "1.one", "per_sample"), (8, 8)))


def test_one_module_used_twice_draws_two_masks():
    model = Two(("one", "one"))
    (module,) = install(model, 0, "per_sample")
    module.set_step(0)
    first = model.train()(torch.ones(8, 8))
    assert not torch.equal(first[0], first[1])
    module.set_step(0)
    assert torch.equal(model(torch.ones(8, 8)), first)


def test_one_module_under_two_names_becomes_two_places():
    model = Two()
    model.two = model.one
    assert len(install(model, 0, "per_sample")) == 2
    assert len({id(model.one), id(model.two)}) == 2
    assert not any(isinstance(module, nn.Dropout) for module in model.modules())


@pytest.mark.parametrize("kind", [nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout])
def test_refuses_other_dropout_modules(kind):
    with pytest.raises(UsageError, match=f"{kind.__name__} at '1.0': the engine drops by nn.Dropout alone"):
        install(nn.Sequential(nn.ReLU(), nn.Sequential(kind(0.1))), 0, "per_sample")


REFUSED = {
    "dropout": lambda inputs, training: functional.dropout(inputs, 0.5, training),
    "dropout always": lambda inputs, training: functional.dropout(inputs),
    "dropout in place": lambda inputs, training: torch.dropout_(inputs.clone(), 0.1, training),
    "torch.dropout": lambda inputs, training: torch.dropout(inputs, 0.1, training),
    "dropout1d": lambda inputs, training: functional.dropout1d(inputs, training=training),
    "alpha dropout": lambda inputs, training: functional.alpha_dropout(inputs, training=training),
    "attention": lambda inputs, training: functional.scaled_dot_product_attention(inputs, inputs, inputs, dropout_p=0.1),
    "randomized relu": lambda inputs, training: functional.rrelu(inputs, training=training),
    "noise": lambda inputs, training: inputs + torch.randn_like(inputs),
    "stochastic depth": lambda inputs, training: inputs * torch.bernoulli(torch.tensor(0.5)),
}
ALLOWED = {
    "rate 0": lambda inputs, training: functional.dropout(inputs, 0.0, training),
    "not training": lambda inputs, training: functional.dropout(inputs, 0.5, training=False),
    "attention without dropout": lambda inputs, training: functional.scaled_dot_product_attention(inputs, inputs, inputs),
}


@pytest.mark.parametrize("drop", REFUSED.values(), ids=REFUSED.keys())
def test_refuses_models_that_draw_numbers_themselves(drop):
    before = torch.get_rng_state()
    with pytest.raises(UsageError, match=r"draws random numbers of its own, as torch\.nn\.functional\.dropout does") as refused:
        refuse_other_randomness(Functional(drop).eval(), -torch.ones(2, 4, 8))
    assert "nn.Dropout" in refused.value.hint
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("drop", ALLOWED.values(), ids=ALLOWED.keys())
def test_allows_functional_dropout_that_drops_nothing(drop):
    refuse_other_randomness(Functional(drop), torch.ones(2, 4, 8))


def test_looking_for_other_randomness_changes_nothing():
    model = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5)).eval()
    install(model, 0, "per_sample")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    refuse_other_randomness(model, torch.ones(2, 4))
    assert not model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.gpu
def test_a_gpu_has_the_same_bits():
    keys = step_keys(KEY, 3)
    assert torch.equal(keep_masks((1000, 77), [keys], [0.3]), keep_masks((1000, 77), [keys], [0.3], "cuda").cpu())
