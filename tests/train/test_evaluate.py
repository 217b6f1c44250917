"""Evaluation: when it happens, and loss and accuracy against a direct computation."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from bench.parts.datasets import IGNORED, DataSpec
from bench.parts.measures.scoring import loss_and_accuracy
from bench.parts.objectives import objectives
from bench.train.evaluate import BATCH_ELEMENTS, MAX_POINTS, OUTPUT_RATIO, evaluation_batch, evaluation_epochs

CROSS_ENTROPY, SQUARED = objectives["cross_entropy"].target(), objectives["squared"].target()


@pytest.fixture
def problem():
    generator = torch.Generator().manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 3), nn.BatchNorm1d(3))
    with torch.no_grad():
        model[0].weight.copy_(torch.randn(3, 5, generator=generator))
    return model, torch.randn(37, 5, generator=generator), torch.randint(3, (37,), generator=generator)


@given(st.integers(1, 1_000_000))
def test_epochs_rise_to_the_last_and_are_few(epochs):
    chosen = evaluation_epochs(epochs)
    assert chosen[0] == 1
    assert chosen[-1] == epochs
    assert chosen == sorted(set(chosen))
    assert len(chosen) <= MAX_POINTS


@given(st.integers(1, MAX_POINTS))
def test_every_epoch_of_a_short_run(epochs):
    assert evaluation_epochs(epochs) == list(range(1, epochs + 1))


@given(st.integers(MAX_POINTS + 1, 1_000_000))
def test_a_long_run_at_equal_ratios(epochs):
    chosen = evaluation_epochs(epochs)
    step = math.log(epochs) / (MAX_POINTS - 1)
    assert all(later <= max(earlier + 1, math.ceil(earlier * math.exp(step))) for earlier, later in itertools.pairwise(chosen))


def test_batches_fit_and_hold_a_sample_at_least():
    for name, elements in BATCH_ELEMENTS.items():
        device = torch.device(name)
        assert evaluation_batch(spec((1,)), device) == 1024
        assert evaluation_batch(spec((3, 32, 32)), device) == min(1024, elements // 3072)
        assert evaluation_batch(spec((3, 4096, 4096)), device) == 1
        sentences = DataSpec("translation", (2, 40), 3000, 100, 100)
        assert evaluation_batch(sentences, device) == OUTPUT_RATIO * elements // 120_000 < 1024


def spec(inputs):
    return DataSpec("classification", inputs, 10, 100, 100)


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_words_count_alike_whatever_sentence_they_are_in(batch):
    model, inputs = nn.Embedding(7, 3), torch.arange(20).view(5, 4) % 7
    targets = torch.tensor([[0, 1, 2, 0], [1, 2, IGNORED, IGNORED], [2, IGNORED, IGNORED, IGNORED], [0, 0, 0, 0], [1, IGNORED, IGNORED, IGNORED]])
    loss, accuracy = loss_and_accuracy(model, CROSS_ENTROPY, inputs, targets, batch)
    foretold = targets != IGNORED
    outputs = model(inputs).detach()[foretold]
    assert loss == pytest.approx(float(functional.cross_entropy(outputs, targets[foretold])), rel=1e-6)
    assert accuracy == float((outputs.argmax(1) == targets[foretold]).sum()) / 12


@pytest.mark.parametrize("batch", [1, 7, 36, 37, 1000])
def test_classes_against_a_direct_computation(problem, batch):
    model, inputs, targets = problem
    loss, accuracy = loss_and_accuracy(model, CROSS_ENTROPY, inputs, targets, batch)
    outputs = model.eval()(inputs).detach()
    assert loss == pytest.approx(float(functional.cross_entropy(outputs, targets)), rel=1e-6)
    assert accuracy == sum(int(row.argmax()) == int(target) for row, target in zip(outputs, targets, strict=True)) / 37
    assert 0 < accuracy < 1


@pytest.mark.parametrize("batch", [5, 37])
def test_values_have_no_accuracy(problem, batch):
    model, inputs, _ = problem
    values = inputs[:, :3] * 2
    loss, accuracy = loss_and_accuracy(model, SQUARED, inputs, values, batch)
    assert loss == pytest.approx(float((model.eval()(inputs).detach() - values).square().sum() / 74), rel=1e-6)
    assert accuracy is None


@pytest.mark.parametrize("training", [True, False])
def test_leaves_the_model_as_it_was(problem, training):
    model, inputs, targets = problem
    model.train(training)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    loss_and_accuracy(model, CROSS_ENTROPY, inputs, targets, 10)
    assert model.training is training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
