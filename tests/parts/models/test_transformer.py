"""The Transformer: who sees what, its size, and its parts against torch's own."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from bench.parts.datasets import PADDING
from bench.parts.models import models
from bench.parts.models.transformer import AddAndNorm, Attention, sinusoids
from bench.seeding import generator

WORDS, LENGTH = 12, 7


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def build(words=WORDS, length=LENGTH, **parameters):
    torch.manual_seed(0)
    return models["transformer"].target((2, length), words, 0.0, **parameters).double().eval()


def sentences(count=4):
    """Sources of 5 words and whole translations."""
    words = torch.from_numpy(generator(0, "sentences").integers(1, WORDS, (count, 2, LENGTH)))
    words[:, 0, 5:] = PADDING
    return words


@pytest.mark.parametrize("place", range(LENGTH))
def test_a_word_changes_its_own_and_later_outputs_alone(place):
    model, inputs = build(), sentences()
    other = inputs.clone()
    other[:, 1, place] = inputs[:, 1, place] % (WORDS - 1) + 1
    before, after = model(inputs), model(other)
    assert torch.equal(before[:, :place], after[:, :place])
    assert ((before[:, place:] - after[:, place:]).abs().amax(-1) > 1e-9).all()


@pytest.mark.parametrize("place", range(5))
def test_every_word_of_the_source_changes_all_outputs(place):
    model, inputs = build(), sentences()
    other = inputs.clone()
    other[:, 0, place] = inputs[:, 0, place] % (WORDS - 1) + 1
    assert ((model(inputs) - model(other)).abs().amax(-1) > 1e-9).all()


def test_the_order_of_the_source_counts():
    model, inputs = build(), sentences()
    inputs[:, 0, :5] = torch.arange(1, 6)
    other = inputs.clone()
    other[:, 0, :5] = inputs[:, 0, :5].flip(1)
    assert ((model(inputs) - model(other)).abs().amax(-1) > 1e-9).all()


def test_fillers_change_nothing():
    inputs = sentences()
    longer = torch.cat([inputs, torch.full((4, 2, 4), PADDING)], dim=2)
    torch.testing.assert_close(build(length=LENGTH + 4)(longer)[:, :LENGTH], build()(inputs))


def test_fillers_are_no_words():
    model, inputs = build(), sentences()
    before = model(inputs)
    with torch.no_grad():
        model.embedding.weight[PADDING] += 1
    assert torch.equal(model(inputs), before)


@pytest.mark.parametrize(("d", "hidden", "head", "heads", "layers", "words"), [(50, 256, 20, 4, 3, 2935), (7, 5, 3, 2, 1, 12)])
def test_parameters_by_formula(d, hidden, head, heads, layers, words):
    attention, network, norm = 4 * d * heads * head, 2 * d * hidden + hidden + d, 2 * d
    encoder, decoder = attention + network + 2 * norm, 2 * attention + network + 3 * norm
    model = build(words=words, d_model=d, d_ff=hidden, d_head=head, heads=heads, layers=layers)
    assert sum(parameter.numel() for parameter in model.parameters()) == words * d + layers * (encoder + decoder) + words * d + words


@pytest.mark.parametrize("layers", [1, 3])
def test_places_of_dropout(layers):
    assert sum(isinstance(module, nn.Dropout) for module in build(layers=layers).modules()) == 5 * layers + 2


def test_a_sublayer_is_dropped_before_it_is_added_and_normalized():
    sublayer, words = AddAndNorm(5, 0.9), torch.randn(2, 3, 5)
    sublayer.dropout = nn.Threshold(math.inf, 0.0)
    torch.testing.assert_close(sublayer(words, torch.randn(2, 3, 5)), functional.layer_norm(words, (5,)))


@pytest.mark.parametrize("seen", ["past", "source"])
def test_attention_is_torchs_with_the_same_weights(seen):
    ours = Attention(8, 2, 4).double()
    theirs = nn.MultiheadAttention(8, 2, bias=False, batch_first=True).double()
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.key.weight, ours.value.weight]))
        theirs.out_proj.weight.copy_(ours.output.weight)
    words, memory = torch.randn(3, LENGTH, 8).double(), torch.randn(3, LENGTH, 8).double()
    past = torch.ones(LENGTH, LENGTH).tril().bool()
    source = torch.arange(LENGTH) < torch.tensor([[2], [LENGTH], [5]])
    if seen == "past":
        found, expected = ours(words, words, past), theirs(words, words, words, attn_mask=~past)[0]
    else:
        found, expected = ours(words, memory, source[:, None, None, :]), theirs(words, memory, memory, key_padding_mask=~source)[0]
    torch.testing.assert_close(found, expected)


def test_heads_may_be_of_any_size():
    attention = Attention(5, 3, 2).double()
    words = torch.randn(2, 4, 5).double()
    heads = [layer(words).unflatten(-1, (3, 2)).transpose(1, 2) for layer in (attention.query, attention.key, attention.value)]
    expected = attention.output(functional.scaled_dot_product_attention(*heads, is_causal=True).transpose(1, 2).flatten(2))
    torch.testing.assert_close(attention(words, words, torch.ones(4, 4).tril().bool()), expected)


def test_layers_are_torchs_with_the_same_weights():
    encoder, words = build(d_model=8, heads=2, d_head=4, layers=1).encoder.layers[0], torch.randn(3, LENGTH, 8).double()
    theirs = nn.TransformerEncoderLayer(8, 2, 256, dropout=0.0, batch_first=True).double()
    with torch.no_grad():
        theirs.self_attn.in_proj_weight.copy_(torch.cat([encoder.attention.query.weight, encoder.attention.key.weight, encoder.attention.value.weight]))
        theirs.self_attn.out_proj.weight.copy_(encoder.attention.output.weight)
        for ours, other in ((encoder.network[0], theirs.linear1), (encoder.network[2], theirs.linear2)):
            other.load_state_dict(ours.state_dict())
    torch.testing.assert_close(encoder(words, torch.ones(1, dtype=torch.bool)), theirs(words))


def test_positions_by_hand():
    found = sinusoids(3, 5)
    for place in range(3):
        second = place / 10_000 ** (2 / 5)
        expected = [math.sin(place), math.cos(place), math.sin(second), math.cos(second), math.sin(place / 10_000 ** (4 / 5))]
        torch.testing.assert_close(found[place], torch.tensor(expected))


def test_words_and_positions_are_of_one_size():
    model, inputs = build(words=5000), sentences()
    assert model.embedding.weight.std().item() * math.sqrt(50) == pytest.approx(1, abs=0.01)
    entered = []
    for side in (model.encoder, model.decoder):
        side.words.register_forward_pre_hook(lambda _, given: entered.append(given[0]))
        side.words.dropout.register_forward_pre_hook(lambda _, given: entered.append(given[0]))
    model(inputs)
    for place in range(2):
        words = model.embedding.weight[inputs[:, place]] * math.sqrt(50)
        torch.testing.assert_close(entered[2 * place], words)
        torch.testing.assert_close(entered[2 * place + 1], words + sinusoids(LENGTH, 50))


def test_it_has_second_derivatives():
    model, inputs = build(d_model=4, d_ff=6, d_head=2, heads=2, layers=1), sentences(2)
    parameters = list(model.parameters())
    first = torch.autograd.grad(model(inputs).square().mean(), parameters, create_graph=True)
    second = torch.autograd.grad(sum(gradient.square().sum() for gradient in first), parameters)
    assert all(gradient.isfinite().all() for gradient in second)
    assert any(gradient.abs().max() > 0 for gradient in second)
