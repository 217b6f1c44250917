"""Loss and accuracy against a direct computation."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from bench.parts.datasets import IGNORED
from bench.parts.measures.scoring import loss_and_accuracy
from bench.parts.objectives import objectives

CROSS_ENTROPY, SQUARED = objectives["cross_entropy"].target(), objectives["squared"].target()


@pytest.fixture
def problem():
    generator = torch.Generator().manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 3), nn.BatchNorm1d(3))
    with torch.no_grad():
        model[0].weight.copy_(torch.randn(3, 5, generator=generator))
    return model, torch.randn(37, 5, generator=generator), torch.randint(3, (37,), generator=generator)


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
