"""Lemma 1 of the source, by counting every mask and by drawing masks; and that it fails where its theorem does."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch.nn import functional

from bench.config import PartSpec
from bench.parts.penalties.r1 import R1
from tests.parts.penalties.small import network, passes
from tests.train.runs import run_of


@pytest.fixture(autouse=True)
def _without_gradients():
    with torch.no_grad():
        yield


def squared(targets):
    return lambda outputs: ((outputs - targets) ** 2).sum(-1).mean(-1) / 2


def every_mask(units, keep):
    """All masks times their scale, and the probability of each."""
    bits = torch.tensor(list(itertools.product([0.0, 1.0], repeat=units)), dtype=torch.float64)
    return bits / keep, keep ** bits.sum(1) * (1 - keep) ** (units - bits.sum(1))


@pytest.mark.parametrize("keep", [0.3, 0.5, 0.9])
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_it_is_what_dropout_adds_to_the_squared_loss_on_average(depth, outputs, keep):
    torch.manual_seed(depth + outputs)
    model, inputs = network(depth, outputs), torch.randn(4, 3, dtype=torch.float64)
    loss = squared(torch.randn(4, outputs, dtype=torch.float64))
    masks, probabilities = every_mask(5, keep)
    average = sum(p * passes(model, inputs, loss, multipliers=mask).loss("dropped") for mask, p in zip(masks, probabilities, strict=True))
    clean = passes(model, inputs, loss, rate=1 - keep)
    assert probabilities.sum() == pytest.approx(1)
    assert float(clean.loss("clean") + R1()(clean)) == pytest.approx(float(average), rel=1e-10)


def test_drawn_masks_of_a_wide_network_come_near_it():
    torch.manual_seed(0)
    model, inputs, keep, draws = network(1, 1, width=1000), torch.randn(4, 3, dtype=torch.float64), 0.9, 4000
    # Near a minimum, where the mean is not hidden by what is linear in the masks.
    loss = squared(model(inputs).detach() + 0.01)
    masks = torch.bernoulli(torch.full((draws, 1, 1000), keep, dtype=torch.float64)) / keep
    losses = passes(model, inputs, loss, multipliers=masks).loss("dropped").detach()
    clean = passes(model, inputs, loss, rate=1 - keep)
    expected = float(clean.loss("clean") + R1()(clean))
    error = float(losses.std() / draws**0.5)
    assert abs(float(losses.mean()) - expected) < 4 * error
    assert float(R1()(clean)) > 20 * error, "an R1 of another size would not be noticed"


def gap(model, inputs, loss, keep, average):
    clean = passes(model, inputs, loss, rate=1 - keep)
    return abs(float((clean.loss("clean") + R1()(clean)) / average) - 1)


def test_it_does_not_hold_for_the_cross_entropy():
    torch.manual_seed(1)
    model, inputs, keep = network(1, 3), torch.randn(4, 3, dtype=torch.float64), 0.5
    with torch.no_grad():
        model[-1].weight.mul_(3)
    classes = torch.tensor([0, 1, 2, 1])
    masks, probabilities = every_mask(5, keep)

    def loss(outputs):
        return functional.cross_entropy(outputs, classes)

    average = sum(p * passes(model, inputs, loss, multipliers=mask).loss("dropped") for mask, p in zip(masks, probabilities, strict=True))
    assert gap(model, inputs, loss, keep, average) > 1e-3


def test_it_does_not_hold_for_dropout_in_an_inner_layer():
    torch.manual_seed(2)
    model, inputs, keep = network(2, 1), torch.randn(4, 3, dtype=torch.float64), 0.5
    loss = squared(torch.randn(4, 1, dtype=torch.float64))
    masks, probabilities = every_mask(5, keep)
    average = sum(p * loss(model[2:](model[:2](inputs) * mask)) for mask, p in zip(masks, probabilities, strict=True))
    assert gap(model, inputs, loss, keep, average) > 1e-3


def test_no_dropout_no_penalty():
    torch.manual_seed(3)
    assert float(R1()(passes(network(1, 1), torch.randn(4, 3, dtype=torch.float64), squared(torch.zeros(4, 1, dtype=torch.float64))))) == 0


@pytest.mark.parametrize(
    ("objective", "rates", "said"),
    [
        ("squared", [0.1], ""),
        ("squared", [0.0, 0.1], ""),
        ("squared", [], "no place for it"),
        ("squared", [0.2, 0.1], "in front of the last layer alone, and the rates are [0.2, 0.1]; write [0.0, 0.1]"),
        ("cross_entropy", [0.1], "takes the objective squared, and this is cross_entropy"),
    ],
)
def test_what_its_theorem_does_not_cover_is_refused(objective, rates, said):
    found = R1().obstacle(run_of(objective=objective).cell, rates)
    assert said in found
    assert bool(found) == bool(said)


def test_its_own_name_in_a_suite():
    assert run_of(objective="squared", penalties=["r1"]).cell.penalties == (PartSpec("r1", {"coefficient": 1.0}),)
